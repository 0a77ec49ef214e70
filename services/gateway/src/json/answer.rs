//! What the layers answered, in JSON: one object, or of a stream one a line, each when it
//! comes. A stream that ends in a refusal says so in its last line, `{"error": …}`.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Response, header};
use http_body::Frame;
use http_body_util::{BodyExt, Full};
use kefu_json::{Binding, Written};
use kefu_service::call::{CALL_ID, POSITION};
use tonic::{Code, Status, body::Body};

use super::refused::{self, Place};

/// `application/json`
pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");
const LINES: HeaderValue = HeaderValue::from_static("application/x-ndjson");
/// Of the head, what an answer in JSON has as well.
const KEPT: [&str; 2] = [CALL_ID, POSITION];
/// Before each message: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// The answer to a request at this place.
pub(super) async fn told(response: Response<Body>, place: Place) -> Response<Body> {
    let (head, body) = response.into_parts();
    let mut answer = match (Status::from_header_map(&head.headers), &place) {
        (None, Place::Call(binding)) if binding.rule.server_streaming => {
            let mut answer = Response::new(Body::new(Lines::new(body, binding)));
            answer.headers_mut().insert(header::CONTENT_TYPE, LINES);
            answer
        }
        (None, Place::Call(binding)) => match one(body, binding).await {
            Ok(written) => object(written),
            Err(status) => refused::response(&status, &place),
        },
        (Some(status), _) => refused::response(&status, &place),
        (None, _) => refused::response(&unexpected("an answer to no call"), &place),
    };
    let headers = answer.headers_mut();
    for name in KEPT {
        if let Some(value) = head.headers.get(name) {
            headers.insert(name, value.clone());
        }
    }
    // It is about people, and another caller may not see as much of it.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    answer
}

async fn one(body: Body, binding: &Binding) -> Result<Written, Status> {
    let collected = body.collect().await?;
    let trailers = collected.trailers().and_then(Status::from_header_map);
    match trailers {
        Some(status) if status.code() == Code::Ok => {}
        Some(status) => return Err(status),
        None => return Err(unexpected("no status")),
    }
    let mut bytes = BytesMut::from(collected.to_bytes());
    let message = next(&mut bytes)?.ok_or_else(|| unexpected("no message"))?;
    binding.answer(&message).map_err(|error| unexpected(&error))
}

fn object(written: Written) -> Response<Body> {
    let mut answer = Response::new(Body::new(Full::new(Bytes::from(written.json))));
    answer.headers_mut().insert(header::CONTENT_TYPE, JSON);
    let etag = written
        .etag
        .map(|etag| HeaderValue::try_from(format!("\"{etag}\"")));
    if let Some(Ok(etag)) = etag {
        answer.headers_mut().insert(header::ETAG, etag);
    }
    answer
}

/// The next whole message, without what stands before it.
fn next(bytes: &mut BytesMut) -> Result<Option<Bytes>, Status> {
    if bytes.len() < PREFIX {
        return Ok(None);
    }
    if bytes[0] != 0 {
        return Err(unexpected("compressed without having been asked"));
    }
    let length = u32::from_be_bytes([bytes[1], bytes[2], bytes[3], bytes[4]]) as usize;
    if bytes.len() < PREFIX + length {
        return Ok(None);
    }
    bytes.advance(PREFIX);
    Ok(Some(bytes.split_to(length).freeze()))
}

/// A fault of ours; what it was goes to the logs.
fn unexpected(what: &str) -> Status {
    kefu_service::error::Fault::internal(format!("answer in JSON: {what}"))
        .into_status(kefu_service::error::Language::English)
}

/// The messages of a stream, a line each.
struct Lines {
    body: Body,
    binding: &'static Binding,
    come: BytesMut,
    ended: bool,
}

impl Lines {
    fn new(body: Body, binding: &'static Binding) -> Self {
        Self {
            body,
            binding,
            come: BytesMut::new(),
            ended: false,
        }
    }

    /// The lines that are whole by now.
    fn lines(&mut self) -> Result<Vec<u8>, Status> {
        let mut lines = Vec::new();
        while let Some(message) = next(&mut self.come)? {
            let written = self.binding.answer(&message);
            lines.extend(written.map_err(|error| unexpected(&error))?.json);
            lines.push(b'\n');
        }
        Ok(lines)
    }

    fn end(&mut self, status: Option<Status>) -> Option<Vec<u8>> {
        self.ended = true;
        self.body = Body::empty();
        let status = status.unwrap_or_else(|| unexpected("a stream without a status"));
        (status.code() != Code::Ok).then(|| {
            let mut line = refused::error(&status, None).to_string().into_bytes();
            line.push(b'\n');
            line
        })
    }
}

impl http_body::Body for Lines {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        while !this.ended {
            let lines = match std::task::ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) => {
                        this.come.extend_from_slice(&bytes);
                        match this.lines() {
                            Ok(lines) => Some(lines).filter(|lines| !lines.is_empty()),
                            Err(status) => this.end(Some(status)),
                        }
                    }
                    Err(frame) => {
                        let trailers: Option<&HeaderMap> = frame.trailers_ref();
                        this.end(trailers.and_then(Status::from_header_map))
                    }
                },
                Some(Err(status)) => this.end(Some(status)),
                None => this.end(None),
            };
            if let Some(lines) = lines {
                return Poll::Ready(Some(Ok(Frame::data(lines.into()))));
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }
}
