use std::{
    collections::BTreeMap,
    sync::{Mutex as StdMutex, atomic::AtomicBool},
};

use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::{BodyExt, Full};
use tokio::{net::TcpListener, task::JoinHandle, time::timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::{Status, body::Body};
use tower::{service_fn, util::BoxCloneSyncService};

use super::*;
use crate::{
    peer::{
        connector::Connector,
        way::{endpoint, send},
    },
    server::{ServeError, ServeOptions, serve},
};

const SOON: Duration = Duration::from_secs(20);

/// Which calls were carried out, and how often.
type Seen = Arc<StdMutex<BTreeMap<String, usize>>>;

/// A pod, which tells its name.
struct Pod {
    address: SocketAddr,
    stop: DropGuard,
    ended: JoinHandle<Result<(), ServeError>>,
}

impl Pod {
    async fn at(ip: &str, name: &'static str) -> Self {
        Self::with(ip, name, Seen::default()).await
    }

    async fn with(ip: &str, name: &'static str, seen: Seen) -> Self {
        let service = service_fn(move |request: Request<Body>| {
            let seen = seen.clone();
            async move {
                let body = request.into_body().collect().await.unwrap().to_bytes();
                let call = String::from_utf8(body.to_vec()).unwrap();
                *seen.lock().unwrap().entry(call).or_default() += 1;
                tokio::task::yield_now().await;
                let mut response = Status::ok("").into_http::<Body>();
                response.headers_mut().insert("pod", name.parse().unwrap());
                Ok(response)
            }
        });
        let listener = TcpListener::bind((ip, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let service = BoxCloneSyncService::new(service);
        let serving = serve(service, listener, ServeOptions::default(), stopped);
        Self {
            address,
            stop: stop.drop_guard(),
            ended: tokio::spawn(serving),
        }
    }

    async fn end(self) {
        drop(self.stop);
        timeout(SOON, self.ended).await.unwrap().unwrap().unwrap();
    }
}

/// A name whose addresses the test says.
#[derive(Clone, Default)]
struct Name(Arc<StdMutex<Vec<SocketAddr>>>);

impl Name {
    fn stands_for(&self, pods: &[&Pod]) {
        *self.0.lock().unwrap() = pods.iter().map(|pod| pod.address).collect();
    }

    fn spread(&self, known_for: Duration) -> Spread {
        let name = self.clone();
        let resolve = move || {
            let found = name.0.lock().unwrap().clone();
            let answer = match found.is_empty() {
                true => Err(io::ErrorKind::NotFound.into()),
                false => Ok(found),
            };
            Box::pin(std::future::ready(answer)) as _
        };
        let endpoint = endpoint(Uri::from_static("http://ticket:50051"));
        let open = move |address, others| {
            endpoint.connect_with_connector_lazy(Connector {
                address,
                others,
                tls: None,
            })
        };
        Spread::known_for(known_for, Box::new(resolve), Box::new(open))
    }
}

/// The pod that answers.
async fn call(spread: &Spread, body: String) -> String {
    let request = Request::post("/a.B/C")
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    let request = request.body(Body::new(Full::new(Bytes::from(body))));
    let sent = send(spread.clone(), request.unwrap());
    let answer = timeout(SOON, sent).await.unwrap().unwrap();
    let pod = answer.headers().get("pod").map(|pod| pod.to_str().unwrap());
    pod.unwrap_or("nobody").to_owned()
}

async fn calls(spread: &Spread, number: usize) -> BTreeMap<String, usize> {
    let mut answered = BTreeMap::new();
    for _ in 0..number {
        let pod = call(spread, String::new()).await;
        *answered.entry(pod).or_default() += 1;
    }
    answered
}

fn counted<const N: usize>(counts: [(&str, usize); N]) -> BTreeMap<String, usize> {
    counts.map(|(pod, count)| (pod.to_owned(), count)).into()
}

#[tokio::test]
async fn calls_go_round() {
    let [a, b] = [
        Pod::at("127.0.0.1", "a").await,
        Pod::at("127.0.0.2", "b").await,
    ];
    let name = Name::default();
    name.stands_for(&[&a, &b]);
    let spread = name.spread(SOON);
    assert_eq!(calls(&spread, 10).await, counted([("a", 5), ("b", 5)]));
}

/// Though the name still stands for the pod that has gone.
#[tokio::test]
async fn calls_of_a_pod_that_is_gone_go_to_others() {
    let [a, b] = [
        Pod::at("127.0.0.1", "a").await,
        Pod::at("127.0.0.2", "b").await,
    ];
    let name = Name::default();
    name.stands_for(&[&a, &b]);
    let spread = name.spread(SOON);
    assert_eq!(calls(&spread, 4).await, counted([("a", 2), ("b", 2)]));
    b.end().await;
    assert_eq!(calls(&spread, 10).await, counted([("a", 10)]));
    // Nor does one who comes later need the pod.
    assert_eq!(calls(&name.spread(SOON), 4).await, counted([("a", 4)]));
}

#[tokio::test]
async fn new_pods_are_found_and_old_ones_left() {
    let [a, b] = [
        Pod::at("127.0.0.1", "a").await,
        Pod::at("127.0.0.2", "b").await,
    ];
    let name = Name::default();
    name.stands_for(&[&a]);
    let spread = name.spread(Duration::ZERO);
    assert_eq!(calls(&spread, 4).await, counted([("a", 4)]));
    let until = async |pods: &[&str]| {
        let seen = async {
            // Beside the calls, so not with the next one.
            while calls(&spread, 4).await.into_keys().collect::<Vec<_>>() != pods {
                tokio::task::yield_now().await;
            }
        };
        timeout(SOON, seen).await.unwrap();
    };
    name.stands_for(&[&a, &b]);
    until(&["a", "b"]).await;
    name.stands_for(&[&b]);
    until(&["b"]).await;
    // A name that cannot be resolved takes nobody along.
    name.stands_for(&[]);
    assert_eq!(calls(&spread, 4).await, counted([("b", 4)]));
}

#[tokio::test]
async fn a_name_that_stands_for_nobody_is_asked_for_again() {
    let a = Pod::at("127.0.0.1", "a").await;
    let name = Name::default();
    let spread = name.spread(SOON);
    spread.channel().await.unwrap_err();
    name.stands_for(&[&a]);
    assert_eq!(calls(&spread, 2).await, counted([("a", 2)]));
}

/// Whatever moment a pod ends in: a call is answered, and carried out once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_call_is_lost_or_done_twice_while_pods_come_and_go() {
    let seen = Seen::default();
    let pods = async || Pod::with("127.0.0.1", "pod", seen.clone()).await;
    let (mut old, mut young) = (pods().await, pods().await);
    let name = Name::default();
    name.stands_for(&[&old, &young]);
    let spread = name.spread(Duration::ZERO);

    let made = Arc::new(AtomicUsize::new(0));
    let enough = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..16)
        .map(|_| {
            let (spread, made, enough) = (spread.clone(), made.clone(), enough.clone());
            tokio::spawn(async move {
                while !enough.load(Ordering::Relaxed) {
                    let number = made.fetch_add(1, Ordering::Relaxed);
                    assert_eq!(call(&spread, number.to_string()).await, "pod");
                }
            })
        })
        .collect();
    for _ in 0..30 {
        let until = made.load(Ordering::Relaxed) + 200;
        let more = async {
            while made.load(Ordering::Relaxed) < until
                && !callers.iter().any(JoinHandle::is_finished)
            {
                tokio::task::yield_now().await;
            }
        };
        timeout(SOON, more).await.unwrap();
        let next = pods().await;
        name.stands_for(&[&young, &next]);
        std::mem::replace(&mut old, std::mem::replace(&mut young, next))
            .end()
            .await;
    }
    enough.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await.unwrap();
    }
    let made = made.load(Ordering::Relaxed);
    let all: BTreeMap<String, usize> = (0..made).map(|call| (call.to_string(), 1)).collect();
    assert_eq!(*seen.lock().unwrap(), all);
}
