//! Reports come by themselves once their period is over: each once, however many instances look.
//! Whoever moves the schedule on has noted what is due, and whoever takes that away has made it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kefu_contracts::analytics::{ReportDefinition, ReportRulesVersion};
use kefu_journal::Entry;
use kefu_service::{core::Deps, error::Fault, fields::name, host::Job, versions::in_force};

use crate::{
    domain::{
        organisation::Organisation,
        period::{Days, Zone},
        report::{
            self,
            cadence::{Step, containing, over_at, step},
        },
    },
    maker::{self, Maker, Wanted},
    store::{
        reports::{self, Due, REPORTS},
        versions,
    },
};

const EVERY: Duration = Duration::from_secs(2);
/// Reports of one look.
const MOST: i64 = 20;
/// Before one that could not be made is tried again.
const BREAK: SignedDuration = SignedDuration::from_mins(1);

/// The job that looks every two seconds.
pub(crate) fn job(maker: Maker) -> Job {
    let clock = maker.core.deps.clock.clone();
    Job::every(
        "reports",
        clock,
        EVERY,
        "reports cannot be made",
        move || {
            let maker = maker.clone();
            async move {
                plan(&maker).await?;
                make(&maker).await
            }
        },
    )
}

/// Notes what is due.
async fn plan(maker: &Maker) -> Result<(), Fault> {
    let deps = &maker.core.deps;
    let now = deps.clock.now();
    let looked = deps.db.run(move |connection| {
        Box::pin(async move {
            let versions = versions::reports(connection).await?;
            let version = in_force(&versions, now).cloned();
            Ok((version, reports::schedule(connection).await?))
        })
    });
    let (version, noted) = looked.await?;
    let Some(version) = version else {
        return Ok(());
    };
    let rules = version.definition.unwrap_or_default();
    let Some(zone) = Zone::parse(&rules.time_zone) else {
        return Ok(());
    };
    let today = zone.today(now);
    let mut organisation = None;
    for definition in rules.reports {
        let Some(first_day) = noted.get(&definition.id).copied() else {
            let first_day = containing(definition.cadence(), today).first;
            let id = definition.id;
            deps.db
                .transaction(move |connection| {
                    let id = id.clone();
                    Box::pin(async move { reports::begin(connection, &id, first_day).await })
                })
                .await?;
            continue;
        };
        let Some(step) = step(definition.cadence(), first_day, today) else {
            continue;
        };
        if step.skipped {
            tracing::warn!(
                report = definition.id,
                "periods that are long over are not reported on"
            );
        }
        if organisation.is_none() {
            organisation = Some(maker.organisation().await?);
        }
        let headed = || {
            organisation
                .as_ref()
                .map(Organisation::headed)
                .unwrap_or_default()
        };
        let due = dues(deps, &definition, version.number, &step, &zone, headed)?;
        deps.db
            .transaction(move |connection| {
                let (id, next, due) = (definition.id.clone(), step.next, due.clone());
                Box::pin(async move {
                    if reports::move_on(connection, &id, first_day, next).await? {
                        for one in &due {
                            reports::add_due(connection, one).await?;
                        }
                    }
                    Ok(())
                })
            })
            .await?;
    }
    Ok(())
}

fn dues(
    deps: &Deps,
    definition: &ReportDefinition,
    version: i32,
    step: &Step,
    zone: &Zone,
    headed: impl FnOnce() -> Vec<uuid::Uuid>,
) -> Result<Vec<Due>, Fault> {
    let audiences = report::audiences(definition, headed);
    let mut due = Vec::new();
    for period in &step.periods {
        let Some(over_at) = over_at(*period, zone) else {
            continue;
        };
        for department in &audiences {
            due.push(Due {
                id: deps.ids.next()?,
                report: definition.id.clone(),
                version,
                department: *department,
                first_day: period.first,
                over_at,
            });
        }
    }
    Ok(due)
}

/// Makes what is due, once the journals are read up to the end of the period.
async fn make(maker: &Maker) -> Result<(), Fault> {
    let deps = &maker.core.deps;
    let now = deps.clock.now();
    let due = deps
        .db
        .run(move |connection| Box::pin(reports::due(connection, now, MOST)))
        .await?;
    let ready = due.into_iter().filter(|due| maker.is_due(due.over_at));
    let ready: Vec<Due> = ready.collect();
    if ready.is_empty() {
        return Ok(());
    }
    let organisation = maker.organisation().await?;
    let versions = deps
        .db
        .run(|connection| Box::pin(versions::reports(connection)))
        .await?;
    for one in ready {
        let made = match wanted(&versions, &one) {
            Some(wanted) => make_one(maker, &organisation, wanted, &one).await,
            None => Err(Fault::internal("a report of no definition")),
        };
        if let Err(fault) = made {
            tracing::warn!(report = one.report, detail = %fault.detail, "a report cannot be made");
            put_off(deps, &one, now).await?;
        }
    }
    Ok(())
}

fn wanted(versions: &[ReportRulesVersion], due: &Due) -> Option<Wanted> {
    let version = versions
        .iter()
        .find(|version| version.number == due.version)?;
    let rules = version.definition.as_ref()?;
    let definition = report::find(rules, &due.report)?;
    let period: Days = containing(definition.cadence(), due.first_day);
    Some(Wanted {
        version: due.version,
        zone: Zone::parse(&rules.time_zone)?,
        definition: definition.clone(),
        department: due.department,
        period,
        over_at: due.over_at,
        requester: String::new(),
    })
}

async fn make_one(
    maker: &Maker,
    organisation: &Organisation,
    wanted: Wanted,
    due: &Due,
) -> Result<(), Fault> {
    let deps = &maker.core.deps;
    let counted = maker.count(&wanted, organisation).await?;
    let (id, request) = (due.id, deps.ids.next()?.to_string());
    let now = deps.clock.now();
    deps.db
        .transaction(move |connection| {
            let (wanted, counted, request) = (wanted.clone(), counted.clone(), request.clone());
            Box::pin(async move {
                if !reports::take(connection, id).await? {
                    return Ok(());
                }
                let (_, event) = maker::keep(connection, id, &wanted, &counted).await?;
                let resource = name(REPORTS, id);
                let entry = Entry::by_itself(now, request, "report.made", resource, None, event);
                kefu_journal::append(connection, &[entry]).await?;
                Ok(())
            })
        })
        .await
}

async fn put_off(deps: &Deps, due: &Due, now: Timestamp) -> Result<(), Fault> {
    let id = due.id;
    let until = now.checked_add(BREAK).unwrap_or(now);
    deps.db
        .transaction(move |connection| Box::pin(reports::put_off(connection, id, until)))
        .await
}
