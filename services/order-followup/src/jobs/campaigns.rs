//! Campaigns that were agreed to run from their start to their end (OP-3.3, CC-2.2): each goes
//! once through its selection, however many instances look, and turns to who agreed to it.

use std::{sync::Arc, time::Duration};

use kefu_contracts::order::{CampaignState, RelationPlansVersion};
use kefu_journal::Entry;
use kefu_service::{
    core::Deps, error::Fault, facts, fields::name, host::Job, peer::PeerService, versions::in_force,
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    campaigns::{changed, settle, turn_to},
    desk::{By, Desk},
    domain::campaign::{Limits, Step},
    store::{
        campaigns::{self, CAMPAIGNS, StoredCampaign},
        versions,
    },
};

const EVERY: Duration = Duration::from_secs(10);
/// Customers of one transaction.
const MOST: i32 = 200;

/// The job that looks every ten seconds.
pub(crate) fn job(deps: Deps, desk: Desk, profiles: PeerService) -> Job {
    let (clock, trouble) = (deps.clock.clone(), "campaigns cannot run");
    Job::every("campaigns", clock, EVERY, trouble, move || {
        let (deps, desk, profiles) = (deps.clone(), desk.clone(), profiles.clone());
        async move {
            let now = deps.clock.now();
            let under_way = deps
                .db
                .run(move |connection| {
                    Box::pin(async move { campaigns::under_way(connection, now).await })
                })
                .await?;
            for campaign in under_way {
                run(&deps, &desk, &profiles, campaign).await?;
            }
            while clear(&deps, &desk).await? {}
            Ok(())
        }
    })
}

/// Starts a campaign, ends it, or goes on with it, as its time has come.
async fn run(
    deps: &Deps,
    desk: &Desk,
    profiles: &PeerService,
    campaign: StoredCampaign,
) -> Result<(), Fault> {
    if deps.clock.now() >= campaign.end_at {
        return step(deps, campaign.id, Step::End).await;
    }
    if campaign.record.state() == CampaignState::Approved {
        step(deps, campaign.id, Step::Start).await?;
    }
    let (mut after, mut done) = (campaign.after, campaign.gone_through);
    while !done {
        let asked = (after, MOST);
        let (owner, purpose) = (profiles.clone(), campaign.record.purpose());
        let some =
            facts::select_after(owner, "customers", &campaign.filter, purpose, asked).await?;
        let some = some.map(|some| some.records).unwrap_or_default();
        match go_on(deps, desk, campaign.id, after, some).await? {
            Some(reached) => (after, done) = reached,
            // Somebody else got further, or ended it.
            None => return Ok(()),
        }
    }
    Ok(())
}

async fn step(deps: &Deps, id: Uuid, step: Step) -> Result<(), Fault> {
    let (now, request) = (deps.clock.now(), deps.ids.next()?);
    deps.db
        .transaction(move |connection| {
            Box::pin(async move {
                let Some(row) = campaigns::lock(connection, id).await? else {
                    return Ok(());
                };
                // Another instance, or a person, was first.
                let Ok(state) = step.leads_from(row.record.state()) else {
                    return Ok(());
                };
                campaigns::step(connection, id, state, None, "", now).await?;
                let row = campaigns::lock(connection, id).await?;
                let entries: Vec<_> = row
                    .iter()
                    .map(|row| entry(now, request, step, row))
                    .collect();
                kefu_journal::append(connection, &entries).await?;
                Ok(())
            })
        })
        .await
}

fn entry(now: jiff::Timestamp, request: Uuid, step: Step, row: &StoredCampaign) -> Entry {
    let (request, resource) = (request.to_string(), name(CAMPAIGNS, row.id));
    Entry::by_itself(
        now,
        request,
        step.journaled_as(),
        resource,
        None,
        changed(row),
    )
}

/// Turns to the next of a selection, if it is still theirs to be turned to: how far it came, and
/// whether that is all.
async fn go_on(
    deps: &Deps,
    desk: &Desk,
    id: Uuid,
    after: Uuid,
    some: Vec<Uuid>,
) -> Result<Option<(Uuid, bool)>, Fault> {
    let (now, request) = (deps.clock.now(), deps.ids.next()?);
    let writing = (desk.clone(), Arc::new(some));
    deps.db
        .transaction(move |connection| {
            let (desk, some) = writing.clone();
            Box::pin(async move {
                let row = campaigns::lock(connection, id).await?;
                let running = |row: &StoredCampaign| {
                    row.record.state() == CampaignState::Running
                        && row.after == after
                        && !row.gone_through
                };
                let Some(campaign) = row.filter(running) else {
                    return Ok(None);
                };
                let by = By::Itself { now, request };
                let limits = limits(connection, now).await?;
                let mut entries = Vec::new();
                for customer in some.iter() {
                    let turned = turn_to(connection, &desk, &by, &limits, &campaign, *customer);
                    entries.extend(turned.await?);
                }
                let done = i32::try_from(some.len()).unwrap_or(i32::MAX) < MOST;
                let last = some.last().copied().unwrap_or(after);
                let contacts = i32::try_from(entries.len()).unwrap_or(i32::MAX);
                campaigns::reach(connection, id, last, done, contacts).await?;
                if !entries.is_empty() {
                    kefu_journal::append(connection, &entries).await?;
                }
                Ok(Some((last, done)))
            })
        })
        .await
}

async fn limits(connection: &mut PgConnection, now: jiff::Timestamp) -> Result<Limits, Fault> {
    let versions = versions::all::<RelationPlansVersion>(connection).await?;
    let version = in_force(&versions, now).filter(|version| version.number > 0);
    Ok(Limits::of(
        version.and_then(|version| version.definition.as_ref()),
    ))
}

/// Settles what campaigns that ended had still to be done; whether there may be more of it.
async fn clear(deps: &Deps, desk: &Desk) -> Result<bool, Fault> {
    let (now, request) = (deps.clock.now(), deps.ids.next()?);
    let desk = desk.clone();
    deps.db
        .transaction(move |connection| {
            let desk = desk.clone();
            Box::pin(async move {
                let by = By::Itself { now, request };
                let some = campaigns::ended(connection, MOST.into()).await?;
                let mut entries = Vec::new();
                for pair in &some {
                    let settled = settle(connection, &desk, &by, *pair, "活动已结束");
                    entries.extend(settled.await?);
                }
                if !entries.is_empty() {
                    kefu_journal::append(connection, &entries).await?;
                }
                Ok(i32::try_from(some.len()).unwrap_or(i32::MAX) == MOST)
            })
        })
        .await
}
