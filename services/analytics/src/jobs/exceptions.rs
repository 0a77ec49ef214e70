//! Exceptions are found by themselves once a period is over and its figures are settled: each once,
//! however many instances look. Whoever moves the schedule on has kept what was found.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use jiff::{SignedDuration, Timestamp, ToSpan, civil::Date};
use kefu_contracts::analytics::{
    Audience, Exception, ExceptionRule, ExceptionRulesVersion, ExceptionState,
};
use kefu_journal::Entry;
use kefu_service::{
    error::Fault,
    fields::{etag, name},
    host::Job,
    telemetry::{instruments::EXCEPTIONS_OPEN, meter},
    time::to_proto,
    versions::in_force,
};
use uuid::Uuid;

use crate::{
    domain::{
        exception::{
            changed,
            range::{Observation, Outside, outside},
            rule,
        },
        organisation::Organisation,
        period::{Days, Zone, wire},
        report::{
            DEPARTMENTS,
            cadence::{containing, over_at, step},
        },
    },
    maker::Maker,
    store::{
        exceptions::{self, EXCEPTIONS, Kept, StoredException},
        query::value,
        versions,
    },
};

const EVERY: Duration = Duration::from_secs(2);
/// Before one that could not be looked at is tried again.
const BREAK: SignedDuration = SignedDuration::from_mins(1);

/// The job that looks every two seconds.
pub(crate) fn job(maker: Maker) -> Job {
    let (clock, trouble) = (
        maker.core.deps.clock.clone(),
        "exceptions cannot be looked for",
    );
    let open = Arc::new(AtomicI64::new(0));
    let counted = Arc::downgrade(&open);
    EXCEPTIONS_OPEN.observe(&meter(), Vec::new(), move || {
        Some(float(counted.upgrade()?.load(Ordering::Relaxed)))
    });
    Job::every("exceptions", clock, EVERY, trouble, move || {
        let (maker, open) = (maker.clone(), open.clone());
        async move {
            look(&maker).await?;
            let db = &maker.core.deps.db;
            let counted = db
                .run(|connection| Box::pin(exceptions::open(connection)))
                .await?;
            open.store(counted, Ordering::Relaxed);
            Ok(())
        }
    })
}

#[expect(clippy::cast_precision_loss, reason = "no count comes near 2^53")]
fn float(count: i64) -> f64 {
    count as f64
}

/// A period of a rule that can be looked at.
#[derive(Clone)]
struct Due {
    rule: ExceptionRule,
    /// Of the rules.
    version: i32,
    zone: Zone,
    /// First day that the schedule has.
    noted: Date,
    period: Days,
    over_at: Timestamp,
    /// First day of the period after it.
    next: Date,
}

/// Looks at every period that is over and was not looked at.
async fn look(maker: &Maker) -> Result<(), Fault> {
    let deps = &maker.core.deps;
    let now = deps.clock.now();
    let looked = deps.db.run(move |connection| {
        Box::pin(async move {
            let versions = versions::exceptions(connection).await?;
            let version = in_force(&versions, now).cloned();
            Ok((version, exceptions::schedule(connection).await?))
        })
    });
    let (version, noted) = looked.await?;
    let Some(version) = version else {
        return Ok(());
    };
    let rules = version.definition.clone().unwrap_or_default();
    let Some(zone) = Zone::parse(&rules.time_zone) else {
        return Ok(());
    };
    let mut organisation = None;
    for rule in rules.rules {
        let Some((first_day, look_at)) = noted.get(&rule.id).copied() else {
            begin(maker, &rule, zone.today(now)).await?;
            continue;
        };
        let Some(due) = due(rule, &version, &zone, first_day, now) else {
            continue;
        };
        if !maker.is_due(due.over_at) || look_at.is_some_and(|at| at > now) {
            continue;
        }
        if organisation.is_none() {
            organisation = Some(maker.organisation().await?);
        }
        let Some(organisation) = &organisation else {
            continue;
        };
        if let Err(fault) = look_at_one(maker, organisation, &due).await {
            tracing::warn!(rule = due.rule.id, detail = %fault.detail, "a figure cannot be looked at");
            let until = now.checked_add(BREAK).unwrap_or(now);
            let put_off = deps.db.transaction(move |connection| {
                let id = due.rule.id.clone();
                Box::pin(
                    async move { exceptions::put_off(connection, &id, first_day, until).await },
                )
            });
            put_off.await?;
        }
    }
    Ok(())
}

/// Begins with the period that it is in.
async fn begin(maker: &Maker, rule: &ExceptionRule, today: Date) -> Result<(), Fault> {
    let first_day = containing(rule.cadence(), today).first;
    let id = rule.id.clone();
    let db = &maker.core.deps.db;
    db.transaction(move |connection| {
        let id = id.clone();
        Box::pin(async move { exceptions::begin(connection, &id, first_day).await })
    })
    .await
}

/// The period that is to be looked at now; those that are long over are not.
fn due(
    rule: ExceptionRule,
    version: &ExceptionRulesVersion,
    zone: &Zone,
    noted: Date,
    now: Timestamp,
) -> Option<Due> {
    let cadence = rule.cadence();
    let settled = zone.today(now).checked_sub(rule.settle_days.days()).ok()?;
    let step = step(cadence, noted, settled)?;
    if step.skipped {
        tracing::warn!(
            rule = rule.id,
            "periods that are long over are not looked at"
        );
    }
    // How things stand now is not how they stood at the end of one that is longer over.
    let period = match rule::is_of_now(&rule) {
        true => step.periods.last(),
        false => step.periods.first(),
    };
    let period = *period?;
    Some(Due {
        version: version.number,
        zone: zone.clone(),
        noted,
        period,
        over_at: over_at(period, zone)?,
        next: period.last.tomorrow().ok()?,
        rule,
    })
}

/// A department, or the whole company, as it was looked at.
#[derive(Clone)]
struct Seen {
    department: Option<Uuid>,
    observed: Observation,
    generation: i32,
    found: Option<Outside>,
}

async fn look_at_one(maker: &Maker, organisation: &Organisation, due: &Due) -> Result<(), Fault> {
    let deps = &maker.core.deps;
    let late_sources = maker.late(due.over_at);
    let audiences = match due.rule.audience() {
        Audience::Company => vec![None],
        _ => organisation.headed().into_iter().map(Some).collect(),
    };
    let mut seen = Vec::new();
    for department in audiences {
        seen.extend(see(maker, organisation, due, department).await?);
    }
    let now = deps.clock.now();
    let mut found = Vec::new();
    for one in seen.iter().filter(|one| one.found.is_some()) {
        let id = deps.ids.next()?;
        let title = one.department.and_then(|id| organisation.title(id));
        let record = exception(due, one, title, late_sources.clone(), (id, now));
        found.extend(record.map(|record| StoredException {
            id,
            revision: 1,
            found_at: now,
            record,
        }));
    }
    let (writing, request) = ((due.clone(), seen, found), deps.ids.next()?.to_string());
    deps.db
        .transaction(move |connection| {
            let ((due, seen, found), request) = (writing.clone(), request.clone());
            Box::pin(async move {
                let ends = (due.noted, due.next);
                if !exceptions::move_on(connection, &due.rule.id, ends).await? {
                    return Ok(());
                }
                if rule::is_of_now(&due.rule) {
                    for one in &seen {
                        let kept = Kept {
                            figure: &rule::key(&due.rule),
                            department: one.department,
                            first_day: due.period.first,
                            observed: one.observed,
                        };
                        exceptions::keep_figure(connection, &kept).await?;
                    }
                }
                let mut entries = Vec::new();
                for one in &found {
                    if exceptions::insert(connection, one).await? {
                        entries.push(Entry::by_itself(
                            now,
                            request.clone(),
                            "exception.found",
                            one.record.name.clone(),
                            None,
                            changed(&one.record),
                        ));
                    }
                }
                if !entries.is_empty() {
                    kefu_journal::append(connection, &entries).await?;
                }
                Ok(())
            })
        })
        .await
}

/// The figure of a department and of what it is compared with.
async fn see(
    maker: &Maker,
    organisation: &Organisation,
    due: &Due,
    department: Option<Uuid>,
) -> Result<Option<Seen>, Fault> {
    let (asked, period) = (&due.rule, due.period);
    let question = rule::question(asked, period, &due.zone, &value)?;
    let reach = department.map(|id| organisation.reach(id));
    let (generation, figure) = maker.figure(question, reach).await?;
    let days = rule::compared(asked, period);
    let (observed, past) = if rule::is_of_now(asked) {
        let total = figure.total.unwrap_or_default();
        let key = rule::key(asked);
        let past = maker.core.deps.db.run(move |connection| {
            let (key, days) = (key, days);
            Box::pin(
                async move { exceptions::kept_figures(connection, &key, department, &days).await },
            )
        });
        (rule::observed(asked, &total), past.await?)
    } else {
        let Some(observed) = rule::of_day(asked, &figure.rows, period.first) else {
            return Ok(None);
        };
        let past = rule::past(asked, &figure.rows, &days);
        let before = rule::question_before(asked, (&days, &past), &due.zone, &value)?;
        let past = match before {
            Some(before) => {
                let reach = department.map(|id| organisation.reach(id));
                let (_, ever) = maker.figure(before, reach).await?;
                match ever.total.is_some_and(|total| total.count > 0) {
                    true => past,
                    false => rule::since_begun(past),
                }
            }
            None => past,
        };
        (observed, past)
    };
    Ok(Some(Seen {
        department,
        observed,
        generation,
        found: outside(observed, &past, &rule::limits(asked)),
    }))
}

fn exception(
    due: &Due,
    seen: &Seen,
    title: Option<&str>,
    late_sources: Vec<String>,
    (id, now): (Uuid, Timestamp),
) -> Option<Exception> {
    let found = seen.found?;
    let department = seen.department.map(|id| name(DEPARTMENTS, id));
    Some(Exception {
        name: name(EXCEPTIONS, id),
        rule: Some(due.rule.clone()),
        version: due.version,
        department: department.unwrap_or_default(),
        department_title: title.unwrap_or_default().to_owned(),
        first_day: Some(wire(due.period.first)),
        last_day: Some(wire(due.period.last)),
        time_zone: due.zone.name().to_owned(),
        count: seen.observed.count,
        figure: found.figure,
        usual_low: found.low,
        usual_high: found.high,
        median: found.median,
        compared_periods: i32::try_from(found.periods).unwrap_or(i32::MAX),
        side: found.side.into(),
        state: ExceptionState::Open.into(),
        find_time: Some(to_proto(now)),
        generation: seen.generation,
        late_sources,
        etag: etag(1),
        ..Exception::default()
    })
}
