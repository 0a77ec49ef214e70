//! Macros, and how often they were used.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_access::ScopeColumns;
use kefu_contracts::ticket::{Language, Macro, MacroState, MacroValue};
use kefu_service::{
    error::Fault,
    fields::{etag, name},
    filter::{FilterField, FilterKind},
    scope::RecordSpec,
    time::to_proto,
};
use sqlx::{PgConnection, Postgres, QueryBuilder, Row, postgres::PgRow};
use uuid::Uuid;

use super::records::number;

/// Collection of the resource names.
pub(crate) const MACROS: &str = "macros";

/// Under which every look at macros is taken.
pub(crate) const RECORD: RecordSpec = RecordSpec {
    columns:
        "m.id, m.title, m.body, m.language, m.kinds, m.categories, m.department_id, m.value_keys,
              m.value_titles, m.state, m.revision, m.created_at,
              (SELECT count(*) FROM ticket.macro_use u WHERE u.macro_id = m.id) AS uses,
              (SELECT max(u.used_at) FROM ticket.macro_use u WHERE u.macro_id = m.id) AS used_at",
    from: "ticket.macro m",
    id: "m.id",
    scope: ScopeColumns {
        department: Some("m.department_id"),
        owner: None,
        customer: None,
        duty: None,
        consent: None,
    },
    fields: &[
        FilterField::system(
            "state",
            "m.state",
            FilterKind::Enum {
                prefix: "MACRO_STATE_",
                parse: |name| number(MacroState::from_str_name(name)),
            },
        ),
        FilterField::system(
            "language",
            "m.language",
            FilterKind::Enum {
                prefix: "LANGUAGE_",
                parse: |name| number(Language::from_str_name(name)),
            },
        ),
        FilterField::system(
            "department",
            "m.department_id",
            FilterKind::Name("departments"),
        ),
        FilterField::system("create_time", "m.created_at", FilterKind::Time),
    ],
    ..RecordSpec::PLAIN
};

/// A macro as it was read.
pub(crate) struct StoredMacro {
    pub(crate) id: Uuid,
    pub(crate) department: Option<Uuid>,
    pub(crate) revision: i64,
    pub(crate) created_at: Timestamp,
    pub(crate) body: Macro,
}

impl StoredMacro {
    pub(crate) fn read(row: &PgRow) -> Result<Self, Fault> {
        let id = row.try_get("id")?;
        let department: Option<Uuid> = row.try_get("department_id")?;
        let revision = row.try_get("revision")?;
        let created_at = row
            .try_get::<jiff_sqlx::Timestamp, _>("created_at")?
            .to_jiff();
        let used_at = row.try_get::<Option<jiff_sqlx::Timestamp>, _>("used_at")?;
        let kinds: Vec<i16> = row.try_get("kinds")?;
        let keys: Vec<String> = row.try_get("value_keys")?;
        let titles: Vec<String> = row.try_get("value_titles")?;
        let values = keys.into_iter().zip(titles);
        let body = Macro {
            name: name(MACROS, id),
            title: row.try_get("title")?,
            body: row.try_get("body")?,
            language: row.try_get::<i16, _>("language")?.into(),
            kinds: kinds.into_iter().map(i32::from).collect(),
            categories: row.try_get("categories")?,
            department: department
                .map(|id| name("departments", id))
                .unwrap_or_default(),
            values: values
                .map(|(key, title)| MacroValue { key, title })
                .collect(),
            state: row.try_get::<i16, _>("state")?.into(),
            use_count: row.try_get("uses")?,
            last_use_time: used_at.map(|at| to_proto(at.to_jiff())),
            etag: etag(revision),
            create_time: Some(to_proto(created_at)),
        };
        Ok(Self {
            id,
            department,
            revision,
            created_at,
            body,
        })
    }
}

/// A macro about to be written: of this department, as the message defines it otherwise.
pub(crate) struct Defined<'a> {
    pub(crate) id: Uuid,
    pub(crate) department: Option<Uuid>,
    pub(crate) body: &'a Macro,
}

impl Defined<'_> {
    fn values(&self) -> (Vec<String>, Vec<String>) {
        let values = self.body.values.iter();
        values
            .map(|value| (value.key.clone(), value.title.clone()))
            .unzip()
    }

    fn kinds(&self) -> Vec<i16> {
        self.body.kinds().map(|kind| kind as i16).collect()
    }

    fn state(&self) -> i16 {
        match self.body.state() {
            MacroState::Archived => MacroState::Archived as i16,
            MacroState::Active | MacroState::Unspecified => MacroState::Active as i16,
        }
    }
}

/// Adds a macro.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    new: &Defined<'_>,
    now: Timestamp,
) -> Result<(), Fault> {
    let (keys, titles) = new.values();
    sqlx::query!(
        "INSERT INTO ticket.macro
             (id, title, body, language, kinds, categories, department_id, value_keys, value_titles, state,
              revision, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1, $11)",
        new.id,
        new.body.title,
        new.body.body,
        new.body.language() as i16,
        &new.kinds(),
        &new.body.categories,
        new.department,
        &keys,
        &titles,
        new.state(),
        now.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Puts another definition in the place of a macro's.
pub(crate) async fn update(connection: &mut PgConnection, new: &Defined<'_>) -> Result<(), Fault> {
    let (keys, titles) = new.values();
    sqlx::query!(
        "UPDATE ticket.macro
         SET title = $2, body = $3, language = $4, kinds = $5, categories = $6, value_keys = $7,
             value_titles = $8, state = $9, revision = revision + 1
         WHERE id = $1",
        new.id,
        new.body.title,
        new.body.body,
        new.body.language() as i16,
        &new.kinds(),
        &new.body.categories,
        &keys,
        &titles,
        new.state()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Keeps a macro as it is until the transaction ends.
pub(crate) async fn lock(connection: &mut PgConnection, id: Uuid) -> Result<(), Fault> {
    sqlx::query!("SELECT id FROM ticket.macro WHERE id = $1 FOR UPDATE", id)
        .fetch_optional(connection)
        .await?;
    Ok(())
}

/// The macro of this id, whatever the scope.
pub(crate) async fn find(
    connection: &mut PgConnection,
    id: Uuid,
) -> Result<Option<StoredMacro>, Fault> {
    let mut query = QueryBuilder::<Postgres>::new("SELECT ");
    query.push(RECORD.columns).push(" FROM ").push(RECORD.from);
    query.push(" WHERE m.id = ").push_bind(id);
    let row = query.build().fetch_optional(connection).await?;
    row.as_ref().map(StoredMacro::read).transpose()
}

/// Counts a use of it.
pub(crate) async fn used(
    connection: &mut PgConnection,
    id: Uuid,
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO ticket.macro_use (macro_id, used_at) VALUES ($1, $2)",
        id,
        now.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(())
}
