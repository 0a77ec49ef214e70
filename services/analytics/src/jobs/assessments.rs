//! Everybody whom a monthly scheme is for is assessed once the month is over: once, however many
//! instances look. Whoever moves the schedule on has opened the round. Scores are waited for, and
//! objections, until their time is over.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;
use kefu_contracts::{
    analytics::{AssessmentOrigin, AssessmentRulesVersion, AssessmentState, Cadence},
    journal::AssessmentAct,
};
use kefu_journal::Entry;
use kefu_service::{error::Fault, host::Job, versions::in_force};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    assessor::{self, Assessor, Planned},
    domain::{
        assessment::state::{self, Event},
        company::Company,
        period::{Days, Zone},
        report::cadence::{containing, step},
    },
    store::{
        assessments::{self, Round},
        ratings, versions,
    },
};

const EVERY: Duration = Duration::from_secs(2);
/// A round is opened as a whole; each statement is bounded as any other.
const BOUND: Duration = Duration::from_secs(120);
/// Assessments of one look, of each kind.
const MOST: i64 = 100;

/// The job that looks every two seconds.
pub(crate) fn job(assessor: Assessor) -> Job {
    let clock = assessor.core.deps.clock.clone();
    let trouble = "staff cannot be assessed";
    Job::every("assessments", clock, EVERY, trouble, move || {
        let assessor = assessor.clone();
        async move {
            open(&assessor).await?;
            close(&assessor).await
        }
    })
}

/// Opens the rounds of months that are over.
async fn open(assessor: &Assessor) -> Result<(), Fault> {
    let deps = &assessor.core.deps;
    let now = deps.clock.now();
    let looked = deps.db.run(move |connection| {
        Box::pin(async move {
            let versions = versions::assessments(connection).await?;
            let version = in_force(&versions, now).cloned();
            Ok((version, assessments::schedule(connection).await?))
        })
    });
    let (version, noted) = looked.await?;
    let Some(version) = version else {
        return Ok(());
    };
    let zone = version.definition.as_ref();
    let Some(zone) = zone.and_then(|rules| Zone::parse(&rules.time_zone)) else {
        return Ok(());
    };
    let today = zone.today(now);
    let Some(noted) = noted else {
        let first_day = containing(Cadence::Monthly, today).first;
        let begin = deps.db.transaction(move |connection| {
            Box::pin(async move { assessments::begin(connection, first_day).await })
        });
        return begin.await;
    };
    let Some(step) = step(Cadence::Monthly, noted, today) else {
        return Ok(());
    };
    if step.skipped {
        tracing::warn!("months that are long over are not assessed");
    }
    let company = assessor.company().await?;
    let mut rounds = Vec::new();
    for month in step.periods {
        rounds.push(round(assessor, &version, &company, month, now)?);
    }
    let request = deps.ids.next()?.to_string();
    deps.db
        .within(BOUND)
        .transaction(move |connection| {
            let (rounds, request) = (rounds.clone(), request.clone());
            Box::pin(async move {
                if assessments::move_on(connection, noted, step.next).await? {
                    for (round, planned) in &rounds {
                        begin(connection, round, planned, &request).await?;
                    }
                }
                Ok(())
            })
        })
        .await
}

/// Everybody to be assessed over a month, each by the first scheme that is for them.
fn round(
    assessor: &Assessor,
    version: &AssessmentRulesVersion,
    company: &Company,
    month: Days,
    now: Timestamp,
) -> Result<(Round, Vec<Planned>), Fault> {
    let round = Round {
        id: assessor.core.deps.ids.next()?,
        origin: AssessmentOrigin::Monthly,
        rules_version: version.number,
        first_day: month.first,
        last_day: month.last,
        opened_at: now,
        opened_by: None,
    };
    let rules = version.definition.as_ref();
    let schemes = rules
        .map(|rules| rules.schemes.as_slice())
        .unwrap_or_default();
    let (mut planned, mut seen) = (Vec::new(), BTreeSet::new());
    for scheme in schemes.iter().filter(|scheme| scheme.monthly) {
        for person in company.meant(scheme, now) {
            if seen.insert(person) {
                planned.extend(assessor::plan(
                    &assessor.core,
                    company,
                    scheme,
                    person,
                    &[],
                    now,
                )?);
            }
        }
    }
    Ok((round, planned))
}

/// Opens what is planned, but what somebody opened before.
async fn begin(
    connection: &mut PgConnection,
    round: &Round,
    planned: &[Planned],
    request: &str,
) -> Result<(), Fault> {
    let all: Vec<_> = planned.iter().map(|one| one.new.clone()).collect();
    let opened = assessments::open(connection, round, &all).await?;
    let opened: BTreeSet<Uuid> = opened.into_iter().collect();
    let opened = planned.iter().filter(|one| opened.contains(&one.new.id));
    let asked: Vec<_> = opened.clone().flat_map(|one| one.asked.clone()).collect();
    ratings::ask(connection, &asked, round.opened_at).await?;
    let entries = opened.map(|one| {
        let (resource, event) = assessor::opened(one, round.rules_version);
        let (now, request) = (round.opened_at, request.to_owned());
        Entry::by_itself(now, request, "assessment.opened", resource, None, event)
    });
    let entries: Vec<Entry> = entries.collect();
    if !entries.is_empty() {
        kefu_journal::append(connection, &entries).await?;
    }
    Ok(())
}

/// Closes what nothing more is waited for of.
async fn close(assessor: &Assessor) -> Result<(), Fault> {
    let deps = &assessor.core.deps;
    let now = deps.clock.now();
    let over = deps
        .db
        .run(move |connection| Box::pin(assessments::over(connection, now, MOST)));
    for id in over.await? {
        let request = deps.ids.next()?.to_string();
        deps.db
            .transaction(move |connection| {
                let request = request.clone();
                Box::pin(async move { close_one(connection, id, now, request).await })
            })
            .await?;
    }
    Ok(())
}

/// It is looked at again, as nobody else changes it: somebody may have been first.
async fn close_one(
    connection: &mut PgConnection,
    id: Uuid,
    now: Timestamp,
    request: String,
) -> Result<(), Fault> {
    let row = assessor::again(connection, id).await?;
    let (event, act, kind) = match row.state {
        AssessmentState::Collecting if row.score_until <= now => {
            let given = ratings::of(connection, id).await?;
            if !assessor::is_complete(&given, true) {
                return Ok(());
            }
            (Event::Complete, AssessmentAct::Ready, "assessment.ready")
        }
        AssessmentState::Published if row.appeal_until.is_some_and(|until| until < now) => {
            (Event::Lapse, AssessmentAct::Lapsed, "assessment.lapsed")
        }
        _ => return Ok(()),
    };
    assessments::turn(connection, id, state::after(row.state, event)?).await?;
    let row = assessor::again(connection, id).await?;
    let (resource, event) = assessor::changed(&row, act);
    let entry = Entry::by_itself(now, request, kind, resource, None, event);
    kefu_journal::append(connection, &[entry]).await?;
    Ok(())
}
