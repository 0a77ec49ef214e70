//! What a journal has from a place on, sent anew.

use kefu_contracts::{
    access::{self as wire, ReplayWebhookRequest, WebhookAct},
    journal::{WebhookChanged, event},
};
use kefu_journal::Cursor;
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::Fields,
};

use super::{WebhooksApi, active, change::answered, told::about};
use crate::{
    api::write::{Asking, Done, claim},
    domain::webhook::{WEBHOOKS, event::TOPICS},
    store::{
        changes::Revision,
        webhook::news::{self, Replay},
    },
};

/// Asks for it; a job does it.
pub(super) async fn replay(
    api: &WebhooksApi,
    call: Call,
    request: ReplayWebhookRequest,
) -> Result<Answer<wire::Webhook>, Fault> {
    let claim = claim(&call, &request.request_id, &request);
    api.register
        .change(call, claim, request, |revision, asking| {
            Box::pin(ask(revision, asking))
        })
        .await
}

async fn ask(
    revision: &mut Revision<'_>,
    asking: &Asking<ReplayWebhookRequest>,
) -> Result<Done<wire::Webhook>, Fault> {
    let (call, request) = (&asking.call, &asking.request);
    let mut fields = Fields::new();
    fields.request_id(&request.request_id);
    let id = fields.name("name", &request.name, WEBHOOKS);
    let known = TOPICS.iter().any(|one| one.service == request.service);
    if request.service.is_empty() {
        fields.refuse("service", Violation::Required);
    } else {
        fields.ensure(known, "service", Violation::UnknownValue);
    }
    let start_at = fields.past("start_time", request.start_time.as_ref(), call.now);
    let mut after = None;
    match (&request.start_time, request.after_position.as_str()) {
        (None, "") => fields.refuse("start_time", Violation::Required),
        (Some(_), "") => {}
        (Some(_), _) => fields.refuse("after_position", Violation::Contradiction),
        (None, text) => {
            after = text.parse::<Cursor>().ok();
            fields.ensure(after.is_some(), "after_position", Violation::Format);
        }
    }
    fields.finish()?;
    let webhook = active(revision, call, id.unwrap_or_default()).await?;
    let connection = &mut *revision.connection;
    let after = match (after, start_at) {
        (None, Some(start)) => news::place_of(connection, &request.service, start).await?,
        (after, _) => after.unwrap_or_default(),
    };
    let asked = Replay {
        webhook: webhook.id,
        service: request.service.clone(),
        start_at,
        after,
        end: news::size(connection).await?,
    };
    news::ask(connection, &asked).await?;
    revision.tell(event::Event::WebhookChanged(WebhookChanged {
        service: request.service.clone(),
        start_time: request.start_time,
        after_position: request.after_position.clone(),
        ..about(WebhookAct::Replayed, &webhook)
    }));
    Ok(answered(WebhookAct::Replayed, &webhook))
}
