//! Every change of a file (CF-7.2). A revision keeps the file as the change left it; what
//! was before is the revision before.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::{
    policy::DataClass,
    profile::{Customer, CustomerAct},
};
use kefu_service::{
    error::Fault,
    fields::{etag, name, subject_name},
    filter::{FilterField, FilterKind},
    scope::RecordSpec,
    time,
};
use kefu_vault::WrappedKey;
use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use super::{customers::Standing, records::SCOPE, verifications};

/// Acts by which somebody has a hand in what a file says.
const HANDS: &[i16] = &[
    CustomerAct::Entered as i16,
    CustomerAct::Changed as i16,
    CustomerAct::Submitted as i16,
    CustomerAct::Restored as i16,
];

/// Under which every look at the changes of files is taken.
pub(crate) const REVISIONS: RecordSpec = RecordSpec {
    columns: "r.id AS revision_id, r.revision, r.act, r.actor_id, r.actor_is_system, r.recorded_at, r.changed,
              r.state, r.tier, r.business_line, r.owner_id, r.file_number, r.sealed,
              b.recorded_at AS b_recorded_at, b.state AS b_state, b.tier AS b_tier,
              b.business_line AS b_business_line, b.owner_id AS b_owner_id, b.file_number AS b_file_number,
              b.sealed AS b_sealed, b.revision AS b_revision,
              c.id, c.type, c.department_id, c.external_ref, c.intake_channel, c.contact_at, c.entry_due_at,
              c.entered_at, c.created_at, k.kek_id, k.wrapped",
    from: "profile.revision r
           JOIN profile.customer c ON c.id = r.customer_id AND c.state IN (2, 3, 4)
           JOIN profile.customer_key k ON k.customer_id = c.id
           LEFT JOIN profile.revision b ON b.customer_id = r.customer_id AND b.revision = r.revision - 1",
    id: "r.id",
    scope: SCOPE,
    fields: &[FilterField {
        name: "customer",
        column: "r.customer_id",
        kind: FilterKind::Name("customers"),
        class: DataClass::System,
    }],
    ..RecordSpec::PLAIN
};

/// A change about to be kept.
pub(crate) struct NewRevision<'a> {
    pub(crate) id: Uuid,
    pub(crate) customer_id: Uuid,
    pub(crate) revision: i64,
    pub(crate) act: CustomerAct,
    /// None for what happens by itself.
    pub(crate) actor_id: Option<Uuid>,
    pub(crate) actor_is_system: bool,
    pub(crate) changed: &'a [String],
    pub(crate) tier: i32,
    pub(crate) standing: &'a Standing<'a>,
    pub(crate) now: Timestamp,
}

/// Keeps a change.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    new: &NewRevision<'_>,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO profile.revision
             (id, customer_id, revision, act, actor_id, actor_is_system, recorded_at, changed, state, tier,
              business_line, owner_id, file_number, sealed)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        new.id,
        new.customer_id,
        new.revision,
        new.act as i16,
        new.actor_id,
        new.actor_is_system,
        new.now.to_sqlx() as _,
        new.changed,
        new.standing.state as i16,
        i16::try_from(new.tier).unwrap_or_default(),
        new.standing.business_line,
        new.standing.owner_id,
        new.standing.file_number,
        new.standing.sealed
    )
    .execute(&mut *connection)
    .await?;
    // Of a file that was sent back they are what it was sent back for.
    if new.act == CustomerAct::Returned {
        return Ok(());
    }
    verifications::make_stale(connection, new.customer_id, new.changed).await
}

/// Whether this subject entered, changed or submitted the file at any time.
pub(crate) async fn had_a_hand(
    connection: &mut PgConnection,
    customer: Uuid,
    subject: Uuid,
) -> Result<bool, Fault> {
    let found = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT 1 FROM profile.revision
                          WHERE customer_id = $1 AND actor_id = $2 AND act = ANY($3)) AS "found!""#,
        customer,
        subject,
        HANDS
    )
    .fetch_one(connection)
    .await?;
    Ok(found)
}

/// The sealed data of a revision.
pub(crate) async fn sealed(
    connection: &mut PgConnection,
    customer: Uuid,
    revision: i64,
) -> Result<Option<Vec<u8>>, Fault> {
    let sealed = sqlx::query_scalar!(
        "SELECT sealed FROM profile.revision WHERE customer_id = $1 AND revision = $2",
        customer,
        revision
    )
    .fetch_optional(connection)
    .await?;
    Ok(sealed)
}

/// A change as it was read, the file before and after still sealed.
pub(crate) struct StoredRevision {
    pub(crate) id: Uuid,
    pub(crate) customer_id: Uuid,
    pub(crate) revision: i64,
    pub(crate) act: i32,
    /// `employees/…` or `system-accounts/…`
    pub(crate) actor: String,
    pub(crate) recorded_at: Timestamp,
    pub(crate) changed: Vec<String>,
    pub(crate) before: Option<Snapshot>,
    pub(crate) after: Snapshot,
    pub(crate) wrapped: WrappedKey,
    /// Rules of the call that let the file through.
    pub(crate) matched: i64,
}

/// A file at a time.
pub(crate) struct Snapshot {
    columns: Customer,
    pub(crate) sealed: Vec<u8>,
}

impl StoredRevision {
    pub(crate) fn read(row: &PgRow) -> Result<Self, Fault> {
        let revision = row.try_get("revision")?;
        let actor_id: Option<Uuid> = row.try_get("actor_id")?;
        let is_system = row.try_get("actor_is_system")?;
        let before: Option<i64> = row.try_get("b_revision")?;
        Ok(Self {
            id: row.try_get("revision_id")?,
            customer_id: row.try_get("id")?,
            revision,
            act: row.try_get::<i16, _>("act")?.into(),
            actor: actor_id
                .map(|id| subject_name(id, is_system))
                .unwrap_or_default(),
            recorded_at: row
                .try_get::<jiff_sqlx::Timestamp, _>("recorded_at")?
                .to_jiff(),
            changed: row.try_get("changed")?,
            before: before
                .map(|before| Snapshot::read(row, "b_", before))
                .transpose()?,
            after: Snapshot::read(row, "", revision)?,
            wrapped: WrappedKey {
                kek_id: row.try_get("kek_id")?,
                bytes: row.try_get("wrapped")?,
            },
            matched: row.try_get("matched")?,
        })
    }
}

impl Snapshot {
    /// Of the revision whose columns begin so.
    fn read(row: &PgRow, prefix: &str, revision: i64) -> Result<Self, Fault> {
        let own = |column: &str| format!("{prefix}{column}");
        let small = |column: &str| row.try_get::<i16, _>(column).map(i32::from);
        let time = |column: &str| {
            row.try_get::<Option<jiff_sqlx::Timestamp>, _>(column)
                .map(|at| at.map(|at| at.to_jiff()))
        };
        let text = |column: &str| {
            row.try_get::<Option<String>, _>(column)
                .map(Option::unwrap_or_default)
        };
        let owner: Option<Uuid> = row.try_get(own("owner_id").as_str())?;
        let updated = time(&own("recorded_at"))?;
        // Complete only from then on.
        let entered = time("entered_at")?.filter(|at| Some(*at) <= updated);
        let columns = Customer {
            name: name("customers", row.try_get("id")?),
            file_number: text(&own("file_number"))?,
            r#type: small("type")?,
            state: small(&own("state"))?,
            business_line: text(&own("business_line"))?,
            department: name("departments", row.try_get("department_id")?),
            owner: owner.map(|id| name("employees", id)).unwrap_or_default(),
            external_ref: text("external_ref")?,
            tier: small(&own("tier"))?,
            intake_channel: small("intake_channel")?,
            contact_time: time("contact_at")?.map(time::to_proto),
            entry_due_time: time("entry_due_at")?.map(time::to_proto),
            entered_time: entered.map(time::to_proto),
            etag: etag(revision),
            create_time: time("created_at")?.map(time::to_proto),
            update_time: updated.map(time::to_proto),
            ..Default::default()
        };
        Ok(Self {
            columns,
            sealed: row.try_get(own("sealed").as_str())?,
        })
    }

    /// The file as it was: the opened fields with those that are kept in columns.
    pub(crate) fn with_columns(&self, opened: Customer) -> Customer {
        super::records::with_columns(self.columns.clone(), opened)
    }
}
