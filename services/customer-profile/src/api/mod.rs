//! `kefu.profile.v1.CustomerService`: request → rules → store → answer.

pub(crate) mod consents;
mod create;
mod files;
mod list;
mod lookup;
mod outcome;
mod present;
mod read;
mod update;

use kefu_contracts::profile::{
    CreateCustomerRequest, Customer, GetCustomerRequest, ListCustomersRequest,
    ListCustomersResponse, LookupCustomerRequest, LookupCustomerResponse, UpdateCustomerRequest,
    customer_service_server::CustomerService,
};
use kefu_service::{call::answer, core::Core, sealed::Sealer};
use tonic::{Request, Response, Status};

use crate::{config::CustomerProfileConfig, domain::contact::Region};

/// The handlers and what they share.
#[derive(Clone)]
pub(crate) struct Customers {
    core: Core,
    sealer: Sealer,
    business_line: String,
    region: Region,
}

impl Customers {
    pub(crate) fn new(core: &Core, config: &CustomerProfileConfig) -> Self {
        // Checked when the service was built.
        let region = Region::parse(&config.phone_region).unwrap_or_else(Region::china);
        Self {
            core: core.clone(),
            sealer: Sealer::new(core.deps.vault.clone(), "profile.customer"),
            business_line: config.default_business_line.clone(),
            region,
        }
    }
}

#[tonic::async_trait]
impl CustomerService for Customers {
    async fn create_customer(
        &self,
        request: Request<CreateCustomerRequest>,
    ) -> Result<Response<Customer>, Status> {
        answer(request, |call, body| self.create(call, body)).await
    }

    async fn get_customer(
        &self,
        request: Request<GetCustomerRequest>,
    ) -> Result<Response<Customer>, Status> {
        answer(request, |call, body| self.get(call, body)).await
    }

    async fn list_customers(
        &self,
        request: Request<ListCustomersRequest>,
    ) -> Result<Response<ListCustomersResponse>, Status> {
        answer(request, |call, body| self.list(call, body)).await
    }

    async fn lookup_customer(
        &self,
        request: Request<LookupCustomerRequest>,
    ) -> Result<Response<LookupCustomerResponse>, Status> {
        answer(request, |call, body| self.lookup(call, body)).await
    }

    async fn update_customer(
        &self,
        request: Request<UpdateCustomerRequest>,
    ) -> Result<Response<Customer>, Status> {
        answer(request, |call, body| self.update(call, body)).await
    }
}
