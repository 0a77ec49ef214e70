//! What customers agree to decides who reads them for it, from the moment they say so.

use std::time::Duration;

use kefu_contracts::{
    policy::Purpose,
    profile::{
        Consent, ConsentDecision, GetConsentRequest, ListConsentsRequest, RecordConsentRequest,
        consent_service_client::ConsentServiceClient,
    },
};
use kefu_service::{clock::Clock, time::to_proto};
use kefu_testkit::{Caller, TestSuite};
use tonic::{Code, Status};
use uuid::Uuid;

use crate::records::{consent, enter, open, person, refusal, said_consent, ticket, violations};

fn consents(caller: &Caller) -> ConsentServiceClient<Caller> {
    ConsentServiceClient::new(caller.clone())
}

async fn record(caller: &Caller, consent: Consent) -> Result<Consent, Status> {
    let request = RecordConsentRequest {
        consent: Some(consent),
        request_id: String::new(),
    };
    let recorded = consents(caller).record_consent(request).await;
    recorded.map(|answer| answer.into_inner())
}

async fn listed(caller: &Caller, filter: String) -> Vec<Consent> {
    let request = ListConsentsRequest {
        filter,
        ..ListConsentsRequest::default()
    };
    let listed = consents(caller)
        .list_consents(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        usize::try_from(listed.total_size).unwrap(),
        listed.consents.len()
    );
    listed.consents
}

/// Whether scopes count the customer as agreeing to it.
async fn counts(suite: &TestSuite, customer: &str, purpose: Purpose) -> bool {
    let id: Uuid = customer
        .strip_prefix("customers/")
        .unwrap()
        .parse()
        .unwrap();
    let mut sql = suite.database.connect().await.unwrap();
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM profile.consent WHERE customer_id = $1 AND purpose = $2)",
    )
    .bind(id)
    .bind(purpose as i16)
    .fetch_one(&mut sql)
    .await
    .unwrap()
}

/// Clauses IH-2.1, CC-2.2: the statement made last counts for its purpose alone, in
/// whatever order they are entered, and all of them are kept.
#[tokio::test(flavor = "multi_thread")]
async fn the_last_word_about_a_purpose_counts() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let file = enter(&erp, person()).await.name;
    let now = suite.clock.now();
    let said = |seconds_ago, decision| Consent {
        said_time: Some(to_proto(now - Duration::from_secs(seconds_ago))),
        ..said_consent(&file, Purpose::Marketing, decision)
    };
    let given = said(60, ConsentDecision::Given);
    assert!(record(&erp, given).await.unwrap().current);
    assert!(counts(&suite, &file, Purpose::Marketing).await);
    assert!(!counts(&suite, &file, Purpose::Sales).await);

    let withdrawn = said(10, ConsentDecision::Withdrawn);
    assert!(record(&erp, withdrawn).await.unwrap().current);
    assert!(!counts(&suite, &file, Purpose::Marketing).await);

    // A form from before that is entered only now brings nothing back.
    let late = said(30, ConsentDecision::Given);
    assert!(!record(&erp, late).await.unwrap().current);
    assert!(!counts(&suite, &file, Purpose::Marketing).await);

    let all = listed(&erp, format!("customer = {file} AND purpose = MARKETING")).await;
    assert_eq!(all.len(), 3);
    let current: Vec<_> = all.iter().filter(|one| one.current).collect();
    assert_eq!(current.len(), 1);
    assert_eq!(current[0].decision(), ConsentDecision::Withdrawn);
    let again = said_consent(&file, Purpose::Marketing, ConsentDecision::Given);
    assert!(record(&erp, again).await.unwrap().current);
    assert!(counts(&suite, &file, Purpose::Marketing).await);
}

/// Clause IH-2.1: whoever serves the customer enters and sees what they said; to others
/// there is none of it, and the heads of those who serve see only their departments'.
#[tokio::test(flavor = "multi_thread")]
async fn consents_are_seen_where_their_file_is() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let file = enter(&erp, person()).await.name;
    let agent = suite.caller("li.wei").after(&erp);
    open(&agent, ticket(&file)).await;
    let agent = suite.caller("li.wei").after(&agent);
    let said = consent(&agent, &file, Purpose::Sales).await;
    let request = GetConsentRequest {
        name: said.name.clone(),
    };
    let got = consents(&agent).get_consent(request.clone()).await.unwrap();
    assert_eq!(got.into_inner().evidence, "录音 2026-11-23/17");

    let stranger = suite.caller("ma.chao");
    let refused = consents(&stranger).get_consent(request).await.unwrap_err();
    assert_eq!(refusal(&refused).0, Code::NotFound);
    assert!(listed(&stranger, String::new()).await.is_empty());
    let entered = said_consent(&file, Purpose::Sales, ConsentDecision::Withdrawn);
    let refused = record(&stranger, entered).await.unwrap_err();
    assert_eq!(
        refusal(&refused),
        (Code::NotFound, "NOT_FOUND_OR_OUT_OF_SCOPE".into())
    );
    let seller = suite.caller_for("zheng.xue", "marketing");
    let refused = consents(&seller)
        .list_consents(ListConsentsRequest::default())
        .await
        .unwrap_err();
    assert_eq!(refusal(&refused).0, Code::PermissionDenied);
    assert!(counts(&suite, &file, Purpose::Sales).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_is_entered_once_and_only_whole() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let file = enter(&erp, person()).await.name;
    let refused = record(&erp, Consent::default()).await.unwrap_err();
    assert_eq!(
        violations(&refused),
        [
            "consent.customer",
            "consent.purpose",
            "consent.decision",
            "consent.heard_channel",
            "consent.evidence"
        ]
    );
    let request = RecordConsentRequest {
        consent: Some(said_consent(&file, Purpose::Sales, ConsentDecision::Given)),
        request_id: "0190c5a8-0000-7000-8000-0000000000f1".into(),
    };
    let mut client = consents(&erp);
    let first = client
        .record_consent(request.clone())
        .await
        .unwrap()
        .into_inner();
    let again = client
        .record_consent(request.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(first, again);
    assert_eq!(listed(&erp, format!("customer = {file}")).await.len(), 1);
    let other = RecordConsentRequest {
        consent: Some(said_consent(
            &file,
            Purpose::Sales,
            ConsentDecision::Refused,
        )),
        ..request
    };
    let refused = client.record_consent(other).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "REQUEST_ID_REUSED");
}
