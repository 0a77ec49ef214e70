//! Files of a share by rule: read and resolved by customer-profile, frozen when the last
//! approver agrees (CF-6.2).

use std::time::Duration;

use kefu_contracts::{
    access::{
        ActivateShareRequest, ApproveShareRequest, CreateShareRequest, CustomerSelection, Share,
        ShareMode, ShareTerms, SubmitShareRequest, share_service_client::ShareServiceClient,
    },
    policy::{DataClass, Purpose},
    profile::{Customer, ListCustomersRequest},
};
use kefu_service::{clock::Clock, time::to_proto};
use kefu_testkit::{Caller, TestSuite, employee_id, eventually};
use tonic::{Code, Status};
use uuid::Uuid;

use crate::records::{consent, customers, enter, get, person, refusal, violations};

/// Business of the files that the rules of these tests select.
pub(crate) const BUSINESS: &str = "Q";

pub(crate) fn rule(filter: &str, max_files: i32) -> Option<CustomerSelection> {
    Some(CustomerSelection {
        filter: filter.into(),
        max_files,
        ..CustomerSelection::default()
    })
}

pub(crate) fn terms(suite: &TestSuite, selection: Option<CustomerSelection>) -> ShareTerms {
    ShareTerms {
        selection,
        classes: vec![DataClass::Basic as i32],
        receivers: vec![format!("employees/{}", employee_id("song.yue"))],
        end_time: Some(to_proto(suite.clock.now() + Duration::from_secs(3600))),
        ..ShareTerms::default()
    }
}

/// Asked for by this rule.
pub(crate) async fn asked(
    suite: &TestSuite,
    purpose: Purpose,
    filter: &str,
) -> Result<Share, Status> {
    create(suite, purpose, terms(suite, rule(filter, 10))).await
}

pub(crate) async fn create(
    suite: &TestSuite,
    purpose: Purpose,
    terms: ShareTerms,
) -> Result<Share, Status> {
    let request = CreateShareRequest {
        share: Some(Share {
            purpose: purpose.into(),
            justification: "按业务线核对".into(),
            mode: ShareMode::Access.into(),
            requested: Some(terms),
            ..Share::default()
        }),
        request_id: String::new(),
    };
    let mut shares = ShareServiceClient::new(suite.caller("song.yue"));
    shares
        .create_share(request)
        .await
        .map(|answer| answer.into_inner())
}

pub(crate) async fn handed_in(suite: &TestSuite, purpose: Purpose, terms: ShareTerms) -> Share {
    let draft = create(suite, purpose, terms).await.unwrap();
    let request = SubmitShareRequest {
        name: draft.name,
        ..SubmitShareRequest::default()
    };
    let mut shares = ShareServiceClient::new(suite.caller("song.yue"));
    shares.submit_share(request).await.unwrap().into_inner()
}

pub(crate) async fn approve(
    approver: &Caller,
    share: &Share,
    terms: Option<ShareTerms>,
) -> Result<Share, Status> {
    let request = ApproveShareRequest {
        name: share.name.clone(),
        etag: share.etag.clone(),
        terms,
        ..ApproveShareRequest::default()
    };
    let mut shares = ShareServiceClient::new(approver.clone());
    shares
        .approve_share(request)
        .await
        .map(|answer| answer.into_inner())
}

/// Files of the business, and one of another.
pub(crate) async fn world(files: usize) -> (TestSuite, Vec<Customer>) {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    enter(&erp, person()).await;
    let mut entered = Vec::new();
    for _ in 0..files {
        entered.push(enter(&erp, of_business()).await);
    }
    (suite, entered)
}

fn of_business() -> Customer {
    Customer {
        business_line: BUSINESS.into(),
        ..person()
    }
}

pub(crate) fn left(share: &Share) -> &ShareTerms {
    share.terms.as_ref().unwrap()
}

fn names(customers: &[Customer]) -> Vec<String> {
    let mut names: Vec<String> = customers.iter().map(|one| one.name.clone()).collect();
    names.sort();
    names
}

/// Clause CF-6.2: a rule is narrowed as a list is; the files are those that it selects
/// when the last approver agrees, and no file that fits later is among them.
#[tokio::test(flavor = "multi_thread")]
async fn files_by_rule_are_frozen_when_all_have_agreed() {
    let (suite, files) = world(3).await;
    let filter = format!(r#"business_line = "{BUSINESS}""#);
    let asked = terms(&suite, rule(&filter, 3));
    let share = handed_in(&suite, Purpose::Service, asked.clone()).await;
    assert!(left(&share).customers.is_empty(), "nobody has agreed yet");

    let head = suite.caller("qian.hua");
    let wider = [
        (
            rule("create_time > 2018-05-16T00:00:00Z", 3),
            "terms.selection",
        ),
        (rule(&filter, 4), "terms.selection"),
        (None, "terms.customers"),
    ];
    for (selection, field) in wider {
        let mut wider = ShareTerms {
            selection,
            ..asked.clone()
        };
        if wider.selection.is_none() {
            wider.customers = names(&files);
        }
        let refused = approve(&head, &share, Some(wider)).await.unwrap_err();
        assert_eq!(violations(&refused), [field]);
    }
    let narrower = format!("{filter} AND type = person AND {filter}");
    let narrowed = ShareTerms {
        selection: rule(&narrower, 3),
        ..asked
    };
    let share = approve(&head, &share, Some(narrowed)).await.unwrap();
    let written = left(&share).selection.as_ref().unwrap();
    assert_eq!(written.filter, format!("{filter} AND type = PERSON"));
    assert!(left(&share).customers.is_empty(), "one more has to agree");

    let share = approve(&suite.caller("chen.guodong"), &share, None)
        .await
        .unwrap();
    assert_eq!(left(&share).customers, names(&files));
    let late = enter(&suite.caller_for("erp", "integration"), of_business()).await;
    let reader = suite.caller("song.yue");
    let request = ActivateShareRequest {
        name: share.name.clone(),
        ..ActivateShareRequest::default()
    };
    let mut shares = ShareServiceClient::new(reader.clone());
    let active = shares.activate_share(request).await.unwrap().into_inner();
    assert_eq!(left(&active), left(&share));
    eventually(async || get(&reader, &files[0].name).await.ok()).await;
    for file in &files {
        get(&reader, &file.name).await.unwrap();
    }
    let refused = get(&reader, &late.name).await.unwrap_err();
    assert_eq!(refusal(&refused).0, Code::NotFound);
    let listed = customers(&reader)
        .list_customers(ListCustomersRequest::default())
        .await;
    assert_eq!(listed.unwrap().into_inner().total_size, 3);
}

/// Clause CF-6.2: what selects nothing, or more than was asked for, is not approved by the
/// last approver, who may make it less.
#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_selects_too_many_or_none_is_not_agreed_to() {
    let (suite, files) = world(2).await;
    let filter = format!(r#"business_line = "{BUSINESS}""#);
    let (head, leader) = (suite.caller("qian.hua"), suite.caller("chen.guodong"));
    let share = handed_in(&suite, Purpose::Service, terms(&suite, rule(&filter, 1))).await;
    let share = approve(&head, &share, None).await.unwrap();
    let refused = approve(&leader, &share, None).await.unwrap_err();
    assert_eq!(refusal(&refused).0, Code::InvalidArgument);
    assert_eq!(violations(&refused), ["terms.selection.max_files"]);
    let none = format!("{filter} AND create_time > 2999-01-01T00:00:00Z");
    let narrowed = ShareTerms {
        selection: rule(&none, 1),
        end_time: left(&share).end_time,
        ..terms(&suite, None)
    };
    let refused = approve(&leader, &share, Some(narrowed.clone()))
        .await
        .unwrap_err();
    assert_eq!(violations(&refused), ["terms.selection.filter"]);
    let one = format!("{filter} AND create_time <= {}", created(&files[0]));
    let narrowed = ShareTerms {
        selection: rule(&one, 1),
        ..narrowed
    };
    let share = approve(&leader, &share, Some(narrowed)).await.unwrap();
    assert_eq!(left(&share).customers, [files[0].name.clone()]);
}

fn created(customer: &Customer) -> String {
    let at = customer.create_time.as_ref().unwrap();
    jiff::Timestamp::new(at.seconds, at.nanos)
        .unwrap()
        .to_string()
}

/// Clause CC-2.2: a rule for promotion selects none but those who consented to it.
#[tokio::test(flavor = "multi_thread")]
async fn a_rule_for_promotion_selects_who_consented() {
    let (suite, files) = world(2).await;
    let erp = suite.caller_for("erp", "integration");
    consent(&erp, &files[1].name, Purpose::Marketing).await;
    let filter = format!(r#"business_line = "{BUSINESS}""#);
    let asked = terms(&suite, rule(&filter, 5));
    let share = handed_in(&suite, Purpose::Marketing, asked).await;
    let share = approve(&suite.caller("qian.hua"), &share, None)
        .await
        .unwrap();
    let share = approve(&suite.caller("chen.guodong"), &share, None)
        .await
        .unwrap();
    assert_eq!(left(&share).customers, [files[1].name.clone()]);
}

/// Clause CF-6.2: everything that is wrong with a rule, at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_rule_with_faults_says_all_of_them() {
    let suite = TestSuite::start().await;
    let faulty = [
        (rule("", 0), vec!["filter", "max_files"]),
        (rule("phone = 138", 501), vec!["filter", "max_files"]),
        // Who is of which tier is RELATION, which is not shared.
        (rule("tier = GOLD", 5), vec!["filter"]),
    ];
    for (selection, fields) in faulty {
        let refused = create(&suite, Purpose::Service, terms(&suite, selection)).await;
        let expected: Vec<String> = fields
            .iter()
            .map(|field| format!("share.requested.selection.{field}"))
            .collect();
        assert_eq!(violations(&refused.unwrap_err()), expected);
    }
    let both = ShareTerms {
        customers: vec![format!("customers/{}", Uuid::from_u128(1))],
        ..terms(&suite, rule("type = PERSON", 5))
    };
    let refused = create(&suite, Purpose::Service, both).await.unwrap_err();
    assert_eq!(violations(&refused), ["share.requested.customers"]);
    let mut shared = terms(&suite, rule("tier = GOLD", 5));
    shared.classes.push(DataClass::Relation as i32);
    create(&suite, Purpose::Service, shared).await.unwrap();
}
