//! Browsers: gRPC-web, JSON (`json`), and CORS for the origins that are allowed. Around all layers,
//! because it is only another spelling of a call: what is refused must be spelt like
//! what is answered, and a preflight is no call, so it has no token and no journal.
//!
//! A call of a foreign origin is answered, without the headers that would let its page
//! read the answer: it needs a token all the same, no cookie opens anything here, and
//! a page from the gateway's own origin names one too.

use std::{
    convert::Infallible,
    task::{Context, Poll},
};

use futures_util::{future::BoxFuture, stream};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version, header,
};
use http_body::Frame;
use http_body_util::StreamBody;
use kefu_service::server::GrpcService;
use tonic::{Status, body::Body};
use tonic_web::{GrpcWebLayer, GrpcWebService};
use tower::{Layer, Service, ServiceExt, util::BoxCloneSyncService};

use crate::json;

/// What a page may read of an answer beside its body.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "etag, grpc-status, grpc-message, grpc-status-details-bin, kefu-call-id, kefu-position, \
     retry-after",
);
/// What a page may say with a call.
const ALLOWED: HeaderValue = HeaderValue::from_static(
    "accept-language, authorization, content-type, grpc-timeout, kefu-position, kefu-purpose, \
     x-grpc-web, x-http-method-override, x-user-agent",
);
/// How long a browser may keep the answer to a preflight, in seconds.
const KEPT: HeaderValue = HeaderValue::from_static("7200");
/// Of the one HTTP/1.1 connection, and nothing to a service.
const HOP_BY_HOP: [HeaderName; 5] = [
    header::CONNECTION,
    header::HOST,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
];
/// What of the head is the status, and in gRPC-web belongs at the end of the body.
const STATUS: [&str; 3] = ["grpc-status", "grpc-message", "grpc-status-details-bin"];

/// Puts browsers, and what speaks JSON, in front of the layers.
pub(crate) fn with_browsers(
    layers: GrpcService,
    json: GrpcService,
    origins: &[String],
) -> GrpcService {
    let spelt = BoxCloneSyncService::new(layers.clone().map_response(status_in_body));
    BoxCloneSyncService::new(Web {
        layers,
        json,
        browsers: GrpcWebLayer::new().layer(spelt),
        origins: origins.into(),
    })
}

/// Whether this is how a browser spells an origin (RFC 6454, section 6.1): a scheme, a host and a
/// port that is not the scheme's own, in small letters.
pub(crate) fn is_origin(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.origin().ascii_serialization() == text
    })
}

#[derive(Clone)]
struct Web {
    layers: GrpcService,
    json: GrpcService,
    browsers: GrpcWebService<GrpcService>,
    origins: std::sync::Arc<[String]>,
}

impl Web {
    /// The origin that the caller names, when it is one that may read the answer.
    fn allowed(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(header::ORIGIN)?;
        let known = |allowed: &String| allowed.as_bytes() == origin.as_bytes();
        self.origins.iter().any(known).then(|| origin.clone())
    }
}

impl Service<Request<Body>> for Web {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let origin = self.allowed(request.headers());
        if is_preflight(&request) {
            let preflight = preflight(origin, request.uri().path());
            return Box::pin(std::future::ready(Ok(preflight)));
        }
        let speaks_json = json::is_json(request.uri().path());
        if !speaks_json && !is_web(request.headers()) {
            // No page speaks gRPC itself: nothing is added to those calls.
            return self.layers.call(request);
        }
        *request.version_mut() = Version::HTTP_2;
        for name in HOP_BY_HOP {
            request.headers_mut().remove(name);
        }
        let answer: Self::Future = if speaks_json {
            self.json.call(request)
        } else {
            Box::pin(self.browsers.clone().oneshot(request))
        };
        Box::pin(async move {
            let mut response = answer.await?;
            if let Some(origin) = origin {
                readable(response.headers_mut(), origin);
            }
            Ok(response)
        })
    }
}

fn is_web(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/grpc-web"))
}

fn is_preflight(request: &Request<Body>) -> bool {
    let asks = |name| request.headers().contains_key(name);
    request.method() == Method::OPTIONS
        && asks(header::ORIGIN)
        && asks(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight(origin: Option<HeaderValue>, path: &str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    let Some(origin) = origin else {
        *response.status_mut() = StatusCode::FORBIDDEN;
        return response;
    };
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::VARY, HeaderValue::from_static("origin"));
    let verbs = if json::is_json(path) {
        json::VERBS
    } else {
        HeaderValue::from_static("POST")
    };
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, verbs);
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, KEPT);
    response
}

fn readable(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    headers.append(header::VARY, HeaderValue::from_static("origin"));
}

/// A refusal has its status in the head. Pages whose library looks for it in the body
/// alone, and those that may not read the head, find it where that of an answer is.
fn status_in_body(mut response: Response<Body>) -> Response<Body> {
    if !response.headers().contains_key(STATUS[0]) {
        return response;
    }
    let mut trailers = HeaderMap::with_capacity(STATUS.len());
    for name in STATUS {
        if let Some(value) = response.headers_mut().remove(name) {
            trailers.insert(name, value);
        }
    }
    let frames = stream::iter([Ok::<_, Status>(Frame::trailers(trailers))]);
    response.map(|_| Body::new(StreamBody::new(frames)))
}
