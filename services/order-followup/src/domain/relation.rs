//! When customers are visited, how, and by whom: by their tier, credit and importance (OP-3.3).

use std::collections::BTreeSet;

use jiff::{
    Timestamp,
    civil::{Date, Weekday},
    tz::TimeZone,
};
use kefu_contracts::{
    google::r#type::Date as WireDate,
    order::{
        CustomerCredit, CustomerTier, Importance, RelationPlanDefinition, RelationRule,
        VisitMethod, VisitResponsible,
    },
};
use kefu_service::{error::Violation, fields::Fields, time::civil};

use super::{campaign, greeting, loyalty::is_key};

const MOST_RULES: usize = 100;
const MOST_DATES: usize = 1000;
const MOST_AHEAD: i32 = 60;
const LONGEST_PERIOD: i32 = 1000;
/// At which hour visits are due, where nothing is said.
const EVENING: i8 = 18;

/// Nobody is visited before the company says how often.
pub(crate) fn shipped() -> RelationPlanDefinition {
    RelationPlanDefinition::default()
}

/// The rule by which a customer is visited; none: they are not.
pub(crate) fn rule(
    plan: &RelationPlanDefinition,
    (tier, credit, importance): (CustomerTier, CustomerCredit, Importance),
) -> Option<&RelationRule> {
    let any_or = |all: &[i32], one: i32| all.is_empty() || all.contains(&one);
    plan.rules.iter().find(|rule| {
        any_or(&rule.tiers, tier.into())
            && any_or(&rule.credits, credit.into())
            && any_or(&rule.importances, importance.into())
    })
}

/// The days of a plan.
pub(crate) struct Days {
    zone: TimeZone,
    holidays: BTreeSet<Date>,
    workdays: BTreeSet<Date>,
    ahead: i64,
}

/// When a visit is due, and from when on it is planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) at: Timestamp,
    pub(crate) plan_at: Timestamp,
}

impl Days {
    /// Those of a plan that passed its check; none of any other.
    pub(crate) fn of(plan: &RelationPlanDefinition) -> Option<Self> {
        let dates = |dates: &[WireDate]| dates.iter().filter_map(civil).collect();
        Some(Self {
            zone: TimeZone::get(&plan.time_zone).ok()?,
            holidays: dates(&plan.holidays),
            workdays: dates(&plan.workdays),
            ahead: plan.ahead_days.into(),
        })
    }

    /// When the next visit by a rule is due, counted from then; never on a day that is past,
    /// so that however much time went by there is one visit to be made up for, and not many.
    pub(crate) fn due(&self, rule: &RelationRule, from: Timestamp, now: Timestamp) -> Option<Due> {
        let wanted = later(self.today(from), rule.every_days.into());
        let date = self.next_worked(wanted.max(self.today(now)));
        let hour = match rule.due_hour {
            0 => EVENING,
            hour => i8::try_from(hour).unwrap_or(EVENING),
        };
        let at = self.moment(date, hour)?;
        let plan_at = self.moment(later(date, -self.ahead), 0)?;
        Some(Due { at, plan_at })
    }

    /// That day, or the first one after it that is worked.
    fn next_worked(&self, date: Date) -> Date {
        let mut date = date;
        // No list of holidays is longer.
        for _ in 0..MOST_DATES * 2 {
            if self.is_worked(date) {
                break;
            }
            date = later(date, 1);
        }
        date
    }

    fn is_worked(&self, date: Date) -> bool {
        let weekend = matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday);
        !self.holidays.contains(&date) && (!weekend || self.workdays.contains(&date))
    }

    /// Which day it is.
    pub(crate) fn today(&self, now: Timestamp) -> Date {
        now.to_zoned(self.zone.clone()).date()
    }

    /// Whether it is time to see to what is due on this day, which is not past.
    pub(crate) fn is_near(&self, date: Date, now: Timestamp) -> bool {
        let today = self.today(now);
        (later(date, -self.ahead)..=date).contains(&today)
    }

    /// The days that it is time to see to.
    pub(crate) fn near(&self, now: Timestamp) -> Vec<Date> {
        let today = self.today(now);
        (0..=self.ahead).map(|days| later(today, days)).collect()
    }

    /// That hour of that day.
    pub(crate) fn moment(&self, date: Date, hour: i8) -> Option<Timestamp> {
        let at = date.at(hour, 0, 0, 0).to_zoned(self.zone.clone());
        at.ok().map(|at| at.timestamp())
    }
}

fn later(date: Date, days: i64) -> Date {
    let span = jiff::Span::new().try_days(days);
    span.and_then(|span| date.checked_add(span)).unwrap_or(date)
}

/// The company's time; none where it says no other than the usual one.
pub(crate) fn zone(plan: &RelationPlanDefinition) -> Option<TimeZone> {
    let named = Some(&plan.time_zone).filter(|named| !named.is_empty());
    TimeZone::get(named?).ok()
}

/// Notes every fault of a definition.
pub(crate) fn check(fields: &mut Fields, plan: &RelationPlanDefinition) {
    let zone = zone(plan).is_some();
    fields.ensure(zone, "definition.time_zone", Violation::UnknownValue);
    let ahead = (1..=MOST_AHEAD).contains(&plan.ahead_days);
    let range = Violation::OutOfRange(1, MOST_AHEAD.into());
    fields.ensure(ahead, "definition.ahead_days", range);
    for (field, dates) in [("holidays", &plan.holidays), ("workdays", &plan.workdays)] {
        let few = dates.len() <= MOST_DATES;
        let all = format!("definition.{field}");
        fields.ensure(few, all, Violation::TooMany(MOST_DATES));
        for (at, date) in dates.iter().enumerate().take(MOST_DATES) {
            let place = format_args!("definition.{field}[{at}]");
            fields.ensure(civil(date).is_some(), place, Violation::Date);
        }
    }
    greeting::check(fields, &plan.festivals, plan.birthday.as_ref());
    if let Some(limits) = &plan.campaigns {
        campaign::check_limits(fields, limits);
    }
    let few = plan.rules.len() <= MOST_RULES;
    fields.ensure(few, "definition.rules", Violation::TooMany(MOST_RULES));
    let mut ids = BTreeSet::new();
    for (at, rule) in plan.rules.iter().enumerate().take(MOST_RULES) {
        let place = |field: &str| format!("definition.rules[{at}].{field}");
        fields.ensure(is_key(&rule.id), place("id"), Violation::Format);
        fields.ensure(ids.insert(&rule.id), place("id"), Violation::Duplicate);
        check_rule(fields, &place, rule);
    }
}

fn check_rule(fields: &mut Fields, place: &impl Fn(&str) -> String, rule: &RelationRule) {
    for (at, tier) in rule.tiers.iter().enumerate() {
        fields.required_enum::<CustomerTier>(place(&format!("tiers[{at}]")), *tier);
    }
    for (at, credit) in rule.credits.iter().enumerate() {
        fields.required_enum::<CustomerCredit>(place(&format!("credits[{at}]")), *credit);
    }
    for (at, importance) in rule.importances.iter().enumerate() {
        let field = place(&format!("importances[{at}]"));
        fields.required_enum::<Importance>(field, *importance);
    }
    fields.required_enum::<VisitMethod>(place("method"), rule.method);
    let sound = (1..=LONGEST_PERIOD).contains(&rule.every_days);
    let range = Violation::OutOfRange(1, LONGEST_PERIOD.into());
    fields.ensure(sound, place("every_days"), range);
    let responsible =
        fields.required_enum::<VisitResponsible>(place("responsible"), rule.responsible);
    fields.optional_name(place("department"), &rule.department, "departments");
    let named = rule.department.is_empty() || responsible == Some(VisitResponsible::Department);
    fields.ensure(named, place("department"), Violation::NotApplicable);
    let hour = (0..=23).contains(&rule.due_hour);
    fields.ensure(hour, place("due_hour"), Violation::OutOfRange(0, 23));
}

#[cfg(test)]
mod tests;
