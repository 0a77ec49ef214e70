//! `kefu.ticket.v1.SurveyService` and `SurveyAnswerService`: whether customers are satisfied.

mod answer;
mod invite;
mod issue;
mod measure;
mod token;
mod visit;

use kefu_contracts::{
    ClassSet, Resource,
    common::Channel,
    journal::{SurveyAct, SurveyChanged, event},
    ticket::{
        AnswerSurveyRequest, AnswerSurveyResponse, CompleteReturnVisitRequest,
        GetSurveyQuestionRequest, GetSurveyQuestionResponse, GetSurveyRequest,
        IssueSurveyTokenRequest, IssueSurveyTokenResponse, ListSurveysRequest, ListSurveysResponse,
        MeasureSatisfactionRequest, MeasureSatisfactionResponse, Survey,
        survey_answer_service_server::SurveyAnswerService, survey_service_server::SurveyService,
    },
};
use kefu_service::{
    call::{Answer, Call, answer},
    core::Core,
    error::Fault,
    listing::{self, ListSpec, One, asked},
    present::{Shown, disclose},
    scope::{After, Order},
    sealed::Sealer,
};
use kefu_vault::CustomerKey;
use tonic::{Request, Response, Status};

pub(super) use self::invite::invite;
use crate::{
    domain::survey::Terms,
    store::surveys::{RECORD, SURVEYS, StoredSurvey},
};

const VIEWED: &str = "survey.viewed";
const REFUSED: &str = "survey.refused";

const ONE: One<StoredSurvey> = One {
    record: &RECORD,
    collection: SURVEYS,
    read: StoredSurvey::read,
    viewed: VIEWED,
    refused: REFUSED,
};

const LIST: ListSpec<StoredSurvey> = ListSpec {
    record: &RECORD,
    time: "invite_time",
    order: Order {
        column: "s.invited_at",
        descending: true,
    },
    read: StoredSurvey::read,
    place: |row| After {
        at: row.invited_at,
        id: row.id,
    },
};

/// The handlers and what they share.
#[derive(Clone)]
pub(crate) struct Surveys {
    core: Core,
    sealer: Sealer,
    terms: Terms,
}

impl Surveys {
    pub(crate) fn new(core: &Core, terms: Terms) -> Self {
        Self {
            core: core.clone(),
            sealer: Sealer::new(core.deps.vault.clone(), "ticket.survey"),
            terms,
        }
    }

    async fn get(&self, call: Call, request: GetSurveyRequest) -> Result<Answer<Survey>, Fault> {
        let reader = &call;
        ONE.show(&self.core, &call, &request.name, |row| {
            Box::pin(async move { self.present(reader, &row).await })
        })
        .await
    }

    async fn list(
        &self,
        call: Call,
        request: ListSurveysRequest,
    ) -> Result<Answer<ListSurveysResponse>, Fault> {
        let asked = asked!(request);
        let reader = &call;
        let page = listing::show(&self.core, &call, &LIST, asked, VIEWED, |row| {
            Box::pin(async move { self.present(reader, &row).await })
        })
        .await?;
        Ok(Answer::read(ListSurveysResponse {
            surveys: page.records,
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
        }))
    }

    /// Opens what the call's rules clear of a row, and says how it is shown.
    async fn present(&self, call: &Call, row: &StoredSurvey) -> Result<(Survey, Shown), Fault> {
        let clearance = call.context.clearance(row.matched, call.now);
        let key = self.sealer.open_key(row.customer_id, &row.wrapped).await?;
        let (opened, account) =
            self.sealer
                .open::<Survey>(&key, row.id, &row.sealed, clearance.classes)?;
        let mut survey = row.with_opened(opened);
        disclose(&mut survey, &clearance, account);
        let shown = Shown {
            resource: survey.name.clone(),
            customer_id: Some(row.customer_id),
            clearance,
        };
        Ok((survey, shown))
    }

    /// Opens a row whole, for sealing again; never for an answer.
    fn open_whole(&self, key: &CustomerKey, row: &StoredSurvey) -> Result<Survey, Fault> {
        let everything = ClassSet::of(Survey::CLASSES);
        let (opened, _) = self.sealer.open(key, row.id, &row.sealed, everything)?;
        Ok(row.with_opened(opened))
    }

    /// Seals what is in no column.
    fn seal(
        &self,
        key: &CustomerKey,
        row: &StoredSurvey,
        survey: &Survey,
    ) -> Result<Vec<u8>, Fault> {
        let sealed = Survey {
            reasons: survey.reasons.clone(),
            comment: survey.comment.clone(),
            visit_note: survey.visit_note.clone(),
            ..Survey::default()
        };
        self.sealer.seal(key, row.id, &sealed)
    }
}

/// What happened to a survey, for the journal; `survey` is as it is afterwards.
fn changed(
    row: &StoredSurvey,
    survey: &Survey,
    act: SurveyAct,
    revision: i64,
    channel: Channel,
) -> event::Event {
    let bytes = |id: uuid::Uuid| id.as_bytes().to_vec();
    event::Event::SurveyChanged(SurveyChanged {
        survey_id: bytes(row.id),
        ticket_id: bytes(row.ticket_id),
        customer_id: bytes(row.customer_id),
        act: act.into(),
        attempt: survey.attempt,
        service_score: survey.service_score,
        result_score: survey.result_score,
        visit: survey.visit,
        department_id: bytes(row.department_id),
        answered_at: survey.answer_time,
        revision,
        channel: channel.into(),
        agent_id: row.agent_id.map(bytes).unwrap_or_default(),
    })
}

#[tonic::async_trait]
impl SurveyService for Surveys {
    async fn get_survey(
        &self,
        request: Request<GetSurveyRequest>,
    ) -> Result<Response<Survey>, Status> {
        answer(request, |call, body| self.get(call, body)).await
    }

    async fn list_surveys(
        &self,
        request: Request<ListSurveysRequest>,
    ) -> Result<Response<ListSurveysResponse>, Status> {
        answer(request, |call, body| self.list(call, body)).await
    }

    async fn issue_survey_token(
        &self,
        request: Request<IssueSurveyTokenRequest>,
    ) -> Result<Response<IssueSurveyTokenResponse>, Status> {
        answer(request, |call, body| self.issue(call, body)).await
    }

    async fn complete_return_visit(
        &self,
        request: Request<CompleteReturnVisitRequest>,
    ) -> Result<Response<Survey>, Status> {
        answer(request, |call, body| self.visit(call, body)).await
    }

    async fn measure_satisfaction(
        &self,
        request: Request<MeasureSatisfactionRequest>,
    ) -> Result<Response<MeasureSatisfactionResponse>, Status> {
        answer(request, |call, body| self.measure(call, body)).await
    }
}

#[tonic::async_trait]
impl SurveyAnswerService for Surveys {
    async fn get_survey_question(
        &self,
        request: Request<GetSurveyQuestionRequest>,
    ) -> Result<Response<GetSurveyQuestionResponse>, Status> {
        answer(request, |call, body| self.question(call, body)).await
    }

    async fn answer_survey(
        &self,
        request: Request<AnswerSurveyRequest>,
    ) -> Result<Response<AnswerSurveyResponse>, Status> {
        answer(request, |call, body| self.take(call, body)).await
    }
}
