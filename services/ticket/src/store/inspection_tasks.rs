//! Tasks of inspectors in the database.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_access::{DutySql, ScopeColumns};
use kefu_contracts::ticket::{
    AppealOutcome, InspectionResult, InspectionTask, InspectionTaskKind, InspectionTaskState,
};
use kefu_service::{
    error::Fault,
    fields::{etag, name},
    filter::{FilterField, FilterKind},
    scope::RecordSpec,
    time::to_proto,
};
use kefu_vault::WrappedKey;
use prost::Message;
use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use super::inspections::answers;
use crate::domain::inspection::score::Outcome;

/// Collection of the resource names.
pub(crate) const TASKS: &str = "inspection-tasks";

/// Under which every look at tasks is taken: whose they are, and nobody else.
pub(crate) const RECORD: RecordSpec = RecordSpec {
    columns: "x.id, x.inspection_id, x.customer_id, x.kind, x.state, x.inspector_id, x.due_at, x.done_at, x.score,
              x.passed, x.answers, x.appeal_outcome, x.sealed, x.revision, i.ticket_id, i.rules_version, i.sheet,
              k.kek_id, k.wrapped",
    from: "ticket.inspection_task x JOIN ticket.inspection i ON i.id = x.inspection_id
           LEFT JOIN ticket.customer_key k ON k.customer_id = x.customer_id",
    id: "x.id",
    scope: ScopeColumns {
        department: None,
        owner: None,
        customer: None,
        duty: Some(DutySql {
            before: "x.inspector_id IS NOT NULL AND x.inspector_id = ",
            after: "",
        }),
        consent: None,
    },
    fields: &[
        FilterField::system("ticket", "i.ticket_id", FilterKind::Name("tickets")),
        FilterField::system(
            "state",
            "x.state",
            FilterKind::Enum {
                prefix: "INSPECTION_TASK_STATE_",
                parse: |name| InspectionTaskState::from_str_name(name).map(Into::into),
            },
        ),
        FilterField::system(
            "kind",
            "x.kind",
            FilterKind::Enum {
                prefix: "INSPECTION_TASK_KIND_",
                parse: |name| InspectionTaskKind::from_str_name(name).map(Into::into),
            },
        ),
        FilterField::system("due_time", "x.due_at", FilterKind::Time),
    ],
    ..RecordSpec::PLAIN
};

/// A row as it was read, its classified fields still sealed.
#[derive(Clone)]
pub(crate) struct StoredTask {
    pub(crate) id: Uuid,
    pub(crate) inspection_id: Uuid,
    pub(crate) customer_id: Uuid,
    pub(crate) kind: InspectionTaskKind,
    pub(crate) state: InspectionTaskState,
    pub(crate) inspector_id: Option<Uuid>,
    pub(crate) due_at: Timestamp,
    pub(crate) revision: i64,
    pub(crate) sealed: Vec<u8>,
    /// None where the customer's file is destroyed.
    pub(crate) wrapped: Option<WrappedKey>,
    /// Rules of the call that let the row through.
    pub(crate) matched: i64,
    pub(crate) columns: InspectionTask,
}

impl StoredTask {
    pub(crate) fn read(row: &PgRow) -> Result<Self, Fault> {
        let small = |column| row.try_get::<i16, _>(column).map(i32::from);
        let (id, inspection_id) = (row.try_get("id")?, row.try_get("inspection_id")?);
        let customer_id = row.try_get("customer_id")?;
        let revision = row.try_get("revision")?;
        let due_at = row.try_get::<jiff_sqlx::Timestamp, _>("due_at")?.to_jiff();
        let done_at: Option<jiff_sqlx::Timestamp> = row.try_get("done_at")?;
        let answers = answers(row.try_get("answers")?)?;
        let (kind, state) = (small("kind")?, small("state")?);
        let kek_id: Option<String> = row.try_get("kek_id")?;
        let wrapped: Option<Vec<u8>> = row.try_get("wrapped")?;
        let columns = InspectionTask {
            name: name(TASKS, id),
            kind,
            state,
            ticket: name("tickets", row.try_get("ticket_id")?),
            customer: name("customers", customer_id),
            rules_version: row.try_get("rules_version")?,
            sheet: row.try_get("sheet")?,
            due_time: Some(to_proto(due_at)),
            complete_time: done_at.map(|at| to_proto(at.to_jiff())),
            score: row.try_get("score")?,
            passed: row.try_get("passed")?,
            scores: answers.scores,
            knock_outs: answers.knock_outs,
            appeal_outcome: small("appeal_outcome")?,
            etag: etag(revision),
            ..InspectionTask::default()
        };
        Ok(Self {
            id,
            inspection_id,
            customer_id,
            kind: InspectionTaskKind::try_from(kind).unwrap_or_default(),
            state: InspectionTaskState::try_from(state).unwrap_or_default(),
            inspector_id: row.try_get("inspector_id")?,
            due_at,
            revision,
            sealed: row.try_get("sealed")?,
            wrapped: kek_id
                .zip(wrapped)
                .map(|(kek_id, bytes)| WrappedKey { kek_id, bytes }),
            matched: row.try_get("matched")?,
            columns,
        })
    }

    /// The record: its columns with the opened fields.
    pub(crate) fn with_opened(&self, opened: InspectionTask) -> InspectionTask {
        InspectionTask {
            comments: opened.comments,
            results: opened.results,
            appeal_reason: opened.appeal_reason,
            decision_reason: opened.decision_reason,
            ..self.columns.clone()
        }
    }
}

/// A task about to be made, for whoever will be given it.
pub(crate) struct NewTask<'a> {
    pub(crate) id: Uuid,
    pub(crate) inspection: Uuid,
    pub(crate) customer: Uuid,
    pub(crate) kind: InspectionTaskKind,
    pub(crate) due_at: Timestamp,
    pub(crate) sealed: &'a [u8],
    pub(crate) now: Timestamp,
}

/// Makes a task.
pub(crate) async fn insert(connection: &mut PgConnection, new: &NewTask<'_>) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO ticket.inspection_task
             (id, inspection_id, customer_id, kind, state, released_by, due_at, score, passed, answers,
              appeal_outcome, sealed, revision, created_at)
         VALUES ($1, $2, $3, $4, 1, '{}', $5, 0, false, '', 0, $6, 1, $7)",
        new.id,
        new.inspection,
        new.customer,
        new.kind as i16,
        new.due_at.to_sqlx() as _,
        new.sealed,
        new.now.to_sqlx() as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What was done of a task.
pub(crate) struct Done<'a> {
    pub(crate) outcome: Outcome,
    pub(crate) answers: &'a InspectionResult,
    pub(crate) appeal: AppealOutcome,
    pub(crate) sealed: &'a [u8],
    pub(crate) now: Timestamp,
}

/// Notes that a task is done.
pub(crate) async fn complete(
    connection: &mut PgConnection,
    id: Uuid,
    done: &Done<'_>,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE ticket.inspection_task
         SET state = 2, done_at = $2, score = $3, passed = $4, answers = $5, appeal_outcome = $6, sealed = $7,
             revision = revision + 1
         WHERE id = $1",
        id,
        done.now.to_sqlx() as _,
        done.outcome.score,
        done.outcome.passed,
        done.answers.encode_to_vec(),
        done.appeal as i16,
        done.sealed,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A sheet that was filled in, its comments still sealed.
pub(crate) struct Scored {
    pub(crate) id: Uuid,
    pub(crate) outcome: Outcome,
    pub(crate) answers: InspectionResult,
    pub(crate) sealed: Vec<u8>,
}

/// What inspectors, and not who decided, made of an inspection; in an order that does not tell
/// whose is whose.
pub(crate) async fn scored(
    connection: &mut PgConnection,
    inspection: Uuid,
) -> Result<Vec<Scored>, Fault> {
    let rows = sqlx::query!(
        "SELECT id, score, passed, answers, sealed FROM ticket.inspection_task
         WHERE inspection_id = $1 AND kind = 1 AND state = 2 ORDER BY id",
        inspection
    )
    .fetch_all(connection)
    .await?;
    let scored = rows.into_iter().map(|row| {
        Ok(Scored {
            id: row.id,
            outcome: Outcome {
                score: row.score,
                passed: row.passed,
            },
            answers: answers(&row.answers)?,
            sealed: row.sealed,
        })
    });
    scored.collect()
}

/// A task that nobody has.
pub(crate) struct Waiting {
    pub(crate) id: Uuid,
    pub(crate) inspection_id: Uuid,
    pub(crate) customer_id: Uuid,
    pub(crate) kind: InspectionTaskKind,
    pub(crate) due_at: Timestamp,
}

/// Tasks after this one that nobody has; they and their inspections are held until the
/// transaction ends, and left out where somebody else holds them.
pub(crate) async fn waiting(
    connection: &mut PgConnection,
    after: Uuid,
    most: i64,
) -> Result<Vec<Waiting>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT x.id, x.inspection_id, x.customer_id, x.kind, x.due_at AS "due_at: jiff_sqlx::Timestamp"
           FROM ticket.inspection_task x JOIN ticket.inspection i ON i.id = x.inspection_id
           WHERE x.inspector_id IS NULL AND x.state = 1 AND x.id > $1
           ORDER BY x.id LIMIT $2 FOR UPDATE SKIP LOCKED"#,
        after,
        most
    )
    .fetch_all(connection)
    .await?;
    let waiting = rows.into_iter().map(|row| Waiting {
        id: row.id,
        inspection_id: row.inspection_id,
        customer_id: row.customer_id,
        kind: InspectionTaskKind::try_from(i32::from(row.kind)).unwrap_or_default(),
        due_at: row.due_at.to_jiff(),
    });
    Ok(waiting.collect())
}

/// Who is not given a task: whose work it is, who had a hand in the ticket or has another task
/// of the inspection, and from whom it was taken. Asked once the inspection is held.
pub(crate) async fn never(
    connection: &mut PgConnection,
    task: Uuid,
) -> Result<BTreeSet<Uuid>, Fault> {
    let rows = sqlx::query_scalar!(
        r#"SELECT found.id AS "id!"
           FROM ticket.inspection_task x JOIN ticket.inspection i ON i.id = x.inspection_id
           CROSS JOIN LATERAL (
               SELECT i.agent_id AS id
               UNION SELECT unnest(x.released_by)
               UNION SELECT o.inspector_id FROM ticket.inspection_task o WHERE o.inspection_id = i.id
               UNION SELECT s.from_id FROM ticket.assignment s WHERE s.ticket_id = i.ticket_id
               UNION SELECT s.to_id FROM ticket.assignment s WHERE s.ticket_id = i.ticket_id
               UNION SELECT m.author_id FROM ticket.message m WHERE m.ticket_id = i.ticket_id
           ) found
           WHERE x.id = $1 AND found.id IS NOT NULL"#,
        task
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().collect())
}

/// How many open tasks everybody has.
pub(crate) async fn open(connection: &mut PgConnection) -> Result<BTreeMap<Uuid, i64>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT inspector_id AS "inspector_id!", count(*) AS "open!" FROM ticket.inspection_task
           WHERE inspector_id IS NOT NULL AND state = 1 GROUP BY inspector_id"#
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.inspector_id, row.open))
        .collect())
}

/// Gives a task to somebody.
pub(crate) async fn give(
    connection: &mut PgConnection,
    id: Uuid,
    inspector: Uuid,
) -> Result<i64, Fault> {
    let revision = sqlx::query_scalar!(
        "UPDATE ticket.inspection_task SET inspector_id = $2, revision = revision + 1 WHERE id = $1 RETURNING revision",
        id,
        inspector
    )
    .fetch_one(connection)
    .await?;
    Ok(revision)
}

/// A task that was taken from somebody.
pub(crate) struct Released {
    pub(crate) id: Uuid,
    pub(crate) inspection_id: Uuid,
    pub(crate) customer_id: Uuid,
    pub(crate) kind: InspectionTaskKind,
    pub(crate) due_at: Timestamp,
    pub(crate) revision: i64,
}

/// Takes what somebody has not done from them, for others.
pub(crate) async fn release(
    connection: &mut PgConnection,
    inspector: Uuid,
) -> Result<Vec<Released>, Fault> {
    let rows = sqlx::query!(
        r#"UPDATE ticket.inspection_task
           SET inspector_id = NULL, released_by = released_by || $1::uuid, revision = revision + 1
           WHERE inspector_id = $1 AND state = 1
           RETURNING id, inspection_id, customer_id, kind, due_at AS "due_at: jiff_sqlx::Timestamp", revision"#,
        inspector
    )
    .fetch_all(connection)
    .await?;
    let released = rows.into_iter().map(|row| Released {
        id: row.id,
        inspection_id: row.inspection_id,
        customer_id: row.customer_id,
        kind: InspectionTaskKind::try_from(i32::from(row.kind)).unwrap_or_default(),
        due_at: row.due_at.to_jiff(),
        revision: row.revision,
    });
    Ok(released.collect())
}
