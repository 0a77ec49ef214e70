//! A file was destroyed (CF-10.2), as customer-profile's journal tells: copies of it that are
//! elsewhere follow. Packages are destroyed, and recalled where something of them left (CF-6.3);
//! copies that were borrowed are due at once (CF-9.2).

use std::sync::Arc;

use jiff::Timestamp;
use kefu_contracts::{access::ApprovalEvent, journal::Entry};
use kefu_service::{
    clock::Clock, consumer::Effect, database::Use, destroyed::Destroyed, error::Fault,
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    api::{
        approvals::{Desk, Kind, write},
        exports,
    },
    domain::approval::{Chart, Flows},
    store::{
        approval,
        borrowing::{self, StoredBorrowing},
        chart, export, share,
    },
};

/// Follows destructions.
pub(crate) struct Recalls {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) flows: Arc<Flows>,
}

impl Effect for Recalls {
    fn apply<'c>(&'c self, connection: &'c mut PgConnection, entries: &'c [Entry]) -> Use<'c, ()> {
        Box::pin(async move {
            let now = self.clock.now();
            for Destroyed { customer, .. } in entries.iter().filter_map(Destroyed::of) {
                self.packages(connection, customer, now).await?;
                self.copies(connection, customer, now).await?;
            }
            Ok(())
        })
    }
}

impl Recalls {
    async fn packages(
        &self,
        connection: &mut PgConnection,
        customer: Uuid,
        now: Timestamp,
    ) -> Result<(), Fault> {
        for share in share::packaged_of(connection, customer).await? {
            approval::lock(connection, share).await?;
            for one in export::lock_of_share(connection, share).await? {
                exports::lose(connection, now, &self.flows.share, one).await?;
            }
        }
        Ok(())
    }

    async fn copies(
        &self,
        connection: &mut PgConnection,
        customer: Uuid,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let borrowings = borrowing::open_of(connection, customer).await?;
        if borrowings.is_empty() {
            return Ok(());
        }
        let chart: Chart = chart::at(connection, now).await?;
        let flow = StoredBorrowing::flow(&self.flows);
        let chart = &chart;
        let desk = Desk { flow, chart, now };
        for id in borrowings {
            approval::lock(connection, id).await?;
            let Some(mut stored) = StoredBorrowing::list(connection, &[id]).await?.pop() else {
                continue;
            };
            let mut case = stored.case();
            write::time_passed(connection, &desk, &mut stored, &mut case).await?;
            let lost = stored.borrowing.lose(&mut case.terms, customer, now);
            if lost {
                stored.keep(connection, &desk, &case).await?;
                let step = write::step_of_time(ApprovalEvent::FileDestroyed, now, None);
                write::note::<StoredBorrowing>(connection, &desk, id, &step).await?;
            }
        }
        Ok(())
    }
}
