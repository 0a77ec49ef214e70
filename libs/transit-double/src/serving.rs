//! Serving it over HTTP, with and without TLS, and what goes wrong on the way.

use std::convert::Infallible;
use std::fmt::Debug;
use std::io;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream;
use http::{HeaderName, Request, Response};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::engine::{Said, errors};
use crate::{Fault, Inner, Seen, lock};

type Body = BoxBody<Bytes, io::Error>;

/// Listens until the test is over; says where, and with which certificate.
pub(crate) async fn listen(inner: Arc<Mutex<Inner>>, tls: bool) -> (String, Option<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let made = tls.then(|| rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap());
    let authority = made.as_ref().map(|made| made.cert.pem());
    let acceptor = made.map(|made| {
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    });
    let address = match tls {
        true => format!("https://localhost:{port}"),
        false => format!("http://127.0.0.1:{port}"),
    };
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (inner, acceptor) = (inner.clone(), acceptor.clone());
            tokio::spawn(async move {
                match acceptor {
                    None => serve(inner, stream).await,
                    Some(acceptor) => {
                        // A client that does not trust us goes away.
                        if let Ok(stream) = acceptor.accept(stream).await {
                            serve(inner, stream).await;
                        }
                    }
                }
            });
        }
    });
    (address, authority)
}

async fn serve(
    inner: Arc<Mutex<Inner>>,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) {
    let service = tower::service_fn(handler(inner));
    let connection = Builder::new(TokioExecutor::new());
    // It ends with an error where that was ordered.
    let _ = connection
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
        .await;
}

/// Generic so that the type of hyper's bodies need not be named.
fn handler<B>(
    inner: Arc<Mutex<Inner>>,
) -> impl FnMut(Request<B>) -> BoxFuture<'static, Result<Response<Body>, io::Error>> + Clone
where
    B: http_body::Body<Data = Bytes, Error: Debug + Send> + Send + 'static,
{
    move |request| Box::pin(answer(inner.clone(), request))
}

async fn answer<B>(
    inner: Arc<Mutex<Inner>>,
    request: Request<B>,
) -> Result<Response<Body>, io::Error>
where
    B: http_body::Body<Data = Bytes, Error: Debug>,
{
    let (head, body) = request.into_parts();
    let line = format!("{} {}", head.method, head.uri.path());
    let body = body.collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let (fault, said) = {
        let mut inner = lock(&inner);
        let fault = inner.faults.pop_front().or(inner.fault);
        inner.seen.push(Seen {
            line: line.clone(),
            headers: head.headers.clone(),
            items: body["batch_input"].as_array().map_or(0, Vec::len),
        });
        let token = head.headers.get("x-vault-token");
        let good = token.is_some_and(|token| token == inner.token.as_str());
        let behind = u32::from(matches!(fault, Some(Fault::FormerVersion)));
        let said = match good {
            true => inner.engine.answer(&line, &body, behind),
            false => errors(403, "permission denied"),
        };
        (fault, said)
    };
    match fault {
        None | Some(Fault::FormerVersion) => Ok(whole(said)),
        Some(Fault::Sealed) => Ok(whole(errors(503, "Vault is sealed"))),
        Some(Fault::Denied) => Ok(whole(errors(403, "permission denied"))),
        Some(Fault::Busy(seconds)) => {
            let mut busy = whole(errors(
                429,
                "request path \"transit\": rate limit quota exceeded",
            ));
            busy.headers_mut()
                .insert(HeaderName::from_static("retry-after"), seconds.into());
            Ok(busy)
        }
        Some(Fault::Behind) => Ok(whole(errors(412, "required index state not present"))),
        Some(Fault::Status(status)) => Ok(whole(errors(status, "an error of the key service"))),
        Some(Fault::Slow) => std::future::pending().await,
        Some(Fault::Dropped) => Err(io::Error::other("as ordered")),
        Some(Fault::Cut) => Ok(cut(&said)),
        Some(Fault::Page) => Ok(response(200, Bytes::from_static(b"<html>Sign in</html>"))),
        Some(Fault::TooFew) => {
            let (status, mut body) = said;
            body["data"]["batch_results"].as_array_mut().map(Vec::pop);
            Ok(whole((status, body)))
        }
    }
}

fn whole((status, body): Said) -> Response<Body> {
    response(status, Bytes::from(body.to_string()))
}

fn response(status: u16, body: Bytes) -> Response<Body> {
    let never = |error: Infallible| match error {};
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(Full::new(body).map_err(never).boxed())
        .unwrap()
}

/// Its first half, and then no more.
fn cut((status, body): &Said) -> Response<Body> {
    let text = body.to_string();
    let half = Bytes::from(text[..text.len() / 2].to_owned());
    let frames = [
        Ok(http_body::Frame::data(half)),
        Err(io::Error::other("as ordered")),
    ];
    Response::builder()
        .status(*status)
        .header("content-length", text.len())
        .body(BodyExt::boxed(StreamBody::new(stream::iter(frames))))
        .unwrap()
}
