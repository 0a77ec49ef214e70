//! Something is done with a visit: lock → the answer given before → scope → etag → rules →
//! write → its follow-up → journal → keep.

use jiff::Timestamp;
use kefu_access::RowFacts;
use kefu_contracts::{
    common::Reason,
    order::{FollowUpKind, FollowUpState, Visit, VisitMethod, VisitOrigin},
};
use kefu_journal::Entry;
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::{etag, name},
    idempotency::{self, Claim, Kept},
    present::Shown,
    written::Written,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{REFUSED, VIEWED, VisitsApi, record::Outcome};
use crate::{
    desk::{self, By},
    domain::visit::{Step, words},
    store::{
        follow_ups, relations,
        visits::{self, Change, RECORD, StoredVisit, VISITS},
    },
    visits::{Planned, changed},
};

/// What is to be done with a visit, read and checked.
#[derive(Clone)]
pub(super) struct Wanted {
    pub(super) id: Uuid,
    pub(super) revision: i64,
    pub(super) claim: Option<Claim>,
    pub(super) deed: Deed,
}

#[derive(Clone)]
pub(super) enum Deed {
    Record(Outcome),
    /// It is due then, and why.
    Move(Timestamp, String),
    /// It is not made, and why.
    Drop(String),
}

impl Deed {
    fn step(&self) -> Step {
        match self {
            Self::Record(_) => Step::Record,
            Self::Move(..) => Step::Move,
            Self::Drop(_) => Step::Drop,
        }
    }
}

impl VisitsApi {
    pub(super) async fn carry_out(
        &self,
        call: Call,
        wanted: Wanted,
    ) -> Result<Answer<Visit>, Fault> {
        let resource = name(VISITS, wanted.id);
        let (service, writing) = (self.clone(), (call.clone(), wanted));
        let outcome = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (service, (call, wanted)) = (service.clone(), writing.clone());
                Box::pin(async move { service.attempt(connection, &call, &wanted).await })
            })
            .await;
        let views = &self.core.views;
        let outcome = views.or_not_allowed(&call, REFUSED, &resource, outcome);
        let written = outcome.await?.disclosed();
        written.into_answer(&self.core.views, &call, VIEWED).await
    }

    async fn attempt(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        wanted: &Wanted,
    ) -> Result<Written<Visit>, Fault> {
        let not_found = || Fault::not_found(&name(VISITS, wanted.id));
        let locked = visits::lock(connection, wanted.id).await?;
        let locked = locked.ok_or_else(not_found)?;
        let sealer = self.visits.sealer();
        let key = sealer.open_key(locked.customer_id, &locked.wrapped).await?;
        if let Some(claim) = &wanted.claim
            && let Some(kept) = idempotency::find(connection, claim).await?
        {
            // Who closed one has no duty by it any more, and still gets the answer they were
            // given: the rules look at it as it was then.
            let clearance = call
                .context
                .clearance_of(&as_it_was(call, &locked), call.now);
            let record: Visit = sealer.open_answer(&key, kept.resource_id, &kept.answer)?;
            let shown = Shown::of_customer(
                &record.name,
                locked.customer_id,
                clearance.ok_or_else(not_found)?,
            );
            return Ok(Written::before(record, shown, kept.position));
        }
        let row = RECORD
            .get(call, wanted.id)
            .build()
            .fetch_optional(&mut *connection)
            .await?;
        let row = StoredVisit::read(&row.ok_or_else(not_found)?)?;
        let clearance = call.context.clearance(row.matched, call.now);
        if row.revision != wanted.revision {
            return Err(Fault::new(Reason::EtagMismatch).with("etag", etag(row.revision)));
        }
        let state = wanted.deed.step().leads_from(row.state())?;
        let mut said = self.visits.open_whole(&key, &row)?;
        let (by, mut entries) = (By::Call(call), Vec::new());
        let mut change = Change {
            id: row.id,
            state,
            method: row.method(),
            due_at: row.due_at,
            moves: row.moves,
            visited_at: None,
            feedback_department: None,
            next_visit: None,
            closer: by.who(),
            sealed: &[],
        };
        match &wanted.deed {
            Deed::Record(outcome) => {
                write_down(&mut said, outcome);
                change.method = chosen(outcome.method, row.method());
                change.visited_at = Some(outcome.visited_at);
                change.feedback_department = outcome.feedback_department;
                let (next, made) = self.agreed(connection, &by, &row, outcome).await?;
                change.next_visit = next;
                entries.extend(made);
                entries.extend(self.pass_on(connection, &by, &row, outcome).await?);
            }
            Deed::Move(until, reason) => {
                said.result.clone_from(reason);
                (change.due_at, change.moves, change.closer) = (*until, row.moves + 1, None);
            }
            Deed::Drop(reason) => said.result.clone_from(reason),
        }
        let words = Visit {
            reason: said.reason.clone(),
            reached: said.reached,
            result: said.result.clone(),
            satisfaction: said.satisfaction,
            needs: said.needs.clone(),
            feedback: said.feedback.clone(),
            ..Visit::default()
        };
        let sealed = sealer.seal(&key, row.id, &words)?;
        change.sealed = &sealed;
        visits::update(connection, &change).await?;
        entries.push(changed(&by, wanted.deed.step(), &row, &change));
        entries.extend(
            self.close(connection, &by, &row, &change, &wanted.deed)
                .await?,
        );
        if wanted.deed.step() != Step::Move {
            let (customer, at) = (row.customer_id, change.visited_at);
            relations::count_from(connection, customer, at, call.now).await?;
        }
        let position = kefu_journal::append(connection, &entries).await?;
        let after = visits::lock(connection, row.id).await?;
        let visit = after.ok_or_else(not_found)?.with_opened(words);
        if let Some(claim) = &wanted.claim {
            let kept = Kept {
                resource_id: row.id,
                answer: sealer.seal_answer(&key, row.id, &visit)?,
                position,
            };
            idempotency::keep(connection, call, claim, Some(row.customer_id), &kept).await?;
        }
        let shown = Shown::of_customer(&visit.name, row.customer_id, clearance);
        Ok(Written::now(visit, shown, position))
    }

    /// The next visit, where one was agreed upon.
    async fn agreed(
        &self,
        connection: &mut PgConnection,
        by: &By<'_>,
        row: &StoredVisit,
        outcome: &Outcome,
    ) -> Result<(Option<Uuid>, Vec<Entry>), Fault> {
        let Some((due_at, method)) = outcome.next else {
            return Ok((None, Vec::new()));
        };
        let planned = Planned {
            customer: row.customer_id,
            origin: VisitOrigin::Appointment,
            method: chosen(method, chosen(outcome.method, row.method())),
            department: row.department_id,
            owner: row.owner_id,
            due_at,
            period: None,
            reason: "",
        };
        let made = self.visits.plan(connection, by, &planned).await?;
        let (id, entries) = made.unzip();
        Ok((id, entries.unwrap_or_default()))
    }

    /// What the customer had to say is something to be done for the department concerned.
    async fn pass_on(
        &self,
        connection: &mut PgConnection,
        by: &By<'_>,
        row: &StoredVisit,
        outcome: &Outcome,
    ) -> Result<Option<Entry>, Fault> {
        let Some(department) = outcome.feedback_department else {
            return Ok(None);
        };
        let wanted = desk::Wanted {
            kind: FollowUpKind::Other,
            cause: format!("visit-feedback:{}", row.id),
            customer: row.customer_id,
            subject: &name(VISITS, row.id),
            department,
            assignee: None,
            due_at: by.now(),
            reason: format!("客户反馈：{}", outcome.feedback),
        };
        self.visits.desk().open(connection, by, wanted).await
    }

    /// Closes the follow-up with the visit, or opens another for when it is due now.
    async fn close(
        &self,
        connection: &mut PgConnection,
        by: &By<'_>,
        row: &StoredVisit,
        change: &Change<'_>,
        deed: &Deed,
    ) -> Result<Vec<Entry>, Fault> {
        let (subject, kind) = (name(VISITS, row.id), FollowUpKind::Visit);
        let whose = follow_ups::open_about(connection, &subject, kind).await?;
        let assignee = whose.first().and_then(|one| one.standing.assignee);
        let (how, outcome) = match deed {
            Deed::Record(outcome) => (FollowUpState::Done, format!("已回访：{}", outcome.result)),
            Deed::Move(_, reason) => (FollowUpState::Settled, format!("改期：{reason}")),
            Deed::Drop(reason) => (FollowUpState::Settled, format!("取消：{reason}")),
        };
        let desk = self.visits.desk();
        let mut entries = desk
            .close(connection, by, &subject, kind, how, &outcome)
            .await?;
        if let Deed::Move(..) = deed {
            let wanted = desk::Wanted {
                kind,
                cause: format!("visit:{}:{}", row.id, change.moves),
                customer: row.customer_id,
                subject: &subject,
                department: row.department_id,
                assignee,
                due_at: change.due_at,
                reason: words(change.method),
            };
            entries.extend(desk.open(connection, by, wanted).await?);
        }
        Ok(entries)
    }
}

fn write_down(said: &mut Visit, outcome: &Outcome) {
    said.reached = outcome.reached;
    said.result.clone_from(&outcome.result);
    said.satisfaction = outcome.satisfaction;
    said.needs.clone_from(&outcome.needs);
    said.feedback.clone_from(&outcome.feedback);
}

/// The method that was said, or else this one.
fn chosen(said: VisitMethod, otherwise: VisitMethod) -> VisitMethod {
    match said {
        VisitMethod::Unspecified => otherwise,
        said => said,
    }
}

/// What the rules looked at when the caller did it.
fn as_it_was(call: &Call, row: &StoredVisit) -> RowFacts {
    RowFacts {
        department: Some(row.department_id),
        owner: row.owner_id,
        customer: Some(row.customer_id),
        duty: vec![call.context.subject.id],
        consents: Vec::new(),
    }
}
