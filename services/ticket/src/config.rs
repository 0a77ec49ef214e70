use jiff::SignedDuration;
use kefu_contracts::common::Reason;
use kefu_service::error::Fault;
use serde::{Deserialize, Serialize};

use crate::domain::survey::Terms;

/// Section `ticket` of the configuration.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct TicketConfig {
    /// Customers whose wrapped key is remembered, some 300 bytes each; opening a
    /// ticket for one of them takes a single statement.
    pub remembered_keys: u64,
    /// How many days after a resolution its customer is asked how satisfied they are; 14.
    pub survey_days: u32,
    /// How many hours after it was given an answer can be changed; 24.
    pub survey_change_hours: u32,
    /// A mark of this or less makes a return visit due; 2, and 0 for none.
    pub return_visit_up_to: i32,
    /// How many hours a department has to answer when a ticket is offered to it; 24.
    pub offer_hours: u32,
    /// Open answers of WatchTickets that one caller may have of one instance; 16.
    pub watch_streams: usize,
    /// After how many seconds of silence an open answer says that it lives; 15.
    pub watch_heartbeat_seconds: u32,
}

impl Default for TicketConfig {
    fn default() -> Self {
        Self {
            remembered_keys: 100_000,
            survey_days: 14,
            survey_change_hours: 24,
            return_visit_up_to: 2,
            offer_hours: 24,
            watch_streams: 16,
            watch_heartbeat_seconds: 15,
        }
    }
}

impl TicketConfig {
    pub(crate) fn surveys(&self) -> Terms {
        let hours = |hours: u32| SignedDuration::from_hours(hours.into());
        Terms {
            open: hours(self.survey_days * 24),
            change: hours(self.survey_change_hours),
            visit_up_to: self.return_visit_up_to,
        }
    }

    pub(crate) fn check(&self) -> Result<(), Fault> {
        let problem = match () {
            () if self.remembered_keys == 0 => "ticket.remembered_keys must be at least 1",
            () if !(1..=366).contains(&self.survey_days) => "ticket.survey_days must be 1 to 366",
            () if self.survey_change_hours > 24 * 366 => {
                "ticket.survey_change_hours must be at most a year"
            }
            () if !(0..=5).contains(&self.return_visit_up_to) => {
                "ticket.return_visit_up_to must be 0 to 5"
            }
            () if !(1..=24 * 366).contains(&self.offer_hours) => {
                "ticket.offer_hours must be 1 to a year"
            }
            () if self.watch_streams == 0 => "ticket.watch_streams must be at least 1",
            () if !(1..=300).contains(&self.watch_heartbeat_seconds) => {
                "ticket.watch_heartbeat_seconds must be 1 to 300"
            }
            () => return Ok(()),
        };
        Err(Fault {
            detail: problem.into(),
            ..Fault::new(Reason::Internal)
        })
    }
}
