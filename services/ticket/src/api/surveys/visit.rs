//! A customer who was not satisfied was visited.

use kefu_contracts::{
    common::Reason,
    journal::{EntryKind, SurveyAct},
    policy::DataClass,
    ticket::{CompleteReturnVisitRequest, ReturnVisit, Survey},
};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::{Fields, etag},
    idempotency::{self, Claim, Kept},
    present::{Shown, entry},
    time::to_proto,
    written::Written,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{REFUSED, Surveys, VIEWED, changed};
use crate::{
    domain::entry::MEDIUM,
    store::surveys::{self, RECORD, SURVEYS, StoredSurvey},
};

/// What is to be noted, read and checked.
#[derive(Clone)]
struct Wanted {
    id: Uuid,
    name: String,
    revision: i64,
    note: String,
    claim: Option<Claim>,
}

impl Surveys {
    /// Clauses SG-4, OP-3.2.
    pub(super) async fn visit(
        &self,
        call: Call,
        request: CompleteReturnVisitRequest,
    ) -> Result<Answer<Survey>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let id = fields.name("name", &request.name, SURVEYS);
        let revision = fields.etag("etag", &request.etag);
        fields.required_text("note", &request.note, MEDIUM);
        fields.finish()?;
        let wanted = Wanted {
            claim: Claim::of(&call, request_id, &request),
            id: id.unwrap_or_default(),
            name: request.name.clone(),
            revision: revision.unwrap_or_default(),
            note: request.note,
        };
        let (service, writing) = (self.clone(), (call.clone(), wanted));
        let outcome = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (service, (call, wanted)) = (service.clone(), writing.clone());
                Box::pin(async move { service.complete(connection, &call, &wanted).await })
            })
            .await;
        let views = &self.core.views;
        let written = views
            .or_not_allowed(&call, REFUSED, &request.name, outcome)
            .await?;
        let written = written.disclosed();
        written.into_answer(views, &call, VIEWED).await
    }

    async fn complete(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        wanted: &Wanted,
    ) -> Result<Written<Survey>, Fault> {
        let mut query = RECORD.get(call, wanted.id);
        query.push(" FOR UPDATE OF s");
        let row = query.build().fetch_optional(&mut *connection).await?;
        let row = row.as_ref().map(StoredSurvey::read).transpose()?;
        let row = row.ok_or_else(|| Fault::not_found(&wanted.name))?;
        let shown = Shown {
            resource: wanted.name.clone(),
            customer_id: Some(row.customer_id),
            clearance: call.context.clearance(row.matched, call.now),
        };
        let key = self.sealer.open_key(row.customer_id, &row.wrapped).await?;
        if let Some(claim) = &wanted.claim
            && let Some(kept) = idempotency::find(connection, claim).await?
        {
            let survey = self.sealer.open_answer(&key, row.id, &kept.answer)?;
            return Ok(Written::before(survey, shown, kept.position));
        }
        if row.revision != wanted.revision {
            return Err(Fault::new(Reason::EtagMismatch).with("etag", etag(row.revision)));
        }
        // Whether a visit is due tells of the answer.
        if !shown.clearance.classes.contains(DataClass::Service) {
            let class = DataClass::Service.as_str_name();
            return Err(Fault::new(Reason::PermissionMissing).with("classes", class));
        }
        let mut survey = self.open_whole(&key, &row)?;
        if survey.visit() != ReturnVisit::Due {
            let (is, wanted) = (survey.visit(), ReturnVisit::Done);
            return Err(Fault::state(is.as_str_name(), wanted.as_str_name()));
        }
        let revision = row.revision + 1;
        survey.set_visit(ReturnVisit::Done);
        survey.visit_time = Some(to_proto(call.now));
        survey.visit_note.clone_from(&wanted.note);
        survey.etag = etag(revision);
        let sealed = self.seal(&key, &row, &survey)?;
        surveys::visited(connection, row.id, call.now, &sealed).await?;
        let (act, channel) = (SurveyAct::Visited, row.sent_channel);
        let event = changed(&row, &survey, act, revision, channel);
        let entry = entry(
            call,
            EntryKind::Change,
            "survey.visited",
            survey.name.clone(),
            Some(row.customer_id),
            event,
        );
        let position = kefu_journal::append(connection, &[entry]).await?;
        if let Some(claim) = &wanted.claim {
            let kept = Kept {
                resource_id: row.id,
                answer: self.sealer.seal_answer(&key, row.id, &survey)?,
                position,
            };
            idempotency::keep(connection, call, claim, Some(row.customer_id), &kept).await?;
        }
        Ok(Written::now(survey, shown, position))
    }
}
