//! What happens to submissions, in the transaction of whatever makes it happen.

use kefu_contracts::{
    journal::{SubmissionChanged, event},
    order::{
        FollowUpKind, FollowUpState, Order, OrderStage, OrderStock, Submission, SubmissionState,
    },
};
use kefu_journal::Entry;
use kefu_service::{error::Fault, fields::name};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    api::{
        Orders,
        intake::in_hours,
        supply::{About, is_carried_out},
    },
    desk::{By, Wanted},
    domain::submission::Step,
    store::submissions::{self, SUBMISSIONS, StoredSubmission, Turn},
};

/// What is said of a submission with a step.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Said<'a> {
    /// Empty: nobody.
    pub(crate) by: &'a str,
    pub(crate) reference: &'a str,
    pub(crate) note: &'a str,
}

impl Orders {
    /// Submits an order that is ready and not on its way yet.
    pub(crate) async fn submit(
        &self,
        connection: &mut PgConnection,
        by: &By<'_>,
        order: &Order,
        about: About,
    ) -> Result<Option<Entry>, Fault> {
        let supplied = matches!(order.stock(), OrderStock::NotKept | OrderStock::Reserved);
        let ready = is_carried_out(order) && supplied && order.stage() == OrderStage::Submitted;
        if !ready {
            return Ok(None);
        }
        let (id, customer, now) = (self.core.deps.ids.next()?, about.parties.customer, by.now());
        let (key, _) = self.sealer.key(connection, customer, now).await?;
        let sealed = self
            .submission_sealer()
            .seal(&key, id, &Submission::default())?;
        let first = self.has_order_system.then_some(now);
        let of = (id, about.id, customer);
        if !submissions::insert(connection, of, &sealed, now, first).await? {
            return Ok(None);
        }
        let fact = changed((id, about.id, customer), SubmissionState::Pending, 0, 1);
        let resource = name(SUBMISSIONS, id);
        Ok(Some(by.fact(
            "submission.written",
            resource,
            Some(customer),
            fact,
        )))
    }

    /// Refuses to change an order of which the order system may have heard; takes back one that
    /// it has not heard of, or would not take.
    pub(crate) async fn take_back(
        &self,
        connection: &mut PgConnection,
        by: &By<'_>,
        order: Uuid,
    ) -> Result<Vec<Entry>, Fault> {
        let Some(row) = submissions::of_order(connection, order).await? else {
            return Ok(Vec::new());
        };
        let unheard = row.state() == SubmissionState::Pending && row.attempts == 0;
        if !unheard && row.state() != SubmissionState::Refused {
            return Err(Fault::state(row.state().as_str_name(), "change"));
        }
        self.step(connection, by, &row, Step::Cancel(false), Said::default())
            .await
    }

    /// The order is cancelled: it is out of the order system, or is taken out of it.
    pub(crate) async fn call_back(
        &self,
        connection: &mut PgConnection,
        by: &By<'_>,
        order: Uuid,
    ) -> Result<Vec<Entry>, Fault> {
        let Some(row) = submissions::of_order(connection, order).await? else {
            return Ok(Vec::new());
        };
        let told_by_system = by.who().is_some_and(|(_, is_system)| is_system);
        let step = match told_by_system {
            true => Step::Gone,
            false => Step::Cancel(row.attempts > 0),
        };
        self.step(connection, by, &row, step, Said::default()).await
    }

    /// What the order system tells of an order says that it has it.
    pub(crate) async fn is_there(
        &self,
        connection: &mut PgConnection,
        by: &By<'_>,
        order: Uuid,
    ) -> Result<Vec<Entry>, Fault> {
        let row = submissions::of_order(connection, order).await?;
        let waits = |row: &StoredSubmission| {
            matches!(
                row.state(),
                SubmissionState::Pending | SubmissionState::Refused
            )
        };
        match row.filter(waits) {
            Some(row) => {
                let said = Said::default();
                self.step(connection, by, &row, Step::Accept, said).await
            }
            None => Ok(Vec::new()),
        }
    }

    /// Carries a step of a locked submission out.
    pub(crate) async fn step(
        &self,
        connection: &mut PgConnection,
        by: &By<'_>,
        row: &StoredSubmission,
        step: Step,
        said: Said<'_>,
    ) -> Result<Vec<Entry>, Fault> {
        let state = step.leads_from(row.state())?;
        let key = self.sealer.open_key(row.customer_id, &row.wrapped).await?;
        let mut whole = self.open_submission(&key, row)?;
        if !said.reference.is_empty() {
            said.reference.clone_into(&mut whole.reference);
        }
        said.note.clone_into(&mut whole.note);
        // Taken out by whom it was brought in.
        let turned = state != row.state();
        let asks = state == SubmissionState::Withdrawing && turned && self.has_order_system;
        let turn = Turn {
            state,
            now: by.now(),
            next_attempt: asks.then(|| by.now()),
            anew: turned && state == SubmissionState::Withdrawing,
            marked_by: said.by,
            sealed: Some(&self.submission_sealer().seal(&key, row.id, &whole)?),
        };
        submissions::turn(connection, row.id, &turn).await?;
        let fact = changed(row.parts(), state, row.attempts, row.revision + 1);
        let (kind, resource) = (journaled_as(state), name(SUBMISSIONS, row.id));
        let mut entries = vec![by.fact(kind, resource, Some(row.customer_id), fact)];
        let by_hand = match state {
            SubmissionState::Refused => true,
            SubmissionState::Withdrawing => !self.has_order_system,
            _ => false,
        };
        if by_hand {
            entries.extend(self.see_to_it(connection, by, row, state).await?);
        } else if state != SubmissionState::Withdrawing {
            let order = name("orders", row.order_id);
            let (kind, how) = (FollowUpKind::HandOver, FollowUpState::Settled);
            let closed = self
                .desk
                .close(connection, by, &order, kind, how, "订单系统已处理。");
            entries.extend(closed.await?);
        }
        Ok(entries)
    }

    /// Somebody sees to what the order system would not do.
    pub(crate) async fn see_to_it(
        &self,
        connection: &mut PgConnection,
        by: &By<'_>,
        row: &StoredSubmission,
        state: SubmissionState,
    ) -> Result<Option<Entry>, Fault> {
        let Some(order) = self.order_of(connection, row.order_id).await? else {
            return Ok(None);
        };
        let (what, reason) = match state {
            SubmissionState::Withdrawing => ("withdraw", "已取消，请在订单系统中撤单"),
            _ => ("submit", "未被订单系统接受，请核实并人工录入"),
        };
        let subject = name("orders", row.order_id);
        let wanted = Wanted {
            kind: FollowUpKind::HandOver,
            cause: format!("hand_over:{}:{what}", row.id),
            customer: row.customer_id,
            subject: &subject,
            department: order.parties.department,
            assignee: order.parties.owner,
            due_at: in_hours(by.now(), self.follow_up_hours)?,
            reason: format!("订单 {} {reason}。", order.number),
        };
        self.desk.open(connection, by, wanted).await
    }
}

impl StoredSubmission {
    pub(crate) fn parts(&self) -> (Uuid, Uuid, Uuid) {
        (self.id, self.order_id, self.customer_id)
    }
}

/// A submission as a step leaves it, for the journal.
pub(crate) fn changed(
    (id, order, customer): (Uuid, Uuid, Uuid),
    state: SubmissionState,
    attempts: i32,
    revision: i64,
) -> event::Event {
    let bytes = |id: Uuid| id.as_bytes().to_vec();
    event::Event::SubmissionChanged(SubmissionChanged {
        submission_id: bytes(id),
        order_id: bytes(order),
        customer_id: bytes(customer),
        state: state.into(),
        attempt_count: attempts,
        revision,
    })
}

fn journaled_as(state: SubmissionState) -> &'static str {
    match state {
        SubmissionState::Accepted => "submission.accepted",
        SubmissionState::Refused => "submission.refused",
        SubmissionState::Withdrawing => "submission.withdrawing",
        SubmissionState::Withdrawn => "submission.withdrawn",
        SubmissionState::Pending | SubmissionState::Unspecified => "submission.written",
    }
}
