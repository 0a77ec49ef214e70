//! What a token opens: the question, and the answer to it.

use jiff::Timestamp;
use kefu_contracts::{
    common::Reason,
    journal::{EntryKind, SurveyAct},
    ticket::{
        AnswerSurveyRequest, AnswerSurveyResponse, GetSurveyQuestionRequest,
        GetSurveyQuestionResponse, Survey,
    },
};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::Fields,
    present::{Shown, entry},
    time::to_proto,
};
use sqlx::{PgConnection, Postgres, QueryBuilder};

use super::{REFUSED, Surveys, VIEWED, changed, token};
use crate::{
    domain::survey::Given,
    store::surveys::{self, StoredSurvey},
};

/// Longest text that is looked at as a token.
const LONGEST_TOKEN: usize = 100;

impl Surveys {
    /// Clause SG-4.
    pub(super) async fn question(
        &self,
        call: Call,
        request: GetSurveyQuestionRequest,
    ) -> Result<Answer<GetSurveyQuestionResponse>, Fault> {
        let mut fields = Fields::new();
        fields.required_text("token", &request.token, LONGEST_TOKEN);
        fields.finish()?;
        let query = self.open_to(&request.token, call.now);
        let Some(row) = self.core.deps.db.row(query).await? else {
            return Err(self.nothing(&call).await);
        };
        let row = StoredSurvey::read(&row)?;
        let shown = Shown {
            customer_id: Some(row.customer_id),
            ..Shown::of_company(&row.columns.name)
        };
        self.core.views.record(&call, VIEWED, &[shown]).await?;
        Ok(Answer::read(GetSurveyQuestionResponse {
            answered: row.answered_at.is_some(),
            until_time: Some(self.taken_until(&row, row.answered_at)),
        }))
    }

    /// Clauses SG-4, OP-3.2.
    pub(super) async fn take(
        &self,
        call: Call,
        request: AnswerSurveyRequest,
    ) -> Result<Answer<AnswerSurveyResponse>, Fault> {
        let mut fields = Fields::new();
        fields.required_text("token", &request.token, LONGEST_TOKEN);
        let given = Given::read(&mut fields, &request);
        fields.finish()?;
        let (service, writing) = (self.clone(), (call.clone(), request.token, given));
        let outcome = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (service, (call, token, given)) = (service.clone(), writing.clone());
                Box::pin(async move { service.write(connection, &call, &token, &given).await })
            })
            .await;
        match outcome {
            Err(fault) if fault.reason == Reason::NotFoundOrOutOfScope => {
                Err(self.nothing(&call).await)
            }
            outcome => outcome,
        }
    }

    async fn write(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        token: &str,
        given: &Given,
    ) -> Result<Answer<AnswerSurveyResponse>, Fault> {
        let mut query = self.open_to(token, call.now);
        query.push(" FOR UPDATE OF s");
        let row = query.build().fetch_optional(&mut *connection).await?;
        let row = row.as_ref().map(StoredSurvey::read).transpose()?;
        let row = row.ok_or_else(|| Fault::new(Reason::NotFoundOrOutOfScope))?;
        let key = self.sealer.open_key(row.customer_id, &row.wrapped).await?;
        let before = self.open_whole(&key, &row)?;
        let (answered_at, act, kind) = match row.answered_at {
            None => (call.now, SurveyAct::Answered, "survey.answered"),
            Some(at) => (at, SurveyAct::AnswerChanged, "survey.answer_changed"),
        };
        let visit = self.terms.visit(before.visit(), given);
        let survey = Survey {
            service_score: given.service,
            result_score: given.result,
            reasons: given.reasons.iter().map(|one| (*one).into()).collect(),
            comment: given.comment.clone(),
            visit: visit.into(),
            answer_time: Some(to_proto(answered_at)),
            ..before
        };
        let sealed = self.seal(&key, &row, &survey)?;
        surveys::answer(connection, row.id, given, visit, answered_at, &sealed).await?;
        let event = changed(&row, &survey, act, row.revision + 1, row.sent_channel);
        let entry = entry(
            call,
            EntryKind::Change,
            kind,
            survey.name,
            Some(row.customer_id),
            event,
        );
        let position = kefu_journal::append(connection, &[entry]).await?;
        let until_time = Some(self.taken_until(&row, Some(answered_at)));
        Ok(Answer::written(
            AnswerSurveyResponse { until_time },
            position,
        ))
    }

    /// The survey that this token opens now.
    fn open_to(&self, token: &str, now: Timestamp) -> QueryBuilder<Postgres> {
        let answered_after = now.saturating_sub(self.terms.change);
        surveys::by_token(&token::hash(token), now, answered_after.unwrap_or(now))
    }

    fn taken_until(
        &self,
        row: &StoredSurvey,
        answered: Option<Timestamp>,
    ) -> prost_types::Timestamp {
        to_proto(self.terms.taken_until(row.expires_at, answered))
    }

    /// The same for a token that is wrong, used up or too late.
    async fn nothing(&self, call: &Call) -> Fault {
        let fault = Fault::new(Reason::NotFoundOrOutOfScope);
        self.core.views.refuse(call, REFUSED, "", fault).await
    }
}
