//! The company's calendars, as the journal of ticket said them last.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::journal::{CalendarChanged, Entry, event::Event};
use kefu_service::{
    calendar::{Calendar, week},
    error::{Fault, Violation},
    fields::Fields,
    time,
};
use prost::Message;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::{question::Question, working::Working};

/// Keeps what these entries say of calendars. Entries of before their versions were said say
/// nothing of them.
pub(crate) async fn keep(connection: &mut PgConnection, entries: &[Entry]) -> Result<(), Fault> {
    let mut last: BTreeMap<Uuid, (i64, &CalendarChanged)> = BTreeMap::new();
    for entry in entries {
        let event = entry.event.as_ref().and_then(|event| event.event.as_ref());
        if let Some(Event::CalendarChanged(said)) = event
            && !said.versions.is_empty()
            && let Ok(id) = Uuid::from_slice(&said.calendar_id)
        {
            let position = entry.cursor.map_or(0, |cursor| cursor.position);
            last.insert(id, (position, said));
        }
    }
    for (id, (position, said)) in last {
        sqlx::query!(
            "INSERT INTO analytics.calendar AS c (id, position, said) VALUES ($1, $2, $3)
             ON CONFLICT (id) DO UPDATE SET position = EXCLUDED.position, said = EXCLUDED.said
             WHERE c.position < EXCLUDED.position",
            id,
            position,
            said.encode_to_vec(),
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// A calendar by which working time can be measured; none where no journal says it.
pub(crate) async fn find(
    connection: &mut PgConnection,
    id: Uuid,
) -> Result<Option<Calendar>, Fault> {
    let said = sqlx::query_scalar!("SELECT said FROM analytics.calendar WHERE id = $1", id)
        .fetch_optional(connection)
        .await?;
    let Some(said) = said else {
        return Ok(None);
    };
    let strange = || Fault::internal("a kept calendar that cannot be read");
    let said = CalendarChanged::decode(said.as_slice()).map_err(|_| strange())?;
    let versions = said.versions.iter().map(|one| {
        let from = one.effective_time.as_ref().and_then(time::from_proto)?;
        let read = week(&mut Fields::new(), "", one.definition.as_ref()?)?;
        Some((from, read))
    });
    let versions: Option<Vec<_>> = versions.collect();
    Ok(Some(Calendar::new(versions.ok_or_else(strange)?)))
}

/// The working time of the calendar that a question asks for, as far as records of its period last.
///
/// # Errors
/// A violation of `calendar` where there is none of this name, or the driver's.
pub(crate) async fn working(
    connection: &mut PgConnection,
    question: &Question,
    live: i32,
    now: Timestamp,
) -> Result<Option<Working>, Fault> {
    let Some(id) = question.calendar else {
        return Ok(None);
    };
    let unknown = || Fault::fields(vec![("calendar".into(), Violation::UnknownValue)]);
    let calendar = find(connection, id).await?.ok_or_else(unknown)?;
    let lasting = lasting(connection, live, question).await?;
    let working = lasting.map_or_else(Working::default, |(first, last)| {
        Working::of(&calendar, first, last.max(now))
    });
    Ok(Some(working))
}

/// From when until when records last whose day lies within a question's period.
async fn lasting(
    connection: &mut PgConnection,
    generation: i32,
    question: &Question,
) -> Result<Option<(Timestamp, Timestamp)>, Fault> {
    let (from, until) = (question.period.from, question.period.until);
    let row = sqlx::query!(
        r#"SELECT min(at) AS "first: jiff_sqlx::Timestamp",
                  max(greatest(at, ended_at)) AS "last: jiff_sqlx::Timestamp"
           FROM analytics.fact WHERE generation = $1 AND kind IN (1, 2)
             AND ($2::timestamptz IS NULL OR at >= $2) AND ($3::timestamptz IS NULL OR at < $3)"#,
        generation,
        from.map(ToSqlx::to_sqlx) as _,
        until.map(ToSqlx::to_sqlx) as _,
    )
    .fetch_one(connection)
    .await?;
    Ok(row
        .first
        .zip(row.last)
        .map(|(first, last)| (first.to_jiff(), last.to_jiff())))
}
