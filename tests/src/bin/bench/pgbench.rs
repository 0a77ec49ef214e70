//! The same statement by PostgreSQL's own client: what the database alone does.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use tokio::{process::Command, task::JoinSet};

use crate::{house::House, load::Round, meter::Meter};

pub(crate) struct Pgbench {
    program: PathBuf,
    url: String,
}

impl Pgbench {
    /// The program beside the server's, or on the PATH; run in the role of this URL.
    pub(crate) async fn find(house: &House, url: String) -> anyhow::Result<Option<Self>> {
        let mut admin = house.admin().await?;
        let folder: String =
            sqlx::query_scalar("SELECT setting FROM pg_config WHERE name = 'BINDIR'")
                .fetch_one(&mut admin)
                .await?;
        let beside = PathBuf::from(folder).join("pgbench");
        let program = if beside.is_file() {
            beside
        } else {
            "pgbench".into()
        };
        let there = Command::new(&program).arg("--version").output().await;
        Ok(there.is_ok().then_some(Self { program, url }))
    }

    /// One turn; each script is a statement that is run as often as the others.
    pub(crate) async fn run(
        &self,
        meter: &Meter,
        connections: usize,
        lasting: Duration,
        scripts: &[String],
    ) -> anyhow::Result<Round> {
        let folder = tempfile::tempdir()?;
        let mut command = Command::new(&self.program);
        command.args(["-n", "-M", "prepared", "-j", "2"]);
        command.args(["-c", &connections.to_string()]);
        command.args(["-T", &lasting.as_secs().to_string()]);
        for (number, script) in scripts.iter().enumerate() {
            let file = folder.path().join(format!("{number}.sql"));
            std::fs::write(&file, format!("{script};\n"))?;
            command.arg("-f").arg(file);
        }
        let before = meter.read();
        let begun = Instant::now();
        // Over a socket of the network, as the services are.
        let output = command.arg(&self.url).output().await?;
        let lasted = begun.elapsed();
        let spent = meter.read().since(before);
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(
            output.status.success(),
            "pgbench failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let calls: u64 = after(&said, "number of transactions actually processed: ")?;
        // Without the time that connecting took.
        let rate: f64 = after(&said, "tps = ")?;
        let latency: f64 = after(&said, "latency average = ")?;
        Ok(Round {
            calls,
            lasted: Duration::from_secs_f64(calls as f64 / rate).min(lasted),
            spent,
            waited: Duration::from_secs_f64(latency * calls as f64 / 1_000.0),
            micros: Vec::new(),
        })
    }
}

impl Pgbench {
    /// How long the longest of these scripts takes, each once over a connection of its own and all
    /// at the same time; what pgbench takes to read them is not counted.
    pub(crate) async fn once(&self, scripts: &[String]) -> anyhow::Result<Duration> {
        let folder = tempfile::tempdir()?;
        let mut all = JoinSet::new();
        for (number, script) in scripts.iter().enumerate() {
            let file = folder.path().join(format!("{number}.sql"));
            std::fs::write(&file, script)?;
            let mut command = Command::new(&self.program);
            command.args(["-n", "-c", "1", "-t", "1", "-f"]).arg(file);
            command.arg(&self.url);
            all.spawn(async move { command.output().await });
        }
        let mut longest = Duration::ZERO;
        while let Some(output) = all.join_next().await {
            let output = output??;
            let said = String::from_utf8_lossy(&output.stdout);
            ensure!(
                output.status.success() && said.contains("actually processed: 1/1"),
                "pgbench failed: {}",
                String::from_utf8_lossy(&output.stderr)
            );
            let millis: f64 = after(&said, "latency average = ")?;
            longest = longest.max(Duration::from_secs_f64(millis / 1_000.0));
        }
        Ok(longest)
    }
}

/// The number that follows these words.
fn after<T: std::str::FromStr>(said: &str, words: &str) -> anyhow::Result<T> {
    let rest = said
        .split_once(words)
        .context("pgbench says something new")?
        .1;
    let end = rest.find(|one: char| !one.is_ascii_digit() && one != '.');
    let number = rest[..end.unwrap_or(rest.len())].parse().ok();
    number.context("pgbench says no number")
}
