//! What is refused, and with all that is wrong at once.

use kefu_contracts::access::{
    CancelTrainingSessionRequest, CloseTrainingSessionRequest, CorrectTrainingResultRequest,
    GetCourseRequest, GetTrainingSessionRequest, ListCoursesRequest, ListEnrolmentsRequest,
    ListSkillsRequest, ListTrainingSessionsRequest, RetireCourseRequest, ReviseCourseRequest,
    WithdrawEnrolmentRequest,
};

use super::*;
use crate::house::{reason, violations};

macro_rules! refused {
    ($by:expr, $method:ident, $request:expr) => {
        violations(&$by.training().$method($request).await.unwrap_err())
    };
}

/// Every violation of every request at once.
#[tokio::test]
async fn every_violation_of_training_is_told_at_once() {
    let house = House::new().await;
    let by = trainer(&house);
    let name = ["name REQUIRED"];
    assert_eq!(
        refused!(by, create_course, CreateCourseRequest::default()),
        ["definition REQUIRED"]
    );
    let unknown = CourseDefinition {
        departments: vec![
            house.department("sales"),
            format!("departments/{}", Uuid::from_u128(5)),
        ],
        roles: vec!["roles/wizard".into()],
        pass_marks: 0,
        ..secrecy(&house)
    };
    assert_eq!(
        violations(&create(&by, unknown).await.unwrap_err()),
        [
            "definition.pass_marks OUT_OF_RANGE",
            "definition.departments[1] UNKNOWN",
            "definition.roles[0] UNKNOWN"
        ]
    );
    assert_eq!(
        refused!(by, revise_course, ReviseCourseRequest::default()),
        ["name REQUIRED", "etag REQUIRED", "definition REQUIRED"]
    );
    assert_eq!(
        refused!(by, retire_course, RetireCourseRequest::default()),
        ["name REQUIRED", "etag REQUIRED"]
    );
    assert_eq!(refused!(by, get_course, GetCourseRequest::default()), name);
    assert_eq!(
        violations(&plan(&by, TrainingSession::default()).await.unwrap_err()),
        [
            "session.course REQUIRED",
            "session.trainer REQUIRED",
            "session.begin_time REQUIRED",
            "session.end_time REQUIRED",
            "session.place REQUIRED",
            "session.seats OUT_OF_RANGE"
        ]
    );
    let course = create(&by, voluntary()).await.unwrap();
    let backwards = TrainingSession {
        begin_time: Some(to_proto(house.clock.now() - DAY)),
        end_time: Some(to_proto(house.clock.now() - DAY * 2)),
        trainer: "employees/0190c5a8-0000-7000-8000-0000000000ab".into(),
        ..session(&house, &course, 1001)
    };
    assert_eq!(
        violations(&plan(&by, backwards).await.unwrap_err()),
        [
            "session.begin_time CONTRADICTION",
            "session.end_time CONTRADICTION",
            "session.seats OUT_OF_RANGE",
            "session.trainer UNKNOWN"
        ]
    );
    let (hold, close) = (
        HoldTrainingSessionRequest::default(),
        CloseTrainingSessionRequest::default(),
    );
    assert_eq!(refused!(by, hold_training_session, hold), name);
    assert_eq!(refused!(by, close_training_session, close), name);
    let cancel = CancelTrainingSessionRequest::default();
    assert_eq!(
        refused!(by, cancel_training_session, cancel),
        ["name REQUIRED", "reason REQUIRED"]
    );
    let get = GetTrainingSessionRequest::default();
    assert_eq!(refused!(by, get_training_session, get), name);
    assert_eq!(
        violations(&enrol(&by, "", "").await.unwrap_err()),
        ["session REQUIRED", "employee REQUIRED"]
    );
    let withdraw = WithdrawEnrolmentRequest::default();
    assert_eq!(refused!(by, withdraw_enrolment, withdraw), name);
    let attendance = RecordAttendanceRequest::default();
    assert_eq!(
        refused!(by, record_attendance, attendance),
        ["name REQUIRED", "attendance REQUIRED"]
    );
    let seat = RecordAttendanceRequest {
        attendance: EnrolmentState::Enrolled.into(),
        ..RecordAttendanceRequest::default()
    };
    assert_eq!(
        refused!(by, record_attendance, seat),
        ["name REQUIRED", "attendance NOT_APPLICABLE"]
    );
    let silent = RecordAttendanceRequest {
        attendance: EnrolmentState::Absent.into(),
        ..RecordAttendanceRequest::default()
    };
    assert_eq!(
        refused!(by, record_attendance, silent),
        ["name REQUIRED", "reason REQUIRED"]
    );
    let result = RecordTrainingResultRequest::default();
    assert_eq!(
        refused!(by, record_training_result, result),
        ["employee REQUIRED", "course REQUIRED", "evidence REQUIRED"]
    );
    let correction = CorrectTrainingResultRequest::default();
    assert_eq!(
        refused!(by, correct_training_result, correction),
        ["name REQUIRED", "reason REQUIRED"]
    );
    assert_eq!(
        refused!(by, list_skills, ListSkillsRequest::default()),
        ["employee REQUIRED"]
    );
    let filter = || "colour = red".to_owned();
    let bad = ["filter FILTER"];
    let courses = ListCoursesRequest {
        filter: filter(),
        ..Default::default()
    };
    assert_eq!(refused!(by, list_courses, courses), bad);
    let sessions = ListTrainingSessionsRequest {
        filter: filter(),
        ..Default::default()
    };
    assert_eq!(refused!(by, list_training_sessions, sessions), bad);
    let enrolments = ListEnrolmentsRequest {
        filter: filter(),
        ..Default::default()
    };
    assert_eq!(refused!(by, list_enrolments, enrolments), bad);
    let results = ListTrainingResultsRequest {
        filter: filter(),
        ..Default::default()
    };
    assert_eq!(refused!(by, list_training_results, results), bad);
    let owed = ListTrainingObligationsRequest {
        filter: filter(),
        ..Default::default()
    };
    assert_eq!(refused!(by, list_training_obligations, owed), bad);
}

/// Clause OP-4.1: whoever is beyond the caller's reach is not there, in whatever is done.
#[tokio::test]
async fn who_is_out_of_reach_is_not_there() {
    let house = House::new().await;
    let by = trainer(&house);
    let course = create(&by, voluntary()).await.unwrap();
    let planned = plan(&by, session(&house, &course, 5)).await.unwrap();
    let li = house.employee("li.wei");
    let other = head(&house, "zhou.ting", "complaints");
    let unknown = ["employee UNKNOWN"];
    for stranger in [&other, &house.person("ma.chao")] {
        let refused = enrol(stranger, &planned.name, &li).await.unwrap_err();
        assert_eq!(violations(&refused), unknown);
    }
    let machine = house.employee("erp");
    let refused = enrol(&by, &planned.name, &machine).await.unwrap_err();
    assert_eq!(violations(&refused), unknown);
    let enrolled = enrol(&by, &planned.name, &li).await.unwrap();
    let withdraw = WithdrawEnrolmentRequest {
        name: enrolled.name.clone(),
        request_id: String::new(),
    };
    let hidden = other
        .training()
        .withdraw_enrolment(withdraw)
        .await
        .unwrap_err();
    assert_eq!(reason(&hidden), "NOT_FOUND_OR_OUT_OF_SCOPE");
    let hidden = attend(&other, &enrolled.name, EnrolmentState::Present).await;
    assert_eq!(reason(&hidden.unwrap_err()), "NOT_FOUND_OR_OUT_OF_SCOPE");
    let hidden = hold(&other, &planned.name).await.unwrap_err();
    assert_eq!(reason(&hidden), "NOT_FOUND_OR_OUT_OF_SCOPE");
    house.clock.advance(Duration::from_secs(3600));
    hold(&by, &planned.name).await.unwrap();
    attend(&by, &enrolled.name, EnrolmentState::Present)
        .await
        .unwrap();
    let refused = record(&other, marks(&li, &planned.name, 3))
        .await
        .unwrap_err();
    assert_eq!(violations(&refused), unknown);
    let failed = record(&by, marks(&li, &planned.name, 3)).await.unwrap();
    let correction = CorrectTrainingResultRequest {
        name: failed.name.clone(),
        marks: 10,
        reason: "算错".into(),
        request_id: String::new(),
    };
    let hidden = other
        .training()
        .correct_training_result(correction)
        .await
        .unwrap_err();
    assert_eq!(reason(&hidden), "NOT_FOUND_OR_OUT_OF_SCOPE");
    let nobody = GetTrainingSessionRequest {
        name: "training-sessions/0190c5a8-0000-7000-8000-0000000000ab".into(),
    };
    let hidden = by
        .training()
        .get_training_session(nobody)
        .await
        .unwrap_err();
    assert_eq!(reason(&hidden), "NOT_FOUND_OR_OUT_OF_SCOPE");
    // What is asked for and not shown is in the journal, and what was to be changed.
    let refusals = house.journal(EntryKind::Refusal, 5).await;
    let refused: Vec<_> = refusals
        .iter()
        .map(|one| (one.entry.r#type.as_str(), one.entry.resource.as_str()))
        .collect();
    let of = |resource| ("training.refused", resource);
    let hidden = [
        of(enrolled.name.as_str()),
        of(&enrolled.name),
        of(&planned.name),
        of(&failed.name),
        of("training-sessions/0190c5a8-0000-7000-8000-0000000000ab"),
    ];
    assert_eq!(refused, hidden);
}

/// A request that is repeated has the same answer, and is carried out once.
#[tokio::test]
async fn a_repeated_request_of_training_is_carried_out_once() {
    let house = House::new().await;
    let by = trainer(&house);
    let course = create(&by, secrecy(&house)).await.unwrap();
    let held = held(&house, &course, &["xu.jing"]).await;
    let request = RecordTrainingResultRequest {
        request_id: Uuid::from_u128(9).to_string(),
        ..marks(&house.employee("xu.jing"), &held, 90)
    };
    let first = record(&by, request.clone()).await.unwrap();
    assert_eq!(record(&by, request.clone()).await.unwrap(), first);
    let other = RecordTrainingResultRequest {
        marks: 91,
        ..request
    };
    let reused = record(&by, other).await.unwrap_err();
    assert_eq!(reason(&reused), "REQUEST_ID_REUSED");
    assert_eq!(house.count("SELECT count(*) FROM qualification").await, 1);
    assert_eq!(house.count("SELECT count(*) FROM training_result").await, 1);
}
