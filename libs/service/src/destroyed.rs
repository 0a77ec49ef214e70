//! A customer's file was destroyed (CF-10.2): what every service that keeps something of
//! theirs does about it. The rows under the key are each service's own to scrub.

use jiff::Timestamp;
use kefu_contracts::journal::{CustomerScrubbed, Entry, event::Event};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{error::Fault, fields::name};

/// What customer-profile's journal says of a destruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Destroyed {
    /// Whose file it was.
    pub customer: Uuid,
    /// By which it is certified.
    pub certificate: Uuid,
}

impl Destroyed {
    /// What this entry says, if it is of a destruction.
    pub fn of(entry: &Entry) -> Option<Self> {
        match entry.event.as_ref()?.event.as_ref()? {
            Event::FileDestroyed(gone) => Some(Self {
                customer: Uuid::from_slice(&gone.customer_id).ok()?,
                certificate: Uuid::from_slice(&gone.certificate_id).ok()?,
            }),
            _ => None,
        }
    }

    /// Journals that this service holds nothing of the customer's any more.
    ///
    /// # Errors
    /// When it cannot be journaled.
    pub async fn scrubbed(
        &self,
        connection: &mut PgConnection,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let event = Event::CustomerScrubbed(CustomerScrubbed {
            customer_id: self.customer.as_bytes().to_vec(),
            certificate_id: self.certificate.as_bytes().to_vec(),
        });
        let (request, resource) = (String::new(), name("customers", self.customer));
        let (kind, customer) = ("customer.scrubbed", Some(self.customer));
        let entry = kefu_journal::Entry::by_itself(now, request, kind, resource, customer, event);
        kefu_journal::append(connection, &[entry]).await?;
        Ok(())
    }
}

/// By which the answers kept for requests of a customer are found, in each schema that has keys.
pub const INDEX: &str =
    "CREATE INDEX request_by_customer ON request (customer_id) WHERE customer_id IS NOT NULL;";

/// Destroys the customer's key in this service, and the answers that were kept for requests.
/// A request that comes again finds that its id was used, and nothing of what it said.
///
/// # Errors
/// The database's.
pub async fn destroy_key(connection: &mut PgConnection, customer: Uuid) -> Result<(), Fault> {
    sqlx::query("DELETE FROM customer_key WHERE customer_id = $1")
        .bind(customer)
        .execute(&mut *connection)
        .await?;
    sqlx::query("UPDATE request SET answer = '', digest = '' WHERE customer_id = $1")
        .bind(customer)
        .execute(connection)
        .await?;
    Ok(())
}
