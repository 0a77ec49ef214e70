//! Files are destroyed when their time is over and two people agree, beyond recovery
//! (CF-10.1, CF-10.2).

mod at_once;
mod tables;

use std::time::Duration;

use kefu_contracts::{
    access::{
        ApprovalState, ApproveDestructionRequest, CreateDestructionRequest, Destruction,
        DestructionTerms, GetDestructionRequest, RecallDestructionRequest,
        RejectDestructionRequest, SubmitDestructionRequest, WithdrawDestructionRequest,
        destruction_service_client::DestructionServiceClient,
    },
    policy::Purpose,
    profile::{
        Certificate, Customer, DestructionOutcome, GetCertificateRequest, ListCertificatesRequest,
        LookupTombstoneRequest, certificate_service_client::CertificateServiceClient,
    },
    ticket::Ticket,
};
use kefu_service::time::to_proto;
use kefu_testkit::{Caller, TestDatabase, TestSuite, employee_id, eventually};
use sqlx::PgConnection;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::{
    leak::dump::tables,
    records::{
        consent, customers, enter, get, open, order, place, refusal, ticket, tickets, update,
        violations,
    },
    retention::{ago, hold, last_met},
};

/// From the last approval until the files are destroyed (`approvals.toml`).
pub(crate) const COOLING: Duration = Duration::from_secs(168 * 3600);

fn destructions(caller: &Caller) -> DestructionServiceClient<Caller> {
    DestructionServiceClient::new(caller.clone())
}

fn certificates(caller: &Caller) -> CertificateServiceClient<Caller> {
    CertificateServiceClient::new(caller.clone())
}

pub(crate) fn id(name: &str) -> Uuid {
    name.split_once('/').unwrap().1.parse().unwrap()
}

pub(crate) fn form(files: &[&str]) -> Destruction {
    Destruction {
        justification: "保管期满，无继续保存价值".into(),
        requested: Some(DestructionTerms {
            customers: files.iter().map(|one| (*one).to_owned()).collect(),
        }),
        ..Destruction::default()
    }
}

async fn submitted(suite: &TestSuite, form: Destruction) -> Destruction {
    let applicant = destructions(&suite.caller("li.wei"));
    let request = CreateDestructionRequest {
        destruction: Some(form),
        request_id: String::new(),
    };
    let made = applicant.clone().create_destruction(request).await.unwrap();
    let request = SubmitDestructionRequest {
        name: made.into_inner().name,
        ..SubmitDestructionRequest::default()
    };
    let handed_in = applicant.clone().submit_destruction(request).await;
    handed_in.unwrap().into_inner()
}

async fn approve(caller: &Caller, destruction: &Destruction) -> Result<Destruction, Status> {
    let request = ApproveDestructionRequest {
        name: destruction.name.clone(),
        etag: destruction.etag.clone(),
        ..ApproveDestructionRequest::default()
    };
    let approved = destructions(caller).approve_destruction(request).await;
    approved.map(tonic::Response::into_inner)
}

/// Through both stages: the cooling-off has begun.
pub(crate) async fn scheduled(suite: &TestSuite, form: Destruction) -> Destruction {
    let mut destruction = submitted(suite, form).await;
    for approver in ["feng.yulan", "chen.guodong"] {
        destruction = approve(&suite.caller(approver), &destruction)
            .await
            .unwrap();
    }
    assert_eq!(destruction.state(), ApprovalState::Scheduled);
    destruction
}

/// The certificate, once it is issued. The policy has to be heard anew after the clock was
/// turned; until then everything is refused.
pub(crate) async fn certificate(suite: &TestSuite, destruction: &Destruction) -> Certificate {
    let name = destruction.name.replace("destructions/", "certificates/");
    eventually(|| async {
        let keeper = suite.caller_for("feng.yulan", "administration");
        let request = GetCertificateRequest { name: name.clone() };
        let found = certificates(&keeper).get_certificate(request).await.ok();
        found.map(tonic::Response::into_inner)
    })
    .await
}

fn outcomes(certificate: &Certificate) -> Vec<(String, DestructionOutcome)> {
    let files = certificate.files.iter();
    files
        .map(|file| (file.customer.clone(), file.outcome()))
        .collect()
}

async fn count(sql: &mut PgConnection, statement: &'static str, customer: &str) -> i64 {
    let counted = sqlx::query_scalar(statement).bind(id(customer));
    counted.fetch_one(sql).await.unwrap()
}

/// Waits until ticket and order-followup have read that the file is gone.
pub(crate) async fn scrubbed(suite: &TestSuite, customer: &str) {
    eventually(|| async {
        let mut sql = suite.database.connect().await.unwrap();
        let told = "SELECT (SELECT count(*) FROM ticket.journal WHERE type = 'customer.scrubbed' AND customer_id = $1)
                         + (SELECT count(*) FROM orders.journal WHERE type = 'customer.scrubbed' AND customer_id = $1)";
        (count(&mut sql, told, customer).await == 2).then_some(())
    })
    .await;
}

/// A file with something of everything, whose time is over.
pub(crate) async fn full(suite: &TestSuite) -> (Customer, Ticket) {
    let erp = suite.caller_for("erp", "integration");
    let then = ago(suite, 70);
    let customer = Customer {
        external_ref: "crm-4711".into(),
        ..last_met(then)
    };
    let customer = enter(&erp, customer).await;
    consent(&erp, &customer.name, Purpose::Marketing).await;
    let turned_to_us = Ticket {
        received_time: Some(to_proto(then)),
        external_ref: "call-4711".into(),
        ..ticket(&customer.name)
    };
    let erp = suite.caller_for("erp", "integration").after(&erp);
    let opened = open(&erp, turned_to_us).await;
    let mut bought = order(&customer.name);
    bought.placed_time = Some(to_proto(then));
    place(&erp, bought).await;
    // Another business, another number: the old one has to find what is left.
    let moved = Customer {
        business_line: "B".into(),
        ..get(&erp, &customer.name).await.unwrap()
    };
    let customer = update(&erp, moved, &["business_line"], "moved")
        .await
        .unwrap();
    (customer, opened)
}

/// What lies sealed of a customer, in hexadecimal, wherever it lies.
pub(crate) async fn sealed(database: &TestDatabase, customer: &str) -> Vec<String> {
    let mut sql = database.connect().await.unwrap();
    sqlx::query_scalar(
        "SELECT encode(sealed, 'hex') FROM profile.customer WHERE id = $1
         UNION ALL SELECT encode(sealed, 'hex') FROM profile.revision WHERE customer_id = $1
         UNION ALL SELECT encode(sealed, 'hex') FROM profile.consent_statement WHERE customer_id = $1
         UNION ALL SELECT encode(blind, 'hex') FROM profile.lookup_key WHERE customer_id = $1
         UNION ALL SELECT encode(wrapped, 'hex') FROM profile.customer_key WHERE customer_id = $1
         UNION ALL SELECT encode(wrapped, 'hex') FROM ticket.customer_key WHERE customer_id = $1
         UNION ALL SELECT encode(wrapped, 'hex') FROM orders.customer_key WHERE customer_id = $1
         UNION ALL SELECT encode(sealed, 'hex') FROM ticket.ticket WHERE customer_id = $1
         UNION ALL SELECT encode(sealed, 'hex') FROM orders.purchase_order WHERE customer_id = $1",
    )
    .bind(id(customer))
    .fetch_all(&mut sql)
    .await
    .unwrap()
}

/// Clauses CF-10.1, CF-10.2, IH-5: from the application to the certificate, and nothing of
/// the customer is left in any table of any service; figures keep what they counted.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_goes_from_the_application_to_the_certificate() {
    let suite = TestSuite::start().await;
    let (file, opened) = full(&suite).await;
    let before = sealed(&suite.database, &file.name).await;
    assert_eq!(before.len(), 11);
    let whole = tables(&suite.database).await;
    for value in &before {
        assert!(whole.iter().any(|(_, rows)| rows.contains(value)));
    }

    let destruction = scheduled(&suite, form(&[&file.name])).await;
    let erp = suite.caller_for("erp", "integration");
    get(&erp, &file.name).await.unwrap();
    suite.clock.advance(COOLING);
    let certificate = certificate(&suite, &destruction).await;
    let gone = [(file.name.clone(), DestructionOutcome::Destroyed)];
    assert_eq!(outcomes(&certificate), gone);
    let stages: Vec<_> = certificate
        .decisions
        .iter()
        .map(|one| (one.stage.as_str(), one.approver.as_str()))
        .collect();
    let employee = |login: &str| format!("employees/{}", employee_id(login));
    let (keeper, leader) = (employee("feng.yulan"), employee("chen.guodong"));
    assert_eq!(
        stages,
        [
            ("archive_manager", keeper.as_str()),
            ("company_leader", leader.as_str())
        ]
    );
    assert_eq!(certificate.applicant, employee("li.wei"));
    let numbers = &certificate.files[0].file_numbers;
    assert_eq!(numbers.len(), 2);
    assert_eq!(numbers[1], file.file_number);
    assert!(certificate.text.contains(&file.file_number));
    assert!(
        certificate
            .journal_position
            .starts_with("customer-profile:")
    );

    // By whatever number it ever had.
    let archive = suite.caller_for("feng.yulan", "administration");
    for number in numbers {
        let request = LookupTombstoneRequest {
            file_number: number.clone(),
        };
        let left = certificates(&archive).lookup_tombstone(request).await;
        let left = left.unwrap().into_inner();
        assert_eq!(left.customer, file.name);
        assert_eq!(left.certificate, certificate.name);
    }
    let listed = ListCertificatesRequest {
        filter: format!("customer = {}", file.name),
        ..ListCertificatesRequest::default()
    };
    let auditor = suite.caller_for("dong.jie", "audit");
    let listed = certificates(&auditor).list_certificates(listed).await;
    let listed = listed.unwrap().into_inner().certificates;
    assert_eq!(listed, std::slice::from_ref(&certificate));

    // Nobody finds it, whatever they may see.
    scrubbed(&suite, &file.name).await;
    let erp = suite.caller_for("erp", "integration");
    let refused = get(&erp, &file.name).await.unwrap_err();
    assert_eq!(refusal(&refused).0, Code::NotFound);
    let request = kefu_contracts::ticket::GetTicketRequest { name: opened.name };
    let refused = tickets(&erp).get_ticket(request).await.unwrap_err();
    assert_eq!(refusal(&refused).0, Code::NotFound);
    let refused = tickets(&erp)
        .open_ticket(kefu_contracts::ticket::OpenTicketRequest {
            ticket: Some(ticket(&file.name)),
            request_id: String::new(),
        })
        .await
        .unwrap_err();
    assert_eq!(violations(&refused), ["ticket.customer"]);
    let found = kefu_contracts::profile::LookupCustomerRequest {
        by: Some(kefu_contracts::profile::lookup_customer_request::By::Phone(
            "13812345678".into(),
        )),
    };
    let found = customers(&erp).lookup_customer(found).await.unwrap();
    assert!(found.into_inner().customers.is_empty());

    let after = tables(&suite.database).await;
    let plain = [
        "张三丰",
        "13812345678",
        "11010519491231002X",
        "crm-4711",
        "call-4711",
    ];
    for value in before.iter().map(String::as_str).chain(plain) {
        for (table, rows) in &after {
            assert!(!rows.contains(value), "{value} is still in {table}");
        }
    }
    let mut sql = suite.database.connect().await.unwrap();
    for gone in [
        "SELECT count(*) FROM profile.quality WHERE customer_id = $1",
        "SELECT count(*) FROM profile.quality_due WHERE customer_id = $1",
        "SELECT count(*) FROM profile.quality_finding WHERE customer_id = $1",
        "SELECT count(*) FROM profile.file_review WHERE customer_id = $1",
    ] {
        assert_eq!(count(&mut sql, gone, &file.name).await, 0, "{gone}");
    }
    for kept in [
        "SELECT count(*) FROM analytics.fact WHERE kind = 1 AND customer_id = $1",
        "SELECT count(*) FROM analytics.fact WHERE kind = 4 AND customer_id = $1",
        "SELECT count(*) FROM ticket.ticket WHERE customer_id = $1",
        "SELECT count(*) FROM orders.purchase_order WHERE customer_id = $1",
    ] {
        assert_eq!(count(&mut sql, kept, &file.name).await, 1, "{kept}");
    }
}

/// Clauses CF-5.2, CF-10.1: what is held or not due at that moment is spared, unless it was
/// to be destroyed early; what was recalled is not destroyed at all.
#[tokio::test(flavor = "multi_thread")]
async fn a_hold_or_a_recall_stops_a_destruction() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let old = || last_met(ago(&suite, 70));
    let due = enter(&erp, old()).await.name;
    let held = enter(&erp, old()).await.name;
    let young = enter(&erp, last_met(ago(&suite, 10))).await.name;
    let early = enter(&erp, last_met(ago(&suite, 10))).await.name;
    let spared = enter(&erp, old()).await.name;
    let nobody = "customers/0190c5a8-0000-7000-8000-0000000000ab";

    let usual = scheduled(&suite, form(&[&due, &held, &young, nobody])).await;
    let special = Destruction {
        early: true,
        ..form(&[&early])
    };
    let special = scheduled(&suite, special).await;
    let recalled = scheduled(&suite, form(&[&spared])).await;
    let keeper = suite.caller_for("feng.yulan", "administration").after(&erp);
    hold(&keeper, &[&held]).await;
    let recall = |caller: &Caller| {
        let request = RecallDestructionRequest {
            name: recalled.name.clone(),
            comment: "诉讼在即".into(),
            request_id: String::new(),
        };
        let mut client = destructions(caller);
        async move { client.recall_destruction(request).await }
    };
    let refused = recall(&suite.caller("li.wei")).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "NOT_THE_CALLERS_TURN");
    let stopped = recall(&suite.caller("chen.guodong")).await.unwrap();
    assert_eq!(stopped.into_inner().state(), ApprovalState::Revoked);

    suite.clock.advance(COOLING);
    let issued = certificate(&suite, &usual).await;
    let mut expected = [
        (due.clone(), DestructionOutcome::Destroyed),
        (held.clone(), DestructionOutcome::Held),
        (young.clone(), DestructionOutcome::NotDue),
        (nobody.to_owned(), DestructionOutcome::Absent),
    ];
    expected.sort();
    let mut found = outcomes(&issued);
    found.sort();
    assert_eq!(found, expected);
    assert!(issued.text.contains("spared: held"));
    let issued = certificate(&suite, &special).await;
    assert_eq!(outcomes(&issued), [(early, DestructionOutcome::Destroyed)]);
    let erp = suite.caller_for("erp", "integration");
    for standing in [&held, &young, &spared] {
        get(&erp, standing).await.unwrap();
    }

    // What has begun is not stopped.
    let withdraw = WithdrawDestructionRequest {
        name: usual.name.clone(),
        ..WithdrawDestructionRequest::default()
    };
    let applicant = suite.caller("li.wei");
    let refused = destructions(&applicant)
        .withdraw_destruction(withdraw)
        .await;
    assert_eq!(refusal(&refused.unwrap_err()).1, "STATE_NOT_ALLOWED");
    // The file that was recalled has no certificate, and never will have by that one.
    let name = recalled.name.replace("destructions/", "certificates/");
    let keeper = suite.caller_for("feng.yulan", "administration");
    let refused = certificates(&keeper)
        .get_certificate(GetCertificateRequest { name })
        .await;
    assert_eq!(refusal(&refused.unwrap_err()).0, Code::NotFound);
}

/// Clauses CF-10.1, CF-10.2: the archive manager first, then the company leader, nobody else,
/// and nobody twice.
#[tokio::test(flavor = "multi_thread")]
async fn two_people_agree_to_a_destruction_in_order() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let file = enter(&erp, last_met(ago(&suite, 70))).await.name;
    let applicant = destructions(&suite.caller("li.wei"));
    let empty = CreateDestructionRequest {
        destruction: Some(Destruction::default()),
        request_id: String::new(),
    };
    let refused = applicant.clone().create_destruction(empty).await;
    assert_eq!(
        violations(&refused.unwrap_err()),
        ["destruction.justification", "destruction.requested"]
    );
    let asked = submitted(&suite, form(&[&file])).await;
    for early in ["chen.guodong", "li.wei"] {
        let refused = approve(&suite.caller(early), &asked).await.unwrap_err();
        let (code, reason) = refusal(&refused);
        let hidden = code == Code::NotFound || code == Code::PermissionDenied;
        assert!(hidden, "{early}: {reason}");
    }
    let more = ApproveDestructionRequest {
        name: asked.name.clone(),
        etag: asked.etag.clone(),
        terms: Some(DestructionTerms {
            customers: vec![
                file.clone(),
                "customers/0190c5a8-0000-7000-8000-0000000000ab".into(),
            ],
        }),
        ..ApproveDestructionRequest::default()
    };
    let keeper = suite.caller("feng.yulan");
    let refused = destructions(&keeper).approve_destruction(more).await;
    assert_eq!(violations(&refused.unwrap_err()), ["terms.customers"]);
    let agreed = approve(&keeper, &asked).await.unwrap();
    assert_eq!(agreed.state(), ApprovalState::InReview);
    let refused = approve(&keeper, &agreed).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "NOT_THE_CALLERS_TURN");
    let no = RejectDestructionRequest {
        name: agreed.name.clone(),
        etag: agreed.etag.clone(),
        comment: "仍有参考价值".into(),
        request_id: String::new(),
    };
    let leader = suite.caller("chen.guodong");
    let rejected = destructions(&leader).reject_destruction(no).await.unwrap();
    assert_eq!(rejected.into_inner().state(), ApprovalState::Rejected);
    let stranger = suite.caller("song.yue");
    let request = GetDestructionRequest { name: asked.name };
    let refused = destructions(&stranger).get_destruction(request).await;
    assert_eq!(refusal(&refused.unwrap_err()).0, Code::NotFound);
}
