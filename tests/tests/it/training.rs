//! Training from the gateway to what is shown of customers (OP-4.1, SG-6, CF-8.1).

use std::time::Duration;

use kefu_access_control::seed::department_id;
use kefu_contracts::{
    access::{
        Course, CourseDefinition, CourseKind, CreateCourseRequest, CreateEnrolmentRequest,
        CreateTrainingSessionRequest, EnrolmentState, HoldTrainingSessionRequest,
        ListTrainingObligationsRequest, ListTrainingResultsRequest, RecordAttendanceRequest,
        RecordTrainingResultRequest, ResultMeans, TrainingEvent, TrainingObligation,
        TrainingObligationCause, TrainingObligationState, TrainingResult, TrainingSession,
        training_service_client::TrainingServiceClient,
    },
    journal::{Event, event},
};
use kefu_service::{
    clock::Clock,
    time::{from_proto, to_proto},
};
use kefu_testkit::{Caller, TestSuite, employee_id, eventually};
use prost::Message;
use tonic::{Code, Status};

use crate::records::{enter, get, person, refusal};

const TRAINER: &str = "he.xiaoyan";
const AGENT: &str = "xu.jing";
const WHOLE: &str = "+8613812345678";
const MASKED: &str = "138****5678";

fn training(caller: &Caller) -> TrainingServiceClient<Caller> {
    TrainingServiceClient::new(caller.clone())
}

fn employee(login: &str) -> String {
    format!("employees/{}", employee_id(login))
}

/// Secrecy training of the call centre, which holds for half a year.
fn secrecy() -> CreateCourseRequest {
    CreateCourseRequest {
        definition: Some(CourseDefinition {
            title_zh: "保密培训".into(),
            title_en: "Secrecy".into(),
            kind: CourseKind::SpecialTopic.into(),
            means: ResultMeans::Exam.into(),
            full_marks: 100,
            pass_marks: 80,
            secrecy: true,
            validity_months: 6,
            departments: vec![format!("departments/{}", department_id("call_centre"))],
            due_days: 14,
            notice_days: 30,
            retake_days: 7,
            ..CourseDefinition::default()
        }),
        request_id: String::new(),
    }
}

async fn course(suite: &TestSuite) -> Course {
    let trainer = suite.caller(TRAINER);
    let created = training(&trainer).create_course(secrecy()).await;
    created.unwrap().into_inner()
}

/// A session that the agent enrols for and comes to; tells its name.
async fn attended(suite: &TestSuite, course: &Course) -> String {
    let begin = suite.clock.now() + Duration::from_secs(600);
    let session = TrainingSession {
        course: course.name.clone(),
        trainer: employee(TRAINER),
        begin_time: Some(to_proto(begin)),
        end_time: Some(to_proto(begin + Duration::from_secs(3600))),
        place: "三楼培训室".into(),
        seats: 10,
        ..TrainingSession::default()
    };
    let mut trainer = training(&suite.caller(TRAINER));
    let request = CreateTrainingSessionRequest {
        session: Some(session),
        request_id: String::new(),
    };
    let planned = trainer.create_training_session(request).await;
    let session = planned.unwrap().into_inner().name;
    let request = CreateEnrolmentRequest {
        session: session.clone(),
        employee: employee(AGENT),
        request_id: String::new(),
    };
    let mut agent = training(&suite.caller(AGENT));
    let enrolled = agent.create_enrolment(request).await.unwrap().into_inner();
    suite.clock.advance(Duration::from_secs(601));
    suite.policy_is_fresh().await;
    let mut trainer = training(&suite.caller(TRAINER));
    let request = HoldTrainingSessionRequest {
        name: session.clone(),
        request_id: String::new(),
    };
    trainer.hold_training_session(request).await.unwrap();
    let request = RecordAttendanceRequest {
        name: enrolled.name,
        attendance: EnrolmentState::Present.into(),
        ..RecordAttendanceRequest::default()
    };
    trainer.record_attendance(request).await.unwrap();
    session
}

async fn examined(
    by: &Caller,
    marks: i32,
    session: &str,
    course: &str,
) -> Result<TrainingResult, Status> {
    let request = RecordTrainingResultRequest {
        employee: employee(AGENT),
        session: session.into(),
        course: course.into(),
        marks,
        evidence: "TR-2026-01".into(),
        ..RecordTrainingResultRequest::default()
    };
    let recorded = training(by).record_training_result(request).await;
    recorded.map(tonic::Response::into_inner)
}

async fn owed(by: &Caller, filter: &str) -> Vec<TrainingObligation> {
    let request = ListTrainingObligationsRequest {
        filter: filter.into(),
        ..Default::default()
    };
    let listed = training(by).list_training_obligations(request).await;
    listed.unwrap().into_inner().obligations
}

/// It is looked again who has to take what.
async fn looked(suite: &TestSuite) {
    suite.clock.advance(Duration::from_secs(31));
    suite.policy_is_fresh().await;
}

/// Waits until the agent is shown the number of the file so.
async fn shown(suite: &TestSuite, customer: &str, number: &str) {
    eventually(async || {
        let file = get(&suite.caller(AGENT), customer).await.ok()?;
        (file.phones[0].number == number).then_some(())
    })
    .await;
}

/// Clauses OP-4.1, CF-8.1, CF-5.3: who lapsed sees masks; failing the exam changes nothing of it;
/// passing the retake shows what is sensitive, and the journal says why; when its time is over,
/// to the second, it is masked again, and has to be taken again.
#[tokio::test(flavor = "multi_thread")]
async fn passing_the_retake_shows_what_failing_did_not() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let mut file = person();
    file.owner = employee(AGENT);
    let customer = enter(&erp, file).await.name;
    shown(&suite, &customer, MASKED).await;

    let course = course(&suite).await;
    looked(&suite).await;
    let own = format!("employee = {}", employee(AGENT));
    let open = eventually(async || owed(&suite.caller(AGENT), &own).await.pop()).await;
    assert_eq!(open.cause(), TrainingObligationCause::Lapse);
    let session = attended(&suite, &course).await;
    let trainer = suite.caller(TRAINER);
    let failed = examined(&trainer, 60, &session, "").await.unwrap();
    assert!(!failed.passed);
    suite.policy_is_fresh().await;
    let file = get(&suite.caller(AGENT), &customer).await.unwrap();
    assert_eq!(file.phones[0].number, MASKED);
    let open = owed(&suite.caller(AGENT), &own).await;
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].cause(), TrainingObligationCause::Failed);

    let passed = examined(&trainer, 80, "", &course.name).await.unwrap();
    assert!(passed.passed);
    shown(&suite, &customer, WHOLE).await;
    let settled = owed(&suite.caller(AGENT), &own).await;
    assert_eq!(settled[0].state(), TrainingObligationState::Met);
    assert_eq!(settled[0].result, passed.name);
    let mut sql = suite.database.connect().await.unwrap();
    let (actor, event): (uuid::Uuid, Vec<u8>) = sqlx::query_as(
        "SELECT actor_id, event FROM access.journal WHERE type = 'training.passed' AND resource = $1",
    )
    .bind(&passed.name)
    .fetch_one(&mut sql)
    .await
    .unwrap();
    assert_eq!(actor, employee_id(TRAINER));
    let event = Event::decode(event.as_slice()).unwrap().event;
    let Some(event::Event::TrainingChanged(told)) = event else {
        panic!("{event:?}");
    };
    assert_eq!(told.event(), TrainingEvent::Passed);
    assert_eq!(told.valid_until, passed.valid_until);
    let policy: i64 = sqlx::query_scalar(
        "SELECT revision FROM access.policy_change WHERE kind = 'qualification' AND 'qualifications/' || key = $1",
    )
    .bind(&passed.qualification)
    .fetch_one(&mut sql)
    .await
    .unwrap();
    assert_eq!(told.policy_revision, policy);

    let end = from_proto(&passed.valid_until.unwrap()).unwrap();
    let left = end.duration_since(suite.clock.now());
    let left = Duration::try_from(left).unwrap();
    suite.clock.advance(left - Duration::from_secs(120));
    suite.policy_is_fresh().await;
    let still = get(&suite.caller(AGENT), &customer).await.unwrap();
    assert_eq!(still.phones[0].number, WHOLE);
    suite.clock.advance(Duration::from_secs(121));
    suite.policy_is_fresh().await;
    let over = get(&suite.caller(AGENT), &customer).await.unwrap();
    assert_eq!(over.phones[0].number, MASKED);
    looked(&suite).await;
    let again = format!("{own} AND cause = LAPSE AND state = DUE");
    let due = eventually(async || owed(&suite.caller(AGENT), &again).await.pop()).await;
    assert_eq!(
        due.due_time,
        Some(to_proto(end + Duration::from_secs(14 * 86_400)))
    );
}

/// Clauses OP-4.1, SG-6, OP-7.2: at the gateway training is the trainer's to make and to examine;
/// the head sees that of the department, everybody their own, and nobody anybody else's.
#[tokio::test(flavor = "multi_thread")]
async fn training_is_made_by_trainers_and_seen_by_heads_and_oneself() {
    let suite = TestSuite::start().await;
    for login in [AGENT, "zhang.min", "han.bing", "dong.jie", "chen.guodong"] {
        let by = suite.caller(login);
        let refused = training(&by).create_course(secrecy()).await.unwrap_err();
        let missing = (Code::PermissionDenied, "PERMISSION_MISSING".into());
        assert_eq!(refusal(&refused), missing, "{login}");
        let refused = examined(&by, 100, "", "courses/x").await.unwrap_err();
        assert_eq!(refusal(&refused), missing, "{login}");
    }
    let course = course(&suite).await;
    let session = attended(&suite, &course).await;
    let failed = examined(&suite.caller(TRAINER), 10, &session, "")
        .await
        .unwrap();
    let results = async |login: &str| {
        let request = ListTrainingResultsRequest::default();
        let listed = training(&suite.caller(login))
            .list_training_results(request)
            .await;
        let listed = listed.unwrap().into_inner().results;
        listed.into_iter().map(|one| one.name).collect::<Vec<_>>()
    };
    for (login, sees) in [
        (TRAINER, true),
        (AGENT, true),
        ("zhang.min", true),
        ("zhou.ting", false),
        ("li.wei", false),
        ("han.bing", false),
        ("chen.guodong", false),
    ] {
        let expected = sees.then(|| failed.name.clone());
        assert_eq!(results(login).await, Vec::from_iter(expected), "{login}");
    }
}
