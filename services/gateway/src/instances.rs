//! How many gateways there are: what a subject may make of all of them is shared out among them.

use std::{collections::BTreeSet, num::NonZeroU32, sync::Arc, time::Duration};

use kefu_service::{
    clock::{Clock, sleep},
    host::Job,
};
use tokio::net::lookup_host;

use crate::{config::GatewayConfig, patience::within, stack::Stack};

/// How often they are counted.
const EVERY: Duration = Duration::from_secs(5);
/// How long finding them may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// The job that counts them, where a name stands for all of them.
pub(crate) fn count(config: &GatewayConfig, stack: &Arc<Stack>) -> Option<Job> {
    let name = config.instances_at.clone()?;
    let stack = stack.clone();
    Some(Job::new("gateways", move |stop| {
        let (stack, name) = (stack.clone(), name.clone());
        Box::pin(async move {
            loop {
                // A name that cannot be resolved changes nothing.
                if let Some(count) = addresses(stack.clock.as_ref(), &name).await {
                    stack.share_rates_among(count);
                }
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = sleep(stack.clock.as_ref(), EVERY) => {}
                }
            }
        })
    }))
}

async fn addresses(clock: &dyn Clock, name: &str) -> Option<NonZeroU32> {
    let found = match within(clock, PATIENCE, lookup_host(name)).await? {
        Ok(found) => found.collect::<BTreeSet<_>>(),
        Err(error) => {
            tracing::warn!(%error, "the gateways cannot be counted");
            return None;
        }
    };
    u32::try_from(found.len()).ok().and_then(NonZeroU32::new)
}
