//! `kefu import`: rows of CSV files become customers, orders and tickets by way
//! of the gateway's public methods, as any system account could do it.
//!
//! A run can be killed and started again at any moment: what is done is kept in
//! a [state file](state), and where that is lost, each request carries an id
//! that follows from the record and the step, so that the suite answers a
//! repeated one as before. What a mapping says is told in [mapping].

#![allow(
    clippy::print_stdout,
    reason = "the summary is the output of the command"
)]

mod columns;
mod customers;
mod drive;
mod join;
mod mapping;
mod orders;
mod progress;
mod reader;
mod record;
mod reject;
mod report;
mod session;
mod state;
mod table;
mod template;
#[cfg(test)]
mod tests;
mod ticket_calls;
mod tickets;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, bail};
use kefu_service::clock::{Clock, SystemClock};

use crate::client::{Client, ConnectArgs};
use drive::{Importer, Run};
use join::Data;
use mapping::Mapping;
use progress::Progress;
use reader::Formats;
use reject::Rejects;
use report::Tally;
use session::Session;
use state::{Found, State};

/// Brings records of other systems into the suite
#[derive(Debug, clap::Args)]
pub struct ImportArgs {
    /// What the rows are about
    kind: Kind,
    /// CSV file in UTF-8 with a header line
    file: PathBuf,
    /// TOML file that says which column becomes which field
    #[arg(long, value_name = "MAP.toml")]
    mapping: PathBuf,
    #[command(flatten)]
    connect: ConnectArgs,
    /// Records that are sent at the same time
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1024))]
    concurrency: u16,
    /// Seconds to wait for a suite that cannot be reached before giving up
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    retry_for: u64,
    /// Where to keep what is done and the rejected rows; beside FILE by default
    #[arg(long, value_name = "FOLDER")]
    state_dir: Option<PathBuf>,
    /// Sends every record, also those that an earlier run brought
    #[arg(long)]
    from_start: bool,
    /// Ends well also when rows were rejected
    #[arg(long)]
    allow_rejected: bool,
}

/// Kinds of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    Customers,
    Orders,
    Tickets,
}

/// Imports the file and says what came of it.
///
/// # Errors
/// When the run could not go on, or rows were rejected.
pub async fn run(args: ImportArgs) -> anyhow::Result<()> {
    let mapping_path = args.mapping.display().to_string();
    let text =
        fs::read_to_string(&args.mapping).with_context(|| format!("cannot read {mapping_path}"))?;
    let mut mapping: Mapping =
        toml::from_str(&text).with_context(|| format!("cannot use {mapping_path}"))?;

    // What the state is bound to: all that decides what is sent, and whereto.
    let mut binding = vec![args.connect.address.clone().into_bytes(), text.into_bytes()];
    let data = Data::load(&args.file, &mapping.source, &mapping.join, |path| {
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        binding.push(bytes.clone());
        Ok(bytes)
    })?;
    columns::check(&mapping, &data).with_context(|| format!("cannot use {mapping_path}"))?;
    let parts: Vec<_> = binding.iter().map(Vec::as_slice).collect();
    let binding = state::hash(&parts);

    let missing = |table: &str| format!("{mapping_path} has no [{table}]: it is not for this");
    match args.kind {
        Kind::Customers => {
            let importer = mapping
                .customer
                .take()
                .with_context(|| missing("customer"))?;
            import(&args, &mapping, &data, binding, &importer).await
        }
        Kind::Orders => {
            let importer = mapping.order.take().with_context(|| missing("order"))?;
            import(&args, &mapping, &data, binding, &importer).await
        }
        Kind::Tickets => {
            let importer = mapping.ticket.take().with_context(|| missing("ticket"))?;
            import(&args, &mapping, &data, binding, &importer).await
        }
    }
}

async fn import<I: Importer>(
    args: &ImportArgs,
    mapping: &Mapping,
    data: &Data,
    binding: String,
    importer: &I,
) -> anyhow::Result<()> {
    let formats = Formats::of(&mapping.source)?;
    let client = Client::new(&args.connect, Some("integration"), "en")?;
    let retry_for = Duration::from_secs(args.retry_for);
    let session = Session::new(client, SystemClock.now(), retry_for);
    let mut run = Run {
        importer,
        data,
        formats: &formats,
        session: &session,
        concurrency: args.concurrency.into(),
        state: open_state(args, I::KIND, binding)?,
        rejects: Rejects::new(
            beside(args, |stem| format!("{stem}.rejected.csv")),
            data.main.headers().clone(),
            mapping.source.delimiter,
        )?,
        tally: Tally::default(),
    };
    let (records, strays) = record::group(data, &formats, &mapping.external_ref);
    for (row, reason) in strays {
        run.tally.reject(1);
        run.rejects
            .add(data.main.rows[row].as_byte_record(), &reason)?;
    }
    for (row, reason) in &data.main.broken {
        run.tally.reject(1);
        run.rejects.add(row, reason)?;
    }

    let rows = data.main.rows.len() + data.main.broken.len();
    eprintln!("{rows} rows about {} {}", records.len(), I::KIND);
    let mut progress = Progress::new(rows);
    let ended = run.records(&records, &mut progress).await;
    println!("{}", run.tally.summary(I::KIND, progress.elapsed()));
    ended.context("the import ended early; the same command goes on where it was")?;
    if run.tally.rejected > 0 {
        let path = run.rejects.path().display();
        println!("  rejected rows and why: {path}");
        if !args.allow_rejected {
            bail!("{} {} were rejected", run.tally.rejected, I::KIND);
        }
    }
    Ok(())
}

fn open_state(args: &ImportArgs, kind: &str, binding: String) -> anyhow::Result<State> {
    if let Some(folder) = &args.state_dir {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    // Several kinds may come from one file, and several files from one folder.
    let path = beside(args, |stem| format!(".{stem}.{kind}.kefu-import"));
    let (mut state, found) = State::open(&path, binding)?;
    match found {
        Found::Other => eprintln!(
            "the file, the mapping or the address is another than in the earlier run: starting over"
        ),
        Found::Done(_) if args.from_start => state.start_over()?,
        Found::Done(done) if done > 0 => eprintln!("going on: {done} {kind} are done"),
        Found::Done(_) | Found::Nothing => {}
    }
    Ok(state)
}

/// A file named after FILE, in the folder for such files.
fn beside(args: &ImportArgs, name: impl FnOnce(&str) -> String) -> PathBuf {
    let stem = args.file.file_stem().unwrap_or_default().to_string_lossy();
    let folder = args.state_dir.as_deref().or_else(|| args.file.parent());
    folder.unwrap_or(Path::new("")).join(name(&stem))
}
