//! Why somebody may or may not: the explanation is what the services do, and tells
//! nobody of records that they cannot see.

use kefu_contracts::{
    access::{
        ExplainRequest, ExplainResponse, ExplanationOutcome, RuleVerdict,
        explain_service_client::ExplainServiceClient,
    },
    order::GetOrderRequest,
    policy::{Disclosure, Purpose},
    ticket::GetTicketRequest,
};
use kefu_testkit::{Caller, TestSuite, employee_id};
use sqlx::Row;
use tonic::{Code, Status};

use crate::records::{enter, get, order, orders, person, place, refusal, ticket, tickets};

/// Somebody for each post, and those whose oath or training is not in order.
const EVERYBODY: [&str; 17] = [
    "li.wei",
    "ma.chao",
    "xu.jing",
    "hu.tao",
    "lin.na",
    "guo.jing",
    "zhang.min",
    "zhou.ting",
    "liu.jianhua",
    "chen.guodong",
    "feng.yulan",
    "gao.yuan",
    "wu.peng",
    "zheng.xue",
    "dong.jie",
    "han.bing",
    "he.xiaoyan",
];
const NOBODYS: &str = "0190c5a8-0000-7000-8000-0000000000ab";

fn about(login: &str, permission: &str, record: &str, purpose: Purpose) -> ExplainRequest {
    ExplainRequest {
        subject: format!("employees/{}", employee_id(login)),
        permission: permission.into(),
        record: record.into(),
        purpose: purpose.into(),
    }
}

async fn ask(caller: &Caller, request: ExplainRequest) -> Result<ExplainResponse, Status> {
    let mut client = ExplainServiceClient::new(caller.clone());
    let answer = client.explain(request).await;
    answer.map(tonic::Response::into_inner)
}

/// Classes cleared and the rules that clear them, or the reason of the refusal.
type Seen = Result<(Vec<i32>, Vec<String>), String>;

fn explained(answer: &ExplainResponse) -> Seen {
    match answer.outcome() {
        ExplanationOutcome::Allowed => Ok((answer.cleared.clone(), answer.sources.clone())),
        _ => Err(answer.reason.clone()),
    }
}

/// What the service itself makes of it.
async fn seen(caller: &Caller, record: &str) -> Seen {
    let name = record.to_owned();
    let shown: Result<Option<Disclosure>, Status> = match record.split('/').next().unwrap() {
        "customers" => get(caller, record).await.map(|one| one.disclosure),
        "tickets" => {
            let got = tickets(caller).get_ticket(GetTicketRequest { name }).await;
            got.map(|one| one.into_inner().disclosure)
        }
        _ => {
            let got = orders(caller).get_order(GetOrderRequest { name }).await;
            got.map(|one| one.into_inner().disclosure)
        }
    };
    match shown {
        Ok(disclosure) => {
            let disclosure = disclosure.unwrap();
            Ok((disclosure.cleared, disclosure.sources))
        }
        Err(status) => Err(refusal(&status).1),
    }
}

fn permission(record: &str) -> &'static str {
    match record.split('/').next().unwrap() {
        "customers" => "profile.customers.get",
        "tickets" => "ticket.tickets.get",
        _ => "order.orders.get",
    }
}

/// Clauses OP-7.2, CF-6.1, CF-9.1, CF-8.1: whoever asks about themself, and an auditor
/// who asks about them, is told what the services then do, for every post on records
/// of every kind.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_explained_is_what_is_done() {
    let suite = TestSuite::with(|gateway| {
        gateway.burst = 100_000.try_into().unwrap();
        gateway.calls_per_second = 100_000.try_into().unwrap();
    })
    .await;
    let erp = suite.caller_for("erp", "integration");
    let agent = suite.caller("li.wei");
    let lapsed = suite.caller("xu.jing");
    // One with duty by a ticket, one that belongs to the agent, one nobody works on.
    let served = enter(&erp, person()).await.name;
    let owned = enter(&lapsed, person()).await.name;
    let idle = enter(&erp, person()).await.name;
    let ticket = open(agent.after(&erp), &served).await;
    let order = place(&lapsed.after(&erp), order(&owned)).await.name;
    let records = [served, owned, idle, ticket, order];
    let (mut allowed, mut refused) = (0, 0);
    for login in EVERYBODY {
        for purpose in [
            Purpose::Service,
            Purpose::Complaint,
            Purpose::Quality,
            Purpose::Sales,
            Purpose::Administration,
            Purpose::Audit,
        ] {
            let stated = purpose.as_str_name().trim_start_matches("PURPOSE_");
            let knowing = |caller: Caller| caller.after(&agent).after(&lapsed);
            let caller = knowing(suite.caller_for(login, &stated.to_lowercase()));
            let auditor = knowing(suite.caller_for("dong.jie", "audit"));
            for record in &records {
                let case = format!("{login} {stated} {record}");
                let done = seen(&caller, record).await;
                let question = about(login, permission(record), record, purpose);
                let own = ask(&caller, question.clone()).await.unwrap();
                assert_eq!(explained(&own), done, "{case}: {own:#?}");
                let audited = ask(&auditor, question).await.unwrap();
                assert_eq!(explained(&audited), done, "{case}: {audited:#?}");
                match done {
                    Ok(_) => allowed += 1,
                    Err(_) => refused += 1,
                }
            }
        }
    }
    assert!(allowed > 50 && refused > 50, "{allowed} {refused}");
}

async fn open(caller: Caller, customer: &str) -> String {
    crate::records::open(&caller, ticket(customer)).await.name
}

/// Clause CF-9.1: an explanation tells nothing of a record to whom no rule shows it.
/// Everything in the answer is the same as about a record that is not there.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_out_of_reach_is_explained_like_one_that_is_not_there() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let served = enter(&erp, person()).await.name;
    let agent = suite.caller("li.wei");
    let opened = open(agent.after(&erp), &served).await;
    let none = |record: &str| format!("{}/{NOBODYS}", record.split('/').next().unwrap());
    for login in ["ma.chao", "zheng.xue", "gao.yuan", "han.bing", "tang.wei"] {
        let caller = suite.caller(login).after(&agent);
        for record in [&served, &opened] {
            // Sales sees every file, and quality inspection every ticket.
            let sees = [("tang.wei", "customers"), ("gao.yuan", "tickets")];
            if sees
                .iter()
                .any(|(who, what)| *who == login && record.starts_with(what))
            {
                continue;
            }
            for purpose in [Purpose::Service, Purpose::Sales, Purpose::Unspecified] {
                let question = |record: &str| about(login, permission(record), record, purpose);
                let there = ask(&caller, question(record)).await.unwrap();
                let not_there = ask(&caller, question(&none(record))).await.unwrap();
                assert_eq!(there, not_there, "{login} {purpose:?}");
                assert_eq!(there.outcome(), ExplanationOutcome::Refused);
            }
        }
    }
    // About others no answer at all, whether it is there or not: an administrator and
    // the head of another department see no file of the call centre.
    for login in ["han.bing", "zhou.ting"] {
        let caller = suite.caller(login).after(&agent);
        let whom = if login == "han.bing" {
            "li.wei"
        } else {
            "guo.jing"
        };
        for record in [&served, &none(&served)] {
            let question = about(whom, permission(record), record, Purpose::Service);
            let refused = ask(&caller, question).await.unwrap_err();
            let expected = (Code::NotFound, "NOT_FOUND_OR_OUT_OF_SCOPE".to_owned());
            assert_eq!(refusal(&refused), expected, "{login}");
        }
    }
}

/// Clause OP-7.2: who may ask about whom.
#[tokio::test(flavor = "multi_thread")]
async fn one_asks_about_oneself_and_heads_about_their_own() {
    let suite = TestSuite::start().await;
    let question = |whom: &str| about(whom, "profile.customers.get", "", Purpose::Service);
    for (login, whom, may) in [
        ("li.wei", "li.wei", true),
        ("li.wei", "ma.chao", false),
        ("zheng.xue", "zheng.xue", true),
        ("zheng.xue", "li.wei", false),
        ("zhou.ting", "guo.jing", true),
        ("zhou.ting", "li.wei", false),
        ("zhang.min", "guo.jing", true),
        ("liu.jianhua", "li.wei", false),
        ("chen.guodong", "li.wei", true),
        ("dong.jie", "wu.peng", true),
        ("han.bing", "li.wei", true),
    ] {
        let answer = ask(&suite.caller(login), question(whom)).await;
        assert_eq!(answer.is_ok(), may, "{login} about {whom}: {answer:?}");
        if let Err(status) = answer {
            assert_eq!(refusal(&status).1, "NOT_FOUND_OR_OUT_OF_SCOPE");
        }
    }
    let oneself = ExplainRequest {
        subject: String::new(),
        ..question("li.wei")
    };
    let own = ask(&suite.caller("li.wei"), oneself).await.unwrap();
    let named = ask(&suite.caller("li.wei"), question("li.wei"))
        .await
        .unwrap();
    assert_eq!(own, named);
    assert_eq!(
        own.sources.len(),
        4,
        "duty and own, each with its sensitive half"
    );
    // An account is found as what it is.
    let auditor = suite.caller("dong.jie");
    let as_person = ask(&auditor, question("erp")).await.unwrap_err();
    assert_eq!(as_person.code(), Code::NotFound);
    let account = ExplainRequest {
        subject: format!("system-accounts/{}", employee_id("erp")),
        ..about("erp", "profile.customers.get", "", Purpose::Integration)
    };
    assert!(ask(&auditor, account).await.unwrap().reason.is_empty());
    let nobody = ExplainRequest {
        subject: format!("employees/{NOBODYS}"),
        ..question("li.wei")
    };
    let status = ask(&auditor, nobody).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
}

/// Clauses CF-6.1, CF-8.1: the rules say themselves why they do not let through.
#[tokio::test(flavor = "multi_thread")]
async fn verdicts_say_why_and_whom_to_ask() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await.name;
    let lapsed = suite.caller("xu.jing");
    open(lapsed.after(&erp), &customer).await;
    let auditor = suite.caller_for("dong.jie", "audit").after(&lapsed);
    let explain = async |login: &str, purpose| {
        let question = about(login, "profile.customers.get", &customer, purpose);
        ask(&auditor, question).await.unwrap()
    };
    let verdict = |answer: &ExplainResponse, source: &str| {
        let found = answer.rules.iter().find(|rule| rule.source == source);
        found.map(|rule| (rule.verdict(), rule.text.clone()))
    };
    let masked = explain("xu.jing", Purpose::Service).await;
    assert_eq!(masked.outcome(), ExplanationOutcome::Allowed);
    let (lapse, text) = verdict(&masked, "role:agent#duty+sensitive").unwrap();
    assert_eq!(lapse, RuleVerdict::TrainingLapsed);
    assert!(text.contains("secrecy training ended at"), "{text}");
    let without = explain("ma.chao", Purpose::Service).await;
    assert_eq!(
        verdict(&without, "role:agent#duty").unwrap().0,
        RuleVerdict::NoDuty
    );
    assert_eq!(
        verdict(&without, "role:agent#reception").unwrap().0,
        RuleVerdict::PermissionNotGranted
    );
    // The file was entered by a system of the IT department, whose head is asked.
    let got = get(&auditor, &customer).await.unwrap();
    let department = got.department.clone();
    let mut connection = suite.database.connect().await.unwrap();
    let head: uuid::Uuid =
        sqlx::query_scalar("SELECT head_id FROM access.department WHERE 'departments/' || id = $1")
            .bind(&department)
            .fetch_one(&mut connection)
            .await
            .unwrap();
    assert!(
        without.ask[0].starts_with(&format!("employees/{head} ")),
        "{:?}",
        without.ask
    );
    let elsewhere = explain("wu.peng", Purpose::Service).await;
    assert_eq!(elsewhere.reason, "PURPOSE_NOT_ALLOWED");
    assert_eq!(
        verdict(&elsewhere, "role:sales#preference").unwrap().0,
        RuleVerdict::PurposeNotAllowed
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_that_cannot_be_meant_are_refused_whole() {
    let suite = TestSuite::start().await;
    let agent = suite.caller("li.wei");
    let wrong = ExplainRequest {
        subject: "li.wei".into(),
        permission: "profile.customers.peek".into(),
        record: "departments/7".into(),
        purpose: 99,
    };
    let status = ask(&agent, wrong).await.unwrap_err();
    assert_eq!(
        crate::records::violations(&status),
        ["subject", "permission", "record", "purpose"]
    );
    let other_kind = about(
        "li.wei",
        "ticket.tickets.get",
        &format!("customers/{NOBODYS}"),
        Purpose::Service,
    );
    let status = ask(&agent, other_kind).await.unwrap_err();
    assert_eq!(crate::records::violations(&status), ["record"]);
}

/// Promise 3: who asked about whom and which record is in the journal, answered or not.
#[tokio::test(flavor = "multi_thread")]
async fn explanations_are_journaled_with_subject_and_record() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await.name;
    let auditor = suite.caller_for("dong.jie", "audit").after(&erp);
    let question = about(
        "li.wei",
        "profile.customers.get",
        &customer,
        Purpose::Service,
    );
    ask(&auditor, question.clone()).await.unwrap();
    ask(&suite.caller("ma.chao"), question).await.unwrap_err();
    let mut connection = suite.database.connect().await.unwrap();
    let rows = sqlx::query(
        "SELECT kind, actor_id, resource, customer_id IS NOT NULL AS of_customer FROM access.journal
         WHERE type IN ('decision.explained', 'decision.refused') ORDER BY position",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    let entries: Vec<(i16, uuid::Uuid, String, bool)> = rows
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2), row.get(3)))
        .collect();
    let li_wei = format!("employees/{}", employee_id("li.wei"));
    let (dong_jie, ma_chao) = (employee_id("dong.jie"), employee_id("ma.chao"));
    assert_eq!(
        entries,
        [
            (2, dong_jie, li_wei.clone(), false),
            (2, dong_jie, customer, true),
            (3, ma_chao, li_wei, false),
        ]
    );
}

/// What changes in the register is explained from the next question on.
#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_role_is_explained_at_once() {
    use kefu_contracts::access::{
        ListBindingsRequest, RevokeBindingRequest, role_service_client::RoleServiceClient,
    };
    let suite = TestSuite::start().await;
    let administrator = suite.caller_for("han.bing", "administration");
    let question = about("li.wei", "profile.customers.get", "", Purpose::Service);
    let before = ask(&administrator, question.clone()).await.unwrap();
    assert_eq!(before.outcome(), ExplanationOutcome::Allowed);
    let mut roles = RoleServiceClient::new(administrator.clone());
    let subject = question.subject.clone();
    let held = roles
        .list_bindings(ListBindingsRequest { subject })
        .await
        .unwrap()
        .into_inner();
    let revoke = RevokeBindingRequest {
        name: held.bindings[0].name.clone(),
        ..Default::default()
    };
    roles.revoke_binding(revoke).await.unwrap();
    let after = ask(&administrator, question).await.unwrap();
    assert_eq!(after.reason, "PERMISSION_MISSING");
    assert!(after.policy_revision > before.policy_revision);
}
