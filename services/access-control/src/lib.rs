//! access-control: who is who, and what they may do.
//!
//! It owns the register (departments, employees, system accounts, who acts for
//! whom, agreements and trainings, devices), the shipped roles and the bindings, and
//! streams what decisions need of it to the gateways, which decide from memory. Each
//! change makes a new revision of the policy: revisions have no gaps, come in the
//! order of their commits, and keep every row before and after, which is the history.
//!
//! | what       | states                                                       |
//! |------------|--------------------------------------------------------------|
//! | employee   | before joining → with the company → left                     |
//! | binding    | not begun → counts → ended, or revoked from either before    |
//! | delegation | scheduled → standing → ended, or revoked from either before  |
//! | transfer   | scheduled → applied, or cancelled                            |
//! | device     | in stock, in use, in repair, retired: `domain/device.rs`     |
//! | copy lent  | requested → approved → out → back, or damaged or lost → followed up |
//! | session of a course | open → held → closed, or cancelled: `domain/training/steps.rs`, docs/training.md |
//! | obligation to take one | due → overdue → met, or ended: there too |
//! | alert      | raised → acknowledged, and open again when it grows: `domain/alert.rs` |
//! | leak       | open → assessed → reported → closed: `domain/incident.rs` |
//! | what a webhook is sent | pending → delivered, withheld, dead or dropped; pending anew by a replay, dead ones by hand |
//! | export     | to carry out → packaging → ready → recalled (→ overdue) → deleted: `domain/export.rs` |
//!
//! Nothing runs when a state ends by time: what counts is worked out to the second
//! from the moments themselves. A transfer alone is carried out, once, when its time
//! comes; what time does to requests for approval, and to what people have to learn,
//! is written down. What refusals gateways report is journaled once each. Why a
//! decision is as it is can be asked; records stay with the services that own them.
//!
//! Clauses: CC-1.1 departments, delegation; CF-8.1, CC-2.1, OP-4.1 agreement and
//! training; OP-4.1, SG-6 courses, their results and skills; OP-6 devices; OP-7.2 access
//! by post; CF-6.1, CF-9.1, CC-2.2 what each post may see (`roles.toml`); IH-5 unusual
//! reading and leaks; CF-9.2 copies of files that are lent, by which nobody sees anything
//! in the system; CF-10.1, CF-10.2 who agrees that files are destroyed.

mod api;
pub mod config;
pub mod domain;
pub mod error;
mod jobs;
pub mod offline;
pub mod restored;
pub mod seed;
mod store;

use std::sync::Arc;

use kefu_contracts::access::{
    alert_service_server::AlertServiceServer, audit_service_server::AuditServiceServer,
    borrowing_service_server::BorrowingServiceServer,
    delegation_service_server::DelegationServiceServer,
    destruction_service_server::DestructionServiceServer,
    device_service_server::DeviceServiceServer,
    entitlement_service_server::EntitlementServiceServer,
    explain_service_server::ExplainServiceServer, export_service_server::ExportServiceServer,
    history_service_server::HistoryServiceServer, incident_service_server::IncidentServiceServer,
    organisation_service_server::OrganisationServiceServer,
    refusal_service_server::RefusalServiceServer, role_service_server::RoleServiceServer,
    share_service_server::ShareServiceServer, snapshot_service_server::SnapshotServiceServer,
    staff_service_server::StaffServiceServer, training_service_server::TrainingServiceServer,
    webhook_service_server::WebhookServiceServer,
};
use kefu_service::{
    core::{Core, Deps},
    error::Fault,
    host::{Hosted, Job},
    peer::Late,
    server::GrpcService,
};
use tonic::service::Routes;

use crate::{
    api::{
        Owners, Register,
        alerts::AlertsApi,
        audit::Audit,
        borrowings::BorrowingsApi,
        delegations::Delegations,
        destructions::DestructionsApi,
        devices::Devices,
        entitlements::Entitlements,
        explain::Explain,
        exports::ExportsApi,
        held::HeldPolicy,
        history::History,
        incidents::IncidentsApi,
        organisation::Organisation,
        refusals::Refusals,
        roles::RolesApi,
        shares::SharesApi,
        snapshot::SnapshotApi,
        staff::Staff,
        training,
        webhooks::{self as hooks, WebhooksApi},
    },
    config::AccessControlConfig,
    domain::roles::Roles,
    jobs::{
        alerts::Alerts,
        approvals,
        audit::{self, Collect},
        exports::{self, Packager},
        incidents,
        recalls::Recalls,
        revisions::Revisions,
        trainings::Trainings,
        transfers::Transfers,
        webhooks,
    },
};

/// Name of the service.
pub const NAME: &str = "access-control";
/// Its schema in the database.
pub const SCHEMA: &str = "access";
/// Its migrations; table names in them are found by the search path.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// The services that own records: asked for what scopes look at in one of them, so
/// that decisions can be explained (OP-7.2), and for those of a package, where files are
/// shared as one (CF-6.3).
pub struct Peers {
    /// Customer files.
    pub customer_profile: GrpcService,
    /// Tickets.
    pub ticket: GrpcService,
    /// Orders.
    pub order_followup: GrpcService,
    /// Figures: only its journal is read.
    pub analytics: GrpcService,
}

/// The service, ready to be hosted.
///
/// # Errors
/// When its section of the configuration or the shipped roles are not right.
pub fn build(config: AccessControlConfig, deps: Deps, peers: Peers) -> Result<Hosted, Fault> {
    config.check()?;
    let revisions = Revisions::new();
    let watch = revisions.job(deps.db.clone(), deps.clock.clone(), config.poll());
    let transfers = Transfers {
        db: deps.db.clone(),
        clock: deps.clock.clone(),
        ids: deps.ids.clone(),
        revisions: revisions.clone(),
    };
    let trainings = Trainings {
        db: deps.db.clone(),
        clock: deps.clock.clone(),
        ids: deps.ids.clone(),
    };
    let roles = Arc::new(Roles::shipped()?);
    let alert_rules = Arc::new(config.alert_rules(&roles)?);
    let alerts = Alerts {
        db: deps.db.clone(),
        clock: deps.clock.clone(),
        ids: deps.ids.clone(),
        rules: alert_rules.clone(),
    };
    let core = Core::new(NAME, deps, &[]);
    let owners = Owners {
        customers: core.identity.calling(peers.customer_profile.clone()),
        tickets: core.identity.calling(peers.ticket.clone()),
        orders: core.identity.calling(peers.order_followup.clone()),
    };
    let register = Register {
        core: core.clone(),
        roles,
        flows: Arc::new(config.flows()?),
        owners: owners.clone(),
        revisions,
    };
    let approvals = approvals::job(
        core.deps.db.clone(),
        core.deps.clock.clone(),
        register.flows.clone(),
        config.approvals(),
    );
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
    // The log is made from the own journal as well, through the same feed.
    let own = Late::default();
    let journals = [
        (NAME, own.service()),
        ("analytics", peers.analytics.clone()),
        ("customer-profile", peers.customer_profile.clone()),
        ("order-followup", peers.order_followup.clone()),
        ("ticket", peers.ticket.clone()),
    ];
    let mut jobs: Vec<Job> = journals
        .iter()
        .map(|(service, peer)| core.collect(service, peer.clone(), Arc::new(Collect { service })))
        .collect();
    let recalls = Recalls {
        clock: core.deps.clock.clone(),
        flows: register.flows.clone(),
    };
    // A place of its own in that journal: the log does not wait for what comes of it.
    jobs.push(core.follow(
        "customer-profile: destroyed files",
        peers.customer_profile.clone(),
        Arc::new(recalls),
    ));
    match config.checkpoint_key()? {
        Some(key) => jobs.push(audit::sign(
            core.deps.db.clone(),
            core.deps.clock.clone(),
            Arc::new(key),
            config.checkpoints(),
        )),
        None => tracing::warn!("no access_control.audit_key: the audit log is not signed"),
    }
    let audit_api = Audit {
        register: register.clone(),
        journals: journals
            .into_iter()
            .map(|(service, peer)| (service, core.identity.calling(peer)))
            .collect(),
    };
    let signer = config.webhooks.signer()?.map(Arc::new);
    let webhooks_api = WebhooksApi {
        register: register.clone(),
        rules: Arc::new(hooks::Rules {
            on: signer.is_some(),
            limits: config.webhooks.limits(),
        }),
    };
    let policy = HeldPolicy::default();
    jobs.extend(webhooks::jobs(webhooks::Parts {
        core: &core,
        config: &config.webhooks,
        signer,
        policy: policy.clone(),
        lent: register.roles.lent.clone(),
        owners: vec![
            ("customer-profile", peers.customer_profile.clone()),
            ("order-followup", peers.order_followup.clone()),
            ("ticket", peers.ticket.clone()),
        ],
    })?);
    let entitlements = Entitlements {
        register: register.clone(),
        policy: policy.clone(),
    };
    let explain = Explain {
        register: register.clone(),
        policy,
    };
    let leaks = incidents::job(
        core.deps.db.clone(),
        core.deps.clock.clone(),
        config.alerts(),
    );
    let incidents_api = IncidentsApi {
        register: register.clone(),
        rules: alert_rules,
    };
    let routes = Routes::new(OrganisationServiceServer::new(Organisation(
        register.clone(),
    )))
    .add_service(RoleServiceServer::new(RolesApi(register.clone())))
    .add_service(ShareServiceServer::new(SharesApi(register.clone())))
    .add_service(ExportServiceServer::new(exports))
    .add_service(BorrowingServiceServer::new(BorrowingsApi(register.clone())))
    .add_service(DestructionServiceServer::new(DestructionsApi(
        register.clone(),
    )))
    .add_service(ExplainServiceServer::new(explain))
    .add_service(EntitlementServiceServer::new(entitlements))
    .add_service(DelegationServiceServer::new(Delegations(register.clone())))
    .add_service(StaffServiceServer::new(Staff(register.clone())))
    .add_service(DeviceServiceServer::new(Devices(register.clone())))
    .add_service(TrainingServiceServer::new(training::Trainings(
        register.clone(),
    )))
    .add_service(HistoryServiceServer::new(History(register.clone())))
    .add_service(AuditServiceServer::new(audit_api))
    .add_service(AlertServiceServer::new(AlertsApi(register.clone())))
    .add_service(IncidentServiceServer::new(incidents_api))
    .add_service(WebhookServiceServer::new(webhooks_api))
    .add_service(SnapshotServiceServer::new(snapshot))
    .add_service(RefusalServiceServer::new(Refusals(register)));
    jobs.extend([
        watch,
        approvals,
        packages,
        transfers.job(),
        alerts.job(config.alerts()),
        leaks,
        trainings.job(config.trainings()),
    ]);
    let hosted = core.host(routes, jobs);
    own.bind(hosted.service.clone());
    Ok(hosted)
}
