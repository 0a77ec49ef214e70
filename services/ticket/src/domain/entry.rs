//! What may stand in a ticket when it is opened: every fault of an entry at once.

use jiff::Timestamp;
use kefu_access::Subject;
use kefu_contracts::{
    access::SubjectKind,
    common::Channel,
    ticket::{Level, Ticket, TicketKind},
};
use kefu_service::{error::Violation, fields::Fields};
use uuid::Uuid;

use super::{moment, talk};

/// Most characters of a description, a message or a resolution.
pub(crate) const LONG: usize = 20_000;
/// Most characters of a reason or a comment.
pub(crate) const MEDIUM: usize = 2_000;
/// Most characters of a category.
pub(crate) const CATEGORY: usize = 80;

/// What the columns of a new ticket say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) customer: Uuid,
    pub(crate) department: Uuid,
    /// Who opens a ticket has it, until it is given to somebody else; a system
    /// works on none.
    pub(crate) assignee: Option<Uuid>,
    /// The order that it is about.
    pub(crate) order: Option<Uuid>,
    pub(crate) received_at: Timestamp,
}

/// Checks a ticket that is to be opened; what it must have and has not is noted.
pub(crate) fn check(
    fields: &mut Fields,
    ticket: &Ticket,
    subject: &Subject,
    now: Timestamp,
) -> Entry {
    let customer = fields.name("ticket.customer", &ticket.customer, "customers");
    fields.required_enum::<TicketKind>("ticket.kind", ticket.kind);
    fields.required_enum::<Channel>("ticket.channel", ticket.channel);
    check_category(fields, &ticket.category);
    fields.optional_enum::<Level>("ticket.impact", ticket.impact);
    fields.optional_enum::<Level>("ticket.urgency", ticket.urgency);
    talk::check(fields, ticket, now);
    let order = fields.optional_name("ticket.order", &ticket.order, "orders");
    fields.text("ticket.external_ref", &ticket.external_ref, 120);
    fields.text("ticket.subject", &ticket.subject, 200);
    fields.text("ticket.description", &ticket.description, LONG);
    let department = fields
        .optional_name("ticket.department", &ticket.department, "departments")
        .or_else(|| subject.departments.first().copied());
    // A name that cannot be read is noted already.
    fields.ensure(
        department.is_some() || !ticket.department.is_empty(),
        "ticket.department",
        Violation::Required,
    );
    let received_at = moment::told(
        fields,
        "ticket.received_time",
        ticket.received_time.as_ref(),
        subject.kind,
        now,
    );
    Entry {
        customer: customer.unwrap_or_default(),
        department: department.unwrap_or_default(),
        assignee: (subject.kind == SubjectKind::Employee).then_some(subject.id),
        order,
        received_at: received_at.unwrap_or(now),
    }
}

/// Checks a category.
pub(crate) fn check_category(fields: &mut Fields, category: &str) {
    fields.text("ticket.category", category, CATEGORY);
}

#[cfg(test)]
mod tests {
    use kefu_service::{error::Fault, fields::name, time::to_proto};

    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_760_000_000, 0);
    const HOME: Uuid = Uuid::from_u128(1);
    const WHO: Uuid = Uuid::from_u128(2);
    const CUSTOMER: Uuid = Uuid::from_u128(3);

    fn subject(kind: SubjectKind) -> Subject {
        Subject {
            id: WHO,
            kind,
            departments: vec![HOME, Uuid::from_u128(9)],
        }
    }

    fn ticket() -> Ticket {
        Ticket {
            customer: name("customers", CUSTOMER),
            kind: TicketKind::Complaint as i32,
            channel: Channel::Phone as i32,
            subject: "货没到".into(),
            ..Default::default()
        }
    }

    fn checked(ticket: &Ticket, kind: SubjectKind) -> Result<Entry, Fault> {
        let mut fields = Fields::new();
        let entry = check(&mut fields, ticket, &subject(kind), NOW);
        fields.finish().map(|()| entry)
    }

    fn violations(ticket: &Ticket, kind: SubjectKind) -> Vec<(String, Violation)> {
        checked(ticket, kind).unwrap_err().violations
    }

    #[test]
    fn who_opens_a_ticket_has_it_and_their_department_answers_for_it() {
        let entry = checked(&ticket(), SubjectKind::Employee).unwrap();
        let expected = Entry {
            customer: CUSTOMER,
            department: HOME,
            assignee: Some(WHO),
            order: None,
            received_at: NOW,
        };
        assert_eq!(entry, expected);
    }

    #[test]
    fn a_system_transfers_what_happened_before_and_works_on_nothing() {
        let at = Timestamp::constant(1_700_000_000, 0);
        let other = Uuid::from_u128(7);
        let transferred = Ticket {
            received_time: Some(to_proto(at)),
            department: name("departments", other),
            ..ticket()
        };
        let entry = checked(&transferred, SubjectKind::SystemAccount).unwrap();
        let expected = Entry {
            customer: CUSTOMER,
            department: other,
            assignee: None,
            order: None,
            received_at: at,
        };
        assert_eq!(entry, expected);
        let refused = violations(&transferred, SubjectKind::Employee);
        assert_eq!(
            refused,
            [("ticket.received_time".to_owned(), Violation::NotForPeople)]
        );
    }

    #[test]
    fn every_fault_of_an_entry_is_told_at_once() {
        let wrong = Ticket {
            customer: "customers/1".into(),
            channel: 77,
            category: "x".repeat(81),
            impact: -1,
            urgency: 4,
            department: "here".into(),
            external_ref: "x".repeat(121),
            subject: "字".repeat(201),
            description: "a\u{0}".into(),
            received_time: Some(to_proto(Timestamp::constant(1_760_000_001, 0))),
            ..Default::default()
        };
        let named: Vec<_> = violations(&wrong, SubjectKind::SystemAccount)
            .into_iter()
            .map(|(field, what)| (field.trim_start_matches("ticket.").to_owned(), what.name()))
            .collect();
        let expected = [
            ("customer", "RESOURCE_NAME"),
            ("kind", "REQUIRED"),
            ("channel", "UNKNOWN_VALUE"),
            ("category", "TOO_LONG"),
            ("impact", "UNKNOWN_VALUE"),
            ("urgency", "UNKNOWN_VALUE"),
            ("external_ref", "TOO_LONG"),
            ("subject", "TOO_LONG"),
            ("description", "CONTROL_CHARACTERS"),
            ("department", "RESOURCE_NAME"),
            ("received_time", "IN_FUTURE"),
        ];
        assert_eq!(
            named,
            expected.map(|(field, what)| (field.to_owned(), what))
        );
    }

    #[test]
    fn whoever_has_no_department_must_name_one() {
        let mut fields = Fields::new();
        let nobody = Subject {
            departments: Vec::new(),
            ..subject(SubjectKind::SystemAccount)
        };
        check(&mut fields, &ticket(), &nobody, NOW);
        let found = fields.finish().unwrap_err().violations;
        assert_eq!(
            found,
            [("ticket.department".to_owned(), Violation::Required)]
        );
    }
}
