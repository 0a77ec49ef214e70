//! Training of staff: courses, sessions, results, and who has to take what (OP-4.1, SG-6).

mod courses;
mod owed;
mod refusals;
mod results;
mod sessions;

use std::time::Duration;

use kefu_access::Scope;
use kefu_contracts::{
    access::{
        Course, CourseDefinition, CourseKind, CreateCourseRequest, CreateEnrolmentRequest,
        CreateTrainingSessionRequest, Employee, Enrolment, EnrolmentState, GetEmployeeRequest,
        HoldTrainingSessionRequest, ListTrainingObligationsRequest, ListTrainingResultsRequest,
        RecordAttendanceRequest, RecordTrainingResultRequest, ResultMeans, TrainingEvent,
        TrainingObligation, TrainingResult, TrainingSession, UpdateEmployeeRequest,
    },
    journal::{EntryKind, TrainingChanged, event},
};
use kefu_journal::Recorded;
use kefu_service::{clock::Clock, time::to_proto};
use tonic::{Response, Status};
use uuid::Uuid;

use crate::house::{Caller, House, eventually};

pub(crate) const DAY: Duration = Duration::from_secs(86_400);

/// Whose post reaches all that is trained.
fn trainer(house: &House) -> Caller {
    house.caller(house.id("he.xiaoyan"), Scope::All)
}

/// A second one.
fn second(house: &House) -> Caller {
    house.caller(house.id("sun.li"), Scope::All)
}

/// Somebody who reaches the people of one department.
fn head(house: &House, login: &str, department: &str) -> Caller {
    let department = house.seeded.departments[department];
    house.caller(house.id(login), Scope::Departments(vec![department]))
}

/// Secrecy training for the call centre and all below.
fn secrecy(house: &House) -> CourseDefinition {
    CourseDefinition {
        title_zh: "保密培训".into(),
        title_en: "Secrecy".into(),
        kind: CourseKind::SpecialTopic.into(),
        means: ResultMeans::Exam.into(),
        full_marks: 100,
        pass_marks: 80,
        secrecy: true,
        validity_months: 12,
        departments: vec![house.department("call_centre")],
        due_days: 14,
        notice_days: 30,
        retake_days: 7,
        ..CourseDefinition::default()
    }
}

/// What nobody has to take.
fn voluntary() -> CourseDefinition {
    CourseDefinition {
        title_zh: "沟通技巧".into(),
        title_en: "Talking".into(),
        kind: CourseKind::SpecialTopic.into(),
        means: ResultMeans::CustomerFeedback.into(),
        full_marks: 10,
        pass_marks: 6,
        due_days: 30,
        retake_days: 7,
        skill: "talking".into(),
        skill_level: 2,
        ..CourseDefinition::default()
    }
}

async fn create(by: &Caller, definition: CourseDefinition) -> Result<Course, Status> {
    let request = CreateCourseRequest {
        definition: Some(definition),
        request_id: String::new(),
    };
    let answer = by.training().create_course(request).await;
    answer.map(Response::into_inner)
}

/// In an hour, with so many seats.
fn session(house: &House, course: &Course, seats: i32) -> TrainingSession {
    let begin = house.clock.now() + Duration::from_secs(3600);
    TrainingSession {
        course: course.name.clone(),
        trainer: house.employee("he.xiaoyan"),
        begin_time: Some(to_proto(begin)),
        end_time: Some(to_proto(begin + Duration::from_secs(7200))),
        place: "三楼培训室".into(),
        seats,
        ..TrainingSession::default()
    }
}

async fn plan(by: &Caller, session: TrainingSession) -> Result<TrainingSession, Status> {
    let request = CreateTrainingSessionRequest {
        session: Some(session),
        request_id: String::new(),
    };
    let answer = by.training().create_training_session(request).await;
    answer.map(Response::into_inner)
}

async fn enrol(by: &Caller, session: &str, employee: &str) -> Result<Enrolment, Status> {
    let request = CreateEnrolmentRequest {
        session: session.into(),
        employee: employee.into(),
        request_id: String::new(),
    };
    let answer = by.training().create_enrolment(request).await;
    answer.map(Response::into_inner)
}

async fn hold(by: &Caller, session: &str) -> Result<TrainingSession, Status> {
    let request = HoldTrainingSessionRequest {
        name: session.into(),
        request_id: String::new(),
    };
    let answer = by.training().hold_training_session(request).await;
    answer.map(Response::into_inner)
}

async fn attend(by: &Caller, enrolment: &str, state: EnrolmentState) -> Result<Enrolment, Status> {
    let request = RecordAttendanceRequest {
        name: enrolment.into(),
        attendance: state.into(),
        reason: "病假".into(),
        request_id: String::new(),
    };
    let answer = by.training().record_attendance(request).await;
    answer.map(Response::into_inner)
}

fn marks(employee: &str, session: &str, marks: i32) -> RecordTrainingResultRequest {
    RecordTrainingResultRequest {
        employee: employee.into(),
        session: session.into(),
        marks,
        evidence: "TR-2026-01".into(),
        ..RecordTrainingResultRequest::default()
    }
}

/// The exam alone, after failing it.
fn again(employee: &str, course: &str, marks: i32) -> RecordTrainingResultRequest {
    RecordTrainingResultRequest {
        course: course.into(),
        session: String::new(),
        ..self::marks(employee, "", marks)
    }
}

async fn record(
    by: &Caller,
    request: RecordTrainingResultRequest,
) -> Result<TrainingResult, Status> {
    let answer = by.training().record_training_result(request).await;
    answer.map(Response::into_inner)
}

/// A session of the course that is held with these people in it; tells its name.
async fn held(house: &House, course: &Course, people: &[&str]) -> String {
    let by = trainer(house);
    let planned = plan(&by, session(house, course, 20)).await.unwrap();
    let mut enrolled = Vec::new();
    for login in people {
        let one = enrol(&by, &planned.name, &house.employee(login)).await;
        enrolled.push(one.unwrap().name);
    }
    house.clock.advance(Duration::from_secs(3600));
    hold(&by, &planned.name).await.unwrap();
    for one in enrolled {
        attend(&by, &one, EnrolmentState::Present).await.unwrap();
    }
    planned.name
}

/// Somebody of the company leaves it.
async fn leave(house: &House, employee: &str) {
    let mut organisation = house.administrator().organisation();
    let get = GetEmployeeRequest {
        name: employee.into(),
    };
    let employee = organisation.get_employee(get).await.unwrap().into_inner();
    let update = UpdateEmployeeRequest {
        employee: Some(Employee {
            leave_time: Some(to_proto(house.clock.now() + Duration::from_secs(60))),
            ..employee
        }),
        request_id: String::new(),
    };
    organisation.update_employee(update).await.unwrap();
    house.clock.advance(Duration::from_secs(120));
}

async fn results(by: &Caller, employee: &str) -> Vec<TrainingResult> {
    let request = ListTrainingResultsRequest {
        filter: format!("employee = {employee}"),
        ..Default::default()
    };
    let answer = by.training().list_training_results(request).await;
    answer.unwrap().into_inner().results
}

async fn owed(by: &Caller, filter: &str) -> Vec<TrainingObligation> {
    let request = ListTrainingObligationsRequest {
        filter: filter.into(),
        ..Default::default()
    };
    let answer = by.training().list_training_obligations(request).await;
    answer.unwrap().into_inner().obligations
}

/// What the journal tells of training, once there are so many entries of an event.
async fn told(
    house: &House,
    of: TrainingEvent,
    at_least: usize,
) -> Vec<(Recorded, TrainingChanged)> {
    told_where(house, at_least, |changed| changed.event() == of).await
}

/// The same of entries that are so. Time goes on meanwhile by a little, for a job that began to
/// wait only after the clock was turned.
async fn told_where(
    house: &House,
    at_least: usize,
    wanted: impl Fn(&TrainingChanged) -> bool,
) -> Vec<(Recorded, TrainingChanged)> {
    eventually(async || {
        let entries = house.journal(EntryKind::Change, 0).await;
        let told = entries.into_iter().filter_map(|one| {
            let event::Event::TrainingChanged(changed) = one.entry.event.clone()?.event? else {
                return None;
            };
            wanted(&changed).then_some((one, changed))
        });
        let told: Vec<_> = told.collect();
        if told.len() < at_least {
            house.clock.advance(Duration::from_millis(1));
            return None;
        }
        Some(told)
    })
    .await
}

fn id_of(name: &str) -> Vec<u8> {
    let id = name.split_once('/').unwrap().1;
    Uuid::try_parse(id).unwrap().as_bytes().to_vec()
}
