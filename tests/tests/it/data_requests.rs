//! What customers ask for about their own data: who carries it out, by when, and by what.

use std::time::Duration;

use kefu_contracts::{
    common::Channel,
    policy::Purpose,
    profile::{
        AssignDataRequestRequest, CopyForm, Customer, DataRequest, DataRequestKind,
        DataRequestState, DecideDataRequestRefusalRequest, FulfilDataRequestRequest,
        GetDataRequestRequest, HandOverDataRequestRequest, IdentityProof, ListDataRequestsRequest,
        MakeCustomerCopyRequest, MakeCustomerCopyResponse, RecordDataRequestRequest,
        RefuseDataRequestRequest, VerificationCheck,
        customer_copy_service_client::CustomerCopyServiceClient,
        data_request_service_client::DataRequestServiceClient,
    },
};
use kefu_service::{
    clock::Clock,
    time::{from_proto, to_proto},
};
use kefu_testkit::{Caller, TestSuite, employee_id, eventually};
use tonic::{Code, Status};

use crate::{
    records::{consent, enter, get, person, refusal, update, violations},
    verifications::{found, record},
};

pub(crate) fn data_requests(caller: &Caller) -> DataRequestServiceClient<Caller> {
    DataRequestServiceClient::new(caller.clone())
}

/// A request as it came in by phone.
pub(crate) fn asked(customer: &str, kind: DataRequestKind) -> DataRequest {
    DataRequest {
        customer: customer.into(),
        kind: kind.into(),
        channel: Channel::Phone.into(),
        asker: "张三丰".into(),
        identity_proof: IdentityProof::CallBack.into(),
        identity_evidence: "录音 2026-11-23/31".into(),
        wish: "请更正我的职业".into(),
        ..DataRequest::default()
    }
}

pub(crate) async fn ask(caller: &Caller, request: DataRequest) -> Result<DataRequest, Status> {
    let request = RecordDataRequestRequest {
        data_request: Some(request),
        request_id: String::new(),
    };
    let recorded = data_requests(caller).record_data_request(request).await?;
    Ok(recorded.into_inner())
}

fn fulfilled(request: &DataRequest, revision: i64) -> FulfilDataRequestRequest {
    FulfilDataRequestRequest {
        name: request.name.clone(),
        etag: request.etag.clone(),
        answer: "已办理".into(),
        reference: "回函 17".into(),
        customer_revision: revision,
        ..FulfilDataRequestRequest::default()
    }
}

async fn fulfil(
    caller: &Caller,
    request: &DataRequest,
    revision: i64,
) -> Result<DataRequest, Status> {
    let request = fulfilled(request, revision);
    let done = data_requests(caller).fulfil_data_request(request).await?;
    Ok(done.into_inner())
}

async fn refuse(caller: &Caller, request: &DataRequest) -> Result<DataRequest, Status> {
    let request = RefuseDataRequestRequest {
        name: request.name.clone(),
        etag: request.etag.clone(),
        reason: "诉讼期间须保留".into(),
        ..RefuseDataRequestRequest::default()
    };
    let proposed = data_requests(caller).refuse_data_request(request).await?;
    Ok(proposed.into_inner())
}

async fn decide(
    caller: &Caller,
    request: &DataRequest,
    agreed: bool,
) -> Result<DataRequest, Status> {
    let request = DecideDataRequestRefusalRequest {
        name: request.name.clone(),
        etag: request.etag.clone(),
        agreed,
        ..DecideDataRequestRefusalRequest::default()
    };
    let decided = data_requests(caller)
        .decide_data_request_refusal(request)
        .await?;
    Ok(decided.into_inner())
}

/// A copy for a request.
pub(crate) async fn copied(
    caller: &Caller,
    request: &str,
    form: CopyForm,
) -> Result<MakeCustomerCopyResponse, Status> {
    let request = MakeCustomerCopyRequest {
        data_request: request.into(),
        form: form.into(),
    };
    let mut client = CustomerCopyServiceClient::new(caller.clone());
    Ok(client.make_customer_copy(request).await?.into_inner())
}

async fn listed(caller: &Caller, filter: &str) -> Vec<DataRequest> {
    let request = ListDataRequestsRequest {
        filter: filter.into(),
        ..ListDataRequestsRequest::default()
    };
    let listed = data_requests(caller).list_data_requests(request).await;
    listed.unwrap().into_inner().data_requests
}

/// Clauses IH-2.1, IH-2.4: a request is due by its kind, is given to somebody, carried out,
/// and over; whoever does not reach the file knows nothing of it.
#[tokio::test(flavor = "multi_thread")]
async fn customers_ask_for_their_own_data() {
    let suite = TestSuite::start().await;
    let agent = suite.caller("hu.tao");
    let file = enter(&agent, person()).await.name;
    let refused = ask(&agent, DataRequest::default()).await.unwrap_err();
    assert_eq!(
        violations(&refused),
        [
            "customer",
            "kind",
            "channel",
            "asker",
            "identity_proof",
            "identity_evidence",
            "wish"
        ]
        .map(|field| format!("data_request.{field}"))
    );
    let received = from_proto(&to_proto(suite.clock.now() - Duration::from_secs(3600))).unwrap();
    let deletion = DataRequest {
        receive_time: Some(to_proto(received)),
        ..asked(&file, DataRequestKind::Deletion)
    };
    let deletion = ask(&agent, deletion).await.unwrap();
    let day = Duration::from_secs(24 * 3600);
    assert_eq!(deletion.due_time, Some(to_proto(received + day)));
    let access = ask(&agent, asked(&file, DataRequestKind::Access))
        .await
        .unwrap();
    let received = access.receive_time.as_ref().and_then(from_proto).unwrap();
    assert_eq!(access.due_time, Some(to_proto(received + day * 15)));

    let head = suite.caller("zhang.min").after(&agent);
    let assign = AssignDataRequestRequest {
        name: access.name.clone(),
        etag: access.etag.clone(),
        assignee: format!("employees/{}", employee_id("hu.tao")),
        request_id: "0190c5a8-0000-7000-8000-0000000000f4".into(),
    };
    let mut client = data_requests(&head);
    let access = client
        .assign_data_request(assign.clone())
        .await
        .unwrap()
        .into_inner();
    let again = client
        .assign_data_request(assign.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(access, again);
    let refused = data_requests(&agent)
        .assign_data_request(assign)
        .await
        .unwrap_err();
    assert_eq!(refusal(&refused).0, Code::PermissionDenied);
    let filter = format!("assignee = {} AND state = OPEN", access.assignee);
    assert_eq!(listed(&head, &filter).await.len(), 1);

    let agent = agent.after(&head);
    // Only a deletion is handed over, and only a correction names a revision.
    let over = |request: &DataRequest| HandOverDataRequestRequest {
        name: request.name.clone(),
        etag: request.etag.clone(),
        reference: "销毁申请 4".into(),
        ..HandOverDataRequestRequest::default()
    };
    let mut client = data_requests(&agent);
    let refused = client
        .hand_over_data_request(over(&access))
        .await
        .unwrap_err();
    assert_eq!(refusal(&refused).1, "STATE_NOT_ALLOWED");
    let refused = fulfil(&agent, &access, 1).await.unwrap_err();
    assert_eq!(violations(&refused), ["customer_revision"]);
    let refused = fulfil(&agent, &access, 0).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "STATE_NOT_ALLOWED");
    copied(&head, &access.name, CopyForm::Html).await.unwrap();
    let done = fulfil(&agent, &access, 0).await.unwrap();
    assert_eq!(done.state(), DataRequestState::Fulfilled);
    assert!(done.close_time.is_some());
    let refused = fulfil(&agent, &access, 0).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "ETAG_MISMATCH");
    let refused = refuse(&agent, &done).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "STATE_NOT_ALLOWED");
    let waiting = client
        .hand_over_data_request(over(&deletion))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (waiting.state(), waiting.reference.as_str()),
        (DataRequestState::HandedOver, "销毁申请 4")
    );
    assert_eq!(
        fulfil(&agent, &waiting, 0).await.unwrap().state(),
        DataRequestState::Fulfilled
    );

    let request = GetDataRequestRequest {
        name: done.name.clone(),
    };
    let got = client
        .get_data_request(request.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(got, done_as_read(done, &got));
    let stranger = suite.caller("ma.chao");
    let refused = data_requests(&stranger)
        .get_data_request(request)
        .await
        .unwrap_err();
    assert_eq!(refusal(&refused).0, Code::NotFound);
    assert!(listed(&stranger, "").await.is_empty());
    for refused in [
        ask(&stranger, asked(&file, DataRequestKind::Access))
            .await
            .unwrap_err(),
        fulfil(&stranger, &got, 0).await.unwrap_err(),
        refuse(&stranger, &got).await.unwrap_err(),
        data_requests(&stranger)
            .hand_over_data_request(over(&got))
            .await
            .unwrap_err(),
    ] {
        assert_eq!(refusal(&refused).0, Code::NotFound);
    }
}

/// Clause IH-2.1: a customer's copy holds what is kept of them and is cleared, says what it
/// does not hold, reads the same for people and machines, and each record in it is
/// journaled as shown.
#[tokio::test(flavor = "multi_thread")]
async fn a_customer_gets_a_copy_of_what_is_kept() {
    let suite = TestSuite::start().await;
    let agent = suite.caller("hu.tao");
    let file = enter(&agent, person()).await.name;
    consent(&agent, &file, Purpose::Marketing).await;
    let kind = DataRequestKind::Portability;
    let request = ask(&agent, asked(&file, kind)).await.unwrap();
    let archivist = suite
        .caller_for("feng.yulan", "administration")
        .after(&agent);
    record(&archivist, found(&file, VerificationCheck::Identity, false))
        .await
        .unwrap();

    let json = copied(&archivist, &request.name, CopyForm::Json)
        .await
        .unwrap();
    assert_eq!(json.media_type, "application/json");
    let read: serde_json::Value = serde_json::from_str(&json.content).unwrap();
    assert_eq!(read["customer"]["id_card"], "11010519491231002X");
    assert_eq!(read["customer"]["bank_card"], "4111111111111111");
    assert_eq!(read["consents"][0]["purpose"], "PURPOSE_MARKETING");
    assert_eq!(
        read["verifications"][0]["check"],
        "VERIFICATION_CHECK_IDENTITY"
    );
    assert_eq!(read["data_requests"][0]["wish"], "请更正我的职业");
    let history = read["history"].as_array().unwrap();
    assert!(
        history
            .iter()
            .any(|one| one["kind"] == "TIMELINE_KIND_CONSENT")
    );
    assert!(history.iter().all(|one| one.get("actor_id").is_none()));
    assert!(read.get("withheld_classes").is_none());
    let copy = json.copy.unwrap();
    let held = 1 + copy.consents.len() + copy.verifications.len() + copy.data_requests.len();
    let mut sql = suite.database.connect().await.unwrap();
    let viewed: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM profile.journal WHERE type = 'customer_copy.viewed' AND kind = 2",
    )
    .fetch_one(&mut sql)
    .await
    .unwrap();
    assert_eq!(usize::try_from(viewed).unwrap(), held + copy.history.len());

    // A head sees no identity or bank data: the copy is poorer, and says so.
    let head = suite.caller("zhang.min").after(&archivist);
    let html = copied(&head, &request.name, CopyForm::Html).await.unwrap();
    let page = &html.content;
    for said in [
        "张三丰",
        "+8613812345678",
        "客户档案",
        "Customer file",
        "财务信息",
        "financial",
    ] {
        assert!(page.contains(said), "{said}");
    }
    for hidden in ["11010519491231002X", "4111111111111111"] {
        assert!(!page.contains(hidden), "{hidden}");
    }
    if let Ok(folder) = std::env::var("KEFU_SHOW_COPIES") {
        std::fs::write(format!("{folder}/copy.html"), page).unwrap();
        std::fs::write(format!("{folder}/copy.json"), &json.content).unwrap();
    }

    let correction = ask(&agent, asked(&file, DataRequestKind::Correction))
        .await
        .unwrap();
    let refused = copied(&head.after(&agent), &correction.name, CopyForm::Json)
        .await
        .unwrap_err();
    assert_eq!(violations(&refused), ["data_request"]);
    let request = MakeCustomerCopyRequest::default();
    let mut client = CustomerCopyServiceClient::new(head.clone());
    let refused = client.make_customer_copy(request).await.unwrap_err();
    assert_eq!(violations(&refused), ["data_request", "form"]);
    let refused = copied(&agent, &correction.name, CopyForm::Json)
        .await
        .unwrap_err();
    assert_eq!(refusal(&refused).1, "PERMISSION_MISSING");
    let other = suite.caller("zhao.lei");
    let refused = copied(&other, &correction.name, CopyForm::Json)
        .await
        .unwrap_err();
    assert_eq!(refusal(&refused).0, Code::NotFound);
    let open = refuse(&agent, &correction).await.unwrap();
    assert_eq!(open.state(), DataRequestState::RefusalProposed);
}

/// Read and written answers differ in the account of what is shown alone.
fn done_as_read(written: DataRequest, read: &DataRequest) -> DataRequest {
    DataRequest {
        disclosure: read.disclosure.clone(),
        ..written
    }
}

/// Clause IH-2.4: what is said to be corrected was corrected, by a change that says for
/// which request.
#[tokio::test(flavor = "multi_thread")]
async fn a_correction_is_a_change_that_names_its_request() {
    let suite = TestSuite::start().await;
    let agent = suite.caller("hu.tao");
    let file = enter(&agent, person()).await;
    let request = ask(&agent, asked(&file.name, DataRequestKind::Correction))
        .await
        .unwrap();
    for revision in [0, 1, 9] {
        let refused = fulfil(&agent, &request, revision).await.unwrap_err();
        assert_eq!(violations(&refused), ["customer_revision"], "{revision}");
    }
    let change = |file: Customer, occupation: &str| Customer {
        occupation: occupation.into(),
        ..file
    };
    let file = update(&agent, change(file, "医生"), &["occupation"], "来电")
        .await
        .unwrap();
    let refused = fulfil(&agent, &request, 2).await.unwrap_err();
    assert_eq!(violations(&refused), ["customer_revision"]);
    let why = format!("客户更正请求 {}", request.name);
    update(&agent, change(file, "道长"), &["occupation"], &why)
        .await
        .unwrap();
    let done = fulfil(&agent, &request, 3).await.unwrap();
    assert_eq!(done.state(), DataRequestState::Fulfilled);
    assert_eq!(
        get(&agent, &done.customer).await.unwrap().occupation,
        "道长"
    );
}

/// Clause IH-2.4: nobody refuses a customer alone, or without saying why.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_refused_by_two_people_with_a_reason() {
    let suite = TestSuite::start().await;
    let agent = suite.caller("hu.tao");
    let file = enter(&agent, person()).await.name;
    let request = ask(&agent, asked(&file, DataRequestKind::Deletion))
        .await
        .unwrap();
    let head = suite.caller("zhang.min").after(&agent);
    let refused = decide(&head, &request, true).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "STATE_NOT_ALLOWED");
    let silent = RefuseDataRequestRequest {
        name: request.name.clone(),
        etag: request.etag.clone(),
        ..RefuseDataRequestRequest::default()
    };
    let refused = data_requests(&head)
        .refuse_data_request(silent)
        .await
        .unwrap_err();
    assert_eq!(violations(&refused), ["reason"]);

    let proposed = refuse(&head, &request).await.unwrap();
    assert_eq!(proposed.state(), DataRequestState::RefusalProposed);
    for agreed in [true, false] {
        let refused = decide(&head, &proposed, agreed).await.unwrap_err();
        assert_eq!(
            refusal(&refused),
            (Code::PermissionDenied, "NOT_THE_CALLERS_TURN".into())
        );
    }
    let refused = decide(&agent.after(&head), &proposed, true)
        .await
        .unwrap_err();
    assert_eq!(refusal(&refused).1, "PERMISSION_MISSING");
    let archivist = suite
        .caller_for("feng.yulan", "administration")
        .after(&head);
    let open = decide(&archivist, &proposed, false).await.unwrap();
    assert_eq!(
        (open.state(), open.answer.as_str()),
        (DataRequestState::Open, "")
    );
    let proposed = refuse(&agent.after(&archivist), &open).await.unwrap();
    let over = decide(&head.after(&agent), &proposed, true).await.unwrap();
    assert_eq!(over.state(), DataRequestState::Refused);
    assert_eq!(over.answer, "诉讼期间须保留");
    assert!(over.close_time.is_some());
    let acts: Vec<String> = sqlx::query_scalar(
        "SELECT type FROM profile.journal WHERE resource = $1 AND kind = 1 ORDER BY position",
    )
    .bind(&over.name)
    .fetch_all(&mut suite.database.connect().await.unwrap())
    .await
    .unwrap();
    assert_eq!(
        acts,
        [
            "recorded",
            "refusal_proposed",
            "refusal_rejected",
            "refusal_proposed",
            "denied"
        ]
        .map(|act| format!("data_request.{act}"))
    );
}

/// Clause IH-2.4: that a request is late is journaled once, and of those that are over never.
#[tokio::test(flavor = "multi_thread")]
async fn an_overdue_request_is_found() {
    let suite = TestSuite::start().await;
    let agent = suite.caller("hu.tao");
    let file = enter(&agent, person()).await.name;
    let late = ask(&agent, asked(&file, DataRequestKind::Deletion))
        .await
        .unwrap();
    let done = ask(&agent, asked(&file, DataRequestKind::Deletion))
        .await
        .unwrap();
    fulfil(&agent, &done, 0).await.unwrap();
    suite.clock.advance(Duration::from_secs(25 * 3600));
    let mut sql = suite.database.connect().await.unwrap();
    let mut noted = async || {
        let noted: Vec<String> = sqlx::query_scalar(
            "SELECT resource FROM profile.journal WHERE type = 'data_request.overdue'",
        )
        .fetch_all(&mut sql)
        .await
        .unwrap();
        noted
    };
    eventually(async || (!noted().await.is_empty()).then_some(())).await;
    suite.clock.advance(Duration::from_secs(3600));
    assert_eq!(noted().await, [late.name]);
}
