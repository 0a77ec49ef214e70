//! Handshakes over real sockets, with certificates of authorities of the tests' own.

mod certificates;
mod refusals;
mod replacing;

use std::net::SocketAddr;

use http::Request;
use kefu_access::ContextSigner;
use rustls::ClientConfig;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::TlsConnector;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::{Code, Status, body::Body};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tower::{ServiceExt, service_fn, util::BoxCloneSyncService};

use self::certificates::{Authority, Held, Side};
use super::*;
use crate::{
    peer::{Unreached, Way},
    server::{GrpcService, Health, PeerCertificate, ServeError, ServeOptions, serve},
};

const SOON: std::time::Duration = std::time::Duration::from_secs(20);

/// A server that says whose certificate its caller has shown.
struct Served {
    address: SocketAddr,
    stop: DropGuard,
    ended: JoinHandle<Result<(), ServeError>>,
}

impl Served {
    async fn start(tls: &ServerTls) -> Self {
        let service = service_fn(|request: Request<Body>| async move {
            let mut response = Status::ok("").into_http::<Body>();
            if let Some(shown) = PeerCertificate::of(request.extensions()) {
                let shown = format!("{:?}", shown.thumbprint()).parse().unwrap();
                response.headers_mut().insert("shown", shown);
            }
            Ok(response)
        });
        Self::with(BoxCloneSyncService::new(service), tls).await
    }

    async fn with(service: GrpcService, tls: &ServerTls) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let options = ServeOptions {
            // As the gateway is run.
            accept_http1: true,
            tls: Some(tls.clone()),
            ..ServeOptions::default()
        };
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        Self {
            address,
            stop: stop.drop_guard(),
            ended: tokio::spawn(serve(service, listener, options, stopped)),
        }
    }

    fn uri(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }
}

/// The certificate that was shown, as the server tells it; none when it was not reached.
async fn call(service: &GrpcService) -> Option<Option<String>> {
    let request = Request::post("/a.B/C")
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    let request = request.body(Body::empty()).unwrap();
    let answering = timeout(SOON, service.clone().oneshot(request));
    let answer = answering.await.unwrap().unwrap();
    let code = Status::from_header_map(answer.headers()).unwrap().code();
    if answer.extensions().get::<Unreached>().is_some() {
        assert_eq!(code, Code::Unavailable);
        return None;
    }
    assert_eq!(code, Code::Ok);
    let shown = answer.headers().get("shown");
    Some(shown.map(|shown| shown.to_str().unwrap().to_owned()))
}

fn thumbprint(held: &Held) -> String {
    format!("{:?}", PeerCertificate::from_der(&held.der).thumbprint())
}

/// A call to this server over a connection of its own.
async fn reaches(served: &Served, client: &ClientTls) -> bool {
    let service = Way::Tls(client.clone()).to(&served.uri()).unwrap();
    call(&service).await.is_some()
}

#[tokio::test]
async fn services_show_each_other_their_certificates() {
    let authority = Authority::new();
    let ticket = Side::new(&authority.issue(&["ticket", "localhost"]), &authority);
    let own = authority.issue(&["gateway"]);
    let gateway = Side::new(&own, &authority);
    let known = Callers::Known(vec!["order-followup".into(), "gateway".into()]);
    let served = Served::start(&ticket.server(known)).await;
    let service = Way::Tls(gateway.client()).to(&served.uri()).unwrap();
    for _ in 0..2 {
        assert_eq!(call(&service).await, Some(Some(thumbprint(&own))));
    }
}

#[tokio::test]
async fn callers_of_the_front_may_show_a_certificate_or_none() {
    let authority = Authority::new();
    let front = Side::new(&authority.issue(&["localhost"]), &authority);
    let served = Served::start(&front.server(Callers::Anybody)).await;
    let own = authority.issue(&["desk"]);
    let with = Side::new(&own, &authority).client();
    let without = Side::believing(&authority).client();
    let (with, without) = (Way::Tls(with), Way::Tls(without));
    let shown = call(&with.to(&served.uri()).unwrap()).await;
    assert_eq!(shown, Some(Some(thumbprint(&own))));
    assert_eq!(call(&without.to(&served.uri()).unwrap()).await, Some(None));
}

/// How the answer begins to a client that knows HTTP/1.1 alone; none where it gets no connection.
async fn over_http1(served: &Served, client: &ClientTls) -> Option<[u8; 15]> {
    let mut config = ClientConfig::clone(&client.current());
    config.alpn_protocols = vec![HTTP1.to_vec()];
    let io = TcpStream::connect(served.address).await.unwrap();
    let name = "localhost".try_into().unwrap();
    let connecting = TlsConnector::from(std::sync::Arc::new(config)).connect(name, io);
    let mut io = timeout(SOON, connecting).await.unwrap().ok()?;
    let request = b"GET /v1/customers HTTP/1.1\r\nhost: localhost\r\n\r\n";
    io.write_all(request).await.unwrap();
    let mut answer = [0; 15];
    let reading = timeout(SOON, io.read_exact(&mut answer));
    reading.await.unwrap().unwrap();
    Some(answer)
}

/// Not every client of JSON speaks HTTP/2; services do among themselves.
#[tokio::test]
async fn who_knows_http1_alone_is_answered_by_the_front() {
    let authority = Authority::new();
    let side = Side::new(&authority.issue(&["localhost"]), &authority);
    let known = Callers::Known(Vec::new());
    for (callers, answer) in [(Callers::Anybody, Some(*b"HTTP/1.1 200 OK")), (known, None)] {
        let served = Served::start(&side.server(callers)).await;
        assert_eq!(over_http1(&served, &side.client()).await, answer);
    }
}

/// Where no authority of callers is named, nobody is asked for a certificate.
#[tokio::test]
async fn a_server_alone_can_have_a_certificate() {
    let authority = Authority::new();
    let front = Side::showing(&authority.issue(&["localhost"]));
    let served = Served::start(&front.server(Callers::Anybody)).await;
    let client = Side::new(&authority.issue(&["desk"]), &authority).client();
    let service = Way::Tls(client).to(&served.uri()).unwrap();
    assert_eq!(call(&service).await, Some(None));
}

/// As `connector_uri = "https://…"` of a service is used.
#[tokio::test]
async fn a_connector_is_reached_over_https() {
    let (company, suite) = (Authority::new(), Authority::new());
    let connector = Side::new(&company.issue(&["localhost"]), &suite);
    let health = Health::new(&[]).await;
    health.serving().await;
    let tls = connector.server(Callers::Known(Vec::new()));
    let served = Served::with(health.service(), &tls).await;
    let own = Side::new(&suite.issue(&["ticket"]), &company);
    let database = crate::config::DatabaseConfig {
        url: crate::config::Secret::new("postgres://nobody@localhost/none"),
        encrypted_elsewhere: false,
        max_connections: 1,
        statement_timeout_ms: 1,
        acquire_timeout_ms: 1,
        idle_in_transaction_timeout_ms: 1,
    };
    let clock = std::sync::Arc::new(crate::clock::SystemClock);
    let randomness = crate::ids::system_randomness();
    let signer = std::sync::Arc::new(ContextSigner::generate(&*randomness).0);
    let keys = kefu_vault::LocalKeyProvider::generate().unwrap().0;
    let deps = crate::core::Deps {
        clock: clock.clone(),
        ids: crate::ids::Ids::new(clock, randomness.clone()),
        db: crate::database::Db::new(&database, "ticket").unwrap(),
        vault: std::sync::Arc::new(kefu_vault::Vault::new(
            std::sync::Arc::new(keys),
            randomness,
        )),
        verifier: std::sync::Arc::new(kefu_access::ContextVerifier::new([])),
        signer,
        connectors: Way::Tls(own.client()),
        default_deadline: SOON,
        max_deadline: SOON,
    };
    let core = crate::core::Core::new("ticket", deps, &[]);
    let line = crate::connector::Line::to(&served.uri(), 20_000, &core);
    let line = line.unwrap().unwrap();
    let mut client = HealthClient::new(line.peer());
    let answer = line.heard(client.check(line.request(HealthCheckRequest::default())));
    assert_eq!(answer.await.unwrap().into_inner().status, 1);

    let plaintext = served.uri().replace("https", "http");
    let refused = crate::connector::Line::to(&plaintext, 20_000, &core).err();
    assert!(refused.unwrap().detail.contains("is plaintext"));
}

#[tokio::test]
async fn an_address_has_to_fit_its_way() {
    let authority = Authority::new();
    let client = Side::believing(&authority).client();
    let [plain, safe] = ["http://ticket:50051", "https://ticket:50051"];
    let either = Way::Either(client.clone());
    for (way, uri, refused) in [
        (Way::Plaintext, plain, None),
        (Way::Plaintext, safe, Some("no certificates are configured")),
        (Way::Tls(client.clone()), plain, Some("say https")),
        (Way::Tls(client.clone()), safe, None),
        (either.clone(), plain, None),
        (either.clone(), safe, None),
        (either.clone(), "https://[::1]:1", None),
        (either.clone(), "ticket:50051", Some("not the uri")),
        (either.clone(), "https://", Some("not the uri")),
        (either, "ftp://ticket", Some("not the uri")),
    ] {
        let detail = way.to(uri).err().map(|fault| fault.detail);
        match (refused, detail) {
            (None, None) => {}
            (Some(part), Some(detail)) if detail.contains(part) => {}
            (_, detail) => panic!("{way:?} to {uri}: {detail:?}"),
        }
    }
}

/// Handshakes go on beside one another, and one that is never done does not hold up the end.
#[tokio::test]
async fn who_says_nothing_holds_up_nobody() {
    let authority = Authority::new();
    let side = Side::new(&authority.issue(&["localhost"]), &authority);
    let served = Served::start(&side.server(Callers::Known(Vec::new()))).await;
    let _silent = TcpStream::connect(served.address).await.unwrap();
    assert!(reaches(&served, &side.client()).await);
    drop(served.stop);
    timeout(SOON, served.ended).await.unwrap().unwrap().unwrap();
}
