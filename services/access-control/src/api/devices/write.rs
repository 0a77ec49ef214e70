//! Changing devices: each step as the table in `domain/device.rs` has it.

use kefu_contracts::access::{
    self as wire, AssignDeviceRequest, DeviceState, RegisterDeviceRequest, ReturnDeviceRequest,
    UpdateDeviceStateRequest,
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::Fields,
    idempotency::Claim,
};
use uuid::Uuid;

use super::{holder, read::owner};
use crate::{
    api::{
        Register, clearance, messages, missing,
        write::{Done, claim},
    },
    domain::{
        device::{DEVICES, Device, Holder, MOST_ASSET_NUMBER, MOST_NOTE, Step},
        register::{MOST_TITLE, is_handle},
    },
    error::RegisterError,
    store::{
        changes::{Record, Revision},
        department, device, employee,
    },
};

/// A device comes into stock.
pub(super) async fn register(
    register: &Register,
    call: Call,
    request: RegisterDeviceRequest,
) -> Result<Answer<wire::Device>, Fault> {
    let id = register.core.deps.ids.next()?;
    let claim = claim(&call, &request.request_id, &request);
    let caller = call.clone();
    register
        .change(&call, claim, move |revision| {
            let (call, request) = (caller.clone(), request.clone());
            Box::pin(async move { add(revision, &call, id, &request).await })
        })
        .await
}

async fn add(
    revision: &mut Revision<'_>,
    call: &Call,
    id: Uuid,
    request: &RegisterDeviceRequest,
) -> Result<Done<wire::Device>, Fault> {
    let mut fields = Fields::new();
    fields.request_id(&request.request_id);
    let Some(wanted) = &request.device else {
        return Err(missing(fields, "device"));
    };
    let number = wanted.asset_number.trim();
    fields.required_text("device.asset_number", number, MOST_ASSET_NUMBER);
    if wanted.kind.is_empty() {
        fields.refuse("device.kind", Violation::Required);
    } else {
        fields.ensure(is_handle(&wanted.kind), "device.kind", Violation::Format);
    }
    fields.required_text("device.title", &wanted.title, MOST_TITLE);
    fields.text("device.note", &wanted.note, MOST_NOTE);
    fields.finish()?;
    if device::find_asset_number(revision.connection, number)
        .await?
        .is_some()
    {
        return Err(RegisterError::AssetNumberTaken(number.to_owned()).into());
    }
    let device = Device {
        id,
        asset_number: number.to_owned(),
        kind: wanted.kind.clone(),
        title: wanted.title.clone(),
        state: DeviceState::InStock,
        holder: None,
        since: call.now,
        note: wanted.note.clone(),
        revision: 1,
    };
    device::insert(revision.connection, &device, call.now).await?;
    revision.note(&Record::Device(id), None).await?;
    Ok(done(&device, "device.registered"))
}

/// What is asked to be done with a device.
#[derive(Clone)]
struct Wanted {
    name: String,
    note: String,
    request_id: String,
    act: Act,
}

#[derive(Clone)]
enum Act {
    /// To this holder.
    Assign(String),
    Return,
    /// Into this state.
    State(i32),
}

/// Somebody, or a department, gets it.
pub(super) async fn assign(
    register: &Register,
    call: Call,
    request: AssignDeviceRequest,
) -> Result<Answer<wire::Device>, Fault> {
    let claim = claim(&call, &request.request_id, &request);
    let wanted = Wanted {
        name: request.name,
        note: request.note,
        request_id: request.request_id,
        act: Act::Assign(request.holder),
    };
    change(register, call, claim, wanted).await
}

/// It is given back.
pub(super) async fn give_back(
    register: &Register,
    call: Call,
    request: ReturnDeviceRequest,
) -> Result<Answer<wire::Device>, Fault> {
    let claim = claim(&call, &request.request_id, &request);
    let wanted = Wanted {
        name: request.name,
        note: request.note,
        request_id: request.request_id,
        act: Act::Return,
    };
    change(register, call, claim, wanted).await
}

/// To repair, back from it, or out of use for ever.
pub(super) async fn set_state(
    register: &Register,
    call: Call,
    request: UpdateDeviceStateRequest,
) -> Result<Answer<wire::Device>, Fault> {
    let claim = claim(&call, &request.request_id, &request);
    let wanted = Wanted {
        name: request.name,
        note: request.note,
        request_id: request.request_id,
        act: Act::State(request.state),
    };
    change(register, call, claim, wanted).await
}

async fn change(
    register: &Register,
    call: Call,
    claim: Option<Claim>,
    wanted: Wanted,
) -> Result<Answer<wire::Device>, Fault> {
    let caller = call.clone();
    register
        .change(&call, claim, move |revision| {
            let (call, wanted) = (caller.clone(), wanted.clone());
            Box::pin(async move { take_step(revision, &call, &wanted).await })
        })
        .await
}

async fn take_step(
    revision: &mut Revision<'_>,
    call: &Call,
    wanted: &Wanted,
) -> Result<Done<wire::Device>, Fault> {
    let mut fields = Fields::new();
    fields.request_id(&wanted.request_id);
    let id = fields
        .name("name", &wanted.name, DEVICES)
        .unwrap_or_default();
    fields.text("note", &wanted.note, MOST_NOTE);
    let to = match &wanted.act {
        Act::Assign(name) => receiver(revision, call, &mut fields, name).await?,
        _ => None,
    };
    let state = match wanted.act {
        Act::State(number) => fields.required_enum::<DeviceState>("state", number),
        _ => None,
    };
    fields.finish()?;
    let found = device::get(revision.connection, id).await?;
    let within_reach =
        found.filter(|one| clearance(call, one.department, owner(&one.device)).is_some());
    let Some(mut device) = within_reach.map(|one| one.device) else {
        return Err(RegisterError::NotFound(wanted.name.clone()).into());
    };

    let (step, target, kind) = match (&wanted.act, state) {
        (Act::Assign(_), _) => (Some(Step::Assign), DeviceState::InUse, "device.assigned"),
        (Act::Return, _) => (Some(Step::Return), DeviceState::InStock, "device.returned"),
        (Act::State(_), state) => {
            let state = state.unwrap_or_default();
            (device.step_to(state), state, "device.state_changed")
        }
    };
    let taken = step.and_then(|step| Some((step, device.after(step)?)));
    let Some((step, state)) = taken else {
        return Err(RegisterError::DeviceState(device.state, target).into());
    };
    let record = Record::Device(id);
    let image = revision.image(&record).await?;
    device.state = state;
    device.holder = match step {
        Step::Assign => to,
        Step::Return | Step::Retire => None,
        Step::Repair | Step::Restore => device.holder,
    };
    device.since = call.now;
    device.note.clone_from(&wanted.note);
    device.revision += 1;
    device::update(revision.connection, &device).await?;
    revision.note(&record, image).await?;
    Ok(done(&device, kind))
}

/// Who gets it: somebody who is with the company, or a department; within reach.
async fn receiver(
    revision: &mut Revision<'_>,
    call: &Call,
    fields: &mut Fields,
    name: &str,
) -> Result<Option<Holder>, Fault> {
    if name.is_empty() {
        fields.refuse("holder", Violation::Required);
        return Ok(None);
    }
    let receiver = holder(fields, name);
    let known = match receiver {
        None => return Ok(None),
        Some(Holder::Employee(id)) => {
            let found = employee::get(revision.connection, id).await?;
            found.is_some_and(|one| {
                one.serves(call.now) && clearance(call, one.department, Some(id)).is_some()
            })
        }
        Some(Holder::Department(id)) => {
            let there = !department::known(revision.connection, &[id])
                .await?
                .is_empty();
            there && clearance(call, Some(id), None).is_some()
        }
    };
    fields.ensure(known, "holder", Violation::Unknown);
    Ok(receiver)
}

fn done(device: &Device, kind: &'static str) -> Done<wire::Device> {
    let body = messages::device(device);
    Done {
        id: device.id,
        resource: body.name.clone(),
        body,
        kind,
    }
}
