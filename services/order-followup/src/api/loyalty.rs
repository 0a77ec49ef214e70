//! `kefu.order.v1.LoyaltyService`: points for what customers buy, and what they get for them.

mod correct;
mod look;
mod rules;
mod spend;
mod step;

use kefu_contracts::order::{
    CorrectPointsRequest, DecideOnPointsCorrectionRequest, GetLoyaltyRulesRequest,
    GetPointsAccountRequest, GetPointsPostingRequest, ListPointsAccountsRequest,
    ListPointsAccountsResponse, ListPointsPostingsRequest, ListPointsPostingsResponse,
    LoyaltyRules, PointsAccount, PointsPosting, ReviseLoyaltyRulesRequest, SpendPointsRequest,
    loyalty_service_server::LoyaltyService,
};
use kefu_service::{call::answer, core::Core, sealed::Sealer};
use tonic::{Request, Response, Status};

use crate::points::Points;

/// The handlers and what they share.
#[derive(Clone)]
pub(crate) struct Loyalty {
    core: Core,
    points: Points,
    /// Of answers, and of the reasons of corrections that wait.
    sealer: Sealer,
}

impl Loyalty {
    pub(crate) fn new(core: &Core, points: Points) -> Self {
        Self {
            core: core.clone(),
            points,
            sealer: Sealer::new(core.deps.vault.clone(), "orders.points_correction"),
        }
    }
}

#[tonic::async_trait]
impl LoyaltyService for Loyalty {
    async fn get_loyalty_rules(
        &self,
        request: Request<GetLoyaltyRulesRequest>,
    ) -> Result<Response<LoyaltyRules>, Status> {
        answer(request, |call, body| self.rules(call, body)).await
    }

    async fn revise_loyalty_rules(
        &self,
        request: Request<ReviseLoyaltyRulesRequest>,
    ) -> Result<Response<LoyaltyRules>, Status> {
        answer(request, |call, body| self.revise(call, body)).await
    }

    async fn get_points_account(
        &self,
        request: Request<GetPointsAccountRequest>,
    ) -> Result<Response<PointsAccount>, Status> {
        answer(request, |call, body| self.account(call, body)).await
    }

    async fn list_points_accounts(
        &self,
        request: Request<ListPointsAccountsRequest>,
    ) -> Result<Response<ListPointsAccountsResponse>, Status> {
        answer(request, |call, body| self.accounts(call, body)).await
    }

    async fn get_points_posting(
        &self,
        request: Request<GetPointsPostingRequest>,
    ) -> Result<Response<PointsPosting>, Status> {
        answer(request, |call, body| self.posting(call, body)).await
    }

    async fn list_points_postings(
        &self,
        request: Request<ListPointsPostingsRequest>,
    ) -> Result<Response<ListPointsPostingsResponse>, Status> {
        answer(request, |call, body| self.postings(call, body)).await
    }

    async fn spend_points(
        &self,
        request: Request<SpendPointsRequest>,
    ) -> Result<Response<PointsAccount>, Status> {
        answer(request, |call, body| self.spend(call, body)).await
    }

    async fn correct_points(
        &self,
        request: Request<CorrectPointsRequest>,
    ) -> Result<Response<PointsAccount>, Status> {
        answer(request, |call, body| self.correct(call, body)).await
    }

    async fn decide_on_points_correction(
        &self,
        request: Request<DecideOnPointsCorrectionRequest>,
    ) -> Result<Response<PointsAccount>, Status> {
        answer(request, |call, body| self.decide(call, body)).await
    }
}
