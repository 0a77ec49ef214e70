//! The table of states of each kind of ticket: what can be done in which state, where it
//! leads, and what has to come first (OP-3.1, OP-3.2, SG-2.2, SG-3).
//!
//! `merge` makes a ticket part of another, which absorbs it; it may be undone for a day, which
//! is no step on the way but one back (`domain/merge.rs`).

use kefu_contracts::ticket::{
    StepNeed::{
        self, Analysis, ClosingAsked, LegitimacyChecked, LegitimacyGranted, NotSatisfied, Outcome,
        Summary,
    },
    TicketKind, TicketState,
};

/// Where an event leads from a state; none: it cannot happen there.
pub(super) type To = Option<TicketState>;
const NO: To = None;
const NEW: To = Some(TicketState::New);
const OPEN: To = Some(TicketState::Open);
const PENDING: To = Some(TicketState::Pending);
const RESOLVED: To = Some(TicketState::Resolved);
const CLOSED: To = Some(TicketState::Closed);

/// Event, where it leads from NEW, OPEN, PENDING, RESOLVED and CLOSED, and what it needs.
pub(super) type Row = (&'static str, [To; 5], &'static [StepNeed]);

/// A question is answered (OP-3.1). What a closed ticket still takes is the customer's
/// opinion; who comes back after that is followed up by another ticket. Pending → pending stands for
/// waiting for somebody else.
#[rustfmt::skip]
const CONSULTATION: &[Row] = &[
    // from:        NEW       OPEN      PENDING   RESOLVED  CLOSED
    ("update",    [ NEW,      OPEN,     PENDING,  RESOLVED, NO     ], &[]),
    ("tag",       [ NEW,      OPEN,     PENDING,  RESOLVED, CLOSED ], &[]),
    ("transfer",  [ NEW,      OPEN,     PENDING,  RESOLVED, NO     ], &[]),
    ("assign",    [ NEW,      OPEN,     PENDING,  RESOLVED, NO     ], &[]),
    ("take over", [ NEW,      OPEN,     PENDING,  RESOLVED, NO     ], &[]),
    ("release",   [ NEW,      OPEN,     PENDING,  NO,       NO     ], &[]),
    ("start",     [ OPEN,     NO,       OPEN,     NO,       NO     ], &[]),
    ("suspend",   [ PENDING,  PENDING,  PENDING,  NO,       NO     ], &[]),
    ("reply",     [ NEW,      OPEN,     PENDING,  RESOLVED, NO     ], &[]),
    ("split",     [ NEW,      OPEN,     PENDING,  RESOLVED, NO     ], &[]),
    ("absorb",    [ NEW,      OPEN,     PENDING,  RESOLVED, NO     ], &[]),
    ("merge",     [ CLOSED,   CLOSED,   CLOSED,   NO,       NO     ], &[]),
    ("resolve",   [ RESOLVED, RESOLVED, RESOLVED, NO,       NO     ], &[]),
    ("reopen",    [ NO,       NO,       NO,       OPEN,     NO     ], &[]),
    ("rate",      [ NO,       NO,       NO,       RESOLVED, CLOSED ], &[]),
    ("close",     [ NO,       NO,       NO,       CLOSED,   NO     ], &[]),
    ("follow up", [ NO,       NO,       NO,       NO,       CLOSED ], &[]),
];

/// A suggestion is answered by what becomes of it; a later thought is another suggestion.
#[rustfmt::skip]
const SUGGESTION: &[Row] = &[
    // from:        NEW       OPEN      PENDING   RESOLVED  CLOSED
    ("update",    [ NEW,      OPEN,     PENDING,  RESOLVED, NO     ], &[]),
    ("tag",       [ NEW,      OPEN,     PENDING,  RESOLVED, CLOSED ], &[]),
    ("transfer",  [ NEW,      OPEN,     PENDING,  RESOLVED, NO     ], &[]),
    ("assign",    [ NEW,      OPEN,     PENDING,  RESOLVED, NO     ], &[]),
    ("take over", [ NEW,      OPEN,     PENDING,  RESOLVED, NO     ], &[]),
    ("release",   [ NEW,      OPEN,     PENDING,  NO,       NO     ], &[]),
    ("start",     [ OPEN,     NO,       OPEN,     NO,       NO     ], &[]),
    ("suspend",   [ PENDING,  PENDING,  PENDING,  NO,       NO     ], &[]),
    ("reply",     [ NEW,      OPEN,     PENDING,  RESOLVED, NO     ], &[]),
    ("split",     [ NEW,      OPEN,     PENDING,  RESOLVED, NO     ], &[]),
    ("absorb",    [ NEW,      OPEN,     PENDING,  RESOLVED, NO     ], &[]),
    ("merge",     [ CLOSED,   CLOSED,   CLOSED,   NO,       NO     ], &[]),
    ("resolve",   [ RESOLVED, RESOLVED, RESOLVED, NO,       NO     ], &[]),
    ("reopen",    [ NO,       NO,       NO,       OPEN,     NO     ], &[]),
    ("rate",      [ NO,       NO,       NO,       RESOLVED, CLOSED ], &[]),
    ("close",     [ NO,       NO,       NO,       CLOSED,   NO     ], &[]),
    ("follow up", [ NO,       NO,       NO,       NO,       CLOSED ], &[]),
];

/// Legitimacy is checked, then people are assigned (SG-2.2). Whoever looks takes it over;
/// what is refused is answered, and worked on by nobody.
#[rustfmt::skip]
const SERVICE_REQUEST: &[Row] = &[
    // from:        NEW       OPEN      PENDING   RESOLVED  CLOSED
    ("update",    [ NEW,      OPEN,     PENDING,  RESOLVED, NO     ], &[]),
    ("tag",       [ NEW,      OPEN,     PENDING,  RESOLVED, CLOSED ], &[]),
    ("transfer",  [ NEW,      OPEN,     PENDING,  RESOLVED, NO     ], &[]),
    ("check",     [ NEW,      OPEN,     PENDING,  NO,       NO     ], &[]),
    ("assign",    [ NEW,      OPEN,     PENDING,  RESOLVED, NO     ], &[LegitimacyGranted]),
    ("take over", [ NEW,      OPEN,     PENDING,  RESOLVED, NO     ], &[]),
    ("release",   [ NEW,      OPEN,     PENDING,  NO,       NO     ], &[]),
    ("start",     [ OPEN,     NO,       OPEN,     NO,       NO     ], &[LegitimacyGranted]),
    ("suspend",   [ PENDING,  PENDING,  PENDING,  NO,       NO     ], &[]),
    ("reply",     [ NEW,      OPEN,     PENDING,  RESOLVED, NO     ], &[]),
    ("split",     [ NEW,      OPEN,     PENDING,  RESOLVED, NO     ], &[]),
    ("absorb",    [ NEW,      OPEN,     PENDING,  RESOLVED, NO     ], &[]),
    ("merge",     [ CLOSED,   CLOSED,   CLOSED,   NO,       NO     ], &[]),
    ("resolve",   [ RESOLVED, RESOLVED, RESOLVED, NO,       NO     ], &[LegitimacyChecked]),
    ("reopen",    [ NO,       NO,       NO,       OPEN,     NO     ], &[]),
    ("rate",      [ NO,       NO,       NO,       RESOLVED, CLOSED ], &[]),
    ("close",     [ NO,       NO,       NO,       CLOSED,   NO     ], &[]),
    ("follow up", [ NO,       NO,       NO,       NO,       CLOSED ], &[]),
];

/// The closed loop (OP-3.2, CC-2.3): analysed, a result told, the customer asked; not
/// satisfied leads back; summarised before it is closed. `resolve` tells the result.
#[rustfmt::skip]
const COMPLAINT: &[Row] = &[
    // from:        NEW       OPEN      PENDING   RESOLVED  CLOSED
    ("update",    [ NEW,      OPEN,     PENDING,  RESOLVED, NO     ], &[]),
    ("tag",       [ NEW,      OPEN,     PENDING,  RESOLVED, CLOSED ], &[]),
    ("transfer",  [ NEW,      OPEN,     PENDING,  RESOLVED, NO     ], &[]),
    ("analyse",   [ NEW,      OPEN,     PENDING,  NO,       NO     ], &[]),
    ("assign",    [ NEW,      OPEN,     PENDING,  RESOLVED, NO     ], &[]),
    ("take over", [ NEW,      OPEN,     PENDING,  RESOLVED, NO     ], &[]),
    ("release",   [ NEW,      OPEN,     PENDING,  NO,       NO     ], &[]),
    ("start",     [ OPEN,     NO,       OPEN,     NO,       NO     ], &[]),
    ("suspend",   [ PENDING,  PENDING,  PENDING,  NO,       NO     ], &[]),
    ("reply",     [ NEW,      OPEN,     PENDING,  RESOLVED, NO     ], &[]),
    ("split",     [ NEW,      OPEN,     PENDING,  RESOLVED, NO     ], &[]),
    ("absorb",    [ NEW,      OPEN,     PENDING,  RESOLVED, NO     ], &[]),
    ("merge",     [ CLOSED,   CLOSED,   CLOSED,   NO,       NO     ], &[]),
    ("resolve",   [ RESOLVED, RESOLVED, RESOLVED, NO,       NO     ], &[Analysis]),
    ("satisfied", [ NO,       NO,       NO,       RESOLVED, NO     ], &[]),
    ("unsatisfied", [ NO,     NO,       NO,       OPEN,     NO     ], &[]),
    ("reopen",    [ NO,       NO,       NO,       OPEN,     NO     ], &[]),
    ("ask to close", [ NO,    NO,       NO,       RESOLVED, NO     ], &[NotSatisfied]),
    ("agree to close", [ NO,  NO,       NO,       RESOLVED, NO     ], &[ClosingAsked]),
    ("keep open", [ NO,       NO,       NO,       RESOLVED, NO     ], &[ClosingAsked]),
    ("summarise", [ NO,       NO,       NO,       RESOLVED, NO     ], &[Outcome]),
    ("compensate", [ NEW,     OPEN,     PENDING,  RESOLVED, NO     ], &[Analysis]),
    ("decide on compensation", [ NEW, OPEN, PENDING, RESOLVED, CLOSED ], &[]),
    ("pay",       [ NEW,      OPEN,     PENDING,  RESOLVED, CLOSED ], &[]),
    ("rate",      [ NO,       NO,       NO,       RESOLVED, CLOSED ], &[]),
    ("close",     [ NO,       NO,       NO,       CLOSED,   NO     ], &[Outcome, Summary]),
    ("follow up", [ NO,       NO,       NO,       NO,       CLOSED ], &[]),
];

/// Each kind with its table.
pub(super) const TABLES: [(TicketKind, &[Row]); 4] = [
    (TicketKind::Consultation, CONSULTATION),
    (TicketKind::Complaint, COMPLAINT),
    (TicketKind::Suggestion, SUGGESTION),
    (TicketKind::ServiceRequest, SERVICE_REQUEST),
];
