//! The decision, signed for the services. It is kept for as long as it would come
//! out the same, so that most calls neither decide nor sign.

use std::{sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use http::HeaderValue;
use jiff::{SignedDuration, Timestamp};
use kefu_access::{
    AccessContext, Allowance, ContextSigner, Decision, MAX_LIFETIME, Query, Rule, Subject,
};
use kefu_contracts::{Method, policy::Purpose};
use kefu_service::error::Fault;
use moka::sync::Cache;
use uuid::Uuid;

use crate::{
    config::GatewayConfig,
    error::{denied, message_too_large},
    snapshot::Held,
};

/// How long a context is used: the rest of its life is for the way to the service
/// and for clocks that differ.
const USED: SignedDuration = SignedDuration::from_secs(20);
/// What an HTTP/2 server takes of headers in all is often 16 KiB.
const LARGE: usize = 12 * 1024;
/// What the services take (256 KiB of metadata in all), less what else a call brings. One that
/// is larger would be answered by HTTP/2 as a service that is gone.
const MOST: u32 = 192 * 1024;

/// What a decision depends on beside the policy and the moment.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Question {
    subject: Uuid,
    permission: &'static str,
    purpose: Purpose,
    purpose_required: bool,
}

/// A context ready to be sent.
pub(crate) struct Ready {
    pub(crate) value: HeaderValue,
    pub(crate) generation: u64,
    pub(crate) ground: Ground,
    from: Timestamp,
    until: Timestamp,
    expires_at: Timestamp,
}

impl Ready {
    /// How long services will believe it yet.
    pub(crate) fn life(&self, now: Timestamp) -> Duration {
        Duration::try_from(self.expires_at.duration_since(now)).unwrap_or_default()
    }
}

/// What a context rests on.
pub(crate) struct Ground {
    subject: Subject,
    rules: Vec<Rule>,
    /// First moment at which time alone may change it.
    pub(crate) until: Timestamp,
}

impl Ground {
    /// Whether it lets the same subject through by the same rules.
    pub(crate) fn is_that_of(&self, other: &Self) -> bool {
        self.subject == other.subject && self.rules == other.rules
    }
}

/// Decides, and signs what was decided.
pub(crate) struct Contexts {
    signer: Arc<ContextSigner>,
    ready: Cache<Question, Arc<Ready>>,
}

impl Contexts {
    pub(crate) fn new(config: &GatewayConfig, signer: Arc<ContextSigner>) -> Self {
        // Whether one may be used is decided below, by our clock and the policy's
        // generation; this only keeps those that nobody asks for from lying about.
        let ready = Cache::builder()
            .max_capacity(config.contexts_kept)
            .time_to_live(Duration::from_secs(30))
            .build();
        Self { signer, ready }
    }

    /// The context of this call, which lives for as long as the call may take unless what was
    /// decided ends before; its value goes into `kefu-context-bin`.
    ///
    /// # Errors
    /// The denial, as a fault that says which rule refused and whom to ask.
    pub(crate) fn context(
        &self,
        held: &Held,
        subject: Uuid,
        method: &'static Method,
        purpose: Purpose,
        (now, deadline): (Timestamp, Duration),
    ) -> Result<Arc<Ready>, Fault> {
        let question = Question {
            subject,
            permission: method.permission,
            purpose,
            purpose_required: method.purpose_required,
        };
        if let Some(ready) = self.ready.get(&question)
            && ready.generation == held.generation
            && (ready.from..ready.until).contains(&now)
            && (ready.life(now) >= deadline || ready.expires_at == ready.ground.until)
        {
            return Ok(ready);
        }
        let ready = Arc::new(self.decide(held, &question, now)?);
        self.ready.insert(question, ready.clone());
        Ok(ready)
    }

    fn decide(&self, held: &Held, question: &Question, now: Timestamp) -> Result<Ready, Fault> {
        let query = Query {
            subject: question.subject,
            permission: question.permission,
            purpose: question.purpose,
            purpose_required: question.purpose_required,
        };
        match held.snapshot.decide(&query, now) {
            Decision::Allow(allowance) => self.sign(held, question, allowance, now),
            Decision::Deny(denial) => Err(denied(denial)),
        }
    }

    fn sign(
        &self,
        held: &Held,
        question: &Question,
        allowance: Allowance,
        now: Timestamp,
    ) -> Result<Ready, Fault> {
        let rules_end = allowance.rules.iter().filter_map(|rule| rule.expires_at);
        let valid_until = rules_end.chain(allowance.valid_until).min();
        let valid_until = valid_until.unwrap_or(Timestamp::MAX);
        let after = |lifetime| now.saturating_add(lifetime).unwrap_or(valid_until);
        let expires_at = after(MAX_LIFETIME).min(valid_until);
        let context = AccessContext {
            subject: allowance.subject,
            permission: question.permission.to_owned(),
            purpose: question.purpose,
            rules: allowance.rules,
            policy_revision: allowance.revision,
            issued_at: now,
            expires_at,
        };
        let encoded = STANDARD_NO_PAD.encode(self.signer.sign(&context));
        if encoded.len() > LARGE {
            tracing::warn!(
                subject = %question.subject,
                permission = question.permission,
                bytes = encoded.len(),
                "access context is large for a header"
            );
        }
        if encoded.len() > MOST as usize {
            return Err(message_too_large(MOST));
        }
        let value = HeaderValue::try_from(encoded)
            .map_err(|_| Fault::internal("access context is not metadata"))?;
        Ok(Ready {
            value,
            generation: held.generation,
            ground: Ground {
                subject: context.subject,
                rules: context.rules,
                until: valid_until,
            },
            from: now,
            until: after(USED).min(valid_until),
            expires_at,
        })
    }
}
