//! Improvement: what was suggested, carried out and judged, and whether the figure that it was to
//! move did (SG-8, IH-7). The page about it is docs/improvement.md.

pub(crate) mod movement;
pub(crate) mod state;
pub(crate) mod suggestion;
pub(crate) mod target;

use jiff::Timestamp;
use kefu_contracts::{
    analytics::{Improvement, ImprovementEvent, ImprovementState, ImprovementStep},
    journal::{ImprovementChanged, event},
};
use kefu_service::{
    error::Fault,
    fields::{parse_etag, parse_name},
    time::{from_proto, to_proto},
};

use crate::domain::report::DEPARTMENTS;

/// Whether it should have been carried out by now, and is not.
pub(crate) fn overdue(record: &Improvement, now: Timestamp) -> bool {
    let awaited = matches!(
        record.state(),
        ImprovementState::Agreed | ImprovementState::UnderWay
    );
    let due_at = record.due_time.as_ref().and_then(from_proto);
    awaited && due_at.is_some_and(|due_at| due_at < now)
}

/// Whether somebody had a hand in carrying it out, whoever was to.
pub(crate) fn is_carried_out_by(record: &Improvement, actor: &str) -> bool {
    let carries = [ImprovementEvent::Started, ImprovementEvent::Completed];
    let mut steps = record.steps.iter();
    record.owner == actor
        || steps.any(|step| step.actor == actor && carries.contains(&step.event()))
}

/// Notes what happens to it: where that leads, by whom, and what was said.
///
/// # Errors
/// `STATE_NOT_ALLOWED` when nothing leads there.
pub(crate) fn step(
    record: &mut Improvement,
    event: ImprovementEvent,
    (actor, text): (&str, &str),
    now: Timestamp,
) -> Result<(), Fault> {
    record.state = state::after(record.state(), event)?.into();
    record.steps.push(ImprovementStep {
        event: event.into(),
        time: Some(to_proto(now)),
        actor: actor.to_owned(),
        text: text.to_owned(),
    });
    Ok(())
}

/// As the journal tells it: what happened, and how it stands afterwards.
pub(crate) fn changed(record: &Improvement, happened: ImprovementEvent) -> event::Event {
    let bytes = |name: &str, collection| {
        let id = parse_name(name, collection);
        id.map(|id| id.as_bytes().to_vec()).unwrap_or_default()
    };
    event::Event::ImprovementChanged(ImprovementChanged {
        improvement_id: bytes(&record.name, "improvements"),
        department_id: bytes(&record.department, DEPARTMENTS),
        event: happened.into(),
        state: record.state,
        owner_id: bytes(&record.owner, "employees"),
        metric: record
            .target
            .as_ref()
            .map(|target| target.metric.clone())
            .unwrap_or_default(),
        movement: record.movement,
        verdict: record.verdict,
        revision: parse_etag(&record.etag).unwrap_or_default(),
    })
}
