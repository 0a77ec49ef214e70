//! How large the messages of a body are, by the five bytes that stand before each:
//! whether it is compressed, and its length as it is sent. What is longer than the
//! bound, or is no such frame, does not pass, and nothing is kept or decoded to know.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::FutureExt;
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use kefu_service::error::Fault;
use tokio::sync::oneshot;
use tonic::{Status, body::Body};

use crate::error::{Unreadable, frame_invalid, message_too_large};

/// Bytes before a message: one of flags, four of its length.
const PREFIX: usize = 5;

/// Where a body stands among its frames.
struct Frames {
    /// Most bytes of one message.
    most: u32,
    prefix: [u8; PREFIX],
    /// Bytes of the prefix that have come.
    come: usize,
    /// Bytes of the message that have not.
    left: u64,
}

impl Frames {
    fn new(most: u32) -> Self {
        Self {
            most,
            prefix: [0; PREFIX],
            come: 0,
            left: 0,
        }
    }

    /// These bytes come next.
    fn pass(&mut self, mut bytes: &[u8]) -> Result<(), Fault> {
        while !bytes.is_empty() {
            if self.left > 0 {
                let here =
                    usize::try_from(self.left).map_or(bytes.len(), |left| left.min(bytes.len()));
                self.left -= here as u64;
                bytes = &bytes[here..];
                continue;
            }
            let here = (PREFIX - self.come).min(bytes.len());
            self.prefix[self.come..self.come + here].copy_from_slice(&bytes[..here]);
            self.come += here;
            bytes = &bytes[here..];
            // Told by the first byte already, however slowly the others come.
            if self.prefix[0] > 1 {
                return Err(frame_invalid());
            }
            if self.come == PREFIX {
                let [_, length @ ..] = self.prefix;
                let length = u32::from_be_bytes(length);
                if length > self.most {
                    return Err(message_too_large(self.most));
                }
                (self.come, self.left) = (0, length.into());
            }
        }
        Ok(())
    }

    /// The body ends here.
    fn end(&self) -> Result<(), Fault> {
        if self.come == 0 && self.left == 0 {
            Ok(())
        } else {
            Err(frame_invalid())
        }
    }
}

/// What HTTP/2 adds to the length of each pair (RFC 9113, 6.5.2): services count by it.
const PAIR: usize = 32;

/// All metadata in bytes, as HTTP/2 counts them.
pub(crate) fn metadata_bytes(headers: &HeaderMap) -> usize {
    let pairs = headers.iter();
    pairs
        .map(|(name, value)| name.as_str().len() + value.len() + PAIR)
        .sum()
}

/// A request body of which no message is longer than the bound.
struct Watched {
    body: Body,
    frames: Frames,
    /// Told why it does not pass; taken once it was.
    refuse: Option<oneshot::Sender<Fault>>,
    /// Told that all of it has passed; taken once it was.
    pass: Option<oneshot::Sender<()>>,
    /// Ends when whoever was told has let the call go.
    gone: oneshot::Receiver<()>,
}

/// Learns of a body that does not pass. The service sees no end of such a body before
/// this is dropped: it would answer for it, and a connection that breaks off would count
/// as the service's failure.
pub(crate) struct Refusal {
    refused: oneshot::Receiver<Fault>,
    _held: oneshot::Sender<()>,
}

/// Learns that nothing of a body is to come any more: it has passed whole, had nothing in it, or
/// nobody wants the rest.
pub(crate) struct Passing(oneshot::Receiver<()>);

/// The body as it may be passed on, and what tells that it may not, or that it has.
pub(crate) fn watched(body: Body, most: u32) -> (Body, Refusal, Passing) {
    let (refuse, refused) = oneshot::channel();
    let (held, gone) = oneshot::channel();
    let (pass, passed) = oneshot::channel();
    let watched = Watched {
        body,
        frames: Frames::new(most),
        refuse: Some(refuse),
        pass: Some(pass),
        gone,
    };
    let refusal = Refusal {
        refused,
        _held: held,
    };
    (Body::new(watched), refusal, Passing(passed))
}

impl Passing {
    /// Ends then.
    pub(crate) async fn passed(self) {
        let _ = self.0.await;
    }
}

impl Refusal {
    /// Ends when the body is refused, and never otherwise.
    pub(crate) async fn refused(&mut self) -> Fault {
        match (&mut self.refused).await {
            Ok(fault) => fault,
            Err(_) => std::future::pending().await,
        }
    }
}

impl Watched {
    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.gone
            .poll_unpin(cx)
            .map(|_| Some(Err(Status::cancelled("refused"))))
    }
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.refuse.is_none() {
            return self.poll_gone(cx);
        }
        let polled = std::task::ready!(Pin::new(&mut self.body).poll_frame(cx));
        let passes = match &polled {
            Some(Ok(frame)) => match frame.data_ref() {
                Some(bytes) => self.frames.pass(bytes),
                None => self.frames.end(),
            },
            // Read by us and no request, or else the caller is gone: there is nobody to refuse.
            Some(Err(failed)) => Unreadable::why(failed).map_or(Ok(()), Err),
            None => self.frames.end(),
        };
        let Err(fault) = passes else {
            let is_over = polled.is_none() || self.is_end_stream();
            if let Some(pass) = self.pass.take_if(|_| is_over) {
                // Nobody asks of a call that is answered.
                let _ = pass.send(());
            }
            return Poll::Ready(polled);
        };
        if let Some(refuse) = self.refuse.take() {
            // Nobody listens once the answer has begun; then nothing more passes.
            let _ = refuse.send(fault);
        }
        self.poll_gone(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.refuse.is_some() && self.frames.end().is_ok() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use kefu_contracts::common::Reason;
    use proptest::prelude::*;

    use super::*;

    const MOST: u32 = 64;

    fn framed(lengths: &[u32]) -> Vec<u8> {
        let frame = |length: &u32| {
            let mut frame = vec![u8::from(length.is_multiple_of(2))];
            frame.extend(length.to_be_bytes());
            frame.resize(PREFIX + *length as usize, 0xff);
            frame
        };
        lengths.iter().flat_map(frame).collect()
    }

    fn passes(chunks: &[&[u8]]) -> Result<(), Reason> {
        let mut frames = Frames::new(MOST);
        let all = chunks.iter().try_for_each(|chunk| frames.pass(chunk));
        all.and_then(|()| frames.end())
            .map_err(|fault| fault.reason)
    }

    proptest! {
        /// However the bytes are cut, what passes is decided by the lengths alone.
        #[test]
        fn the_lengths_decide_and_not_the_chunks(
            lengths in prop::collection::vec(0..=MOST + 2, 0..6),
            size in 1_usize..80,
        ) {
            let bytes = framed(&lengths);
            let chunks: Vec<_> = bytes.chunks(size).collect();
            let large = lengths.iter().any(|length| *length > MOST);
            let expected = if large { Err(Reason::MessageTooLarge) } else { Ok(()) };
            prop_assert_eq!(passes(&chunks), expected);
        }

        #[test]
        fn what_ends_within_a_frame_is_none(length in 0..=MOST, missing in 1_usize..PREFIX) {
            let bytes = framed(&[3, length]);
            let cut = &bytes[..bytes.len() - missing];
            prop_assert_eq!(passes(&[cut]), Err(Reason::FrameInvalid));
        }
    }

    #[test]
    fn flags_that_nobody_knows_are_refused_at_once() {
        assert_eq!(passes(&[&[0x80]]), Err(Reason::FrameInvalid));
    }
}
