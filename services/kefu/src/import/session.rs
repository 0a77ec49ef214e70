//! Calls of an import: sent again while the suite cannot be reached, with
//! growing pauses, and given up with a word on how to go on.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::anyhow;
use jiff::Timestamp;
use kefu_contracts::kefu::{
    order::v1::order_service_client::OrderServiceClient,
    profile::v1::{
        LookupCustomerRequest, customer_service_client::CustomerServiceClient,
        lookup_customer_request::By,
    },
    ticket::v1::{
        queue_service_client::QueueServiceClient, ticket_service_client::TicketServiceClient,
    },
};
use tokio::time::{Instant, sleep};
use tonic::{Code, Request, Response, Status, transport::Channel};

use super::reader::proto_time;
use crate::client::{Client, Refusal};

/// How long a customer may be unknown to the other services after it was
/// entered: they learn of it from the journal.
const SETTLING: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Why a record was not imported.
#[derive(Debug)]
pub(super) enum Failure {
    /// The suite refused it; the others may fare better.
    Refused(Refusal),
    /// It cannot be imported, in words.
    Rejected(String),
    /// None can be imported just now.
    Stopped(anyhow::Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => f.write_str(&refusal.in_a_line()),
            Self::Rejected(reason) => f.write_str(reason),
            Self::Stopped(error) => write!(f, "{error:#}"),
        }
    }
}

/// Calls to one suite during one run.
pub(super) struct Session {
    client: Client,
    began: Timestamp,
    retry_for: Duration,
    /// Names of customers by their external references.
    customers: Mutex<HashMap<String, String>>,
    trouble: Mutex<Option<String>>,
}

impl Session {
    /// A run that began at this moment and waits so long for a suite that
    /// cannot be reached.
    pub(super) fn new(client: Client, began: Timestamp, retry_for: Duration) -> Self {
        Self {
            client,
            began,
            retry_for,
            customers: Mutex::default(),
            trouble: Mutex::default(),
        }
    }

    pub(super) fn customer_service(&self) -> CustomerServiceClient<Channel> {
        CustomerServiceClient::new(self.client.channel())
    }

    pub(super) fn order_service(&self) -> OrderServiceClient<Channel> {
        OrderServiceClient::new(self.client.channel())
    }

    pub(super) fn ticket_service(&self) -> TicketServiceClient<Channel> {
        TicketServiceClient::new(self.client.channel())
    }

    pub(super) fn queue_service(&self) -> QueueServiceClient<Channel> {
        QueueServiceClient::new(self.client.channel())
    }

    /// Whether a record came to be during this run; one that a repeated request
    /// finds again did not.
    pub(super) fn is_new(&self, create_time: Option<&prost_types::Timestamp>) -> bool {
        let began = proto_time(self.began);
        create_time.is_some_and(|at| (at.seconds, at.nanos) >= (began.seconds, began.nanos))
    }

    /// What keeps calls from being answered just now.
    pub(super) fn trouble(&self) -> Option<String> {
        lock(&self.trouble).clone()
    }

    /// Sends a request until it is answered or refused for good.
    pub(super) async fn call<Q: Clone, A>(
        &self,
        message: &Q,
        send: impl AsyncFn(Request<Q>) -> Result<Response<A>, Status>,
    ) -> Result<A, Failure> {
        let began = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let refusal = match send(self.client.request(message.clone())).await {
                Ok(answer) => {
                    lock(&self.trouble).take();
                    return Ok(answer.into_inner());
                }
                Err(status) => Refusal::from(&status),
            };
            let verdict = verdict(&refusal);
            let patience = match verdict {
                Verdict::Refused => return Err(Failure::Refused(refusal)),
                Verdict::Useless => return Err(Failure::Stopped(anyhow!("{refusal}"))),
                Verdict::Unsettled => SETTLING.min(self.retry_for),
                Verdict::Unreachable => self.retry_for,
            };
            let wait = refusal.retry_after.unwrap_or_default().max(pause);
            if began.elapsed() + wait > patience {
                return Err(self.given_up(verdict, refusal));
            }
            if verdict == Verdict::Unreachable {
                *lock(&self.trouble) = Some(refusal.in_a_line());
            }
            sleep(wait).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn given_up(&self, verdict: Verdict, refusal: Refusal) -> Failure {
        match verdict {
            Verdict::Unreachable => Failure::Stopped(anyhow!(
                "no answer for {:?}: {}",
                self.retry_for,
                refusal.in_a_line()
            )),
            _ => Failure::Refused(refusal),
        }
    }

    /// Name of the customer with this external reference.
    pub(super) async fn customer(&self, external_ref: &str) -> Result<String, Failure> {
        if let Some(name) = lock(&self.customers).get(external_ref) {
            return Ok(name.clone());
        }
        let request = LookupCustomerRequest {
            by: Some(By::ExternalRef(external_ref.to_owned())),
        };
        let found = self
            .call(&request, async |request| {
                self.customer_service().lookup_customer(request).await
            })
            .await?;
        let Some(customer) = found.customers.into_iter().next() else {
            return Err(Failure::Rejected(format!(
                "there is no customer \"{external_ref}\": import the customers first"
            )));
        };
        lock(&self.customers).insert(external_ref.to_owned(), customer.name.clone());
        Ok(customer.name)
    }
}

/// A panic elsewhere does not spoil what is kept here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a refusal means for an import.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Verdict {
    /// The suite, or the way to it, fails for the moment.
    Unreachable,
    /// The customer may be known in a moment.
    Unsettled,
    /// This request will never be accepted.
    Refused,
    /// No request of this run will ever be accepted.
    Useless,
}

fn verdict(refusal: &Refusal) -> Verdict {
    if refusal.reason.is_empty() {
        return match refusal.code {
            // Without a reason they are not the suite's word but that of the
            // transport: a connection that was cut, a proxy in between.
            Code::Unknown | Code::Cancelled | Code::Internal => Verdict::Unreachable,
            code => by_code(code),
        };
    }
    match refusal.reason.as_str() {
        // Comes with ABORTED, yet the same request would be refused again.
        "ETAG_MISMATCH" => Verdict::Refused,
        "POSITION_NOT_REACHED" | "CONTEXT_EXPIRED" | "CONTEXT_INVALID" => Verdict::Unreachable,
        _ if refusal.only_unknown("customer") => Verdict::Unsettled,
        _ => by_code(refusal.code),
    }
}

fn by_code(code: Code) -> Verdict {
    match code {
        Code::Unavailable | Code::Aborted | Code::ResourceExhausted | Code::DeadlineExceeded => {
            Verdict::Unreachable
        }
        Code::Unauthenticated | Code::PermissionDenied | Code::Unimplemented => Verdict::Useless,
        _ => Verdict::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::tests::refusal;

    #[test]
    fn each_refusal_is_dealt_with_as_what_it_is() {
        for (code, reason, unknown, expected) in [
            (Code::Unavailable, "", None, Verdict::Unreachable),
            (Code::Unknown, "", None, Verdict::Unreachable),
            (Code::Cancelled, "", None, Verdict::Unreachable),
            (
                Code::DeadlineExceeded,
                "DEADLINE_EXCEEDED",
                None,
                Verdict::Unreachable,
            ),
            (
                Code::ResourceExhausted,
                "OVERLOADED",
                None,
                Verdict::Unreachable,
            ),
            (Code::Aborted, "CONFLICT", None, Verdict::Unreachable),
            (Code::Aborted, "ETAG_MISMATCH", None, Verdict::Refused),
            (
                Code::Unavailable,
                "POLICY_STALE",
                None,
                Verdict::Unreachable,
            ),
            (
                Code::Unauthenticated,
                "CONTEXT_EXPIRED",
                None,
                Verdict::Unreachable,
            ),
            (
                Code::FailedPrecondition,
                "POSITION_NOT_REACHED",
                None,
                Verdict::Unreachable,
            ),
            (
                Code::InvalidArgument,
                "INVALID_FIELDS",
                None,
                Verdict::Refused,
            ),
            (
                Code::InvalidArgument,
                "INVALID_FIELDS",
                Some("order.customer"),
                Verdict::Unsettled,
            ),
            (
                Code::InvalidArgument,
                "INVALID_FIELDS",
                Some("order.owner"),
                Verdict::Refused,
            ),
            (Code::Internal, "INTERNAL", None, Verdict::Refused),
            (
                Code::AlreadyExists,
                "ALREADY_EXISTS",
                None,
                Verdict::Refused,
            ),
            (
                Code::Unauthenticated,
                "TOKEN_EXPIRED",
                None,
                Verdict::Useless,
            ),
            (
                Code::PermissionDenied,
                "PERMISSION_MISSING",
                None,
                Verdict::Useless,
            ),
            (
                Code::Unimplemented,
                "METHOD_UNKNOWN",
                None,
                Verdict::Useless,
            ),
        ] {
            let found = verdict(&refusal(code, reason, unknown));
            assert_eq!(found, expected, "{code:?} {reason} {unknown:?}");
        }
    }
}
