//! Departments (CC-1.1).

use kefu_access::Clearance;
use kefu_contracts::access::{
    self as wire, CreateDepartmentRequest, ListDepartmentsRequest, ListDepartmentsResponse,
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
    ensure_known(revision, call, &mut fields, &department).await?;
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
    }
}

/// The department above is there and within reach; its leaders are people of the
/// company. A new department is above nothing, so no loop can come of it.
async fn ensure_known(
    revision: &mut Revision<'_>,
    call: &Call,
    fields: &mut Fields,
    department: &Department,
) -> Result<(), Fault> {
    let parent: Vec<Uuid> = department.parent.into_iter().collect();
    let there = department::known(revision.connection, &parent).await?.len() == parent.len();
    let within_reach = clearance(call, department.parent, None).is_some();
    fields.ensure(
        there && within_reach,
        "department.parent",
        Violation::Unknown,
    );

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
        let serves = found.is_some_and(|one| {
            !one.system_account && one.leaves_at.is_none_or(|end| call.now < end)
        });
        fields.ensure(serves, field, Violation::Unknown);
    }
    Ok(())
}
