//! `kefu.profile.v1.HoldService`: files that may not be destroyed (CF-5.2).

mod change;

use kefu_contracts::profile::{
    AddHeldFilesRequest, GetHoldRequest, Hold, LiftHoldRequest, ListHeldFilesRequest,
    ListHeldFilesResponse, ListHoldsRequest, ListHoldsResponse, OpenHoldRequest,
    RemoveHeldFilesRequest, hold_service_server::HoldService,
};
use kefu_service::{
    call::{Answer, Call, answer},
    core::Core,
    error::Fault,
    fields::Fields,
    listing::{self, ListSpec, One, asked},
    scope::{After, Order},
};
use tonic::{Request, Response, Status};

use super::{ask::claim, retentions::shown};
use crate::{
    domain::hold::{self, MOST_REASON},
    store::holds::{HELD_FILES, HOLDS, StoredHeldFile, StoredHold},
};
use change::{Deed, Wanted};
pub(crate) use change::{changed, journal_type};

const VIEWED: &str = "hold.viewed";
const REFUSED: &str = "hold.refused";

const ONE: One<StoredHold> = One {
    record: &HOLDS,
    collection: "holds",
    read: StoredHold::read,
    viewed: VIEWED,
    refused: REFUSED,
};

const HOLD_LIST: ListSpec<StoredHold> = ListSpec {
    record: &HOLDS,
    time: "open_time",
    order: Order {
        column: "h.opened_at",
        descending: true,
    },
    read: StoredHold::read,
    place: |row| After {
        at: row.opened_at,
        id: row.id,
    },
};

const FILE_LIST: ListSpec<StoredHeldFile> = ListSpec {
    record: &HELD_FILES,
    time: "add_time",
    order: Order {
        column: "f.added_at",
        descending: false,
    },
    read: StoredHeldFile::read,
    place: |row| After {
        at: row.added_at,
        id: row.id,
    },
};

/// The handlers.
#[derive(Clone)]
pub(crate) struct Holds(pub(crate) Core);

impl Holds {
    async fn get(&self, call: Call, request: GetHoldRequest) -> Result<Answer<Hold>, Fault> {
        let reader = &call;
        ONE.show(&self.0, &call, &request.name, |row| {
            Box::pin(async move {
                let shown = shown(reader, &row.message.name, None, row.matched);
                Ok((row.message, shown))
            })
        })
        .await
    }

    async fn list(
        &self,
        call: Call,
        request: ListHoldsRequest,
    ) -> Result<Answer<ListHoldsResponse>, Fault> {
        let asked = asked!(request);
        let reader = &call;
        let page = listing::show(&self.0, &call, &HOLD_LIST, asked, VIEWED, |row| {
            Box::pin(async move {
                let shown = shown(reader, &row.message.name, None, row.matched);
                Ok((row.message, shown))
            })
        })
        .await?;
        Ok(Answer::read(ListHoldsResponse {
            holds: page.records,
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
        }))
    }

    async fn list_files(
        &self,
        call: Call,
        request: ListHeldFilesRequest,
    ) -> Result<Answer<ListHeldFilesResponse>, Fault> {
        let asked = asked!(request);
        let reader = &call;
        let page = listing::show(&self.0, &call, &FILE_LIST, asked, VIEWED, |row| {
            Box::pin(async move {
                let customer = Some(row.customer);
                let shown = shown(reader, &row.message.hold, customer, row.matched);
                Ok((row.message, shown))
            })
        })
        .await?;
        Ok(Answer::read(ListHeldFilesResponse {
            files: page.records,
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
        }))
    }
}

#[tonic::async_trait]
impl HoldService for Holds {
    async fn open_hold(&self, request: Request<OpenHoldRequest>) -> Result<Response<Hold>, Status> {
        answer(request, |call, body| self.open(call, body)).await
    }

    async fn get_hold(&self, request: Request<GetHoldRequest>) -> Result<Response<Hold>, Status> {
        answer(request, |call, body| self.get(call, body)).await
    }

    async fn list_holds(
        &self,
        request: Request<ListHoldsRequest>,
    ) -> Result<Response<ListHoldsResponse>, Status> {
        answer(request, |call, body| self.list(call, body)).await
    }

    async fn list_held_files(
        &self,
        request: Request<ListHeldFilesRequest>,
    ) -> Result<Response<ListHeldFilesResponse>, Status> {
        answer(request, |call, body| self.list_files(call, body)).await
    }

    async fn add_held_files(
        &self,
        request: Request<AddHeldFilesRequest>,
    ) -> Result<Response<Hold>, Status> {
        answer(request, |call, body| async move {
            let mut fields = Fields::new();
            let wanted = Wanted {
                id: fields.name("name", &body.name, "holds").unwrap_or_default(),
                revision: fields.etag("etag", &body.etag).unwrap_or_default(),
                deed: Deed::Add(hold::files(&mut fields, &body.customers)),
                claim: claim(&call, &mut fields, &body.request_id, &body),
            };
            fields.finish()?;
            self.change(call, wanted).await
        })
        .await
    }

    async fn remove_held_files(
        &self,
        request: Request<RemoveHeldFilesRequest>,
    ) -> Result<Response<Hold>, Status> {
        answer(request, |call, body| async move {
            let mut fields = Fields::new();
            let wanted = Wanted {
                id: fields.name("name", &body.name, "holds").unwrap_or_default(),
                revision: fields.etag("etag", &body.etag).unwrap_or_default(),
                deed: Deed::Remove(hold::files(&mut fields, &body.customers)),
                claim: claim(&call, &mut fields, &body.request_id, &body),
            };
            fields.finish()?;
            self.change(call, wanted).await
        })
        .await
    }

    async fn lift_hold(&self, request: Request<LiftHoldRequest>) -> Result<Response<Hold>, Status> {
        answer(request, |call, body| async move {
            let mut fields = Fields::new();
            fields.required_text("reason", &body.reason, MOST_REASON);
            let wanted = Wanted {
                id: fields.name("name", &body.name, "holds").unwrap_or_default(),
                revision: fields.etag("etag", &body.etag).unwrap_or_default(),
                claim: claim(&call, &mut fields, &body.request_id, &body),
                deed: Deed::Lift(body.reason),
            };
            fields.finish()?;
            self.change(call, wanted).await
        })
        .await
    }
}
