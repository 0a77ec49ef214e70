//! The company's rules about promises and silence. Versions are added and never changed.

use std::collections::BTreeSet;

use jiff::Timestamp;
use kefu_contracts::order::{
    OrderStage::{self, *},
    PromiseDefinition, PromiseRulesVersion, StagePromiseRule, StageSilenceRule,
};
use kefu_service::{
    error::Violation,
    fields::{Fields, name, parse_name},
    versions,
};
use uuid::Uuid;

use super::PROMISED;
use crate::domain::stage::is_over;

const MOST_RULES: usize = 100;
/// A year.
const MOST_HOURS: i32 = 8_760;
/// A month.
const MOST_FOLLOW_UP_HOURS: i32 = 720;
/// Within how many hours somebody sees to an order where the rules say nothing.
const FOLLOW_UP_HOURS: i32 = 24;

/// What is shipped: an order is confirmed within a day, shipped within three of its payment, and
/// something is heard of it every few days; on its way to the customer every ten.
pub(crate) fn shipped() -> PromiseDefinition {
    let promise = |stage: OrderStage, after: OrderStage, hours| StagePromiseRule {
        stage: stage.into(),
        after: after.into(),
        hours,
        ..StagePromiseRule::default()
    };
    let silence = |stage: OrderStage, hours| StageSilenceRule {
        stage: stage.into(),
        hours,
        ..StageSilenceRule::default()
    };
    PromiseDefinition {
        promises: vec![
            promise(Confirmed, Submitted, 24),
            promise(Shipped, Paid, 72),
        ],
        silences: vec![
            silence(Submitted, 48),
            silence(Confirmed, 72),
            silence(Paid, 72),
            silence(Picking, 72),
            silence(Short, 168),
            silence(Shipped, 240),
        ],
        follow_up_hours: FOLLOW_UP_HOURS,
    }
}

/// What the version in force then says. The one that is shipped is from the beginning.
pub(crate) fn in_force(versions: &[PromiseRulesVersion], at: Timestamp) -> PromiseDefinition {
    let version = versions::in_force(versions, at);
    version
        .and_then(|version| version.definition.clone())
        .unwrap_or_else(shipped)
}

/// The rule by which a stage of a department's orders is promised.
pub(super) fn promise_of(
    rules: &PromiseDefinition,
    stage: OrderStage,
    department: Uuid,
) -> Option<&StagePromiseRule> {
    let of = rules.promises.iter().filter(|rule| rule.stage() == stage);
    nearest(of, |rule| &rule.department, department)
}

/// The rule by which something is heard of a department's orders at a stage.
pub(super) fn silence_of(
    rules: &PromiseDefinition,
    stage: OrderStage,
    department: Uuid,
) -> Option<&StageSilenceRule> {
    let of = rules.silences.iter().filter(|rule| rule.stage() == stage);
    nearest(of, |rule| &rule.department, department)
}

/// The one that names the department, or else the one that names none.
fn nearest<'a, R: 'a>(
    rules: impl Iterator<Item = &'a R>,
    of: impl Fn(&R) -> &String,
    department: Uuid,
) -> Option<&'a R> {
    let own = name("departments", department);
    let mut general = None;
    for rule in rules {
        match of(rule) {
            named if *named == own => return Some(rule),
            named if named.is_empty() => general = general.or(Some(rule)),
            _ => {}
        }
    }
    general
}

/// Who sees to it: whom the rule names, or else whose the order is.
pub(super) fn concerned(rule: Option<&str>, own: Uuid) -> Uuid {
    rule.and_then(|named| parse_name(named, "departments"))
        .unwrap_or(own)
}

/// Notes every fault of a definition.
pub(crate) fn check(fields: &mut Fields, rules: &PromiseDefinition) {
    for (field, count) in [
        ("promises", rules.promises.len()),
        ("silences", rules.silences.len()),
    ] {
        let few = count <= MOST_RULES;
        fields.ensure(
            few,
            format_args!("definition.{field}"),
            Violation::TooMany(MOST_RULES),
        );
    }
    let mut seen = BTreeSet::new();
    for (at, rule) in rules.promises.iter().enumerate().take(MOST_RULES) {
        let place = format!("definition.promises[{at}]");
        let stage = format!("{place}.stage");
        let known = fields.required_enum::<OrderStage>(&stage, rule.stage);
        let can_be = known.is_none_or(|stage| PROMISED.contains(&stage));
        fields.ensure(can_be, &stage, Violation::NotApplicable);
        let after = format!("{place}.after");
        let from = fields.required_enum::<OrderStage>(&after, rule.after);
        let before = from.zip(known).is_none_or(|(from, stage)| {
            from < stage && (from == Submitted || PROMISED.contains(&from))
        });
        fields.ensure(before, &after, Violation::Contradiction);
        check_rule(
            fields,
            &place,
            rule.hours,
            [&rule.department, &rule.concerned],
        );
        let once = seen.insert((rule.stage, &rule.department));
        fields.ensure(once, place, Violation::Duplicate);
    }
    let mut seen = BTreeSet::new();
    for (at, rule) in rules.silences.iter().enumerate().take(MOST_RULES) {
        let place = format!("definition.silences[{at}]");
        let stage = format!("{place}.stage");
        let known = fields.required_enum::<OrderStage>(&stage, rule.stage);
        let goes_on = known.is_none_or(|stage| !is_over(stage));
        fields.ensure(goes_on, &stage, Violation::NotApplicable);
        check_rule(
            fields,
            &place,
            rule.hours,
            [&rule.department, &rule.concerned],
        );
        let once = seen.insert((rule.stage, &rule.department));
        fields.ensure(once, place, Violation::Duplicate);
    }
    in_bounds(
        fields,
        "definition.follow_up_hours",
        rules.follow_up_hours,
        MOST_FOLLOW_UP_HOURS,
    );
}

fn check_rule(fields: &mut Fields, place: &str, hours: i32, [department, concerned]: [&String; 2]) {
    in_bounds(fields, format!("{place}.hours"), hours, MOST_HOURS);
    fields.optional_name(
        format_args!("{place}.department"),
        department,
        "departments",
    );
    fields.optional_name(format_args!("{place}.concerned"), concerned, "departments");
}

fn in_bounds(fields: &mut Fields, field: impl std::fmt::Display, hours: i32, most: i32) {
    let within = (1..=most).contains(&hours);
    fields.ensure(within, field, Violation::OutOfRange(1, most.into()));
}
