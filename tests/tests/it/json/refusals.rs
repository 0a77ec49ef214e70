//! What is refused in JSON, and how it is told.

use kefu_contracts::ticket::{OpenTicketRequest, Ticket};
use kefu_testkit::TestSuite;
use serde_json::{Value, json};
use tonic_types::StatusExt;

use super::{get, post, request, send};
use crate::records::{enter, person, tickets};

/// Promise 5, in Chinese: which rule refused, and whom to ask, as in gRPC.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_says_why_in_the_callers_language() {
    let suite = TestSuite::start().await;
    let agent = suite.caller("li.wei");
    let customer = enter(&agent, person()).await;
    let mut asked = request("GET", &format!("/v1/{}", customer.name), None);
    asked
        .headers_mut()
        .insert("accept-language", "zh-CN,zh;q=0.9".parse().unwrap());
    let refused = send(&agent.purpose("sales"), asked).await;
    refused.is_refused(403, "PURPOSE_NOT_ALLOWED");
    assert_eq!(refused.json["error"]["status"], "PERMISSION_DENIED");
    assert_eq!(refused.header("content-language"), "zh-CN");
    let said = refused.detail("LocalizedMessage");
    assert_eq!(said["locale"], "zh-CN");
    assert!(said["message"].as_str().unwrap().ends_with('。'), "{said}");
    assert!(refused.detail("ErrorInfo")["metadata"]["rule"].is_string());
}

/// Every field that is wrong at once, whoever finds it: the door or the service behind it.
#[tokio::test(flavor = "multi_thread")]
async fn fields_are_told_as_grpc_tells_them() {
    let suite = TestSuite::start().await;
    let agent = suite.caller("li.wei");
    let long = "?".repeat(201);
    let refused = post(&agent, "/v1/tickets", json!({"ticket": {"subject": long}})).await;
    refused.is_refused(400, "INVALID_FIELDS");
    let fields = |violations: &Value| -> Vec<String> {
        let violations = violations["fieldViolations"].as_array().unwrap();
        violations
            .iter()
            .map(|one| one["field"].as_str().unwrap().to_owned())
            .collect()
    };
    let request = OpenTicketRequest {
        ticket: Some(Ticket {
            subject: long,
            ..Default::default()
        }),
        ..Default::default()
    };
    let grpc = tickets(&agent).open_ticket(request).await.unwrap_err();
    let details = grpc.get_error_details();
    let expected: Vec<_> = details
        .bad_request()
        .unwrap()
        .field_violations
        .iter()
        .map(|one| one.field.clone())
        .collect();
    assert_eq!(fields(refused.detail("BadRequest")), expected);

    let mistaken =
        json!({"ticket": {"subject": 13800001111_i64, "nonsense": "张三"}, "request": 1});
    let refused = post(&agent, "/v1/tickets", mistaken).await;
    refused.is_refused(400, "INVALID_FIELDS");
    let mut found = fields(refused.detail("BadRequest"));
    found.sort();
    assert_eq!(found, ["request", "ticket.nonsense", "ticket.subject"]);
    let told = refused.json.to_string();
    assert!(
        !told.contains("13800001111") && !told.contains("张三"),
        "{told}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_not_there_in_json() {
    let suite = TestSuite::start().await;
    let agent = suite.caller("li.wei");
    let nobody = "/v1/customers/0190c5a8-0000-7000-8000-0000000000ab";
    get(&agent, nobody)
        .await
        .is_refused(404, "NOT_FOUND_OR_OUT_OF_SCOPE");
    get(&agent, "/v1/people")
        .await
        .is_refused(404, "METHOD_UNKNOWN");
    let wrong = send(&agent, request("DELETE", "/v1/customers", None)).await;
    wrong.is_refused(405, "METHOD_UNKNOWN");
    assert_eq!(wrong.header("allow"), "GET, POST");
    let without = send(&agent.purpose(""), request("GET", nobody, None)).await;
    without.is_refused(400, "PURPOSE_REQUIRED");
    let mut hurried = request("GET", "/v1/customers", None);
    hurried
        .headers_mut()
        .insert("grpc-timeout", "1n".parse().unwrap());
    send(&agent, hurried)
        .await
        .is_refused(504, "DEADLINE_EXCEEDED");
}

/// Whoever calls too often is told when to come back.
#[tokio::test(flavor = "multi_thread")]
async fn too_many_calls_are_told_when_to_come_back() {
    let suite = TestSuite::with(|gateway| {
        gateway.calls_per_second = 1.try_into().unwrap();
        gateway.burst = 1.try_into().unwrap();
    })
    .await;
    let agent = suite.caller("li.wei");
    let mut refused = None;
    for _ in 0..5 {
        let answer = get(&agent, "/v1/customers").await;
        if answer.status == 429 {
            refused = Some(answer);
        }
    }
    let refused = refused.expect("five calls at once are too many");
    refused.is_refused(429, "OVERLOADED");
    assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert!(
        refused.detail("RetryInfo")["retryDelay"]
            .as_str()
            .unwrap()
            .ends_with('s')
    );
}
