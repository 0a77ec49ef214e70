//! Rules that select files, saved under a name.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_access::ScopeColumns;
use kefu_contracts::{
    common::Reason,
    profile::{Selection, SelectionState},
};
use kefu_service::{
    error::Fault,
    fields::{etag, name},
    filter::{FilterField, FilterKind},
    scope::RecordSpec,
    time,
};
use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use crate::domain::saved_selection::Rule;

/// Under which every look at selections is taken: their owner's, and their department's.
pub(crate) const SELECTIONS: RecordSpec = RecordSpec {
    columns: "s.id, s.owner_id, s.department_id, s.state, s.version, s.created_at, s.archiver, s.archived_at, s.revision,
              v.title, v.description, v.comparisons, v.recorded_at",
    from: "profile.selection s
           JOIN profile.selection_version v ON v.selection_id = s.id AND v.version = s.version",
    id: "s.id",
    scope: ScopeColumns {
        department: Some("s.department_id"),
        owner: Some("s.owner_id"),
        customer: None,
        duty: None,
        consent: None,
    },
    fields: &[
        FilterField::system("title", "s.title", FilterKind::Text),
        FilterField::system(
            "state",
            "s.state",
            FilterKind::Enum {
                prefix: "SELECTION_STATE_",
                parse: |name| SelectionState::from_str_name(name).map(Into::into),
            },
        ),
        FilterField::system("owner", "s.owner_id", FilterKind::Name("employees")),
        FilterField::system("department", "s.department_id", FilterKind::Name("departments")),
        FilterField::system("create_time", "s.created_at", FilterKind::Time),
    ],
    ..RecordSpec::PLAIN
};

/// A selection as it was read.
#[derive(Clone)]
pub(crate) struct StoredSelection {
    pub(crate) id: Uuid,
    pub(crate) created_at: Timestamp,
    pub(crate) revision: i64,
    /// Rules of the call that let it through.
    pub(crate) matched: i64,
    pub(crate) message: Selection,
}

impl StoredSelection {
    pub(crate) fn read(row: &PgRow) -> Result<Self, Fault> {
        let time = |column| row.try_get::<jiff_sqlx::Timestamp, _>(column);
        let created_at = time("created_at")?.to_jiff();
        let archived_at: Option<jiff_sqlx::Timestamp> = row.try_get("archived_at")?;
        let comparisons: Vec<String> = row.try_get("comparisons")?;
        let (id, revision) = (row.try_get("id")?, row.try_get("revision")?);
        Ok(Self {
            id,
            created_at,
            revision,
            matched: row.try_get("matched")?,
            message: Selection {
                name: name("selections", id),
                title: row.try_get("title")?,
                description: row.try_get("description")?,
                filter: comparisons.join(" AND "),
                version: row.try_get("version")?,
                state: row.try_get::<i16, _>("state")?.into(),
                owner: name("employees", row.try_get("owner_id")?),
                department: name("departments", row.try_get("department_id")?),
                create_time: Some(time::to_proto(created_at)),
                update_time: Some(time::to_proto(time("recorded_at")?.to_jiff())),
                archive_time: archived_at.map(|at| time::to_proto(at.to_jiff())),
                archiver: row.try_get("archiver")?,
                etag: etag(revision),
            },
        })
    }
}

/// A selection as one of its versions had it.
pub(crate) async fn at_version(
    connection: &mut PgConnection,
    selection: &Selection,
    id: Uuid,
    version: i32,
) -> Result<Option<Selection>, Fault> {
    let row = sqlx::query!(
        r#"SELECT title, description, comparisons, recorded_at AS "recorded_at: jiff_sqlx::Timestamp"
           FROM profile.selection_version WHERE selection_id = $1 AND version = $2"#,
        id,
        version
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| Selection {
        title: row.title,
        description: row.description,
        filter: row.comparisons.join(" AND "),
        version,
        update_time: Some(time::to_proto(row.recorded_at.to_jiff())),
        ..selection.clone()
    }))
}

/// The rule of a version of what is not archived, the last where none is named.
pub(crate) async fn resolve(
    connection: &mut PgConnection,
    id: Uuid,
    version: i32,
) -> Result<Option<(i32, Vec<String>)>, Fault> {
    let row = sqlx::query!(
        "SELECT v.version, v.comparisons FROM profile.selection s
         JOIN profile.selection_version v ON v.selection_id = s.id
              AND v.version = CASE WHEN $2 = 0 THEN s.version ELSE $2 END
         WHERE s.id = $1 AND s.state = $3",
        id,
        version,
        SelectionState::Current as i16
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| (row.version, row.comparisons)))
}

/// Who saves a selection, and where.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) owner: Uuid,
    pub(crate) department: Uuid,
}

/// Saves a rule in its first version.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    id: Uuid,
    place: Place,
    rule: &Rule,
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO profile.selection (id, owner_id, department_id, state, title, version, created_at)
         VALUES ($1, $2, $3, $4, $5, 1, $6)",
        id,
        place.owner,
        place.department,
        SelectionState::Current as i16,
        rule.title,
        now.to_sqlx() as _
    )
    .execute(&mut *connection)
    .await
    .map_err(taken)?;
    add_version(connection, id, 1, rule, now).await
}

/// Puts a rule in the next version.
pub(crate) async fn update(
    connection: &mut PgConnection,
    id: Uuid,
    rule: &Rule,
    now: Timestamp,
) -> Result<(), Fault> {
    let version = sqlx::query_scalar!(
        "UPDATE profile.selection SET title = $2, version = version + 1, revision = revision + 1
         WHERE id = $1 RETURNING version",
        id,
        rule.title
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(taken)?;
    add_version(connection, id, version, rule, now).await
}

async fn add_version(
    connection: &mut PgConnection,
    id: Uuid,
    version: i32,
    rule: &Rule,
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO profile.selection_version (selection_id, version, title, description, comparisons, recorded_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
        id,
        version,
        rule.title,
        rule.description,
        &rule.comparisons,
        now.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Archives a selection.
pub(crate) async fn archive(
    connection: &mut PgConnection,
    id: Uuid,
    archiver: &str,
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE profile.selection SET state = $2, archiver = $3, archived_at = $4, revision = revision + 1 WHERE id = $1",
        id,
        SelectionState::Archived as i16,
        archiver,
        now.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A title that another has is the caller's to know.
fn taken(error: sqlx::Error) -> Fault {
    let taken = error
        .as_database_error()
        .is_some_and(|error| error.constraint() == Some("selection_title"));
    if taken {
        Fault::new(Reason::AlreadyExists).with("field", "selection.title")
    } else {
        error.into()
    }
}
