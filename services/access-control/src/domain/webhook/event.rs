//! Types of events: which entries of which journal they are, and by which call a receiver could
//! read the record that changed. What they carry is the answer to that call.

use kefu_contracts::{
    journal::{Entry, EntryKind, event::Event},
    policy::DataClass,
};
use kefu_service::fields::{name, parse_name};
use uuid::Uuid;

/// Type of the event that tries the way and is about nothing.
pub const PING: &str = "kefu.access.webhook.pinged.v1";

/// A type of events.
#[derive(Debug, Clone, Copy)]
pub struct Topic {
    /// `kefu.ticket.ticket.changed.v1`
    pub event_type: &'static str,
    /// Whose journal: `ticket`.
    pub service: &'static str,
    /// Collection of the record in resource names.
    pub collection: &'static str,
    /// gRPC path of the call that shows it.
    pub method: &'static str,
    /// Which entries.
    told: fn(&Event) -> bool,
}

macro_rules! topics {
    ($($service:literal { $($event_type:literal = $($event:ident)|+ of $collection:literal by $method:literal;)+ })+) => {
        /// All there are.
        pub static TOPICS: &[Topic] = &[$($(Topic {
            event_type: $event_type,
            service: $service,
            collection: $collection,
            method: $method,
            told: |event| matches!(event, $(Event::$event(_))|+),
        },)+)+];
    };
}

topics! {
    "ticket" {
    "kefu.ticket.ticket.changed.v1" = TicketChanged | TicketsMerged | TicketSplit
        of "tickets" by "/kefu.ticket.v1.TicketService/GetTicket";
    "kefu.ticket.ticket.clock_passed.v1" = ClockPassed
        of "tickets" by "/kefu.ticket.v1.TicketService/GetTicket";
    "kefu.ticket.survey.changed.v1" = SurveyChanged
        of "surveys" by "/kefu.ticket.v1.SurveyService/GetSurvey";
    "kefu.ticket.notice.changed.v1" = NoticeChanged
        of "notices" by "/kefu.ticket.v1.NoticeService/GetNotice";
    }
    "customer-profile" {
    "kefu.profile.customer.changed.v1" = CustomerChanged | FilesMerged
        of "customers" by "/kefu.profile.v1.CustomerService/GetCustomer";
    "kefu.profile.consent.recorded.v1" = ConsentRecorded
        of "consents" by "/kefu.profile.v1.ConsentService/GetConsent";
    "kefu.profile.data_request.changed.v1" = DataRequestChanged
        of "data-requests" by "/kefu.profile.v1.DataRequestService/GetDataRequest";
    "kefu.profile.verification.recorded.v1" = VerificationRecorded
        of "verifications" by "/kefu.profile.v1.VerificationService/GetVerification";
    }
    "order-followup" {
    "kefu.order.order.changed.v1" = OrderChanged | OrderReviewed | OrderSupplied | OrderClearedUp
        | ConfirmationChanged | ComplaintOfOrder
        of "orders" by "/kefu.order.v1.OrderService/GetOrder";
    "kefu.order.order.promised.v1" = OrderPromised
        of "orders" by "/kefu.order.v1.OrderService/GetOrder";
    "kefu.order.order.troubled.v1" = OrderTroubled
        of "orders" by "/kefu.order.v1.OrderService/GetOrder";
    "kefu.order.follow_up.changed.v1" = FollowUpChanged
        of "follow-ups" by "/kefu.order.v1.FollowUpService/GetFollowUp";
    "kefu.order.case.changed.v1" = CaseChanged | CasePaymentChanged
        of "cases" by "/kefu.order.v1.AfterSalesService/GetCase";
    "kefu.order.visit.changed.v1" = VisitChanged
        of "visits" by "/kefu.order.v1.VisitService/GetVisit";
    "kefu.order.notice.changed.v1" = OrderNoticeChanged
        of "order-notices" by "/kefu.order.v1.NoticeService/GetNotice";
    "kefu.order.submission.changed.v1" = SubmissionChanged
        of "submissions" by "/kefu.order.v1.SubmissionService/GetSubmission";
    }
}

/// The type of this name.
pub fn topic(event_type: &str) -> Option<&'static Topic> {
    TOPICS.iter().find(|one| one.event_type == event_type)
}

/// The types that an entry of this service's journal is of, each with the name of the record that
/// changed.
pub fn topics_of<'a>(
    service: &'a str,
    entry: &'a Entry,
) -> impl Iterator<Item = (&'static Topic, String)> + 'a {
    let event = entry.event.as_ref().and_then(|event| event.event.as_ref());
    TOPICS.iter().filter_map(move |one| {
        let is_told = entry.kind() == EntryKind::Change
            && one.service == service
            && event.is_some_and(one.told);
        if !is_told {
            return None;
        }
        Some((one, record(one, entry, event)?))
    })
}

/// The record of this type that an entry is about.
fn record(topic: &Topic, entry: &Entry, event: Option<&Event>) -> Option<String> {
    match event {
        // An entry for each of the two files, under the name of the merge.
        Some(Event::FilesMerged(_)) => {
            let file = Uuid::from_slice(&entry.customer_id).ok()?;
            Some(name(topic.collection, file))
        }
        _ => parse_name(&entry.resource, topic.collection).map(|_| entry.resource.clone()),
    }
}

/// Changes that are of nothing but fields of one class, by what their types begin with: their
/// names tell what these fields say.
const CLASSIFIED: &[(&str, DataClass)] = &[
    ("compensation.", DataClass::Financial),
    ("complaint.compensat", DataClass::Financial),
    ("case.payment_", DataClass::Purchase),
    ("case_payment.", DataClass::Purchase),
    ("case.evaluated", DataClass::Service),
    ("case.step_", DataClass::Service),
    ("order.complaint_opened", DataClass::Service),
    ("order.confirmation_tried", DataClass::Service),
    ("order.reviewed", DataClass::Service),
    ("survey.visited", DataClass::Service),
    ("ticket.rated", DataClass::Service),
    ("ticket.replied", DataClass::Service),
    ("customer.rated", DataClass::Relation),
];

/// The class that has to be cleared for whoever is told that this happened; none where anybody may
/// be who sees the record.
pub fn class_of(change: &str) -> Option<DataClass> {
    let mut classified = CLASSIFIED.iter();
    let found = classified.find(|(start, _)| change.starts_with(start));
    found.map(|(_, class)| *class)
}
