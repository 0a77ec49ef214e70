//! Who has to take what: found once, seen by whom it concerns, and over when they go.

use std::collections::BTreeSet;

use kefu_contracts::access::{
    CountTrainingObligationsRequest, CreateEmployeeRequest, ListEnrolmentsRequest,
    TrainingObligationCause as Cause, TrainingObligationCount, TrainingObligationEnd as End,
    TrainingObligationState as State, TransferEmployeeRequest,
};

use super::*;

async fn counts(by: &Caller) -> Vec<TrainingObligationCount> {
    let request = CountTrainingObligationsRequest {};
    let answer = by.training().count_training_obligations(request).await;
    answer.unwrap().into_inner().counts
}

/// Whom the secrecy course of these tests concerns and who is not trained for another 30 days.
const CONCERNED: &str = "
    WITH RECURSIVE below AS (
        SELECT id FROM department WHERE code = 'call_centre'
        UNION ALL SELECT d.id FROM department d JOIN below b ON d.parent_id = b.id
    )
    SELECT count(*) FROM employee e JOIN below b ON b.id = e.department_id
    WHERE NOT e.system_account
      AND COALESCE(e.training_valid_until <= '2026-03-02T08:00:01Z'::timestamptz + interval '30 days', true)";

/// Clause OP-4.1: who joined, whose training lapsed or will is found by the clock, once with two
/// instances; what is overdue is told of once; what is passed is met.
#[tokio::test]
async fn who_has_to_take_what_is_found_once() {
    let house = House::new().await;
    let _second = house.replica();
    let by = trainer(&house);
    let course = create(&by, secrecy(&house)).await.unwrap();
    let concerned = house.count(CONCERNED).await as usize;
    assert!(concerned >= 3, "{concerned}");
    house.clock.advance(Duration::from_secs(31));
    told(&house, TrainingEvent::Obliged, concerned).await;
    let all = owed(&by, "").await;
    assert_eq!(all.len(), concerned);
    let of = |login: &str| {
        let name = house.employee(login);
        let mut own = all.iter().filter(move |one| one.employee == name);
        own.next().map(|one| (one.cause(), one.state()))
    };
    assert_eq!(of("xu.jing"), Some((Cause::Lapse, State::Due)));
    assert_eq!(of("hu.tao"), Some((Cause::New, State::Due)));
    // Trained for longer, and of no department that has to.
    assert_eq!((of("li.wei"), of("wu.peng")), (None, None));
    // Nobody is late by a course that was not there.
    let due = all
        .iter()
        .find(|one| one.employee == house.employee("xu.jing"));
    let due = due.unwrap().due_time;
    let created = course.create_time.unwrap().seconds;
    assert_eq!(due.map(|at| at.seconds), Some(created + 14 * 86_400));

    let held = held(&house, &course, &["xu.jing"]).await;
    let passed = record(&by, marks(&house.employee("xu.jing"), &held, 90)).await;
    passed.unwrap();
    house.clock.advance(DAY * 15);
    let late = told(&house, TrainingEvent::Overdue, concerned - 1).await;
    assert_eq!(late.len(), concerned - 1);
    let overdue = owed(&by, "state = OVERDUE").await;
    assert_eq!(overdue.len(), concerned - 1);
    // The next whose training lapses is told of it 30 days before.
    house.clock.advance(DAY * 60);
    let wang = house.employee("wang.fang");
    let more = told(&house, TrainingEvent::Obliged, concerned + 1).await;
    assert!(more.iter().any(|(_, one)| one.employee_id == id_of(&wang)));
    let each: BTreeSet<_> = more.iter().map(|(_, one)| &one.obligation_id).collect();
    assert_eq!(each.len(), more.len(), "each arose once");
    let late = told(&house, TrainingEvent::Overdue, concerned - 1).await;
    let each: BTreeSet<_> = late.iter().map(|(_, one)| &one.obligation_id).collect();
    assert_eq!(each.len(), late.len(), "each fell due once");
}

/// Clause OP-4.1: monthly training is taken again a month later by whoever holds the post.
#[tokio::test]
async fn monthly_training_comes_again_every_month() {
    let house = House::new().await;
    let by = trainer(&house);
    let monthly = CourseDefinition {
        kind: CourseKind::Monthly.into(),
        repeat_months: 1,
        roles: vec!["roles/quality_inspector".into()],
        ..voluntary()
    };
    let course = create(&by, monthly).await.unwrap();
    house.clock.advance(Duration::from_secs(31));
    let first = told(&house, TrainingEvent::Obliged, 1).await;
    let inspectors =
        "SELECT count(DISTINCT subject_id) FROM binding WHERE role_id = 'quality_inspector'";
    assert_eq!(first.len() as i64, house.count(inspectors).await);
    let all = owed(&by, "cause = NEW").await;
    let one = all[0].employee.clone();
    let login = house.seeded.employees.iter();
    let login = login
        .map(|(login, _)| login)
        .find(|login| house.employee(login) == one);
    let held = held(&house, &course, &[login.unwrap()]).await;
    record(&by, marks(&one, &held, 8)).await.unwrap();
    let open = format!("employee = {one} AND state = DUE");
    assert!(owed(&by, &open).await.is_empty());
    house.clock.advance(DAY * 31);
    told(&house, TrainingEvent::Obliged, first.len() + 1).await;
    let again = owed(&by, &open).await;
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].cause(), Cause::Repeat);
}

/// Clauses OP-4.1, CC-1.1: who joins has to take what their department has to, by so many days
/// after; who moves away need not; who leaves has nothing to take and no seat to keep.
#[tokio::test]
async fn joining_moving_and_leaving_count() {
    let house = House::new().await;
    let by = trainer(&house);
    let course = create(&by, secrecy(&house)).await.unwrap();
    house.clock.advance(DAY);
    let joins = house.clock.now() + DAY * 2;
    let create = CreateEmployeeRequest {
        employee: Some(Employee {
            login: "new.comer".into(),
            title: "新人".into(),
            department: house.department("complaints"),
            join_time: Some(to_proto(joins)),
            ..Employee::default()
        }),
        request_id: String::new(),
    };
    let mut organisation = house.administrator().organisation();
    let joined = organisation
        .create_employee(create)
        .await
        .unwrap()
        .into_inner();
    let own = format!("employee = {}", joined.name);
    assert!(owed(&by, &own).await.is_empty());
    house.clock.advance(DAY * 2);
    let id = id_of(&joined.name);
    let obliged = async |at_least: usize| {
        let own =
            |one: &TrainingChanged| one.event() == TrainingEvent::Obliged && one.employee_id == id;
        told_where(&house, at_least, own).await
    };
    obliged(1).await;
    let all = owed(&by, &own).await;
    assert_eq!((all.len(), all[0].cause()), (1, Cause::New));
    assert_eq!(all[0].due_time, Some(to_proto(joins + DAY * 14)));

    let transfer = |code: &str| TransferEmployeeRequest {
        name: joined.name.clone(),
        department: house.department(code),
        ..TransferEmployeeRequest::default()
    };
    let mut staff = house.administrator().staff();
    staff.transfer_employee(transfer("sales")).await.unwrap();
    house.clock.advance(Duration::from_secs(31));
    let ended = told(&house, TrainingEvent::ObligationEnded, 1).await;
    assert_eq!(ended[0].1.end(), End::Released);
    staff
        .transfer_employee(transfer("complaints"))
        .await
        .unwrap();
    house.clock.advance(Duration::from_secs(31));
    obliged(2).await;

    let planned = plan(&by, session(&house, &course, 1)).await.unwrap();
    enrol(&by, &planned.name, &joined.name).await.unwrap();
    house.clock.advance(Duration::from_secs(1));
    let waits = enrol(&by, &planned.name, &house.employee("hu.tao"))
        .await
        .unwrap();
    assert_eq!(waits.state(), EnrolmentState::Waiting);
    leave(&house, &joined.name).await;
    let ended = told(&house, TrainingEvent::ObligationEnded, 2).await;
    let ends: Vec<_> = ended.iter().map(|(_, one)| one.end()).collect();
    assert_eq!(ends, [End::Released, End::Left]);
    let moved = told(&house, TrainingEvent::MovedUp, 1).await;
    assert_eq!(moved[0].1.employee_id, id_of(&house.employee("hu.tao")));
    assert!(moved[0].0.entry.actor_id.is_empty(), "by itself");
    assert!(
        owed(&by, &format!("{own} AND state = DUE"))
            .await
            .is_empty()
    );
}

/// Clauses OP-4.1, CF-8.1: training is seen by themselves, their head and the trainers; to anybody
/// else there is none, and what is seen is in the journal.
#[tokio::test]
async fn training_is_seen_by_whom_it_concerns() {
    let house = House::new().await;
    let by = trainer(&house);
    let course = create(&by, secrecy(&house)).await.unwrap();
    let held = held(&house, &course, &["xu.jing", "guo.jing"]).await;
    for login in ["xu.jing", "guo.jing"] {
        record(&by, marks(&house.employee(login), &held, 20))
            .await
            .unwrap();
    }
    let failed = "cause = FAILED";
    let (xu, guo) = (house.employee("xu.jing"), house.employee("guo.jing"));
    let seen = async |by: &Caller| {
        let enrolled = ListEnrolmentsRequest {
            filter: format!("session = {held}"),
            ..Default::default()
        };
        let enrolled = by.training().list_enrolments(enrolled).await.unwrap();
        let enrolled = enrolled.into_inner().enrolments;
        let owed = owed(by, failed).await;
        let request = ListTrainingResultsRequest {
            filter: format!("course = {}", course.name),
            ..Default::default()
        };
        let results = by.training().list_training_results(request).await.unwrap();
        let results = results.into_inner().results;
        let enrolled: BTreeSet<_> = enrolled.into_iter().map(|one| one.employee).collect();
        let owed: BTreeSet<_> = owed.into_iter().map(|one| one.employee).collect();
        let results: BTreeSet<_> = results.into_iter().map(|one| one.employee).collect();
        assert_eq!((&enrolled, &enrolled), (&owed, &results));
        enrolled.into_iter().collect::<Vec<_>>()
    };
    let mut both = vec![xu.clone(), guo.clone()];
    both.sort_unstable();
    assert_eq!(seen(&by).await, both);
    assert_eq!(
        seen(&house.person("xu.jing")).await,
        std::slice::from_ref(&xu)
    );
    assert_eq!(
        seen(&head(&house, "zhou.ting", "complaints")).await,
        std::slice::from_ref(&guo)
    );
    assert_eq!(seen(&house.person("li.wei")).await, Vec::<String>::new());

    let complaints = house.department("complaints");
    let of_head = counts(&head(&house, "zhou.ting", "complaints")).await;
    assert!(!of_head.is_empty());
    assert!(
        of_head
            .iter()
            .all(|one| one.department == complaints && one.course == course.name)
    );
    let mut open = 0;
    for one in counts(&by).await {
        open += one.due_count + one.overdue_count;
    }
    let kept = "SELECT count(*) FROM training_obligation WHERE state IN (1, 2)";
    assert_eq!(open, house.count(kept).await);
    assert!(counts(&house.person("wu.peng")).await.is_empty());

    let views = house.journal(EntryKind::View, 1).await;
    let of = |actor: &str, kind: &str| {
        let actor = house.id(actor);
        let own = views
            .iter()
            .filter(|one| one.entry.actor_id == actor.as_bytes());
        own.filter(|one| one.entry.r#type == kind).count()
    };
    assert_eq!(
        of("xu.jing", "training.viewed"),
        3,
        "an enrolment, an obligation and a result"
    );
    assert_eq!(of("zhou.ting", "training.counted"), 1);
}
