use std::sync::Arc;

use kefu_contracts::{
    journal::{ConsentRecorded, Entry, event::Event},
    policy::Purpose,
    profile::ConsentDecision,
};
use kefu_service::{clock::Clock, consumer::Effect, database::Use, destroyed::Destroyed};
use kefu_vault::Vault;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::store::{customers, scrub};

/// Whoever has a file can turn to us: tickets are opened without asking
/// customer-profile, and while it is down. Of whose file was destroyed nothing is
/// left here (CF-10.2).
pub(crate) struct KnownCustomers {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) vault: Arc<Vault>,
}

impl Effect for KnownCustomers {
    fn apply<'c>(&'c self, connection: &'c mut PgConnection, entries: &'c [Entry]) -> Use<'c, ()> {
        Box::pin(async move {
            for entry in entries {
                if let Some(gone) = Destroyed::of(entry) {
                    scrub::customer(connection, gone.customer).await?;
                    gone.scrubbed(connection, self.clock.now()).await?;
                    self.vault.forget(gone.customer);
                    continue;
                }
                let event = entry.event.as_ref().and_then(|event| event.event.as_ref());
                match event {
                    Some(Event::CustomerChanged(customer)) => {
                        let Ok(id) = Uuid::from_slice(&customer.customer_id) else {
                            continue;
                        };
                        let department = Uuid::from_slice(&customer.department_id).ok();
                        customers::learn(connection, id, department, customer.state()).await?;
                    }
                    Some(Event::ConsentRecorded(consent)) => {
                        let counts = consent.current && consent.purpose() == Purpose::Quality;
                        let Ok(id) = Uuid::from_slice(&consent.customer_id) else {
                            continue;
                        };
                        if counts {
                            customers::hear(connection, id, &agreed(consent)).await?;
                        }
                    }
                    _ => {}
                }
            }
            Ok(())
        })
    }
}

/// Channels by which the customer agreed to be turned to.
fn agreed(consent: &ConsentRecorded) -> Vec<i16> {
    match consent.decision() {
        ConsentDecision::Given => consent.channels().map(|channel| channel as i16).collect(),
        _ => Vec::new(),
    }
}
