//! JSON at the door: what a service is sent, and what becomes of its answer. That it is what
//! gRPC answers is held over the whole suite (`tests/tests/it/json`).

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use kefu_contracts::ticket::WatchTicketsResponse;
use prost::Message;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Status, body::Body};
use tower::ServiceExt;

use crate::{
    access::Access,
    policy::{AGENT, GET_TICKET, HEAD},
    upstream::{Behaviour, status},
    world::World,
};

const TICKET: &str = "/v1/tickets/x";

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn is_refused(&self, http: u16, status: &str, reason: &str) -> Value {
        let error = self.json()["error"].clone();
        assert_eq!(self.status, http, "{error}");
        assert_eq!(error["code"], http);
        assert_eq!(error["status"], status);
        assert_eq!(error["details"][0]["reason"], reason);
        assert_eq!(error["details"][0]["domain"], "kefu");
        assert_eq!(self.header("content-type"), Some("application/json"));
        assert!(self.headers.contains_key("kefu-call-id"));
        error
    }
}

async fn send(world: &World, request: Request<Body>) -> Answer {
    let response = world.gateway.clone().oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    Answer {
        status: head.status.as_u16(),
        headers: head.headers,
        body: body.collect().await.unwrap().to_bytes(),
    }
}

fn request(world: &World, verb: &str, path: &str) -> http::request::Builder {
    let bearer = format!("Bearer {}", world.token(AGENT));
    Request::builder()
        .method(verb)
        .uri(path)
        .header("authorization", bearer)
        .header("kefu-purpose", "service")
        .header("content-type", "application/json")
}

fn body(text: &str) -> Body {
    Body::new(Full::new(Bytes::copy_from_slice(text.as_bytes())))
}

async fn get(world: &World, path: &str) -> Answer {
    send(
        world,
        request(world, "GET", path).body(Body::empty()).unwrap(),
    )
    .await
}

#[tokio::test]
async fn a_service_is_sent_the_grpc_request_that_is_meant() {
    let world = World::new().await;
    let answer = get(&world, "/v1/tickets/%E7%A5%A8").await;
    assert_eq!(
        (answer.status, answer.json()),
        (200, json!({"name": "tickets/票"}))
    );
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(answer.headers.contains_key("kefu-call-id"));
    assert!(!answer.headers.contains_key("grpc-status"));
    let arrived = world.upstream.arrived.lock().unwrap();
    let call = arrived.last().unwrap();
    assert_eq!(call.path, GET_TICKET);
    assert_eq!(call.headers["content-type"], "application/grpc");
    assert_eq!(call.headers["kefu-purpose"], "service");
    for name in ["authorization", "content-length", "accept"] {
        assert!(!call.headers.contains_key(name), "{name}");
    }
    drop(arrived);
    assert_eq!(world.arrived_context().permission, "ticket.tickets.get");
}

/// Clause CC-2.5: nothing of a body is read for whom nobody vouches, and nothing of it told.
#[tokio::test]
async fn a_body_is_read_once_the_call_is_let_through() {
    let world = World::new().await;
    let bad = || body(r#"{"name": 13800001111}"#);
    let get = |token: Option<String>| {
        let mut request = Request::post(TICKET)
            .header("x-http-method-override", "GET")
            .header("kefu-purpose", "service")
            .header("content-type", "application/json");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        request.body(bad()).unwrap()
    };
    let stranger = send(&world, get(None)).await;
    stranger.is_refused(401, "UNAUTHENTICATED", "TOKEN_MISSING");
    assert_eq!(stranger.header("www-authenticate"), Some("Bearer"));
    let head = send(&world, get(Some(world.token(HEAD)))).await;
    head.is_refused(403, "PERMISSION_DENIED", "PERMISSION_MISSING");
    let agent = send(&world, get(Some(world.token(AGENT)))).await;
    let error = agent.is_refused(400, "INVALID_ARGUMENT", "INVALID_FIELDS");
    assert_eq!(error["details"][1]["fieldViolations"][0]["field"], "name");
    assert!(!error.to_string().contains("13800001111"));
    assert_eq!(world.arrivals(), 0);
    let reasons: Vec<_> = world
        .access
        .journaled()
        .into_iter()
        .map(|one| one.reason)
        .collect();
    for reason in ["PERMISSION_MISSING", "INVALID_FIELDS"] {
        assert!(
            reasons.iter().any(|one| one == reason),
            "{reason}: {reasons:?}"
        );
    }
}

#[tokio::test]
async fn a_path_or_verb_that_is_not_there_is_journaled_without_its_text() {
    let world = World::new().await;
    let answer = get(&world, "/v1/people/13800001111").await;
    answer.is_refused(404, "UNIMPLEMENTED", "METHOD_UNKNOWN");
    let answer = send(
        &world,
        request(&world, "DELETE", TICKET)
            .body(Body::empty())
            .unwrap(),
    )
    .await;
    answer.is_refused(405, "UNIMPLEMENTED", "METHOD_UNKNOWN");
    assert_eq!(answer.header("allow"), Some("GET, PATCH"));
    world.turn(2).await;
    let journaled = world.access.journaled();
    assert!(!journaled.is_empty());
    for record in journaled {
        assert_eq!(record.method, "/v1");
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_or_no_json_is_refused() {
    let world = World::with(|config| config.max_message_bytes = 32).await;
    let post = |kind: &str, text: &str| {
        let mut request = request(&world, "POST", TICKET).header("x-http-method-override", "GET");
        request
            .headers_mut()
            .unwrap()
            .insert("content-type", kind.parse().unwrap());
        request.body(body(text)).unwrap()
    };
    let long = format!(r#"{{"name": "{}"}}"#, "x".repeat(32));
    let answer = send(&world, post("application/json", &long)).await;
    let error = answer.is_refused(413, "RESOURCE_EXHAUSTED", "MESSAGE_TOO_LARGE");
    assert_eq!(error["details"][0]["metadata"]["limit_bytes"], "32");
    let answer = send(&world, post("text/plain", "{}")).await;
    answer.is_refused(415, "INVALID_ARGUMENT", "INVALID_FIELDS");
    for kind in ["application/json; charset=utf-8", "Application/JSON"] {
        assert_eq!(send(&world, post(kind, "{}")).await.status, 200, "{kind}");
    }
    // A body that comes in pieces is counted as it comes.
    let (pieces, coming) = mpsc::unbounded_channel::<Result<Frame<Bytes>, Status>>();
    for _ in 0..40 {
        pieces
            .send(Ok(Frame::data(Bytes::from_static(b" "))))
            .unwrap();
    }
    let coming = Body::new(StreamBody::new(UnboundedReceiverStream::new(coming)));
    let request = request(&world, "POST", TICKET).header("x-http-method-override", "GET");
    let answer = send(&world, request.body(coming).unwrap()).await;
    answer.is_refused(413, "RESOURCE_EXHAUSTED", "MESSAGE_TOO_LARGE");
}

/// Few bytes that would take many more once they are read are too much as well.
#[tokio::test]
async fn a_body_of_too_many_parts_is_refused() {
    let world = World::new().await;
    let request = request(&world, "POST", TICKET).header("x-http-method-override", "GET");
    let many = format!(r#"{{"x":[{}]}}"#, vec![r#"{"":0}"#; 500_000].join(","));
    let answer = send(&world, request.body(body(&many)).unwrap()).await;
    let error = answer.is_refused(413, "RESOURCE_EXHAUSTED", "MESSAGE_TOO_LARGE");
    assert_eq!(error["details"][0]["metadata"]["limit_parts"], "100000");
}

#[tokio::test]
async fn whoever_waits_no_longer_is_told_so() {
    let world = World::new().await;
    world.upstream.behave(Behaviour::Silence);
    let request = request(&world, "GET", TICKET).header("grpc-timeout", "20m");
    let answer = send(&world, request.body(Body::empty()).unwrap()).await;
    answer.is_refused(504, "DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED");
}

#[tokio::test]
async fn a_service_that_is_gone_says_when_to_come_back() {
    let world = World::with(|config| {
        config.retry_percent = 0;
        config.retries_per_second = 0;
    })
    .await;
    world.upstream.behave(Behaviour::Http(502));
    let answer = get(&world, TICKET).await;
    answer.is_refused(503, "UNAVAILABLE", "UPSTREAM_UNAVAILABLE");
    assert_eq!(answer.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn a_stream_is_told_in_lines_and_its_end_in_the_last() {
    let access = Access::new();
    let lists = "ticket.tickets.list".to_owned();
    access.full.lock().unwrap().roles[0].rules[0]
        .permissions
        .push(lists);
    let world = World::around(access, None, |_| {}).await;
    let (frames, coming) = mpsc::unbounded_channel();
    world.upstream.behave(Behaviour::Stream(coming));
    let token = |text: &str| {
        let message = WatchTicketsResponse {
            resume_token: text.into(),
            ..Default::default()
        };
        let message = message.encode_to_vec();
        let mut framed = vec![0];
        framed.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
        framed.extend(message);
        framed
    };
    // Cut anywhere: a line is a message.
    let both = [token("a"), token("b")].concat();
    frames
        .send(Ok(Frame::data(Bytes::copy_from_slice(&both[..3]))))
        .unwrap();
    frames
        .send(Ok(Frame::data(Bytes::copy_from_slice(&both[3..]))))
        .unwrap();
    frames.send(Ok(Frame::trailers(status("14")))).unwrap();
    let answer = get(&world, "/v1/tickets:watch").await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    let lines = std::str::from_utf8(&answer.body).unwrap().lines();
    let lines: Vec<Value> = lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        lines[..2],
        [json!({"resumeToken": "a"}), json!({"resumeToken": "b"})]
    );
    assert_eq!(lines[2]["error"]["code"], 503);
    assert_eq!(lines.len(), 3);
}

#[tokio::test]
async fn a_page_of_an_allowed_origin_may_ask_in_json() {
    let origin = "https://desk.example.com";
    let world = World::with(|config| config.web_origins = vec![origin.to_owned()]).await;
    let preflight = Request::options(TICKET)
        .header("origin", origin)
        .header("access-control-request-method", "PATCH")
        .body(Body::empty())
        .unwrap();
    let answer = send(&world, preflight).await;
    assert_eq!(answer.status, 204);
    assert!(
        answer
            .header("access-control-allow-methods")
            .unwrap()
            .contains("PATCH")
    );
    let asked = request(&world, "GET", TICKET).header("origin", origin);
    let answer = send(&world, asked.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
    assert!(
        answer
            .header("access-control-expose-headers")
            .unwrap()
            .contains("etag")
    );
    let foreign = request(&world, "GET", TICKET).header("origin", "https://evil.example.com");
    let answer = send(&world, foreign.body(Body::empty()).unwrap()).await;
    assert!(!answer.headers.contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn the_description_is_for_everybody_unless_it_is_switched_off() {
    let ask = || Request::get("/openapi.json").body(Body::empty()).unwrap();
    let world = World::new().await;
    let answer = send(&world, ask()).await;
    assert_eq!(
        (answer.status, &answer.json()["openapi"]),
        (200, &json!("3.1.0"))
    );
    let post = Request::post("/openapi.json").body(Body::empty()).unwrap();
    assert_eq!(send(&world, post).await.status, 405);
    let world = World::with(|config| config.openapi = false).await;
    assert_eq!(send(&world, ask()).await.status, 404);
    assert!(world.access.journaled().is_empty());
}
