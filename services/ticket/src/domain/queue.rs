//! What may stand in a queue, and in what is said of an agent.

use kefu_contracts::{
    common::Channel,
    ticket::{Agent, Queue, RoutingStrategy, TicketKind},
};
use kefu_service::{error::Violation, fields::Fields};

use super::{entry::check_category, is_code};

const LONGEST_TITLE: usize = 120;
const MOST: usize = 50;
const LAST_POSITION: i32 = 10_000;
const MOST_TICKETS: i32 = 1_000;

/// Notes every fault of a queue.
pub(crate) fn check_queue(fields: &mut Fields, queue: &Queue) {
    fields.ensure(is_code(&queue.code), "queue.code", Violation::Format);
    fields.required_text("queue.title", &queue.title, LONGEST_TITLE);
    fields.required_enum::<RoutingStrategy>("queue.strategy", queue.strategy);
    let position = 0..=LAST_POSITION;
    fields.ensure(
        position.contains(&queue.position),
        "queue.position",
        Violation::OutOfRange(0, LAST_POSITION.into()),
    );
    few(fields, "queue.kinds", queue.kinds.len());
    for (at, kind) in queue.kinds.iter().enumerate() {
        fields.required_enum::<TicketKind>(format_args!("queue.kinds[{at}]"), *kind);
    }
    few(fields, "queue.channels", queue.channels.len());
    for (at, channel) in queue.channels.iter().enumerate() {
        fields.required_enum::<Channel>(format_args!("queue.channels[{at}]"), *channel);
    }
    few(fields, "queue.categories", queue.categories.len());
    for category in &queue.categories {
        check_category(fields, category);
    }
    codes(fields, "queue.languages", &queue.languages);
    codes(fields, "queue.skills", &queue.skills);
}

/// Notes every fault of what is said of an agent.
pub(crate) fn check_agent(fields: &mut Fields, agent: &Agent) {
    codes(fields, "agent.languages", &agent.languages);
    codes(fields, "agent.skills", &agent.skills);
    fields.ensure(
        (0..=MOST_TICKETS).contains(&agent.capacity),
        "agent.capacity",
        Violation::OutOfRange(0, MOST_TICKETS.into()),
    );
}

fn codes(fields: &mut Fields, field: &str, codes: &[String]) {
    few(fields, field, codes.len());
    for (at, code) in codes.iter().enumerate() {
        let place = format_args!("{field}[{at}]");
        fields.ensure(is_code(code), place, Violation::Format);
    }
}

fn few(fields: &mut Fields, field: &str, count: usize) {
    fields.ensure(count <= MOST, field, Violation::TooMany(MOST));
}
