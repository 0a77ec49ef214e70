//! A campaign is agreed to by a second person, or ended.

use kefu_access::SubjectKind;
use kefu_contracts::{
    common::Reason,
    order::{ApproveCampaignRequest, Campaign, EndCampaignRequest},
};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::{Fields, etag},
    idempotency::{self, Claim},
    present::Shown,
    written::Written,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Campaigns, REFUSED, VIEWED, before, journaled};
use crate::{
    domain::campaign::Step,
    store::campaigns::{self, CAMPAIGNS, RECORD, StoredCampaign},
};

const LONGEST_REASON: usize = 200;

/// A request that changes a campaign.
pub(super) trait Changes: prost::Message {
    /// Name, etag and request id.
    fn address(&self) -> (&str, &str, &str);
}

impl Changes for ApproveCampaignRequest {
    fn address(&self) -> (&str, &str, &str) {
        (&self.name, &self.etag, &self.request_id)
    }
}

impl Changes for EndCampaignRequest {
    fn address(&self) -> (&str, &str, &str) {
        (&self.name, &self.etag, &self.request_id)
    }
}

/// The same, read and checked.
#[derive(Clone)]
struct Wanted {
    id: Uuid,
    name: String,
    revision: i64,
    step: Step,
    reason: String,
    claim: Option<Claim>,
}

impl Campaigns {
    /// Clauses OP-3.3, CC-2.2.
    pub(super) async fn change<R: Changes>(
        &self,
        call: Call,
        request: R,
        step: Step,
        reason: String,
    ) -> Result<Answer<Campaign>, Fault> {
        let mut fields = Fields::new();
        let (name, etag, request_id) = request.address();
        let request_id = fields.request_id(request_id);
        let id = fields.name("name", name, CAMPAIGNS);
        let revision = fields.etag("etag", etag);
        if step == Step::End {
            fields.required_text("reason", &reason, LONGEST_REASON);
        }
        fields.finish()?;
        let wanted = Wanted {
            id: id.unwrap_or_default(),
            name: name.to_owned(),
            revision: revision.unwrap_or_default(),
            step,
            reason,
            claim: Claim::of(&call, request_id, &request),
        };
        let resource = wanted.name.clone();
        let writing = (call.clone(), wanted);
        let outcome = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (call, wanted) = writing.clone();
                Box::pin(async move { write(connection, &call, &wanted).await })
            })
            .await;
        let views = &self.core.views;
        let outcome = views.or_not_allowed(&call, REFUSED, &resource, outcome);
        outcome.await?.into_answer(views, &call, VIEWED).await
    }
}

async fn write(
    connection: &mut PgConnection,
    call: &Call,
    wanted: &Wanted,
) -> Result<Written<Campaign>, Fault> {
    let mut query = RECORD.get(call, wanted.id);
    query.push(" FOR UPDATE OF c");
    let row = query.build().fetch_optional(&mut *connection).await?;
    let row = row.as_ref().map(StoredCampaign::read).transpose()?;
    let row = row.ok_or_else(|| Fault::not_found(&wanted.name))?;
    let claim = wanted.claim.as_ref();
    if let Some(kept) = idempotency::find_plain(connection, claim).await? {
        return Ok(before(kept));
    }
    if row.revision != wanted.revision {
        return Err(Fault::new(Reason::EtagMismatch).with("etag", etag(row.revision)));
    }
    let state = wanted.step.leads_from(row.record.state())?;
    let subject = &call.context.subject;
    let second = subject.kind == SubjectKind::Employee && subject.id != row.owner_id;
    let approver = (wanted.step == Step::Approve).then_some(subject.id);
    if approver.is_some() && !second {
        return Err(Fault::new(Reason::SecondPersonRequired));
    }
    let (id, reason) = (row.id, &wanted.reason);
    campaigns::step(connection, id, state, approver, reason, call.now).await?;
    let after = campaigns::lock(connection, id).await?;
    let after = after.ok_or_else(|| Fault::not_found(&wanted.name))?;
    let entry = journaled(call, wanted.step.journaled_as(), &after);
    let position = kefu_journal::append(connection, &[entry]).await?;
    let campaign = after.record;
    idempotency::keep_plain(connection, call, claim, id, &campaign, position).await?;
    let shown = Shown::of_company(&campaign.name);
    Ok(Written::now(campaign, shown, position))
}
