//! Webhooks: made, changed, and deleted for ever, and yet kept.

use kefu_contracts::{
    access::{
        self as wire, CreateWebhookRequest, DeleteWebhookRequest, UpdateWebhookRequest, WebhookAct,
        WebhookPause,
    },
    journal::event,
    policy::Purpose,
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, parse_name},
};
use uuid::Uuid;

use super::{
    WebhooksApi,
    look::Kind,
    open,
    secrets::{self, Fresh},
    told::{about, kind},
};
use crate::{
    api::{
        missing,
        write::{Asking, Done, claim},
    },
    domain::{
        register::SYSTEM_ACCOUNTS,
        webhook::{Refusal, WEBHOOKS, Wanted, Webhook, address::Limits},
    },
    error::RegisterError,
    store::{
        changes::Revision,
        employee,
        webhook::{self, delivery, news, secret},
    },
};

/// What a change answers, and what the journal tells of it.
pub(super) fn done(
    revision: &mut Revision<'_>,
    act: WebhookAct,
    webhook: &Webhook,
) -> Done<wire::Webhook> {
    revision.tell(event::Event::WebhookChanged(about(act, webhook)));
    answered(act, webhook)
}

/// What it answers.
pub(super) fn answered(act: WebhookAct, webhook: &Webhook) -> Done<wire::Webhook> {
    let body = webhook.message();
    Done {
        id: webhook.id,
        resource: body.name.clone(),
        body,
        kind: kind(act),
    }
}

/// A webhook, which begins with what is recorded from now on.
pub(super) async fn create(
    api: &WebhooksApi,
    call: Call,
    request: CreateWebhookRequest,
) -> Result<Answer<wire::Webhook>, Fault> {
    api.rules.ensure_on()?;
    let claim = claim(&call, &request.request_id, &request);
    let (id, limits) = (api.register.core.deps.ids.next()?, api.rules.limits);
    let now = call.now;
    let fresh = Fresh::make(&api.register).await?;
    let answer = api
        .register
        .change(call, claim, request, move |revision, asking| {
            let fresh = fresh.clone();
            Box::pin(async move { add(revision, asking, id, &fresh, limits).await })
        })
        .await?;
    secrets::reveal(&api.register, answer, now).await
}

async fn add(
    revision: &mut Revision<'_>,
    asking: &Asking<CreateWebhookRequest>,
    id: Uuid,
    fresh: &Fresh,
    limits: Limits,
) -> Result<Done<wire::Webhook>, Fault> {
    let (call, request) = (&asking.call, &asking.request);
    let mut fields = Fields::new();
    fields.request_id(&request.request_id);
    let Some(given) = &request.webhook else {
        return Err(missing(fields, "webhook"));
    };
    let named = parse_name(&given.account, SYSTEM_ACCOUNTS);
    let account = fields.named("webhook.account", &given.account, named);
    if let Some(account) = account {
        let found = employee::get(revision.connection, account).await?;
        let known = found.is_some_and(|one| {
            one.system_account && one.leaves_at.is_none_or(|end| call.now < end)
        });
        fields.ensure(known, "webhook.account", Violation::Unknown);
    }
    let purpose = fields.required_enum::<Purpose>("webhook.purpose", given.purpose);
    let wanted = Wanted {
        title: &given.title,
        url: &given.url,
        event_types: &given.event_types,
    };
    wanted.check(&mut fields, "webhook.", limits);
    fields.finish()?;
    let webhook = Webhook {
        id,
        account: account.unwrap_or_default(),
        purpose: purpose.unwrap_or_default(),
        title: given.title.clone(),
        url: given.url.clone(),
        event_types: given.event_types.clone(),
        pause: pause(given.active),
        since: news::size(revision.connection).await?,
        secret_number: 1,
        failing_since: None,
        creator: call.context.subject.id,
        created_at: call.now,
        deleted_at: None,
        revision: 1,
    };
    webhook::put(revision.connection, &webhook).await?;
    secret::put(revision.connection, (id, 1), &fresh.0, call.now).await?;
    Ok(done(revision, WebhookAct::Created, &webhook))
}

fn pause(active: bool) -> WebhookPause {
    match active {
        true => WebhookPause::Unspecified,
        false => WebhookPause::SwitchedOff,
    }
}

/// The webhook within reach, as it was read, and not deleted.
pub(super) async fn as_read(
    revision: &mut Revision<'_>,
    call: &Call,
    id: Uuid,
    etag: Option<i64>,
) -> Result<Webhook, Fault> {
    let webhook = open(revision, call, id).await?;
    match etag == Some(webhook.revision) {
        true => Ok(webhook),
        false => Err(RegisterError::Stale.into()),
    }
}

/// All of it that can change.
pub(super) async fn update(
    api: &WebhooksApi,
    call: Call,
    request: UpdateWebhookRequest,
) -> Result<Answer<wire::Webhook>, Fault> {
    if request.active {
        api.rules.ensure_on()?;
    }
    let claim = claim(&call, &request.request_id, &request);
    let limits = api.rules.limits;
    api.register
        .change(call, claim, request, move |revision, asking| {
            Box::pin(revise(revision, asking, limits))
        })
        .await
}

async fn revise(
    revision: &mut Revision<'_>,
    asking: &Asking<UpdateWebhookRequest>,
    limits: Limits,
) -> Result<Done<wire::Webhook>, Fault> {
    let (call, request) = (&asking.call, &asking.request);
    let mut fields = Fields::new();
    fields.request_id(&request.request_id);
    let id = fields.name("name", &request.name, WEBHOOKS);
    let etag = fields.etag("etag", &request.etag);
    let wanted = Wanted {
        title: &request.title,
        url: &request.url,
        event_types: &request.event_types,
    };
    wanted.check(&mut fields, "", limits);
    fields.finish()?;
    let mut webhook = as_read(revision, call, id.unwrap_or_default(), etag).await?;
    if request.active && !webhook.is_active() {
        let secrets = secret::signing(revision.connection, webhook.id, None, call.now).await?;
        if secrets.is_empty() {
            return Err(RegisterError::Webhook(Refusal::NoSecret).into());
        }
        webhook.since = news::size(revision.connection).await?;
        delivery::resume(revision.connection, webhook.id, call.now).await?;
    }
    // Why it was off already stays known.
    if request.active || webhook.is_active() {
        webhook.pause = pause(request.active);
    }
    webhook.title.clone_from(&request.title);
    webhook.url.clone_from(&request.url);
    webhook.event_types.clone_from(&request.event_types);
    webhook.revision += 1;
    webhook::put(revision.connection, &webhook).await?;
    Ok(done(revision, WebhookAct::Updated, &webhook))
}

/// Off for ever.
pub(super) async fn delete(
    api: &WebhooksApi,
    call: Call,
    request: DeleteWebhookRequest,
) -> Result<Answer<wire::Webhook>, Fault> {
    let claim = claim(&call, &request.request_id, &request);
    api.register
        .change(call, claim, request, |revision, asking| {
            Box::pin(end(revision, asking))
        })
        .await
}

async fn end(
    revision: &mut Revision<'_>,
    asking: &Asking<DeleteWebhookRequest>,
) -> Result<Done<wire::Webhook>, Fault> {
    let (call, request) = (&asking.call, &asking.request);
    let mut fields = Fields::new();
    fields.request_id(&request.request_id);
    let id = fields.name("name", &request.name, WEBHOOKS);
    let etag = fields.etag("etag", &request.etag);
    fields.finish()?;
    let mut webhook = as_read(revision, call, id.unwrap_or_default(), etag).await?;
    // Whoever looks for what is new has noted it, or sees that there is no webhook.
    news::lock_cursor(revision.connection).await?;
    webhook.pause = WebhookPause::Deleted;
    webhook.deleted_at = Some(call.now);
    webhook.revision += 1;
    webhook::put(revision.connection, &webhook).await?;
    secret::forget(revision.connection, webhook.id).await?;
    news::end(revision.connection, webhook.id, None).await?;
    delivery::drop_pending(revision.connection, webhook.id, call.now).await?;
    Ok(done(revision, WebhookAct::Deleted, &webhook))
}
