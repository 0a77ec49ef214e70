//! Whether an order was ever later than promised, by its own times: so any order of news, and
//! news that comes late, gives the same answer. What was promised to the customer counts whenever it was told; what
//! the rules promise counts where the order was here to be found late by it, as it is promised to nobody
//! whose order has long been delivered elsewhere.

use jiff::Timestamp;
use kefu_contracts::order::OrderStage::Cancelled;

use super::{Standing, passed_at};
use crate::domain::stage::{Reached, current};

/// The first that was promised and not kept: of what is promised now, and of what was `missed`
/// before another promise took its place.
pub(crate) fn once_late(
    standing: &Standing,
    missed_before: &[Reached],
    now: Timestamp,
) -> Option<Reached> {
    let all = standing.promised.iter().chain(missed_before).copied();
    all.filter(|promised| missed(&standing.reached, *promised, now))
        .min()
}

/// Whether what an order that came to be here then is found late with counts for good, whatever is
/// promised afterwards.
pub(crate) fn counts(found: Reached, entered: Timestamp) -> bool {
    found.at >= entered
}

/// Whether its moment came, and the stage later or not at all. What was called off before then is
/// waited for by nobody.
pub(crate) fn missed(reached: &[Reached], promised: Reached, now: Timestamp) -> bool {
    if let Some(at) = passed_at(reached, promised.stage) {
        return at > promised.at;
    }
    let end = current(reached.iter().copied()).filter(|at| at.stage == Cancelled);
    promised.at <= end.map_or(now, |end| end.at.min(now))
}

#[cfg(test)]
mod tests;
