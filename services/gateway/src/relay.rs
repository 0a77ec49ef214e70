//! The answer on its way back: bytes as they come, each frame when it comes. Only
//! how it ends is looked at, because a connection that dies would reach the caller
//! as UNKNOWN, or as a stream cut short in silence.

#[cfg(test)]
mod tests;

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Response, StatusCode};
use http_body::Frame;
use kefu_contracts::common::Reason;
use kefu_service::error::{Fault, Language};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, Sleep, sleep_until},
};
use tonic::{Code, Status, body::Body};

use crate::{
    error::{Seen, upstream_unavailable},
    stack::Stack,
    standing::{Closing, Standing},
};

const STATUS: &str = "grpc-status";
const DETAILS: &str = "grpc-status-details-bin";

/// What an answer on its way back holds.
pub(crate) struct Relay {
    /// The call's place, until its last byte.
    pub(crate) permit: Option<OwnedSemaphorePermit>,
    /// Until when it must have ended.
    pub(crate) end: Option<Instant>,
    /// For what the gateway says itself.
    pub(crate) language: Language,
    /// Whether the answer is a stream of messages.
    pub(crate) streams: bool,
    /// Counts what the gateway ends by itself.
    pub(crate) stack: Arc<Stack>,
    pub(crate) seen: Seen,
    /// What it rests on, until it is watched.
    pub(crate) standing: Option<Standing>,
}

/// Relays an answer.
pub(crate) fn relay(response: Response<Body>, relay: Relay) -> Response<Body> {
    let ended = response.headers().contains_key(STATUS);
    if is_connection_talk(response.headers()) || (!ended && response.status() != StatusCode::OK) {
        tracing::warn!(status = %response.status(), "service answered without a status of its own");
        relay.stack.count(&relay.seen, Reason::UpstreamUnavailable);
        return upstream_unavailable()
            .into_status(relay.language)
            .into_http();
    }
    if ended {
        return response;
    }
    response.map(|body| {
        Body::new(Relayed {
            body,
            relay,
            timer: None,
            lost: None,
            closing: None,
            ended: false,
        })
    })
}

/// UNKNOWN that says nothing more: services of the suite always give a reason, so it
/// was the transport that spoke.
fn is_connection_talk(headers: &HeaderMap) -> bool {
    let unknown = headers
        .get(STATUS)
        .is_some_and(|status| Code::from_bytes(status.as_bytes()) == Code::Unknown);
    unknown && !headers.contains_key(DETAILS)
}

struct Relayed {
    body: Body,
    relay: Relay,
    /// Set only once the answer lets one wait: most do not.
    timer: Option<Pin<Box<Sleep>>>,
    /// Ends when the decision falls. Set at once for a stream, and for other answers
    /// when they let one wait.
    lost: Option<BoxFuture<'static, Closing>>,
    /// The decision fell: nothing more of the answer leaves.
    closing: Option<Closing>,
    ended: bool,
}

impl Relayed {
    /// Ends the answer with a fault of ours.
    fn end_with(&mut self, fault: Fault) -> Frame<Bytes> {
        self.ended = true;
        self.body = Body::empty();
        self.relay.permit = None;
        Frame::trailers(trailers(&fault.into_status(self.relay.language)))
    }

    /// The same, where nobody else has journaled it.
    fn fail(&mut self, fault: Fault) -> Frame<Bytes> {
        self.relay.stack.count(&self.relay.seen, fault.reason);
        self.end_with(fault)
    }

    /// The fault to end with, once the decision has fallen and that is journaled.
    fn poll_lost(&mut self, cx: &mut Context<'_>) -> Poll<Fault> {
        if let Some(lost) = &mut self.lost
            && let Poll::Ready(closing) = lost.as_mut().poll(cx)
        {
            self.lost = None;
            self.closing = Some(closing);
            // The service stops working for nobody.
            self.body = Body::empty();
        }
        match &mut self.closing {
            Some(closing) => closing
                .noted
                .as_mut()
                .poll(cx)
                .map(|()| closing.fault.clone()),
            None => Poll::Pending,
        }
    }

    fn watch(&mut self) -> bool {
        let standing = self.relay.standing.take();
        let begins = standing.is_some();
        if let Some(standing) = standing {
            self.lost = Some(Box::pin(standing.lost()));
        }
        begins
    }

    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(end) = self.relay.end else {
            return Poll::Pending;
        };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(end)));
        timer.as_mut().poll(cx)
    }
}

impl http_body::Body for Relayed {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if self.relay.streams {
            self.watch();
        }
        // Before the body, so that a busy stream ends too.
        match self.poll_lost(cx) {
            Poll::Ready(fault) => return Poll::Ready(Some(Ok(self.end_with(fault)))),
            Poll::Pending if self.closing.is_some() => return Poll::Pending,
            Poll::Pending => {}
        }
        Poll::Ready(Some(Ok(match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => match frame.trailers_ref() {
                None => frame,
                Some(trailers) if is_connection_talk(trailers) => self.fail(upstream_unavailable()),
                Some(_) => {
                    self.ended = true;
                    self.relay.permit = None;
                    frame
                }
            },
            // Cut off, with or without a word: a stream that was whole has trailers.
            Poll::Ready(Some(Err(error))) => {
                tracing::warn!(code = %error.code(), message = error.message(), "answer broke off");
                self.fail(upstream_unavailable())
            }
            Poll::Ready(None) => {
                tracing::warn!("answer ended without a status");
                self.fail(upstream_unavailable())
            }
            Poll::Pending => match self.poll_deadline(cx) {
                Poll::Ready(()) => self.fail(Fault::new(Reason::DeadlineExceeded)),
                Poll::Pending if self.watch() => return self.poll_frame(cx),
                Poll::Pending => return Poll::Pending,
            },
        })))
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }
}

fn trailers(status: &Status) -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(3);
    // Only a message that is no header value fails, and ours are text of our own.
    if status.add_header(&mut trailers).is_err() {
        trailers.insert(STATUS, http::HeaderValue::from_static("14"));
    }
    trailers
}
