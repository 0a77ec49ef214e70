//! Clocks of tickets: what they read, what is journaled when they pass it, and why.

use std::time::Duration;

use kefu_contracts::{
    profile::Tier,
    ticket::{
        ClockMetric, ClockState, ClockStretchKind, CustomerTier, Direction, ExplainClockRequest,
        ExplainClockResponse, GetTargetsRequest, Level, ListTicketClocksRequest,
        ReopenTicketRequest, ReplyToTicketRequest, ResolveTicketRequest, ReviseTargetsRequest,
        StartTicketRequest, SuspendTicketRequest, TargetRule, Targets, TargetsDefinition, Ticket,
        TicketClock, TicketKind, TryTargetsRequest, WaitingFor,
        clock_service_client::ClockServiceClient, target_service_client::TargetServiceClient,
    },
};
use kefu_service::{clock::Clock, time::to_proto};
use kefu_testkit::{Caller, TestSuite, eventually};
use tonic::{Code, Status};

use crate::{
    rating::in_tier,
    records::{enter, get, open, order, person, place, refusal, ticket, tickets, violations},
};

const ADMINISTRATOR: &str = "han.bing";

fn clocks(caller: &Caller) -> ClockServiceClient<Caller> {
    ClockServiceClient::new(caller.clone())
}

async fn read(caller: &Caller, ticket: &str) -> Result<Vec<TicketClock>, Status> {
    let request = ListTicketClocksRequest {
        parent: ticket.into(),
    };
    let answer = clocks(caller).list_ticket_clocks(request).await;
    answer.map(|answer| answer.into_inner().clocks)
}

async fn explain(
    caller: &Caller,
    ticket: &str,
    metric: ClockMetric,
    attempt: i32,
) -> Result<ExplainClockResponse, Status> {
    let request = ExplainClockRequest {
        parent: ticket.into(),
        metric: metric.into(),
        attempt,
    };
    let answer = clocks(caller).explain_clock(request).await;
    answer.map(|answer| answer.into_inner())
}

async fn targets(caller: &Caller) -> Targets {
    let mut client = TargetServiceClient::new(caller.clone());
    client
        .get_targets(GetTargetsRequest {})
        .await
        .unwrap()
        .into_inner()
}

async fn revise(caller: &Caller, etag: &str, rules: Vec<TargetRule>) -> Result<Targets, Status> {
    let request = ReviseTargetsRequest {
        etag: etag.into(),
        definition: Some(TargetsDefinition { rules }),
        reason: "服务承诺更新".into(),
        ..Default::default()
    };
    let mut client = TargetServiceClient::new(caller.clone());
    let answer = client.revise_targets(request).await;
    answer.map(|answer| answer.into_inner())
}

/// An urgent request that came so long ago.
pub(crate) async fn came(suite: &TestSuite, erp: &Caller, customer: &str, ago: Duration) -> Ticket {
    let one = Ticket {
        kind: TicketKind::ServiceRequest.into(),
        impact: Level::High.into(),
        urgency: Level::High.into(),
        received_time: Some(to_proto(suite.clock.now() - ago)),
        ..ticket(customer)
    };
    open(erp, one).await
}

/// How often this is in the ticket service's journal about the ticket.
async fn journaled(suite: &TestSuite, kind: &str, ticket: &str) -> i64 {
    let mut sql = suite.database.connect().await.unwrap();
    sqlx::query_scalar("SELECT count(*) FROM ticket.journal WHERE type = $1 AND resource = $2")
        .bind(kind)
        .bind(ticket)
        .fetch_one(&mut sql)
        .await
        .unwrap()
}

pub(crate) async fn wait_for(suite: &TestSuite, kind: &str, ticket: &str) {
    eventually(async || (journaled(suite, kind, ticket).await > 0).then_some(())).await;
}

/// Clauses SG-2.1, IH-4: what is near its time and what is past it is journaled, each once
/// with two instances at it, and an answer stops the clock.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_runs_out_is_journaled_once() {
    let suite = TestSuite::start().await;
    let _twin = suite.twin();
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await.name;
    let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
    let near = came(&suite, &erp, &customer, minutes(100)).await;
    let late = came(&suite, &erp, &customer, minutes(121)).await;
    wait_for(&suite, "clock.near", &near.name).await;
    wait_for(&suite, "clock.missed", &late.name).await;
    let read_late = read(&erp, &late.name).await.unwrap();
    assert_eq!(read_late.len(), 1);
    let clock = &read_late[0];
    assert_eq!(
        (clock.metric(), clock.state()),
        (ClockMetric::FirstResponse, ClockState::Missed)
    );
    assert_eq!((clock.target_seconds, clock.targets_version), (7200, 0));
    assert!(clock.used_seconds >= 7260 && clock.breach_noted);

    let reply = ReplyToTicketRequest {
        name: near.name.clone(),
        etag: near.etag,
        direction: Direction::Out.into(),
        body: "工程师明早上门".into(),
        ..Default::default()
    };
    tickets(&erp).reply_to_ticket(reply).await.unwrap();
    let clock = read(&erp, &near.name).await.unwrap().remove(0);
    assert_eq!(clock.state(), ClockState::Met);
    assert!(clock.warned && !clock.breach_noted && clock.stop_time.is_some());

    // Whatever comes later is journaled; what was is not journaled again.
    let last = came(&suite, &erp, &customer, minutes(180)).await;
    wait_for(&suite, "clock.missed", &last.name).await;
    for (kind, ticket, times) in [
        ("clock.near", &near.name, 1),
        ("clock.missed", &near.name, 0),
        ("clock.missed", &late.name, 1),
        ("clock.near", &late.name, 0),
    ] {
        assert_eq!(journaled(&suite, kind, ticket).await, times, "{kind}");
    }
}

/// Clauses IH-4, SG-3: while the ticket waits for the customer its clock stands; a reopening is an
/// attempt of its own; and why each reads what it reads is told without gaps.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_is_explained_stretch_by_stretch() {
    let suite = TestSuite::start().await;
    let administrator = suite.caller(ADMINISTRATOR);
    let rule = TargetRule {
        id: "complaint".into(),
        kinds: vec![TicketKind::Suggestion.into()],
        resolution_seconds: 3600,
        pauses_for: vec![WaitingFor::Customer.into()],
        ..Default::default()
    };
    let now = targets(&administrator).await;
    revise(&administrator, &now.etag, vec![rule]).await.unwrap();
    let erp = suite.caller_for("erp", "integration").after(&administrator);
    let customer = enter(&erp, person()).await.name;
    let one = Ticket {
        kind: TicketKind::Suggestion.into(),
        ..ticket(&customer)
    };
    let one = open(&erp, one).await;
    let name = one.name.clone();
    // Long beside what the calls themselves take.
    let pass = async || {
        suite.clock.advance(Duration::from_secs(180));
        suite.policy_is_fresh().await;
    };
    let mut client = tickets(&erp);
    pass().await;
    let suspend = SuspendTicketRequest {
        name: name.clone(),
        etag: one.etag,
        waiting_for: WaitingFor::Customer.into(),
        ..Default::default()
    };
    let one = client.suspend_ticket(suspend).await.unwrap().into_inner();
    pass().await;
    let stands = read(&erp, &name).await.unwrap().remove(0);
    assert_eq!(stands.state(), ClockState::Paused);
    assert_eq!(stands.due_time, None);
    assert!((180..240).contains(&stands.used_seconds), "{stands:?}");
    let start = StartTicketRequest {
        name: name.clone(),
        etag: one.etag,
        ..Default::default()
    };
    let one = client.start_ticket(start).await.unwrap().into_inner();
    pass().await;
    let resolve = ResolveTicketRequest {
        name: name.clone(),
        etag: one.etag,
        resolution: "已退款".into(),
        ..Default::default()
    };
    let one = client.resolve_ticket(resolve).await.unwrap().into_inner();
    let reopen = ReopenTicketRequest {
        name: name.clone(),
        etag: one.etag,
        reason: "仍未到账".into(),
        ..Default::default()
    };
    client.reopen_ticket(reopen).await.unwrap();

    let both = read(&erp, &name).await.unwrap();
    let states: Vec<_> = both
        .iter()
        .map(|clock| (clock.attempt, clock.state()))
        .collect();
    assert_eq!(states, [(1, ClockState::Met), (2, ClockState::Running)]);
    let first = explain(&erp, &name, ClockMetric::Resolution, 1)
        .await
        .unwrap();
    let kinds: Vec<_> = first.stretches.iter().map(|one| one.kind()).collect();
    assert_eq!(
        kinds,
        [
            ClockStretchKind::Counted,
            ClockStretchKind::Paused,
            ClockStretchKind::Counted,
        ]
    );
    let clock = first.clock.unwrap();
    assert!((360..480).contains(&clock.used_seconds), "{clock:?}");
    assert_eq!(first.stretches[0].start_time, clock.start_time);
    assert_eq!(first.stretches[2].end_time, clock.stop_time);
    for two in first.stretches.windows(2) {
        assert_eq!(two[0].end_time, two[1].start_time);
    }
    assert_eq!(first.stretches[2].used_seconds, clock.used_seconds);

    let none = explain(&erp, &name, ClockMetric::FirstResponse, 0).await;
    assert_eq!(none.unwrap_err().code(), Code::NotFound);
    let wrong = explain(&erp, &name, ClockMetric::Unspecified, -1).await;
    assert_eq!(violations(&wrong.unwrap_err()), ["metric", "attempt"]);
}

/// Targets count from their moment on: a clock that ran keeps those of its beginning. Who may
/// not see a ticket sees no clock of it; nobody but the administrator sets targets.
#[tokio::test(flavor = "multi_thread")]
async fn targets_are_those_of_the_beginning() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await.name;
    let before = came(&suite, &erp, &customer, Duration::ZERO).await;
    let administrator = suite.caller(ADMINISTRATOR);
    let now = targets(&administrator).await;
    assert_eq!(now.versions.len(), 1);
    let rule = |calendar: &str| TargetRule {
        id: "all".into(),
        first_response_seconds: 60,
        calendar: calendar.into(),
        ..Default::default()
    };
    let missing = "calendars/0190c5a8-0000-7000-8000-0000000000ab";
    let refused = revise(&administrator, &now.etag, vec![rule(missing)]).await;
    assert_eq!(
        violations(&refused.unwrap_err()),
        ["definition.rules[0].calendar"]
    );
    let revised = revise(&administrator, &now.etag, vec![rule("")])
        .await
        .unwrap();
    assert_eq!(revised.versions.len(), 2);
    let stale = revise(&administrator, &now.etag, vec![rule("")]).await;
    assert_eq!(
        refusal(&stale.unwrap_err()),
        (Code::Aborted, "ETAG_MISMATCH".into())
    );
    let agent = revise(&suite.caller("li.wei"), &revised.etag, vec![rule("")]).await;
    assert_eq!(
        refusal(&agent.unwrap_err()),
        (Code::PermissionDenied, "PERMISSION_MISSING".into())
    );
    let empty = revise(&administrator, &revised.etag, Vec::new()).await;
    assert_eq!(violations(&empty.unwrap_err()), ["definition.rules"]);

    let after = came(&suite, &erp, &customer, Duration::ZERO).await;
    let target = async |ticket: &str| {
        let clock = read(&erp, ticket).await.unwrap().remove(0);
        (clock.target_seconds, clock.targets_version)
    };
    assert_eq!(target(&before.name).await, (7200, 0));
    assert_eq!(target(&after.name).await, (60, 1));

    let hidden = read(&suite.caller("ma.chao"), &after.name)
        .await
        .unwrap_err();
    let absent = "tickets/0190c5a8-0000-7000-8000-0000000000ab";
    let nothing = read(&suite.caller("ma.chao"), absent).await.unwrap_err();
    assert_eq!(refusal(&hidden), refusal(&nothing));
    assert_eq!(hidden.code(), Code::NotFound);
}

async fn tried(
    caller: &Caller,
    ticket: &str,
    rules: Vec<TargetRule>,
) -> Result<Vec<TicketClock>, Status> {
    let request = TryTargetsRequest {
        parent: ticket.into(),
        definition: Some(TargetsDefinition { rules }),
    };
    let answer = clocks(caller).try_targets(request).await;
    answer.map(|answer| answer.into_inner().clocks)
}

/// Clause IH-4: what would have been late under other targets can be asked, and nothing is
/// rewritten by that.
#[tokio::test(flavor = "multi_thread")]
async fn other_targets_are_tried_on_what_has_passed() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await.name;
    let ago = Duration::from_secs(90 * 60);
    let one = came(&suite, &erp, &customer, ago).await;
    let resolve = ResolveTicketRequest {
        name: one.name.clone(),
        etag: one.etag.clone(),
        resolution: "已安装".into(),
        occurred_time: Some(to_proto(suite.clock.now() - Duration::from_secs(30 * 60))),
        ..Default::default()
    };
    tickets(&erp).resolve_ticket(resolve).await.unwrap();
    let before = read(&erp, &one.name).await.unwrap();
    let rule = |seconds| TargetRule {
        id: "request".into(),
        kinds: vec![TicketKind::ServiceRequest.into()],
        resolution_seconds: seconds,
        ..Default::default()
    };
    // It took an hour, and the moment between two looks at the clock.
    for (seconds, state) in [(3700, ClockState::Met), (3500, ClockState::Missed)] {
        let clocks = tried(&erp, &one.name, vec![rule(seconds)]).await.unwrap();
        let told: Vec<_> = clocks
            .iter()
            .map(|clock| (clock.metric(), clock.state(), clock.used_seconds / 60))
            .collect();
        assert_eq!(told, [(ClockMetric::Resolution, state, 60)]);
    }
    assert_eq!(read(&erp, &one.name).await.unwrap(), before);

    let refused = tried(&erp, &one.name, Vec::new()).await.unwrap_err();
    assert_eq!(violations(&refused), ["definition.rules"]);
    let calendar = TargetRule {
        calendar: "calendars/0190c5a8-0000-7000-8000-0000000000ab".into(),
        ..rule(60)
    };
    let refused = tried(&erp, &one.name, vec![calendar]).await.unwrap_err();
    assert_eq!(violations(&refused), ["definition.rules[0].calendar"]);
    let other = suite.caller("ma.chao");
    let refused = tried(&other, &one.name, vec![rule(60)]).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "NOT_FOUND_OR_OUT_OF_SCOPE");
}

/// Clause IH-4: targets go by the tier that the customer had when an attempt began, and another
/// tier moves none; whoever may not see it learns it from no explanation, and not by trying.
#[tokio::test(flavor = "multi_thread")]
async fn targets_go_by_the_tier_of_the_beginning() {
    let suite = TestSuite::start().await;
    let administrator = suite.caller(ADMINISTRATOR);
    let rule = |id: &str, tiers: &[CustomerTier], seconds| TargetRule {
        id: id.into(),
        tiers: tiers.iter().map(|tier| (*tier).into()).collect(),
        first_response_seconds: seconds,
        ..TargetRule::default()
    };
    let rules = vec![
        rule("silver", &[CustomerTier::Silver], 3600),
        TargetRule {
            resolution_seconds: 86_400,
            ..rule("rest", &[], 7200)
        },
    ];
    let now = targets(&administrator).await;
    let wrong = TargetRule {
        tiers: vec![9],
        ..rule("wrong", &[], 60)
    };
    let refused = revise(&administrator, &now.etag, vec![wrong]).await;
    assert_eq!(
        violations(&refused.unwrap_err()),
        ["definition.rules[0].tiers[0]"]
    );
    revise(&administrator, &now.etag, rules.clone())
        .await
        .unwrap();

    let agent = suite.caller("li.wei").after(&administrator);
    let file = enter(&agent, person()).await;
    let before = open(&agent, ticket(&file.name)).await;
    let erp = suite.caller_for("erp", "integration").after(&agent);
    for _ in 0..3 {
        place(&erp, order(&file.name)).await;
    }
    get(&suite.caller("li.wei").after(&erp), &file.name)
        .await
        .unwrap();
    suite.clock.advance(Duration::from_secs(11));
    in_tier(&suite, &file.name, Tier::Silver).await;
    eventually(async || {
        let mut sql = suite.database.connect().await.unwrap();
        let known = "SELECT count(*) FROM ticket.customer_tier";
        let known: i64 = sqlx::query_scalar(known).fetch_one(&mut sql).await.unwrap();
        (known == 2).then_some(())
    })
    .await;
    let agent = suite.caller("li.wei");
    let after = open(&agent, ticket(&file.name)).await;
    let first = ClockMetric::FirstResponse;
    for (one, tier, seconds) in [
        (&before, CustomerTier::Normal, 7200),
        (&after, CustomerTier::Silver, 3600),
    ] {
        let told = explain(&agent, &one.name, first, 1).await.unwrap();
        assert_eq!(
            (told.tier(), told.clock.unwrap().target_seconds),
            (tier, seconds)
        );
    }
    let tried_on = async |one: &Ticket| {
        let clocks = tried(&agent, &one.name, vec![rules[0].clone()])
            .await
            .unwrap();
        clocks.len()
    };
    assert_eq!((tried_on(&before).await, tried_on(&after).await), (0, 1));

    let auditor = suite.caller_for("dong.jie", "audit").after(&agent);
    let told = explain(&auditor, &after.name, first, 1).await.unwrap();
    assert_eq!(told.tier(), CustomerTier::Unspecified);
    assert!(told.stretches.is_empty());
    // Nor from the clocks, which are alike but for when they began: neither from what is said of
    // one, nor from which there are.
    let alike = async |one: &Ticket| {
        let mut clocks = read(&auditor, &one.name).await.unwrap();
        for clock in &mut clocks {
            let told = explain(&auditor, &one.name, clock.metric(), 1).await;
            assert_eq!(told.unwrap().clock.as_ref(), Some(&*clock));
            assert!(clock.start_time.take().is_some());
        }
        clocks
    };
    let clocks = alike(&before).await;
    assert_eq!(clocks, alike(&after).await);
    let expected = [first, ClockMetric::Resolution].map(|metric| TicketClock {
        metric: metric.into(),
        attempt: 1,
        targets_version: 1,
        ..TicketClock::default()
    });
    assert_eq!(clocks, expected);
    assert_eq!(read(&agent, &before.name).await.unwrap().len(), 2);
    assert_eq!(read(&agent, &after.name).await.unwrap().len(), 1);
    let refused = tried(&auditor, &after.name, rules).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "PERMISSION_MISSING");
    tried(&auditor, &after.name, vec![rule("rest", &[], 60)])
        .await
        .unwrap();
}
