//! Which files became one, and how each stands in that (IH-2.2).

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::profile::{CustomerState, Merge, MergeState};
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

/// Under which every look at merges is taken: that of the file that both are now.
pub(crate) const MERGES: RecordSpec = RecordSpec {
    columns: "m.id, m.survivor_id, m.absorbed_id, m.state, m.changed, m.merger, m.merged_at, m.reason, m.undoer,
              m.undone_at, m.undo_reason, m.kept, m.revision",
    from: "profile.merge m JOIN profile.customer s ON s.id = m.survivor_id
           JOIN profile.customer c ON c.id = COALESCE(s.merged_into, s.id) AND c.state IN (2, 3, 4)",
    id: "m.id",
    scope: SCOPE,
    fields: &[
        FilterField::system("survivor", "m.survivor_id", FilterKind::Name("customers")),
        FilterField::system("absorbed", "m.absorbed_id", FilterKind::Name("customers")),
        FilterField::system(
            "state",
            "m.state",
            FilterKind::Enum {
                prefix: "MERGE_STATE_",
                parse: |name| MergeState::from_str_name(name).map(Into::into),
            },
        ),
        FilterField::system("merge_time", "m.merged_at", FilterKind::Time),
    ],
    ..RecordSpec::PLAIN
};

/// A merge as it was read.
pub(crate) struct StoredMerge {
    pub(crate) id: Uuid,
    pub(crate) survivor: Uuid,
    pub(crate) absorbed: Uuid,
    pub(crate) merged_at: Timestamp,
    pub(crate) revision: i64,
    /// Rules of the call that let it through.
    pub(crate) matched: i64,
    pub(crate) message: Merge,
}

impl StoredMerge {
    pub(crate) fn read(row: &PgRow) -> Result<Self, Fault> {
        let id = row.try_get("id")?;
        let (survivor, absorbed) = (row.try_get("survivor_id")?, row.try_get("absorbed_id")?);
        let merged_at = row.try_get::<jiff_sqlx::Timestamp, _>("merged_at")?;
        let merged_at = merged_at.to_jiff();
        let undone_at: Option<jiff_sqlx::Timestamp> = row.try_get("undone_at")?;
        let revision = row.try_get("revision")?;
        Ok(Self {
            id,
            survivor,
            absorbed,
            merged_at,
            revision,
            matched: row.try_get("matched")?,
            message: Merge {
                name: name("merges", id),
                survivor: name("customers", survivor),
                absorbed: name("customers", absorbed),
                state: row.try_get::<i16, _>("state")?.into(),
                changed_fields: row.try_get("changed")?,
                merger: row.try_get("merger")?,
                merge_time: Some(time::to_proto(merged_at)),
                reason: row.try_get("reason")?,
                undoer: row.try_get("undoer")?,
                undo_time: undone_at.map(|at| time::to_proto(at.to_jiff())),
                undo_reason: row.try_get("undo_reason")?,
                kept_fields: row.try_get("kept")?,
                etag: etag(revision),
            },
        })
    }
}

/// A merge that has just been made.
pub(crate) struct NewMerge<'a> {
    pub(crate) id: Uuid,
    pub(crate) survivor: Uuid,
    pub(crate) absorbed: Uuid,
    pub(crate) members: &'a [Uuid],
    /// Of the survivor as it is now.
    pub(crate) survivor_revision: i64,
    pub(crate) changed: &'a [String],
    pub(crate) business: Business,
    /// Results of checks that it made out of date.
    pub(crate) outdated: &'a [Uuid],
    pub(crate) merger: &'a str,
    pub(crate) reason: &'a str,
    pub(crate) now: Timestamp,
}

/// The day of the survivor's last business, without the other's and with it.
pub(crate) struct Business {
    before: Option<jiff_sqlx::Date>,
    merged: Option<jiff_sqlx::Date>,
}

/// Keeps a merge.
pub(crate) async fn insert(connection: &mut PgConnection, new: &NewMerge<'_>) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO profile.merge
             (id, survivor_id, absorbed_id, members, state, survivor_revision, changed, business_before,
              business_merged, outdated, merger, merged_at, reason)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        new.id,
        new.survivor,
        new.absorbed,
        new.members,
        MergeState::Standing as i16,
        new.survivor_revision,
        new.changed,
        new.business.before as _,
        new.business.merged as _,
        new.outdated,
        new.merger,
        new.now.to_sqlx() as _,
        new.reason
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What has to be known to undo a merge.
pub(crate) struct Memory {
    pub(crate) members: Vec<Uuid>,
    pub(crate) survivor_revision: i64,
    pub(crate) outdated: Vec<Uuid>,
    business: Business,
}

/// Locks a merge.
pub(crate) async fn lock(connection: &mut PgConnection, id: Uuid) -> Result<Memory, Fault> {
    let row = sqlx::query!(
        r#"SELECT members, survivor_revision, outdated, business_before AS "before: jiff_sqlx::Date",
                  business_merged AS "merged: jiff_sqlx::Date"
           FROM profile.merge WHERE id = $1 FOR UPDATE"#,
        id
    )
    .fetch_one(connection)
    .await?;
    Ok(Memory {
        members: row.members,
        survivor_revision: row.survivor_revision,
        outdated: row.outdated,
        business: Business {
            before: row.before,
            merged: row.merged,
        },
    })
}

/// Says that a merge was undone, by whom and why, and what stayed.
pub(crate) async fn undo(
    connection: &mut PgConnection,
    id: Uuid,
    (undoer, reason): (&str, &str),
    kept: &[String],
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE profile.merge SET state = $2, undoer = $3, undone_at = $4, undo_reason = $5, kept = $6,
                revision = revision + 1
         WHERE id = $1",
        id,
        MergeState::Undone as i16,
        undoer,
        now.to_sqlx() as _,
        reason,
        kept
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Makes a locked file part of another, with those that are part of it; tells which.
pub(crate) async fn absorb(
    connection: &mut PgConnection,
    (survivor, absorbed): (Uuid, Uuid),
    now: Timestamp,
) -> Result<Vec<Uuid>, Fault> {
    let members = sqlx::query_scalar!(
        "UPDATE profile.customer
         SET merged_into = $1, state = $3, revision = revision + (id = $2)::int,
             updated_at = CASE WHEN id = $2 THEN $4 ELSE updated_at END
         WHERE id = $2 OR merged_into = $2 RETURNING id",
        survivor,
        absorbed,
        CustomerState::Merged as i16,
        now.to_sqlx() as _
    )
    .fetch_all(connection)
    .await?;
    Ok(members)
}

/// Makes a file stand by itself again, with those that were part of it.
pub(crate) async fn release(
    connection: &mut PgConnection,
    absorbed: Uuid,
    members: &[Uuid],
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE profile.customer
         SET merged_into = CASE WHEN id = $1 THEN NULL ELSE $1 END,
             state = CASE WHEN id = $1 THEN $3::smallint ELSE state END,
             revision = revision + (id = $1)::int,
             updated_at = CASE WHEN id = $1 THEN $4 ELSE updated_at END
         WHERE id = ANY($2)",
        absorbed,
        members,
        CustomerState::Archived as i16,
        now.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The file that this one is part of.
pub(crate) async fn survivor_of(
    connection: &mut PgConnection,
    customer: Uuid,
) -> Result<Option<Uuid>, Fault> {
    let survivor = sqlx::query_scalar!(
        "SELECT merged_into FROM profile.customer WHERE id = $1",
        customer
    )
    .fetch_optional(connection)
    .await?;
    Ok(survivor.flatten())
}

/// The survivor is kept as long as either would be.
pub(crate) async fn keep_longer(
    connection: &mut PgConnection,
    (survivor, absorbed): (Uuid, Uuid),
) -> Result<Business, Fault> {
    let row = sqlx::query!(
        r#"UPDATE profile.customer s
           SET last_business_on = GREATEST(s.last_business_on, (a.retained_from AT TIME ZONE 'UTC')::date - 1)
           FROM profile.customer a, profile.customer b
           WHERE s.id = $1 AND b.id = $1 AND a.id = $2
           RETURNING b.last_business_on AS "before: jiff_sqlx::Date", s.last_business_on AS "merged: jiff_sqlx::Date""#,
        survivor,
        absorbed
    )
    .fetch_one(connection)
    .await?;
    Ok(Business {
        before: row.before,
        merged: row.merged,
    })
}

/// The survivor is kept as long as it would have been, if there was no business since.
pub(crate) async fn keep_no_longer(
    connection: &mut PgConnection,
    survivor: Uuid,
    memory: &Memory,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE profile.customer SET last_business_on = $2
         WHERE id = $1 AND last_business_on IS NOT DISTINCT FROM $3",
        survivor,
        memory.business.before as _,
        memory.business.merged as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Results of checks of a file that are up to date.
pub(crate) async fn up_to_date(
    connection: &mut PgConnection,
    customer: Uuid,
) -> Result<Vec<Uuid>, Fault> {
    let ids = sqlx::query_scalar!(
        "SELECT verification_id FROM profile.standing_check WHERE customer_id = $1 AND NOT stale",
        customer
    )
    .fetch_all(connection)
    .await?;
    Ok(ids)
}

/// Results that only the merge made out of date are up to date again: nobody changed what they
/// looked at between it and now, when it was undone.
pub(crate) async fn update_again(
    connection: &mut PgConnection,
    customer: Uuid,
    memory: &Memory,
    undone: i64,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE profile.standing_check s SET stale = false FROM profile.verification v
         WHERE s.customer_id = $1 AND s.verification_id = ANY($2) AND v.id = s.verification_id
           AND NOT EXISTS (SELECT 1 FROM profile.revision r
                           WHERE r.customer_id = $1 AND r.revision > $3 AND r.revision < $4 AND r.act <> 4
                             AND r.changed && v.fields)",
        customer,
        &memory.outdated,
        memory.survivor_revision,
        undone
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// From when on the time of keeping of two files together is counted.
pub(crate) async fn clock_of(
    connection: &mut PgConnection,
    files: [Uuid; 2],
) -> Result<Timestamp, Fault> {
    let clock = sqlx::query_scalar!(
        r#"SELECT max(retained_from) AS "clock!: jiff_sqlx::Timestamp" FROM profile.customer WHERE id = ANY($1)"#,
        &files
    )
    .fetch_one(connection)
    .await?;
    Ok(clock.to_jiff())
}

/// How many holds have one of the files.
pub(crate) async fn holds_of(
    connection: &mut PgConnection,
    files: [Uuid; 2],
) -> Result<i32, Fault> {
    let holds = sqlx::query_scalar!(
        r#"SELECT count(DISTINCT hold_id)::int AS "holds!" FROM profile.hold_file
           WHERE customer_id = ANY($1) AND removed_at IS NULL"#,
        &files
    )
    .fetch_one(connection)
    .await?;
    Ok(holds)
}

/// Every number that leads to a file, the oldest first.
pub(crate) async fn numbers_of(
    connection: &mut PgConnection,
    file: Uuid,
) -> Result<Vec<String>, Fault> {
    let numbers = sqlx::query_scalar!(
        "SELECT number FROM profile.file_number WHERE customer_id = $1 ORDER BY issued_at, number",
        file
    )
    .fetch_all(connection)
    .await?;
    Ok(numbers)
}
