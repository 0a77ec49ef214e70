//! What a result should have been: said by a second person, beside the one that was recorded.

use kefu_contracts::access::{self as wire, CorrectTrainingResultRequest, TrainingEvent};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::Fields,
};

use super::{
    consequences::{Counts, Ids, keep, mark},
    look,
};
use crate::{
    api::{
        Register, qualifications,
        write::{Asking, Done, claim},
    },
    domain::training::{
        MOST_REASON, RESULTS,
        result::{Outcome, is_last, judge, may_correct, passed_since},
    },
    error::RegisterError,
    store::{
        changes::Revision,
        employee,
        training::{
            course,
            result::{self, Which},
        },
    },
};

/// What a result should have been.
pub(super) async fn correct(
    register: &Register,
    call: Call,
    request: CorrectTrainingResultRequest,
) -> Result<Answer<wire::TrainingResult>, Fault> {
    let ids = Ids::next(register)?;
    let claim = claim(&call, &request.request_id, &request);
    register
        .change(call, claim, request, move |revision, asking| {
            Box::pin(amend(revision, asking, ids))
        })
        .await
}

async fn amend(
    revision: &mut Revision<'_>,
    asking: &Asking<CorrectTrainingResultRequest>,
    ids: Ids,
) -> Result<Done<wire::TrainingResult>, Fault> {
    let (call, request) = (&asking.call, &asking.request);
    let mut fields = Fields::new();
    fields.request_id(&request.request_id);
    let id = fields.name("name", &request.name, RESULTS);
    fields.required_text("reason", &request.reason, MOST_REASON);
    fields.ensure(
        request.marks >= 0,
        "marks",
        Violation::OutOfRange(0, i64::from(i32::MAX)),
    );
    fields.finish()?;
    let was: Outcome = look::open(revision, call, id.unwrap_or_default()).await?;
    let refuse = |refusal| -> Fault { RegisterError::Training(refusal).into() };
    may_correct(&was, call.context.subject.id).map_err(refuse)?;
    let course = course::at(revision.connection, was.course, Some(was.course_revision)).await?;
    let course = course.ok_or_else(|| Fault::internal("a result without a course"))?;
    let mut fields = Fields::new();
    mark(&mut fields, &course, request.marks);
    fields.finish()?;
    let candidate = employee::get(revision.connection, was.employee).await?;
    let candidate = candidate.ok_or_else(|| Fault::internal("a result of nobody"))?;

    let judged = judge(&course.definition, request.marks, was.taken_at);
    let counting = Which::Counting(was.employee, was.course);
    let counting = result::find(revision.connection, counting).await?;
    let counts = match (was.passed, judged.passed) {
        (false, true) if is_last(&counting, &was) => Counts::Pass,
        (false, true) => Counts::EarlierPass,
        (true, false) => {
            if let Some(qualification) = was.qualification {
                qualifications::withdraw(revision, call, qualification, was.held_until).await?;
            }
            match passed_since(&counting, &was) {
                true => Counts::AsBefore,
                false => Counts::Fail,
            }
        }
        _ => Counts::AsBefore,
    };
    let stays = was.passed && judged.passed;
    let new = Outcome {
        id: ids.0[0],
        marks: request.marks,
        passed: judged.passed,
        valid_until: judged.valid_until,
        examiner: call.context.subject.id,
        recorded_at: call.now,
        corrects: Some(was.id),
        reason: request.reason.clone(),
        qualification: was.qualification.filter(|_| stays),
        held_until: was.held_until.filter(|_| stays),
        ..was
    };
    let told = (TrainingEvent::ResultCorrected, counts);
    keep(revision, call, ids, (new, &course), candidate, told).await
}
