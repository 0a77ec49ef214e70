//! Who has to take what, how many they are, and the skills that somebody has.

use kefu_contracts::access::{
    CountTrainingObligationsRequest, CountTrainingObligationsResponse, ListSkillsRequest,
    ListSkillsResponse, ListTrainingObligationsRequest, ListTrainingObligationsResponse,
    TrainingObligationCount,
};
use kefu_service::{
    asked,
    call::{Answer, Call},
    error::Fault,
    fields,
    present::Shown,
};
use uuid::Uuid;

use super::{VIEWED, look, messages};
use crate::{
    api::Register,
    domain::{
        register::DEPARTMENTS,
        training::{COURSES, obligation::Obligation, result::skills_at},
    },
    store::training::{obligation, result},
};

/// A page of what has to be taken, the earliest due first.
pub(super) async fn list(
    register: &Register,
    call: Call,
    request: ListTrainingObligationsRequest,
) -> Result<Answer<ListTrainingObligationsResponse>, Fault> {
    let page = look::list::<Obligation>(register, &call, asked!(request)).await?;
    Ok(Answer::read(ListTrainingObligationsResponse {
        obligations: page.records,
        next_page_token: page.next_page_token,
        total_size: page.total_size,
        total_kind: page.total_kind,
    }))
}

/// How many within reach have to take what.
pub(super) async fn count(
    register: &Register,
    call: Call,
    _: CountTrainingObligationsRequest,
) -> Result<Answer<CountTrainingObligationsResponse>, Fault> {
    let reader = call.clone();
    let counts = register
        .core
        .deps
        .db
        .run(move |connection| {
            Box::pin(async move { obligation::count(connection, &reader).await })
        })
        .await?;
    let department = |id: Option<Uuid>| id.map(|id| fields::name(DEPARTMENTS, id));
    let counts = counts.into_iter().map(|one| TrainingObligationCount {
        department: department(one.department).unwrap_or_default(),
        course: fields::name(COURSES, one.course),
        due_count: one.due,
        overdue_count: one.overdue,
    });
    let views = &register.core.views;
    views.record(&call, "training.counted", &[]).await?;
    Ok(Answer::read(CountTrainingObligationsResponse {
        counts: counts.collect(),
    }))
}

/// The skills that somebody has now.
pub(super) async fn skills(
    register: &Register,
    call: Call,
    request: ListSkillsRequest,
) -> Result<Answer<ListSkillsResponse>, Fault> {
    let (employee, clearance) = register
        .employee(&call, "employee", &request.employee)
        .await?;
    let id = employee.id;
    let shown = register
        .core
        .deps
        .db
        .run(move |connection| Box::pin(result::skills(connection, id)))
        .await?;
    let skills = skills_at(&shown, call.now);
    let shown = Shown {
        resource: request.employee,
        customer_id: None,
        clearance,
    };
    register.core.views.record(&call, VIEWED, &[shown]).await?;
    Ok(Answer::read(ListSkillsResponse {
        skills: skills.iter().map(messages::skill).collect(),
    }))
}
