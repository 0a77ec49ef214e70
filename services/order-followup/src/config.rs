use kefu_service::error::Fault;
use serde::{Deserialize, Serialize};

/// Section `order_followup` of the configuration.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct OrderFollowupConfig {
    /// Most lines of one order, 1–1000.
    pub most_lines: usize,
}

impl Default for OrderFollowupConfig {
    fn default() -> Self {
        Self { most_lines: 200 }
    }
}

impl OrderFollowupConfig {
    pub(crate) fn check(&self) -> Result<(), Fault> {
        if !(1..=1000).contains(&self.most_lines) {
            return Err(Fault::internal(
                "order_followup.most_lines must be from 1 to 1000",
            ));
        }
        Ok(())
    }
}
