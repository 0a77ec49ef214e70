//! A leak is written down.

use std::collections::BTreeSet;

use jiff::Timestamp;
use kefu_contracts::{
    access::{self as wire, CreateIncidentRequest, IncidentEvent, IncidentSeverity, IncidentState},
    common::Reason,
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::Fields,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::messages;
use crate::{
    api::{
        Register,
        about::Kind,
        messages::moment,
        missing,
        write::{Asking, Done, claim},
    },
    domain::{
        alert::{ALERTS, Alert, Rule, Rules},
        export::EXPORTS,
        incident::{Bounds, Deadlines, Incident, MOST_ACTORS, MOST_CUSTOMERS, MOST_TEXT},
        register::parse_subject,
        share::SHARES,
    },
    store::{
        about,
        changes::Revision,
        employee, export, incident,
        share::{self, StoredShare},
    },
};

/// Clause IH-5.
pub(super) async fn open(
    register: &Register,
    rules: &Rules,
    call: Call,
    request: CreateIncidentRequest,
) -> Result<Answer<wire::Incident>, Fault> {
    let id = register.core.deps.ids.next()?;
    let deadlines = rules.deadlines(call.now);
    let claim = claim(&call, &request.request_id, &request);
    register
        .change(call, claim, request, move |revision, asking| {
            Box::pin(attempt(revision, asking, id, deadlines))
        })
        .await
}

async fn attempt(
    revision: &mut Revision<'_>,
    asking: &Asking<CreateIncidentRequest>,
    id: Uuid,
    deadlines: Deadlines,
) -> Result<Done<wire::Incident>, Fault> {
    let (call, request) = (&asking.call, &asking.request);
    let mut fields = Fields::new();
    fields.request_id(&request.request_id);
    let Some(wanted) = &request.incident else {
        return Err(missing(fields, "incident"));
    };
    fields.required_text("incident.description", &wanted.description, MOST_TEXT);
    let mut suspicion = Suspicion::read(&mut fields, wanted, call.now);
    suspicion
        .find(revision.connection, call, &mut fields)
        .await?;
    fields.finish()?;
    let (alert, export, machines) = (
        suspicion.alert,
        suspicion.export,
        suspicion.machines.clone(),
    );
    let bounds = suspicion.bounds();
    let bounds = bounds.ok_or_else(|| Fault::internal("a violation was lost"))?;
    if bounds.subjects.contains(&call.context.subject.id) {
        let rule = "whoever a leak is suspected of has no part in its record";
        return Err(Fault::new(Reason::NotTheCallersTurn).with("rule", rule));
    }
    let incident = Incident {
        id,
        description: wanted.description.clone(),
        alert,
        export,
        bounds,
        machines,
        state: IncidentState::Open,
        severity: IncidentSeverity::Unspecified,
        opener: call.context.subject.id,
        opened_at: call.now,
        deadlines,
        told: Vec::new(),
        closed_size: None,
        steps: Vec::new(),
        revision: 1,
    };
    incident::insert(revision.connection, &incident).await?;
    let event = IncidentEvent::Opened;
    revision.tell(messages::changed(&incident, event, None));
    let body = incident.message(call.now);
    Ok(Done {
        id,
        resource: body.name.clone(),
        body,
        kind: messages::kind(event),
    })
}

/// What a request suspects, as far as it is known.
struct Suspicion {
    alert: Option<Uuid>,
    subjects: BTreeSet<Uuid>,
    /// Those of them that are named as system accounts.
    machines: BTreeSet<Uuid>,
    customers: BTreeSet<Uuid>,
    grant: Option<Uuid>,
    export: Option<Uuid>,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl Suspicion {
    fn read(fields: &mut Fields, wanted: &wire::Incident, now: Timestamp) -> Self {
        let alert = fields.optional_name("incident.alert", &wanted.alert, ALERTS);
        let many = [
            ("incident.actors", wanted.actors.len(), MOST_ACTORS),
            ("incident.customers", wanted.customers.len(), MOST_CUSTOMERS),
        ];
        for (field, count, most) in many {
            fields.ensure(count <= most, field, Violation::TooMany(most));
        }
        let actors = wanted.actors.iter().enumerate().take(MOST_ACTORS);
        let actors = actors.filter_map(|(place, name)| {
            let field = format!("incident.actors[{place}]");
            fields.named(field, name, parse_subject(name))
        });
        let actors: Vec<(Uuid, bool)> = actors.collect();
        let machines = actors.iter().filter(|(_, system_account)| *system_account);
        let customers = wanted.customers.iter().enumerate().take(MOST_CUSTOMERS);
        let customers = customers.filter_map(|(place, name)| {
            fields.name(format!("incident.customers[{place}]"), name, "customers")
        });
        let this = Self {
            alert,
            subjects: actors.iter().map(|(id, _)| *id).collect(),
            machines: machines.map(|(id, _)| *id).collect(),
            customers: customers.collect(),
            grant: fields.optional_name("incident.share", &wanted.share, SHARES),
            export: fields.optional_name("incident.export", &wanted.export, EXPORTS),
            from: moment(fields, "incident.start_time", wanted.start_time.as_ref()),
            until: moment(fields, "incident.end_time", wanted.end_time.as_ref()),
        };
        this.check(fields, wanted, now);
        this
    }

    /// An alert says whom and when; by hand both are said, and whom in one way at least.
    fn check(&self, fields: &mut Fields, wanted: &wire::Incident, now: Timestamp) {
        let by_hand = wanted.alert.is_empty();
        let period = [
            ("incident.start_time", wanted.start_time.is_some()),
            ("incident.end_time", wanted.end_time.is_some()),
        ];
        for (field, given) in period {
            if by_hand && !given {
                fields.refuse(field, Violation::Required);
            }
            fields.ensure(by_hand || !given, field, Violation::Contradiction);
        }
        let nobody = wanted.actors.is_empty();
        fields.ensure(
            by_hand || nobody,
            "incident.actors",
            Violation::Contradiction,
        );
        let nothing =
            wanted.customers.is_empty() && wanted.share.is_empty() && wanted.export.is_empty();
        if by_hand && nobody && nothing {
            fields.refuse("incident.actors", Violation::Required);
        }
        let begun = self.from.is_none_or(|from| from <= now);
        fields.ensure(begun, "incident.start_time", Violation::InFuture);
        let backwards = self.from.zip(self.until);
        let backwards = backwards.is_some_and(|(from, until)| until <= from);
        fields.ensure(!backwards, "incident.end_time", Violation::Contradiction);
    }

    /// Looks up what is named, and takes over what it says.
    async fn find(
        &mut self,
        connection: &mut PgConnection,
        call: &Call,
        fields: &mut Fields,
    ) -> Result<(), Fault> {
        let ids: Vec<Uuid> = self.subjects.iter().copied().collect();
        let known = employee::list(&mut *connection, Some(&ids)).await?;
        let named_so = |id: &Uuid| {
            let machine = self.machines.contains(id);
            known
                .iter()
                .any(|one| one.id == *id && one.system_account == machine)
        };
        let all_known = ids.iter().all(named_so);
        fields.ensure(all_known, "incident.actors", Violation::Unknown);
        if let Some(id) = self.alert {
            let found = about::reached::<Alert>(&mut *connection, call, id).await?;
            fields.ensure(found.is_some(), "incident.alert", Violation::Unknown);
            if let Some((_, alert)) = found {
                self.take_over(alert);
            }
        }
        if let Some(id) = self.grant {
            let found: Vec<StoredShare> = share::list(&mut *connection, &[id]).await?;
            fields.ensure(!found.is_empty(), "incident.share", Violation::Unknown);
        }
        let Some(id) = self.export else { return Ok(()) };
        let Some(export) = export::get(connection, id).await? else {
            fields.refuse("incident.export", Violation::Unknown);
            return Ok(());
        };
        let same = self.grant.is_none_or(|share| share == export.share);
        fields.ensure(same, "incident.share", Violation::Contradiction);
        // What was packed for one was shown to no other.
        let only = BTreeSet::from([export.receiver]);
        let others = !self.subjects.is_empty() && self.subjects != only;
        fields.ensure(!others, "incident.actors", Violation::Contradiction);
        self.grant = Some(export.share);
        self.subjects = only;
        Ok(())
    }

    fn take_over(&mut self, alert: Alert) {
        self.subjects = BTreeSet::from([alert.subject]);
        self.machines = self
            .subjects
            .iter()
            .copied()
            .filter(|_| alert.system_account)
            .collect();
        self.from = Some(alert.window.from);
        self.until = Some(alert.window.until);
        // Its window is a day, of which the hours it is about are a part.
        if alert.rule == Rule::OutsideHours && self.customers.is_empty() {
            self.customers = alert.finding.customers;
        }
    }

    fn bounds(self) -> Option<Bounds> {
        Some(Bounds {
            from: self.from?,
            until: self.until?,
            subjects: self.subjects,
            customers: self.customers,
            grant: self.grant,
        })
    }
}
