//! From the refusal to the second approval: what comes before a share of either mode.

use std::time::Duration;

use anyhow::{Context, bail};
use kefu_contracts::{
    access::{
        ApproveShareRequest, CreateShareRequest, Share, ShareMode, ShareTerms, SubmitShareRequest,
        share_service_client::ShareServiceClient,
    },
    policy::{DataClass, Purpose},
    profile::{
        Customer, GetCustomerRequest, LookupCustomerRequest,
        customer_service_client::CustomerServiceClient, lookup_customer_request::By,
    },
};
use kefu_service::{
    clock::{Clock, SystemClock},
    time::to_proto,
};
use tonic::{Code, Status, transport::Channel};

use super::cast::{Stage, employee};
use crate::client::Client;

/// Of finance: no post of theirs lets them see a customer's file.
pub(super) const APPLICANT: &str = "song.yue";
/// Heads finance.
pub(super) const HEAD: &str = "qian.hua";
/// Oversees finance.
const LEADER: &str = "chen.guodong";
/// Whose customer it is.
pub(super) const AGENT: &str = "li.wei";
/// The customer that `kefu dev` enters.
const EXAMPLE: &str = "example-1";

/// The share of the example's file, agreed to by both approvers.
pub(super) async fn agreed(
    stage: &Stage,
    customer: &str,
    mode: ShareMode,
    seconds: u32,
) -> anyhow::Result<Share> {
    refused_at_first(stage, customer).await?;
    let share = asked_for(stage, customer, mode).await?;
    let share = narrowed(stage, &share, seconds).await?;
    approved(stage, &share).await
}

pub(super) fn shares(client: &Client) -> ShareServiceClient<Channel> {
    ShareServiceClient::new(client.channel())
}

pub(super) async fn get(client: &Client, name: &str) -> Result<Customer, Status> {
    let request = GetCustomerRequest { name: name.into() };
    let mut customers = CustomerServiceClient::new(client.channel());
    let answer = customers.get_customer(client.request(request)).await?;
    Ok(answer.into_inner())
}

/// The name of the example's file, as whoever serves the customer finds it.
pub(super) async fn find(stage: &Stage) -> anyhow::Result<String> {
    let agent = stage.client(AGENT)?;
    let request = LookupCustomerRequest {
        by: Some(By::ExternalRef(EXAMPLE.to_owned())),
    };
    let mut customers = CustomerServiceClient::new(agent.channel());
    let found = customers.lookup_customer(agent.request(request)).await;
    let found = found
        .map_err(|status| anyhow::anyhow!("{}", crate::client::Refusal::from(&status)))
        .context("the example's customer is not found: is `make run` running?")?;
    let found = found.into_inner().customers.into_iter().next();
    let found = found.context("the example's customer is not there yet: wait for `make run`")?;
    Ok(found.name)
}

async fn refused_at_first(stage: &Stage, customer: &str) -> anyhow::Result<()> {
    stage.tell(APPLICANT, "of finance wants to see a customer's file.");
    match get(&stage.client(APPLICANT)?, customer).await {
        Err(status) if status.code() == Code::PermissionDenied => stage.show_refusal(&status),
        Err(status) => return Err(unexpected(&status)),
        Ok(_) => bail!("the file is open already: wait until the last share has ended"),
    }
    Ok(())
}

/// Everything about a file, for an hour.
async fn asked_for(stage: &Stage, customer: &str, mode: ShareMode) -> anyhow::Result<Share> {
    stage.tell(
        APPLICANT,
        "fills in the share form and hands it in (CF-6.2).",
    );
    let client = stage.client(APPLICANT)?;
    let hour = to_proto(SystemClock.now() + Duration::from_secs(3600));
    let classes = [
        DataClass::Basic,
        DataClass::Contact,
        DataClass::Identity,
        DataClass::Purchase,
    ];
    let form = Share {
        purpose: Purpose::Service.into(),
        justification: "核对发票抬头与收货电话".into(),
        mode: mode.into(),
        requested: Some(ShareTerms {
            customers: vec![customer.to_owned()],
            classes: classes.map(i32::from).to_vec(),
            receivers: vec![employee(APPLICANT)],
            end_time: Some(hour),
            ..ShareTerms::default()
        }),
        ..Share::default()
    };
    let request = CreateShareRequest {
        share: Some(form),
        request_id: String::new(),
    };
    let draft = shares(&client).create_share(client.request(request)).await;
    let request = SubmitShareRequest {
        name: draft
            .map_err(|status| unexpected(&status))?
            .into_inner()
            .name,
        ..SubmitShareRequest::default()
    };
    let share = shares(&client).submit_share(client.request(request)).await;
    let share = share.map_err(|status| unexpected(&status))?.into_inner();
    stage.show(&told(&share));

    stage.tell(APPLICANT, "tries to approve it as well.");
    match approve(&client, &share, None).await {
        Err(status) => stage.show_refusal(&status),
        Ok(_) => bail!("an applicant approved their own request"),
    }
    Ok(share)
}

async fn approve(
    client: &Client,
    share: &Share,
    terms: Option<ShareTerms>,
) -> Result<Share, Status> {
    let request = ApproveShareRequest {
        name: share.name.clone(),
        etag: share.etag.clone(),
        terms,
        ..ApproveShareRequest::default()
    };
    let answer = shares(client)
        .approve_share(client.request(request))
        .await?;
    Ok(answer.into_inner())
}

async fn narrowed(stage: &Stage, share: &Share, seconds: u32) -> anyhow::Result<Share> {
    let what =
        format!("heads finance, and agrees to less: no identity data, for {seconds} seconds.");
    stage.tell(HEAD, &what);
    let terms = share.terms.clone().unwrap_or_default();
    let less = ShareTerms {
        classes: [DataClass::Basic, DataClass::Contact, DataClass::Purchase]
            .map(i32::from)
            .to_vec(),
        duration: Some(prost_types::Duration {
            seconds: seconds.into(),
            nanos: 0,
        }),
        ..terms
    };
    let narrowed = approve(&stage.client(HEAD)?, share, Some(less)).await;
    let narrowed = narrowed.map_err(|status| unexpected(&status))?;
    stage.show(&told(&narrowed));
    Ok(narrowed)
}

async fn approved(stage: &Stage, share: &Share) -> anyhow::Result<Share> {
    let leader = stage.client(LEADER)?;
    stage.tell(
        LEADER,
        "oversees finance, and would give the hour back. Nobody can widen.",
    );
    let wider = ShareTerms {
        duration: None,
        ..share.terms.clone().unwrap_or_default()
    };
    match approve(&leader, share, Some(wider)).await {
        Err(status) => stage.show_refusal(&status),
        Ok(_) => bail!("an approver widened a request"),
    }
    stage.tell(LEADER, "agrees to what is left.");
    let approved = approve(&leader, share, None).await;
    let approved = approved.map_err(|status| unexpected(&status))?;
    stage.show(&told(&approved));
    Ok(approved)
}

/// A share in a few lines.
pub(super) fn told(share: &Share) -> String {
    let terms = share.terms.clone().unwrap_or_default();
    let classes: Vec<&str> = terms
        .classes()
        .map(|class| class.as_str_name().trim_start_matches("DATA_CLASS_"))
        .collect();
    let period = match (&share.active_until, &terms.duration) {
        (Some(end), _) => format!("until {end}"),
        (None, Some(duration)) => format!("for {} s from activation", duration.seconds),
        (None, None) => terms
            .end_time
            .map(|end| format!("until {end}"))
            .unwrap_or_default(),
    };
    let state = share.state().as_str_name();
    let state = state.trim_start_matches("APPROVAL_STATE_");
    let next = share.stage.as_ref().map(|stage| {
        let approvers = stage.approvers.join(", ");
        format!("\n  to be decided by {approvers} as {}", stage.stage)
    });
    format!(
        "{} {state}: {} file, {}, {period}{}",
        share.name,
        terms.customers.len(),
        classes.join(" "),
        next.unwrap_or_default(),
    )
}

/// What ends the story.
pub(super) fn unexpected(status: &Status) -> anyhow::Error {
    anyhow::anyhow!(
        "not as the story has it: {}",
        crate::client::Refusal::from(status)
    )
}
