//! `HistoryService`: what was changed of a record, when and by whom (OP-7.2).

use kefu_access::Clearance;
use kefu_contracts::access::{
    Change, FieldChange, ListChangesRequest, ListChangesResponse,
    history_service_server::HistoryService,
};
use kefu_service::{
    call::{Answer, Call, answer},
    error::{Fault, Violation},
    fields::{self, Fields, parse_name},
    page::{self, Binding},
    present::Shown,
    scope::After,
    time::to_proto,
};
use sqlx::PgConnection;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{Register, VIEWED, clearance};
use crate::{
    domain::{
        binding::{BINDINGS, ROLES},
        delegation::DELEGATIONS,
        device::{DEVICES, Holder},
        history,
        qualification::QUALIFICATIONS,
        register::{DEPARTMENTS, collection, parse_subject},
        transfer::TRANSFERS,
    },
    error::RegisterError,
    store::{
        binding,
        changes::Record,
        delegation, department, device, employee,
        history::{self as stored, Changed},
        qualification, role, transfer,
    },
};

/// The service over the register.
pub(crate) struct History(pub(crate) Register);

#[tonic::async_trait]
impl HistoryService for History {
    async fn list_changes(
        &self,
        request: Request<ListChangesRequest>,
    ) -> Result<Response<ListChangesResponse>, Status> {
        answer(request, |call, message| list(&self.0, call, message)).await
    }
}

async fn list(
    register: &Register,
    call: Call,
    request: ListChangesRequest,
) -> Result<Answer<ListChangesResponse>, Fault> {
    let mut fields = Fields::new();
    let size = page::size(&mut fields, request.page_size);
    let record = record(&request.resource);
    let unreadable = if request.resource.is_empty() {
        Violation::Required
    } else {
        Violation::ResourceName
    };
    fields.ensure(record.is_some(), "resource", unreadable);
    fields.finish()?;
    let record = record.ok_or_else(|| Fault::internal("history of nothing"))?;
    let (binding, key) = (
        Binding::of(&call, &request.resource, ""),
        register.core.deps.vault.index_key(),
    );
    let after = binding.after(key, &request.page_token)?.map_or(0, revision);

    let (reader, name) = (call.clone(), request.resource.clone());
    let most = i64::try_from(size).unwrap_or(i64::MAX - 1) + 1;
    let (clearance, mut changes) = register
        .core
        .deps
        .db
        .run(move |connection| {
            Box::pin(async move {
                let clearance = reach(connection, &reader, &record, &name).await?;
                let changes = match &clearance {
                    Some(_) => stored::of(connection, &record, after, most).await?,
                    None => Vec::new(),
                };
                Ok((clearance, changes))
            })
        })
        .await?;
    let Some(clearance) = clearance else {
        let fault = RegisterError::NotFound(request.resource.clone()).into();
        return Err(register.refuse(&call, &request.resource, fault).await);
    };

    let more = changes.len() > size;
    changes.truncate(size);
    let last = changes.last().filter(|_| more);
    let next_page_token = last
        .map(|last| binding.token(key, place(last)))
        .unwrap_or_default();
    let shown = Shown {
        resource: request.resource,
        customer_id: None,
        clearance,
    };
    register.core.views.record(&call, VIEWED, &[shown]).await?;
    Ok(Answer::read(ListChangesResponse {
        changes: changes.iter().map(message).collect(),
        next_page_token,
    }))
}

/// Page tokens carry a time and a key; here the key is the revision.
fn place(change: &Changed) -> After {
    After {
        at: change.at,
        id: Uuid::from_u128(u128::try_from(change.revision).unwrap_or_default()),
    }
}

fn revision(after: After) -> i64 {
    i64::try_from(after.id.as_u128()).unwrap_or(i64::MAX)
}

/// The record of a resource name.
fn record(name: &str) -> Option<Record> {
    if let Some((id, _)) = parse_subject(name) {
        return Some(Record::Employee(id));
    }
    if let Some(role) = name
        .strip_prefix(ROLES)
        .and_then(|rest| rest.strip_prefix('/'))
    {
        return Some(Record::Role(role.to_owned()));
    }
    let id = |collection| parse_name(name, collection);
    id(DEPARTMENTS)
        .map(Record::Department)
        .or_else(|| id(BINDINGS).map(Record::Binding))
        .or_else(|| id(DELEGATIONS).map(Record::Delegation))
        .or_else(|| id(TRANSFERS).map(Record::Transfer))
        .or_else(|| id(QUALIFICATIONS).map(Record::Qualification))
        .or_else(|| id(DEVICES).map(Record::Device))
}

/// What the call clears on a record: what it clears on who or what that is about.
/// `None` where it is not there or beyond reach.
async fn reach(
    connection: &mut PgConnection,
    call: &Call,
    record: &Record,
    name: &str,
) -> Result<Option<Clearance>, Fault> {
    let about = match record {
        Record::Department(id) => {
            let found = department::get(connection, *id).await?;
            return Ok(found.and_then(|one| clearance(call, Some(one.id), None)));
        }
        // Shares have their own history, by approval.
        Record::Grant(_) => None,
        Record::Role(id) => {
            let there = role::exists(connection, id).await?;
            return Ok(clearance(call, None, None).filter(|_| there));
        }
        Record::Device(id) => {
            let found = device::get(connection, *id).await?;
            return Ok(found.and_then(|one| match one.device.holder {
                Some(Holder::Employee(holder)) => clearance(call, one.department, Some(holder)),
                _ => clearance(call, one.department, None),
            }));
        }
        Record::Employee(id) => Some(*id),
        Record::Binding(id) => binding::get(connection, *id).await?.map(|one| one.subject),
        Record::Delegation(id) => delegation::get(connection, *id)
            .await?
            .map(|one| one.delegation.from),
        Record::Transfer(id) => transfer::get(connection, *id)
            .await?
            .map(|one| one.employee),
        Record::Qualification(id) => qualification::whose(connection, *id).await?,
    };
    let Some(about) = about else { return Ok(None) };
    let found = employee::get(connection, about).await?.filter(|one| {
        // An account is not found under the name of a person, nor the reverse.
        !matches!(record, Record::Employee(_)) || one.name() == name
    });
    Ok(found.and_then(|one| clearance(call, one.department, Some(one.id))))
}

fn message(change: &Changed) -> Change {
    let fields = change.columns.iter().map(|(column, before, after)| {
        let told = |value: &Option<String>| {
            let value = value.as_deref().map(|value| history::value(column, value));
            value.unwrap_or_default()
        };
        FieldChange {
            field: history::field(column).to_owned(),
            before: told(before),
            after: told(after),
        }
    });
    Change {
        revision: change.revision,
        change_time: Some(to_proto(change.at)),
        actor: change
            .actor
            .map(|(id, machine)| fields::name(collection(machine), id))
            .unwrap_or_default(),
        fields: fields.collect(),
    }
}
