//! A campaign is made over a saved selection, as that is now.

use jiff::Timestamp;
use kefu_access::SubjectKind;
use kefu_contracts::{
    common::Reason,
    order::{Campaign, CreateCampaignRequest},
    profile::{ResolveSelectionRequest, selection_service_client::SelectionServiceClient},
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    facts,
    fields::Fields,
    idempotency::{self, Claim},
    present::Shown,
    written::Written,
};
use sqlx::PgConnection;
use tonic::Code;
use uuid::Uuid;

use super::{Campaigns, VIEWED, before, journaled};
use crate::{
    domain::campaign::check,
    store::campaigns::{self, NewCampaign},
};

/// A campaign that can be made.
#[derive(Clone)]
struct Wanted {
    id: Uuid,
    campaign: Campaign,
    selection: Uuid,
    /// As it was resolved.
    version: i32,
    filter: String,
    start_at: Timestamp,
    end_at: Timestamp,
    department: Uuid,
    claim: Option<Claim>,
}

impl Campaigns {
    /// Clause OP-3.3.
    pub(super) async fn create(
        &self,
        call: Call,
        request: CreateCampaignRequest,
    ) -> Result<Answer<Campaign>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let claim = Claim::of(&call, request_id, &request);
        let campaign = request.campaign.unwrap_or_default();
        let selection = fields.name("campaign.selection", &campaign.selection, "selections");
        let times = check(&mut fields, &campaign, call.now);
        let subject = &call.context.subject;
        let department = subject.departments.first().copied();
        // Whoever answers for it is a person of some department.
        let person = subject.kind == SubjectKind::Employee && department.is_some();
        fields.ensure(person, "campaign", Violation::NotApplicable);
        // Whatever became of the selection since, and whatever the clock says by now.
        if let Some(given) = self.given_before(claim.as_ref()).await? {
            return given.into_answer(&self.core.views, &call, VIEWED).await;
        }
        fields.finish()?;
        // Asked before the change: it never waits for another service.
        let (version, filter) = self.resolve(&campaign.selection).await?;
        let (start_at, end_at) = times.ok_or_else(|| Fault::internal("no violation was noted"))?;
        let wanted = Wanted {
            id: self.core.deps.ids.next()?,
            campaign,
            selection: selection.unwrap_or_default(),
            version,
            filter,
            start_at,
            end_at,
            department: department.unwrap_or_default(),
            claim,
        };
        let writing = (call.clone(), wanted);
        let written = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (call, wanted) = writing.clone();
                Box::pin(async move { write(connection, &call, &wanted).await })
            })
            .await?;
        written.into_answer(&self.core.views, &call, VIEWED).await
    }

    /// What this request led to before, if it comes again.
    async fn given_before(
        &self,
        claim: Option<&Claim>,
    ) -> Result<Option<Written<Campaign>>, Fault> {
        let Some(claim) = claim.cloned() else {
            return Ok(None);
        };
        let db = &self.core.deps.db;
        let found = db
            .run(move |connection| Box::pin(async move { kept(connection, Some(&claim)).await }))
            .await;
        match found {
            // What is wrong with another request under the same id is told first.
            Err(fault) if fault.reason == Reason::RequestIdReused => Ok(None),
            found => found,
        }
    }

    /// The version of a selection that there is now, and what it says.
    async fn resolve(&self, selection: &str) -> Result<(i32, String), Fault> {
        let request = ResolveSelectionRequest {
            name: selection.to_owned(),
            version: 0,
        };
        let mut owner = SelectionServiceClient::new(self.profiles.clone());
        match owner.resolve_selection(request).await {
            Ok(found) => {
                let found = found.into_inner();
                Ok((found.version, found.filter))
            }
            Err(status) if status.code() == Code::NotFound => {
                let field = "campaign.selection".to_owned();
                Err(Fault::fields(vec![(field, Violation::Unknown)]))
            }
            Err(status) => Err(facts::fault(&status)),
        }
    }
}

async fn kept(
    connection: &mut PgConnection,
    claim: Option<&Claim>,
) -> Result<Option<Written<Campaign>>, Fault> {
    let kept = idempotency::find_plain(connection, claim).await?;
    Ok(kept.map(before))
}

async fn write(
    connection: &mut PgConnection,
    call: &Call,
    wanted: &Wanted,
) -> Result<Written<Campaign>, Fault> {
    let claim = wanted.claim.as_ref();
    if let Some(given) = kept(connection, claim).await? {
        return Ok(given);
    }
    let new = NewCampaign {
        id: wanted.id,
        campaign: &wanted.campaign,
        selection: (wanted.selection, wanted.version),
        filter: &wanted.filter,
        start_at: wanted.start_at,
        end_at: wanted.end_at,
        owner_id: call.context.subject.id,
        department_id: wanted.department,
        now: call.now,
    };
    campaigns::insert(connection, &new).await?;
    let made = campaigns::lock(connection, wanted.id).await?;
    let made = made.ok_or_else(|| Fault::internal("a campaign that was not kept"))?;
    let entry = journaled(call, "campaign.created", &made);
    let position = kefu_journal::append(connection, &[entry]).await?;
    let campaign = made.record;
    idempotency::keep_plain(connection, call, claim, wanted.id, &campaign, position).await?;
    let shown = Shown::of_company(&campaign.name);
    Ok(Written::now(campaign, shown, position))
}
