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
    /// When customers are asked whether an order arrived.
    pub confirmation: ConfirmationConfig,
}

/// Section `order_followup.confirmation` (OP-3.4.5).
#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConfirmationConfig {
    /// So many days after delivery the customer is asked, up to 90.
    pub after_days: u8,
    /// What was delivered or said longer ago than so many days is looked after by nobody, 1–365.
    pub within_days: u16,
    /// Who is not reached is tried so often, 1–20…
    pub attempts: u8,
    /// …so many hours apart, 1–720.
    pub retry_hours: u16,
    /// Within so many hours somebody sees to who is not satisfied, 1–720.
    pub dissatisfied_hours: u16,
}

impl Default for ConfirmationConfig {
    fn default() -> Self {
        Self {
            after_days: 3,
            within_days: 30,
            attempts: 3,
            retry_hours: 24,
            dissatisfied_hours: 24,
        }
    }
}

impl ConfirmationConfig {
    fn check(&self) -> Result<(), Fault> {
        let sound = self.after_days <= 90
            && (1..=365).contains(&self.within_days)
            && (1..=20).contains(&self.attempts)
            && (1..=720).contains(&self.retry_hours)
            && (1..=720).contains(&self.dissatisfied_hours);
        match sound {
            true => Ok(()),
            false => Err(Fault::internal(
                "order_followup.confirmation: after_days up to 90, within_days 1–365, attempts 1–20, hours 1–720",
            )),
        }
    }
}

impl Default for OrderFollowupConfig {
    fn default() -> Self {
        Self {
            most_lines: 200,
            escalate_after_hours: vec![4, 24, 72],
            watch_streams: 16,
            watch_heartbeat_seconds: 15,
            confirmation: ConfirmationConfig::default(),
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
        self.confirmation.check()
    }
}
