//! A service believes nobody but a gateway, and a gateway only for a moment.

use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use kefu_access::{AccessContext, ContextSigner, Purpose, Rule, Scope, Subject, SubjectKind};
use kefu_contracts::{
    ClassSet,
    journal::{FollowRequest, journal_service_client::JournalServiceClient},
    profile::{GetCustomerRequest, customer_service_client::CustomerServiceClient},
};
use kefu_service::clock::Clock;
use kefu_testkit::{TestSuite, employee_id};
use tonic::{Code, Request, Status, metadata::MetadataValue};

use crate::records::{enter, person, refusal};

fn context(suite: &TestSuite, permission: &str) -> AccessContext {
    let now = suite.clock.now();
    AccessContext {
        subject: Subject {
            id: employee_id("li.wei"),
            kind: SubjectKind::Employee,
            departments: Vec::new(),
        },
        permission: permission.into(),
        purpose: Purpose::Service,
        rules: vec![Rule {
            scope: Scope::All,
            classes: ClassSet::NONE,
            source: "test".into(),
            expires_at: None,
        }],
        policy_revision: 1,
        issued_at: now,
        expires_at: now + Duration::from_secs(30),
    }
}

async fn straight(suite: &TestSuite, name: &str, signed: Option<Vec<u8>>) -> Result<(), Status> {
    let mut client = CustomerServiceClient::new(suite.service("customer-profile"));
    let mut request = Request::new(GetCustomerRequest { name: name.into() });
    if let Some(signed) = signed {
        let value = MetadataValue::from_bytes(&signed);
        request.metadata_mut().insert_bin("kefu-context-bin", value);
    }
    client.get_customer(request).await.map(|_| ())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_gateways_context_opens_a_service_and_only_in_its_time() {
    let suite = TestSuite::start().await;
    let customer = enter(&suite.caller("li.wei"), person()).await.name;
    let gateway = suite.keys.gateway().unwrap();
    let good = gateway.sign(&context(&suite, "profile.customers.get"));
    straight(&suite, &customer, Some(good.clone()))
        .await
        .unwrap();

    let refused = |status: Status| refusal(&status);
    let unauthenticated = |reason: &str| (Code::Unauthenticated, reason.to_owned());
    let invalid = unauthenticated("CONTEXT_INVALID");
    assert_eq!(
        refused(straight(&suite, &customer, None).await.unwrap_err()),
        invalid
    );

    let (forger, _) = ContextSigner::generate(&SystemRandom::new());
    let forged = forger.sign(&context(&suite, "profile.customers.get"));
    assert_eq!(
        refused(straight(&suite, &customer, Some(forged)).await.unwrap_err()),
        invalid
    );

    let mut tampered = good.clone();
    *tampered.last_mut().unwrap() ^= 1;
    assert_eq!(
        refused(
            straight(&suite, &customer, Some(tampered))
                .await
                .unwrap_err()
        ),
        invalid
    );

    // Signed by a service's own key: good for internal methods alone.
    let service = suite
        .keys
        .service()
        .unwrap()
        .sign(&context(&suite, "profile.customers.get"));
    assert_eq!(
        refused(
            straight(&suite, &customer, Some(service))
                .await
                .unwrap_err()
        ),
        invalid
    );

    // Good, for another permission.
    let other = gateway.sign(&context(&suite, "profile.customers.list"));
    assert_eq!(
        refused(straight(&suite, &customer, Some(other)).await.unwrap_err()),
        invalid
    );

    // The good one, replayed when its time is over, though the service knows it.
    suite.clock.advance(Duration::from_secs(30));
    let late = refused(straight(&suite, &customer, Some(good)).await.unwrap_err());
    assert_eq!(late, unauthenticated("CONTEXT_EXPIRED"));
}

/// The journal is for the services of the suite alone.
#[tokio::test(flavor = "multi_thread")]
async fn no_gateway_context_opens_an_internal_method() {
    let suite = TestSuite::start().await;
    let signed = suite
        .keys
        .gateway()
        .unwrap()
        .sign(&context(&suite, "internal.journal.follow"));
    let mut client = JournalServiceClient::new(suite.service("customer-profile"));
    let mut request = Request::new(FollowRequest::default());
    request
        .metadata_mut()
        .insert_bin("kefu-context-bin", MetadataValue::from_bytes(&signed));
    let status = client.follow(request).await.unwrap_err();
    assert_eq!(
        refusal(&status),
        (Code::Unauthenticated, "CONTEXT_INVALID".into())
    );
}
