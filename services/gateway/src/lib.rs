//! The gateway of kefu: token, decision, signed context, pass-through.
//!
//! It is the only door to the suite. It has no database and no policy of its own:
//! it decides, in memory, from the snapshot that access-control streams to it, and
//! what it refuses is journaled by access-control. Message bodies pass through
//! unread, save for how long each message says that it is.
//!
//! A call goes through these layers, outermost first (the list itself, with the
//! reason for each place, is in `stack.rs`):
//!
//! | layer | refuses with | file |
//! |---|---|---|
//! | gRPC-web, JSON and CORS, around them all | `INVALID_FIELDS` for JSON that is no request | `web`, `json` |
//! | span and call id | – | `stack` |
//! | load shedding | `OVERLOADED` | `limits` |
//! | deadline | `DEADLINE_EXCEEDED` | `deadline` |
//! | method table | `METHOD_UNKNOWN` | `stack` |
//! | size of the metadata | `MESSAGE_TOO_LARGE` | `frames` |
//! | token | `TOKEN_MISSING`, `TOKEN_INVALID`, `TOKEN_EXPIRED`, `ISSUER_UNAVAILABLE` | `token`, `jwks`, `keys`, `issuer` |
//! | rate of the subject | `OVERLOADED` | `limits` |
//! | purpose | `PURPOSE_REQUIRED` | `purpose` |
//! | decision | `POLICY_STALE`, `SUBJECT_UNKNOWN`, `PERMISSION_MISSING`, `PURPOSE_NOT_ALLOWED`; `TOKEN_INVALID` for a system account whose token must be bound | `snapshot` |
//! | signed context | – | `context` |
//! | size of each message, as it passes | `MESSAGE_TOO_LARGE`, `FRAME_INVALID` | `frames` |
//! | pass-through | `UPSTREAM_UNAVAILABLE`; an open answer ends as its decision and its token do | `forward`, `upstream`, `breaker`, `relay`, `standing` |
//!
//! Every refusal is journaled: by an entry of its own, or, where there are too many
//! (load, rate, strangers, services that are gone), by a count once a second (`tally`).
//!
//! Jobs run beside it: one follows the policy (`snapshot`), one journals refusals
//! (`refusals`), one follows the issuer's keys (`keys`) unless they stand in the
//! configuration, and one counts the gateways (`instances`), which share a subject's rate,
//! where a name stands for them. Clauses: CF-5.3, CF-8.1, CC-2.1, CC-2.5, OP-7.2.

mod breaker;
mod config;
mod context;
mod deadline;
pub mod dev_issuer;
mod error;
mod forward;
mod frames;
mod instances;
mod issuer;
mod json;
mod jwks;
mod keys;
mod limits;
mod metrics;
mod patience;
mod purpose;
mod refusals;
mod relay;
mod snapshot;
mod stack;
mod standing;
mod tally;
mod token;
mod upstream;
mod web;

use std::sync::Arc;

use kefu_access::ContextSigner;
use kefu_service::{clock::Clock, error::Fault, host::Hosted, ids::Ids, peer::Identity};

pub use crate::{
    config::{Environment, GatewayConfig},
    forward::Upstreams,
    jwks::JwksError,
};

/// Name of the service.
pub const NAME: &str = "gateway";

/// What the gateway is given from outside.
#[derive(Clone)]
pub struct GatewayDeps {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Names calls and refusals.
    pub ids: Ids,
    /// The gateway key: vouches for what was decided.
    pub signer: Arc<ContextSigner>,
    /// The service key: vouches for the gateway's own calls of internal methods.
    pub identity: Arc<ContextSigner>,
}

/// Builds the gateway in front of these services.
///
/// # Errors
/// When the configuration contradicts itself, the keys cannot be read, the
/// development issuer is trusted outside of development, or a public method of the
/// contracts has no service behind it.
pub fn build(
    config: &GatewayConfig,
    deps: GatewayDeps,
    upstreams: Upstreams,
) -> Result<Hosted, Fault> {
    config.check()?;
    upstreams.check()?;
    let identity = Identity::new(NAME, deps.identity.clone(), deps.clock.clone());
    let access = identity.calling(upstreams.access.clone());

    let policy = snapshot::Policy::new(config, deps.clock.clone());
    policy.measure();
    let ready = Box::pin(policy.clone().known());
    let (refusals, recorder) = refusals::Refusals::new(config, deps.clock.clone());
    let keys = keys::Keys::new(config, deps.clock.clone())?;
    let mut jobs = vec![policy.follow(access.clone()), recorder.job(access)];
    jobs.extend(keys.follow());
    let stack = stack::Stack::new(config, deps, policy, keys, refusals, upstreams);
    let stack = Arc::new(stack);
    jobs.extend(instances::count(config, &stack));
    let ending = stack.ending.clone();
    let layers = stack::service(stack);
    let json = json::Json::new(layers.clone(), config.max_message_bytes, config.openapi);
    let service = web::with_browsers(layers, json.service(), &config.web_origins);
    Ok(Hosted {
        ready: Some(ready),
        name: NAME,
        service,
        jobs,
        ending,
    })
}
