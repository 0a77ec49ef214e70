use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;

fn date(year: i32, month: i32, day: i32) -> WireDate {
    WireDate { year, month, day }
}

/// National Day of 2026, with a Saturday that is worked for it.
fn plan(every_days: i32) -> RelationPlanDefinition {
    let rule = RelationRule {
        id: "all".into(),
        method: VisitMethod::Phone.into(),
        every_days,
        responsible: VisitResponsible::Owner.into(),
        ..RelationRule::default()
    };
    RelationPlanDefinition {
        time_zone: "Asia/Shanghai".into(),
        rules: vec![rule],
        ahead_days: 7,
        holidays: (1..=7).map(|day| date(2026, 10, day)).collect(),
        workdays: vec![date(2026, 10, 10)],
        ..RelationPlanDefinition::default()
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn due(plan: &RelationPlanDefinition, from: &str, now: &str) -> Due {
    let days = Days::of(plan).unwrap();
    days.due(&plan.rules[0], at(from), at(now)).unwrap()
}

/// Clause OP-3.3.
#[test]
fn a_visit_is_due_on_the_next_working_day() {
    let plan = plan(30);
    // 1 September and 30 days is the first of the holidays; the eighth is a Thursday.
    let found = due(&plan, "2026-09-01T02:00:00Z", "2026-09-02T02:00:00Z");
    assert_eq!(found.at, at("2026-10-08T18:00:00+08:00"));
    assert_eq!(found.plan_at, at("2026-10-01T00:00:00+08:00"));
    // A Saturday that is worked, and one that is not.
    let found = due(&plan, "2026-09-10T02:00:00Z", "2026-09-11T02:00:00Z");
    assert_eq!(found.at, at("2026-10-10T18:00:00+08:00"));
    let found = due(&plan, "2026-09-17T02:00:00Z", "2026-09-18T02:00:00Z");
    assert_eq!(found.at, at("2026-10-19T18:00:00+08:00"));
    // The day is that of the plan's own time zone.
    let found = due(&plan, "2026-08-31T17:00:00Z", "2026-09-02T02:00:00Z");
    assert_eq!(found.at, at("2026-10-08T18:00:00+08:00"));
}

/// Clause OP-3.3: of many periods that went by one visit is to be made up for.
#[test]
fn however_much_time_went_by_one_visit_is_due_and_that_is_today() {
    let found = due(&plan(30), "2020-01-01T02:00:00Z", "2026-09-02T02:00:00Z");
    assert_eq!(found.at, at("2026-09-02T18:00:00+08:00"));
}

#[test]
fn the_first_rule_that_fits_a_customer_counts() {
    let rule_for = |id: &str, tiers: &[CustomerTier], importances: &[Importance]| RelationRule {
        id: id.into(),
        tiers: tiers.iter().map(|tier| (*tier).into()).collect(),
        importances: importances.iter().map(|one| (*one).into()).collect(),
        ..RelationRule::default()
    };
    let plan = RelationPlanDefinition {
        rules: vec![
            rule_for("key", &[], &[Importance::Key]),
            rule_for("high", &[CustomerTier::Gold, CustomerTier::Diamond], &[]),
            rule_for("normal", &[CustomerTier::Normal], &[Importance::Normal]),
        ],
        ..RelationPlanDefinition::default()
    };
    let good = CustomerCredit::A;
    let found = |tier, importance| {
        let rule = rule(&plan, (tier, good, importance));
        rule.map(|rule| rule.id.as_str())
    };
    assert_eq!(found(CustomerTier::Diamond, Importance::Key), Some("key"));
    assert_eq!(
        found(CustomerTier::Diamond, Importance::Normal),
        Some("high")
    );
    assert_eq!(
        found(CustomerTier::Normal, Importance::Normal),
        Some("normal")
    );
    assert_eq!(found(CustomerTier::Normal, Importance::Important), None);
    assert_eq!(found(CustomerTier::Unspecified, Importance::Normal), None);
    let who = (CustomerTier::Gold, good, Importance::Key);
    assert!(rule(&shipped(), who).is_none());
    let mut wary = plan.rules[1].clone();
    wary.id = "wary".into();
    wary.credits = vec![CustomerCredit::B.into(), CustomerCredit::C.into()];
    let plan = RelationPlanDefinition {
        rules: vec![wary],
        ..plan
    };
    let found = |credit| rule(&plan, (CustomerTier::Gold, credit, Importance::Normal)).is_some();
    let all = [CustomerCredit::A, CustomerCredit::B, CustomerCredit::C];
    assert_eq!(all.map(found), [false, true, true]);
}

proptest! {
    /// Day by day from the first on which it may be, until one is worked.
    #[test]
    fn a_due_day_is_what_stepping_day_by_day_gives(
        every_days in 1..400_i32, from in 0..2000_i64, gone in 0..2000_i64,
    ) {
        let plan = plan(every_days);
        let days = Days::of(&plan).unwrap();
        let start = at("2025-06-01T04:00:00Z");
        let hours = |days: i64| SignedDuration::from_hours(24 * days);
        let from = start.checked_add(hours(from)).unwrap();
        let now = from.checked_add(hours(gone)).unwrap();
        let found = days.due(&plan.rules[0], from, now).unwrap();

        let mut day = from;
        let mut left = every_days;
        loop {
            let date = day.to_zoned(days.zone.clone()).date();
            let weekend = matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday);
            let holiday = date.year() == 2026 && date.month() == 10 && date.day() <= 7;
            let extra = date == Date::constant(2026, 10, 10);
            if left <= 0 && day >= now && !holiday && (!weekend || extra) {
                break;
            }
            day = day.checked_add(hours(1)).unwrap();
            left -= 1;
        }
        let date = day.to_zoned(days.zone.clone()).date();
        prop_assert_eq!(found.at.to_zoned(days.zone.clone()).date(), date);
        prop_assert!(found.plan_at <= found.at);
    }
}

#[test]
fn every_fault_of_a_plan_is_told() {
    let mut wrong = plan(0);
    wrong.time_zone = "Asia/Atlantis".into();
    wrong.ahead_days = 61;
    wrong.holidays.push(date(2026, 2, 30));
    wrong.rules[0].id = "A".into();
    wrong.rules[0].method = 0;
    wrong.rules[0].department = "departments/x".into();
    wrong.rules[0].due_hour = 24;
    let mut fields = Fields::new();
    check(&mut fields, &wrong);
    let fault = fields.finish().unwrap_err();
    let named: Vec<_> = fault
        .violations
        .iter()
        .map(|(field, _)| field.as_str())
        .collect();
    let expected = [
        "definition.time_zone",
        "definition.ahead_days",
        "definition.holidays[7]",
        "definition.rules[0].id",
        "definition.rules[0].method",
        "definition.rules[0].every_days",
        "definition.rules[0].department",
        "definition.rules[0].department",
        "definition.rules[0].due_hour",
    ];
    assert_eq!(named, expected);
    let mut fields = Fields::new();
    check(&mut fields, &plan(30));
    assert!(fields.is_clean());
}
