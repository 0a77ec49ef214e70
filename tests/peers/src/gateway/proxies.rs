//! The two proxies made with tonic: the bare one passes everything on, kefu's gateway
//! does all it does, with a policy from a stand-in for access-control.

use std::{convert::Infallible, num::NonZeroU32, pin::Pin, sync::Arc, time::Duration};

use anyhow::anyhow;
use http::Request;
use kefu_access::ContextSigner;
use kefu_contracts::{
    access::{
        RecordRefusalsRequest, RecordRefusalsResponse, RoleRule, ScopeTemplate, SnapshotBinding,
        SnapshotDepartment, SnapshotRole, SnapshotSubject, SubjectKind, WatchSnapshotRequest,
        WatchSnapshotResponse,
        refusal_service_server::{RefusalService, RefusalServiceServer},
        snapshot_service_server::{SnapshotService, SnapshotServiceServer},
    },
    policy::{DataClass, Purpose},
};
use kefu_gateway::{
    Environment, GatewayConfig, GatewayDeps, Upstreams, build,
    dev_issuer::{AUDIENCE, DevIssuer, ISSUER},
};
use kefu_service::{
    clock::{Clock, SystemClock},
    config::TelemetryConfig,
    error::Fault,
    host::start_jobs,
    ids::{Ids, system_randomness},
    peer::remote,
    server::{GrpcService, ServeOptions, serve},
    telemetry,
};
use tokio::{net::TcpListener, sync::mpsc};
use tokio_stream::{Stream, StreamExt, wrappers::ReceiverStream};
use tokio_util::sync::CancellationToken;
use tonic::{
    Response, Status,
    body::Body,
    service::Routes,
    transport::{Channel, Endpoint, Server, server::TcpIncoming},
};
use tower::{ServiceExt, service_fn, util::BoxCloneSyncService};
use uuid::Uuid;

use crate::load::CONNECTIONS;

/// What tonic gives, and nothing around it.
pub(crate) async fn bare(upstream: String) -> anyhow::Result<()> {
    let channel = Endpoint::from_shared(upstream)?
        .tcp_nodelay(true)
        .connect_lazy();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    let pass = service_fn(move |request: Request<Body>| {
        let channel: Channel = channel.clone();
        async move {
            let answered = channel.oneshot(request).await;
            Ok::<_, Infallible>(
                answered.unwrap_or_else(|_| Status::unavailable("gone").into_http()),
            )
        }
    });
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    Ok(Server::builder()
        .max_concurrent_streams(1024)
        .serve_with_incoming(pass, incoming)
        .await?)
}

/// The gateway as it is served, with its jobs; only the rate of a subject is out of the way.
pub(crate) async fn kefu(upstream: String) -> anyhow::Result<()> {
    // Spans and logs as `kefu serve` has them, without a collector.
    let _telemetry = telemetry::init(&TelemetryConfig::default(), kefu_gateway::NAME, "bench")?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let randomness = system_randomness();
    let issuer = DevIssuer::generate(&*randomness).map_err(said)?;
    let config = GatewayConfig {
        environment: Environment::Development,
        allow_development_issuer: true,
        issuer: ISSUER.into(),
        audience: AUDIENCE.into(),
        jwks: issuer.jwks(),
        calls_per_second: NonZeroU32::MAX,
        burst: NonZeroU32::MAX,
        ..GatewayConfig::default()
    };
    let signer = || Arc::new(ContextSigner::generate(&*randomness).0);
    let deps = GatewayDeps {
        clock: clock.clone(),
        ids: Ids::new(clock.clone(), randomness.clone()),
        signer: signer(),
        identity: signer(),
    };
    let service = || remote(&upstream).map_err(said);
    let upstreams = Upstreams {
        profile: service()?,
        ticket: service()?,
        order: service()?,
        analytics: service()?,
        access: access(),
    };
    let hosted = build(&config, deps, upstreams).map_err(said)?;
    let stop = CancellationToken::new();
    let _running = start_jobs(hosted.jobs, stop.clone());
    // Until the policy has come, all would be refused.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut said = format!("http://{}", listener.local_addr()?);
    for number in 0..CONNECTIONS {
        let token = issuer.issue(agent(number), clock.now(), Duration::from_secs(3600));
        said = format!("{said} {}", token.map_err(self::said)?);
    }
    println!("{said}");
    Ok(serve(
        hosted.service,
        listener,
        ServeOptions::default(),
        stop.cancelled_owned(),
    )
    .await?)
}

fn said(fault: Fault) -> anyhow::Error {
    anyhow!("{}", fault.detail)
}

fn agent(number: usize) -> Uuid {
    Uuid::from_u128(0x0198_c0de_0000_7000_8000_0000_0000_1000 + number as u128)
}

/// Streams a policy and a heartbeat a second; takes refusals.
fn access() -> GrpcService {
    let routes = Routes::new(SnapshotServiceServer::new(Access))
        .add_service(RefusalServiceServer::new(Access));
    BoxCloneSyncService::new(routes.prepare())
}

struct Access;

#[tonic::async_trait]
impl SnapshotService for Access {
    type WatchSnapshotStream =
        Pin<Box<dyn Stream<Item = Result<WatchSnapshotResponse, Status>> + Send>>;

    async fn watch_snapshot(
        &self,
        _: tonic::Request<WatchSnapshotRequest>,
    ) -> Result<Response<Self::WatchSnapshotStream>, Status> {
        let (watcher, stream) = mpsc::channel(1);
        tokio::spawn(async move {
            let mut message = policy();
            while watcher.send(message).await.is_ok() {
                tokio::time::sleep(Duration::from_secs(1)).await;
                message = WatchSnapshotResponse {
                    revision: 1,
                    ..Default::default()
                };
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(stream).map(Ok))))
    }
}

#[tonic::async_trait]
impl RefusalService for Access {
    async fn record_refusals(
        &self,
        _: tonic::Request<RecordRefusalsRequest>,
    ) -> Result<Response<RecordRefusalsResponse>, Status> {
        Ok(Response::new(RecordRefusalsResponse {}))
    }
}

fn policy() -> WatchSnapshotResponse {
    let bytes = |id: Uuid| id.as_bytes().to_vec();
    let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
    let (department, far) = (Uuid::from_u128(1), 4_000_000_000);
    WatchSnapshotResponse {
        revision: 1,
        full: true,
        departments: vec![SnapshotDepartment {
            id: bytes(department),
            title: "service".into(),
            ..Default::default()
        }],
        subjects: (0..CONNECTIONS)
            .map(|number| SnapshotSubject {
                id: bytes(agent(number)),
                kind: SubjectKind::Employee as i32,
                department_id: bytes(department),
                agreement_valid_until: at(far),
                training_valid_until: at(far),
                ..Default::default()
            })
            .collect(),
        roles: vec![SnapshotRole {
            id: "agent".into(),
            rules: vec![RoleRule {
                id: "duty".into(),
                permissions: vec!["profile.customers.get".into()],
                scope: ScopeTemplate::Duty as i32,
                classes: vec![DataClass::Basic as i32, DataClass::Contact as i32],
                purposes: vec![Purpose::Service as i32],
                ..Default::default()
            }],
        }],
        bindings: (0..CONNECTIONS)
            .map(|number| SnapshotBinding {
                id: bytes(Uuid::from_u128(100 + number as u128)),
                subject_id: bytes(agent(number)),
                role_id: "agent".into(),
                starts_at: at(0),
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    }
}
