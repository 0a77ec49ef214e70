//! All that who has to take what depends on.

use std::collections::HashMap;

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_service::error::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{course, obligation, result};
use crate::domain::training::{
    obligation::Pass,
    reconcile::{Facts, Person},
};

/// As it is at a moment.
pub(crate) async fn at(connection: &mut PgConnection, now: Timestamp) -> Result<Facts, Fault> {
    let courses = course::list(connection, None, None).await?;
    // Most companies begin with none.
    if courses.is_empty() {
        return Ok(Facts::default());
    }
    let above = sqlx::query!("SELECT id, parent_id FROM access.department")
        .fetch_all(&mut *connection)
        .await?;
    let passes = result::passes(connection).await?;
    Ok(Facts {
        people: people(connection, now).await?,
        above: above
            .into_iter()
            .map(|row| (row.id, row.parent_id))
            .collect(),
        passes: passes
            .into_iter()
            .map(|(course, employee, at, valid_until)| {
                ((course, employee), Pass { at, valid_until })
            })
            .collect(),
        open: obligation::open(connection).await?,
        courses,
    })
}

async fn people(connection: &mut PgConnection, now: Timestamp) -> Result<Vec<Person>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT e.id, e.department_id, COALESCE(e.joins_at, e.created_at) AS "joined_at!", e.leaves_at,
                  e.training_valid_until,
                  (SELECT max(t.applied_at) FROM access.transfer t WHERE t.employee_id = e.id) AS moved_at
           FROM access.employee e
           WHERE NOT e.system_account
           ORDER BY e.created_at, e.id"#
    )
    .fetch_all(&mut *connection)
    .await?;
    let held = sqlx::query!(
        "SELECT subject_id, role_id, starts_at FROM access.binding
         WHERE revoked_at IS NULL AND starts_at <= $1 AND (ends_at IS NULL OR ends_at > $1)",
        now.to_sqlx(),
    )
    .fetch_all(connection)
    .await?;
    let mut roles: HashMap<Uuid, Vec<(String, Timestamp)>> = HashMap::new();
    for row in held {
        let role = (row.role_id, row.starts_at.to_jiff());
        roles.entry(row.subject_id).or_default().push(role);
    }
    let people = rows.into_iter().map(|row| Person {
        roles: roles.remove(&row.id).unwrap_or_default(),
        id: row.id,
        department: row.department_id,
        joined_at: row.joined_at.to_jiff(),
        leaves_at: row.leaves_at.map(jiff_sqlx::Timestamp::to_jiff),
        moved_at: row.moved_at.map(jiff_sqlx::Timestamp::to_jiff),
        secrecy_until: row.training_valid_until.map(jiff_sqlx::Timestamp::to_jiff),
    });
    Ok(people.collect())
}
