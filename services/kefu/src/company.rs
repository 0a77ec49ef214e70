//! `kefu company`: the first people of a company, entered into a register that knows nobody yet and so lets nobody in.

#![allow(clippy::print_stdout, reason = "what this command is for")]

use std::{fs, path::PathBuf, sync::Arc};

use anyhow::{Context, bail};
use clap::Subcommand;
use kefu_access_control::{
    domain::{company::Company, roles::Roles},
    seed::{Seeded, seed_first},
};
use kefu_service::{
    clock::SystemClock,
    database::Db,
    ids::{Ids, system_randomness},
};

use crate::{production, said, settings::Settings};

/// The role of whoever enters people.
const ADMINISTRATOR: &str = "administrator";

/// Enters the first people
#[derive(Debug, clap::Args)]
pub struct CompanyArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Tells whether the departments and people of a file could be entered, and touches nothing
    Check(FileArgs),
    /// Enters them where nobody is in the register; others are entered by the administrator among them
    Enter(FileArgs),
}

#[derive(Debug, clap::Args)]
struct FileArgs {
    /// The company (TOML), as services/access-control/example_company.toml is one
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl FileArgs {
    fn read(&self) -> anyhow::Result<Company> {
        let named = || self.file.display().to_string();
        let text = fs::read_to_string(&self.file).with_context(named)?;
        let company = Company::from_toml(&text).with_context(named)?;
        let company = company.check(&Roles::shipped()?).with_context(named)?;
        let mut people = company.employees.iter().filter(|one| !one.system_account);
        if !people.any(|one| one.roles.iter().any(|held| held.role == ADMINISTRATOR)) {
            bail!(
                "{}: it has no {ADMINISTRATOR}, so nobody could enter anybody else",
                named()
            );
        }
        Ok(company)
    }
}

/// Checks or enters a company.
///
/// # Errors
/// When the file or the company in it is wrong, somebody is in the register, or its database cannot be reached.
pub async fn run(config: Option<PathBuf>, arguments: CompanyArgs) -> anyhow::Result<()> {
    match arguments.what {
        What::Check(file) => {
            let company = file.read()?;
            let (departments, people) = (company.departments.len(), company.employees.len());
            println!(
                "{departments} departments and {people} people and system accounts can be entered"
            );
            Ok(())
        }
        What::Enter(file) => {
            let company = file.read()?;
            enter(&Settings::load(config)?.value, &company).await
        }
    }
}

async fn enter(settings: &Settings, company: &Company) -> anyhow::Result<()> {
    let database = settings.access_control.database.as_ref();
    let database = database.context("access_control.database is not configured")?;
    production::check_database(settings, database)?;
    let db = Db::new(database, kefu_access_control::SCHEMA).map_err(said)?;
    let clock = Arc::new(SystemClock);
    let ids = Ids::new(clock.clone(), system_randomness());
    let entered = seed_first(&db, clock.as_ref(), &ids, company);
    match entered.await.map_err(said)? {
        Some(entered) => {
            print(&entered);
            Ok(())
        }
        None => bail!("somebody is in the register already: whoever administers it enters others"),
    }
}

/// What the token issuer has to say of each: the subject is the id.
fn print(entered: &Seeded) {
    for (login, id) in &entered.employees {
        println!("{login}\t{id}");
    }
}
