//! Figures of orders over days told together (store/days.rs), where these tell all that is asked:
//! the same conditions over the same columns, of fewer rows that stand for several orders each.

use jiff::Timestamp;
use kefu_access::{AccessContext, Scope};
use kefu_contracts::analytics::Dimension;

use super::Asked;
use crate::domain::{catalogue::Population, question::Door};

/// Which orders of a day count, and how a row tells how many there are and what they come to.
struct Rows {
    weight: &'static str,
    amount: &'static str,
}

/// What is added up of the rows: all that their orders come to.
pub(super) const VALUE: &str = "f.amount";

fn rows(population: Population) -> Option<Rows> {
    match population {
        Population::Orders => Some(Rows {
            weight: "d.orders",
            amount: "NULL::numeric",
        }),
        Population::Sales => Some(Rows {
            weight: "d.priced",
            amount: "d.amount",
        }),
        Population::LatenessOfOrders => Some(Rows {
            weight: "d.orders",
            amount: "d.late",
        }),
        _ => None,
    }
}

/// Whether the days tell what is asked for. They know nothing of customers, nor of hours, so that
/// whoever asks by those is answered of the facts, and so is who is told of perturbed data.
pub(super) fn tell(asked: &Asked<'_>) -> bool {
    let question = asked.question;
    let known = |dimension: &Dimension| {
        use Dimension::{Currency, Day, Department, Month, Status, Week};
        matches!(
            dimension,
            Day | Week | Month | Department | Status | Currency
        )
    };
    asked.days
        && asked.told.is_none()
        && matches!(question.door, Door::Figures | Door::Staff)
        && question.only.is_none()
        && question.group_by.iter().all(known)
        && rows(question.metric.of).is_some()
        && is_of_departments(asked.context, asked.now)
}

/// What stands in the place of `analytics.fact f`.
pub(super) fn in_place_of_facts(population: Population) -> String {
    let Rows { weight, amount } = rows(population).unwrap_or(Rows {
        weight: "0",
        amount: "NULL::numeric",
    });
    format!(
        "(SELECT d.generation, 4 AS kind, d.at, d.department_id, NULL::uuid AS customer_id, d.state, d.currency, \
         {amount} AS amount, {weight} AS weight FROM analytics.order_day d WHERE {weight} <> 0) f"
    )
}

/// Whether who asks reaches records by departments alone, whoever's they are.
pub(super) fn is_of_departments(context: &AccessContext, now: Timestamp) -> bool {
    let mut standing = context.rules.iter().filter(|rule| rule.stands(now));
    standing.all(|rule| knows_departments_only(&rule.scope))
}

fn knows_departments_only(scope: &Scope) -> bool {
    match scope {
        Scope::None | Scope::All | Scope::Departments(_) => true,
        Scope::Union(all) => all.iter().all(knows_departments_only),
        Scope::Owner(_) | Scope::Duty(_) | Scope::Customers(_) | Scope::Consented(..) => false,
    }
}
