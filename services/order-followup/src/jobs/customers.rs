use std::sync::Arc;

use kefu_contracts::journal::{Entry, event::Event};
use kefu_service::{clock::Clock, consumer::Effect, database::Use, destroyed::Destroyed};
use kefu_vault::Vault;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    api::Orders,
    store::{customers, scrub},
};

/// Who has a file may order (OP-3.4.1): an order for anybody else is a mistake
/// that is told when it is entered. Of whose file was destroyed nothing is left here (CF-10.2).
pub(crate) struct KnownCustomers {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) vault: Arc<Vault>,
    /// Lets go of what is set aside for who is destroyed.
    pub(crate) orders: Orders,
}

impl Effect for KnownCustomers {
    fn apply<'c>(&'c self, connection: &'c mut PgConnection, entries: &'c [Entry]) -> Use<'c, ()> {
        Box::pin(async move {
            let customers: Vec<_> = entries.iter().filter_map(customer).collect();
            if !customers.is_empty() {
                customers::know(connection, &customers).await?;
            }
            // What a journal says last of a customer is that the file is gone.
            for gone in entries.iter().filter_map(Destroyed::of) {
                let now = self.clock.now();
                self.orders.let_go(connection, gone.customer, now).await?;
                scrub::customer(connection, gone.customer, now).await?;
                gone.scrubbed(connection, now).await?;
                self.vault.forget(gone.customer);
            }
            Ok(())
        })
    }
}

/// The customer whose file an entry is about.
fn customer(entry: &Entry) -> Option<Uuid> {
    match entry.event.as_ref()?.event.as_ref()? {
        Event::CustomerChanged(changed) => Uuid::from_slice(&changed.customer_id).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use kefu_contracts::journal::{self, CustomerChanged, TicketChanged};

    use super::*;

    #[test]
    fn only_entries_about_files_make_customers_known() {
        let id = Uuid::from_u128(7);
        let entry = |event| Entry {
            event: Some(journal::Event { event: Some(event) }),
            ..Default::default()
        };
        let bytes = id.as_bytes().to_vec();
        let changed = CustomerChanged {
            customer_id: bytes.clone(),
            ..Default::default()
        };
        assert_eq!(customer(&entry(Event::CustomerChanged(changed))), Some(id));
        let ticket = TicketChanged {
            customer_id: bytes,
            ..Default::default()
        };
        assert_eq!(customer(&entry(Event::TicketChanged(ticket))), None);
        assert_eq!(
            customer(&entry(Event::CustomerChanged(CustomerChanged::default()))),
            None
        );
        assert_eq!(customer(&Entry::default()), None);
    }
}
