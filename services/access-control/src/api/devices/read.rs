//! Showing devices.

use std::collections::HashMap;

use kefu_contracts::access::{
    self as wire, DeviceState, GetDeviceRequest, ListDevicesRequest, ListDevicesResponse,
};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::{self, Fields},
    page::{self, Binding},
    present::Shown,
};
use uuid::Uuid;

use super::holder;
use crate::{
    api::{Register, VIEWED, clearance, messages},
    domain::{
        device::{DEVICES, Device, Holder},
        register::DEPARTMENTS,
    },
    error::RegisterError,
    store::device::{self, Asked, Placed},
};

/// Whose device it is, as scopes ask.
pub(super) fn owner(device: &Device) -> Option<Uuid> {
    match device.holder {
        Some(Holder::Employee(id)) => Some(id),
        _ => None,
    }
}

/// One device.
pub(super) async fn get(
    register: &Register,
    call: Call,
    request: GetDeviceRequest,
) -> Result<Answer<wire::Device>, Fault> {
    let mut fields = Fields::new();
    let id = fields
        .name("name", &request.name, DEVICES)
        .unwrap_or_default();
    fields.finish()?;
    let found = register
        .core
        .deps
        .db
        .run(move |connection| Box::pin(device::get(connection, id)))
        .await?;
    let within_reach = found.and_then(|one| {
        let clearance = clearance(&call, one.department, owner(&one.device))?;
        Some((clearance, one))
    });
    let Some((clearance, placed)) = within_reach else {
        let fault = RegisterError::NotFound(request.name.clone()).into();
        return Err(register.refuse(&call, &request.name, fault).await);
    };
    let shown = Shown {
        resource: request.name,
        customer_id: None,
        clearance,
    };
    register.core.views.record(&call, VIEWED, &[shown]).await?;
    Ok(Answer::read(messages::device(&placed.device)))
}

/// A page of the devices within reach.
pub(super) async fn list(
    register: &Register,
    call: Call,
    request: ListDevicesRequest,
) -> Result<Answer<ListDevicesResponse>, Fault> {
    let mut fields = Fields::new();
    let size = page::size(&mut fields, request.page_size);
    let asked = Asked {
        holder: match request.holder.as_str() {
            "" => None,
            name => holder(&mut fields, name),
        },
        department: fields.optional_name("department", &request.department, DEPARTMENTS),
        state: fields
            .optional_enum("state", request.state)
            .filter(|state| *state != DeviceState::Unspecified),
    };
    fields.finish()?;
    let filter = format!(
        "{} {} {}",
        request.holder, request.department, request.state
    );
    let (binding, key) = (
        Binding::of(&call, &filter, ""),
        register.core.deps.vault.index_key(),
    );
    let after = binding.after(key, &request.page_token)?;

    let reader = call.clone();
    let (mut listed, mut found) = register
        .core
        .deps
        .db
        .run(move |connection| {
            Box::pin(async move {
                let listed = device::page(connection, &reader, asked, after, size).await?;
                let ids: Vec<Uuid> = listed.iter().map(|one| one.at.id).collect();
                let devices = device::list(connection, &ids).await?;
                let found: HashMap<Uuid, Placed> = devices
                    .into_iter()
                    .map(|one| (one.device.id, one))
                    .collect();
                Ok((listed, found))
            })
        })
        .await?;

    let more = listed.len() > size;
    listed.truncate(size);
    let last = listed.last().filter(|_| more);
    let next_page_token = last
        .map(|last| binding.token(key, last.at))
        .unwrap_or_default();
    let (shown, devices) = listed
        .iter()
        .filter_map(|one| Some((one, found.remove(&one.at.id)?)))
        .map(|(one, placed)| {
            let shown = Shown {
                resource: fields::name(DEVICES, one.at.id),
                customer_id: None,
                clearance: call.context.clearance(one.matched, call.now),
            };
            (shown, messages::device(&placed.device))
        })
        .unzip::<_, _, Vec<_>, _>();
    register.core.views.record(&call, VIEWED, &shown).await?;
    Ok(Answer::read(ListDevicesResponse {
        devices,
        next_page_token,
    }))
}
