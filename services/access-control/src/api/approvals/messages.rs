//! What messages of all kinds of requests carry.

use kefu_contracts::access::{ApprovalStage, ApprovalStep};
use kefu_service::{fields, time::to_proto};
use uuid::Uuid;

use super::Desk;
use crate::{
    domain::{
        approval::{Case, Flow, State, case::Terms},
        register::EMPLOYEES,
    },
    store::approval::{Step, Stored},
};

/// Type of the journal entry of a step, by the name of the kind: `share.approved`.
macro_rules! step_type {
    ($kind:literal, $event:expr) => {{
        use kefu_contracts::access::ApprovalEvent;
        match $event {
            ApprovalEvent::Unspecified | ApprovalEvent::Changed => concat!($kind, ".changed"),
            ApprovalEvent::Created => concat!($kind, ".created"),
            ApprovalEvent::Submitted => concat!($kind, ".submitted"),
            ApprovalEvent::Approved => concat!($kind, ".approved"),
            ApprovalEvent::Returned => concat!($kind, ".returned"),
            ApprovalEvent::Rejected => concat!($kind, ".rejected"),
            ApprovalEvent::Withdrawn => concat!($kind, ".withdrawn"),
            ApprovalEvent::Activated => concat!($kind, ".activated"),
            ApprovalEvent::Revoked => concat!($kind, ".revoked"),
            ApprovalEvent::Reminded => concat!($kind, ".reminded"),
            ApprovalEvent::Escalated => concat!($kind, ".escalated"),
            ApprovalEvent::Expired => concat!($kind, ".expired"),
            ApprovalEvent::Begun => concat!($kind, ".begun"),
            ApprovalEvent::Ended => concat!($kind, ".ended"),
            ApprovalEvent::Accompanied => concat!($kind, ".accompanied"),
            ApprovalEvent::HandedOut => concat!($kind, ".handed_out"),
            ApprovalEvent::TakenBack => concat!($kind, ".taken_back"),
            ApprovalEvent::ReportedLost => concat!($kind, ".reported_lost"),
            ApprovalEvent::FollowedUp => concat!($kind, ".followed_up"),
            ApprovalEvent::Overdue => concat!($kind, ".overdue"),
            ApprovalEvent::Chased => concat!($kind, ".chased"),
            ApprovalEvent::Closed => concat!($kind, ".closed"),
            ApprovalEvent::Renewed => concat!($kind, ".renewed"),
            ApprovalEvent::FileDestroyed => concat!($kind, ".file_destroyed"),
        }
    }};
}
pub(crate) use step_type;

/// The stage a request is in; only in review.
pub(crate) fn stage<T: Terms>(case: &Case<T>, desk: &Desk<'_>) -> Option<ApprovalStage> {
    let approvers = case.approvers(desk.flow, desk.chart);
    (case.state == State::InReview).then(|| ApprovalStage {
        stage: stage_name(desk.flow, case.stage),
        approvers: employees(approvers.iter().map(|hat| hat.actor)),
        open_time: Some(to_proto(case.stage_opened_at)),
        escalated: case.escalated,
        next_time: case.next_by_time(desk.flow).map(|(at, _)| to_proto(at)),
    })
}

fn stage_name(flow: &Flow, stage: usize) -> String {
    let rule = flow.stages.get(stage);
    rule.map(|rule| rule.id.clone()).unwrap_or_default()
}

/// Everything that happened to a request, oldest first.
pub(crate) fn steps(approval: &Stored, flow: &Flow) -> Vec<ApprovalStep> {
    approval.steps.iter().map(|one| step(one, flow)).collect()
}

fn step(step: &Step, flow: &Flow) -> ApprovalStep {
    let stood_in = step.hat.filter(|hat| hat.actor != hat.principal);
    let stage = step.stage.map(|stage| stage_name(flow, stage));
    ApprovalStep {
        event: step.event.into(),
        event_time: Some(to_proto(step.at)),
        stage: stage.unwrap_or_default(),
        actor: employee(step.actor),
        principal: employee(stood_in.map(|hat| hat.principal)),
        comment: step.comment.clone(),
    }
}

/// `employees/…`, or nothing.
pub(crate) fn employee(id: Option<Uuid>) -> String {
    id.map(|id| fields::name(EMPLOYEES, id)).unwrap_or_default()
}

/// `employees/…`, each.
pub(crate) fn employees(ids: impl Iterator<Item = Uuid>) -> Vec<String> {
    ids.map(|id| fields::name(EMPLOYEES, id)).collect()
}
