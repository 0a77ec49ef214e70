//! Courses: in revisions, and retired.

use kefu_contracts::access::{
    GetCourseRequest, ListCoursesRequest, RetireCourseRequest, ReviseCourseRequest,
};

use super::*;
use crate::house::reason;

async fn get(by: &Caller, name: &str, revision: i32) -> Result<Course, Status> {
    let request = GetCourseRequest {
        name: name.into(),
        revision,
    };
    let answer = by.training().get_course(request).await;
    answer.map(Response::into_inner)
}

fn revise(course: &Course, etag: &str, definition: CourseDefinition) -> ReviseCourseRequest {
    ReviseCourseRequest {
        name: course.name.clone(),
        etag: etag.into(),
        definition: Some(definition),
        request_id: Uuid::from_u128(77).to_string(),
    }
}

/// Clause OP-4.1: a course changes by revisions that are all kept; a session stays with the one it
/// was planned by; retired, it has no further ones, and is there all the same.
#[tokio::test]
async fn a_course_goes_by_revisions_and_is_retired() {
    let house = House::new().await;
    let by = trainer(&house);
    let course = create(&by, secrecy(&house)).await.unwrap();
    assert_eq!(
        (course.revision, &course.definition),
        (1, &Some(secrecy(&house)))
    );
    let planned = plan(&by, session(&house, &course, 5)).await.unwrap();

    let strict = CourseDefinition {
        pass_marks: 90,
        ..secrecy(&house)
    };
    let mut client = by.training();
    let request = revise(&course, &course.etag, strict.clone());
    let revised = client
        .revise_course(request.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!((revised.revision, &revised.definition), (2, &Some(strict)));
    // The same request has the same answer; what was read before does not count any more.
    let again = client.revise_course(request).await.unwrap().into_inner();
    assert_eq!(again, revised);
    let stale = ReviseCourseRequest {
        request_id: String::new(),
        ..revise(&course, &course.etag, voluntary())
    };
    let refused = client.revise_course(stale).await.unwrap_err();
    assert_eq!(reason(&refused), "ETAG_MISMATCH");

    let everybody = house.caller(house.id("song.yue"), Scope::All);
    assert_eq!(get(&everybody, &course.name, 0).await.unwrap(), revised);
    let first = get(&everybody, &course.name, 1).await.unwrap();
    assert_eq!(
        (first.revision, first.definition),
        (1, course.definition.clone())
    );
    let none = get(&everybody, &course.name, 3).await.unwrap_err();
    assert_eq!(reason(&none), "NOT_FOUND_OR_OUT_OF_SCOPE");
    assert_eq!(planned.course_revision, 1);
    let next = plan(&by, session(&house, &course, 5)).await.unwrap();
    assert_eq!(next.course_revision, 2);

    let retire = RetireCourseRequest {
        name: course.name.clone(),
        etag: revised.etag.clone(),
        request_id: String::new(),
    };
    let retired = client
        .retire_course(retire.clone())
        .await
        .unwrap()
        .into_inner();
    assert!(retired.retire_time.is_some());
    let refused = client.retire_course(retire).await.unwrap_err();
    assert_eq!(reason(&refused), "STATE_NOT_ALLOWED");
    let refused = plan(&by, session(&house, &course, 5)).await.unwrap_err();
    assert_eq!(reason(&refused), "STATE_NOT_ALLOWED");
    house.clock.advance(Duration::from_secs(1));
    let other = create(&by, voluntary()).await.unwrap();
    let listed = async |filter: &str| {
        let request = ListCoursesRequest {
            filter: filter.into(),
            ..Default::default()
        };
        let answer = everybody.training().list_courses(request).await.unwrap();
        let answer = answer.into_inner();
        assert_eq!(answer.total_size as usize, answer.courses.len());
        let names = answer.courses.into_iter().map(|one| one.name);
        names.collect::<Vec<_>>()
    };
    assert_eq!(listed("").await, [other.name.clone(), course.name.clone()]);
    let since = "retire_time >= \"2026-01-01T00:00:00Z\"";
    assert_eq!(listed(since).await, std::slice::from_ref(&course.name));
    let told = told(&house, TrainingEvent::CourseRevised, 1).await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].1.course_revision, 2);
    assert_eq!(told[0].0.entry.actor_id, house.id("he.xiaoyan").as_bytes());
}
