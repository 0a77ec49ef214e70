//! `OrganisationService`: departments and employees (CC-1.1, CF-8.1, OP-7.2).

use kefu_contracts::access::{
    CreateDepartmentRequest, CreateEmployeeRequest, Department, Employee, GetDepartmentRequest,
    GetEmployeeRequest, ListDepartmentsRequest, ListDepartmentsResponse, ListEmployeesRequest,
    ListEmployeesResponse, UpdateDepartmentRequest, UpdateEmployeeRequest,
    organisation_service_server::OrganisationService,
};
use kefu_service::call::answer;
use tonic::{Request, Response, Status};

use super::{Register, departments, employees};

/// The service over the register.
pub(crate) struct Organisation(pub(crate) Register);

#[tonic::async_trait]
impl OrganisationService for Organisation {
    async fn list_departments(
        &self,
        request: Request<ListDepartmentsRequest>,
    ) -> Result<Response<ListDepartmentsResponse>, Status> {
        answer(request, |call, message| {
            departments::list(&self.0, call, message)
        })
        .await
    }

    async fn create_department(
        &self,
        request: Request<CreateDepartmentRequest>,
    ) -> Result<Response<Department>, Status> {
        answer(request, |call, message| {
            departments::create(&self.0, call, message)
        })
        .await
    }

    async fn get_department(
        &self,
        request: Request<GetDepartmentRequest>,
    ) -> Result<Response<Department>, Status> {
        answer(request, |call, message| {
            departments::get(&self.0, call, message)
        })
        .await
    }

    async fn update_department(
        &self,
        request: Request<UpdateDepartmentRequest>,
    ) -> Result<Response<Department>, Status> {
        answer(request, |call, message| {
            departments::update(&self.0, call, message)
        })
        .await
    }

    async fn get_employee(
        &self,
        request: Request<GetEmployeeRequest>,
    ) -> Result<Response<Employee>, Status> {
        answer(request, |call, message| {
            employees::get(&self.0, call, message)
        })
        .await
    }

    async fn list_employees(
        &self,
        request: Request<ListEmployeesRequest>,
    ) -> Result<Response<ListEmployeesResponse>, Status> {
        answer(request, |call, message| {
            employees::list(&self.0, call, message)
        })
        .await
    }

    async fn create_employee(
        &self,
        request: Request<CreateEmployeeRequest>,
    ) -> Result<Response<Employee>, Status> {
        answer(request, |call, message| {
            employees::create(&self.0, call, message)
        })
        .await
    }

    async fn update_employee(
        &self,
        request: Request<UpdateEmployeeRequest>,
    ) -> Result<Response<Employee>, Status> {
        answer(request, |call, message| {
            employees::update(&self.0, call, message)
        })
        .await
    }
}
