//! The log, and the journals it was made from, as they are kept: for checking outside.
//! Nothing is checked here; who asks has no reason to believe this process.

use kefu_audit::Leaf;
use kefu_contracts::common::Reason;
use kefu_contracts::{
    access::{ExportAuditLogResponse, ExportJournalResponse},
    journal::{FollowRequest, journal_service_client::JournalServiceClient},
};
use kefu_service::{
    call::Call,
    error::{Fault, Violation},
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::{Audit, Register, Streamed, VIEWED, shown};
use crate::store::audit;

/// Entries sent at once.
const STRETCH: i64 = 500;
/// Stretches a slow reader may be behind.
const BEHIND: usize = 2;

/// Every row as it is, with nodes and checkpoints where they belong. What comes into the
/// log after this began is left for the next time.
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
        let mut from = 0;
        // The last stretch reaches beyond the head, so that rows added there are seen.
        while from <= size {
            let until = from + STRETCH;
            let stretch = db.run(move |connection| {
                Box::pin(async move {
                    let rows = audit::stretch(connection, from, STRETCH).await?;
                    let rows = rows.into_iter().map(audit::Listed::exported);
                    let inside = |one: &kefu_contracts::access::ExportedEntry| {
                        one.entry
                            .as_ref()
                            .is_some_and(|entry| entry.seq < until.min(size))
                    };
                    let above = if from == 0 { -1 } else { from };
                    Ok(ExportAuditLogResponse {
                        entries: rows.filter(inside).collect(),
                        nodes: audit::nodes(connection, from, until.min(size)).await?,
                        checkpoints: audit::checkpoints(connection, above, until.min(size)).await?,
                    })
                })
            });
            let stretch = stretch
                .await
                .map_err(|fault| fault.into_status(call.language));
            let over = stretch.is_err();
            if sender.send(stretch).await.is_err() || over {
                return;
            }
            from = until;
        }
    });
    Ok(Box::pin(ReceiverStream::new(receiver)))
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
