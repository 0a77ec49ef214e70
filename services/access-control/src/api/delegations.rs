//! `DelegationService`: who acts for whom (CF-6.3).

use std::collections::HashMap;

use kefu_contracts::access::{
    self as wire, CreateDelegationRequest, ListDelegationsRequest, ListDelegationsResponse,
    RevokeDelegationRequest, delegation_service_server::DelegationService,
};
use kefu_service::{
    call::{Answer, Call, answer},
    error::{Fault, Violation},
    fields::{self, Fields},
    page::{self, Binding},
    present::Shown,
};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{
    Register, VIEWED, clearance, messages, missing,
    write::{Done, claim},
};
use crate::{
    domain::{
        delegation::{COMPANY_LEADER, DELEGATIONS, Delegation, LONGEST, MOST_REASON, holds_post},
        register::{DEPARTMENTS, EMPLOYEES, Employee},
    },
    error::RegisterError,
    store::{
        binding,
        changes::{Record, Revision},
        delegation::{self, Lent, Which},
        department, employee,
    },
};

/// The service over the register.
pub(crate) struct Delegations(pub(crate) Register);

#[tonic::async_trait]
impl DelegationService for Delegations {
    async fn list_delegations(
        &self,
        request: Request<ListDelegationsRequest>,
    ) -> Result<Response<ListDelegationsResponse>, Status> {
        answer(request, |call, message| list(&self.0, call, message)).await
    }

    async fn create_delegation(
        &self,
        request: Request<CreateDelegationRequest>,
    ) -> Result<Response<wire::Delegation>, Status> {
        answer(request, |call, message| create(&self.0, call, message)).await
    }

    async fn revoke_delegation(
        &self,
        request: Request<RevokeDelegationRequest>,
    ) -> Result<Response<wire::Delegation>, Status> {
        answer(request, |call, message| revoke(&self.0, call, message)).await
    }
}

/// A page of the delegations within reach.
async fn list(
    register: &Register,
    call: Call,
    request: ListDelegationsRequest,
) -> Result<Answer<ListDelegationsResponse>, Fault> {
    let mut fields = Fields::new();
    let size = page::size(&mut fields, request.page_size);
    fields.finish()?;
    let unended = request.unended_only;
    let filter = if unended { "unended" } else { "" };
    let (binding, key) = (
        Binding::of(&call, filter, ""),
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
                let listed = delegation::page(connection, &reader, unended, after, size).await?;
                let ids: Vec<Uuid> = listed.iter().map(|one| one.at.id).collect();
                let lent = delegation::list(connection, Which::These(&ids)).await?;
                let found: HashMap<Uuid, Lent> = lent
                    .into_iter()
                    .map(|one| (one.delegation.id, one))
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
    let (shown, delegations) = listed
        .iter()
        .filter_map(|one| Some((one, found.remove(&one.at.id)?)))
        .map(|(one, lent)| {
            let shown = Shown {
                resource: fields::name(DELEGATIONS, one.at.id),
                customer_id: None,
                clearance: call.context.clearance(one.matched, call.now),
            };
            (shown, messages::delegation(&lent, call.now))
        })
        .unzip::<_, _, Vec<_>, _>();
    register.core.views.record(&call, VIEWED, &shown).await?;
    Ok(Answer::read(ListDelegationsResponse {
        delegations,
        next_page_token,
    }))
}

/// The holder of a post lets somebody else act for them.
async fn create(
    register: &Register,
    call: Call,
    request: CreateDelegationRequest,
) -> Result<Answer<wire::Delegation>, Fault> {
    let id = register.core.deps.ids.next()?;
    let claim = claim(&call, &request.request_id, &request);
    let caller = call.clone();
    register
        .change(&call, claim, move |revision| {
            let (call, request) = (caller.clone(), request.clone());
            Box::pin(async move { lend(revision, &call, id, &request).await })
        })
        .await
}

async fn lend(
    revision: &mut Revision<'_>,
    call: &Call,
    id: Uuid,
    request: &CreateDelegationRequest,
) -> Result<Done<wire::Delegation>, Fault> {
    let mut fields = Fields::new();
    fields.request_id(&request.request_id);
    let Some(wanted) = &request.delegation else {
        return Err(missing(fields, "delegation"));
    };
    let lent = read(&mut fields, call, id, wanted);
    ensure_people(revision, call, &mut fields, wanted, &lent.delegation).await?;
    ensure_post(revision, call, &mut fields, &lent.delegation).await?;
    fields.finish()?;

    let made = delegation::list(revision.connection, Which::Of(lent.delegation.from)).await?;
    let twice = made
        .iter()
        .find(|one| one.delegation.duplicates(&lent.delegation));
    if let Some(twice) = twice {
        return Err(RegisterError::DelegatedTwice(twice.delegation.id).into());
    }
    delegation::insert(revision.connection, &lent).await?;
    revision.note(&Record::Delegation(id), None).await?;
    Ok(done(&lent, call, "delegation.created"))
}

/// The delegation as asked for, with whatever of it is wrong noted.
fn read(fields: &mut Fields, call: &Call, id: Uuid, wanted: &wire::Delegation) -> Lent {
    let from = match wanted.delegator.as_str() {
        "" => Some(call.context.subject.id),
        name => fields.name("delegation.delegator", name, EMPLOYEES),
    };
    let to = fields.name("delegation.delegate", &wanted.delegate, EMPLOYEES);
    let to_oneself = to.is_some() && from == to;
    fields.ensure(!to_oneself, "delegation.delegate", Violation::NotApplicable);
    let department = fields.optional_name("delegation.department", &wanted.department, DEPARTMENTS);
    fields.required_text("delegation.reason", &wanted.reason, MOST_REASON);

    let starts_at = messages::moment(fields, "delegation.start_time", wanted.start_time.as_ref())
        .unwrap_or(call.now);
    // Nobody acted for somebody before it was said that they do.
    fields.ensure(
        starts_at >= call.now,
        "delegation.start_time",
        Violation::Contradiction,
    );
    if wanted.end_time.is_none() {
        fields.refuse("delegation.end_time", Violation::Required);
    }
    let ends_at = messages::moment(fields, "delegation.end_time", wanted.end_time.as_ref());
    if let Some(end) = ends_at {
        fields.ensure(
            end > starts_at,
            "delegation.end_time",
            Violation::Contradiction,
        );
        let short = end.duration_since(starts_at) <= LONGEST;
        let days = LONGEST.as_hours() / 24;
        fields.ensure(short, "delegation.end_time", Violation::OutOfRange(1, days));
    }
    Lent {
        delegation: Delegation {
            id,
            from: from.unwrap_or_default(),
            to: to.unwrap_or_default(),
            department,
            starts_at,
            ends_at: ends_at.unwrap_or(starts_at),
            revoked_at: None,
        },
        reason: wanted.reason.clone(),
        left_at: None,
        created_at: call.now,
    }
}

/// Both are people who are with the company when it begins, and the one who lends
/// is within reach: oneself, unless one administers.
async fn ensure_people(
    revision: &mut Revision<'_>,
    call: &Call,
    fields: &mut Fields,
    wanted: &wire::Delegation,
    delegation: &Delegation,
) -> Result<(), Fault> {
    let serves = |one: &Employee| one.serves(delegation.starts_at);
    if !delegation.from.is_nil() {
        let from = employee::get(revision.connection, delegation.from).await?;
        let lends = from.is_some_and(|one| {
            serves(&one) && clearance(call, one.department, Some(one.id)).is_some()
        });
        fields.ensure(lends, "delegation.delegator", Violation::Unknown);
    }
    if fields::parse_name(&wanted.delegate, EMPLOYEES).is_some() {
        let to = employee::get(revision.connection, delegation.to).await?;
        let acts = to.is_some_and(|one| serves(&one));
        fields.ensure(acts, "delegation.delegate", Violation::Unknown);
    }
    Ok(())
}

/// Who lends holds a post of their own; one that was lent to them is not.
async fn ensure_post(
    revision: &mut Revision<'_>,
    call: &Call,
    fields: &mut Fields,
    delegation: &Delegation,
) -> Result<(), Fault> {
    let departments = department::list(revision.connection, None).await?;
    if let Some(over) = delegation.department
        && !departments.iter().any(|one| one.id == over)
    {
        fields.refuse("delegation.department", Violation::Unknown);
        return Ok(());
    }
    let held = binding::list(revision.connection, binding::Which::Of(delegation.from)).await?;
    let leads_company = held.iter().any(|one| {
        one.role == COMPANY_LEADER && one.starts_at <= call.now && !one.is_over(call.now)
    });
    let field = if delegation.department.is_some() {
        "delegation.department"
    } else {
        "delegation.delegator"
    };
    fields.ensure(
        holds_post(
            &departments,
            leads_company,
            delegation.from,
            delegation.department,
        ),
        field,
        Violation::NotApplicable,
    );
    Ok(())
}

/// Takes it back, at once.
async fn revoke(
    register: &Register,
    call: Call,
    request: RevokeDelegationRequest,
) -> Result<Answer<wire::Delegation>, Fault> {
    let claim = claim(&call, &request.request_id, &request);
    let caller = call.clone();
    register
        .change(&call, claim, move |revision| {
            let (call, request) = (caller.clone(), request.clone());
            Box::pin(async move { take_back(revision, &call, &request).await })
        })
        .await
}

async fn take_back(
    revision: &mut Revision<'_>,
    call: &Call,
    request: &RevokeDelegationRequest,
) -> Result<Done<wire::Delegation>, Fault> {
    let mut fields = Fields::new();
    fields.request_id(&request.request_id);
    let id = fields.name("name", &request.name, DELEGATIONS);
    fields.finish()?;
    let not_found = || Fault::from(RegisterError::NotFound(request.name.clone()));
    let id = id.ok_or_else(not_found)?;
    let mut lent = delegation::get(revision.connection, id)
        .await?
        .ok_or_else(not_found)?;
    let from = employee::get(revision.connection, lent.delegation.from).await?;
    from.filter(|one| clearance(call, one.department, Some(one.id)).is_some())
        .ok_or_else(not_found)?;
    match lent.delegation.state(lent.left_at, call.now) {
        wire::DelegationState::Scheduled | wire::DelegationState::Standing => {}
        over => {
            let revoked = over == wire::DelegationState::Revoked;
            return Err(RegisterError::DelegationOver { revoked }.into());
        }
    }

    let record = Record::Delegation(id);
    let image = revision.image(&record).await?;
    delegation::revoke(revision.connection, id, call.now).await?;
    revision.note(&record, image).await?;
    lent.delegation.revoked_at = Some(call.now);
    Ok(done(&lent, call, "delegation.revoked"))
}

fn done(lent: &Lent, call: &Call, kind: &'static str) -> Done<wire::Delegation> {
    let body = messages::delegation(lent, call.now);
    Done {
        id: lent.delegation.id,
        resource: body.name.clone(),
        body,
        kind,
    }
}
