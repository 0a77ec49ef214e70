use std::sync::Arc;

use jiff::Timestamp;
use kefu_contracts::{
    journal::{ConsentRecorded, CustomerChanged, Entry, event::Event},
    policy::Purpose,
    profile::{ConsentDecision, Tier},
};
use kefu_service::{
    clock::Clock, consumer::Effect, database::Use, destroyed::Destroyed, time::from_proto,
};
use kefu_vault::Vault;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::store::{customers, scrub};

/// Nobody turned to the company before: the first second of 1900.
const FIRST: Timestamp = Timestamp::constant(-2_208_988_800, 0);

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
                        if let Some(since) = rated_since(entry, customer) {
                            customers::rate(connection, id, customer.tier(), since).await?;
                        }
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

/// From when on the customer has the tier that the entry tells; none: it tells of none. What a
/// file begins with it always had.
fn rated_since(entry: &Entry, customer: &CustomerChanged) -> Option<Timestamp> {
    match (customer.tier(), customer.revision) {
        (Tier::Unspecified, _) => None,
        (_, 1) => Some(FIRST),
        _ => entry.recorded_at.as_ref().and_then(from_proto),
    }
}

/// Channels by which the customer agreed to be turned to.
fn agreed(consent: &ConsentRecorded) -> Vec<i16> {
    match consent.decision() {
        ConsentDecision::Given => consent.channels().map(|channel| channel as i16).collect(),
        _ => Vec::new(),
    }
}
