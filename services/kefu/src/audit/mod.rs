//! `kefu audit`: the log of all journals checked from outside.

#![allow(
    clippy::print_stdout,
    reason = "the findings are the output of the command"
)]

mod check;
mod verify;

use clap::Subcommand;

pub use check::{Check, Finding};

/// Checks the audit log
#[derive(Debug, clap::Args)]
pub struct AuditArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Finds every changed, removed, added or reordered entry, and says which
    Verify(verify::VerifyArgs),
}

/// Checks.
///
/// # Errors
/// When the log cannot be read, or is not what it was.
pub async fn run(args: AuditArgs) -> anyhow::Result<()> {
    match args.what {
        What::Verify(args) => verify::run(args).await,
    }
}
