//! Certificates of destruction, and what is left of files (CF-10.2).

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_access::ScopeColumns;
use kefu_contracts::profile::{Certificate, Tombstone};
use kefu_service::{
    error::Fault,
    fields::name,
    filter::{FilterField, FilterKind},
    scope::RecordSpec,
    time,
};
use prost::Message;
use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use super::records::SCOPE;

/// Under which every look at certificates is taken: they are the company's.
pub(crate) const CERTIFICATES: RecordSpec = RecordSpec {
    columns: "t.id, t.issued_at, t.body",
    from: "profile.certificate t",
    id: "t.id",
    scope: ScopeColumns {
        department: None,
        owner: None,
        customer: None,
        duty: None,
        consent: None,
    },
    fields: &[
        FilterField::system(
            "customer",
            "t.id",
            FilterKind::Related {
                collection: "customers",
                of: "SELECT s.certificate_id FROM profile.tombstone s WHERE s.customer_id",
            },
        ),
        FilterField::system("issue_time", "t.issued_at", FilterKind::Time),
    ],
    ..RecordSpec::PLAIN
};

/// Under which every look at what is left of files is taken: that of the file.
pub(crate) const TOMBSTONES: RecordSpec = RecordSpec {
    columns: "c.id, c.created_at, s.destroyed_at, s.certificate_id,
              ARRAY(SELECT n.number FROM profile.file_number n WHERE n.customer_id = c.id
                    ORDER BY n.issued_at, n.number) AS numbers",
    from: "profile.tombstone s JOIN profile.customer c ON c.id = s.customer_id",
    id: "c.id",
    scope: SCOPE,
    fields: &[],
    ..RecordSpec::PLAIN
};

/// A certificate as it was read.
pub(crate) struct StoredCertificate {
    pub(crate) id: Uuid,
    pub(crate) issued_at: Timestamp,
    /// Rules of the call that let it through.
    pub(crate) matched: i64,
    pub(crate) message: Certificate,
}

impl StoredCertificate {
    pub(crate) fn read(row: &PgRow) -> Result<Self, Fault> {
        let issued_at: jiff_sqlx::Timestamp = row.try_get("issued_at")?;
        let message = Certificate::decode(row.try_get::<&[u8], _>("body")?);
        Ok(Self {
            id: row.try_get("id")?,
            issued_at: issued_at.to_jiff(),
            matched: row.try_get("matched")?,
            message: message.map_err(|_| Fault::internal("a certificate cannot be read"))?,
        })
    }
}

/// What is left of a file, as it was read, with the rules that let it through.
pub(crate) fn tombstone(row: &PgRow) -> Result<(Uuid, Tombstone, i64), Fault> {
    let at = |column| {
        let at = row.try_get::<jiff_sqlx::Timestamp, _>(column);
        at.map(|at| time::to_proto(at.to_jiff()))
    };
    let id = row.try_get("id")?;
    let tombstone = Tombstone {
        customer: name("customers", id),
        file_numbers: row.try_get("numbers")?,
        create_time: Some(at("created_at")?),
        destroy_time: Some(at("destroyed_at")?),
        certificate: name("certificates", row.try_get("certificate_id")?),
    };
    Ok((id, tombstone, row.try_get("matched")?))
}

/// Whether this destruction was carried out before.
pub(crate) async fn exists(connection: &mut PgConnection, id: Uuid) -> Result<bool, Fault> {
    let found = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT 1 FROM profile.certificate WHERE id = $1) AS "found!""#,
        id
    )
    .fetch_one(connection)
    .await?;
    Ok(found)
}

/// Issues a certificate, and puts it on what is left of these files.
pub(crate) async fn issue(
    connection: &mut PgConnection,
    id: Uuid,
    certificate: &Certificate,
    destroyed: &[Uuid],
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO profile.certificate (id, issued_at, body) VALUES ($1, $2, $3)",
        id,
        now.to_sqlx() as _,
        certificate.encode_to_vec()
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "INSERT INTO profile.tombstone (customer_id, certificate_id, destroyed_at)
         SELECT d.customer, $1, $3 FROM UNNEST($2::uuid[]) AS d(customer)",
        id,
        destroyed,
        now.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(())
}
