//! `kefu.order.v1.OrderIntakeService`: what is wrong with an order is cleared up with its customer.

use jiff::{SignedDuration, Timestamp};
use kefu_contracts::{
    journal::{OrderClearedUp, event},
    order::{
        ClearUpOrderRequest, FollowUpKind, FollowUpState, Order, OrderContact, OrderIntake,
        OrderLine, OrderStep, OrderStepKind, order_intake_service_server::OrderIntakeService,
    },
};
use kefu_journal::Entry;
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
    supply::About,
    write::{AtHand, step},
};
use crate::{
    desk::{By, Wanted},
    domain::{
        entry::{check_contact, check_lines},
        finding::{clear_up, open_count},
        stage::is_over,
        stock,
    },
};

const MOST_CONFIRMED: usize = 200;
const LONGEST_NOTE: usize = 2000;

/// What a customer said of findings.
#[derive(Debug, Clone)]
pub(super) struct Clearing {
    confirmed: Vec<i32>,
    /// None: as they are.
    lines: Vec<OrderLine>,
    contact: Option<OrderContact>,
    note: String,
}

impl Clearing {
    /// Whether the lines are others than they were.
    pub(super) fn corrects(&self) -> bool {
        !self.lines.is_empty()
    }
}

/// The handlers.
#[derive(Clone)]
pub(crate) struct Intake(pub(crate) Orders);

impl Intake {
    /// Clause OP-3.4.1.
    async fn clear_up(
        &self,
        call: Call,
        request: ClearUpOrderRequest,
    ) -> Result<Answer<Order>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let id = fields.name("name", &request.name, "orders");
        let revision = fields.etag("etag", &request.etag);
        fields.required_text("note", &request.note, LONGEST_NOTE);
        if let Some(contact) = &request.contact {
            let said = (contact.name.as_str(), contact.phone.as_str());
            check_contact(&mut fields, ["contact.name", "contact.phone"], said);
        }
        let few = request.confirmed.len() <= MOST_CONFIRMED;
        fields.ensure(few, "confirmed", Violation::TooMany(MOST_CONFIRMED));
        let says =
            !request.confirmed.is_empty() || !request.lines.is_empty() || request.contact.is_some();
        fields.ensure(says, "confirmed", Violation::Required);
        fields.finish()?;
        let claim = Claim::of(&call, request_id, &request);
        let clearing = Clearing {
            confirmed: request.confirmed,
            lines: request.lines,
            contact: request.contact,
            note: request.note,
        };
        let command = Command {
            id: id.unwrap_or_default(),
            revision,
            claim,
            action: Action::ClearUp(Box::new(clearing)),
        };
        self.0.carry_out(call, command).await
    }
}

#[tonic::async_trait]
impl OrderIntakeService for Intake {
    async fn clear_up_order(
        &self,
        request: Request<ClearUpOrderRequest>,
    ) -> Result<Response<Order>, Status> {
        answer(request, |call, body| self.clear_up(call, body)).await
    }
}

impl Orders {
    /// Puts what the customer said into an order; what the journal says of it. The caller seals
    /// the order again.
    pub(super) fn clear(
        &self,
        call: &Call,
        at_hand: &mut AtHand,
        said: &Clearing,
    ) -> Result<event::Event, Fault> {
        let (order, row) = (&mut at_hand.order, &at_hand.row);
        if is_over(row.current.stage) {
            let stage = row.current.stage.as_str_name();
            return Err(Fault::state(stage, "clear_up"));
        }
        if order.intake() != OrderIntake::ToClearUp {
            return Err(Fault::state(order.intake().as_str_name(), "clear_up"));
        }
        let before = order.lines.clone();
        if !said.lines.is_empty() {
            let (mut fields, mut lines) = (Fields::new(), said.lines.clone());
            let total = check_lines(
                &mut fields,
                "",
                &mut lines,
                &order.currency,
                self.most_lines,
            );
            fields.finish()?;
            lines.iter_mut().for_each(stock::clear);
            order.lines = lines;
            order.total = total;
        }
        if let Some(contact) = &said.contact {
            order.contact_name.clone_from(&contact.name);
            order.contact_phone.clone_from(&contact.phone);
        }
        let cleared = clear_up(order, &before, &said.confirmed, self.plausible)?;
        let event = OrderClearedUp {
            order_id: row.id.as_bytes().to_vec(),
            customer_id: row.customer_id.as_bytes().to_vec(),
            department_id: row.department_id.as_bytes().to_vec(),
            confirmed_count: count(cleared.confirmed.len()),
            corrected_count: count(cleared.corrected.len()),
            open_count: count(open_count(order)),
            revision: row.revision + 1,
        };
        order.steps.push(OrderStep {
            confirmed: cleared.confirmed,
            corrected: cleared.corrected,
            ..step(call, OrderStepKind::ClearedUp, &said.note)
        });
        Ok(event::Event::OrderClearedUp(event))
    }

    /// Opens or closes the follow-up that findings take.
    pub(super) async fn follow_findings(
        &self,
        connection: &mut PgConnection,
        by: &By<'_>,
        order: &Order,
        about: About,
    ) -> Result<Vec<Entry>, Fault> {
        let kind = FollowUpKind::ClearUp;
        if order.intake() != OrderIntake::ToClearUp {
            let (how, outcome) = (FollowUpState::Done, "疑点已与客户澄清。");
            let closed = self
                .desk
                .close(connection, by, &order.name, kind, how, outcome);
            return closed.await;
        }
        let wanted = Wanted {
            kind,
            cause: format!("clear_up:{}:{}", about.id, about.revision),
            customer: about.parties.customer,
            subject: &order.name,
            department: about.parties.department,
            assignee: about.parties.owner,
            due_at: in_hours(by.now(), self.follow_up_hours)?,
            reason: format!(
                "订单 {} 有 {} 处疑点，请与客户逐一澄清后再提交。",
                order.number,
                open_count(order)
            ),
        };
        let opened = self.desk.open(connection, by, wanted).await?;
        Ok(opened.into_iter().collect())
    }
}

/// So many hours from then.
pub(super) fn in_hours(now: Timestamp, hours: u16) -> Result<Timestamp, Fault> {
    now.checked_add(SignedDuration::from_hours(hours.into()))
        .map_err(|_| Fault::internal("a moment out of range"))
}

fn count(many: usize) -> i32 {
    i32::try_from(many).unwrap_or(i32::MAX)
}
