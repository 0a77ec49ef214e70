//! `DeviceService`: who uses which device (OP-6).

mod read;
mod write;

use kefu_contracts::access::{
    AssignDeviceRequest, Device, GetDeviceRequest, ListDevicesRequest, ListDevicesResponse,
    RegisterDeviceRequest, ReturnDeviceRequest, UpdateDeviceStateRequest,
    device_service_server::DeviceService,
};
use kefu_service::{
    call::answer,
    error::Violation,
    fields::{Fields, parse_name},
};
use tonic::{Request, Response, Status};

use super::Register;
use crate::domain::{
    device::Holder,
    register::{DEPARTMENTS, EMPLOYEES},
};

/// The service over the register.
pub(crate) struct Devices(pub(crate) Register);

#[tonic::async_trait]
impl DeviceService for Devices {
    async fn get_device(
        &self,
        request: Request<GetDeviceRequest>,
    ) -> Result<Response<Device>, Status> {
        answer(request, |call, message| read::get(&self.0, call, message)).await
    }

    async fn list_devices(
        &self,
        request: Request<ListDevicesRequest>,
    ) -> Result<Response<ListDevicesResponse>, Status> {
        answer(request, |call, message| read::list(&self.0, call, message)).await
    }

    async fn register_device(
        &self,
        request: Request<RegisterDeviceRequest>,
    ) -> Result<Response<Device>, Status> {
        answer(request, |call, message| {
            write::register(&self.0, call, message)
        })
        .await
    }

    async fn assign_device(
        &self,
        request: Request<AssignDeviceRequest>,
    ) -> Result<Response<Device>, Status> {
        answer(request, |call, message| {
            write::assign(&self.0, call, message)
        })
        .await
    }

    async fn return_device(
        &self,
        request: Request<ReturnDeviceRequest>,
    ) -> Result<Response<Device>, Status> {
        answer(request, |call, message| {
            write::give_back(&self.0, call, message)
        })
        .await
    }

    async fn update_device_state(
        &self,
        request: Request<UpdateDeviceStateRequest>,
    ) -> Result<Response<Device>, Status> {
        answer(request, |call, message| {
            write::set_state(&self.0, call, message)
        })
        .await
    }
}

/// `employees/…` or `departments/…`; notes what is neither.
fn holder(fields: &mut Fields, name: &str) -> Option<Holder> {
    let employee = parse_name(name, EMPLOYEES).map(Holder::Employee);
    let holder = employee.or_else(|| parse_name(name, DEPARTMENTS).map(Holder::Department));
    fields.ensure(holder.is_some(), "holder", Violation::ResourceName);
    holder
}
