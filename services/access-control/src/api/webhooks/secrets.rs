//! Secrets of webhooks: made, told once, and another one beside the one before.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use kefu_contracts::access::{self as wire, RotateWebhookSecretRequest, WebhookAct};
use kefu_service::{
    call::{Answer, Call},
    core::Deps,
    error::Fault,
    fields::{Fields, parse_name},
};

use super::{
    Register, WebhooksApi,
    change::{as_read, done},
};
use crate::{
    api::write::{Asking, Done, claim},
    domain::webhook::{OVERLAP_HOURS, WEBHOOKS, signature},
    store::{
        changes::Revision,
        webhook::{
            self,
            secret::{self, Secret},
        },
    },
};

/// A secret that nobody has been told yet.
#[derive(Clone)]
pub(super) struct Fresh(pub(super) Arc<Secret>);

impl Fresh {
    /// 32 random bytes, sealed under a key of their own. Made before the change that keeps it, as
    /// a key service may be asked.
    pub(super) async fn make(register: &Register) -> Result<Self, Fault> {
        let deps = &register.core.deps;
        let (id, bytes) = (deps.ids.next()?, deps.ids.secret()?);
        let (key, wrapped) = deps.vault.new_key(id).await?;
        let sealed = deps.vault.seal(&key, &Secret::place(id), &bytes)?;
        Ok(Self(Arc::new(Secret {
            id,
            key: wrapped,
            sealed,
        })))
    }
}

/// The bytes of a secret.
pub(crate) async fn open(deps: &Deps, secret: &Secret) -> Result<Vec<u8>, Fault> {
    let key = deps.vault.open_key(secret.id, &secret.key).await?;
    let plain = deps
        .vault
        .open(&key, &Secret::place(secret.id), &secret.sealed)?;
    Ok(plain.to_vec())
}

/// The answer with its secret, while that signs. It is not kept with the answer, which is not
/// sealed: whoever asks with the same request id again is told it by this.
pub(super) async fn reveal(
    register: &Register,
    mut answer: Answer<wire::Webhook>,
    now: Timestamp,
) -> Result<Answer<wire::Webhook>, Fault> {
    let id = parse_name(&answer.body.name, WEBHOOKS).unwrap_or_default();
    let number = Some(answer.body.secret_number);
    let deps = &register.core.deps;
    let found = deps
        .db
        .run(move |connection| Box::pin(secret::signing(connection, id, number, now)))
        .await?;
    if let Some(secret) = found.first() {
        answer.body.secret = signature::written(&open(deps, secret).await?);
    }
    Ok(answer)
}

/// Another secret.
pub(super) async fn rotate(
    api: &WebhooksApi,
    call: Call,
    request: RotateWebhookSecretRequest,
) -> Result<Answer<wire::Webhook>, Fault> {
    let claim = claim(&call, &request.request_id, &request);
    let now = call.now;
    let fresh = Fresh::make(&api.register).await?;
    let answer = api
        .register
        .change(call, claim, request, move |revision, asking| {
            let fresh = fresh.clone();
            Box::pin(async move { replace(revision, asking, &fresh).await })
        })
        .await?;
    reveal(&api.register, answer, now).await
}

async fn replace(
    revision: &mut Revision<'_>,
    asking: &Asking<RotateWebhookSecretRequest>,
    fresh: &Fresh,
) -> Result<Done<wire::Webhook>, Fault> {
    let (call, request) = (&asking.call, &asking.request);
    let mut fields = Fields::new();
    fields.request_id(&request.request_id);
    let id = fields.name("name", &request.name, WEBHOOKS);
    let etag = fields.etag("etag", &request.etag);
    fields.finish()?;
    let mut webhook = as_read(revision, call, id.unwrap_or_default(), etag).await?;
    webhook.secret_number += 1;
    webhook.revision += 1;
    webhook::put(revision.connection, &webhook).await?;
    let overlap = SignedDuration::from_hours(OVERLAP_HOURS);
    let others_end_at = call.now.saturating_add(overlap).unwrap_or(call.now);
    let place = (webhook.id, webhook.secret_number);
    secret::put(revision.connection, place, &fresh.0, others_end_at).await?;
    Ok(done(revision, WebhookAct::SecretRotated, &webhook))
}
