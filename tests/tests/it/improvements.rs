//! Improvement: suggested by anybody, agreed to by another, carried out, and held against its figure.

use std::{collections::BTreeSet, time::Duration};

use jiff::civil::Date as Day;
use kefu_access_control::seed::department_id;
use kefu_contracts::{
    analytics::{
        AbandonImprovementRequest, AgreeToImprovementRequest, CompleteImprovementRequest,
        DeclineImprovementRequest, Dimension, Direction, GetImprovementRequest, Improvement,
        ImprovementEvent, ImprovementState, ImprovementTarget, JudgeImprovementRequest,
        ListImprovementsRequest, ListImprovementsResponse, Movement, StartImprovementRequest,
        SuggestImprovementRequest, Verdict, improvement_service_client::ImprovementServiceClient,
    },
    ticket::{Ticket, TicketKind},
};
use kefu_service::{clock::Clock, fields::name, time::to_proto};
use kefu_testkit::{Caller, TestSuite, employee_id, eventually};
use tonic::{Code, Status};

use crate::records::{enter, open, person, refusal, said, ticket, violations};

/// Nobody has to have heard of the policy for a while.
const LONG: u32 = 200_000_000;
const AGENT: &str = "li.wei";
/// Heads the call centre, where the agent works.
const HEAD: &str = "zhang.min";
/// Heads technical support, a part of it.
const HEAD_BELOW: &str = "zhao.lei";
const LEADER: &str = "chen.guodong";
const ID: &str = "0190c5a8-0000-7000-8000-00000000ae01";
const VIEWED: &str = "improvement.viewed";

fn improvements(caller: &Caller) -> ImprovementServiceClient<Caller> {
    ImprovementServiceClient::new(caller.clone())
}

fn department(code: &str) -> String {
    name("departments", department_id(code))
}

fn employee(login: &str) -> String {
    name("employees", employee_id(login))
}

fn today(suite: &TestSuite) -> Day {
    suite.clock.now().in_tz("Asia/Shanghai").unwrap().date()
}

/// Fewer complaints, in a week.
fn fewer() -> ImprovementTarget {
    ImprovementTarget {
        metric: "tickets".into(),
        dimension: Dimension::Kind.into(),
        value: "complaint".into(),
        direction: Direction::Down.into(),
        wished_value: Some(3.0),
        days: 7,
    }
}

fn wish(department: &str) -> Improvement {
    Improvement {
        title: "发货前核对型号".into(),
        description: "错发型号引起的投诉多，发货前由两人核对。".into(),
        origin: "投诉月报".into(),
        department: department.into(),
        target: Some(fewer()),
        ..Improvement::default()
    }
}

async fn suggest(caller: &Caller, wish: Improvement, id: &str) -> Result<Improvement, Status> {
    let request = SuggestImprovementRequest {
        improvement: Some(wish),
        request_id: id.into(),
    };
    let made = improvements(caller).suggest_improvement(request).await;
    made.map(tonic::Response::into_inner)
}

async fn get(caller: &Caller, name: &str) -> Result<Improvement, Status> {
    let request = GetImprovementRequest { name: name.into() };
    let found = improvements(caller).get_improvement(request).await;
    found.map(tonic::Response::into_inner)
}

async fn list(caller: &Caller, filter: &str) -> ListImprovementsResponse {
    let request = ListImprovementsRequest {
        filter: filter.into(),
        ..Default::default()
    };
    let page = improvements(caller).list_improvements(request).await;
    page.unwrap().into_inner()
}

fn terms(suite: &TestSuite, of: &Improvement, owner: &str, days: i64) -> AgreeToImprovementRequest {
    let until = suite.clock.now() + jiff::SignedDuration::from_hours(24 * days);
    AgreeToImprovementRequest {
        name: of.name.clone(),
        etag: of.etag.clone(),
        owner: employee(owner),
        due_time: Some(to_proto(until)),
        note: "先做一周".into(),
        ..Default::default()
    }
}

async fn agree(caller: &Caller, request: AgreeToImprovementRequest) -> Result<Improvement, Status> {
    let agreed = improvements(caller).agree_to_improvement(request).await;
    agreed.map(tonic::Response::into_inner)
}

async fn start(caller: &Caller, of: &Improvement) -> Result<Improvement, Status> {
    let request = StartImprovementRequest {
        name: of.name.clone(),
        etag: of.etag.clone(),
        request_id: String::new(),
    };
    let started = improvements(caller).start_improvement(request).await;
    started.map(tonic::Response::into_inner)
}

async fn complete(caller: &Caller, of: &Improvement) -> Result<Improvement, Status> {
    let request = CompleteImprovementRequest {
        name: of.name.clone(),
        etag: of.etag.clone(),
        outcome: "两人核对已写入发货流程".into(),
        standard: "articles/发货流程".into(),
        ..Default::default()
    };
    let done = improvements(caller).complete_improvement(request).await;
    done.map(tonic::Response::into_inner)
}

async fn judge(caller: &Caller, of: &Improvement, verdict: Verdict) -> Result<Improvement, Status> {
    let request = JudgeImprovementRequest {
        name: of.name.clone(),
        etag: of.etag.clone(),
        verdict: verdict.into(),
        reason: "错发几乎没有了".into(),
        ..Default::default()
    };
    let judged = improvements(caller).judge_improvement(request).await;
    judged.map(tonic::Response::into_inner)
}

async fn advance(suite: &TestSuite, hours: u64) {
    suite.clock.advance(Duration::from_secs(3600 * hours));
    suite.policy_is_fresh().await;
}

async fn complain(suite: &TestSuite, erp: &Caller, customer: &str, times: usize, before: i64) {
    let at = suite.clock.now() - jiff::SignedDuration::from_hours(24 * before);
    for _ in 0..times {
        let complaint = Ticket {
            kind: TicketKind::Complaint.into(),
            received_time: Some(to_proto(at)),
            department: department("call_centre"),
            ..ticket(customer)
        };
        open(erp, complaint).await;
    }
}

async fn journaled(suite: &TestSuite, kind: &str) -> i64 {
    let mut connection = suite.database.connect().await.unwrap();
    let sql = "SELECT count(*) FROM analytics.journal WHERE type = $1";
    let counted = sqlx::query_scalar(sql).bind(kind);
    counted.fetch_one(&mut connection).await.unwrap()
}

/// Clauses SG-8, IH-7: from the suggestion to the judgement: the figure is counted when it is
/// agreed to and stays, and the same of as many days is counted once they are over, by whichever
/// instance, once; it is told whether it moved, and a person's word stands beside.
#[tokio::test(flavor = "multi_thread")]
async fn an_improvement_is_held_against_its_figure() {
    let suite = TestSuite::with(|gateway| gateway.max_snapshot_age_seconds = LONG).await;
    let _twin = suite.twin();
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await.name;
    complain(&suite, &erp, &customer, 12, 3).await;
    // Neither what was before the week, nor of today, nor another's.
    complain(&suite, &erp, &customer, 2, 10).await;
    complain(&suite, &erp, &customer, 1, 0).await;
    let (agent, head) = (
        suite.caller_for(AGENT, "analysis"),
        suite.caller_for(HEAD, "analysis").after(&erp),
    );
    let centre = department("call_centre");
    let wished = suggest(&agent, wish(&centre), ID).await.unwrap();
    assert_eq!(wished.state(), ImprovementState::Suggested);
    assert_eq!(wished.proposer, employee(AGENT));
    let looked = journaled(&suite, VIEWED).await;
    assert_eq!(suggest(&agent, wish(&centre), ID).await.unwrap(), wished);
    assert_eq!(journaled(&suite, VIEWED).await, looked + 1, "shown again");
    let other = suggest(&agent, wish(""), ID).await.unwrap_err();
    assert_eq!(refusal(&other).1, "REQUEST_ID_REUSED");

    let terms = AgreeToImprovementRequest {
        request_id: ID.into(),
        ..terms(&suite, &wished, AGENT, 2)
    };
    let agreed = agree(&head, terms.clone()).await.unwrap();
    assert_eq!(agreed.state(), ImprovementState::Agreed);
    let baseline = agreed.baseline.clone().unwrap();
    let yesterday = today(&suite).yesterday().unwrap();
    let last = baseline.last_day.as_ref().unwrap();
    assert_eq!(last.day, i32::from(yesterday.day()));
    assert_eq!((baseline.count, baseline.value), (12, Some(12.0)));
    assert!(baseline.low.unwrap() > 5.0 && baseline.high.unwrap() < 25.0);

    // Who carries it out sees that it is theirs, and no figure of the department.
    let own = get(&agent.after(&head), &agreed.name).await.unwrap();
    assert!(own.figures_withheld && own.baseline.is_none());
    assert!(!agreed.figures_withheld);
    let begin = StartImprovementRequest {
        name: own.name.clone(),
        etag: own.etag.clone(),
        request_id: ID.replace("ae01", "ae02"),
    };
    let mut again = Vec::new();
    for _ in 0..2 {
        let looked = journaled(&suite, VIEWED).await;
        let started = improvements(&agent).start_improvement(begin.clone()).await;
        again.push(started.unwrap().into_inner());
        let looked = journaled(&suite, VIEWED).await - looked;
        assert_eq!(looked, i64::from(again.len() == 2), "shown again");
    }
    let started = again.pop().unwrap();
    assert_eq!(again, std::slice::from_ref(&started));
    let done = complete(&agent, &started).await.unwrap();
    assert_eq!(done.standard, "articles/发货流程");
    assert!(done.measure_time.is_some() && done.figures_withheld);
    let head = head.after(&agent);
    let early = judge(&head, &done, Verdict::Helped).await.unwrap_err();
    assert_eq!(refusal(&early).1, "STATE_NOT_ALLOWED");
    assert_eq!(
        said(&early, "rule"),
        "the figure afterwards is counted first"
    );

    // The days after are over, and nobody complained in them.
    advance(&suite, 24 * 8).await;
    let (agent, head) = (
        suite.caller_for(AGENT, "analysis"),
        suite.caller_for(HEAD, "analysis"),
    );
    // By then it was to be carried out; that it was agreed to is answered all the same.
    let looked = journaled(&suite, VIEWED).await;
    assert_eq!(agree(&head, terms).await.unwrap(), agreed);
    assert_eq!(journaled(&suite, VIEWED).await, looked + 1, "shown again");
    let found = eventually(async || {
        let found = get(&head, &done.name).await.unwrap();
        found.afterwards.is_some().then_some(found)
    })
    .await;
    let after = found.afterwards.as_ref().unwrap();
    assert_eq!((after.count, after.value), (0, Some(0.0)));
    assert_eq!(found.movement(), Movement::AsWished);
    assert_eq!(found.reached, Some(true));
    assert_eq!(found.baseline, Some(baseline), "it stays");
    assert_eq!(journaled(&suite, "improvement.measured").await, 1);
    assert_eq!(
        found.steps.last().unwrap().event(),
        ImprovementEvent::Measured
    );

    let not_own = suite.caller_for(AGENT, "analysis");
    let refused = judge(&not_own, &found, Verdict::Helped).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let judged = judge(&head, &found, Verdict::NoDifference).await.unwrap();
    assert_eq!(judged.state(), ImprovementState::Judged);
    assert_eq!(judged.verdict(), Verdict::NoDifference, "a person's word");
    assert_eq!(judged.movement(), Movement::AsWished, "beside the figures");
    let events: Vec<_> = judged.steps.iter().map(|step| step.event()).collect();
    assert_eq!(
        events,
        [
            ImprovementEvent::Suggested,
            ImprovementEvent::Agreed,
            ImprovementEvent::Started,
            ImprovementEvent::Completed,
            ImprovementEvent::Measured,
            ImprovementEvent::Judged,
        ]
    );
    let own = get(&agent.after(&head), &judged.name).await.unwrap();
    assert_eq!(own.movement(), Movement::Unspecified);
    assert_eq!(own.verdict(), Verdict::NoDifference);
    assert!(own.figures_withheld && own.afterwards.is_none() && own.reached.is_none());
}

/// Clause SG-8: nobody agrees to what they suggested, nor judges what they carried out; what is
/// wrong is told at once, and what was declined or given up says why.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_agrees_to_their_own_suggestion() {
    let suite = TestSuite::start().await;
    let (agent, head) = (
        suite.caller_for(AGENT, "analysis"),
        suite.caller_for(HEAD, "analysis"),
    );
    let leader = suite.caller_for(LEADER, "analysis");
    let centre = department("call_centre");
    let own = suggest(&head, wish(&centre), "").await.unwrap();
    let request = terms(&suite, &own, AGENT, 2);
    let refused = agree(&head, request.clone()).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "SECOND_PERSON_REQUIRED");
    assert_eq!(journaled(&suite, "improvement.refused").await, 1);
    let leader = leader.after(&head);
    let agreed = agree(&leader, request.clone()).await.unwrap();
    let late = agree(&leader, request).await.unwrap_err();
    assert_eq!(refusal(&late).1, "ETAG_MISMATCH");
    let again = agree(&leader, terms(&suite, &agreed, AGENT, 2))
        .await
        .unwrap_err();
    assert_eq!(refusal(&again).1, "STATE_NOT_ALLOWED");
    let unbegun = complete(&leader, &agreed).await.unwrap_err();
    assert_eq!(refusal(&unbegun).1, "STATE_NOT_ALLOWED");

    let given_up = AbandonImprovementRequest {
        name: agreed.name.clone(),
        etag: agreed.etag.clone(),
        ..Default::default()
    };
    let wrong = improvements(&leader)
        .abandon_improvement(given_up.clone())
        .await;
    assert_eq!(violations(&wrong.unwrap_err()), ["reason"]);
    let given_up = AbandonImprovementRequest {
        reason: "仓库改由外包负责".into(),
        ..given_up
    };
    let over = improvements(&leader).abandon_improvement(given_up).await;
    let over = over.unwrap().into_inner();
    assert_eq!(over.state(), ImprovementState::Abandoned);
    assert_eq!(over.steps.last().unwrap().text, "仓库改由外包负责");

    let idea = suggest(&agent, wish(&centre), "").await.unwrap();
    let no = DeclineImprovementRequest {
        name: idea.name.clone(),
        etag: idea.etag.clone(),
        reason: "已有此流程".into(),
        ..Default::default()
    };
    let refused = improvements(&agent).decline_improvement(no.clone()).await;
    assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
    let head = head.after(&agent);
    let declined = improvements(&head).decline_improvement(no).await;
    let declined = declined.unwrap().into_inner();
    assert_eq!(declined.state(), ImprovementState::Declined);

    let wrong = Improvement {
        title: String::new(),
        department: "departments/x".into(),
        target: Some(ImprovementTarget {
            metric: "backlog".into(),
            days: 3,
            ..ImprovementTarget::default()
        }),
        ..wish("")
    };
    let wrong = suggest(&agent, wrong, "x").await.unwrap_err();
    assert_eq!(
        violations(&wrong),
        [
            "request_id",
            "improvement.title",
            "improvement.department",
            "improvement.target.metric",
            "improvement.target.direction",
            "improvement.target.days",
        ]
    );
    let nowhere = wish(&format!("departments/{ID}"));
    let wrong = suggest(&agent, nowhere, "").await.unwrap_err();
    assert_eq!(violations(&wrong), ["improvement.department"]);
    let untold = Improvement {
        target: None,
        ..wish(&department("technical_support"))
    };
    let untold = suggest(&agent, untold, "").await.unwrap();
    let head = head.after(&agent);
    let past = AgreeToImprovementRequest {
        due_time: Some(to_proto(suite.clock.now())),
        ..terms(&suite, &untold, AGENT, 2)
    };
    let wrong = agree(&head, past).await.unwrap_err();
    assert_eq!(violations(&wrong), ["due_time"]);
    let elsewhere = agree(&head, terms(&suite, &untold, AGENT, 2)).await;
    assert_eq!(
        violations(&elsewhere.unwrap_err()),
        ["target", "owner"],
        "the agent works above"
    );
    let machine = suite.caller_for("erp", "integration");
    let refused = suggest(&machine, wish(&centre), "").await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
}

/// Clause SG-8: whoever started it or completed it judges it as little as who was to carry it out.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_had_a_hand_in_it_does_not_judge_it() {
    let suite = TestSuite::with(|gateway| gateway.max_snapshot_age_seconds = LONG).await;
    let (agent, head) = (
        suite.caller_for(AGENT, "analysis"),
        suite.caller_for(HEAD, "analysis"),
    );
    let mut done = Vec::new();
    // The agent is to carry them out; the head does a part of it.
    for (starts, completes) in [(&head, &agent), (&agent, &head)] {
        let wished = suggest(&agent, wish(&department("call_centre")), "").await;
        let agreed = agree(&head, terms(&suite, &wished.unwrap(), AGENT, 2)).await;
        let started = start(starts, &agreed.unwrap()).await.unwrap();
        done.push(complete(completes, &started).await.unwrap().name);
    }
    advance(&suite, 24 * 8).await;
    let (head, leader) = (
        suite.caller_for(HEAD, "analysis"),
        suite.caller_for(LEADER, "analysis"),
    );
    for one in done {
        let found = eventually(async || {
            let found = get(&head, &one).await.unwrap();
            found.afterwards.is_some().then_some(found)
        })
        .await;
        let refused = judge(&head, &found, Verdict::Helped).await.unwrap_err();
        assert_eq!(refusal(&refused).1, "SECOND_PERSON_REQUIRED");
        let judged = judge(&leader, &found, Verdict::Helped).await.unwrap();
        assert_eq!(judged.state(), ImprovementState::Judged);
    }
}

/// Clauses SG-7, CF-6.1: improvement is there for the department and those above, for who
/// suggested it and who carries it out, and for nobody else; what is overdue is said once.
#[tokio::test(flavor = "multi_thread")]
async fn improvement_is_there_for_whom_it_concerns() {
    let suite = TestSuite::with(|gateway| gateway.max_snapshot_age_seconds = LONG).await;
    let _twin = suite.twin();
    let (agent, head, below) = (
        suite.caller_for(AGENT, "analysis"),
        suite.caller_for(HEAD, "analysis"),
        suite.caller_for(HEAD_BELOW, "analysis"),
    );
    let leader = suite.caller_for(LEADER, "analysis");
    let of_centre = suggest(&agent, wish(&department("call_centre")), "")
        .await
        .unwrap();
    let of_support = suggest(&agent, wish(&department("technical_support")), "")
        .await
        .unwrap();
    let of_company = suggest(&agent, wish(""), "").await.unwrap();
    let seen = async |caller: &Caller| {
        let page = list(&caller.after(&agent), "").await;
        let names: BTreeSet<_> = page.improvements.into_iter().map(|one| one.name).collect();
        assert_eq!(names.len(), usize::try_from(page.total_size).unwrap());
        names
    };
    let all = [&of_centre, &of_support, &of_company].map(|one| one.name.clone());
    let those = |some: &[String]| some.iter().cloned().collect::<BTreeSet<_>>();
    assert_eq!(seen(&leader).await, those(&all));
    assert_eq!(seen(&agent).await, those(&all), "one's own");
    assert_eq!(seen(&head).await, those(&all[..2]));
    assert_eq!(seen(&below).await, those(&all[1..2]));
    let stranger = suite.caller_for("wang.fang", "analysis");
    assert!(seen(&stranger).await.is_empty());
    let hidden = (Code::NotFound, "NOT_FOUND_OR_OUT_OF_SCOPE".to_owned());
    for (caller, of) in [
        (&stranger, &of_centre),
        (&below, &of_centre),
        (&head, &of_company),
    ] {
        let caller = caller.after(&agent);
        assert_eq!(refusal(&get(&caller, &of.name).await.unwrap_err()), hidden);
    }
    let refused = agree(&below, terms(&suite, &of_centre, "zhao.lei", 2)).await;
    assert_eq!(refusal(&refused.unwrap_err()), hidden);

    let agreed = agree(&head, terms(&suite, &of_support, "ma.chao", 2))
        .await
        .unwrap();
    let owner = suite.caller_for("ma.chao", "analysis").after(&head);
    let own = those(&all[1..2]);
    assert_eq!(seen(&owner).await, own, "what one is to carry out");
    let others = start(&stranger.after(&head), &agreed).await.unwrap_err();
    assert_eq!(refusal(&others), hidden);
    assert!(!agreed.overdue);
    advance(&suite, 49).await;
    let (head, owner) = (
        suite.caller_for(HEAD, "analysis"),
        suite.caller_for("ma.chao", "analysis"),
    );
    eventually(async || {
        let noted = journaled(&suite, "improvement.overdue").await;
        (noted == 1).then_some(())
    })
    .await;
    let late = get(&head, &agreed.name).await.unwrap();
    assert!(late.overdue);
    assert_eq!(late.state(), ImprovementState::Agreed);
    assert_eq!(
        late.steps.last().unwrap().event(),
        ImprovementEvent::Overdue
    );
    let filter = format!("state = AGREED AND owner = {}", employee("ma.chao"));
    assert_eq!(list(&head, &filter).await.total_size, 1);
    let done = complete(&owner, &start(&owner, &late).await.unwrap())
        .await
        .unwrap();
    assert!(!done.overdue);
    assert_eq!(journaled(&suite, "improvement.overdue").await, 1);
}
