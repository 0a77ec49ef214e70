//! The same share as a package that leaves, and is recalled.

use std::{io::Read, time::Duration};

use age::{Decryptor, Identity, x25519};
use anyhow::{Context, bail, ensure};
use kefu_contracts::access::{
    CarryOutExportRequest, ConfirmDeletionRequest, DownloadExportRequest, Export, ExportState,
    GetExportRequest, GetShareReceiptRequest, IdentifyWatermarkRequest, ReceiverKey, Share,
    ShareMode, export_service_client::ExportServiceClient, receiver_key,
};
use serde_json::Value;
use tokio::time::{Instant, sleep};
use tonic::{Code, Status, transport::Channel};

use super::{
    cast::{Stage, employee},
    form::{self, AGENT, APPLICANT, HEAD, shares, unexpected},
};
use crate::client::{Client, ConnectArgs};

/// Looks into the audit log, and at marks that turn up somewhere.
const AUDITOR: &str = "dong.jie";
/// How long a package of one file may take.
const BOUND: Duration = Duration::from_secs(20);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(200);

/// What the story is told.
#[derive(Debug, clap::Args)]
pub(super) struct ExportArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// How long the package can be downloaded
    #[arg(long, default_value = "10", value_name = "SECONDS",
          value_parser = clap::value_parser!(u32).range(5..=3600))]
    seconds: u32,
}

pub(super) async fn play(args: ExportArgs, straight: bool) -> anyhow::Result<()> {
    let stage = Stage::new(args.connect, straight)?;
    let customer = form::find(&stage).await?;
    let share = form::agreed(&stage, &customer, ShareMode::Export, args.seconds).await?;
    let identity = x25519::Identity::generate();
    let name = carried_out(&stage, &share, &identity).await?;
    let export = ready(&stage, &name).await?;
    let bytes = downloaded(&stage, &export).await?;
    let row = opened(&stage, &bytes, &identity)?;
    recalled(&stage, &export).await?;
    confirmed(&stage, &name).await?;
    receipt(&stage, &share).await?;
    identified(&stage, &row).await
}

fn exports(client: &Client) -> ExportServiceClient<Channel> {
    ExportServiceClient::new(client.channel())
}

async fn carried_out(
    stage: &Stage,
    share: &Share,
    identity: &x25519::Identity,
) -> anyhow::Result<String> {
    let request = CarryOutExportRequest {
        share: share.name.clone(),
        keys: vec![ReceiverKey {
            receiver: employee(APPLICANT),
            key: Some(receiver_key::Key::Recipient(
                identity.to_public().to_string(),
            )),
        }],
        request_id: String::new(),
    };
    stage.tell(APPLICANT, "tries to carry it out alone.");
    let own = stage.client(APPLICANT)?;
    match exports(&own)
        .carry_out_export(own.request(request.clone()))
        .await
    {
        Err(status) => stage.show_refusal(&status),
        Ok(_) => bail!("a receiver carried out their own export"),
    }
    stage.tell(
        AGENT,
        "of customer service carries it out, to the receiver's public key (CF-6.3).",
    );
    stage.hurry();
    let agent = stage.client(AGENT)?;
    let carried = exports(&agent)
        .carry_out_export(agent.request(request))
        .await;
    let carried = carried.map_err(|status| unexpected(&status))?.into_inner();
    let export = carried.exports.into_iter().next().context("no export")?;
    stage.show(&told(&export));
    Ok(export.name)
}

async fn look(client: &Client, name: &str) -> anyhow::Result<Export> {
    let request = GetExportRequest { name: name.into() };
    let export = exports(client).get_export(client.request(request)).await;
    Ok(export.map_err(|status| unexpected(&status))?.into_inner())
}

/// Looks until it stands so.
async fn until(
    stage: &Stage,
    name: &str,
    state: ExportState,
    bound: Instant,
) -> anyhow::Result<Export> {
    let client = stage.client(APPLICANT)?;
    loop {
        let export = look(&client, name).await?;
        if export.state() == state {
            stage.show(&told(&export));
            return Ok(export);
        }
        ensure!(
            Instant::now() < bound,
            "still {}",
            export.state().as_str_name()
        );
        sleep(PAUSE).await;
    }
}

async fn ready(stage: &Stage, name: &str) -> anyhow::Result<Export> {
    stage.tell(APPLICANT, "watches the package being made.");
    until(stage, name, ExportState::Ready, Instant::now() + BOUND).await
}

async fn download(client: &Client, name: &str, offset: usize) -> Result<Vec<u8>, Status> {
    let request = DownloadExportRequest {
        name: name.into(),
        offset: i64::try_from(offset).unwrap_or(i64::MAX),
    };
    let answer = exports(client)
        .download_export(client.request(request))
        .await?;
    let mut stream = answer.into_inner();
    let mut bytes = Vec::new();
    while let Some(part) = stream.message().await? {
        bytes.extend(part.data);
    }
    Ok(bytes)
}

async fn downloaded(stage: &Stage, export: &Export) -> anyhow::Result<Vec<u8>> {
    stage.tell(
        AGENT,
        "carried it out, and tries to download it. It is for its receiver alone.",
    );
    match download(&stage.client(AGENT)?, &export.name, 0).await {
        Err(status) => stage.show_refusal(&status),
        Ok(_) => bail!("a package left for somebody else"),
    }
    stage.tell(
        APPLICANT,
        "downloads it, loses the second half, and resumes.",
    );
    let receiver = stage.client(APPLICANT)?;
    let whole = download(&receiver, &export.name, 0).await;
    let mut bytes = whole.map_err(|status| unexpected(&status))?;
    bytes.truncate(bytes.len() / 2);
    let kept = bytes.len();
    let rest = download(&receiver, &export.name, kept).await;
    bytes.extend(rest.map_err(|status| unexpected(&status))?);
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &bytes);
    ensure!(
        digest.as_ref() == export.sha256,
        "the package is not what was announced"
    );
    stage.show(&format!(
        "✓ {} bytes, resumed at {kept}; its SHA-256 is the announced one",
        bytes.len()
    ));
    Ok(bytes)
}

/// What is in it; and one of its rows, to turn up somewhere else.
fn opened(stage: &Stage, bytes: &[u8], identity: &x25519::Identity) -> anyhow::Result<Value> {
    stage.tell(APPLICANT, "opens it with the key that nobody else has.");
    let mut text = String::new();
    let mut reader = Decryptor::new(bytes)?.decrypt(std::iter::once(identity as &dyn Identity))?;
    reader.read_to_string(&mut text)?;
    let rows = text.lines().map(serde_json::from_str::<Value>);
    let rows: Vec<Value> = rows.collect::<Result<_, _>>()?;
    let mut records = rows.into_iter().filter(|row| !row["record"].is_null());
    let row = records.next().context("an empty package")?;
    let file = &row["record"];
    stage.show(&format!(
        "{} {}\n{}\nID card {}\nmark {}\nand {} records of that customer's tickets and orders",
        text_of(&file["name"]),
        text_of(&file["displayName"]),
        text_of(&file["phones"][0]["number"]),
        text_of(&file["idCard"]),
        text_of(&row["_kefu"]["mark"]),
        records.count(),
    ));
    Ok(row)
}

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or("–")
}

async fn recalled(stage: &Stage, export: &Export) -> anyhow::Result<()> {
    stage.tell(
        APPLICANT,
        "waits until its time is over: package and key are destroyed.",
    );
    let end = export.active_until.context("a package without an end")?;
    let end = kefu_service::time::from_proto(&end).context("the end of the package")?;
    let now = kefu_service::clock::Clock::now(&kefu_service::clock::SystemClock);
    let left = Duration::try_from(end.duration_since(now)).unwrap_or_default();
    until(
        stage,
        &export.name,
        ExportState::Recalled,
        Instant::now() + left + BOUND,
    )
    .await?;
    match download(&stage.client(APPLICANT)?, &export.name, 0).await {
        Err(status) if status.code() != Code::Unavailable => stage.show_refusal(&status),
        Err(status) => return Err(unexpected(&status)),
        Ok(_) => bail!("a recalled package was downloaded"),
    }
    Ok(())
}

async fn confirmed(stage: &Stage, name: &str) -> anyhow::Result<()> {
    stage.tell(APPLICANT, "confirms that every copy is gone.");
    let client = stage.client(APPLICANT)?;
    let request = ConfirmDeletionRequest {
        name: name.into(),
        statement: "已删除全部副本".into(),
        request_id: String::new(),
    };
    let export = exports(&client)
        .confirm_deletion(client.request(request))
        .await;
    stage.show(&told(
        &export.map_err(|status| unexpected(&status))?.into_inner(),
    ));
    Ok(())
}

/// Whoever allowed it sees what left.
async fn receipt(stage: &Stage, share: &Share) -> anyhow::Result<()> {
    stage.tell(HEAD, "asks what left.");
    let head = stage.client(HEAD)?;
    let request = GetShareReceiptRequest {
        name: share.name.clone(),
    };
    let receipt = shares(&head).get_share_receipt(head.request(request)).await;
    let receipt = receipt.map_err(|status| unexpected(&status))?.into_inner();
    for one in &receipt.exports {
        let export = one.export.clone().unwrap_or_default();
        stage.show(&format!(
            "{} received {} bytes in all",
            export.receiver, one.sent_bytes
        ));
        for download in &one.downloads {
            let start = download.start_time.unwrap_or_default();
            let whole = if download.completed {
                "to the end"
            } else {
                "broken off"
            };
            stage.show(&format!(
                "  {start}: bytes {} to {}, {whole}",
                download.from_offset, download.to_offset
            ));
        }
        for content in &export.contents {
            stage.show(&format!(
                "  {} {}",
                content.record_count, content.collection
            ));
        }
    }
    ensure!(
        !receipt.exports.is_empty(),
        "the receipt tells of no package"
    );
    Ok(())
}

/// A row turned up where it should not be.
async fn identified(stage: &Stage, row: &Value) -> anyhow::Result<()> {
    stage.tell(
        AUDITOR,
        "found a row of it somewhere: whose package was it?",
    );
    let auditor = stage.client_for(AUDITOR, "audit")?;
    let request = IdentifyWatermarkRequest {
        mark: text_of(&row["_kefu"]["mark"]).to_owned(),
        record: text_of(&row["record"]["name"]).to_owned(),
    };
    let found = exports(&auditor)
        .identify_watermark(auditor.request(request))
        .await;
    let found = found.map_err(|status| unexpected(&status))?.into_inner();
    let export = found.export.context("no export")?;
    stage.show(&format!("{} of {}", export.receiver, export.name));
    Ok(())
}

/// An export in a line or two.
fn told(export: &Export) -> String {
    let state = export.state().as_str_name();
    let contents: Vec<String> = export
        .contents
        .iter()
        .map(|one| format!("{} {}", one.record_count, one.collection))
        .collect();
    format!(
        "{} {}: {} bytes, {}",
        export.name,
        state.trim_start_matches("EXPORT_STATE_"),
        export.size_bytes,
        contents.join(", "),
    )
}
