//! A package leaves, chunk by chunk, for its receiver alone.

use jiff::Timestamp;
use kefu_contracts::{
    access::{DownloadExportRequest, DownloadExportResponse},
    common::Reason,
    journal::{EntryKind, ExportDownloaded, event},
};
use kefu_journal::Entry;
use kefu_service::{
    call::Call,
    error::{Fault, Violation},
    fields::{self, Fields},
    present,
};
use kefu_vault::CustomerKey;
use sqlx::PgConnection;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use uuid::Uuid;

use super::{carry::ensure_cleared, look};
use crate::{
    api::Register,
    domain::{
        approval::ExportRule,
        export::{EXPORTS, State},
        register::EMPLOYEES,
    },
    jobs::exports::place,
    store::{
        employee,
        export::{self, StoredExport},
    },
};

type Sender = mpsc::Sender<Result<DownloadExportResponse, Status>>;

/// Only whoever it is for.
pub(super) fn not_the_receiver(stored: &StoredExport) -> Fault {
    Fault::new(Reason::NotTheCallersTurn)
        .with("rule", "only its receiver")
        .with("ask", fields::name(EMPLOYEES, stored.receiver))
}

/// Reserves the bytes, journals that they leave, and lets them.
pub(super) async fn begin(
    register: &Register,
    call: Call,
    request: DownloadExportRequest,
) -> Result<ReceiverStream<Result<DownloadExportResponse, Status>>, Fault> {
    let mut fields = Fields::new();
    let id = fields.name("name", &request.name, EXPORTS);
    fields.ensure(
        request.offset >= 0,
        "offset",
        Violation::OutOfRange(0, i64::MAX),
    );
    fields.finish()?;
    let (id, offset) = (id.unwrap_or_default(), request.offset);
    let deps = &register.core.deps;
    let download = deps.ids.next()?;
    let (caller, rule) = (call.clone(), register.flows.share.export);
    let reserved = deps
        .db
        .transaction(move |connection| {
            let call = caller.clone();
            Box::pin(async move { reserve(connection, &call, &rule, id, download, offset).await })
        })
        .await;
    let stored = match reserved {
        Ok(stored) => stored,
        Err(fault) => {
            let views = &register.core.views;
            return Err(views
                .refuse(&call, "export.refused", &request.name, fault)
                .await);
        }
    };
    let wrapped = stored.key.clone();
    let wrapped = wrapped.ok_or_else(|| Fault::internal("a package without a key"))?;
    let key = deps.vault.open_key(id, &wrapped).await?;
    deps.vault.forget(id);
    // One chunk ahead of the receiver, so that what was not sent is not counted as sent.
    let (sender, receiver) = mpsc::channel(1);
    let sending = Sending {
        register: register.clone(),
        call,
        stored,
        key,
        download,
        from: offset,
    };
    tokio::spawn(sending.run(sender));
    Ok(ReceiverStream::new(receiver))
}

async fn reserve(
    connection: &mut PgConnection,
    call: &Call,
    rule: &ExportRule,
    id: Uuid,
    download: Uuid,
    offset: i64,
) -> Result<StoredExport, Fault> {
    export::lock(connection, id).await?;
    let found = look::reached(connection, call, id).await?;
    let (_, stored) = found.ok_or_else(|| Fault::not_found(&fields::name(EXPORTS, id)))?;
    if stored.receiver != call.context.subject.id {
        return Err(not_the_receiver(&stored));
    }
    ensure_open(&stored, call.now)?;
    if offset >= stored.size {
        let range = Violation::OutOfRange(0, stored.size - 1);
        return Err(Fault::fields(vec![("offset".to_owned(), range)]));
    }
    let receiver = employee::get(connection, stored.receiver).await?;
    let receiver = receiver.ok_or_else(|| Fault::internal("a receiver who is not there"))?;
    ensure_cleared(&receiver, stored.classes, call.now)?;
    if stored.size - offset > rule.remaining(stored.size, stored.sent) {
        return Err(Fault::new(Reason::NotTheCallersTurn)
            .with("rule", "it was downloaded as often as it may be")
            .with("downloads", rule.downloads.to_string()));
    }
    export::begin_download(connection, &stored, download, offset, call.now).await?;
    let told = entry(
        call,
        &stored,
        download,
        (offset, stored.size),
        None,
        call.now,
    );
    kefu_journal::append(connection, &[told]).await?;
    Ok(stored)
}

/// Whether it can be downloaded at this moment.
fn ensure_open(stored: &StoredExport, now: Timestamp) -> Result<(), Fault> {
    let over = stored.period.is_none_or(|(_, end)| end <= now);
    if stored.state == State::Ready && !over {
        return Ok(());
    }
    let state = if over && stored.state == State::Ready {
        "ENDED".to_owned()
    } else {
        stored.state.as_str().to_ascii_uppercase()
    };
    Err(Fault::state(&state, "READY"))
}

/// The entry of a download: that it begins, or how it ended.
fn entry(
    call: &Call,
    stored: &StoredExport,
    download: Uuid,
    (from_offset, to_offset): (i64, i64),
    ended: Option<bool>,
    at: Timestamp,
) -> Entry {
    let bytes = |id: Uuid| id.as_bytes().to_vec();
    let event = event::Event::ExportDownloaded(ExportDownloaded {
        export_id: bytes(stored.id),
        share_id: bytes(stored.share),
        download_id: bytes(download),
        from_offset,
        to_offset,
        ended: ended.is_some(),
        completed: ended == Some(true),
        policy_revision: call.context.policy_revision,
    });
    let (kind, name) = match ended {
        None => (EntryKind::View, "export.downloaded"),
        Some(_) => (EntryKind::Change, "export.download_ended"),
    };
    let resource = fields::name(EXPORTS, stored.id);
    Entry {
        recorded_at: at,
        purpose: stored.purpose,
        ..present::entry(call, kind, name, resource, None, event)
    }
}

/// A download under way.
struct Sending {
    register: Register,
    call: Call,
    stored: StoredExport,
    key: CustomerKey,
    download: Uuid,
    from: i64,
}

impl Sending {
    async fn run(self, sender: Sender) {
        let mut sent = self.from;
        let outcome = loop {
            if sent >= self.stored.size {
                break Ok(());
            }
            // Before the chunk is looked for: a receiver who is slow, or gone, holds nothing.
            let Ok(permit) = sender.reserve().await else {
                break Ok(());
            };
            match self.next(sent).await {
                Ok(data) => {
                    let offset = sent;
                    sent += i64::try_from(data.len()).unwrap_or_default();
                    permit.send(Ok(DownloadExportResponse { offset, data }));
                }
                Err(fault) => break Err(fault),
            }
        };
        // The end is written down before the stream's end is seen.
        if let Err(fault) = self.end(sent).await {
            tracing::warn!(detail = %fault.detail, "the end of a download is not noted");
        }
        if let Err(fault) = outcome {
            let _ = sender
                .send(Err(fault.into_status(self.call.language)))
                .await;
        }
    }

    /// The bytes from here to the end of their chunk, unless its time is over.
    async fn next(&self, offset: i64) -> Result<Vec<u8>, Fault> {
        let deps = &self.register.core.deps;
        let (id, attempt) = (self.stored.id, self.stored.attempt);
        ensure_open(&self.stored, deps.clock.now())?;
        let chunk = deps
            .db
            .run(move |connection| {
                Box::pin(async move { export::chunk_at(connection, id, attempt, offset).await })
            })
            .await?;
        let chunk = chunk.ok_or_else(|| Fault::state("RECALLED", "READY"))?;
        let bytes = deps
            .vault
            .open(&self.key, &place(id, attempt, chunk.seq), &chunk.sealed)?;
        // Reading took time, in which the period may have ended.
        ensure_open(&self.stored, deps.clock.now())?;
        let skipped = usize::try_from(offset - chunk.starts_at).unwrap_or(usize::MAX);
        let rest = bytes.get(skipped..).filter(|rest| !rest.is_empty());
        let rest = rest.ok_or_else(|| Fault::internal("a package with a gap"))?;
        Ok(rest.to_vec())
    }

    async fn end(&self, sent: i64) -> Result<(), Fault> {
        let deps = &self.register.core.deps;
        let (at, id) = (deps.clock.now(), self.download);
        let completed = sent >= self.stored.size;
        let span = (self.from, sent);
        let told = entry(&self.call, &self.stored, id, span, Some(completed), at);
        deps.db
            .transaction(move |connection| {
                let told = told.clone();
                Box::pin(async move {
                    export::end_download(connection, id, sent, completed, at).await?;
                    kefu_journal::append(connection, &[told]).await?;
                    Ok(())
                })
            })
            .await
    }
}
