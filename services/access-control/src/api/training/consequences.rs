//! What a result leads to: a qualification, an obligation that is met, or one to take it again.

use kefu_contracts::{
    access::{self as wire, QualificationKind, TrainingEvent, TrainingObligationCause as Cause},
    journal::event,
};
use kefu_service::{
    call::Call,
    error::{Fault, Violation},
    fields::{self, Fields},
};
use uuid::Uuid;

use super::{
    look::Kind,
    owed,
    told::{about_result, kind},
};
use crate::{
    api::{Register, qualifications, write::Done},
    domain::{
        qualification::Qualification,
        register::Employee,
        training::{RESULTS, course::Course, result::Outcome},
    },
    store::{changes::Revision, training::result},
};

/// Keys for what a result may bring about: the result, a qualification and an obligation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ids(pub(super) [Uuid; 3]);

impl Ids {
    pub(super) fn next(register: &Register) -> Result<Self, Fault> {
        let ids = &register.core.deps.ids;
        Ok(Self([ids.next()?, ids.next()?, ids.next()?]))
    }
}

/// Notes marks that the course does not give.
pub(super) fn mark(fields: &mut Fields, course: &Course, marks: i32) {
    let full = course.definition.full_marks;
    let range = Violation::OutOfRange(0, full.into());
    fields.ensure((0..=full).contains(&marks), "marks", range);
}

/// What a result leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counts {
    /// It is a pass that was none before.
    Pass,
    /// It is one, of an attempt that others came after: what has to be taken now came of those.
    EarlierPass,
    /// It is a failure.
    Fail,
    /// Nothing that was not so before.
    AsBefore,
}

/// Keeps a result with all that it leads to.
pub(super) async fn keep(
    revision: &mut Revision<'_>,
    call: &Call,
    ids: Ids,
    (mut new, course): (Outcome, &Course),
    mut candidate: Employee,
    (event, counts): (TrainingEvent, Counts),
) -> Result<Done<wire::TrainingResult>, Fault> {
    let secrecy = course.definition.secrecy;
    let passes = matches!(counts, Counts::Pass | Counts::EarlierPass);
    if let (true, true, Some(valid_until)) = (passes, secrecy, new.valid_until) {
        let qualification = Qualification {
            id: ids.0[1],
            employee: candidate.id,
            kind: QualificationKind::Training,
            obtained_at: new.taken_at,
            valid_until,
            evidence: fields::name(RESULTS, new.id),
            withdrawn_at: None,
        };
        new.qualification = Some(qualification.id);
        new.held_until = candidate.training_valid_until;
        qualifications::qualify(revision, call, &mut candidate, &qualification).await?;
    }
    result::insert(revision.connection, &new).await?;
    let mut met = None;
    match counts {
        Counts::Pass => met = owed::met(revision, call, &new).await?,
        Counts::Fail => {
            let id = ids.0[2];
            owed::missed(revision, call, id, course, new.employee, Cause::Failed).await?;
        }
        Counts::EarlierPass | Counts::AsBefore => {}
    }
    let mut changed = about_result(event, &new, secrecy, met.as_ref());
    if revision.has_changed() {
        changed.policy_revision = revision.number;
    }
    revision.tell(event::Event::TrainingChanged(changed));
    let body = new.message();
    Ok(Done {
        id: new.id,
        resource: body.name.clone(),
        body,
        kind: kind(event),
    })
}
