//! Figures. Owns the facts that figures are counted from — tickets, orders and
//! reviews as their journals tell them — and the catalogue of what is counted.
//!
//! Facts come from journals only, each entry exactly once: the cursor is stored
//! in the transaction of its effect. Nothing is asked from other services, and
//! nothing personal is kept. A figure is counted within the caller's scope, so
//! that it tells nothing of records the caller could not list (promise 2).
//!
//! Cells of aggregates carry no personal data, but a cell of one or two records
//! can still point at somebody: suppression of small cells comes with issue 7.
//!
//! Clauses: OP-4.2, CC-1.4.

mod api;
mod config;
mod domain;
mod error;
mod jobs;
mod store;

use std::sync::Arc;

use kefu_contracts::analytics::metrics_service_server::MetricsServiceServer;
use kefu_service::{
    core::{Core, Deps},
    error::Fault,
    host::Hosted,
    server::GrpcService,
};
use tonic::service::Routes;

pub use config::AnalyticsConfig;

/// Name of the service.
pub const NAME: &str = "analytics";
/// Its schema.
pub const SCHEMA: &str = "analytics";
/// Its migrations.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// The services whose journals it follows.
pub struct Peers {
    /// Tickets and how satisfied customers were with them.
    pub ticket: GrpcService,
    /// Orders and how satisfied customers were with them.
    pub order_followup: GrpcService,
}

/// Puts the service together.
///
/// # Errors
/// When the configuration cannot be carried out.
pub fn build(config: AnalyticsConfig, deps: Deps, peers: Peers) -> Result<Hosted, Fault> {
    let zone = config.zone()?;
    let core = Core::new(NAME, deps, jobs::SOURCES);
    let jobs = vec![
        core.follow(jobs::TICKET, peers.ticket, Arc::new(jobs::TicketFacts)),
        core.follow(
            jobs::ORDER,
            peers.order_followup,
            Arc::new(jobs::OrderFacts),
        ),
    ];
    let routes = Routes::new(MetricsServiceServer::new(api::Metrics::new(&core, zone)));
    Ok(core.host(routes, jobs))
}
