//! A share from the refusal to its revocation.

use std::time::Duration;

use anyhow::Context;
use kefu_contracts::{
    access::{ActivateShareRequest, GetShareReceiptRequest, RevokeShareRequest, Share, ShareMode},
    profile::Customer,
};
use kefu_service::{
    clock::{Clock, SystemClock},
    time::from_proto,
};
use tonic::{Code, Status};

use super::{
    cast::{SOON, Stage},
    form::{self, APPLICANT, HEAD, get, shares, told, unexpected},
};
use crate::client::ConnectArgs;

/// What the story is told.
#[derive(Debug, clap::Args)]
pub(super) struct ShareArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// How long the file is lent; it is called back after a third of that
    #[arg(long, default_value = "10", value_name = "SECONDS",
          value_parser = clap::value_parser!(u32).range(3..=3600))]
    seconds: u32,
}

pub(super) async fn play(args: ShareArgs, straight: bool) -> anyhow::Result<()> {
    let stage = Stage::new(args.connect, straight)?;
    let customer = form::find(&stage).await?;
    let share = form::agreed(&stage, &customer, ShareMode::Access, args.seconds).await?;
    let share = read(&stage, &share, &customer).await?;
    let more = args.seconds / 3;
    looks(&stage, &share, &customer, more).await?;
    called_back(&stage, &share, &customer).await?;
    receipt(&stage, &share, 1 + more).await
}

async fn read(stage: &Stage, share: &Share, customer: &str) -> anyhow::Result<Share> {
    stage.tell(APPLICANT, "puts it to use: the period runs from here.");
    stage.hurry();
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
    let file = stage.within(SOON, async || get(&client, customer).await);
    let file = file.await.map_err(|status| unexpected(&status))?;
    stage.show(&shown(&file));
    Ok(share)
}

/// Looks again and again, for so many seconds.
async fn looks(stage: &Stage, share: &Share, customer: &str, seconds: u32) -> anyhow::Result<()> {
    stage.tell(APPLICANT, "looks every second.");
    let client = stage.client(APPLICANT)?;
    let end = share
        .active_until
        .context("an active share without an end")?;
    let end = from_proto(&end).context("the end of the share")?;
    for _ in 0..seconds {
        let file = get(&client, customer).await;
        let file = file.map_err(|status| unexpected(&status))?;
        let left = end.duration_since(SystemClock.now());
        let left = Duration::try_from(left).unwrap_or_default().as_secs_f32();
        stage.show(&format!("✓ {}  {left:4.1} s left", file.display_name));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}

/// Whoever agreed to it takes it back before its end, and the file is closed.
async fn called_back(stage: &Stage, share: &Share, customer: &str) -> anyhow::Result<()> {
    stage.tell(HEAD, "calls it back before its end (CF-6.3).");
    let head = stage.client(HEAD)?;
    let request = RevokeShareRequest {
        name: share.name.clone(),
        comment: "已核对完毕".into(),
        ..RevokeShareRequest::default()
    };
    let revoked = shares(&head).revoke_share(head.request(request)).await;
    let revoked = revoked.map_err(|status| unexpected(&status))?.into_inner();
    stage.show(&told(&revoked));

    stage.tell(APPLICANT, "looks once more.");
    let client = stage.client(APPLICANT)?;
    let refused = stage.within(SOON, async || match get(&client, customer).await {
        Err(status) if status.code() == Code::PermissionDenied => Ok(status),
        Err(status) => Err(status),
        Ok(_) => Err(Status::internal(
            "the file is open though it was called back",
        )),
    });
    let refused = refused.await.map_err(|status| unexpected(&status))?;
    stage.show_refusal(&refused);
    Ok(())
}

/// Whoever allowed it sees what came of it, once all looks are in the audit log.
async fn receipt(stage: &Stage, share: &Share, looked: u32) -> anyhow::Result<()> {
    stage.tell(HEAD, "asks what was seen.");
    let head = stage.client(HEAD)?;
    let bound = tokio::time::Instant::now() + Duration::from_secs(5);
    loop {
        let request = GetShareReceiptRequest {
            name: share.name.clone(),
        };
        let receipt = shares(&head).get_share_receipt(head.request(request)).await;
        let receipt = receipt.map_err(|status| unexpected(&status))?.into_inner();
        let seen: i64 = receipt.looks.iter().map(|look| look.record_count).sum();
        if seen < i64::from(looked) && tokio::time::Instant::now() < bound {
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
