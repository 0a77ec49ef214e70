//! Clocks as they were last read, and what they are read from.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::ticket::{ClockMetric, Direction, TicketState, WaitingFor};
use kefu_service::{error::Fault, fields::parse_name};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{calendars, customers, versions};
use crate::domain::{
    clock::{Happened, What},
    targets::Classification,
    timing::{Record, Timed, Timing},
};

/// Targets and calendars, as a transaction sees them.
pub(crate) async fn timing(connection: &mut PgConnection) -> Result<Timing, Fault> {
    let mut all = BTreeMap::new();
    for calendar in calendars::find(connection, None).await? {
        let strange = || Fault::internal("a stored calendar that cannot be read");
        let id = parse_name(&calendar.name, calendars::CALENDARS).ok_or_else(strange)?;
        all.insert(id, calendars::counted(&calendar)?);
    }
    Ok(Timing {
        targets: versions::all(connection).await?,
        calendars: all,
    })
}

/// A ticket as its clocks need it.
pub(crate) struct Ticket {
    pub(crate) customer_id: Uuid,
    pub(crate) department_id: Uuid,
    pub(crate) assignee_id: Option<Uuid>,
    /// Since when it is part of another.
    pub(crate) merged_at: Option<Timestamp>,
    pub(crate) record: Record,
}

/// Reads a ticket, and keeps it as it is until the transaction ends.
pub(crate) async fn ticket(
    connection: &mut PgConnection,
    id: Uuid,
) -> Result<Option<Ticket>, Fault> {
    let row = sqlx::query!(
        r#"SELECT customer_id, department_id, assignee_id, kind, priority, channel,
                  merged_at AS "merged_at: jiff_sqlx::Timestamp", received_at AS "received_at: jiff_sqlx::Timestamp"
           FROM ticket.ticket WHERE id = $1 FOR SHARE"#,
        id,
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let happened = sqlx::query!(
        r#"SELECT occurred_at AS "at!: jiff_sqlx::Timestamp", revision AS "revision!", to_state AS "state?",
                  waiting_for AS "waiting_for?", NULL::int2 AS "direction?",
                  NULL::timestamptz AS "brought_at?: jiff_sqlx::Timestamp", false AS "taken_back!"
           FROM ticket.state_change c
           -- A merge that was undone has not happened to it.
           WHERE ticket_id = $1 AND NOT EXISTS (
               SELECT FROM ticket.merge m
               WHERE m.source_id = $1 AND m.undone_at IS NOT NULL
                 AND c.revision IN (m.source_revision, m.undone_revision))
           UNION ALL
           SELECT occurred_at, revision, NULL, NULL, direction, NULL, false
           FROM ticket.message WHERE ticket_id = $1
           UNION ALL
           SELECT m.occurred_at, 1, NULL, NULL, m.direction, NULL, false
           FROM ticket.moved_message v JOIN ticket.message m ON m.id = v.message_id WHERE v.to_id = $1
           UNION ALL
           SELECT merged_at, target_revision, NULL, NULL, NULL, merged_at, false
           FROM ticket.merge WHERE target_id = $1 AND waited
           UNION ALL
           SELECT undone_at, target_revision, NULL, NULL, NULL, merged_at, true
           FROM ticket.merge WHERE target_id = $1 AND waited AND undone_at IS NOT NULL
           ORDER BY 1, 2"#,
        id,
    )
    .fetch_all(&mut *connection)
    .await?;
    let tiers = customers::tiers(connection, row.customer_id).await?;
    let happened = happened.into_iter().map(|row| Happened {
        at: row.at.to_jiff(),
        what: match (row.direction, row.brought_at, row.state) {
            (Some(direction), ..) => {
                What::Said(Direction::try_from(i32::from(direction)).unwrap_or_default())
            }
            (None, Some(at), _) if row.taken_back => What::TookBack(at.to_jiff()),
            (None, Some(_), _) => What::Brought,
            (None, None, state) => What::Came(
                TicketState::try_from(i32::from(state.unwrap_or_default())).unwrap_or_default(),
                WaitingFor::try_from(i32::from(row.waiting_for.unwrap_or_default()))
                    .unwrap_or_default(),
            ),
        },
    });
    Ok(Some(Ticket {
        customer_id: row.customer_id,
        department_id: row.department_id,
        assignee_id: row.assignee_id,
        merged_at: row.merged_at.map(|at| at.to_jiff()),
        record: Record {
            received_at: row.received_at.to_jiff(),
            classification: Classification {
                kind: row.kind.into(),
                priority: row.priority.into(),
                channel: row.channel.into(),
                tier: 0,
            },
            tiers,
            happened: happened.collect(),
        },
    }))
}

/// A clock as it was last read.
#[derive(Debug, Clone)]
pub(crate) struct StoredClock {
    pub(crate) metric: i16,
    pub(crate) attempt: i32,
    pub(crate) started_at: Timestamp,
    pub(crate) stopped_at: Option<Timestamp>,
    pub(crate) target_seconds: i64,
    pub(crate) targets_version: i32,
    pub(crate) calendar_id: Option<Uuid>,
    pub(crate) used_seconds: i64,
    pub(crate) due_at: Option<Timestamp>,
    /// When it was last said to be due.
    pub(crate) promised_at: Option<Timestamp>,
    /// Of the customer when the attempt began; 0: not known.
    pub(crate) tier: i16,
    pub(crate) warned: bool,
    pub(crate) breach_noted: bool,
}

/// The clocks of a ticket, by metric and attempt.
pub(crate) async fn list(
    connection: &mut PgConnection,
    ticket: Uuid,
) -> Result<Vec<StoredClock>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT metric, attempt, started_at AS "started_at: jiff_sqlx::Timestamp",
                  stopped_at AS "stopped_at: jiff_sqlx::Timestamp", target_seconds, targets_version, calendar_id,
                  used_seconds, due_at AS "due_at: jiff_sqlx::Timestamp",
                  promised_at AS "promised_at: jiff_sqlx::Timestamp", tier, warned, breach_noted
           FROM ticket.clock WHERE ticket_id = $1 ORDER BY metric, attempt"#,
        ticket,
    )
    .fetch_all(connection)
    .await?;
    let clocks = rows.into_iter().map(|row| StoredClock {
        metric: row.metric,
        attempt: row.attempt,
        started_at: row.started_at.to_jiff(),
        stopped_at: row.stopped_at.map(|at| at.to_jiff()),
        target_seconds: row.target_seconds,
        targets_version: row.targets_version,
        calendar_id: row.calendar_id,
        used_seconds: row.used_seconds,
        due_at: row.due_at.map(|at| at.to_jiff()),
        promised_at: row.promised_at.map(|at| at.to_jiff()),
        tier: row.tier,
        warned: row.warned,
        breach_noted: row.breach_noted,
    });
    Ok(clocks.collect())
}

/// Keeps what was read of an attempt that had not stopped, and whether what it had passed
/// is passed still.
pub(crate) async fn keep(
    connection: &mut PgConnection,
    ticket: Uuid,
    customer: Uuid,
    timed: &Timed<'_>,
    now: Timestamp,
) -> Result<(), Fault> {
    let attempt = &timed.attempt;
    let used = timed.reading().used(attempt.stopped_at.unwrap_or(now));
    sqlx::query!(
        "INSERT INTO ticket.clock
             (ticket_id, customer_id, metric, attempt, started_at, stopped_at, target_seconds, targets_version,
              calendar_id, used_seconds, warn_at, due_at, promised_at, tier)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12, $14)
         ON CONFLICT (ticket_id, metric, attempt) DO UPDATE
         SET stopped_at = EXCLUDED.stopped_at, target_seconds = EXCLUDED.target_seconds,
             targets_version = EXCLUDED.targets_version, calendar_id = EXCLUDED.calendar_id,
             used_seconds = EXCLUDED.used_seconds, warn_at = EXCLUDED.warn_at, due_at = EXCLUDED.due_at,
             promised_at = coalesce(EXCLUDED.due_at, clock.promised_at),
             tier = EXCLUDED.tier,
             warned = clock.warned AND coalesce(EXCLUDED.warn_at <= $13, false),
             breach_noted = clock.breach_noted AND coalesce(EXCLUDED.due_at <= $13, false)
         WHERE clock.stopped_at IS NULL",
        ticket,
        customer,
        attempt.metric as i16,
        attempt.number,
        attempt.started_at.to_sqlx() as _,
        attempt.stopped_at.map(|at| at.to_sqlx()) as _,
        timed.target.as_secs(),
        timed.targets_version,
        timed.calendar_id,
        used.as_secs(),
        timed.warn_at.map(|at| at.to_sqlx()) as _,
        timed.due_at.map(|at| at.to_sqlx()) as _,
        now.to_sqlx() as _,
        i16::try_from(timed.tier).unwrap_or_default(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes away attempts that have no target any more and have not stopped; which these were.
pub(crate) async fn drop_others(
    connection: &mut PgConnection,
    ticket: Uuid,
    kept: &[Timed<'_>],
) -> Result<Vec<(i16, i32)>, Fault> {
    let metrics: Vec<i16> = kept.iter().map(|one| one.attempt.metric as i16).collect();
    let attempts: Vec<i32> = kept.iter().map(|one| one.attempt.number).collect();
    let gone = sqlx::query!(
        "DELETE FROM ticket.clock WHERE ticket_id = $1 AND stopped_at IS NULL
         AND (metric, attempt) NOT IN (SELECT * FROM unnest($2::int2[], $3::int4[]))
         RETURNING metric, attempt",
        ticket,
        &metrics,
        &attempts,
    )
    .fetch_all(connection)
    .await?;
    Ok(gone
        .into_iter()
        .map(|row| (row.metric, row.attempt))
        .collect())
}

/// What a clock has passed that is not journaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passed {
    Warning,
    Due,
}

/// Tickets with a clock that has passed something unnoted, which nobody else has in hand.
pub(crate) async fn passed(
    connection: &mut PgConnection,
    now: Timestamp,
    most: i64,
) -> Result<Vec<Uuid>, Fault> {
    let rows = sqlx::query_scalar!(
        "SELECT ticket_id FROM ticket.clock
         WHERE stopped_at IS NULL AND ((NOT warned AND warn_at <= $1) OR (NOT breach_noted AND due_at <= $1))
         LIMIT $2 FOR UPDATE SKIP LOCKED",
        now.to_sqlx() as _,
        most,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// Says that it is journaled; `false` where it was before.
pub(crate) async fn note(
    connection: &mut PgConnection,
    ticket: Uuid,
    metric: ClockMetric,
    attempt: i32,
    passed: Passed,
) -> Result<bool, Fault> {
    let due = passed == Passed::Due;
    let noted = sqlx::query!(
        "UPDATE ticket.clock SET warned = true, breach_noted = breach_noted OR $4
         WHERE ticket_id = $1 AND metric = $2 AND attempt = $3 AND NOT (CASE WHEN $4 THEN breach_noted ELSE warned END)",
        ticket,
        metric as i16,
        attempt,
        due,
    )
    .execute(connection)
    .await?;
    Ok(noted.rows_affected() == 1)
}

/// All tickets that are not closed are to be read anew.
pub(crate) async fn read_all_anew(connection: &mut PgConnection) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO ticket.clock_to_read (ticket_id) SELECT id FROM ticket.ticket WHERE state <> 5
         ON CONFLICT DO NOTHING"
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes some of the tickets that are to be read anew.
pub(crate) async fn take_to_read(
    connection: &mut PgConnection,
    most: i64,
) -> Result<Vec<Uuid>, Fault> {
    let rows = sqlx::query_scalar!(
        "DELETE FROM ticket.clock_to_read WHERE ticket_id IN
             (SELECT ticket_id FROM ticket.clock_to_read LIMIT $1 FOR UPDATE SKIP LOCKED)
         RETURNING ticket_id",
        most,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows)
}
