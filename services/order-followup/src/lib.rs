//! Orders from intake to the customer's word that all is well. Owns orders,
//! their lines, what was told about their stages, and the customers' reviews.
//!
//! Stages: told by events in any order (the table in `domain::stage`); an order
//! is completed only by its customer's word.
//! Clauses: OP-3.4.*, SG-4, CF-9.1.

mod api;
mod config;
mod domain;
mod error;
mod jobs;
mod store;

use std::sync::Arc;

use kefu_contracts::order::order_service_server::OrderServiceServer;
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

pub use config::OrderFollowupConfig;

/// Name of the service.
pub const NAME: &str = "order-followup";
/// Its schema.
pub const SCHEMA: &str = "orders";
/// Its migrations.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// The services whose journals it follows.
pub struct Peers {
    /// Who has a file may order.
    pub customer_profile: GrpcService,
}

/// Puts the service together.
///
/// # Errors
/// When the configuration cannot be carried out.
pub fn build(config: OrderFollowupConfig, deps: Deps, peers: Peers) -> Result<Hosted, Fault> {
    config.check()?;
    let core = Core::new(NAME, deps, &["customer-profile"]);
    let jobs = vec![
        core.follow(
            "customer-profile",
            peers.customer_profile,
            Arc::new(jobs::KnownCustomers {
                clock: core.deps.clock.clone(),
                vault: core.deps.vault.clone(),
            }),
        ),
        rewrap::job(&core.deps),
    ];
    let orders = api::Orders::new(&core, &config);
    let files = FileExport::server(orders.clone(), &store::records::WHOLE, core.views.clone());
    let facts = RecordFacts::server(&core.deps, store::records::FACTS);
    let routes = Routes::new(OrderServiceServer::new(orders))
        .add_service(files)
        .add_service(facts);
    Ok(core.host(routes, jobs))
}
