//! `kefu.ticket.v1.BulkService`: commands on tickets like any other, one after another.

mod each;

use kefu_contracts::ticket::{
    BulkAssignTicketsRequest, BulkChangeResponse, BulkCloseTicketsRequest,
    BulkSuspendTicketsRequest, BulkTagTicketsRequest, BulkTicket, BulkTransferTicketsRequest,
    BulkUpdateTicketsRequest, WaitingFor, bulk_service_server::BulkService,
};
use kefu_service::{
    call::{Answer, Call, answer},
    error::{Fault, Violation},
    fields::Fields,
};
use tonic::{Request, Response, Status};

use super::Tickets;
use crate::domain::{action::Action, change::Change, entry::MEDIUM, tag::Tagging};

/// The handlers.
#[derive(Clone)]
pub(crate) struct Bulk(pub(crate) Tickets);

/// What is corrected of one ticket at a time.
const ONE_BY_ONE: &[&str] = &["kind", "call_start_time", "call_end_time"];

/// An action on many tickets. A further one is a request, what is read of it here, and a
/// method of the service under the permission of the single action.
trait BulkCommand: prost::Message + Sized {
    fn tickets(&self) -> &[BulkTicket];
    fn request_id(&self) -> &str;
    /// What is to be done with each; what cannot be read is noted.
    fn action(self, fields: &mut Fields) -> Action;
}

macro_rules! bulk {
    ($request:ty: |$self:ident, $fields:ident| $action:expr) => {
        impl BulkCommand for $request {
            fn tickets(&self) -> &[BulkTicket] {
                &self.tickets
            }

            fn request_id(&self) -> &str {
                &self.request_id
            }

            fn action($self, $fields: &mut Fields) -> Action {
                $action
            }
        }
    };
}

bulk!(BulkAssignTicketsRequest: |self, fields| {
    Action::Assign(fields.name("assignee", &self.assignee, "employees").unwrap_or_default())
});

bulk!(BulkUpdateTicketsRequest: |self, fields| {
    let paths = self.update_mask.map(|mask| mask.paths).unwrap_or_default();
    for (at, path) in paths.iter().enumerate() {
        let field = format_args!("update_mask.paths[{at}]");
        fields.ensure(!ONE_BY_ONE.contains(&path.as_str()), field, Violation::NotApplicable);
    }
    Action::Update(Change::parse(fields, &paths, self.ticket.unwrap_or_default()))
});

bulk!(BulkSuspendTicketsRequest: |self, fields| {
    let whom = fields.required_enum::<WaitingFor>("waiting_for", self.waiting_for);
    Action::Suspend(whom.unwrap_or_default())
});

bulk!(BulkTagTicketsRequest: |self, fields| {
    Action::Tag(Tagging::alter(fields, self.add_tags, self.remove_tags))
});

bulk!(BulkTransferTicketsRequest: |self, fields| {
    let department = fields.name("department", &self.department, "departments");
    fields.required_text("reason", &self.reason, MEDIUM);
    Action::Transfer(department.unwrap_or_default(), self.reason)
});

bulk!(BulkCloseTicketsRequest: |self, _fields| Action::Close);

impl Bulk {
    /// Clauses SG-5, SG-3.
    async fn change<C: BulkCommand>(
        &self,
        call: Call,
        request: C,
    ) -> Result<Answer<BulkChangeResponse>, Fault> {
        let (all, action) = each::read(&call, request)?;
        self.0.change_each(call, all, action).await
    }
}

#[tonic::async_trait]
impl BulkService for Bulk {
    async fn bulk_assign_tickets(
        &self,
        request: Request<BulkAssignTicketsRequest>,
    ) -> Result<Response<BulkChangeResponse>, Status> {
        answer(request, |call, body| self.change(call, body)).await
    }

    async fn bulk_update_tickets(
        &self,
        request: Request<BulkUpdateTicketsRequest>,
    ) -> Result<Response<BulkChangeResponse>, Status> {
        answer(request, |call, body| self.change(call, body)).await
    }

    async fn bulk_suspend_tickets(
        &self,
        request: Request<BulkSuspendTicketsRequest>,
    ) -> Result<Response<BulkChangeResponse>, Status> {
        answer(request, |call, body| self.change(call, body)).await
    }

    async fn bulk_tag_tickets(
        &self,
        request: Request<BulkTagTicketsRequest>,
    ) -> Result<Response<BulkChangeResponse>, Status> {
        answer(request, |call, body| self.change(call, body)).await
    }

    async fn bulk_transfer_tickets(
        &self,
        request: Request<BulkTransferTicketsRequest>,
    ) -> Result<Response<BulkChangeResponse>, Status> {
        answer(request, |call, body| self.change(call, body)).await
    }

    async fn bulk_close_tickets(
        &self,
        request: Request<BulkCloseTicketsRequest>,
    ) -> Result<Response<BulkChangeResponse>, Status> {
        answer(request, |call, body| self.change(call, body)).await
    }
}
