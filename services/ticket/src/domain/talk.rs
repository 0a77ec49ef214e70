//! The call or talk in which a customer turned to us (OP-3.1, IH-3.1).

use jiff::Timestamp;
use kefu_contracts::{
    common::Channel,
    ticket::{Direction, ReplyToTicketRequest, Ticket},
};
use kefu_service::{error::Violation, fields::Fields, time::from_proto};

/// Seconds of the longest call.
const LONGEST: i64 = 86_400;

/// The times of a call, as they are told.
pub(crate) struct Told<'a> {
    pub(crate) channel: Channel,
    pub(crate) start: Option<&'a prost_types::Timestamp>,
    pub(crate) end: Option<&'a prost_types::Timestamp>,
}

/// Notes what is wrong with the times of the call of a ticket.
pub(crate) fn check(fields: &mut Fields, ticket: &Ticket, now: Timestamp) {
    let told = Told {
        channel: ticket.channel(),
        start: ticket.call_start_time.as_ref(),
        end: ticket.call_end_time.as_ref(),
    };
    let names = ["ticket.call_start_time", "ticket.call_end_time"];
    check_times(fields, names, &told, now);
}

/// Longest place of a recording, in characters.
const LONGEST_RECORDING: usize = 200;

/// Notes what is wrong with the call of a reply.
pub(crate) fn check_reply(fields: &mut Fields, reply: &ReplyToTicketRequest, now: Timestamp) {
    let told = Told {
        channel: reply.channel(),
        start: reply.call_start_time.as_ref(),
        end: reply.call_end_time.as_ref(),
    };
    fields.optional_enum::<Channel>("channel", reply.channel);
    check_times(fields, ["call_start_time", "call_end_time"], &told, now);
    fields.text("recording", &reply.recording, LONGEST_RECORDING);
    let taken = reply.recording.is_empty() || told.start.is_some();
    fields.ensure(taken, "call_start_time", Violation::Required);
    // What is said among ourselves came by no channel.
    let ours = reply.direction() == Direction::Internal;
    let came = reply.channel != 0 || told.start.is_some() || told.end.is_some();
    fields.ensure(!(ours && came), "channel", Violation::NotApplicable);
}

fn check_times(fields: &mut Fields, [start, end]: [&str; 2], told: &Told<'_>, now: Timestamp) {
    let began = fields.past(start, told.start, now);
    let ended = fields.past(end, told.end, now);
    let written = matches!(told.channel, Channel::Email | Channel::SelfService);
    for (field, at) in [(start, began), (end, ended)] {
        fields.ensure(at.is_none() || !written, field, Violation::NotApplicable);
    }
    let stands = told.start.is_some() || told.end.is_none();
    fields.ensure(stands, start, Violation::Required);
    if let Some((began, ended)) = began.zip(ended) {
        fields.ensure(began <= ended, end, Violation::Contradiction);
        let fits = ended.as_second() - began.as_second() <= LONGEST;
        fields.ensure(fits, end, Violation::OutOfRange(0, LONGEST));
    }
}

/// A later call, once it is over: when it began, and how many seconds it took.
pub(crate) fn over(
    (began, ended): (Option<Timestamp>, Option<Timestamp>),
) -> Option<(Timestamp, i64)> {
    let (began, ended) = began.zip(ended)?;
    let seconds = ended.duration_since(began).as_secs();
    (seconds > 0).then_some((began, seconds))
}

/// How long it took; 0 while that is not known.
pub(crate) fn seconds(ticket: &Ticket) -> i64 {
    let began = ticket.call_start_time.as_ref().and_then(from_proto);
    let ended = ticket.call_end_time.as_ref().and_then(from_proto);
    began
        .zip(ended)
        .map_or(0, |(began, ended)| ended.duration_since(began).as_secs())
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, ToSpan};
    use kefu_service::time::to_proto;

    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_760_000_000, 0);

    fn found(
        channel: Channel,
        start: Option<i64>,
        end: Option<i64>,
    ) -> Vec<(String, &'static str)> {
        let at = |minutes: Option<i64>| minutes.map(|minutes| to_proto(NOW - minutes.minutes()));
        let ticket = Ticket {
            channel: channel.into(),
            call_start_time: at(start),
            call_end_time: at(end),
            ..Default::default()
        };
        let mut fields = Fields::new();
        check(&mut fields, &ticket, NOW);
        let found = fields.finish().err().map(|fault| fault.violations);
        let found = found.unwrap_or_default().into_iter();
        found
            .map(|(field, what)| (field.replace("ticket.call_", ""), what.name()))
            .collect()
    }

    /// Clause OP-3.1.
    #[test]
    fn a_call_has_begun_before_it_ended_and_is_over() {
        let one = |field: &str, what| vec![(field.to_owned(), what)];
        assert_eq!(found(Channel::Phone, None, None), []);
        assert_eq!(found(Channel::Phone, Some(5), None), []);
        assert_eq!(found(Channel::OnSite, Some(5), Some(0)), []);
        assert_eq!(
            found(Channel::Phone, None, Some(1)),
            one("start_time", "REQUIRED")
        );
        assert_eq!(
            found(Channel::Phone, Some(1), Some(2)),
            one("end_time", "CONTRADICTION")
        );
        assert_eq!(
            found(Channel::Phone, Some(-1), None),
            one("start_time", "IN_FUTURE")
        );
        assert_eq!(
            found(Channel::Phone, Some(1442), Some(1)),
            one("end_time", "OUT_OF_RANGE")
        );
        assert_eq!(
            found(Channel::Email, Some(2), None),
            one("start_time", "NOT_APPLICABLE")
        );
    }

    /// Clause OP-3.1: later calls are kept as the first one is.
    #[test]
    fn a_call_within_the_conversation_is_one_that_there_was() {
        let reply = ReplyToTicketRequest {
            direction: Direction::In.into(),
            channel: Channel::Phone.into(),
            call_start_time: Some(to_proto(NOW - 9.minutes())),
            call_end_time: Some(to_proto(NOW - 2.minutes())),
            recording: "calls/4711".into(),
            ..Default::default()
        };
        let found = |change: fn(&mut ReplyToTicketRequest)| {
            let (mut fields, mut one) = (Fields::new(), reply.clone());
            change(&mut one);
            check_reply(&mut fields, &one, NOW);
            let found = fields.finish().err().map(|fault| fault.violations);
            let found = found.unwrap_or_default().into_iter();
            found
                .map(|(field, what)| format!("{field} {}", what.name()))
                .collect::<Vec<_>>()
        };
        assert_eq!(found(|_| {}), [""; 0]);
        assert_eq!(found(|one| one.call_end_time = None), [""; 0]);
        assert_eq!(found(|one| *one = ReplyToTicketRequest::default()), [""; 0]);
        assert_eq!(found(|one| one.channel = 99), ["channel UNKNOWN_VALUE"]);
        assert_eq!(
            found(|one| (one.call_start_time, one.call_end_time) = (None, None)),
            ["call_start_time REQUIRED"]
        );
        assert_eq!(
            found(|one| one.call_end_time = Some(to_proto(NOW + 1.minute()))),
            ["call_end_time IN_FUTURE"]
        );
        assert_eq!(
            found(|one| one.set_direction(Direction::Internal)),
            ["channel NOT_APPLICABLE"]
        );
        assert_eq!(
            found(|one| one.recording = "字".repeat(201)),
            ["recording TOO_LONG"]
        );
    }

    /// Clause CC-1.4.
    #[test]
    fn a_later_call_counts_once_it_is_over() {
        let ended = NOW + SignedDuration::from_secs(247);
        assert_eq!(over((None, None)), None);
        assert_eq!(over((Some(NOW), None)), None);
        assert_eq!(over((Some(NOW), Some(NOW))), None);
        assert_eq!(over((Some(NOW), Some(ended))), Some((NOW, 247)));
    }

    #[test]
    fn how_long_it_took_is_known_when_it_is_over() {
        let mut ticket = Ticket {
            call_start_time: Some(to_proto(NOW)),
            ..Default::default()
        };
        assert_eq!(seconds(&ticket), 0);
        ticket.call_end_time = Some(to_proto(NOW + SignedDuration::from_secs(247)));
        assert_eq!(seconds(&ticket), 247);
    }
}
