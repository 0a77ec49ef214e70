//! `kefu`: runs the services, migrates their schemas, imports records, calls.

use std::{
    panic,
    path::PathBuf,
    process::{self, ExitCode},
};

use clap::{CommandFactory, Parser, Subcommand};
use kefu::{
    audit, backup, call, company, demo, dev, figures, import, migrate, openapi, policy, restore,
    serve, settings::Settings, watch,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(
    name = "kefu",
    version,
    about = "Customer service under a company's own written policies"
)]
struct Arguments {
    /// Configuration file (TOML); the environment (KEFU__SECTION__KEY) goes over it
    #[arg(long, global = true, env = "KEFU_CONFIG")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the whole suite in one process with a private PostgreSQL and an example company
    Dev(dev::DevArgs),
    /// Runs one service: gateway, access-control, customer-profile, ticket, order-followup, analytics
    Serve {
        /// Name of the service
        service: String,
    },
    /// Brings the services' schemas to their newest form
    Migrate(migrate::MigrateArgs),
    /// Prints the effective configuration with the source of each value
    Config,
    Company(company::CompanyArgs),
    Import(import::ImportArgs),
    Call(call::CallArgs),
    /// Prints how every call is made in JSON over HTTP (OpenAPI 3.1)
    Openapi,
    Watch(watch::WatchArgs),
    Policy(policy::PolicyArgs),
    Demo(demo::DemoArgs),
    Audit(audit::AuditArgs),
    Figures(figures::FiguresArgs),
    Backup(backup::BackupArgs),
    Restore(restore::RestoreArgs),
    /// Prints what a shell needs to complete commands and options: source <(kefu completions bash)
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Who reads no further, as `head` does, has seen enough: no panic, but the end that a shell knows.
fn end_with_the_reader() {
    let told = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        let why = panic.payload().downcast_ref::<String>();
        if why.is_some_and(|why| why.starts_with("failed printing to stdout: Broken pipe")) {
            // 128 and the number of SIGPIPE.
            process::exit(141);
        }
        told(panic);
    }));
}

#[tokio::main]
async fn main() -> ExitCode {
    end_with_the_reader();
    let arguments = Arguments::parse();
    // Boxed: it is as large as all configurations together.
    match Box::pin(run(arguments)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kefu: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    match arguments.command {
        Command::Dev(options) => dev::run(options).await,
        Command::Serve { service } => {
            serve::run(Settings::load(arguments.config)?.value, &service).await
        }
        Command::Migrate(options) => {
            migrate::run(Settings::load(arguments.config)?.value, options).await
        }
        Command::Config => print(&Settings::load(arguments.config)?.render()?),
        Command::Company(options) => company::run(arguments.config, options).await,
        Command::Import(options) => import::run(options).await,
        Command::Call(options) => call::run(options).await,
        Command::Openapi => openapi::run(),
        Command::Watch(options) => watch::run(options).await,
        Command::Policy(options) => policy::run(options),
        Command::Demo(options) => demo::run(options).await,
        Command::Audit(options) => audit::run(options).await,
        Command::Figures(options) => figures::run(options).await,
        Command::Backup(options) => {
            let settings = || Ok(Settings::load(arguments.config)?.value);
            Box::pin(backup::run(settings, options)).await
        }
        Command::Restore(options) => {
            restore::run(Settings::load(arguments.config)?.value, options).await
        }
        Command::Completions { shell } => {
            let mut command = Arguments::command();
            clap_complete::generate(shell, &mut command, "kefu", &mut std::io::stdout());
            Ok(())
        }
    }
}

#[allow(clippy::print_stdout, reason = "what this command is for")]
fn print(text: &str) -> anyhow::Result<()> {
    println!("{text}");
    Ok(())
}
