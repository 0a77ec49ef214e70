//! Who has to take what, found by the clock and from the register (OP-4.1): each thing is written
//! down once, however many replicas look and however late, because what is found is worked out
//! anew under the lock of the policy's revision, under which all of it changes.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use kefu_contracts::{
    access::{
        TrainingEvent, TrainingObligationEnd as End, TrainingObligationState as State,
        TrainingSessionState,
    },
    journal::{TrainingChanged, event},
};
use kefu_journal::Entry;
use kefu_service::{clock::Clock, database::Db, error::Fault, fields, host::Job, ids::Ids};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    api::training::{about_enrolment, about_obligation, kind, leave},
    domain::training::{
        ENROLMENTS, Enrolment, OBLIGATIONS,
        obligation::Obligation,
        reconcile::{Change, reconcile},
        steps::{self, ObligationStep},
    },
    store::{
        changes::{By, Revision},
        training::{self, enrolment, facts, obligation, session::Seated},
    },
};

/// Most that is written down in one transaction.
const AT_ONCE: usize = 200;

/// What the job needs.
#[derive(Clone)]
pub(crate) struct Trainings {
    pub(crate) db: Db,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Ids,
}

impl Trainings {
    /// The job that looks every so often.
    pub(crate) fn job(self, every: Duration) -> Job {
        let trouble = "it cannot be looked at who has to take which training";
        let clock = self.clock.clone();
        Job::every("trainings", clock, every, trouble, move || {
            let trainings = self.clone();
            async move { trainings.look().await }
        })
    }

    /// Until nothing more is found: what arose long ago is overdue at the next look.
    async fn look(&self) -> Result<(), Fault> {
        let now = self.clock.now();
        loop {
            let found = self
                .db
                .snapshot(move |connection| Box::pin(find(connection, now)))
                .await?;
            if found.is_empty() {
                return Ok(());
            }
            let ids = self.ids.clone();
            self.db
                .transaction(move |connection| {
                    let ids = ids.clone();
                    Box::pin(async move { carry_out(connection, &ids, now).await })
                })
                .await?;
        }
    }
}

/// What came about, and whose places in sessions are free as they have left.
#[derive(Debug, Default)]
struct Found {
    changes: Vec<Change>,
    departed: Vec<Uuid>,
}

impl Found {
    fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.departed.is_empty()
    }
}

async fn find(connection: &mut PgConnection, now: Timestamp) -> Result<Found, Fault> {
    let facts = facts::at(connection, now).await?;
    Ok(Found {
        changes: reconcile(&facts, now),
        departed: enrolment::of_departed(connection, now).await?,
    })
}

async fn carry_out(connection: &mut PgConnection, ids: &Ids, now: Timestamp) -> Result<(), Fault> {
    let by = By {
        actor: None,
        at: now,
    };
    let revision = Revision::begin(connection, by).await?;
    let found = find(revision.connection, now).await?;
    let request = ids.next()?.to_string();
    let mut entries = Vec::new();
    for change in found.changes.into_iter().take(AT_ONCE) {
        let (event, now_is) = match change {
            Change::Arise {
                course,
                employee,
                cause,
                at,
                due_at,
            } => {
                let arisen = Obligation {
                    id: ids.next()?,
                    employee,
                    course,
                    cause,
                    state: State::Due,
                    arose_at: at,
                    due_at,
                    settled_at: None,
                    end: End::Unspecified,
                    result: None,
                };
                (TrainingEvent::Obliged, Some(arisen))
            }
            Change::FallDue(id) => {
                let step = ObligationStep::FallDue;
                let late = stepped(revision.connection, id, step).await?;
                (TrainingEvent::Overdue, late)
            }
            Change::End(id, end) => {
                let over = stepped(revision.connection, id, ObligationStep::End).await?;
                let over = over.map(|one| Obligation {
                    settled_at: Some(now),
                    end,
                    ..one
                });
                (TrainingEvent::ObligationEnded, over)
            }
        };
        if let Some(one) = now_is {
            obligation::put(revision.connection, &one).await?;
            let name = fields::name(OBLIGATIONS, one.id);
            entries.push(entry(
                now,
                &request,
                event,
                name,
                about_obligation(event, &one),
            ));
        }
    }
    for id in found.departed.into_iter().take(AT_ONCE) {
        entries.extend(depart(revision.connection, id, now, &request).await?);
    }
    kefu_journal::append(revision.connection, &entries).await?;
    revision.close().await?;
    Ok(())
}

/// An obligation after a step that it can take.
async fn stepped(
    connection: &mut PgConnection,
    id: Uuid,
    step: ObligationStep,
) -> Result<Option<Obligation>, Fault> {
    let found = training::get::<Obligation>(connection, id).await?;
    Ok(found.and_then(|one| {
        let state = steps::obligation(one.state, step)?;
        Some(Obligation { state, ..one })
    }))
}

/// Who has left leaves the sessions that are open.
async fn depart(
    connection: &mut PgConnection,
    id: Uuid,
    now: Timestamp,
    request: &str,
) -> Result<Vec<Entry>, Fault> {
    let Some(mut gone) = training::get::<Enrolment>(connection, id).await? else {
        return Ok(Vec::new());
    };
    let found = training::get::<Seated>(connection, gone.session).await?;
    let open = found.filter(|one| one.session.state == TrainingSessionState::Open);
    let Some(session) = open.map(|one| one.session) else {
        return Ok(Vec::new());
    };
    let moved = leave(connection, &mut gone, &session).await?;
    let told = [
        (TrainingEvent::Withdrawn, Some(gone)),
        (TrainingEvent::MovedUp, moved),
    ];
    let told = told.into_iter().filter_map(|(event, one)| {
        let one = one?;
        let name = fields::name(ENROLMENTS, one.id);
        let changed = about_enrolment(event, &one, &session);
        Some(entry(now, request, event, name, changed))
    });
    Ok(told.collect())
}

fn entry(
    now: Timestamp,
    request: &str,
    event: TrainingEvent,
    resource: String,
    changed: TrainingChanged,
) -> Entry {
    let changed = event::Event::TrainingChanged(changed);
    Entry::by_itself(
        now,
        request.to_owned(),
        kind(event),
        resource,
        None,
        changed,
    )
}
