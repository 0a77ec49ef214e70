//! Every refusal is journaled. The gateway has no database, so access-control does
//! it: refusals queue here and go there in groups, those that come while one group
//! is under way being the next.
//!
//! A refusal waits until its record is durable, but not for ever: it shows nothing,
//! so it may leave when access-control is gone. Its record stays queued, up to the
//! bound of the queue, and is sent again until it is taken.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use kefu_contracts::access::{
    RecordRefusalsRequest, RefusalRecord, refusal_service_client::RefusalServiceClient,
};
use kefu_service::{
    clock::{Clock, sleep},
    host::Job,
    peer::PeerService,
    telemetry::{
        Counter,
        instruments::{REFUSALS_UNJOURNALED, REFUSALS_WAITING},
        meter,
    },
};
use tokio::sync::{Mutex, mpsc, oneshot};
use tonic::{Code, Status};

use crate::{
    config::GatewayConfig,
    error::Journaling,
    limits::Budget,
    patience::{Backoff, within},
    tally::Tally,
};

/// Most refusals in one group.
const GROUP: usize = 256;
/// How often what was counted is journaled.
const WINDOW: Duration = Duration::from_secs(1);
/// How long access-control may take over one group.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where refusals are handed in.
pub(crate) struct Refusals {
    queue: mpsc::Sender<Pending>,
    wait: Duration,
    clock: Arc<dyn Clock>,
    strangers: Budget,
    left_early: Count,
    dropped: Count,
    unjournaled: Counter<u64>,
    tally: Arc<Tally>,
}

/// Sends them to access-control.
pub(crate) struct Recorder {
    /// Outlives a run of the job, so that nothing queued is lost with it.
    inbox: Arc<Mutex<Inbox>>,
    unjournaled: Counter<u64>,
    clock: Arc<dyn Clock>,
}

struct Inbox {
    tally: Arc<Tally>,
    queue: mpsc::Receiver<Pending>,
    group: Vec<Pending>,
}

struct Pending {
    record: RefusalRecord,
    /// Nobody waits for what was counted.
    durable: Option<oneshot::Sender<()>>,
}

impl Refusals {
    pub(crate) fn new(config: &GatewayConfig, clock: Arc<dyn Clock>) -> (Self, Recorder) {
        let (sender, receiver) = mpsc::channel(config.refusals_kept);
        let tally = Arc::new(Tally::default());
        let unjournaled = measure(&sender);
        let inbox = Inbox {
            tally: tally.clone(),
            queue: receiver,
            group: Vec::with_capacity(GROUP),
        };
        let refusals = Self {
            queue: sender,
            wait: config.refusal_wait(),
            clock: clock.clone(),
            strangers: Budget::new(config.stranger_refusals_per_second),
            left_early: Count::new("refusals left before their records were durable"),
            dropped: Count::new("refusals are not journaled: too many wait"),
            unjournaled: unjournaled.clone(),
            tally,
        };
        (
            refusals,
            Recorder {
                inbox: Arc::new(Mutex::new(inbox)),
                unjournaled,
                clock,
            },
        )
    }

    /// Whether this refusal has an entry of its own, or is counted. Strangers must not
    /// be able to fill the journal.
    pub(crate) fn admits(&self, journaling: Journaling, now: Timestamp) -> bool {
        match journaling {
            Journaling::Always => true,
            Journaling::Counted => false,
            Journaling::Stranger => self.strangers.spend(now),
        }
    }

    /// Journaled with all like it, within a second. Waits for nothing.
    pub(crate) fn count(&self, record: RefusalRecord) {
        self.tally.add(record);
    }

    /// Returns when the record is durable, or the wait is over.
    pub(crate) async fn record(&self, record: RefusalRecord) {
        let (durable, known) = oneshot::channel();
        if self
            .queue
            .try_send(Pending {
                record,
                durable: Some(durable),
            })
            .is_err()
        {
            self.dropped.add();
            self.unjournaled.add(1, &[]);
            return;
        }
        if !matches!(within(&*self.clock, self.wait, known).await, Some(Ok(()))) {
            self.left_early.add();
        }
    }
}

impl Recorder {
    /// The job that journals refusals until it is stopped, and then those that are left.
    pub(crate) fn job(self, peer: PeerService) -> Job {
        let client = RefusalServiceClient::new(peer);
        Job::new("refusals", move |stop| {
            let mut run = Run {
                client: client.clone(),
                unjournaled: self.unjournaled.clone(),
                clock: self.clock.clone(),
            };
            let inbox = self.inbox.clone();
            Box::pin(async move {
                let mut inbox = inbox.lock().await;
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = run.record_forever(&mut inbox) => {}
                }
                // One attempt each: when access-control is gone too, they are lost
                // with us, and said so.
                inbox.gather();
                while !inbox.group.is_empty() {
                    if let Err(status) = run.send(&mut inbox.group).await {
                        let lost = inbox.group.len() + inbox.queue.len();
                        run.unjournaled.add(lost as u64, &[]);
                        tracing::error!(lost, code = %status.code(), "refusals are not journaled");
                        break;
                    }
                    inbox.gather();
                }
            })
        })
    }
}

impl Inbox {
    /// What waits, up to a group, without waiting for it.
    fn gather(&mut self) {
        // Only when the last were taken, so that those that wait stay few.
        if self.group.is_empty() {
            let counted = self.tally.take().into_iter();
            self.group.extend(counted.map(|record| Pending {
                record,
                durable: None,
            }));
        }
        while self.group.len() < GROUP
            && let Ok(pending) = self.queue.try_recv()
        {
            self.group.push(pending);
        }
    }
}

struct Run {
    client: RefusalServiceClient<PeerService>,
    unjournaled: Counter<u64>,
    clock: Arc<dyn Clock>,
}

impl Run {
    async fn record_forever(&mut self, inbox: &mut Inbox) {
        let mut backoff = Backoff::new();
        let mut counted = sleep(&*self.clock, WINDOW);
        loop {
            if inbox.group.is_empty() {
                tokio::select! {
                    received = inbox.queue.recv_many(&mut inbox.group, GROUP) => {
                        if received == 0 {
                            // Nobody can be refused any more: what is left is to be stopped.
                            return std::future::pending().await;
                        }
                    }
                    () = &mut counted => {
                        counted = sleep(&*self.clock, WINDOW);
                        inbox.gather();
                    }
                }
            }
            if inbox.group.is_empty() {
                continue;
            }
            match self.send(&mut inbox.group).await {
                Ok(()) => backoff.reset(),
                Err(status) => {
                    let (code, message) = (status.code(), status.message());
                    tracing::warn!(%code, message, waiting = inbox.group.len(), "refusals are kept");
                    backoff.pause(&*self.clock).await;
                    // Those that came meanwhile go with the same group.
                    inbox.gather();
                }
            }
        }
    }

    /// Sends a group and empties it; leaves in it what is to be sent again. Sending
    /// one twice journals it once, by its id.
    async fn send(&mut self, group: &mut Vec<Pending>) -> Result<(), Status> {
        let records = group.iter().map(|pending| pending.record.clone()).collect();
        match self.call(records).await {
            Err(status) if status.code() == Code::InvalidArgument => {
                self.send_one_by_one(group).await
            }
            Err(status) => Err(status),
            Ok(()) => {
                group.drain(..).for_each(confirm);
                Ok(())
            }
        }
    }

    /// One record that access-control will never take must not hold up the others.
    async fn send_one_by_one(&mut self, group: &mut Vec<Pending>) -> Result<(), Status> {
        while let Some(pending) = group.last() {
            match self.call(vec![pending.record.clone()]).await {
                Err(status) if status.code() == Code::InvalidArgument => {
                    self.unjournaled.add(1, &[]);
                    tracing::error!(record = ?pending.record, "refusal is not taken into the journal");
                    group.pop();
                }
                Err(status) => return Err(status),
                Ok(()) => group.pop().into_iter().for_each(confirm),
            }
        }
        Ok(())
    }

    async fn call(&mut self, refusals: Vec<RefusalRecord>) -> Result<(), Status> {
        let call = self
            .client
            .record_refusals(RecordRefusalsRequest { refusals });
        match within(&*self.clock, PATIENCE, call).await {
            Some(answer) => answer.map(drop),
            None => Err(Status::deadline_exceeded("no answer")),
        }
    }
}

/// Lets be seen how many wait; returns what counts those that nobody will journal.
fn measure(queue: &mpsc::Sender<Pending>) -> Counter<u64> {
    let meter = meter();
    // Weak, for the job ends when nobody can be refused any more.
    let queue = queue.downgrade();
    REFUSALS_WAITING.observe(&meter, Vec::new(), move || {
        let queue = queue.upgrade()?;
        Some((queue.max_capacity() - queue.capacity()) as f64)
    });
    let unjournaled = REFUSALS_UNJOURNALED.counter(&meter);
    // There from the start, so that the first one is seen to come.
    unjournaled.add(0, &[]);
    unjournaled
}

/// Whoever waited may be gone: the record is durable all the same.
fn confirm(pending: Pending) {
    if let Some(durable) = pending.durable {
        let _ = durable.send(());
    }
}

/// Counts what must not go unnoticed, and says so each time the number has doubled,
/// so that a flood of it is no flood of logs.
struct Count {
    what: &'static str,
    number: AtomicU64,
}

impl Count {
    const fn new(what: &'static str) -> Self {
        Self {
            what,
            number: AtomicU64::new(0),
        }
    }

    fn add(&self) {
        let number = self.number.fetch_add(1, Ordering::Relaxed) + 1;
        if number.is_power_of_two() {
            tracing::warn!(number, "{}", self.what);
        }
    }
}
