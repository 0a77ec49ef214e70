//! `kefu figures file`: a report as a file.

use std::{fs, path::PathBuf};

use anyhow::Context;
use clap::ValueEnum;
use kefu_contracts::analytics::{
    DownloadReportRequest, ReportFormat, report_service_client::ReportServiceClient,
};

use super::refused;
use crate::client::{Client, ConnectArgs};

#[derive(Debug, clap::Args)]
pub(super) struct FileArgs {
    /// The report: reports/…
    name: String,
    #[command(flatten)]
    connect: ConnectArgs,
    /// A page with charts, or a table
    #[arg(long, value_enum, default_value_t = Format::Html)]
    format: Format,
    /// Where it is written; by its own name here where it is left out
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Language of the file
    #[arg(long, default_value = "zh-CN")]
    language: String,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Html,
    Csv,
}

pub(super) async fn run(args: FileArgs) -> anyhow::Result<()> {
    let client = Client::new(&args.connect, Some("analysis"), &args.language)?;
    let format = match args.format {
        Format::Html => ReportFormat::Html,
        Format::Csv => ReportFormat::Csv,
    };
    let request = DownloadReportRequest {
        name: args.name,
        format: format.into(),
    };
    let mut reports = ReportServiceClient::new(client.channel());
    let answer = reports.download_report(client.request(request)).await;
    let mut parts = answer.map_err(refused)?.into_inner();
    let (mut path, mut content) = (args.output, Vec::new());
    while let Some(part) = parts.message().await.map_err(refused)? {
        if path.is_none() {
            // Of a report's id and a day, by the contract; no folder is believed.
            let name = part.file_name.replace(['/', '\\'], "_");
            path = Some(PathBuf::from(name));
        }
        content.extend(part.data);
    }
    let path = path.context("the answer was empty")?;
    fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
    println!("{}", path.display());
    Ok(())
}
