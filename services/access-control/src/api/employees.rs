//! Employees and system accounts (CF-8.1).

use std::collections::HashMap;

use kefu_contracts::access::{
    self as wire, CreateEmployeeRequest, GetEmployeeRequest, ListEmployeesRequest,
    ListEmployeesResponse, UpdateEmployeeRequest,
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::Fields,
    page::{self, Binding},
    present::Shown,
};
use uuid::Uuid;

use super::{
    Register, VIEWED, clearance, messages, missing,
    write::{Done, claim},
};
use crate::{
    domain::register::{DEPARTMENTS, EMPLOYEES, Employee, MOST_TITLE, is_handle, parse_subject},
    error::RegisterError,
    store::{
        changes::{Record, Revision},
        department, employee,
    },
};

/// A page of the employees within reach.
pub(super) async fn list(
    register: &Register,
    call: Call,
    request: ListEmployeesRequest,
) -> Result<Answer<ListEmployeesResponse>, Fault> {
    let mut fields = Fields::new();
    let size = page::size(&mut fields, request.page_size);
    fields.finish()?;
    let (binding, key) = (
        Binding::of(&call, "", ""),
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
                let listed = employee::page(connection, &reader, after, size).await?;
                let ids: Vec<Uuid> = listed.iter().map(|one| one.at.id).collect();
                let employees = employee::list(connection, Some(&ids)).await?;
                let found: HashMap<Uuid, Employee> =
                    employees.into_iter().map(|one| (one.id, one)).collect();
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
    let (shown, employees) = listed
        .iter()
        .filter_map(|one| Some((one, found.remove(&one.at.id)?)))
        .map(|(one, employee)| {
            let clearance = call.context.clearance(one.matched, call.now);
            (
                Shown {
                    resource: employee.name(),
                    customer_id: None,
                    clearance,
                },
                messages::employee(&employee),
            )
        })
        .unzip::<_, _, Vec<_>, _>();
    register.core.views.record(&call, VIEWED, &shown).await?;
    Ok(Answer::read(ListEmployeesResponse {
        employees,
        next_page_token,
    }))
}

/// One employee or system account.
pub(super) async fn get(
    register: &Register,
    call: Call,
    request: GetEmployeeRequest,
) -> Result<Answer<wire::Employee>, Fault> {
    let mut fields = Fields::new();
    let subject = parse_subject(&request.name);
    let unreadable = if request.name.is_empty() {
        Violation::Required
    } else {
        Violation::ResourceName
    };
    fields.ensure(subject.is_some(), "name", unreadable);
    fields.finish()?;
    let (id, system_account) = subject.unwrap_or_default();
    let found = register
        .core
        .deps
        .db
        .run(move |connection| Box::pin(employee::get(connection, id)))
        .await?;
    let within_reach = found
        .filter(|one| one.system_account == system_account)
        .and_then(|one| Some((clearance(&call, one.department, Some(id))?, one)));
    let Some((clearance, employee)) = within_reach else {
        let fault = RegisterError::NotFound(request.name.clone()).into();
        return Err(register.refuse(&call, &request.name, fault).await);
    };
    let shown = Shown {
        resource: employee.name(),
        customer_id: None,
        clearance,
    };
    register.core.views.record(&call, VIEWED, &[shown]).await?;
    Ok(Answer::read(messages::employee(&employee)))
}

/// Somebody joins.
pub(super) async fn create(
    register: &Register,
    call: Call,
    request: CreateEmployeeRequest,
) -> Result<Answer<wire::Employee>, Fault> {
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
    request: &CreateEmployeeRequest,
) -> Result<Done<wire::Employee>, Fault> {
    let mut fields = Fields::new();
    fields.request_id(&request.request_id);
    let Some(wanted) = &request.employee else {
        return Err(missing(fields, "employee"));
    };
    let employee = read(&mut fields, id, wanted);
    if employee.system_account && wanted.responsible.is_empty() {
        fields.refuse("employee.responsible", Violation::Required);
    }
    ensure_department(revision, call, &mut fields, &employee).await?;
    ensure_responsible(revision, call, &mut fields, &employee).await?;
    fields.finish()?;
    if employee::find_login(revision.connection, &employee.login)
        .await?
        .is_some()
    {
        return Err(RegisterError::LoginTaken(employee.login).into());
    }
    employee::insert(revision.connection, &employee, call.now).await?;
    revision.note(&Record::Employee(id), None).await?;
    let body = messages::employee(&employee);
    Ok(Done {
        id,
        resource: body.name.clone(),
        body,
        kind: "employee.created",
    })
}

/// Agreement, training, department, joining and leaving.
pub(super) async fn update(
    register: &Register,
    call: Call,
    request: UpdateEmployeeRequest,
) -> Result<Answer<wire::Employee>, Fault> {
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
    request: &UpdateEmployeeRequest,
) -> Result<Done<wire::Employee>, Fault> {
    let mut fields = Fields::new();
    fields.request_id(&request.request_id);
    let Some(wanted) = &request.employee else {
        return Err(missing(fields, "employee"));
    };
    let subject = parse_subject(&wanted.name);
    let empty = wanted.name.is_empty();
    let unreadable = if empty {
        Violation::Required
    } else {
        Violation::ResourceName
    };
    fields.ensure(subject.is_some(), "employee.name", unreadable);
    let etag = fields.etag("employee.etag", &wanted.etag);
    let (id, system_account) = subject.unwrap_or_default();
    let mut employee = read(&mut fields, id, wanted);

    let found = employee::get(revision.connection, id).await?;
    let found = found.filter(|one| one.system_account == system_account);
    let within_reach = |one: &Employee| clearance(call, one.department, Some(one.id)).is_some();
    let Some(before) = found.filter(within_reach) else {
        fields.finish()?;
        return Err(RegisterError::NotFound(wanted.name.clone()).into());
    };
    // Who somebody is stays: their login is in tokens, their kind in decisions.
    fields.ensure(
        employee.login == before.login,
        "employee.login",
        Violation::Immutable,
    );
    fields.ensure(
        employee.system_account == before.system_account,
        "employee.system_account",
        Violation::Immutable,
    );
    ensure_department(revision, call, &mut fields, &employee).await?;
    if before.responsible.is_some() && wanted.responsible.is_empty() {
        fields.refuse("employee.responsible", Violation::Required);
    }
    ensure_responsible(revision, call, &mut fields, &employee).await?;
    fields.finish()?;
    if etag != Some(before.revision) {
        return Err(RegisterError::Stale.into());
    }

    let record = Record::Employee(id);
    let image = revision.image(&record).await?;
    employee.revision = before.revision + 1;
    employee::update(revision.connection, &employee).await?;
    revision.note(&record, image).await?;
    let body = messages::employee(&employee);
    Ok(Done {
        id,
        resource: body.name.clone(),
        body,
        kind: "employee.updated",
    })
}

fn read(fields: &mut Fields, id: Uuid, wanted: &wire::Employee) -> Employee {
    if wanted.login.is_empty() {
        fields.refuse("employee.login", Violation::Required);
    } else {
        fields.ensure(
            is_handle(&wanted.login),
            "employee.login",
            Violation::Format,
        );
    }
    fields.required_text("employee.title", &wanted.title, MOST_TITLE);
    let department = if wanted.system_account {
        fields.optional_name("employee.department", &wanted.department, DEPARTMENTS)
    } else {
        fields.name("employee.department", &wanted.department, DEPARTMENTS)
    };
    let agreement = wanted.agreement_valid_until.as_ref();
    let training = wanted.training_valid_until.as_ref();
    if wanted.system_account {
        // Machines sign nothing and are taught nothing.
        fields.ensure(
            agreement.is_none(),
            "employee.agreement_valid_until",
            Violation::NotApplicable,
        );
        fields.ensure(
            training.is_none(),
            "employee.training_valid_until",
            Violation::NotApplicable,
        );
    }
    let responsible = fields.optional_name("employee.responsible", &wanted.responsible, EMPLOYEES);
    // People answer for themselves.
    fields.ensure(
        wanted.system_account || wanted.responsible.is_empty(),
        "employee.responsible",
        Violation::NotApplicable,
    );
    let joins_at = messages::moment(fields, "employee.join_time", wanted.join_time.as_ref());
    let leaves_at = messages::moment(fields, "employee.leave_time", wanted.leave_time.as_ref());
    let backwards = joins_at
        .zip(leaves_at)
        .is_some_and(|(joins, leaves)| leaves <= joins);
    fields.ensure(!backwards, "employee.leave_time", Violation::Contradiction);
    Employee {
        id,
        login: wanted.login.clone(),
        title: wanted.title.clone(),
        department,
        system_account: wanted.system_account,
        agreement_valid_until: messages::moment(
            fields,
            "employee.agreement_valid_until",
            agreement,
        ),
        training_valid_until: messages::moment(fields, "employee.training_valid_until", training),
        joins_at,
        leaves_at,
        responsible,
        revision: 1,
    }
}

/// Whom to ask about a system account is somebody who is with the company.
async fn ensure_responsible(
    revision: &mut Revision<'_>,
    call: &Call,
    fields: &mut Fields,
    employee: &Employee,
) -> Result<(), Fault> {
    let Some(responsible) = employee.responsible.filter(|_| employee.system_account) else {
        return Ok(());
    };
    let found = employee::get(revision.connection, responsible).await?;
    let serves = found.is_some_and(|one| one.serves(call.now));
    fields.ensure(serves, "employee.responsible", Violation::Unknown);
    Ok(())
}

/// The department is there, and within reach.
async fn ensure_department(
    revision: &mut Revision<'_>,
    call: &Call,
    fields: &mut Fields,
    employee: &Employee,
) -> Result<(), Fault> {
    let named: Vec<Uuid> = employee.department.into_iter().collect();
    let there = department::known(revision.connection, &named).await?.len() == named.len();
    let within_reach = clearance(call, employee.department, Some(employee.id)).is_some();
    fields.ensure(
        there && within_reach,
        "employee.department",
        Violation::Unknown,
    );
    Ok(())
}
