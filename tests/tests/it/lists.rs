//! Lists: the same scope as everywhere, pages that fit together, tokens that
//! cannot be made or carried elsewhere.

use std::time::Duration;

use kefu_contracts::{
    common::TotalKind,
    profile::{Customer, ListCustomersRequest},
};
use kefu_testkit::{Caller, TestSuite};
use tonic::{Code, Status};

use crate::records::{customers, enter, person, refusal, update, violations};

async fn list(
    caller: &Caller,
    request: ListCustomersRequest,
) -> Result<(Vec<Customer>, String, i32, i32), Status> {
    let page = customers(caller)
        .list_customers(request)
        .await?
        .into_inner();
    Ok((
        page.customers,
        page.next_page_token,
        page.total_size,
        page.total_kind,
    ))
}

/// Clauses CF-4.2, CF-9.1: an agent's list holds the files that are theirs, and its count no more.
#[tokio::test(flavor = "multi_thread")]
async fn lists_and_counts_end_where_the_scope_ends() {
    let suite = TestSuite::start().await;
    let (agent, other) = (suite.caller("li.wei"), suite.caller("ma.chao"));
    for _ in 0..3 {
        enter(&agent, person()).await;
    }
    enter(&other, person()).await;
    let (mine, _, total, kind) = list(&agent, ListCustomersRequest::default()).await.unwrap();
    assert_eq!((mine.len(), total, kind), (3, 3, TotalKind::Exact as i32));
    assert!(
        mine.iter()
            .all(|customer| customer.display_name == "张三丰")
    );
    // The head of the call centre sees the department's files, ma.chao's is of another.
    let head = suite.caller("zhang.min");
    let everyone = list(
        &suite.caller_for("dong.jie", "audit"),
        ListCustomersRequest::default(),
    )
    .await
    .unwrap();
    assert_eq!(everyone.2, 4);
    assert!(
        list(&head, ListCustomersRequest::default())
            .await
            .unwrap()
            .2
            >= 3
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_fit_together_and_tokens_stay_where_they_were_given() {
    let suite = TestSuite::start().await;
    let agent = suite.caller("li.wei");
    let mut entered = Vec::new();
    for _ in 0..5 {
        entered.push(enter(&agent, person()).await.name);
    }
    let mut seen = Vec::new();
    let mut token = String::new();
    loop {
        let request = ListCustomersRequest {
            page_size: 2,
            page_token: token,
            ..Default::default()
        };
        let (page, next, total, _) = list(&agent, request).await.unwrap();
        assert_eq!(total, 5);
        seen.extend(page.into_iter().map(|customer| customer.name));
        token = next;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, entered);

    let (_, token, ..) = list(
        &agent,
        ListCustomersRequest {
            page_size: 2,
            ..Default::default()
        },
    )
    .await
    .unwrap();
    let elsewhere = [
        (
            suite.caller("ma.chao"),
            ListCustomersRequest {
                page_token: token.clone(),
                ..Default::default()
            },
        ),
        (
            agent.clone(),
            ListCustomersRequest {
                page_token: token.clone(),
                filter: "type = PERSON".into(),
                ..Default::default()
            },
        ),
        (
            agent.clone(),
            ListCustomersRequest {
                page_token: token.clone(),
                order_by: "create_time desc".into(),
                ..Default::default()
            },
        ),
        (
            agent,
            ListCustomersRequest {
                page_token: format!("B{}", &token[1..]),
                ..Default::default()
            },
        ),
    ];
    for (caller, request) in elsewhere {
        let status = list(&caller, request.clone()).await.unwrap_err();
        assert_eq!(
            refusal(&status),
            (Code::InvalidArgument, "INVALID_PAGE_TOKEN".into()),
            "{request:?}"
        );
    }
}

/// Clause CF-4.2: the file that was changed last comes first where that is asked for, page by page.
#[tokio::test(flavor = "multi_thread")]
async fn files_are_listed_by_when_they_were_changed() {
    let suite = TestSuite::start().await;
    let agent = suite.caller("li.wei");
    let mut entered = Vec::new();
    for _ in 0..4 {
        suite.clock.advance(Duration::from_secs(1));
        entered.push(enter(&agent, person()).await);
    }
    suite.clock.advance(Duration::from_secs(1));
    let mut second = entered[1].clone();
    second.occupation = "医生".into();
    update(&agent, second, &["occupation"], "").await.unwrap();

    let mut seen = Vec::new();
    let mut token = String::new();
    loop {
        let request = ListCustomersRequest {
            page_size: 2,
            page_token: token,
            order_by: "update_time desc".into(),
            ..Default::default()
        };
        let (page, next, ..) = list(&agent, request).await.unwrap();
        seen.extend(page.into_iter().map(|customer| customer.name));
        token = next;
        if token.is_empty() {
            break;
        }
    }
    let latest_first = [1, 3, 2, 0].map(|place: usize| entered[place].name.clone());
    assert_eq!(seen, latest_first);
}

/// A filter on a field that is not cleared finds nothing: what may not be seen
/// cannot be searched for.
#[tokio::test(flavor = "multi_thread")]
async fn filters_tell_nothing_that_is_not_cleared() {
    let suite = TestSuite::start().await;
    let agent = suite.caller("li.wei");
    enter(&agent, person()).await;
    let filtered = |filter: &str| ListCustomersRequest {
        filter: filter.into(),
        ..Default::default()
    };
    assert_eq!(list(&agent, filtered("tier = NORMAL")).await.unwrap().2, 1);
    let auditor = suite.caller_for("dong.jie", "audit");
    assert_eq!(
        list(&auditor, filtered("type = PERSON")).await.unwrap().2,
        1
    );
    let (found, _, total, _) = list(&auditor, filtered("tier = NORMAL")).await.unwrap();
    assert_eq!((found.len(), total), (0, 0));

    let bad = ListCustomersRequest {
        page_size: 1000,
        filter: "sex = MALE".into(),
        order_by: "name".into(),
        ..Default::default()
    };
    assert_eq!(
        violations(&list(&agent, bad).await.unwrap_err()),
        ["page_size", "filter", "order_by"]
    );
}
