//! The record that a fact is of, where that is another: a ticket of its clocks and answers, an order of its
//! trouble. What they count for is where they were told, and the ticket goes on, and trouble is told of the
//! department concerned; whose the record is, its own fact says.

use kefu_access::ScopeColumns;

use super::rows::SCOPE;
use crate::{
    domain::fact::Kind,
    store::population::{Facts, Spec},
};

/// Joins the ticket, as `home`. Its fact is found by its place.
const OF_TICKET: &str = "LEFT JOIN analytics.fact_place place
        ON place.generation = {live} AND place.kind = 1 AND place.id = coalesce(f.subject_id, f.id) AND place.part = 0
    LEFT JOIN analytics.fact home
        ON home.generation = {live} AND home.kind = 1 AND home.at = place.at AND home.id = place.id
        AND home.part = 0";

/// Joins the order, as `home`.
const OF_ORDER: &str = "LEFT JOIN analytics.fact_place place
        ON place.generation = {live} AND place.kind = 4 AND place.id = f.id AND place.part = 0
    LEFT JOIN analytics.fact home
        ON home.generation = {live} AND home.kind = 4 AND home.at = place.at AND home.id = place.id
        AND home.part = 0";

/// Whom an answer is about, beside its ticket: who gave the resolution or, where that was not told, who has the
/// ticket.
pub(super) const OF_ANSWERS: &str = "coalesce(f.employee_id, home.employee_id)";

/// By what it is decided which of these records may be looked at.
const HOME: ScopeColumns = ScopeColumns {
    department: Some("home.department_id"),
    customer: Some("home.customer_id"),
    ..SCOPE
};

/// The same facts beside the record that they are of, and by what that may be looked at.
pub(super) fn at_home(spec: Spec) -> (Spec, ScopeColumns) {
    let joins = match spec.facts {
        Facts::Of(Kind::Clock | Kind::Answer) => OF_TICKET,
        Facts::Of(Kind::Trouble) => OF_ORDER,
        _ => return (spec, SCOPE),
    };
    (Spec { joins, ..spec }, HOME)
}
