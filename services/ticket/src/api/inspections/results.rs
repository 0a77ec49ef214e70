//! Results, for the agent concerned and the line above.

use kefu_contracts::ticket::{
    GetInspectionRequest, Inspection, ListInspectionsRequest, ListInspectionsResponse,
};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    listing::{self, ListSpec, One, asked},
    present::{Shown, disclose},
    scope::{After, Order},
};

use super::{Inspections, REFUSED};
use crate::store::inspections::{INSPECTIONS, RECORD, StoredInspection};

pub(super) const VIEWED: &str = "inspection.viewed";

const ONE: One<StoredInspection> = One {
    record: &RECORD,
    collection: INSPECTIONS,
    read: StoredInspection::read,
    viewed: VIEWED,
    refused: REFUSED,
};

const LIST: ListSpec<StoredInspection> = ListSpec {
    record: &RECORD,
    time: "final_time",
    order: Order {
        column: "i.final_at",
        descending: true,
    },
    read: StoredInspection::read,
    place: |row| After {
        at: row.final_at.unwrap_or_default(),
        id: row.id,
    },
};

impl Inspections {
    /// Clause OP-5.
    pub(super) async fn get(
        &self,
        call: Call,
        request: GetInspectionRequest,
    ) -> Result<Answer<Inspection>, Fault> {
        let reader = &call;
        ONE.show(&self.core, &call, &request.name, |row| {
            Box::pin(async move { self.present(reader, &row).await })
        })
        .await
    }

    /// Clause OP-5.
    pub(super) async fn list(
        &self,
        call: Call,
        request: ListInspectionsRequest,
    ) -> Result<Answer<ListInspectionsResponse>, Fault> {
        let asked = asked!(request);
        let reader = &call;
        let page = listing::show(&self.core, &call, &LIST, asked, VIEWED, |row| {
            Box::pin(async move { self.present(reader, &row).await })
        })
        .await?;
        Ok(Answer::read(ListInspectionsResponse {
            inspections: page.records,
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
        }))
    }

    /// Opens what the call's rules clear of a row, and says how it is shown.
    async fn present(
        &self,
        call: &Call,
        row: &StoredInspection,
    ) -> Result<(Inspection, Shown), Fault> {
        let clearance = call.context.clearance(row.matched, call.now);
        let (opened, account) = match &row.wrapped {
            Some(wrapped) => {
                let key = self.results.open_key(row.customer_id, wrapped).await?;
                self.results
                    .open(&key, row.id, &row.sealed, clearance.classes)?
            }
            None => Default::default(),
        };
        let mut inspection = row.with_opened(opened);
        disclose(&mut inspection, &clearance, account);
        let shown = Shown {
            resource: inspection.name.clone(),
            customer_id: Some(row.customer_id),
            clearance,
        };
        Ok((inspection, shown))
    }
}
