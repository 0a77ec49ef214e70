use kefu_service::error::Fault;
use serde::{Deserialize, Serialize};

/// Section `order_followup` of the configuration.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct OrderFollowupConfig {
    /// Most lines of one order, 1–1000.
    pub most_lines: usize,
    /// By so many hours a follow-up is missed before each next level of escalation; rising,
    /// up to 10.
    pub escalate_after_hours: Vec<u16>,
    /// Open answers that follow a list, of one caller in one process; at least 1.
    pub watch_streams: usize,
    /// A silent one says so often that it lives; 1–300.
    pub watch_heartbeat_seconds: u32,
}

impl Default for OrderFollowupConfig {
    fn default() -> Self {
        Self {
            most_lines: 200,
            escalate_after_hours: vec![4, 24, 72],
            watch_streams: 16,
            watch_heartbeat_seconds: 15,
        }
    }
}

impl OrderFollowupConfig {
    pub(crate) fn check(&self) -> Result<(), Fault> {
        if !(1..=1000).contains(&self.most_lines) {
            return Err(Fault::internal(
                "order_followup.most_lines must be from 1 to 1000",
            ));
        }
        if self.watch_streams == 0 {
            return Err(Fault::internal(
                "order_followup.watch_streams must be at least 1",
            ));
        }
        if !(1..=300).contains(&self.watch_heartbeat_seconds) {
            return Err(Fault::internal(
                "order_followup.watch_heartbeat_seconds must be 1 to 300",
            ));
        }
        let hours = &self.escalate_after_hours;
        if hours.len() > 10 || !hours.is_sorted_by(|before, after| before < after) {
            return Err(Fault::internal(
                "order_followup.escalate_after_hours must rise, up to 10 times",
            ));
        }
        Ok(())
    }
}
