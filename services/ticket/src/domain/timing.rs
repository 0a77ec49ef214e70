//! The clocks of a ticket under the targets and calendars as they are.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use kefu_contracts::ticket::{ClockMetric, TargetRule, TargetsVersion, WaitingFor};
use kefu_service::{calendar::Calendar, fields::parse_name};
use uuid::Uuid;

use super::{
    clock::{Attempt, Happened, Reading, attempts},
    targets::{self, Classification},
};

#[cfg(test)]
mod tests;

/// Targets and calendars with all their versions.
pub(crate) struct Timing {
    pub(crate) targets: Vec<TargetsVersion>,
    pub(crate) calendars: BTreeMap<Uuid, Calendar>,
}

/// What of a ticket its clocks are read from.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) received_at: Timestamp,
    /// As it is now, but for the tier.
    pub(crate) classification: Classification,
    /// The customer's tiers, each from when on, in order.
    pub(crate) tiers: Vec<(Timestamp, i32)>,
    /// In order.
    pub(crate) happened: Vec<Happened>,
}

impl Record {
    /// What the rule of an attempt is chosen by that began then: the tier stays the one of its
    /// beginning.
    fn classed(&self, at: Timestamp) -> Classification {
        let begun = self.tiers.iter().rfind(|(since, _)| *since <= at);
        Classification {
            tier: begun.map_or(0, |(_, tier)| *tier),
            ..self.classification
        }
    }
}

/// An attempt that has a target.
pub(crate) struct Timed<'t> {
    pub(crate) attempt: Attempt,
    pub(crate) target: SignedDuration,
    pub(crate) targets_version: i32,
    pub(crate) calendar_id: Option<Uuid>,
    /// Of the customer when it began; 0: not known.
    pub(crate) tier: i32,
    pub(crate) warn_at: Option<Timestamp>,
    pub(crate) due_at: Option<Timestamp>,
    calendar: Option<&'t Calendar>,
}

impl Timed<'_> {
    pub(crate) fn reading(&self) -> Reading<'_> {
        Reading {
            attempt: &self.attempt,
            calendar: self.calendar,
        }
    }
}

impl Timing {
    /// The attempts of a ticket that have a target: each by the version that was in force
    /// when it began, by the customer's tier of then, and by what the ticket is now.
    pub(crate) fn clocks(&self, record: &Record) -> Vec<Timed<'_>> {
        let plain = attempts(record.received_at, &record.happened, &[]);
        let timed = plain.iter().enumerate().filter_map(|(at, attempt)| {
            let version = targets::in_force(&self.targets, attempt.started_at)?;
            let definition = version.definition.as_ref()?;
            let classed = record.classed(attempt.started_at);
            let rule = targets::rule(definition, classed)?;
            self.time(record, at, rule, (version.number, classed.tier))
        });
        timed.collect()
    }

    /// Whether the targets of this version go by the customer's tier.
    pub(crate) fn go_by_tier(&self, version: i32) -> bool {
        let versions = self.targets.iter().filter(|one| one.number == version);
        let mut definitions = versions.filter_map(|one| one.definition.as_ref());
        definitions.any(targets::go_by_tier)
    }

    /// The attempts of a ticket whose targets go by the tier, with the version: all that there
    /// would be in any tier, so that neither these nor how many they are tell whose it is.
    pub(crate) fn whatever_the_tier(&self, record: &Record) -> Vec<(Attempt, i32)> {
        let plain = attempts(record.received_at, &record.happened, &[]);
        let all = plain.into_iter().filter_map(|attempt| {
            let version = targets::in_force(&self.targets, attempt.started_at)?;
            let definition = version.definition.as_ref()?;
            let counts = targets::go_by_tier(definition)
                && targets::may_count(definition, record.classification, attempt.metric);
            counts.then_some((attempt, version.number))
        });
        all.collect()
    }

    /// When the solution of a ticket is due, where it is, and by the clock on which wall. Where the
    /// tier is not cleared, of targets that do not go by it alone.
    pub(crate) fn promise(
        &self,
        record: &Record,
        now: Timestamp,
        tier_cleared: bool,
    ) -> (Option<Timestamp>, Option<TimeZone>) {
        let mut clocks = self.clocks(record);
        clocks.retain(|one| tier_cleared || !self.go_by_tier(one.targets_version));
        let solution = clocks
            .iter()
            .rfind(|one| one.attempt.metric == ClockMetric::Resolution);
        let counted = solution.or(clocks.last()).and_then(|one| one.calendar);
        // Where nothing is counted by one and there is one, that is the company's.
        let only = || {
            self.calendars
                .values()
                .next()
                .filter(|_| self.calendars.len() == 1)
        };
        let calendar = counted.or_else(only);
        (
            solution.and_then(|one| one.due_at),
            calendar.and_then(|calendar| calendar.zone(now)),
        )
    }

    fn time(
        &self,
        record: &Record,
        at: usize,
        rule: &TargetRule,
        (targets_version, tier): (i32, i32),
    ) -> Option<Timed<'_>> {
        let pauses_for: Vec<WaitingFor> = rule.pauses_for().collect();
        // Where it stands does not change how many there are.
        let mut all = attempts(record.received_at, &record.happened, &pauses_for);
        let attempt = all.swap_remove(at);
        let target = targets::target(rule, attempt.metric)?;
        let calendar_id = parse_name(&rule.calendar, "calendars");
        let calendar = calendar_id.and_then(|id| self.calendars.get(&id));
        let mut timed = Timed {
            attempt,
            target,
            targets_version,
            calendar_id,
            tier,
            warn_at: None,
            due_at: None,
            calendar,
        };
        timed.warn_at = timed.reading().crossing(targets::warning(rule, target));
        timed.due_at = timed.reading().crossing(target);
        Some(timed)
    }
}
