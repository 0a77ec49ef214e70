//! Who does not come in, and what they are told.

use std::time::Duration;

use kefu_contracts::{
    METHODS, codec::MOST_DECODED, profile::GetCustomerRequest, ticket::OpenTicketRequest,
};
use kefu_testkit::{Caller, TestSuite};
use prost::Message;
use tonic::{Code, Request, Status, client::Grpc, codegen::http::uri::PathAndQuery};
use tonic_types::StatusExt;

use crate::records::{customers, get, refusal, said, ticket, tickets, violations};

const SOMEBODY: &str = "customers/0190c5a8-0000-7000-8000-0000000000ab";

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_cannot_be_believed_is_unauthenticated() {
    let suite = TestSuite::start().await;
    let status = get(&suite.bearer("nonsense"), SOMEBODY).await.unwrap_err();
    assert_eq!(
        refusal(&status),
        (Code::Unauthenticated, "TOKEN_INVALID".into())
    );

    let foreign = kefu::dev::Keys::make().unwrap().issuer().unwrap();
    let subject = kefu_testkit::employee_id("li.wei");
    use kefu_service::clock::Clock;
    let token = foreign
        .issue(subject, suite.clock.now(), Duration::from_secs(60))
        .unwrap();
    let status = get(&suite.bearer(&token), SOMEBODY).await.unwrap_err();
    assert_eq!(
        refusal(&status),
        (Code::Unauthenticated, "TOKEN_INVALID".into())
    );

    let late = suite.token("li.wei");
    suite.clock.advance(Duration::from_secs(2 * 3600));
    let status = get(&suite.bearer(&late), SOMEBODY).await.unwrap_err();
    assert_eq!(
        refusal(&status),
        (Code::Unauthenticated, "TOKEN_EXPIRED".into())
    );
}

/// A method that nobody annotated as public does not exist outside.
#[tokio::test(flavor = "multi_thread")]
async fn unknown_and_internal_methods_are_unimplemented() {
    let suite = TestSuite::start().await;
    let internal = METHODS
        .iter()
        .filter(|method| method.internal)
        .map(|method| method.path);
    for path in internal.chain([
        "/kefu.ticket.v1.TicketService/Nonsense",
        "/grpc.Nonsense/Call",
    ]) {
        let request = GetCustomerRequest::default();
        let status = sent(&suite.caller("han.bing"), path, request).await;
        assert_eq!(
            refusal(&status),
            (Code::Unimplemented, "METHOD_UNKNOWN".into()),
            "{path}"
        );
    }
}

/// Sends what is no request of this method.
async fn sent<M: Message + 'static>(caller: &Caller, path: &'static str, message: M) -> Status {
    sent_as(caller, path, Request::new(message)).await
}

async fn sent_as<M: Message + 'static>(
    caller: &Caller,
    path: &'static str,
    request: Request<M>,
) -> Status {
    let mut client = Grpc::new(caller.clone());
    client.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<_, GetCustomerRequest>::default();
    let path = PathAndQuery::from_static(path);
    client.unary(request, path, codec).await.unwrap_err()
}

/// Two bytes each, and many times that for whoever decodes them.
#[derive(Clone, PartialEq, Message)]
struct Empties {
    #[prost(message, repeated, tag = "1")]
    all: Vec<()>,
}

/// What cannot be read is refused in the suite's own words, before it takes memory.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request_is_refused_with_a_reason() {
    let suite = TestSuite::start().await;
    let agent = suite.caller("li.wei");
    let no_text = vec![0xff, 0xfe];
    let get = "/kefu.profile.v1.CustomerService/GetCustomer";
    let status = sent(&agent, get, no_text).await;
    let invalid = (Code::InvalidArgument, "FRAME_INVALID".into());
    assert_eq!(refusal(&status), invalid);
    assert!(!status.message().contains("UTF-8"), "{status:?}");
    // Compressed, which no service understands.
    let mut request = Request::new(GetCustomerRequest::default());
    let gzip = "gzip".parse().unwrap();
    request.metadata_mut().insert("grpc-encoding", gzip);
    let status = sent_as(&agent, get, request).await;
    assert_eq!(refusal(&status), invalid);

    let integration = suite.caller_for("erp", "integration");
    let stages = "/kefu.order.v1.OrderService/BulkRecordStages";
    let flood = |number| Empties {
        all: vec![(); number],
    };
    let status = sent(&integration, stages, flood(1_000_000)).await;
    let large = (Code::ResourceExhausted, "MESSAGE_TOO_LARGE".into());
    assert_eq!(refusal(&status), large);
    assert_eq!(
        said(&status, "limit_decoded_bytes"),
        MOST_DECODED.to_string()
    );
    // So many can be read, and are too many for the method.
    let status = sent(&integration, stages, flood(501)).await;
    assert_eq!(violations(&status)[0], "news");
}

/// Clause CF-6.2: a read says why, and a refusal says which rule refused and whom to ask.
#[tokio::test(flavor = "multi_thread")]
async fn a_purpose_is_asked_for_and_must_fit_the_post() {
    let suite = TestSuite::start().await;
    let status = get(&suite.caller_for("li.wei", "marketing"), SOMEBODY)
        .await
        .unwrap_err();
    assert_eq!(
        refusal(&status),
        (Code::PermissionDenied, "PURPOSE_NOT_ALLOWED".into())
    );
    let details = status.get_error_details();
    let told = &details.error_info().unwrap().metadata;
    assert!(
        told.contains_key("rule") && told.contains_key("ask"),
        "{told:?}"
    );

    let mut request = Request::new(GetCustomerRequest {
        name: SOMEBODY.into(),
    });
    request
        .metadata_mut()
        .insert("kefu-purpose", "".parse().unwrap());
    let status = customers(&suite.caller("li.wei"))
        .get_customer(request)
        .await
        .unwrap_err();
    assert_eq!(
        refusal(&status),
        (Code::InvalidArgument, "PURPOSE_REQUIRED".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_told_in_the_callers_language() {
    let suite = TestSuite::start().await;
    let mut request = Request::new(GetCustomerRequest {
        name: SOMEBODY.into(),
    });
    request
        .metadata_mut()
        .insert("accept-language", "zh-CN".parse().unwrap());
    let status = customers(&suite.caller_for("zheng.xue", "marketing"))
        .get_customer(request)
        .await
        .unwrap_err();
    let details = status.get_error_details();
    assert_eq!(
        details.localized_message().unwrap().message,
        "您的岗位没有此项权限。"
    );
}

/// The bound of the gateway is that of the services: what it lets through reaches their
/// rules, and what it does not has a reason, too.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_gateway_lets_through_is_decoded() {
    const MOST: usize = 4 * 1024 * 1024;
    let suite = TestSuite::start().await;
    let mut opening = OpenTicketRequest {
        ticket: Some(ticket(SOMEBODY)),
        request_id: String::new(),
    };
    opening.ticket.as_mut().unwrap().description = "x".repeat(MOST);
    let over = opening.encoded_len() - MOST;
    let description = &mut opening.ticket.as_mut().unwrap().description;
    description.truncate(MOST - over);
    assert_eq!(opening.encoded_len(), MOST);
    let open = |request| {
        let mut tickets = tickets(&suite.caller("li.wei"));
        async move { tickets.open_ticket(request).await.unwrap_err() }
    };
    let refused = open(opening.clone()).await;
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused:?}");
    assert_eq!(violations(&refused), ["ticket.description"]);

    opening.ticket.as_mut().unwrap().description.push('x');
    assert_eq!(
        refusal(&open(opening).await),
        (Code::ResourceExhausted, "MESSAGE_TOO_LARGE".into())
    );
}
