//! `WebhookService`: webhooks of other company systems, and the log of what they were sent.

mod change;
mod deliveries;
mod messages;
mod replay;
mod secrets;
mod told;

use std::sync::Arc;

use kefu_contracts::access::{
    self as wire, CreateWebhookRequest, DeleteWebhookRequest, GetWebhookRequest,
    ListWebhookDeliveriesRequest, ListWebhookDeliveriesResponse, ListWebhooksRequest,
    ListWebhooksResponse, PingWebhookRequest, RedeliverWebhookRequest, ReplayWebhookRequest,
    RotateWebhookSecretRequest, UpdateWebhookRequest, webhook_service_server::WebhookService,
};
use kefu_service::{
    asked,
    call::{Answer, Call, answer},
    error::Fault,
};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{Register, look, look::Kind};
use crate::{
    domain::webhook::{Refusal, Webhook, address::Limits},
    error::RegisterError,
    store::changes::Revision,
};
pub(crate) use secrets::open as open_secret;
pub(crate) use told::{about, kind, settled};

/// Journals what of webhooks is shown under this type.
const VIEWED: &str = "webhook.viewed";
/// And what was asked for and not shown.
const REFUSED: &str = "webhook.refused";

/// The service over the register.
#[derive(Clone)]
pub(crate) struct WebhooksApi {
    pub(crate) register: Register,
    pub(crate) rules: Arc<Rules>,
}

/// What webhooks may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// Whether anything can be sent: there is a key to read records in a receiver's name with.
    pub(crate) on: bool,
    /// Where they may lead.
    pub(crate) limits: Limits,
}

impl Rules {
    /// # Errors
    /// Says what is missing, where nothing can be sent.
    fn ensure_on(self) -> Result<(), Fault> {
        match self.on {
            true => Ok(()),
            false => Err(RegisterError::Webhook(Refusal::Off).into()),
        }
    }
}

/// The webhook within reach, and not deleted.
async fn open(revision: &mut Revision<'_>, call: &Call, id: Uuid) -> Result<Webhook, Fault> {
    let webhook: Webhook = look::open(revision, call, id).await?;
    match webhook.deleted_at {
        None => Ok(webhook),
        Some(_) => Err(RegisterError::Webhook(Refusal::Deleted).into()),
    }
}

/// The webhook within reach, which is sent something.
async fn active(revision: &mut Revision<'_>, call: &Call, id: Uuid) -> Result<Webhook, Fault> {
    let webhook = open(revision, call, id).await?;
    match webhook.is_active() {
        true => Ok(webhook),
        false => Err(RegisterError::Webhook(Refusal::Paused(webhook.pause)).into()),
    }
}

#[tonic::async_trait]
impl WebhookService for WebhooksApi {
    async fn create_webhook(
        &self,
        request: Request<CreateWebhookRequest>,
    ) -> Result<Response<wire::Webhook>, Status> {
        answer(request, |call, message| change::create(self, call, message)).await
    }

    async fn get_webhook(
        &self,
        request: Request<GetWebhookRequest>,
    ) -> Result<Response<wire::Webhook>, Status> {
        answer(request, |call, message| async move {
            let webhook = look::get::<Webhook>(&self.register, &call, &message.name).await?;
            Ok(Answer::read(webhook.message()))
        })
        .await
    }

    async fn list_webhooks(
        &self,
        request: Request<ListWebhooksRequest>,
    ) -> Result<Response<ListWebhooksResponse>, Status> {
        answer(request, |call, message| async move {
            let page = look::list::<Webhook>(&self.register, &call, asked!(message)).await?;
            Ok(Answer::read(ListWebhooksResponse {
                webhooks: page.records,
                next_page_token: page.next_page_token,
                total_size: page.total_size,
                total_kind: page.total_kind,
            }))
        })
        .await
    }

    async fn update_webhook(
        &self,
        request: Request<UpdateWebhookRequest>,
    ) -> Result<Response<wire::Webhook>, Status> {
        answer(request, |call, message| change::update(self, call, message)).await
    }

    async fn delete_webhook(
        &self,
        request: Request<DeleteWebhookRequest>,
    ) -> Result<Response<wire::Webhook>, Status> {
        answer(request, |call, message| change::delete(self, call, message)).await
    }

    async fn rotate_webhook_secret(
        &self,
        request: Request<RotateWebhookSecretRequest>,
    ) -> Result<Response<wire::Webhook>, Status> {
        answer(request, |call, message| {
            secrets::rotate(self, call, message)
        })
        .await
    }

    async fn ping_webhook(
        &self,
        request: Request<PingWebhookRequest>,
    ) -> Result<Response<wire::WebhookDelivery>, Status> {
        answer(request, |call, message| {
            deliveries::ping(self, call, message)
        })
        .await
    }

    async fn replay_webhook(
        &self,
        request: Request<ReplayWebhookRequest>,
    ) -> Result<Response<wire::Webhook>, Status> {
        answer(request, |call, message| replay::replay(self, call, message)).await
    }

    async fn list_webhook_deliveries(
        &self,
        request: Request<ListWebhookDeliveriesRequest>,
    ) -> Result<Response<ListWebhookDeliveriesResponse>, Status> {
        answer(request, |call, message| {
            deliveries::list(self, call, message)
        })
        .await
    }

    async fn redeliver_webhook(
        &self,
        request: Request<RedeliverWebhookRequest>,
    ) -> Result<Response<wire::WebhookDelivery>, Status> {
        answer(request, |call, message| {
            deliveries::redeliver(self, call, message)
        })
        .await
    }
}
