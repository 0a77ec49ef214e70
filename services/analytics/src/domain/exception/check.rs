//! What is wrong with the rules by which exceptions are found: everything at once.

use std::collections::BTreeSet;

use jiff::civil::date;
use kefu_contracts::analytics::{
    Audience, Cadence, Direction, ExceptionRule, ExceptionRulesDefinition,
};
use kefu_service::{
    error::Violation,
    fields::{Fields, is_code},
};

use super::rule;
use crate::domain::{
    catalogue,
    only::{self, ValueOf},
    period::Zone,
    report::cadence::containing,
};

const MOST_RULES: usize = 50;
const LONGEST_TITLE: usize = 80;
const PAST_PERIODS: (i64, i64) = (5, 52);
const LEAST_RECORDS: (i64, i64) = (5, 10_000);
const DEVIATIONS: (i64, i64) = (2, 10);
const SETTLE_DAYS: (i64, i64) = (0, 60);

/// Notes every fault of the rules.
pub(crate) fn check(fields: &mut Fields, rules: &ExceptionRulesDefinition, value_of: ValueOf<'_>) {
    let known = Zone::parse(&rules.time_zone).is_some();
    fields.ensure(known, "definition.time_zone", Violation::UnknownValue);
    let few = rules.rules.len() <= MOST_RULES;
    fields.ensure(few, "definition.rules", Violation::TooMany(MOST_RULES));
    let mut ids = BTreeSet::new();
    for (at, rule) in rules.rules.iter().enumerate().take(MOST_RULES) {
        let place = format!("definition.rules[{at}]");
        let id = format!("{place}.id");
        fields.ensure(is_code(&rule.id), &id, Violation::Format);
        fields.ensure(ids.insert(&rule.id), &id, Violation::Duplicate);
        check_rule(fields, &place, rule, value_of);
    }
}

fn check_rule(fields: &mut Fields, place: &str, rule: &ExceptionRule, value_of: ValueOf<'_>) {
    let at = |field: &str| format!("{place}.{field}");
    fields.required_text(at("title_zh"), &rule.title_zh, LONGEST_TITLE);
    fields.text(at("title_en"), &rule.title_en, LONGEST_TITLE);
    let audience = fields.required_enum::<Audience>(at("audience"), rule.audience);
    let company = audience == Some(Audience::Company);
    let metric = catalogue::find(&rule.metric);
    let what = match rule.metric.is_empty() {
        true => Violation::Required,
        false => Violation::UnknownValue,
    };
    fields.ensure(metric.is_some(), at("metric"), what);
    let watched = metric.is_none_or(|metric| metric.is_watched(company));
    fields.ensure(watched, at("metric"), Violation::NotApplicable);
    let cadence = fields.required_enum::<Cadence>(at("cadence"), rule.cadence);
    fields.optional_enum::<Direction>(at("direction"), rule.direction);
    let mut within = |field: &str, value: i64, (least, most): (i64, i64)| {
        let sound = (least..=most).contains(&value);
        fields.ensure(sound, at(field), Violation::OutOfRange(least, most));
        sound
    };
    let past = within("past_periods", rule.past_periods.into(), PAST_PERIODS);
    within("least_records", rule.least_records.into(), LEAST_RECORDS);
    within("settle_days", rule.settle_days.into(), SETTLE_DAYS);
    // How things stand now is never what it was some days ago.
    let settles = rule.settle_days == 0 || !rule::is_of_now(rule);
    fields.ensure(settles, at("settle_days"), Violation::NotApplicable);
    let sound = (2.0..=10.0).contains(&rule.deviations);
    let range = Violation::OutOfRange(DEVIATIONS.0, DEVIATIONS.1);
    fields.ensure(sound, at("deviations"), range);
    let named = (rule.dimension, rule.value.as_str());
    let dimension = only::check(fields, place, metric, named);
    let Some(cadence) = cadence.filter(|_| dimension.is_some() && metric.is_some() && past) else {
        return;
    };
    let period = containing(cadence, date(2024, 2, 29));
    let known = rule::question(rule, period, &Zone::utc(), value_of).is_ok();
    fields.ensure(known, at("value"), Violation::UnknownValue);
}

#[cfg(test)]
mod tests {
    use kefu_contracts::analytics::Dimension;

    use super::*;
    use crate::{domain::exception::shipped, store::query::value};

    fn wrong(rules: &ExceptionRulesDefinition) -> Vec<(String, &'static str)> {
        let mut fields = Fields::new();
        check(&mut fields, rules, &value);
        let fault = fields.finish().err();
        let violations = fault.into_iter().flat_map(|fault| fault.violations);
        violations
            .map(|(field, what)| (field, what.name()))
            .collect()
    }

    /// Clauses SG-7, IH-7: what is shipped can be asked for, and watches what matters.
    #[test]
    fn the_shipped_exceptions_are_sound() {
        let rules = shipped();
        assert_eq!(wrong(&rules), []);
        for metric in [
            "satisfaction",
            "timely_response_rate",
            "resolution_rate",
            "reopening_rate",
            "tickets",
            "backlog",
            "order_lateness",
            "stuck_orders",
        ] {
            let watched = rules.rules.iter().any(|rule| rule.metric == metric);
            assert!(watched, "{metric}");
        }
    }

    /// Clause SG-7.
    #[test]
    fn every_fault_of_a_rule_is_told_at_once() {
        let mut rules = shipped();
        rules.time_zone = "CET".into();
        rules.rules.truncate(2);
        rules.rules[1] = ExceptionRule {
            id: rules.rules[0].id.clone(),
            metric: "sales".into(),
            audience: Audience::Departments.into(),
            direction: 9,
            past_periods: 4,
            least_records: 4,
            deviations: f64::NAN,
            settle_days: 61,
            ..ExceptionRule::default()
        };
        let named = |field: &str, what| (format!("definition.rules[1].{field}"), what);
        assert_eq!(
            wrong(&rules),
            [
                ("definition.time_zone".to_owned(), "UNKNOWN_VALUE"),
                named("id", "DUPLICATE"),
                named("title_zh", "REQUIRED"),
                named("metric", "NOT_APPLICABLE"),
                named("cadence", "REQUIRED"),
                named("direction", "UNKNOWN_VALUE"),
                named("past_periods", "OUT_OF_RANGE"),
                named("least_records", "OUT_OF_RANGE"),
                named("settle_days", "OUT_OF_RANGE"),
                named("deviations", "OUT_OF_RANGE"),
            ]
        );
        let mut rules = shipped();
        let backlog = rules.rules.iter_mut().find(|rule| rule.metric == "backlog");
        let backlog = backlog.unwrap();
        backlog.settle_days = 1;
        backlog.dimension = Dimension::Kind.into();
        backlog.value = "wish".into();
        let fields: Vec<_> = wrong(&rules)
            .into_iter()
            .map(|(field, what)| (field.rsplit('.').next().unwrap().to_owned(), what))
            .collect();
        let expected = [
            ("settle_days".to_owned(), "NOT_APPLICABLE"),
            ("value".to_owned(), "UNKNOWN_VALUE"),
        ];
        assert_eq!(fields, expected);
    }
}
