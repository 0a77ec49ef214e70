//! Departments (CC-1.1).

use kefu_access::Clearance;
use kefu_contracts::access::{
    self as wire, CreateDepartmentRequest, GetDepartmentRequest, ListDepartmentsRequest,
    ListDepartmentsResponse, UpdateDepartmentRequest,
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{self, Fields},
    present::Shown,
};
use uuid::Uuid;

use super::{
    Register, VIEWED, clearance, messages, missing,
    write::{Done, claim},
};
use crate::{
    domain::{
        register::{DEPARTMENTS, Department, EMPLOYEES, MOST_TITLE, is_handle},
        tree::parents_first,
    },
    error::RegisterError,
    store::{
        changes::{Record, Revision},
        department, employee,
    },
};

/// The departments within reach, parents before children.
pub(super) async fn list(
    register: &Register,
    call: Call,
    _: ListDepartmentsRequest,
) -> Result<Answer<ListDepartmentsResponse>, Fault> {
    let departments = register
        .core
        .deps
        .db
        .run(|connection| Box::pin(async move { department::list(connection, None).await }))
        .await?;
    let departments = parents_first(departments, |one| one.id, |one| one.parent)
        .map_err(|loops| Fault::internal(loops.to_string()))?;
    let (shown, departments) = departments
        .iter()
        .filter_map(|one| {
            Some((
                shown(one.id, clearance(&call, Some(one.id), None)?),
                messages::department(one),
            ))
        })
        .unzip::<_, _, Vec<_>, _>();
    register.core.views.record(&call, VIEWED, &shown).await?;
    Ok(Answer::read(ListDepartmentsResponse { departments }))
}

fn shown(id: Uuid, clearance: Clearance) -> Shown {
    Shown {
        resource: fields::name(DEPARTMENTS, id),
        customer_id: None,
        clearance,
    }
}

/// One department.
pub(super) async fn get(
    register: &Register,
    call: Call,
    request: GetDepartmentRequest,
) -> Result<Answer<wire::Department>, Fault> {
    let mut fields = Fields::new();
    let id = fields.name("name", &request.name, DEPARTMENTS);
    fields.finish()?;
    let id = id.ok_or_else(|| Fault::internal("department without a name"))?;
    let found = register
        .core
        .deps
        .db
        .run(move |connection| Box::pin(department::get(connection, id)))
        .await?;
    let within_reach = found.zip(clearance(&call, Some(id), None));
    let Some((department, clearance)) = within_reach else {
        let fault = RegisterError::NotFound(request.name.clone()).into();
        return Err(register.refuse(&call, &request.name, fault).await);
    };
    let shown = [shown(id, clearance)];
    register.core.views.record(&call, VIEWED, &shown).await?;
    Ok(Answer::read(messages::department(&department)))
}

/// Adds a department.
pub(super) async fn create(
    register: &Register,
    call: Call,
    request: CreateDepartmentRequest,
) -> Result<Answer<wire::Department>, Fault> {
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
    request: &CreateDepartmentRequest,
) -> Result<Done<wire::Department>, Fault> {
    let mut fields = Fields::new();
    fields.request_id(&request.request_id);
    let Some(wanted) = &request.department else {
        return Err(missing(fields, "department"));
    };
    let department = read(&mut fields, id, wanted);
    ensure_parent(revision, call, &mut fields, &department, false).await?;
    ensure_leaders(revision, call, &mut fields, &department).await?;
    fields.finish()?;
    if department::find_code(revision.connection, &department.code)
        .await?
        .is_some()
    {
        return Err(RegisterError::CodeTaken(department.code).into());
    }
    department::insert(revision.connection, &department, call.now).await?;
    revision.note(&Record::Department(id), None).await?;
    let body = messages::department(&department);
    Ok(Done {
        id,
        resource: body.name.clone(),
        body,
        kind: "department.created",
    })
}

/// Title, place in the tree, head, supervising leader.
pub(super) async fn update(
    register: &Register,
    call: Call,
    request: UpdateDepartmentRequest,
) -> Result<Answer<wire::Department>, Fault> {
    let claim = claim(&call, &request.request_id, &request);
    let caller = call.clone();
    register
        .change(&call, claim, move |revision| {
            let (call, request) = (caller.clone(), request.clone());
            Box::pin(async move { amend(revision, &call, &request).await })
        })
        .await
}

async fn amend(
    revision: &mut Revision<'_>,
    call: &Call,
    request: &UpdateDepartmentRequest,
) -> Result<Done<wire::Department>, Fault> {
    let mut fields = Fields::new();
    fields.request_id(&request.request_id);
    let Some(wanted) = &request.department else {
        return Err(missing(fields, "department"));
    };
    let id = fields.name("department.name", &wanted.name, DEPARTMENTS);
    let id = id.unwrap_or_default();
    let etag = fields.etag("department.etag", &wanted.etag);
    let mut department = read(&mut fields, id, wanted);
    let found = department::get(revision.connection, id).await?;
    let Some(before) = found.filter(|_| clearance(call, Some(id), None).is_some()) else {
        fields.finish()?;
        return Err(RegisterError::NotFound(wanted.name.clone()).into());
    };
    // Files and bindings of other systems name departments by it.
    fields.ensure(
        department.code == before.code,
        "department.code",
        Violation::Immutable,
    );
    // Who reaches a department may leave it where it is.
    let stays = department.parent == before.parent;
    ensure_parent(revision, call, &mut fields, &department, stays).await?;
    ensure_leaders(revision, call, &mut fields, &department).await?;
    fields.finish()?;
    if etag != Some(before.revision) {
        return Err(RegisterError::Stale.into());
    }

    let record = Record::Department(id);
    let image = revision.image(&record).await?;
    department.revision = before.revision + 1;
    department::update(revision.connection, &department).await?;
    revision.note(&record, image).await?;
    let body = messages::department(&department);
    Ok(Done {
        id,
        resource: body.name.clone(),
        body,
        kind: "department.updated",
    })
}

fn read(fields: &mut Fields, id: Uuid, wanted: &wire::Department) -> Department {
    if wanted.code.is_empty() {
        fields.refuse("department.code", Violation::Required);
    } else {
        fields.ensure(
            is_handle(&wanted.code),
            "department.code",
            Violation::Format,
        );
    }
    fields.required_text("department.title", &wanted.title, MOST_TITLE);
    Department {
        id,
        code: wanted.code.clone(),
        title: wanted.title.clone(),
        parent: fields.optional_name("department.parent", &wanted.parent, DEPARTMENTS),
        head: fields.optional_name("department.head", &wanted.head, EMPLOYEES),
        supervising_leader: fields.optional_name(
            "department.supervising_leader",
            &wanted.supervising_leader,
            EMPLOYEES,
        ),
        revision: 1,
    }
}

/// The department above is there and within reach, and is not below this one.
async fn ensure_parent(
    revision: &mut Revision<'_>,
    call: &Call,
    fields: &mut Fields,
    department: &Department,
    stays: bool,
) -> Result<(), Fault> {
    let mut tree = department::list(revision.connection, None).await?;
    let there = department
        .parent
        .is_none_or(|parent| tree.iter().any(|one| one.id == parent));
    let within_reach = stays || clearance(call, department.parent, None).is_some();
    if !there || !within_reach {
        fields.refuse("department.parent", Violation::Unknown);
        return Ok(());
    }
    tree.retain(|one| one.id != department.id);
    tree.push(department.clone());
    let holds = parents_first(tree, |one| one.id, |one| one.parent).is_ok();
    fields.ensure(holds, "department.parent", Violation::Contradiction);
    Ok(())
}

/// Who heads and who oversees it are people who are with the company.
async fn ensure_leaders(
    revision: &mut Revision<'_>,
    call: &Call,
    fields: &mut Fields,
    department: &Department,
) -> Result<(), Fault> {
    let leaders = [
        ("department.head", department.head),
        (
            "department.supervising_leader",
            department.supervising_leader,
        ),
    ];
    for (field, leader) in leaders {
        let Some(leader) = leader else { continue };
        let found = employee::get(revision.connection, leader).await?;
        let serves = found.is_some_and(|one| one.serves(call.now));
        fields.ensure(serves, field, Violation::Unknown);
    }
    Ok(())
}
