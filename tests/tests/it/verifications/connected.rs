//! The company's connectors make checks.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use kefu_contracts::profile::{
    CheckAccountRequest, CheckAccountResponse, CheckDocumentRequest, CheckDocumentResponse,
    CheckIdentityRequest, CheckIdentityResponse, ConnectorFinding,
    bank_account_connector_service_server::{
        BankAccountConnectorService, BankAccountConnectorServiceServer,
    },
    document_connector_service_server::{DocumentConnectorService, DocumentConnectorServiceServer},
    identity_connector_service_server::{IdentityConnectorService, IdentityConnectorServiceServer},
};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, transport::Server};

use super::*;

/// What the company's connector does next.
#[derive(Clone)]
enum Next {
    Passes,
    Disagrees(&'static str),
    Refuses,
    /// Takes the call and never answers.
    Hangs,
    Raves,
}

/// A connector of the company, which plays its part and remembers the calls.
#[derive(Clone, Default)]
struct Played {
    parts: Arc<Mutex<VecDeque<Next>>>,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Played {
    /// Where it is to be found.
    async fn serve(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}", listener.local_addr().unwrap());
        let server = Server::builder()
            .add_service(DocumentConnectorServiceServer::new(self.clone()))
            .add_service(IdentityConnectorServiceServer::new(self.clone()))
            .add_service(BankAccountConnectorServiceServer::new(self.clone()))
            .serve_with_incoming(TcpListenerStream::new(listener));
        tokio::spawn(server);
        uri
    }

    fn plays(&self, parts: impl IntoIterator<Item = Next>) {
        *self.parts.lock().unwrap() = parts.into_iter().collect();
    }

    fn heard(&self) -> Vec<String> {
        std::mem::take(&mut *self.heard.lock().unwrap())
    }

    async fn answer(&self, heard: String) -> Result<Option<ConnectorFinding>, Status> {
        self.heard.lock().unwrap().push(heard);
        let next = self.parts.lock().unwrap().pop_front();
        let (outcome, fields) = match next.expect("nobody should have asked") {
            Next::Passes => (VerificationOutcome::Passed, Vec::new()),
            Next::Disagrees(field) => (VerificationOutcome::Mismatch, vec![field.to_owned()]),
            Next::Refuses => return Err(Status::permission_denied("contract ended")),
            Next::Hangs => std::future::pending().await,
            Next::Raves => (VerificationOutcome::Passed, vec!["nonsense".to_owned()]),
        };
        Ok(Some(ConnectorFinding {
            outcome: outcome.into(),
            mismatched_fields: fields,
            reference: "receipt 9".into(),
        }))
    }
}

#[tonic::async_trait]
impl DocumentConnectorService for Played {
    async fn check_document(
        &self,
        request: Request<CheckDocumentRequest>,
    ) -> Result<Response<CheckDocumentResponse>, Status> {
        let body = request.into_inner();
        let heard = format!("{} {} {}", body.evidence, body.display_name, body.id_card);
        let finding = self.answer(heard).await?;
        Ok(Response::new(CheckDocumentResponse { finding }))
    }
}

#[tonic::async_trait]
impl IdentityConnectorService for Played {
    async fn check_identity(
        &self,
        request: Request<CheckIdentityRequest>,
    ) -> Result<Response<CheckIdentityResponse>, Status> {
        // Whoever asks can be told from others.
        assert!(request.metadata().contains_key("kefu-context-bin"));
        let body = request.into_inner();
        let finding = self
            .answer(format!("{} {}", body.check_id, body.id_card))
            .await?;
        Ok(Response::new(CheckIdentityResponse { finding }))
    }
}

#[tonic::async_trait]
impl BankAccountConnectorService for Played {
    async fn check_account(
        &self,
        request: Request<CheckAccountRequest>,
    ) -> Result<Response<CheckAccountResponse>, Status> {
        let body = request.into_inner();
        let finding = self
            .answer(format!("{} {}", body.display_name, body.bank_card))
            .await?;
        Ok(Response::new(CheckAccountResponse { finding }))
    }
}

/// Clause SG-1.2: what a connector answers is a result; where it does not, in time or at all,
/// that is one as well, and a person makes the check.
#[tokio::test(flavor = "multi_thread")]
async fn connectors_make_checks_as_far_as_they_answer() {
    let connector = Played::default();
    let uri = connector.serve().await;
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nowhere = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let suite = TestSuite::with_parts(|parts| {
        let connectors = &mut parts.customer_profile.connectors;
        connectors.identity_uri = uri.clone();
        connectors.account_uri = uri.clone();
        connectors.document_uri = nowhere;
        connectors.timeout_ms = 2_000;
        connectors.attempts = 2;
        connectors.pause_ms = 1;
    })
    .await;
    let erp = suite.caller_for("erp", "integration");
    let file = enter(&erp, person()).await.name;
    let archivist = suite.caller_for("feng.yulan", "administration").after(&erp);
    let check = VerificationCheck::Identity;

    connector.plays([Next::Passes]);
    let passed = run(&archivist, &file, check).await.unwrap();
    assert_eq!(passed.outcome(), VerificationOutcome::Passed);
    assert_eq!(passed.method(), VerificationMethod::Connector);
    assert_eq!(
        (passed.evidence.as_str(), passed.current),
        ("receipt 9", true)
    );
    let id = passed.name.strip_prefix("verifications/").unwrap();
    assert_eq!(connector.heard(), [format!("{id} 11010519491231002X")]);

    connector.plays([Next::Disagrees("bank_card")]);
    let other = run(&archivist, &file, VerificationCheck::Account)
        .await
        .unwrap();
    assert_eq!(other.outcome(), VerificationOutcome::Mismatch);
    assert_eq!(other.mismatches[0].field, "bank_card");
    assert_eq!(connector.heard(), ["张三丰 4111111111111111"]);

    // It heard the first call and did not answer in time; asked again it is the same call,
    // and there is one result.
    connector.plays([Next::Hangs, Next::Passes]);
    let late = run(&archivist, &file, check).await.unwrap();
    assert_eq!(late.outcome(), VerificationOutcome::Passed);
    let heard = connector.heard();
    assert_eq!((heard.len(), &heard[0]), (2, &heard[1]));

    for (parts, asked) in [
        (vec![Next::Hangs, Next::Hangs], 2),
        (vec![Next::Refuses], 1),
        (vec![Next::Raves], 1),
    ] {
        connector.plays(parts);
        let nothing = run(&archivist, &file, check).await.unwrap();
        assert_eq!(nothing.outcome(), VerificationOutcome::CouldNotBeDone);
        assert!(!nothing.note.is_empty() && nothing.evidence.is_empty());
        assert_eq!(connector.heard().len(), asked);
    }
    let down = run(&archivist, &file, VerificationCheck::Document)
        .await
        .unwrap();
    assert_eq!(down.outcome(), VerificationOutcome::CouldNotBeDone);
    assert_eq!(
        outstanding(&archivist, VerificationCheck::Document).await,
        [(file.clone(), OutstandingReason::CouldNotBeDone)]
    );
    assert_eq!(listed(&archivist, "").await.len(), 7);

    // A request that comes again asks nobody; what the file has not got is not asked about;
    // who may not see it cannot have it sent.
    connector.plays([Next::Passes]);
    let request = RunVerificationRequest {
        customer: file.clone(),
        check: check.into(),
        evidence: String::new(),
        request_id: "0190c5a8-0000-7000-8000-0000000000f3".into(),
    };
    let mut client = verifications(&archivist);
    let first = client
        .run_verification(request.clone())
        .await
        .unwrap()
        .into_inner();
    let again = client.run_verification(request).await.unwrap().into_inner();
    assert_eq!((first, connector.heard().len()), (again, 1));
    let poor = Customer {
        bank_card: String::new(),
        ..person()
    };
    let agent = suite.caller("hu.tao").after(&erp);
    let poor = enter(&agent, poor).await.name;
    let archivist = archivist.after(&agent);
    let refused = run(&archivist, &poor, VerificationCheck::Account)
        .await
        .unwrap_err();
    assert_eq!(violations(&refused), ["check"]);
    let reviewer = suite.caller("lin.na").after(&agent);
    let refused = run(&reviewer, &poor, VerificationCheck::Account)
        .await
        .unwrap_err();
    assert_eq!(refusal(&refused).1, "PERMISSION_MISSING");
    assert!(connector.heard().is_empty());
    let refused = run(&reviewer, &file, check).await.unwrap_err();
    assert_eq!(refusal(&refused).0, Code::NotFound);

    // That data went out is in the journal, before what came of it.
    let mut sql = suite.database.connect().await.unwrap();
    let kinds: Vec<String> = sqlx::query_scalar(
        "SELECT type FROM profile.journal WHERE type LIKE 'verification.%' AND kind = 1 ORDER BY position LIMIT 4",
    )
    .fetch_all(&mut sql)
    .await
    .unwrap();
    assert_eq!(
        kinds,
        [
            "verification.asked",
            "verification.recorded",
            "verification.asked",
            "verification.recorded"
        ]
    );
}
