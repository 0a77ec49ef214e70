//! `kefu audit verify`: reads the log and the journals through the gateway, as an auditor.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use kefu_access_control::domain::audit::SERVICES;
use kefu_audit::CheckpointVerifier;
use kefu_contracts::access::{
    ExportAuditLogRequest, ExportJournalRequest, audit_service_client::AuditServiceClient,
};
use tonic::{Status, transport::Channel};

use super::Check;
use crate::client::{Client, ConnectArgs, Refusal, nearest};

/// What is told first at most; all are counted.
const TOLD: usize = 50;
/// The key of `kefu dev`, here or above.
const DEVELOPMENT_KEY: &str = ".kefu/audit.pub";

#[derive(Debug, clap::Args)]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// File with the log's public key, as it was handed out; .kefu/audit.pub without it
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// File with a checkpoint kept from before, which the log must still contain; the
    /// newest is kept there afterwards
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
}

pub(super) async fn run(args: VerifyArgs) -> anyhow::Result<()> {
    let verifier = CheckpointVerifier::from_text(&key(args.key.as_deref())?)?;
    let client = Client::new(&args.connect, Some("audit"), "en")?;
    let mut check = Check::new(verifier);
    if let Some(kept) = args.checkpoint.as_ref().filter(|path| path.exists()) {
        check.kept(&fs::read_to_string(kept)?);
    }
    log(&client, &mut check).await.map_err(refused)?;
    check.log_ends();
    for service in SERVICES {
        let leaves = journal(&client, service).await.map_err(refused)?;
        check.journal(service, &leaves);
    }
    report(&check)?;
    if let (Some(path), Some(note)) = (args.checkpoint, check.newest()) {
        fs::write(&path, note).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn audit(client: &Client) -> AuditServiceClient<Channel> {
    AuditServiceClient::new(client.channel()).max_decoding_message_size(64 * 1024 * 1024)
}

async fn log(client: &Client, check: &mut Check) -> Result<(), Status> {
    let request = client.streaming_request(ExportAuditLogRequest {});
    let mut stream = audit(client).export_audit_log(request).await?.into_inner();
    while let Some(stretch) = stream.message().await? {
        check.stretch(&stretch);
    }
    Ok(())
}

async fn journal(client: &Client, service: &str) -> Result<Vec<Vec<u8>>, Status> {
    let request = client.streaming_request(ExportJournalRequest {
        service: service.to_owned(),
    });
    let mut stream = audit(client).export_journal(request).await?.into_inner();
    let mut leaves = Vec::new();
    while let Some(stretch) = stream.message().await? {
        leaves.extend(stretch.leaves);
    }
    Ok(leaves)
}

fn report(check: &Check) -> anyhow::Result<()> {
    let (findings, size) = (check.findings(), check.size());
    for finding in findings.iter().take(TOLD) {
        println!("✗ {finding}");
    }
    if findings.len() > TOLD {
        println!("✗ and {} more", findings.len() - TOLD);
    }
    if !findings.is_empty() {
        bail!(
            "the audit log is not what it was: {} findings",
            findings.len()
        );
    }
    let signed = check.newest_size().unwrap_or_default();
    println!(
        "✓ {size} entries of {} services: every hash, every subtree, {} signed checkpoints, and the journals agree",
        SERVICES.len(),
        check.checkpoints(),
    );
    if signed < size {
        println!("  the last {} are not signed yet", size - signed);
    }
    Ok(())
}

fn key(path: Option<&Path>) -> anyhow::Result<String> {
    let path = match path {
        Some(path) => path.to_owned(),
        None => nearest(&env::current_dir()?, DEVELOPMENT_KEY)
            .with_context(|| format!("no --key, and no {DEVELOPMENT_KEY} here or above"))?,
    };
    fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}

fn refused(status: Status) -> anyhow::Error {
    anyhow::anyhow!("{}", Refusal::from(&status))
}
