//! Training as messages carry it.

use kefu_contracts::access as wire;
use kefu_service::{
    fields::{self, etag},
    scope::{Order, RecordSpec},
    time::to_proto,
};
use uuid::Uuid;

use super::{REFUSED, VIEWED, look::Kind};
use crate::{
    domain::{
        binding::ROLES,
        qualification::QUALIFICATIONS,
        register::{DEPARTMENTS, EMPLOYEES},
        training::{
            COURSES, ENROLMENTS, Enrolment, OBLIGATIONS, RESULTS, SESSIONS,
            course::{Course, Definition},
            obligation::Obligation,
            result::{Outcome, Skill},
        },
    },
    store::training::{course, enrolment, obligation, result, session},
};

/// What the column says of a list, the latest first.
const fn latest(column: &'static str) -> Order {
    Order {
        column,
        descending: true,
    }
}

fn one(collection: &str, id: Option<Uuid>) -> String {
    id.map(|id| fields::name(collection, id))
        .unwrap_or_default()
}

impl Kind for Course {
    const RECORD: &'static RecordSpec = &course::RECORD;
    const COLLECTION: &'static str = COURSES;
    const TIME: &'static str = "create_time";
    const ORDER: Order = latest("c.created_at");
    const VIEWED: &'static str = VIEWED;
    const REFUSED: &'static str = REFUSED;
    type Message = wire::Course;

    fn message(&self) -> wire::Course {
        wire::Course {
            name: fields::name(COURSES, self.id),
            definition: Some(definition(&self.definition)),
            revision: self.revision,
            reviser: fields::name(EMPLOYEES, self.reviser),
            create_time: Some(to_proto(self.created_at)),
            revise_time: Some(to_proto(self.revised_at)),
            retire_time: self.retired_at.map(to_proto),
            etag: etag(self.revision.into()),
        }
    }
}

fn definition(definition: &Definition) -> wire::CourseDefinition {
    let (skill, skill_level) = definition.skill.clone().unwrap_or_default();
    wire::CourseDefinition {
        title_zh: definition.title_zh.clone(),
        title_en: definition.title_en.clone(),
        kind: definition.kind.into(),
        means: definition.means.into(),
        full_marks: definition.full_marks,
        pass_marks: definition.pass_marks,
        secrecy: definition.secrecy,
        validity_months: definition.validity_months,
        repeat_months: definition.repeat_months,
        departments: definition
            .departments
            .iter()
            .map(|id| fields::name(DEPARTMENTS, *id))
            .collect(),
        roles: definition
            .roles
            .iter()
            .map(|id| format!("{ROLES}/{id}"))
            .collect(),
        due_days: definition.due_days,
        notice_days: definition.notice_days,
        retake_days: definition.retake_days,
        skill,
        skill_level,
    }
}

impl Kind for session::Seated {
    const RECORD: &'static RecordSpec = &session::RECORD;
    const COLLECTION: &'static str = SESSIONS;
    const TIME: &'static str = "begin_time";
    const ORDER: Order = latest("s.begins_at");
    const VIEWED: &'static str = VIEWED;
    const REFUSED: &'static str = REFUSED;
    type Message = wire::TrainingSession;

    fn message(&self) -> wire::TrainingSession {
        let session = &self.session;
        wire::TrainingSession {
            name: fields::name(SESSIONS, session.id),
            course: fields::name(COURSES, session.course),
            course_revision: session.course_revision,
            trainer: fields::name(EMPLOYEES, session.trainer),
            begin_time: Some(to_proto(session.begins_at)),
            end_time: Some(to_proto(session.ends_at)),
            place: session.place.clone(),
            seats: session.seats,
            state: session.state.into(),
            enrolled_count: self.enrolled,
            waiting_count: self.waiting,
            cancel_reason: session.cancel_reason.clone(),
        }
    }
}

impl Kind for Enrolment {
    const RECORD: &'static RecordSpec = &enrolment::RECORD;
    const COLLECTION: &'static str = ENROLMENTS;
    const TIME: &'static str = "enrol_time";
    const ORDER: Order = latest("n.enrolled_at");
    const VIEWED: &'static str = VIEWED;
    const REFUSED: &'static str = REFUSED;
    type Message = wire::Enrolment;

    fn message(&self) -> wire::Enrolment {
        wire::Enrolment {
            name: fields::name(ENROLMENTS, self.id),
            session: fields::name(SESSIONS, self.session),
            employee: fields::name(EMPLOYEES, self.employee),
            state: self.state.into(),
            enrol_time: Some(to_proto(self.at)),
            enroller: fields::name(EMPLOYEES, self.by),
            reason: self.reason.clone(),
            recorder: one(EMPLOYEES, self.recorder),
        }
    }
}

impl Kind for Outcome {
    const RECORD: &'static RecordSpec = &result::RECORD;
    const COLLECTION: &'static str = RESULTS;
    const TIME: &'static str = "record_time";
    const ORDER: Order = latest("t.recorded_at");
    const VIEWED: &'static str = VIEWED;
    const REFUSED: &'static str = REFUSED;
    type Message = wire::TrainingResult;

    fn message(&self) -> wire::TrainingResult {
        wire::TrainingResult {
            name: fields::name(RESULTS, self.id),
            employee: fields::name(EMPLOYEES, self.employee),
            course: fields::name(COURSES, self.course),
            course_revision: self.course_revision,
            session: one(SESSIONS, self.session),
            attempt: self.attempt,
            marks: self.marks,
            passed: self.passed,
            take_time: Some(to_proto(self.taken_at)),
            valid_until: self.valid_until.map(to_proto),
            examiner: fields::name(EMPLOYEES, self.examiner),
            record_time: Some(to_proto(self.recorded_at)),
            evidence: self.evidence.clone(),
            corrects: one(RESULTS, self.corrects),
            reason: self.reason.clone(),
            superseded: self.superseded,
            qualification: one(QUALIFICATIONS, self.qualification),
        }
    }
}

impl Kind for Obligation {
    const RECORD: &'static RecordSpec = &obligation::RECORD;
    const COLLECTION: &'static str = OBLIGATIONS;
    const TIME: &'static str = "due_time";
    const ORDER: Order = Order {
        column: "o.due_at",
        descending: false,
    };
    const VIEWED: &'static str = VIEWED;
    const REFUSED: &'static str = REFUSED;
    type Message = wire::TrainingObligation;

    fn message(&self) -> wire::TrainingObligation {
        wire::TrainingObligation {
            name: fields::name(OBLIGATIONS, self.id),
            employee: fields::name(EMPLOYEES, self.employee),
            course: fields::name(COURSES, self.course),
            cause: self.cause.into(),
            state: self.state.into(),
            arise_time: Some(to_proto(self.arose_at)),
            due_time: Some(to_proto(self.due_at)),
            settle_time: self.settled_at.map(to_proto),
            end: self.end.into(),
            result: one(RESULTS, self.result),
        }
    }
}

pub(super) fn skill(skill: &Skill) -> wire::Skill {
    wire::Skill {
        key: skill.key.clone(),
        level: skill.level,
        valid_until: skill.valid_until.map(to_proto),
    }
}
