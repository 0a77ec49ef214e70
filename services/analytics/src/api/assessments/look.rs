//! Assessments as they are shown: whole to the line above, and to whom it is about without what
//! would tell who said what.

use kefu_contracts::analytics::{
    Assessment, AssessmentComment, AssessmentRatingKind, AssessmentResult, AssessmentSource,
    AssessmentState, GetAssessmentRequest, ListAssessmentsRequest, ListAssessmentsResponse,
    PreviewAssessmentRequest, PreviewAssessmentResponse,
};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::Fields,
    listing::{self, ListSpec, One, asked},
    present::Shown,
    scope::{After, Order},
};
use uuid::Uuid;

use super::{Assessments, REFUSED};
use crate::{
    assessor,
    domain::assessment::{ASSESSMENTS, LEAST_COLLEAGUES, score::is_whole, state},
    store::{
        assessments::{RECORD, StoredAssessment},
        ratings::{self, Given},
    },
};

pub(super) const VIEWED: &str = "assessment.viewed";
const PREVIEWED: &str = "assessment.previewed";

const ONE: One<StoredAssessment> = One {
    record: &RECORD,
    collection: ASSESSMENTS,
    read: StoredAssessment::read,
    viewed: VIEWED,
    refused: REFUSED,
};

const LIST: ListSpec<StoredAssessment> = ListSpec {
    record: &RECORD,
    time: "open_time",
    order: Order {
        column: "a.opened_at",
        descending: true,
    },
    read: StoredAssessment::read,
    place: |row| After {
        at: row.opened_at,
        id: row.id,
    },
};

impl Assessments {
    /// Clause OP-4.2.
    pub(super) async fn get(
        &self,
        call: Call,
        request: GetAssessmentRequest,
    ) -> Result<Answer<Assessment>, Fault> {
        let reader = &call;
        ONE.show(&self.core, &call, &request.name, |row| {
            Box::pin(async move {
                let id = row.id;
                let db = &self.core.deps.db;
                let given = db.run(move |connection| Box::pin(ratings::of(connection, id)));
                let (mut assessment, shown) = shown(reader, &row);
                let own = is_own(reader, &row);
                let told = told(reader, &row, &given.await?);
                assessment.comments = comments(&told, own);
                Ok((assessment, shown))
            })
        })
        .await
    }

    /// Clause OP-4.2.
    pub(super) async fn list(
        &self,
        call: Call,
        request: ListAssessmentsRequest,
    ) -> Result<Answer<ListAssessmentsResponse>, Fault> {
        let (asked, reader) = (asked!(request), &call);
        let page = listing::show(&self.core, &call, &LIST, asked, VIEWED, |row| {
            Box::pin(async move {
                let (assessment, shown) = shown(reader, &row);
                let assessment = Assessment {
                    note: String::new(),
                    appeal_reason: String::new(),
                    decision_reason: String::new(),
                    completion_note: String::new(),
                    withdrawal_reason: String::new(),
                    ..assessment
                };
                Ok((assessment, shown))
            })
        })
        .await?;
        Ok(Answer::read(ListAssessmentsResponse {
            assessments: page.records,
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
        }))
    }

    /// Clause OP-4.2: without what colleagues gave, until they can give no more.
    pub(super) async fn preview(
        &self,
        call: Call,
        request: PreviewAssessmentRequest,
    ) -> Result<Answer<PreviewAssessmentResponse>, Fault> {
        let mut fields = Fields::new();
        let id = fields.name("name", &request.name, ASSESSMENTS);
        fields.finish()?;
        let row = self.reached(&call, id.unwrap_or_default(), &request.name);
        let row = row.await?;
        if !matches!(
            row.state,
            AssessmentState::Collecting | AssessmentState::Ready
        ) {
            return Err(Fault::state(state::name(row.state), "preview"));
        }
        let ruled = self.assessor.ruled(&row).await?;
        let company = self.assessor.company().await?;
        let figures = self.assessor.figures(&row, &ruled, &company).await?;
        let db = &self.core.deps.db;
        let given = db.run(move |connection| Box::pin(ratings::of(connection, row.id)));
        let given = given.await?;
        let told = told(&call, &row, &given);
        let result = assessor::result(&ruled.scheme, &figures, &told)?;
        let missing = |kind| {
            let missing = given.iter().filter(|one| one.points.is_none());
            missing.filter(|one| one.kind == kind).count()
        };
        let (_, shown) = shown(&call, &row);
        self.core.views.record(&call, PREVIEWED, &[shown]).await?;
        let colleagues = missing(AssessmentRatingKind::Colleague);
        Ok(Answer::read(PreviewAssessmentResponse {
            result: Some(result),
            superior_missing: missing(AssessmentRatingKind::Superior) > 0,
            colleagues_missing: i32::try_from(colleagues).unwrap_or(i32::MAX),
        }))
    }

    /// The assessment, where the call reaches it; else it is journaled that it was asked for.
    pub(super) async fn reached(
        &self,
        call: &Call,
        id: Uuid,
        name: &str,
    ) -> Result<StoredAssessment, Fault> {
        match self.core.deps.db.row(RECORD.get(call, id)).await? {
            Some(row) => StoredAssessment::read(&row),
            None => {
                let fault = Fault::not_found(name);
                Err(self.core.views.refuse(call, REFUSED, name, fault).await)
            }
        }
    }
}

/// Whether it is about who asks.
pub(super) fn is_own(call: &Call, row: &StoredAssessment) -> bool {
    call.context.subject.id == row.employee
}

/// The assessment as the call is shown it.
pub(super) fn shown(call: &Call, row: &StoredAssessment) -> (Assessment, Shown) {
    let mut record = row.record.clone();
    if is_own(call, row) {
        let results = [&mut record.result, &mut record.earlier_result];
        results.into_iter().flatten().for_each(without_few);
    }
    let shown = Shown {
        resource: record.name.clone(),
        customer_id: None,
        clearance: call.context.clearance(row.matched, call.now),
    };
    (record, shown)
}

/// How many colleagues scored is not told where it is fewer than count.
fn without_few(result: &mut AssessmentResult) {
    for one in &mut result.criteria {
        if one.source() == AssessmentSource::Colleague && one.missing {
            one.rater_count = 0;
        }
    }
}

/// What was given, as far as it is told: what colleagues gave only once they can give no more. Who
/// looked before and after one of them gave would know by the difference who gave what.
fn told(call: &Call, row: &StoredAssessment, given: &[Given]) -> Vec<Given> {
    let closed = state::is_closed_to_colleagues(row.state, row.score_until <= call.now);
    let told = |one: &&Given| closed || one.kind != AssessmentRatingKind::Colleague;
    given.iter().filter(told).cloned().collect()
}

/// What was said, in an order that tells nothing of who said it: of colleagues where there are
/// enough of them, and never to whom it is about.
fn comments(given: &[Given], own: bool) -> Vec<AssessmentComment> {
    let colleague = |one: &&Given| one.kind == AssessmentRatingKind::Colleague;
    let scored = given.iter().filter(|one| one.points.is_some());
    let enough = scored.clone().filter(colleague).count() >= LEAST_COLLEAGUES;
    let told = scored.filter(|one| !colleague(one) || (enough && !own));
    let comments = told.flat_map(|one| {
        let points = one.points.iter().flatten();
        points.map(|points| AssessmentComment {
            criterion: points.criterion.clone(),
            kind: one.kind.into(),
            text: points.comment.clone(),
        })
    });
    let mut comments: Vec<AssessmentComment> = comments.collect();
    comments.sort_by(|one, other| {
        let key = |one: &AssessmentComment| (one.kind, one.criterion.clone(), one.text.clone());
        key(one).cmp(&key(other))
    });
    comments
}

/// Refuses to publish what has no result yet, and says what it waits for.
pub(super) fn ensure_whole(
    scheme: &kefu_contracts::analytics::AssessmentScheme,
    result: &AssessmentResult,
) -> Result<(), Fault> {
    if is_whole(scheme, result) {
        return Ok(());
    }
    let superior = result
        .criteria
        .iter()
        .any(|one| one.source() == AssessmentSource::Superior && one.missing);
    let needs = match superior {
        true => "SUPERIOR",
        false => "LEAST_WEIGHT",
    };
    Err(Fault::new(kefu_contracts::common::Reason::StepMissing).with("needs", needs))
}
