//! Records in the database: each data class of a record is sealed by itself
//! under the customer's key, together with its masked form, so that only what
//! is cleared is ever opened, and destroying the key destroys all of it.

use std::sync::Arc;

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::{
    Account, ClassSet, Resource, common::Reason, policy::DataClass, redact::Path,
};
use kefu_vault::{CustomerKey, Place, Vault, WrappedKey};
use prost::Message;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use crate::error::Fault;

/// Definition of the key table, for the first migration of each service that
/// keeps data about customers.
pub const TABLE: &str = include_str!("../sql/customer_key.sql");

/// Seals and opens the records of one table.
#[derive(Clone)]
pub struct Sealer {
    vault: Arc<Vault>,
    table: &'static str,
}

#[derive(Clone, PartialEq, Message)]
struct Sections {
    #[prost(message, repeated, tag = "1")]
    sections: Vec<Section>,
}

#[derive(Clone, PartialEq, Message)]
struct Section {
    #[prost(enumeration = "DataClass", tag = "1")]
    class: i32,
    /// The fields of the class, sealed.
    #[prost(bytes = "vec", tag = "2")]
    full: Vec<u8>,
    /// Their masked form, sealed.
    #[prost(bytes = "vec", tag = "3")]
    masked: Vec<u8>,
    #[prost(string, repeated, tag = "4")]
    masked_fields: Vec<String>,
    #[prost(string, repeated, tag = "5")]
    omitted_fields: Vec<String>,
}

impl Sealer {
    /// For the records of this table.
    pub fn new(vault: Arc<Vault>, table: &'static str) -> Self {
        Self { vault, table }
    }

    /// The same for the records of another table.
    pub fn of_table(&self, table: &'static str) -> Self {
        Self::new(self.vault.clone(), table)
    }

    /// The vault behind it.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// Seals the classified fields of a record into one column's value.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn seal<R: Resource>(
        &self,
        key: &CustomerKey,
        row: Uuid,
        record: &R,
    ) -> Result<Vec<u8>, Fault> {
        let mut sections = Vec::new();
        for class in R::CLASSES {
            let full = record.section(*class);
            let plain = full.encode_to_vec();
            if plain.is_empty() {
                continue;
            }
            let mut masked = full;
            let mut account = Account::default();
            masked.redact(ClassSet::NONE, &Path::ROOT, &mut account);
            let (full_place, masked_place) = self.places(row, *class);
            sections.push(Section {
                class: *class as i32,
                full: self.vault.seal(key, &full_place, &plain)?,
                masked: self
                    .vault
                    .seal(key, &masked_place, &masked.encode_to_vec())?,
                masked_fields: account.masked,
                omitted_fields: account.omitted,
            });
        }
        Ok(Sections { sections }.encode_to_vec())
    }

    /// Opens what is cleared in full and the rest in its masked form; the
    /// account says what was held back.
    ///
    /// # Errors
    /// When the value was not sealed with this key for this row.
    pub fn open<R: Resource>(
        &self,
        key: &CustomerKey,
        row: Uuid,
        sealed: &[u8],
        cleared: ClassSet,
    ) -> Result<(R, Account), Fault> {
        let malformed = |_| Fault::internal("sealed column cannot be read");
        let mut record = R::default();
        let mut account = Account::default();
        for section in Sections::decode(sealed).map_err(malformed)?.sections {
            let class = section.class();
            let (full_place, masked_place) = self.places(row, class);
            let plain = if cleared.contains(class) {
                self.vault.open(key, &full_place, &section.full)?
            } else {
                account.masked.extend(section.masked_fields);
                account.omitted.extend(section.omitted_fields);
                self.vault.open(key, &masked_place, &section.masked)?
            };
            record.merge(plain.as_slice()).map_err(malformed)?;
        }
        Ok((record, account))
    }

    /// The same record under another customer's key, for the same row.
    ///
    /// # Errors
    /// When the value was not sealed with the first key for this row.
    pub fn reseal(
        &self,
        (from, to): (&CustomerKey, &CustomerKey),
        row: Uuid,
        sealed: &[u8],
    ) -> Result<Vec<u8>, Fault> {
        let sections = Sections::decode(sealed);
        let mut sections = sections.map_err(|_| Fault::internal("sealed column cannot be read"))?;
        for section in &mut sections.sections {
            let (full_place, masked_place) = self.places(row, section.class());
            for (place, value) in [
                (full_place, &mut section.full),
                (masked_place, &mut section.masked),
            ] {
                let plain = self.vault.open(from, &place, value)?;
                *value = self.vault.seal(to, &place, &plain)?;
            }
        }
        Ok(sections.encode_to_vec())
    }

    /// Seals an answer to be kept for its request id.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn seal_answer<R: Resource>(
        &self,
        key: &CustomerKey,
        row: Uuid,
        record: &R,
    ) -> Result<Vec<u8>, Fault> {
        Ok(self
            .vault
            .seal(key, &self.answer_place(row), &record.encode_to_vec())?)
    }

    /// Opens a kept answer; whole, so it has to be [disclosed](crate::present::disclose).
    ///
    /// # Errors
    /// When it was not sealed with this key for this row.
    pub fn open_answer<R: Resource>(
        &self,
        key: &CustomerKey,
        row: Uuid,
        sealed: &[u8],
    ) -> Result<R, Fault> {
        let plain = self.vault.open(key, &self.answer_place(row), sealed)?;
        R::decode(plain.as_slice()).map_err(|_| Fault::internal("kept answer cannot be read"))
    }

    fn answer_place(&self, row: Uuid) -> Place {
        Place {
            table: self.table,
            column: "answer",
            row,
        }
    }

    fn places(&self, row: Uuid, class: DataClass) -> (Place, Place) {
        let (full, masked) = match class {
            DataClass::Basic => ("basic", "basic.masked"),
            DataClass::Contact => ("contact", "contact.masked"),
            DataClass::Identity => ("identity", "identity.masked"),
            DataClass::Financial => ("financial", "financial.masked"),
            DataClass::Purchase => ("purchase", "purchase.masked"),
            DataClass::Service => ("service", "service.masked"),
            DataClass::Relation => ("relation", "relation.masked"),
            DataClass::System | DataClass::Unspecified => ("system", "system.masked"),
        };
        (
            Place {
                table: self.table,
                column: full,
                row,
            },
            Place {
                table: self.table,
                column: masked,
                row,
            },
        )
    }

    /// The customer's key in this service, opened from its wrapped form.
    ///
    /// # Errors
    /// When its key-encryption key is not to be had.
    pub async fn open_key(
        &self,
        customer: Uuid,
        wrapped: &WrappedKey,
    ) -> Result<CustomerKey, Fault> {
        Ok(self.vault.open_key(customer, wrapped).await?)
    }

    /// The customer's key in this service, which must be there already.
    ///
    /// # Errors
    /// [`Reason::CustomerDestroyed`] when it is no longer.
    pub async fn standing_key(
        &self,
        connection: &mut PgConnection,
        customer: Uuid,
    ) -> Result<CustomerKey, Fault> {
        let wrapped = find_key(connection, customer)
            .await?
            .ok_or_else(|| Fault::new(Reason::CustomerDestroyed))?;
        self.open_key(customer, &wrapped).await
    }

    /// The customer's key in this service, made when there is none yet.
    ///
    /// # Errors
    /// When the key cannot be made, opened or kept.
    pub async fn key(
        &self,
        connection: &mut PgConnection,
        customer: Uuid,
        now: Timestamp,
    ) -> Result<(CustomerKey, WrappedKey), Fault> {
        if let Some(wrapped) = find_key(connection, customer).await? {
            return Ok((self.open_key(customer, &wrapped).await?, wrapped));
        }
        let (_, wrapped) = self.vault.new_key(customer).await?;
        sqlx::query(
            "INSERT INTO customer_key (customer_id, kek_id, wrapped, created_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT DO NOTHING",
        )
        .bind(customer)
        .bind(&wrapped.kek_id)
        .bind(&wrapped.bytes)
        .bind(now.to_sqlx())
        .execute(&mut *connection)
        .await?;
        // Someone else may have been first: what stands counts.
        let wrapped = find_key(connection, customer)
            .await?
            .ok_or_else(|| Fault::internal("customer key was not kept"))?;
        Ok((self.open_key(customer, &wrapped).await?, wrapped))
    }
}

async fn find_key(
    connection: &mut PgConnection,
    customer: Uuid,
) -> Result<Option<WrappedKey>, Fault> {
    let row = sqlx::query("SELECT kek_id, wrapped FROM customer_key WHERE customer_id = $1")
        .bind(customer)
        .fetch_optional(connection)
        .await?;
    row.map(|row| {
        Ok(WrappedKey {
            kek_id: row.try_get(0)?,
            bytes: row.try_get(1)?,
        })
    })
    .transpose()
}
