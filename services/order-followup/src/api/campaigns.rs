//! `kefu.order.v1.CampaignService`: news and offers to who agreed to exactly that.

mod change;
mod create;

use kefu_contracts::order::{
    ApproveCampaignRequest, Campaign, CreateCampaignRequest, EndCampaignRequest,
    GetCampaignRequest, ListCampaignsRequest, ListCampaignsResponse,
    campaign_service_server::CampaignService,
};
use kefu_journal::Entry;
use kefu_service::{
    call::{Answer, Call, answer},
    core::Core,
    error::Fault,
    fields::{Fields, name},
    idempotency::Plain,
    listing::{self, ListSpec, asked},
    peer::PeerService,
    present::Shown,
    scope::{After, Order},
    written::Written,
};
use tonic::{Request, Response, Status};

use crate::{
    campaigns::changed,
    domain::campaign::Step,
    store::campaigns::{CAMPAIGNS, RECORD, StoredCampaign},
};

const VIEWED: &str = "campaign.viewed";
const REFUSED: &str = "campaign.refused";

const LIST: ListSpec<StoredCampaign> = ListSpec {
    record: &RECORD,
    time: "create_time",
    order: Order {
        column: "c.created_at",
        descending: true,
    },
    read: StoredCampaign::read,
    place: |row| After {
        at: row.created_at,
        id: row.id,
    },
};

/// The handlers and what they share.
#[derive(Clone)]
pub(crate) struct Campaigns {
    core: Core,
    /// Asked what a selection says.
    profiles: PeerService,
}

impl Campaigns {
    pub(crate) fn new(core: &Core, profiles: PeerService) -> Self {
        Self {
            core: core.clone(),
            profiles,
        }
    }

    async fn get(
        &self,
        call: Call,
        request: GetCampaignRequest,
    ) -> Result<Answer<Campaign>, Fault> {
        let mut fields = Fields::new();
        let id = fields.name("name", &request.name, CAMPAIGNS);
        fields.finish()?;
        let query = RECORD.get(&call, id.unwrap_or_default());
        let Some(row) = self.core.deps.db.row(query).await? else {
            let fault = Fault::not_found(&request.name);
            let views = &self.core.views;
            return Err(views.refuse(&call, REFUSED, &request.name, fault).await);
        };
        let campaign = StoredCampaign::read(&row)?.record;
        let shown = Shown::of_company(&campaign.name);
        self.core.views.record(&call, VIEWED, &[shown]).await?;
        Ok(Answer::read(campaign))
    }

    async fn list(
        &self,
        call: Call,
        request: ListCampaignsRequest,
    ) -> Result<Answer<ListCampaignsResponse>, Fault> {
        let asked = asked!(request);
        let page = listing::show(&self.core, &call, &LIST, asked, VIEWED, |row| {
            let shown = Shown::of_company(&row.record.name);
            Box::pin(async move { Ok((row.record, shown)) })
        })
        .await?;
        Ok(Answer::read(ListCampaignsResponse {
            campaigns: page.records,
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
        }))
    }
}

/// What was answered before.
fn before(kept: Plain<Campaign>) -> Written<Campaign> {
    let shown = Shown::of_company(&kept.body.name);
    Written::before(kept.body, shown, kept.position)
}

fn journaled(call: &Call, kind: &'static str, row: &StoredCampaign) -> Entry {
    let (resource, event) = (name(CAMPAIGNS, row.id), changed(row));
    let kind_of_entry = kefu_contracts::journal::EntryKind::Change;
    kefu_service::present::entry(call, kind_of_entry, kind, resource, None, event)
}

#[tonic::async_trait]
impl CampaignService for Campaigns {
    async fn create_campaign(
        &self,
        request: Request<CreateCampaignRequest>,
    ) -> Result<Response<Campaign>, Status> {
        answer(request, |call, body| self.create(call, body)).await
    }

    async fn get_campaign(
        &self,
        request: Request<GetCampaignRequest>,
    ) -> Result<Response<Campaign>, Status> {
        answer(request, |call, body| self.get(call, body)).await
    }

    async fn list_campaigns(
        &self,
        request: Request<ListCampaignsRequest>,
    ) -> Result<Response<ListCampaignsResponse>, Status> {
        answer(request, |call, body| self.list(call, body)).await
    }

    async fn approve_campaign(
        &self,
        request: Request<ApproveCampaignRequest>,
    ) -> Result<Response<Campaign>, Status> {
        answer(request, |call, body| {
            self.change(call, body, Step::Approve, String::new())
        })
        .await
    }

    async fn end_campaign(
        &self,
        request: Request<EndCampaignRequest>,
    ) -> Result<Response<Campaign>, Status> {
        answer(request, |call, body| {
            let reason = body.reason.clone();
            self.change(call, body, Step::End, reason)
        })
        .await
    }
}
