//! Sends tickets: each step is decided upon the state that the one before left.

use kefu_contracts::ticket::{
    AssignTicketRequest, Assignment, CloseTicketRequest, GetTicketRequest, ListAssignmentsRequest,
    ListTicketsRequest, OpenTicketRequest, ReopenTicketRequest, ResolveTicketRequest,
    StartTicketRequest, SuspendTicketRequest, Ticket, UpdateTicketRequest,
};
use prost_types::FieldMask;

use super::{
    drive::{Importer, filter_by_ref, is_there},
    mapping::TicketFields,
    reader::proto_time,
    record::request_id,
    report::Sent,
    session::{Failure, Session},
    tickets::{Action, Step, TicketPlan, Traits},
};

/// How often a ticket that others change meanwhile is read again for one step.
const READ_AGAIN: usize = 3;

/// Opens a ticket and takes it through its history.
pub(super) async fn send(session: &Session, plan: &TicketPlan) -> Result<Sent, Failure> {
    let (mut ticket, mut at) = open(session, plan).await?;
    let created = session.is_new(ticket.create_time.as_ref());
    let mut read_again = 0;
    while let Some(step) = plan.steps.get(at) {
        match Box::pin(take(session, plan, at, step, &ticket)).await {
            Ok(changed) => {
                ticket = changed;
                at += 1;
                read_again = 0;
            }
            Err(Failure::Refused(refusal))
                if refusal.is("ETAG_MISMATCH") && read_again < READ_AGAIN =>
            {
                read_again += 1;
                ticket = get(session, ticket.name).await?;
                // The step may have been taken and its answer lost; those before it were.
                let hands = assignments(session, plan, &ticket).await?;
                at = at.max(plan.next_step(&ticket, &hands));
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(Sent {
        created,
        parts: vec![("changes", plan.steps.len())],
    })
}

/// The ticket, and the first step that it has not taken.
async fn open(session: &Session, plan: &TicketPlan) -> Result<(Ticket, usize), Failure> {
    let request = OpenTicketRequest {
        request_id: plan.request_id("open"),
        ticket: Some(Ticket {
            customer: session.customer(&plan.customer).await?,
            ..plan.ticket.clone()
        }),
    };
    let answer = session
        .call(&request, async |request| {
            session.ticket_service().open_ticket(request).await
        })
        .await;
    match answer {
        // Said before, it is answered as before: so are the steps that follow.
        Ok(ticket) => Ok((ticket, 0)),
        Err(Failure::Refused(refusal)) if is_there(&refusal) => {
            let ticket = existing(session, plan).await?;
            let hands = assignments(session, plan, &ticket).await?;
            let at = plan.next_step(&ticket, &hands);
            Ok((ticket, at))
        }
        Err(failure) => Err(failure),
    }
}

async fn existing(session: &Session, plan: &TicketPlan) -> Result<Ticket, Failure> {
    let request = ListTicketsRequest {
        filter: filter_by_ref(&plan.ticket.external_ref),
        ..ListTicketsRequest::default()
    };
    let found = session
        .call(&request, async |request| {
            session.ticket_service().list_tickets(request).await
        })
        .await?;
    match found.tickets.into_iter().next() {
        Some(ticket) => get(session, ticket.name).await,
        None => Err(Failure::Rejected(
            "the reference is taken by a ticket outside of this account's scope".to_owned(),
        )),
    }
}

async fn get(session: &Session, name: String) -> Result<Ticket, Failure> {
    let request = GetTicketRequest { name };
    session
        .call(&request, async |request| {
            session.ticket_service().get_ticket(request).await
        })
        .await
}

/// Whose the ticket was; not asked for where that makes no difference.
async fn assignments(
    session: &Session,
    plan: &TicketPlan,
    ticket: &Ticket,
) -> Result<Vec<Assignment>, Failure> {
    if !plan.assigns() {
        return Ok(Vec::new());
    }
    let request = ListAssignmentsRequest {
        parent: ticket.name.clone(),
    };
    let found = session
        .call(&request, async |request| {
            session.queue_service().list_assignments(request).await
        })
        .await?;
    Ok(found.assignments)
}

/// Builds a request for a step of a ticket and sends it.
macro_rules! step {
    ($session:ident, $method:ident, $request:expr) => {
        $session
            .call(&$request, async |request| {
                $session.ticket_service().$method(request).await
            })
            .await
    };
}

async fn take(
    session: &Session,
    plan: &TicketPlan,
    number: usize,
    step: &Step,
    ticket: &Ticket,
) -> Result<Ticket, Failure> {
    let (name, etag) = (ticket.name.clone(), ticket.etag.clone());
    // With the etag: decided upon another state, it is another request.
    let request_id = plan.request_id(&format!("{number} {} {etag}", step.action.name()));
    let occurred_time = Some(proto_time(step.at));
    match &step.action {
        Action::Update { before, after } => {
            let (ticket, update_mask) = update(name, etag, before, after);
            step!(
                session,
                update_ticket,
                UpdateTicketRequest {
                    ticket,
                    update_mask,
                    request_id,
                    occurred_time
                }
            )
        }
        Action::Assign(assignee) => {
            let assignee = assignee.clone();
            step!(
                session,
                assign_ticket,
                AssignTicketRequest {
                    name,
                    etag,
                    request_id,
                    assignee,
                    occurred_time
                }
            )
        }
        Action::Start => {
            step!(
                session,
                start_ticket,
                StartTicketRequest {
                    name,
                    etag,
                    request_id,
                    occurred_time
                }
            )
        }
        Action::Suspend(waiting_for) => {
            let waiting_for = (*waiting_for).into();
            step!(
                session,
                suspend_ticket,
                SuspendTicketRequest {
                    name,
                    etag,
                    request_id,
                    waiting_for,
                    occurred_time
                }
            )
        }
        Action::Resolve(resolution) => {
            let resolution = resolution.clone();
            step!(
                session,
                resolve_ticket,
                ResolveTicketRequest {
                    name,
                    etag,
                    request_id,
                    resolution,
                    occurred_time
                }
            )
        }
        Action::Reopen(reason) => {
            let reason = reason.clone();
            step!(
                session,
                reopen_ticket,
                ReopenTicketRequest {
                    name,
                    etag,
                    request_id,
                    reason,
                    occurred_time
                }
            )
        }
        Action::Close => {
            step!(
                session,
                close_ticket,
                CloseTicketRequest {
                    name,
                    etag,
                    request_id,
                    occurred_time
                }
            )
        }
    }
}

/// The traits that have changed, and their names.
fn update(
    name: String,
    etag: String,
    before: &Traits,
    after: &Traits,
) -> (Option<Ticket>, Option<FieldMask>) {
    let paths = [
        ("category", before.category != after.category),
        ("impact", before.impact != after.impact),
        ("urgency", before.urgency != after.urgency),
    ];
    let ticket = Ticket {
        name,
        etag,
        category: after.category.clone(),
        impact: after.impact,
        urgency: after.urgency,
        ..Ticket::default()
    };
    let paths = paths
        .into_iter()
        .filter(|(_, changed)| *changed)
        .map(|(path, _)| path.to_owned())
        .collect();
    (Some(ticket), Some(FieldMask { paths }))
}

impl Action {
    /// For ids of requests: never to be changed.
    fn name(&self) -> &'static str {
        match self {
            Self::Update { .. } => "update",
            Self::Assign(_) => "assign",
            Self::Start => "start",
            Self::Suspend(_) => "suspend",
            Self::Resolve(_) => "resolve",
            Self::Reopen(_) => "reopen",
            Self::Close => "close",
        }
    }
}

impl TicketPlan {
    fn request_id(&self, step: &str) -> String {
        request_id(TicketFields::KIND, &self.ticket.external_ref, step)
    }
}
