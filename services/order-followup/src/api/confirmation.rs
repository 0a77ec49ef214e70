//! The question after delivery (OP-3.4.5): opened once an order is told delivered, tried, answered by
//! the customer's word; who is not satisfied is looked after.

use kefu_access::SubjectKind;
use kefu_contracts::{
    journal::{ConfirmationChanged, EntryKind, event},
    order::{
        AttemptOutcome, Confirmation, ConfirmationAttempt, FollowUpKind, FollowUpState, Order,
        OrderStage, RecordAttemptRequest, completion_service_server::CompletionService,
    },
};
use kefu_journal::Entry;
use kefu_service::{
    call::{Answer, Call, answer},
    error::{Fault, Violation},
    fields::Fields,
    idempotency::{self, Claim},
    present::entry,
    time::{from_proto, to_proto},
};
use sqlx::PgConnection;
use tonic::{Request, Response, Status};

use super::{
    Orders,
    command::{Action, Command},
    write::AtHand,
};
use crate::{
    desk::{By, Wanted},
    domain::{
        completion::{self as rules, Attempt},
        review,
    },
    store::completion::{self, NewAttempt},
};

/// The handlers.
#[derive(Clone)]
pub(crate) struct Completions(pub(crate) Orders);

#[tonic::async_trait]
impl CompletionService for Completions {
    async fn record_attempt(
        &self,
        request: Request<RecordAttemptRequest>,
    ) -> Result<Response<Order>, Status> {
        answer(request, |call, body| self.0.record_attempt(call, body)).await
    }
}

impl Orders {
    /// Clause OP-3.4.5.
    async fn record_attempt(
        &self,
        call: Call,
        request: RecordAttemptRequest,
    ) -> Result<Answer<Order>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let id = fields.name("name", &request.name, "orders");
        let revision = fields.etag("etag", &request.etag);
        let claim = Claim::of(&call, request_id, &request);
        let outcome = fields.required_enum::<AttemptOutcome>("outcome", request.outcome);
        match outcome {
            Some(AttemptOutcome::NotArrived) => {
                fields.required_text("words", &request.words, review::LONGEST_COMMENT);
            }
            _ => fields.text("words", &request.words, review::LONGEST_COMMENT),
        }
        let retry = fields.time("retry_time", request.retry_time.as_ref());
        let to_come = retry.is_none_or(|at| at > call.now);
        fields.ensure(to_come, "retry_time", Violation::Contradiction);
        let put_off = retry.is_none() || outcome == Some(AttemptOutcome::Later);
        fields.ensure(put_off, "retry_time", Violation::NotApplicable);
        idempotency::finish(&self.core.deps.db, fields, claim.as_ref()).await?;
        let attempt = Attempt {
            outcome: outcome.unwrap_or_default(),
            words: request.words,
            retry,
        };
        let command = Command {
            id: id.unwrap_or_default(),
            revision,
            claim,
            action: Action::Attempt(attempt),
        };
        self.carry_out(call, command).await
    }

    /// What a change of an order means for the question whether it arrived; what is to be journaled
    /// with it. The order is locked, and as the change leaves it.
    pub(super) async fn ask(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        at_hand: &mut AtHand,
        action: &Action,
    ) -> Result<Vec<Entry>, Fault> {
        match action {
            Action::Attempt(attempt) => self.attempted(connection, call, at_hand, attempt).await,
            Action::Review(..) | Action::Complete(..) => {
                self.answered(connection, call, at_hand).await
            }
            _ => self.arrived(connection, call, at_hand).await,
        }
    }

    /// It is at another stage, or was delivered once more.
    async fn arrived(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        at_hand: &mut AtHand,
    ) -> Result<Vec<Entry>, Fault> {
        let current = at_hand.current();
        let by = By::Call(call);
        let Some(due_at) = rules::due(&self.confirmation, current, call.now) else {
            let stays = current.stage == OrderStage::Delivered;
            if stays || at_hand.order.confirmation() != Confirmation::Due {
                return Ok(Vec::new());
            }
            // It was told to be somewhere else again: there is nothing to ask for now.
            let settled = FollowUpState::Settled;
            let mut entries = self
                .close_question(connection, &by, at_hand, settled)
                .await?;
            let stands = Confirmation::Unspecified;
            entries.push(self.stand(connection, call, at_hand, stands, None).await?);
            return Ok(entries);
        };
        let cause = format!("confirm:{}:{}", at_hand.row.id, current.at);
        let what = "请询问客户是否收到、是否满意";
        let kind = FollowUpKind::Confirmation;
        let wanted = at_hand.wanted(kind, cause, due_at, what);
        let Some(opened) = self.desk.open(connection, &by, wanted).await? else {
            return Ok(Vec::new());
        };
        let stands = Confirmation::Due;
        let changed = self.stand(connection, call, at_hand, stands, None).await?;
        Ok(vec![opened, changed])
    }

    /// The customer said how it was.
    async fn answered(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        at_hand: &mut AtHand,
    ) -> Result<Vec<Entry>, Fault> {
        let by = By::Call(call);
        let mut entries = Vec::new();
        let asked = at_hand.order.confirmation();
        if !matches!(asked, Confirmation::Unspecified | Confirmation::Answered) {
            let done = FollowUpState::Done;
            entries.extend(self.close_question(connection, &by, at_hand, done).await?);
            let stands = Confirmation::Answered;
            entries.push(self.stand(connection, call, at_hand, stands, None).await?);
        }
        let said = at_hand.said.take();
        let Some((id, review)) = said else {
            return Ok(entries);
        };
        let said_at = review.answered_time.as_ref().and_then(from_proto);
        let past = said_at.is_none_or(|at| rules::is_past(&self.confirmation, at, call.now));
        if rules::is_dissatisfied(&review) && !past {
            let cause = format!("dissatisfied:{id}");
            let what = "客户不满意，请回访；投诉的，登记工单并注明订单";
            let due_at = rules::see_to(&self.confirmation, call.now);
            let kind = FollowUpKind::Dissatisfied;
            let wanted = at_hand.wanted(kind, cause, due_at, what);
            entries.extend(self.desk.open(connection, &by, wanted).await?);
        }
        Ok(entries)
    }

    async fn attempted(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        at_hand: &mut AtHand,
        attempt: &Attempt,
    ) -> Result<Vec<Entry>, Fault> {
        let earlier = at_hand.order.attempts.iter();
        let missed = earlier.filter(|one| one.outcome() == AttemptOutcome::NotReached);
        let standing = at_hand.order.confirmation();
        let stands = rules::after(
            &self.confirmation,
            standing,
            attempt.outcome,
            missed.count(),
        )?;
        let by = By::Call(call);
        self.write_attempt(connection, call, at_hand, attempt)
            .await?;
        let done = FollowUpState::Done;
        let mut entries = self.close_question(connection, &by, at_hand, done).await?;
        let (tried, id) = (at_hand.order.attempts.len(), at_hand.row.id);
        let next = match stands {
            Confirmation::Due => Some(at_hand.wanted(
                FollowUpKind::Confirmation,
                format!("confirm:{id}:{tried}"),
                rules::again(&self.confirmation, attempt, call.now),
                "请再次询问客户是否收到、是否满意",
            )),
            Confirmation::NotArrived => Some(at_hand.wanted(
                FollowUpKind::Dissatisfied,
                format!("lost:{id}:{tried}"),
                rules::see_to(&self.confirmation, call.now),
                "客户称没有收到，请查明去向；投诉的，登记工单并注明订单",
            )),
            _ => None,
        };
        if let Some(wanted) = next {
            entries.extend(self.desk.open(connection, &by, wanted).await?);
        }
        let outcome = Some(attempt.outcome);
        entries.push(
            self.stand(connection, call, at_hand, stands, outcome)
                .await?,
        );
        Ok(entries)
    }

    async fn write_attempt(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        at_hand: &mut AtHand,
        attempt: &Attempt,
    ) -> Result<(), Fault> {
        let id = self.core.deps.ids.next()?;
        let subject = &call.context.subject;
        let sealed = completion::seal(&self.attempt_sealer, &at_hand.key, id, &attempt.words)?;
        let new = NewAttempt {
            id,
            order_id: at_hand.row.id,
            customer_id: at_hand.row.customer_id,
            outcome: attempt.outcome,
            actor: (subject.id, subject.kind == SubjectKind::SystemAccount),
            now: call.now,
            sealed: &sealed,
        };
        completion::insert(connection, &new).await?;
        at_hand.order.attempts.push(ConfirmationAttempt {
            outcome: attempt.outcome.into(),
            words: attempt.words.clone(),
            attempt_time: Some(to_proto(call.now)),
            actor: call.caller(),
        });
        Ok(())
    }

    async fn close_question(
        &self,
        connection: &mut PgConnection,
        by: &By<'_>,
        at_hand: &AtHand,
        how: FollowUpState,
    ) -> Result<Vec<Entry>, Fault> {
        let kind = FollowUpKind::Confirmation;
        let order = at_hand.order.name.as_str();
        self.desk.close(connection, by, order, kind, how, "").await
    }

    /// Writes how the question stands now, and tells what to journal.
    async fn stand(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        at_hand: &mut AtHand,
        stands: Confirmation,
        outcome: Option<AttemptOutcome>,
    ) -> Result<Entry, Fault> {
        let row = &at_hand.row;
        completion::stand(connection, row.id, stands).await?;
        at_hand.order.set_confirmation(stands);
        let event = event::Event::ConfirmationChanged(ConfirmationChanged {
            order_id: row.id.as_bytes().to_vec(),
            customer_id: row.customer_id.as_bytes().to_vec(),
            department_id: row.department_id.as_bytes().to_vec(),
            confirmation: stands.into(),
            outcome: outcome.unwrap_or_default().into(),
        });
        let kind = match (outcome, stands) {
            (Some(_), _) => "order.confirmation_tried",
            (None, Confirmation::Due) => "order.confirmation_due",
            (None, Confirmation::Answered) => "order.confirmation_answered",
            (None, _) => "order.confirmation_settled",
        };
        let (resource, customer) = (at_hand.order.name.clone(), Some(row.customer_id));
        Ok(entry(
            call,
            EntryKind::Change,
            kind,
            resource,
            customer,
            event,
        ))
    }
}

impl AtHand {
    /// Something to be done about it, by whoever follows it up.
    fn wanted(
        &self,
        kind: FollowUpKind,
        cause: String,
        due_at: jiff::Timestamp,
        what: &str,
    ) -> Wanted<'_> {
        Wanted {
            kind,
            cause,
            customer: self.row.customer_id,
            subject: &self.order.name,
            department: self.row.department_id,
            assignee: self.row.owner_id,
            due_at,
            reason: format!("{} {what}", self.order.number),
        }
    }
}
