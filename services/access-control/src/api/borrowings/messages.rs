//! Borrowings as messages carry them, and copies and terms as they are read.

use jiff::Timestamp;
use kefu_contracts::access as wire;
use kefu_service::{
    error::Violation,
    fields::{self, Fields, etag},
    time::to_proto,
};

use super::kind::head;
use crate::{
    api::{
        approvals::{
            Desk, Kind,
            messages::{employee, stage, steps},
        },
        messages::moment,
    },
    domain::{
        borrowing::{
            BORROWINGS, BorrowedCopy, BorrowingTerms, FURTHEST, Line, MOST_ITEMS, MOST_LABEL, Mark,
            Medium,
        },
        register::{DEPARTMENTS, EMPLOYEES},
    },
    store::borrowing::StoredBorrowing,
};

const CUSTOMERS: &str = "customers";

/// The whole borrowing: each approver sees all of it.
pub(super) fn borrowing(stored: &StoredBorrowing, desk: &Desk<'_>) -> wire::Borrowing {
    let (approval, borrowing) = (&stored.approval, &stored.borrowing);
    let case = stored.case();
    let extends = borrowing.extends.map(|id| fields::name(BORROWINGS, id));
    wire::Borrowing {
        name: fields::name(BORROWINGS, approval.id),
        applicant: fields::name(EMPLOYEES, approval.applicant),
        department: fields::name(DEPARTMENTS, approval.department),
        purpose: borrowing.purpose.into(),
        justification: borrowing.justification.clone(),
        requested: Some(terms_to_proto(&borrowing.requested)),
        terms: Some(terms_to_proto(&stored.terms)),
        state: case.state.to_proto().into(),
        stage: stage(&case, desk),
        steps: steps(approval, desk.flow),
        lines: lines(stored, desk),
        extends: extends.unwrap_or_default(),
        department_head: employee(head(stored, desk)),
        close_time: borrowing.closed_at.map(to_proto),
        etag: etag(approval.revision),
    }
}

/// A line for each copy that was asked for, in order.
pub(super) fn lines(stored: &StoredBorrowing, desk: &Desk<'_>) -> Vec<wire::BorrowingLine> {
    let (case, borrowing) = (stored.case(), &stored.borrowing);
    let line = |item: &BorrowedCopy| {
        let state = borrowing.state_of(&case, item)?;
        let mut lines = borrowing.lines.iter();
        let handed_out = lines.find(|line| line.copy == *item);
        Some(wire::BorrowingLine {
            item: Some(copy_to_proto(item)),
            state: state.to_proto().into(),
            ..handed_out
                .map(|line| filled(line, desk))
                .unwrap_or_default()
        })
    };
    let asked = borrowing.requested.items.iter();
    asked.filter_map(line).collect()
}

fn filled(line: &Line, desk: &Desk<'_>) -> wire::BorrowingLine {
    let by = |mark: Option<Mark>| employee(mark.map(|(by, _)| by));
    let at = |mark: Option<Mark>| mark.map(|(_, at)| to_proto(at));
    wire::BorrowingLine {
        handed_out_by: by(Some(line.out)),
        out_time: at(Some(line.out)),
        due_time: Some(to_proto(line.due_at)),
        back_time: line.back_at().map(to_proto),
        inspected_by: by(line.inspected),
        condition: line.condition.unwrap_or_default().into(),
        note: line.note.clone(),
        overdue: line.is_overdue(desk.now),
        reported_lost_by: by(line.lost),
        reported_lost_time: at(line.lost),
        follow_up: line.follow_up.clone(),
        followed_up_by: by(line.followed_up),
        follow_up_time: at(line.followed_up),
        ..wire::BorrowingLine::default()
    }
}

/// Terms as messages and histories carry them.
pub(super) fn terms_to_proto(terms: &BorrowingTerms) -> wire::BorrowingTerms {
    wire::BorrowingTerms {
        items: terms.items.iter().map(copy_to_proto).collect(),
        start_time: terms.not_before.map(to_proto),
        end_time: Some(to_proto(terms.until)),
    }
}

fn copy_to_proto(copy: &BorrowedCopy) -> wire::BorrowedCopy {
    wire::BorrowedCopy {
        customer: fields::name(CUSTOMERS, copy.customer),
        medium: copy.medium.into(),
        label: copy.label.clone(),
    }
}

/// Reads terms; what cannot be read is noted under `at`.
pub(super) fn terms(
    fields: &mut Fields,
    at: &str,
    message: &wire::BorrowingTerms,
    now: Timestamp,
) -> Option<BorrowingTerms> {
    let under = |field: &str| format!("{at}.{field}");
    let items = under("items");
    fields.ensure(!message.items.is_empty(), &items, Violation::Required);
    let mut copies = copies(fields, &items, &message.items);
    copies.sort();
    let not_before = moment(fields, &under("start_time"), message.start_time.as_ref());
    let until = moment(fields, &under("end_time"), message.end_time.as_ref());
    if message.end_time.is_none() {
        fields.refuse(under("end_time"), Violation::Required);
    }
    let too_far = |end: Timestamp| end <= now || end.duration_since(now) > FURTHEST;
    fields.ensure(
        !until.is_some_and(too_far),
        under("end_time"),
        Violation::Time,
    );
    let backwards = not_before
        .zip(until)
        .is_some_and(|(start, end)| end <= start);
    fields.ensure(!backwards, under("start_time"), Violation::Contradiction);
    Some(BorrowingTerms {
        items: copies,
        not_before,
        until: until?,
    })
}

/// Reads copies, each once.
pub(super) fn copies(
    fields: &mut Fields,
    at: &str,
    messages: &[wire::BorrowedCopy],
) -> Vec<BorrowedCopy> {
    if messages.len() > MOST_ITEMS {
        fields.refuse(at, Violation::TooMany(MOST_ITEMS));
        return Vec::new();
    }
    let mut copies: Vec<BorrowedCopy> = Vec::with_capacity(messages.len());
    for (place, message) in messages.iter().enumerate() {
        let field = format!("{at}[{place}]");
        if let Some(copy) = copy(fields, &field, message) {
            fields.ensure(!copies.contains(&copy), &field, Violation::Duplicate);
            copies.push(copy);
        }
    }
    copies
}

/// Reads a copy.
fn copy(fields: &mut Fields, at: &str, message: &wire::BorrowedCopy) -> Option<BorrowedCopy> {
    let customer = fields.name(format!("{at}.customer"), &message.customer, CUSTOMERS);
    let medium: Option<Medium> = fields.required_enum(format!("{at}.medium"), message.medium);
    let label = message.label.trim();
    fields.required_text(format!("{at}.label"), label, MOST_LABEL);
    Some(BorrowedCopy {
        customer: customer?,
        medium: medium?,
        label: label.to_owned(),
    })
}
