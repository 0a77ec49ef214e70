//! What a change of a case brings with it: what the journal says, and what is due for whom.

use kefu_contracts::{
    journal::{CaseChanged, CasePaymentChanged, EntryKind, event},
    order::{Case, CasePayment, CasePaymentState, CaseState, FollowUpKind, FollowUpState},
};
use kefu_journal::Entry;
use kefu_service::{
    call::Call,
    error::Fault,
    fields::{parse_etag, parse_name},
    present::entry,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Cases;
use crate::{
    desk::{By, Wanted},
    domain::case::{
        action::Action,
        due::{Due, all},
    },
    store::cases::CASES,
};

impl Cases {
    /// What is due of a case is what stands in its follow-ups: where that changed they are closed,
    /// and others opened, with whoever has to see to it.
    pub(super) async fn follow(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        before: Option<&Case>,
        after: &Case,
    ) -> Result<Vec<Entry>, Fault> {
        let (was, is) = (before.map(all).unwrap_or_default(), all(after));
        let by = By::Call(call);
        let mut entries = Vec::new();
        for due in was.iter().filter(|due| !is.contains(due)) {
            // What is only somebody else's or due at another time was not done.
            let stands = is
                .iter()
                .any(|other| (other.step, &other.what) == (due.step, &due.what));
            let how = match stands || after.state() == CaseState::Cancelled {
                true => FollowUpState::Settled,
                false => FollowUpState::Done,
            };
            let subject = subject(after, due);
            let closed = self
                .desk
                .close(connection, &by, &subject, kind(due), how, "");
            entries.extend(closed.await?);
        }
        for due in is.iter().filter(|due| !was.contains(due)) {
            let subject = subject(after, due);
            let wanted = Wanted {
                kind: kind(due),
                cause: format!("{subject}:{}", after.etag),
                customer: id(&after.customer, "customers"),
                subject: &subject,
                department: id(&after.department, "departments"),
                assignee: due.assignee,
                due_at: due.at,
                reason: format!("{} {}", after.number, due.what),
            };
            entries.extend(self.desk.open(connection, &by, wanted).await?);
        }
        Ok(entries)
    }
}

/// `cases/{uuid}`, or a step of it: `cases/{uuid}/steps/2`.
fn subject(case: &Case, due: &Due) -> String {
    match due.step {
        Some(step) => format!("{}/steps/{step}", case.name),
        None => case.name.clone(),
    }
}

fn kind(due: &Due) -> FollowUpKind {
    match due.closing {
        true => FollowUpKind::CaseClosing,
        false => FollowUpKind::CaseStep,
    }
}

fn id(name: &str, collection: &str) -> Uuid {
    parse_name(name, collection).unwrap_or_default()
}

/// A change for the journal; everything is as it is afterwards.
pub(super) fn changed(call: &Call, kind: &'static str, case: &Case, before: CaseState) -> Entry {
    let bytes = |name: &str, collection| {
        let id = parse_name(name, collection);
        id.map(|id| id.as_bytes().to_vec()).unwrap_or_default()
    };
    let event = event::Event::CaseChanged(CaseChanged {
        case_id: bytes(&case.name, CASES),
        customer_id: bytes(&case.customer, "customers"),
        order_id: bytes(&case.order, "orders"),
        department_id: bytes(&case.department, "departments"),
        assignee_id: bytes(&case.assignee, "employees"),
        kind: case.kind,
        state_before: before.into(),
        state: case.state,
        cover: case.cover,
        reopen_count: case.reopen_count,
        score: case.score,
        create_time: case.create_time,
        due_time: case.due_time,
        revision: parse_etag(&case.etag).unwrap_or_default(),
    });
    let customer = parse_name(&case.customer, "customers");
    let resource = case.name.clone();
    entry(call, EntryKind::Change, kind, resource, customer, event)
}

/// What happened to the money of a case; dropped is all that was promised by one that is cancelled.
pub(super) fn paid(call: &Call, action: &Action, before: &Case, after: &Case) -> Vec<Entry> {
    let state = |case: &Case, number: i32| {
        let mut payments = case.payments.iter();
        let found = payments.find(|payment| payment.number == number);
        found.map(CasePayment::state)
    };
    debug_assert!(action.pays().is_none() || before.payments != after.payments);
    let moved = after.payments.iter();
    let moved = moved.filter(|one| state(before, one.number) != Some(one.state()));
    moved.map(|one| payment(call, after, one)).collect()
}

fn payment(call: &Call, case: &Case, one: &CasePayment) -> Entry {
    let (case_id, customer) = (id(&case.name, CASES), id(&case.customer, "customers"));
    let event = event::Event::CasePaymentChanged(CasePaymentChanged {
        case_id: case_id.as_bytes().to_vec(),
        customer_id: customer.as_bytes().to_vec(),
        number: one.number,
        kind: one.kind,
        state: one.state,
        by_rule: one.by_rule,
    });
    let kind = match one.state() {
        CasePaymentState::Granted => "case_payment.granted",
        CasePaymentState::Refused => "case_payment.refused",
        CasePaymentState::Paid => "case_payment.paid",
        CasePaymentState::Dropped => "case_payment.dropped",
        CasePaymentState::Asked | CasePaymentState::Unspecified => "case_payment.asked",
    };
    let resource = case.name.clone();
    entry(
        call,
        EntryKind::Change,
        kind,
        resource,
        Some(customer),
        event,
    )
}
