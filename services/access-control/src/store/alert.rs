//! Alerts, and how far the audit log has been looked through for them.

use std::collections::BTreeSet;

use jiff_sqlx::ToSqlx;
use kefu_access::ScopeColumns;
use kefu_audit::Leaf;
use kefu_contracts::{
    journal::{EntryKind, event},
    policy::DataClass,
};
use kefu_service::{database::Use, error::Fault, scope::RecordSpec};
use sqlx::PgConnection;
use uuid::Uuid;

use super::about::About;
use crate::domain::alert::{Acknowledged, Alert, Finding, Rule, Seen, Window};

/// An alert is where the person is whom it is about, and nobody's own.
const RECORD: RecordSpec = RecordSpec {
    columns: "a.id, a.raised_at",
    from: "access.alert a LEFT JOIN access.employee e ON e.id = a.subject_id",
    id: "a.id",
    scope: ScopeColumns {
        department: Some("e.department_id"),
        owner: None,
        customer: None,
        duty: None,
        consent: None,
    },
    fields: &[],
    ..RecordSpec::PLAIN
};

impl About for Alert {
    const RECORD: &'static RecordSpec = &RECORD;
    const TIME: &'static str = "a.raised_at";
    const NOT_ABOUT: (&'static str, &'static str) = (" AND a.subject_id <> ", "");

    fn id(&self) -> Uuid {
        self.id
    }

    fn revision(&self) -> i64 {
        self.revision
    }

    fn lock(connection: &mut PgConnection, id: Uuid) -> Use<'_, ()> {
        Box::pin(async move {
            sqlx::query!("SELECT id FROM access.alert WHERE id = $1 FOR UPDATE", id)
                .fetch_optional(connection)
                .await?;
            Ok(())
        })
    }

    fn list<'c>(connection: &'c mut PgConnection, ids: &'c [Uuid]) -> Use<'c, Vec<Self>> {
        Box::pin(async move {
            let rows = sqlx::query_as!(
                Row,
                r#"SELECT id, rule, subject_id, window_from, window_until, count, bound, first_seq, last_seq, customer_ids,
                          raised_at, grown_at, acknowledged_at, acknowledged_by, acknowledged_count, note, revision,
                          EXISTS (SELECT 1 FROM access.employee e WHERE e.id = subject_id AND e.system_account)
                              AS "system_account!"
                   FROM access.alert WHERE id = ANY($1)"#,
                ids
            )
            .fetch_all(connection)
            .await?;
            rows.into_iter().map(Row::alert).collect()
        })
    }
}

struct Row {
    id: Uuid,
    rule: i16,
    subject_id: Uuid,
    system_account: bool,
    window_from: jiff_sqlx::Timestamp,
    window_until: jiff_sqlx::Timestamp,
    count: i64,
    bound: i64,
    first_seq: i64,
    last_seq: i64,
    customer_ids: Vec<Uuid>,
    raised_at: jiff_sqlx::Timestamp,
    grown_at: Option<jiff_sqlx::Timestamp>,
    acknowledged_at: Option<jiff_sqlx::Timestamp>,
    acknowledged_by: Option<Uuid>,
    acknowledged_count: i64,
    note: String,
    revision: i64,
}

impl Row {
    fn alert(self) -> Result<Alert, Fault> {
        let strange = || Fault::internal("a stored alert that cannot be read");
        let number = |stored: i64| usize::try_from(stored).map_err(|_| strange());
        let seen = self.acknowledged_at.zip(self.acknowledged_by);
        let count = number(self.acknowledged_count)?;
        Ok(Alert {
            id: self.id,
            rule: Rule::of_number(self.rule).ok_or_else(strange)?,
            subject: self.subject_id,
            system_account: self.system_account,
            window: Window {
                from: self.window_from.to_jiff(),
                until: self.window_until.to_jiff(),
            },
            finding: Finding {
                count: number(self.count)?,
                bound: number(self.bound)?,
                first_seq: self.first_seq,
                last_seq: self.last_seq,
                customers: self.customer_ids.into_iter().collect(),
            },
            raised_at: self.raised_at.to_jiff(),
            grown_at: self.grown_at.map(jiff_sqlx::Timestamp::to_jiff),
            acknowledged: seen.map(|(at, by)| Acknowledged {
                at: at.to_jiff(),
                by,
                count,
                note: self.note,
            }),
            revision: self.revision,
        })
    }
}

/// The alert of a rule about somebody in a window, locked.
pub(crate) async fn find(
    connection: &mut PgConnection,
    rule: Rule,
    subject: Uuid,
    window: Window,
) -> Result<Option<Alert>, Fault> {
    let id = sqlx::query_scalar!(
        "SELECT id FROM access.alert
         WHERE rule = $1 AND subject_id = $2 AND window_from = $3 AND window_until = $4 FOR UPDATE",
        rule.to_proto() as i16,
        subject,
        window.from.to_sqlx(),
        window.until.to_sqlx(),
    )
    .fetch_optional(&mut *connection)
    .await?;
    let ids: Vec<Uuid> = id.into_iter().collect();
    Ok(Alert::list(connection, &ids).await?.pop())
}

/// Keeps an alert that was raised.
pub(crate) async fn insert(connection: &mut PgConnection, alert: &Alert) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO access.alert (id, rule, subject_id, window_from, window_until, count, bound, first_seq, last_seq,
                                   customer_ids, raised_at, revision)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        alert.id,
        alert.rule.to_proto() as i16,
        alert.subject,
        alert.window.from.to_sqlx(),
        alert.window.until.to_sqlx(),
        number(alert.finding.count),
        number(alert.finding.bound),
        alert.finding.first_seq,
        alert.finding.last_seq,
        &customers(&alert.finding.customers),
        alert.raised_at.to_sqlx(),
        alert.revision,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Puts everything that may change as it shall be.
pub(crate) async fn update(connection: &mut PgConnection, alert: &Alert) -> Result<(), Fault> {
    let seen = alert.acknowledged.as_ref();
    sqlx::query!(
        "UPDATE access.alert
         SET count = $2, first_seq = $3, last_seq = $4, customer_ids = $5, grown_at = $6, acknowledged_at = $7,
             acknowledged_by = $8, acknowledged_count = $9, note = $10, revision = $11
         WHERE id = $1",
        alert.id,
        number(alert.finding.count),
        alert.finding.first_seq,
        alert.finding.last_seq,
        &customers(&alert.finding.customers),
        alert.grown_at.map(ToSqlx::to_sqlx),
        seen.map(|one| one.at.to_sqlx()),
        seen.map(|one| one.by),
        seen.map_or(0, |one| number(one.count)),
        seen.map_or("", |one| one.note.as_str()),
        alert.revision,
    )
    .execute(connection)
    .await?;
    Ok(())
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn customers(ids: &BTreeSet<Uuid>) -> Vec<Uuid> {
    ids.iter().copied().collect()
}

/// Whether the log has entries that nobody has looked at.
pub(crate) async fn is_behind(connection: &mut PgConnection) -> Result<bool, Fault> {
    Ok(sqlx::query_scalar!(
        r#"SELECT size > next_seq AS "behind!" FROM access.audit_head, access.alert_cursor"#
    )
    .fetch_one(connection)
    .await?)
}

/// The first entry that nobody has looked at; whoever else looks waits here.
pub(crate) async fn lock_cursor(connection: &mut PgConnection) -> Result<i64, Fault> {
    Ok(
        sqlx::query_scalar!("SELECT next_seq FROM access.alert_cursor FOR UPDATE")
            .fetch_one(connection)
            .await?,
    )
}

/// Everything before this entry was looked at.
pub(crate) async fn move_cursor(connection: &mut PgConnection, next: i64) -> Result<(), Fault> {
    sqlx::query!("UPDATE access.alert_cursor SET next_seq = $1", next)
        .execute(connection)
        .await?;
    Ok(())
}

/// Entries from this one on, each with who it is about, where that is known.
pub(crate) async fn entries_from(
    connection: &mut PgConnection,
    from: i64,
    most: i64,
) -> Result<Vec<(Option<Uuid>, Seen)>, Fault> {
    let rows = sqlx::query_as!(
        Entry,
        r#"SELECT seq, actor_id, recorded_at, kind, customer_id, cleared,
                  CASE WHEN kind = $3 THEN leaf END AS refusal
           FROM access.audit_entry WHERE seq >= $1 ORDER BY seq LIMIT $2"#,
        from,
        most,
        EntryKind::Refusal as i16,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(Entry::seen).collect())
}

/// All entries of somebody in a window that the rule may count, of those before this one in the log.
pub(crate) async fn entries_of(
    connection: &mut PgConnection,
    rule: Rule,
    subject: Uuid,
    window: Window,
    before: i64,
) -> Result<Vec<Seen>, Fault> {
    let rows = sqlx::query_as!(
        Entry,
        r#"SELECT seq, actor_id, recorded_at, kind, customer_id, cleared,
                  CASE WHEN kind = $5 THEN leaf END AS refusal
           FROM access.audit_entry
           WHERE actor_id = $1 AND recorded_at >= $2 AND recorded_at < $3 AND kind = $4
             AND (customer_id IS NOT NULL OR NOT $6) AND seq < $7
           ORDER BY seq"#,
        subject,
        window.from.to_sqlx(),
        window.until.to_sqlx(),
        rule.kind() as i16,
        EntryKind::Refusal as i16,
        rule == Rule::Reads,
        before,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| row.seen().1).collect())
}

struct Entry {
    seq: i64,
    actor_id: Option<Uuid>,
    recorded_at: jiff_sqlx::Timestamp,
    kind: i16,
    customer_id: Option<Uuid>,
    cleared: Vec<i16>,
    refusal: Option<Vec<u8>>,
}

impl Entry {
    fn seen(self) -> (Option<Uuid>, Seen) {
        let class = |number: &i16| DataClass::try_from(i32::from(*number)).ok();
        let seen = Seen {
            seq: self.seq,
            at: self.recorded_at.to_jiff(),
            kind: EntryKind::try_from(i32::from(self.kind)).unwrap_or_default(),
            customer: self.customer_id,
            cleared: self.cleared.iter().filter_map(class).collect(),
            repeated: self.refusal.as_deref().map_or(0, repeated),
        };
        (self.actor_id, seen)
    }
}

/// How many more like it a refusal stands for. A leaf that cannot be read is for `kefu audit
/// verify` to find, and holds up nobody here.
fn repeated(leaf: &[u8]) -> u32 {
    let event = Leaf::from_bytes(leaf)
        .ok()
        .and_then(|leaf| leaf.entry.event);
    match event.and_then(|event| event.event) {
        Some(event::Event::Refused(refused)) => {
            u32::try_from(refused.repeated_count).unwrap_or_default()
        }
        _ => 0,
    }
}
