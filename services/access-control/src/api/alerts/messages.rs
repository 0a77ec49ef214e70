//! Alerts as messages and the journal carry them.

use jiff::Timestamp;
use kefu_contracts::{
    access::{self as wire, AlertEvent},
    journal::{AlertChanged, event},
};
use kefu_journal::Entry;
use kefu_service::{
    fields::{self, etag},
    time::to_proto,
};

use crate::{
    api::about::{Kind, by_itself},
    domain::{
        alert::{ALERTS, Alert},
        register::{EMPLOYEES, collection},
    },
};

impl Kind for Alert {
    const COLLECTION: &'static str = ALERTS;
    const VIEWED: &'static str = "alert.viewed";
    const REFUSED: &'static str = "alert.refused";
    type Message = wire::Alert;

    fn message(&self, _: Timestamp) -> wire::Alert {
        let (finding, seen) = (&self.finding, self.acknowledged.as_ref());
        wire::Alert {
            name: fields::name(ALERTS, self.id),
            rule: self.rule.to_proto().into(),
            subject: fields::name(collection(self.system_account), self.subject),
            start_time: Some(to_proto(self.window.from)),
            end_time: Some(to_proto(self.window.until)),
            count: number(finding.count),
            threshold: number(finding.bound),
            first_seq: finding.first_seq,
            last_seq: finding.last_seq,
            customer_count: i32::try_from(finding.customers.len()).unwrap_or(i32::MAX),
            raise_time: Some(to_proto(self.raised_at)),
            grow_time: self.grown_at.map(to_proto),
            acknowledge_time: seen.map(|one| to_proto(one.at)),
            acknowledger: seen
                .map(|one| fields::name(EMPLOYEES, one.by))
                .unwrap_or_default(),
            acknowledged_count: seen.map_or(0, |one| number(one.count)),
            note: seen.map(|one| one.note.clone()).unwrap_or_default(),
            etag: etag(self.revision),
        }
    }
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// What the journal says of something the rules did by themselves.
pub(crate) fn entry(alert: &Alert, event: AlertEvent, now: Timestamp) -> Entry {
    by_itself(alert, kind(event), changed(alert, event), now)
}

/// The facts of a change, for the journal.
pub(super) fn changed(alert: &Alert, event: AlertEvent) -> event::Event {
    event::Event::AlertChanged(AlertChanged {
        alert_id: alert.id.as_bytes().to_vec(),
        event: event.into(),
        rule: alert.rule.to_proto().into(),
        subject_id: alert.subject.as_bytes().to_vec(),
        start_time: Some(to_proto(alert.window.from)),
        end_time: Some(to_proto(alert.window.until)),
        count: number(alert.finding.count),
        threshold: number(alert.finding.bound),
        first_seq: alert.finding.first_seq,
        last_seq: alert.finding.last_seq,
    })
}

/// Type of the journal entry of this event: `alert.raised`.
pub(super) fn kind(event: AlertEvent) -> &'static str {
    match event {
        AlertEvent::Unspecified | AlertEvent::Raised => "alert.raised",
        AlertEvent::Grown => "alert.grown",
        AlertEvent::Acknowledged => "alert.acknowledged",
    }
}
