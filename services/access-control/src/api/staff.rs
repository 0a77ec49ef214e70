//! `StaffService`: moving, agreements, trainings, what lapses (CC-1.1, CF-8.1).

use kefu_contracts::access::{
    CancelTransferRequest, ListLapsingRequest, ListLapsingResponse, ListQualificationsRequest,
    ListQualificationsResponse, ListTransfersRequest, ListTransfersResponse, Qualification,
    RecordAgreementRequest, RecordTrainingRequest, Transfer, TransferEmployeeRequest,
    staff_service_server::StaffService,
};
use kefu_service::{
    call::{Call, answer},
    error::Fault,
    fields::Fields,
};
use tonic::{Request, Response, Status};

use super::{Register, clearance, lapsing, qualifications, transfers};
use crate::{
    domain::register::{EMPLOYEES, Employee},
    error::RegisterError,
    store::employee,
};

/// The service over the register.
pub(crate) struct Staff(pub(crate) Register);

#[tonic::async_trait]
impl StaffService for Staff {
    async fn transfer_employee(
        &self,
        request: Request<TransferEmployeeRequest>,
    ) -> Result<Response<Transfer>, Status> {
        answer(request, |call, message| {
            transfers::order(&self.0, call, message)
        })
        .await
    }

    async fn cancel_transfer(
        &self,
        request: Request<CancelTransferRequest>,
    ) -> Result<Response<Transfer>, Status> {
        answer(request, |call, message| {
            transfers::cancel(&self.0, call, message)
        })
        .await
    }

    async fn list_transfers(
        &self,
        request: Request<ListTransfersRequest>,
    ) -> Result<Response<ListTransfersResponse>, Status> {
        answer(request, |call, message| {
            transfers::list(&self.0, call, message)
        })
        .await
    }

    async fn record_agreement(
        &self,
        request: Request<RecordAgreementRequest>,
    ) -> Result<Response<Qualification>, Status> {
        answer(request, |call, message| {
            qualifications::agreement(&self.0, call, message)
        })
        .await
    }

    async fn record_training(
        &self,
        request: Request<RecordTrainingRequest>,
    ) -> Result<Response<Qualification>, Status> {
        answer(request, |call, message| {
            qualifications::training(&self.0, call, message)
        })
        .await
    }

    async fn list_qualifications(
        &self,
        request: Request<ListQualificationsRequest>,
    ) -> Result<Response<ListQualificationsResponse>, Status> {
        answer(request, |call, message| {
            qualifications::list(&self.0, call, message)
        })
        .await
    }

    async fn list_lapsing(
        &self,
        request: Request<ListLapsingRequest>,
    ) -> Result<Response<ListLapsingResponse>, Status> {
        answer(request, |call, message| {
            lapsing::list(&self.0, call, message)
        })
        .await
    }
}

impl Register {
    /// The employee of this name, for a list about them; refused and journaled as
    /// such when they are beyond the caller's reach.
    pub(super) async fn employee(
        &self,
        call: &Call,
        field: &str,
        name: &str,
    ) -> Result<(Employee, kefu_access::Clearance), Fault> {
        let mut fields = Fields::new();
        let id = fields.name(field, name, EMPLOYEES).unwrap_or_default();
        fields.finish()?;
        let found = self
            .core
            .deps
            .db
            .run(move |connection| Box::pin(employee::get(connection, id)))
            .await?;
        let within_reach = found
            .filter(|one| !one.system_account)
            .and_then(|one| Some((clearance(call, one.department, Some(id))?, one)));
        match within_reach {
            Some((clearance, employee)) => Ok((employee, clearance)),
            None => {
                let fault = RegisterError::NotFound(name.to_owned()).into();
                Err(self.refuse(call, name, fault).await)
            }
        }
    }
}
