//! Requests for approval: where they stand, and everything that happened to them.

pub(super) mod record;

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::{access::ApprovalEvent, policy::Purpose};
use kefu_service::error::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

pub(crate) use record::Reached;

use crate::domain::approval::{Case, Decision, Finder, Flow, Hat, State, case::Terms};

/// A request as it is stored, without what is its kind's own.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) id: Uuid,
    pub(crate) applicant: Uuid,
    pub(crate) department: Uuid,
    pub(crate) purpose: Purpose,
    pub(crate) state: State,
    pub(crate) stage: usize,
    pub(crate) stage_opened_at: Timestamp,
    pub(crate) reminded: bool,
    pub(crate) escalated: bool,
    pub(crate) beneficiaries: Vec<Uuid>,
    pub(crate) approved_at: Option<Timestamp>,
    pub(crate) period: Option<(Timestamp, Timestamp)>,
    pub(crate) revision: i64,
    pub(crate) steps: Vec<Step>,
}

/// One thing that happened to a request.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) event: ApprovalEvent,
    pub(crate) at: Timestamp,
    /// Stage of the flow, where it was in one.
    pub(crate) stage: Option<usize>,
    pub(crate) actor: Option<Uuid>,
    /// In what capacity, where they decided.
    pub(crate) hat: Option<Hat>,
    pub(crate) comment: String,
    /// Encoded terms as they were afterwards, where they may have changed.
    pub(crate) terms: Option<Vec<u8>>,
}

impl Stored {
    /// Whether it was ever handed in.
    pub(crate) fn was_submitted(&self) -> bool {
        let mut steps = self.steps.iter();
        steps.any(|step| step.event == ApprovalEvent::Submitted)
    }

    /// The agreements that count: what was agreed before it was handed in again does not.
    pub(crate) fn agreed(&self) -> impl Iterator<Item = &Step> {
        let since = self
            .steps
            .iter()
            .rposition(|step| step.event == ApprovalEvent::Submitted);
        let round = &self.steps[since.unwrap_or(self.steps.len())..];
        round
            .iter()
            .filter(|step| step.event == ApprovalEvent::Approved)
    }

    /// The request with its terms, ready to be acted upon.
    pub(crate) fn case<T: Terms>(&self, terms: T) -> Case<T> {
        let decision = |step: &Step| {
            Some(Decision {
                stage: step.stage?,
                hat: step.hat?,
            })
        };
        Case {
            state: self.state,
            applicant: self.applicant,
            department: self.department,
            terms,
            beneficiaries: self.beneficiaries.clone(),
            stage: self.stage,
            stage_opened_at: self.stage_opened_at,
            reminded: self.reminded,
            escalated: self.escalated,
            decisions: self.agreed().filter_map(decision).collect(),
            approved_at: self.approved_at,
            period: self.period,
        }
    }
}

/// These requests, in the order asked for, with their steps.
pub(crate) async fn list(
    connection: &mut PgConnection,
    ids: &[Uuid],
) -> Result<Vec<Stored>, Fault> {
    let rows = sqlx::query!(
        "SELECT id, applicant_id, department_id, purpose, state, stage, stage_opened_at, reminded, escalated,
                beneficiary_ids, approved_at, starts_at, ends_at, revision
         FROM access.approval WHERE id = ANY($1) ORDER BY array_position($1, id)",
        ids
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        let state = State::parse(&row.state);
        let starts_at = row.starts_at.map(jiff_sqlx::Timestamp::to_jiff);
        let ends_at = row.ends_at.map(jiff_sqlx::Timestamp::to_jiff);
        all.push(Stored {
            id: row.id,
            applicant: row.applicant_id,
            department: row.department_id,
            purpose: Purpose::try_from(i32::from(row.purpose)).unwrap_or_default(),
            state: state.ok_or_else(|| Fault::internal("state of a stored approval"))?,
            stage: usize::try_from(row.stage).unwrap_or_default(),
            stage_opened_at: row.stage_opened_at.to_jiff(),
            reminded: row.reminded,
            escalated: row.escalated,
            beneficiaries: row.beneficiary_ids,
            approved_at: row.approved_at.map(jiff_sqlx::Timestamp::to_jiff),
            period: starts_at.zip(ends_at),
            revision: row.revision,
            steps: Vec::new(),
        });
    }
    for (id, step) in steps(connection, ids).await? {
        if let Some(stored) = all.iter_mut().find(|stored| stored.id == id) {
            stored.steps.push(step);
        }
    }
    Ok(all)
}

async fn steps(connection: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<(Uuid, Step)>, Fault> {
    let rows = sqlx::query!(
        "SELECT approval_id, event, at, stage, actor_id, principal_id, post, comment, terms
         FROM access.approval_step WHERE approval_id = ANY($1) ORDER BY approval_id, seq",
        ids
    )
    .fetch_all(connection)
    .await?;
    let posts = [
        Finder::DepartmentHead,
        Finder::SupervisingLeader,
        Finder::CompanyLeader,
        Finder::ArchiveManager,
    ];
    let steps = rows.into_iter().map(|row| {
        let post = row
            .post
            .and_then(|name| posts.into_iter().find(|post| post.as_str() == name));
        let hat = row.actor_id.zip(row.principal_id).zip(post);
        let step = Step {
            event: ApprovalEvent::try_from(i32::from(row.event)).unwrap_or_default(),
            at: row.at.to_jiff(),
            stage: row.stage.and_then(|stage| usize::try_from(stage).ok()),
            actor: row.actor_id,
            hat: hat.map(|((actor, principal), post)| Hat {
                actor,
                principal,
                post,
            }),
            comment: row.comment,
            terms: row.terms,
        };
        (row.approval_id, step)
    });
    Ok(steps.collect())
}

/// Waits until nobody else changes the request.
pub(crate) async fn lock(connection: &mut PgConnection, id: Uuid) -> Result<(), Fault> {
    sqlx::query!(
        "SELECT id FROM access.approval WHERE id = $1 FOR UPDATE",
        id
    )
    .fetch_optional(connection)
    .await?;
    Ok(())
}

/// A request that is new.
pub(crate) struct New<'a, T> {
    pub(crate) id: Uuid,
    pub(crate) kind: &'static str,
    pub(crate) purpose: Purpose,
    pub(crate) case: &'a Case<T>,
}

/// Adds a request.
pub(crate) async fn insert<T>(
    connection: &mut PgConnection,
    new: &New<'_, T>,
    at: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO access.approval (id, kind, applicant_id, department_id, purpose, state, state_number, stage,
                                      stage_opened_at, reminded, escalated, beneficiary_ids, revision, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, false, false, '{}', 1, $8)",
        new.id,
        new.kind,
        new.case.applicant,
        new.case.department,
        new.purpose as i16,
        new.case.state.as_str(),
        new.case.state.to_proto() as i16,
        at.to_sqlx(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Puts a request where it now stands, and counts the change.
pub(crate) async fn update<T: Terms>(
    connection: &mut PgConnection,
    id: Uuid,
    purpose: Purpose,
    case: &Case<T>,
    flow: &Flow,
) -> Result<(), Fault> {
    let stage = i16::try_from(case.stage).map_err(|_| Fault::internal("stage of an approval"))?;
    sqlx::query!(
        "UPDATE access.approval
         SET department_id = $2, purpose = $3, state = $4, state_number = $5, stage = $6, stage_opened_at = $7,
             reminded = $8, escalated = $9, beneficiary_ids = $10, approved_at = $11, starts_at = $12, ends_at = $13,
             next_at = $14, revision = revision + 1
         WHERE id = $1",
        id,
        case.department,
        purpose as i16,
        case.state.as_str(),
        case.state.to_proto() as i16,
        stage,
        case.stage_opened_at.to_sqlx(),
        case.reminded,
        case.escalated,
        &case.beneficiaries,
        case.approved_at.map(ToSqlx::to_sqlx),
        case.period.map(|(start, _)| start.to_sqlx()),
        case.period.map(|(_, end)| end.to_sqlx()),
        case.next_by_time(flow).map(|(at, _)| at.to_sqlx()),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Adds what happened to a request's history.
pub(crate) async fn add_step(
    connection: &mut PgConnection,
    id: Uuid,
    step: &Step,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO access.approval_step (approval_id, seq, event, at, stage, actor_id, principal_id, post, comment,
                                           terms)
         SELECT $1, COALESCE(max(seq), 0) + 1, $2, $3, $4, $5, $6, $7, $8, $9
         FROM access.approval_step WHERE approval_id = $1",
        id,
        step.event as i16,
        step.at.to_sqlx(),
        step.stage.and_then(|stage| i16::try_from(stage).ok()),
        step.actor,
        step.hat.map(|hat| hat.principal),
        step.hat.map(|hat| hat.post.as_str()),
        step.comment,
        step.terms,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Puts whom a request concerns now; whoever ever had a part in it keeps it.
pub(crate) async fn set_parties(
    connection: &mut PgConnection,
    id: Uuid,
    concerned: &[Uuid],
) -> Result<(), Fault> {
    sqlx::query!(
        "WITH wanted AS (
             SELECT unnest($2::uuid[]) AS subject_id
             UNION SELECT actor_id FROM access.approval_step WHERE approval_id = $1 AND actor_id IS NOT NULL
             UNION SELECT principal_id FROM access.approval_step WHERE approval_id = $1 AND principal_id IS NOT NULL
         ), gone AS (
             DELETE FROM access.approval_party
             WHERE approval_id = $1 AND subject_id NOT IN (SELECT subject_id FROM wanted)
         )
         INSERT INTO access.approval_party (approval_id, subject_id) SELECT $1, subject_id FROM wanted
         ON CONFLICT DO NOTHING",
        id,
        concerned,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Requests to which time has done something, each with its kind; with or without all
/// that are in review.
pub(crate) async fn due(
    connection: &mut PgConnection,
    now: Timestamp,
    in_review: bool,
) -> Result<Vec<(Uuid, String)>, Fault> {
    let rows = sqlx::query!(
        "SELECT id, kind FROM access.approval WHERE next_at <= $1 OR ($2 AND state = 'in_review')
         ORDER BY next_at NULLS LAST, id LIMIT 1000",
        now.to_sqlx(),
        in_review,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.kind)).collect())
}
