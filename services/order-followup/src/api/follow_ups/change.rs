//! Somebody does something with a follow-up: lock → the answer given before → scope → etag →
//! rules → write → journal → keep.

use jiff::Timestamp;
use kefu_access::{RowFacts, SubjectKind};
use kefu_contracts::{
    common::Reason,
    order::{
        AssignFollowUpRequest, CompleteFollowUpRequest, DropFollowUpRequest, FollowUp,
        FollowUpState, PostponeFollowUpRequest, TakeFollowUpRequest,
    },
};
use kefu_service::{
    call::{Answer, Call},
    entitlements::{self, Asked},
    error::{Fault, Violation},
    fields::{Fields, etag},
    idempotency::{self, Claim, Kept},
    present::Shown,
    written::Written,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{FollowUps, REFUSED, VIEWED};
use crate::{
    desk::{By, changed},
    domain::follow_up::{MOST_WORDS, Step},
    store::follow_ups::{self, Change, FOLLOW_UPS, RECORD, StoredFollowUp},
};

/// A request that does something with a follow-up.
pub(super) trait Does: prost::Message {
    /// Name, etag and request id.
    fn address(&self) -> (&str, &str, &str);
    /// What it does; what is wrong with that is noted.
    fn step(&self, fields: &mut Fields, call: &Call) -> Option<Step>;
}

macro_rules! does {
    ($request:ty, |$one:ident, $fields:ident, $call:ident| $step:expr) => {
        impl Does for $request {
            fn address(&self) -> (&str, &str, &str) {
                (&self.name, &self.etag, &self.request_id)
            }

            fn step(&self, $fields: &mut Fields, $call: &Call) -> Option<Step> {
                let $one = self;
                $step
            }
        }
    };
}

does!(AssignFollowUpRequest, |one, fields, _call| {
    let assignee = fields.optional_name("assignee", &one.assignee, "employees");
    Some(Step::Assign(assignee))
});
does!(TakeFollowUpRequest, |_one, _fields, call| {
    Some(Step::Take(call.context.subject.id))
});
does!(PostponeFollowUpRequest, |one, fields, call| {
    fields.required_text("reason", &one.reason, MOST_WORDS);
    fields.ensure(one.due_time.is_some(), "due_time", Violation::Required);
    let until = fields.time("due_time", one.due_time.as_ref());
    fields.ensure(
        until.is_none_or(|at| at > call.now),
        "due_time",
        Violation::Contradiction,
    );
    Some(Step::Postpone(until?, one.reason.clone()))
});
does!(CompleteFollowUpRequest, |one, fields, _call| {
    fields.required_text("outcome", &one.outcome, MOST_WORDS);
    Some(Step::Complete(one.outcome.clone()))
});
does!(DropFollowUpRequest, |one, fields, _call| {
    fields.required_text("reason", &one.reason, MOST_WORDS);
    Some(Step::Drop(one.reason.clone()))
});

/// The same, read and checked.
#[derive(Clone)]
struct Wanted {
    id: Uuid,
    name: String,
    revision: i64,
    step: Step,
    claim: Option<Claim>,
}

impl FollowUps {
    /// Clauses OP-3.3, OP-3.4.4, IH-3.2.
    pub(super) async fn change<R: Does>(
        &self,
        call: Call,
        request: R,
    ) -> Result<Answer<FollowUp>, Fault> {
        let mut fields = Fields::new();
        let (name, etag, request_id) = request.address();
        let request_id = fields.request_id(request_id);
        let id = fields.name("name", name, FOLLOW_UPS);
        let revision = fields.etag("etag", etag);
        let step = request.step(&mut fields, &call);
        // A system is nobody whom a customer deals with.
        let is_system = call.context.subject.kind == SubjectKind::SystemAccount;
        let takes = matches!(step, Some(Step::Take(_)));
        fields.ensure(!(takes && is_system), "name", Violation::NotApplicable);
        let claim = Claim::of(&call, request_id, &request);
        idempotency::finish(&self.core.deps.db, fields, claim.as_ref()).await?;
        let wanted = Wanted {
            id: id.unwrap_or_default(),
            name: name.to_owned(),
            revision: revision.unwrap_or_default(),
            step: step.ok_or_else(|| Fault::internal("no violation was noted"))?,
            claim,
        };
        self.ensure_entitled(&call, &wanted).await?;
        let (service, writing) = (self.clone(), (call.clone(), wanted));
        let outcome = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (service, (call, wanted)) = (service.clone(), writing.clone());
                Box::pin(async move { service.carry_out(connection, &call, &wanted).await })
            })
            .await;
        let views = &self.core.views;
        let outcome = views.or_not_allowed(&call, REFUSED, request.address().0, outcome);
        let written = outcome.await?.disclosed();
        written.into_answer(&self.core.views, &call, VIEWED).await
    }

    /// Refuses whom the follow-up would be given to and who may not work on it. Asked before
    /// the change: it never waits for another service, and is decided upon the same revision.
    async fn ensure_entitled(&self, call: &Call, wanted: &Wanted) -> Result<(), Fault> {
        let Step::Assign(Some(employee)) = wanted.step else {
            return Ok(());
        };
        let row = self.core.deps.db.row(RECORD.get(call, wanted.id)).await?;
        let row = row.as_ref().map(StoredFollowUp::read).transpose()?;
        let Some(row) = row.filter(|row| wanted.revision == row.revision) else {
            return Ok(());
        };
        let asked = Asked {
            subjects: &[employee],
            permissions: &["order.follow_ups.list", "order.follow_ups.work"],
            purposes: &[],
            row: facts(&row),
            as_theirs: true,
        };
        entitlements::ensure(self.people.clone(), &asked, "assignee").await
    }

    async fn carry_out(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        wanted: &Wanted,
    ) -> Result<Written<FollowUp>, Fault> {
        let not_found = || Fault::not_found(&wanted.name);
        let locked = follow_ups::lock(connection, wanted.id).await?;
        let locked = locked.ok_or_else(not_found)?;
        let sealer = self.desk.sealer();
        let key = sealer.open_key(locked.customer_id, &locked.wrapped).await?;
        if let Some(claim) = &wanted.claim
            && let Some(kept) = idempotency::find(connection, claim).await?
        {
            // Who closed one has no duty by it any more, and still gets the answer they were
            // given: the rules look at it as it was then.
            let as_it_was = RowFacts {
                duty: locked.standing.assignee.into_iter().collect(),
                ..facts(&locked)
            };
            let clearance = call.context.clearance_of(&as_it_was, call.now);
            let record: FollowUp = sealer.open_answer(&key, kept.resource_id, &kept.answer)?;
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
        let row = StoredFollowUp::read(&row.ok_or_else(not_found)?)?;
        let clearance = call.context.clearance(row.matched, call.now);
        if row.revision != wanted.revision {
            return Err(Fault::new(Reason::EtagMismatch).with("etag", etag(row.revision)));
        }
        let standing = wanted.step.of(row.standing)?;
        let mut words = self.desk.open_words(&key, &row)?;
        let (mut postponements, mut escalation) = (row.postponements, row.escalation);
        match &wanted.step {
            Step::Complete(said) | Step::Drop(said) => said.clone_into(&mut words.outcome),
            Step::Postpone(_, reason) => {
                ensure_later(standing.due_at, row.standing.due_at)?;
                reason.clone_into(&mut words.outcome);
                (postponements, escalation) = (postponements.saturating_add(1), 0);
            }
            Step::Assign(_) | Step::Take(_) => {}
        }
        let open = standing.state == FollowUpState::Open;
        let next = self.desk.escalation().next(standing.due_at, escalation);
        let by = By::Call(call);
        let change = Change {
            id: row.id,
            standing,
            postponements,
            escalation,
            escalates_at: next.filter(|_| open),
            sealed: &self.desk.seal_words(&key, row.id, &words)?,
            closer: by.who().filter(|_| !open),
            now: call.now,
        };
        follow_ups::update(connection, &change).await?;
        let event = changed(&row, standing, escalation, row.revision + 1);
        let entry = by.entry(wanted.step.journaled_as(), &row, event);
        let position = kefu_journal::append(connection, &[entry]).await?;
        let after = follow_ups::lock(connection, row.id).await?;
        let follow_up = after.ok_or_else(not_found)?.with_opened(words);
        if let Some(claim) = &wanted.claim {
            let kept = Kept {
                resource_id: row.id,
                answer: sealer.seal_answer(&key, row.id, &follow_up)?,
                position,
            };
            idempotency::keep(connection, call, claim, Some(row.customer_id), &kept).await?;
        }
        let shown = Shown::of_customer(&follow_up.name, row.customer_id, clearance);
        Ok(Written::now(follow_up, shown, position))
    }
}

/// What the rules look at.
fn facts(row: &StoredFollowUp) -> RowFacts {
    let open = row.standing.state == FollowUpState::Open;
    RowFacts {
        department: Some(row.department_id),
        owner: row.standing.assignee,
        customer: Some(row.customer_id),
        duty: row.standing.assignee.filter(|_| open).into_iter().collect(),
        consents: Vec::new(),
    }
}

fn ensure_later(until: Timestamp, due_at: Timestamp) -> Result<(), Fault> {
    match until > due_at {
        true => Ok(()),
        false => Err(Fault::fields(vec![(
            "due_time".to_owned(),
            Violation::Contradiction,
        )])),
    }
}
