//! The gateway's section of the configuration.

use std::{num::NonZeroU32, time::Duration};

use kefu_access::MAX_LIFETIME;
use kefu_service::error::Fault;
use serde::{Deserialize, Serialize};

use crate::{
    dev_issuer,
    jwks::{KeySet, Terms},
    web,
};

/// Where the suite runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// On somebody's desk, with nobody's data.
    Development,
    /// With customers' data; what is not said to be development is this.
    #[default]
    Production,
}

/// Configuration of the gateway. `issuer` and `audience` have no default, nor has where
/// the issuer's keys come from: `oidc_discovery`, `jwks_url` or `jwks`, one of them.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct GatewayConfig {
    /// Where the suite runs, as `environment` of the whole configuration says.
    #[serde(skip)]
    pub environment: Environment,
    /// Whether [`dev_issuer`] may be trusted; only in `development`. `false`.
    pub allow_development_issuer: bool,
    /// `iss` of the tokens that are believed.
    pub issuer: String,
    /// `aud` that a token has to name.
    pub audience: String,
    /// The issuer's public keys, a JWK set (RFC 7517 §5). Set `jwks_file` to take it from a file.
    pub jwks: String,
    /// Where the issuer publishes its JWK set; only https outside of `development`.
    pub jwks_url: String,
    /// Whether the address of the JWK set is asked for at
    /// `ISSUER/.well-known/openid-configuration` (OpenID Connect Discovery 1.0). `false`.
    pub oidc_discovery: bool,
    /// Certificate authorities that vouch for the issuer's server, PEM, in place of the
    /// machine's own. Set `issuer_ca_file` to take them from a file; none.
    pub issuer_ca: Option<String>,
    /// How often published keys are fetched anew, in seconds; 300. A token of a key that
    /// is not known yet has them fetched at once, every five seconds at the most.
    pub jwks_refresh_seconds: u32,
    /// How long the last keys are believed while the issuer does not answer, in seconds;
    /// 3600. After that no token is.
    pub jwks_max_age_seconds: u32,
    /// Whether system accounts need tokens bound to their client certificate (RFC 8705
    /// §3), for which `tls.front.client_authority_file` must be set. `false`.
    pub require_bound_tokens_for_system_accounts: bool,
    /// How far the issuer's clock may be off, in seconds; 30.
    pub clock_skew_seconds: u32,
    /// Verified tokens kept; 100000.
    pub tokens_kept: u64,
    /// Signed contexts kept; 100000.
    pub contexts_kept: u64,
    /// Calls under way at one time, over all connections; 1024.
    pub max_in_flight: usize,
    /// Deadline of a call that names none, in milliseconds; 10000.
    pub default_deadline_ms: u64,
    /// The longest deadline a call may name, in milliseconds; 30000, and no more: that is how long
    /// a service believes what was decided.
    pub max_deadline_ms: u64,
    /// How old the policy may be, in seconds, before nothing is decided upon it; 10.
    pub max_snapshot_age_seconds: u32,
    /// Largest message that a caller may send, in bytes as sent; 4 MiB, and no more: that
    /// is what the services decode, who are called by nobody else.
    pub max_message_bytes: u32,
    /// Most metadata that a caller may send, in bytes as HTTP/2 counts them: names, values and 32 for
    /// each pair; 16 KiB.
    pub max_metadata_bytes: u32,
    /// Calls a second that one subject may make for long; 200.
    pub calls_per_second: NonZeroU32,
    /// Calls that one subject may make at once after a rest; 400.
    pub burst: NonZeroU32,
    /// How many gateways there are. They share `calls_per_second` and `burst`; 1.
    pub instances: NonZeroU32,
    /// A name and port whose addresses are all gateways, such as `gateway-pods:50051`: they are
    /// counted every five seconds, in place of `instances`; none.
    pub instances_at: Option<String>,
    /// Refusals that may wait to be journaled; 10000.
    pub refusals_kept: usize,
    /// How long a refusal waits for its record to be durable, in milliseconds; 1000.
    pub refusal_wait_ms: u64,
    /// Refusals a second that are journaled of callers who bring no good token; 20.
    pub stranger_refusals_per_second: u32,
    /// Failures in a row after which nobody is sent to a service for a while; 5.
    pub breaker_failures: NonZeroU32,
    /// How long that is, in milliseconds, until one call tries again; 2000.
    pub breaker_open_ms: u64,
    /// Reads in a hundred that may be sent to a service once more; 20, at most 100.
    pub retry_percent: u8,
    /// Reads a second that may be sent once more however few there are; 1.
    pub retries_per_second: u32,
    /// Origins whose pages may read answers, as browsers name them
    /// (`https://desk.example.com`); none.
    pub web_origins: Vec<String>,
    /// Whether anybody is told at `/openapi.json` how calls are made in JSON; `true`.
    pub openapi: bool,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            environment: Environment::default(),
            allow_development_issuer: false,
            issuer: String::new(),
            audience: String::new(),
            jwks: String::new(),
            jwks_url: String::new(),
            oidc_discovery: false,
            issuer_ca: None,
            jwks_refresh_seconds: 300,
            jwks_max_age_seconds: 3600,
            require_bound_tokens_for_system_accounts: false,
            clock_skew_seconds: 30,
            tokens_kept: 100_000,
            contexts_kept: 100_000,
            max_in_flight: 1024,
            default_deadline_ms: 10_000,
            max_deadline_ms: 30_000,
            max_snapshot_age_seconds: 10,
            max_message_bytes: DECODED,
            max_metadata_bytes: 16 * 1024,
            calls_per_second: CALLS_PER_SECOND,
            burst: BURST,
            instances: NonZeroU32::MIN,
            instances_at: None,
            refusals_kept: 10_000,
            refusal_wait_ms: 1_000,
            stranger_refusals_per_second: 20,
            breaker_failures: BREAKER_FAILURES,
            breaker_open_ms: 2_000,
            retry_percent: 20,
            retries_per_second: 1,
            web_origins: Vec::new(),
            openapi: true,
        }
    }
}

/// tonic's own bound for the messages that a server decodes.
const DECODED: u32 = 4 * 1024 * 1024;
/// What services take of metadata (256 KiB) beside the context, in bytes as HTTP/2 counts them.
const MOST_METADATA: u32 = 32 * 1024;
const CALLS_PER_SECOND: NonZeroU32 = NonZeroU32::new(200).expect("not zero");
const BREAKER_FAILURES: NonZeroU32 = NonZeroU32::new(5).expect("not zero");
const BURST: NonZeroU32 = NonZeroU32::new(400).expect("not zero");

impl GatewayConfig {
    /// Refuses what cannot be meant, all of it at once.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        let development = self.environment == Environment::Development;
        let trusts_development = self.issuer == dev_issuer::ISSUER;
        let key_sources = [
            !self.jwks.is_empty(),
            !self.jwks_url.is_empty(),
            self.oidc_discovery,
        ];
        let key_sources = key_sources.into_iter().filter(|set| *set).count();
        let problems: Vec<&str> = [
            (self.issuer.is_empty(), "issuer is not set"),
            (self.audience.is_empty(), "audience is not set"),
            (
                key_sources == 0,
                "jwks is not set, nor jwks_url, nor oidc_discovery",
            ),
            (
                key_sources > 1,
                "more than one is set of jwks, jwks_url and oidc_discovery",
            ),
            (self.jwks_refresh_seconds == 0, "jwks_refresh_seconds is 0"),
            (
                self.jwks_max_age_seconds <= self.jwks_refresh_seconds,
                "jwks_max_age_seconds is not more than jwks_refresh_seconds",
            ),
            (self.max_in_flight == 0, "max_in_flight is 0"),
            (self.max_message_bytes == 0, "max_message_bytes is 0"),
            (
                self.max_message_bytes > DECODED,
                "max_message_bytes is over 4194304",
            ),
            (self.max_metadata_bytes == 0, "max_metadata_bytes is 0"),
            (
                self.max_metadata_bytes > MOST_METADATA,
                "max_metadata_bytes is more than 32 KiB, which the services have room for beside the context",
            ),
            (self.refusals_kept == 0, "refusals_kept is 0"),
            (
                self.max_snapshot_age_seconds == 0,
                "max_snapshot_age_seconds is 0",
            ),
            (
                self.default_deadline_ms == 0 || self.default_deadline_ms > self.max_deadline_ms,
                "default_deadline_ms is not between 1 and max_deadline_ms",
            ),
            (
                i128::from(self.max_deadline_ms) > MAX_LIFETIME.as_millis(),
                "max_deadline_ms is over 30000",
            ),
            (self.retry_percent > 100, "retry_percent is over 100"),
            (
                // A budget of 32 bits over ten seconds, with up to 100 for each.
                self.retries_per_second > 100_000,
                "retries_per_second is over 100000",
            ),
            (
                !self.web_origins.iter().all(|origin| web::is_origin(origin)),
                "web_origins holds what is not an origin",
            ),
            (
                self.allow_development_issuer && !development,
                "allow_development_issuer is only for environment development",
            ),
            (
                trusts_development && !self.allow_development_issuer,
                "issuer is the development issuer, which is not allowed",
            ),
        ]
        .into_iter()
        .filter_map(|(wrong, what)| wrong.then_some(what))
        .collect();
        if problems.is_empty() {
            Ok(())
        } else {
            Err(Fault::internal(format!(
                "gateway configuration: {}",
                problems.join("; ")
            )))
        }
    }

    /// The keys of the configuration itself.
    pub(crate) fn keys(&self) -> Result<KeySet, Fault> {
        KeySet::read(self.jwks.as_bytes(), &self.terms())
            .map_err(|error| Fault::internal(format!("gateway configuration: jwks: {error}")))
    }

    /// What must hold of any keys that are to be believed.
    pub(crate) fn terms(&self) -> Terms {
        Terms {
            issuer: self.issuer.clone(),
            audience: self.audience.clone(),
            development_keys: self.allow_development_issuer,
        }
    }

    pub(crate) fn jwks_refresh(&self) -> Duration {
        Duration::from_secs(self.jwks_refresh_seconds.into())
    }

    pub(crate) fn jwks_max_age(&self) -> Duration {
        Duration::from_secs(self.jwks_max_age_seconds.into())
    }

    pub(crate) fn default_deadline(&self) -> Duration {
        Duration::from_millis(self.default_deadline_ms)
    }

    pub(crate) fn max_deadline(&self) -> Duration {
        Duration::from_millis(self.max_deadline_ms)
    }

    pub(crate) fn max_snapshot_age(&self) -> Duration {
        Duration::from_secs(self.max_snapshot_age_seconds.into())
    }

    pub(crate) fn refusal_wait(&self) -> Duration {
        Duration::from_millis(self.refusal_wait_ms)
    }
}
