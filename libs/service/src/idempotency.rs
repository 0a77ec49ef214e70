//! A request id that comes again gets the same answer; with another request
//! under it, it is refused (AIP-155). The answer is kept in the transaction of
//! the change, sealed like the record it carries.

use aws_lc_rs::digest::{SHA256, digest};
use jiff_sqlx::ToSqlx;
use kefu_contracts::common::Reason;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use crate::{call::Call, database::Db, error::Fault, fields::Fields};

/// Definition of the table, for the first migration of each service.
pub const TABLE: &str = include_str!("../sql/request.sql");

/// A request that says which one it is.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Who asks; ids of different callers never meet.
    pub subject_id: Uuid,
    /// The id.
    pub request_id: Uuid,
    /// gRPC path.
    pub method: &'static str,
    /// SHA-256 of the encoded request.
    pub digest: Vec<u8>,
}

impl Claim {
    /// The claim of a request; `None` when it brings no id.
    pub fn of<M: prost::Message>(
        call: &Call,
        request_id: Option<Uuid>,
        request: &M,
    ) -> Option<Self> {
        Some(Self {
            subject_id: call.context.subject.id,
            request_id: request_id?,
            method: call.method.path,
            digest: digest(&SHA256, &request.encode_to_vec()).as_ref().to_vec(),
        })
    }
}

/// An answer given before.
#[derive(Debug, Clone)]
pub struct Kept {
    /// The record it carries.
    pub resource_id: Uuid,
    /// The record, sealed.
    pub answer: Vec<u8>,
    /// Place of what it journaled.
    pub position: kefu_journal::Cursor,
}

/// The answer given to this request before.
///
/// # Errors
/// [`Reason::RequestIdReused`] when the id came with another request.
pub async fn find(connection: &mut PgConnection, claim: &Claim) -> Result<Option<Kept>, Fault> {
    let row = sqlx::query(
        "SELECT method, digest, resource_id, answer, transaction_id, position FROM request
         WHERE subject_id = $1 AND request_id = $2",
    )
    .bind(claim.subject_id)
    .bind(claim.request_id)
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let same =
        row.try_get::<&str, _>(0)? == claim.method && row.try_get::<&[u8], _>(1)? == claim.digest;
    if !same {
        return Err(Fault::new(Reason::RequestIdReused));
    }
    Ok(Some(Kept {
        resource_id: row.try_get(2)?,
        answer: row.try_get(3)?,
        position: kefu_journal::Cursor {
            transaction_id: row.try_get(4)?,
            position: row.try_get(5)?,
        },
    }))
}

/// Ends the search for what is wrong with a request. One that was answered before was sound then:
/// what only the clock says against it by now does not keep its caller from that answer, which
/// is kept as long as its customer.
///
/// # Errors
/// With everything that was noted.
pub async fn finish(db: &Db, fields: Fields, claim: Option<&Claim>) -> Result<(), Fault> {
    let Err(wrong) = fields.finish() else {
        return Ok(());
    };
    if let Some(claim) = claim
        && is_answered(db, claim).await?
    {
        return Ok(());
    }
    Err(wrong)
}

async fn is_answered(db: &Db, claim: &Claim) -> Result<bool, Fault> {
    let claim = claim.clone();
    let kept = db
        .run(move |connection| Box::pin(async move { find(connection, &claim).await }))
        .await;
    match kept {
        Ok(kept) => Ok(kept.is_some()),
        // What is wrong with another request under the same id is told first.
        Err(fault) if fault.reason == Reason::RequestIdReused => Ok(false),
        Err(fault) => Err(fault),
    }
}

/// An answer given before that says nothing of a customer, and was kept unsealed.
#[derive(Debug)]
pub struct Plain<M> {
    /// The answer.
    pub body: M,
    /// The record it carries.
    pub resource_id: Uuid,
    /// Place of what it journaled.
    pub position: kefu_journal::Cursor,
}

/// The unsealed answer given to this request before.
///
/// # Errors
/// As [`find`], and when it is not of this message.
pub async fn find_plain<M: prost::Message + Default>(
    connection: &mut PgConnection,
    claim: Option<&Claim>,
) -> Result<Option<Plain<M>>, Fault> {
    let Some(claim) = claim else { return Ok(None) };
    let Some(kept) = find(connection, claim).await? else {
        return Ok(None);
    };
    let body = M::decode(kept.answer.as_slice())
        .map_err(|error| Fault::internal(format!("kept answer: {error}")))?;
    Ok(Some(Plain {
        body,
        resource_id: kept.resource_id,
        position: kept.position,
    }))
}

/// Keeps an answer that says nothing of a customer as it is.
///
/// # Errors
/// As [`keep`].
pub async fn keep_plain<M: prost::Message>(
    connection: &mut PgConnection,
    call: &Call,
    claim: Option<&Claim>,
    resource_id: Uuid,
    body: &M,
    position: kefu_journal::Cursor,
) -> Result<(), Fault> {
    let Some(claim) = claim else { return Ok(()) };
    let kept = Kept {
        resource_id,
        answer: body.encode_to_vec(),
        position,
    };
    keep(connection, call, claim, None, &kept).await
}

/// Keeps an answer in the transaction of its change.
///
/// # Errors
/// [`Reason::Conflict`] when the same request was answered meanwhile: tried
/// again, it finds that answer.
pub async fn keep(
    connection: &mut PgConnection,
    call: &Call,
    claim: &Claim,
    customer_id: Option<Uuid>,
    kept: &Kept,
) -> Result<(), Fault> {
    let written = sqlx::query(
        "INSERT INTO request (subject_id, request_id, method, digest, resource_id, customer_id, answer,
                              transaction_id, position, recorded_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT DO NOTHING",
    )
    .bind(claim.subject_id)
    .bind(claim.request_id)
    .bind(claim.method)
    .bind(&claim.digest)
    .bind(kept.resource_id)
    .bind(customer_id)
    .bind(&kept.answer)
    .bind(kept.position.transaction_id)
    .bind(kept.position.position)
    .bind(call.now.to_sqlx())
    .execute(connection)
    .await?;
    if written.rows_affected() == 0 {
        return Err(Fault::new(Reason::Conflict));
    }
    Ok(())
}
