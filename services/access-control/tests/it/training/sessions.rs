//! Sessions: seats, who waits, who was there, and closing.

use kefu_contracts::access::{
    CancelTrainingSessionRequest, CloseTrainingSessionRequest, GetTrainingSessionRequest,
    ListEnrolmentsRequest, TrainingSessionState, WithdrawEnrolmentRequest,
};

use super::*;
use crate::house::{reason, said, violations};

async fn close(by: &Caller, session: &str) -> Result<TrainingSession, Status> {
    let request = CloseTrainingSessionRequest {
        name: session.into(),
        request_id: String::new(),
    };
    let answer = by.training().close_training_session(request).await;
    answer.map(Response::into_inner)
}

async fn withdraw(by: &Caller, enrolment: &str) -> Result<Enrolment, Status> {
    let request = WithdrawEnrolmentRequest {
        name: enrolment.into(),
        request_id: String::new(),
    };
    let answer = by.training().withdraw_enrolment(request).await;
    answer.map(Response::into_inner)
}

async fn in_session(by: &Caller, session: &str) -> Vec<Enrolment> {
    let request = ListEnrolmentsRequest {
        filter: format!("session = {session}"),
        order_by: "enrol_time".into(),
        ..Default::default()
    };
    let answer = by.training().list_enrolments(request).await.unwrap();
    answer.into_inner().enrolments
}

/// Clause OP-4.1: people enrol, wait for seats and get them in their turn; who came is recorded
/// by the trainer, and the session is closed when all of it is known.
#[tokio::test]
async fn a_session_goes_its_whole_way() {
    let house = House::new().await;
    let by = trainer(&house);
    let course = create(&by, voluntary()).await.unwrap();
    let planned = plan(&by, session(&house, &course, 2)).await.unwrap();
    // By oneself, by the head, by the trainer.
    let (li, guo) = (house.employee("li.wei"), house.employee("guo.jing"));
    let own = enrol(&house.person("li.wei"), &planned.name, &li)
        .await
        .unwrap();
    house.clock.advance(Duration::from_secs(1));
    let head = head(&house, "zhou.ting", "complaints");
    let theirs = enrol(&head, &planned.name, &guo).await.unwrap();
    house.clock.advance(Duration::from_secs(1));
    let waiting = enrol(&by, &planned.name, &house.employee("ma.chao"))
        .await
        .unwrap();
    house.clock.advance(Duration::from_secs(1));
    let last = enrol(&by, &planned.name, &house.employee("xu.jing"))
        .await
        .unwrap();
    use EnrolmentState::{Absent, Enrolled, Part, Present, Waiting, Withdrawn};
    let states = [own.state(), theirs.state(), waiting.state(), last.state()];
    assert_eq!(states, [Enrolled, Enrolled, Waiting, Waiting]);
    let twice = enrol(&by, &planned.name, &house.employee("li.wei")).await;
    assert_eq!(said(&twice.unwrap_err(), "enrolment"), own.name);

    let left = withdraw(&house.person("li.wei"), &own.name).await.unwrap();
    assert_eq!(left.state(), Withdrawn);
    let get = GetTrainingSessionRequest {
        name: planned.name.clone(),
    };
    let everybody = house.caller(house.id("song.yue"), Scope::All);
    let now = everybody
        .training()
        .get_training_session(get)
        .await
        .unwrap();
    let now = now.into_inner();
    assert_eq!((now.enrolled_count, now.waiting_count), (2, 1));
    let moved = told(&house, TrainingEvent::MovedUp, 1).await;
    assert_eq!(moved[0].1.employee_id, id_of(&house.employee("ma.chao")));

    let early = hold(&by, &planned.name).await.unwrap_err();
    assert_eq!(reason(&early), "STATE_NOT_ALLOWED");
    let early = attend(&by, &theirs.name, Present).await.unwrap_err();
    assert_eq!(reason(&early), "STATE_NOT_ALLOWED");
    house.clock.advance(Duration::from_secs(3600));
    assert_eq!(
        hold(&by, &planned.name).await.unwrap().state(),
        TrainingSessionState::Held
    );
    let late = enrol(&by, &planned.name, &house.employee("luo.yong")).await;
    assert_eq!(reason(&late.unwrap_err()), "STATE_NOT_ALLOWED");
    let late = withdraw(&by, &theirs.name).await.unwrap_err();
    assert_eq!(reason(&late), "STATE_NOT_ALLOWED");

    attend(&by, &theirs.name, Part).await.unwrap();
    let open = close(&by, &planned.name).await.unwrap_err();
    assert_eq!(
        said(&open, "open"),
        format!("{}, {}", theirs.name, waiting.name)
    );
    attend(&by, &waiting.name, Absent).await.unwrap();
    let absent = record(&by, marks(&house.employee("ma.chao"), &planned.name, 9)).await;
    assert_eq!(reason(&absent.unwrap_err()), "STATE_NOT_ALLOWED");
    record(&by, marks(&house.employee("guo.jing"), &planned.name, 9))
        .await
        .unwrap();
    // Who has a result was there.
    let there = attend(&by, &theirs.name, Absent).await.unwrap_err();
    assert_eq!(reason(&there), "ALREADY_EXISTS");
    let closed = close(&by, &planned.name).await.unwrap();
    assert_eq!(closed.state(), TrainingSessionState::Closed);
    let over = attend(&by, &theirs.name, Present).await.unwrap_err();
    assert_eq!(reason(&over), "STATE_NOT_ALLOWED");
    let states: Vec<_> = in_session(&by, &planned.name).await;
    let states: Vec<_> = states.iter().map(Enrolment::state).collect();
    assert_eq!(states, [Withdrawn, Part, Absent, Waiting]);
    // Who was absent takes it again, and is told by when.
    let missed = owed(&by, "cause = MISSED").await;
    assert_eq!(missed.len(), 1);
    assert_eq!(missed[0].employee, house.employee("ma.chao"));
    let due = house.clock.now() + DAY * 7;
    assert_eq!(missed[0].due_time, Some(to_proto(due)));
    assert_eq!(told(&house, TrainingEvent::Attended, 2).await.len(), 2);
}

/// Who was asked to hold a session records who came to it; of no other session, and never of
/// themselves.
#[tokio::test]
async fn whoever_holds_a_session_records_who_came() {
    let house = House::new().await;
    let by = trainer(&house);
    let course = create(&by, voluntary()).await.unwrap();
    let of = |login: &str| TrainingSession {
        trainer: house.employee(login),
        ..session(&house, &course, 3)
    };
    let (own, other) = (
        plan(&by, of("zhao.lei")).await.unwrap(),
        plan(&by, of("li.wei")).await.unwrap(),
    );
    let theirs = enrol(&by, &own.name, &house.employee("ma.chao"))
        .await
        .unwrap();
    let elsewhere = enrol(&by, &other.name, &house.employee("ma.chao"))
        .await
        .unwrap();
    let themselves = enrol(&by, &own.name, &house.employee("zhao.lei"))
        .await
        .unwrap_err();
    assert_eq!(
        crate::house::violations(&themselves),
        ["employee NOT_APPLICABLE"]
    );
    house.clock.advance(Duration::from_secs(3600));
    let holder = house.person("zhao.lei");
    hold(&holder, &own.name).await.unwrap();
    attend(&holder, &theirs.name, EnrolmentState::Present)
        .await
        .unwrap();
    let hidden = hold(&holder, &other.name).await.unwrap_err();
    assert_eq!(reason(&hidden), "NOT_FOUND_OR_OUT_OF_SCOPE");
    hold(&by, &other.name).await.unwrap();
    let hidden = attend(&holder, &elsewhere.name, EnrolmentState::Present).await;
    assert_eq!(reason(&hidden.unwrap_err()), "NOT_FOUND_OR_OUT_OF_SCOPE");
    let candidate = house.caller(house.id("ma.chao"), Scope::All);
    let oneself = attend(&candidate, &elsewhere.name, EnrolmentState::Present).await;
    assert_eq!(reason(&oneself.unwrap_err()), "NOT_THE_CALLERS_TURN");
}

/// A session that does not take place has nobody in it.
#[tokio::test]
async fn a_cancelled_session_has_nobody_in_it() {
    let house = House::new().await;
    let by = trainer(&house);
    let course = create(&by, voluntary()).await.unwrap();
    let planned = plan(&by, session(&house, &course, 1)).await.unwrap();
    for login in ["li.wei", "ma.chao"] {
        enrol(&by, &planned.name, &house.employee(login))
            .await
            .unwrap();
    }
    let cancel = CancelTrainingSessionRequest {
        name: planned.name.clone(),
        reason: "培训师请假".into(),
        request_id: String::new(),
    };
    let cancelled = by.training().cancel_training_session(cancel.clone()).await;
    let cancelled = cancelled.unwrap().into_inner();
    assert_eq!(cancelled.state(), TrainingSessionState::Cancelled);
    assert_eq!((cancelled.enrolled_count, cancelled.waiting_count), (0, 0));
    assert_eq!(cancelled.cancel_reason, "培训师请假");
    let left = in_session(&by, &planned.name).await;
    assert!(
        left.iter()
            .all(|one| one.state() == EnrolmentState::Withdrawn)
    );
    let again = by
        .training()
        .cancel_training_session(cancel)
        .await
        .unwrap_err();
    assert_eq!(reason(&again), "STATE_NOT_ALLOWED");
    house.clock.advance(DAY);
    let never = hold(&by, &planned.name).await.unwrap_err();
    assert_eq!(reason(&never), "STATE_NOT_ALLOWED");
}

/// Clause OP-4.1: who was there and has left since has a result all the same, by when it was taken,
/// so that the session can be closed; whoever has left takes nothing again.
#[tokio::test]
async fn who_left_since_has_a_result_of_what_they_came_to() {
    let house = House::new().await;
    let by = trainer(&house);
    let course = create(&by, voluntary()).await.unwrap();
    let (li, guo) = (house.employee("li.wei"), house.employee("guo.jing"));
    let held = held(&house, &course, &["li.wei", "guo.jing"]).await;
    let taken = house.clock.now();
    for login in ["li.wei", "guo.jing"] {
        leave(&house, &house.employee(login)).await;
    }
    let open = close(&by, &held).await.unwrap_err();
    assert_eq!(reason(&open), "STATE_NOT_ALLOWED");
    // Nobody takes anything once they have left, nor the exam alone.
    let late = record(&by, marks(&li, &held, 9)).await.unwrap_err();
    assert_eq!(violations(&late), ["employee UNKNOWN"]);
    let at_the_time = |request: RecordTrainingResultRequest| RecordTrainingResultRequest {
        take_time: Some(to_proto(taken)),
        ..request
    };
    let alone = at_the_time(again(&li, &course.name, 9));
    let alone = record(&by, alone).await.unwrap_err();
    assert_eq!(violations(&alone), ["employee UNKNOWN"]);
    let passed = record(&by, at_the_time(marks(&li, &held, 9))).await;
    assert!(passed.unwrap().passed);
    let failed = record(&by, at_the_time(marks(&guo, &held, 2))).await;
    assert!(!failed.unwrap().passed);
    assert!(owed(&by, "cause = FAILED").await.is_empty());
    let closed = close(&by, &held).await.unwrap();
    assert_eq!(closed.state(), TrainingSessionState::Closed);
}

/// Clause OP-4.1: an absence that is recorded again is the same one: what it led to is due when it
/// was, and told of once.
#[tokio::test]
async fn an_absence_recorded_again_prolongs_nothing() {
    let house = House::new().await;
    let by = trainer(&house);
    let course = create(&by, voluntary()).await.unwrap();
    let planned = plan(&by, session(&house, &course, 1)).await.unwrap();
    let seat = enrol(&by, &planned.name, &house.employee("li.wei"))
        .await
        .unwrap();
    house.clock.advance(Duration::from_secs(3600));
    hold(&by, &planned.name).await.unwrap();
    let due = to_proto(house.clock.now() + DAY * 7);
    for _ in 0..2 {
        attend(&by, &seat.name, EnrolmentState::Absent)
            .await
            .unwrap();
        house.clock.advance(DAY);
    }
    let missed = owed(&by, "cause = MISSED").await;
    assert_eq!(missed.len(), 1);
    assert_eq!(missed[0].due_time, Some(due));
    assert_eq!(told(&house, TrainingEvent::Attended, 2).await.len(), 2);
    assert_eq!(told(&house, TrainingEvent::Obliged, 1).await.len(), 1);
}
