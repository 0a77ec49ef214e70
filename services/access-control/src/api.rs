//! The gRPC services of the register.

pub(crate) mod bindings;
pub(crate) mod departments;
pub(crate) mod employees;
pub(crate) mod exports;
mod messages;
pub(crate) mod organisation;
pub(crate) mod refusals;
pub(crate) mod roles;
pub(crate) mod shares;
pub(crate) mod snapshot;
mod write;

use std::sync::Arc;

use kefu_access::{Clearance, RowFacts};
use kefu_contracts::policy::Purpose;
use kefu_service::{
    call::Call,
    core::Core,
    error::{Fault, Violation},
    fields::Fields,
};
use uuid::Uuid;

use crate::{
    domain::{
        approval::{Flow, Flows},
        roles::Roles,
    },
    jobs::revisions::Revisions,
};

/// What the handlers share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Register {
    pub(crate) core: Core,
    pub(crate) roles: Arc<Roles>,
    pub(crate) flows: Arc<Flows>,
    pub(crate) revisions: Revisions,
}

impl Register {
    /// The stages that shares pass.
    fn shares(&self) -> &Flow {
        &self.flows.share
    }
}

/// Journals what of the register is shown under this type.
const VIEWED: &str = "organisation.viewed";

/// What the call clears on a record of this department and subject; `None` when
/// it is beyond the caller's reach.
fn clearance(call: &Call, department: Option<Uuid>, owner: Option<Uuid>) -> Option<Clearance> {
    let row = RowFacts {
        department,
        owner,
        ..RowFacts::default()
    };
    call.context.clearance_of(&row, call.now)
}

/// Ends the search for violations at a message that is not there.
fn missing(mut fields: Fields, field: &str) -> Fault {
    fields.refuse(field, Violation::Required);
    fields
        .finish()
        .err()
        .unwrap_or_else(|| Fault::internal("a violation was lost"))
}

/// The purpose of this number; what is no purpose is none.
fn purpose(number: i32) -> Purpose {
    Purpose::try_from(number).unwrap_or_default()
}
