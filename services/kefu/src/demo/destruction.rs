//! The end of a file: applied for, agreed to by two people, thought over, certified.

use std::time::Duration;

use anyhow::{Context, bail};
use jiff::Timestamp;
use kefu_contracts::{
    access::{
        ApproveDestructionRequest, CreateDestructionRequest, Destruction, DestructionTerms,
        SubmitDestructionRequest, destruction_service_client::DestructionServiceClient,
    },
    profile::{
        Customer, GetCertificateRequest, LookupTombstoneRequest,
        certificate_service_client::CertificateServiceClient,
    },
};
use kefu_service::{
    clock::{Clock, SystemClock},
    time::from_proto,
};
use tonic::{Status, transport::Channel};

use super::{
    cast::Stage,
    form::{AGENT, unexpected},
};
use crate::client::Client;

/// Keeps the archive, and finds whether a file is of further value (CF-10.1).
const KEEPER: &str = "feng.yulan";
/// Leads the company.
const LEADER: &str = "chen.guodong";
/// So long somebody waits in front of a terminal.
const PATIENCE: Duration = Duration::from_secs(120);
/// From the end of the cooling-off to the certificate, at most.
const BOUND: Duration = Duration::from_secs(10);

pub(super) async fn play(stage: &Stage, file: &Customer) -> anyhow::Result<()> {
    let form = applied_for(stage, &file.name).await?;
    let form = approved(stage, form).await?;
    let start = form.cooled_time.as_ref().and_then(from_proto);
    let start = start.context("a destruction without a beginning")?;
    let left = Duration::try_from(start.duration_since(SystemClock.now())).unwrap_or_default();
    if left > PATIENCE {
        bail!(
            "the cooling-off ends {start}. To see the end now, run the suite with \
             `kefu dev --approvals FILE`, a copy of services/access-control/approvals.toml with \
             cooling_off_hours = 0 and cooling_off_seconds = 10"
        );
    }
    certified(stage, &form, start, left).await?;
    left_over(stage, file).await
}

fn destructions(client: &Client) -> DestructionServiceClient<Channel> {
    DestructionServiceClient::new(client.channel())
}

fn certificates(client: &Client) -> CertificateServiceClient<Channel> {
    CertificateServiceClient::new(client.channel())
}

async fn applied_for(stage: &Stage, customer: &str) -> anyhow::Result<Destruction> {
    stage.tell(
        AGENT,
        "applies for its destruction before its time: the customer asked for it (CF-10.1).",
    );
    let agent = stage.client(AGENT)?;
    let request = CreateDestructionRequest {
        destruction: Some(Destruction {
            justification: "客户要求删除".into(),
            early: true,
            requested: Some(DestructionTerms {
                customers: vec![customer.to_owned()],
            }),
            ..Destruction::default()
        }),
        request_id: String::new(),
    };
    let form = destructions(&agent)
        .create_destruction(agent.request(request))
        .await;
    let request = SubmitDestructionRequest {
        name: form
            .map_err(|status| unexpected(&status))?
            .into_inner()
            .name,
        ..SubmitDestructionRequest::default()
    };
    let form = destructions(&agent)
        .submit_destruction(agent.request(request))
        .await;
    let form = form.map_err(|status| unexpected(&status))?.into_inner();
    stage.show(&told(&form));
    Ok(form)
}

async fn approve(client: &Client, form: &Destruction) -> Result<Destruction, Status> {
    let request = ApproveDestructionRequest {
        name: form.name.clone(),
        etag: form.etag.clone(),
        ..ApproveDestructionRequest::default()
    };
    let approved = destructions(client)
        .approve_destruction(client.request(request))
        .await?;
    Ok(approved.into_inner())
}

async fn approved(stage: &Stage, mut form: Destruction) -> anyhow::Result<Destruction> {
    stage.tell(LEADER, "would agree before the archive manager has.");
    match approve(&stage.client(LEADER)?, &form).await {
        Err(status) => stage.show_refusal(&status),
        Ok(_) => bail!("a stage was left out"),
    }
    for (login, what) in [
        (KEEPER, "finds no further value in it, and agrees."),
        (
            LEADER,
            "agrees. From now on it can be recalled, until the cooling-off ends.",
        ),
    ] {
        stage.tell(login, what);
        stage.hurry();
        form = approve(&stage.client(login)?, &form)
            .await
            .map_err(|status| unexpected(&status))?;
        stage.show(&told(&form));
    }
    Ok(form)
}

async fn certified(
    stage: &Stage,
    form: &Destruction,
    start: Timestamp,
    left: Duration,
) -> anyhow::Result<()> {
    stage.tell(
        KEEPER,
        &format!("waits until {start}, and asks for the certificate."),
    );
    tokio::time::sleep(left).await;
    let keeper = stage.client_for(KEEPER, "administration")?;
    let request = GetCertificateRequest {
        name: form.name.replace("destructions/", "certificates/"),
    };
    let certificate = stage
        .within(BOUND, async || {
            certificates(&keeper)
                .get_certificate(keeper.request(request.clone()))
                .await
        })
        .await;
    let certificate = certificate
        .map_err(|status| unexpected(&status))?
        .into_inner();
    stage.show(&certificate.text);
    let digest = certificate.sha256.iter().map(|byte| format!("{byte:02x}"));
    stage.show(&format!("SHA-256 {}", digest.collect::<String>()));
    Ok(())
}

/// The number still finds what is left.
async fn left_over(stage: &Stage, file: &Customer) -> anyhow::Result<()> {
    stage.tell(KEEPER, "looks up the file's number.");
    let keeper = stage.client_for(KEEPER, "administration")?;
    let request = LookupTombstoneRequest {
        file_number: file.file_number.clone(),
    };
    let left = certificates(&keeper)
        .lookup_tombstone(keeper.request(request))
        .await;
    let left = left.map_err(|status| unexpected(&status))?.into_inner();
    stage.show(&format!(
        "{}: entered {}, destroyed {}, {}",
        left.file_numbers.join(", "),
        left.create_time.unwrap_or_default(),
        left.destroy_time.unwrap_or_default(),
        left.certificate
    ));
    Ok(())
}

fn told(form: &Destruction) -> String {
    let state = form.state().as_str_name();
    let stage = form.stage.as_ref().map(|stage| {
        let approvers = stage.approvers.join(", ");
        format!("\n  to be decided by {approvers} as {}", stage.stage)
    });
    format!(
        "{} {}{}",
        form.name,
        state.trim_start_matches("APPROVAL_STATE_"),
        stage.unwrap_or_default()
    )
}
