//! Sheets and sampling, as the company sets them. Versions are added and never changed: what
//! was drawn is scored on the sheet that it was drawn by.

use std::collections::BTreeSet;

use jiff::{Timestamp, tz::TimeZone};
use kefu_contracts::{
    common::Channel,
    ticket::{
        InspectionDefinition, InspectionPeriod, InspectionRulesVersion, InspectionSheet, KnockOut,
        KnockOutEffect, SamplingRule, SheetItem, TicketKind,
    },
};
use kefu_service::{error::Violation, fields::Fields, versions};

use super::score::FULL;
use crate::domain::{entry::MEDIUM, is_code};

const MOST_SHEETS: usize = 20;
const MOST_ITEMS: usize = 50;
const MOST_KNOCK_OUTS: usize = 20;
const MOST_RULES: usize = 50;
const MOST_INSPECTORS: usize = 200;
const MOST_DECIDERS: usize = 50;
const LONGEST_TITLE: usize = 80;

/// The norms of the policy (OP-5), five of equal weight; a leak leaves nothing of the rest.
/// Nobody inspects until the company says who does.
pub(crate) fn shipped() -> InspectionDefinition {
    let item = |id: &str, title: &str, guidance: &str| SheetItem {
        id: id.into(),
        title: title.into(),
        guidance: guidance.into(),
        weight: 20,
        scale: 5,
    };
    let rule = |id: &str, count: i32| SamplingRule {
        id: id.into(),
        sheet: "norms".into(),
        count,
        ..SamplingRule::default()
    };
    let norms = InspectionSheet {
        id: "norms".into(),
        title: "沟通规范".into(),
        items: vec![
            item("courtesy", "礼貌", "称呼、问候、道歉与致谢得体，耐心倾听"),
            item("clarity", "清晰", "表达清楚完整，确认客户已经理解"),
            item("no_quarrel", "不争吵", "不与客户争执、不讥讽、不指责"),
            item("no_promise", "不擅自承诺", "不作超出授权的承诺"),
            item("no_passing_the_buck", "不推诿", "不推卸责任，跟进到底"),
        ],
        knock_outs: vec![KnockOut {
            id: "no_leak".into(),
            title: "不泄露信息".into(),
            guidance: "泄露客户或公司信息".into(),
            effect: KnockOutEffect::Zero.into(),
        }],
        pass_score: 8_000,
    };
    InspectionDefinition {
        sheets: vec![norms],
        sampling: vec![
            SamplingRule {
                kinds: vec![TicketKind::Complaint.into()],
                ..rule("complaints", 1)
            },
            SamplingRule {
                mark_up_to: 2,
                ..rule("low_marks", 1)
            },
            SamplingRule {
                missed: true,
                ..rule("missed", 1)
            },
            SamplingRule {
                reopened: true,
                ..rule("reopened", 1)
            },
            rule("usual", 2),
        ],
        period: InspectionPeriod::Week.into(),
        time_zone: "Asia/Shanghai".into(),
        due_days: 7,
        second_percent: 10,
        difference: 1_000,
        appeal_days: 7,
        ..InspectionDefinition::default()
    }
}

/// The number of the version in force then, and what it says. The one that is shipped is from
/// the beginning.
pub(crate) fn in_force(
    versions: &[InspectionRulesVersion],
    at: Timestamp,
) -> Option<(&InspectionRulesVersion, &InspectionDefinition)> {
    let version = versions::in_force(versions, at)?;
    Some((version, version.definition.as_ref()?))
}

/// The rules of this number.
pub(crate) fn of_number(
    versions: &[InspectionRulesVersion],
    number: i32,
) -> Option<&InspectionDefinition> {
    let version = versions.iter().find(|version| version.number == number)?;
    version.definition.as_ref()
}

/// Their sheet of this id.
pub(crate) fn sheet<'d>(
    definition: &'d InspectionDefinition,
    id: &str,
) -> Option<&'d InspectionSheet> {
    definition.sheets.iter().find(|sheet| sheet.id == id)
}

/// Notes every fault of a definition.
pub(crate) fn check(fields: &mut Fields, definition: &InspectionDefinition) {
    let sheets = &definition.sheets;
    fields.ensure(!sheets.is_empty(), "definition.sheets", Violation::Required);
    few(fields, "definition.sheets", sheets.len(), MOST_SHEETS);
    let mut ids = BTreeSet::new();
    for (at, sheet) in sheets.iter().enumerate().take(MOST_SHEETS) {
        let place = format!("definition.sheets[{at}]");
        check_id(fields, &place, &sheet.id, &mut ids);
        check_sheet(fields, &place, sheet);
    }
    let sampling = &definition.sampling;
    few(fields, "definition.sampling", sampling.len(), MOST_RULES);
    let mut rules = BTreeSet::new();
    for (at, rule) in sampling.iter().enumerate().take(MOST_RULES) {
        let place = format!("definition.sampling[{at}]");
        check_id(fields, &place, &rule.id, &mut rules);
        let known = ids.contains(rule.sheet.as_str());
        fields.ensure(known, format_args!("{place}.sheet"), Violation::Unknown);
        check_rule(fields, &place, rule);
    }
    fields.required_enum::<InspectionPeriod>("definition.period", definition.period);
    let zone = TimeZone::get(&definition.time_zone).is_ok();
    fields.ensure(zone, "definition.time_zone", Violation::Unknown);
    check_people(fields, definition);
    for (name, value, least, most) in [
        ("due_days", definition.due_days, 1, 90),
        ("second_percent", definition.second_percent, 0, 100),
        ("difference", definition.difference, 0, FULL),
        ("appeal_days", definition.appeal_days, 0, 90),
    ] {
        within(
            fields,
            format_args!("definition.{name}"),
            value,
            least,
            most,
        );
    }
}

fn check_people(fields: &mut Fields, definition: &InspectionDefinition) {
    let field = "definition.department";
    if !definition.inspectors.is_empty() {
        fields.name(field, &definition.department, "departments");
    } else {
        fields.optional_name(field, &definition.department, "departments");
    }
    for (name, people, most) in [
        ("inspectors", &definition.inspectors, MOST_INSPECTORS),
        ("deciders", &definition.deciders, MOST_DECIDERS),
    ] {
        let place = format!("definition.{name}");
        few(fields, &place, people.len(), most);
        let mut once = BTreeSet::new();
        for (at, person) in people.iter().enumerate().take(most) {
            let place = format!("{place}[{at}]");
            fields.name(&place, person, "employees");
            fields.ensure(once.insert(person), place, Violation::Duplicate);
        }
    }
}

fn check_sheet(fields: &mut Fields, place: &str, sheet: &InspectionSheet) {
    fields.required_text(format_args!("{place}.title"), &sheet.title, LONGEST_TITLE);
    let items = format!("{place}.items");
    few(fields, &items, sheet.items.len(), MOST_ITEMS);
    let weights = sheet.items.iter().map(|item| i64::from(item.weight));
    let whole = weights.sum::<i64>() == 100;
    fields.ensure(whole, &items, Violation::Contradiction);
    let mut ids = BTreeSet::new();
    for (at, item) in sheet.items.iter().enumerate().take(MOST_ITEMS) {
        let place = format!("{items}[{at}]");
        check_id(fields, &place, &item.id, &mut ids);
        fields.required_text(format_args!("{place}.title"), &item.title, LONGEST_TITLE);
        fields.text(format_args!("{place}.guidance"), &item.guidance, MEDIUM);
        within(fields, format_args!("{place}.weight"), item.weight, 1, 100);
        within(fields, format_args!("{place}.scale"), item.scale, 1, 20);
    }
    let knock_outs = format!("{place}.knock_outs");
    few(fields, &knock_outs, sheet.knock_outs.len(), MOST_KNOCK_OUTS);
    for (at, one) in sheet.knock_outs.iter().enumerate().take(MOST_KNOCK_OUTS) {
        let place = format!("{knock_outs}[{at}]");
        check_id(fields, &place, &one.id, &mut ids);
        fields.required_text(format_args!("{place}.title"), &one.title, LONGEST_TITLE);
        fields.text(format_args!("{place}.guidance"), &one.guidance, MEDIUM);
        fields.required_enum::<KnockOutEffect>(format_args!("{place}.effect"), one.effect);
    }
    let mark = format_args!("{place}.pass_score");
    within(fields, mark, sheet.pass_score, 0, FULL);
}

fn check_rule(fields: &mut Fields, place: &str, rule: &SamplingRule) {
    for (at, kind) in rule.kinds.iter().enumerate() {
        fields.required_enum::<TicketKind>(format_args!("{place}.kinds[{at}]"), *kind);
    }
    for (at, channel) in rule.channels.iter().enumerate() {
        fields.required_enum::<Channel>(format_args!("{place}.channels[{at}]"), *channel);
    }
    within(
        fields,
        format_args!("{place}.mark_up_to"),
        rule.mark_up_to,
        0,
        5,
    );
    within(fields, format_args!("{place}.count"), rule.count, 1, 100);
}

fn check_id<'i>(fields: &mut Fields, place: &str, id: &'i str, ids: &mut BTreeSet<&'i str>) {
    fields.ensure(is_code(id), format_args!("{place}.id"), Violation::Format);
    let once = ids.insert(id);
    fields.ensure(once, format_args!("{place}.id"), Violation::Duplicate);
}

fn few(fields: &mut Fields, field: &str, count: usize, most: usize) {
    fields.ensure(count <= most, field, Violation::TooMany(most));
}

fn within(fields: &mut Fields, field: impl std::fmt::Display, value: i32, least: i32, most: i32) {
    let bounds = Violation::OutOfRange(least.into(), most.into());
    fields.ensure((least..=most).contains(&value), field, bounds);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(definition: &InspectionDefinition) -> Vec<String> {
        let mut fields = Fields::new();
        check(&mut fields, definition);
        let faults = fields.finish().err().map(|fault| fault.violations);
        let faults = faults.unwrap_or_default().into_iter();
        faults.map(|(field, _)| field).collect()
    }

    /// Clause OP-5: what is shipped has the six norms of the policy, and no fault.
    #[test]
    fn the_norms_of_the_policy_are_shipped() {
        let shipped = shipped();
        assert_eq!(faults(&shipped), [""; 0]);
        let sheet = &shipped.sheets[0];
        let items = sheet.items.iter().map(|item| item.id.as_str());
        let knock_outs = sheet.knock_outs.iter().map(|one| one.id.as_str());
        assert_eq!(
            items.chain(knock_outs).collect::<Vec<_>>(),
            [
                "courtesy",
                "clarity",
                "no_quarrel",
                "no_promise",
                "no_passing_the_buck",
                "no_leak"
            ]
        );
    }

    #[test]
    fn every_fault_of_the_rules_is_told_at_once() {
        let mut wrong = shipped();
        wrong.sheets[0].items[0].weight = 19;
        wrong.sheets[0].items[1].scale = 21;
        wrong.sheets[0].knock_outs[0].id = "courtesy".into();
        wrong.sheets[0].pass_score = 10_001;
        wrong.sampling[0].sheet = "other".into();
        wrong.sampling[1].count = 0;
        wrong.time_zone = "Asia/Nowhere".into();
        wrong.inspectors = vec!["employees/7".into()];
        wrong.due_days = 0;
        assert_eq!(
            faults(&wrong),
            [
                "definition.sheets[0].items",
                "definition.sheets[0].items[1].scale",
                "definition.sheets[0].knock_outs[0].id",
                "definition.sheets[0].pass_score",
                "definition.sampling[0].sheet",
                "definition.sampling[1].count",
                "definition.time_zone",
                "definition.department",
                "definition.inspectors[0]",
                "definition.due_days",
            ]
        );
    }
}
