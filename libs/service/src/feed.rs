//! Serves a service's journal to its peers.

use std::{pin::Pin, sync::Arc, time::Duration};

use futures_util::Stream;
use kefu_contracts::journal::{
    EntryKind, FollowRequest, FollowResponse,
    journal_service_server::{JournalService, JournalServiceServer},
};
use kefu_journal::{Batch, Cursor, Running, Settled};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use crate::{
    clock::{Clock, sleep},
    database::Db,
    error::{Fault, Language},
    time::to_proto,
};

/// Entries sent at once.
const BATCH: u16 = 500;
/// How long a reader that has caught up waits before it is looked again. Also
/// the beat by which readers know that the feed lives.
const BEAT: Duration = Duration::from_millis(100);

/// The journal in a service's own database.
pub struct Feed {
    db: Db,
    clock: Arc<dyn Clock>,
    /// Cancelled when the service is about to end: whoever follows is let go.
    ending: CancellationToken,
}

impl Feed {
    /// The gRPC service of this journal.
    pub fn server(
        db: Db,
        clock: Arc<dyn Clock>,
        ending: CancellationToken,
    ) -> JournalServiceServer<Self> {
        JournalServiceServer::new(Self { db, clock, ending })
    }
}

#[tonic::async_trait]
impl JournalService for Feed {
    type FollowStream = Pin<Box<dyn Stream<Item = Result<FollowResponse, Status>> + Send>>;

    async fn follow(
        &self,
        request: Request<FollowRequest>,
    ) -> Result<Response<Self::FollowStream>, Status> {
        let request = request.into_inner();
        let kinds: Vec<EntryKind> = request.kinds().collect();
        let mut after: Cursor = request.after.map(Cursor::from).unwrap_or(Cursor::START);
        let (until_caught_up, damaged_too) = (request.until_caught_up, request.damaged_too);
        let (sender, receiver) = mpsc::channel(4);
        let (db, clock, ending) = (self.db.clone(), self.clock.clone(), self.ending.clone());
        tokio::spawn(async move {
            let mut settled = Settled::default();
            // Who reads to the end takes the end of the answer for it: they are let finish.
            while until_caught_up || !ending.is_cancelled() {
                let looked_at = clock.now();
                let (running, batch) = match stretch(&db, after, &kinds, damaged_too).await {
                    Ok(stretch) => stretch,
                    Err(fault) => {
                        // The reader has gone when this cannot be sent.
                        let _ = sender.send(Err(fault.into_status(Language::English))).await;
                        return;
                    }
                };
                after = batch.entries.last().map_or(after, |last| last.cursor);
                let caught_up = batch.caught_up;
                let entries = batch
                    .entries
                    .into_iter()
                    .map(|recorded| recorded.entry)
                    .collect();
                let response = FollowResponse {
                    entries,
                    caught_up,
                    trace_parents: batch.traces.into_iter().collect(),
                    look_time: settled.look(looked_at, running).map(to_proto),
                };
                if sender.send(Ok(response)).await.is_err() || (caught_up && until_caught_up) {
                    return;
                }
                if caught_up {
                    tokio::select! {
                        () = sleep(clock.as_ref(), BEAT) => {}
                        () = ending.cancelled() => return,
                        () = sender.closed() => return,
                    }
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}

/// What comes next, and who wrote before it was looked for.
async fn stretch(
    db: &Db,
    after: Cursor,
    kinds: &[EntryKind],
    damaged_too: bool,
) -> Result<(Running, Batch), Fault> {
    let kinds = kinds.to_vec();
    db.run(move |connection| {
        Box::pin(async move {
            let running = kefu_journal::running(connection).await?;
            let batch = if damaged_too {
                kefu_journal::read_damaged_too(connection, after, &kinds, BATCH).await?
            } else {
                kefu_journal::read_whole(connection, after, &kinds, BATCH).await?
            };
            Ok((running, batch))
        })
    })
    .await
}
