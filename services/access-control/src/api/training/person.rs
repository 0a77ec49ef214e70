//! Whom something in training is about.

use jiff::Timestamp;
use kefu_service::{
    call::Call,
    error::{Fault, Violation},
    fields::Fields,
};

use crate::{
    api::clearance,
    domain::register::{EMPLOYEES, Employee},
    store::{changes::Revision, employee},
};

/// Somebody within reach who is with the company at a moment; notes who is not.
pub(super) async fn person(
    revision: &mut Revision<'_>,
    call: &Call,
    fields: &mut Fields,
    name: &str,
    at: Timestamp,
) -> Result<Option<Employee>, Fault> {
    let Some(id) = fields.name("employee", name, EMPLOYEES) else {
        return Ok(None);
    };
    let found = employee::get(revision.connection, id).await?.filter(|one| {
        let joined = one.joins_at.is_none_or(|start| start <= at);
        joined && one.serves(at) && clearance(call, one.department, Some(id)).is_some()
    });
    fields.ensure(found.is_some(), "employee", Violation::Unknown);
    Ok(found)
}
