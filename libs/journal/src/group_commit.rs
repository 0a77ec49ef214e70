//! Views of many calls go to the journal in one statement: each call waits
//! until its own entries are durable, and all that came meanwhile share the next
//! commit (the group commit of databases).

use std::{future::Future, pin::Pin, sync::Arc};

use tokio::sync::{mpsc, oneshot};

use crate::{Cursor, Entry, TraceParent, trace_parent};

/// Most entries written by one statement.
const BATCH: usize = 1024;
/// Calls that can stand in line; further ones wait to get into it.
const LINE: usize = 4096;

/// Where batches go.
pub trait Sink: Send + Sync + 'static {
    /// Writes all entries in one transaction, or none; each is of the span beside it.
    fn write(
        &self,
        entries: Vec<Entry>,
        traces: Vec<Option<TraceParent>>,
    ) -> Pin<Box<dyn Future<Output = Result<Cursor, WriteFailed>> + Send + '_>>;
}

/// The entries are not in the journal, so nothing may be shown.
#[derive(Debug, Clone, thiserror::Error)]
#[error("journal cannot be written: {0}")]
pub struct WriteFailed(pub Arc<str>);

/// Writes views; shared by all calls of a service.
#[derive(Clone)]
pub struct ViewWriter {
    line: mpsc::Sender<Waiting>,
}

struct Waiting {
    entries: Vec<Entry>,
    trace: Option<TraceParent>,
    done: oneshot::Sender<Result<Cursor, WriteFailed>>,
}

impl ViewWriter {
    /// A writer and its work, to be run as long as there are calls: a few
    /// writers side by side keep one slow commit from holding up everyone.
    pub fn new(sink: Arc<dyn Sink>) -> (Self, impl Future<Output = ()> + Send) {
        let (line, mut waiting) = mpsc::channel::<Waiting>(LINE);
        let work = async move {
            while let Some(first) = waiting.recv().await {
                let mut batch = vec![first];
                let mut size = batch[0].entries.len();
                while size < BATCH {
                    let Ok(next) = waiting.try_recv() else { break };
                    size += next.entries.len();
                    batch.push(next);
                }
                flush(sink.as_ref(), batch).await;
            }
        };
        (Self { line }, work)
    }

    /// How many calls stand in line, to be asked as long as there is a writer.
    pub fn line(&self) -> impl Fn() -> Option<usize> + Send + Sync + use<> {
        // Weak, for the work ends with the last writer.
        let line = self.line.downgrade();
        move || {
            let line = line.upgrade()?;
            Some(line.max_capacity() - line.capacity())
        }
    }

    /// Writes entries and returns once they are durable.
    ///
    /// # Errors
    /// When they are not; the answer must then not leave.
    pub async fn write(&self, entries: Vec<Entry>) -> Result<Cursor, WriteFailed> {
        let (done, written) = oneshot::channel();
        let gone = || WriteFailed("writer has stopped".into());
        let waiting = Waiting {
            entries,
            trace: trace_parent(),
            done,
        };
        self.line.send(waiting).await.map_err(|_| gone())?;
        written.await.map_err(|_| gone())?
    }
}

async fn flush(sink: &dyn Sink, mut batch: Vec<Waiting>) {
    let (mut entries, mut traces) = (Vec::new(), Vec::new());
    for waiting in &mut batch {
        entries.append(&mut waiting.entries);
        traces.resize(entries.len(), waiting.trace.clone());
    }
    let outcome = sink.write(entries, traces).await;
    for waiting in batch {
        // A caller that gave up no longer listens; its view stays recorded.
        let _ = waiting.done.send(outcome.clone());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use jiff::Timestamp;
    use kefu_contracts::{
        journal::{EntryKind, Viewed, event},
        policy::Purpose,
    };
    use tokio::sync::Semaphore;

    use super::*;

    struct Recording {
        batches: Mutex<Vec<usize>>,
        gate: Semaphore,
        fails: bool,
    }

    impl Sink for Recording {
        fn write(
            &self,
            entries: Vec<Entry>,
            _: Vec<Option<TraceParent>>,
        ) -> Pin<Box<dyn Future<Output = Result<Cursor, WriteFailed>> + Send + '_>> {
            Box::pin(async move {
                self.gate.acquire().await.unwrap().forget();
                self.batches.lock().unwrap().push(entries.len());
                if self.fails {
                    Err(WriteFailed("full".into()))
                } else {
                    Ok(Cursor::START)
                }
            })
        }
    }

    fn view() -> Entry {
        Entry {
            recorded_at: Timestamp::UNIX_EPOCH,
            actor_id: None,
            purpose: Purpose::Service,
            request_id: String::new(),
            kind: EntryKind::View,
            resource: "customers/x".into(),
            customer_id: None,
            r#type: "customer.viewed",
            event: event::Event::Viewed(Viewed::default()),
        }
    }

    fn recording(fails: bool) -> Arc<Recording> {
        Arc::new(Recording {
            batches: Mutex::default(),
            gate: Semaphore::new(0),
            fails,
        })
    }

    #[tokio::test]
    async fn who_comes_during_a_commit_shares_the_next() {
        let sink = recording(false);
        let (writer, work) = ViewWriter::new(sink.clone());
        let calls: Vec<_> = (0..10)
            .map(|_| {
                tokio::spawn({
                    let writer = writer.clone();
                    async move { writer.write(vec![view()]).await }
                })
            })
            .collect();
        tokio::spawn(work);
        sink.gate.add_permits(10);
        for call in calls {
            call.await.unwrap().unwrap();
        }
        let batches = sink.batches.lock().unwrap().clone();
        assert_eq!(batches.iter().sum::<usize>(), 10);
        assert!(
            batches.len() < 10,
            "each call had a commit of its own: {batches:?}"
        );
    }

    #[tokio::test]
    async fn the_line_can_be_seen_and_does_not_keep_the_work_going() {
        let (writer, work) = ViewWriter::new(recording(false));
        let line = writer.line();
        let waiting = tokio::spawn(async move { writer.write(vec![view()]).await });
        while line() == Some(0) {
            tokio::task::yield_now().await;
        }
        assert_eq!(line(), Some(1));
        waiting.abort();
        assert!(waiting.await.unwrap_err().is_cancelled());
        assert_eq!(line(), None);
        drop(work);
    }

    /// No journal, no answer.
    #[tokio::test]
    async fn a_failed_commit_fails_every_call_in_it() {
        let sink = recording(true);
        let (writer, work) = ViewWriter::new(sink.clone());
        tokio::spawn(work);
        sink.gate.add_permits(5);
        assert!(writer.write(vec![view(), view()]).await.is_err());
    }
}
