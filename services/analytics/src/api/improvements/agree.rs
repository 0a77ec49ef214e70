//! A suggestion is agreed to, and its figure is counted as it is then.

use jiff::{SignedDuration, Timestamp};
use kefu_access::SubjectKind;
use kefu_contracts::{
    analytics::{
        AgreeToImprovementRequest, Improvement, ImprovementEvent, ImprovementFigure,
        ImprovementTarget,
    },
    common::Reason,
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, name},
    idempotency::{self, Claim},
    time::to_proto,
    written::Written,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Improvements, REFUSED, VIEWED, again,
    change::{self, Wanted, ensure_current, hold, keep},
};
use crate::{
    domain::{
        company::Company,
        improvement::{state::after, step, suggestion::LONGEST_TEXT, target},
    },
    measure::measure,
    store::{
        improvements::{RECORD, StoredImprovement},
        query::value,
    },
};

/// Longest time until it is to be carried out.
const LONGEST: SignedDuration = SignedDuration::from_hours(366 * 24);

/// What is agreed to.
#[derive(Clone)]
struct Terms {
    owner: Uuid,
    due_at: Timestamp,
    note: String,
    target: ImprovementTarget,
    baseline: ImprovementFigure,
}

impl Improvements {
    /// Clause SG-8.
    pub(super) async fn agree(
        &self,
        call: Call,
        request: AgreeToImprovementRequest,
    ) -> Result<Answer<Improvement>, Fault> {
        let address = (
            request.name.as_str(),
            request.etag.as_str(),
            request.request_id.as_str(),
        );
        let (wanted, mut fields) = change::wanted(&call, &request, address);
        let owner = fields.name("owner", &request.owner, "employees");
        let due_at = due(&mut fields, &request, call.now);
        fields.text("note", &request.note, LONGEST_TEXT);
        let db = &self.core.deps.db;
        idempotency::finish(db, fields, wanted.claim.as_ref()).await?;

        let looked = self.look(&call, &wanted).await;
        let views = &self.core.views;
        let looked = views.or_not_allowed(&call, REFUSED, &wanted.name, looked);
        let row = match looked.await? {
            Looked::Kept(written) => return written.into_answer(views, &call, VIEWED).await,
            Looked::Found(row) => row,
        };
        let (owner, due_at) = owner
            .zip(due_at)
            .ok_or_else(|| Fault::internal("a violation was not noted"))?;
        // Counted before the change: it never waits for another service.
        let company = self.maker.company().await?;
        let target = request.target.or_else(|| row.record.target.clone());
        let mut fields = Fields::new();
        check_target(&mut fields, target.as_ref(), &row);
        let works = works_there(owner, row.department(), &company);
        fields.ensure(works, "owner", Violation::Unknown);
        fields.finish()?;
        let target = target.unwrap_or_default();
        let days = target::before(&target, self.zone.today(call.now));
        let days = days.ok_or_else(|| Fault::internal("the calendar begins"))?;
        let reach = row.department().map(|id| company.reach(id));
        let baseline = measure(&self.maker, &target, days, &self.zone, reach).await?;
        let terms = Terms {
            owner,
            due_at,
            note: request.note,
            target,
            baseline,
        };
        let resource = wanted.name.clone();
        let writing = (call.clone(), wanted, terms);
        let outcome = db
            .transaction(move |connection| {
                let (call, wanted, terms) = writing.clone();
                Box::pin(async move { write(connection, &call, &wanted, terms).await })
            })
            .await;
        let outcome = views.or_not_allowed(&call, REFUSED, &resource, outcome);
        outcome.await?.into_answer(views, &call, VIEWED).await
    }

    /// The suggestion as it is, if the caller may agree to it; or what was answered before.
    async fn look(&self, call: &Call, wanted: &Wanted) -> Result<Looked, Fault> {
        let (asking, asked) = (call.clone(), wanted.clone());
        let looked = self.core.deps.db.run(move |connection| {
            Box::pin(async move {
                let claim = asked.claim.as_ref();
                let mut query = RECORD.get(&asking, asked.id);
                let row = query.build().fetch_optional(&mut *connection).await?;
                let row = row.as_ref().map(StoredImprovement::read).transpose()?;
                let row = row.ok_or_else(|| Fault::not_found(&asked.name))?;
                let kept = idempotency::find_plain::<Improvement>(connection, claim).await?;
                Ok((row, kept))
            })
        });
        let (row, kept) = looked.await?;
        if let Some(kept) = kept {
            return Ok(Looked::Kept(Box::new(again(call, kept))));
        }
        ensure_current(&row, wanted)?;
        may(call, &row)?;
        Ok(Looked::Found(Box::new(row)))
    }
}

enum Looked {
    Kept(Box<Written<Improvement>>),
    Found(Box<StoredImprovement>),
}

/// Whoever suggested it does not agree to it.
fn may(call: &Call, row: &StoredImprovement) -> Result<(), Fault> {
    after(row.record.state(), ImprovementEvent::Agreed)?;
    let subject = &call.context.subject;
    let second = subject.kind == SubjectKind::Employee && row.proposer() != Some(subject.id);
    match second {
        true => Ok(()),
        false => Err(Fault::new(Reason::SecondPersonRequired)),
    }
}

fn due(
    fields: &mut Fields,
    request: &AgreeToImprovementRequest,
    now: Timestamp,
) -> Option<Timestamp> {
    let told = request.due_time.as_ref();
    fields.ensure(told.is_some(), "due_time", Violation::Required);
    let due_at = fields.time("due_time", told)?;
    let sound = due_at > now && due_at.duration_since(now) <= LONGEST;
    fields.ensure(sound, "due_time", Violation::Contradiction);
    Some(due_at)
}

fn check_target(fields: &mut Fields, target: Option<&ImprovementTarget>, row: &StoredImprovement) {
    match target {
        None => fields.refuse("target", Violation::Required),
        Some(target) => {
            let company = row.department().is_none();
            target::check(fields, "target", target, company, &value);
        }
    }
}

/// Whether somebody works in the department or below it; in whichever, where it is of the whole
/// company.
fn works_there(owner: Uuid, department: Option<Uuid>, company: &Company) -> bool {
    let of_owner = company.department(owner);
    match department {
        None => of_owner.is_some(),
        Some(id) => of_owner.is_some_and(|one| company.reach(id).contains(&one)),
    }
}

async fn write(
    connection: &mut PgConnection,
    call: &Call,
    wanted: &Wanted,
    terms: Terms,
) -> Result<Written<Improvement>, Fault> {
    let mut row = hold(connection, call, wanted).await?;
    let claim: Option<&Claim> = wanted.claim.as_ref();
    if let Some(kept) = idempotency::find_plain(connection, claim).await? {
        return Ok(again(call, kept));
    }
    ensure_current(&row, wanted)?;
    may(call, &row)?;
    let record = &mut row.record;
    let caller = call.caller();
    step(
        record,
        ImprovementEvent::Agreed,
        (&caller, &terms.note),
        call.now,
    )?;
    record.owner = name("employees", terms.owner);
    record.due_time = Some(to_proto(terms.due_at));
    record.target = Some(terms.target);
    record.baseline = Some(terms.baseline);
    keep(connection, call, claim, row).await
}
