//! Faults: why a call was refused, as part of the interface. A closed set of
//! reasons (kefu.common.v1.Reason), all field violations at once, nothing from
//! drivers, readable in Chinese and English.

mod messages;

use std::{borrow::Cow, collections::HashMap, time::Duration};

use kefu_contracts::common::Reason;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, LocalizedMessage, StatusExt};

pub use messages::{Language, LooksLike, Violation};

/// Domain of every ErrorInfo of the suite.
pub const DOMAIN: &str = "kefu";

/// Why a call was refused.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// One of the closed set.
    pub reason: Reason,
    /// For our logs only; never leaves.
    pub detail: Cow<'static, str>,
    /// Every field that is wrong: path and what is wrong with it.
    pub violations: Vec<(String, Violation)>,
    /// When trying again makes sense.
    pub retry_after: Option<Duration>,
    /// What helps the caller: the rule that refused, whom to ask.
    pub metadata: Vec<(&'static str, String)>,
    /// What of it is told otherwise in Chinese.
    pub in_chinese: Vec<(&'static str, String)>,
}

impl Fault {
    /// Refused for this reason.
    pub fn new(reason: Reason) -> Self {
        Self {
            reason,
            detail: Cow::Borrowed(""),
            violations: Vec::new(),
            retry_after: None,
            metadata: Vec::new(),
            in_chinese: Vec::new(),
        }
    }

    /// A fault of ours; the detail goes to the logs and no further.
    pub fn internal(detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            detail: detail.into(),
            ..Self::new(Reason::Internal)
        }
    }

    /// These fields are wrong.
    pub fn fields(violations: Vec<(String, Violation)>) -> Self {
        Self {
            violations,
            ..Self::new(Reason::InvalidFields)
        }
    }

    /// No such record, or none that the caller may know of.
    pub fn not_found(resource: &str) -> Self {
        Self::new(Reason::NotFoundOrOutOfScope).with("resource", resource)
    }

    /// The record's state does not allow it.
    pub fn state(state: &str, wanted: &str) -> Self {
        Self::new(Reason::StateNotAllowed)
            .with("state", state)
            .with("wanted", wanted)
    }

    /// Adds what helps the caller.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.metadata.push((key, value.into()));
        self
    }

    /// Adds what helps the caller in their own language.
    #[must_use]
    pub fn with_words(mut self, key: &'static str, english: String, chinese: String) -> Self {
        self.in_chinese.push((key, chinese));
        self.with(key, english)
    }

    /// Says when to try again.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }

    /// gRPC code of the reason.
    pub fn code(&self) -> Code {
        code(self.reason)
    }

    /// The reason in a sentence.
    pub fn text(&self, language: Language) -> &'static str {
        messages::reason(self.reason, language)
    }

    /// The fault as it leaves, in the caller's language.
    pub fn into_status(self, language: Language) -> Status {
        if self.reason == Reason::Internal {
            tracing::error!(detail = %self.detail, "internal fault");
        }
        let mut details = ErrorDetails::new();
        let words = match language {
            Language::Chinese => self.in_chinese.as_slice(),
            Language::English => &[],
        };
        // The later of two under one key stays.
        let metadata = self.metadata.iter().chain(words);
        let metadata: HashMap<String, String> = metadata
            .map(|(key, value)| ((*key).to_owned(), value.clone()))
            .collect();
        details.set_error_info(reason_name(self.reason), DOMAIN, metadata);
        if !self.violations.is_empty() {
            let all: Vec<_> = self
                .violations
                .iter()
                .map(|(field, what)| violation(field, *what, language))
                .collect();
            details.set_bad_request(all);
        }
        if self.retry_after.is_some() {
            details.set_retry_info(self.retry_after);
        }
        details.set_localized_message(language.tag(), messages::reason(self.reason, language));
        Status::with_error_details(
            self.code(),
            messages::reason(self.reason, Language::English),
            details,
        )
    }
}

fn violation(field: &str, what: Violation, language: Language) -> FieldViolation {
    FieldViolation {
        field: field.to_owned(),
        description: what.text(Language::English),
        reason: what.name().into(),
        localized_message: Some(LocalizedMessage {
            locale: language.tag().into(),
            message: what.text(language),
        }),
    }
}

/// `NOT_FOUND_OR_OUT_OF_SCOPE`: the enum value without its prefix.
pub fn reason_name(reason: Reason) -> &'static str {
    let name = reason.as_str_name();
    name.strip_prefix("REASON_").unwrap_or(name)
}

fn code(reason: Reason) -> Code {
    match reason {
        Reason::InvalidFields
        | Reason::InvalidPageToken
        | Reason::PurposeRequired
        | Reason::FrameInvalid => Code::InvalidArgument,
        Reason::TokenMissing
        | Reason::TokenInvalid
        | Reason::TokenExpired
        | Reason::SubjectUnknown
        | Reason::ContextInvalid
        | Reason::ContextExpired => Code::Unauthenticated,
        Reason::PermissionMissing
        | Reason::PurposeNotAllowed
        | Reason::NotTheCallersTurn
        | Reason::SecondPersonRequired => Code::PermissionDenied,
        Reason::NotFoundOrOutOfScope => Code::NotFound,
        Reason::AlreadyExists => Code::AlreadyExists,
        Reason::EtagMismatch | Reason::Conflict => Code::Aborted,
        Reason::RequestIdReused
        | Reason::StateNotAllowed
        | Reason::CustomerDestroyed
        | Reason::PositionNotReached
        | Reason::NoConnector
        | Reason::StepMissing
        | Reason::BeyondLimit
        | Reason::SeparationOfDuties => Code::FailedPrecondition,
        Reason::MethodUnknown => Code::Unimplemented,
        Reason::PolicyStale
        | Reason::IssuerUnavailable
        | Reason::UpstreamUnavailable
        | Reason::StorageUnavailable => Code::Unavailable,
        Reason::Overloaded | Reason::MessageTooLarge => Code::ResourceExhausted,
        Reason::DeadlineExceeded => Code::DeadlineExceeded,
        Reason::Internal | Reason::Unspecified => Code::Internal,
    }
}

impl From<sqlx::Error> for Fault {
    /// What the driver says stays here; only whether trying again helps goes on.
    fn from(error: sqlx::Error) -> Self {
        let detail = Cow::Owned(format!("database: {error}"));
        let state = error
            .as_database_error()
            .and_then(|error| error.code().map(Cow::into_owned));
        let reason = match (&error, state.as_deref()) {
            (_, Some("40001" | "40P01")) => Reason::Conflict,
            // Cancelled by statement_timeout, or the server is going down.
            (_, Some("57014")) => Reason::DeadlineExceeded,
            (_, Some("57P01" | "57P02" | "57P03" | "53300")) => Reason::StorageUnavailable,
            (
                sqlx::Error::Io(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::Tls(_)
                | sqlx::Error::WorkerCrashed,
                _,
            ) => Reason::StorageUnavailable,
            _ => Reason::Internal,
        };
        tracing::debug!(%detail, "statement failed");
        Self {
            detail,
            retry_after: retry(reason),
            ..Self::new(reason)
        }
    }
}

fn retry(reason: Reason) -> Option<Duration> {
    match reason {
        Reason::Conflict => Some(Duration::from_millis(50)),
        Reason::StorageUnavailable => Some(Duration::from_secs(1)),
        _ => None,
    }
}

impl From<kefu_vault::VaultError> for Fault {
    fn from(error: kefu_vault::VaultError) -> Self {
        let detail = format!("vault: {error}");
        match error {
            kefu_vault::VaultError::Unavailable(_) => {
                tracing::warn!(%detail, "key service gave no answer");
                Self {
                    detail: detail.into(),
                    ..Self::new(Reason::StorageUnavailable)
                }
                .retry_after(Duration::from_secs(1))
            }
            _ => Self::internal(detail),
        }
    }
}

impl From<kefu_journal::WriteFailed> for Fault {
    fn from(error: kefu_journal::WriteFailed) -> Self {
        Self {
            detail: error.to_string().into(),
            ..Self::new(Reason::StorageUnavailable)
        }
        .retry_after(Duration::from_secs(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_violation_leaves_at_once_in_the_callers_language() {
        let fault = Fault::fields(vec![
            ("ticket.subject".into(), Violation::Required),
            ("ticket.customer".into(), Violation::ResourceName),
        ]);
        let status = fault.into_status(Language::Chinese);
        assert_eq!(status.code(), Code::InvalidArgument);
        let details = status.get_error_details();
        assert_eq!(details.error_info().unwrap().reason, "INVALID_FIELDS");
        assert_eq!(details.bad_request().unwrap().field_violations.len(), 2);
        assert_eq!(details.localized_message().unwrap().locale, "zh-CN");
        assert!(details.localized_message().unwrap().message.contains('。'));
    }

    #[test]
    fn nothing_of_a_driver_leaves() {
        let status = Fault::from(sqlx::Error::Protocol(
            "password authentication for kefu".into(),
        ))
        .into_status(Language::English);
        assert!(!format!("{status:?}").contains("kefu\""), "{status:?}");
        assert!(!status.message().contains("password"));
    }
}
