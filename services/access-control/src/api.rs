//! The gRPC services of the register.

mod about;
pub(crate) mod alerts;
pub(crate) mod approvals;
pub(crate) mod audit;
pub(crate) mod bindings;
pub(crate) mod borrowings;
pub(crate) mod delegations;
pub(crate) mod departments;
pub(crate) mod destructions;
pub(crate) mod devices;
pub(crate) mod employees;
pub(crate) mod entitlements;
pub(crate) mod explain;
pub(crate) mod exports;
pub(crate) mod held;
pub(crate) mod history;
pub(crate) mod incidents;
mod lapsing;
pub(crate) mod look;
mod messages;
pub(crate) mod organisation;
mod qualifications;
pub(crate) mod refusals;
pub(crate) mod roles;
pub(crate) mod shares;
pub(crate) mod snapshot;
pub(crate) mod staff;
pub(crate) mod training;
mod transfers;
pub(crate) mod webhooks;
mod write;

use std::sync::Arc;

use jiff::Timestamp;
use kefu_access::{Clearance, RowFacts};
use kefu_contracts::policy::Purpose;
use kefu_service::{
    call::Call,
    core::Core,
    error::{Fault, Violation},
    fields::Fields,
    peer::PeerService,
};
use uuid::Uuid;

use self::approvals::{Desk, Kind};
use crate::{
    domain::{
        approval::{Chart, Flows},
        register::parse_subject,
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
    pub(crate) owners: Owners,
    pub(crate) revisions: Revisions,
}

impl Register {
    /// By what requests of this kind are judged at a moment.
    fn desk<'a, K: Kind>(&'a self, chart: &'a Chart, now: Timestamp) -> Desk<'a> {
        let flow = K::flow(&self.flows);
        Desk { flow, chart, now }
    }
}

/// The services that own records. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Owners {
    pub(crate) customers: PeerService,
    pub(crate) tickets: PeerService,
    pub(crate) orders: PeerService,
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

impl Register {
    /// Journals that a record was asked for and not shown.
    async fn refuse(&self, call: &Call, resource: &str, fault: Fault) -> Fault {
        let kind = "organisation.refused";
        self.core.views.refuse(call, kind, resource, fault).await
    }
}

/// Ends the search for violations at a message that is not there.
fn missing(mut fields: Fields, field: &str) -> Fault {
    fields.refuse(field, Violation::Required);
    fields
        .finish()
        .err()
        .unwrap_or_else(|| Fault::internal("a violation was lost"))
}

/// A subject that may be left out: its id, and whether it is a system account.
fn optional_subject(fields: &mut Fields, field: &str, name: &str) -> Option<(Uuid, bool)> {
    match name {
        "" => None,
        name => fields.named(field, name, parse_subject(name)),
    }
}

/// The purpose of this number; what is no purpose is none.
fn purpose(number: i32) -> Purpose {
    Purpose::try_from(number).unwrap_or_default()
}
