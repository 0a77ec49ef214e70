//! Runs one service as a process of its own.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, bail};
use base64::{Engine, engine::general_purpose::STANDARD};
use kefu_access::{ContextSigner, ContextVerifier, Trust};
use kefu_gateway::{GatewayConfig, GatewayDeps, Upstreams};
use kefu_service::{
    clock::{Clock, SystemClock},
    config::{DatabaseConfig, Secret, ServerConfig, UpstreamConfig},
    core::Deps,
    database::Db,
    host::{self, Hosted, Seat},
    ids::{Ids, system_randomness},
    server::{Reflected, ServeOptions},
    telemetry,
    tls::ServerTls,
};
use tokio::{net::TcpListener, signal};

use crate::{key_provider, production, said, settings::Settings, tls::Tls};

/// Runs the service of this name until it is told to end.
///
/// # Errors
/// When its configuration lacks something or it cannot be run.
pub async fn run(mut settings: Settings, service: &str) -> anyhow::Result<()> {
    let telemetry = telemetry::init(&settings.telemetry, service, &instance())?;
    Box::pin(key_provider::ask(&mut settings.vault, service)).await?;
    let Prepared {
        hosted,
        server,
        tls,
    } = build(&settings, service)?;
    let is_gateway = hosted.name == kefu_gateway::NAME;
    let listener = TcpListener::bind(server.listen)
        .await
        .with_context(|| format!("cannot listen on {}", server.listen))?;
    let health_listener = match server.health_listen {
        Some(address) => Some(
            TcpListener::bind(address)
                .await
                .with_context(|| format!("cannot listen on {address}"))?,
        ),
        None => None,
    };
    let seat = Seat {
        listener,
        health_listener,
        options: ServeOptions {
            // Browsers call the gateway alone.
            accept_http1: is_gateway,
            tls,
            ..ServeOptions::from(&server)
        },
        notice: Duration::from_millis(500),
        reflection: match (server.reflection, is_gateway) {
            (false, _) => Reflected::Nothing,
            (true, true) => Reflected::Public,
            (true, false) => Reflected::All,
        },
    };
    let outcome = host::run(hosted, seat, told_to_end()).await;
    telemetry.shutdown().await;
    Ok(outcome?)
}

/// Which of its service's processes this is: figures of two under one name would be mixed
/// up, and every pod's process has the id 1.
fn instance() -> String {
    std::env::var("HOSTNAME").unwrap_or_else(|_| std::process::id().to_string())
}

/// Ends with Ctrl-C or SIGTERM.
pub async fn told_to_end() {
    let terminated = async {
        match signal::unix::signal(signal::unix::SignalKind::terminate()) {
            Ok(mut terminated) => {
                terminated.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = signal::ctrl_c() => {}
        () = terminated => {}
    }
}

/// A service, and how it is to listen.
pub struct Prepared {
    /// The service, with its jobs.
    pub hosted: Hosted,
    /// Where it listens.
    pub server: ServerConfig,
    /// TLS of its server; none: plaintext.
    pub tls: Option<ServerTls>,
}

/// Puts the service of this name together.
///
/// # Errors
/// When its configuration lacks something, is not for production or cannot be carried out.
pub fn build(settings: &Settings, service: &str) -> anyhow::Result<Prepared> {
    production::check(settings, service)?;
    let tls = Tls::of(settings, service)?;
    let (mut hosted, server) = assemble(settings, service, &tls)?;
    hosted.jobs.push(tls.renewal(Arc::new(SystemClock)));
    Ok(Prepared {
        hosted,
        server,
        tls: tls.server,
    })
}

fn assemble(
    settings: &Settings,
    service: &str,
    tls: &Tls,
) -> anyhow::Result<(Hosted, ServerConfig)> {
    let at = |upstream: &UpstreamConfig| {
        let way = tls.services.among(&upstream.uri, &upstream.addresses);
        way.map_err(said)
    };
    let upstream = &settings.upstream;
    let profile = || at(&upstream.customer_profile);
    let tickets = || at(&upstream.ticket);
    let orders = || at(&upstream.order_followup);
    let hosted = match service {
        kefu_gateway::NAME => {
            let upstreams = Upstreams {
                profile: profile()?,
                ticket: tickets()?,
                order: orders()?,
                analytics: at(&upstream.analytics)?,
                access: at(&upstream.access_control)?,
            };
            return gateway(settings, upstreams);
        }
        kefu_access_control::NAME => {
            let own = &settings.access_control;
            let deps = deps(
                settings,
                own.database.as_ref(),
                kefu_access_control::SCHEMA,
                &own.server,
                tls,
            )?;
            let peers = kefu_access_control::Peers {
                customer_profile: profile()?,
                ticket: tickets()?,
                order_followup: orders()?,
                analytics: at(&upstream.analytics)?,
            };
            (
                kefu_access_control::build(own.rules.clone(), deps, peers),
                &own.server,
            )
        }
        kefu_customer_profile::NAME => {
            let own = &settings.customer_profile;
            let deps = deps(
                settings,
                own.database.as_ref(),
                kefu_customer_profile::SCHEMA,
                &own.server,
                tls,
            )?;
            let peers = kefu_customer_profile::Peers {
                ticket: tickets()?,
                order_followup: orders()?,
                access_control: at(&upstream.access_control)?,
            };
            (
                kefu_customer_profile::build(own.rules.clone(), deps, peers),
                &own.server,
            )
        }
        kefu_ticket::NAME => {
            let own = &settings.ticket;
            let deps = deps(
                settings,
                own.database.as_ref(),
                kefu_ticket::SCHEMA,
                &own.server,
                tls,
            )?;
            (
                kefu_ticket::build(
                    own.rules.clone(),
                    deps,
                    kefu_ticket::Peers {
                        customer_profile: profile()?,
                        access_control: at(&upstream.access_control)?,
                    },
                ),
                &own.server,
            )
        }
        kefu_order_followup::NAME => {
            let own = &settings.order_followup;
            let deps = deps(
                settings,
                own.database.as_ref(),
                kefu_order_followup::SCHEMA,
                &own.server,
                tls,
            )?;
            let peers = kefu_order_followup::Peers {
                customer_profile: profile()?,
                ticket: tickets()?,
                access_control: at(&upstream.access_control)?,
            };
            (
                kefu_order_followup::build(own.rules.clone(), deps, peers),
                &own.server,
            )
        }
        kefu_analytics::NAME => {
            let own = &settings.analytics;
            let deps = deps(
                settings,
                own.database.as_ref(),
                kefu_analytics::SCHEMA,
                &own.server,
                tls,
            )?;
            let peers = kefu_analytics::Peers {
                access_control: at(&upstream.access_control)?,
                customer_profile: profile()?,
                ticket: tickets()?,
                order_followup: orders()?,
            };
            (
                kefu_analytics::build(own.rules.clone(), deps, peers),
                &own.server,
            )
        }
        _ => bail!(
            "no service {service:?}: gateway, access-control, customer-profile, ticket, order-followup, analytics"
        ),
    };
    Ok((hosted.0.map_err(said)?, hosted.1.clone()))
}

fn gateway(settings: &Settings, upstreams: Upstreams) -> anyhow::Result<(Hosted, ServerConfig)> {
    let key = settings
        .gateway
        .signing_key
        .as_ref()
        .context("gateway.signing_key is not set")?;
    let rules = GatewayConfig {
        environment: settings.environment,
        ..settings.gateway.rules.clone()
    };
    let client_authorities = &settings.tls.front.client_authority_file;
    if rules.require_bound_tokens_for_system_accounts && client_authorities.is_none() {
        bail!(
            "gateway.rules.require_bound_tokens_for_system_accounts needs tls.front.client_authority_file"
        );
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let deps = GatewayDeps {
        ids: Ids::new(clock.clone(), system_randomness()),
        clock,
        signer: Arc::new(signer(key, "gateway.signing_key")?),
        identity: Arc::new(identity(settings)?),
    };
    let hosted = kefu_gateway::build(&rules, deps, upstreams).map_err(said)?;
    Ok((hosted, settings.gateway.server.clone()))
}

fn deps(
    settings: &Settings,
    database: Option<&DatabaseConfig>,
    schema: &'static str,
    server: &ServerConfig,
    tls: &Tls,
) -> anyhow::Result<Deps> {
    let database = database.context("the service's database.url is not set")?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    Ok(Deps {
        ids: Ids::new(clock.clone(), system_randomness()),
        clock,
        db: Db::new(database, schema).map_err(said)?,
        vault: Arc::new(key_provider::vault(&settings.vault)?),
        verifier: Arc::new(verifier(settings)?),
        signer: Arc::new(identity(settings)?),
        connectors: tls.connectors.clone(),
        default_deadline: Duration::from_millis(server.default_deadline_ms),
        max_deadline: Duration::from_millis(server.max_deadline_ms),
    })
}

fn verifier(settings: &Settings) -> anyhow::Result<ContextVerifier> {
    let mut keys = Vec::new();
    let trusted = [
        (Trust::Gateway, &settings.trust.gateway_keys),
        (Trust::Service, &settings.trust.service_keys),
    ];
    for (trust, texts) in trusted {
        for text in texts {
            let bytes = STANDARD.decode(text)?;
            keys.push((
                trust,
                bytes
                    .try_into()
                    .map_err(|_| anyhow::anyhow!("a trusted key has 32 bytes"))?,
            ));
        }
    }
    Ok(ContextVerifier::new(keys))
}

fn identity(settings: &Settings) -> anyhow::Result<ContextSigner> {
    let identity = settings
        .identity
        .as_ref()
        .context("identity.signing_key is not set")?;
    signer(&identity.signing_key, "identity.signing_key")
}

fn signer(key: &Secret, name: &str) -> anyhow::Result<ContextSigner> {
    let bytes = STANDARD
        .decode(key.expose())
        .map_err(|_| anyhow::anyhow!("{name} is not base64"))?;
    ContextSigner::from_pkcs8(&bytes).map_err(|_| anyhow::anyhow!("{name} is not an Ed25519 key"))
}
