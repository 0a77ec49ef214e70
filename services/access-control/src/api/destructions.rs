//! `DestructionService`: files are destroyed once the archive manager and the company leader
//! have agreed and the cooling-off is over (CF-10.1, CF-10.2).

mod form;
mod kind;
mod messages;

use kefu_contracts::access::{
    ApproveDestructionRequest, CreateDestructionRequest, Destruction, GetDestructionRequest,
    ListDestructionsRequest, ListDestructionsResponse, RecallDestructionRequest,
    RejectDestructionRequest, ReturnDestructionRequest, SubmitDestructionRequest,
    UpdateDestructionRequest, WithdrawDestructionRequest,
    destruction_service_server::DestructionService,
};
use kefu_service::{
    call::{Answer, answer},
    listing::Asked,
};
use tonic::{Request, Response, Status};

use super::Register;
use crate::{
    api::approvals::{
        act::{What, act, asked},
        look,
    },
    domain::approval::Act,
    store::destruction::StoredDestruction,
};

/// The service over the register.
pub(crate) struct DestructionsApi(pub(crate) Register);

type Deed = What<StoredDestruction>;

#[tonic::async_trait]
impl DestructionService for DestructionsApi {
    async fn create_destruction(
        &self,
        request: Request<CreateDestructionRequest>,
    ) -> Result<Response<Destruction>, Status> {
        answer(request, |call, body| form::create(&self.0, call, body)).await
    }

    async fn update_destruction(
        &self,
        request: Request<UpdateDestructionRequest>,
    ) -> Result<Response<Destruction>, Status> {
        answer(request, |call, body| form::update(&self.0, call, body)).await
    }

    async fn get_destruction(
        &self,
        request: Request<GetDestructionRequest>,
    ) -> Result<Response<Destruction>, Status> {
        answer(request, |call, body| async move {
            let found = look::get::<StoredDestruction>(&self.0, &call, &body.name).await?;
            Ok(Answer::read(found))
        })
        .await
    }

    async fn list_destructions(
        &self,
        request: Request<ListDestructionsRequest>,
    ) -> Result<Response<ListDestructionsResponse>, Status> {
        answer(request, |call, body| async move {
            let asked = Asked {
                page_size: body.page_size,
                page_token: &body.page_token,
                filter: &body.filter,
                order_by: &body.order_by,
            };
            let page = look::list::<StoredDestruction>(&self.0, &call, asked).await?;
            Ok(Answer::read(ListDestructionsResponse {
                destructions: page.records,
                next_page_token: page.next_page_token,
                total_size: page.total_size,
                total_kind: page.total_kind,
            }))
        })
        .await
    }

    async fn submit_destruction(
        &self,
        request: Request<SubmitDestructionRequest>,
    ) -> Result<Response<Destruction>, Status> {
        answer(request, |call, body| async move {
            let asked = asked!(body, etag false);
            act(&self.0, call, &body, asked, Deed::Plain(Act::Submit)).await
        })
        .await
    }

    async fn approve_destruction(
        &self,
        request: Request<ApproveDestructionRequest>,
    ) -> Result<Response<Destruction>, Status> {
        answer(request, |call, body| async move {
            let what = Deed::Approve(body.terms.clone(), ());
            let asked = asked!(body, etag true, comment false);
            act(&self.0, call, &body, asked, what).await
        })
        .await
    }

    async fn return_destruction(
        &self,
        request: Request<ReturnDestructionRequest>,
    ) -> Result<Response<Destruction>, Status> {
        answer(request, |call, body| async move {
            let asked = asked!(body, etag true, comment true);
            act(&self.0, call, &body, asked, Deed::Plain(Act::Return)).await
        })
        .await
    }

    async fn reject_destruction(
        &self,
        request: Request<RejectDestructionRequest>,
    ) -> Result<Response<Destruction>, Status> {
        answer(request, |call, body| async move {
            let asked = asked!(body, etag true, comment true);
            act(&self.0, call, &body, asked, Deed::Plain(Act::Reject)).await
        })
        .await
    }

    async fn withdraw_destruction(
        &self,
        request: Request<WithdrawDestructionRequest>,
    ) -> Result<Response<Destruction>, Status> {
        answer(request, |call, body| async move {
            let asked = asked!(body, comment false);
            act(&self.0, call, &body, asked, Deed::Plain(Act::Withdraw)).await
        })
        .await
    }

    async fn recall_destruction(
        &self,
        request: Request<RecallDestructionRequest>,
    ) -> Result<Response<Destruction>, Status> {
        answer(request, |call, body| async move {
            let asked = asked!(body, comment true);
            act(&self.0, call, &body, asked, Deed::Plain(Act::Revoke)).await
        })
        .await
    }
}
