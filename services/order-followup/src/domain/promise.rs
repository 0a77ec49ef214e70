//! What was promised of an order, and how long nothing may be heard of it (OP-3.4.4): whether it
//! is late or stuck follows from its own times, the rules and the clock alone.

pub(crate) mod lateness;
pub(crate) mod rules;

use jiff::{SignedDuration, Timestamp};
use kefu_contracts::order::{
    OrderStage::{self, *},
    PromiseDefinition,
};
use kefu_service::error::Fault;
use uuid::Uuid;

use self::rules::{concerned, promise_of, silence_of};
use super::stage::{Reached, current, is_over};

/// Stages that can be promised, in their order; each is passed by reaching a later one.
pub(crate) const PROMISED: [OrderStage; 5] = [Confirmed, Paid, Picking, Shipped, Delivered];

/// An order as it is judged.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    pub(crate) department: Uuid,
    /// All that was told, in any order.
    pub(crate) reached: Vec<Reached>,
    /// What was promised otherwise than by the rules.
    pub(crate) promised: Vec<Reached>,
}

/// What is wrong with an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// That it is late with, or stuck at; and what was promised, or when something was last heard.
    pub(crate) since: Reached,
    /// From when on it is wrong.
    pub(crate) from: Timestamp,
    /// Who sees to it.
    pub(crate) concerned: Uuid,
}

/// What there is to say about an order at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Judged {
    pub(crate) late: Option<Trouble>,
    pub(crate) stuck: Option<Trouble>,
    /// When there may be something else to say though nothing happens; never before then.
    pub(crate) next: Option<Timestamp>,
}

/// Judges an order. One that is over is neither late nor stuck.
pub(crate) fn judge(standing: &Standing, rules: &PromiseDefinition, now: Timestamp) -> Judged {
    let Some(at) = current(standing.reached.iter().copied()) else {
        return Judged::default();
    };
    if is_over(at.stage) {
        return Judged::default();
    }
    let mut judged = Judged::default();
    let mut times = Vec::new();
    for stage in PROMISED {
        let promised = standing.promise(rules, stage);
        let Some(promised) = promised.filter(|_| !passed(&standing.reached, stage)) else {
            continue;
        };
        times.push(promised);
        // The first that is not kept: what is to come after it waits for it.
        if promised <= now && judged.late.is_none() {
            let rule = promise_of(rules, stage, standing.department);
            let by = rule.map(|rule| rule.concerned.as_str());
            judged.late = Some(Trouble {
                since: Reached {
                    stage,
                    at: promised,
                },
                from: promised,
                concerned: concerned(by, standing.department),
            });
        }
    }
    if let Some(rule) = silence_of(rules, at.stage, standing.department) {
        let due = after(at.at, rule.hours);
        times.extend(due);
        if let Some(due) = due.filter(|due| *due <= now) {
            judged.stuck = Some(Trouble {
                since: at,
                from: due,
                concerned: concerned(Some(&rule.concerned), standing.department),
            });
        }
    }
    judged.next = times.into_iter().filter(|time| *time > now).min();
    judged
}

impl Standing {
    /// For when a stage is promised: by somebody, or else by the rules.
    pub(crate) fn promise(
        &self,
        rules: &PromiseDefinition,
        stage: OrderStage,
    ) -> Option<Timestamp> {
        let mut given = self.promised.iter();
        if let Some(given) = given.find(|given| given.stage == stage) {
            return Some(given.at);
        }
        let rule = promise_of(rules, stage, self.department)?;
        let of = self.reached.iter().filter(|one| one.stage == rule.after());
        after(of.map(|one| one.at).min()?, rule.hours)
    }
}

/// When a stage was reached, or one after it was; none: not yet. That something is short or was
/// called off tells of none.
pub(crate) fn passed_at(reached: &[Reached], stage: OrderStage) -> Option<Timestamp> {
    let told = reached.iter();
    told.filter(|one| !matches!(one.stage, Short | Cancelled) && one.stage >= stage)
        .map(|one| one.at)
        .min()
}

fn passed(reached: &[Reached], stage: OrderStage) -> bool {
    passed_at(reached, stage).is_some()
}

fn after(at: Timestamp, hours: i32) -> Option<Timestamp> {
    at.checked_add(SignedDuration::from_hours(hours.into()))
        .ok()
}

/// Refuses to promise what has come to pass, or of an order that is over.
///
/// # Errors
/// `STATE_NOT_ALLOWED`.
pub(crate) fn ensure_promisable(
    told: impl IntoIterator<Item = Reached>,
    stage: OrderStage,
) -> Result<(), Fault> {
    let reached: Vec<_> = told.into_iter().collect();
    let at = current(reached.iter().copied()).map_or(Unspecified, |at| at.stage);
    if is_over(at) || passed(&reached, stage) {
        return Err(Fault::state(at.as_str_name(), stage.as_str_name()));
    }
    Ok(())
}

/// Names the occasion of a trouble: there is one follow-up of it, ever.
pub(crate) fn cause(what: &str, order: Uuid, since: Reached) -> String {
    let stage = since.stage.as_str_name();
    let stage = stage.strip_prefix("ORDER_STAGE_").unwrap_or(stage);
    format!(
        "{what}:{order}:{}:{}",
        stage.to_ascii_lowercase(),
        since.at.as_microsecond()
    )
}

#[cfg(test)]
mod tests;
