//! Filters saved under a name. Who sees a view is told by whose it is, and with whom it is
//! shared; no scope of records has a say in it.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::{common::Reason, ticket::View};
use kefu_service::{
    error::Fault,
    fields::{etag, name},
    time::to_proto,
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::view::Definition;

/// Collection of the resource names.
pub(crate) const VIEWS: &str = "views";

/// A view as it is kept.
pub(crate) struct StoredView {
    pub(crate) owner_id: Uuid,
    pub(crate) revision: i64,
    pub(crate) message: View,
}

/// Who looks at views.
#[derive(Clone)]
pub(crate) struct Reader {
    pub(crate) id: Uuid,
    /// To which they belong.
    pub(crate) departments: Vec<Uuid>,
}

struct Row {
    id: Uuid,
    owner_id: Uuid,
    department_id: Option<Uuid>,
    title: String,
    filter: String,
    order_by: String,
    revision: i64,
    created_at: jiff_sqlx::Timestamp,
    updated_at: jiff_sqlx::Timestamp,
}

impl From<Row> for StoredView {
    fn from(row: Row) -> Self {
        let department = row.department_id.map(|id| name("departments", id));
        Self {
            owner_id: row.owner_id,
            revision: row.revision,
            message: View {
                name: name(VIEWS, row.id),
                title: row.title,
                filter: row.filter,
                order_by: row.order_by,
                department: department.unwrap_or_default(),
                owner: name("employees", row.owner_id),
                etag: etag(row.revision),
                create_time: Some(to_proto(row.created_at.to_jiff())),
                update_time: Some(to_proto(row.updated_at.to_jiff())),
                ..View::default()
            },
        }
    }
}

/// A view that they may see.
pub(crate) async fn find(
    connection: &mut PgConnection,
    reader: &Reader,
    id: Uuid,
) -> Result<Option<StoredView>, Fault> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT id, owner_id, department_id, title, filter, order_by, revision,
                  created_at AS "created_at: jiff_sqlx::Timestamp", updated_at AS "updated_at: jiff_sqlx::Timestamp"
           FROM ticket.saved_view WHERE id = $1 AND (owner_id = $2 OR department_id = ANY($3))
           FOR UPDATE"#,
        id,
        reader.id,
        &reader.departments
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(StoredView::from))
}

/// All that they may see: their own first, each by title.
pub(crate) async fn list(
    connection: &mut PgConnection,
    reader: &Reader,
) -> Result<Vec<View>, Fault> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT id, owner_id, department_id, title, filter, order_by, revision,
                  created_at AS "created_at: jiff_sqlx::Timestamp", updated_at AS "updated_at: jiff_sqlx::Timestamp"
           FROM ticket.saved_view WHERE owner_id = $1 OR department_id = ANY($2)
           ORDER BY owner_id <> $1, title, id"#,
        reader.id,
        &reader.departments
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| StoredView::from(row).message)
        .collect())
}

/// How many somebody has, for whoever adds one: nobody else does until the transaction ends.
pub(crate) async fn count(connection: &mut PgConnection, owner: Uuid) -> Result<i64, Fault> {
    sqlx::query("LOCK TABLE ticket.saved_view IN SHARE ROW EXCLUSIVE MODE")
        .execute(&mut *connection)
        .await?;
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM ticket.saved_view WHERE owner_id = $1"#,
        owner
    )
    .fetch_one(connection)
    .await?;
    Ok(count)
}

/// Saves a view.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    id: Uuid,
    owner: Uuid,
    new: &Definition,
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO ticket.saved_view
             (id, owner_id, department_id, title, filter, order_by, revision, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, 1, $7, $7)",
        id,
        owner,
        new.department,
        new.title,
        new.filter,
        new.order_by,
        now.to_sqlx() as _
    )
    .execute(connection)
    .await
    .map_err(taken)?;
    Ok(())
}

/// Puts another definition in the place of a view's.
pub(crate) async fn update(
    connection: &mut PgConnection,
    id: Uuid,
    new: &Definition,
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE ticket.saved_view
         SET department_id = $2, title = $3, filter = $4, order_by = $5, revision = revision + 1, updated_at = $6
         WHERE id = $1",
        id,
        new.department,
        new.title,
        new.filter,
        new.order_by,
        now.to_sqlx() as _
    )
    .execute(connection)
    .await
    .map_err(taken)?;
    Ok(())
}

/// Deletes a view.
pub(crate) async fn delete(connection: &mut PgConnection, id: Uuid) -> Result<(), Fault> {
    sqlx::query!("DELETE FROM ticket.saved_view WHERE id = $1", id)
        .execute(connection)
        .await?;
    Ok(())
}

/// A title that the owner used already is theirs to know.
fn taken(error: sqlx::Error) -> Fault {
    let taken = error
        .as_database_error()
        .is_some_and(|error| error.constraint() == Some("saved_view_title"));
    match taken {
        true => Fault::new(Reason::AlreadyExists).with("field", "view.title"),
        false => error.into(),
    }
}
