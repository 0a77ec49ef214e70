//! What in the audit log is worth telling: the rules of `alerts.toml`, applied to what
//! one person did in one window.
//!
//! | rule           | window          | counted                          | raised      |
//! |----------------|-----------------|----------------------------------|-------------|
//! | reads          | `budget`        | distinct customers shown         | above bound |
//! | outside hours  | day of the zone | sensitive reads outside of hours | above none  |
//! | refusals       | `refusals`      | refused calls                    | at bound    |
//!
//! Windows stand side by side, counted from the epoch, so that one is named by its
//! beginning and an alert can be raised once for each.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp, civil, tz::TimeZone};
use kefu_contracts::{access::AlertRule, journal::EntryKind, policy::DataClass};
use serde::Deserialize;
use uuid::Uuid;

use super::{incident::Deadlines, roles::Roles};

mod raised;

pub use raised::{ALERTS, Acknowledged, Alert, MOST_NOTE};

/// Why an alert was raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// More distinct customers than the post's budget.
    Reads,
    /// Sensitive classes in clear outside of working hours.
    OutsideHours,
    /// Refused again and again.
    Refusals,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Reads, Self::OutsideHours, Self::Refusals];

    /// As messages carry it, and by its number as the database does.
    pub fn to_proto(self) -> AlertRule {
        match self {
            Self::Reads => AlertRule::Reads,
            Self::OutsideHours => AlertRule::OutsideHours,
            Self::Refusals => AlertRule::Refusals,
        }
    }

    /// The rule of this number.
    pub fn of_number(number: i16) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|rule| rule.to_proto() as i16 == number)
    }

    /// What kind of entry it counts.
    pub fn kind(self) -> EntryKind {
        match self {
            Self::Reads | Self::OutsideHours => EntryKind::View,
            Self::Refusals => EntryKind::Refusal,
        }
    }
}

/// Half-open: `from` belongs to it, `until` does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    /// First moment.
    pub from: Timestamp,
    /// First moment after.
    pub until: Timestamp,
}

/// What the rules look at of an entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Place in the log.
    pub seq: i64,
    /// When it was recorded, which may be long before it was collected.
    pub at: Timestamp,
    /// What kind of entry.
    pub kind: EntryKind,
    /// Whose file.
    pub customer: Option<Uuid>,
    /// Classes shown in clear.
    pub cleared: Vec<DataClass>,
    /// Of refusals: how many more like it the entry stands for.
    pub repeated: u32,
}

/// What a rule found in one window of one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Distinct customers, reads or refusals, as the rule counts.
    pub count: usize,
    /// What the count was held against.
    pub bound: usize,
    /// First entry that counted.
    pub first_seq: i64,
    /// Last entry that counted.
    pub last_seq: i64,
    /// Customers of the entries that counted.
    pub customers: BTreeSet<Uuid>,
}

impl Finding {
    /// Counts an entry that the rule counts.
    fn add(&mut self, rule: Rule, seen: &Seen) {
        let other = seen.customer.is_some_and(|one| self.customers.insert(one));
        self.count += match rule {
            Rule::Reads => usize::from(other),
            Rule::OutsideHours => 1,
            Rule::Refusals => 1 + seen.repeated as usize,
        };
        self.first_seq = self.first_seq.min(seen.seq);
        self.last_seq = self.last_seq.max(seen.seq);
    }
}

/// Why `alerts.toml` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AlertsProblem {
    /// It is no TOML, or not of this shape.
    #[error("alerts.toml: {0}")]
    Shape(#[from] toml::de::Error),
    /// The time zone is not known.
    #[error("alerts.toml: time zone: {0}")]
    Zone(#[from] jiff::Error),
    /// Nobody holds such a role.
    #[error("alerts.toml: there is no role {0}")]
    Role(String),
    /// Something that cannot be meant.
    #[error("alerts.toml: {0}")]
    Meaning(&'static str),
}

/// Longest deadline: a year.
const MOST_HOURS: i64 = 8760;

/// The rules.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    budget_window: SignedDuration,
    budget: usize,
    budgets: BTreeMap<String, usize>,
    zone: TimeZone,
    days: Vec<civil::Weekday>,
    from: civil::Time,
    until: civil::Time,
    classes: Vec<DataClass>,
    except: Vec<String>,
    refusal_window: SignedDuration,
    threshold: usize,
    assess: SignedDuration,
    report: SignedDuration,
}

impl Rules {
    /// The rules that are shipped.
    ///
    /// # Errors
    /// When `alerts.toml` does not hold together; a test sees to it that it does.
    pub fn shipped() -> Result<Self, AlertsProblem> {
        Self::from_toml(include_str!("../../alerts.toml"))
    }

    /// Rules of a file.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn from_toml(text: &str) -> Result<Self, AlertsProblem> {
        let file: File = toml::from_str(text)?;
        let minutes = [file.budget.window_minutes, file.refusals.window_minutes];
        if minutes.iter().any(|many| !(1..=1440).contains(many)) {
            return Err(AlertsProblem::Meaning("a window is from 1 to 1440 minutes"));
        }
        if file.hours.from >= file.hours.until {
            return Err(AlertsProblem::Meaning("hours end after they begin"));
        }
        if file.refusals.threshold == 0 {
            return Err(AlertsProblem::Meaning("nobody is told of no refusals"));
        }
        let [assess, report] = [file.incidents.assess_hours, file.incidents.report_hours];
        if !(1..=MOST_HOURS).contains(&assess) || !(assess..=MOST_HOURS).contains(&report) {
            return Err(AlertsProblem::Meaning(
                "a leak is judged within 1 to 8760 hours, and reported no sooner",
            ));
        }
        Ok(Self {
            budget_window: SignedDuration::from_mins(file.budget.window_minutes),
            budget: file.budget.customers,
            budgets: file.budget.roles,
            zone: TimeZone::get(&file.hours.time_zone)?,
            days: file.hours.days.into_iter().map(Day::weekday).collect(),
            from: file.hours.from,
            until: file.hours.until,
            classes: file.hours.classes.into_iter().map(Class::class).collect(),
            except: file.hours.except,
            refusal_window: SignedDuration::from_mins(file.refusals.window_minutes),
            threshold: file.refusals.threshold,
            assess: SignedDuration::from_hours(assess),
            report: SignedDuration::from_hours(report),
        })
    }

    /// Sees to it that roles with a budget of their own, and those that are spared, are some.
    ///
    /// # Errors
    /// Names the first that is none.
    pub fn check(&self, roles: &Roles) -> Result<(), AlertsProblem> {
        let mut named = self.budgets.keys().chain(&self.except);
        match named.find(|role| roles.role(role).is_none()) {
            Some(role) => Err(AlertsProblem::Role(role.clone())),
            None => Ok(()),
        }
    }

    /// What the counts of whoever holds these roles are held against; `None` where the
    /// rule spares them.
    pub fn bound(&self, rule: Rule, roles: &[&str]) -> Option<usize> {
        match rule {
            Rule::Reads => {
                let own = roles.iter().filter_map(|role| self.budgets.get(*role));
                Some(own.max().copied().unwrap_or(self.budget))
            }
            Rule::OutsideHours => {
                let spared = self
                    .except
                    .iter()
                    .any(|role| roles.contains(&role.as_str()));
                (!spared).then_some(0)
            }
            Rule::Refusals => Some(self.threshold),
        }
    }

    /// By when a leak that is written down at this moment is to be judged and reported.
    pub fn deadlines(&self, opened_at: Timestamp) -> Deadlines {
        let after = |time| opened_at.saturating_add(time).unwrap_or(Timestamp::MAX);
        Deadlines {
            assess: after(self.assess),
            report: after(self.report),
        }
    }

    /// The window of the rule in which the moment lies.
    ///
    /// # Errors
    /// At the ends of time.
    pub fn window(&self, rule: Rule, at: Timestamp) -> Result<Window, jiff::Error> {
        let length = match rule {
            Rule::Reads => self.budget_window,
            Rule::Refusals => self.refusal_window,
            Rule::OutsideHours => {
                let day = at.to_zoned(self.zone.clone()).date();
                let from = day.to_zoned(self.zone.clone())?.timestamp();
                let until = day.tomorrow()?.to_zoned(self.zone.clone())?.timestamp();
                return Ok(Window { from, until });
            }
        };
        let seconds = length.as_secs();
        // Before the epoch, whole seconds are cut towards it.
        let whole = at.as_second() - i64::from(at.subsec_nanosecond() < 0);
        let from = Timestamp::from_second(whole.div_euclid(seconds) * seconds)?;
        let until = from.checked_add(length)?;
        Ok(Window { from, until })
    }

    /// What the rule finds in what one person did in one window, if it is worth telling.
    pub fn judge<'a>(
        &self,
        rule: Rule,
        bound: usize,
        entries: impl IntoIterator<Item = &'a Seen>,
    ) -> Option<Finding> {
        let mut entries = entries.into_iter().filter(|seen| self.counts(rule, seen));
        let first = entries.next()?;
        let mut found = Finding {
            count: 0,
            bound,
            first_seq: first.seq,
            last_seq: first.seq,
            customers: BTreeSet::new(),
        };
        found.add(rule, first);
        entries.for_each(|seen| found.add(rule, seen));
        let raised = match rule {
            Rule::Reads | Rule::OutsideHours => found.count > bound,
            Rule::Refusals => found.count >= bound,
        };
        raised.then_some(found)
    }

    /// What has been found with these as well, none of which was in it.
    pub fn with<'a>(
        &self,
        rule: Rule,
        found: &Finding,
        entries: impl IntoIterator<Item = &'a Seen>,
    ) -> Finding {
        let mut found = found.clone();
        let entries = entries.into_iter().filter(|seen| self.counts(rule, seen));
        entries.for_each(|seen| found.add(rule, seen));
        found
    }

    /// Whether the rule counts the entry.
    pub fn counts(&self, rule: Rule, seen: &Seen) -> bool {
        let sensitive = |class| self.classes.contains(class);
        seen.kind == rule.kind()
            && match rule {
                Rule::Reads => seen.customer.is_some(),
                Rule::OutsideHours => seen.cleared.iter().any(sensitive) && !self.working(seen.at),
                Rule::Refusals => true,
            }
    }

    fn working(&self, at: Timestamp) -> bool {
        let local = at.to_zoned(self.zone.clone()).datetime();
        self.days.contains(&local.weekday()) && (self.from..self.until).contains(&local.time())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    budget: Budget,
    hours: Hours,
    refusals: Refusals,
    incidents: Incidents,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Budget {
    window_minutes: i64,
    customers: usize,
    roles: BTreeMap<String, usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hours {
    time_zone: String,
    days: Vec<Day>,
    from: civil::Time,
    until: civil::Time,
    classes: Vec<Class>,
    except: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refusals {
    window_minutes: i64,
    threshold: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Incidents {
    assess_hours: i64,
    report_hours: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Day {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Day {
    fn weekday(self) -> civil::Weekday {
        match self {
            Self::Monday => civil::Weekday::Monday,
            Self::Tuesday => civil::Weekday::Tuesday,
            Self::Wednesday => civil::Weekday::Wednesday,
            Self::Thursday => civil::Weekday::Thursday,
            Self::Friday => civil::Weekday::Friday,
            Self::Saturday => civil::Weekday::Saturday,
            Self::Sunday => civil::Weekday::Sunday,
        }
    }
}

/// Classes whose showing at night says something.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Class {
    Contact,
    Identity,
    Financial,
}

impl Class {
    fn class(self) -> DataClass {
        match self {
            Self::Contact => DataClass::Contact,
            Self::Identity => DataClass::Identity,
            Self::Financial => DataClass::Financial,
        }
    }
}

#[cfg(test)]
mod tests;
