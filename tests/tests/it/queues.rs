//! Queues: who is given a ticket, what waits, and whose a ticket was.

use std::{collections::BTreeMap, time::Duration};

use kefu_access_control::seed::department_id;
use kefu_contracts::ticket::{
    Agent, AssignTicketRequest, Assignment, AssignmentCause, CheckLegitimacyRequest,
    CreateQueueRequest, GetTicketRequest, Legitimacy, ListAgentsRequest, ListAssignmentsRequest,
    ListQueuedTicketsRequest, ListQueuedTicketsResponse, Presence, Queue, ReleaseTicketRequest,
    ResolveTicketRequest, RoutingStrategy, SetAgentRequest, SetPresenceRequest,
    TakeOverTicketRequest, Ticket, TicketKind, UpdateQueueRequest,
    handling_service_client::HandlingServiceClient, queue_service_client::QueueServiceClient,
};
use kefu_service::{clock::Clock, fields::name, time::to_proto};
use kefu_testkit::{Caller, TestSuite, employee_id, eventually};
use tonic::{Code, Status};

use crate::records::{enter, open, person, refusal, ticket, tickets, violations};

const HEAD: &str = "zhang.min";
const LI: &str = "li.wei";
const WANG: &str = "wang.fang";

fn queues(caller: &Caller) -> QueueServiceClient<Caller> {
    QueueServiceClient::new(caller.clone())
}

fn desk() -> String {
    name("departments", department_id("call_centre"))
}

fn employee(login: &str) -> String {
    name("employees", employee_id(login))
}

fn queue(code: &str, skills: &[&str]) -> Queue {
    Queue {
        code: code.into(),
        title: "安装".into(),
        department: desk(),
        categories: vec!["installation".into()],
        skills: skills.iter().map(|one| (*one).to_owned()).collect(),
        strategy: RoutingStrategy::LeastLoaded.into(),
        ..Default::default()
    }
}

async fn create(caller: &Caller, queue: Queue) -> Result<Queue, Status> {
    let request = CreateQueueRequest {
        queue: Some(queue),
        request_id: String::new(),
    };
    let created = queues(caller).create_queue(request).await;
    created.map(|answer| answer.into_inner())
}

async fn set(
    caller: &Caller,
    login: &str,
    skills: &[&str],
    capacity: i32,
) -> Result<Agent, Status> {
    let request = SetAgentRequest {
        agent: Some(Agent {
            employee: employee(login),
            department: desk(),
            skills: skills.iter().map(|one| (*one).to_owned()).collect(),
            capacity,
            ..Default::default()
        }),
        request_id: String::new(),
    };
    let set = queues(caller).set_agent(request).await;
    set.map(|answer| answer.into_inner())
}

async fn present(caller: &Caller, presence: Presence) -> Agent {
    let request = SetPresenceRequest {
        presence: presence.into(),
    };
    let answer = queues(caller).set_presence(request).await;
    answer.unwrap().into_inner()
}

/// A ticket that nobody has, at the desk.
async fn opened(erp: &Caller, customer: &str) -> Ticket {
    let one = Ticket {
        department: desk(),
        ..ticket(customer)
    };
    open(erp, one).await
}

async fn get(caller: &Caller, ticket: &Ticket) -> Result<Ticket, Status> {
    let request = GetTicketRequest {
        name: ticket.name.clone(),
    };
    let found = tickets(caller).get_ticket(request).await;
    found.map(|answer| answer.into_inner())
}

async fn list(caller: &Caller, filter: &str) -> Result<ListQueuedTicketsResponse, Status> {
    let request = ListQueuedTicketsRequest {
        filter: filter.into(),
        ..Default::default()
    };
    let answer = queues(caller).list_queued_tickets(request).await;
    answer.map(|answer| answer.into_inner())
}

async fn assignments(caller: &Caller, ticket: &Ticket) -> Result<Vec<Assignment>, Status> {
    let request = ListAssignmentsRequest {
        parent: ticket.name.clone(),
    };
    let answer = queues(caller).list_assignments(request).await;
    answer.map(|answer| answer.into_inner().assignments)
}

/// Waits until so many tickets were given by queues.
async fn routed(suite: &TestSuite, count: i64) {
    eventually(async || (journaled(suite).await >= count).then_some(())).await;
}

async fn journaled(suite: &TestSuite) -> i64 {
    let mut sql = suite.database.connect().await.unwrap();
    let routed = "SELECT count(*) FROM ticket.journal WHERE type = 'ticket.routed'";
    sqlx::query_scalar(routed)
        .fetch_one(&mut sql)
        .await
        .unwrap()
}

/// Clauses SG-2.2, CF-9.1: with two instances at it each ticket is given once, to whoever is
/// there, can do it and has the fewest, and its customer's file is theirs to work on.
#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_that_waits_is_given_once_to_who_can_do_it() {
    let suite = TestSuite::start().await;
    let _twin = suite.twin();
    let (head, erp) = (suite.caller(HEAD), suite.caller_for("erp", "integration"));
    let (li, wang) = (suite.caller(LI), suite.caller(WANG));
    let installing = create(&head, queue("installing", &["plumbing"]))
        .await
        .unwrap();
    create(
        &head,
        Queue {
            position: 1,
            ..queue("rest", &["nothing_known"])
        },
    )
    .await
    .unwrap();
    for (login, skills) in [
        (LI, ["plumbing"]),
        (WANG, ["plumbing"]),
        ("chen.guodong", ["law"]),
    ] {
        set(&head, login, &skills, 2).await.unwrap();
    }
    let customer = enter(&erp, person()).await;
    let mut all = Vec::new();
    for _ in 0..6 {
        all.push(opened(&erp, &customer.name).await);
    }
    present(&li.after(&erp), Presence::Available).await;
    present(&wang.after(&erp), Presence::Available).await;
    routed(&suite, 4).await;
    let (mut given, mut seen) = (BTreeMap::<String, i32>::new(), 0);
    for one in &all {
        let now = get(&erp, one).await.unwrap();
        *given.entry(now.assignee.clone()).or_default() += 1;
        let history = assignments(&erp, one).await.unwrap();
        seen += history.len();
        if let [only] = history.as_slice() {
            assert_eq!(only.cause(), AssignmentCause::Routed);
            assert_eq!((&only.to, &only.queue), (&now.assignee, &installing.name));
            let its = if now.assignee == employee(LI) {
                &li
            } else {
                &wang
            };
            assert_eq!(get(its, one).await.unwrap().subject, "净化器安装");
        }
    }
    // Capacity is two each: two tickets wait.
    let expected = [(String::new(), 2), (employee(LI), 2), (employee(WANG), 2)];
    assert_eq!(given, expected.into_iter().collect());
    assert_eq!((seen, journaled(&suite).await), (4, 4));

    let waiting = format!("queue = \"{}\"", installing.name);
    let page = list(&li, &waiting).await.unwrap();
    assert_eq!(page.total_size, 2);
    assert!(
        page.tickets
            .iter()
            .all(|one| one.assignee.is_empty() && one.subject.is_empty())
    );
    for count in &page.counts {
        assert_eq!(
            list(&li, &count.filter).await.unwrap().total_size,
            count.size
        );
    }
    let counts: Vec<i32> = page.counts.iter().map(|one| one.size).collect();
    assert_eq!(counts, [2, 2, 0]);
    // Nothing of the desk is in another department's scope.
    let other = suite.caller("guo.jing");
    assert_eq!(list(&other, "").await.unwrap().total_size, 0);
}

/// Clause SG-2.2: a request waits in its queue until somebody found it legitimate.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_nobody_checked_is_given_to_nobody() {
    let suite = TestSuite::start().await;
    let (head, erp) = (suite.caller(HEAD), suite.caller_for("erp", "integration"));
    let li = suite.caller(LI);
    create(&head, queue("installing", &[])).await.unwrap();
    set(&head, LI, &[], 5).await.unwrap();
    let customer = enter(&erp, person()).await;
    let request = Ticket {
        kind: TicketKind::ServiceRequest.into(),
        department: desk(),
        ..ticket(&customer.name)
    };
    let unchecked = open(&erp, request).await;
    // Came later, and is given out first.
    let asked = opened(&erp, &customer.name).await;
    present(&li.after(&erp), Presence::Available).await;
    routed(&suite, 1).await;
    assert_eq!(get(&erp, &asked).await.unwrap().assignee, employee(LI));
    let waits = get(&erp, &unchecked).await.unwrap();
    assert_eq!(waits.assignee, "");
    let check = CheckLegitimacyRequest {
        name: waits.name.clone(),
        etag: waits.etag,
        legitimacy: Legitimacy::Granted.into(),
        reason: "在保".into(),
        ..Default::default()
    };
    let mut client = HandlingServiceClient::new(erp.clone());
    client.check_legitimacy(check).await.unwrap();
    routed(&suite, 2).await;
    assert_eq!(get(&erp, &unchecked).await.unwrap().assignee, employee(LI));
}

/// Clauses SG-3, CF-9.1: what is given back goes to another, duty with it; presence ends by
/// itself, and who is not there is given nothing.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_back_goes_to_another_who_is_there() {
    let suite = TestSuite::start().await;
    let (head, erp) = (suite.caller(HEAD), suite.caller_for("erp", "integration"));
    let (li, wang) = (suite.caller(LI), suite.caller(WANG));
    create(&head, queue("installing", &[])).await.unwrap();
    for login in [LI, WANG] {
        set(&head, login, &[], 5).await.unwrap();
    }
    assert_eq!(
        present(&wang, Presence::Available).await.presence(),
        Presence::Available
    );
    suite.clock.advance(Duration::from_secs(121));
    suite.policy_is_fresh().await;
    present(&li, Presence::Available).await;
    let customer = enter(&erp, person()).await;
    let first = opened(&erp, &customer.name).await;
    routed(&suite, 1).await;
    let agents = queues(&head)
        .list_agents(ListAgentsRequest {})
        .await
        .unwrap();
    let agents = agents.into_inner().agents;
    let state: BTreeMap<_, _> = agents
        .iter()
        .map(|one| (one.employee.clone(), (one.presence(), one.open_count)))
        .collect();
    assert_eq!(state[&employee(LI)], (Presence::Available, 1));
    assert_eq!(state[&employee(WANG)], (Presence::Off, 0));

    let mine = get(&li, &first).await.unwrap();
    let release = |reason: &str| ReleaseTicketRequest {
        name: mine.name.clone(),
        etag: mine.etag.clone(),
        reason: reason.into(),
        ..Default::default()
    };
    let refused = queues(&li).release_ticket(release("")).await.unwrap_err();
    assert_eq!(violations(&refused), ["reason"]);
    // Who does not have it cannot give it back, nor see what is in it.
    let refused = queues(&wang)
        .release_ticket(release("不是我的"))
        .await
        .unwrap_err();
    assert_eq!(refusal(&refused).1, "NOT_FOUND_OR_OUT_OF_SCOPE");
    queues(&li)
        .release_ticket(release("我不懂这个型号"))
        .await
        .unwrap();
    assert_eq!(get(&li, &first).await.unwrap_err().code(), Code::NotFound);
    present(&wang, Presence::Available).await;
    routed(&suite, 2).await;
    let given = get(&wang, &first).await.unwrap();
    assert!(
        given
            .messages
            .iter()
            .any(|one| one.body == "我不懂这个型号")
    );
    let causes: Vec<_> = assignments(&wang, &first)
        .await
        .unwrap()
        .iter()
        .map(|one| {
            (
                one.cause(),
                one.from.clone(),
                one.to.clone(),
                one.actor.clone(),
            )
        })
        .collect();
    let (none, li_name, wang_name) = (String::new(), employee(LI), employee(WANG));
    let expected = [
        (
            AssignmentCause::Routed,
            none.clone(),
            li_name.clone(),
            none.clone(),
        ),
        (
            AssignmentCause::Released,
            li_name.clone(),
            none.clone(),
            li_name,
        ),
        (AssignmentCause::Routed, none.clone(), wang_name, none),
    ];
    assert_eq!(causes, expected);
}

/// Clause SG-3: a team mate takes a ticket over and says why; nobody of another department
/// does, and nobody what is theirs.
#[tokio::test(flavor = "multi_thread")]
async fn a_team_mate_takes_a_ticket_over_and_says_why() {
    let suite = TestSuite::start().await;
    let (li, wang) = (suite.caller(LI), suite.caller(WANG));
    let customer = enter(&li, person()).await;
    let first = open(&li, ticket(&customer.name)).await;
    let take = |reason: &str| TakeOverTicketRequest {
        name: first.name.clone(),
        etag: first.etag.clone(),
        request_id: "0190c5a8-0000-7000-8000-00000000aa01".into(),
        reason: reason.into(),
        occurred_time: None,
    };
    let other = suite.caller("guo.jing");
    let refused = queues(&other)
        .take_over_ticket(take("我来"))
        .await
        .unwrap_err();
    assert_eq!(refusal(&refused).1, "NOT_FOUND_OR_OUT_OF_SCOPE");
    let refused = queues(&li)
        .take_over_ticket(take("我来"))
        .await
        .unwrap_err();
    assert_eq!(refusal(&refused).1, "STATE_NOT_ALLOWED");
    let refused = queues(&wang).take_over_ticket(take("")).await.unwrap_err();
    assert_eq!(violations(&refused), ["reason"]);
    let wang = wang.after(&li);
    let taken = queues(&wang)
        .take_over_ticket(take("他在休假"))
        .await
        .unwrap();
    let again = queues(&wang)
        .take_over_ticket(take("他在休假"))
        .await
        .unwrap();
    assert_eq!(taken.into_inner().etag, again.into_inner().etag);
    let mine = get(&wang, &first).await.unwrap();
    assert_eq!(mine.assignee, employee(WANG));
    assert!(mine.messages.iter().any(|one| one.body == "他在休假"));
    assert_eq!(get(&li, &first).await.unwrap_err().code(), Code::NotFound);
    let history = assignments(&wang, &first).await.unwrap();
    assert_eq!(history[0].cause(), AssignmentCause::TakenOver);
    assert_eq!(
        (&history[0].from, &history[0].to),
        (&employee(LI), &employee(WANG))
    );
    // What is solved is not given back.
    let solve = ResolveTicketRequest {
        name: mine.name.clone(),
        etag: mine.etag,
        resolution: "装好了".into(),
        ..Default::default()
    };
    let solved = tickets(&wang)
        .resolve_ticket(solve)
        .await
        .unwrap()
        .into_inner();
    let release = ReleaseTicketRequest {
        name: solved.name,
        etag: solved.etag,
        reason: "不再需要".into(),
        ..Default::default()
    };
    let refused = queues(&wang).release_ticket(release).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "STATE_NOT_ALLOWED");
}

/// Clause SG-2.2: a queue is set up by who answers for the department, once under a code,
/// and changed from what it is.
#[tokio::test(flavor = "multi_thread")]
async fn queues_are_their_departments() {
    let suite = TestSuite::start().await;
    let head = suite.caller(HEAD);
    let stranger = suite.caller("zhou.ting");
    let refused = create(&stranger, queue("installing", &[]))
        .await
        .unwrap_err();
    assert_eq!(refusal(&refused).1, "PERMISSION_MISSING");
    let refused = create(&suite.caller(LI), queue("installing", &[]))
        .await
        .unwrap_err();
    assert_eq!(refusal(&refused).1, "PERMISSION_MISSING");
    let refused = set(&stranger, LI, &[], 3).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "PERMISSION_MISSING");
    let bad = Queue {
        title: String::new(),
        strategy: 0,
        position: -1,
        ..queue("No code", &["Not a skill"])
    };
    let refused = create(&head, bad).await.unwrap_err();
    let expected = [
        "queue.code",
        "queue.title",
        "queue.strategy",
        "queue.position",
        "queue.skills[0]",
    ];
    assert_eq!(violations(&refused), expected);
    let refused = set(&head, LI, &[], 1_001).await.unwrap_err();
    assert_eq!(violations(&refused), ["agent.capacity"]);

    let made = create(&head, queue("installing", &[])).await.unwrap();
    let refused = create(&head, queue("installing", &[])).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "ALREADY_EXISTS");
    let update = |queue: Queue| UpdateQueueRequest {
        queue: Some(queue),
        request_id: String::new(),
    };
    let moved = Queue {
        code: "elsewhere".into(),
        ..made.clone()
    };
    let refused = queues(&head).update_queue(update(moved)).await.unwrap_err();
    assert_eq!(violations(&refused), ["queue.code"]);
    let closed = Queue {
        closed: true,
        ..made.clone()
    };
    let changed = queues(&head)
        .update_queue(update(closed.clone()))
        .await
        .unwrap();
    assert!(changed.into_inner().closed);
    let refused = queues(&head)
        .update_queue(update(closed))
        .await
        .unwrap_err();
    assert_eq!(refusal(&refused).1, "ETAG_MISMATCH");
}

/// Clause SG-3: what a system transfers changed hands when it did there.
#[tokio::test(flavor = "multi_thread")]
async fn hands_are_kept_with_when_they_changed() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await;
    let then = suite.clock.now() - Duration::from_secs(86_400);
    let one = Ticket {
        kind: TicketKind::ServiceRequest.into(),
        received_time: Some(to_proto(then)),
        ..ticket(&customer.name)
    };
    let mut one = open(&erp, one).await;
    for (login, hours) in [(LI, 1), (WANG, 2)] {
        let request = AssignTicketRequest {
            name: one.name.clone(),
            etag: one.etag.clone(),
            assignee: employee(login),
            occurred_time: Some(to_proto(then + Duration::from_secs(hours * 3600))),
            ..Default::default()
        };
        one = tickets(&erp)
            .assign_ticket(request)
            .await
            .unwrap()
            .into_inner();
    }
    let now = AssignTicketRequest {
        name: one.name.clone(),
        etag: one.etag.clone(),
        assignee: employee(LI),
        ..Default::default()
    };
    // Nobody looked whether it is served: that is not asked for what has happened alone.
    let refused = tickets(&erp).assign_ticket(now).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "STEP_MISSING");
    let hands = assignments(&erp, &one).await.unwrap();
    let told: Vec<_> = hands
        .iter()
        .map(|one| {
            (
                one.to.clone(),
                one.occurred_time,
                one.record_time == one.occurred_time,
            )
        })
        .collect();
    let at = |hours: u64| Some(to_proto(then + Duration::from_secs(hours * 3600)));
    assert_eq!(
        told,
        [(employee(LI), at(1), false), (employee(WANG), at(2), false)]
    );
    assert_eq!(hands[1].from, employee(LI));
}
