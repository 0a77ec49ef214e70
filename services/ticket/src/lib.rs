//! Consultations, complaints, suggestions and service requests from the moment a
//! customer turns to us until they say how satisfied they are. Owns tickets,
//! their messages and the history of their states; the business calendars and
//! targets, and the clocks that count by them; the surveys that ask about resolutions;
//! queues, who serves them, and whose a ticket was; the company's rules of handling.
//!
//! States: new → open ⇄ pending → resolved → closed; resolved → open when the
//! solution did not work. Each kind has its table, in `domain/state/tables.rs` (docs/states.md).
//! Clauses: OP-3.1, OP-3.2, CC-1.2, CC-2.3, SG-2.1, SG-2.2, SG-3, SG-4, SG-5, IH-3.1, IH-3.2, CF-10.2.

mod api;
mod config;
mod domain;
mod error;
mod jobs;
mod store;

use std::sync::Arc;

use kefu_contracts::ticket::{
    attention_service_server::AttentionServiceServer,
    calendar_service_server::CalendarServiceServer, clock_service_server::ClockServiceServer,
    compensation_service_server::CompensationServiceServer,
    hand_over_service_server::HandOverServiceServer,
    handling_service_server::HandlingServiceServer, queue_service_server::QueueServiceServer,
    survey_answer_service_server::SurveyAnswerServiceServer,
    survey_service_server::SurveyServiceServer, tag_service_server::TagServiceServer,
    target_service_server::TargetServiceServer, ticket_service_server::TicketServiceServer,
    view_service_server::ViewServiceServer, watch_service_server::WatchServiceServer,
};
use kefu_service::{
    core::{Core, Deps},
    error::Fault,
    facts::RecordFacts,
    files::FileExport,
    host::Hosted,
    rewrap,
    server::GrpcService,
    watch::Wake,
};
use tonic::service::Routes;

pub use config::TicketConfig;

/// Name of the service.
pub const NAME: &str = "ticket";
/// Its schema.
pub const SCHEMA: &str = "ticket";
/// Its migrations.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// The services that it follows or asks.
pub struct Peers {
    /// Whoever has a file there can have a ticket here.
    pub customer_profile: GrpcService,
    /// Asked who may work on a ticket before it is given to them.
    pub access_control: GrpcService,
}

/// Puts the service together.
///
/// # Errors
/// When the configuration cannot be carried out.
pub fn build(config: TicketConfig, deps: Deps, peers: Peers) -> Result<Hosted, Fault> {
    config.check()?;
    let core = Core::new(NAME, deps, &["customer-profile"]);
    let tickets = api::Tickets::new(&core, &config, peers.access_control);
    let wake = Wake::default();
    let watch = api::watch::Watch::new(&core, tickets.clone(), wake.clone(), &config);
    let jobs = vec![
        core.follow(
            "customer-profile",
            peers.customer_profile,
            Arc::new(jobs::KnownCustomers {
                clock: core.deps.clock.clone(),
                vault: core.deps.vault.clone(),
            }),
        ),
        jobs::clocks(core.deps.clone()),
        jobs::routing(core.deps.clone(), tickets.clone()),
        jobs::offers(core.deps.clone()),
        wake.job(core.deps.db.clone(), core.deps.clock.clone()),
        rewrap::job(&core.deps),
    ];
    let files = FileExport::server(tickets.clone(), &store::records::RECORD, core.views.clone());
    let facts = RecordFacts::server(&core.deps, store::records::FACTS);
    let queues = api::queues::Queues::new(&core, tickets.clone());
    let compensations = api::compensations::Compensations(tickets.clone());
    let handling = api::handling::Handling::new(&core, tickets.clone());
    let calendars = api::calendars::Calendars::new(&core);
    let surveys = api::surveys::Surveys::new(&core, config.surveys());
    let tags = api::tags::Tags(tickets.clone());
    let hand_overs = api::handover::HandOvers::new(&core, tickets.clone(), &config);
    let routes = Routes::new(TicketServiceServer::new(tickets))
        .add_service(QueueServiceServer::new(queues))
        .add_service(HandlingServiceServer::new(handling))
        .add_service(CompensationServiceServer::new(compensations))
        .add_service(CalendarServiceServer::new(calendars))
        .add_service(ClockServiceServer::new(api::clocks::Clocks::new(&core)))
        .add_service(TargetServiceServer::new(api::targets::TargetsApi::new(
            &core,
        )))
        .add_service(SurveyServiceServer::new(surveys.clone()))
        .add_service(SurveyAnswerServiceServer::new(surveys))
        .add_service(WatchServiceServer::new(watch))
        .add_service(TagServiceServer::new(tags))
        .add_service(HandOverServiceServer::new(hand_overs))
        .add_service(ViewServiceServer::new(api::views::SavedViews(core.clone())))
        .add_service(AttentionServiceServer::new(api::attention::Attention(
            core.clone(),
        )))
        .add_service(files)
        .add_service(facts);
    Ok(core.host(routes, jobs))
}
