//! Somebody who heads the department answers for an exception.

use kefu_access::SubjectKind;
use kefu_contracts::{
    analytics::{AcknowledgeExceptionRequest, Exception, ExceptionResponse, ExceptionState},
    common::Reason,
    journal::EntryKind,
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, etag},
    idempotency::{self, Claim},
    present::{Shown, entry},
    time::to_proto,
    written::Written,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Exceptions, REFUSED, VIEWED, shown};
use crate::{
    domain::{exception::changed, improvement::suggestion::LONGEST_TEXT},
    store::{
        exceptions::{self, EXCEPTIONS, RECORD, StoredException},
        improvements::{self, IMPROVEMENTS},
    },
};

/// An answer that can be read.
#[derive(Clone)]
struct Wanted {
    id: Uuid,
    /// Resource name, as it was given.
    name: String,
    revision: i64,
    response: ExceptionResponse,
    note: String,
    /// With its id.
    improvement: Option<(Uuid, String)>,
    claim: Option<Claim>,
}

impl Exceptions {
    /// Clause SG-7.
    pub(super) async fn acknowledge(
        &self,
        call: Call,
        request: AcknowledgeExceptionRequest,
    ) -> Result<Answer<Exception>, Fault> {
        let wanted = read(&call, request)?;
        let resource = wanted.name.clone();
        let writing = (call.clone(), wanted);
        let db = &self.core.deps.db;
        let outcome = db
            .transaction(move |connection| {
                let (call, wanted) = writing.clone();
                Box::pin(async move { write(connection, &call, &wanted).await })
            })
            .await;
        let views = &self.core.views;
        let outcome = views.or_not_allowed(&call, REFUSED, &resource, outcome);
        outcome.await?.into_answer(views, &call, VIEWED).await
    }
}

fn read(call: &Call, request: AcknowledgeExceptionRequest) -> Result<Wanted, Fault> {
    let mut fields = Fields::new();
    let request_id = fields.request_id(&request.request_id);
    let claim = Claim::of(call, request_id, &request);
    let id = fields.name("name", &request.name, EXCEPTIONS);
    let revision = fields.etag("etag", &request.etag);
    let response = fields.required_enum::<ExceptionResponse>("response", request.response);
    fields.required_text("note", &request.note, LONGEST_TEXT);
    let named = request.improvement;
    let improvement = fields.optional_name("improvement", &named, IMPROVEMENTS);
    let improved = response == Some(ExceptionResponse::Improved);
    if improved {
        fields.ensure(!named.is_empty(), "improvement", Violation::Required);
    } else {
        fields.ensure(named.is_empty(), "improvement", Violation::NotApplicable);
    }
    fields.finish()?;
    Ok(Wanted {
        id: id.unwrap_or_default(),
        name: request.name,
        revision: revision.unwrap_or_default(),
        response: response.unwrap_or_default(),
        note: request.note,
        improvement: improvement.map(|id| (id, named)),
        claim,
    })
}

async fn write(
    connection: &mut PgConnection,
    call: &Call,
    wanted: &Wanted,
) -> Result<Written<Exception>, Fault> {
    let mut query = RECORD.get(call, wanted.id);
    query.push(" FOR UPDATE OF x");
    let row = query.build().fetch_optional(&mut *connection).await?;
    let row = row.as_ref().map(StoredException::read).transpose()?;
    let mut row = row.ok_or_else(|| Fault::not_found(&wanted.name))?;
    let claim = wanted.claim.as_ref();
    if let Some(kept) = idempotency::find_plain(connection, claim).await? {
        let (_, shown) = shown(row);
        return Ok(Written::before(kept.body, shown, kept.position));
    }
    if row.revision != wanted.revision {
        return Err(Fault::new(Reason::EtagMismatch).with("etag", etag(row.revision)));
    }
    if row.record.state() != ExceptionState::Open {
        return Err(Fault::state("ACKNOWLEDGED", "acknowledge"));
    }
    if call.context.subject.kind != SubjectKind::Employee {
        return Err(Fault::new(Reason::PermissionMissing));
    }
    if let Some((id, _)) = &wanted.improvement {
        // One that is there for the caller, as everywhere.
        let mut query = improvements::RECORD.get(call, *id);
        let found = query.build().fetch_optional(&mut *connection).await?;
        let mut fields = Fields::new();
        fields.ensure(found.is_some(), "improvement", Violation::Unknown);
        fields.finish()?;
    }
    let improvement = wanted.improvement.as_ref();
    row.revision += 1;
    row.record = Exception {
        state: ExceptionState::Acknowledged.into(),
        response: wanted.response.into(),
        note: wanted.note.clone(),
        improvement: improvement
            .map(|(_, name)| name.clone())
            .unwrap_or_default(),
        acknowledger: call.caller(),
        acknowledge_time: Some(to_proto(call.now)),
        etag: etag(row.revision),
        ..row.record
    };
    exceptions::update(connection, &row).await?;
    let (id, body) = (row.id, row.record);
    let (resource, event) = (body.name.clone(), changed(&body));
    let kind = "exception.acknowledged";
    let entry = entry(call, EntryKind::Change, kind, resource, None, event);
    let position = kefu_journal::append(connection, &[entry]).await?;
    idempotency::keep_plain(connection, call, claim, id, &body, position).await?;
    let shown = Shown::of_company(&body.name);
    Ok(Written::now(body, shown, position))
}
