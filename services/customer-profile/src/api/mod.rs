//! `kefu.profile.v1`: request → rules → store → answer; the methods of CustomerService.

mod ask;
pub(crate) mod birthdays;
pub(crate) mod certificates;
pub(crate) mod consents;
pub(crate) mod copies;
mod create;
pub(crate) mod data_requests;
mod deed;
pub(crate) mod duplicates;
mod files;
pub(crate) mod holds;
mod intake;
mod list;
mod lookup;
pub(crate) mod merges;
mod on_file;
mod outcome;
mod present;
pub(crate) mod quality;
mod rating;
mod read;
pub(crate) mod retentions;
mod revisions;
pub(crate) mod selections;
mod step;
mod timeline;
mod update;
pub(crate) mod verifications;
mod write;

use std::sync::Arc;

use jiff::tz::TimeZone;
use kefu_contracts::profile::{
    CreateCustomerRequest, Customer, GetCustomerRequest, ListCustomersRequest,
    ListCustomersResponse, LookupCustomerRequest, LookupCustomerResponse, UpdateCustomerRequest,
    customer_service_server::CustomerService,
};
use kefu_service::{
    call::{Call, answer},
    core::Core,
    fields::Fields,
    sealed::Sealer,
};
use tonic::{Request, Response, Status};

use self::ask::claim;
use crate::{
    config::CustomerProfileConfig,
    domain::{
        attributes::{self, AttributeRule},
        contact::Region,
        entry,
        intake::{Entering, IntakeRules},
    },
};

/// Table of the files, which their data is sealed to.
pub(crate) const TABLE: &str = "profile.customer";

/// The handlers and what they share.
#[derive(Clone)]
pub(crate) struct Customers {
    core: Core,
    sealer: Sealer,
    business_line: String,
    region: Region,
    intake: Arc<IntakeRules>,
    attributes: Arc<[AttributeRule]>,
}

impl Customers {
    pub(crate) fn new(core: &Core, config: &CustomerProfileConfig) -> Self {
        // Checked when the service was built.
        let region = Region::parse(&config.phone_region).unwrap_or_else(Region::china);
        Self {
            core: core.clone(),
            sealer: Sealer::new(core.deps.vault.clone(), TABLE),
            business_line: config.default_business_line.clone(),
            region,
            intake: Arc::new(config.intake.clone()),
            attributes: config.attributes.clone().into(),
        }
    }

    /// Checks a file as it shall be and brings it to the form in which it is kept.
    fn check_entry(&self, fields: &mut Fields, call: &Call, customer: &mut Customer) {
        let today = call.now.to_zoned(TimeZone::UTC).date();
        entry::check(fields, customer, self.region, today);
        attributes::check(fields, &self.attributes, customer);
    }
}

#[tonic::async_trait]
impl CustomerService for Customers {
    async fn create_customer(
        &self,
        request: Request<CreateCustomerRequest>,
    ) -> Result<Response<Customer>, Status> {
        answer(request, |call, body| async move {
            let mut fields = Fields::new();
            let claim = claim(&call, &mut fields, &body.request_id, &body);
            self.create(call, Entering::File, body.customer, claim, fields)
                .await
        })
        .await
    }

    async fn get_customer(
        &self,
        request: Request<GetCustomerRequest>,
    ) -> Result<Response<Customer>, Status> {
        answer(request, |call, body| self.get(call, body.name)).await
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
        answer(request, |call, body| async move {
            let mut fields = Fields::new();
            let claim = claim(&call, &mut fields, &body.request_id, &body);
            let (customer, mask) = (body.customer, body.update_mask);
            self.update(call, customer, mask, body.reason, claim, fields)
                .await
        })
        .await
    }
}
