//! The body that a service is sent: one message, made of path, query and JSON when it is
//! first asked for.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{BufMut, Bytes, BytesMut};
use http_body::Frame;
use kefu_contracts::common::Reason;
use kefu_json::{Binding, Finding, MOST_PARTS, Problem};
use kefu_service::error::{Fault, Violation};
use prost_reflect::prost::Message;
use tonic::{Status, body::Body};

use crate::error::{Unreadable, message_too_large};

/// What was sent.
pub(super) struct Given {
    /// Fields and their values from the path.
    pub(super) path: Vec<(&'static str, String)>,
    pub(super) query: Option<String>,
    /// Where one counts.
    pub(super) body: Option<Body>,
}

/// One request in JSON, not read yet.
pub(super) struct Asked {
    binding: &'static Binding,
    given: Given,
    come: BytesMut,
    /// Most bytes of it.
    most: u32,
    /// Known to be wrong before it is read.
    wrong: Option<Fault>,
    told: bool,
}

impl Asked {
    pub(super) fn new(
        binding: &'static Binding,
        given: Given,
        wrong: Option<Fault>,
        most: u32,
    ) -> Self {
        Self {
            binding,
            given,
            come: BytesMut::new(),
            most,
            wrong,
            told: false,
        }
    }

    /// The message with the five bytes that gRPC puts before it.
    fn message(&mut self) -> Result<Bytes, Fault> {
        let given = kefu_json::Given {
            path: std::mem::take(&mut self.given.path),
            query: self.given.query.as_deref(),
            body: Some(&self.come),
        };
        let request = self.binding.request(given).map_err(refused)?;
        self.come = BytesMut::new();
        let length = request.encoded_len();
        let length = u32::try_from(length).map_err(|_| message_too_large(self.most))?;
        let mut framed = BytesMut::with_capacity(5 + length as usize);
        framed.put_u8(0);
        framed.put_u32(length);
        request
            .encode(&mut framed)
            .map_err(|error| Fault::internal(format!("request in JSON: {error}")))?;
        Ok(framed.freeze())
    }
}

/// How a request is refused in which this was found.
fn refused(findings: Vec<Finding>) -> Fault {
    let violations = findings
        .into_iter()
        .map(|one| Some((one.field, violation(one.problem)?)));
    violations
        .collect::<Option<Vec<_>>>()
        .map_or_else(too_many_parts, Fault::fields)
}

/// None where the request is too large, and nothing was looked at.
fn violation(problem: Problem) -> Option<Violation> {
    Some(match problem {
        Problem::UnknownField => Violation::UnknownField,
        Problem::Format => Violation::Format,
        Problem::UnknownValue => Violation::UnknownValue,
        Problem::Duplicate => Violation::Duplicate,
        Problem::Contradiction => Violation::Contradiction,
        Problem::TooManyParts => return None,
    })
}

fn too_many_parts() -> Fault {
    Fault::new(Reason::MessageTooLarge).with("limit_parts", MOST_PARTS.to_string())
}

impl http_body::Body for Asked {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.told {
            return Poll::Ready(None);
        }
        let this = &mut *self;
        let mut wrong = this.wrong.take();
        while wrong.is_none()
            && let Some(body) = &mut this.given.body
        {
            let frame = match std::task::ready!(Pin::new(body).poll_frame(cx)) {
                Some(frame) => frame?,
                None => {
                    this.given.body = None;
                    break;
                }
            };
            let Ok(bytes) = frame.into_data() else {
                continue;
            };
            if bytes.len() + this.come.len() > this.most as usize {
                wrong = Some(message_too_large(this.most));
                break;
            }
            this.come.extend_from_slice(&bytes);
        }
        this.told = true;
        let message = match wrong {
            Some(fault) => Err(fault),
            None => this.message(),
        };
        Poll::Ready(Some(match message {
            Ok(message) => Ok(Frame::data(message)),
            Err(fault) => Err(Unreadable::status(fault)),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.told
    }
}
