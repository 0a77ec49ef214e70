//! Incidents as messages and the journal carry them.

use jiff::Timestamp;
use kefu_contracts::{
    access::{self as wire, IncidentAct, IncidentEvent, IncidentStep},
    journal::{IncidentChanged, event},
};
use kefu_journal::Entry;
use kefu_service::{
    fields::{self, etag},
    time::to_proto,
};
use uuid::Uuid;

use crate::{
    api::about::{Kind, by_itself},
    domain::{
        alert::ALERTS,
        export::EXPORTS,
        incident::{INCIDENTS, Incident},
        register::{EMPLOYEES, collection},
        share::SHARES,
    },
};

impl Kind for Incident {
    const COLLECTION: &'static str = INCIDENTS;
    const VIEWED: &'static str = "incident.viewed";
    const REFUSED: &'static str = "incident.refused";
    type Message = wire::Incident;

    fn message(&self, now: Timestamp) -> wire::Incident {
        let bounds = &self.bounds;
        let actor = |id: &Uuid| fields::name(collection(self.machines.contains(id)), *id);
        let customer = |id: &Uuid| fields::name("customers", *id);
        let one = |collection, id: Option<Uuid>| {
            id.map(|id| fields::name(collection, id))
                .unwrap_or_default()
        };
        wire::Incident {
            name: fields::name(INCIDENTS, self.id),
            description: self.description.clone(),
            alert: one(ALERTS, self.alert),
            actors: bounds.subjects.iter().map(actor).collect(),
            customers: bounds.customers.iter().map(customer).collect(),
            share: one(SHARES, bounds.grant),
            export: one(EXPORTS, self.export),
            start_time: Some(to_proto(bounds.from)),
            end_time: Some(to_proto(bounds.until)),
            state: self.state.into(),
            severity: self.severity.into(),
            opener: fields::name(EMPLOYEES, self.opener),
            open_time: Some(to_proto(self.opened_at)),
            assess_until: Some(to_proto(self.deadlines.assess)),
            report_until: Some(to_proto(self.deadlines.report)),
            overdue: self.overdue(now).into_iter().map(i32::from).collect(),
            steps: self
                .steps
                .iter()
                .map(|step| IncidentStep {
                    act: step.act.into(),
                    time: Some(to_proto(step.at)),
                    actor: fields::name(EMPLOYEES, step.by),
                    severity: step.severity.into(),
                    recipient: step.recipient.clone(),
                    text: step.text.clone(),
                })
                .collect(),
            etag: etag(self.revision),
        }
    }
}

/// What the journal says when something was not done by its deadline.
pub(crate) fn overdue(incident: &Incident, act: IncidentAct, now: Timestamp) -> Entry {
    let event = IncidentEvent::Overdue;
    let told = changed(incident, event, Some(act));
    by_itself(incident, kind(event), told, now)
}

/// The facts of a change, for the journal.
pub(super) fn changed(
    incident: &Incident,
    event: IncidentEvent,
    overdue: Option<IncidentAct>,
) -> event::Event {
    let bytes = |id: Uuid| id.as_bytes().to_vec();
    let bounds = &incident.bounds;
    event::Event::IncidentChanged(IncidentChanged {
        incident_id: bytes(incident.id),
        event: event.into(),
        state: incident.state.into(),
        severity: incident.severity.into(),
        opener_id: bytes(incident.opener),
        alert_id: incident.alert.map(bytes).unwrap_or_default(),
        subject_ids: bounds.subjects.iter().copied().map(bytes).collect(),
        customer_ids: bounds.customers.iter().copied().map(bytes).collect(),
        share_id: bounds.grant.map(bytes).unwrap_or_default(),
        export_id: incident.export.map(bytes).unwrap_or_default(),
        start_time: Some(to_proto(bounds.from)),
        end_time: Some(to_proto(bounds.until)),
        overdue: overdue.unwrap_or_default().into(),
    })
}

/// Type of the journal entry of this event: `incident.opened`.
pub(super) fn kind(event: IncidentEvent) -> &'static str {
    match event {
        IncidentEvent::Unspecified | IncidentEvent::Opened => "incident.opened",
        IncidentEvent::Assessed => "incident.assessed",
        IncidentEvent::Reported => "incident.reported",
        IncidentEvent::Closed => "incident.closed",
        IncidentEvent::Overdue => "incident.overdue",
    }
}
