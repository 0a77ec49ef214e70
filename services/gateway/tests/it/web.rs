//! Browsers: gRPC-web over HTTP/1.1 and CORS, over a real socket. Issue 3, point 7.

use base64::{Engine, engine::general_purpose::STANDARD};
use kefu_service::server::{ServeOptions, serve};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::{
    policy::{AGENT, GET_TICKET, OPEN_TICKET},
    world::World,
};

const ORIGIN: &str = "https://desk.example.com";
/// One message of three bytes.
const MESSAGE: &[u8] = b"\0\0\0\0\x03abc";

/// An answer as a browser has it.
struct Page {
    status: u16,
    headers: http::HeaderMap,
    body: Vec<u8>,
}

impl Page {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    fn has_cors(&self) -> bool {
        self.headers
            .keys()
            .any(|name| name.as_str().starts_with("access-control-"))
    }
}

async fn world(origins: &[&str]) -> World {
    let origins = origins.iter().map(|&origin| origin.to_owned()).collect();
    World::with(|config| config.web_origins = origins).await
}

/// Speaks HTTP/1.1 with the gateway as the suite serves it.
async fn ask(
    world: &World,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Page {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let options = ServeOptions {
        accept_http1: true,
        ..ServeOptions::default()
    };
    let never = std::future::pending();
    let server = tokio::spawn(serve(world.gateway.clone(), listener, options, never));
    let mut socket = TcpStream::connect(address).await.unwrap();
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += &format!("content-length: {}\r\n\r\n", body.len());
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.write_all(body).await.unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.unwrap();
    server.abort();
    page(&answer)
}

fn page(answer: &[u8]) -> Page {
    let end = answer.windows(4).position(|at| at == b"\r\n\r\n").unwrap();
    let head = std::str::from_utf8(&answer[..end]).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    let mut headers = http::HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        let name: http::HeaderName = name.parse().unwrap();
        headers.append(name, value.parse().unwrap());
    }
    let mut rest = &answer[end + 4..];
    let mut body = Vec::new();
    if headers.contains_key("transfer-encoding") {
        loop {
            let line = rest.windows(2).position(|at| at == b"\r\n").unwrap();
            let size = std::str::from_utf8(&rest[..line]).unwrap();
            let size = usize::from_str_radix(size, 16).unwrap();
            if size == 0 {
                break;
            }
            body.extend_from_slice(&rest[line + 2..line + 2 + size]);
            rest = &rest[line + 4 + size..];
        }
    } else {
        body.extend_from_slice(rest);
    }
    Page {
        status: status.parse().unwrap(),
        headers,
        body,
    }
}

/// The messages of a body, and the status in its trailers frame.
fn read(body: &[u8]) -> (Vec<u8>, Status) {
    let (mut messages, mut rest) = (Vec::new(), body);
    loop {
        let length = u32::from_be_bytes(rest[1..5].try_into().unwrap()) as usize;
        let (frame, after) = rest.split_at(5 + length);
        if frame[0] == 0x80 {
            assert!(after.is_empty(), "trailers come last");
            let text = std::str::from_utf8(&frame[5..]).unwrap();
            let mut trailers = http::HeaderMap::new();
            for line in text.split("\r\n").filter(|line| !line.is_empty()) {
                let (name, value) = line.split_once(':').unwrap();
                let name: http::HeaderName = name.parse().unwrap();
                trailers.insert(name, value.trim().parse().unwrap());
            }
            return (messages, Status::from_header_map(&trailers).unwrap());
        }
        messages.extend_from_slice(frame);
        rest = after;
    }
}

async fn post(world: &World, path: &str, origin: &str, kind: &str, body: &[u8]) -> Page {
    let bearer = format!("Bearer {}", world.token(AGENT));
    let headers = [
        ("content-type", kind),
        ("accept", kind),
        ("x-grpc-web", "1"),
        ("origin", origin),
        ("authorization", &bearer),
        ("kefu-purpose", "service"),
    ];
    ask(world, "POST", path, &headers, body).await
}

async fn preflight(world: &World, origin: &str) -> Page {
    let headers = [
        ("origin", origin),
        ("access-control-request-method", "POST"),
        (
            "access-control-request-headers",
            "authorization,kefu-purpose,x-grpc-web",
        ),
    ];
    ask(world, "OPTIONS", GET_TICKET, &headers, b"").await
}

#[tokio::test]
async fn a_page_is_answered_and_may_read_the_answer() {
    let world = world(&[ORIGIN]).await;
    for kind in ["application/grpc-web", "application/grpc-web+proto"] {
        let page = post(&world, GET_TICKET, ORIGIN, kind, MESSAGE).await;
        assert_eq!(page.status, 200);
        let (messages, status) = read(&page.body);
        assert_eq!(messages, MESSAGE, "as it was sent");
        assert_eq!(status.code(), Code::Ok);
        assert_eq!(page.header("access-control-allow-origin"), Some(ORIGIN));
        let exposed = page.header("access-control-expose-headers").unwrap();
        for name in [
            "grpc-status",
            "grpc-message",
            "grpc-status-details-bin",
            "kefu-call-id",
            "kefu-position",
        ] {
            assert!(exposed.split(", ").any(|one| one == name), "{name}");
        }
        assert!(page.headers.contains_key("kefu-call-id"));
    }
    let arrived = world.upstream.arrived.lock().unwrap();
    assert_eq!(arrived[0].headers["content-type"], "application/grpc");
    assert!(!arrived[0].headers.contains_key("host"));
}

/// Clause CC-2.5.
#[tokio::test]
async fn a_page_that_is_refused_finds_why_at_the_end_of_the_body() {
    let world = world(&[ORIGIN]).await;
    let page = post(
        &world,
        OPEN_TICKET,
        ORIGIN,
        "application/grpc-web+proto",
        MESSAGE,
    )
    .await;
    assert_eq!(page.status, 200);
    let (messages, status) = read(&page.body);
    assert!(messages.is_empty());
    assert_eq!(status.code(), Code::PermissionDenied);
    let details = status.get_error_details();
    assert_eq!(details.error_info().unwrap().reason, "PERMISSION_MISSING");
    assert_eq!(world.access.journaled().len(), 1, "journaled as any other");
}

#[tokio::test]
async fn a_page_that_sends_too_much_is_told_so() {
    let world = World::with(|config| {
        config.web_origins = vec![ORIGIN.to_owned()];
        config.max_message_bytes = 2;
    })
    .await;
    let text = STANDARD.encode(MESSAGE);
    for (kind, body) in [
        ("application/grpc-web+proto", MESSAGE),
        ("application/grpc-web-text", text.as_bytes()),
    ] {
        let page = post(&world, GET_TICKET, ORIGIN, kind, body).await;
        let decoded = match kind {
            "application/grpc-web-text" => STANDARD.decode(&page.body).unwrap(),
            _ => page.body,
        };
        let (_, status) = read(&decoded);
        assert_eq!(status.code(), Code::ResourceExhausted);
        let details = status.get_error_details();
        assert_eq!(details.error_info().unwrap().reason, "MESSAGE_TOO_LARGE");
    }
    assert_eq!(world.arrivals(), 0);
}

#[tokio::test]
async fn text_is_spoken_where_a_page_cannot_take_bytes() {
    let world = world(&[ORIGIN]).await;
    let body = STANDARD.encode(MESSAGE);
    let page = post(
        &world,
        GET_TICKET,
        ORIGIN,
        "application/grpc-web-text",
        body.as_bytes(),
    )
    .await;
    assert_eq!(
        page.header("content-type"),
        Some("application/grpc-web-text+proto")
    );
    assert_eq!(world.upstream.arrived.lock().unwrap()[0].body, MESSAGE);
    // Each frame is a text of its own, so padding may stand in the middle.
    let text = std::str::from_utf8(&page.body).unwrap();
    let mut bytes = Vec::new();
    for four in text.as_bytes().chunks(4) {
        bytes.extend(STANDARD.decode(four).unwrap());
    }
    let (messages, status) = read(&bytes);
    assert_eq!((messages.as_slice(), status.code()), (MESSAGE, Code::Ok));
}

#[tokio::test]
async fn a_preflight_needs_no_token_and_leaves_no_trace() {
    let world = world(&[ORIGIN]).await;
    let page = preflight(&world, ORIGIN).await;
    assert_eq!(page.status, 204);
    assert_eq!(page.header("access-control-allow-origin"), Some(ORIGIN));
    assert_eq!(page.header("access-control-allow-methods"), Some("POST"));
    let allowed = page.header("access-control-allow-headers").unwrap();
    for name in [
        "authorization",
        "kefu-purpose",
        "kefu-position",
        "accept-language",
        "grpc-timeout",
        "x-grpc-web",
        "x-user-agent",
        "content-type",
    ] {
        assert!(allowed.split(", ").any(|one| one == name), "{name}");
    }
    world.turn(2).await;
    assert!(world.access.journaled().is_empty());
    assert_eq!(world.arrivals(), 0);
}

#[tokio::test]
async fn a_foreign_page_is_told_nothing_by_cors() {
    for origins in [&[ORIGIN][..], &[]] {
        let world = world(origins).await;
        for origin in [
            "https://evil.example.com",
            "https://desk.example.com.evil.com",
            "null",
        ] {
            let page = preflight(&world, origin).await;
            assert_eq!(page.status, 403);
            assert!(!page.has_cors());
            let page = post(&world, GET_TICKET, origin, "application/grpc-web", MESSAGE).await;
            assert!(!page.has_cors());
        }
        assert!(world.access.journaled().is_empty());
    }
    let page = preflight(&world(&[]).await, ORIGIN).await;
    assert!(!page.has_cors(), "none is allowed by default");
}
