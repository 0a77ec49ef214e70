//! What webhooks are sent: found in the audit log, which has every journal's entries, and noted
//! with the place up to which it was looked; sent by whoever takes it up. Each entry is noted once,
//! however many instances look, and sent until its receiver has it or no attempt is left.

mod note;
mod receiver;
mod record;
mod send;

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use kefu_access::ContextSigner;
use kefu_service::{core::Core, error::Fault, host::Job, server::GrpcService};

use self::{
    receiver::Receiver,
    record::Records,
    send::{Sender, Way},
};
use crate::{
    api::held::HeldPolicy,
    config::WebhooksConfig,
    store::webhook::{delivery, secret},
};

/// How often what is old is forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(3600);
/// Most that is forgotten in one transaction.
const AT_ONCE: i64 = 1000;

/// What the jobs are put together from.
pub(crate) struct Parts<'a> {
    pub(crate) core: &'a Core,
    pub(crate) config: &'a WebhooksConfig,
    /// Vouches for calls in receivers' names; none: nothing is sent.
    pub(crate) signer: Option<Arc<ContextSigner>>,
    /// What they may is decided from.
    pub(crate) policy: HeldPolicy,
    /// What grants let do.
    pub(crate) lent: Vec<String>,
    /// The services whose records are sent, by name.
    pub(crate) owners: Vec<(&'static str, GrpcService)>,
}

/// The jobs: noting, sending, forgetting.
///
/// # Errors
/// When the certificate authorities cannot be read.
pub(crate) fn jobs(parts: Parts<'_>) -> Result<Vec<Job>, Fault> {
    let Parts {
        core,
        config,
        signer,
        policy,
        lent,
        owners,
    } = parts;
    let mut jobs = vec![forget(core, config.keep_days)];
    jobs.push(note::job(core, config.poll()));
    if let Some(signer) = signer {
        let way = Way {
            records: Records::new(owners, signer, policy, lent)?,
            receiver: Receiver::new(config)?,
        };
        jobs.push(Sender::new(core.clone(), way).job(config.poll()));
    }
    Ok(jobs)
}

/// Forgets the log of long ago and secrets that sign no more, and wraps the keys of the others
/// anew where there is another key-encryption key.
fn forget(core: &Core, keep_days: u32) -> Job {
    let (deps, trouble) = (core.deps.clone(), "old deliveries are not forgotten");
    let keep = SignedDuration::from_hours(i64::from(keep_days) * 24);
    let clock = deps.clock.clone();
    Job::every("webhooks: old", clock, FORGET_EVERY, trouble, move || {
        let deps = deps.clone();
        async move {
            let now = deps.clock.now();
            let before = now.saturating_sub(keep).unwrap_or(Timestamp::MIN);
            let forgetting = || {
                deps.db.transaction(move |connection| {
                    Box::pin(delivery::forget(connection, before, AT_ONCE))
                })
            };
            while forgetting().await? > 0 {}
            deps.db
                .transaction(move |connection| Box::pin(secret::forget_ended(connection, now)))
                .await?;
            rewrap(&deps).await
        }
    })
}

/// Wraps each key anew that is under another key-encryption key. One that cannot be is told of after
/// all others were.
async fn rewrap(deps: &kefu_service::core::Deps) -> Result<(), Fault> {
    let Some(current) = deps.vault.current_kek().await? else {
        return Ok(());
    };
    let old = deps
        .db
        .run(move |connection| {
            let current = current.clone();
            Box::pin(async move { secret::under_others(connection, &current).await })
        })
        .await?;
    let outcomes = deps.vault.rewrap_all(&old).await?;
    let (mut failed, mut first_failure) = (0, None);
    for ((id, _), outcome) in old.into_iter().zip(outcomes) {
        match outcome {
            Ok(Some(key)) => {
                deps.db
                    .transaction(move |connection| {
                        let key = key.clone();
                        Box::pin(async move { secret::rewrapped(connection, id, &key).await })
                    })
                    .await?;
            }
            Ok(None) => {}
            Err(error) => {
                failed += 1;
                first_failure.get_or_insert(error);
            }
        }
    }
    match first_failure {
        Some(first) => Err(Fault::internal(format!(
            "{failed} keys of webhooks' secrets stay under another key-encryption key, the first: {first}"
        ))),
        None => Ok(()),
    }
}
