//! Draws tickets for inspection when a period is over, once however many instances look, and
//! gives tasks to who had no hand in them (OP-5, SG-7).

use std::{collections::BTreeMap, time::Duration};

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use kefu_contracts::{
    journal::{InspectionAct, InspectionTaskAct, InspectionTaskChanged, SamplesDrawn, event},
    ticket::{InspectionDefinition, InspectionTaskKind},
};
use kefu_journal::Entry;
use kefu_service::{
    core::Deps,
    error::Fault,
    fields::name,
    host::Job,
    ids::Ids,
    time::{from_proto, to_proto},
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    api::inspections::changed,
    domain::inspection::{
        giving::{choose, pools},
        period,
        rules::in_force,
        sampling::{self, Sample},
    },
    store::{
        customers,
        inspection_draws::{self, Draw},
        inspection_tasks::{self, NewTask, TASKS, Waiting},
        inspections::{self, By, NewInspection},
        versions,
    },
};

const EVERY: Duration = Duration::from_millis(250);
/// Tasks of one transaction.
const MOST: u16 = 100;

/// The job that looks four times a second.
pub(crate) fn job(deps: Deps) -> Job {
    let (clock, trouble) = (
        deps.clock.clone(),
        "inspections cannot be drawn or given out",
    );
    Job::every("inspections", clock, EVERY, trouble, move || {
        let deps = deps.clone();
        async move { look(&deps).await }
    })
}

async fn look(deps: &Deps) -> Result<(), Fault> {
    while draw(deps).await? {}
    let mut after = Some(Uuid::nil());
    while let Some(last) = after {
        after = give(deps, last).await?;
    }
    Ok(())
}

/// A period that is over and was not drawn from.
#[derive(Clone)]
struct Due {
    start: Timestamp,
    end: Timestamp,
    rules_version: i32,
    definition: InspectionDefinition,
}

/// Draws from one period; whether there may be another.
async fn draw(deps: &Deps) -> Result<bool, Fault> {
    let now = deps.clock.now();
    let due = deps
        .db
        .run(move |connection| Box::pin(async move { due(connection, now).await }))
        .await?;
    let Some(due) = due else { return Ok(false) };
    let (seed, request, ids) = (deps.ids.secret()?, deps.ids.next()?, deps.ids.clone());
    deps.db
        .transaction(move |connection| {
            let (due, ids) = (due.clone(), ids.clone());
            Box::pin(async move { draw_from(connection, &due, &seed, (now, request, &ids)).await })
        })
        .await?;
    Ok(true)
}

/// Periods lie end to end, from when somebody was first named to inspect.
async fn due(connection: &mut PgConnection, now: Timestamp) -> Result<Option<Due>, Fault> {
    let versions = versions::all(connection).await?;
    let Some((version, definition)) = in_force(&versions, now) else {
        return Ok(None);
    };
    if definition.inspectors.is_empty() || definition.sampling.is_empty() {
        return Ok(None);
    }
    let began = version.effective_time.as_ref().and_then(from_proto);
    let last = inspection_draws::last(connection).await?;
    let zone = TimeZone::get(&definition.time_zone)
        .map_err(|_| Fault::internal("rules of inspection by a time zone that there is not"))?;
    let due = last.or(began).and_then(|start| {
        let end = period::end(definition.period(), &zone, start)?;
        (end <= now).then(|| Due {
            start,
            end,
            rules_version: version.number,
            definition: definition.clone(),
        })
    });
    Ok(due)
}

async fn draw_from(
    connection: &mut PgConnection,
    due: &Due,
    seed: &[u8],
    (now, request, ids): (Timestamp, Uuid, &Ids),
) -> Result<(), Fault> {
    let draw = Draw {
        start: due.start,
        end: due.end,
        seed,
        rules_version: due.rules_version,
        now,
    };
    // Whoever else is at it is waited for, and then there is nothing left to be drawn.
    if !inspection_draws::take(connection, &draw).await? {
        return Ok(());
    }
    let candidates = inspection_draws::candidates(connection, due.start, due.end).await?;
    let samples = sampling::draw(&due.definition, &candidates, seed);
    let mut entries = Vec::new();
    for sample in &samples {
        let made = make(connection, due, sample, now, ids).await?;
        entries.extend(made.map(|(resource, event)| {
            let (kind, customer) = ("inspection.drawn", Some(sample.of.customer));
            Entry::by_itself(now, request.to_string(), kind, resource, customer, event)
        }));
    }
    let whole = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    let (could, were) = (whole(candidates.len()), whole(entries.len()));
    inspection_draws::count(connection, due.start, could, were).await?;
    let event = event::Event::SamplesDrawn(SamplesDrawn {
        start_time: Some(to_proto(due.start)),
        end_time: Some(to_proto(due.end)),
        seed: seed.to_vec(),
        rules_version: due.rules_version,
        candidate_count: could,
        sample_count: were,
    });
    let (kind, resource) = ("inspections.drawn", String::new());
    entries.push(Entry::by_itself(
        now,
        request.to_string(),
        kind,
        resource,
        None,
        event,
    ));
    kefu_journal::append(connection, &entries).await?;
    Ok(())
}

/// The inspection of a sample with its tasks; none where somebody asked for it meanwhile.
async fn make(
    connection: &mut PgConnection,
    due: &Due,
    sample: &Sample<'_>,
    now: Timestamp,
    ids: &Ids,
) -> Result<Option<(String, event::Event)>, Fault> {
    let new = NewInspection {
        id: ids.next()?,
        ticket: sample.of.ticket,
        customer: sample.of.customer,
        department: sample.of.department,
        agent: sample.of.agent,
        rules_version: due.rules_version,
        sheet: sample.sheet,
        two: sample.two,
        now,
    };
    // Whose file is destroyed meanwhile has nothing left to be inspected.
    let known = customers::is_known(connection, new.customer).await?;
    if !known || !inspections::insert(connection, &new).await? {
        return Ok(None);
    }
    let far = |_| Fault::internal("a moment out of range");
    let days = i64::from(due.definition.due_days);
    let inspectors = if sample.two { 2 } else { 1 };
    for _ in 0..inspectors {
        let task = NewTask {
            id: ids.next()?,
            inspection: new.id,
            customer: new.customer,
            kind: InspectionTaskKind::Inspect,
            due_at: now.checked_add((days * 24).hours()).map_err(far)?,
            sealed: &[],
            now,
        };
        inspection_tasks::insert(connection, &task).await?;
    }
    let row = inspections::lock(connection, By::Id(new.id)).await?;
    let row =
        row.ok_or_else(|| Fault::internal("an inspection that was just made is not there"))?;
    Ok(Some(changed(&row, &row.columns, InspectionAct::Drawn, 1)))
}

/// Gives some of what nobody has; the last of them, where there may be more.
async fn give(deps: &Deps, after: Uuid) -> Result<Option<Uuid>, Fault> {
    let (now, request) = (deps.clock.now(), deps.ids.next()?);
    deps.db
        .transaction(move |connection| {
            Box::pin(async move { give_out(connection, after, now, request).await })
        })
        .await
}

async fn give_out(
    connection: &mut PgConnection,
    after: Uuid,
    now: Timestamp,
    request: Uuid,
) -> Result<Option<Uuid>, Fault> {
    let waiting = inspection_tasks::waiting(connection, after, MOST.into()).await?;
    let Some(last) = waiting.last() else {
        return Ok(None);
    };
    let more = (waiting.len() == usize::from(MOST)).then_some(last.id);
    let versions = versions::all(connection).await?;
    let Some((_, definition)) = in_force(&versions, now) else {
        return Ok(None);
    };
    let mut open: BTreeMap<Uuid, i64> = inspection_tasks::open(connection).await?;
    let mut entries = Vec::new();
    for task in &waiting {
        let never = inspection_tasks::never(connection, task.id).await?;
        let chosen = choose(&pools(definition, task.kind), &never, &open, task.id);
        let Some(inspector) = chosen else { continue };
        let revision = inspection_tasks::give(connection, task.id, inspector).await?;
        *open.entry(inspector).or_default() += 1;
        entries.push(given(task, inspector, revision, (now, request)));
    }
    if !entries.is_empty() {
        kefu_journal::append(connection, &entries).await?;
    }
    Ok(more)
}

fn given(
    task: &Waiting,
    inspector: Uuid,
    revision: i64,
    (now, request): (Timestamp, Uuid),
) -> Entry {
    let bytes = |id: Uuid| id.as_bytes().to_vec();
    let event = event::Event::InspectionTaskChanged(InspectionTaskChanged {
        task_id: bytes(task.id),
        inspection_id: bytes(task.inspection_id),
        customer_id: bytes(task.customer_id),
        act: InspectionTaskAct::Given.into(),
        kind: task.kind.into(),
        inspector_id: bytes(inspector),
        due_time: Some(to_proto(task.due_at)),
        revision,
    });
    let (kind, resource) = ("inspection_task.given", name(TASKS, task.id));
    let customer = Some(task.customer_id);
    Entry::by_itself(now, request.to_string(), kind, resource, customer, event)
}
