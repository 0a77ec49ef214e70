//! `kefu.profile.v1.ConsentService`: what customers agreed to, and took back.

mod record;

use kefu_access::Clearance;
use kefu_contracts::profile::{
    Consent, GetConsentRequest, ListConsentsRequest, ListConsentsResponse, RecordConsentRequest,
    consent_service_server::ConsentService,
};
use kefu_service::{
    call::{Answer, Call, answer},
    core::Core,
    error::Fault,
    fields::Fields,
    listing::{self, Asked, ListSpec},
    present::{Shown, disclose},
    scope::{After, Order},
    sealed::Sealer,
};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::store::consents::{RECORD, StoredConsent};

const VIEWED: &str = "consent.viewed";
const REFUSED: &str = "consent.refused";

const LIST: ListSpec<'static, StoredConsent> = ListSpec {
    record: &RECORD,
    time: "record_time",
    order: Order {
        column: "s.recorded_at",
        descending: true,
    },
    read: StoredConsent::read,
    place: |row| After {
        at: row.recorded_at,
        id: row.id,
    },
};

/// The handlers and what they share.
#[derive(Clone)]
pub(crate) struct Consents {
    core: Core,
    sealer: Sealer,
}

impl Consents {
    pub(crate) fn new(core: &Core) -> Self {
        Self {
            core: core.clone(),
            sealer: Sealer::new(core.deps.vault.clone(), "profile.consent_statement"),
        }
    }

    /// Clause IH-2.1.
    async fn get(&self, call: Call, request: GetConsentRequest) -> Result<Answer<Consent>, Fault> {
        let mut fields = Fields::new();
        let id = fields.name("name", &request.name, "consents");
        fields.finish()?;
        let mut query = RECORD.get(&call, id.unwrap_or_default());
        let db = &self.core.deps.db;
        let row = db
            .run(move |connection| {
                Box::pin(async move { Ok(query.build().fetch_optional(connection).await?) })
            })
            .await?;
        let views = &self.core.views;
        let Some(row) = row.as_ref().map(StoredConsent::read).transpose()? else {
            let fault = Fault::not_found(&request.name);
            return Err(views.refuse(&call, REFUSED, &request.name, fault).await);
        };
        let (consent, shown) = self.open(&call, &row).await?;
        views.record(&call, VIEWED, &[shown]).await?;
        Ok(Answer::read(consent))
    }

    /// Clause IH-2.1.
    async fn list(
        &self,
        call: Call,
        request: ListConsentsRequest,
    ) -> Result<Answer<ListConsentsResponse>, Fault> {
        let asked = Asked {
            page_size: request.page_size,
            page_token: &request.page_token,
            filter: &request.filter,
            order_by: &request.order_by,
        };
        let reader = &call;
        let page = listing::show(&self.core, &call, &LIST, asked, VIEWED, |row| {
            Box::pin(async move { self.open(reader, &row).await })
        })
        .await?;
        Ok(Answer::read(ListConsentsResponse {
            consents: page.records,
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
        }))
    }

    /// Opens what the call's rules clear of a row, and says how it is shown.
    pub(super) async fn open(
        &self,
        call: &Call,
        row: &StoredConsent,
    ) -> Result<(Consent, Shown), Fault> {
        let clearance = call.context.clearance(row.matched, call.now);
        let key = self.sealer.open_key(row.customer, &row.wrapped).await?;
        let (opened, account) =
            self.sealer
                .open::<Consent>(&key, row.id, &row.sealed, clearance.classes)?;
        let mut consent = row.with_columns(opened);
        disclose(&mut consent, &clearance, account);
        let shown = shown(&consent, row.customer, clearance);
        Ok((consent, shown))
    }
}

fn shown(consent: &Consent, customer: Uuid, clearance: Clearance) -> Shown {
    Shown {
        resource: consent.name.clone(),
        customer_id: Some(customer),
        clearance,
    }
}

#[tonic::async_trait]
impl ConsentService for Consents {
    async fn record_consent(
        &self,
        request: Request<RecordConsentRequest>,
    ) -> Result<Response<Consent>, Status> {
        answer(request, |call, body| self.record(call, body)).await
    }

    async fn get_consent(
        &self,
        request: Request<GetConsentRequest>,
    ) -> Result<Response<Consent>, Status> {
        answer(request, |call, body| self.get(call, body)).await
    }

    async fn list_consents(
        &self,
        request: Request<ListConsentsRequest>,
    ) -> Result<Response<ListConsentsResponse>, Status> {
        answer(request, |call, body| self.list(call, body)).await
    }
}
