//! A share from the refusal to the last second.

use std::time::Duration;

use anyhow::{Context, bail};
use kefu_contracts::{
    access::{
        ActivateShareRequest, ApproveShareRequest, CreateShareRequest, GetShareReceiptRequest,
        Share, ShareMode, ShareTerms, SubmitShareRequest, share_service_client::ShareServiceClient,
    },
    policy::{DataClass, Purpose},
    profile::{
        Customer, GetCustomerRequest, LookupCustomerRequest,
        customer_service_client::CustomerServiceClient, lookup_customer_request::By,
    },
};
use kefu_service::{
    clock::{Clock, SystemClock},
    time::{from_proto, to_proto},
};
use tonic::{Code, Status, transport::Channel};

use super::cast::{Stage, employee};
use crate::client::{Client, ConnectArgs};

/// Of finance: no post of theirs lets them see a customer's file.
const APPLICANT: &str = "song.yue";
/// Heads finance.
const HEAD: &str = "qian.hua";
/// Oversees finance.
const LEADER: &str = "chen.guodong";
/// Whose customer it is.
const AGENT: &str = "li.wei";
/// The customer that `kefu dev` enters.
const EXAMPLE: &str = "example-1";

/// What the story is told.
#[derive(Debug, clap::Args)]
pub(super) struct ShareArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// How long the file is lent
    #[arg(long, default_value = "10", value_name = "SECONDS",
          value_parser = clap::value_parser!(u32).range(3..=3600))]
    seconds: u32,
}

pub(super) async fn play(args: ShareArgs) -> anyhow::Result<()> {
    let stage = Stage::new(args.connect)?;
    let customer = find(&stage).await?;
    refused_at_first(&stage, &customer).await?;
    let share = asked_for(&stage, &customer).await?;
    let share = narrowed(&stage, &share, args.seconds).await?;
    let share = approved(&stage, &share).await?;
    let share = read(&stage, &share, &customer).await?;
    ended(&stage, &share, &customer).await?;
    receipt(&stage, &share).await
}

fn shares(client: &Client) -> ShareServiceClient<Channel> {
    ShareServiceClient::new(client.channel())
}

async fn get(client: &Client, name: &str) -> Result<Customer, Status> {
    let request = GetCustomerRequest { name: name.into() };
    let mut customers = CustomerServiceClient::new(client.channel());
    let answer = customers.get_customer(client.request(request)).await?;
    Ok(answer.into_inner())
}

/// The name of the example's file, as whoever serves the customer finds it.
async fn find(stage: &Stage) -> anyhow::Result<String> {
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

/// Everything about two files, for an hour; one of them is nobody's.
async fn asked_for(stage: &Stage, customer: &str) -> anyhow::Result<Share> {
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
        mode: ShareMode::Access.into(),
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

async fn read(stage: &Stage, share: &Share, customer: &str) -> anyhow::Result<Share> {
    stage.tell(APPLICANT, "puts it to use: the period runs from here.");
    let client = stage.client(APPLICANT)?;
    let request = ActivateShareRequest {
        name: share.name.clone(),
        ..ActivateShareRequest::default()
    };
    let share = shares(&client)
        .activate_share(client.request(request))
        .await;
    let share = share.map_err(|status| unexpected(&status))?.into_inner();
    stage.show(&told(&share));

    stage.tell(APPLICANT, "reads the file.");
    let bound = tokio::time::Instant::now() + Duration::from_secs(2);
    loop {
        match get(&client, customer).await {
            Ok(file) => {
                stage.show(&shown(&file));
                return Ok(share);
            }
            // The gateways hear of it within a second.
            Err(_) if tokio::time::Instant::now() < bound => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(status) => return Err(unexpected(&status)),
        }
    }
}

/// Looks again and again, until the file is closed.
async fn ended(stage: &Stage, share: &Share, customer: &str) -> anyhow::Result<()> {
    stage.tell(APPLICANT, "looks every second.");
    let client = stage.client(APPLICANT)?;
    let end = share
        .active_until
        .context("an active share without an end")?;
    let end = from_proto(&end).context("the end of the share")?;
    loop {
        let left = end.duration_since(SystemClock.now());
        let left = Duration::try_from(left).unwrap_or_default();
        match get(&client, customer).await {
            Ok(file) => {
                let left = left.as_secs_f32();
                stage.show(&format!("✓ {}  {left:4.1} s left", file.display_name));
            }
            Err(status) if status.code() == Code::PermissionDenied => {
                stage.show_refusal(&status);
                return Ok(());
            }
            Err(status) => return Err(unexpected(&status)),
        }
        tokio::time::sleep(left.min(Duration::from_secs(1))).await;
    }
}

/// Whoever allowed it sees what came of it, once it is in the audit log.
async fn receipt(stage: &Stage, share: &Share) -> anyhow::Result<()> {
    stage.tell(HEAD, "asks what was seen.");
    let head = stage.client(HEAD)?;
    let bound = tokio::time::Instant::now() + Duration::from_secs(5);
    loop {
        let request = GetShareReceiptRequest {
            name: share.name.clone(),
        };
        let receipt = shares(&head).get_share_receipt(head.request(request)).await;
        let receipt = receipt.map_err(|status| unexpected(&status))?.into_inner();
        if receipt.looks.is_empty() && tokio::time::Instant::now() < bound {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        }
        for look in &receipt.looks {
            let classes = look.classes().map(|class| class.as_str_name());
            let classes: Vec<_> = classes
                .map(|name| name.trim_start_matches("DATA_CLASS_"))
                .collect();
            let (first, last) = (
                look.first_time.unwrap_or_default(),
                look.last_time.unwrap_or_default(),
            );
            stage.show(&format!(
                "{} saw {}\n  {} times, {first} to {last}\n  {} by {}",
                look.receiver,
                look.customer,
                look.record_count,
                classes.join(" "),
                look.permissions.join(", "),
            ));
        }
        return Ok(());
    }
}

/// A share in a few lines.
fn told(share: &Share) -> String {
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

/// What is seen of a file, and what is held back.
fn shown(file: &Customer) -> String {
    let disclosure = file.disclosure.clone().unwrap_or_default();
    let phones: Vec<&str> = file
        .phones
        .iter()
        .map(|phone| phone.number.as_str())
        .collect();
    let until = disclosure.cleared_until.map(|end| end.to_string());
    format!(
        "{} {}\n{}\nID card {}\nmasked: {}\nby {}\nuntil {}",
        file.name,
        file.display_name,
        phones.join(", "),
        file.id_card,
        disclosure.masked_fields.join(", "),
        disclosure.sources.join(", "),
        until.unwrap_or_default(),
    )
}

fn unexpected(status: &Status) -> anyhow::Error {
    anyhow::anyhow!(
        "not as the story has it: {}",
        crate::client::Refusal::from(status)
    )
}
