//! A signed context as the gateway makes it, for calling a service without one.

use anyhow::Context;
use kefu_access::{AccessContext, Decision, MAX_LIFETIME, Purpose, Query, Snapshot};
use kefu_access_control::seed::employee_id;
use kefu_contracts::{
    Method,
    access::{WatchSnapshotRequest, snapshot_service_client::SnapshotServiceClient},
};
use kefu_service::peer::Identity;

use crate::house::{AGENT, House};

/// What the policy lets the agent do with this method, decided now.
pub(crate) async fn decided(
    house: &House,
    method: &'static Method,
) -> anyhow::Result<AccessContext> {
    let signer = std::sync::Arc::new(house.keys.service()?);
    let peer = Identity::new("gateway", signer, house.clock.clone())
        .calling(house.service(kefu_access_control::NAME)?);
    let mut policy = SnapshotServiceClient::new(peer)
        .watch_snapshot(WatchSnapshotRequest {})
        .await?
        .into_inner();
    let message = policy.message().await?.context("no policy")?;
    let mut snapshot = Snapshot::default();
    snapshot.apply(&message)?;
    let query = Query {
        subject: employee_id(AGENT),
        permission: method.permission,
        purpose: Purpose::Service,
        purpose_required: method.purpose_required,
    };
    let now = house.clock.now();
    let Decision::Allow(allowance) = snapshot.decide(&query, now) else {
        anyhow::bail!("the agent may not read");
    };
    Ok(AccessContext {
        subject: allowance.subject,
        permission: method.permission.to_owned(),
        purpose: Purpose::Service,
        rules: allowance.rules,
        policy_revision: allowance.revision,
        issued_at: now,
        expires_at: now.checked_add(MAX_LIFETIME)?,
    })
}
