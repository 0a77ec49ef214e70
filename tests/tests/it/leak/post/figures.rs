//! Figures: each by a dimension against a count of the records by hand.

use std::collections::{BTreeMap, BTreeSet};

use kefu_access::{Clearance, RowFacts};
use kefu_contracts::{
    analytics::{
        Dimension, ListFigureRecordsRequest, MeasureStaffRequest, QueryMetricRequest, RankBy,
        RankCustomersRequest,
    },
    policy::DataClass,
};
use prost::Message;
use prost_reflect::{DynamicMessage, ReflectMessage, Value};

use super::{Door, Post};
use crate::leak::{
    offers::enum_name,
    oracle::{self, Known},
    schema::{self, number, text},
};

impl Post<'_> {
    /// Figures count what is within the scope, and no more (CF-6.1).
    pub(super) async fn figures(&self, door: &Door<'_>) {
        for (metric, dimension, field) in FIGURES {
            let asked = question(metric, dimension);
            let Some(figure) = self.answer(door, &asked).await else {
                continue;
            };
            if gets_aggregates(door) {
                self.check_aggregates(door, metric, &figure);
                continue;
            }
            let rows = counts(&figure);
            let expected = oracle::tally(
                self.population(door, metric)
                    .map(|(one, _)| dimension_of(one, field)),
            );
            if rows != expected {
                self.find(
                    door,
                    format_args!("{metric} by {dimension}: {rows:?}, the oracle says {expected:?}"),
                );
            }
            let total = figure.get_field_by_name("total").unwrap();
            if number(total.as_message().unwrap(), "count") != expected.values().sum::<i64>() {
                self.find(
                    door,
                    format_args!("{metric}: its total is not that of its rows"),
                );
            }
        }
    }

    /// What each of the staff did, within the scope (OP-4.2).
    pub(super) async fn staff(&self, door: &Door<'_>) {
        let query = QueryMetricRequest {
            metric: "resolution_rate".into(),
            group_by: vec![Dimension::Employee.into()],
            ..Default::default()
        };
        let asked = MeasureStaffRequest { query: Some(query) };
        let Some(answer) = self.answer(door, &asked).await else {
            return;
        };
        let figure = answer.get_field_by_name("figure").unwrap().into_owned();
        let rows = counts(figure.as_message().unwrap());
        let counted = self.population(door, "resolution_rate");
        let expected = oracle::tally(counted.map(|(one, _)| text(&one.whole, "assignee")));
        if rows != expected {
            self.find(door, format_args!("{rows:?}, the oracle says {expected:?}"));
        }
    }

    /// What each customer bought, where that is cleared (CF-6.1, IH-8.1).
    pub(super) async fn ranked(&self, door: &Door<'_>) {
        let query = QueryMetricRequest {
            metric: "sales".into(),
            group_by: vec![Dimension::Customer.into(), Dimension::Currency.into()],
            limit: 100,
            rank_by: RankBy::Sum.into(),
            ..Default::default()
        };
        let asked = RankCustomersRequest { query: Some(query) };
        let Some(answer) = self.answer(door, &asked).await else {
            return;
        };
        let customers = answer.get_field_by_name("customers").unwrap();
        let mut ranked: BTreeMap<String, i64> = BTreeMap::new();
        for row in schema::messages(&customers) {
            *ranked.entry(text(row, "customer")).or_default() += number(row, "count");
        }
        let bought = self.population(door, "sales");
        let bought = bought.filter(|(_, cleared)| cleared.classes.contains(DataClass::Purchase));
        let expected = oracle::tally(bought.map(|(one, _)| text(&one.whole, "customer")));
        if ranked != expected {
            self.find(
                door,
                format_args!("{ranked:?}, the oracle says {expected:?}"),
            );
        }
    }

    async fn answer(&self, door: &Door<'_>, asked: &impl Message) -> Option<DynamicMessage> {
        let input = door.descriptor.input();
        let asked = DynamicMessage::decode(input, asked.encode_to_vec().as_slice()).unwrap();
        let answer = self.send(door, asked.clone()).await;
        let message = answer.messages(&door.descriptor.output()).pop();
        if message.is_none() {
            self.find(door, format_args!("{:?} to {asked}", answer.code()));
        }
        message
    }

    /// What is told to who sees no records is of many (CF-6.1).
    fn check_aggregates(&self, door: &Door<'_>, metric: &str, figure: &DynamicMessage) {
        let rows = figure.get_field_by_name("rows").unwrap();
        let total = figure.get_field_by_name("total").unwrap();
        let told = |row: &DynamicMessage| {
            let suppressed = row.get_field_by_name("suppressed").unwrap().as_bool() == Some(true);
            let count = number(row, "count");
            (suppressed && count == 0) || (count >= FEWEST && count % FEWEST == 0)
        };
        let rows = schema::messages(&rows)
            .into_iter()
            .chain(total.as_message());
        let small: Vec<_> = rows.filter(|row| !told(row)).collect();
        if !small.is_empty() || !figure.has_field_by_name("approximation") {
            self.find(door, format_args!("{metric} tells of few: {small:?}"));
        }
    }

    /// Rows open into what is visible of what they count, and say how much is not (SG-7, CF-6.1).
    pub(super) async fn openings(&self, door: &Door<'_>) {
        for (metric, dimension, field) in FIGURES {
            let class = match *metric {
                "tickets"
                | "ticket_satisfaction"
                | "resolution_rate"
                | "complaint_rate"
                | "order_satisfaction" => DataClass::Service,
                "visits" => DataClass::Relation,
                _ => DataClass::Purchase,
            };
            let known = self.leak.known.iter().filter(|one| self.is_of(metric, one));
            // Also those of which there are none within the scope.
            let values: BTreeSet<String> = known.map(|one| dimension_of(one, field)).collect();
            for value in values {
                let asked = ListFigureRecordsRequest {
                    query: Some(question(metric, dimension)),
                    dimensions: vec![value.clone()],
                    page_size: 200,
                    ..Default::default()
                };
                let Some(listed) = self.answer(door, &asked).await else {
                    continue;
                };
                let (mut expected, mut hidden) = (Vec::new(), 0);
                for (one, clearance) in self.population(door, metric) {
                    if dimension_of(one, field) != value {
                        continue;
                    }
                    match clearance.classes.contains(class) {
                        true => expected.push(one.name.clone()),
                        false => hidden += 1,
                    }
                }
                expected.sort();
                let records = listed.get_field_by_name("records").unwrap();
                let mut named: Vec<String> = schema::messages(&records)
                    .into_iter()
                    .map(|one| text(one, "name"))
                    .collect();
                named.sort();
                let told = number(&listed, "hidden_count");
                let right = match gets_aggregates(door) {
                    true => told % FEWEST == 0,
                    false => told == hidden,
                };
                if named != expected || !right {
                    self.find(
                        door,
                        format_args!(
                            "{metric} by {dimension}, {value}: {named:?} and {told} more, the oracle says {expected:?} and {hidden}"
                        ),
                    );
                }
            }
        }
    }

    fn is_of(&self, metric: &str, one: &Known) -> bool {
        match metric {
            "tickets" => one.name.starts_with("tickets/"),
            "ticket_satisfaction" => {
                one.name.starts_with("tickets/") && one.whole.has_field_by_name("satisfaction")
            }
            "resolution_rate" | "complaint_rate" => {
                one.name.starts_with("tickets/") && !one.whole.has_field_by_name("merged_time")
            }
            "orders" => one.name.starts_with("orders/"),
            "order_lateness" | "after_sales_rate" | "sales" | "product_sales" => {
                one.name.starts_with("orders/") && dimension_of(one, "stage") != "cancelled"
            }
            "after_sales_cases" => one.name.starts_with("cases/"),
            "visits" => one.name.starts_with("visits/"),
            _ => self.leak.reviews.contains(&one.name),
        }
    }

    fn population<'k>(
        &'k self,
        door: &'k Door<'_>,
        metric: &'k str,
    ) -> impl Iterator<Item = (&'k Known, Clearance)> {
        let counted = self.leak.known.iter();
        let counted = counted.filter(move |one| self.is_of(metric, one));
        counted.filter_map(move |one| Some((one, door.clearance_of(&facts(one), self.leak.now)?)))
    }
}

/// How many records each row counts, by its first dimension.
fn counts(figure: &DynamicMessage) -> BTreeMap<String, i64> {
    let rows = figure.get_field_by_name("rows").unwrap();
    let rows = schema::messages(&rows).into_iter().map(|row| {
        let names = row.get_field_by_name("dimensions").unwrap();
        (schema::texts(&names)[0].to_owned(), number(row, "count"))
    });
    rows.collect()
}

/// Figures know department and customer, nothing of people.
fn facts(one: &Known) -> RowFacts {
    RowFacts {
        department: one.facts.department,
        customer: one.facts.customer,
        ..RowFacts::default()
    }
}

/// Fewest records that are told of to who gets aggregates only.
const FEWEST: i64 = 5;

/// Whether some rule of the call clears nothing, so that figures are told of perturbed data.
fn gets_aggregates(door: &Door<'_>) -> bool {
    door.context
        .is_some_and(|context| context.rules.iter().any(|rule| rule.classes.is_empty()))
}

/// A figure by a dimension.
fn question(metric: &str, dimension: &str) -> QueryMetricRequest {
    let by = Dimension::from_str_name(&format!("DIMENSION_{dimension}")).unwrap();
    QueryMetricRequest {
        metric: metric.into(),
        group_by: vec![by.into()],
        ..Default::default()
    }
}

/// Figures by a dimension, and the field of the record that it is of.
pub(in crate::leak) const FIGURES: &[(&str, &str, &str)] = &[
    ("tickets", "DEPARTMENT", "department"),
    ("tickets", "STATUS", "state"),
    ("tickets", "PRIORITY", "priority"),
    ("tickets", "KIND", "kind"),
    ("tickets", "CHANNEL", "channel"),
    ("ticket_satisfaction", "DEPARTMENT", "department"),
    ("orders", "DEPARTMENT", "department"),
    ("orders", "STATUS", "stage"),
    ("order_satisfaction", "DEPARTMENT", "department"),
    ("resolution_rate", "DEPARTMENT", "department"),
    ("complaint_rate", "DEPARTMENT", "department"),
    ("order_lateness", "DEPARTMENT", "department"),
    ("product_sales", "DEPARTMENT", "department"),
    ("after_sales_rate", "DEPARTMENT", "department"),
    ("after_sales_cases", "DEPARTMENT", "department"),
    ("visits", "DEPARTMENT", "department"),
];

/// Figures whose population is no list of records: their scope is the same text in the same
/// statement (`nothing_outside_the_scope_is_counted`), and they are held against counting one by one in
/// `figures/`.
pub(in crate::leak) const DERIVED: &[&str] = &[
    "reopening_rate",
    "first_contact_resolution",
    "backlog",
    "total_resolution_time",
    "call_duration",
    "first_response_time",
    "next_response_time",
    "resolution_time",
    "timely_response_rate",
    "timely_resolution_rate",
    "satisfaction",
    "service_score",
    "result_score",
    "inspection_score",
    "inspection_pass_rate",
    "sales",
    "stuck_orders",
    "after_sales_score",
    "customers",
    "churn",
    "cohort_retention",
    "buyers",
    "data_accuracy",
    "share_requests",
    "reads",
];

fn dimension_of(record: &Known, field: &str) -> String {
    let field = record.whole.descriptor().get_field_by_name(field).unwrap();
    match (field.kind(), &*record.whole.get_field(&field)) {
        (prost_reflect::Kind::Enum(kind), Value::EnumNumber(number)) => {
            enum_name(&kind, *number).to_lowercase()
        }
        (_, Value::String(text)) => text.clone(),
        _ => String::new(),
    }
}
