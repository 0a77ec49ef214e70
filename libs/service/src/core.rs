//! What the handlers of a service share.

use std::{borrow::Cow, sync::Arc, time::Duration};

use kefu_access::{ContextSigner, ContextVerifier};
use kefu_contracts::journal::EntryKind;
use kefu_journal::ViewWriter;
use kefu_vault::Vault;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use crate::{
    clock::Clock,
    consumer::{Consumer, Effect},
    database::Db,
    feed::Feed,
    held_back,
    host::{Hosted, Job},
    ids::Ids,
    peer::{Identity, Way},
    position::Progress,
    present::Views,
    server::GrpcService,
    stack::Stack,
    telemetry::{instruments::VIEWS_WAITING, meter},
};

/// What a service is given from outside.
#[derive(Clone)]
pub struct Deps {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes ids.
    pub ids: Ids,
    /// The service's own database.
    pub db: Db,
    /// Seals and opens.
    pub vault: Arc<Vault>,
    /// Who may vouch for a call.
    pub verifier: Arc<ContextVerifier>,
    /// Vouches for calls of the service itself.
    pub signer: Arc<ContextSigner>,
    /// How the company's connectors are reached.
    pub connectors: Way,
    /// Bound of a call that brings none.
    pub default_deadline: Duration,
    /// Bound of any call.
    pub max_deadline: Duration,
}

/// What the handlers of a service share. Cheap to clone.
#[derive(Clone)]
pub struct Core {
    /// What it was given.
    pub deps: Deps,
    /// Journals what is shown.
    pub views: Views,
    /// How far it has read the journals it follows.
    pub progress: Progress,
    /// The service as its peers know it.
    pub identity: Identity,
    /// Cancelled when it is about to end.
    pub ending: CancellationToken,
    name: &'static str,
}

impl Core {
    /// The core of the service of this name, which follows these journals. Views
    /// are written by a task that ends with the last who could write one.
    pub fn new(name: &'static str, deps: Deps, follows: &[&'static str]) -> Self {
        let (writer, work) = ViewWriter::new(Arc::new(deps.db.clone()));
        let line = writer.line();
        VIEWS_WAITING.observe(&meter(), Vec::new(), move || Some(line()? as f64));
        tokio::spawn(work);
        let identity = Identity::new(name, deps.signer.clone(), deps.clock.clone());
        Self {
            views: Views::new(writer),
            progress: Progress::of(follows),
            identity,
            ending: CancellationToken::new(),
            name,
            deps,
        }
    }

    /// The job that follows what changes in a peer's journal.
    pub fn follow(&self, source: &'static str, peer: GrpcService, effect: Arc<dyn Effect>) -> Job {
        self.follow_kinds(source, peer, vec![EntryKind::Change], effect)
    }

    /// The job that follows a whole journal: changes, views and refusals.
    pub fn collect(&self, source: &'static str, peer: GrpcService, effect: Arc<dyn Effect>) -> Job {
        self.follow_kinds(source, peer, Vec::new(), effect)
    }

    fn follow_kinds(
        &self,
        source: &'static str,
        peer: GrpcService,
        kinds: Vec<EntryKind>,
        effect: Arc<dyn Effect>,
    ) -> Job {
        self.consumer(source, source.into(), peer, kinds, effect)
            .job()
    }

    /// What reads a whole journal of a peer under a place of its own, beside the job that follows
    /// it: calls that wait for the journal do not wait for this one.
    pub fn consumer_apart(
        &self,
        source: &'static str,
        place: Cow<'static, str>,
        peer: GrpcService,
        effect: Arc<dyn Effect>,
    ) -> Consumer {
        Consumer {
            progress: Progress::default(),
            ..self.consumer(source, place, peer, Vec::new(), effect)
        }
    }

    fn consumer(
        &self,
        source: &'static str,
        place: Cow<'static, str>,
        peer: GrpcService,
        kinds: Vec<EntryKind>,
        effect: Arc<dyn Effect>,
    ) -> Consumer {
        Consumer {
            source,
            place,
            peer: self.identity.calling(peer),
            db: self.deps.db.clone(),
            kinds,
            effect,
            progress: self.progress.clone(),
            clock: self.deps.clock.clone(),
        }
    }

    /// The service with its stack, its journal feed and its jobs.
    pub fn host(&self, routes: Routes, mut jobs: Vec<Job>) -> Hosted {
        jobs.push(held_back::job(&self.deps));
        let feed = Feed::server(
            self.deps.db.clone(),
            self.deps.clock.clone(),
            self.ending.clone(),
        );
        let routes = routes.add_service(feed);
        let stack = Stack {
            service: self.name,
            verifier: self.deps.verifier.clone(),
            clock: self.deps.clock.clone(),
            ids: self.deps.ids.clone(),
            progress: self.progress.clone(),
            default_deadline: self.deps.default_deadline,
            max_deadline: self.deps.max_deadline,
        };
        Hosted {
            ready: None,
            name: self.name,
            service: stack.around(routes),
            jobs,
            ending: self.ending.clone(),
        }
    }
}
