//! `ShareService`: files shared with people whose post does not let them see them
//! (CF-6.2, CF-6.3, CF-9.1).

mod act;
mod form;
mod kind;
mod look;
mod messages;
mod receipt;
mod selection;

use kefu_contracts::access::{
    AccompanyShareRequest, ActivateShareRequest, ApproveShareRequest, CreateShareRequest,
    GetShareReceiptRequest, GetShareRequest, ListSharesRequest, ListSharesResponse,
    RejectShareRequest, ReturnShareRequest, RevokeShareRequest, Share, ShareReceipt,
    SubmitShareRequest, UpdateShareRequest, WithdrawShareRequest,
    share_service_server::ShareService,
};
use kefu_service::call::answer;
use tonic::{Request, Response, Status};

use super::Register;

/// The service over the register.
pub(crate) struct SharesApi(pub(crate) Register);

#[tonic::async_trait]
impl ShareService for SharesApi {
    async fn create_share(
        &self,
        request: Request<CreateShareRequest>,
    ) -> Result<Response<Share>, Status> {
        answer(request, |call, message| {
            form::create(&self.0, call, message)
        })
        .await
    }

    async fn update_share(
        &self,
        request: Request<UpdateShareRequest>,
    ) -> Result<Response<Share>, Status> {
        answer(request, |call, message| {
            form::update(&self.0, call, message)
        })
        .await
    }

    async fn get_share(
        &self,
        request: Request<GetShareRequest>,
    ) -> Result<Response<Share>, Status> {
        answer(request, |call, message| look::get(&self.0, call, message)).await
    }

    async fn list_shares(
        &self,
        request: Request<ListSharesRequest>,
    ) -> Result<Response<ListSharesResponse>, Status> {
        answer(request, |call, message| look::list(&self.0, call, message)).await
    }

    async fn get_share_receipt(
        &self,
        request: Request<GetShareReceiptRequest>,
    ) -> Result<Response<ShareReceipt>, Status> {
        answer(request, |call, message| {
            receipt::get(&self.0, call, message)
        })
        .await
    }

    async fn submit_share(
        &self,
        request: Request<SubmitShareRequest>,
    ) -> Result<Response<Share>, Status> {
        answer(request, |call, message| act::submit(&self.0, call, message)).await
    }

    async fn approve_share(
        &self,
        request: Request<ApproveShareRequest>,
    ) -> Result<Response<Share>, Status> {
        answer(request, |call, message| {
            act::approve(&self.0, call, message)
        })
        .await
    }

    async fn return_share(
        &self,
        request: Request<ReturnShareRequest>,
    ) -> Result<Response<Share>, Status> {
        answer(request, |call, message| {
            act::give_back(&self.0, call, message)
        })
        .await
    }

    async fn reject_share(
        &self,
        request: Request<RejectShareRequest>,
    ) -> Result<Response<Share>, Status> {
        answer(request, |call, message| act::reject(&self.0, call, message)).await
    }

    async fn withdraw_share(
        &self,
        request: Request<WithdrawShareRequest>,
    ) -> Result<Response<Share>, Status> {
        answer(request, |call, message| {
            act::withdraw(&self.0, call, message)
        })
        .await
    }

    async fn activate_share(
        &self,
        request: Request<ActivateShareRequest>,
    ) -> Result<Response<Share>, Status> {
        answer(request, |call, message| {
            act::activate(&self.0, call, message)
        })
        .await
    }

    async fn accompany_share(
        &self,
        request: Request<AccompanyShareRequest>,
    ) -> Result<Response<Share>, Status> {
        answer(request, |call, message| {
            act::accompany(&self.0, call, message)
        })
        .await
    }

    async fn revoke_share(
        &self,
        request: Request<RevokeShareRequest>,
    ) -> Result<Response<Share>, Status> {
        answer(request, |call, message| act::revoke(&self.0, call, message)).await
    }
}
