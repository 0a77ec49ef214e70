//! Drafts and the review (CF-3.*).

use kefu_contracts::profile::{
    ApproveCustomerRequest, CreateDraftRequest, Customer, GetDraftRequest, ListCustomersRequest,
    ListDraftsRequest, ListDraftsResponse, ReturnCustomerRequest, SubmitCustomerRequest,
    SubmitDraftRequest, UpdateDraftRequest, WithdrawCustomerRequest, WithdrawDraftRequest,
    intake_service_server::IntakeService,
};
use kefu_service::{
    call::{Answer, answer},
    fields::Fields,
};
use tonic::{Request, Response, Status};

use super::{
    Customers,
    ask::{claim, step},
    step::Deed,
};
use crate::domain::intake::Entering;

#[tonic::async_trait]
impl IntakeService for Customers {
    async fn create_draft(
        &self,
        request: Request<CreateDraftRequest>,
    ) -> Result<Response<Customer>, Status> {
        answer(request, |call, body| async move {
            let mut fields = Fields::new();
            let claim = claim(&call, &mut fields, &body.request_id, &body);
            self.create(call, Entering::Draft, body.customer, claim, fields)
                .await
        })
        .await
    }

    async fn get_draft(
        &self,
        request: Request<GetDraftRequest>,
    ) -> Result<Response<Customer>, Status> {
        answer(request, |call, body| self.get(call, body.name)).await
    }

    async fn list_drafts(
        &self,
        request: Request<ListDraftsRequest>,
    ) -> Result<Response<ListDraftsResponse>, Status> {
        answer(request, |call, body| async move {
            let asked = ListCustomersRequest {
                page_size: body.page_size,
                page_token: body.page_token,
                filter: body.filter,
                order_by: body.order_by,
            };
            let page = self.list(call, asked).await?.body;
            Ok(Answer::read(ListDraftsResponse {
                customers: page.customers,
                next_page_token: page.next_page_token,
                total_size: page.total_size,
                total_kind: page.total_kind,
            }))
        })
        .await
    }

    async fn update_draft(
        &self,
        request: Request<UpdateDraftRequest>,
    ) -> Result<Response<Customer>, Status> {
        answer(request, |call, body| async move {
            let mut fields = Fields::new();
            let claim = claim(&call, &mut fields, &body.request_id, &body);
            let (customer, mask) = (body.customer, body.update_mask);
            self.update(call, customer, mask, body.reason, claim, fields)
                .await
        })
        .await
    }

    async fn submit_draft(
        &self,
        request: Request<SubmitDraftRequest>,
    ) -> Result<Response<Customer>, Status> {
        step!(self, request, body => Deed::Submit)
    }

    async fn withdraw_draft(
        &self,
        request: Request<WithdrawDraftRequest>,
    ) -> Result<Response<Customer>, Status> {
        step!(self, request, body => Deed::Withdraw(body.reason.clone()))
    }

    async fn submit_customer(
        &self,
        request: Request<SubmitCustomerRequest>,
    ) -> Result<Response<Customer>, Status> {
        step!(self, request, body => Deed::Submit)
    }

    async fn return_customer(
        &self,
        request: Request<ReturnCustomerRequest>,
    ) -> Result<Response<Customer>, Status> {
        step!(self, request, body => Deed::Return(body.reasons.clone()))
    }

    async fn approve_customer(
        &self,
        request: Request<ApproveCustomerRequest>,
    ) -> Result<Response<Customer>, Status> {
        step!(self, request, body => Deed::Approve)
    }

    async fn withdraw_customer(
        &self,
        request: Request<WithdrawCustomerRequest>,
    ) -> Result<Response<Customer>, Status> {
        step!(self, request, body => Deed::Withdraw(body.reason.clone()))
    }
}
