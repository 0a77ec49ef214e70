//! The company's connectors for orders, over gRPC (kefu.order.v1, `order_system_connector.proto`).
//! Each call has a deadline and is signed like every call between services: a connector can
//! tell who asks.

use std::{sync::Arc, time::Duration};

use kefu_contracts::order::{
    Order, SubmitOrderOutcome, SubmitOrderRequest, SubmitOrderResponse, WithdrawOrderOutcome,
    WithdrawOrderRequest,
    order_system_connector_service_client::OrderSystemConnectorServiceClient,
};
use kefu_service::{
    core::Core,
    error::Fault,
    peer::{PeerService, remote},
};
use serde::{Deserialize, Serialize};
use tonic::{Code, Request, Response, Status};
use uuid::Uuid;

use crate::ports::{NotTaken, OrderSystem, Taken};

const LONGEST_REFERENCE: usize = 200;

/// A connector of the company. Without one it is done by hand.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConnectorConfig {
    /// Its URI; empty where there is none.
    pub uri: String,
    /// How long one answer is waited for.
    pub timeout_ms: u64,
}

impl Default for ConnectorConfig {
    fn default() -> Self {
        Self {
            uri: String::new(),
            timeout_ms: 3_000,
        }
    }
}

impl ConnectorConfig {
    pub(crate) fn problem(&self) -> Option<&'static str> {
        match self.timeout_ms {
            1..=20_000 => None,
            _ => Some("timeout_ms must be 1 to 20,000"),
        }
    }
}

/// The order system that is configured.
///
/// # Errors
/// When its URI is none.
pub(crate) fn order_system(
    config: &ConnectorConfig,
    core: &Core,
) -> Result<Option<Arc<dyn OrderSystem>>, Fault> {
    if config.uri.is_empty() {
        return Ok(None);
    }
    Ok(Some(Arc::new(Connector {
        peer: core.identity.calling(remote(&config.uri)?),
        timeout: Duration::from_millis(config.timeout_ms),
    })))
}

struct Connector {
    peer: PeerService,
    timeout: Duration,
}

impl Connector {
    /// What is sent, with its deadline.
    fn request<M>(&self, message: M) -> Request<M> {
        let mut request = Request::new(message);
        request.set_timeout(self.timeout);
        request
    }

    /// What comes back in time.
    async fn heard<M>(
        &self,
        id: Uuid,
        answer: impl Future<Output = Result<Response<M>, Status>>,
    ) -> Result<M, NotTaken> {
        let code = match tokio::time::timeout(self.timeout, answer).await {
            Ok(Ok(answer)) => return Ok(answer.into_inner()),
            Ok(Err(status)) => status.code(),
            Err(_) => Code::DeadlineExceeded,
        };
        tracing::warn!(submission = %id, ?code, "order system does not answer as it should");
        match is_silence(code) {
            true => Err(NotTaken::Silent),
            false => Err(NotTaken::Refused),
        }
    }
}

#[tonic::async_trait]
impl OrderSystem for Connector {
    async fn submit(&self, id: Uuid, order: &Order) -> Result<Taken, NotTaken> {
        let request = self.request(SubmitOrderRequest {
            submission_id: id.to_string(),
            order_number: order.number.clone(),
            customer: order.customer.clone(),
            currency: order.currency.clone(),
            lines: order.lines.clone(),
            total: order.total.clone(),
            placed_time: order.placed_time,
            promised_time: order.promised_time,
        });
        let mut client = OrderSystemConnectorServiceClient::new(self.peer.clone());
        read(self.heard(id, client.submit_order(request)).await?)
    }

    async fn withdraw(&self, id: Uuid) -> Result<(), NotTaken> {
        let request = self.request(WithdrawOrderRequest {
            submission_id: id.to_string(),
        });
        let mut client = OrderSystemConnectorServiceClient::new(self.peer.clone());
        let answer = self.heard(id, client.withdraw_order(request)).await?;
        match answer.outcome() {
            WithdrawOrderOutcome::Withdrawn => Ok(()),
            _ => Err(NotTaken::Refused),
        }
    }
}

/// Whether asking again may help.
fn is_silence(code: Code) -> bool {
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

fn read(answer: SubmitOrderResponse) -> Result<Taken, NotTaken> {
    let reference = answer.reference.as_str();
    let said =
        reference.chars().count() <= LONGEST_REFERENCE && !reference.chars().any(char::is_control);
    if answer.outcome() != SubmitOrderOutcome::Accepted || !said {
        return Err(NotTaken::Refused);
    }
    Ok(Taken {
        reference: answer.reference,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clause OP-3.4.3: nothing counts as taken that was not.
    #[test]
    fn only_answers_of_the_contract_are_taken() {
        let answer = |outcome: i32, reference: &str| {
            read(SubmitOrderResponse {
                outcome,
                reference: reference.into(),
            })
            .is_ok()
        };
        assert!(answer(1, "ERP-1") && answer(1, ""));
        let long = "x".repeat(201);
        for (outcome, reference) in [(0, "r"), (2, "r"), (9, "r"), (1, "a\nb"), (1, &long)] {
            assert!(!answer(outcome, reference), "{outcome} {reference:?}");
        }
        assert!(is_silence(Code::Unavailable) && !is_silence(Code::InvalidArgument));
    }
}
