//! How long answers and solutions may take: rules as data, the first that fits counts.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use kefu_contracts::{
    common::Channel,
    ticket::{
        ClockMetric, CustomerTier, Priority, TargetRule, TargetsDefinition, TargetsVersion,
        TicketKind, WaitingFor,
    },
};
use kefu_service::{error::Violation, fields::Fields, versions};

/// Seconds of the longest target.
const LONGEST: i64 = 31_536_000;
const MOST_RULES: usize = 100;
const USUAL_WARNING: i32 = 75;

/// Urgent requests are answered within 2 hours and ordinary ones within 48 (SG-2.1);
/// everything else within 24 (IH-4). Every hour counts.
pub(crate) fn shipped() -> TargetsDefinition {
    let rule = |id: &str, kinds: &[TicketKind], priorities: &[Priority], hours: i64| TargetRule {
        id: id.into(),
        kinds: kinds.iter().map(|kind| *kind as i32).collect(),
        priorities: priorities.iter().map(|one| *one as i32).collect(),
        first_response_seconds: hours * 3600,
        next_response_seconds: hours * 3600,
        ..TargetRule::default()
    };
    let request = &[TicketKind::ServiceRequest][..];
    let urgent = &[Priority::High, Priority::Critical];
    TargetsDefinition {
        rules: vec![
            rule("urgent_request", request, urgent, 2),
            rule("ordinary_request", request, &[], 48),
            rule("answer", &[], &[], 24),
        ],
    }
}

/// What a rule is chosen by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Classification {
    pub(crate) kind: i32,
    pub(crate) priority: i32,
    pub(crate) channel: i32,
    /// Of the customer when the attempt began; 0: not known.
    pub(crate) tier: i32,
}

/// The rule for a ticket of these; none: it has no clocks.
pub(crate) fn rule(definition: &TargetsDefinition, of: Classification) -> Option<&TargetRule> {
    let fits = |among: &[i32], one: i32| among.is_empty() || among.contains(&one);
    definition.rules.iter().find(|rule| {
        fits(&rule.kinds, of.kind)
            && fits(&rule.priorities, of.priority)
            && fits(&rule.channels, of.channel)
            && fits(&rule.tiers, of.tier)
    })
}

/// Whether the customer's tier has a say in which rule counts: what comes of it may tell that.
pub(crate) fn go_by_tier(definition: &TargetsDefinition) -> bool {
    definition.rules.iter().any(|rule| !rule.tiers.is_empty())
}

/// Whether a ticket of these has such a clock, whatever its customer's tier: at least in one.
pub(crate) fn may_count(
    definition: &TargetsDefinition,
    of: Classification,
    metric: ClockMetric,
) -> bool {
    let mut tiers = (0_i32..).map_while(|number| CustomerTier::try_from(number).ok());
    tiers.any(|tier| {
        let of = Classification {
            tier: tier.into(),
            ..of
        };
        rule(definition, of).is_some_and(|rule| target(rule, metric).is_some())
    })
}

/// What the rule allows; none: there is no such clock.
pub(crate) fn target(rule: &TargetRule, metric: ClockMetric) -> Option<SignedDuration> {
    let seconds = match metric {
        ClockMetric::FirstResponse => rule.first_response_seconds,
        ClockMetric::NextResponse => rule.next_response_seconds,
        ClockMetric::Resolution => rule.resolution_seconds,
        ClockMetric::Closing => rule.closing_seconds,
        ClockMetric::Unspecified => 0,
    };
    (seconds > 0).then(|| SignedDuration::from_secs(seconds))
}

/// When so much of the target is used that it is near.
pub(crate) fn warning(rule: &TargetRule, target: SignedDuration) -> SignedDuration {
    let percent = match rule.warn_percent {
        0 => USUAL_WARNING,
        percent => percent,
    };
    SignedDuration::from_millis(target.as_secs().saturating_mul(10 * i64::from(percent)))
}

/// The version in force then. The one that is shipped is from the beginning.
pub(crate) fn in_force(versions: &[TargetsVersion], at: Timestamp) -> Option<&TargetsVersion> {
    versions::in_force(versions, at)
}

/// Notes every fault of a definition.
pub(crate) fn check(fields: &mut Fields, definition: &TargetsDefinition) {
    let count = definition.rules.len();
    fields.ensure(count > 0, "definition.rules", Violation::Required);
    fields.ensure(
        count <= MOST_RULES,
        "definition.rules",
        Violation::TooMany(MOST_RULES),
    );
    let mut ids = BTreeSet::new();
    for (at, rule) in definition.rules.iter().enumerate().take(MOST_RULES) {
        let place = format!("definition.rules[{at}]");
        let id = format!("{place}.id");
        fields.ensure(super::is_code(&rule.id), &id, Violation::Format);
        fields.ensure(ids.insert(&rule.id), &id, Violation::Duplicate);
        known::<TicketKind>(fields, &place, "kinds", &rule.kinds);
        known::<Priority>(fields, &place, "priorities", &rule.priorities);
        known::<Channel>(fields, &place, "channels", &rule.channels);
        known::<CustomerTier>(fields, &place, "tiers", &rule.tiers);
        known::<WaitingFor>(fields, &place, "pauses_for", &rule.pauses_for);
        for (name, seconds) in [
            ("first_response_seconds", rule.first_response_seconds),
            ("next_response_seconds", rule.next_response_seconds),
            ("resolution_seconds", rule.resolution_seconds),
            ("closing_seconds", rule.closing_seconds),
        ] {
            fields.ensure(
                (0..=LONGEST).contains(&seconds),
                format_args!("{place}.{name}"),
                Violation::OutOfRange(0, LONGEST),
            );
        }
        fields.ensure(
            (0..=99).contains(&rule.warn_percent),
            format_args!("{place}.warn_percent"),
            Violation::OutOfRange(0, 99),
        );
    }
}

fn known<E: TryFrom<i32>>(fields: &mut Fields, place: &str, name: &str, values: &[i32]) {
    for (at, value) in values.iter().enumerate() {
        fields.required_enum::<E>(format_args!("{place}.{name}[{at}]"), *value);
    }
}

#[cfg(test)]
mod tests {
    use kefu_contracts::profile::Tier;

    use super::*;

    /// Clauses SG-2.1, IH-4: what is shipped.
    #[test]
    fn urgent_is_two_hours_ordinary_forty_eight_and_any_answer_a_day() {
        let shipped = shipped();
        let mut fields = Fields::new();
        check(&mut fields, &shipped);
        assert!(fields.finish().is_ok());
        let first = |kind: TicketKind, priority: Priority| {
            let of = Classification {
                kind: kind.into(),
                priority: priority.into(),
                channel: Channel::Phone.into(),
                tier: 0,
            };
            rule(&shipped, of).unwrap().first_response_seconds / 3600
        };
        assert_eq!(first(TicketKind::ServiceRequest, Priority::Critical), 2);
        assert_eq!(first(TicketKind::ServiceRequest, Priority::High), 2);
        assert_eq!(first(TicketKind::ServiceRequest, Priority::Moderate), 48);
        assert_eq!(first(TicketKind::Complaint, Priority::Critical), 24);
        assert_eq!(first(TicketKind::Consultation, Priority::Low), 24);
    }

    /// A tier of the file is the same number here.
    #[test]
    fn tiers_are_those_of_the_file() {
        for number in 0..=5 {
            let (file, ours) = (Tier::try_from(number), CustomerTier::try_from(number));
            let file = file.map(|tier| format!("CUSTOMER_{}", tier.as_str_name()));
            assert_eq!(
                file.ok().as_deref(),
                ours.ok().map(|tier| tier.as_str_name())
            );
        }
    }

    #[test]
    fn every_fault_of_targets_is_told_at_once() {
        let wrong = TargetRule {
            id: "Answer".into(),
            kinds: vec![9],
            tiers: vec![0],
            first_response_seconds: -1,
            warn_percent: 100,
            ..TargetRule::default()
        };
        let mut fields = Fields::new();
        let definition = TargetsDefinition {
            rules: vec![wrong.clone(), wrong],
        };
        check(&mut fields, &definition);
        let violations = fields.finish().unwrap_err().violations;
        let found: Vec<_> = violations.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(
            found,
            [
                "definition.rules[0].id",
                "definition.rules[0].kinds[0]",
                "definition.rules[0].tiers[0]",
                "definition.rules[0].first_response_seconds",
                "definition.rules[0].warn_percent",
                "definition.rules[1].id",
                "definition.rules[1].id",
                "definition.rules[1].kinds[0]",
                "definition.rules[1].tiers[0]",
                "definition.rules[1].first_response_seconds",
                "definition.rules[1].warn_percent",
            ]
        );
    }
}
