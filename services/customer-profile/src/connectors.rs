//! The company's connectors, over gRPC (kefu.profile.v1, `verification_connector.proto`).
//! Each call has a deadline, is sent again while nobody answers, and is signed like every
//! call between services: a connector can tell who asks.

use std::{future::Future, sync::Arc, time::Duration};

use kefu_contracts::profile::{
    CheckAccountRequest, CheckDocumentRequest, CheckIdentityRequest, ConnectorFinding,
    VerificationCheck, VerificationOutcome,
    bank_account_connector_service_client::BankAccountConnectorServiceClient,
    document_connector_service_client::DocumentConnectorServiceClient,
    identity_connector_service_client::IdentityConnectorServiceClient,
};
use kefu_service::{
    connector::{Line, is_silence},
    core::Core,
    error::Fault,
    peer::PeerService,
};
use serde::{Deserialize, Serialize};
use tonic::Status;

use crate::{
    domain::verification::{MOST_EVIDENCE, fields_of},
    ports::{Answered, Authority, Ports, Question, Unanswered},
};

/// Section `connectors`. A check without one is made by hand.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConnectorsConfig {
    /// URI of a kefu.profile.v1.DocumentConnectorService; empty where there is none.
    pub document_uri: String,
    /// URI of a kefu.profile.v1.IdentityConnectorService.
    pub identity_uri: String,
    /// URI of a kefu.profile.v1.BankAccountConnectorService.
    pub account_uri: String,
    /// How long one answer is waited for.
    pub timeout_ms: u64,
    /// How often a call is sent that nobody answers.
    pub attempts: u32,
    /// How long is waited before it is sent again.
    pub pause_ms: u64,
}

impl Default for ConnectorsConfig {
    fn default() -> Self {
        Self {
            document_uri: String::new(),
            identity_uri: String::new(),
            account_uri: String::new(),
            timeout_ms: 2_000,
            attempts: 3,
            pause_ms: 200,
        }
    }
}

impl ConnectorsConfig {
    pub(crate) fn problem(&self) -> Option<&'static str> {
        let whole = u64::from(self.attempts) * (self.timeout_ms + self.pause_ms);
        match () {
            () if self.timeout_ms == 0 || self.attempts == 0 => {
                Some("timeout_ms and attempts must be at least 1")
            }
            () if whole > 9_000 => Some("all attempts together must end within 9 seconds"),
            () => None,
        }
    }
}

/// The connectors that are configured.
///
/// # Errors
/// When a URI is none.
pub(crate) fn open(config: &ConnectorsConfig, core: &Core) -> Result<Ports, Fault> {
    let line = |uri: &str| -> Result<Option<Patient>, Fault> {
        let line = Line::to(uri, config.timeout_ms, core)?;
        Ok(line.map(|line| Patient {
            line,
            attempts: config.attempts,
            pause: Duration::from_millis(config.pause_ms),
        }))
    };
    Ok(Ports {
        document: line(&config.document_uri)?.map(|line| Arc::new(Documents(line)) as _),
        identity: line(&config.identity_uri)?.map(|line| Arc::new(Identities(line)) as _),
        account: line(&config.account_uri)?.map(|line| Arc::new(Accounts(line)) as _),
    })
}

/// The way to a connector, which is asked again while it is silent.
struct Patient {
    line: Line,
    attempts: u32,
    pause: Duration,
}

impl Patient {
    async fn ask<F, W>(&self, check: VerificationCheck, send: F) -> Result<Answered, Unanswered>
    where
        F: Fn(PeerService) -> W,
        W: Future<Output = Result<Option<ConnectorFinding>, Status>>,
    {
        for attempt in 0..self.attempts {
            if attempt > 0 {
                tokio::time::sleep(self.pause).await;
            }
            let code = match self.line.heard(send(self.line.peer())).await {
                Ok(finding) => return read(check, finding),
                Err(code) => code,
            };
            tracing::warn!(?check, ?code, attempt, "connector gives no answer");
            if !is_silence(code) {
                return Err(Unanswered::Refused);
            }
        }
        Err(Unanswered::Silent)
    }
}

fn read(
    check: VerificationCheck,
    finding: Option<ConnectorFinding>,
) -> Result<Answered, Unanswered> {
    let finding = finding.ok_or(Unanswered::Unreadable)?;
    let outcome = finding.outcome();
    let mismatched = finding.mismatched_fields;
    let named = mismatched.iter().enumerate().all(|(at, one)| {
        fields_of(check).contains(&one.as_str()) && !mismatched[..at].contains(one)
    });
    let length = finding.reference.chars().count();
    let said = length <= MOST_EVIDENCE
        && !finding.reference.chars().any(char::is_control)
        && (length > 0 || outcome == VerificationOutcome::CouldNotBeDone);
    let fits = (outcome == VerificationOutcome::Mismatch) != mismatched.is_empty();
    if outcome == VerificationOutcome::Unspecified || !named || !said || !fits {
        return Err(Unanswered::Unreadable);
    }
    Ok(Answered {
        outcome,
        mismatched,
        reference: finding.reference,
    })
}

struct Documents(Patient);

#[tonic::async_trait]
impl Authority for Documents {
    async fn ask(&self, question: &Question) -> Result<Answered, Unanswered> {
        let file = &question.excerpt;
        let body = CheckDocumentRequest {
            check_id: question.id.to_string(),
            evidence: question.evidence.clone(),
            r#type: file.r#type,
            display_name: file.display_name.clone(),
            sex: file.sex,
            birth_date: file.birth_date,
            id_card: file.id_card.clone(),
            credit_code: file.credit_code.clone(),
        };
        let send = |peer| {
            let request = self.0.line.request(body.clone());
            async move {
                let mut client = DocumentConnectorServiceClient::new(peer);
                let answer = client.check_document(request).await?;
                Ok(answer.into_inner().finding)
            }
        };
        self.0.ask(VerificationCheck::Document, send).await
    }
}

struct Identities(Patient);

#[tonic::async_trait]
impl Authority for Identities {
    async fn ask(&self, question: &Question) -> Result<Answered, Unanswered> {
        let file = &question.excerpt;
        let body = CheckIdentityRequest {
            check_id: question.id.to_string(),
            r#type: file.r#type,
            display_name: file.display_name.clone(),
            id_card: file.id_card.clone(),
            credit_code: file.credit_code.clone(),
        };
        let send = |peer| {
            let request = self.0.line.request(body.clone());
            async move {
                let mut client = IdentityConnectorServiceClient::new(peer);
                let answer = client.check_identity(request).await?;
                Ok(answer.into_inner().finding)
            }
        };
        self.0.ask(VerificationCheck::Identity, send).await
    }
}

struct Accounts(Patient);

#[tonic::async_trait]
impl Authority for Accounts {
    async fn ask(&self, question: &Question) -> Result<Answered, Unanswered> {
        let body = CheckAccountRequest {
            check_id: question.id.to_string(),
            display_name: question.excerpt.display_name.clone(),
            bank_card: question.excerpt.bank_card.clone(),
        };
        let send = |peer| {
            let request = self.0.line.request(body.clone());
            async move {
                let mut client = BankAccountConnectorServiceClient::new(peer);
                let answer = client.check_account(request).await?;
                Ok(answer.into_inner().finding)
            }
        };
        self.0.ask(VerificationCheck::Account, send).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(outcome: VerificationOutcome, fields: &[&str], reference: &str) -> ConnectorFinding {
        ConnectorFinding {
            outcome: outcome.into(),
            mismatched_fields: fields.iter().map(|one| (*one).into()).collect(),
            reference: reference.into(),
        }
    }

    /// Clause SG-1.2: nothing counts as a result that is none.
    #[test]
    fn only_answers_that_there_are_are_taken() {
        use VerificationOutcome::{CouldNotBeDone, Mismatch, Passed, Unspecified};
        let long = "x".repeat(201);
        let taken = [
            said(Passed, &[], "r"),
            said(Mismatch, &["bank_card"], "r"),
            said(CouldNotBeDone, &[], ""),
        ];
        for finding in taken {
            assert!(read(VerificationCheck::Account, Some(finding)).is_ok());
        }
        let refused = [
            said(Unspecified, &[], "r"),
            said(Passed, &["bank_card"], "r"),
            said(Passed, &[], ""),
            said(Passed, &[], &long),
            said(Passed, &[], "a\nb"),
            said(Mismatch, &[], "r"),
            said(Mismatch, &["phones"], "r"),
            said(Mismatch, &["bank_card", "bank_card"], "r"),
        ];
        for finding in refused {
            let read = read(VerificationCheck::Account, Some(finding.clone()));
            assert_eq!(read, Err(Unanswered::Unreadable), "{finding:?}");
        }
        assert_eq!(
            read(VerificationCheck::Account, None),
            Err(Unanswered::Unreadable)
        );
    }

    #[test]
    fn all_attempts_end_before_their_call_does() {
        assert_eq!(ConnectorsConfig::default().problem(), None);
        let endless = ConnectorsConfig {
            attempts: 50,
            ..ConnectorsConfig::default()
        };
        assert!(endless.problem().is_some());
    }
}
