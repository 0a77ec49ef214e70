//! What access-control's journal says of grants on a customer's file (CF-6.3, CF-9.2).

use std::collections::BTreeMap;

use kefu_contracts::{
    access::{ApprovalEvent, ApprovalState, ShareTerms},
    journal::ApprovalChanged,
    policy::DataClass,
    profile::TimelineKind,
};
use kefu_service::fields::parse_name;
use prost_types::Timestamp;

use super::timeline::Happening;

/// Whose files were opened to somebody, or closed again, by this; in order, each once.
pub(crate) fn given(changed: &ApprovalChanged, recorded: Option<Timestamp>) -> Vec<Happening> {
    let mut given = BTreeMap::new();
    let mut note = |customer: &str, at: Option<Timestamp>| {
        if let Some(customer) = parse_name(customer, "customers") {
            given.insert(customer, at);
        }
    };
    match changed.kind.as_str() {
        "share" => {
            if let Some(at) = moment(changed, recorded) {
                let terms = changed.terms.iter();
                let customers = terms.flat_map(|terms| &terms.customers);
                customers.for_each(|customer| note(customer, at));
            }
        }
        "borrowing" => {
            for line in &changed.borrowing_lines {
                let at = match changed.event() {
                    ApprovalEvent::HandedOut => line.out_time,
                    ApprovalEvent::TakenBack => line.back_time,
                    ApprovalEvent::ReportedLost => line.reported_lost_time,
                    _ => None,
                };
                // The entry has the whole register, whenever a copy went or came.
                if at.is_some() && at == recorded {
                    let copy = line.item.iter();
                    copy.for_each(|copy| note(&copy.customer, at));
                }
            }
        }
        _ => {}
    }
    let happening = |(customer, at): (uuid::Uuid, _)| Happening {
        kind: TimelineKind::Grant,
        class: DataClass::System,
        at,
        customer: customer.as_bytes().to_vec(),
        category: String::new(),
    };
    given.into_iter().map(happening).collect()
}

/// When a share opened its files, or closed them; `None` where it did neither.
fn moment(changed: &ApprovalChanged, recorded: Option<Timestamp>) -> Option<Option<Timestamp>> {
    let begun = |at: Option<Timestamp>| {
        let key = |at: Timestamp| (at.seconds, at.nanos);
        at.map(key) <= recorded.map(key) && at.is_some()
    };
    match changed.event() {
        ApprovalEvent::Activated | ApprovalEvent::Begun => {
            (changed.state() == ApprovalState::Active).then_some(changed.active_from)
        }
        ApprovalEvent::Ended => Some(changed.active_until),
        ApprovalEvent::Revoked => begun(changed.active_from).then_some(recorded),
        _ => None,
    }
}

/// As it is kept with a customer: without the other customers, and without whom it is for.
pub(crate) fn without_others(changed: &ApprovalChanged) -> ApprovalChanged {
    let dues = changed.borrowing_terms.as_ref();
    ApprovalChanged {
        approval_id: changed.approval_id.clone(),
        kind: changed.kind.clone(),
        event: changed.event,
        state: changed.state,
        active_from: changed.active_from,
        active_until: changed
            .active_until
            .or_else(|| dues.and_then(|terms| terms.end_time)),
        terms: changed.terms.as_ref().map(|terms| ShareTerms {
            classes: terms.classes.clone(),
            ..ShareTerms::default()
        }),
        ..ApprovalChanged::default()
    }
}

#[cfg(test)]
mod tests {
    use kefu_contracts::access::{BorrowedCopy, BorrowingLine};

    use super::*;

    const FIRST: &str = "customers/0190c5a8-0000-7000-8000-000000000001";
    const SECOND: &str = "customers/0190c5a8-0000-7000-8000-000000000002";

    fn at(seconds: i64) -> Option<Timestamp> {
        Some(Timestamp { seconds, nanos: 0 })
    }

    fn share(event: ApprovalEvent, state: ApprovalState) -> ApprovalChanged {
        ApprovalChanged {
            kind: "share".into(),
            event: event.into(),
            state: state.into(),
            active_from: at(10),
            active_until: at(20),
            terms: Some(ShareTerms {
                customers: vec![SECOND.into(), FIRST.into(), SECOND.into()],
                classes: vec![DataClass::Contact.into()],
                receivers: vec!["employees/somebody".into()],
                ..ShareTerms::default()
            }),
            ..ApprovalChanged::default()
        }
    }

    /// Clauses CF-2.3, CF-6.3: a share is in the history from when it opens the files, and when it closes them.
    #[test]
    fn a_share_is_told_when_it_opens_a_file_and_when_it_closes_it() {
        use ApprovalEvent as E;
        use ApprovalState as S;
        for (event, state, recorded, expected) in [
            (E::Approved, S::Approved, 5, None),
            (E::Activated, S::Scheduled, 5, None),
            (E::Activated, S::Active, 10, Some(10)),
            (E::Begun, S::Active, 12, Some(10)),
            (E::Ended, S::Ended, 25, Some(20)),
            (E::Revoked, S::Revoked, 15, Some(15)),
            // Before it began, it opened nothing.
            (E::Revoked, S::Revoked, 9, None),
            (E::Accompanied, S::Active, 15, None),
        ] {
            let given = given(&share(event, state), at(recorded));
            let moments: Vec<_> = given.iter().map(|one| one.at.unwrap().seconds).collect();
            let both = expected.map(|moment| vec![moment; 2]);
            assert_eq!(moments, both.unwrap_or_default(), "{event:?}");
        }
        let destruction = ApprovalChanged {
            kind: "destruction".into(),
            ..share(E::Begun, S::Active)
        };
        assert_eq!(given(&destruction, at(10)), []);
    }

    /// Clause CF-9.2: of a borrowing, the copies that went out or came back just then.
    #[test]
    fn a_borrowed_copy_is_told_when_it_goes_and_when_it_comes() {
        let line = |customer: &str, out, back| BorrowingLine {
            item: Some(BorrowedCopy {
                customer: customer.into(),
                ..BorrowedCopy::default()
            }),
            out_time: out,
            back_time: back,
            ..BorrowingLine::default()
        };
        let borrowing = |event: ApprovalEvent| ApprovalChanged {
            kind: "borrowing".into(),
            event: event.into(),
            borrowing_lines: vec![line(FIRST, at(10), at(30)), line(SECOND, at(20), None)],
            ..ApprovalChanged::default()
        };
        let told = |event, recorded| {
            let given = given(&borrowing(event), at(recorded)).into_iter();
            given.map(|one| one.customer[15]).collect::<Vec<_>>()
        };
        assert_eq!(told(ApprovalEvent::HandedOut, 10), [1]);
        assert_eq!(told(ApprovalEvent::HandedOut, 20), [2]);
        assert_eq!(told(ApprovalEvent::TakenBack, 30), [1]);
        assert_eq!(told(ApprovalEvent::Overdue, 30), [0; 0]);
    }

    #[test]
    fn nobody_else_is_kept_with_a_customer() {
        let kept = without_others(&share(ApprovalEvent::Begun, ApprovalState::Active));
        let terms = kept.terms.unwrap();
        assert_eq!((terms.customers, terms.receivers), (vec![], vec![]));
        assert_eq!(terms.classes, [DataClass::Contact as i32]);
        assert_eq!((kept.active_from, kept.active_until), (at(10), at(20)));
    }
}
