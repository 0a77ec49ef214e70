//! `kefu.order.v1.AmendmentService`: orders are changed and cancelled on their customers' wish.

use kefu_contracts::order::{
    CancelOrderRequest, ChangeOrderRequest, Order, OrderContact, OrderLine, OrderStep,
    OrderStepKind, OrderStock, StopOrderRequest, amendment_service_server::AmendmentService,
};
use kefu_service::{
    call::{Answer, Call, answer},
    error::{Fault, Violation},
    fields::Fields,
    idempotency::Claim,
};
use sqlx::PgConnection;
use tonic::{Request, Response, Status};

use super::{
    Orders,
    command::{Action, Command},
    write::{AtHand, step},
};
use crate::{
    domain::{
        amendment::{self, Wish},
        entry::{check_contact, check_lines},
        finding::clear_up,
        stock,
    },
    store::records::reached,
};

const LONGEST_REASON: usize = 2000;

/// How an order is to be.
#[derive(Debug, Clone)]
pub(super) struct Changed {
    /// None: as they are.
    pub(super) lines: Vec<OrderLine>,
    pub(super) contact: Option<OrderContact>,
    pub(super) reason: String,
}

/// The handlers.
#[derive(Clone)]
pub(crate) struct Amendments(pub(crate) Orders);

impl Amendments {
    /// Clause OP-3.4.3.
    async fn change(
        &self,
        call: Call,
        request: ChangeOrderRequest,
    ) -> Result<Answer<Order>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let id = fields.name("name", &request.name, "orders");
        let revision = fields.etag("etag", &request.etag);
        fields.required_text("reason", &request.reason, LONGEST_REASON);
        if let Some(contact) = &request.contact {
            let said = (contact.name.as_str(), contact.phone.as_str());
            check_contact(&mut fields, ["contact.name", "contact.phone"], said);
        }
        let says = !request.lines.is_empty() || request.contact.is_some();
        fields.ensure(says, "lines", Violation::Required);
        fields.finish()?;
        let claim = Claim::of(&call, request_id, &request);
        let changed = Changed {
            lines: request.lines,
            contact: request.contact,
            reason: request.reason,
        };
        let command = Command {
            id: id.unwrap_or_default(),
            revision,
            claim,
            action: Action::Change(Box::new(changed)),
        };
        self.0.carry_out(call, command).await
    }

    /// Clause OP-3.4.3.
    async fn call_off(
        &self,
        call: Call,
        asked: &Asked<'_>,
        request: &impl prost::Message,
    ) -> Result<Answer<Order>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(asked.request_id);
        let id = fields.name("name", asked.name, "orders");
        let revision = fields.etag("etag", asked.etag);
        fields.required_text("reason", asked.reason, LONGEST_REASON);
        fields.finish()?;
        let command = Command {
            id: id.unwrap_or_default(),
            revision,
            claim: Claim::of(&call, request_id, request),
            action: Action::Cancel(asked.wish, asked.reason.to_owned()),
        };
        self.0.carry_out(call, command).await
    }
}

impl Orders {
    /// Makes an order what its customer wishes. What was set aside for it is free again, and what
    /// it needs now is asked for by the caller.
    pub(super) async fn change(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        at_hand: &mut AtHand,
        changed: &Changed,
    ) -> Result<(), Fault> {
        let told = reached(&at_hand.order.events).map(|one| one.stage);
        amendment::ensure(Wish::Change, at_hand.row.current.stage, told)?;
        let order = &mut at_hand.order;
        let before = order.lines.clone();
        if !changed.lines.is_empty() {
            let (mut fields, mut lines) = (Fields::new(), changed.lines.clone());
            let total = check_lines(
                &mut fields,
                "",
                &mut lines,
                &order.currency,
                self.most_lines,
            );
            fields.finish()?;
            let of = (at_hand.row.id, call.now);
            self.release(connection, order, of).await?;
            lines.iter_mut().for_each(stock::clear);
            order.lines = lines;
            order.total = total;
            order.set_stock(OrderStock::NotKept);
        }
        if let Some(contact) = &changed.contact {
            order.contact_name.clone_from(&contact.name);
            order.contact_phone.clone_from(&contact.phone);
        }
        let cleared = clear_up(order, &before, &[], self.plausible)?;
        order.steps.push(OrderStep {
            corrected: cleared.corrected,
            ..step(call, OrderStepKind::Changed, &changed.reason)
        });
        Ok(())
    }
}

/// An order is to be called off.
struct Asked<'a> {
    name: &'a str,
    etag: &'a str,
    request_id: &'a str,
    reason: &'a str,
    wish: Wish,
}

#[tonic::async_trait]
impl AmendmentService for Amendments {
    async fn change_order(
        &self,
        request: Request<ChangeOrderRequest>,
    ) -> Result<Response<Order>, Status> {
        answer(request, |call, body| self.change(call, body)).await
    }

    async fn cancel_order(
        &self,
        request: Request<CancelOrderRequest>,
    ) -> Result<Response<Order>, Status> {
        answer(request, |call, body| async move {
            let asked = Asked {
                name: &body.name,
                etag: &body.etag,
                request_id: &body.request_id,
                reason: &body.reason,
                wish: Wish::Cancel,
            };
            self.call_off(call, &asked, &body).await
        })
        .await
    }

    async fn stop_order(
        &self,
        request: Request<StopOrderRequest>,
    ) -> Result<Response<Order>, Status> {
        answer(request, |call, body| async move {
            let asked = Asked {
                name: &body.name,
                etag: &body.etag,
                request_id: &body.request_id,
                reason: &body.reason,
                wish: Wish::Stop,
            };
            self.call_off(call, &asked, &body).await
        })
        .await
    }
}
