use kefu_contracts::common::Reason;
use kefu_service::error::Fault;
use serde::{Deserialize, Serialize};

/// Section `ticket` of the configuration.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct TicketConfig {
    /// Customers whose wrapped key is remembered, some 300 bytes each; opening a
    /// ticket for one of them takes a single statement.
    pub remembered_keys: u64,
}

impl Default for TicketConfig {
    fn default() -> Self {
        Self {
            remembered_keys: 100_000,
        }
    }
}

impl TicketConfig {
    pub(crate) fn check(&self) -> Result<(), Fault> {
        if self.remembered_keys == 0 {
            let detail = "ticket.remembered_keys must be at least 1".into();
            return Err(Fault {
                detail,
                ..Fault::new(Reason::Internal)
            });
        }
        Ok(())
    }
}
