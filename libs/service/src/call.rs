//! One call as a handler sees it: who asks, why, by which rules, and what it
//! gives back.

use std::{future::Future, sync::Arc};

use jiff::Timestamp;
use kefu_access::{AccessContext, SubjectKind};
use kefu_contracts::Method;
use kefu_journal::Cursor;
use tonic::{Request, Response, Status, metadata::MetadataValue};

use crate::{
    error::{Fault, Language},
    fields::subject_name,
};

/// Metadata with the place of what a write journaled: `ticket:812.55`.
pub const POSITION: &str = "kefu-position";
/// Metadata with the id of the call, for finding it in logs and journals.
pub const CALL_ID: &str = "kefu-call-id";
/// Metadata with the signed access context, between gateway and services.
pub const CONTEXT: &str = "kefu-context-bin";
/// Metadata in which the caller says why: `service`.
pub const PURPOSE: &str = "kefu-purpose";

/// One call; put into the request by the [stack](crate::stack).
#[derive(Debug, Clone)]
pub struct Call {
    /// Name of the service that answers.
    pub service: &'static str,
    /// What the gateway decided, verified.
    pub context: Arc<AccessContext>,
    /// Rule of the method.
    pub method: &'static Method,
    /// When the call came, or had waited for what it asked to be waited for; one moment for all of it.
    pub now: Timestamp,
    /// Id of the call.
    pub id: String,
    /// Language of the caller.
    pub language: Language,
}

impl Call {
    /// Resource name of who calls: `employees/…` or `system-accounts/…`.
    pub fn caller(&self) -> String {
        let subject = &self.context.subject;
        let is_system = subject.kind == SubjectKind::SystemAccount;
        subject_name(subject.id, is_system)
    }
}

/// What a handler gives back.
#[derive(Debug)]
pub struct Answer<T> {
    /// The message.
    pub body: T,
    /// Place of what it journaled, for writes.
    pub position: Option<Cursor>,
}

impl<T> Answer<T> {
    /// An answer to a read.
    pub fn read(body: T) -> Self {
        Self {
            body,
            position: None,
        }
    }

    /// An answer to a write, journaled at this place.
    pub fn written(body: T, position: Cursor) -> Self {
        Self {
            body,
            position: Some(position),
        }
    }
}

/// Runs a handler: takes the call out of the request, and turns what comes
/// back into what leaves.
///
/// # Errors
/// The handler's fault as a status in the caller's language.
pub async fn answer<Q, T, F, W>(request: Request<Q>, handler: F) -> Result<Response<T>, Status>
where
    F: FnOnce(Call, Q) -> W,
    W: Future<Output = Result<Answer<T>, Fault>>,
{
    let call = of(&request)?;
    let service = call.service;
    let language = call.language;
    // Boxed: what a handler keeps over its waits is too large to be moved about.
    let answer = Box::pin(handler(call, request.into_inner()))
        .await
        .map_err(|fault| fault.into_status(language))?;
    let mut response = Response::new(answer.body);
    if let Some(position) = answer.position {
        let value = MetadataValue::try_from(format!("{service}:{position}"))
            .map_err(|_| Fault::internal("position is not metadata").into_status(language))?;
        response.metadata_mut().insert(POSITION, value);
    }
    Ok(response)
}

/// The call of a request, for handlers that stream.
///
/// # Errors
/// When the request did not come through the stack.
pub fn of<Q>(request: &Request<Q>) -> Result<Call, Status> {
    request
        .extensions()
        .get::<Call>()
        .cloned()
        .ok_or_else(|| Fault::internal("request without a call").into_status(Language::English))
}
