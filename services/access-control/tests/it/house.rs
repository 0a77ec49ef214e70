//! A service on a database of its own, a clock to turn, and callers with the
//! rules a test gives them.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use aws_lc_rs::rand::SystemRandom;
use base64::{Engine, engine::general_purpose::STANDARD, engine::general_purpose::STANDARD_NO_PAD};
use http::{HeaderValue, Request, Response};
use jiff::Timestamp;
use kefu_access::{
    AccessContext, ClassSet, ContextSigner, ContextVerifier, Rule, Scope, Subject, SubjectKind,
    Trust,
};
use kefu_access_control::{
    MIGRATOR, NAME, Peers, SCHEMA, build,
    config::{AccessControlConfig, WebhooksConfig},
    seed::{self, Company, Seeded},
};
use kefu_contracts::{
    access::{
        alert_service_client::AlertServiceClient, borrowing_service_client::BorrowingServiceClient,
        delegation_service_client::DelegationServiceClient,
        device_service_client::DeviceServiceClient, explain_service_client::ExplainServiceClient,
        export_service_client::ExportServiceClient, history_service_client::HistoryServiceClient,
        incident_service_client::IncidentServiceClient,
        organisation_service_client::OrganisationServiceClient,
        refusal_service_client::RefusalServiceClient, role_service_client::RoleServiceClient,
        share_service_client::ShareServiceClient, snapshot_service_client::SnapshotServiceClient,
        staff_service_client::StaffServiceClient, training_service_client::TrainingServiceClient,
        webhook_service_client::WebhookServiceClient,
    },
    journal::EntryKind,
    method,
    policy::Purpose,
};
use kefu_journal::{Cursor, Recorded};
use kefu_postgres::{name_for_test, shared_for_tests};
use kefu_service::{
    call::CONTEXT,
    clock::{Clock, ManualClock},
    config::{DatabaseConfig, Secret},
    core::Deps,
    database::Db,
    host::{Hosted, Job},
    ids::{Ids, system_randomness},
    peer::{Identity, Late, PeerService, Way},
    server::GrpcService,
};
use kefu_vault::{LocalKeyProvider, Vault};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, postgres::PgConnectOptions};
use tokio_util::sync::CancellationToken;
use tonic::{Status, body::Body};
use tonic_types::StatusExt;
use tower::{Service, ServiceExt};
use uuid::Uuid;

use crate::{keys::Keys, records::Records};

/// When the register was seeded.
pub(crate) const SEEDED: &str = "2026-03-02T08:00:00Z";

/// A running service.
pub(crate) struct House {
    pub(crate) clock: ManualClock,
    pub(crate) ids: Ids,
    pub(crate) db: Db,
    pub(crate) seeded: Seeded,
    deps: Deps,
    signer: Arc<ContextSigner>,
    service: GrpcService,
    jobs: CancellationToken,
    /// The records of the services that own them.
    pub(crate) records: Records,
    /// Who holds the key-encryption key.
    pub(crate) keys: Keys,
    database: PgConnectOptions,
}

/// Looks until there is something, which has to be within a bound.
pub(crate) async fn eventually<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..20_000 {
        if let Some(found) = look().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("not in time");
}

impl House {
    /// With the shipped roles and the example company.
    pub(crate) async fn new() -> Self {
        let mut house = Self::empty().await;
        let company = Company::from_toml(seed::EXAMPLE_COMPANY).unwrap();
        house.seeded = seed::seed(&house.db, &house.clock, &house.ids, &company)
            .await
            .unwrap();
        house.clock.advance(Duration::from_secs(1));
        house
    }

    /// With the tables alone.
    pub(crate) async fn empty() -> Self {
        let cluster = shared_for_tests().await.unwrap();
        let server = cluster.admin_options();
        let (name, database) = fresh_database(&server).await;
        let url = cluster.url(&name);
        let clock = ManualClock::at(SEEDED.parse().unwrap());
        let ids = Ids::new(Arc::new(clock.clone()), system_randomness());
        let db = Db::new(&database_config(&url), SCHEMA).unwrap();
        let signer = Arc::new(ContextSigner::generate(&SystemRandom::new()).0);
        let trust = [Trust::Gateway, Trust::Service].map(|trust| (trust, signer.public_key()));
        let keys = keys("k");
        let deps = Deps {
            clock: Arc::new(clock.clone()),
            ids: ids.clone(),
            db: db.clone(),
            vault: vault(&keys),
            verifier: Arc::new(ContextVerifier::new(trust)),
            signer: signer.clone(),
            connectors: Way::Plaintext,
            default_deadline: Duration::from_secs(10),
            max_deadline: Duration::from_secs(60),
        };
        let jobs = CancellationToken::new();
        let records = Records::default();
        let service = start(
            quick(AccessControlConfig::default()),
            &deps,
            &jobs,
            &records,
        );
        Self {
            clock,
            ids,
            db,
            seeded: Seeded::default(),
            deps,
            signer,
            service,
            jobs,
            records,
            keys,
            database,
        }
    }

    /// Another replica on the same database, whose heartbeat is too slow to find
    /// anything.
    pub(crate) fn replica(&self) -> GrpcService {
        let config = AccessControlConfig {
            heartbeat_ms: 60_000,
            ..quick(AccessControlConfig::default())
        };
        start(config, &self.deps, &self.jobs, &self.records)
    }

    /// Another replica, which has no key to read records in a receiver's name with.
    pub(crate) fn without_webhooks(&self) -> GrpcService {
        let config = AccessControlConfig {
            webhooks: WebhooksConfig::default(),
            ..quick(AccessControlConfig::default())
        };
        start(config, &self.deps, &self.jobs, &self.records)
    }

    /// Another replica, which wraps keys under `k2`; the house does under `k`.
    pub(crate) fn with_another_key(&self) -> GrpcService {
        let deps = Deps {
            vault: vault(&keys("k2")),
            ..self.deps.clone()
        };
        let config = quick(AccessControlConfig::default());
        start(config, &deps, &self.jobs, &self.records)
    }

    /// The id of somebody of the example company.
    pub(crate) fn id(&self, login: &str) -> Uuid {
        self.seeded.employees[login]
    }

    /// `employees/…` of somebody of the example company.
    pub(crate) fn employee(&self, login: &str) -> String {
        format!("employees/{}", self.id(login))
    }

    /// `departments/…` of the example company.
    pub(crate) fn department(&self, code: &str) -> String {
        format!("departments/{}", self.seeded.departments[code])
    }

    /// A caller to whom everything is open.
    pub(crate) fn administrator(&self) -> Caller {
        self.caller(
            self.seeded
                .employees
                .get("han.bing")
                .copied()
                .unwrap_or(Uuid::from_u128(1)),
            Scope::All,
        )
    }

    /// Somebody of the example company, let through where every employee is.
    pub(crate) fn person(&self, login: &str) -> Caller {
        let id = self.id(login);
        self.caller(id, Scope::union([Scope::Owner(id), Scope::Duty(id)]))
    }

    /// A caller let through on the rows of one scope.
    pub(crate) fn caller(&self, subject: Uuid, scope: Scope) -> Caller {
        let (service, signer, clock) = (
            self.service.clone(),
            self.signer.clone(),
            self.clock.clone(),
        );
        Caller {
            service,
            signer,
            clock,
            subject,
            scope,
        }
    }

    /// A gateway's calls to a replica.
    pub(crate) fn peer(&self, service: GrpcService) -> PeerService {
        Identity::new("gateway", self.signer.clone(), Arc::new(self.clock.clone())).calling(service)
    }

    pub(crate) fn snapshots(&self) -> SnapshotServiceClient<PeerService> {
        SnapshotServiceClient::new(self.peer(self.service.clone()))
    }

    pub(crate) fn refusals(&self) -> RefusalServiceClient<PeerService> {
        RefusalServiceClient::new(self.peer(self.service.clone()))
    }

    /// A connection as superuser, for looking at rows.
    pub(crate) async fn sql(&self) -> PgConnection {
        PgConnection::connect_with(&self.database).await.unwrap()
    }

    /// The journal's entries of a kind, once there are so many.
    pub(crate) async fn journal(&self, kind: EntryKind, at_least: usize) -> Vec<Recorded> {
        let enough = |entries: Vec<Recorded>| (entries.len() >= at_least).then_some(entries);
        self.journaled(kind, enough).await
    }

    /// What the journal's entries of a kind tell, once they do: not before all that are there now
    /// are read, as readers stay below the oldest transaction of the whole server, other tests'
    /// among them.
    pub(crate) async fn journaled<T>(
        &self,
        kind: EntryKind,
        tell: impl Fn(Vec<Recorded>) -> Option<T>,
    ) -> T {
        let mut sql = self.sql().await;
        let there = sqlx::query_scalar("SELECT count(*) FROM journal WHERE kind = $1");
        let there = there.bind(kind as i16).fetch_one(&mut sql).await;
        let there: i64 = there.unwrap();
        eventually(async || {
            let batch = kefu_journal::read(&mut sql, Cursor::START, &[kind], 1000)
                .await
                .unwrap();
            let all = batch.entries.len() as i64 >= there;
            all.then_some(batch.entries).and_then(&tell)
        })
        .await
    }

    /// One number from the database.
    pub(crate) async fn count(&self, query: &str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(query.to_owned()))
            .fetch_one(&mut self.sql().await)
            .await
            .unwrap()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.jobs.cancel();
        self.db.close();
    }
}

/// Two key-encryption keys, of which this one is current.
fn keys(current: &str) -> Keys {
    let [first, second, index] =
        [[7; 32], [9; 32], [8; 32]].map(|key: [u8; 32]| STANDARD.encode(key));
    let text =
        format!("current = {current}\nkek.k = {first}\nkek.k2 = {second}\nindex = {index}\n");
    Keys::of(LocalKeyProvider::from_text(&text).unwrap())
}

fn vault(keys: &Keys) -> Arc<Vault> {
    let keys = Arc::new(keys.clone());
    Arc::new(Vault::new(keys, Arc::new(SystemRandom::new())))
}

/// Passphrases that cost nothing to try, and looks as soon as time goes on.
fn quick(config: AccessControlConfig) -> AccessControlConfig {
    AccessControlConfig {
        passphrase_work_factor: 4,
        trainings_ms: 10,
        webhooks: WebhooksConfig {
            signing_key: Some(Secret::new(
                STANDARD.encode(ContextSigner::generate(&SystemRandom::new()).1),
            )),
            poll_ms: 10,
            timeout_ms: 200,
            ..WebhooksConfig::default()
        },
        ..config
    }
}

fn start(
    config: AccessControlConfig,
    deps: &Deps,
    stop: &CancellationToken,
    records: &Records,
) -> GrpcService {
    let peers = Peers {
        customer_profile: records.of("customers"),
        ticket: records.of("tickets"),
        order_followup: records.of("orders"),
        analytics: Late::default().service(),
    };
    let Hosted {
        name,
        service,
        jobs,
        ..
    } = build(config, deps.clone(), peers).unwrap();
    assert_eq!(name, NAME);
    for Job { run, .. } in jobs {
        tokio::spawn(run(stop.clone()));
    }
    service
}

async fn fresh_database(server: &PgConnectOptions) -> (String, PgConnectOptions) {
    let mut admin = PgConnection::connect_with(server).await.unwrap();
    let name = name_for_test(&mut admin).await.unwrap();
    admin
        .execute(AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .await
        .unwrap();
    let options = server
        .clone()
        .database(&name)
        .options([("search_path", SCHEMA)]);
    let mut connection = PgConnection::connect_with(&options).await.unwrap();
    connection
        .execute(AssertSqlSafe(format!("CREATE SCHEMA {SCHEMA}")))
        .await
        .unwrap();
    MIGRATOR.run(&mut connection).await.unwrap();
    (name, options)
}

fn database_config(url: &str) -> DatabaseConfig {
    toml::from_str(&format!(
        "url = '{url}'\nmax_connections = 8\nstatement_timeout_ms = 5000\nacquire_timeout_ms = 5000\n\
         idle_in_transaction_timeout_ms = 10000\n"
    ))
    .unwrap()
}

/// Somebody who calls with a context of a gateway.
#[derive(Clone)]
pub(crate) struct Caller {
    service: GrpcService,
    signer: Arc<ContextSigner>,
    clock: ManualClock,
    pub(crate) subject: Uuid,
    scope: Scope,
}

impl Caller {
    pub(crate) fn organisation(&self) -> OrganisationServiceClient<Self> {
        OrganisationServiceClient::new(self.clone())
    }

    pub(crate) fn delegations(&self) -> DelegationServiceClient<Self> {
        DelegationServiceClient::new(self.clone())
    }

    pub(crate) fn devices(&self) -> DeviceServiceClient<Self> {
        DeviceServiceClient::new(self.clone())
    }

    pub(crate) fn history(&self) -> HistoryServiceClient<Self> {
        HistoryServiceClient::new(self.clone())
    }

    pub(crate) fn staff(&self) -> StaffServiceClient<Self> {
        StaffServiceClient::new(self.clone())
    }

    pub(crate) fn training(&self) -> TrainingServiceClient<Self> {
        TrainingServiceClient::new(self.clone())
    }

    pub(crate) fn webhooks(&self) -> WebhookServiceClient<Self> {
        WebhookServiceClient::new(self.clone())
    }

    /// The same at a replica.
    pub(crate) fn at(&self, service: GrpcService) -> Self {
        Self {
            service,
            ..self.clone()
        }
    }

    pub(crate) fn roles(&self) -> RoleServiceClient<Self> {
        RoleServiceClient::new(self.clone())
    }

    pub(crate) fn exports(&self) -> ExportServiceClient<Self> {
        ExportServiceClient::new(self.clone())
    }

    pub(crate) fn shares(&self) -> ShareServiceClient<Self> {
        ShareServiceClient::new(self.clone())
    }

    pub(crate) fn explaining(&self) -> ExplainServiceClient<Self> {
        ExplainServiceClient::new(self.clone())
    }

    pub(crate) fn alerts(&self) -> AlertServiceClient<Self> {
        AlertServiceClient::new(self.clone())
    }

    pub(crate) fn incidents(&self) -> IncidentServiceClient<Self> {
        IncidentServiceClient::new(self.clone())
    }

    pub(crate) fn borrowings(&self) -> BorrowingServiceClient<Self> {
        BorrowingServiceClient::new(self.clone())
    }

    fn context(&self, path: &str) -> HeaderValue {
        let now: Timestamp = self.clock.now();
        let context = AccessContext {
            subject: Subject {
                id: self.subject,
                kind: SubjectKind::Employee,
                departments: Vec::new(),
            },
            permission: method(path).unwrap().permission.to_owned(),
            purpose: Purpose::Administration,
            rules: vec![Rule {
                scope: self.scope.clone(),
                classes: ClassSet::NONE,
                source: "role:test#rule".to_owned(),
                expires_at: None,
            }],
            policy_revision: 7,
            issued_at: now,
            expires_at: now + Duration::from_secs(30),
        };
        HeaderValue::from_str(&STANDARD_NO_PAD.encode(self.signer.sign(&context))).unwrap()
    }
}

impl Service<Request<Body>> for Caller {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let context = self.context(request.uri().path());
        request.headers_mut().insert(CONTEXT, context);
        Box::pin(self.service.clone().oneshot(request))
    }
}

/// `NOT_FOUND_OR_OUT_OF_SCOPE`
pub(crate) fn reason(status: &Status) -> String {
    status
        .get_error_details()
        .error_info()
        .unwrap_or_else(|| panic!("{status:?}"))
        .reason
        .clone()
}

/// What the fault says besides its reason.
pub(crate) fn said(status: &Status, key: &str) -> String {
    status.get_error_details().error_info().unwrap().metadata[key].clone()
}

/// `employee.login IMMUTABLE`, each violation, in order.
pub(crate) fn violations(status: &Status) -> Vec<String> {
    assert_eq!(reason(status), "INVALID_FIELDS", "{status:?}");
    let details = status.get_error_details();
    let violations = &details.bad_request().unwrap().field_violations;
    violations
        .iter()
        .map(|one| format!("{} {}", one.field, one.reason))
        .collect()
}

/// The place in the journal that a write tells.
pub(crate) fn position<T>(response: &tonic::Response<T>) -> String {
    response
        .metadata()
        .get("kefu-position")
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned()
}
