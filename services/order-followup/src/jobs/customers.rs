use std::sync::Arc;

use kefu_contracts::{
    journal::{ConsentRecorded, CustomerChanged, Entry, event::Event},
    order::{CustomerCredit, CustomerTier},
    policy::Purpose,
    profile::{ConsentDecision, CustomerState, MergeState},
};
use kefu_service::{
    clock::Clock, consumer::Effect, database::Use, destroyed::Destroyed, error::Fault, ids::Ids,
};
use kefu_vault::Vault;
use sqlx::PgConnection;
use uuid::Uuid;

use super::greetings;
use crate::{
    api::Orders,
    campaigns,
    desk::{By, Desk},
    points::{Merge, Points},
    store::{
        customers, greetings as consents,
        relations::{self, Told},
        scrub,
    },
};

/// Who has a file may order (OP-3.4.1): an order for anybody else is a mistake
/// that is told when it is entered. Who agreed to it is greeted (OP-3.3, CC-2.2). Of whose file was destroyed nothing is left here (CF-10.2).
pub(crate) struct KnownCustomers {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) ids: Ids,
    pub(crate) desk: Desk,
    /// Moves points between accounts whose files become one.
    pub(crate) points: Points,
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
            for entry in entries {
                if let Some(told) = told(entry) {
                    relations::learn(connection, &told, self.clock.now()).await?;
                }
                if let Some((rated, credit)) = rated(entry) {
                    relations::learn_credit(connection, rated, credit, self.clock.now()).await?;
                }
                if let Some((merge, state)) = merged(entry) {
                    self.merge(connection, merge, state).await?;
                }
                self.hear(connection, entry).await?;
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

impl KnownCustomers {
    /// What a customer has goes with a file that becomes part of another.
    async fn merge(
        &self,
        connection: &mut PgConnection,
        merge: Merge,
        state: MergeState,
    ) -> Result<(), Fault> {
        let undone = state == MergeState::Undone;
        let now = self.clock.now();
        relations::activate(connection, merge.absorbed, undone, now).await?;
        let by = By::Itself {
            now,
            request: self.ids.next()?,
        };
        let entries = match undone {
            true => self.points.part(connection, &by, merge).await?,
            false => self.points.merge(connection, &by, merge).await?,
        };
        if !entries.is_empty() {
            kefu_journal::append(connection, &entries).await?;
        }
        Ok(())
    }

    /// Remembers what a customer agreed to; who takes that back is turned to no longer.
    async fn hear(&self, connection: &mut PgConnection, entry: &Entry) -> Result<(), Fault> {
        let event = entry.event.as_ref().and_then(|event| event.event.as_ref());
        let Some(Event::ConsentRecorded(consent)) = event else {
            return Ok(());
        };
        let id = Uuid::from_slice(&consent.customer_id);
        // An earlier statement that is entered late changes nothing.
        let Some(customer) = id.ok().filter(|_| consent.current) else {
            return Ok(());
        };
        let purpose = consent.purpose();
        let fewer = consents::hear(connection, customer, purpose, &agreed(consent)).await?;
        if !fewer {
            return Ok(());
        }
        let by = By::Itself {
            now: self.clock.now(),
            request: self.ids.next()?,
        };
        let mut entries = campaigns::stop(connection, &self.desk, &by, customer, purpose).await?;
        if purpose == Purpose::Marketing {
            entries.extend(greetings::stop(connection, &self.desk, &by, customer).await?);
        }
        if !entries.is_empty() {
            kefu_journal::append(connection, &entries).await?;
        }
        Ok(())
    }
}

/// Channels by which the customer agreed to be turned to.
fn agreed(consent: &ConsentRecorded) -> Vec<i16> {
    match consent.decision() {
        ConsentDecision::Given => consent.channels().map(|channel| channel as i16).collect(),
        _ => Vec::new(),
    }
}

/// The customer whose file an entry is about.
fn customer(entry: &Entry) -> Option<Uuid> {
    match entry.event.as_ref()?.event.as_ref()? {
        Event::CustomerChanged(changed) => Uuid::from_slice(&changed.customer_id).ok(),
        _ => None,
    }
}

/// What the entry says of whose the customer is.
fn told(entry: &Entry) -> Option<Told> {
    let event = entry.event.as_ref()?.event.as_ref()?;
    let Event::CustomerChanged(changed) = event else {
        return None;
    };
    let id = |bytes: &[u8]| Uuid::from_slice(bytes).ok();
    Some(Told {
        customer: id(&changed.customer_id)?,
        department: id(&changed.department_id)?,
        owner: id(&changed.owner_id),
        // Numbered alike.
        tier: CustomerTier::try_from(changed.tier).unwrap_or_default(),
        active: is_served(changed),
    })
}

/// Who is rated otherwise than before, and of which credit they are.
fn rated(entry: &Entry) -> Option<(Uuid, CustomerCredit)> {
    let event = entry.event.as_ref()?.event.as_ref()?;
    let Event::RatingChanged(rating) = event else {
        return None;
    };
    // Numbered alike; unspecified in entries of before it was said.
    let credit = CustomerCredit::try_from(rating.credit).ok()?;
    let known = credit != CustomerCredit::Unspecified;
    let customer = Uuid::from_slice(&rating.customer_id).ok()?;
    known.then_some((customer, credit))
}

/// Two files that became one, or are two again.
fn merged(entry: &Entry) -> Option<(Merge, MergeState)> {
    let event = entry.event.as_ref()?.event.as_ref()?;
    let Event::FilesMerged(merged) = event else {
        return None;
    };
    let id = |bytes: &[u8]| Uuid::from_slice(bytes).ok();
    let merge = Merge {
        id: id(&merged.merge_id)?,
        absorbed: id(&merged.absorbed_id)?,
        survivor: id(&merged.survivor_id)?,
    };
    Some((merge, merged.state()))
}

/// Whether the customer is served under this file.
fn is_served(changed: &CustomerChanged) -> bool {
    !matches!(
        changed.state(),
        CustomerState::Merged | CustomerState::Destroyed | CustomerState::Withdrawn
    )
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
