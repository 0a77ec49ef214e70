//! Somebody asks for an inspection, or for a second one.

use jiff::ToSpan;
use kefu_contracts::{
    common::Reason,
    journal::{EntryKind, InspectionAct},
    ticket::{
        InspectTicketRequest, InspectTicketResponse, InspectionDefinition, InspectionState,
        InspectionTaskKind, TicketState,
    },
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, name},
    present::entry,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Inspections, REFUSED, changed};
use crate::{
    domain::inspection::{
        rules::{in_force, sheet},
        state::{self, Event},
    },
    store::{
        inspection_tasks::{self, NewTask},
        inspections::{self, By, NewInspection, StoredInspection},
        records::{RECORD, StoredTicket},
        versions,
    },
};

/// What is asked for, read and checked.
#[derive(Clone)]
struct Wanted {
    ticket: Uuid,
    name: String,
    sheet: String,
    second: bool,
    /// Of the inspection and of its tasks, where they are made.
    ids: [Uuid; 3],
}

impl Inspections {
    /// Clauses OP-5, SG-7.
    pub(super) async fn order(
        &self,
        call: Call,
        request: InspectTicketRequest,
    ) -> Result<Answer<InspectTicketResponse>, Fault> {
        let mut fields = Fields::new();
        let ticket = fields.name("ticket", &request.ticket, "tickets");
        fields.finish()?;
        let ids = &self.core.deps.ids;
        let wanted = Wanted {
            ticket: ticket.unwrap_or_default(),
            name: request.ticket.clone(),
            sheet: request.sheet,
            second: request.second,
            ids: [ids.next()?, ids.next()?, ids.next()?],
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
        let resource = &request.ticket;
        let position = match views.or_refused(&call, REFUSED, resource, outcome).await? {
            Some(position) => position,
            // Answered like the others, or it would tell what there was.
            None => views.record(&call, "inspection.asked", &[]).await?,
        };
        Ok(Answer::written(InspectTicketResponse {}, position))
    }
}

/// Where it is journaled; nowhere, where there is what is asked for.
async fn write(
    connection: &mut PgConnection,
    call: &Call,
    wanted: &Wanted,
) -> Result<Option<kefu_journal::Cursor>, Fault> {
    let mut query = RECORD.get(call, wanted.ticket);
    query.push(" FOR SHARE OF t");
    let row = query.build().fetch_optional(&mut *connection).await?;
    let row = row.as_ref().map(StoredTicket::read).transpose()?;
    let ticket = row.ok_or_else(|| Fault::not_found(&wanted.name))?;
    let before = inspections::lock(connection, By::Ticket(wanted.ticket)).await?;
    let versions = versions::all(connection).await?;
    let (version, definition) =
        in_force(&versions, call.now).ok_or_else(|| Fault::internal("no rules of inspection"))?;
    let (row, tasks, act) = match before {
        Some(row) => {
            if row.state != InspectionState::InHand {
                return Err(Fault::new(Reason::AlreadyExists).with("field", "ticket"));
            }
            // Whether there is a second is told to nobody.
            if row.two || !wanted.second {
                return Ok(None);
            }
            state::after(row.state, Event::AskSecond)?;
            inspections::second(connection, row.id).await?;
            (row, &wanted.ids[2..], InspectionAct::SecondOrdered)
        }
        None => {
            let row = make(
                connection,
                call,
                wanted,
                &ticket,
                (version.number, definition),
            )
            .await?;
            let last = if wanted.second { 2 } else { 1 };
            (row, &wanted.ids[1..=last], InspectionAct::Ordered)
        }
    };
    let days = i64::from(definition.due_days);
    let late = |_| Fault::internal("a moment out of range");
    let due_at = call.now.checked_add((days * 24).hours()).map_err(late)?;
    for id in tasks {
        let task = NewTask {
            id: *id,
            inspection: row.id,
            customer: row.customer_id,
            kind: InspectionTaskKind::Inspect,
            due_at,
            sealed: &[],
            now: call.now,
        };
        inspection_tasks::insert(connection, &task).await?;
    }
    let revision = match act {
        InspectionAct::SecondOrdered => row.revision + 1,
        _ => row.revision,
    };
    let (resource, event) = changed(&row, &row.columns, act, revision);
    let (kind, customer) = ("inspection.ordered", Some(row.customer_id));
    let entry = entry(call, EntryKind::Change, kind, resource, customer, event);
    Ok(Some(kefu_journal::append(connection, &[entry]).await?))
}

async fn make(
    connection: &mut PgConnection,
    call: &Call,
    wanted: &Wanted,
    ticket: &StoredTicket,
    (rules_version, definition): (i32, &InspectionDefinition),
) -> Result<StoredInspection, Fault> {
    let state = ticket.standing().state;
    if !matches!(state, TicketState::Resolved | TicketState::Closed) {
        let resolved = TicketState::Resolved.as_str_name();
        return Err(Fault::state(state.as_str_name(), resolved));
    }
    let mut fields = Fields::new();
    let sheet = match wanted.sheet.as_str() {
        "" => definition.sheets.first(),
        id => sheet(definition, id),
    };
    fields.ensure(sheet.is_some(), "sheet", Violation::Unknown);
    let agent = ticket.assignee();
    fields.ensure(agent.is_some(), "ticket", Violation::NotApplicable);
    fields.finish()?;
    let new = NewInspection {
        id: wanted.ids[0],
        ticket: ticket.id,
        customer: ticket.customer_id,
        department: ticket.department(),
        agent: agent.unwrap_or_default(),
        rules_version,
        sheet: sheet.map_or("", |sheet| &sheet.id),
        two: wanted.second,
        now: call.now,
    };
    // Somebody else was first: tried again, theirs is found.
    if !inspections::insert(connection, &new).await? {
        return Err(Fault::new(Reason::Conflict));
    }
    let made = inspections::lock(connection, By::Id(new.id)).await?;
    made.ok_or_else(|| Fault::not_found(&name("inspections", new.id)))
}
