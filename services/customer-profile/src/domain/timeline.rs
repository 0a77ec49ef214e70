//! What an entry of a journal is in the history of its customer (CF-2.3).

use kefu_contracts::{
    journal::{SurveyAct, VisitAct, event::Event},
    policy::DataClass,
    profile::TimelineKind,
    ticket::TicketKind,
};
use prost_types::Timestamp;

/// What happened, and what its having happened tells of the customer.
#[derive(Debug, PartialEq)]
pub(crate) struct Happening {
    pub(crate) kind: TimelineKind,
    pub(crate) class: DataClass,
    /// When, where the entry says so.
    pub(crate) at: Option<Timestamp>,
    /// UUID of the customer.
    pub(crate) customer: Vec<u8>,
    /// Of tickets; else empty.
    pub(crate) category: String,
}

impl Happening {
    /// What the entry of another service's journal is; none where it is nothing that
    /// happened with a customer.
    pub(crate) fn of(event: &Event) -> Option<Self> {
        let happening = match event {
            Event::TicketChanged(ticket) => Self {
                kind: match ticket.kind() {
                    TicketKind::Consultation => TimelineKind::Consultation,
                    TicketKind::Complaint => TimelineKind::Complaint,
                    TicketKind::Suggestion => TimelineKind::Suggestion,
                    TicketKind::ServiceRequest => TimelineKind::ServiceRequest,
                    TicketKind::Unspecified => return None,
                },
                class: DataClass::Service,
                at: ticket.occurred_at,
                customer: ticket.customer_id.clone(),
                category: ticket.category.clone(),
            },
            Event::OrderChanged(order) => Self {
                kind: TimelineKind::Purchase,
                class: DataClass::Purchase,
                at: order.occurred_at,
                customer: order.customer_id.clone(),
                category: String::new(),
            },
            // When it happened is when it was written down.
            Event::CaseChanged(case) => Self {
                kind: TimelineKind::AfterSales,
                class: DataClass::Service,
                at: None,
                customer: case.customer_id.clone(),
                category: String::new(),
            },
            Event::OrderReviewed(review) => Self {
                kind: TimelineKind::Feedback,
                class: DataClass::Service,
                at: review.answered_at,
                customer: review.customer_id.clone(),
                category: String::new(),
            },
            Event::SurveyChanged(survey)
                if matches!(survey.act(), SurveyAct::Answered | SurveyAct::AnswerChanged) =>
            {
                Self {
                    kind: TimelineKind::Feedback,
                    class: DataClass::Service,
                    at: survey.answered_at,
                    customer: survey.customer_id.clone(),
                    category: String::new(),
                }
            }
            Event::SurveyChanged(survey) if survey.act() == SurveyAct::Visited => Self {
                kind: TimelineKind::Visit,
                class: DataClass::Service,
                // When it was written down.
                at: None,
                customer: survey.customer_id.clone(),
                category: String::new(),
            },
            // What is planned has not happened yet.
            Event::VisitChanged(visit) if visit.act() == VisitAct::Recorded => Self {
                kind: TimelineKind::Visit,
                class: DataClass::Service,
                at: visit.visited_at,
                customer: visit.customer_id.clone(),
                category: String::new(),
            },
            _ => return None,
        };
        Some(happening)
    }
}
