//! The way to a connector of the company's, over gRPC: each call has a deadline and is signed like
//! every call between services, so that a connector can tell who asks.

use std::time::Duration;

use tonic::{Code, Request, Status};

use crate::{
    core::Core,
    error::Fault,
    peer::{PeerService, remote},
};

/// The way to one.
#[derive(Clone)]
pub struct Line {
    peer: PeerService,
    timeout: Duration,
}

impl Line {
    /// The way to this URI; none where it is empty.
    ///
    /// # Errors
    /// When it is no URI.
    pub fn to(uri: &str, timeout_ms: u64, core: &Core) -> Result<Option<Self>, Fault> {
        if uri.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self {
            peer: core.identity.calling(remote(uri)?),
            timeout: Duration::from_millis(timeout_ms),
        }))
    }

    /// Whom a client of the contract calls.
    #[must_use]
    pub fn peer(&self) -> PeerService {
        self.peer.clone()
    }

    /// What is sent, with its deadline.
    pub fn request<M>(&self, message: M) -> Request<M> {
        let mut request = Request::new(message);
        request.set_timeout(self.timeout);
        request
    }

    /// What comes back in time.
    ///
    /// # Errors
    /// What the connector says instead, or that it says nothing in time.
    pub async fn heard<T>(
        &self,
        answer: impl Future<Output = Result<T, Status>>,
    ) -> Result<T, Code> {
        match tokio::time::timeout(self.timeout, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(status)) => Err(status.code()),
            Err(_) => Err(Code::DeadlineExceeded),
        }
    }
}

/// Whether asking again may help.
#[must_use]
pub fn is_silence(code: Code) -> bool {
    matches!(
        code,
        Code::Unavailable
            | Code::DeadlineExceeded
            | Code::Cancelled
            | Code::Aborted
            | Code::Unknown
            | Code::ResourceExhausted
            | Code::Internal
    )
}
