//! `kefu.profile.v1.ConsentService`: what customers agreed to, and took back.

mod record;

use kefu_contracts::profile::{
    Consent, GetConsentRequest, ListConsentsRequest, ListConsentsResponse, RecordConsentRequest,
    consent_service_server::ConsentService,
};
use kefu_service::{
    call::{Answer, Call, answer},
    core::Core,
    error::Fault,
    listing::{ListSpec, asked},
    scope::{After, Order},
};
use tonic::{Request, Response, Status};

use super::on_file::{Kind, Shelf};
use crate::store::{
    consents::{RECORD, StoredConsent},
    hanging::Hanging,
};

static KIND: Kind<StoredConsent> = Kind {
    table: "profile.consent_statement",
    collection: "consents",
    viewed: "consent.viewed",
    refused: "consent.refused",
    list: ListSpec {
        record: &RECORD,
        time: "record_time",
        order: Order {
            column: "s.recorded_at",
            descending: true,
        },
        read: StoredConsent::read,
        place: |row| After {
            at: row.kept.recorded_at,
            id: row.kept.id,
        },
    },
};

/// The handlers and what they share.
#[derive(Clone)]
pub(crate) struct Consents {
    pub(super) shelf: Shelf<StoredConsent>,
}

impl Consents {
    pub(crate) fn new(core: &Core) -> Self {
        Self {
            shelf: Shelf::new(core, &KIND),
        }
    }

    /// Clause IH-2.1.
    async fn list(
        &self,
        call: Call,
        request: ListConsentsRequest,
    ) -> Result<Answer<ListConsentsResponse>, Fault> {
        let asked = asked!(request);
        let page = self.shelf.list(&call, asked).await?;
        Ok(Answer::read(ListConsentsResponse {
            consents: page.records,
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
        }))
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
        answer(request, |call, body| async move {
            self.shelf.get(&call, &body.name).await
        })
        .await
    }

    async fn list_consents(
        &self,
        request: Request<ListConsentsRequest>,
    ) -> Result<Response<ListConsentsResponse>, Status> {
        answer(request, |call, body| self.list(call, body)).await
    }
}
