//! Who can make the checks of files for us (SG-1.2). Where nobody can, a person does.

use std::sync::Arc;

use kefu_contracts::profile::{Customer, VerificationCheck, VerificationOutcome};
use uuid::Uuid;

use crate::domain::{change::Change, verification::fields_of};

/// What is asked.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    /// The same however often it is asked.
    pub(crate) id: Uuid,
    /// Where the documents are, for those.
    pub(crate) evidence: String,
    /// Of the file what the check looks at, and its type.
    pub(crate) excerpt: Customer,
}

impl Question {
    pub(crate) fn new(
        id: Uuid,
        check: VerificationCheck,
        evidence: String,
        customer: &Customer,
    ) -> Self {
        let mut excerpt = Customer {
            r#type: customer.r#type,
            ..Customer::default()
        };
        Change::of(fields_of(check)).apply(&mut excerpt, customer);
        Self {
            id,
            evidence,
            excerpt,
        }
    }
}

/// What was found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answered {
    pub(crate) outcome: VerificationOutcome,
    /// Fields that do not agree, where they do not.
    pub(crate) mismatched: Vec<String>,
    pub(crate) reference: String,
}

/// Why nothing was found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// It was not reached, or did not answer in time, however often it was asked.
    Silent,
    /// It does not want to be asked this.
    Refused,
    /// What it answers is none of the answers that there are.
    Unreadable,
}

impl Unanswered {
    /// For whoever makes the check by hand then.
    pub(crate) fn note(self) -> &'static str {
        match self {
            Self::Silent => "核验接口未应答 (the connector did not answer)",
            Self::Refused => "核验接口拒绝了请求 (the connector refused the request)",
            Self::Unreadable => "核验接口的应答无法识别 (the connector's answer cannot be read)",
        }
    }
}

/// The store of documents, the authority or the bank.
#[tonic::async_trait]
pub(crate) trait Authority: Send + Sync {
    /// Asks it.
    async fn ask(&self, question: &Question) -> Result<Answered, Unanswered>;
}

/// Whom the company has a way to.
#[derive(Clone, Default)]
pub(crate) struct Ports {
    pub(crate) document: Option<Arc<dyn Authority>>,
    pub(crate) identity: Option<Arc<dyn Authority>>,
    pub(crate) account: Option<Arc<dyn Authority>>,
}

impl Ports {
    /// Who makes this check, if anybody does.
    pub(crate) fn of(&self, check: VerificationCheck) -> Option<Arc<dyn Authority>> {
        match check {
            VerificationCheck::Document => self.document.clone(),
            VerificationCheck::Identity => self.identity.clone(),
            VerificationCheck::Account => self.account.clone(),
            VerificationCheck::Confirmation | VerificationCheck::Unspecified => None,
        }
    }
}
