//! Exports as messages carry them.

use kefu_contracts::access::{self as wire, ExportContent};
use kefu_service::{
    fields::{self, etag},
    time::to_proto,
};

use crate::{
    domain::{approval::ExportRule, export::EXPORTS, register::EMPLOYEES, share::SHARES},
    store::export::StoredExport,
};

/// The export; says nothing about customers but how many there are.
pub(super) fn export(stored: &StoredExport, rule: &ExportRule) -> wire::Export {
    let carrier = stored.carrier.map(|id| fields::name(EMPLOYEES, id));
    let contents = stored.contents.iter();
    wire::Export {
        name: fields::name(EXPORTS, stored.id),
        share: fields::name(SHARES, stored.share),
        receiver: fields::name(EMPLOYEES, stored.receiver),
        carrier: carrier.unwrap_or_default(),
        state: stored.state.to_proto().into(),
        purpose: stored.purpose.into(),
        classes: stored.classes.to_numbers(),
        customer_count: i32::try_from(stored.customers.len()).unwrap_or(i32::MAX),
        contents: contents
            .map(|(collection, records)| ExportContent {
                collection: collection.clone(),
                record_count: *records,
            })
            .collect(),
        size_bytes: stored.size,
        sha256: stored.sha256.clone().unwrap_or_default(),
        active_from: stored.period.map(|(start, _)| to_proto(start)),
        active_until: stored.period.map(|(_, end)| to_proto(end)),
        download_count: i32::try_from(stored.downloads).unwrap_or(i32::MAX),
        remaining_bytes: rule.remaining(stored.size, stored.sent),
        recall_time: stored.recalled_at.map(to_proto),
        confirm_until: stored.confirm_by.map(to_proto),
        confirm_time: stored.confirmed_at.map(to_proto),
        statement: stored.statement.clone(),
        reminder_count: stored.reminders,
        etag: etag(stored.revision),
    }
}
