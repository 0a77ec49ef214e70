//! What webhooks are sent: the log, a ping, and dead letters tried anew.

use kefu_contracts::{
    access::{
        self as wire, ListWebhookDeliveriesRequest, ListWebhookDeliveriesResponse,
        PingWebhookRequest, RedeliverWebhookRequest, WebhookAct, WebhookDeliveryState as State,
    },
    journal::event,
};
use kefu_service::{
    asked,
    call::{Answer, Call},
    error::Fault,
    fields::{self, Fields},
};
use uuid::Uuid;

use super::{
    WebhooksApi, active,
    look::{self, Kind},
    told::{about, kind},
};
use crate::{
    NAME,
    api::write::{Asking, Done, claim},
    domain::webhook::{DELIVERIES, Delivery, Refusal, WEBHOOKS, Webhook, event::PING},
    error::RegisterError,
    store::{
        changes::Revision,
        stored,
        webhook::delivery::{self, Logged},
    },
};

/// Type of the journal's entry where one ends in this state.
pub(super) fn kind_of(state: State) -> &'static str {
    match state {
        State::Unspecified | State::Pending => "webhook_delivery.pending",
        State::Delivered => "webhook_delivery.delivered",
        State::Withheld => "webhook_delivery.withheld",
        State::Dead => "webhook_delivery.dead",
        State::Dropped => "webhook_delivery.dropped",
    }
}

/// A page of the log.
pub(super) async fn list(
    api: &WebhooksApi,
    call: Call,
    request: ListWebhookDeliveriesRequest,
) -> Result<Answer<ListWebhookDeliveriesResponse>, Fault> {
    let page = look::list::<Logged>(&api.register, &call, asked!(request)).await?;
    Ok(Answer::read(ListWebhookDeliveriesResponse {
        webhook_deliveries: page.records,
        next_page_token: page.next_page_token,
        total_size: page.total_size,
        total_kind: page.total_kind,
    }))
}

/// An event about nothing, sent once.
pub(super) async fn ping(
    api: &WebhooksApi,
    call: Call,
    request: PingWebhookRequest,
) -> Result<Answer<wire::WebhookDelivery>, Fault> {
    api.rules.ensure_on()?;
    let claim = claim(&call, &request.request_id, &request);
    let id = api.register.core.deps.ids.next()?;
    api.register
        .change(call, claim, request, move |revision, asking| {
            Box::pin(try_way(revision, asking, id))
        })
        .await
}

async fn try_way(
    revision: &mut Revision<'_>,
    asking: &Asking<PingWebhookRequest>,
    id: Uuid,
) -> Result<Done<wire::WebhookDelivery>, Fault> {
    let (call, request) = (&asking.call, &asking.request);
    let mut fields = Fields::new();
    fields.request_id(&request.request_id);
    let webhook = fields.name("name", &request.name, WEBHOOKS);
    fields.finish()?;
    let webhook = active(revision, call, webhook.unwrap_or_default()).await?;
    let delivery = Delivery {
        id,
        webhook: webhook.id,
        seq: None,
        service: NAME.to_owned(),
        place: (0, 0),
        event_type: PING.to_owned(),
        change: String::new(),
        resource: fields::name(WEBHOOKS, webhook.id),
        event_at: call.now,
        state: State::Pending,
        failures: 0,
        attempts: 0,
        due_at: call.now,
        created_at: call.now,
        begun_at: call.now,
        settled_at: None,
    };
    delivery::note(revision.connection, std::slice::from_ref(&delivery), false).await?;
    let logged = Logged {
        delivery,
        attempts: Vec::new(),
    };
    Ok(done(revision, WebhookAct::Pinged, &webhook, &logged))
}

fn done(
    revision: &mut Revision<'_>,
    act: WebhookAct,
    webhook: &Webhook,
    logged: &Logged,
) -> Done<wire::WebhookDelivery> {
    revision.tell(event::Event::WebhookChanged(about(act, webhook)));
    let body = logged.message();
    Done {
        id: logged.delivery.id,
        resource: body.name.clone(),
        body,
        kind: kind(act),
    }
}

/// A dead letter, from the first attempt on.
pub(super) async fn redeliver(
    api: &WebhooksApi,
    call: Call,
    request: RedeliverWebhookRequest,
) -> Result<Answer<wire::WebhookDelivery>, Fault> {
    let claim = claim(&call, &request.request_id, &request);
    api.register
        .change(call, claim, request, |revision, asking| {
            Box::pin(begin_anew(revision, asking))
        })
        .await
}

async fn begin_anew(
    revision: &mut Revision<'_>,
    asking: &Asking<RedeliverWebhookRequest>,
) -> Result<Done<wire::WebhookDelivery>, Fault> {
    let (call, request) = (&asking.call, &asking.request);
    let mut fields = Fields::new();
    fields.request_id(&request.request_id);
    let id = fields.name("name", &request.name, DELIVERIES);
    fields.finish()?;
    let id = id.unwrap_or_default();
    let logged: Logged = look::open(revision, call, id).await?;
    let webhook = active(revision, call, logged.delivery.webhook).await?;
    let state = logged.delivery.state;
    if state != State::Dead {
        return Err(RegisterError::Webhook(Refusal::NotDead(state)).into());
    }
    delivery::begin_anew(revision.connection, id, call.now).await?;
    let logged = stored::get::<Logged>(revision.connection, id).await?;
    let logged = logged.ok_or_else(|| Fault::internal("a delivery went away"))?;
    Ok(done(revision, WebhookAct::Redelivered, &webhook, &logged))
}
