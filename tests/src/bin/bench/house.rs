//! The suite as `kefu dev` puts it together, on a durable PostgreSQL of the
//! bench's own, with the gateway on a socket.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context;
use kefu::{
    dev::{
        Keys,
        database::{migrate, open, url_of},
        parts,
    },
    suite::Databases,
};
use kefu_access_control::seed::{self, Company, employee_id};
use kefu_postgres::{Cluster, ClusterOptions};
use kefu_service::{
    clock::{Clock, SystemClock},
    error::Fault,
    host::{Hosted, Job, Running, start_jobs},
    ids::{Ids, system_randomness},
    server::{GrpcService, ServeOptions, serve},
};
use sqlx::{Connection, Executor, PgConnection};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{
    metadata::{Ascii, MetadataValue},
    transport::Channel,
};

use crate::{calls::channels, meter::Meter};

/// The agent whose customers they are.
pub(crate) const AGENT: &str = "li.wei";
const DATABASE: &str = "kefu_bench";
/// Of each service.
const CONNECTIONS: usize = 16;

pub(crate) struct House {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Ids,
    pub(crate) keys: Keys,
    pub(crate) databases: Databases,
    /// To the gateway.
    pub(crate) channels: Vec<Channel>,
    /// The gateway without a socket.
    pub(crate) gateway: GrpcService,
    pub(crate) meter: Meter,
    /// The agent's.
    pub(crate) token: MetadataValue<Ascii>,
    services: Vec<(&'static str, GrpcService)>,
    cluster: Cluster,
    /// Jobs that follow journals, by service, and whether some run.
    followers: (BTreeMap<&'static str, Vec<Job>>, Option<Running>),
    running: Running,
    ending: CancellationToken,
}

impl House {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let cluster = Cluster::start(ClusterOptions {
            data_dir: target()?.join("kefu-postgres-bench"),
            durable: true,
            max_connections: 150,
            port: None,
        })
        .await
        .context("PostgreSQL did not start")?;
        let keys = Keys::make()?;
        create_database(&cluster).await?;
        migrate(
            &cluster.admin_options().database(DATABASE),
            keys.database_password(),
            &kefu::migrate::schemas(),
        )
        .await?;
        let databases = open(
            &cluster.url(DATABASE),
            keys.database_password(),
            CONNECTIONS,
        )?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let ids = Ids::new(clock.clone(), system_randomness());
        let company = Company::from_toml(seed::EXAMPLE_COMPANY).context("the example company")?;
        seed::seed(&databases.access_control, clock.as_ref(), &ids, &company)
            .await
            .map_err(said)?;
        let mut parts = parts(&keys, databases.clone(), clock.clone(), ids.clone())?;
        parts.ticket.attachments.folder = std::env::temp_dir().join("kefu-bench-attachments");
        let suite = parts.assemble().map_err(said)?;
        let services = suite.services.iter();
        let services = services
            .map(|one| (one.name, one.service.clone()))
            .collect();
        // access-control's jobs keep the gateway's policy alive: they always run.
        let (always, following): (Vec<Hosted>, Vec<Hosted>) = suite
            .services
            .into_iter()
            .partition(|one| one.name == kefu_access_control::NAME);
        let gateway = suite.gateway.service.clone();
        let ending = CancellationToken::new();
        let running = start_jobs(
            jobs(always.into_iter().chain([suite.gateway])),
            ending.clone(),
        );
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}", listener.local_addr()?);
        tokio::spawn(serve(
            gateway.clone(),
            listener,
            ServeOptions::default(),
            ending.clone().cancelled_owned(),
        ));
        let issuer = keys.issuer()?;
        let hour = Duration::from_secs(3600);
        let token = issuer
            .issue(employee_id(AGENT), clock.now(), hour)
            .map_err(said)?;
        let mut house = Self {
            meter: Meter::of(&mut admin(&cluster).await?).await?,
            token: format!("Bearer {token}").parse()?,
            channels: channels(&address).await?,
            followers: (
                following
                    .into_iter()
                    .map(|one| (one.name, one.jobs))
                    .collect(),
                None,
            ),
            clock,
            ids,
            keys,
            databases,
            gateway,
            services,
            cluster,
            running,
            ending,
        };
        house.resume_followers();
        Ok(house)
    }

    /// A service behind the gateway.
    pub(crate) fn service(&self, name: &str) -> anyhow::Result<GrpcService> {
        let found = self.services.iter().find(|(known, _)| *known == name);
        Ok(found.context("no such service")?.1.clone())
    }

    /// A superuser's connection.
    pub(crate) async fn admin(&self) -> anyhow::Result<PgConnection> {
        admin(&self.cluster).await
    }

    /// URL of the role of a schema.
    pub(crate) fn url_of(&self, schema: &str) -> anyhow::Result<String> {
        url_of(
            &self.cluster.url(DATABASE),
            schema,
            self.keys.database_password(),
        )
    }

    /// The server's log.
    pub(crate) fn log(&self) -> PathBuf {
        self.cluster.log()
    }

    pub(crate) async fn pause_followers(&mut self) {
        if let Some(running) = self.followers.1.take() {
            running.stop(Duration::from_secs(5)).await;
        }
    }

    pub(crate) fn resume_followers(&mut self) {
        let jobs = self.followers.0.values().flatten().cloned().collect();
        self.followers.1 = Some(start_jobs(jobs, self.ending.clone()));
    }

    /// Those of this service alone.
    pub(crate) fn resume_follower(&mut self, service: &str) {
        let jobs = self.followers.0.get(service).cloned().unwrap_or_default();
        self.followers.1 = Some(start_jobs(jobs, self.ending.clone()));
    }

    /// Lets the server do now what it would do amid a round.
    pub(crate) async fn settle(&self) -> anyhow::Result<()> {
        let mut admin = self.admin().await?;
        admin.execute("VACUUM ANALYZE").await?;
        admin.execute("CHECKPOINT").await?;
        Ok(admin.close().await?)
    }

    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.pause_followers().await;
        self.ending.cancel();
        self.running.stop(Duration::from_secs(5)).await;
        Ok(self.cluster.stop().await?)
    }
}

pub(crate) fn said(fault: Fault) -> anyhow::Error {
    anyhow::anyhow!("{}", fault.detail)
}

fn jobs(services: impl IntoIterator<Item = Hosted>) -> Vec<Job> {
    services.into_iter().flat_map(|one| one.jobs).collect()
}

async fn admin(cluster: &Cluster) -> anyhow::Result<PgConnection> {
    let options = cluster.admin_options().database(DATABASE);
    Ok(PgConnection::connect_with(&options).await?)
}

/// A new one: every run begins with the same tables.
async fn create_database(cluster: &Cluster) -> anyhow::Result<()> {
    let mut connection = PgConnection::connect_with(&cluster.admin_options()).await?;
    connection
        .execute("DROP DATABASE IF EXISTS kefu_bench WITH (FORCE)")
        .await?;
    connection.execute("CREATE DATABASE kefu_bench").await?;
    Ok(connection.close().await?)
}

/// The build's folder: this program is in one of its profiles' folders.
fn target() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let folder = program.parent().and_then(|profile| profile.parent());
    Ok(folder.context("a program without a folder")?.to_owned())
}
