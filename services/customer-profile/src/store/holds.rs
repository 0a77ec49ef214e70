//! Holds, and which files they have (CF-5.2).

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_access::ScopeColumns;
use kefu_contracts::{
    policy::DataClass,
    profile::{HeldFile, Hold, HoldKind, HoldState},
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

use super::records::SCOPE;
use crate::domain::hold::Opening;

/// Under which every look at holds is taken: they are the company's, not a department's.
pub(crate) const HOLDS: RecordSpec = RecordSpec {
    columns: "h.id, h.kind, h.title, h.reason, h.state, h.ticket_id, h.opener_id, h.opened_at, h.lifter_id, h.lifted_at,
              h.lift_reason, h.revision,
              (SELECT count(*)::int FROM profile.hold_file f WHERE f.hold_id = h.id AND f.removed_at IS NULL) AS files",
    from: "profile.hold h",
    id: "h.id",
    scope: ScopeColumns {
        department: None,
        owner: Some("h.opener_id"),
        customer: None,
        duty: None,
        consent: None,
    },
    fields: &[
        FilterField {
            name: "kind",
            column: "h.kind",
            kind: FilterKind::Enum {
                prefix: "HOLD_KIND_",
                parse: |name| HoldKind::from_str_name(name).map(Into::into),
            },
            class: DataClass::System,
        },
        FilterField {
            name: "state",
            column: "h.state",
            kind: FilterKind::Enum {
                prefix: "HOLD_STATE_",
                parse: |name| HoldState::from_str_name(name).map(Into::into),
            },
            class: DataClass::System,
        },
        FilterField::system("open_time", "h.opened_at", FilterKind::Time),
    ],
    ..RecordSpec::PLAIN
};

/// Under which every look at files in holds is taken: that of the file.
pub(crate) const HELD_FILES: RecordSpec = RecordSpec {
    columns: "f.id, f.hold_id, f.customer_id, c.file_number, f.adder_id, f.added_at, f.remover_id, f.removed_at",
    from: "profile.hold_file f JOIN profile.customer c ON c.id = f.customer_id",
    id: "f.id",
    scope: SCOPE,
    fields: &[
        FilterField::system("hold", "f.hold_id", FilterKind::Name("holds")),
        FilterField::system("customer", "f.customer_id", FilterKind::Name("customers")),
    ],
    ..RecordSpec::PLAIN
};

/// A hold as it was read.
pub(crate) struct StoredHold {
    pub(crate) id: Uuid,
    pub(crate) opened_at: Timestamp,
    pub(crate) revision: i64,
    /// Rules of the call that let it through.
    pub(crate) matched: i64,
    pub(crate) message: Hold,
}

/// A file in a hold as it was read.
pub(crate) struct StoredHeldFile {
    pub(crate) id: Uuid,
    pub(crate) customer: Uuid,
    pub(crate) added_at: Timestamp,
    /// Rules of the call that let the file through.
    pub(crate) matched: i64,
    pub(crate) message: HeldFile,
}

fn at(row: &PgRow, column: &str) -> Result<Option<Timestamp>, Fault> {
    let at: Option<jiff_sqlx::Timestamp> = row.try_get(column)?;
    Ok(at.map(jiff_sqlx::Timestamp::to_jiff))
}

fn named(row: &PgRow, column: &str, collection: &str) -> Result<String, Fault> {
    let id: Option<Uuid> = row.try_get(column)?;
    Ok(id.map(|id| name(collection, id)).unwrap_or_default())
}

impl StoredHold {
    pub(crate) fn read(row: &PgRow) -> Result<Self, Fault> {
        let id = row.try_get("id")?;
        let opened_at = at(row, "opened_at")?.unwrap_or_default();
        let revision = row.try_get("revision")?;
        Ok(Self {
            id,
            opened_at,
            revision,
            matched: row.try_get("matched")?,
            message: Hold {
                name: name("holds", id),
                kind: row.try_get::<i16, _>("kind")?.into(),
                title: row.try_get("title")?,
                reason: row.try_get("reason")?,
                state: row.try_get::<i16, _>("state")?.into(),
                file_count: row.try_get("files")?,
                ticket: named(row, "ticket_id", "tickets")?,
                opener: named(row, "opener_id", "employees")?,
                open_time: Some(time::to_proto(opened_at)),
                lifter: named(row, "lifter_id", "employees")?,
                lift_time: at(row, "lifted_at")?.map(time::to_proto),
                lift_reason: row.try_get("lift_reason")?,
                etag: etag(revision),
            },
        })
    }
}

impl StoredHeldFile {
    pub(crate) fn read(row: &PgRow) -> Result<Self, Fault> {
        let customer = row.try_get("customer_id")?;
        let added_at = at(row, "added_at")?.unwrap_or_default();
        let number: Option<String> = row.try_get("file_number")?;
        Ok(Self {
            id: row.try_get("id")?,
            customer,
            added_at,
            matched: row.try_get("matched")?,
            message: HeldFile {
                hold: named(row, "hold_id", "holds")?,
                customer: name("customers", customer),
                file_number: number.unwrap_or_default(),
                adder: named(row, "adder_id", "employees")?,
                add_time: Some(time::to_proto(added_at)),
                remover: named(row, "remover_id", "employees")?,
                remove_time: at(row, "removed_at")?.map(time::to_proto),
            },
        })
    }
}

/// By whom something is done to a hold, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct By {
    /// Nobody where the ticket's journal does it.
    pub(crate) actor: Option<Uuid>,
    pub(crate) now: Timestamp,
}

/// Opens a hold; `false` when the ticket that it comes from has opened one before.
pub(crate) async fn open(
    connection: &mut PgConnection,
    id: Uuid,
    opening: &Opening,
    ticket: Option<Uuid>,
    by: By,
) -> Result<bool, Fault> {
    let opened = sqlx::query!(
        "INSERT INTO profile.hold (id, kind, title, reason, state, ticket_id, opener_id, opened_at, revision)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1) ON CONFLICT (ticket_id) DO NOTHING",
        id,
        opening.kind as i16,
        opening.title,
        opening.reason,
        HoldState::Open as i16,
        ticket,
        by.actor,
        by.now.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(opened.rows_affected() == 1)
}

/// Holds files, each under an id of its own; tells which of them it did not have before.
pub(crate) async fn add(
    connection: &mut PgConnection,
    hold: Uuid,
    files: &[(Uuid, Uuid)],
    by: By,
) -> Result<Vec<Uuid>, Fault> {
    let (ids, customers): (Vec<Uuid>, Vec<Uuid>) = files.iter().copied().unzip();
    let added = sqlx::query_scalar!(
        "INSERT INTO profile.hold_file (id, hold_id, customer_id, adder_id, added_at)
         SELECT f.id, $1, f.customer, $4, $5 FROM UNNEST($2::uuid[], $3::uuid[]) AS f(id, customer)
         ON CONFLICT DO NOTHING RETURNING customer_id",
        hold,
        &ids,
        &customers,
        by.actor,
        by.now.to_sqlx() as _
    )
    .fetch_all(connection)
    .await?;
    Ok(added)
}

/// Holds that began to have a file by itself since then, and have it still.
pub(crate) async fn begun_since(
    connection: &mut PgConnection,
    customer: Uuid,
    since: Timestamp,
) -> Result<Vec<Uuid>, Fault> {
    let holds = sqlx::query_scalar!(
        "SELECT hold_id FROM profile.hold_file
         WHERE customer_id = $1 AND removed_at IS NULL AND origin_id IS NULL AND added_at >= $2 ORDER BY hold_id",
        customer,
        since.to_sqlx() as _
    )
    .fetch_all(connection)
    .await?;
    Ok(holds)
}

/// Lets files go, all of them when none are named; tells which it had.
pub(crate) async fn remove(
    connection: &mut PgConnection,
    hold: Uuid,
    customers: Option<&[Uuid]>,
    by: By,
) -> Result<Vec<Uuid>, Fault> {
    let removed = sqlx::query_scalar!(
        "UPDATE profile.hold_file SET remover_id = $3, removed_at = $4
         WHERE hold_id = $1 AND removed_at IS NULL AND ($2::uuid[] IS NULL OR customer_id = ANY($2))
         RETURNING customer_id",
        hold,
        customers,
        by.actor,
        by.now.to_sqlx() as _
    )
    .fetch_all(connection)
    .await?;
    Ok(removed)
}

/// Counts a change of a hold; one that was lifted says by whom and why.
pub(crate) async fn touch(
    connection: &mut PgConnection,
    hold: Uuid,
    lifted: Option<&str>,
    by: By,
) -> Result<(), Fault> {
    let state = match lifted {
        Some(_) => HoldState::Lifted,
        None => HoldState::Open,
    };
    sqlx::query!(
        "UPDATE profile.hold SET revision = revision + 1, state = $2, lift_reason = COALESCE($3, ''),
                lifter_id = CASE WHEN $3::text IS NULL THEN NULL ELSE $4::uuid END,
                lifted_at = CASE WHEN $3::text IS NULL THEN NULL ELSE $5::timestamptz END
         WHERE id = $1",
        hold,
        state as i16,
        lifted,
        by.actor,
        by.now.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(())
}
