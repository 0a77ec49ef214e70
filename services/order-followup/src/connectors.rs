//! The company's connectors for orders, over gRPC (kefu.order.v1, `order_system_connector.proto`,
//! `inventory_connector.proto` and `notice_connector.proto`).
//! Each call has a deadline and is signed like every call between services: a connector can
//! tell who asks.

use std::sync::Arc;

use kefu_contracts::order::{
    ConsumeStockRequest, Order, ReleaseStockRequest, ReserveLine, ReserveOutcome,
    ReserveStockRequest, ReservedLine, SendNoticeOutcome, SendNoticeRequest, SubmitOrderOutcome,
    SubmitOrderRequest, SubmitOrderResponse, WithdrawOrderOutcome, WithdrawOrderRequest,
    inventory_connector_service_client::InventoryConnectorServiceClient,
    notice_connector_service_client::NoticeConnectorServiceClient,
    order_system_connector_service_client::OrderSystemConnectorServiceClient,
};
use kefu_service::{
    connector::{Line, is_reference},
    core::Core,
    error::Fault,
    fields::name,
    notice::{self, Answered, Messenger, Word},
};
use serde::{Deserialize, Serialize};
use tonic::{Response, Status};
use uuid::Uuid;

use crate::{
    domain::stock::Got,
    ports::{Inventory, NotTaken, OrderSystem, Pieces, Taken},
};

const MOST_ALTERNATIVES: usize = 20;

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
    let line = Line::to(&config.uri, config.timeout_ms, core)?;
    Ok(line.map(|line| Arc::new(Connector(line)) as Arc<dyn OrderSystem>))
}

/// The inventory that is configured.
///
/// # Errors
/// When its URI is none.
pub(crate) fn inventory(
    config: &ConnectorConfig,
    core: &Core,
) -> Result<Option<Arc<dyn Inventory>>, Fault> {
    let line = Line::to(&config.uri, config.timeout_ms, core)?;
    Ok(line.map(|line| Arc::new(Connector(line)) as Arc<dyn Inventory>))
}

/// The way to customers that is configured.
///
/// # Errors
/// When its URI is none.
pub(crate) fn messenger(
    config: &ConnectorConfig,
    core: &Core,
) -> Result<Option<Arc<dyn Messenger>>, Fault> {
    let line = Line::to(&config.uri, config.timeout_ms, core)?;
    Ok(line.map(|line| Arc::new(Connector(line)) as Arc<dyn Messenger>))
}

struct Connector(Line);

impl Connector {
    /// What comes back in time.
    async fn heard<M>(
        &self,
        id: Uuid,
        answer: impl Future<Output = Result<Response<M>, Status>>,
    ) -> Result<M, NotTaken> {
        let code = match self.0.heard(answer).await {
            Ok(answer) => return Ok(answer.into_inner()),
            Err(code) => code,
        };
        tracing::warn!(%id, ?code, "a connector does not answer as it should");
        Err(code.into())
    }
}

#[tonic::async_trait]
impl OrderSystem for Connector {
    async fn submit(&self, id: Uuid, order: &Order) -> Result<Taken, NotTaken> {
        let request = self.0.request(SubmitOrderRequest {
            submission_id: id.to_string(),
            order_number: order.number.clone(),
            customer: order.customer.clone(),
            currency: order.currency.clone(),
            lines: order.lines.clone(),
            total: order.total.clone(),
            placed_time: order.placed_time,
            promised_time: order.promised_time,
        });
        let mut client = OrderSystemConnectorServiceClient::new(self.0.peer());
        read(self.heard(id, client.submit_order(request)).await?)
    }

    async fn withdraw(&self, id: Uuid) -> Result<(), NotTaken> {
        let request = self.0.request(WithdrawOrderRequest {
            submission_id: id.to_string(),
        });
        let mut client = OrderSystemConnectorServiceClient::new(self.0.peer());
        let answer = self.heard(id, client.withdraw_order(request)).await?;
        match answer.outcome() {
            WithdrawOrderOutcome::Withdrawn => Ok(()),
            _ => Err(NotTaken::Refused),
        }
    }
}

#[tonic::async_trait]
impl Inventory for Connector {
    async fn reserve(&self, id: Uuid, pieces: &[Pieces]) -> Result<Vec<Got>, NotTaken> {
        let line = |one: &Pieces| ReserveLine {
            sku: one.sku.clone(),
            quantity: one.quantity,
        };
        let request = self.0.request(ReserveStockRequest {
            reservation_id: id.to_string(),
            lines: pieces.iter().map(line).collect(),
        });
        let mut client = InventoryConnectorServiceClient::new(self.0.peer());
        let answer = self.heard(id, client.reserve_stock(request)).await?;
        if answer.lines.len() != pieces.len() {
            return Err(NotTaken::Refused);
        }
        answer.lines.into_iter().map(got).collect()
    }

    async fn release(&self, id: Uuid) -> Result<(), NotTaken> {
        let request = self.0.request(ReleaseStockRequest {
            reservation_id: id.to_string(),
        });
        let mut client = InventoryConnectorServiceClient::new(self.0.peer());
        self.heard(id, client.release_stock(request)).await?;
        Ok(())
    }

    async fn consume(&self, id: Uuid) -> Result<(), NotTaken> {
        let request = self.0.request(ConsumeStockRequest {
            reservation_id: id.to_string(),
        });
        let mut client = InventoryConnectorServiceClient::new(self.0.peer());
        self.heard(id, client.consume_stock(request)).await?;
        Ok(())
    }
}

#[tonic::async_trait]
impl Messenger for Connector {
    async fn send(&self, word: &Word) -> Result<notice::Taken, NotTaken> {
        let request = self.0.request(SendNoticeRequest {
            notice_id: word.id.to_string(),
            customer: name("customers", word.customer),
            order_number: word.number.clone(),
            event: word.event,
            language: word.language,
            channels: word.channels.iter().map(|one| *one as i32).collect(),
            text: word.text.clone(),
        });
        let mut client = NoticeConnectorServiceClient::new(self.0.peer());
        let answer = self.heard(word.id, client.send_notice(request)).await?;
        let answered = Answered {
            accepted: answer.outcome() == SendNoticeOutcome::Accepted,
            channel: answer.channel,
            reference: answer.reference,
        };
        notice::taken(word, answered)
    }
}

fn got(line: ReservedLine) -> Result<Got, NotTaken> {
    match line.outcome() {
        ReserveOutcome::Reserved => Ok(Got::Reserved),
        ReserveOutcome::NotKept => Ok(Got::NotKept),
        ReserveOutcome::Short => {
            let mut alternatives = line.alternatives;
            alternatives.truncate(MOST_ALTERNATIVES);
            Ok(Got::Short(alternatives))
        }
        ReserveOutcome::Unspecified => Err(NotTaken::Refused),
    }
}

fn read(answer: SubmitOrderResponse) -> Result<Taken, NotTaken> {
    if answer.outcome() != SubmitOrderOutcome::Accepted || !is_reference(&answer.reference) {
        return Err(NotTaken::Refused);
    }
    Ok(Taken {
        reference: answer.reference,
    })
}

#[cfg(test)]
mod tests {
    use kefu_service::connector::is_silence;
    use tonic::Code;

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
