//! Counts the figure that an improvement is to move.

use kefu_contracts::analytics::{ImprovementFigure, ImprovementTarget};
use kefu_service::{error::Fault, time::to_proto};
use uuid::Uuid;

use crate::{
    domain::{
        improvement::{movement::Counted, target},
        period::{Days, Period, Zone, wire},
    },
    maker::Maker,
    store::query::value,
};

/// The figure of some days, within departments, or the whole company.
///
/// # Errors
/// When the target cannot be asked for, or the figures cannot be read.
pub(crate) async fn measure(
    maker: &Maker,
    target: &ImprovementTarget,
    days: Days,
    zone: &Zone,
    departments: Option<Vec<Uuid>>,
) -> Result<ImprovementFigure, Fault> {
    let question = target::of_days(target, days, zone, &value)?;
    let measure = question.metric.measure;
    let over_at = Period::of(None, Some(days.last), zone).and_then(|period| period.until);
    // Before the figure: it is then at least as fresh as is said.
    let late_sources = over_at
        .map(|over_at| maker.late(over_at))
        .unwrap_or_default();
    let now = maker.core.deps.clock.now();
    let (generation, figure) = maker.figure(question, departments).await?;
    let total = figure.total.unwrap_or_default();
    Ok(ImprovementFigure {
        first_day: Some(wire(days.first)),
        last_day: Some(wire(days.last)),
        count_time: Some(to_proto(now)),
        generation,
        late_sources,
        ..Counted::of(measure, &total).into()
    })
}
