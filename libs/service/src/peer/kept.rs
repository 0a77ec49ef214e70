//! A request body that can be sent once more. Frames pass on as they come and are kept
//! beside, by reference; what is larger than the bound is not kept, and then there is
//! no second time.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use tonic::{Status, body::Body};

/// Most that is kept of a body, in bytes.
const MOST: usize = 64 * 1024;

struct Shared {
    body: Body,
    /// None once there was too much.
    frames: Option<Vec<Bytes>>,
    bytes: usize,
    /// Which sending may read: what is left of an earlier one reads nothing more.
    sending: u32,
}

/// What is kept of a body.
pub struct Kept(Arc<Mutex<Shared>>);

impl Kept {
    /// Keeps it, unless it says itself that it is too large.
    ///
    /// # Errors
    /// The body that is too large.
    pub fn of(body: Body) -> Result<Self, Body> {
        if body.size_hint().lower() > MOST as u64 {
            return Err(body);
        }
        Ok(Self(Arc::new(Mutex::new(Shared {
            body,
            frames: Some(Vec::new()),
            bytes: 0,
            sending: 0,
        }))))
    }

    /// The body from its beginning; none when that is no longer there.
    pub fn send(&self) -> Option<Body> {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shared.frames.as_ref()?;
        shared.sending += 1;
        let sending = shared.sending;
        drop(shared);
        Some(Body::new(Sending {
            shared: self.0.clone(),
            sending,
            at: 0,
        }))
    }
}

struct Sending {
    shared: Arc<Mutex<Shared>>,
    sending: u32,
    /// Frames of those kept that are sent.
    at: usize,
}

impl http_body::Body for Sending {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        let mut shared = this.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if shared.sending != this.sending {
            return Poll::Ready(Some(Err(Status::cancelled("sent anew"))));
        }
        if let Some(bytes) = shared.frames.as_ref().and_then(|kept| kept.get(this.at)) {
            this.at += 1;
            return Poll::Ready(Some(Ok(Frame::data(bytes.clone()))));
        }
        let polled = Pin::new(&mut shared.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(bytes) = frame.data_ref()
        {
            this.at += 1;
            shared.bytes += bytes.len();
            let fits = shared.bytes <= MOST;
            match &mut shared.frames {
                Some(kept) if fits => kept.push(bytes.clone()),
                kept => *kept = None,
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = shared.frames.as_ref().map_or(0, Vec::len);
        self.at >= kept && shared.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if self.at == 0 && shared.bytes > 0 {
            return SizeHint::default();
        }
        shared.body.size_hint()
    }
}
