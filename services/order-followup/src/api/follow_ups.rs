//! `kefu.order.v1.FollowUpService`: what is to be done for customers, by whom and by when.

mod change;
mod create;

use kefu_contracts::order::{
    AssignFollowUpRequest, CompleteFollowUpRequest, CreateFollowUpRequest, DropFollowUpRequest,
    FollowUp, GetFollowUpRequest, ListFollowUpsRequest, ListFollowUpsResponse,
    PostponeFollowUpRequest, TakeFollowUpRequest, follow_up_service_server::FollowUpService,
};
use kefu_service::{
    call::{Answer, Call, answer},
    core::Core,
    error::Fault,
    listing::{self, ListSpec, One, asked},
    peer::PeerService,
    present::{Shown, disclose},
    scope::{After, Order},
    server::GrpcService,
};
use tonic::{Request, Response, Status};

use crate::{
    desk::Desk,
    store::follow_ups::{FOLLOW_UPS, RECORD, StoredFollowUp},
};

const VIEWED: &str = "follow_up.viewed";
const REFUSED: &str = "follow_up.refused";

const ONE: One<StoredFollowUp> = One {
    record: &RECORD,
    collection: FOLLOW_UPS,
    read: StoredFollowUp::read,
    viewed: VIEWED,
    refused: REFUSED,
};

const LIST: ListSpec<StoredFollowUp> = ListSpec {
    record: &RECORD,
    time: "due_time",
    order: Order {
        column: "f.due_at",
        descending: false,
    },
    read: StoredFollowUp::read,
    place: |row| After {
        at: row.standing.due_at,
        id: row.id,
    },
};

/// The handlers and what they share.
#[derive(Clone)]
pub(crate) struct FollowUps {
    core: Core,
    desk: Desk,
    /// Asked who may see what becomes theirs.
    people: PeerService,
}

impl FollowUps {
    pub(crate) fn new(core: &Core, desk: Desk, access_control: GrpcService) -> Self {
        Self {
            core: core.clone(),
            desk,
            people: core.identity.calling(access_control),
        }
    }

    async fn get(
        &self,
        call: Call,
        request: GetFollowUpRequest,
    ) -> Result<Answer<FollowUp>, Fault> {
        let reader = &call;
        ONE.show(&self.core, &call, &request.name, |row| {
            Box::pin(async move { self.present(reader, &row).await })
        })
        .await
    }

    async fn list(
        &self,
        call: Call,
        request: ListFollowUpsRequest,
    ) -> Result<Answer<ListFollowUpsResponse>, Fault> {
        let asked = asked!(request);
        let reader = &call;
        let page = listing::show(&self.core, &call, &LIST, asked, VIEWED, |row| {
            Box::pin(async move { self.present(reader, &row).await })
        })
        .await?;
        Ok(Answer::read(ListFollowUpsResponse {
            follow_ups: page.records,
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
        }))
    }

    /// Opens what the call's rules clear of a row, and says how it is shown.
    pub(super) async fn present(
        &self,
        call: &Call,
        row: &StoredFollowUp,
    ) -> Result<(FollowUp, Shown), Fault> {
        let clearance = call.context.clearance(row.matched, call.now);
        let sealer = self.desk.sealer();
        let key = sealer.open_key(row.customer_id, &row.wrapped).await?;
        let (opened, account) =
            sealer.open::<FollowUp>(&key, row.id, &row.sealed, clearance.classes)?;
        let mut follow_up = row.with_opened(opened);
        disclose(&mut follow_up, &clearance, account);
        let shown = Shown {
            resource: follow_up.name.clone(),
            customer_id: Some(row.customer_id),
            clearance,
        };
        Ok((follow_up, shown))
    }
}

#[tonic::async_trait]
impl FollowUpService for FollowUps {
    async fn get_follow_up(
        &self,
        request: Request<GetFollowUpRequest>,
    ) -> Result<Response<FollowUp>, Status> {
        answer(request, |call, body| self.get(call, body)).await
    }

    async fn list_follow_ups(
        &self,
        request: Request<ListFollowUpsRequest>,
    ) -> Result<Response<ListFollowUpsResponse>, Status> {
        answer(request, |call, body| self.list(call, body)).await
    }

    async fn create_follow_up(
        &self,
        request: Request<CreateFollowUpRequest>,
    ) -> Result<Response<FollowUp>, Status> {
        answer(request, |call, body| self.create(call, body)).await
    }

    async fn assign_follow_up(
        &self,
        request: Request<AssignFollowUpRequest>,
    ) -> Result<Response<FollowUp>, Status> {
        answer(request, |call, body| self.change(call, body)).await
    }

    async fn take_follow_up(
        &self,
        request: Request<TakeFollowUpRequest>,
    ) -> Result<Response<FollowUp>, Status> {
        answer(request, |call, body| self.change(call, body)).await
    }

    async fn postpone_follow_up(
        &self,
        request: Request<PostponeFollowUpRequest>,
    ) -> Result<Response<FollowUp>, Status> {
        answer(request, |call, body| self.change(call, body)).await
    }

    async fn complete_follow_up(
        &self,
        request: Request<CompleteFollowUpRequest>,
    ) -> Result<Response<FollowUp>, Status> {
        answer(request, |call, body| self.change(call, body)).await
    }

    async fn drop_follow_up(
        &self,
        request: Request<DropFollowUpRequest>,
    ) -> Result<Response<FollowUp>, Status> {
        answer(request, |call, body| self.change(call, body)).await
    }
}
