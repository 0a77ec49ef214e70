//! Figures. Owns the facts that figures are counted from, as the journals of the other services
//! tell them, and the catalogue of what is counted.
//!
//! Facts come from journals only, each entry exactly once: the place in a journal is stored
//! in the transaction of its effect. Nothing is asked from other services, and
//! nothing personal is kept. A figure is counted within the caller's scope, so
//! that it tells nothing of records the caller could not list (promise 2); whoever may see none of
//! its records is told of perturbed data (`domain/perturbation.rs`), everybody else opens it into them.
//!
//! All facts can be counted anew from the journals (`jobs/rebuild.rs`): beside those that are
//! answered from, as another generation, which takes their place once it has come as far.
//!
//! Reports are figures of a period as the company's versioned rules ask for them, counted by
//! themselves once it is over (`jobs/reports.rs`), within what their audience may see
//! (`maker.rs`), and kept as they were.
//!
//! Staff is assessed by the company's versioned schemes, of figures and of what people give
//! (`assessor.rs`, docs/assessments.md), for the line above and the person concerned alone.
//!
//! Exceptions are figures outside what is usual for them, found by themselves once a period is over
//! (`jobs/exceptions.rs`). Improvement is suggested, agreed to, carried out and judged; the figure that it is to move is
//! counted before, and by itself afterwards (`jobs/improvements.rs`, docs/improvement.md).
//!
//! Clauses: OP-3.2, OP-4.2, CC-1.4, CF-6.1, IH-7, IH-8.1, SG-1.2, SG-7, SG-8.

mod api;
mod assessor;
mod config;
mod domain;
mod error;
mod jobs;
mod maker;
mod measure;
mod store;

use std::sync::Arc;

use kefu_contracts::analytics::{
    assessment_service_server::AssessmentServiceServer,
    exception_service_server::ExceptionServiceServer,
    improvement_service_server::ImprovementServiceServer,
    metrics_service_server::MetricsServiceServer, rebuild_service_server::RebuildServiceServer,
    report_service_server::ReportServiceServer,
};
use kefu_service::{
    core::{Core, Deps},
    error::Fault,
    host::Hosted,
    peer::Late,
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

/// The services whose journals it follows; access-control also tells the departments.
pub struct Peers {
    /// Who asked for access to files, and what was refused.
    pub access_control: GrpcService,
    /// Files, how they are rated and whether they are right.
    pub customer_profile: GrpcService,
    /// Tickets, their clocks, and how satisfied customers were with them.
    pub ticket: GrpcService,
    /// Orders and what became of them.
    pub order_followup: GrpcService,
}

/// Puts the service together.
///
/// # Errors
/// When the configuration cannot be carried out.
pub fn build(config: AnalyticsConfig, deps: Deps, peers: Peers) -> Result<Hosted, Fault> {
    let (zone, aggregates) = (config.zone()?, config.aggregates()?);
    let core = Core::new(NAME, deps, jobs::SOURCES);
    let own = Late::default();
    let maker = maker::Maker::new(&core, core.identity.calling(peers.access_control.clone()));
    // In the order of jobs::SOURCES.
    let followed = vec![
        peers.access_control,
        own.service(),
        peers.customer_profile,
        peers.order_followup,
        peers.ticket,
    ];
    let into = jobs::Target::Live;
    let follow = jobs::SOURCES.iter().zip(&followed).map(|(&source, peer)| {
        core.collect(
            source,
            peer.clone(),
            Arc::new(jobs::Intake { source, into }),
        )
    });
    let mut all: Vec<_> = follow.collect();
    all.push(jobs::make_ahead(core.deps.clone()));
    all.push(jobs::clear(core.deps.clone()));
    all.push(jobs::keep_days(core.deps.clone(), &zone));
    let rebuild = jobs::Rebuild {
        core: core.clone(),
        peers: Arc::new(followed),
    };
    all.push(rebuild.job());
    all.push(jobs::make_reports(maker.clone()));
    let assessor = assessor::Assessor::new(&core, maker.clone());
    all.push(jobs::assess(assessor.clone()));
    let assessments = api::Assessments::new(&core, assessor);
    all.push(jobs::find_exceptions(maker.clone()));
    all.push(jobs::follow_improvements(maker.clone()));
    let improvements = api::Improvements::new(&core, maker.clone(), zone.clone());
    let metrics = api::Metrics::new(&core, zone, aggregates);
    let routes = Routes::new(MetricsServiceServer::new(metrics))
        .add_service(AssessmentServiceServer::new(assessments))
        .add_service(RebuildServiceServer::new(api::Rebuilds::new(&core)))
        .add_service(ReportServiceServer::new(api::Reports::new(&core, maker)))
        .add_service(ExceptionServiceServer::new(api::Exceptions::new(&core)))
        .add_service(ImprovementServiceServer::new(improvements));
    let hosted = core.host(routes, all);
    own.bind(hosted.service.clone());
    Ok(hosted)
}
