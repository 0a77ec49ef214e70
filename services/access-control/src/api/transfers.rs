//! Moving to another department (CC-1.1).

use kefu_contracts::access::{
    self as wire, CancelTransferRequest, ListTransfersRequest, ListTransfersResponse,
    TransferEmployeeRequest, TransferState,
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{self, Fields},
    present::Shown,
};
use uuid::Uuid;

use super::{
    Register, VIEWED, clearance, messages,
    write::{Done, claim},
};
use crate::{
    domain::{
        register::{DEPARTMENTS, EMPLOYEES},
        transfer::{TRANSFERS, Transfer},
    },
    error::RegisterError,
    jobs::transfers::apply,
    store::{
        changes::{Record, Revision},
        department, employee,
        transfer::{self, Which},
    },
};

/// All transfers of one employee.
pub(super) async fn list(
    register: &Register,
    call: Call,
    request: ListTransfersRequest,
) -> Result<Answer<ListTransfersResponse>, Fault> {
    let (employee, clearance) = register
        .employee(&call, "employee", &request.employee)
        .await?;
    let transfers = register
        .core
        .deps
        .db
        .run(move |connection| Box::pin(transfer::list(connection, Which::Of(employee.id))))
        .await?;
    let shown: Vec<Shown> = transfers
        .iter()
        .map(|one| Shown {
            resource: fields::name(TRANSFERS, one.id),
            customer_id: None,
            clearance: clearance.clone(),
        })
        .collect();
    register.core.views.record(&call, VIEWED, &shown).await?;
    let transfers = transfers.iter().map(messages::transfer).collect();
    Ok(Answer::read(ListTransfersResponse { transfers }))
}

/// Moves an employee: at once, or at a moment to come.
pub(super) async fn order(
    register: &Register,
    call: Call,
    request: TransferEmployeeRequest,
) -> Result<Answer<wire::Transfer>, Fault> {
    let id = register.core.deps.ids.next()?;
    let claim = claim(&call, &request.request_id, &request);
    let caller = call.clone();
    register
        .change(&call, claim, move |revision| {
            let (call, request) = (caller.clone(), request.clone());
            Box::pin(async move { plan(revision, &call, id, &request).await })
        })
        .await
}

async fn plan(
    revision: &mut Revision<'_>,
    call: &Call,
    id: Uuid,
    request: &TransferEmployeeRequest,
) -> Result<Done<wire::Transfer>, Fault> {
    let mut fields = Fields::new();
    fields.request_id(&request.request_id);
    let who = fields
        .name("name", &request.name, EMPLOYEES)
        .unwrap_or_default();
    let found = employee::get(revision.connection, who).await?;
    let found = found
        .filter(|one| !one.system_account && clearance(call, one.department, Some(who)).is_some());
    let to = fields.name("department", &request.department, DEPARTMENTS);
    let effective_at = messages::moment(
        &mut fields,
        "effective_time",
        request.effective_time.as_ref(),
    )
    .unwrap_or(call.now);
    fields.ensure(
        effective_at >= call.now,
        "effective_time",
        Violation::Contradiction,
    );
    let Some(employee) = found else {
        fields.finish()?;
        return Err(RegisterError::NotFound(request.name.clone()).into());
    };
    if let Some(to) = to {
        let there = !department::known(revision.connection, &[to])
            .await?
            .is_empty();
        let within_reach = clearance(call, Some(to), Some(who)).is_some();
        fields.ensure(there && within_reach, "department", Violation::Unknown);
        // Where they are already nobody moves.
        fields.ensure(
            employee.department != Some(to),
            "department",
            Violation::NotApplicable,
        );
    }
    // Whoever has left by then does not move.
    fields.ensure(
        employee.serves(effective_at),
        "effective_time",
        Violation::Contradiction,
    );
    fields.finish()?;
    let earlier = transfer::list(revision.connection, Which::Of(who)).await?;
    if let Some(open) = earlier
        .iter()
        .find(|one| one.state() == TransferState::Scheduled)
    {
        return Err(RegisterError::TransferOrdered(open.id).into());
    }

    let mut transfer = Transfer {
        id,
        employee: who,
        department: to.unwrap_or_default(),
        effective_at,
        applied_at: None,
        cancelled_at: None,
    };
    transfer::insert(
        revision.connection,
        &transfer,
        call.context.subject.id,
        call.now,
    )
    .await?;
    revision.note(&Record::Transfer(id), None).await?;
    let kind = if effective_at <= call.now {
        apply(revision, &mut transfer, call.now).await?
    } else {
        "transfer.scheduled"
    };
    Ok(done(&transfer, kind))
}

/// Calls it off.
pub(super) async fn cancel(
    register: &Register,
    call: Call,
    request: CancelTransferRequest,
) -> Result<Answer<wire::Transfer>, Fault> {
    let claim = claim(&call, &request.request_id, &request);
    let caller = call.clone();
    register
        .change(&call, claim, move |revision| {
            let (call, request) = (caller.clone(), request.clone());
            Box::pin(async move { call_off(revision, &call, &request).await })
        })
        .await
}

async fn call_off(
    revision: &mut Revision<'_>,
    call: &Call,
    request: &CancelTransferRequest,
) -> Result<Done<wire::Transfer>, Fault> {
    let mut fields = Fields::new();
    fields.request_id(&request.request_id);
    let id = fields
        .name("name", &request.name, TRANSFERS)
        .unwrap_or_default();
    fields.finish()?;
    let not_found = || Fault::from(RegisterError::NotFound(request.name.clone()));
    let mut transfer = transfer::get(revision.connection, id)
        .await?
        .ok_or_else(not_found)?;
    let employee = employee::get(revision.connection, transfer.employee).await?;
    employee
        .filter(|one| clearance(call, one.department, Some(one.id)).is_some())
        .ok_or_else(not_found)?;
    if transfer.state() != TransferState::Scheduled {
        return Err(RegisterError::TransferSettled(transfer.state()).into());
    }

    let record = Record::Transfer(id);
    let image = revision.image(&record).await?;
    transfer.cancelled_at = Some(call.now);
    transfer::settle(revision.connection, &transfer).await?;
    revision.note(&record, image).await?;
    Ok(done(&transfer, "transfer.cancelled"))
}

fn done(transfer: &Transfer, kind: &'static str) -> Done<wire::Transfer> {
    let body = messages::transfer(transfer);
    Done {
        id: transfer.id,
        resource: body.name.clone(),
        body,
        kind,
    }
}
