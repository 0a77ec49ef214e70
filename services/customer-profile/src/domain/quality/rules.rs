//! What is expected of files, and by when what is not so is mended.

use std::{collections::BTreeMap, time::Duration};

use jiff::{Span, Timestamp, tz::TimeZone};
use kefu_contracts::profile::{QualityFindingKind, Tier};
use serde::{Deserialize, Serialize};

use crate::domain::change;

const DAY: u64 = 86_400;
/// A hundred years.
const MOST_DAYS: u32 = 36_525;

/// What is expected of files; `quality.toml` unless the configuration says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct QualityRules {
    /// Days after which data that nobody confirmed or changed is less fresh.
    pub fresh_days: u32,
    /// Days after which it is not fresh at all, and found outdated.
    pub stale_days: u32,
    /// Most days for which a finding is left as it is.
    pub dismiss_days: u32,
    /// In how many months a file is gone through, by tier (CF-7.1).
    pub review_months: ReviewMonths,
    /// Days until a finding is to be mended.
    pub mend_days: MendDays,
    /// Weights of the fields that are expected of a person.
    pub person: BTreeMap<String, u16>,
    /// And of an enterprise.
    pub enterprise: BTreeMap<String, u16>,
}

/// In how many months a file is gone through, by tier: 1–3 (CF-7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewMonths {
    /// Of a normal customer.
    pub normal: u8,
    /// Of a silver one.
    pub silver: u8,
    /// Of a gold one.
    pub gold: u8,
    /// Of a diamond one.
    pub diamond: u8,
}

/// Days until a finding is to be mended, by its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MendDays {
    /// An expected field is not there.
    pub missing: u32,
    /// A field is not as it has to be.
    pub invalid: u32,
    /// The data was not confirmed for too long.
    pub outdated: u32,
    /// The file has to be gone through.
    pub review_due: u32,
}

impl Default for QualityRules {
    fn default() -> Self {
        toml::from_str(include_str!("../../../quality.toml")).expect("a test reads quality.toml")
    }
}

impl QualityRules {
    /// Everything that cannot be meant.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut ensure = |holds: bool, what: String| {
            if !holds {
                problems.push(what);
            }
        };
        ensure(
            self.fresh_days < self.stale_days && self.stale_days <= MOST_DAYS,
            format!("fresh_days is less than stale_days, and these at most {MOST_DAYS}"),
        );
        let days = [
            ("dismiss_days", self.dismiss_days),
            ("mend_days.missing", self.mend_days.missing),
            ("mend_days.invalid", self.mend_days.invalid),
            ("mend_days.outdated", self.mend_days.outdated),
            ("mend_days.review_due", self.mend_days.review_due),
        ];
        for (name, days) in days {
            ensure((1..=366).contains(&days), format!("{name} is not 1–366"));
        }
        let months = self.review_months;
        for (tier, months) in [
            ("normal", months.normal),
            ("silver", months.silver),
            ("gold", months.gold),
            ("diamond", months.diamond),
        ] {
            let regular = (1..=3).contains(&months);
            ensure(regular, format!("review_months.{tier} is not 1–3"));
        }
        for (of, expected) in [("person", &self.person), ("enterprise", &self.enterprise)] {
            ensure(!expected.is_empty(), format!("{of} expects nothing"));
            for (path, weight) in expected {
                ensure(
                    change::is_data(path),
                    format!("{of}.{path} is no field with data"),
                );
                ensure(
                    (1..=1000).contains(weight),
                    format!("{of}.{path} is not 1–1000"),
                );
            }
        }
        problems
    }

    /// Until when a finding of that moment is to be mended.
    pub(crate) fn due(&self, kind: QualityFindingKind, found_at: Timestamp) -> Timestamp {
        let days = match kind {
            QualityFindingKind::Missing | QualityFindingKind::Unspecified => self.mend_days.missing,
            QualityFindingKind::Invalid => self.mend_days.invalid,
            QualityFindingKind::Outdated => self.mend_days.outdated,
            QualityFindingKind::ReviewDue => self.mend_days.review_due,
        };
        later(found_at, days)
    }

    /// Until when a finding may be left as it is at most.
    pub(crate) fn dismissed_at_most(&self, now: Timestamp) -> Timestamp {
        later(now, self.dismiss_days)
    }

    /// When a file is to be gone through that was, or was entered, at that moment: so many
    /// calendar months later (UTC).
    pub(crate) fn review_due(&self, tier: Tier, last: Timestamp) -> Timestamp {
        let months = match tier {
            Tier::Normal | Tier::Unspecified => self.review_months.normal,
            Tier::Silver => self.review_months.silver,
            Tier::Gold => self.review_months.gold,
            Tier::Diamond => self.review_months.diamond,
        };
        let due = last
            .to_zoned(TimeZone::UTC)
            .checked_add(Span::new().months(months));
        due.map_or(Timestamp::MAX, |due| due.timestamp())
    }
}

fn later(at: Timestamp, days: u32) -> Timestamp {
    let span = Duration::from_secs(u64::from(days) * DAY);
    at.checked_add(span).unwrap_or(Timestamp::MAX)
}
