use kefu_access::{Purpose, Rule, Scope, Subject, SubjectKind};
use kefu_contracts::{
    ClassSet,
    analytics::{Dimension, QueryMetricRequest},
    google::r#type::Date,
    policy::DataClass,
};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::domain::{
    catalogue::{find, metrics},
    period::Zone,
    question::Door,
};

const USUAL: Aggregates = Aggregates { fewest: 5 };

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn context(rules: &[(&[DataClass], Option<i64>)]) -> AccessContext {
    within(&Scope::All, rules)
}

fn within(scope: &Scope, rules: &[(&[DataClass], Option<i64>)]) -> AccessContext {
    let rules = rules.iter().map(|(classes, until)| Rule {
        scope: scope.clone(),
        classes: ClassSet::of(classes),
        source: "role:inspector#figures".into(),
        expires_at: until.map(at),
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
        issued_at: at(0),
        expires_at: at(30),
    }
}

fn asked(metric: &str, by: &[Dimension]) -> Question {
    let day = |day| {
        Some(Date {
            year: 2018,
            month: 5,
            day,
        })
    };
    let request = QueryMetricRequest {
        metric: metric.into(),
        first_day: day(1),
        last_day: day(2),
        group_by: by.iter().map(|one| *one as i32).collect(),
        ..QueryMetricRequest::default()
    };
    Question::read(&request, &Zone::parse("UTC").unwrap(), Door::Figures).unwrap()
}

/// Clauses CF-6.1, IH-8.1: where customers are from is exact for whoever sees that of all of them.
#[test]
fn regions_are_exact_for_who_sees_where_all_customers_are_from() {
    use DataClass::{Basic, Purchase};
    let department = Scope::Departments(vec![Uuid::from_u128(7)]);
    let by_region = asked("sales", &[Dimension::Region]);
    for (scope, classes, exact) in [
        (&Scope::All, &[Purchase, Basic][..], true),
        (&Scope::All, &[Purchase], false),
        (&Scope::All, &[Basic], false),
        (&department, &[Purchase, Basic], false),
    ] {
        let context = within(scope, &[(classes, None)]);
        assert_eq!(
            is_exact(&context, at(10), &by_region),
            exact,
            "{scope:?} {classes:?}"
        );
    }
    let context = within(&department, &[(&[Purchase], None)]);
    assert!(is_exact(
        &context,
        at(10),
        &asked("product_sales", &[Dimension::Product])
    ));
}

/// Clauses CF-6.1, IH-8.2: which credit customers have is exact for whoever has that cleared by every rule,
/// wherever they are, and for nobody who has only their files cleared.
#[test]
fn credit_is_exact_for_whom_it_is_cleared() {
    use DataClass::{Basic, Financial, Purchase, Relation, Service};
    let head: &[DataClass] = &[Purchase, Service, Relation];
    let leader: &[DataClass] = &[Basic, Purchase, Service, Relation];
    let keeper: &[DataClass] = &[Relation, Financial];
    let department = Scope::Departments(vec![Uuid::from_u128(7)]);
    for by in [
        &[Dimension::Credit][..],
        &[Dimension::Credit, Dimension::Day, Dimension::Department],
        &[Dimension::Tier, Dimension::Credit],
    ] {
        let exact = |scope: &Scope, rules: &[(&[DataClass], Option<i64>)]| {
            is_exact(&within(scope, rules), at(10), &asked("customers", by))
        };
        for scope in [&Scope::All, &department] {
            assert!(!exact(scope, &[(head, None)]), "{by:?}");
            assert!(!exact(scope, &[(leader, None)]), "{by:?}");
            assert!(exact(scope, &[(keeper, None)]), "{by:?}");
            assert!(!exact(scope, &[(&[Financial], None)]), "{by:?}");
            assert!(!exact(scope, &[(keeper, None), (leader, None)]), "{by:?}");
        }
    }
    let context = within(&department, &[(head, None)]);
    assert!(is_exact(
        &context,
        at(10),
        &asked("customers", &[Dimension::Tier])
    ));
}

/// Clause CF-6.1: what customers say of orders and cases is exact for whoever has that cleared, and not
/// for whoever may see what they bought alone.
#[test]
fn what_customers_say_is_of_service() {
    use DataClass::{Purchase, Service};
    for metric in ["order_satisfaction", "after_sales_score"] {
        let exact = |classes: &[DataClass]| {
            is_exact(&context(&[(classes, None)]), at(10), &asked(metric, &[]))
        };
        assert!(exact(&[Service]), "{metric}");
        assert!(!exact(&[Purchase]), "{metric}");
    }
}

/// Clause CF-6.1: a figure is exact for whoever may see all of its records, by every rule that
/// counts, and for nobody else.
#[test]
fn a_figure_is_exact_for_who_may_see_its_records() {
    use DataClass::{Purchase, Relation, Service};
    let exact = |rules: &[(&[DataClass], Option<i64>)], metric: &str| {
        is_exact(&context(rules), at(10), &asked(metric, &[]))
    };
    assert!(exact(&[(&[Service], None)], "tickets"));
    assert!(!exact(&[(&[Service], None)], "sales"));
    assert!(exact(&[(&[Purchase], None)], "sales"));
    assert!(!exact(&[(&[], None)], "tickets"));
    // One rule that clears does not clear what another lets through.
    assert!(!exact(&[(&[Service], None), (&[], None)], "tickets"));
    assert!(exact(&[(&[Service], None), (&[], Some(10))], "tickets"));
    assert!(!exact(&[(&[Service], None), (&[], Some(11))], "tickets"));
    for metric in metrics() {
        assert!(!exact(&[(&[], None)], metric.id), "{}", metric.id);
        let all = [Purchase, Service, Relation];
        assert!(exact(&[(&all, None)], metric.id), "{}", metric.id);
    }
}

/// How likely it is that so many tosses show so many heads each.
fn tossed(tosses: usize) -> Vec<f64> {
    (0..tosses).fold(vec![1.0], |known, _| {
        let mut next = vec![0.0; known.len() + 1];
        for (heads, likely) in known.iter().enumerate() {
            next[heads] += likely / 2.0;
            next[heads + 1] += likely / 2.0;
        }
        next
    })
}

/// The same of the heads of so many records, each another customer's.
fn of_customers(records: usize) -> Vec<f64> {
    tossed(2 * records)
}

/// The same of records that are all one customer's, whose coin counts for each of them.
fn of_one_customer(records: usize) -> Vec<f64> {
    let own = tossed(records);
    let mut likely = vec![0.0; 2 * records + 1];
    for (heads, one) in own.iter().enumerate() {
        likely[heads] += one / 2.0;
        likely[heads + records] += one / 2.0;
    }
    likely
}

/// Clause CF-6.1: whatever is asked, a count is never certain. Any number of records from half of
/// what is there up can be behind it, and the best guess is right nine times in sixteen at most.
#[test]
fn no_count_is_ever_certain() {
    const MOST: usize = 120;
    for (heads_of, surest) in [
        (of_customers as fn(usize) -> Vec<f64>, 9.0 / 16.0),
        (of_one_customer, 2.0 / 5.0),
    ] {
        let of: Vec<Vec<f64>> = (1..=MOST).map(heads_of).collect();
        for heads in 1..=20 {
            let likely = of.iter().map(|one| one.get(heads).copied().unwrap_or(0.0));
            let likely: Vec<f64> = likely.collect();
            for (records, likely) in (1..).zip(&likely) {
                assert_eq!(*likely > 0.0, records * 2 >= heads, "{records}: {heads}");
            }
            let best = likely.iter().copied().fold(0.0, f64::max);
            let all: f64 = likely.iter().sum();
            assert!(best / all <= surest + 1e-9, "{heads}: {}", best / all);
        }
    }
}

/// So many customers, whose records are nobody's work.
fn of(customers: i64) -> Behind {
    Behind {
        customers,
        people: None,
    }
}

fn row(count: i64) -> MetricRow {
    MetricRow {
        dimensions: vec!["high".into()],
        count,
        mean: Some(0.654_321),
        sum: Some("123456.78".into()),
        p50: Some(86_399.0),
        p90: Some(90_001.0),
        p95: Some(123_456.0),
        ..MetricRow::default()
    }
}

/// Clause CF-6.1: what is suppressed has no numbers, and is not nothing.
#[test]
fn what_is_too_small_is_suppressed() {
    let metric = find("first_response_time").unwrap();
    let expected = MetricRow {
        dimensions: vec!["high".into()],
        suppressed: true,
        ..MetricRow::default()
    };
    for (count, customers) in [(4, 50), (1, 50), (0, 50), (500, 4)] {
        let told = USUAL.tell(metric, row(count), of(customers));
        assert_eq!(told, expected, "{count} of {customers}");
    }
    assert_eq!(USUAL.tell_gap(MetricRow { count: 0, ..row(0) }), expected);
    let told = USUAL.tell(metric, row(52), of(50));
    assert_eq!(told.count, 50);
    assert_eq!(told.mean, Some(0.654));
    // Five are above the ninth tenth, and not above 95 of a hundred.
    assert_eq!(
        (told.p50, told.p90, told.p95),
        (Some(86_400.0), Some(90_000.0), None)
    );
    assert_eq!(USUAL.tell(metric, row(100), of(50)).p95, Some(123_000.0));
    let sales = USUAL.tell(find("sales").unwrap(), row(52), of(50));
    assert_eq!(sales.sum.as_deref(), Some("123000"));
}

/// Clauses CF-6.1, OP-4.2: what one or two people did is told to nobody who gets aggregates only, however
/// much it is.
#[test]
fn what_few_people_did_is_suppressed() {
    let metric = find("resolution_rate").unwrap();
    for (people, told) in [
        (Some(0), false),
        (Some(1), false),
        (Some(2), false),
        (Some(3), true),
        (None, true),
    ] {
        let behind = Behind { people, ..of(5000) };
        let row = USUAL.tell(metric, row(5000), behind);
        assert_eq!(!row.suppressed, told, "{people:?}");
        assert_eq!(USUAL.count(5000, behind).is_some(), told, "{people:?}");
    }
    let of_people = |id| find(id).unwrap().is_of_people();
    assert!(of_people("satisfaction") && of_people("inspection_score"));
    assert!(!of_people("visits") && !of_people("customers"));
}

proptest! {
    /// Clause CF-6.1: counts that are told differ by nothing less than is told at all, so that what
    /// is suppressed does not follow from the others.
    #[test]
    fn told_counts_differ_by_multiples(
        counts in prop::collection::vec(0..400_i64, 2..6),
        fewest in 3..=20_i32,
    ) {
        let aggregates = Aggregates { fewest };
        let base = i64::from(fewest);
        let told = counts.iter().map(|one| aggregates.count(*one, of(1000)));
        let told: Vec<Option<i64>> = told.collect();
        for (count, told) in counts.iter().zip(&told) {
            prop_assert_eq!(told.is_none(), *count < base);
            let Some(told) = told else { continue };
            prop_assert!(*told >= base && (told - count).abs() * 2 <= base);
        }
        for (one, other) in told.iter().flatten().zip(told.iter().flatten().skip(1)) {
            prop_assert_eq!((one - other) % base, 0);
        }
    }

    /// A mean of perturbed scores, as it is expected, is told as that of the scores.
    #[test]
    fn means_are_those_of_before(mean in 0.0..=1.0_f64) {
        for (metric, low, high) in [("satisfaction", 0.0, 1.0), ("order_satisfaction", 1.0, 5.0)] {
            let noise = Noise::of(find(metric).unwrap());
            prop_assert_eq!(noise, Noise::Replaced(low as i32, high as i32));
            let (mean, center) = (low + mean * (high - low), (low + high) / 2.0);
            let perturbed = 0.75 * mean + 0.25 * center;
            prop_assert!((noise.restored(perturbed) - mean).abs() < 1e-9);
            prop_assert!(noise.restored(high) <= high && noise.restored(low) >= low);
        }
    }
}

/// What a record is worth is perturbed wherever it is worth something.
#[test]
fn every_worth_is_perturbed() {
    for metric in metrics() {
        let counted = metric.measure == Measure::Count;
        assert_eq!(Noise::of(metric) == Noise::None, counted, "{}", metric.id);
    }
    assert_eq!(Noise::of(find("sales").unwrap()), Noise::Scaled);
    assert_eq!(Noise::of(find("inspection_score").unwrap()), Noise::Scaled);
}
