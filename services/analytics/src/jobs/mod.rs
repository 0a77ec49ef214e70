//! What the service does on its own: it reads the journals, counts all anew when it is asked to,
//! sees to the tables and to the days of orders, makes reports, has staff assessed, finds exceptions, and
//! follows improvement.

mod assessments;
mod days;
mod exceptions;
mod improvements;
mod intake;
mod rebuild;
mod reports;
mod tables;

use jiff::Timestamp;
use kefu_contracts::analytics::SourceFreshness;
use kefu_service::{position::Progress, time::to_proto};

pub(crate) use assessments::job as assess;
pub(crate) use days::keep_days;
pub(crate) use exceptions::job as find_exceptions;
pub(crate) use improvements::job as follow_improvements;
pub(crate) use intake::{Intake, Target};
pub(crate) use rebuild::Rebuild;
pub(crate) use reports::job as make_reports;
pub(crate) use tables::{clear, make_ahead};

/// Every journal that is followed, this service's own as well: who looked at figures counts among
/// what was shown.
pub(crate) const SOURCES: &[&str] = &[
    "access-control",
    "analytics",
    "customer-profile",
    "order-followup",
    "ticket",
];

/// The journals by name, for a statement.
pub(crate) fn sources() -> Vec<String> {
    SOURCES.iter().map(|source| (*source).to_owned()).collect()
}

/// How far back the journals were read, up to now; positions are of when it is counted.
pub(crate) fn freshness(progress: &Progress, now: Timestamp) -> Vec<SourceFreshness> {
    let sources = SOURCES.iter().map(|source| {
        let caught_up_at = progress.caught_up_at(source);
        SourceFreshness {
            source: (*source).to_owned(),
            position: 0,
            caught_up_time: caught_up_at.map(to_proto),
            lag_seconds: caught_up_at.map(|at| now.duration_since(at).as_secs_f64().max(0.0)),
        }
    });
    sources.collect()
}
