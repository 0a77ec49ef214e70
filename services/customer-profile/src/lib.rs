//! The customer file from first contact to destruction. Owns everything about
//! a customer that is not a ticket or an order: basic, contact, identity and
//! financial data, tier, consent, and who has duty on which file.
//!
//! States: `domain/state.rs`; a file that became part of another (`domain/merge.rs`) stands by
//! its name and numbers for that one, and goes with it. Drafts are looked at by permissions of
//! their own.
//! Consent: the statement counts that the customer made last about a purpose; while that
//! is that it is given, scopes that live on consent reach the file.
//!
//! Quality: triggers put every file that changes on a list (`quality_due`), and the job measures it:
//! scores in per cent, paths of what falls short, findings as tasks. Of a field whose class is not
//! cleared neither path nor finding is shown or counted; scores are of the whole file.
//!
//! Clauses: CC-2.2, CF-2.*, CF-3.*, CF-4.*, CF-5.2, CF-6.1, CF-7.*, CF-9.1, CF-10.*, OP-7.1, SG-1.1, SG-1.2,
//! SG-1.3, SG-1.4, IH-2.*, IH-7, IH-8.2.

mod api;
mod config;
mod connectors;
mod domain;
mod error;
mod jobs;
mod ports;
pub mod restored;
mod store;

use std::sync::Arc;

use kefu_contracts::profile::{
    birthday_service_server::BirthdayServiceServer,
    certificate_service_server::CertificateServiceServer,
    consent_service_server::ConsentServiceServer,
    customer_copy_service_server::CustomerCopyServiceServer,
    customer_service_server::CustomerServiceServer,
    data_request_service_server::DataRequestServiceServer,
    duplicate_service_server::DuplicateServiceServer, hold_service_server::HoldServiceServer,
    intake_service_server::IntakeServiceServer, merge_service_server::MergeServiceServer,
    quality_service_server::QualityServiceServer, rating_service_server::RatingServiceServer,
    retention_service_server::RetentionServiceServer,
    revision_service_server::RevisionServiceServer,
    selection_service_server::SelectionServiceServer,
    timeline_service_server::TimelineServiceServer,
    verification_service_server::VerificationServiceServer,
};
use kefu_service::{
    core::{Core, Deps},
    error::Fault,
    facts::RecordFacts,
    files::FileExport,
    host::Hosted,
    rewrap,
    server::GrpcService,
};
use tonic::service::Routes;

pub use config::CustomerProfileConfig;
pub use connectors::ConnectorsConfig;
pub use domain::{
    attributes::{AttributeKind, AttributeRule},
    data_request::DueHours,
    intake::{ChannelRule, IntakeRules},
    quality::rules::{MendDays, QualityRules, ReviewMonths},
    retention::RetentionRules,
};

/// Name of the service.
pub const NAME: &str = "customer-profile";
/// Its schema.
pub const SCHEMA: &str = "profile";
/// Its migrations.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// The services whose journals it follows.
pub struct Peers {
    /// Assignments of tickets are duty.
    pub ticket: GrpcService,
    /// Orders are duty and purchases.
    pub order_followup: GrpcService,
    /// Destructions are approved there.
    pub access_control: GrpcService,
}

/// Puts the service together.
///
/// # Errors
/// When the configuration cannot be carried out.
pub fn build(config: CustomerProfileConfig, deps: Deps, peers: Peers) -> Result<Hosted, Fault> {
    config.check()?;
    let core = Core::new(NAME, deps, &["ticket", "order-followup", "access-control"]);
    let rules = Arc::new(config.retention.clone());
    let tickets = jobs::TicketEffects {
        clock: core.deps.clock.clone(),
        rules: rules.clone(),
    };
    let destructions = jobs::Destructions {
        clock: core.deps.clock.clone(),
        vault: core.deps.vault.clone(),
    };
    let jobs = vec![
        core.follow("ticket", peers.ticket, Arc::new(tickets)),
        core.follow(
            "order-followup",
            peers.order_followup,
            Arc::new(jobs::OrderEffects),
        ),
        core.follow(
            "access-control",
            peers.access_control,
            Arc::new(destructions),
        ),
        jobs::duplicates(core.deps.clone()),
        jobs::marks(&core.deps),
        jobs::birthdays(&core.deps),
        jobs::overdue(core.deps.clone()),
        jobs::withdrawn(core.deps.clone(), config.withdrawn_days),
        rewrap::job(&core.deps),
        jobs::schedule(core.deps.clone(), rules),
        jobs::rating(core.deps.clone()),
        jobs::quality(core.deps.clone(), &config),
    ];
    let customers = api::Customers::new(&core, &config);
    let files = FileExport::server(
        customers.clone(),
        &store::records::FILES,
        core.views.clone(),
    );
    let facts = RecordFacts::server(&core.deps, store::records::FACTS);
    let consents = api::consents::Consents::new(&core);
    let ports = connectors::open(&config.connectors, &core)?;
    let verifications = api::verifications::Verifications::new(&core, ports, &config);
    let data_requests = api::data_requests::DataRequests::new(&core, &config);
    let copies = api::copies::Copies {
        customers: customers.clone(),
        consents: consents.clone(),
        verifications: verifications.clone(),
        data_requests: data_requests.clone(),
    };
    let routes = Routes::new(CustomerServiceServer::new(customers.clone()))
        .add_service(IntakeServiceServer::new(customers.clone()))
        .add_service(RevisionServiceServer::new(customers.clone()))
        .add_service(RatingServiceServer::new(customers.clone()))
        .add_service(MergeServiceServer::new(customers.clone()))
        .add_service(TimelineServiceServer::new(customers))
        .add_service(ConsentServiceServer::new(consents))
        .add_service(CustomerCopyServiceServer::new(copies))
        .add_service(DataRequestServiceServer::new(data_requests))
        .add_service(VerificationServiceServer::new(verifications))
        .add_service(RetentionServiceServer::new(api::retentions::Retentions(
            core.clone(),
        )))
        .add_service(CertificateServiceServer::new(
            api::certificates::Certificates(core.clone()),
        ))
        .add_service(QualityServiceServer::new(api::quality::Qualities::new(
            &core, &config,
        )))
        .add_service(DuplicateServiceServer::new(api::duplicates::Duplicates(
            core.clone(),
        )))
        .add_service(HoldServiceServer::new(api::holds::Holds(core.clone())))
        .add_service(SelectionServiceServer::new(api::selections::Selections(
            core.clone(),
        )))
        .add_service(BirthdayServiceServer::new(api::birthdays::Birthdays(
            core.clone(),
        )))
        .add_service(files)
        .add_service(facts);
    Ok(core.host(routes, jobs))
}
