//! Courses: created, revised, retired, and never deleted.

use kefu_contracts::{
    access::{
        self as wire, CourseDefinition, CreateCourseRequest, GetCourseRequest, ListCoursesRequest,
        ListCoursesResponse, RetireCourseRequest, ReviseCourseRequest, TrainingEvent,
    },
    journal::event,
};
use kefu_service::{
    asked,
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{self, Fields},
};
use uuid::Uuid;

use super::{
    REFUSED,
    look::{self, Kind},
    told::{about_course, kind},
};
use crate::{
    api::{
        Register, missing,
        write::{Asking, Done, claim},
    },
    domain::{
        binding::ROLES,
        register::DEPARTMENTS,
        training::{
            COURSES, Refusal,
            course::{self as rules, Course, Definition},
        },
    },
    error::RegisterError,
    store::{changes::Revision, department, training::course},
};

/// One course, as it is or as a revision had it.
pub(super) async fn get(
    register: &Register,
    call: Call,
    request: GetCourseRequest,
) -> Result<Answer<wire::Course>, Fault> {
    let mut fields = Fields::new();
    let known = request.revision >= 0;
    let range = Violation::OutOfRange(0, i32::MAX.into());
    fields.ensure(known, "revision", range);
    fields.finish()?;
    let course = look::get::<Course>(register, &call, &request.name).await?;
    if [0, course.revision].contains(&request.revision) {
        return Ok(Answer::read(course.message()));
    }
    let wanted = request.revision;
    let earlier = register
        .core
        .deps
        .db
        .run(move |connection| Box::pin(course::at(connection, course.id, Some(wanted))))
        .await?;
    match earlier {
        Some(earlier) => Ok(Answer::read(earlier.message())),
        None => {
            let fault = Fault::not_found(&request.name);
            let views = &register.core.views;
            Err(views.refuse(&call, REFUSED, &request.name, fault).await)
        }
    }
}

/// A page of them, the newest first.
pub(super) async fn list(
    register: &Register,
    call: Call,
    request: ListCoursesRequest,
) -> Result<Answer<ListCoursesResponse>, Fault> {
    let page = look::list::<Course>(register, &call, asked!(request)).await?;
    Ok(Answer::read(ListCoursesResponse {
        courses: page.records,
        next_page_token: page.next_page_token,
        total_size: page.total_size,
        total_kind: page.total_kind,
    }))
}

/// A course, in force at once.
pub(super) async fn create(
    register: &Register,
    call: Call,
    request: CreateCourseRequest,
) -> Result<Answer<wire::Course>, Fault> {
    let id = register.core.deps.ids.next()?;
    let claim = claim(&call, &request.request_id, &request);
    register
        .change(call, claim, request, move |revision, asking| {
            Box::pin(add(revision, asking, id))
        })
        .await
}

async fn add(
    revision: &mut Revision<'_>,
    asking: &Asking<CreateCourseRequest>,
    id: Uuid,
) -> Result<Done<wire::Course>, Fault> {
    let (call, request) = (&asking.call, &asking.request);
    let mut fields = Fields::new();
    fields.request_id(&request.request_id);
    let wanted = request.definition.as_ref();
    let definition = define(revision, &asking.register, fields, wanted).await?;
    let course = Course {
        id,
        revision: 1,
        definition,
        reviser: call.context.subject.id,
        created_at: call.now,
        revised_at: call.now,
        retired_at: None,
    };
    course::put(revision.connection, &course).await?;
    Ok(done(revision, TrainingEvent::CourseCreated, &course))
}

/// What it shall be, with departments and roles that there are.
async fn define(
    revision: &mut Revision<'_>,
    register: &Register,
    mut fields: Fields,
    wanted: Option<&CourseDefinition>,
) -> Result<Definition, Fault> {
    let Some(wanted) = wanted else {
        return Err(missing(fields, "definition"));
    };
    let definition = rules::read(&mut fields, wanted);
    let known = department::known(revision.connection, &definition.departments).await?;
    for id in &definition.departments {
        let name = fields::name(DEPARTMENTS, *id);
        let field = place("departments", &wanted.departments, &name);
        fields.ensure(known.contains(id), field, Violation::Unknown);
    }
    for id in &definition.roles {
        let name = format!("{ROLES}/{id}");
        let field = place("roles", &wanted.roles, &name);
        let there = register.roles.role(id).is_some();
        fields.ensure(there, field, Violation::Unknown);
    }
    fields.finish()?;
    Ok(definition)
}

fn place(list: &str, names: &[String], name: &str) -> String {
    let place = names.iter().position(|one| one == name).unwrap_or_default();
    format!("definition.{list}[{place}]")
}

/// Another revision of it.
pub(super) async fn revise(
    register: &Register,
    call: Call,
    request: ReviseCourseRequest,
) -> Result<Answer<wire::Course>, Fault> {
    let claim = claim(&call, &request.request_id, &request);
    register
        .change(call, claim, request, |revision, asking| {
            Box::pin(redefine(revision, asking))
        })
        .await
}

async fn redefine(
    revision: &mut Revision<'_>,
    asking: &Asking<ReviseCourseRequest>,
) -> Result<Done<wire::Course>, Fault> {
    let (call, request) = (&asking.call, &asking.request);
    let mut fields = Fields::new();
    fields.request_id(&request.request_id);
    let id = fields.name("name", &request.name, COURSES);
    let etag = fields.etag("etag", &request.etag);
    let wanted = request.definition.as_ref();
    let definition = define(revision, &asking.register, fields, wanted).await?;
    let mut course = open(revision, call, id.unwrap_or_default(), etag).await?;
    course.revision += 1;
    course.definition = definition;
    course.reviser = call.context.subject.id;
    course.revised_at = call.now;
    course::put(revision.connection, &course).await?;
    Ok(done(revision, TrainingEvent::CourseRevised, &course))
}

/// Nobody has to take it any more.
pub(super) async fn retire(
    register: &Register,
    call: Call,
    request: RetireCourseRequest,
) -> Result<Answer<wire::Course>, Fault> {
    let claim = claim(&call, &request.request_id, &request);
    register
        .change(call, claim, request, |revision, asking| {
            Box::pin(end(revision, asking))
        })
        .await
}

async fn end(
    revision: &mut Revision<'_>,
    asking: &Asking<RetireCourseRequest>,
) -> Result<Done<wire::Course>, Fault> {
    let (call, request) = (&asking.call, &asking.request);
    let mut fields = Fields::new();
    fields.request_id(&request.request_id);
    let id = fields.name("name", &request.name, COURSES);
    let etag = fields.etag("etag", &request.etag);
    fields.finish()?;
    let mut course = open(revision, call, id.unwrap_or_default(), etag).await?;
    course.retired_at = Some(call.now);
    course::retire(revision.connection, &course).await?;
    Ok(done(revision, TrainingEvent::CourseRetired, &course))
}

/// The course within reach, as it was read, and not retired.
async fn open(
    revision: &mut Revision<'_>,
    call: &Call,
    id: Uuid,
    etag: Option<i64>,
) -> Result<Course, Fault> {
    let course: Course = look::open(revision, call, id).await?;
    if etag != Some(course.revision.into()) {
        return Err(RegisterError::Stale.into());
    }
    if course.retired_at.is_some() {
        return Err(RegisterError::Training(Refusal::Retired).into());
    }
    Ok(course)
}

fn done(revision: &mut Revision<'_>, event: TrainingEvent, course: &Course) -> Done<wire::Course> {
    revision.tell(event::Event::TrainingChanged(about_course(event, course)));
    let body = course.message();
    Done {
        id: course.id,
        resource: body.name.clone(),
        body,
        kind: kind(event),
    }
}
