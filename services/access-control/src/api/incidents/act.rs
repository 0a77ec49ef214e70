//! What is done about an incident: each act as the table in `domain/incident.rs` has it.

use kefu_contracts::access::{
    self as wire, AssessIncidentRequest, CloseIncidentRequest, IncidentAct, IncidentEvent,
    IncidentSeverity, ReportIncidentRequest,
};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::Fields,
    idempotency::Claim,
};

use super::messages;
use crate::{
    api::{
        Register,
        about::{self, Kind},
        write::{Asking, Done, claim},
    },
    domain::incident::{INCIDENTS, Incident, MOST_RECIPIENT, MOST_TEXT, Step},
    error::RegisterError,
    store::{audit, changes::Revision, incident},
};

/// What is asked for.
struct Wanted {
    name: String,
    etag: String,
    request_id: String,
    act: IncidentAct,
    /// Of an assessment.
    severity: i32,
    /// Of a report.
    recipient: String,
    /// Named as the request names it.
    text: (&'static str, String),
}

/// It is judged, or judged again.
pub(super) async fn assess(
    register: &Register,
    call: Call,
    request: AssessIncidentRequest,
) -> Result<Answer<wire::Incident>, Fault> {
    let claim = claim(&call, &request.request_id, &request);
    let wanted = Wanted {
        name: request.name,
        etag: request.etag,
        request_id: request.request_id,
        act: IncidentAct::Assess,
        severity: request.severity,
        recipient: String::new(),
        text: ("assessment", request.assessment),
    };
    change(register, call, claim, wanted).await
}

/// Somebody was told.
pub(super) async fn report(
    register: &Register,
    call: Call,
    request: ReportIncidentRequest,
) -> Result<Answer<wire::Incident>, Fault> {
    let claim = claim(&call, &request.request_id, &request);
    let wanted = Wanted {
        name: request.name,
        etag: request.etag,
        request_id: request.request_id,
        act: IncidentAct::Report,
        severity: 0,
        recipient: request.recipient,
        text: ("report", request.report),
    };
    change(register, call, claim, wanted).await
}

/// It ends.
pub(super) async fn close(
    register: &Register,
    call: Call,
    request: CloseIncidentRequest,
) -> Result<Answer<wire::Incident>, Fault> {
    let claim = claim(&call, &request.request_id, &request);
    let wanted = Wanted {
        name: request.name,
        etag: request.etag,
        request_id: request.request_id,
        act: IncidentAct::Close,
        severity: 0,
        recipient: String::new(),
        text: ("conclusion", request.conclusion),
    };
    change(register, call, claim, wanted).await
}

async fn change(
    register: &Register,
    call: Call,
    claim: Option<Claim>,
    wanted: Wanted,
) -> Result<Answer<wire::Incident>, Fault> {
    register
        .change(call, claim, wanted, |revision, asking| {
            Box::pin(attempt(revision, asking))
        })
        .await
}

async fn attempt(
    revision: &mut Revision<'_>,
    asking: &Asking<Wanted>,
) -> Result<Done<wire::Incident>, Fault> {
    let (call, wanted) = (&asking.call, &asking.request);
    let mut fields = Fields::new();
    fields.request_id(&wanted.request_id);
    let id = fields.name("name", &wanted.name, INCIDENTS);
    let etag = fields.etag("etag", &wanted.etag);
    let severity: Option<IncidentSeverity> = match wanted.act {
        IncidentAct::Assess => fields.required_enum("severity", wanted.severity),
        _ => None,
    };
    if wanted.act == IncidentAct::Report {
        fields.required_text("recipient", &wanted.recipient, MOST_RECIPIENT);
    }
    let (field, text) = &wanted.text;
    fields.required_text(field, text, MOST_TEXT);
    fields.finish()?;
    let id = id.unwrap_or_default();
    let mut incident: Incident = about::open(revision, call, id, etag).await?;
    let step = Step {
        act: wanted.act,
        at: call.now,
        by: call.context.subject.id,
        severity: severity.unwrap_or_default(),
        recipient: wanted.recipient.clone(),
        text: text.clone(),
    };
    incident.take(step).map_err(RegisterError::Incident)?;
    incident.revision += 1;
    if wanted.act == IncidentAct::Close {
        let size = audit::head(revision.connection).await?;
        incident.closed_size = i64::try_from(size).ok();
    }
    incident::update(revision.connection, &incident).await?;
    incident::add_step(revision.connection, &incident).await?;
    let event = event(wanted.act);
    revision.tell(messages::changed(&incident, event, None));
    Ok(Done {
        id,
        resource: wanted.name.clone(),
        body: incident.message(call.now),
        kind: messages::kind(event),
    })
}

fn event(act: IncidentAct) -> IncidentEvent {
    match act {
        IncidentAct::Unspecified => IncidentEvent::Unspecified,
        IncidentAct::Assess => IncidentEvent::Assessed,
        IncidentAct::Report => IncidentEvent::Reported,
        IncidentAct::Close => IncidentEvent::Closed,
    }
}
