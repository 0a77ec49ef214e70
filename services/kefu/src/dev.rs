//! The whole suite in one process, with a private PostgreSQL, an example company
//! and a token for each post: for trying it and for working on it.

mod courses;
pub mod database;
mod demo;
mod keys;
mod notice;

use std::{fs, net::SocketAddr, num::NonZeroU32, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context;
use kefu_access::{ContextVerifier, Trust};
use kefu_access_control::{
    config::{AccessControlConfig, WebhooksConfig},
    domain::company::Company,
    seed,
};
use kefu_gateway::{Environment, GatewayConfig, dev_issuer};
use kefu_service::{
    clock::{Clock, SystemClock},
    config::{LogFormat, Secret, TelemetryConfig},
    host::{self, Seat, start_jobs},
    ids::{Ids, system_randomness},
    server::{Reflected, ServeOptions},
    telemetry,
};
use kefu_vault::Vault;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{serve::told_to_end, suite::Parts};
pub use keys::Keys;

/// The company that is there to be tried.
const COMPANY: &str = include_str!("../../access-control/example_company.toml");

const TWO: NonZeroU32 = NonZeroU32::new(2).expect("not zero");

/// What `kefu dev` is told.
#[derive(Debug, clap::Args)]
pub struct DevArgs {
    /// Folder of everything it keeps; delete it to begin anew
    #[arg(long, default_value = ".kefu")]
    home: PathBuf,
    /// Where the gateway listens
    #[arg(long, default_value = "127.0.0.1:7700")]
    listen: SocketAddr,
    /// Stages and time limits of requests for approval, in place of those that are shipped
    #[arg(long, value_name = "APPROVALS.toml")]
    approvals: Option<PathBuf>,
    /// Origin whose pages may call from a browser (http://localhost:5173); may be said again
    #[arg(long = "web-origin", value_name = "ORIGIN")]
    web_origins: Vec<String>,
    /// Categories of products that figures tell (`order_followup.product_categories`), one a line
    #[arg(long, value_name = "CATEGORIES.txt")]
    product_categories: Option<PathBuf>,
    /// Calls a second that one subject may make, and twice that after a rest
    #[arg(long, default_value = "20000")]
    calls_per_second: NonZeroU32,
    /// What is logged, as an EnvFilter
    #[arg(long, default_value = "warn")]
    log: String,
}

/// Runs until Ctrl-C.
///
/// # Errors
/// When something that is needed is missing; says how to get it.
pub async fn run(arguments: DevArgs) -> anyhow::Result<()> {
    let log = TelemetryConfig {
        log: arguments.log.clone(),
        format: LogFormat::Text,
        ..TelemetryConfig::default()
    };
    let telemetry = telemetry::init(&log, "kefu-dev", "dev")?;
    let listener = TcpListener::bind(arguments.listen).await.with_context(|| {
        format!(
            "cannot listen on {}: is another suite running?",
            arguments.listen
        )
    })?;
    let keys = Keys::load_or_make(&arguments.home)?;
    keys.publish_audit_key(&arguments.home)?;
    let server = database::start(&arguments.home).await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ids = Ids::new(clock.clone(), system_randomness());
    let databases = server.databases(&keys).await?;

    let company = Company::from_toml(COMPANY).context("the example company")?;
    seed::seed(&databases.access_control, clock.as_ref(), &ids, &company)
        .await
        .map_err(crate::said)?;
    let tokens = notice::tokens(&arguments.home, &keys, &company, clock.now())?;

    let mut parts = parts(&keys, databases, clock, ids)?;
    parts.access_control.approvals_file = arguments.approvals;
    parts.gateway.web_origins = arguments.web_origins;
    if let Some(file) = arguments.product_categories {
        let listed = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        parts.order_followup.product_categories = listed.lines().map(str::to_owned).collect();
    }
    parts.gateway.calls_per_second = arguments.calls_per_second;
    parts.gateway.burst = arguments.calls_per_second.saturating_mul(TWO);
    parts.ticket.attachments.folder = arguments.home.join("attachments");
    let suite = parts.assemble().map_err(crate::said)?;
    let ending = CancellationToken::new();
    let jobs = suite
        .services
        .into_iter()
        .flat_map(|service| service.jobs)
        .collect();
    let running = start_jobs(jobs, ending.clone());
    let seat = Seat {
        listener,
        health_listener: None,
        options: ServeOptions {
            drain: Duration::from_secs(5),
            accept_http1: true,
            ..ServeOptions::default()
        },
        notice: Duration::ZERO,
        reflection: Reflected::Public,
    };
    let address = format!("http://{}", arguments.listen);
    let greeting = tokio::spawn(async move {
        match demo::prepare(&address, &tokens).await {
            Ok(demo) => notice::print(&address, &tokens, &demo),
            Err(error) => eprintln!("kefu: the example records could not be entered: {error:#}"),
        }
    });
    let outcome = host::run(suite.gateway, seat, told_to_end()).await;
    greeting.abort();
    running.stop(Duration::from_secs(5)).await;
    server.stop().await?;
    telemetry.shutdown().await;
    Ok(outcome?)
}

/// The parts of a suite that believes these keys and no others.
///
/// # Errors
/// When a key cannot be read.
pub fn parts(
    keys: &Keys,
    databases: crate::suite::Databases,
    clock: Arc<dyn Clock>,
    ids: Ids,
) -> anyhow::Result<Parts> {
    let (gateway, service) = (keys.gateway()?, keys.service()?);
    let (webhooks_key, webhooks) = keys.webhooks()?;
    let trusted = [
        (Trust::Gateway, gateway.public_key()),
        (Trust::Gateway, webhooks.public_key()),
        (Trust::Service, service.public_key()),
    ];
    let rules = GatewayConfig {
        environment: Environment::Development,
        allow_development_issuer: true,
        issuer: dev_issuer::ISSUER.to_owned(),
        audience: dev_issuer::AUDIENCE.to_owned(),
        jwks: keys.issuer()?.jwks(),
        // One person's machine, and imports that should not wait.
        calls_per_second: NonZeroU32::new(20_000).context("not zero")?,
        burst: NonZeroU32::new(40_000).context("not zero")?,
        ..GatewayConfig::default()
    };
    Ok(Parts {
        clock,
        ids,
        vault: Arc::new(Vault::new(Arc::new(keys.provider()?), system_randomness())),
        verifier: Arc::new(ContextVerifier::new(trusted)),
        gateway_signer: Arc::new(gateway),
        service_signer: Arc::new(service),
        databases,
        gateway: rules,
        access_control: AccessControlConfig {
            audit_key: Some(Secret::new(keys.audit.clone())),
            checkpoint_ms: 1000,
            webhooks: WebhooksConfig {
                signing_key: Some(Secret::new(webhooks_key.to_owned())),
                // Receivers are tried on the same machine.
                allow_local: true,
                allow_plaintext: true,
                ..WebhooksConfig::default()
            },
            ..AccessControlConfig::default()
        },
        customer_profile: kefu_customer_profile::CustomerProfileConfig::default(),
        ticket: kefu_ticket::TicketConfig::default(),
        order_followup: kefu_order_followup::OrderFollowupConfig::default(),
        access_control_apart: None,
    })
}
