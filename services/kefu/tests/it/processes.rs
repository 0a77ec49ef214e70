//! Every service as a process of its own, and calls through all of them.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use kefu::dev::Keys;
use kefu_access_control::seed::employee_id;
use kefu_contracts::{
    access::{ExplainRequest, ExplanationOutcome, explain_service_client::ExplainServiceClient},
    analytics::{QueryMetricRequest, metrics_service_client::MetricsServiceClient},
    common::Channel as ContactChannel,
    policy::Purpose,
    profile::{
        CreateCustomerRequest, Customer, CustomerType, Phone,
        customer_service_client::CustomerServiceClient,
    },
    ticket::{OpenTicketRequest, Ticket, TicketKind, ticket_service_client::TicketServiceClient},
};
use kefu_gateway::dev_issuer::{AUDIENCE, ISSUER};
use kefu_service::clock::{Clock, SystemClock};
use kefu_testkit::{TestDatabase, eventually};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use sqlx::{AssertSqlSafe, PgConnection};
use tempfile::TempDir;
use tonic::{
    Code, Request,
    transport::{Channel, Endpoint},
};

const FIRST_PORT: u16 = 12_000;
const PORTS: u16 = 20_000;

pub(crate) const SERVICES: [&str; 6] = [
    "access-control",
    "customer-profile",
    "ticket",
    "order-followup",
    "analytics",
    "gateway",
];

/// A process that does not outlive its test.
pub(crate) struct Process(pub(crate) Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A database with the example company, and the configuration of processes over it.
pub(crate) struct Site {
    pub(crate) database: TestDatabase,
    pub(crate) folder: TempDir,
    pub(crate) keys: Keys,
    /// Of the processes of each service, in the order of [`SERVICES`].
    ports: Vec<Vec<u16>>,
}

impl Site {
    /// With one process of each service.
    pub(crate) async fn prepare() -> Self {
        Self::of(1).await
    }

    /// With so many processes of each service.
    pub(crate) async fn of(each: usize) -> Self {
        let database = TestDatabase::create().await.unwrap();
        let keys = Keys::make().unwrap();
        let of_one = || (0..each).map(|_| free_port()).collect::<Vec<_>>();
        let ports: Vec<_> = SERVICES.iter().map(|_| of_one()).collect();
        let folder = tempfile::tempdir().unwrap();
        certificates(folder.path());
        let text = config(&database, &keys, &ports);
        fs::write(folder.path().join("kefu.toml"), text).unwrap();
        fs::write(folder.path().join("company.toml"), kefu_testkit::COMPANY).unwrap();
        let site = Self {
            database,
            folder,
            keys,
            ports,
        };
        let entered = site.command(&["company", "enter", "company.toml"]).output();
        let entered = entered.unwrap();
        assert!(entered.status.success(), "{entered:?}");
        let entered = String::from_utf8(entered.stdout).unwrap();
        let agent = format!("li.wei\t{}", employee_id("li.wei"));
        assert!(entered.lines().any(|line| line == agent), "{entered}");
        site
    }

    pub(crate) fn start(&self, service: &str) -> Process {
        self.start_nth(service, 0)
    }

    /// Where the nth process of a service is called.
    pub(crate) fn at(&self, service: &str, nth: usize) -> SocketAddr {
        let of = SERVICES.iter().position(|one| *one == service).unwrap();
        ([127, 0, 0, 1], self.ports[of][nth]).into()
    }

    pub(crate) fn start_nth(&self, service: &str, nth: usize) -> Process {
        let at = |name: String| self.folder.path().join(name);
        let mut command = self.command(&["serve", service]);
        let section = service.replace('-', "_").to_uppercase();
        command
            .env(
                format!("KEFU__{section}__SERVER__LISTEN"),
                self.at(service, nth).to_string(),
            )
            .env(
                "KEFU__TLS__SERVICES__CERTIFICATE_FILE",
                at(format!("{service}.crt")),
            )
            .env(
                "KEFU__TLS__SERVICES__KEY_FILE",
                at(format!("{service}.key")),
            )
            .env("KEFU__TLS__SERVICES__AUTHORITY_FILE", at("ca.crt".into()))
            .stdout(Stdio::null())
            .stderr(Stdio::inherit());
        Process(command.spawn().unwrap())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kefu"));
        command
            .args(arguments)
            .arg("--config")
            .arg(self.folder.path().join("kefu.toml"))
            .current_dir(self.folder.path())
            // Spans are sent at once.
            .env("OTEL_BSP_SCHEDULE_DELAY", "50")
            .stdin(Stdio::null());
        command
    }

    /// Changes the configuration of whatever is started from here on.
    pub(crate) fn configure(&self, from: &str, to: &str) {
        let path = self.folder.path().join("kefu.toml");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from}");
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
    }

    /// Sends this collector (`http://…`) the traces of whatever is started from here on.
    pub(crate) fn send_traces_to(&self, collector: &str) {
        let telemetry = format!("[telemetry]\notlp_endpoint = {collector:?}\n");
        self.configure("[telemetry]\n", &telemetry);
    }

    pub(crate) fn token(&self, login: &str) -> String {
        let issuer = self.keys.issuer().unwrap();
        let (who, now) = (employee_id(login), SystemClock.now());
        issuer.issue(who, now, Duration::from_secs(3600)).unwrap()
    }

    pub(crate) fn address(&self) -> String {
        format!("http://{}", self.at("gateway", 0))
    }

    pub(crate) fn gateway(&self) -> Channel {
        Endpoint::from_shared(self.address())
            .unwrap()
            .connect_lazy()
    }
}

/// One that nobody listens on, below those that systems take for outgoing connections: it is free
/// still when its process comes to it. Tests, which are processes, begin at places of their own.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let begin = std::process::id().wrapping_mul(67) as u16;
    let mut tried = (0..PORTS).map(|_| {
        let next = begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        FIRST_PORT + next % PORTS
    });
    tried
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port")
}

/// One for each service, of an authority that knows no others.
fn certificates(folder: &Path) {
    let authority = || {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    };
    let authority = authority();
    fs::write(folder.join("ca.crt"), authority.pem()).unwrap();
    for service in SERVICES {
        let names = [service.to_owned(), "localhost".to_owned()];
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(names).unwrap();
        let own = params.signed_by(&key, &authority).unwrap();
        fs::write(folder.join(format!("{service}.crt")), own.pem()).unwrap();
        fs::write(folder.join(format!("{service}.key")), key.serialize_pem()).unwrap();
    }
}

fn config(database: &TestDatabase, keys: &Keys, ports: &[Vec<u16>]) -> String {
    let (gateway, service) = keys.signing_keys();
    let public = |signer: kefu_access::ContextSigner| STANDARD.encode(signer.public_key());
    let mut text = format!(
        "environment = \"development\"\n\
         [tls.services]\ncallers = {SERVICES:?}\n\
         [telemetry]\nlog = \"warn\"\n\
         [trust]\ngateway_keys = [{:?}]\nservice_keys = [{:?}]\n\
         [identity]\nsigning_key = {service:?}\n\
         [vault]\nkey = {:?}\n\
         [gateway]\nsigning_key = {gateway:?}\n\
         [gateway.rules]\nallow_development_issuer = true\ndefault_deadline_ms = 30000\n\
         instances = {}\nissuer = {ISSUER:?}\naudience = {AUDIENCE:?}\njwks = {:?}\n",
        public(keys.gateway().unwrap()),
        public(keys.service().unwrap()),
        keys.vault_text(),
        ports[5].len(),
        keys.issuer().unwrap().jwks(),
    );
    let schemas = ["access", "profile", "ticket", "orders", "analytics"];
    for (at, service) in SERVICES.iter().enumerate() {
        let (section, port) = (service.replace('-', "_"), ports[at][0]);
        text += &format!("[{section}.server]\nlisten = \"127.0.0.1:{port}\"\n");
        if let Some(schema) = schemas.get(at) {
            let url = database.url_of(schema).unwrap();
            text += &format!("[{section}.database]\nurl = {url:?}\n");
            let all = ports[at].iter().map(|port| format!("127.0.0.1:{port}"));
            let all: Vec<_> = all.collect();
            text += &format!(
                "[upstream.{section}]\nuri = \"https://localhost:{port}\"\naddresses = {all:?}\n"
            );
        }
    }
    text
}

pub(crate) fn request<T>(body: T, token: &str, purpose: &'static str, place: &str) -> Request<T> {
    let mut request = Request::new(body);
    let metadata = request.metadata_mut();
    metadata.insert("authorization", format!("Bearer {token}").parse().unwrap());
    metadata.insert("kefu-purpose", purpose.parse().unwrap());
    if !place.is_empty() {
        metadata.insert("kefu-position", place.parse().unwrap());
    }
    request
}

pub(crate) fn place<T>(response: &tonic::Response<T>) -> String {
    response
        .metadata()
        .get("kefu-position")
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned()
}

/// A customer, entered once every process is there; waits for it with a bound.
pub(crate) async fn enter(channel: &Channel, token: &str) -> (String, String) {
    enter_nth(channel, token, 1).await
}

/// A file of its own for each number.
pub(crate) async fn enter_nth(channel: &Channel, token: &str, number: u128) -> (String, String) {
    let customer = Customer {
        r#type: CustomerType::Person as i32,
        display_name: "李四".into(),
        phones: vec![Phone {
            number: "13912345678".into(),
            ..Phone::default()
        }],
        ..Default::default()
    };
    let body = CreateCustomerRequest {
        customer: Some(customer),
        request_id: uuid::Uuid::from_u128(number).to_string(),
    };
    let (place, name) = eventually(async || {
        let mut client = CustomerServiceClient::new(channel.clone());
        let entering = client.create_customer(request(body.clone(), token, "service", ""));
        match entering.await {
            Ok(response) => Some((place(&response), response.into_inner().name)),
            Err(status) if status.code() == Code::Unavailable => None,
            Err(status) => panic!("{status:?}"),
        }
    })
    .await;
    (name, place)
}

#[tokio::test(flavor = "multi_thread")]
async fn six_processes_are_one_suite() {
    let site = Site::prepare().await;
    let mut processes: Vec<_> = SERVICES.iter().map(|service| site.start(service)).collect();
    let token = |login: &str| site.token(login);
    let channel = site.gateway();
    let agent = token("li.wei");
    let (customer, entered) = enter(&channel, &agent).await;

    // What a record says is told by the process that owns it.
    let question = ExplainRequest {
        permission: "profile.customers.get".into(),
        record: customer.clone(),
        purpose: Purpose::Service.into(),
        ..Default::default()
    };
    let explained = ExplainServiceClient::new(channel.clone())
        .explain(request(question, &agent, "service", &entered))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(explained.outcome(), ExplanationOutcome::Allowed);
    assert_eq!(explained.sources[0], "role:agent#own");

    // Through three processes and two journals: profile → ticket → analytics.
    let ticket = Ticket {
        customer,
        kind: TicketKind::Consultation as i32,
        channel: ContactChannel::Online as i32,
        subject: "发票".into(),
        ..Default::default()
    };
    let body = OpenTicketRequest {
        ticket: Some(ticket),
        request_id: "0190c5a8-0000-7000-8000-000000004710".into(),
    };
    // Neither is waited for when the suite starts.
    let mut tickets = TicketServiceClient::new(channel.clone());
    let opened = eventually(async || {
        let asked = request(body.clone(), &agent, "service", &entered);
        tickets.open_ticket(asked).await.ok()
    })
    .await;
    let at = place(&opened);
    let mut metrics = MetricsServiceClient::new(channel.clone());
    let query = QueryMetricRequest {
        metric: "tickets".into(),
        ..Default::default()
    };
    let counted = eventually(async || {
        let asked = request(query.clone(), &token("chen.guodong"), "analysis", &at);
        metrics.query_metric(asked).await.ok()
    })
    .await;
    assert_eq!(counted.into_inner().total.unwrap().count, 1);

    // A service that is gone is UNAVAILABLE, and back again without anything else restarting.
    processes.remove(4);
    let asked = || request(query.clone(), &token("chen.guodong"), "analysis", "");
    assert_eq!(
        metrics.query_metric(asked()).await.unwrap_err().code(),
        Code::Unavailable
    );
    processes.insert(4, site.start("analytics"));
    // Analytics is back.
    eventually(async || metrics.query_metric(asked()).await.ok().map(drop)).await;
}

/// Unknown keys and missing ones are told by name, and nothing starts.
#[test]
fn a_wrong_configuration_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kefu.toml");
    fs::write(
        &path,
        "[ticket.server]\nlisten = \"nonsense\"\n[nonsense]\na = 1\n",
    )
    .unwrap();
    let told = Command::new(env!("CARGO_BIN_EXE_kefu"))
        .args(["serve", "ticket", "--config"])
        .arg(&path)
        .output()
        .unwrap();
    assert!(!told.status.success());
    let text = String::from_utf8(told.stderr).unwrap();
    assert!(
        text.contains("ticket.server.listen") && text.contains("nonsense"),
        "{text}"
    );
}

/// Where a service stops in the middle of a transaction, until it is let go on.
pub(crate) struct Stop {
    held: PgConnection,
    look: PgConnection,
}

/// Names the lock that a stopped transaction waits for.
const STOP: i64 = 4710;

impl Stop {
    /// Everything is done but the entry of this type in the journal.
    pub(crate) async fn before(site: &Site, schema: &str, kind: &str) -> Self {
        let entry = format!("INSERT ON {schema}.journal FOR EACH ROW WHEN (NEW.type = '{kind}')");
        Self::at(site, schema, &entry).await
    }

    /// What a trigger may be before.
    pub(crate) async fn at(site: &Site, schema: &str, change: &str) -> Self {
        let mut held = site.database.connect().await.unwrap();
        let stop = format!(
            "CREATE FUNCTION {schema}.stop() RETURNS trigger LANGUAGE plpgsql AS
                 'BEGIN PERFORM pg_advisory_xact_lock({STOP}); RETURN NEW; END';
             CREATE TRIGGER stop BEFORE {change} EXECUTE FUNCTION {schema}.stop();
             SELECT pg_advisory_lock({STOP});"
        );
        sqlx::raw_sql(AssertSqlSafe(stop))
            .execute(&mut held)
            .await
            .unwrap();
        let look = site.database.connect().await.unwrap();
        Self { held, look }
    }

    /// Kills the service once a call has come there; what the call came to.
    pub(crate) async fn kill<T>(mut self, service: Process, call: impl Future<Output = T>) -> T {
        let (answer, ()) = tokio::join!(call, async {
            self.waits(1).await;
            drop(service);
        });
        sqlx::query("SELECT pg_advisory_unlock($1)")
            .bind(STOP)
            .execute(&mut self.held)
            .await
            .unwrap();
        self.waits(0).await;
        answer
    }

    async fn waits(&mut self, expected: i64) {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                       AND wait_event_type = 'Lock' AND wait_event = 'advisory'";
        eventually(async || {
            let found = sqlx::query_scalar::<_, i64>(waiting);
            (found.fetch_one(&mut self.look).await.unwrap() == expected).then_some(())
        })
        .await;
    }
}
