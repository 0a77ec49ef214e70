//! A token is made for whoever sends the link.

use kefu_contracts::{
    common::{Channel, Reason},
    journal::{EntryKind, SurveyAct},
    ticket::{IssueSurveyTokenRequest, IssueSurveyTokenResponse, SurveyState},
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, etag},
    present::entry,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{REFUSED, Surveys, changed, token};
use crate::store::surveys::{self, RECORD, SURVEYS, StoredSurvey};

/// What is to be sent, read and checked.
#[derive(Clone)]
struct Wanted {
    id: Uuid,
    name: String,
    revision: i64,
    channel: Channel,
    token: String,
}

impl Surveys {
    pub(super) async fn issue(
        &self,
        call: Call,
        request: IssueSurveyTokenRequest,
    ) -> Result<Answer<IssueSurveyTokenResponse>, Fault> {
        let mut fields = Fields::new();
        let id = fields.name("name", &request.name, SURVEYS);
        let revision = fields.etag("etag", &request.etag);
        let channel = fields.required_enum("channel", request.channel);
        fields.finish()?;
        let wanted = Wanted {
            id: id.unwrap_or_default(),
            name: request.name.clone(),
            revision: revision.unwrap_or_default(),
            channel: channel.unwrap_or_default(),
            token: token::new(&self.core.deps.ids)?,
        };
        let writing = (call.clone(), wanted);
        let outcome = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (call, wanted) = writing.clone();
                Box::pin(async move { write(connection, &call, &wanted).await })
            })
            .await;
        let views = &self.core.views;
        views
            .or_refused(&call, REFUSED, &request.name, outcome)
            .await
    }
}

async fn write(
    connection: &mut PgConnection,
    call: &Call,
    wanted: &Wanted,
) -> Result<Answer<IssueSurveyTokenResponse>, Fault> {
    let mut query = RECORD.get(call, wanted.id);
    query.push(" FOR UPDATE OF s");
    let row = query.build().fetch_optional(&mut *connection).await?;
    let row = row.as_ref().map(StoredSurvey::read).transpose()?;
    let row = row.ok_or_else(|| Fault::not_found(&wanted.name))?;
    if row.revision != wanted.revision {
        return Err(Fault::new(Reason::EtagMismatch).with("etag", etag(row.revision)));
    }
    let mut survey = row.columns.clone();
    if survey.state() == SurveyState::Answered || row.expires_at <= call.now {
        return Err(Fault::state(
            survey.state().as_str_name(),
            "SURVEY_STATE_SENT",
        ));
    }
    if row.is_merged {
        return Err(Fault::state("MERGED", "SURVEY_STATE_SENT"));
    }
    let channels = &survey.channels;
    if !channels.is_empty() && !channels.contains(&wanted.channel.into()) {
        let violation = ("channel".to_owned(), Violation::Contradiction);
        return Err(Fault::fields(vec![violation]));
    }
    let hash = token::hash(&wanted.token);
    if !surveys::sent(connection, &row, &hash, call.now, wanted.channel).await? {
        return Err(Fault::new(Reason::Conflict));
    }
    let revision = row.revision + 1;
    survey.set_state(SurveyState::Sent);
    let event = changed(&row, &survey, SurveyAct::Sent, revision, wanted.channel);
    let entry = entry(
        call,
        EntryKind::Change,
        "survey.sent",
        survey.name.clone(),
        Some(row.customer_id),
        event,
    );
    let position = kefu_journal::append(connection, &[entry]).await?;
    let answer = IssueSurveyTokenResponse {
        token: wanted.token.clone(),
        expire_time: survey.expire_time,
        etag: etag(revision),
    };
    Ok(Answer::written(answer, position))
}
