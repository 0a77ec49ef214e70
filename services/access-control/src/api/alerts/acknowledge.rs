//! Somebody says what looking into an alert brought.

use kefu_contracts::access::{AcknowledgeAlertRequest, Alert, AlertEvent};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::Fields,
};

use super::messages;
use crate::{
    api::{
        Register,
        about::{self, Kind},
        write::{Asking, Done, claim},
    },
    domain::alert::{self as rules, ALERTS, Acknowledged, MOST_NOTE},
    store::{alert, changes::Revision},
};

/// Clause IH-5.
pub(super) async fn acknowledge(
    register: &Register,
    call: Call,
    request: AcknowledgeAlertRequest,
) -> Result<Answer<Alert>, Fault> {
    let claim = claim(&call, &request.request_id, &request);
    register
        .change(call, claim, request, |revision, asking| {
            Box::pin(attempt(revision, asking))
        })
        .await
}

async fn attempt(
    revision: &mut Revision<'_>,
    asking: &Asking<AcknowledgeAlertRequest>,
) -> Result<Done<Alert>, Fault> {
    let (call, request) = (&asking.call, &asking.request);
    let mut fields = Fields::new();
    fields.request_id(&request.request_id);
    let id = fields.name("name", &request.name, ALERTS);
    let etag = fields.etag("etag", &request.etag);
    fields.required_text("note", &request.note, MOST_NOTE);
    fields.finish()?;
    let id = id.unwrap_or_default();
    let mut alert: rules::Alert = about::open(revision, call, id, etag).await?;
    if !alert.is_open() {
        return Err(Fault::state("ACKNOWLEDGED", "OPEN"));
    }
    alert.acknowledged = Some(Acknowledged {
        at: call.now,
        by: call.context.subject.id,
        count: alert.finding.count,
        note: request.note.clone(),
    });
    alert.revision += 1;
    alert::update(revision.connection, &alert).await?;
    let event = AlertEvent::Acknowledged;
    revision.tell(messages::changed(&alert, event));
    Ok(Done {
        id,
        resource: request.name.clone(),
        body: alert.message(call.now),
        kind: messages::kind(event),
    })
}
