//! `BorrowingService`: copies of files are lent, come back and are inspected, or are
//! followed up (CF-9.2). Nobody sees anything in the system by borrowing.

mod act;
mod counter;
mod form;
mod kind;
mod look;
mod messages;

use kefu_contracts::access::{
    ApproveBorrowingRequest, Borrowing, CloseBorrowingRequest, CreateBorrowingRequest,
    GetBorrowingRequest, HandOutItemsRequest, ListBorrowingsRequest, ListBorrowingsResponse,
    RecordFollowUpRequest, RejectBorrowingRequest, ReportItemsLostRequest,
    ReturnBorrowingFormRequest, SubmitBorrowingRequest, TakeBackItemsRequest,
    UpdateBorrowingRequest, WithdrawBorrowingRequest, borrowing_service_server::BorrowingService,
};
use kefu_service::call::answer;
use tonic::{Request, Response, Status};

use super::Register;

/// The service over the register.
pub(crate) struct BorrowingsApi(pub(crate) Register);

#[tonic::async_trait]
impl BorrowingService for BorrowingsApi {
    async fn create_borrowing(
        &self,
        request: Request<CreateBorrowingRequest>,
    ) -> Result<Response<Borrowing>, Status> {
        answer(request, |call, message| {
            form::create(&self.0, call, message)
        })
        .await
    }

    async fn update_borrowing(
        &self,
        request: Request<UpdateBorrowingRequest>,
    ) -> Result<Response<Borrowing>, Status> {
        answer(request, |call, message| {
            form::update(&self.0, call, message)
        })
        .await
    }

    async fn get_borrowing(
        &self,
        request: Request<GetBorrowingRequest>,
    ) -> Result<Response<Borrowing>, Status> {
        answer(request, |call, message| look::get(&self.0, call, message)).await
    }

    async fn list_borrowings(
        &self,
        request: Request<ListBorrowingsRequest>,
    ) -> Result<Response<ListBorrowingsResponse>, Status> {
        answer(request, |call, message| look::list(&self.0, call, message)).await
    }

    async fn submit_borrowing(
        &self,
        request: Request<SubmitBorrowingRequest>,
    ) -> Result<Response<Borrowing>, Status> {
        answer(request, |call, message| act::submit(&self.0, call, message)).await
    }

    async fn approve_borrowing(
        &self,
        request: Request<ApproveBorrowingRequest>,
    ) -> Result<Response<Borrowing>, Status> {
        answer(request, |call, message| {
            act::approve(&self.0, call, message)
        })
        .await
    }

    async fn return_borrowing_form(
        &self,
        request: Request<ReturnBorrowingFormRequest>,
    ) -> Result<Response<Borrowing>, Status> {
        answer(request, |call, message| {
            act::give_back(&self.0, call, message)
        })
        .await
    }

    async fn reject_borrowing(
        &self,
        request: Request<RejectBorrowingRequest>,
    ) -> Result<Response<Borrowing>, Status> {
        answer(request, |call, message| act::reject(&self.0, call, message)).await
    }

    async fn withdraw_borrowing(
        &self,
        request: Request<WithdrawBorrowingRequest>,
    ) -> Result<Response<Borrowing>, Status> {
        answer(request, |call, message| {
            act::withdraw(&self.0, call, message)
        })
        .await
    }

    async fn hand_out_items(
        &self,
        request: Request<HandOutItemsRequest>,
    ) -> Result<Response<Borrowing>, Status> {
        answer(request, |call, message| {
            counter::hand_out(&self.0, call, message)
        })
        .await
    }

    async fn take_back_items(
        &self,
        request: Request<TakeBackItemsRequest>,
    ) -> Result<Response<Borrowing>, Status> {
        answer(request, |call, message| {
            counter::take_back(&self.0, call, message)
        })
        .await
    }

    async fn report_items_lost(
        &self,
        request: Request<ReportItemsLostRequest>,
    ) -> Result<Response<Borrowing>, Status> {
        answer(request, |call, message| {
            counter::report_lost(&self.0, call, message)
        })
        .await
    }

    async fn record_follow_up(
        &self,
        request: Request<RecordFollowUpRequest>,
    ) -> Result<Response<Borrowing>, Status> {
        answer(request, |call, message| {
            counter::follow_up(&self.0, call, message)
        })
        .await
    }

    async fn close_borrowing(
        &self,
        request: Request<CloseBorrowingRequest>,
    ) -> Result<Response<Borrowing>, Status> {
        answer(request, |call, message| {
            counter::close(&self.0, call, message)
        })
        .await
    }
}
