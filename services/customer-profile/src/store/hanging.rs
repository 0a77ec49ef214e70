//! What hangs on a file and is read under its scope: statements, results of checks, requests.

use jiff::Timestamp;
use kefu_contracts::Resource;
use kefu_service::error::Fault;
use kefu_vault::WrappedKey;
use sqlx::{Row, postgres::PgRow};
use uuid::Uuid;

/// What every such row has, whatever it is a row of.
pub(crate) struct Kept {
    pub(crate) id: Uuid,
    pub(crate) customer: Uuid,
    pub(crate) recorded_at: Timestamp,
    /// Its classified fields.
    pub(crate) sealed: Vec<u8>,
    pub(crate) wrapped: WrappedKey,
    /// Rules of the call that let the row through.
    pub(crate) matched: i64,
}

impl Kept {
    pub(super) fn read(row: &PgRow) -> Result<Self, Fault> {
        Ok(Self {
            id: row.try_get("id")?,
            customer: row.try_get("customer_id")?,
            recorded_at: row
                .try_get::<jiff_sqlx::Timestamp, _>("recorded_at")?
                .to_jiff(),
            sealed: row.try_get("sealed")?,
            wrapped: WrappedKey {
                kek_id: row.try_get("kek_id")?,
                bytes: row.try_get("wrapped")?,
            },
            matched: row.try_get("matched")?,
        })
    }
}

/// A row as it was read, its classified fields still sealed.
pub(crate) trait Hanging: Sized + Send + Sync {
    /// The record of the contract.
    type Record: Resource + Send;

    fn read(row: &PgRow) -> Result<Self, Fault>;
    fn kept(&self) -> &Kept;
    /// The record: the opened fields with those that are kept in columns.
    fn with_columns(&self, opened: Self::Record) -> Self::Record;
    /// Its resource name.
    fn name(record: &Self::Record) -> &String;
}
