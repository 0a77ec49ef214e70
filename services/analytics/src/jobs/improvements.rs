//! Improvement that is overdue is told so once, and its figure is counted once the days are over
//! that it was to move in: by whichever instance is quicker.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kefu_contracts::analytics::{
    Improvement, ImprovementEvent, ImprovementFigure, ImprovementTarget, Measure,
};
use kefu_journal::Entry;
use kefu_service::{core::Deps, error::Fault, fields::etag, host::Job, time::from_proto};
use sqlx::PgConnection;

use crate::{
    domain::{
        catalogue,
        improvement::{
            changed,
            movement::{movement, reached},
            state::journaled_as,
            step, target,
        },
        organisation::Organisation,
        period::Zone,
    },
    maker::Maker,
    measure::measure,
    store::improvements::{self, StoredImprovement},
};

const EVERY: Duration = Duration::from_secs(2);
/// Of one look.
const MOST: i64 = 50;
/// Before one that could not be measured is tried again.
const BREAK: SignedDuration = SignedDuration::from_mins(1);

/// The job that looks every two seconds.
pub(crate) fn job(maker: Maker) -> Job {
    let (clock, trouble) = (
        maker.core.deps.clock.clone(),
        "improvement cannot be followed",
    );
    Job::every("improvement", clock, EVERY, trouble, move || {
        let maker = maker.clone();
        async move {
            note_overdue(&maker.core.deps).await?;
            measure_all(&maker).await
        }
    })
}

/// Says of those that became overdue that they are.
async fn note_overdue(deps: &Deps) -> Result<(), Fault> {
    let (now, request) = (deps.clock.now(), deps.ids.next()?);
    deps.db
        .transaction(move |connection| {
            Box::pin(async move {
                for row in improvements::note_overdue(connection, now, MOST).await? {
                    let event = ImprovementEvent::Overdue;
                    keep(connection, row, event, &request.to_string(), now).await?;
                }
                Ok(())
            })
        })
        .await
}

/// Counts what can be counted now.
async fn measure_all(maker: &Maker) -> Result<(), Fault> {
    let deps = &maker.core.deps;
    let now = deps.clock.now();
    let rows = deps
        .db
        .run(move |connection| Box::pin(improvements::to_measure(connection, now, MOST)))
        .await?;
    let ready = rows.into_iter().filter(|row| {
        let over_at = row.record.measure_time.as_ref().and_then(from_proto);
        over_at.is_some_and(|over_at| maker.is_due(over_at))
    });
    let ready: Vec<StoredImprovement> = ready.collect();
    if ready.is_empty() {
        return Ok(());
    }
    let organisation = maker.organisation().await?;
    for row in ready {
        if let Err(fault) = measure_one(maker, &organisation, &row).await {
            let name = &row.record.name;
            tracing::warn!(name, detail = %fault.detail, "improvement cannot be measured");
            let (id, until) = (row.id, now.checked_add(BREAK).unwrap_or(now));
            let put_off = deps.db.transaction(move |connection| {
                Box::pin(improvements::put_off(connection, id, until))
            });
            put_off.await?;
        }
    }
    Ok(())
}

async fn measure_one(
    maker: &Maker,
    organisation: &Organisation,
    row: &StoredImprovement,
) -> Result<(), Fault> {
    let deps = &maker.core.deps;
    let target = row.record.target.clone().unwrap_or_default();
    let zone = Zone::parse(&row.record.time_zone);
    let zone = zone.ok_or_else(|| Fault::internal("a time zone that there is no more"))?;
    let days = done_at(&row.record).and_then(|at| target::afterwards(&target, zone.today(at)));
    let days = days.ok_or_else(|| Fault::internal("improvement that nobody carried out"))?;
    let reach = row.department().map(|id| organisation.reach(id));
    let figure = measure(maker, &target, days, &zone, reach).await?;
    let (id, now, request) = (row.id, deps.clock.now(), deps.ids.next()?.to_string());
    deps.db
        .transaction(move |connection| {
            let (target, figure, request) = (target.clone(), figure.clone(), request.clone());
            Box::pin(async move {
                let row = improvements::lock_to_measure(connection, id).await?;
                // Otherwise another instance was quicker.
                let Some(mut row) = row else { return Ok(()) };
                compare(&mut row.record, &target, figure);
                keep(connection, row, ImprovementEvent::Measured, &request, now).await
            })
        })
        .await
}

/// When it was carried out.
fn done_at(record: &Improvement) -> Option<Timestamp> {
    let completed = ImprovementEvent::Completed;
    let mut steps = record.steps.iter();
    let step = steps.find(|step| step.event() == completed)?;
    from_proto(step.time.as_ref()?)
}

/// Puts the figure beside the one before.
fn compare(record: &mut Improvement, target: &ImprovementTarget, after: ImprovementFigure) {
    let before = record.baseline.clone().unwrap_or_default();
    let measure = catalogue::find(&target.metric).map_or(Measure::Unspecified, |one| one.measure);
    let direction = target.direction();
    let moved = movement(measure, direction, &(&before).into(), &(&after).into());
    record.movement = moved.into();
    let wished = target.wished_value.zip(after.value);
    record.reached = wished.map(|(wished, value)| reached(direction, wished, value));
    record.afterwards = Some(after);
}

/// Keeps the next revision, with what happened in the journal.
async fn keep(
    connection: &mut PgConnection,
    mut row: StoredImprovement,
    event: ImprovementEvent,
    request: &str,
    now: Timestamp,
) -> Result<(), Fault> {
    step(&mut row.record, event, ("", ""), now)?;
    row.revision += 1;
    row.record.etag = etag(row.revision);
    improvements::update(connection, &row).await?;
    let entry = Entry::by_itself(
        now,
        request.to_owned(),
        journaled_as(event),
        row.record.name.clone(),
        None,
        changed(&row.record, event),
    );
    kefu_journal::append(connection, &[entry]).await?;
    Ok(())
}
