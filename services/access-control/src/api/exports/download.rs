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
use tracing::Instrument;
use uuid::Uuid;

use super::{carry::ensure_cleared, look};
use crate::{
    api::Register,
    domain::{
        approval::ExportRule,
        export::{EXPORTS, State},
        register::EMPLOYEES,
    },
    jobs::exports::{LEASE, place},
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

/// Has the package's key opened, reserves the bytes, journals that they leave, and lets them.
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
    let views = &register.core.views;
    let download = deps.ids.next()?;
    let (caller, rule) = (call.clone(), register.flows.share.export);
    let admitted = deps
        .db
        .snapshot(move |connection| {
            Box::pin(async move { admit(connection, &caller, &rule, id, offset).await })
        })
        .await;
    let stored = match admitted {
        Ok(stored) => stored,
        Err(fault) => {
            return Err(views
                .refuse(&call, "export.refused", &request.name, fault)
                .await);
        }
    };
    // Before anything is counted: where its key cannot be had, nothing leaves.
    let wrapped = stored.key.clone();
    let wrapped = wrapped.ok_or_else(|| Fault::internal("a package without a key"))?;
    let key = deps.vault.open_key(id, &wrapped).await?;
    deps.vault.forget(id);
    // One chunk ahead of the receiver, so that what was not sent is not counted as sent.
    let (sender, receiver) = mpsc::channel(1);
    let sending = Sending {
        register: register.clone(),
        call: call.clone(),
        stored,
        key,
        download,
        from: offset,
    };
    // On a task of its own: whoever goes away while bytes are reserved for them is a receiver who
    // is gone, and none of these bytes count.
    let begun = tokio::spawn(sending.set_out(sender).in_current_span()).await;
    match begun.map_err(|error| Fault::internal(format!("download: {error}")))? {
        Ok(()) => Ok(ReceiverStream::new(receiver)),
        Err(fault) => Err(views
            .refuse(&call, "export.refused", &request.name, fault)
            .await),
    }
}

/// The export, where whoever calls may download it from this byte on.
async fn admit(
    connection: &mut PgConnection,
    call: &Call,
    rule: &ExportRule,
    id: Uuid,
    offset: i64,
) -> Result<StoredExport, Fault> {
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
    Ok(stored)
}

/// Reserves the bytes of the package whose key was opened, and journals that they leave.
async fn reserve(
    connection: &mut PgConnection,
    call: &Call,
    rule: &ExportRule,
    (id, attempt): (Uuid, i32),
    download: Uuid,
    offset: i64,
) -> Result<StoredExport, Fault> {
    export::lock(connection, id).await?;
    let stored = admit(connection, call, rule, id, offset).await?;
    if stored.attempt != attempt {
        // Made anew meanwhile, under another key.
        return Err(Fault::new(Reason::Conflict));
    }
    let held_until = call.now.saturating_add(LEASE).ok();
    export::begin_download(connection, &stored, download, offset, call.now, held_until).await?;
    let span = (offset, stored.size);
    let told = entry(call, &stored, download, span, None, call.now);
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

/// Journals a download's end under this type.
const ENDED: &str = "export.download_ended";

/// The entry of a download: that it begins, or how it ended.
fn entry(
    call: &Call,
    stored: &StoredExport,
    download: Uuid,
    span: (i64, i64),
    ended: Option<bool>,
    at: Timestamp,
) -> Entry {
    let (kind, name) = match ended {
        None => (EntryKind::View, "export.downloaded"),
        Some(_) => (EntryKind::Change, ENDED),
    };
    let mut downloaded = downloaded(stored, download, span, ended);
    downloaded.policy_revision = call.context.policy_revision;
    let event = event::Event::ExportDownloaded(downloaded);
    let resource = fields::name(EXPORTS, stored.id);
    Entry {
        recorded_at: at,
        purpose: stored.purpose,
        ..present::entry(call, kind, name, resource, None, event)
    }
}

/// What an entry tells of a download.
fn downloaded(
    stored: &StoredExport,
    download: Uuid,
    (from_offset, to_offset): (i64, i64),
    ended: Option<bool>,
) -> ExportDownloaded {
    let bytes = |id: Uuid| id.as_bytes().to_vec();
    ExportDownloaded {
        export_id: bytes(stored.id),
        share_id: bytes(stored.share),
        download_id: bytes(download),
        from_offset,
        to_offset,
        ended: ended.is_some(),
        completed: ended == Some(true),
        policy_revision: 0,
    }
}

/// Ends a download that nobody carries on any more, as its process went away or its receiver took
/// nothing: what was handed on counts, and no more.
pub(crate) async fn give_up(
    connection: &mut PgConnection,
    now: Timestamp,
    id: Uuid,
) -> Result<(), Fault> {
    let Some(given_up) = export::give_up_download(connection, id, now).await? else {
        return Ok(());
    };
    let stored = export::get(connection, given_up.export_id).await?;
    let stored = stored.ok_or_else(|| Fault::internal("a download of no export"))?;
    let span = (given_up.from_offset, given_up.to_offset);
    let event = event::Event::ExportDownloaded(downloaded(&stored, id, span, Some(false)));
    let resource = fields::name(EXPORTS, stored.id);
    let told = Entry {
        purpose: stored.purpose,
        ..Entry::by_itself(now, String::new(), ENDED, resource, None, event)
    };
    kefu_journal::append(connection, &[told]).await?;
    Ok(())
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
    /// Reserves the bytes, and lets them leave on a task of its own.
    async fn set_out(mut self, sender: Sender) -> Result<(), Fault> {
        let (call, rule) = (self.call.clone(), self.register.flows.share.export);
        let which = (self.stored.id, self.stored.attempt);
        let (download, from) = (self.download, self.from);
        let reserved = self.register.core.deps.db.transaction(move |connection| {
            let call = call.clone();
            Box::pin(async move { reserve(connection, &call, &rule, which, download, from).await })
        });
        self.stored = reserved.await?;
        tokio::spawn(self.run(sender));
        Ok(())
    }

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

    /// The bytes from here to the end of their chunk, unless its time is over, or that of what the
    /// receiver has to have signed and passed.
    async fn next(&self, offset: i64) -> Result<Vec<u8>, Fault> {
        let deps = &self.register.core.deps;
        let (id, attempt) = (self.stored.id, self.stored.attempt);
        let (download, receiver) = (self.download, self.stored.receiver);
        let now = deps.clock.now();
        ensure_open(&self.stored, now)?;
        let held_until = now.saturating_add(LEASE).ok();
        let (receiver, chunk, held) = deps
            .db
            .run(move |connection| {
                Box::pin(async move {
                    let receiver = employee::get(connection, receiver).await?;
                    let chunk = export::chunk_at(connection, id, attempt, offset).await?;
                    let held = match &chunk {
                        Some(chunk) => {
                            let to = chunk.starts_at + i64::from(chunk.length);
                            export::hand_on(connection, download, to, held_until).await?
                        }
                        None => false,
                    };
                    Ok((receiver, chunk, held))
                })
            })
            .await?;
        let receiver = receiver.ok_or_else(|| Fault::internal("a receiver who is not there"))?;
        let chunk = chunk.ok_or_else(|| Fault::state("RECALLED", "READY"))?;
        if !held {
            // Nothing was taken for so long that it was given up.
            return Err(Fault::new(Reason::DeadlineExceeded));
        }
        let bytes = deps
            .vault
            .open(&self.key, &place(id, attempt, chunk.seq), &chunk.sealed)?;
        // Reading took time, in which any of it may have ended.
        let now = deps.clock.now();
        ensure_open(&self.stored, now)?;
        ensure_cleared(&receiver, self.stored.classes, now)?;
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
                    // One that was given up has its end already.
                    if export::end_download(connection, id, sent, completed, at).await? {
                        kefu_journal::append(connection, &[told]).await?;
                    }
                    Ok(())
                })
            })
            .await
    }
}
