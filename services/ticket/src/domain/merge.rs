//! Tickets that become part of another, and stand by themselves again (SG-5, OP-3.2).

use jiff::{SignedDuration, Timestamp};
use kefu_contracts::{
    common::Reason,
    ticket::{Ticket, TicketKind},
};
use kefu_service::{
    error::{Fault, Violation},
    time::to_proto,
};

use super::{
    action::standing,
    complaint::stage,
    state::{Event, Standing},
};

/// How long a merge can be undone.
pub(crate) const UNDONE_WITHIN: SignedDuration = SignedDuration::from_hours(24);

/// Makes one ticket part of another, which stays where it stands.
///
/// A complaint keeps to its loop: it becomes part of a complaint alone, and of none that is
/// known to be less grave. One that never was a complaint is first called what it is, which
/// nobody can once it was judged.
///
/// # Errors
/// A violation of `target`, `STATE_NOT_ALLOWED` or `STEP_MISSING`; the source is then worth
/// nothing.
pub(crate) fn merge(source: &mut Ticket, target: &Ticket, now: Timestamp) -> Result<(), Fault> {
    let refused = |what| Err(Fault::fields(vec![("target".to_owned(), what)]));
    if source.name == target.name {
        return refused(Violation::Duplicate);
    }
    if source.customer != target.customer {
        return refused(Violation::Contradiction);
    }
    let complaint = TicketKind::Complaint;
    if source.kind() == complaint && target.kind() != complaint {
        return refused(Violation::NotApplicable);
    }
    let next = standing(source).after(source.kind(), Event::Merge)?;
    standing(target).after(target.kind(), Event::Absorb)?;
    if source.gravity > target.gravity {
        return Err(Fault::new(Reason::StepMissing).with("needs", "ANALYSIS"));
    }
    take(source, next);
    source.closed_time = Some(to_proto(now));
    source.merged_time = Some(to_proto(now));
    Ok(())
}

/// Puts a ticket that is part of another back to where it stood.
///
/// # Errors
/// `STATE_NOT_ALLOWED` when it is part of none, or has been for too long.
pub(crate) fn unmerge(
    source: &mut Ticket,
    stood: Standing,
    merged_at: Timestamp,
    now: Timestamp,
) -> Result<(), Fault> {
    if merged_at + UNDONE_WITHIN < now {
        let until = (merged_at + UNDONE_WITHIN).to_string();
        return Err(Fault::state("MERGED", "unmerge").with("until", until));
    }
    source.closed_time = None;
    source.merged_time = None;
    take(source, stood);
    Ok(())
}

fn take(ticket: &mut Ticket, next: Standing) {
    ticket.set_state(next.state);
    ticket.set_waiting_for(next.waiting_for);
    ticket.set_stage(stage(ticket));
}

#[cfg(test)]
mod tests {
    use kefu_contracts::ticket::{Gravity, TicketState, WaitingFor};

    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_760_000_000, 0);
    const KINDS: [TicketKind; 4] = [
        TicketKind::Consultation,
        TicketKind::Complaint,
        TicketKind::Suggestion,
        TicketKind::ServiceRequest,
    ];

    fn ticket(name: &str, kind: TicketKind) -> Ticket {
        Ticket {
            name: name.into(),
            customer: "customers/1".into(),
            kind: kind.into(),
            state: TicketState::New.into(),
            ..Default::default()
        }
    }

    fn merged(mut source: Ticket, target: &Ticket) -> Result<Ticket, Fault> {
        merge(&mut source, target, NOW).map(|()| source)
    }

    /// Clause OP-3.2: nobody steps out of the loop by merging.
    #[test]
    fn a_complaint_becomes_part_of_a_complaint_alone() {
        for kind in KINDS {
            for into in KINDS {
                let found = merged(ticket("tickets/1", kind), &ticket("tickets/2", into));
                let complaint = TicketKind::Complaint;
                assert_eq!(
                    found.is_ok(),
                    kind != complaint || into == complaint,
                    "{kind:?} {into:?}"
                );
            }
        }
        let mut grave = ticket("tickets/1", TicketKind::Complaint);
        grave.set_gravity(Gravity::Grave);
        let mut other = ticket("tickets/2", TicketKind::Complaint);
        let refused = merged(grave.clone(), &other).unwrap_err();
        assert_eq!(refused.reason, Reason::StepMissing);
        other.set_gravity(Gravity::Serious);
        assert!(merged(grave.clone(), &other).is_err());
        other.set_gravity(Gravity::Grave);
        assert!(merged(grave, &other).is_ok());
    }

    /// Clause SG-5: what is solved is no work that is done twice, and nothing goes into what is
    /// finished.
    #[test]
    fn only_what_is_to_be_done_becomes_part_of_what_is_not_finished() {
        use TicketState::{Closed, New, Open, Pending, Resolved};
        for from in [New, Open, Pending, Resolved, Closed] {
            for into in [New, Open, Pending, Resolved, Closed] {
                let mut source = ticket("tickets/1", TicketKind::Suggestion);
                source.set_state(from);
                let mut target = ticket("tickets/2", TicketKind::Suggestion);
                target.set_state(into);
                let found = merged(source, &target);
                let right = !matches!(from, Resolved | Closed) && into != Closed;
                assert_eq!(found.is_ok(), right, "{from:?} {into:?}");
                if let Ok(source) = found {
                    assert_eq!(
                        (source.state(), source.merged_time),
                        (Closed, source.closed_time)
                    );
                }
            }
        }
    }

    #[test]
    fn tickets_of_one_customer_and_two_of_them() {
        let one = ticket("tickets/1", TicketKind::Suggestion);
        let violation = |target: &Ticket| merged(one.clone(), target).unwrap_err().violations;
        assert_eq!(
            violation(&one),
            [("target".to_owned(), Violation::Duplicate)]
        );
        let other = Ticket {
            name: "tickets/2".into(),
            customer: "customers/2".into(),
            ..one.clone()
        };
        assert_eq!(
            violation(&other),
            [("target".to_owned(), Violation::Contradiction)]
        );
    }

    #[test]
    fn it_stands_again_where_it_stood_within_a_day() {
        let stood = Standing {
            state: TicketState::Pending,
            waiting_for: WaitingFor::Evidence,
        };
        let mut before = ticket("tickets/1", TicketKind::Complaint);
        take(&mut before, stood);
        let target = ticket("tickets/2", TicketKind::Complaint);
        let mut source = merged(before.clone(), &target).unwrap();
        assert_ne!(source, before);
        let mut late = source.clone();
        unmerge(&mut source, stood, NOW, NOW + UNDONE_WITHIN).unwrap();
        assert_eq!(source, before);
        let after = NOW + UNDONE_WITHIN + SignedDuration::from_secs(1);
        let refused = unmerge(&mut late, stood, NOW, after).unwrap_err();
        assert_eq!(refused.reason, Reason::StateNotAllowed);
    }
}
