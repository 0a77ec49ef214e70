use std::{collections::HashSet, net::SocketAddr, sync::Arc};

use futures_util::future::join_all;
use http_body_util::BodyExt;
use tokio::{
    io::AsyncReadExt,
    net::TcpStream,
    sync::{Notify, mpsc, oneshot},
    task::JoinHandle,
};
use tonic::{
    Code, Status,
    transport::{Channel, Endpoint},
};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus,
    health_client::HealthClient,
};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};
use tower::{ServiceExt, service_fn};

use super::*;

const SOON: Duration = Duration::from_secs(10);

/// A server under test and the way to end it.
struct Served {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<Result<(), ServeError>>,
}

impl Served {
    async fn start(service: GrpcService, options: ServeOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let ended = tokio::spawn(serve(service, listener, options, async {
            drop(stopped.await)
        }));
        Self {
            address,
            stop,
            ended,
        }
    }

    async fn channel(&self) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.address))
            .unwrap()
            .connect()
            .await
            .unwrap()
    }

    /// Ends it; fails when that takes long.
    async fn end(self) {
        self.stop.send(()).unwrap();
        timeout(SOON, self.ended).await.unwrap().unwrap().unwrap();
    }
}

/// Answers every call with its path in a header.
fn echo() -> GrpcService {
    BoxCloneSyncService::new(service_fn(|request: Request<Body>| async move {
        let mut response = Status::ok("").into_http::<Body>();
        response
            .headers_mut()
            .insert("path", request.uri().path().parse().unwrap());
        Ok(response)
    }))
}

/// A service whose calls begin, wait to be let go, and say when they are dropped.
fn slow() -> (
    GrpcService,
    mpsc::UnboundedReceiver<&'static str>,
    Arc<Notify>,
) {
    struct Dropped(mpsc::UnboundedSender<&'static str>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            let _ = self.0.send("dropped");
        }
    }
    let (say, said) = mpsc::unbounded_channel();
    let let_go = Arc::new(Notify::new());
    let gate = let_go.clone();
    let service = service_fn(move |_: Request<Body>| {
        let (say, gate) = (say.clone(), gate.clone());
        async move {
            say.send("begun").unwrap();
            let _dropped = Dropped(say);
            gate.notified().await;
            Ok(Status::ok("").into_http())
        }
    });
    (BoxCloneSyncService::new(service), said, let_go)
}

fn options(drain: Duration) -> ServeOptions {
    ServeOptions {
        drain,
        ..ServeOptions::default()
    }
}

fn call(path: &str) -> Request<Body> {
    let request = Request::post(path)
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    request.body(Body::empty()).unwrap()
}

fn asking(service: &str) -> HealthCheckRequest {
    HealthCheckRequest {
        service: service.into(),
    }
}

fn state(response: tonic::Response<HealthCheckResponse>) -> ServingStatus {
    response.into_inner().status()
}

#[tokio::test]
async fn any_path_reaches_the_service() {
    let health = Health::new(&[]).await;
    let served = Served::start(with_health(echo(), &health), options(SOON)).await;
    for path in [
        "/kefu.ticket.v1.TicketService/OpenTicket",
        "/nothing.of.Ours/At/All",
        "/",
    ] {
        let response = served.channel().await.oneshot(call(path)).await.unwrap();
        assert_eq!(response.headers()["path"], path);
    }
    served.end().await;
}

#[tokio::test]
async fn health_says_how_it_is_by_name() {
    let health = Health::new(&["ticket"]).await;
    let served = Served::start(with_health(echo(), &health), options(SOON)).await;
    let mut client = HealthClient::new(served.channel().await);
    for name in ["", "ticket"] {
        assert_eq!(
            state(client.check(asking(name)).await.unwrap()),
            ServingStatus::NotServing
        );
    }
    health.serving().await;
    assert_eq!(
        state(client.check(asking("ticket")).await.unwrap()),
        ServingStatus::Serving
    );
    health.not_serving().await;
    assert_eq!(
        state(client.check(asking("")).await.unwrap()),
        ServingStatus::NotServing
    );
    assert_eq!(
        client.check(asking("order")).await.unwrap_err().code(),
        Code::NotFound
    );
    drop(client);
    served.end().await;
}

#[tokio::test]
async fn those_who_watch_health_do_not_hold_up_the_end() {
    let health = Health::new(&[]).await;
    let served = Served::start(health.service(), options(Duration::MAX)).await;
    let mut client = HealthClient::new(served.channel().await);
    let mut watch = client.watch(asking("")).await.unwrap().into_inner();
    assert_eq!(
        watch.message().await.unwrap().unwrap().status(),
        ServingStatus::NotServing
    );
    health.end().await;
    served.end().await;
    assert_eq!(watch.message().await.unwrap(), None);
}

#[tokio::test]
async fn reflection_knows_the_contracts_and_health() {
    let served = Served::start(with_reflection(echo(), Reflected::All), options(SOON)).await;
    let mut client = ServerReflectionClient::new(served.channel().await);
    let question = |message| ServerReflectionRequest {
        host: String::new(),
        message_request: Some(message),
    };
    let asked = tokio_stream::iter([
        question(MessageRequest::ListServices(String::new())),
        question(MessageRequest::FileContainingSymbol(
            kefu_contracts::METHODS[0].service.into(),
        )),
    ]);
    let mut answers = client
        .server_reflection_info(asked)
        .await
        .unwrap()
        .into_inner();
    let listed = answers.message().await.unwrap().unwrap().message_response;
    let Some(MessageResponse::ListServicesResponse(listed)) = listed else {
        panic!("{listed:?}")
    };
    let names: Vec<_> = listed
        .service
        .into_iter()
        .map(|service| service.name)
        .collect();
    for method in kefu_contracts::METHODS {
        assert!(
            names.iter().any(|name| name == method.service),
            "{}",
            method.service
        );
    }
    assert!(
        names.iter().any(|name| name == "grpc.health.v1.Health"),
        "{names:?}"
    );
    let file = answers.message().await.unwrap().unwrap().message_response;
    assert!(
        matches!(file, Some(MessageResponse::FileDescriptorResponse(_))),
        "{file:?}"
    );
    drop((answers, client));
    served.end().await;
}

/// Names of the services that a server reflects.
async fn reflected(reflected: Reflected) -> Result<Vec<String>, tonic::Status> {
    let service = with_reflection(echo(), reflected);
    let served = Served::start(service, options(SOON)).await;
    let mut client = ServerReflectionClient::new(served.channel().await);
    let asked = tokio_stream::iter([ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    }]);
    let mut answers = client.server_reflection_info(asked).await?.into_inner();
    let Some(answer) = answers.message().await? else {
        return Ok(Vec::new());
    };
    let Some(MessageResponse::ListServicesResponse(listed)) = answer.message_response else {
        panic!("{answer:?}")
    };
    Ok(listed.service.into_iter().map(|one| one.name).collect())
}

#[tokio::test]
async fn the_public_is_shown_no_internal_service() {
    let shown = reflected(Reflected::Public).await.unwrap();
    for method in kefu_contracts::METHODS {
        let public = kefu_contracts::METHODS
            .iter()
            .any(|other| other.service == method.service && !other.internal);
        let is_shown = shown.iter().any(|name| name == method.service);
        assert_eq!(is_shown, public, "{}", method.service);
    }
    for internal in [
        "SnapshotService",
        "RefusalService",
        "JournalService",
        "RecordFactsService",
    ] {
        assert!(
            !shown.iter().any(|name| name.ends_with(internal)),
            "{internal}"
        );
    }
    assert!(shown.iter().any(|name| name == "grpc.health.v1.Health"));
}

#[tokio::test]
async fn nothing_is_reflected_where_it_is_switched_off() {
    assert!(
        reflected(Reflected::Nothing)
            .await
            .unwrap_or_default()
            .is_empty()
    );
}

#[tokio::test]
async fn a_call_under_way_is_answered_and_no_new_one_comes_in() {
    let (service, mut said, let_go) = slow();
    let served = Served::start(service, options(Duration::MAX)).await;
    let address = served.address;
    let answer = tokio::spawn(served.channel().await.oneshot(call("/a.B/C")));
    assert_eq!(said.recv().await, Some("begun"));
    let ending = tokio::spawn(served.end());
    // The listener is gone when nobody can connect any more.
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    let_go.notify_one();
    let status = Status::from_header_map(answer.await.unwrap().unwrap().headers()).unwrap();
    assert_eq!(status.code(), Code::Ok);
    ending.await.unwrap();
}

#[tokio::test]
async fn silent_clients_and_endless_calls_are_cut_in_the_end() {
    let (service, mut said, _never) = slow();
    let served = Served::start(service, options(Duration::from_millis(50))).await;
    let mut silent = TcpStream::connect(served.address).await.unwrap();
    let answer = tokio::spawn(served.channel().await.oneshot(call("/a.B/C")));
    assert_eq!(said.recv().await, Some("begun"));
    served.end().await;
    // Cut, not just left alone: the peer sees it and the call's future is gone.
    let read = timeout(SOON, silent.read_to_end(&mut Vec::new()))
        .await
        .unwrap();
    assert!(read.is_ok() || read.unwrap_err().kind() == std::io::ErrorKind::ConnectionReset);
    timeout(SOON, answer).await.unwrap().unwrap().unwrap_err();
    assert_eq!(timeout(SOON, said.recv()).await.unwrap(), Some("dropped"));
}

#[tokio::test]
async fn old_connections_give_way_to_new_ones_and_what_was_sent_is_answered() {
    let gate = Arc::new(Notify::new());
    let held = gate.clone();
    let service = service_fn(move |request: Request<Body>| {
        let held = held.clone();
        async move {
            if request.uri().path() == "/held" {
                held.notified().await;
            }
            let connection = request.extensions().get::<ConnectInfo>().unwrap();
            let caller = connection.remote_addr().unwrap().to_string();
            let mut response = Status::ok("").into_http::<Body>();
            response
                .headers_mut()
                .insert("caller", caller.parse().unwrap());
            Ok(response)
        }
    });
    let options = ServeOptions {
        max_connection_age: Some(Duration::from_millis(200)),
        ..options(SOON)
    };
    let served = Served::start(BoxCloneSyncService::new(service), options).await;
    let channel = served.channel().await;
    let under_way = tokio::spawn(channel.clone().oneshot(call("/held")));
    let mut connections = HashSet::new();
    let many_calls = async {
        while connections.len() < 10 {
            let calls = (0..16).map(|_| channel.clone().oneshot(call("/a.B/C")));
            for answer in join_all(calls).await {
                match answer {
                    Ok(answer) => {
                        connections.insert(answer.headers()["caller"].clone());
                    }
                    // Its connection ended before it was sent.
                    Err(error) => assert!(format!("{error:?}").contains("Canceled"), "{error:?}"),
                }
            }
        }
    };
    timeout(SOON, many_calls).await.unwrap();
    gate.notify_one();
    let answer = under_way.await.unwrap().unwrap();
    assert!(connections.contains(&answer.headers()["caller"]));
    served.end().await;
}

#[tokio::test]
async fn a_dropped_server_leaves_no_connection_behind() {
    let served = Served::start(echo(), options(SOON)).await;
    let mut silent = TcpStream::connect(served.address).await.unwrap();
    let response = served
        .channel()
        .await
        .oneshot(call("/a.B/C"))
        .await
        .unwrap();
    response.into_body().collect().await.unwrap();
    served.ended.abort();
    let _ = timeout(SOON, silent.read_to_end(&mut Vec::new()))
        .await
        .unwrap();
}
