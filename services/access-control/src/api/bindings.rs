//! Who holds which role (OP-7.2).

use std::collections::HashMap;

use kefu_contracts::access::{
    self as wire, CreateBindingRequest, ListBindingsRequest, ListBindingsResponse,
    RevokeBindingRequest,
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{self, Fields},
    present::Shown,
};
use uuid::Uuid;

use super::{
    Register, VIEWED, clearance, messages, missing, optional_subject,
    write::{Done, claim},
};
use crate::{
    domain::{
        binding::{BINDINGS, Binding, MOST_DEPARTMENTS, ROLES, collision},
        register::{DEPARTMENTS, Employee, parse_subject},
        roles::{Holder, Roles},
    },
    error::RegisterError,
    store::{
        binding::{self, Which},
        changes::{Record, Revision},
        department, employee, role as stored,
    },
};

/// The bindings within reach that count or will count.
pub(super) async fn list(
    register: &Register,
    call: Call,
    request: ListBindingsRequest,
) -> Result<Answer<ListBindingsResponse>, Fault> {
    let mut fields = Fields::new();
    let subject = optional_subject(&mut fields, "subject", &request.subject);
    fields.finish()?;

    let reader = call.clone();
    let (listed, mut found) = register
        .core
        .deps
        .db
        .run(move |connection| {
            Box::pin(async move {
                let listed =
                    binding::within(connection, &reader, subject.map(|(id, _)| id)).await?;
                let ids: Vec<Uuid> = listed.iter().map(|one| one.id).collect();
                let bindings = binding::list(connection, Which::These(&ids)).await?;
                let found: HashMap<Uuid, Binding> =
                    bindings.into_iter().map(|one| (one.id, one)).collect();
                Ok((listed, found))
            })
        })
        .await?;
    let (shown, bindings) = listed
        .iter()
        .filter(|one| {
            subject.is_none_or(|(_, system_account)| one.system_account == system_account)
        })
        .filter_map(|one| Some((one, found.remove(&one.id)?)))
        .map(|(one, binding)| {
            let clearance = call.context.clearance(one.matched, call.now);
            let shown = Shown {
                resource: fields::name(BINDINGS, one.id),
                customer_id: None,
                clearance,
            };
            (shown, messages::binding(&binding, one.system_account))
        })
        .unzip::<_, _, Vec<_>, _>();
    register.core.views.record(&call, VIEWED, &shown).await?;
    Ok(Answer::read(ListBindingsResponse { bindings }))
}

/// Gives a role for a period.
pub(super) async fn create(
    register: &Register,
    call: Call,
    request: CreateBindingRequest,
) -> Result<Answer<wire::Binding>, Fault> {
    let id = register.core.deps.ids.next()?;
    let claim = claim(&call, &request.request_id, &request);
    register
        .change(call, claim, request, move |revision, asking| {
            Box::pin(give(
                revision,
                &asking.call,
                &asking.register.roles,
                id,
                &asking.request,
            ))
        })
        .await
}

async fn give(
    revision: &mut Revision<'_>,
    call: &Call,
    roles: &Roles,
    id: Uuid,
    request: &CreateBindingRequest,
) -> Result<Done<wire::Binding>, Fault> {
    let mut fields = Fields::new();
    fields.request_id(&request.request_id);
    let Some(wanted) = &request.binding else {
        return Err(missing(fields, "binding"));
    };
    let holder = holder(revision, call, &mut fields, &wanted.subject).await?;
    let role = role(revision, &mut fields, roles, &wanted.role, holder.as_ref()).await?;
    let departments = departments(revision, &mut fields, &wanted.departments).await?;
    let starts_at = messages::moment(
        &mut fields,
        "binding.start_time",
        wanted.start_time.as_ref(),
    )
    .unwrap_or(call.now);
    let ends_at = messages::moment(&mut fields, "binding.end_time", wanted.end_time.as_ref());
    let never_counts = ends_at.is_some_and(|end| end <= starts_at || end <= call.now);
    fields.ensure(!never_counts, "binding.end_time", Violation::Contradiction);
    fields.finish()?;

    let holder = holder.ok_or_else(|| Fault::internal("binding without a holder"))?;
    let binding = Binding {
        id,
        subject: holder.id,
        role,
        departments,
        starts_at,
        ends_at,
        revoked_at: None,
    };
    let held = binding::list(revision.connection, Which::Of(holder.id)).await?;
    if let Some(collision) = collision(roles, &held, &binding) {
        return Err(RegisterError::KeptApart(collision).into());
    }
    binding::insert(revision.connection, &binding, call.now).await?;
    revision.note(&Record::Binding(id), None).await?;
    let body = messages::binding(&binding, holder.system_account);
    Ok(Done {
        id,
        resource: body.name.clone(),
        body,
        kind: "binding.created",
    })
}

/// Who is to hold the role: somebody of the register, within reach.
async fn holder(
    revision: &mut Revision<'_>,
    call: &Call,
    fields: &mut Fields,
    name: &str,
) -> Result<Option<Employee>, Fault> {
    let subject = fields.named("binding.subject", name, parse_subject(name));
    let Some((id, system_account)) = subject else {
        return Ok(None);
    };
    let found = employee::get(revision.connection, id).await?.filter(|one| {
        one.system_account == system_account
            && clearance(call, one.department, Some(one.id)).is_some()
    });
    fields.ensure(found.is_some(), "binding.subject", Violation::Unknown);
    Ok(found)
}

/// The role: one that the suite ships and the database holds, fit for the holder.
async fn role(
    revision: &mut Revision<'_>,
    fields: &mut Fields,
    roles: &Roles,
    name: &str,
    holder: Option<&Employee>,
) -> Result<String, Fault> {
    let id = name
        .strip_prefix(ROLES)
        .and_then(|rest| rest.strip_prefix('/'));
    let Some(id) = fields.named("binding.role", name, id) else {
        return Ok(String::new());
    };
    match roles.role(id) {
        Some(role) if stored::exists(revision.connection, id).await? => {
            let person = holder.is_some_and(|one| !one.system_account);
            let fits = role.holder == Holder::Anyone || !person;
            fields.ensure(fits, "binding.role", Violation::NotApplicable);
        }
        _ => fields.refuse("binding.role", Violation::Unknown),
    }
    Ok(id.to_owned())
}

/// The departments of the binding, each there and named once.
async fn departments(
    revision: &mut Revision<'_>,
    fields: &mut Fields,
    names: &[String],
) -> Result<Vec<Uuid>, Fault> {
    if names.len() > MOST_DEPARTMENTS {
        fields.refuse("binding.departments", Violation::TooMany(MOST_DEPARTMENTS));
        return Ok(Vec::new());
    }
    let mut ids: Vec<(usize, Uuid)> = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let field = format!("binding.departments[{at}]");
        if let Some(id) = fields.name(&field, name, DEPARTMENTS) {
            fields.ensure(
                ids.iter().all(|(_, other)| *other != id),
                &field,
                Violation::Duplicate,
            );
            ids.push((at, id));
        }
    }
    let named: Vec<Uuid> = ids.iter().map(|(_, id)| *id).collect();
    let known = department::known(revision.connection, &named).await?;
    for (at, id) in ids {
        fields.ensure(
            known.contains(&id),
            format!("binding.departments[{at}]"),
            Violation::Unknown,
        );
    }
    Ok(named)
}

/// Takes a role away, at once.
pub(super) async fn revoke(
    register: &Register,
    call: Call,
    request: RevokeBindingRequest,
) -> Result<Answer<wire::Binding>, Fault> {
    let claim = claim(&call, &request.request_id, &request);
    register
        .change(call, claim, request, move |revision, asking| {
            Box::pin(take_away(revision, &asking.call, &asking.request))
        })
        .await
}

async fn take_away(
    revision: &mut Revision<'_>,
    call: &Call,
    request: &RevokeBindingRequest,
) -> Result<Done<wire::Binding>, Fault> {
    let mut fields = Fields::new();
    fields.request_id(&request.request_id);
    let id = fields.name("name", &request.name, BINDINGS);
    fields.finish()?;
    let not_found = || Fault::from(RegisterError::NotFound(request.name.clone()));
    let id = id.ok_or_else(not_found)?;
    let mut binding = binding::get(revision.connection, id)
        .await?
        .ok_or_else(not_found)?;
    let holder = employee::get(revision.connection, binding.subject).await?;
    let holder = holder
        .filter(|one| clearance(call, one.department, Some(one.id)).is_some())
        .ok_or_else(not_found)?;
    if binding.is_over(call.now) {
        return Err(RegisterError::BindingOver {
            revoked: binding.revoked_at.is_some(),
        }
        .into());
    }

    let record = Record::Binding(id);
    let image = revision.image(&record).await?;
    binding::revoke(revision.connection, id, call.now).await?;
    revision.note(&record, image).await?;
    binding.revoked_at = Some(call.now);
    let body = messages::binding(&binding, holder.system_account);
    Ok(Done {
        id,
        resource: body.name.clone(),
        body,
        kind: "binding.revoked",
    })
}
