//! Whom a leak touched, as the audit log has it.

use jiff::Timestamp;
use kefu_contracts::access::{
    AffectedCustomer, AffectedCustomerLook, ListAffectedCustomersRequest,
    ListAffectedCustomersResponse,
};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::{self, Fields},
    page::{self, Binding},
    scope::After,
    time::to_proto,
};
use uuid::Uuid;

use crate::{
    api::{Register, about},
    domain::{
        incident::{INCIDENTS, Incident},
        register::EMPLOYEES,
    },
    store::audit::{self, Look, Looked},
};

/// A page of customers, each with everybody who was shown something of them.
pub(super) async fn list(
    register: &Register,
    call: Call,
    request: ListAffectedCustomersRequest,
) -> Result<Answer<ListAffectedCustomersResponse>, Fault> {
    let mut fields = Fields::new();
    let id = fields.name("incident", &request.incident, INCIDENTS);
    let size = page::size(&mut fields, request.page_size);
    fields.finish()?;
    let binding = Binding::of(&call, &request.incident, "");
    let key = register.core.deps.vault.index_key();
    let after = binding.after(key, &request.page_token)?;
    // Nobody is told of customers before it is journaled that they ask.
    let incident = about::find::<Incident>(register, &call, id.unwrap_or_default()).await?;
    let after = after.map(|after| after.id);
    let found = register
        .core
        .deps
        .db
        .snapshot(move |connection| {
            let looked = Looked::of(&incident);
            Box::pin(async move {
                let log_size = match looked.below {
                    Some(size) => size,
                    None => i64::try_from(audit::head(connection).await?).unwrap_or(i64::MAX),
                };
                let customers = audit::customers(connection, &looked, after, size + 1).await?;
                let page = customers.ids.iter().take(size).copied();
                let page = Looked {
                    customers: page.collect(),
                    ..looked
                };
                let looks = match page.customers.is_empty() {
                    true => Vec::new(),
                    false => audit::looks(connection, &page).await?,
                };
                Ok((customers, page.customers, looks, log_size))
            })
        })
        .await?;
    let (customers, shown, looks, log_size) = found;
    let more = customers.ids.len() > size;
    let last = shown.last().filter(|_| more);
    let next = last.map(|id| After {
        at: Timestamp::UNIX_EPOCH,
        id: *id,
    });
    Ok(Answer::read(ListAffectedCustomersResponse {
        customers: shown.iter().map(|id| affected(*id, &looks)).collect(),
        next_page_token: next
            .map(|next| binding.token(key, next))
            .unwrap_or_default(),
        total_size: customers.total,
        log_size,
    }))
}

fn affected(customer: Uuid, looks: &[Look]) -> AffectedCustomer {
    let own = looks.iter().filter(|look| look.customer_id == customer);
    AffectedCustomer {
        customer: fields::name("customers", customer),
        looks: own
            .map(|look| AffectedCustomerLook {
                subject: fields::name(EMPLOYEES, look.actor_id),
                record_count: look.count,
                classes: look.classes.iter().copied().map(i32::from).collect(),
                permissions: look.permissions.clone(),
                first_time: Some(to_proto(look.first_at.to_jiff())),
                last_time: Some(to_proto(look.last_at.to_jiff())),
            })
            .collect(),
    }
}
