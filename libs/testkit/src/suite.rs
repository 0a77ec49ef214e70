//! The whole suite in the test's process.

use std::{sync::Arc, time::Duration};

use kefu::{
    dev::{Keys, parts},
    suite::{Databases, Parts},
};
use kefu_access_control::{
    domain::company::Company,
    seed::{employee_id, seed},
};
use kefu_contracts::access::{
    ListDepartmentsRequest, organisation_service_client::OrganisationServiceClient,
};
use kefu_gateway::GatewayConfig;
use kefu_service::{
    clock::Clock,
    host::{Hosted, Running, start_jobs},
    ids::{Ids, system_randomness},
    server::GrpcService,
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::{Caller, TestDatabase, TurnableClock, apart::AccessControl, eventually};

/// The example company of `kefu dev`.
pub const COMPANY: &str = include_str!("../../../services/access-control/example_company.toml");

/// A call that waits for a journal waits for whoever writes to the whole cluster: other tests
/// restore backups meanwhile.
const DEADLINE_MS: u64 = 30_000;

/// A suite with the example company, and nothing else in it.
pub struct TestSuite {
    /// Its time.
    pub clock: TurnableClock,
    /// Its database.
    pub database: TestDatabase,
    /// Its keys.
    pub keys: Keys,
    /// Its door.
    pub gateway: GrpcService,
    services: Vec<(&'static str, GrpcService)>,
    endings: Vec<(&'static str, CancellationToken)>,
    access_control: Option<AccessControl>,
    /// Where ticket keeps what lies in no database.
    pub objects: TempDir,
    _running: Running,
    ending: CancellationToken,
}

/// What an instance is put together from.
fn configured(
    keys: &Keys,
    databases: Databases,
    clock: &TurnableClock,
    ids: Ids,
    objects: &TempDir,
) -> Parts {
    let mut parts = parts(keys, databases, Arc::new(clock.clone()), ids).unwrap();
    parts.ticket.attachments.folder = objects.path().to_owned();
    parts.gateway.default_deadline_ms = DEADLINE_MS;
    parts
}

impl TestSuite {
    /// A suite that is ready to be called.
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// A suite whose gateway has other rules.
    pub async fn with(change: impl FnOnce(&mut GatewayConfig)) -> Self {
        Self::put_together(|parts| change(&mut parts.gateway), false).await
    }

    /// A suite of which any service has other rules.
    pub async fn with_parts(change: impl FnOnce(&mut Parts)) -> Self {
        Self::put_together(change, false).await
    }

    /// The same, with access-control in a server of its own, reached over a socket: it
    /// can be stopped and started.
    pub async fn with_access_control_apart(change: impl FnOnce(&mut GatewayConfig)) -> Self {
        Self::put_together(|parts| change(&mut parts.gateway), true).await
    }

    /// A suite over what is in a database already, with the keys that belong to it.
    pub async fn over(database: TestDatabase, keys: Keys, clock: TurnableClock) -> Self {
        Self::run(database, keys, clock, |_| {}, false).await
    }

    async fn put_together(change: impl FnOnce(&mut Parts), apart: bool) -> Self {
        let database = TestDatabase::create().await.unwrap();
        let keys = Keys::make().unwrap();
        Self::run(database, keys, TurnableClock::default(), change, apart).await
    }

    async fn run(
        database: TestDatabase,
        keys: Keys,
        clock: TurnableClock,
        change: impl FnOnce(&mut Parts),
        apart: bool,
    ) -> Self {
        let databases = database.open().unwrap();
        let ids = Ids::new(Arc::new(clock.clone()), system_randomness());
        let company = Company::from_toml(COMPANY).unwrap();
        seed(&databases.access_control, &clock, &ids, &company)
            .await
            .unwrap();
        let objects = tempfile::tempdir().unwrap();
        let mut parts = configured(&keys, databases, &clock, ids, &objects);
        change(&mut parts);
        let mut access_control = if apart {
            Some(AccessControl::beside(&mut parts).await)
        } else {
            None
        };
        let suite = parts.assemble().unwrap();
        let ending = CancellationToken::new();
        let services: Vec<_> = suite
            .services
            .iter()
            .map(|one| (one.name, one.service.clone()))
            .collect();
        let all = suite.services.iter().chain([&suite.gateway]);
        let endings = all.map(|one| (one.name, one.ending.clone())).collect();
        if let Some(access_control) = &mut access_control {
            access_control.start(&services).await;
        }
        let gateway = suite.gateway.service.clone();
        let all: Vec<Hosted> = suite.services.into_iter().chain([suite.gateway]).collect();
        let jobs = all.into_iter().flat_map(|one| one.jobs).collect();
        let running = start_jobs(jobs, ending.clone());
        let suite = Self {
            clock,
            database,
            keys,
            gateway,
            services,
            endings,
            access_control,
            objects,
            _running: running,
            ending,
        };
        suite.policy_is_fresh().await;
        suite
    }

    /// Takes access-control away, where it runs apart: its connections are cut, its jobs end.
    pub async fn stop_access_control(&mut self) {
        self.access_control.as_mut().unwrap().stop().await;
    }

    /// Another access-control at the same address, which knows what the database knows.
    pub async fn start_access_control(&mut self) {
        let access_control = self.access_control.as_mut().unwrap();
        access_control.start(&self.services).await;
    }

    /// Somebody of the company, for the usual purpose of serving a customer.
    pub fn caller(&self, login: &str) -> Caller {
        self.caller_for(login, "service")
    }

    /// Somebody of the company, for a purpose.
    pub fn caller_for(&self, login: &str, purpose: &str) -> Caller {
        Caller::new(self.gateway.clone(), &self.token(login), purpose)
    }

    /// A bearer of this token.
    pub fn bearer(&self, token: &str) -> Caller {
        Caller::new(self.gateway.clone(), token, "service")
    }

    /// A token of somebody of the company, good for an hour.
    pub fn token(&self, login: &str) -> String {
        let issuer = self.keys.issuer().unwrap();
        issuer
            .issue(
                employee_id(login),
                self.clock.now(),
                Duration::from_secs(3600),
            )
            .unwrap()
    }

    /// A service behind the gateway.
    pub fn service(&self, name: &str) -> GrpcService {
        self.services
            .iter()
            .find(|(known, _)| *known == name)
            .unwrap()
            .1
            .clone()
    }

    /// A service, or the gateway, says that it is about to end.
    pub fn end(&self, name: &str) {
        let found = self.endings.iter().find(|(known, _)| *known == name);
        found.unwrap().1.cancel();
    }

    /// Waits until the gateway has heard of the policy by the time that it is now: it lets
    /// nobody through before it has, nor once the clock was turned far.
    pub async fn policy_is_fresh(&self) {
        let mut client = OrganisationServiceClient::new(self.caller("dong.jie"));
        eventually(async || {
            client
                .list_departments(ListDepartmentsRequest {})
                .await
                .ok()
        })
        .await;
    }
}

/// Another instance of every service over the same database, behind a gateway of its own; its
/// jobs run until it is dropped.
pub struct Twin {
    gateway: GrpcService,
    _running: Running,
    ending: CancellationToken,
}

impl TestSuite {
    /// Somebody of the company at the gateway of the other instances, for the usual purpose.
    pub fn caller_at(&self, twin: &Twin, login: &str) -> Caller {
        Caller::new(twin.gateway.clone(), &self.token(login), "service")
    }

    /// Starts another instance of every service beside those of the suite.
    pub fn twin(&self) -> Twin {
        let databases = self.database.open().unwrap();
        let ids = Ids::new(Arc::new(self.clock.clone()), system_randomness());
        let parts = configured(&self.keys, databases, &self.clock, ids, &self.objects);
        let suite = parts.assemble().unwrap();
        let ending = CancellationToken::new();
        let gateway = suite.gateway.service.clone();
        let all = suite.services.into_iter().chain([suite.gateway]);
        let jobs = all.flat_map(|one| one.jobs).collect();
        Twin {
            gateway,
            _running: start_jobs(jobs, ending.clone()),
            ending,
        }
    }
}

impl Drop for Twin {
    fn drop(&mut self) {
        self.ending.cancel();
    }
}

impl Drop for TestSuite {
    fn drop(&mut self) {
        self.ending.cancel();
    }
}
