use kefu_contracts::journal::{Entry, event::Event};
use kefu_service::{consumer::Effect, database::Use};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::store::customers;

/// Whoever has a file can turn to us: tickets are opened without asking
/// customer-profile, and while it is down.
pub(crate) struct KnownCustomers;

impl Effect for KnownCustomers {
    fn apply<'c>(&'c self, connection: &'c mut PgConnection, entries: &'c [Entry]) -> Use<'c, ()> {
        Box::pin(async move {
            for entry in entries {
                let event = entry.event.as_ref().and_then(|event| event.event.as_ref());
                let Some(Event::CustomerChanged(customer)) = event else {
                    continue;
                };
                let Ok(id) = Uuid::from_slice(&customer.customer_id) else {
                    continue;
                };
                let department = Uuid::from_slice(&customer.department_id).ok();
                customers::learn(connection, id, department, customer.state()).await?;
            }
            Ok(())
        })
    }
}
