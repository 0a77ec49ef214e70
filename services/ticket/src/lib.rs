//! Consultations, complaints, suggestions and service requests from the moment a
//! customer turns to us until they say how satisfied they are. Owns tickets,
//! their messages and the history of their states; the business calendars and
//! targets, and the clocks that count by them; the surveys that ask about resolutions;
//! queues, who serves them, and whose a ticket was; the company's rules of handling; what
//! tickets are to each other, and which are part of which; the company's standard phrases;
//! the files of conversations, which lie sealed in a store of objects; what customers are told
//! of progress, by the company's connector or by hand; the knowledge base
//! (docs/article-states.md), what it helped with and what it does not answer; what customers
//! often ask and why they complain, found in the texts (docs/improvement.md); quality
//! inspection (docs/inspections.md).
//!
//! States: new → open ⇄ pending → resolved → closed; resolved → open when the
//! solution did not work. Each kind has its table, in `domain/state/tables.rs` (docs/states.md).
//! Clauses: OP-3.1, OP-3.2, CC-1.2, CC-1.4, CC-2.3, CC-2.4, OP-5, SG-2.1, SG-2.2, SG-2.3, SG-2.4, SG-3, SG-4, SG-5, SG-7,
//! SG-8, IH-3.1, IH-3.2, IH-4, CF-10.2.

mod api;
mod config;
mod connectors;
mod domain;
mod error;
mod jobs;
mod objects;
pub mod restored;
mod store;

use std::sync::Arc;

use kefu_contracts::ticket::{
    attachment_service_server::AttachmentServiceServer,
    attention_service_server::AttentionServiceServer, bulk_service_server::BulkServiceServer,
    calendar_service_server::CalendarServiceServer, clock_service_server::ClockServiceServer,
    compensation_service_server::CompensationServiceServer,
    hand_over_service_server::HandOverServiceServer,
    handling_service_server::HandlingServiceServer,
    inspection_service_server::InspectionServiceServer,
    knowledge_gap_service_server::KnowledgeGapServiceServer,
    knowledge_proposal_service_server::KnowledgeProposalServiceServer,
    knowledge_search_service_server::KnowledgeSearchServiceServer,
    knowledge_service_server::KnowledgeServiceServer,
    knowledge_use_service_server::KnowledgeUseServiceServer,
    link_service_server::LinkServiceServer, macro_service_server::MacroServiceServer,
    merge_service_server::MergeServiceServer, notice_service_server::NoticeServiceServer,
    queue_service_server::QueueServiceServer,
    survey_answer_service_server::SurveyAnswerServiceServer,
    survey_service_server::SurveyServiceServer, tag_service_server::TagServiceServer,
    target_service_server::TargetServiceServer, theme_service_server::ThemeServiceServer,
    ticket_service_server::TicketServiceServer, view_service_server::ViewServiceServer,
    watch_service_server::WatchServiceServer,
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

pub use config::{AttachmentsConfig, TicketConfig};
pub use connectors::NoticesConfig;
pub use objects::S3Config;

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
    let objects = config.attachments.open()?;
    let notices = api::notices::Notices::new(&core);
    let wake = Wake::default();
    let watch = api::watch::Watch::new(&core, tickets.clone(), wake.clone(), &config);
    let mut jobs = vec![
        core.follow(
            "customer-profile",
            peers.customer_profile,
            Arc::new(jobs::KnownCustomers {
                clock: core.deps.clock.clone(),
                vault: core.deps.vault.clone(),
            }),
        ),
        jobs::clocks(core.deps.clone(), tickets.clone()),
        jobs::calendars(core.deps.clone()),
        jobs::routing(core.deps.clone(), tickets.clone()),
        jobs::attachments(core.deps.clone(), objects.clone()),
        jobs::inspections(core.deps.clone()),
        jobs::texts(&core.deps, tickets.clone()),
        jobs::offers(core.deps.clone()),
        wake.job(core.deps.db.clone(), core.deps.clock.clone()),
        rewrap::job(&core.deps),
    ];
    if let Some(messenger) = connectors::open(&config.notices, &core)? {
        jobs.push(notice::job(notices.clone(), messenger));
    }
    let files = FileExport::server(tickets.clone(), &store::records::RECORD, core.views.clone());
    let facts = RecordFacts::server(&core.deps, store::records::FACTS);
    let queues = api::queues::Queues::new(&core, tickets.clone());
    let macros = api::macros::Macros::new(&core, tickets.clone());
    let limits = config.attachments.limits();
    let attachments = api::attachments::Attachments::new(&core, objects, limits);
    let compensations = api::compensations::Compensations(tickets.clone());
    let handling = api::handling::Handling::new(&core, tickets.clone());
    let links = api::links::Links(tickets.clone());
    let merges = api::merges::Merges(tickets.clone());
    let bulk = api::bulk::Bulk(tickets.clone());
    let calendars = api::calendars::Calendars::new(&core);
    let surveys = api::surveys::Surveys::new(&core, config.surveys());
    let knowledge = api::knowledge::Knowledge::new(&core, tickets.clone(), &config);
    let inspections = api::inspections::Inspections::new(&core);
    let tags = api::tags::Tags(tickets.clone());
    let themes = api::themes::Themes(tickets.clone());
    let hand_overs = api::handover::HandOvers::new(&core, tickets.clone(), &config);
    let routes = Routes::new(TicketServiceServer::new(tickets))
        .add_service(QueueServiceServer::new(queues))
        .add_service(MacroServiceServer::new(macros))
        .add_service(AttachmentServiceServer::new(attachments))
        .add_service(NoticeServiceServer::new(notices))
        .add_service(HandlingServiceServer::new(handling))
        .add_service(CompensationServiceServer::new(compensations))
        .add_service(LinkServiceServer::new(links))
        .add_service(MergeServiceServer::new(merges))
        .add_service(BulkServiceServer::new(bulk))
        .add_service(CalendarServiceServer::new(calendars))
        .add_service(ClockServiceServer::new(api::clocks::Clocks::new(&core)))
        .add_service(TargetServiceServer::new(api::targets::TargetsApi::new(
            &core,
        )))
        .add_service(InspectionServiceServer::new(inspections))
        .add_service(SurveyServiceServer::new(surveys.clone()))
        .add_service(SurveyAnswerServiceServer::new(surveys))
        .add_service(KnowledgeServiceServer::new(knowledge.clone()))
        .add_service(KnowledgeSearchServiceServer::new(knowledge.clone()))
        .add_service(KnowledgeUseServiceServer::new(knowledge.clone()))
        .add_service(KnowledgeProposalServiceServer::new(knowledge.clone()))
        .add_service(KnowledgeGapServiceServer::new(knowledge))
        .add_service(WatchServiceServer::new(watch))
        .add_service(TagServiceServer::new(tags))
        .add_service(ThemeServiceServer::new(themes))
        .add_service(HandOverServiceServer::new(hand_overs))
        .add_service(ViewServiceServer::new(api::views::SavedViews(core.clone())))
        .add_service(AttentionServiceServer::new(api::attention::Attention(
            core.clone(),
        )))
        .add_service(files)
        .add_service(facts);
    Ok(core.host(routes, jobs))
}
