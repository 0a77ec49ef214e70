//! Business calendars and their versions.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::{
    journal::{CalendarChanged, CalendarInForce, event},
    ticket::{BusinessCalendar, CalendarDefinition, CalendarVersion},
};
use kefu_service::{
    calendar::{Calendar, week},
    error::Fault,
    fields::{Fields, etag, name},
    time,
};
use prost::Message;
use sqlx::PgConnection;
use uuid::Uuid;

/// Collection of the resource names.
pub(crate) const CALENDARS: &str = "calendars";

/// A version about to be added.
pub(crate) struct NewVersion<'a> {
    pub(crate) calendar: Uuid,
    pub(crate) effective_at: Timestamp,
    pub(crate) author: &'a str,
    pub(crate) reason: &'a str,
    pub(crate) definition: &'a CalendarDefinition,
    pub(crate) now: Timestamp,
}

/// The calendars of these ids, or all of them, by code, with all versions.
pub(crate) async fn find(
    connection: &mut PgConnection,
    only: Option<&[Uuid]>,
) -> Result<Vec<BusinessCalendar>, Fault> {
    let calendars = sqlx::query!(
        r#"SELECT id, code, title, revision, created_at AS "created_at: jiff_sqlx::Timestamp"
           FROM ticket.calendar WHERE $1::uuid[] IS NULL OR id = ANY($1) ORDER BY code"#,
        only as Option<&[Uuid]>,
    )
    .fetch_all(&mut *connection)
    .await?;
    let ids: Vec<Uuid> = calendars.iter().map(|one| one.id).collect();
    let versions = sqlx::query!(
        r#"SELECT calendar_id, number, effective_at AS "effective_at: jiff_sqlx::Timestamp", withdrawn, author,
                  recorded_at AS "recorded_at: jiff_sqlx::Timestamp", reason, definition
           FROM ticket.calendar_version WHERE calendar_id = ANY($1) ORDER BY calendar_id, number"#,
        &ids,
    )
    .fetch_all(connection)
    .await?;
    let mut of: BTreeMap<Uuid, Vec<CalendarVersion>> = BTreeMap::new();
    for row in versions {
        let definition = CalendarDefinition::decode(row.definition.as_slice())
            .map_err(|_| Fault::internal("a calendar that is not of the contracts"))?;
        of.entry(row.calendar_id)
            .or_default()
            .push(CalendarVersion {
                number: row.number,
                definition: Some(definition),
                effective_time: Some(time::to_proto(row.effective_at.to_jiff())),
                withdrawn: row.withdrawn,
                author: row.author,
                record_time: Some(time::to_proto(row.recorded_at.to_jiff())),
                reason: row.reason,
            });
    }
    let calendars = calendars.into_iter().map(|row| BusinessCalendar {
        name: name(CALENDARS, row.id),
        code: row.code,
        title: row.title,
        versions: of.remove(&row.id).unwrap_or_default(),
        etag: etag(row.revision),
        create_time: Some(time::to_proto(row.created_at.to_jiff())),
    });
    Ok(calendars.collect())
}

/// A calendar as it counts: without what was withdrawn.
pub(crate) fn counted(calendar: &BusinessCalendar) -> Result<Calendar, Fault> {
    let standing = calendar.versions.iter().filter(|one| !one.withdrawn);
    let versions = standing.map(|one| {
        let from = one.effective_time.as_ref().and_then(time::from_proto)?;
        Some((
            from,
            week(&mut Fields::new(), "", one.definition.as_ref()?)?,
        ))
    });
    let versions: Option<Vec<_>> = versions.collect();
    let strange = || Fault::internal("a stored calendar that cannot be read");
    Ok(Calendar::new(versions.ok_or_else(strange)?))
}

/// What the journal says of a calendar: the version that was added last, and all that stand.
pub(crate) fn told(id: Uuid, calendar: &BusinessCalendar) -> event::Event {
    let last = calendar.versions.last();
    let standing = calendar.versions.iter().filter(|one| !one.withdrawn);
    event::Event::CalendarChanged(CalendarChanged {
        calendar_id: id.as_bytes().to_vec(),
        version: last.map_or(0, |last| last.number),
        effective_time: last.and_then(|last| last.effective_time),
        versions: standing
            .map(|one| CalendarInForce {
                effective_time: one.effective_time,
                definition: one.definition.clone(),
            })
            .collect(),
    })
}

/// Takes calendars whose versions the journal does not say, as they were added before it did.
pub(crate) async fn take_untold(connection: &mut PgConnection) -> Result<Vec<Uuid>, Fault> {
    let untold = sqlx::query_scalar!(
        "UPDATE ticket.calendar SET told_revision = revision
         WHERE told_revision <> revision AND id IN (
             SELECT id FROM ticket.calendar WHERE told_revision <> revision ORDER BY id FOR UPDATE SKIP LOCKED)
         RETURNING id"
    )
    .fetch_all(connection)
    .await?;
    Ok(untold)
}

/// Adds a calendar without a version; `false` when its code is taken.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    id: Uuid,
    code: &str,
    title: &str,
    now: Timestamp,
) -> Result<bool, Fault> {
    let inserted = sqlx::query!(
        "INSERT INTO ticket.calendar (id, code, title, revision, created_at) VALUES ($1, $2, $3, 0, $4)
         ON CONFLICT (code) DO NOTHING",
        id,
        code,
        title,
        now.to_sqlx() as _,
    )
    .execute(connection)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Locks a calendar; its revision, where there is one.
pub(crate) async fn lock(connection: &mut PgConnection, id: Uuid) -> Result<Option<i64>, Fault> {
    let revision = sqlx::query_scalar!(
        "SELECT revision FROM ticket.calendar WHERE id = $1 FOR UPDATE",
        id,
    )
    .fetch_optional(connection)
    .await?;
    Ok(revision)
}

/// Adds a version to a locked calendar, in the place of those that were to come into force
/// then or later.
pub(crate) async fn add_version(
    connection: &mut PgConnection,
    new: &NewVersion<'_>,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE ticket.calendar_version SET withdrawn = true
         WHERE calendar_id = $1 AND effective_at >= $2 AND effective_at > $3",
        new.calendar,
        new.effective_at.to_sqlx() as _,
        new.now.to_sqlx() as _,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "INSERT INTO ticket.calendar_version
             (calendar_id, number, effective_at, author, recorded_at, reason, definition)
         SELECT $1, coalesce(max(number), 0) + 1, $2, $3, $4, $5, $6
         FROM ticket.calendar_version WHERE calendar_id = $1",
        new.calendar,
        new.effective_at.to_sqlx() as _,
        new.author,
        new.now.to_sqlx() as _,
        new.reason,
        new.definition.encode_to_vec(),
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "UPDATE ticket.calendar SET revision = revision + 1, told_revision = revision + 1 WHERE id = $1",
        new.calendar,
    )
    .execute(connection)
    .await?;
    Ok(())
}
