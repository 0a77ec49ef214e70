//! The gateway of kefu: token, decision, signed context, pass-through.
//!
//! It is the only door to the suite. It has no database and no policy of its own:
//! it decides, in memory, from the snapshot that access-control streams to it, and
//! what it refuses is journaled by access-control. Message bodies pass through
//! unread.
//!
//! A call goes through these layers, outermost first (the list itself, with the
//! reason for each place, is in `stack.rs`):
//!
//! | layer | refuses with | file |
//! |---|---|---|
//! | span and call id | – | `stack` |
//! | load shedding | `OVERLOADED` | `limits` |
//! | deadline | `DEADLINE_EXCEEDED` | `deadline` |
//! | method table | `METHOD_UNKNOWN` | `stack` |
//! | token | `TOKEN_MISSING`, `TOKEN_INVALID`, `TOKEN_EXPIRED` | `token`, `jwks` |
//! | rate of the subject | `OVERLOADED` | `limits` |
//! | purpose | `PURPOSE_REQUIRED` | `purpose` |
//! | decision | `POLICY_STALE`, `SUBJECT_UNKNOWN`, `PERMISSION_MISSING`, `PURPOSE_NOT_ALLOWED` | `snapshot` |
//! | signed context | – | `context` |
//! | pass-through | `UPSTREAM_UNAVAILABLE`; an open answer ends as its decision does | `forward`, `relay`, `standing` |
//!
//! Two jobs run beside it: one follows the policy (`snapshot`), one journals
//! refusals (`refusals`). Clauses: CF-8.1, CC-2.1, OP-7.2.

mod config;
mod context;
mod deadline;
pub mod dev_issuer;
mod error;
mod forward;
mod jwks;
mod limits;
mod patience;
mod purpose;
mod refusals;
mod relay;
mod snapshot;
mod stack;
mod standing;
mod token;

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
    let (refusals, recorder) = refusals::Refusals::new(config, deps.clock.clone());
    let jobs = vec![policy.follow(access.clone()), recorder.job(access)];
    let service = stack::Stack::new(config, deps, policy, refusals, upstreams)?.service();
    Ok(Hosted {
        name: NAME,
        service,
        jobs,
    })
}
