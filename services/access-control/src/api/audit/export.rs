//! The log, and the journals it was made from, as they are kept: for checking outside.
//! Nothing is checked here; who asks has no reason to believe this process.

use kefu_audit::Leaf;
use kefu_contracts::common::Reason;
use kefu_contracts::{
    access::{ExportAuditLogResponse, ExportJournalResponse, ExportedEntry},
    journal::{FollowRequest, journal_service_client::JournalServiceClient},
};
use kefu_service::{
    call::Call,
    error::{Fault, Violation},
};
use sqlx::PgConnection;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::{Audit, Register, Streamed, VIEWED, shown};
use crate::store::audit;

/// Entries sent at once.
const STRETCH: i64 = 500;
/// Stretches a slow reader may be behind.
const BEHIND: usize = 2;

/// Every row as it is, with nodes and checkpoints where they belong. What comes into the
/// log after this began is left for the next time; what stands behind its end without
/// having come into it leaves as well.
pub(super) async fn log(
    register: &Register,
    call: Call,
) -> Result<Streamed<ExportAuditLogResponse>, Fault> {
    let shown = shown(&call, "audit".to_owned())?;
    register.core.views.record(&call, VIEWED, &[shown]).await?;
    let db = register.core.deps.db.clone();
    let size = db
        .run(|connection| Box::pin(audit::head(connection)))
        .await?;
    let size = i64::try_from(size).map_err(|_| Fault::internal("size of the audit log"))?;
    let (sender, receiver) = mpsc::channel(BEHIND);
    tokio::spawn(async move {
        let mut next = Some(0);
        while let Some(from) = next {
            let read = db.run(move |connection| Box::pin(stretch(connection, from, size)));
            let (message, further) = match read.await {
                Ok((message, further)) => (Ok(message), further),
                Err(fault) => (Err(fault.into_status(call.language)), None),
            };
            if sender.send(message).await.is_err() {
                return;
            }
            next = further;
        }
    });
    Ok(Box::pin(ReceiverStream::new(receiver)))
}

/// The entries from this one on, and where the next stretch begins. It goes by the rows
/// that are there, so that neither a changed size nor a moved row makes it endless.
async fn stretch(
    connection: &mut PgConnection,
    from: i64,
    size: i64,
) -> Result<(ExportAuditLogResponse, Option<i64>), Fault> {
    let mut entries = exported(audit::stretch(connection, from, STRETCH).await?);
    let full = entries.len() == usize::try_from(STRETCH).unwrap_or_default();
    entries.retain(|row| seq(row) < size);
    let further = entries.last().filter(|_| full).map(|last| seq(last) + 1);
    let until = further.unwrap_or(size);
    // Those of no entries have no entry to come with.
    let above = if from == 0 { -1 } else { from };
    let mut checkpoints = audit::checkpoints(connection, above, until).await?;
    let nodes = audit::nodes(connection, from, until).await?;
    if further.is_none() {
        entries.extend(exported(audit::entries_beyond(connection, STRETCH).await?));
        checkpoints.extend(audit::checkpoints_beyond(connection).await?);
    }
    let message = ExportAuditLogResponse {
        entries,
        nodes,
        checkpoints,
        size,
    };
    Ok((message, further))
}

fn exported(rows: Vec<audit::Listed>) -> Vec<ExportedEntry> {
    rows.into_iter().map(audit::Listed::exported).collect()
}

fn seq(row: &ExportedEntry) -> i64 {
    row.entry.as_ref().map_or(i64::MAX, |entry| entry.seq)
}

/// A journal as its service gives it now.
pub(super) async fn journal(
    audit: &Audit,
    call: Call,
    service: &str,
) -> Result<Streamed<ExportJournalResponse>, Fault> {
    let shown = shown(&call, format!("audit/journals/{service}"))?;
    let known = audit.journals.iter().find(|(name, _)| *name == service);
    let Some((name, peer)) = known.cloned() else {
        let field = "service".to_owned();
        return Err(Fault::fields(vec![(field, Violation::Unknown)]));
    };
    audit
        .register
        .core
        .views
        .record(&call, VIEWED, &[shown])
        .await?;
    let request = FollowRequest {
        until_caught_up: true,
        damaged_too: true,
        ..FollowRequest::default()
    };
    let unreachable = |_| Fault::new(Reason::UpstreamUnavailable);
    let mut client = JournalServiceClient::new(peer).max_decoding_message_size(64 * 1024 * 1024);
    let mut feed = client
        .follow(request)
        .await
        .map_err(unreachable)?
        .into_inner();
    let (sender, receiver) = mpsc::channel(BEHIND);
    tokio::spawn(async move {
        loop {
            let stretch = match feed.message().await {
                Ok(Some(stretch)) => stretch,
                Ok(None) => return,
                Err(_) => {
                    let fault = Fault::new(Reason::UpstreamUnavailable);
                    let _ = sender.send(Err(fault.into_status(call.language))).await;
                    return;
                }
            };
            let leaves = stretch.entries.into_iter().map(|entry| {
                let service = name.to_owned();
                Leaf { service, entry }.to_bytes()
            });
            let leaves = leaves.collect();
            if sender
                .send(Ok(ExportJournalResponse { leaves }))
                .await
                .is_err()
            {
                return;
            }
        }
    });
    Ok(Box::pin(ReceiverStream::new(receiver)))
}
