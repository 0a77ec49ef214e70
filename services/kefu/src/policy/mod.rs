//! `kefu policy`: what the roles make of a company, without a server or a database.

#![allow(clippy::print_stdout, reason = "what these commands are for")]

mod explain;
mod test;
mod text;

use std::{fs, path::PathBuf};

use anyhow::Context;
use jiff::Timestamp;
use kefu_access_control::{
    domain::{company::Company, roles::Roles},
    offline::World,
    seed::EXAMPLE_COMPANY,
};
use kefu_service::{
    clock::{Clock, SystemClock},
    error::Language,
};

/// Tests and explains the policy, without a server
#[derive(Debug, clap::Args)]
pub struct PolicyArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Test(test::TestArgs),
    Explain(explain::ExplainArgs),
}

/// What is asked about, in which words.
#[derive(Debug, clap::Args)]
struct WorldArgs {
    /// The company (TOML); the example company when left out
    #[arg(long, value_name = "FILE")]
    company: Option<PathBuf>,
    /// The roles (TOML); those that come with the suite when left out
    #[arg(long, value_name = "FILE")]
    roles: Option<PathBuf>,
    /// When the company is as its file says: 2026-03-02T08:00:00Z; now when left out
    #[arg(long, value_name = "TIME")]
    start: Option<Timestamp>,
    /// Language of the verdicts: zh-CN or en
    #[arg(long, default_value = "en", value_name = "TAG")]
    language: String,
}

impl WorldArgs {
    fn world(&self) -> anyhow::Result<World> {
        let roles = match &self.roles {
            Some(file) => {
                Roles::from_toml(&read(file)?).with_context(|| file.display().to_string())?
            }
            None => Roles::shipped()?,
        };
        let company = match &self.company {
            Some(file) => {
                Company::from_toml(&read(file)?).with_context(|| file.display().to_string())?
            }
            None => Company::from_toml(EXAMPLE_COMPANY)?,
        };
        // Whole seconds: what is counted from it is read by people.
        let now = SystemClock.now();
        let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let start = self.start.unwrap_or(now);
        Ok(World::new(roles, company, start)?)
    }

    fn language(&self) -> Language {
        Language::from_header(&self.language)
    }
}

fn read(file: &PathBuf) -> anyhow::Result<String> {
    fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

/// Runs the command.
///
/// # Errors
/// A table that does not hold, or what is wrong with a file.
pub fn run(args: PolicyArgs) -> anyhow::Result<()> {
    match args.command {
        Command::Test(options) => test::run(&options),
        Command::Explain(options) => explain::run(&options),
    }
}
