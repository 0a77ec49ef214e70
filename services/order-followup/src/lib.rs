//! Orders from intake to the customer's word that all is well. Owns orders,
//! their lines, what was told about their stages, what is promised of them, what customers are told
//! of trouble with them, the customers' reviews,
//! after-sales cases, what is to be done for customers (follow-ups), by what plans they are visited,
//! and their points.
//!
//! Stages: told by events in any order (the table in `domain::stage`); an order
//! is completed only by its customer's word. How a follow-up is closed is a table of its kind
//! in `domain::follow_up`; the states of a case are one in `domain::case::state`, and what all cases of
//! an order take back is booked in `domain::case::account`.
//! Clauses: OP-3.3, OP-3.4.*, IH-3.2, IH-4, IH-6, SG-2.4, SG-4, CF-9.1.

mod api;
mod campaigns;
mod config;
mod connectors;
mod desk;
mod domain;
mod error;
mod jobs;
mod points;
mod ports;
mod store;
mod visits;

use std::sync::Arc;

use kefu_contracts::order::{
    after_sales_service_server::AfterSalesServiceServer,
    amendment_service_server::AmendmentServiceServer,
    campaign_service_server::CampaignServiceServer,
    completion_service_server::CompletionServiceServer,
    follow_up_service_server::FollowUpServiceServer, loyalty_service_server::LoyaltyServiceServer,
    notice_service_server::NoticeServiceServer,
    order_intake_service_server::OrderIntakeServiceServer,
    order_service_server::OrderServiceServer, promise_service_server::PromiseServiceServer,
    relationship_service_server::RelationshipServiceServer,
    stock_service_server::StockServiceServer, submission_service_server::SubmissionServiceServer,
    visit_service_server::VisitServiceServer, watch_service_server::WatchServiceServer,
};
use kefu_service::{
    core::{Core, Deps},
    error::Fault,
    facts::RecordFacts,
    files::FileExport,
    host::Hosted,
    notice, rewrap,
    server::GrpcService,
    watch::Wake,
};
use tonic::service::Routes;

pub use config::OrderFollowupConfig;
pub use connectors::ConnectorConfig;

/// Name of the service.
pub const NAME: &str = "order-followup";
/// Its schema.
pub const SCHEMA: &str = "orders";
/// Its migrations.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// The services that it follows or asks.
pub struct Peers {
    /// Who has a file may order.
    pub customer_profile: GrpcService,
    /// Whose complaints name orders.
    pub ticket: GrpcService,
    /// Asked who may see what is given to them.
    pub access_control: GrpcService,
}

/// Puts the service together.
///
/// # Errors
/// When the configuration cannot be carried out.
pub fn build(config: OrderFollowupConfig, deps: Deps, peers: Peers) -> Result<Hosted, Fault> {
    config.check()?;
    let core = Core::new(NAME, deps, &["customer-profile", "ticket"]);
    let desk = desk::Desk::new(&core, &config);
    let points = points::Points::new(&core);
    let visits = visits::Visits::new(&core, desk.clone());
    let orders = api::Orders::new(&core, &config, desk.clone());
    let notices = api::notices::Notices::new(&core, &config);
    let wake = Wake::default();
    let profiles = core.identity.calling(peers.customer_profile.clone());
    let mut jobs = vec![
        core.follow(
            "customer-profile",
            peers.customer_profile,
            Arc::new(jobs::KnownCustomers {
                clock: core.deps.clock.clone(),
                vault: core.deps.vault.clone(),
                ids: core.deps.ids.clone(),
                desk: desk.clone(),
                points: points.clone(),
                orders: orders.clone(),
            }),
        ),
        core.follow(
            "ticket",
            peers.ticket,
            Arc::new(jobs::Complaints {
                clock: core.deps.clock.clone(),
                ids: core.deps.ids.clone(),
                desk: desk.clone(),
            }),
        ),
        jobs::missed(core.deps.clone(), desk.clone()),
        jobs::points(core.deps.clone(), points.clone()),
        jobs::relations(core.deps.clone(), visits.clone()),
        jobs::judgement(core.deps.clone(), desk.clone(), notices.clone()),
        jobs::back_orders(core.deps.clone(), orders.clone()),
        wake.job(core.deps.db.clone(), core.deps.clock.clone()),
        jobs::greetings(core.deps.clone(), desk.clone(), profiles.clone()),
        jobs::campaigns(core.deps.clone(), desk.clone(), profiles.clone()),
        rewrap::job(&core.deps),
    ];
    let completions = api::confirmation::Completions(orders.clone());
    let cases = api::cases::Cases::new(
        &core,
        desk.clone(),
        points.clone(),
        peers.access_control.clone(),
    );
    let follow_ups = api::follow_ups::FollowUps::new(&core, desk, peers.access_control);
    let watch = api::watch::Watch::new(
        &core,
        orders.clone(),
        follow_ups.clone(),
        cases.clone(),
        &wake,
        &config,
    );
    let files = FileExport::server(orders.clone(), &store::records::WHOLE, core.views.clone());
    let facts = RecordFacts::server(&core.deps, store::records::FACTS);
    if let Some(system) = connectors::order_system(&config.order_system, &core)? {
        jobs.push(jobs::submissions(core.deps.clone(), orders.clone(), system));
    }
    if let Some(inventory) = connectors::inventory(&config.inventory, &core)? {
        jobs.push(jobs::reservations(
            core.deps.clone(),
            orders.clone(),
            inventory,
        ));
    }
    if let Some(messenger) = connectors::messenger(&config.notices, &core)? {
        jobs.push(notice::job(notices.clone(), messenger));
    }
    let promises = api::promises::Promises(orders.clone());
    let intake = api::intake::Intake(orders.clone());
    let amendments = api::amendments::Amendments(orders.clone());
    let stock = api::stock::Stock(orders.clone());
    let submissions = api::submissions::Submissions(orders.clone());
    let routes = Routes::new(OrderServiceServer::new(orders))
        .add_service(CompletionServiceServer::new(completions))
        .add_service(PromiseServiceServer::new(promises))
        .add_service(OrderIntakeServiceServer::new(intake))
        .add_service(AmendmentServiceServer::new(amendments))
        .add_service(StockServiceServer::new(stock))
        .add_service(SubmissionServiceServer::new(submissions))
        .add_service(NoticeServiceServer::new(notices))
        .add_service(FollowUpServiceServer::new(follow_ups))
        .add_service(AfterSalesServiceServer::new(cases))
        .add_service(LoyaltyServiceServer::new(api::loyalty::Loyalty::new(
            &core, points,
        )))
        .add_service(RelationshipServiceServer::new(
            api::relations::Relations::new(&core),
        ))
        .add_service(VisitServiceServer::new(api::visits::VisitsApi::new(
            &core, visits,
        )))
        .add_service(CampaignServiceServer::new(api::campaigns::Campaigns::new(
            &core, profiles,
        )))
        .add_service(WatchServiceServer::new(watch))
        .add_service(files)
        .add_service(facts);
    Ok(core.host(routes, jobs))
}
