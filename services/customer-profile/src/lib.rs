//! The customer file from first contact to destruction. Owns everything about
//! a customer that is not a ticket or an order: basic, contact, identity and
//! financial data, tier, consent, and who has duty on which file.
//!
//! States: `domain/state.rs`; drafts are looked at by permissions of their own.
//! Consent: the statement counts that the customer made last about a purpose; while that
//! is that it is given, scopes that live on consent reach the file.
//!
//! Clauses: CC-2.2, CF-2.*, CF-3.*, CF-4.*, CF-6.1, CF-7.*, CF-9.1, OP-7.1, SG-1.1, IH-2.*, IH-8.2.

mod api;
mod config;
mod domain;
mod error;
mod jobs;
mod store;

use std::sync::Arc;

use kefu_contracts::profile::{
    consent_service_server::ConsentServiceServer, customer_service_server::CustomerServiceServer,
    intake_service_server::IntakeServiceServer, rating_service_server::RatingServiceServer,
    revision_service_server::RevisionServiceServer, timeline_service_server::TimelineServiceServer,
};
use kefu_service::{
    core::{Core, Deps},
    error::Fault,
    facts::RecordFacts,
    files::FileExport,
    host::Hosted,
    server::GrpcService,
};
use tonic::service::Routes;

pub use config::CustomerProfileConfig;
pub use domain::{
    attributes::{AttributeKind, AttributeRule},
    intake::{ChannelRule, IntakeRules},
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
}

/// Puts the service together.
///
/// # Errors
/// When the configuration cannot be carried out.
pub fn build(config: CustomerProfileConfig, deps: Deps, peers: Peers) -> Result<Hosted, Fault> {
    config.check()?;
    let core = Core::new(NAME, deps, &["ticket", "order-followup"]);
    let jobs = vec![
        core.follow("ticket", peers.ticket, Arc::new(jobs::TicketEffects)),
        core.follow(
            "order-followup",
            peers.order_followup,
            Arc::new(jobs::OrderEffects),
        ),
        jobs::overdue(core.deps.clone()),
        jobs::rating(core.deps.clone()),
    ];
    let customers = api::Customers::new(&core, &config);
    let files = FileExport::server(
        customers.clone(),
        &store::records::FILES,
        core.views.clone(),
    );
    let facts = RecordFacts::server(core.deps.db.clone(), store::records::FACTS);
    let consents = api::consents::Consents::new(&core);
    let routes = Routes::new(CustomerServiceServer::new(customers.clone()))
        .add_service(IntakeServiceServer::new(customers.clone()))
        .add_service(RevisionServiceServer::new(customers.clone()))
        .add_service(RatingServiceServer::new(customers.clone()))
        .add_service(TimelineServiceServer::new(customers))
        .add_service(ConsentServiceServer::new(consents))
        .add_service(files)
        .add_service(facts);
    Ok(core.host(routes, jobs))
}
