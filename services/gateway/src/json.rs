//! JSON over HTTP, for systems that have no gRPC: another spelling of the same calls, as
//! gRPC-web is one. A request under `/v1/` becomes the gRPC request that it means and goes
//! through all layers; the answer becomes JSON, with the HTTP status of its code.
//!
//! The layers see the very call. What the request says is read from the body only once they
//! let it pass and a service asks for it (`asked`): nobody's JSON is held or parsed who has
//! no token, and a mistake in it is refused, and journaled, as any other after the decision.
//! Which fields are wrong is told, and nothing of what stood in them; nothing is logged.
//!
//! A path that is not there goes through the layers too, as one that the method table does
//! not have: what the caller typed is not in the journal, for it may be anything.

mod answer;
mod asked;
mod refused;

use std::{
    convert::Infallible,
    sync::LazyLock,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header,
};
use http_body_util::Full;
use kefu_json::{Api, Route, Verb, openapi};
use kefu_service::{error::Fault, server::GrpcService};
use tonic::body::Body;
use tower::{Service, ServiceExt, util::BoxCloneSyncService};

use asked::{Asked, Given};
use refused::Place;

/// Where every path begins.
const PREFIX: &str = "/v1/";
/// Where the description is, for everybody: it is the contract, which is no secret.
const OPENAPI: &str = "/openapi.json";
/// Written when it is first asked for.
static DESCRIPTION: LazyLock<Bytes> = LazyLock::new(|| match Api::of_contracts() {
    Ok(api) => openapi::document(api).to_string().into(),
    Err(_) => Bytes::new(),
});
/// What the layers are asked for in the place of a path that is not there.
const NOWHERE: &str = "/v1";
/// By which a POST says that it is a GET whose fields stand in its body: what somebody
/// looks for, a phone number perhaps, need not stand in an address that others log.
pub(crate) const OVERRIDE: HeaderName = HeaderName::from_static("x-http-method-override");
/// Of the message in JSON, and not of the one that a service is sent.
const OF_JSON: [HeaderName; 8] = [
    OVERRIDE,
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::EXPECT,
    HeaderName::from_static("grpc-encoding"),
    HeaderName::from_static("grpc-accept-encoding"),
];

/// What stands in front of the layers.
#[derive(Clone)]
pub(crate) struct Json {
    layers: GrpcService,
    /// Whether the description is told.
    told: bool,
    /// Most bytes of a body.
    most: u32,
}

impl Json {
    /// In front of these layers.
    pub(crate) fn new(layers: GrpcService, most: u32, told: bool) -> Self {
        Self { layers, told, most }
    }

    /// As a service for requests that [`is_json`] says are its.
    pub(crate) fn service(self) -> GrpcService {
        BoxCloneSyncService::new(self)
    }

    /// The gRPC request that it means, and how its answer is told.
    fn grpc(&self, request: Request<Body>) -> (Request<Body>, Place) {
        let (mut head, body) = request.into_parts();
        let overridden = head.method == Method::POST
            && head.headers.get(OVERRIDE).is_some_and(|verb| verb == "GET");
        let verb = if overridden {
            Some(Verb::Get)
        } else {
            Verb::named(head.method.as_str())
        };
        let (place, body) = match route(verb, head.uri.path()) {
            Route::Call(binding, path) => {
                let takes_body = overridden || binding.verb.has_body();
                let body = takes_body.then_some(body);
                let wrong = body.as_ref().and_then(|body| not_json(&head.headers, body));
                let query = head.uri.query().map(str::to_owned);
                let given = Given { path, query, body };
                let asked = Asked::new(binding, given, wrong, self.most);
                (Place::Call(binding), Body::new(asked))
            }
            Route::OtherVerbs(verbs) => (Place::OtherVerbs(verbs), Body::empty()),
            Route::Nothing => (Place::Nothing, Body::empty()),
        };
        head.method = Method::POST;
        head.uri = Uri::from_static(place.method().map_or(NOWHERE, |method| method.path));
        head.version = Version::HTTP_2;
        for name in OF_JSON {
            head.headers.remove(name);
        }
        let grpc = HeaderValue::from_static("application/grpc");
        head.headers.insert(header::CONTENT_TYPE, grpc);
        let trailers = HeaderValue::from_static("trailers");
        head.headers.insert(header::TE, trailers);
        (Request::from_parts(head, body), place)
    }

    fn description(&self, method: &Method) -> Response<Body> {
        if !self.told {
            return with_status(StatusCode::NOT_FOUND);
        }
        if method != Method::GET && method != Method::HEAD {
            let mut response = with_status(StatusCode::METHOD_NOT_ALLOWED);
            let allowed = HeaderValue::from_static("GET, HEAD");
            response.headers_mut().insert(header::ALLOW, allowed);
            return response;
        }
        let mut response = Response::new(Body::new(Full::new(DESCRIPTION.clone())));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, answer::JSON);
        headers.insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static("max-age=300"),
        );
        response
    }
}

/// Whether the request is one in JSON: told by its path, which no gRPC method has.
pub(crate) fn is_json(path: &str) -> bool {
    path.starts_with(PREFIX) || path == OPENAPI
}

/// What a page may ask with, for the answer to a preflight.
pub(crate) const VERBS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE");

impl Service<Request<Body>> for Json {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if request.uri().path() == OPENAPI {
            let answer = self.description(request.method());
            return Box::pin(std::future::ready(Ok(answer)));
        }
        let (request, place) = self.grpc(request);
        let answer = self.layers.clone().oneshot(request);
        Box::pin(async move { Ok(answer::told(answer.await?, place).await) })
    }
}

fn route(verb: Option<Verb>, path: &str) -> Route<'static> {
    match Api::of_contracts() {
        Ok(api) => api.route(verb, path),
        // A test sees to it that this does not happen.
        Err(owed) => {
            tracing::error!(?owed, "the contracts cannot be asked for in JSON");
            Route::Nothing
        }
    }
}

fn with_status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// Why a body cannot be read as JSON at all: it says that it is something else.
fn not_json(headers: &HeaderMap, body: &Body) -> Option<Fault> {
    let is_empty = http_body::Body::is_end_stream(body);
    let said = headers.get(header::CONTENT_TYPE);
    let is_json = said.is_some_and(|said| {
        let kind = said.to_str().unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("application/json")
    });
    let is_plain = headers
        .get(header::CONTENT_ENCODING)
        .is_none_or(|encoding| encoding == "identity");
    (!(is_empty || is_json && is_plain)).then(refused::not_json)
}
