//! `kefu figures`: all figures counted anew from the journals, and reports as files.

#![allow(
    clippy::print_stdout,
    reason = "how far it came is the output of the command"
)]

mod file;

use std::time::Duration;

use anyhow::bail;
use clap::Subcommand;
use kefu_contracts::analytics::{
    GetRebuildRequest, Rebuild, RebuildFiguresRequest, RebuildState,
    rebuild_service_client::RebuildServiceClient,
};
use tonic::Status;

use crate::client::{Client, ConnectArgs, Refusal};

/// Between two looks at how far it has come.
const EVERY: Duration = Duration::from_millis(500);

/// Sees to the figures
#[derive(Debug, clap::Args)]
pub struct FiguresArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Counts everything anew from the journals; the figures of before are answered until it is done
    Rebuild(RebuildArgs),
    /// Writes a report as a file: a page with charts, or a table
    File(file::FileArgs),
}

#[derive(Debug, clap::Args)]
struct RebuildArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// Begins it, or finds it begun, and does not wait for its end
    #[arg(long)]
    no_wait: bool,
}

/// Sees to them.
///
/// # Errors
/// When it is refused, or the suite cannot be reached.
pub async fn run(args: FiguresArgs) -> anyhow::Result<()> {
    match args.what {
        What::Rebuild(args) => rebuild(args).await,
        What::File(args) => file::run(args).await,
    }
}

async fn rebuild(args: RebuildArgs) -> anyhow::Result<()> {
    let client = Client::new(&args.connect, Some("administration"), "en")?;
    let mut figures = RebuildServiceClient::new(client.channel());
    let asked = figures.rebuild_figures(client.request(RebuildFiguresRequest::default()));
    let mut found = asked.await.map_err(refused)?.into_inner();
    let name = found.name.clone();
    println!("{}", told(&found));
    while found.state() == RebuildState::Running && !args.no_wait {
        tokio::time::sleep(EVERY).await;
        let name = name.clone();
        let looked = figures.get_rebuild(client.request(GetRebuildRequest { name }));
        let next = looked.await.map_err(refused)?.into_inner();
        if next != found {
            println!("{}", told(&next));
        }
        found = next;
    }
    match found.state() {
        RebuildState::Unspecified => bail!("{name} is in no state that this kefu knows"),
        _ => Ok(()),
    }
}

fn told(rebuild: &Rebuild) -> String {
    let name = &rebuild.name;
    match rebuild.state() {
        RebuildState::Running => {
            let each = rebuild
                .progress
                .iter()
                .map(|one| format!("{} {} of {}", one.source, one.position, one.live_position));
            format!("{name}: {}", each.collect::<Vec<_>>().join(", "))
        }
        RebuildState::Live => format!("{name}: figures are answered from it"),
        RebuildState::Retired => format!("{name}: another one has taken its place"),
        RebuildState::Unspecified => format!("{name}: unknown"),
    }
}

fn refused(status: Status) -> anyhow::Error {
    anyhow::anyhow!("{}", Refusal::from(&status))
}
