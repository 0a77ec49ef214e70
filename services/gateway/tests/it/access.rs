//! Stands in for access-control: streams a policy, takes refusals.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use kefu_contracts::access::{
    RecordRefusalsRequest, RecordRefusalsResponse, RefusalRecord, WatchSnapshotRequest,
    WatchSnapshotResponse,
    refusal_service_server::{RefusalService, RefusalServiceServer},
    snapshot_service_server::{SnapshotService, SnapshotServiceServer},
};
use kefu_service::{call::CONTEXT, server::GrpcService};
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::{Stream, StreamExt, wrappers::UnboundedReceiverStream};
use tonic::{Request, Response, Status, service::Routes};
use tower::util::BoxCloneSyncService;

use crate::policy;

pub(crate) struct Access {
    pub(crate) full: Mutex<WatchSnapshotResponse>,
    watchers: Mutex<Vec<mpsc::UnboundedSender<WatchSnapshotResponse>>>,
    /// Streams begun.
    pub(crate) watched: AtomicUsize,
    pub(crate) streams: AtomicBool,
    pub(crate) journals: AtomicBool,
    /// Closed: refusals arrive and are not answered.
    pub(crate) gate: Semaphore,
    /// Refuses records of this method for good.
    pub(crate) dislikes: Mutex<Option<String>>,
    journal: Mutex<Vec<RefusalRecord>>,
}

#[derive(Clone)]
struct Serving(Arc<Access>);

impl Access {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            full: Mutex::new(policy::full()),
            watchers: Mutex::default(),
            watched: AtomicUsize::new(0),
            streams: AtomicBool::new(true),
            journals: AtomicBool::new(true),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
            dislikes: Mutex::default(),
            journal: Mutex::default(),
        })
    }

    pub(crate) fn service(self: &Arc<Self>) -> GrpcService {
        let serving = Serving(self.clone());
        let routes = Routes::new(SnapshotServiceServer::new(serving.clone()))
            .add_service(RefusalServiceServer::new(serving));
        BoxCloneSyncService::new(routes.prepare())
    }

    /// Sends a message to whoever watches.
    pub(crate) fn send(&self, message: WatchSnapshotResponse) {
        self.watchers
            .lock()
            .unwrap()
            .retain(|watcher| watcher.send(message.clone()).is_ok());
    }

    pub(crate) fn heartbeat(&self, revision: i64) {
        self.send(WatchSnapshotResponse {
            revision,
            ..Default::default()
        });
    }

    /// Breaks the streams and takes no new ones.
    pub(crate) fn stop_streams(&self) {
        self.streams.store(false, Ordering::SeqCst);
        self.watchers.lock().unwrap().clear();
    }

    /// What was journaled, each id once, as the real one does.
    pub(crate) fn journaled(&self) -> Vec<RefusalRecord> {
        let mut once: Vec<RefusalRecord> = Vec::new();
        for record in self.journal.lock().unwrap().iter() {
            if once.iter().all(|known| known.id != record.id) {
                once.push(record.clone());
            }
        }
        once
    }
}

#[tonic::async_trait]
impl SnapshotService for Serving {
    type WatchSnapshotStream =
        Pin<Box<dyn Stream<Item = Result<WatchSnapshotResponse, Status>> + Send>>;

    async fn watch_snapshot(
        &self,
        request: Request<WatchSnapshotRequest>,
    ) -> Result<Response<Self::WatchSnapshotStream>, Status> {
        assert!(
            request.metadata().get_bin(CONTEXT).is_some(),
            "called in the gateway's name"
        );
        if !self.0.streams.load(Ordering::SeqCst) {
            return Err(Status::unavailable("gone"));
        }
        self.0.watched.fetch_add(1, Ordering::SeqCst);
        let (watcher, stream) = mpsc::unbounded_channel();
        watcher.send(self.0.full.lock().unwrap().clone()).unwrap();
        self.0.watchers.lock().unwrap().push(watcher);
        Ok(Response::new(Box::pin(
            UnboundedReceiverStream::new(stream).map(Ok),
        )))
    }
}

#[tonic::async_trait]
impl RefusalService for Serving {
    async fn record_refusals(
        &self,
        request: Request<RecordRefusalsRequest>,
    ) -> Result<Response<RecordRefusalsResponse>, Status> {
        let access = &self.0;
        if !access.journals.load(Ordering::SeqCst) {
            return Err(Status::unavailable("gone"));
        }
        let refusals = request.into_inner().refusals;
        let disliked = access.dislikes.lock().unwrap().clone();
        if disliked.is_some_and(|method| refusals.iter().any(|refusal| refusal.method == method)) {
            return Err(Status::invalid_argument("not like that"));
        }
        let _open = access.gate.acquire().await.unwrap();
        access.journal.lock().unwrap().extend(refusals);
        Ok(Response::new(RecordRefusalsResponse {}))
    }
}
