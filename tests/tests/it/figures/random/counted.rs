//! What belongs to a figure, and what it is worth, in plain words.

use jiff::{ToSpan, civil::Date};
use kefu_contracts::analytics::{
    Dimension::{
        self, Attempt, Channel, Currency, Day, Department, Employee, Kind, Month, Outcome,
        Priority, Product, Region, Status, Week,
    },
    Measure,
};

use super::Fact;

/// What a record is worth to a figure: nothing where it does not belong to it.
type Value = fn(&Fact, &[Fact]) -> Option<Option<f64>>;

pub(super) struct Metric {
    pub(super) id: &'static str,
    pub(super) kind: i16,
    pub(super) measure: Measure,
    pub(super) dimensions: &'static [Dimension],
    pub(super) value: Value,
}

const OF_TICKETS: &[Dimension] = &[
    Day, Week, Month, Department, Employee, Status, Priority, Kind, Channel,
];
const OF_CLOCKS: &[Dimension] = &[
    Day, Week, Month, Department, Employee, Priority, Kind, Channel, Attempt,
];
const OF_ORDERS: &[Dimension] = &[
    Day, Week, Month, Department, Employee, Status, Currency, Region,
];

fn yes(value: bool) -> Option<f64> {
    Some(f64::from(u8::from(value)))
}

fn judged(fact: &Fact) -> bool {
    matches!(fact.outcome, Some(3 | 4))
}

fn lasted(fact: &Fact, metric: i16) -> Option<Option<f64>> {
    let counts = fact.metric == metric && judged(fact);
    fact.seconds
        .filter(|_| counts)
        .map(|seconds| Some(seconds as f64))
}

fn in_time(fact: &Fact, metric: i16) -> Option<Option<f64>> {
    (fact.metric == metric && judged(fact)).then(|| yes(fact.outcome == Some(3)))
}

pub(super) const METRICS: &[Metric] = &[
    Metric {
        id: "tickets",
        kind: 1,
        measure: Measure::Count,
        dimensions: OF_TICKETS,
        value: |_, _| Some(None),
    },
    Metric {
        id: "ticket_satisfaction",
        kind: 1,
        measure: Measure::Mean,
        dimensions: OF_TICKETS,
        value: |fact, _| fact.score.map(|score| Some(f64::from(score))),
    },
    Metric {
        id: "resolution_rate",
        kind: 1,
        measure: Measure::Rate,
        dimensions: OF_TICKETS,
        value: |fact, _| (!fact.merged).then(|| yes(fact.outcome == Some(1))),
    },
    Metric {
        id: "reopening_rate",
        kind: 1,
        measure: Measure::Rate,
        dimensions: OF_TICKETS,
        value: |fact, _| {
            let once = fact.outcome == Some(1) || fact.repeats > 0;
            (!fact.merged && once).then(|| yes(fact.repeats > 0))
        },
    },
    Metric {
        id: "first_contact_resolution",
        kind: 1,
        measure: Measure::Rate,
        dimensions: OF_TICKETS,
        value: |fact, _| {
            let once = fact.outcome == Some(1) || fact.repeats > 0;
            let messages = fact.messages.filter(|_| !fact.merged && once);
            messages.map(|messages| yes(fact.repeats == 0 && messages == 0))
        },
    },
    Metric {
        id: "complaint_rate",
        kind: 1,
        measure: Measure::Rate,
        dimensions: OF_TICKETS,
        value: |fact, _| (!fact.merged).then(|| yes(fact.sort == 2)),
    },
    Metric {
        id: "call_duration",
        kind: 1,
        measure: Measure::Duration,
        dimensions: OF_TICKETS,
        value: |fact, _| fact.seconds.map(|seconds| Some(seconds as f64)),
    },
    Metric {
        id: "first_response_time",
        kind: 2,
        measure: Measure::Duration,
        dimensions: OF_CLOCKS,
        value: |fact, _| lasted(fact, 1),
    },
    Metric {
        id: "next_response_time",
        kind: 2,
        measure: Measure::Duration,
        dimensions: OF_CLOCKS,
        value: |fact, _| lasted(fact, 2),
    },
    Metric {
        id: "resolution_time",
        kind: 2,
        measure: Measure::Duration,
        dimensions: OF_CLOCKS,
        value: |fact, _| lasted(fact, 3),
    },
    Metric {
        id: "timely_response_rate",
        kind: 2,
        measure: Measure::Rate,
        dimensions: OF_CLOCKS,
        value: |fact, _| in_time(fact, 1),
    },
    Metric {
        id: "timely_resolution_rate",
        kind: 2,
        measure: Measure::Rate,
        dimensions: OF_CLOCKS,
        value: |fact, _| in_time(fact, 3),
    },
    Metric {
        id: "satisfaction",
        kind: 3,
        measure: Measure::Rate,
        dimensions: &[Day, Week, Month, Department, Employee, Channel, Attempt],
        value: |fact, _| Some(yes(fact.score >= Some(4) && fact.second_score >= Some(4))),
    },
    Metric {
        id: "orders",
        kind: 4,
        measure: Measure::Count,
        dimensions: OF_ORDERS,
        value: |_, _| Some(None),
    },
    Metric {
        id: "sales",
        kind: 4,
        measure: Measure::Sum,
        dimensions: OF_ORDERS,
        value: |fact, _| {
            fact.amount
                .filter(|_| fact.state != 9)
                .map(|amount| Some(amount as f64 / 100.0))
        },
    },
    Metric {
        id: "product_sales",
        kind: 4,
        measure: Measure::Sum,
        dimensions: &[
            Day, Week, Month, Department, Employee, Status, Currency, Product, Region,
        ],
        value: |fact, _| {
            fact.amount
                .filter(|_| fact.state != 9)
                .map(|amount| Some(amount as f64 / 100.0))
        },
    },
    Metric {
        id: "customers",
        kind: 9,
        measure: Measure::Count,
        dimensions: &[Day, Week, Month, Department, Region],
        value: |_, _| Some(None),
    },
    Metric {
        id: "order_lateness",
        kind: 4,
        measure: Measure::Rate,
        dimensions: OF_ORDERS,
        value: |fact, all| {
            let late = |one: &Fact| one.kind == 15 && one.id == fact.id;
            (fact.state != 9).then(|| yes(all.iter().any(late)))
        },
    },
    Metric {
        id: "after_sales_rate",
        kind: 4,
        measure: Measure::Rate,
        dimensions: OF_ORDERS,
        value: |fact, all| {
            let back = |one: &Fact| one.kind == 7 && one.state != 9 && one.subject == Some(fact.id);
            (fact.state != 9).then(|| yes(all.iter().any(back)))
        },
    },
    Metric {
        id: "after_sales_cases",
        kind: 7,
        measure: Measure::Count,
        dimensions: &[Day, Week, Month, Department, Employee, Kind, Status],
        value: |_, _| Some(None),
    },
    Metric {
        id: "data_accuracy",
        kind: 12,
        measure: Measure::Rate,
        dimensions: &[Day, Week, Month, Department, Outcome],
        value: |fact, _| fact.outcome.filter(|one| *one < 3).map(|one| yes(one == 1)),
    },
];

/// The part of a period that a day is in.
pub(super) fn part(unit: Dimension, day: Date) -> String {
    match unit {
        Month => day.strftime("%Y-%m").to_string(),
        Week => {
            let since = i32::from(day.weekday().to_monday_zero_offset());
            (day - since.days()).to_string()
        }
        _ => day.to_string(),
    }
}

/// What a record is grouped by, as it is shown.
pub(super) fn shown(fact: &Fact, all: &[Fact], by: Dimension, day: Date) -> String {
    let named = |names: &[&str], number: i16| names.get(number as usize).unwrap_or(&"").to_string();
    let id = |collection: &str, id: Option<uuid::Uuid>| {
        id.map_or_else(String::new, |id| format!("{collection}/{id}"))
    };
    match by {
        Day | Week | Month => part(by, day),
        Product => fact.product.unwrap_or_default().to_owned(),
        Region => {
            let whose = |one: &&Fact| one.kind == 9 && Some(one.id) == fact.customer;
            let whose = match fact.kind {
                9 => Some(fact),
                _ => all.iter().find(whose),
            };
            whose
                .and_then(|one| one.category.clone())
                .unwrap_or_default()
        }
        Department => id("departments", fact.department),
        Employee => id("employees", fact.employee),
        Priority => named(
            &["unspecified", "low", "moderate", "high", "critical"],
            fact.priority,
        ),
        Channel => named(
            &[
                "unspecified",
                "phone",
                "online",
                "email",
                "social",
                "on_site",
                "self_service",
            ],
            fact.channel,
        ),
        Attempt => fact.attempt.to_string(),
        Currency => fact.currency.clone().unwrap_or_default(),
        Outcome => named(
            &["unspecified", "passed", "mismatch", "could_not_be_done"],
            fact.outcome.unwrap_or(99),
        ),
        Kind if fact.kind == 7 => named(
            &[
                "unspecified",
                "guidance",
                "repair",
                "maintenance",
                "installation",
                "return",
                "exchange",
                "refund",
            ],
            fact.sort,
        ),
        Kind => named(
            &[
                "unspecified",
                "consultation",
                "complaint",
                "suggestion",
                "service_request",
            ],
            fact.sort,
        ),
        Status if fact.kind == 7 => named(
            &[
                "unspecified",
                "registered",
                "checked",
                "planned",
                "agreed",
                "under_way",
                "done",
                "closed",
                "evaluated",
                "cancelled",
            ],
            fact.state,
        ),
        Status if fact.kind == 4 => named(
            &[
                "unspecified",
                "submitted",
                "confirmed",
                "paid",
                "picking",
                "short",
                "shipped",
                "delivered",
                "completed",
                "cancelled",
            ],
            fact.state,
        ),
        Status if fact.merged => "merged".to_owned(),
        Status => named(
            &[
                "unspecified",
                "new",
                "open",
                "pending",
                "resolved",
                "closed",
            ],
            fact.state,
        ),
        _ => unreachable!("{by:?} is not asked for"),
    }
}
