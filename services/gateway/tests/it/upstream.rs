//! Stands in for the services behind the gateway: any answer, good or bad.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use kefu_service::server::GrpcService;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Status, body::Body};
use tower::{service_fn, util::BoxCloneSyncService};

pub(crate) type Frames = mpsc::UnboundedReceiver<Result<Frame<Bytes>, Status>>;

/// How the next call is answered.
#[derive(Default)]
pub(crate) enum Behaviour {
    /// With the bytes that came, and status OK.
    #[default]
    Echo,
    /// Never.
    Silence,
    /// With these frames, when they come.
    Stream(Frames),
    /// With this status and no body.
    Status(&'static str),
    /// As a proxy that is in the way does.
    Http(u16),
}

/// A call as it arrived.
pub(crate) struct Arrived {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

#[derive(Default)]
pub(crate) struct Upstream {
    pub(crate) behaviour: Mutex<Behaviour>,
    pub(crate) arrived: Mutex<Vec<Arrived>>,
}

impl Upstream {
    pub(crate) fn service(self: &Arc<Self>) -> GrpcService {
        let upstream = self.clone();
        BoxCloneSyncService::new(service_fn(move |request| {
            let upstream = upstream.clone();
            async move { Ok::<_, Infallible>(upstream.answer(request).await) }
        }))
    }

    pub(crate) fn behave(&self, behaviour: Behaviour) {
        *self.behaviour.lock().unwrap() = behaviour;
    }

    pub(crate) fn last_header(&self, name: &str) -> Option<HeaderValue> {
        let arrived = self.arrived.lock().unwrap();
        arrived
            .last()
            .and_then(|call| call.headers.get(name).cloned())
    }

    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let (head, body) = request.into_parts();
        let path = head.uri.path().to_owned();
        let body = body.collect().await.unwrap().to_bytes();
        let call = Arrived {
            path,
            headers: head.headers,
            body: body.clone(),
        };
        self.arrived.lock().unwrap().push(call);
        let behaviour = std::mem::take(&mut *self.behaviour.lock().unwrap());
        match behaviour {
            Behaviour::Echo => {
                let (frames, answer) = stream();
                frames.send(Ok(Frame::data(body))).unwrap();
                frames.send(Ok(Frame::trailers(status("0")))).unwrap();
                answer
            }
            Behaviour::Silence => std::future::pending().await,
            Behaviour::Stream(frames) => streaming(frames),
            Behaviour::Status(code) => {
                let mut response = Response::new(Body::empty());
                *response.headers_mut() = status(code);
                response
            }
            Behaviour::Http(code) => {
                let mut response = Response::new(Body::empty());
                *response.status_mut() = code.try_into().unwrap();
                response
            }
        }
    }
}

type Sender = mpsc::UnboundedSender<Result<Frame<Bytes>, Status>>;

fn stream() -> (Sender, Response<Body>) {
    let (sender, frames) = mpsc::unbounded_channel();
    (sender, streaming(frames))
}

fn streaming(frames: Frames) -> Response<Body> {
    Response::new(Body::new(StreamBody::new(UnboundedReceiverStream::new(
        frames,
    ))))
}

pub(crate) fn status(code: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(
        "grpc-status".parse().unwrap(),
        HeaderValue::from_static(code),
    )])
}
