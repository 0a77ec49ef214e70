//! One call of each shape.

use kefu_contracts::{
    analytics::{Dimension, QueryMetricRequest, metrics_service_client::MetricsServiceClient},
    google::r#type::Date,
    profile::{GetCustomerRequest, ListCustomersRequest},
    ticket::GetTicketRequest,
};
use kefu_testkit::{TestSuite, employee_id};
use serde_json::json;

use super::{encoded, get, in_json, post, request, send};
use crate::records::{customers, enter, open, person, ticket, tickets};

/// Entered, repeated, read, changed, and looked up: by the same names, states and masks as in gRPC.
/// Clauses CF-3.2, CF-6.1.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_entered_read_and_changed() {
    let suite = TestSuite::start().await;
    let agent = suite.caller("li.wei");
    let entry = json!({
        "customer": {
            "type": "CUSTOMER_TYPE_PERSON",
            "displayName": "赵一鸣",
            "phones": [{"number": "139 0000 1111", "primary": true}],
        },
        "requestId": "0190c5a8-0000-7000-8000-000000000001",
    });
    let first = post(&agent, "/v1/customers", entry.clone()).await;
    assert!(
        first
            .header("kefu-position")
            .starts_with("customer-profile:")
    );
    let entered = first.ok();
    assert_eq!(
        post(&agent, "/v1/customers", entry).await.ok()["name"],
        entered["name"]
    );
    let name = entered["name"].as_str().unwrap();
    let path = format!("/v1/{name}");

    let answer = get(&agent, &path).await;
    assert_eq!(
        answer.header("etag"),
        format!("\"{}\"", entered["etag"].as_str().unwrap())
    );
    let read = answer.ok();
    let grpc = customers(&agent)
        .get_customer(GetCustomerRequest { name: name.into() })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(read, in_json("GET", &path, &grpc));
    assert_eq!(read["displayName"], "赵一鸣");

    let change = json!({
        "customer": {"etag": read["etag"], "occupation": "教师"},
        "updateMask": "occupation",
        "reason": "客户来电更正",
    });
    let changed = send(&agent, request("PATCH", &path, Some(change.clone())))
        .await
        .ok();
    assert_eq!(
        (&changed["occupation"], &changed["displayName"]),
        (&json!("教师"), &json!("赵一鸣"))
    );
    let late = send(&agent, request("PATCH", &path, Some(change))).await;
    late.is_refused(409, "ETAG_MISMATCH");

    let found = post(
        &agent,
        "/v1/customers:lookup",
        json!({"phone": "13900001111"}),
    )
    .await
    .ok();
    assert_eq!(found["customers"][0]["name"], name);
}

/// Clauses CF-6.1, CF-9.1: what is masked is masked, and told as masked.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_back_is_held_back_in_json() {
    let suite = TestSuite::start().await;
    let agent = suite.caller("li.wei");
    let entered = enter(&agent, person()).await;
    let path = format!("/v1/{}", entered.name);
    let other = suite.caller("ma.chao").after(&agent);
    let mut masked = 0;
    for caller in [
        agent.clone(),
        suite.caller("zhang.min").after(&agent),
        other,
    ] {
        let request = GetCustomerRequest {
            name: entered.name.clone(),
        };
        let answer = get(&caller, &path).await;
        match customers(&caller).get_customer(request).await {
            Ok(grpc) => {
                let read = answer.ok();
                let grpc = grpc.into_inner();
                assert_eq!(read, in_json("GET", &path, &grpc));
                let told = &read["disclosure"]["maskedFields"];
                masked += usize::from(told.as_array().is_some_and(|fields| !fields.is_empty()));
                assert!(read.to_string().contains("****") || told.is_null());
            }
            Err(status) => assert_eq!(answer.json["error"]["message"], status.message()),
        }
    }
    assert!(masked > 0, "somebody is shown masked fields");
}

/// Clause CF-4.2: a page and its next, as gRPC lists them, also with the filter in a body.
#[tokio::test(flavor = "multi_thread")]
async fn lists_are_asked_for_in_the_address_or_in_a_body() {
    let suite = TestSuite::start().await;
    let agent = suite.caller("li.wei");
    for _ in 0..3 {
        enter(&agent, person()).await;
    }
    let filter = "phone = \"13812345678\"";
    let path = format!(
        "/v1/customers?pageSize=2&order_by=create_time&filter={}",
        encoded(filter)
    );
    let page = get(&agent, &path).await.ok();
    assert_eq!(page["customers"].as_array().unwrap().len(), 2);
    assert_eq!(page["totalSize"], 3);
    let asked = ListCustomersRequest {
        page_size: 2,
        order_by: "create_time".into(),
        filter: filter.into(),
        ..Default::default()
    };
    let grpc = customers(&agent)
        .list_customers(asked)
        .await
        .unwrap()
        .into_inner();
    let mut expected = in_json("GET", &path, &grpc);
    // A token says when it was made.
    expected["nextPageToken"] = page["nextPageToken"].clone();
    assert_eq!(page, expected);

    let token = page["nextPageToken"].as_str().unwrap();
    let rest = get(&agent, &format!("{path}&pageToken={}", encoded(token)))
        .await
        .ok();
    assert_eq!(rest["customers"].as_array().unwrap().len(), 1);

    let mut inside = request(
        "POST",
        "/v1/customers",
        Some(json!({"pageSize": 2, "filter": filter})),
    );
    inside
        .headers_mut()
        .insert("x-http-method-override", "GET".parse().unwrap());
    assert_eq!(
        send(&agent, inside).await.ok()["customers"],
        page["customers"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_figure_is_asked_for_by_parts_and_lists() {
    let suite = TestSuite::start().await;
    let leader = suite.caller_for("chen.guodong", "analysis");
    let day = |day| {
        Some(Date {
            year: 2026,
            month: 11,
            day,
        })
    };
    let asked = QueryMetricRequest {
        metric: "tickets".into(),
        first_day: day(1),
        last_day: day(3),
        group_by: vec![Dimension::Day.into(), Dimension::Channel.into()],
        fill_gaps: true,
        ..Default::default()
    };
    let path = "/v1/metrics/tickets:query?firstDay.year=2026&firstDay.month=11&firstDay.day=1\
                &last_day.year=2026&last_day.month=11&last_day.day=3\
                &groupBy=DIMENSION_DAY&groupBy=DIMENSION_CHANNEL&fillGaps=true";
    let answer = get(&leader, path).await;
    match MetricsServiceClient::new(leader).query_metric(asked).await {
        Ok(grpc) => {
            let mut expected = in_json("GET", path, &grpc.into_inner());
            let read = answer.ok();
            // How far the journals had been read by then.
            expected["freshness"] = read["freshness"].clone();
            assert_eq!(read, expected);
        }
        Err(status) => panic!("{status:?}: {}", answer.json),
    }
}

/// Clauses SG-2.1, SG-2.2: opened and given to somebody, by a custom method.
#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_opened_and_assigned() {
    let suite = TestSuite::start().await;
    let (agent, head) = (suite.caller("li.wei"), suite.caller("zhang.min"));
    let customer = enter(&agent, person()).await;
    let opened = open(&agent, ticket(&customer.name)).await;
    let head = head.after(&agent);
    let path = format!("/v1/{}:assign", opened.name);
    let assignee = format!("employees/{}", employee_id("wang.fang"));
    let given = json!({"etag": opened.etag, "assignee": assignee});
    let given = post(&head, &path, given).await.ok();
    assert_eq!(given["assignee"], assignee);
    let request = GetTicketRequest {
        name: opened.name.clone(),
    };
    let grpc = tickets(&head)
        .get_ticket(request)
        .await
        .unwrap()
        .into_inner();
    let path = format!("/v1/{}", opened.name);
    assert_eq!(get(&head, &path).await.ok(), in_json("GET", &path, &grpc));
}
