//! The register after the suite was restored from a backup: what had been granted when the backup
//! was made may have been taken back since, and nothing here knows of it. A grant does not outlive
//! its minute, so whatever was in use, or could have been put to use, is taken back; whoever needs
//! it still asks for it anew. What takes effect later by itself, a destruction whose cooling-off
//! runs, may have been called off, and is taken back in the same way.

use std::collections::HashSet;

use jiff::Timestamp;
use kefu_contracts::{
    access::ApprovalEvent,
    journal::{OrganisationChanged, event},
};
use kefu_journal::Entry;
use kefu_service::{clock::Clock, database::Db, error::Fault};
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use crate::{
    api::approvals::{Desk, Kind, write},
    config::AccessControlConfig,
    domain::approval::{Chart, Flows, State},
    store::{
        approval::{self, Step},
        changes::{By, Record, Revision},
        chart,
        destruction::StoredDestruction,
        share::StoredShare,
        webhook,
    },
};

/// What the history of a request says of it.
const WHY: &str = "the suite was restored from a backup";

/// What was taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TakenBack {
    /// Shares that were approved, scheduled or active.
    pub shares: u64,
    /// Destructions that waited for the end of their cooling-off.
    pub destructions: u64,
    /// Bindings, delegations and people of which it is known that they ended since.
    pub ended: u64,
}

/// What is known from after the backup.
#[derive(Debug, Clone, Default)]
pub struct Since {
    /// Destructions that were carried out.
    pub carried_out: Vec<Uuid>,
    /// Rows of `access.binding`, as an array in JSON.
    pub bindings: String,
    /// Rows of `access.delegation`.
    pub delegations: String,
    /// Rows of `access.employee`.
    pub employees: String,
}

/// Takes back what nobody can know to stand still, ends what is known to have ended, and journals
/// that the suite was restored from this backup. Nothing is given: what was granted, prolonged or
/// moved after it was made is not here.
///
/// # Errors
/// When the stages of requests are not right, or the database cannot be reached.
pub async fn take_back(
    db: &Db,
    clock: &dyn Clock,
    config: &AccessControlConfig,
    backup: &str,
    since: &Since,
) -> Result<TakenBack, Fault> {
    let now = clock.now();
    let flows = config.flows()?;
    let (backup, since) = (backup.to_owned(), since.clone());
    db.transaction(move |connection| {
        let (flows, backup, since) = (flows.clone(), backup.clone(), since.clone());
        Box::pin(async move {
            let carried_out: HashSet<Uuid> = since.carried_out.iter().copied().collect();
            let chart = chart::at(connection, now).await?;
            let open = open(connection).await?;
            let mut revision = Revision::begin(
                connection,
                By {
                    actor: None,
                    at: now,
                },
            )
            .await?;
            let mut taken = TakenBack::default();
            for (id, kind, state) in open {
                let began = state == State::Active.as_str();
                if kind == StoredShare::KIND {
                    taken.shares +=
                        one::<StoredShare>(&mut revision, &flows, &chart, now, id).await?;
                } else if !began && !carried_out.contains(&id) {
                    taken.destructions +=
                        one::<StoredDestruction>(&mut revision, &flows, &chart, now, id).await?;
                }
            }
            for (what, rows) in [
                (&BINDINGS, &since.bindings),
                (&DELEGATIONS, &since.delegations),
                (&EMPLOYEES, &since.employees),
            ] {
                taken.ended += what.end(&mut revision, rows).await?;
            }
            // Their secrets are in no backup, and they may have been deleted since.
            webhook::pause_all(revision.connection).await?;
            let policy_revision = match revision.has_changed() {
                true => revision.number,
                false => 0,
            };
            let event = event::Event::OrganisationChanged(OrganisationChanged { policy_revision });
            let (request, resource) = (String::new(), format!("backups/{backup}"));
            let entry = Entry::by_itself(now, request, "suite.restored", resource, None, event);
            kefu_journal::append(revision.connection, &[entry]).await?;
            revision.close().await?;
            Ok(taken)
        })
    })
    .await
}

/// Requests that let something happen, in the order they were made.
async fn open(connection: &mut PgConnection) -> Result<Vec<(Uuid, String, String)>, Fault> {
    let rows = sqlx::query(
        "SELECT id, kind, state FROM access.approval
         WHERE kind IN ('share', 'destruction') AND state IN ('approved', 'scheduled', 'active')
         ORDER BY created_at, id FOR UPDATE",
    )
    .fetch_all(connection)
    .await?;
    let read = |row: &sqlx::postgres::PgRow| {
        Ok::<_, sqlx::Error>((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
    };
    Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
}

/// Takes one back, where its time is not over anyway; how many that were.
async fn one<K: Kind>(
    revision: &mut Revision<'_>,
    flows: &Flows,
    chart: &Chart,
    now: Timestamp,
    id: Uuid,
) -> Result<u64, Fault> {
    let flow = K::flow(flows);
    let desk = Desk { flow, chart, now };
    approval::lock(revision.connection, id).await?;
    let Some(stored) = K::list(revision.connection, &[id]).await?.pop() else {
        return Ok(0);
    };
    let mut case = stored.case();
    if case.next_by_time(flow).is_some_and(|(at, _)| at <= now) && case.state == State::Active {
        // It is over, and the job that follows time writes that down.
        return Ok(0);
    }
    if case.take_back().is_err() {
        return Ok(0);
    }
    stored.save(revision, &desk, &case).await?;
    let step = Step {
        comment: WHY.to_owned(),
        ..write::step_of_time(ApprovalEvent::Revoked, now, None)
    };
    write::note::<K>(revision.connection, &desk, id, &step).await?;
    Ok(1)
}

/// Rights of one kind that may have ended.
struct Rights {
    record: fn(Uuid) -> Record,
    /// Those that ended since, by the rows of later in `$1`.
    ended: &'static str,
    /// Ends the one of id `$2`.
    end: &'static str,
}

const BINDINGS: Rights = Rights {
    record: Record::Binding,
    ended: "SELECT here.id FROM access.binding here
                JOIN jsonb_to_recordset($1::text::jsonb) AS later(id uuid, ends_at timestamptz, revoked_at timestamptz) USING (id)
            WHERE (here.revoked_at IS NULL AND later.revoked_at IS NOT NULL)
               OR coalesce(later.ends_at < coalesce(here.ends_at, 'infinity'), false)
            ORDER BY here.id",
    end: "UPDATE access.binding here
          SET revoked_at = coalesce(here.revoked_at, later.revoked_at), ends_at = least(here.ends_at, later.ends_at)
          FROM jsonb_to_recordset($1::text::jsonb) AS later(id uuid, ends_at timestamptz, revoked_at timestamptz)
          WHERE here.id = $2 AND later.id = $2",
};

const DELEGATIONS: Rights = Rights {
    record: Record::Delegation,
    ended: "SELECT here.id FROM access.delegation here
                JOIN jsonb_to_recordset($1::text::jsonb) AS later(id uuid, ends_at timestamptz, revoked_at timestamptz) USING (id)
            WHERE (here.revoked_at IS NULL AND later.revoked_at IS NOT NULL) OR later.ends_at < here.ends_at
            ORDER BY here.id",
    end: "UPDATE access.delegation here
          SET revoked_at = coalesce(here.revoked_at, later.revoked_at), ends_at = least(here.ends_at, later.ends_at)
          FROM jsonb_to_recordset($1::text::jsonb) AS later(id uuid, ends_at timestamptz, revoked_at timestamptz)
          WHERE here.id = $2 AND later.id = $2",
};

/// Who has left, and whose agreement or training is of no more use.
const EMPLOYEES: Rights = Rights {
    record: Record::Employee,
    ended: "SELECT here.id FROM access.employee here
                JOIN jsonb_to_recordset($1::text::jsonb) AS later(id uuid, leaves_at timestamptz,
                    agreement_valid_until timestamptz, training_valid_until timestamptz) USING (id)
            WHERE coalesce(later.leaves_at < coalesce(here.leaves_at, 'infinity'), false)
               OR coalesce(coalesce(later.agreement_valid_until, '-infinity') < here.agreement_valid_until, false)
               OR coalesce(coalesce(later.training_valid_until, '-infinity') < here.training_valid_until, false)
            ORDER BY here.id",
    end: "UPDATE access.employee here
          SET leaves_at = least(here.leaves_at, later.leaves_at), revision = here.revision + 1,
              agreement_valid_until = CASE WHEN later.agreement_valid_until IS NOT NULL
                  THEN least(here.agreement_valid_until, later.agreement_valid_until) END,
              training_valid_until = CASE WHEN later.training_valid_until IS NOT NULL
                  THEN least(here.training_valid_until, later.training_valid_until) END
          FROM jsonb_to_recordset($1::text::jsonb) AS later(id uuid, leaves_at timestamptz,
              agreement_valid_until timestamptz, training_valid_until timestamptz)
          WHERE here.id = $2 AND later.id = $2",
};

impl Rights {
    async fn end(&self, revision: &mut Revision<'_>, rows: &str) -> Result<u64, Fault> {
        if rows.is_empty() {
            return Ok(0);
        }
        let ended: Vec<Uuid> = sqlx::query_scalar(self.ended)
            .bind(rows)
            .fetch_all(&mut *revision.connection)
            .await?;
        for id in &ended {
            let record = (self.record)(*id);
            let image = revision.image(&record).await?;
            let end = sqlx::query(self.end).bind(rows).bind(id);
            end.execute(&mut *revision.connection).await?;
            revision.note(&record, image).await?;
        }
        Ok(ended.len() as u64)
    }
}
