//! Files on their way into the archive: drafts, the review, and who sees what of them.

use std::time::Duration;

use kefu_contracts::{
    access::{Binding, CreateBindingRequest, role_service_client::RoleServiceClient},
    profile::{
        ApproveCustomerRequest, CreateDraftRequest, Customer, CustomerState, GetDraftRequest,
        IntakeChannel, ListCustomersRequest, ListDraftsRequest, LookupCustomerRequest, Phone,
        ReturnCustomerRequest, ReturnReason, SubmitCustomerRequest, SubmitDraftRequest,
        UpdateDraftRequest, WithdrawCustomerRequest, WithdrawDraftRequest,
        lookup_customer_request::By,
    },
    ticket::OpenTicketRequest,
};
use kefu_service::clock::Clock;
use kefu_testkit::{Caller, TestSuite, employee_id, eventually};
use prost_types::FieldMask;
use sqlx::Row;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::records::{
    customers, enter, get, intake, person, refusal, said, ticket, tickets, update, violations,
};

/// A self-service draft of the call centre, without what the channel asks for.
async fn handed_in(suite: &TestSuite) -> Customer {
    let centre = suite_department(suite).await;
    let draft = Customer {
        phones: Vec::new(),
        department: centre,
        intake_channel: IntakeChannel::SelfService as i32,
        ..person()
    };
    create(&suite.caller_for("webshop", "integration"), draft)
        .await
        .unwrap()
}

/// The agents' department, as a file that one of them entered names it.
async fn suite_department(suite: &TestSuite) -> String {
    enter(&suite.caller("hu.tao"), person()).await.department
}

async fn create(caller: &Caller, customer: Customer) -> Result<Customer, Status> {
    let request = CreateDraftRequest {
        customer: Some(customer),
        request_id: String::new(),
    };
    let made = intake(caller).create_draft(request).await?;
    Ok(made.into_inner())
}

async fn complete(caller: &Caller, customer: Customer, path: &str) -> Result<Customer, Status> {
    let request = UpdateDraftRequest {
        customer: Some(customer),
        update_mask: Some(FieldMask {
            paths: vec![path.into()],
        }),
        ..Default::default()
    };
    let changed = intake(caller).update_draft(request).await?;
    Ok(changed.into_inner())
}

async fn submit_draft(caller: &Caller, draft: &Customer) -> Result<Customer, Status> {
    let request = SubmitDraftRequest {
        name: draft.name.clone(),
        etag: draft.etag.clone(),
        request_id: String::new(),
    };
    Ok(intake(caller).submit_draft(request).await?.into_inner())
}

async fn submit(caller: &Caller, file: &Customer) -> Result<Customer, Status> {
    let request = SubmitCustomerRequest {
        name: file.name.clone(),
        etag: file.etag.clone(),
        request_id: String::new(),
    };
    Ok(intake(caller).submit_customer(request).await?.into_inner())
}

pub(crate) async fn approve(caller: &Caller, file: &Customer) -> Result<Customer, Status> {
    let request = ApproveCustomerRequest {
        name: file.name.clone(),
        etag: file.etag.clone(),
        request_id: String::new(),
    };
    Ok(intake(caller).approve_customer(request).await?.into_inner())
}

async fn send_back(
    caller: &Caller,
    file: &Customer,
    reasons: &[(&str, &str)],
) -> Result<Customer, Status> {
    let reasons = reasons.iter().map(|(field, text)| ReturnReason {
        field: (*field).into(),
        text: (*text).into(),
    });
    let request = ReturnCustomerRequest {
        name: file.name.clone(),
        etag: file.etag.clone(),
        reasons: reasons.collect(),
        request_id: String::new(),
    };
    Ok(intake(caller).return_customer(request).await?.into_inner())
}

async fn withdraw(caller: &Caller, file: &Customer, reason: &str) -> Result<Customer, Status> {
    let request = WithdrawCustomerRequest {
        name: file.name.clone(),
        etag: file.etag.clone(),
        reason: reason.into(),
        request_id: String::new(),
    };
    Ok(intake(caller)
        .withdraw_customer(request)
        .await?
        .into_inner())
}

async fn draft_of(caller: &Caller, name: &str) -> Result<Customer, Status> {
    let request = GetDraftRequest { name: name.into() };
    Ok(intake(caller).get_draft(request).await?.into_inner())
}

async fn drafts(caller: &Caller, filter: &str) -> Result<Vec<String>, Status> {
    let request = ListDraftsRequest {
        filter: filter.into(),
        ..Default::default()
    };
    let page = intake(caller).list_drafts(request).await?.into_inner();
    assert_eq!(page.total_size, page.customers.len() as i32);
    Ok(page.customers.into_iter().map(|one| one.name).collect())
}

async fn files(caller: &Caller) -> Vec<String> {
    let mut customers = customers(caller);
    let page = customers.list_customers(ListCustomersRequest::default());
    let page = page.await.unwrap().into_inner();
    page.customers.into_iter().map(|one| one.name).collect()
}

const ABSENT: (Code, &str) = (Code::NotFound, "NOT_FOUND_OR_OUT_OF_SCOPE");
const FORBIDDEN: (Code, &str) = (Code::PermissionDenied, "PERMISSION_MISSING");

/// That a call was refused so.
fn assert_refused<T: std::fmt::Debug>(answer: Result<T, Status>, expected: (Code, &str)) {
    let (code, reason) = refusal(&answer.unwrap_err());
    assert_eq!((code, reason.as_str()), expected);
}

/// A file from what the customer wrote to the archive, and what each post sees on the way.
/// Clauses CF-3.1, CF-3.2, CF-3.3, CF-4.3, OP-7.1.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_goes_from_a_draft_to_the_archive() {
    let suite = TestSuite::start().await;
    let draft = handed_in(&suite).await;
    assert_eq!(draft.state(), CustomerState::Draft);
    assert_eq!((draft.file_number.as_str(), draft.owner.as_str()), ("", ""));

    // To the agents of its department it is a draft, to everybody else it is not there.
    let (agent, reviewer) = (suite.caller("li.wei"), suite.caller("lin.na"));
    let head = suite.caller("zhang.min");
    let sales = suite.caller_for("wu.peng", "sales");
    let seen = draft_of(&agent, &draft.name).await.unwrap();
    assert_eq!(seen.display_name, "张三丰");
    assert_eq!(drafts(&agent, "").await.unwrap(), [draft.name.as_str()]);
    assert_eq!(drafts(&head, "").await.unwrap(), [draft.name.as_str()]);
    assert_eq!(
        draft_of(&head, &draft.name).await.unwrap().id_card,
        "110***********002X"
    );
    assert_refused(
        draft_of(&suite.caller("ma.chao"), &draft.name).await,
        ABSENT,
    );
    assert_refused(draft_of(&reviewer, &draft.name).await, FORBIDDEN);
    assert_refused(drafts(&sales, "").await, FORBIDDEN);
    for caller in [&agent, &reviewer, &head, &sales] {
        assert_refused(get(caller, &draft.name).await, ABSENT);
        assert!(!files(caller).await.contains(&draft.name));
    }
    // Nothing can hang on it.
    let request = OpenTicketRequest {
        ticket: Some(ticket(&draft.name)),
        request_id: String::new(),
    };
    let status = tickets(&agent).open_ticket(request).await.unwrap_err();
    assert_eq!(violations(&status), ["ticket.customer"]);

    // What the channel asks for is missing, until an agent has asked the customer.
    let status = submit_draft(&agent, &draft).await.unwrap_err();
    assert_eq!(violations(&status), ["customer.phones"]);
    let phone = Phone {
        number: "139 1234 5678".into(),
        ..Default::default()
    };
    let asked = Customer {
        phones: vec![phone],
        ..draft.clone()
    };
    let draft = complete(&agent, asked, "phones").await.unwrap();
    assert_refused(update(&agent, draft.clone(), &["phones"], "").await, ABSENT);
    let file = submit_draft(&agent, &draft).await.unwrap();
    assert_eq!(file.state(), CustomerState::InReview);
    assert_eq!(file.file_number, "P0A0002");
    assert_eq!(file.owner, format!("employees/{}", employee_id("li.wei")));

    // Now it is a file, found as files are, and no draft any more.
    assert_refused(draft_of(&agent, &file.name).await, ABSENT);
    assert_eq!(
        get(&agent, &file.name).await.unwrap().phones[0].number,
        "+8613912345678"
    );
    let request = LookupCustomerRequest {
        by: Some(By::Phone("13912345678".into())),
    };
    let found = customers(&agent).lookup_customer(request).await.unwrap();
    assert_eq!(found.into_inner().customers[0].name, file.name);
    assert_refused(approve(&agent, &file).await, FORBIDDEN);

    let reasons = [("id_card", "复印件不清楚"), ("phones", "空号")];
    let file = send_back(&reviewer, &file, &reasons).await.unwrap();
    assert_eq!(file.state(), CustomerState::Returned);
    let back = get(&agent, &file.name).await.unwrap();
    assert_eq!(back.return_reasons[1].text, "空号");
    let other = get(&sales, &file.name).await.unwrap();
    assert_eq!(other.return_reasons[0].field, "id_card");
    assert_eq!(other.return_reasons[0].text, "");
    let withheld = other.disclosure.unwrap().omitted_fields;
    assert!(withheld.contains(&"return_reasons.text".to_owned()));
    let status = approve(&reviewer, &file).await.unwrap_err();
    assert_eq!(refusal(&status).1, "STATE_NOT_ALLOWED");
    assert_eq!(
        (said(&status, "state"), said(&status, "allowed")),
        ("RETURNED".into(), "IN_REVIEW".into())
    );

    let file = submit(&agent, &file).await.unwrap();
    assert!(file.return_reasons.is_empty());
    let file = approve(&reviewer, &file).await.unwrap();
    assert_eq!(file.state(), CustomerState::Archived);
    assert_eq!(file.file_number, "P0A0002");
    let status = withdraw(&agent, &file, "重复").await.unwrap_err();
    assert_eq!(said(&status, "allowed"), "DRAFT,IN_REVIEW,RETURNED");
    let status = update(&agent, file.clone(), &["occupation"], "")
        .await
        .unwrap_err();
    assert_eq!(
        violations(&status),
        ["reason"],
        "an archived file is changed for a reason"
    );
    assert_journaled(&suite, &file.name).await;
}

/// What was done stands in the journal in its order; drafts are no files there either.
async fn assert_journaled(suite: &TestSuite, name: &str) {
    let mut sql = suite.database.connect().await.unwrap();
    let rows = sqlx::query(
        "SELECT type FROM profile.journal WHERE kind = 1 AND resource = $1 ORDER BY position",
    )
    .bind(name)
    .fetch_all(&mut sql)
    .await
    .unwrap();
    let kinds: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(
        kinds,
        [
            "draft.created",
            "draft.updated",
            "customer.submitted",
            "customer.returned",
            "customer.submitted",
            "customer.approved",
        ]
    );
}

/// Clause CF-3.3: a reviewer who had a hand in the file does not review it.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_reviews_what_they_entered() {
    let suite = TestSuite::start().await;
    let agent = suite.caller("li.wei");
    let file = enter(&agent, person()).await;
    let admin = suite.caller_for("han.bing", "administration");
    let request = CreateBindingRequest {
        binding: Some(Binding {
            subject: format!("employees/{}", employee_id("li.wei")),
            role: "roles/reviewer".into(),
            ..Default::default()
        }),
        request_id: String::new(),
    };
    let mut roles = RoleServiceClient::new(admin);
    roles.create_binding(request).await.unwrap();
    let refused = eventually(async || {
        let refused = approve(&agent, &file).await.unwrap_err();
        (refusal(&refused).1 != "PERMISSION_MISSING").then_some(refused)
    })
    .await;
    let turn = (Code::PermissionDenied, "NOT_THE_CALLERS_TURN".to_owned());
    assert_eq!(refusal(&refused), turn);
    let refused = send_back(&agent, &file, &[("phones", "空号")]).await;
    assert_eq!(refusal(&refused.unwrap_err()), turn);
    let file = approve(&suite.caller("lin.na"), &file).await.unwrap();
    assert_eq!(file.state(), CustomerState::Archived);
}

/// Clauses CF-3.1, CF-3.3: everything that is wrong with a request is told at once.
#[tokio::test(flavor = "multi_thread")]
async fn steps_that_cannot_be_taken_are_refused() {
    let suite = TestSuite::start().await;
    let (agent, reviewer) = (suite.caller("li.wei"), suite.caller("lin.na"));
    let file = enter(&agent, person()).await;
    let stale = Customer {
        etag: "r7".into(),
        ..file.clone()
    };
    assert_refused(
        approve(&reviewer, &stale).await,
        (Code::Aborted, "ETAG_MISMATCH"),
    );
    let long = "长".repeat(501);
    let reasons = [("tier", "x"), ("sex", ""), ("sex", long.as_str())];
    let status = send_back(&reviewer, &file, &reasons).await.unwrap_err();
    let expected = [
        "reasons[0].field",
        "reasons[1].text",
        "reasons[2].field",
        "reasons[2].text",
    ];
    assert_eq!(violations(&status), expected);
    let status = send_back(&reviewer, &file, &[]).await.unwrap_err();
    assert_eq!(violations(&status), ["reasons"]);
    let status = withdraw(&agent, &file, " ").await.unwrap_err();
    assert_eq!(violations(&status), ["reason"]);
    let status = submit(&agent, &file).await.unwrap_err();
    assert_eq!(said(&status, "allowed"), "DRAFT,RETURNED");
    assert_refused(withdraw(&suite.caller("ma.chao"), &file, "x").await, ABSENT);
    assert_refused(submit_draft(&agent, &file).await, ABSENT);

    // What is given up is seen among drafts, and takes nothing any more.
    let gone = withdraw(&agent, &file, "重复录入").await.unwrap();
    assert_eq!(gone.state(), CustomerState::Withdrawn);
    assert_refused(get(&agent, &file.name).await, ABSENT);
    let seen = draft_of(&agent, &file.name).await.unwrap();
    assert_eq!(seen.change_reason, "重复录入");
    let request = WithdrawDraftRequest {
        name: seen.name,
        etag: seen.etag,
        reason: "x".into(),
        request_id: String::new(),
    };
    let status = intake(&agent).withdraw_draft(request).await.unwrap_err();
    assert_eq!(said(&status, "state"), "WITHDRAWN");
}

/// A step that is asked for again gets the same answer, though the draft is a file by now.
#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_step_is_taken_once() {
    let suite = TestSuite::start().await;
    let agent = suite.caller("li.wei");
    let draft = handed_in(&suite).await;
    let phone = Phone {
        number: "139 1234 5678".into(),
        ..Default::default()
    };
    let asked = Customer {
        phones: vec![phone],
        ..draft
    };
    let draft = complete(&agent, asked, "phones").await.unwrap();
    let request = SubmitDraftRequest {
        name: draft.name,
        etag: draft.etag,
        request_id: Uuid::from_u128(11).to_string(),
    };
    let mut intake = intake(&agent);
    let first = intake.submit_draft(request.clone()).await.unwrap();
    let again = intake.submit_draft(request.clone()).await.unwrap();
    assert_eq!(first.into_inner(), again.into_inner());
    let other = SubmitDraftRequest {
        etag: "r9".into(),
        ..request
    };
    let reused = (Code::FailedPrecondition, "REQUEST_ID_REUSED");
    assert_refused(intake.submit_draft(other).await, reused);
}

/// Clause CF-3.1: who hands in what, and sees nothing by that.
#[tokio::test(flavor = "multi_thread")]
async fn drafts_come_by_their_own_channels() {
    let suite = TestSuite::start().await;
    let by = |channel: IntakeChannel| Customer {
        intake_channel: channel as i32,
        ..person()
    };
    let sales = suite.caller_for("wu.peng", "sales");
    let made = create(&sales, by(IntakeChannel::Sales)).await.unwrap();
    assert_eq!(
        (made.display_name.as_str(), made.bank_card.as_str()),
        ("张*", "**** **** **** 1111")
    );
    assert_refused(draft_of(&sales, &made.name).await, FORBIDDEN);
    assert_refused(get(&sales, &made.name).await, ABSENT);
    let research = suite.caller_for("zheng.xue", "marketing");
    create(&research, by(IntakeChannel::Research))
        .await
        .unwrap();
    let shop = suite.caller_for("webshop", "integration");
    for (caller, channel) in [
        (&sales, IntakeChannel::SelfService),
        (&sales, IntakeChannel::Reception),
        (&sales, IntakeChannel::Unspecified),
        (&shop, IntakeChannel::Sales),
    ] {
        let status = create(caller, by(channel)).await.unwrap_err();
        assert_eq!(
            violations(&status),
            ["customer.intake_channel"],
            "{channel:?}"
        );
    }
    let owned = Customer {
        owner: format!("employees/{}", employee_id("li.wei")),
        ..by(IntakeChannel::SelfService)
    };
    let status = create(&shop, owned).await.unwrap_err();
    assert_eq!(violations(&status), ["customer.owner"]);
    let agent = suite.caller("li.wei");
    assert_refused(create(&agent, by(IntakeChannel::Sales)).await, FORBIDDEN);
}

/// Clause CF-3.2: what is not complete in time is found, and journaled once.
#[tokio::test(flavor = "multi_thread")]
async fn an_overdue_draft_is_found() {
    let suite = TestSuite::start().await;
    let draft = handed_in(&suite).await;
    let overdue = || format!("entry_due_time < \"{}\"", suite.clock.now());
    assert!(
        drafts(&suite.caller("li.wei"), &overdue())
            .await
            .unwrap()
            .is_empty()
    );
    suite.clock.advance(Duration::from_secs(49 * 3600));
    let mut sql = suite.database.connect().await.unwrap();
    let count = eventually(async || {
        let count: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM profile.journal WHERE type = 'draft.overdue' AND resource = $1",
        )
        .bind(&draft.name)
        .fetch_one(&mut sql)
        .await
        .unwrap();
        (count > 0).then_some(count)
    })
    .await;
    assert_eq!(count, 1);
    let found = eventually(async || drafts(&suite.caller("li.wei"), &overdue()).await.ok()).await;
    assert_eq!(found, [draft.name.as_str()]);
}

async fn give_up(caller: &Caller, draft: &Customer) -> Customer {
    let request = WithdrawDraftRequest {
        name: draft.name.clone(),
        etag: draft.etag.clone(),
        reason: "重复".into(),
        request_id: String::new(),
    };
    let gone = intake(caller).withdraw_draft(request).await;
    gone.unwrap().into_inner()
}

/// A draft that was withdrawn is erased when its time is over, and no other; that it was is
/// journaled once.
#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawn_draft_does_not_stay() {
    let suite = TestSuite::start().await;
    let (kept, later, gone) = (
        handed_in(&suite).await,
        handed_in(&suite).await,
        handed_in(&suite).await,
    );
    give_up(&suite.caller("li.wei"), &gone).await;
    suite.clock.advance(Duration::from_secs(3600));
    eventually(async || drafts(&suite.caller("li.wei"), "").await.ok()).await;
    give_up(&suite.caller("li.wei"), &later).await;
    suite.clock.advance(Duration::from_secs(30 * 86_400 - 1800));
    let mut sql = suite.database.connect().await.unwrap();
    let found = eventually(async || {
        let found: Vec<(String, i16, i64)> = sqlx::query_as(
            "SELECT j.resource, c.state,
                    (SELECT count(*) FROM profile.customer_key k WHERE k.customer_id = c.id)
             FROM profile.journal j JOIN profile.customer c ON c.id = j.customer_id
             WHERE j.type = 'draft.erased'",
        )
        .fetch_all(&mut sql)
        .await
        .unwrap();
        (!found.is_empty()).then_some(found)
    })
    .await;
    let gone = (gone.name, CustomerState::Destroyed as i16, 0);
    assert_eq!(found, [gone]);
    let mut left = eventually(async || drafts(&suite.caller("li.wei"), "").await.ok()).await;
    left.sort();
    let mut standing = [kept.name, later.name];
    standing.sort();
    assert_eq!(left, standing);
}
