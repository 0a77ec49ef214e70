//! Somebody above, who neither scored nor published it, decides on an appeal.

use kefu_access::RowFacts;
use kefu_contracts::{
    analytics::{
        Assessment, AssessmentAppealOutcome, AssessmentResult, AssessmentScheme,
        DecideAssessmentAppealRequest, DecidedPoints,
    },
    common::Reason,
    journal::AssessmentAct,
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::Fields,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Assessments,
    change::{Change, read},
    publish::{AskedCare, keep},
};
use crate::{
    domain::assessment::{
        LONGEST_TEXT, given, score,
        state::{self, Event},
    },
    store::{
        assessments::{self, StoredAssessment},
        ratings::{self, Given},
    },
};

#[derive(Clone)]
struct Decide {
    /// All above the one who scored.
    above: Vec<Uuid>,
    scheme: AssessmentScheme,
    /// What is set otherwise, and what follows from it then; none: the result is upheld.
    changed: Option<(Vec<DecidedPoints>, AskedCare)>,
    reason: String,
}

impl Change for Decide {
    const ACT: AssessmentAct = AssessmentAct::AppealDecided;
    const KIND: &'static str = "assessment.appeal_decided";

    async fn apply(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        row: &StoredAssessment,
    ) -> Result<(), Fault> {
        let given = ratings::of(connection, row.id).await?;
        ensure_may_decide(call, row, &given, &self.above)?;
        let (event, outcome) = match self.changed {
            Some(_) => (Event::Change, AssessmentAppealOutcome::Changed),
            None => (Event::Uphold, AssessmentAppealOutcome::Upheld),
        };
        state::after(row.state, event)?;
        let mut care = row.care;
        if let Some((points, asked)) = &self.changed {
            let result = row.record.result.clone().unwrap_or_default();
            let result = decided(&self.scheme, result, points)?;
            care = asked.for_result(&result)?;
            keep(connection, call, row.id, 2, &result).await?;
        }
        let by = (call.context.subject.id, call.now);
        assessments::decide(connection, row.id, by, outcome, care, &self.reason).await
    }
}

impl Assessments {
    /// Clause OP-4.2.
    pub(super) async fn decide(
        &self,
        call: Call,
        request: DecideAssessmentAppealRequest,
    ) -> Result<Answer<Assessment>, Fault> {
        let mut fields = Fields::new();
        let asked = (
            request.name.as_str(),
            request.etag.as_str(),
            request.request_id.as_str(),
        );
        let wanted = read(&mut fields, &call, asked, &request);
        let outcome = fields.required_enum::<AssessmentAppealOutcome>("outcome", request.outcome);
        fields.required_text("reason", &request.reason, LONGEST_TEXT);
        let mut fields = wanted.named(fields)?;
        let row = self.reached(&call, wanted.id, &wanted.name).await?;
        if let Some(answered) = self.answered(&call, &row, &wanted).await? {
            return Ok(answered);
        }
        let ruled = self.assessor.ruled(&row).await?;
        let company = self.assessor.company().await?;
        let today = ruled.zone.today(call.now);
        let changes = outcome == Some(AssessmentAppealOutcome::Changed);
        let asked = (request.owner.as_str(), request.due_day.as_ref());
        let care = AskedCare::read(&mut fields, asked, (&row, &company, today));
        if changes {
            given::check_decided(&mut fields, &ruled.scheme, &request.points);
        } else {
            for (field, none) in [
                ("points", request.points.is_empty()),
                ("owner", request.owner.is_empty()),
                ("due_day", request.due_day.is_none()),
            ] {
                fields.ensure(none, field, Violation::NotApplicable);
            }
        }
        fields.finish()?;
        let decide = Decide {
            above: company.line(row.superior),
            scheme: ruled.scheme,
            changed: changes.then_some((request.points, care)),
            reason: request.reason,
        };
        self.change(call, wanted, decide).await
    }
}

/// The result with the points that a decision sets; figures, scores and weights stay.
fn decided(
    scheme: &AssessmentScheme,
    mut result: AssessmentResult,
    points: &[DecidedPoints],
) -> Result<AssessmentResult, Fault> {
    for one in points {
        let mut criteria = result.criteria.iter_mut();
        if let Some(known) = criteria.find(|known| known.criterion == one.criterion) {
            score::set(known, (one.points.into(), 1));
            known.decided = true;
        }
    }
    score::total(scheme, &mut result)?;
    Ok(result)
}

/// Who decides had no hand in it, and is above the one who scored: in their line, or over the
/// whole company.
fn ensure_may_decide(
    call: &Call,
    row: &StoredAssessment,
    given: &[Given],
    above: &[Uuid],
) -> Result<(), Fault> {
    let own = call.context.subject.id;
    let scored = given.iter().any(|one| one.rater == own);
    if scored || own == row.superior || row.published_by == Some(own) {
        return Err(Fault::new(Reason::SecondPersonRequired));
    }
    let all = call.context.clearance_of(&RowFacts::default(), call.now);
    match above.contains(&own) || all.is_some() {
        true => Ok(()),
        false => Err(Fault::new(Reason::NotTheCallersTurn)),
    }
}
