//! Writes: bad input, stale etags, repeated requests, two at once.

use kefu_contracts::{
    google::r#type::Date,
    profile::{CreateCustomerRequest, Customer, Phone, Sex, UpdateCustomerRequest},
};
use kefu_testkit::TestSuite;
use prost_types::FieldMask;
use tonic::Code;
use uuid::Uuid;

use crate::records::{customers, enter, get, person, refusal, said, update, violations};

/// Clause CF-3.2: all that is wrong, at once.
#[tokio::test(flavor = "multi_thread")]
async fn bad_input_gets_all_its_violations_at_once() {
    let suite = TestSuite::start().await;
    let mut customers = customers(&suite.caller("li.wei"));
    let bad = Customer {
        phones: vec![Phone {
            number: "12".into(),
            ..Default::default()
        }],
        id_card: "110105194912310021".into(),
        ..Default::default()
    };
    let request = CreateCustomerRequest {
        customer: Some(bad),
        request_id: "nonsense".into(),
    };
    let status = customers.create_customer(request).await.unwrap_err();
    assert_eq!(
        refusal(&status),
        (Code::InvalidArgument, "INVALID_FIELDS".into())
    );
    let expected = [
        "request_id",
        "customer.type",
        "customer.display_name",
        "customer.phones[0].number",
        "customer.id_card",
    ];
    assert_eq!(violations(&status), expected);
}

/// Clause CF-6.1: whether a birth date or a sex agrees with an ID card is told to whoever sees
/// both; whoever does not gets one refusal for all guesses.
#[tokio::test(flavor = "multi_thread")]
async fn an_id_card_is_not_guessed() {
    let suite = TestSuite::start().await;
    let (agent, head) = (suite.caller("li.wei"), suite.caller("zhang.min"));
    let born = |day| {
        Some(Date {
            year: 1949,
            month: 12,
            day,
        })
    };
    let file = enter(&agent, person()).await;
    let seen = get(&head, &file.name).await.unwrap();
    for (birth_date, sex, field) in [
        (born(31), Sex::Unspecified, "birth_date"),
        (born(30), Sex::Unspecified, "birth_date"),
        (None, Sex::Female, "sex"),
        (None, Sex::Male, "sex"),
    ] {
        let guess = Customer {
            birth_date,
            sex: sex.into(),
            ..seen.clone()
        };
        let refused = update(&head, guess, &[field], "").await.unwrap_err();
        assert_eq!(
            refusal(&refused),
            (Code::PermissionDenied, "PERMISSION_MISSING".into())
        );
        assert_eq!(said(&refused, "classes"), "DATA_CLASS_IDENTITY");
        assert!(violations(&refused).is_empty());
    }
    let wrong = Customer {
        birth_date: born(30),
        ..file
    };
    let told = update(&agent, wrong, &["birth_date"], "").await;
    assert_eq!(violations(&told.unwrap_err()), ["customer.birth_date"]);

    // Where there is no card, there is nothing to agree with.
    let bare = Customer {
        id_card: String::new(),
        ..person()
    };
    let bare = enter(&agent, bare).await;
    let dated = Customer {
        birth_date: born(30),
        ..get(&head, &bare.name).await.unwrap()
    };
    let dated = update(&head, dated, &["birth_date"], "").await.unwrap();
    assert_eq!(dated.birth_date, born(30));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_gets_the_same_answer_and_changes_nothing() {
    let suite = TestSuite::start().await;
    let mut customers = customers(&suite.caller("li.wei"));
    let request = CreateCustomerRequest {
        customer: Some(person()),
        request_id: Uuid::from_u128(7).to_string(),
    };
    let first = customers
        .create_customer(request.clone())
        .await
        .unwrap()
        .into_inner();
    let again = customers
        .create_customer(request.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(first, again);

    let mut other = request;
    other.customer.as_mut().unwrap().occupation = "医生".into();
    let status = customers.create_customer(other).await.unwrap_err();
    assert_eq!(
        refusal(&status),
        (Code::FailedPrecondition, "REQUEST_ID_REUSED".into())
    );

    let mut connection = suite.database.connect().await.unwrap();
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM profile.customer")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(count, 1);
}

/// An answer given again is shown again, and that is journaled.
#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_answer_is_journaled_as_a_view() {
    let suite = TestSuite::start().await;
    let agent = suite.caller("li.wei");
    let customer = enter(&agent, person()).await;
    let change = UpdateCustomerRequest {
        customer: Some(Customer {
            occupation: "医生".into(),
            ..customer
        }),
        update_mask: Some(FieldMask {
            paths: vec!["occupation".into()],
        }),
        request_id: Uuid::from_u128(9).to_string(),
        reason: String::new(),
    };
    let first = customers(&agent)
        .update_customer(change.clone())
        .await
        .unwrap()
        .into_inner();
    let again = customers(&agent)
        .update_customer(change)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(first, again);
    let mut connection = suite.database.connect().await.unwrap();
    let count = "SELECT count(*) FILTER (WHERE kind = 1), count(*) FILTER (WHERE kind = 2)
                 FROM profile.journal WHERE type LIKE 'customer.%'";
    let counted: (i64, i64) = sqlx::query_as(count)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(
        counted,
        (2, 1),
        "created and updated once each, shown again once"
    );
}

/// The same request many times at once is carried out once.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_at_once_is_carried_out_once() {
    let suite = TestSuite::start().await;
    let caller = suite.caller("li.wei");
    let request = CreateCustomerRequest {
        customer: Some(person()),
        request_id: Uuid::from_u128(8).to_string(),
    };
    let calls: Vec<_> = (0..8)
        .map(|_| {
            let (mut customers, request) = (customers(&caller), request.clone());
            tokio::spawn(async move {
                customers
                    .create_customer(request)
                    .await
                    .unwrap()
                    .into_inner()
            })
        })
        .collect();
    let mut names = std::collections::BTreeSet::new();
    for call in calls {
        names.insert(call.await.unwrap().name);
    }
    assert_eq!(names.len(), 1);
}

/// Clause CF-7.2: nobody overwrites what they have not read.
#[tokio::test(flavor = "multi_thread")]
async fn a_stale_etag_is_aborted() {
    let suite = TestSuite::start().await;
    let agent = suite.caller("li.wei");
    let customer = enter(&agent, person()).await;
    let change = |occupation: &str, etag: &str| UpdateCustomerRequest {
        customer: Some(Customer {
            name: customer.name.clone(),
            etag: etag.into(),
            occupation: occupation.into(),
            ..Default::default()
        }),
        update_mask: Some(FieldMask {
            paths: vec!["occupation".into()],
        }),
        request_id: String::new(),
        reason: String::new(),
    };
    let changed = customers(&agent)
        .update_customer(change("医生", &customer.etag))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(changed.occupation, "医生");
    assert_ne!(changed.etag, customer.etag);
    let status = customers(&agent)
        .update_customer(change("工程师", &customer.etag))
        .await
        .unwrap_err();
    assert_eq!(refusal(&status), (Code::Aborted, "ETAG_MISMATCH".into()));
    let read = get(&agent, &customer.name).await.unwrap();
    assert_eq!(
        (read.occupation.as_str(), read.display_name.as_str()),
        ("医生", "张三丰")
    );
}

/// What one may not see one may not overwrite.
#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_is_not_cleared_cannot_be_changed() {
    let suite = TestSuite::start().await;
    let agent = suite.caller("li.wei");
    let customer = enter(&agent, person()).await;
    let request = UpdateCustomerRequest {
        customer: Some(Customer {
            bank_card: "5555555555554444".into(),
            ..customer
        }),
        update_mask: Some(FieldMask {
            paths: vec!["bank_card".into()],
        }),
        request_id: String::new(),
        reason: String::new(),
    };
    let status = customers(&agent)
        .update_customer(request)
        .await
        .unwrap_err();
    assert_eq!(
        refusal(&status),
        (Code::PermissionDenied, "PERMISSION_MISSING".into())
    );
}

/// Clause CF-4.3: numbers are unique under any concurrency, and without gaps.
#[tokio::test(flavor = "multi_thread")]
async fn file_numbers_run_without_gaps_under_concurrency() {
    let suite = TestSuite::start().await;
    let agent = suite.caller("li.wei");
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let agent = agent.clone();
            tokio::spawn(async move { enter(&agent, person()).await.file_number })
        })
        .collect();
    let mut numbers = Vec::new();
    for call in calls {
        numbers.push(call.await.unwrap());
    }
    numbers.sort();
    let expected: Vec<_> = (1..=20).map(|running| format!("P0A{running:04}")).collect();
    assert_eq!(numbers, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_external_reference_is_taken_once() {
    let suite = TestSuite::start().await;
    let agent = suite.caller("li.wei");
    let referred = Customer {
        external_ref: "crm-1".into(),
        ..person()
    };
    enter(&agent, referred.clone()).await;
    let request = CreateCustomerRequest {
        customer: Some(referred),
        request_id: String::new(),
    };
    let status = customers(&agent)
        .create_customer(request)
        .await
        .unwrap_err();
    assert_eq!(
        refusal(&status),
        (Code::AlreadyExists, "ALREADY_EXISTS".into())
    );
}
