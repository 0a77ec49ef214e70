use kefu_access::{ClassSet, Purpose, Rule, Scope, Subject, SubjectKind};
use kefu_contracts::{analytics::QueryMetricRequest, google::r#type::Date};
use uuid::Uuid;

use super::*;
use crate::domain::{catalogue::METRICS, period::Zone};

fn context(scopes: Vec<Scope>) -> AccessContext {
    let at = Timestamp::from_second(0).unwrap();
    let rules = scopes.into_iter().map(|scope| Rule {
        scope,
        classes: ClassSet::default(),
        source: "role:inspector#figures".into(),
        expires_at: None,
    });
    AccessContext {
        subject: Subject {
            id: Uuid::from_u128(1),
            kind: SubjectKind::Employee,
            departments: Vec::new(),
        },
        permission: "analytics.metrics.query".into(),
        purpose: Purpose::Analysis,
        rules: rules.collect(),
        policy_revision: 1,
        issued_at: at,
        expires_at: Timestamp::from_second(30).unwrap(),
    }
}

fn statement(metric: &str, group_by: &[Dimension], scopes: Vec<Scope>) -> String {
    let request = QueryMetricRequest {
        metric: metric.into(),
        first_day: Some(Date {
            year: 2018,
            month: 5,
            day: 16,
        }),
        group_by: group_by.iter().map(|dimension| *dimension as i32).collect(),
        ..Default::default()
    };
    let question = Question::read(&request, &Zone::parse("Asia/Shanghai").unwrap()).unwrap();
    let query = figures(
        &question,
        &context(scopes),
        Timestamp::from_second(0).unwrap(),
    );
    query.sql().as_str().to_owned()
}

/// Clause CC-1.4: the scope stands inside the population, before anything is counted,
/// in every figure.
#[test]
fn nothing_outside_the_scope_is_counted() {
    for metric in METRICS {
        let sql = statement(
            metric.id,
            &[Dimension::Day, Dimension::Department],
            vec![Scope::Departments(vec![Uuid::from_u128(7)])],
        );
        let (population, _) = sql.split_once(") p GROUP BY").unwrap();
        assert!(
            population.contains("(f.department_id IS NOT NULL AND f.department_id = ANY("),
            "{sql}"
        );
        let none = statement(metric.id, &[], Vec::new());
        assert!(none.contains("AND (FALSE)"), "{none}");
    }
}

/// A figure is of no owner's, and nobody's duty: such rules reach none.
#[test]
fn rules_about_single_records_reach_no_figure() {
    let own = Uuid::from_u128(1);
    let consented = Scope::Consented(Purpose::Marketing, Box::new(Scope::All));
    let sql = statement(
        "tickets",
        &[],
        vec![Scope::Owner(own), Scope::Duty(own), consented],
    );
    assert!(sql.contains("AND ((FALSE) OR (FALSE) OR (FALSE))"), "{sql}");
}

/// Clause CC-1.4: count and mean are of one population.
#[test]
fn unrated_tickets_are_neither_counted_nor_averaged() {
    let sql = statement(
        "ticket_satisfaction",
        &[Dimension::Priority],
        vec![Scope::All],
    );
    assert!(
        sql.contains("WHERE f.satisfaction_score IS NOT NULL AND (TRUE)"),
        "{sql}"
    );
    assert_eq!(
        sql.matches("FROM analytics.").count(),
        1,
        "rows and total are one scan: {sql}"
    );
}

/// Clause CC-1.4: what is merged has a group of its own, behind all states.
#[test]
fn what_is_merged_is_counted_as_that() {
    let sql = statement("tickets", &[Dimension::Status], vec![Scope::All]);
    let after_all = names(Facts::Tickets, Dimension::Status).len() - 1;
    assert!(
        sql.contains(&format!("WHEN f.merged THEN {after_all} ELSE")),
        "{sql}"
    );
}

#[test]
fn names_stand_at_their_numbers() {
    assert_eq!(
        names(Facts::Tickets, Dimension::Status),
        [
            "unspecified",
            "new",
            "open",
            "pending",
            "resolved",
            "closed",
            "merged"
        ]
    );
    assert_eq!(
        names(Facts::Orders, Dimension::Status)
            .last()
            .map(String::as_str),
        Some("cancelled")
    );
    assert_eq!(
        names(Facts::Tickets, Dimension::Priority),
        ["unspecified", "low", "moderate", "high", "critical"]
    );
    assert_eq!(
        names(Facts::RatedTickets, Dimension::Kind)[4],
        "service_request"
    );
    assert_eq!(
        names(Facts::RatedTickets, Dimension::Channel)[6],
        "self_service"
    );
}
