//! `kefu.analytics.v1.AssessmentService`: how staff is assessed, and what comes of it.

mod appeal;
mod change;
mod decide;
mod look;
mod open;
mod publish;
mod rate;
mod rules;

use kefu_contracts::analytics::{
    AppealAssessmentRequest, Assessment, AssessmentRating, AssessmentRules, AssessmentRulesVersion,
    CompleteAssessmentConsequenceRequest, DecideAssessmentAppealRequest,
    GetAssessmentRatingRequest, GetAssessmentRequest, GetAssessmentRulesRequest,
    GiveAssessmentRatingRequest, ListAssessmentRatingsRequest, ListAssessmentRatingsResponse,
    ListAssessmentsRequest, ListAssessmentsResponse, OpenAssessmentsRequest,
    OpenAssessmentsResponse, PreviewAssessmentRequest, PreviewAssessmentResponse,
    PublishAssessmentRequest, ReviseAssessmentRulesRequest, WithdrawAssessmentRequest,
    assessment_service_server::AssessmentService,
};
use kefu_service::{call::answer, core::Core, versions};
use tonic::{Request, Response, Status};

use crate::{assessor::Assessor, store::versions::FigureRules};

const REFUSED: &str = "assessment.refused";
const RATING_REFUSED: &str = "assessment_rating.refused";

/// The handlers and what they share.
#[derive(Clone)]
pub(crate) struct Assessments {
    core: Core,
    assessor: Assessor,
}

impl Assessments {
    pub(crate) fn new(core: &Core, assessor: Assessor) -> Self {
        Self {
            core: core.clone(),
            assessor,
        }
    }
}

#[tonic::async_trait]
impl AssessmentService for Assessments {
    async fn get_assessment_rules(
        &self,
        request: Request<GetAssessmentRulesRequest>,
    ) -> Result<Response<AssessmentRules>, Status> {
        let get = versions::get::<FigureRules, AssessmentRulesVersion>;
        answer(request, |call, _| get(&self.core, call)).await
    }

    /// Clause OP-4.2.
    async fn revise_assessment_rules(
        &self,
        request: Request<ReviseAssessmentRulesRequest>,
    ) -> Result<Response<AssessmentRules>, Status> {
        let revise = versions::revise::<FigureRules, AssessmentRulesVersion>;
        answer(request, |call, body| revise(&self.core, call, body)).await
    }

    async fn open_assessments(
        &self,
        request: Request<OpenAssessmentsRequest>,
    ) -> Result<Response<OpenAssessmentsResponse>, Status> {
        answer(request, |call, body| self.open(call, body)).await
    }

    async fn list_assessments(
        &self,
        request: Request<ListAssessmentsRequest>,
    ) -> Result<Response<ListAssessmentsResponse>, Status> {
        answer(request, |call, body| self.list(call, body)).await
    }

    async fn get_assessment(
        &self,
        request: Request<GetAssessmentRequest>,
    ) -> Result<Response<Assessment>, Status> {
        answer(request, |call, body| self.get(call, body)).await
    }

    async fn preview_assessment(
        &self,
        request: Request<PreviewAssessmentRequest>,
    ) -> Result<Response<PreviewAssessmentResponse>, Status> {
        answer(request, |call, body| self.preview(call, body)).await
    }

    async fn publish_assessment(
        &self,
        request: Request<PublishAssessmentRequest>,
    ) -> Result<Response<Assessment>, Status> {
        answer(request, |call, body| self.publish(call, body)).await
    }

    async fn appeal_assessment(
        &self,
        request: Request<AppealAssessmentRequest>,
    ) -> Result<Response<Assessment>, Status> {
        answer(request, |call, body| self.appeal(call, body)).await
    }

    async fn decide_assessment_appeal(
        &self,
        request: Request<DecideAssessmentAppealRequest>,
    ) -> Result<Response<Assessment>, Status> {
        answer(request, |call, body| self.decide(call, body)).await
    }

    async fn complete_assessment_consequence(
        &self,
        request: Request<CompleteAssessmentConsequenceRequest>,
    ) -> Result<Response<Assessment>, Status> {
        answer(request, |call, body| self.complete(call, body)).await
    }

    async fn withdraw_assessment(
        &self,
        request: Request<WithdrawAssessmentRequest>,
    ) -> Result<Response<Assessment>, Status> {
        answer(request, |call, body| self.withdraw(call, body)).await
    }

    async fn list_assessment_ratings(
        &self,
        request: Request<ListAssessmentRatingsRequest>,
    ) -> Result<Response<ListAssessmentRatingsResponse>, Status> {
        answer(request, |call, body| self.list_ratings(call, body)).await
    }

    async fn get_assessment_rating(
        &self,
        request: Request<GetAssessmentRatingRequest>,
    ) -> Result<Response<AssessmentRating>, Status> {
        answer(request, |call, body| self.rating(call, body)).await
    }

    async fn give_assessment_rating(
        &self,
        request: Request<GiveAssessmentRatingRequest>,
    ) -> Result<Response<AssessmentRating>, Status> {
        answer(request, |call, body| self.give(call, body)).await
    }
}
