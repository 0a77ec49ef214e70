use std::path::PathBuf;

use jiff::{SignedDuration, tz::TimeZone};
use kefu_contracts::common::Reason;
use kefu_service::error::Fault;
use serde::{Deserialize, Serialize};

use crate::{
    connectors::NoticesConfig,
    domain::{file::Limits, survey::Terms},
    objects::{Objects, S3Config},
};

/// Section `ticket.rules.attachments`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct AttachmentsConfig {
    /// Folder of the store of objects, where there is no `s3`.
    pub folder: PathBuf,
    /// Bucket of the store of objects, in the place of a folder.
    pub s3: Option<S3Config>,
    /// Largest file, in bytes; 20 MiB.
    pub most_bytes: i64,
    /// Types of files that may come: `image/png`. Of types that cannot be told by their
    /// first bytes only `text/…` can be taken.
    pub types: Vec<String>,
}

impl Default for AttachmentsConfig {
    fn default() -> Self {
        let types = [
            "image/jpeg",
            "image/png",
            "image/gif",
            "image/webp",
            "application/pdf",
            "text/plain",
            "text/csv",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "audio/mpeg",
            "audio/x-wav",
            "video/mp4",
        ];
        Self {
            folder: PathBuf::from("attachments"),
            s3: None,
            most_bytes: 20 * 1024 * 1024,
            types: types.map(str::to_owned).to_vec(),
        }
    }
}

impl AttachmentsConfig {
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            most_bytes: self.most_bytes,
            types: self.types.clone(),
        }
    }

    /// The store of objects.
    pub(crate) fn open(&self) -> Result<Objects, Fault> {
        match &self.s3 {
            Some(bucket) => Objects::in_bucket(bucket),
            None => Objects::in_folder(&self.folder),
        }
    }

    fn problem(&self) -> Option<&'static str> {
        let sizes = 1..=2 * 1024 * 1024 * 1024;
        match () {
            () if !sizes.contains(&self.most_bytes) => Some("most_bytes must be 1 to 2 GiB"),
            () if self.types.is_empty() => Some("types must name at least one"),
            () if self.s3.is_none() && self.folder.as_os_str().is_empty() => {
                Some("folder must be given where there is no s3")
            }
            () => self.s3.as_ref().and_then(S3Config::problem),
        }
    }
}

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
    /// After how many months a published article is to be gone through again; 12.
    pub article_review_months: u32,
    /// By whose days the use of articles and what is not found is counted: `Asia/Shanghai`.
    pub time_zone: String,
    /// Files of conversations.
    pub attachments: AttachmentsConfig,
    /// Who tells customers for the company (SG-2.4).
    pub notices: NoticesConfig,
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
            article_review_months: 12,
            time_zone: "Asia/Shanghai".into(),
            attachments: AttachmentsConfig::default(),
            notices: NoticesConfig::default(),
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

    pub(crate) fn zone(&self) -> TimeZone {
        TimeZone::get(&self.time_zone).unwrap_or(TimeZone::UTC)
    }

    pub(crate) fn check(&self) -> Result<(), Fault> {
        if let Some(problem) = self.attachments.problem() {
            return Err(Fault::internal(format!("ticket.attachments: {problem}")));
        }
        if let Some(problem) = self.notices.problem() {
            return Err(Fault::internal(format!("ticket.notices: {problem}")));
        }
        let problem = match () {
            () if self.remembered_keys == 0 => "ticket.remembered_keys must be at least 1",
            () if !(1..=366).contains(&self.survey_days) => "ticket.survey_days must be 1 to 366",
            () if self.survey_change_hours > 24 * 366 => {
                "ticket.survey_change_hours must be at most a year"
            }
            () if !(0..=5).contains(&self.return_visit_up_to) => {
                "ticket.return_visit_up_to must be 0 to 5"
            }
            () if !(1..=120).contains(&self.article_review_months) => {
                "ticket.article_review_months must be 1 to 120"
            }
            () if TimeZone::get(&self.time_zone).is_err() => {
                "ticket.time_zone must be a name of the IANA database"
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
