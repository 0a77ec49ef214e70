//! What records are grouped by, and how it is shown.

use jiff_sqlx::ToSqlx;
use kefu_contracts::{
    access::ApprovalState,
    analytics::Dimension,
    common::Channel,
    order::{CaseKind, CaseState, OrderStage, VisitMethod, VisitOrigin, VisitState},
    policy::Purpose,
    profile::{
        CreditClass, CustomerState, CustomerType, Tier, VerificationCheck, VerificationMethod,
        VerificationOutcome,
    },
    ticket::{InspectionState, Priority, TicketKind, TicketState},
};
use sqlx::{Postgres, QueryBuilder};

use super::{Asked, home::OF_ANSWERS, survivor};
use crate::{
    domain::{fact::Kind, question::Question},
    store::population::{Facts, Spec, spec},
};

/// The state of a ticket; of one that is part of another, the number after the last of them:
/// it is closed, and not for having been solved.
const MERGED_OR_STATE: &str = "CASE WHEN f.merged THEN 6 ELSE f.state END";

/// The value of a record by which it is grouped.
pub(super) fn write_grouped(
    asked: &Asked<'_>,
    spec: &Spec,
    dimension: Dimension,
    query: &mut QueryBuilder<Postgres>,
) {
    let part = match dimension {
        Dimension::Day => Some("day"),
        Dimension::Week => Some("week"),
        Dimension::Month => Some("month"),
        _ => None,
    };
    if let Some(part) = part {
        write_part(part, asked.question, query);
        return;
    }
    let column = match (dimension, spec.facts) {
        (Dimension::Status, Facts::Of(Kind::Ticket)) => MERGED_OR_STATE,
        (Dimension::Status, _) => "f.state",
        (Dimension::Kind, Facts::Reads) => "f.personal::int4",
        (Dimension::Kind, _) => "f.sort",
        (Dimension::Outcome, Facts::Reads) => "f.refused::int4",
        (Dimension::Outcome, _) => "f.outcome",
        (Dimension::Department, _) => "f.department_id",
        (Dimension::Employee, Facts::Of(Kind::Answer)) => OF_ANSWERS,
        (Dimension::Employee, _) => "f.employee_id",
        (Dimension::Customer, _) => survivor::CUSTOMER,
        (Dimension::Priority, _) => "f.priority",
        (Dimension::Channel, _) => "f.channel",
        (Dimension::Category, _) => "f.category",
        (Dimension::Product, _) => "f.product",
        (Dimension::Region, Facts::Of(Kind::Customer)) => "f.category",
        (Dimension::Region, _) => "whose.category",
        (Dimension::Attempt, _) => "f.attempt",
        (Dimension::Tier, _) => "f.tier",
        // Who was never rated otherwise has class B.
        (Dimension::Credit, _) => "coalesce(rated.credit, 2)",
        (Dimension::Purpose, _) => "f.purpose",
        (Dimension::Currency, _) => "f.currency",
        (Dimension::Source, _) => "f.source",
        (Dimension::Cohort, _) => "f.cohort",
        (Dimension::Age, _) => "f.age",
        (Dimension::Recency, _) => "f.recency",
        (Dimension::Frequency, _) => "f.frequency",
        (Dimension::Monetary, _) => "f.monetary",
        // No metric has it; the parts of a period are above.
        (Dimension::Unspecified | Dimension::Day | Dimension::Week | Dimension::Month, _) => {
            "NULL::int4"
        }
    };
    match names(asked.question, dimension).len() {
        0 => query.push(column),
        // What this build has no name for is one group, with what has none.
        known => query.push(format_args!(
            "CASE WHEN {column} BETWEEN 0 AND {} THEN {column} END",
            known - 1
        )),
    };
}

/// The part of the period that a row is in. Where clocks were turned back across midnight, what was repeated
/// belongs to the later day ([`Period`](crate::domain::period::Period)), though they show the one before.
fn write_part(part: &str, question: &Question, query: &mut QueryBuilder<Postgres>) {
    let zone = &question.zone;
    let first = question.period.from.map(|from| zone.today(from));
    query.push(format_args!("date_trunc('{part}', "));
    query.push(match first {
        Some(_) => "greatest(f.at AT TIME ZONE ",
        None => "(f.at AT TIME ZONE ",
    });
    query.push_bind(zone.name().to_owned());
    if let Some(first) = first {
        query.push(", ").push_bind(first.to_sqlx());
        query.push("::date::timestamp");
    }
    query.push("))::date");
}

/// What stands for having none, and for nothing else.
pub(super) fn sentinel(dimension: Dimension) -> &'static str {
    match dimension {
        Dimension::Department | Dimension::Employee | Dimension::Customer => {
            "'00000000-0000-0000-0000-000000000000'::uuid"
        }
        Dimension::Category
        | Dimension::Currency
        | Dimension::Product
        | Dimension::Region
        | Dimension::Source => "''",
        Dimension::Day | Dimension::Week | Dimension::Month => "'-infinity'::date",
        _ => "-1",
    }
}

/// The value of a group as it is shown and ordered by; empty where the records have none, or one
/// that this build does not know.
pub(super) fn write_shown(
    question: &Question,
    dimension: Dimension,
    column: &str,
    query: &mut QueryBuilder<Postgres>,
) {
    match dimension {
        Dimension::Day | Dimension::Week => {
            query.push(format_args!(
                "coalesce(to_char({column}, 'YYYY-MM-DD'), '')"
            ));
        }
        Dimension::Month => {
            query.push(format_args!("coalesce(to_char({column}, 'YYYY-MM'), '')"));
        }
        Dimension::Cohort => {
            query.push(format_args!(
                "coalesce(lpad((({column} - 1) / 12)::text, 4, '0') || '-' || lpad((({column} - 1) % 12 + 1)::text, 2, '0'), '')"
            ));
        }
        Dimension::Department => write_name("departments", column, query),
        Dimension::Employee => write_name("employees", column, query),
        Dimension::Customer => write_name("customers", column, query),
        Dimension::Category
        | Dimension::Currency
        | Dimension::Product
        | Dimension::Region
        | Dimension::Source
        | Dimension::Attempt
        | Dimension::Age
        | Dimension::Recency
        | Dimension::Frequency
        | Dimension::Monetary => {
            query.push(format_args!("coalesce({column}::text, '')"));
        }
        _ => {
            query
                .push("coalesce((")
                .push_bind(names(question, dimension));
            query.push(format_args!("::text[])[{column} + 1], '')"));
        }
    }
    // By bytes: the order must not depend on the cluster's language.
    query.push(r#" COLLATE "C""#);
}

fn write_name(collection: &str, column: &str, query: &mut QueryBuilder<Postgres>) {
    query.push(format_args!("coalesce('{collection}/' || {column}, '')"));
}

/// Names of the values of a dimension in the order of their numbers.
pub(super) fn names(question: &Question, dimension: Dimension) -> Vec<String> {
    let facts = spec(question.metric.of).facts;
    let Facts::Of(kind) = facts else {
        return match dimension {
            Dimension::Kind => two("company", "customer"),
            Dimension::Outcome => two("shown", "refused"),
            _ => of_all(dimension),
        };
    };
    match (dimension, kind) {
        (Dimension::Status, Kind::Ticket) => {
            let mut states = each::<TicketState>("TICKET_STATE_", TicketState::as_str_name);
            states.truncate(6);
            states.push("merged".to_owned());
            states
        }
        (Dimension::Status, Kind::Order | Kind::Trouble) => {
            each("ORDER_STAGE_", OrderStage::as_str_name)
        }
        (Dimension::Status, Kind::Inspection) => {
            each("INSPECTION_STATE_", InspectionState::as_str_name)
        }
        (Dimension::Status, Kind::Case) => each("CASE_STATE_", CaseState::as_str_name),
        (Dimension::Status, Kind::Visit) => each("VISIT_STATE_", VisitState::as_str_name),
        (Dimension::Status, Kind::Customer) => each("CUSTOMER_STATE_", CustomerState::as_str_name),
        (Dimension::Status, Kind::Approval) => each("APPROVAL_STATE_", ApprovalState::as_str_name),
        (Dimension::Kind, Kind::Ticket | Kind::Clock) => {
            each("TICKET_KIND_", TicketKind::as_str_name)
        }
        (Dimension::Kind, Kind::Case) => each("CASE_KIND_", CaseKind::as_str_name),
        (Dimension::Kind, Kind::Visit) => each("VISIT_ORIGIN_", VisitOrigin::as_str_name),
        (Dimension::Kind, Kind::Customer) => each("CUSTOMER_TYPE_", CustomerType::as_str_name),
        (Dimension::Kind, Kind::Check) => {
            each("VERIFICATION_CHECK_", VerificationCheck::as_str_name)
        }
        (Dimension::Kind, Kind::Approval) => ["", "share", "borrowing", "destruction"]
            .map(str::to_owned)
            .to_vec(),
        (Dimension::Channel, Kind::Visit) => each("VISIT_METHOD_", VisitMethod::as_str_name),
        (Dimension::Channel, Kind::Check) => {
            each("VERIFICATION_METHOD_", VerificationMethod::as_str_name)
        }
        (Dimension::Outcome, Kind::Check) => {
            each("VERIFICATION_OUTCOME_", VerificationOutcome::as_str_name)
        }
        _ => of_all(dimension),
    }
}

/// Those that mean the same of whatever kind of record.
fn of_all(dimension: Dimension) -> Vec<String> {
    match dimension {
        Dimension::Priority => each("PRIORITY_", Priority::as_str_name),
        Dimension::Channel => each("CHANNEL_", Channel::as_str_name),
        Dimension::Tier => each("TIER_", Tier::as_str_name),
        Dimension::Credit => each("CREDIT_CLASS_", CreditClass::as_str_name),
        Dimension::Purpose => each("PURPOSE_", Purpose::as_str_name),
        _ => Vec::new(),
    }
}

fn two(first: &str, second: &str) -> Vec<String> {
    vec![first.to_owned(), second.to_owned()]
}

/// Numbers of enums are looked for up to here; where there is none the name is empty.
const NUMBERS: i32 = 64;

fn each<E: TryFrom<i32>>(prefix: &str, name: impl Fn(&E) -> &'static str) -> Vec<String> {
    let names = (0..NUMBERS).map(|number| {
        let value = E::try_from(number).ok();
        let name = value.as_ref().map_or("", &name);
        name.strip_prefix(prefix).unwrap_or(name).to_lowercase()
    });
    let mut names: Vec<String> = names.collect();
    let last = names.iter().rposition(|name| !name.is_empty());
    names.truncate(last.map_or(0, |last| last + 1));
    names
}
