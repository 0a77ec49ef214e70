//! Turns to customers for a campaign, and ends that where it is no longer agreed to, in the
//! transaction of what that is for.

use jiff::Timestamp;
use kefu_contracts::{
    journal::{CampaignChanged, event},
    order::{FollowUpKind, FollowUpState},
    policy::Purpose,
};
use kefu_journal::Entry;
use kefu_service::error::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    desk::{By, Desk, Wanted},
    domain::{campaign::Limits, greeting::how},
    store::{
        campaigns::{self, StoredCampaign},
        customers,
    },
};

/// Turns to a customer, if they are served, agreed to it, and were not turned to too often; what
/// is to be journaled.
pub(crate) async fn turn_to(
    connection: &mut PgConnection,
    desk: &Desk,
    by: &By<'_>,
    limits: &Limits,
    campaign: &StoredCampaign,
    customer: Uuid,
) -> Result<Option<Entry>, Fault> {
    // Not destroyed until the transaction ends.
    if !customers::is_known(connection, customer).await? {
        return Ok(None);
    }
    let (purpose, channel) = (campaign.record.purpose(), campaign.record.channel());
    let one = campaigns::reachable(connection, customer, purpose, channel).await?;
    let Some(one) = one else { return Ok(None) };
    let due_at = limits.next_allowed(by.now());
    let since = due_at.saturating_sub(limits.period);
    let since = since.unwrap_or(Timestamp::MIN);
    let before = campaigns::contacts_since(connection, customer, since).await?;
    if before >= limits.most || due_at >= campaign.end_at {
        return Ok(None);
    }
    if !campaigns::contact(connection, campaign.id, customer, purpose, due_at).await? {
        return Ok(None);
    }
    let wanted = Wanted {
        kind: FollowUpKind::Campaign,
        cause: format!("campaign:{}:{customer}", campaign.id),
        customer,
        subject: &subject(campaign.id, customer),
        department: one.department_id,
        assignee: one.owner_id,
        due_at,
        reason: format!(
            "{}（{}）：{}",
            campaign.record.title,
            how(channel),
            campaign.record.message
        ),
    };
    desk.open(connection, by, wanted).await
}

/// Ends what is still to be done for a customer who no longer agrees to all that they agreed to
/// for a purpose.
pub(crate) async fn stop(
    connection: &mut PgConnection,
    desk: &Desk,
    by: &By<'_>,
    customer: Uuid,
    purpose: Purpose,
) -> Result<Vec<Entry>, Fault> {
    let mut entries = Vec::new();
    for campaign in campaigns::end_contacts(connection, customer, purpose).await? {
        let settled = settle(connection, desk, by, (campaign, customer), "客户撤回同意");
        entries.extend(settled.await?);
    }
    Ok(entries)
}

/// Settles what is still to be done for a customer and a campaign.
pub(crate) async fn settle(
    connection: &mut PgConnection,
    desk: &Desk,
    by: &By<'_>,
    (campaign, customer): (Uuid, Uuid),
    why: &str,
) -> Result<Vec<Entry>, Fault> {
    let (subject, kind) = (subject(campaign, customer), FollowUpKind::Campaign);
    let how = FollowUpState::Settled;
    desk.close(connection, by, &subject, kind, how, why).await
}

/// What the follow-up of a customer is about.
fn subject(campaign: Uuid, customer: Uuid) -> String {
    format!("campaigns/{campaign}/contacts/{customer}")
}

/// A campaign as it is, for the journal.
pub(crate) fn changed(row: &StoredCampaign) -> event::Event {
    event::Event::CampaignChanged(CampaignChanged {
        campaign_id: row.id.as_bytes().to_vec(),
        state: row.record.state,
        purpose: row.record.purpose,
        selection_id: row.selection_id.as_bytes().to_vec(),
        selection_version: row.record.selection_version,
        revision: row.revision,
    })
}
