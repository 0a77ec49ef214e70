//! access-control: who is who, and what they may do.
//!
//! It owns the register (departments, employees, system accounts), the shipped
//! roles and the bindings, and streams them to the gateways, which decide from
//! memory. Each change makes a new revision of the policy: revisions have no gaps,
//! come in the order of their commits, and keep every row before and after.
//!
//! | what     | states                                                     |
//! |----------|------------------------------------------------------------|
//! | employee | before joining → with the company → left                   |
//! | binding  | not begun → counts → ended, or revoked from either before  |
//! | export   | to carry out → packaging → ready → recalled (→ overdue) → deleted; `domain/export.rs` |
//!
//! Nothing runs when a state ends by time: gateways decide to the second from the
//! moments themselves. What refusals gateways report is journaled once each.
//!
//! Clauses: CC-1.1 departments; CF-8.1, CC-2.1 agreement and training; OP-7.2
//! access by post; CF-6.1, CF-9.1, CC-2.2 what each post may see (`roles.toml`).

mod api;
pub mod config;
pub mod domain;
pub mod error;
mod jobs;
pub mod seed;
mod store;

use std::sync::Arc;

use kefu_contracts::access::{
    export_service_server::ExportServiceServer,
    organisation_service_server::OrganisationServiceServer,
    refusal_service_server::RefusalServiceServer, role_service_server::RoleServiceServer,
    share_service_server::ShareServiceServer, snapshot_service_server::SnapshotServiceServer,
};
use kefu_service::{
    core::{Core, Deps},
    error::Fault,
    host::Hosted,
    server::GrpcService,
};
use tonic::service::Routes;

use crate::{
    api::{
        Register, exports::ExportsApi, organisation::Organisation, refusals::Refusals,
        roles::RolesApi, shares::SharesApi, snapshot::SnapshotApi,
    },
    config::AccessControlConfig,
    domain::{approval::Flows, roles::Roles},
    jobs::{
        approvals,
        exports::{self, Owners, Packager},
        revisions::Revisions,
    },
};

/// Name of the service.
pub const NAME: &str = "access-control";
/// Its schema in the database.
pub const SCHEMA: &str = "access";
/// Its migrations; table names in them are found by the search path.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// The services that own records: asked for those of a package, where files are shared
/// as one (CF-6.3).
pub struct Peers {
    /// Customer files.
    pub customer_profile: GrpcService,
    /// Tickets.
    pub ticket: GrpcService,
    /// Orders.
    pub order_followup: GrpcService,
}

/// The service, ready to be hosted.
///
/// # Errors
/// When its section of the configuration or the shipped roles are not right.
pub fn build(config: AccessControlConfig, deps: Deps, peers: Peers) -> Result<Hosted, Fault> {
    config.check()?;
    let revisions = Revisions::new();
    let watch = revisions.job(deps.db.clone(), deps.clock.clone(), config.poll());
    let core = Core::new(NAME, deps, &[]);
    let register = Register {
        core: core.clone(),
        roles: Arc::new(Roles::shipped()?),
        flows: Arc::new(Flows::shipped()?),
        revisions,
    };
    let approvals = approvals::job(
        core.deps.db.clone(),
        core.deps.clock.clone(),
        register.flows.clone(),
        config.approvals(),
    );
    let owners = Owners {
        customers: core.identity.calling(peers.customer_profile),
        tickets: core.identity.calling(peers.ticket),
        orders: core.identity.calling(peers.order_followup),
    };
    let flows = register.flows.clone();
    let packager = Packager::new(core.clone(), flows, owners, config.passphrase_work_factor)?;
    let packages = exports::job(packager.clone(), config.exports());
    let exports = ExportsApi {
        register: register.clone(),
        packager,
    };
    let snapshot = SnapshotApi {
        register: register.clone(),
        heartbeat: config.heartbeat(),
    };
    let routes = Routes::new(OrganisationServiceServer::new(Organisation(
        register.clone(),
    )))
    .add_service(RoleServiceServer::new(RolesApi(register.clone())))
    .add_service(ShareServiceServer::new(SharesApi(register.clone())))
    .add_service(ExportServiceServer::new(exports))
    .add_service(SnapshotServiceServer::new(snapshot))
    .add_service(RefusalServiceServer::new(Refusals(register)));
    Ok(core.host(routes, vec![watch, approvals, packages]))
}
