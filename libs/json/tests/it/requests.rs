//! Requests from path, query and body, and answers.

use kefu_contracts::{access, analytics, policy, profile, ticket};
use kefu_json::{Api, Binding, Finding, Given, MOST_PARTS, Problem, Route, Verb};
use prost::Message;

fn binding<'a>(api: &'a Api, verb: &str, path: &'a str) -> (&'a Binding, Vec<(&'a str, String)>) {
    match api.route(Verb::named(verb), path) {
        Route::Call(binding, values) => (binding, values),
        other => panic!("{verb} {path}: {other:?}"),
    }
}

fn ask<M: Message + Default>(
    verb: &str,
    path: &str,
    query: &str,
    body: &str,
) -> Result<M, Vec<Finding>> {
    let api = Api::of_contracts().unwrap();
    let (binding, path) = binding(api, verb, path);
    let body = binding.verb.has_body().then_some(body.as_bytes());
    let given = Given {
        path,
        query: Some(query),
        body,
    };
    let request = binding.request(given)?;
    Ok(request.transcode_to().unwrap())
}

fn problems(verb: &str, path: &str, query: &str, body: &str) -> Vec<(String, Problem)> {
    let found = ask::<ticket::Ticket>(verb, path, query, body).unwrap_err();
    found
        .into_iter()
        .map(|one| (one.field, one.problem))
        .collect()
}

#[test]
fn a_body_is_the_request_less_what_stands_in_the_path() {
    let request: ticket::UpdateTicketRequest = ask(
        "PATCH",
        "/v1/tickets/x",
        "",
        r#"{"ticket": {"etag": "7", "urgency": "LEVEL_HIGH", "call_start_time": "2026-01-02T03:04:05Z"},
            "updateMask": "urgency,callStartTime", "requestId": "r"}"#,
    )
    .unwrap();
    let ticket = request.ticket.unwrap();
    assert_eq!(
        (ticket.name.as_str(), ticket.etag.as_str()),
        ("tickets/x", "7")
    );
    assert_eq!(ticket.urgency(), ticket::Level::High);
    assert_eq!(ticket.call_start_time.unwrap().seconds, 1_767_323_045);
    assert_eq!(
        request.update_mask.unwrap().paths,
        ["urgency", "call_start_time"]
    );
    assert_eq!(request.request_id, "r");
}

#[test]
fn an_address_says_lists_and_parts() {
    let request: analytics::QueryMetricRequest = ask(
        "GET",
        "/v1/metrics/tickets_received:query",
        "firstDay.year=2026&first_day.month=1&firstDay.day=2&groupBy=DIMENSION_MONTH&groupBy=DIMENSION_CHANNEL&compare=true&limit=5&timeZone=Asia%2FShanghai",
        "",
    )
    .unwrap_or_else(|findings| panic!("{findings:?}"));
    let day = request.first_day.unwrap();
    assert_eq!((day.year, day.month, day.day), (2026, 1, 2));
    assert_eq!(request.metric, "tickets_received");
    assert_eq!(request.group_by.len(), 2);
    assert!(request.compare && request.limit == 5);
    assert_eq!(request.time_zone, "Asia/Shanghai");
    let request: access::GetAuditEntryRequest = ask("GET", "/v1/audit-entries/7", "", "").unwrap();
    assert_eq!(request.seq, 7);
}

#[test]
fn every_mistake_is_told_at_once_by_its_place() {
    let found = problems(
        "POST",
        "/v1/tickets",
        "",
        r#"{"ticket": {"subject": 13800001111, "kind": "张三", "nonsense": 1, "13800001111": 2,
                       "messages": [{"body": "x"}, {"bdy": "13800001111"}, 7]},
            "requestId": "a", "request_id": "b"}"#,
    );
    use Problem::{Duplicate, Format, UnknownField, UnknownValue};
    let expected = [
        ("ticket.subject", Format),
        ("ticket.kind", UnknownValue),
        ("ticket.nonsense", UnknownField),
        ("ticket", UnknownField),
        ("ticket.messages[1].bdy", UnknownField),
        ("ticket.messages[2]", Format),
        ("request_id", Duplicate),
    ];
    for (field, problem) in expected {
        assert!(
            found.contains(&(field.to_owned(), problem)),
            "{field}: {found:?}"
        );
    }
    assert_eq!(found.len(), expected.len(), "{found:?}");
}

#[test]
fn of_many_mistakes_the_first_are_told() {
    let list = |items: String| format!(r#"{{"ticket": {{"tags": [{items}]}}}}"#);
    let many = list(vec!["7"; 1000].join(","));
    let found = problems("POST", "/v1/tickets", "", &many);
    assert_eq!(found.len(), 100);
    assert_eq!(found[99].0, "ticket.tags[99]");
    let one = list(r#""a", 7, null"#.to_owned());
    let found = problems("POST", "/v1/tickets", "", &one);
    let places: Vec<_> = found.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!(places, ["ticket.tags[1]", "ticket.tags[2]"]);
    let good: ticket::OpenTicketRequest =
        ask("POST", "/v1/tickets", "", &list(r#""a", "b""#.to_owned())).unwrap();
    assert_eq!(good.ticket.unwrap().tags, ["a", "b"]);
}

#[test]
fn a_choice_is_made_once() {
    let found = problems(
        "POST",
        "/v1/customers:lookup",
        "",
        r#"{"phone": "1", "email": "2"}"#,
    );
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].1, Problem::Contradiction);
}

#[test]
fn what_is_no_object_is_refused_as_a_whole() {
    for body in ["[]", "7", "{", "{} {}", "null", "\"张三\"", "\u{feff}{}"] {
        let found = problems("POST", "/v1/tickets", "", body);
        assert_eq!(found, [("body".to_owned(), Problem::Format)], "{body}");
    }
    assert!(ask::<ticket::OpenTicketRequest>("POST", "/v1/tickets", "", "").is_ok());
}

/// Whatever would take many times its bytes once it is read is refused before it is; with fewer
/// parts its fields are looked at.
#[test]
fn a_body_of_too_many_parts_is_not_read() {
    let problem = |objects: usize| {
        let body = format!(r#"{{"x":[{}]}}"#, vec![r#"{"":0}"#; objects].join(","));
        problems("POST", "/v1/tickets", "", &body)
    };
    // An object and a comma each, but for the last, and the two around them.
    let most = (MOST_PARTS - 1) / 2;
    assert_eq!(problem(most), [("x".to_owned(), Problem::UnknownField)]);
    let refused = [("body".to_owned(), Problem::TooManyParts)];
    assert_eq!(problem(most + 1), refused);
    // What is no JSON is not read to its end either.
    let open = "[".repeat(MOST_PARTS + 1);
    assert_eq!(problems("POST", "/v1/tickets", "", &open), refused);
}

/// Brackets and commas of texts are no parts.
#[test]
fn a_text_is_one_part() {
    let text = r#"\",[{\\"#.repeat(MOST_PARTS);
    let body = format!(r#"{{"ticket": {{"subject": "{text}"}}}}"#);
    let request: ticket::OpenTicketRequest = ask("POST", "/v1/tickets", "", &body).unwrap();
    let subject = request.ticket.unwrap().subject;
    assert_eq!(subject, r#"",[{\"#.repeat(MOST_PARTS));
}

#[test]
fn an_address_is_read_as_strictly_as_a_body() {
    use Problem::{Contradiction, Duplicate, Format, UnknownField, UnknownValue};
    for (path, query, field, problem) in [
        ("/v1/tickets", "pageSize=x", "page_size", Format),
        (
            "/v1/tickets",
            "pageSize=1&page_size=1",
            "page_size",
            Duplicate,
        ),
        ("/v1/tickets", "nonsense=1", "nonsense", UnknownField),
        ("/v1/tickets", "13800001111=1", "query", UnknownField),
        ("/v1/tickets", "filter.x=1", "filter", Format),
        (
            "/v1/metrics/x:query",
            "firstDay=2026-01-01",
            "first_day",
            Format,
        ),
        (
            "/v1/metrics/x:query",
            "firstDay.yea=1",
            "first_day.yea",
            UnknownField,
        ),
        ("/v1/metrics/x:query", "compare=yes", "compare", Format),
        ("/v1/metrics/x:query", "groupBy=x", "group_by", UnknownValue),
        ("/v1/audit-entries/x", "", "seq", Format),
        ("/v1/tickets/x", "name=tickets/y", "name", Contradiction),
    ] {
        let found = problems("GET", path, query, "");
        assert_eq!(found, [(field.to_owned(), problem)], "{path}?{query}");
    }
    let found = problems("POST", "/v1/tickets", "requestId=x", "{}");
    assert_eq!(found, [("query".to_owned(), UnknownField)]);
    let found = problems(
        "PATCH",
        "/v1/tickets/x",
        "",
        r#"{"ticket": {"name": "tickets/y"}}"#,
    );
    assert_eq!(found, [("ticket.name".to_owned(), Contradiction)]);
}

#[test]
fn an_answer_says_what_was_held_back() {
    let customer = profile::Customer {
        name: "customers/x".into(),
        etag: "3".into(),
        display_name: "张*".into(),
        disclosure: Some(policy::Disclosure {
            masked_fields: vec!["display_name".into()],
            ..policy::Disclosure::default()
        }),
        ..profile::Customer::default()
    };
    let api = Api::of_contracts().unwrap();
    let (binding, _) = binding(api, "GET", "/v1/customers/x");
    let written = binding.answer(&customer.encode_to_vec()).unwrap();
    assert_eq!(written.etag.as_deref(), Some("3"));
    let json: serde_json::Value = serde_json::from_slice(&written.json).unwrap();
    let expected = serde_json::json!({
        "name": "customers/x", "etag": "3", "displayName": "张*",
        "disclosure": {"maskedFields": ["display_name"]},
    });
    assert_eq!(json, expected);
    assert!(binding.answer(b"\xff").is_err());
}

proptest::proptest! {
    /// Whatever comes, it is a request or it is refused, and of what was refused nothing is repeated.
    #[test]
    fn nothing_of_a_value_is_repeated(value in "[0-9]{11}", place in 0_usize..4) {
        let body = match place {
            0 => format!(r#"{{"ticket": "{value}"}}"#),
            1 => format!(r#"{{"ticket": {{"kind": "{value}"}}}}"#),
            2 => format!(r#"{{"{value}": 1}}"#),
            _ => format!(r#"{{"ticket": {{"callStartTime": "{value}"}}}}"#),
        };
        let found = problems("POST", "/v1/tickets", "", &body);
        proptest::prop_assert!(!found.is_empty());
        let told = format!("{found:?}");
        proptest::prop_assert!(!told.contains(&value));
    }
}
