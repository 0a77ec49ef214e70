//! Files after the suite was restored from a backup: what was destroyed since the backup was made
//! is destroyed again (CF-10.2), with the certificate of then. The other services follow by the
//! journal, as they did the first time.

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::{
    journal::{CertificateIssued, FileDestroyed, event},
    profile::{Certificate, CustomerState},
};
use kefu_journal::Entry;
use kefu_service::{clock::Clock, database::Db, error::Fault, fields::name};
use prost::Message;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::store::{certificates, destruction};

/// A destruction that was carried out.
#[derive(Debug, Clone)]
pub struct CarriedOut {
    /// That of the certificate.
    pub id: Uuid,
    /// When it was certified.
    pub issued_at: Timestamp,
    /// The certificate, as it was issued.
    pub body: Vec<u8>,
    /// Whose files went.
    pub customers: Vec<Uuid>,
}

/// Carries out anew what this database does not know of. Tells which, and how many files that
/// were here again are gone.
///
/// # Errors
/// When the database cannot be reached.
pub async fn destroy_again(
    db: &Db,
    clock: &dyn Clock,
    destructions: &[CarriedOut],
) -> Result<(Vec<Uuid>, u64), Fault> {
    let now = clock.now();
    let (mut anew, mut files) = (Vec::new(), 0);
    for one in destructions {
        let one = one.clone();
        let id = one.id;
        let gone = db
            .transaction(move |connection| {
                let one = one.clone();
                Box::pin(async move { carry_out(connection, &one, now).await })
            })
            .await?;
        if let Some(gone) = gone {
            anew.push(id);
            files += gone;
        }
    }
    Ok((anew, files))
}

/// `None` where it stands in this database already.
async fn carry_out(
    connection: &mut PgConnection,
    one: &CarriedOut,
    now: Timestamp,
) -> Result<Option<u64>, Fault> {
    if certificates::exists(connection, one.id).await? {
        return Ok(None);
    }
    let here = here(connection, &one.customers).await?;
    for customer in &here {
        destruction::destroy(connection, *customer, now).await?;
    }
    let mut entries: Vec<Entry> = here
        .iter()
        .map(|one_of| destroyed(*one_of, one.id, now))
        .collect();
    entries.push(issued(one, &here, now));
    kefu_journal::append(connection, &entries).await?;
    // As it was issued: what was certified is never put together anew.
    sqlx::query("INSERT INTO profile.certificate (id, issued_at, body) VALUES ($1, $2, $3)")
        .bind(one.id)
        .bind(one.issued_at.to_sqlx())
        .bind(&one.body)
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "INSERT INTO profile.tombstone (customer_id, certificate_id, destroyed_at)
         SELECT d.customer, $1, $3 FROM UNNEST($2::uuid[]) AS d(customer)",
    )
    .bind(one.id)
    .bind(&here)
    .bind(one.issued_at.to_sqlx())
    .execute(connection)
    .await?;
    Ok(Some(u64::try_from(here.len()).unwrap_or(u64::MAX)))
}

/// Those of them that this database has; what was entered after the backup is not in it.
async fn here(connection: &mut PgConnection, customers: &[Uuid]) -> Result<Vec<Uuid>, Fault> {
    let found = sqlx::query_scalar(
        "SELECT id FROM profile.customer WHERE id = ANY($1) AND state <> $2 ORDER BY id FOR UPDATE",
    )
    .bind(customers)
    .bind(CustomerState::Destroyed as i16)
    .fetch_all(connection)
    .await?;
    Ok(found)
}

fn destroyed(customer: Uuid, certificate: Uuid, now: Timestamp) -> Entry {
    let event = event::Event::FileDestroyed(FileDestroyed {
        customer_id: customer.as_bytes().to_vec(),
        certificate_id: certificate.as_bytes().to_vec(),
    });
    let (request, resource) = (String::new(), name("customers", customer));
    Entry::by_itself(
        now,
        request,
        "customer.destroyed",
        resource,
        Some(customer),
        event,
    )
}

fn issued(one: &CarriedOut, here: &[Uuid], now: Timestamp) -> Entry {
    let certificate = Certificate::decode(one.body.as_slice()).unwrap_or_default();
    let count = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
    let event = event::Event::CertificateIssued(CertificateIssued {
        certificate_id: one.id.as_bytes().to_vec(),
        sha256: digest(&SHA256, certificate.text.as_bytes())
            .as_ref()
            .to_vec(),
        destroyed_count: count(here.len()),
        spared_count: count(certificate.files.len().saturating_sub(one.customers.len())),
    });
    let (request, resource) = (String::new(), name("certificates", one.id));
    Entry::by_itself(now, request, "certificate.issued", resource, None, event)
}
