//! What becomes of a share's exports when the share moves on; in its transaction.

use jiff::Timestamp;
use kefu_contracts::{
    access::{ExportEvent, ShareMode},
    journal::{EntryKind, ExportChanged, event},
};
use kefu_journal::Entry;
use kefu_service::{error::Fault, fields, time::to_proto};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    api::approvals::Desk,
    domain::{
        approval::{Flow, State},
        export::{self as rules, EXPORTS, Event},
    },
    store::{
        export::{self, StoredExport},
        share::{self, StoredShare},
    },
};

/// Approved: its exports wait to be carried out. Over: packages and their keys are
/// destroyed, and what left is to be confirmed as deleted (CF-6.3).
pub(crate) async fn follow(
    connection: &mut PgConnection,
    desk: &Desk<'_>,
    before: &StoredShare,
) -> Result<(), Fault> {
    if before.share.mode != ShareMode::Export {
        return Ok(());
    }
    let (now, share) = (desk.now, before.approval.id);
    let Some(stored) = share::list(connection, &[share]).await?.pop() else {
        return Ok(());
    };
    let state = stored.approval.state;
    if state == before.approval.state {
        return Ok(());
    }
    if state == State::Approved {
        for receiver in &stored.terms.receivers {
            let id = rules::id(share, *receiver);
            export::insert(connection, id, share, *receiver, now).await?;
            journal(connection, now, None, id, ExportEvent::Approved, &[]).await?;
        }
    }
    if state.is_over() {
        for one in export::lock_of_share(connection, share).await? {
            end(connection, now, desk.flow, one).await?;
        }
    }
    Ok(())
}

async fn end(
    connection: &mut PgConnection,
    now: Timestamp,
    flow: &Flow,
    stored: StoredExport,
) -> Result<(), Fault> {
    match stored.state.end(stored.downloads > 0) {
        Some(step) => take(connection, now, flow, stored, step).await,
        None => Ok(()),
    }
}

/// A file of it was destroyed: whatever was made of it is destroyed too, and what left is
/// to be confirmed as deleted (CF-10.2). The share is locked.
pub(crate) async fn lose(
    connection: &mut PgConnection,
    now: Timestamp,
    flow: &Flow,
    stored: StoredExport,
) -> Result<(), Fault> {
    match stored.state.lose(stored.downloads > 0) {
        Some(step) => {
            export::uncount(connection, stored.id).await?;
            take(connection, now, flow, stored, step).await
        }
        None => Ok(()),
    }
}

/// Takes a package away.
async fn take(
    connection: &mut PgConnection,
    now: Timestamp,
    flow: &Flow,
    mut stored: StoredExport,
    (state, event): (rules::State, Event),
) -> Result<(), Fault> {
    stored.state = state;
    stored.key = None;
    stored.claimed_until = None;
    if event == Event::Recall {
        stored.recalled_at = Some(now);
        stored.confirm_by = now.saturating_add(flow.export.confirm).ok();
    }
    export::destroy(connection, stored.id).await?;
    export::update(connection, &stored, &flow.export).await?;
    journal(connection, now, None, stored.id, event.to_proto(), &[]).await
}

/// Journals what happened to an export, as it is now.
pub(crate) async fn journal(
    connection: &mut PgConnection,
    now: Timestamp,
    actor: Option<Uuid>,
    id: Uuid,
    event: ExportEvent,
    told: &[Uuid],
) -> Result<(), Fault> {
    let stored = export::get(connection, id).await?;
    let stored = stored.ok_or_else(|| Fault::internal("an export that was just written"))?;
    let entry = Entry {
        recorded_at: now,
        actor_id: actor,
        purpose: stored.purpose,
        request_id: String::new(),
        kind: EntryKind::Change,
        resource: fields::name(EXPORTS, id),
        customer_id: None,
        r#type: kind(event),
        event: changed(&stored, event, told),
    };
    kefu_journal::append(connection, &[entry]).await?;
    Ok(())
}

/// The facts of a change, for the journal.
pub(super) fn changed(stored: &StoredExport, event: ExportEvent, told: &[Uuid]) -> event::Event {
    let bytes = |id: Uuid| id.as_bytes().to_vec();
    event::Event::ExportChanged(ExportChanged {
        export_id: bytes(stored.id),
        share_id: bytes(stored.share),
        receiver_id: bytes(stored.receiver),
        event: event.into(),
        state: stored.state.to_proto().into(),
        carrier_id: stored.carrier.map(bytes).unwrap_or_default(),
        purpose: stored.purpose.into(),
        classes: stored.classes.to_numbers(),
        record_count: stored.contents.iter().map(|(_, records)| records).sum(),
        size_bytes: stored.size,
        sha256: stored.sha256.clone().unwrap_or_default(),
        confirm_until: stored.confirm_by.map(to_proto),
        approver_ids: told.iter().copied().map(bytes).collect(),
    })
}

/// Type of the journal entry of this event: `export.carried_out`.
pub(super) fn kind(event: ExportEvent) -> &'static str {
    match event {
        ExportEvent::Unspecified | ExportEvent::Approved => "export.approved",
        ExportEvent::CarriedOut => "export.carried_out",
        ExportEvent::Interrupted => "export.interrupted",
        ExportEvent::Packaged => "export.packaged",
        ExportEvent::Recalled => "export.recalled",
        ExportEvent::Reminded => "export.reminded",
        ExportEvent::Overdue => "export.overdue",
        ExportEvent::Confirmed => "export.confirmed",
        ExportEvent::Lapsed => "export.lapsed",
    }
}
