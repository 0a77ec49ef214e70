//! The receiver confirms that a recalled package is gone.

use kefu_contracts::access::{ConfirmDeletionRequest, Export};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::{self, Fields},
};

use super::{follow, look, messages};
use crate::{
    api::{
        Register,
        write::{Asking, Done, claim},
    },
    domain::export::{EXPORTS, Event, MOST_STATEMENT},
    error::RegisterError,
    store::{changes::Revision, export},
};

/// Clause CF-6.3.
pub(super) async fn confirm(
    register: &Register,
    call: Call,
    request: ConfirmDeletionRequest,
) -> Result<Answer<Export>, Fault> {
    let claim = claim(&call, &request.request_id, &request);
    register
        .change(call, claim, request, |revision, asking| {
            Box::pin(attempt(revision, asking))
        })
        .await
}

async fn attempt(
    revision: &mut Revision<'_>,
    asking: &Asking<ConfirmDeletionRequest>,
) -> Result<Done<Export>, Fault> {
    let Asking {
        register,
        call,
        request,
    } = asking;
    let mut fields = Fields::new();
    fields.request_id(&request.request_id);
    let id = fields.name("name", &request.name, EXPORTS);
    fields.required_text("statement", &request.statement, MOST_STATEMENT);
    fields.finish()?;
    let id = id.unwrap_or_default();
    export::lock(revision.connection, id).await?;
    let found = look::reached(revision.connection, call, id).await?;
    let not_found = || RegisterError::NotFound(fields::name(EXPORTS, id));
    let (_, mut stored) = found.ok_or_else(not_found)?;
    if stored.receiver != call.context.subject.id {
        return Err(super::download::not_the_receiver(&stored));
    }
    let state = stored.state.after(Event::Confirm).ok_or_else(|| {
        let state = stored.state.as_str().to_ascii_uppercase();
        Fault::state(&state, "RECALLED, OVERDUE")
    })?;
    stored.state = state;
    stored.confirmed_at = Some(call.now);
    stored.statement = request.statement.clone();
    let rule = &register.flows.share.export;
    export::update(revision.connection, &stored, rule).await?;
    let stored = export::get(revision.connection, id).await?;
    let stored = stored.ok_or_else(|| Fault::internal("an export that was just written"))?;
    let event = Event::Confirm.to_proto();
    revision.tell(follow::changed(&stored, event, &[]));
    let body = messages::export(&stored, rule);
    Ok(Done {
        id,
        resource: body.name.clone(),
        body,
        kind: follow::kind(event),
    })
}
