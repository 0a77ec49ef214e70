//! The changes of a file (CF-7.2).

use kefu_access::Clearance;
use kefu_contracts::profile::{
    Customer, CustomerRevision, ListCustomerRevisionsRequest, ListCustomerRevisionsResponse,
    RestoreCustomerRevisionRequest, revision_service_server::RevisionService,
};
use kefu_service::{
    call::{Answer, Call, answer},
    error::Fault,
    listing::{self, Asked, ListSpec},
    present::{Shown, disclose},
    scope::{After, Order},
    time,
};
use kefu_vault::CustomerKey;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{Customers, ask::step, step::Deed, timeline::of_file};
use crate::store::revisions::{REVISIONS, Snapshot, StoredRevision};

const LIST: ListSpec<StoredRevision> = ListSpec {
    record: &REVISIONS,
    time: "time",
    order: Order {
        column: "r.recorded_at",
        descending: false,
    },
    read: StoredRevision::read,
    place: |row| After {
        at: row.recorded_at,
        id: row.id,
    },
};

impl Customers {
    /// Clause CF-7.2.
    async fn list_revisions(
        &self,
        call: Call,
        request: ListCustomerRevisionsRequest,
    ) -> Result<Answer<ListCustomerRevisionsResponse>, Fault> {
        let file = self.find(&call, "parent", &request.parent).await?;
        let asked = Asked {
            page_size: request.page_size,
            page_token: &request.page_token,
            filter: &of_file(file.id),
            order_by: &request.order_by,
        };
        let reader = &call;
        let page = listing::show(&self.core, &call, &LIST, asked, "revision.viewed", |row| {
            Box::pin(async move { self.open_revision(reader, &row).await })
        })
        .await?;
        Ok(Answer::read(ListCustomerRevisionsResponse {
            revisions: page.records,
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
        }))
    }

    /// Opens of a change what the call's rules clear of its file.
    async fn open_revision(
        &self,
        call: &Call,
        row: &StoredRevision,
    ) -> Result<(CustomerRevision, Shown), Fault> {
        let clearance = call.context.clearance(row.matched, call.now);
        let key = self.sealer.open_key(row.customer_id, &row.wrapped).await?;
        let open = |snapshot| self.open_snapshot(&key, row.customer_id, snapshot, &clearance);
        let after = open(&row.after)?;
        let revision = CustomerRevision {
            name: format!("{}/revisions/{}", after.name, row.revision),
            revision: row.revision,
            act: row.act,
            actor: row.actor.clone(),
            time: Some(time::to_proto(row.recorded_at)),
            changed_fields: row.changed.clone(),
            before: row.before.as_ref().map(open).transpose()?,
            after: Some(after),
        };
        let shown = Shown {
            resource: revision.name.clone(),
            customer_id: Some(row.customer_id),
            clearance,
        };
        Ok((revision, shown))
    }

    fn open_snapshot(
        &self,
        key: &CustomerKey,
        id: Uuid,
        snapshot: &Snapshot,
        clearance: &Clearance,
    ) -> Result<Customer, Fault> {
        let (opened, account) =
            self.sealer
                .open::<Customer>(key, id, &snapshot.sealed, clearance.classes)?;
        let mut customer = snapshot.with_columns(opened);
        disclose(&mut customer, clearance, account);
        Ok(customer)
    }
}

#[tonic::async_trait]
impl RevisionService for Customers {
    async fn list_customer_revisions(
        &self,
        request: Request<ListCustomerRevisionsRequest>,
    ) -> Result<Response<ListCustomerRevisionsResponse>, Status> {
        answer(request, |call, body| self.list_revisions(call, body)).await
    }

    async fn restore_customer_revision(
        &self,
        request: Request<RestoreCustomerRevisionRequest>,
    ) -> Result<Response<Customer>, Status> {
        step!(self, request, body => Deed::Restore {
            revision: body.revision,
            reason: body.reason.clone(),
        })
    }
}
