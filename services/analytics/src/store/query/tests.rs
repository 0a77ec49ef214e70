use kefu_access::{ClassSet, Purpose, Rule, Scope, Subject, SubjectKind};
use kefu_contracts::{analytics::QueryMetricRequest, google::r#type::Date, policy::DataClass};
use uuid::Uuid;

use super::{dimension::names, *};
use crate::domain::{
    catalogue::{Population, metrics},
    period::{Period, Zone, months},
    perturbation::is_exact,
    question::{Door, is_time},
};

fn context(scopes: Vec<Scope>, classes: ClassSet) -> AccessContext {
    let at = Timestamp::from_second(0).unwrap();
    let rules = scopes.into_iter().map(|scope| Rule {
        scope,
        classes,
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

fn asking(metric: &str, group_by: &[Dimension], limit: i32) -> QueryMetricRequest {
    let day = |day| {
        Some(Date {
            year: 2018,
            month: 5,
            day,
        })
    };
    QueryMetricRequest {
        metric: metric.into(),
        first_day: day(16),
        last_day: day(20),
        group_by: group_by.iter().map(|dimension| *dimension as i32).collect(),
        limit,
        ..Default::default()
    }
}

fn question(request: &QueryMetricRequest, door: Door) -> Question {
    Question::read(request, &Zone::parse("Asia/Shanghai").unwrap(), door).unwrap()
}

fn written(request: &QueryMetricRequest, door: Door, context: &AccessContext) -> String {
    written_of(request, door, context, None)
}

fn written_of(
    request: &QueryMetricRequest,
    door: Door,
    context: &AccessContext,
    told: Option<Aggregates>,
) -> String {
    written_over(request, door, context, told, false)
}

fn written_over(
    request: &QueryMetricRequest,
    door: Door,
    context: &AccessContext,
    told: Option<Aggregates>,
    days: bool,
) -> String {
    let asked = Asked {
        question: &question(request, door),
        context,
        now: Timestamp::from_second(0).unwrap(),
        live: 7,
        days,
        told,
        of_heads: told.is_some(),
        working: None,
    };
    figures(&asked).sql().as_str().to_owned()
}

fn statement(metric: &str, group_by: &[Dimension], scopes: Vec<Scope>) -> String {
    let request = asking(metric, group_by, 0);
    written(
        &request,
        Door::Figures,
        &context(scopes, ClassSet::default()),
    )
}

const DEPARTMENTS: &str = "(f.department_id IS NOT NULL AND f.department_id = ANY(";

/// Clauses CC-1.4, CF-6.1: the scope stands inside the population, before anything is counted, in
/// every figure; what is of no department is counted by nobody whose scope is one.
#[test]
fn nothing_outside_the_scope_is_counted() {
    for metric in metrics() {
        let sql = statement(
            metric.id,
            &[metric.dimensions[0]],
            vec![Scope::Departments(vec![Uuid::from_u128(7)])],
        );
        let (population, _) = sql.split_once(" GROUP BY GROUPING SETS").unwrap();
        let expected = match metric.of {
            Population::Reads => "AND ((FALSE))",
            _ => DEPARTMENTS,
        };
        assert!(population.contains(expected), "{sql}");
        assert!(population.contains("f.generation = 7"), "{sql}");
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

/// Clause CC-1.4: rows, total, mean and percentiles are of one scan of one population.
#[test]
fn count_and_mean_are_of_one_population() {
    let sql = statement(
        "ticket_satisfaction",
        &[Dimension::Priority],
        vec![Scope::All],
    );
    assert!(sql.contains("AND f.score IS NOT NULL AND (TRUE)"), "{sql}");
    for metric in metrics() {
        let scans = |sql: &str| sql.matches("analytics.fact f").count();
        let time = metric.dimensions.iter().find(|one| !is_time(**one));
        let door = match time {
            Some(Dimension::Employee) => Door::Staff,
            _ => Door::Figures,
        };
        let all = context(vec![Scope::All], ClassSet::default());
        for limit in [0, 10] {
            let sql = written(&asking(metric.id, &[*time.unwrap()], limit), door, &all);
            let facts = usize::from(metric.of != Population::Reads);
            assert_eq!(scans(&sql), facts, "{sql}");
        }
    }
}

/// Clause OP-4.2: an answer is about who gave the resolution, in every figure and in what it opens into; only where
/// that was not told about who has the ticket.
#[test]
fn answers_are_by_who_gave_the_resolution() {
    let all = context(vec![Scope::All], ClassSet::default());
    let whose = "coalesce(f.employee_id, home.employee_id)";
    for metric in ["satisfaction", "service_score", "result_score"] {
        let by = |dimension| written(&asking(metric, &[dimension], 0), Door::Staff, &all);
        let sql = by(Dimension::Employee);
        assert!(sql.contains(whose), "{sql}");
        assert_eq!(sql.matches("analytics.fact home").count(), 1, "{sql}");
        assert!(!by(Dimension::Department).contains("home"));
        let (count, _) = opened_by(metric, &[Dimension::Employee], &all, Door::StaffRecords);
        assert!(count.contains(whose), "{count}");
        assert_eq!(count.matches("analytics.fact home").count(), 1, "{count}");
    }
    let request = asking("tickets", &[Dimension::Employee], 0);
    let sql = written(&request, Door::Staff, &all);
    assert!(!sql.contains("home"), "{sql}");
}

/// Clauses CF-6.1, IH-8.1: by customers only what is cleared of what they bought is counted.
#[test]
fn customers_are_ranked_by_what_is_cleared() {
    let request = asking("sales", &[Dimension::Customer], 10);
    let hidden = context(vec![Scope::All], ClassSet::default());
    let sql = written(&request, Door::Customers, &hidden);
    assert!(sql.contains("f.amount IS NOT NULL AND (FALSE)"), "{sql}");
    let cleared = context(vec![Scope::All], ClassSet::of(&[DataClass::Purchase]));
    let sql = written(&request, Door::Customers, &cleared);
    assert!(sql.contains("f.amount IS NOT NULL AND (TRUE)"), "{sql}");
}

const PERTURBED: Option<Aggregates> = Some(Aggregates { fewest: 5 });

/// Clause CF-6.1: perturbed data are made before anything is counted, once, and of nothing else; what
/// is exact has no part in them.
#[test]
fn coins_are_tossed_before_anything_is_counted() {
    let all = context(vec![Scope::All], ClassSet::default());
    for metric in metrics() {
        for limit in [0, 10] {
            let by = metric.dimensions.iter().find(|one| !is_time(**one));
            let request = asking(metric.id, &[*by.unwrap()], limit);
            let door = match by {
                Some(Dimension::Employee) => Door::Staff,
                _ => Door::Figures,
            };
            let sql = written_of(&request, door, &all, PERTURBED);
            let (population, counted) = sql.split_once(" GROUP BY GROUPING SETS").unwrap();
            let tosses = |sql: &str| sql.matches("JOIN (VALUES (1), (2)) head").count();
            assert_eq!((tosses(population), tosses(counted)), (1, 0), "{sql}");
            let exact = written(&request, door, &all);
            assert!(!exact.contains("perturbation"), "{exact}");
        }
    }
    for (metric, worth) in [
        ("sales", "(f.amount)::float8 * (CASE WHEN"),
        ("resolution_rate", "< 0.25 THEN 0 + floor("),
        ("ticket_satisfaction", "< 0.25 THEN 1 + floor("),
        // Each month of a customer by itself.
        ("cohort_retention", "# f.age)"),
    ] {
        let sql = written_of(&asking(metric, &[], 0), Door::Figures, &all, PERTURBED);
        assert!(sql.contains(worth), "{sql}");
    }
}

/// Clauses CF-6.1, OP-4.2: perturbed data that tell how people work are told of enough of them, in a figure and in
/// what its row hides; what is exact, and what is nobody's work, is told of whomever it is.
#[test]
fn departments_of_few_people_are_left_out_of_perturbed_data() {
    const TOLD: &str = ".department IN (SELECT department.id FROM department";
    let all = context(vec![Scope::All], ClassSet::default());
    for metric in metrics().filter(|metric| metric.of != Population::Reads) {
        let request = asking(metric.id, &[], 0);
        let sql = written_of(&request, Door::Figures, &all, PERTURBED);
        assert_eq!(sql.contains(TOLD), metric.is_of_people(), "{sql}");
        let exact = written(&request, Door::Figures, &all);
        assert!(!exact.contains(TOLD), "{exact}");
        let (hidden, _) = opened(metric.id, &[], &all);
        assert_eq!(hidden.contains(TOLD), metric.is_of_people(), "{hidden}");
        let class = ClassSet::of(&[metric.records().class]);
        let (exact, _) = opened(metric.id, &[], &context(vec![Scope::All], class));
        assert!(!exact.contains(TOLD), "{exact}");
    }
    for (metric, whose) in [
        ("satisfaction", "coalesce(f.employee_id, home.employee_id)"),
        ("tickets", "f.employee_id"),
        ("product_sales", "f.employee_id"),
    ] {
        let sql = written_of(&asking(metric, &[], 0), Door::Figures, &all, PERTURBED);
        assert!(sql.contains(&format!("hash_extended({whose}")), "{sql}");
    }
}

/// Clauses IH-2.2, CC-1.4: figures of customers, those by customer or region, what is told of many customers only,
/// and what is opened look at which files were merged, once; nothing else does.
#[test]
fn what_is_of_customers_looks_at_merges() {
    let joins = |sql: &str| sql.matches("analytics.fact absorbed").count();
    let all = context(vec![Scope::All], ClassSet::of(&[DataClass::Purchase]));
    for (metric, by, door, expected) in [
        ("churn", None, Door::Figures, 1),
        ("cohort_retention", None, Door::Figures, 1),
        ("buyers", None, Door::Figures, 1),
        ("sales", Some(Dimension::Customer), Door::Customers, 1),
        ("sales", Some(Dimension::Region), Door::Figures, 1),
        ("product_sales", Some(Dimension::Region), Door::Figures, 1),
        ("sales", Some(Dimension::Month), Door::Figures, 0),
        ("tickets", Some(Dimension::Priority), Door::Figures, 0),
        ("orders", Some(Dimension::Employee), Door::Staff, 0),
        ("customers", Some(Dimension::Region), Door::Figures, 0),
    ] {
        let by: Vec<Dimension> = by.into_iter().collect();
        let limit = if door == Door::Customers { 5 } else { 0 };
        let request = asking(metric, &by, limit);
        let exact = written(&request, door, &all);
        assert_eq!(joins(&exact), expected, "{exact}");
        if door == Door::Figures {
            let told = written_of(&request, door, &all, PERTURBED);
            assert_eq!(joins(&told), 1, "{told}");
        }
    }
    let (count, page) = opened("orders", &[], &all);
    assert_eq!((joins(&count), joins(&page)), (1, 1), "{count}");
}

/// Clauses IH-2.2, CF-6.1: who reaches single customers reaches what was made with files that are part of theirs
/// now, and nothing of a file that is part of another's.
#[test]
fn who_reaches_a_customer_reaches_what_became_theirs() {
    const THEIRS: &str = "(coalesce(absorbed.customer_id, f.customer_id) IS NOT NULL AND \
                          coalesce(absorbed.customer_id, f.customer_id) = ANY(";
    let scopes = vec![Scope::Customers(vec![Uuid::from_u128(8)])];
    for (metric, by) in [
        ("churn", Dimension::Department),
        ("sales", Dimension::Region),
        ("sales", Dimension::Month),
        ("tickets", Dimension::Priority),
    ] {
        let sql = statement(metric, &[by], scopes.clone());
        assert!(sql.contains(THEIRS), "{sql}");
    }
}

fn opened(metric: &str, by: &[Dimension], context: &AccessContext) -> (String, String) {
    opened_by(metric, by, context, Door::Records)
}

fn opened_by(
    metric: &str,
    by: &[Dimension],
    context: &AccessContext,
    door: Door,
) -> (String, String) {
    let dimensions: Vec<String> = by.iter().map(|_| "x".to_owned()).collect();
    let now = Timestamp::from_second(0).unwrap();
    let question = question(&asking(metric, by, 0), door);
    let opened = records::Opened {
        asked: Asked {
            question: &question,
            context,
            now,
            live: 7,
            days: true,
            told: None,
            of_heads: !is_exact(context, now, &question),
            working: None,
        },
        dimensions: &dimensions,
    };
    let count = opened.count().sql().as_str().to_owned();
    (count, opened.page(None, 50).sql().as_str().to_owned())
}

/// Clauses SG-7, CF-6.1: what a row counts, and what of it is named, are of one population within the
/// scope; named is what is cleared.
#[test]
fn a_row_opens_into_what_it_counts() {
    let department = Uuid::from_u128(7);
    let own = |classes: &[DataClass]| {
        let classes = ClassSet::of(classes);
        context(vec![Scope::Departments(vec![department])], classes)
    };
    for metric in metrics().filter(|metric| metric.of != Population::Reads) {
        let (count, page) = opened(metric.id, &[], &own(&[metric.records().class]));
        for sql in [&count, &page] {
            let (_, rows) = sql.split_once(" AS matched").unwrap();
            assert!(rows.contains(DEPARTMENTS), "{sql}");
        }
        let (count, _) = opened(metric.id, &[], &own(&[]));
        let (named, _) = count.split_once(" AS seen").unwrap();
        assert!(!named.contains(DEPARTMENTS), "{count}");
        assert!(named.contains("FALSE"), "{count}");
    }
    let (_, page) = opened(
        "tickets",
        &[Dimension::Priority],
        &own(&[DataClass::Service]),
    );
    assert!(
        page.contains("f.id IS NOT NULL AND ((f.department_id"),
        "{page}"
    );
    // By customer nothing is counted that is not cleared.
    let (count, _) = opened("sales", &[Dimension::Customer], &own(&[]));
    assert!(
        count.contains("f.amount IS NOT NULL AND (FALSE)"),
        "{count}"
    );
}

/// Clauses CF-6.1, IH-8.2: nobody is named by their credit to whoever has that not cleared; named by all else
/// they are.
#[test]
fn nobody_is_named_by_a_credit_that_is_not_cleared() {
    use DataClass::{Financial, Purchase, Relation, Service};
    let of = |classes: &[DataClass]| {
        let scope = Scope::Departments(vec![Uuid::from_u128(7)]);
        context(vec![scope], ClassSet::of(classes))
    };
    let named = |by: &[Dimension], context: &AccessContext| {
        let (count, page) = opened("customers", by, context);
        [count, page].map(|sql| {
            let (named, _) = sql.split_once(" AS matched").unwrap();
            named.contains(DEPARTMENTS)
        })
    };
    let head = of(&[Purchase, Service, Relation]);
    for by in [
        &[Dimension::Credit][..],
        &[Dimension::Department, Dimension::Credit, Dimension::Day],
    ] {
        assert_eq!(named(by, &head), [false; 2], "{by:?}");
        assert_eq!(named(by, &of(&[Relation, Financial])), [true; 2], "{by:?}");
    }
    assert_eq!(named(&[], &head), [true; 2]);
    assert_eq!(named(&[Dimension::Tier], &head), [true; 2]);
}

/// Clauses SG-7, CF-9.1: what is of a ticket is named to whoever may look at the ticket as it is now, and
/// is counted for whom it was told.
#[test]
fn what_is_of_a_ticket_is_named_where_the_ticket_is() {
    const NOW: &str = "(home.department_id IS NOT NULL AND home.department_id = ANY(";
    let classes = ClassSet::of(&[DataClass::Service]);
    let head = context(vec![Scope::Departments(vec![Uuid::from_u128(7)])], classes);
    for (metric, moves) in [
        ("first_response_time", true),
        ("timely_resolution_rate", true),
        ("satisfaction", true),
        ("tickets", false),
    ] {
        let (count, page) = opened(metric, &[], &head);
        for sql in [&count, &page] {
            let (named, rows) = sql.split_once(" AS matched").unwrap();
            assert_eq!(named.contains(NOW), moves, "{sql}");
            assert_eq!(named.contains(DEPARTMENTS), !moves, "{sql}");
            assert_eq!(rows.contains("analytics.fact home"), moves, "{sql}");
            assert!(rows.contains(DEPARTMENTS), "{sql}");
        }
    }
}

/// Clause SG-7: a stuck order counts for the department concerned, and is named to whoever may look at the
/// order.
#[test]
fn a_stuck_order_is_named_where_the_order_is() {
    let stuck = metrics().find(|one| one.id == "stuck_orders").unwrap();
    let classes = ClassSet::of(&[stuck.records().class]);
    let head = context(vec![Scope::Departments(vec![Uuid::from_u128(7)])], classes);
    let (count, page) = opened(stuck.id, &[], &head);
    for sql in [&count, &page] {
        let (named, rows) = sql.split_once(" AS matched").unwrap();
        assert!(named.contains("home.department_id = ANY("), "{sql}");
        assert!(!named.contains(DEPARTMENTS), "{sql}");
        assert!(rows.contains("home.kind = 4"), "{sql}");
        assert!(rows.contains(DEPARTMENTS), "{sql}");
    }
}

/// Clause CC-1.4: cohorts are told up to the period's last month, and of no month that has not been yet.
#[test]
fn months_to_come_are_told_of_nobody() {
    let zone = Zone::parse("Asia/Shanghai").unwrap();
    // The last evening of October; in Shanghai November has begun.
    let now: Timestamp = "2026-10-31T18:00:00Z".parse().unwrap();
    let until = |year, month, day| {
        let day = jiff::civil::date(year, month, day);
        let period = Period::of(None, Some(day), &zone).unwrap();
        rows::last_month(period, now, &zone)
    };
    let month = |month| Some(months(jiff::civil::date(2026, month, 1)));
    assert_eq!(until(2026, 9, 30), month(9));
    assert_eq!(until(2026, 11, 1), month(11));
    assert_eq!(until(9999, 12, 30), month(11));
    assert_eq!(rows::last_month(Period::default(), now, &zone), None);
}

/// Clause CF-6.1: fifths and months that a row is opened by are those of the customers whom perturbed data
/// have, where it is told like these.
#[test]
fn a_row_of_customers_opens_by_whom_it_is_made_of() {
    let of = |classes: &[DataClass]| context(vec![Scope::All], ClassSet::of(classes));
    for (metric, base) in [
        ("buyers", "> 0) SELECT customer_id, currency"),
        ("cohort_retention", "> 0), told AS"),
        ("churn", "> 0) SELECT customer_id, (array_agg"),
    ] {
        let (perturbed, _) = opened(metric, &[], &of(&[]));
        let (exact, _) = opened(metric, &[], &of(&[DataClass::Purchase]));
        assert!(perturbed.contains(base), "{perturbed}");
        assert!(!exact.contains(base), "{exact}");
    }
}

/// Clause CC-1.4: what is merged has a group of its own, behind all states.
#[test]
fn what_is_merged_is_counted_as_that() {
    let sql = statement("tickets", &[Dimension::Status], vec![Scope::All]);
    let tickets = question(&asking("tickets", &[], 0), Door::Figures);
    let after_all = names(&tickets, Dimension::Status).len() - 1;
    assert!(
        sql.contains(&format!("WHEN f.merged THEN {after_all} ELSE")),
        "{sql}"
    );
}

#[test]
fn names_stand_at_their_numbers() {
    let named = |metric: &str, dimension| {
        let request = asking(metric, &[], 0);
        names(&question(&request, Door::Figures), dimension)
    };
    assert_eq!(
        named("tickets", Dimension::Status),
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
        named("orders", Dimension::Status)
            .last()
            .map(String::as_str),
        Some("cancelled")
    );
    assert_eq!(
        named("tickets", Dimension::Priority),
        ["unspecified", "low", "moderate", "high", "critical"]
    );
    assert_eq!(named("tickets", Dimension::Kind)[4], "service_request");
    assert_eq!(named("tickets", Dimension::Channel)[6], "self_service");
    assert_eq!(
        named("first_response_time", Dimension::Kind)[2],
        "complaint"
    );
    assert_eq!(named("after_sales_cases", Dimension::Kind)[5], "return");
    assert_eq!(named("customers", Dimension::Credit)[1], "a");
    assert_eq!(named("data_accuracy", Dimension::Kind)[2], "identity");
    assert_eq!(named("reads", Dimension::Outcome)[1], "refused");
    assert_eq!(named("reads", Dimension::Purpose)[6], "analysis");
}

/// Every dimension of every figure has names, or is shown by its own value.
#[test]
fn every_dimension_is_shown() {
    use Dimension::{
        Age, Attempt, Category, Cohort, Currency, Customer, Department, Employee, Frequency,
        Monetary, Product, Recency, Region, Source,
    };
    for metric in metrics() {
        for dimension in metric.dimensions {
            let by_value = is_time(*dimension)
                || matches!(
                    dimension,
                    Age | Attempt
                        | Category
                        | Cohort
                        | Currency
                        | Customer
                        | Department
                        | Employee
                        | Frequency
                        | Monetary
                        | Product
                        | Recency
                        | Region
                        | Source
                );
            let question = question(&asking(metric.id, &[], 0), Door::Figures);
            let named = !names(&question, *dimension).is_empty();
            assert_ne!(named, by_value, "{} by {dimension:?}", metric.id);
        }
    }
}

/// Clauses CC-1.4, CF-6.1: days told together are asked where they tell all that is asked for, and
/// within the same scope; by customers, people, or within scopes of customers they tell nothing.
#[test]
fn days_are_asked_where_they_tell_all() {
    use Dimension::{Currency, Department, Employee, Month, Status};
    let department = || vec![Scope::Departments(vec![Uuid::from_u128(7)])];
    let customers = || Scope::Customers(vec![Uuid::from_u128(8)]);
    let over_days = |metric: &str, by: &[Dimension], scopes, told| {
        let context = context(scopes, ClassSet::default());
        let request = asking(metric, by, 0);
        let sql = written_over(&request, Door::Staff, &context, told, true);
        let days = sql.contains("analytics.order_day");
        assert_eq!(days, !sql.contains("analytics.fact "), "{sql}");
        assert!(
            !days || sql.contains(DEPARTMENTS) || context.rules[0].scope == Scope::All,
            "{sql}"
        );
        days
    };
    assert!(over_days(
        "orders",
        &[Month, Department, Status],
        vec![Scope::All],
        None
    ));
    assert!(over_days("sales", &[Month, Currency], department(), None));
    assert!(over_days(
        "orders",
        &[],
        vec![Scope::Union(department())],
        None
    ));
    assert!(!over_days("orders", &[Employee], department(), None));
    assert!(!over_days("tickets", &[Month], department(), None));
    assert!(over_days(
        "order_lateness",
        &[Month, Department],
        department(),
        None
    ));
    assert!(!over_days(
        "order_lateness",
        &[Employee],
        department(),
        None
    ));
    assert!(!over_days("after_sales_rate", &[Month], department(), None));
    assert!(!over_days("orders", &[Month], vec![customers()], None));
    let both = Scope::Union(vec![
        Scope::Departments(vec![Uuid::from_u128(7)]),
        customers(),
    ]);
    assert!(!over_days("orders", &[Month], vec![both], None));
    let told = Some(Aggregates { fewest: 5 });
    assert!(!over_days("orders", &[Month], department(), told));
}
