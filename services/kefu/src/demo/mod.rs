//! `kefu demo`: what the suite exists for, played in a terminal against a running
//! suite of `kefu dev`, by the people of the example company.

#![allow(clippy::print_stdout, reason = "the play is the output of the command")]

mod cast;
mod destruction;
mod export;
mod file;
mod form;
mod share;

use clap::Subcommand;

/// Plays a story against a running suite
#[derive(Debug, clap::Args)]
pub struct DemoArgs {
    /// Goes straight through, in a terminal too, where each step otherwise waits for Enter
    #[arg(long, global = true)]
    straight: bool,
    #[command(subcommand)]
    story: Story,
}

#[derive(Debug, Subcommand)]
enum Story {
    /// A file is asked for, narrowed, approved, read, and called back before its time is over
    Share(share::ShareArgs),
    /// The same with a package that leaves encrypted, is recalled, and can be told by its mark
    Export(export::ExportArgs),
    /// A file from what the customer wrote of themselves to its destruction, and what each post sees
    File(file::FileArgs),
}

/// Plays it.
///
/// # Errors
/// When the suite is not there, or does something else than the story says.
pub async fn run(args: DemoArgs) -> anyhow::Result<()> {
    let straight = args.straight;
    match args.story {
        Story::Share(args) => share::play(args, straight).await,
        Story::Export(args) => export::play(args, straight).await,
        Story::File(args) => file::play(args, straight).await,
    }
}
