//! Whatever is done to copies in whatever order, what the register says of each is what
//! following the policy's sentence by hand gives.

use proptest::{prelude::*, sample::subsequence};

use super::*;
use crate::domain::approval::Decision;

const EVENTS: [ItemEvent; 8] = [
    ItemEvent::Approve,
    ItemEvent::Drop,
    ItemEvent::HandOut,
    ItemEvent::PassIntact,
    ItemEvent::FindDamage,
    ItemEvent::Lose,
    ItemEvent::Renew,
    ItemEvent::FollowUp,
];

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn copy(number: u8) -> BorrowedCopy {
    BorrowedCopy {
        customer: Uuid::from_u128(1),
        medium: Medium::Physical,
        label: format!("Box {number}"),
    }
}

fn terms(items: Vec<u8>, until: i64) -> BorrowingTerms {
    BorrowingTerms {
        items: items.into_iter().map(copy).collect(),
        not_before: None,
        until: at(until),
    }
}

/// Three copies asked for, two approved and the borrowing in use, until second 100.
fn in_use() -> (Borrowing, Case<BorrowingTerms>) {
    let mut case = Case::draft(
        Uuid::from_u128(7),
        Uuid::nil(),
        terms(vec![1, 2], 100),
        at(0),
    );
    case.state = State::Active;
    case.period = Some((at(0), at(100)));
    case.decisions = Vec::<Decision>::new();
    let borrowing = Borrowing {
        purpose: Purpose::Service,
        justification: "j".into(),
        requested: terms(vec![1, 2, 3], 100),
        extends: None,
        lines: Vec::new(),
        chased_at: None,
        closed_at: None,
    };
    (borrowing, case)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    /// Clause CF-9.2: nothing goes out unapproved, comes back uninspected, or is settled
    /// while it is out, or damaged or lost and not followed up.
    #[test]
    fn a_copy_goes_the_way_of_the_policy(events in prop::collection::vec(prop::sample::select(EVENTS.to_vec()), 0..12)) {
        let mut state = ItemState::Requested;
        let mut happened = Vec::new();
        for event in events {
            if let Some(next) = state.after(event) {
                happened.push(event);
                state = next;
            }
        }
        let count = |event| happened.iter().filter(|one| **one == event).count();
        let place = |event| happened.iter().position(|one| *one == event);
        if let Some(out) = place(ItemEvent::HandOut) {
            prop_assert_eq!(place(ItemEvent::Approve), Some(0));
            prop_assert_eq!((out, count(ItemEvent::HandOut), count(ItemEvent::Drop)), (1, 1, 0));
        } else {
            let before = [ItemState::Requested, ItemState::Approved, ItemState::Dropped];
            prop_assert!(before.contains(&state));
        }
        let last = happened.last().copied();
        let out = count(ItemEvent::HandOut) == 1;
        let settled = matches!(last, Some(
            ItemEvent::PassIntact | ItemEvent::Renew | ItemEvent::FollowUp | ItemEvent::Drop));
        prop_assert_eq!(state.is_settled(), settled);
        prop_assert_eq!(state == ItemState::Out, last == Some(ItemEvent::HandOut));
        prop_assert_eq!(state == ItemState::Damaged, last == Some(ItemEvent::FindDamage));
        prop_assert_eq!(state == ItemState::Lost, last == Some(ItemEvent::Lose));
        prop_assert!(!matches!(last, Some(ItemEvent::FollowUp)) || out);
    }

    /// Clause CF-9.2: overdue at the due moment and from then on every day, whenever it is
    /// looked; of what was missed, the due moment and the last reminder are made up for.
    #[test]
    fn what_is_late_is_chased_whenever_it_is_looked(mut looks in prop::collection::vec(0..1000_i64, 1..20)) {
        let (mut borrowing, case) = in_use();
        borrowing.hand_out(&case, &[copy(1)], Uuid::nil(), at(0)).unwrap();
        looks.sort_unstable();
        let every = SignedDuration::from_secs(24);
        let mut all = Vec::new();
        for look in &looks {
            let late = borrowing.late(every, at(*look));
            prop_assert!(late.iter().all(|(when, _)| *when <= at(*look)));
            prop_assert!(late.len() <= 2);
            prop_assert_eq!(borrowing.lines[0].is_overdue(at(*look)), *look >= 100);
            all.extend(late);
            let last = (*look >= 100).then(|| 100 + (look - 100) / 24 * 24);
            prop_assert_eq!(borrowing.chased_at, last.map(at));
        }
        let overdue = all.iter().filter(|(_, what)| *what == Late::Overdue);
        let ever = looks.iter().any(|look| *look >= 100);
        prop_assert_eq!(overdue.map(|(when, _)| *when).collect::<Vec<_>>(), if ever { vec![at(100)] } else { vec![] });
        prop_assert!(all.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    /// Clause CF-9.2: fewer copies and shorter is narrower, anything else is wider.
    #[test]
    fn narrower_is_fewer_and_shorter(
        (one, other) in (subsequence(vec![1, 2, 3], 1..=3), subsequence(vec![1, 2, 3], 1..=3)),
        (until, other_until) in (1..9_i64, 1..9_i64),
        (start, other_start) in (prop::option::of(0..9_i64), prop::option::of(0..9_i64)),
    ) {
        let with = |items: &Vec<u8>, until, start: Option<i64>| BorrowingTerms {
            not_before: start.map(at),
            ..terms(items.clone(), until)
        };
        let narrower = with(&one, until, start).is_within(&with(&other, other_until, other_start));
        let fewer = one.iter().all(|item| other.contains(item));
        let later = start.unwrap_or(-1) >= other_start.unwrap_or(-1);
        prop_assert_eq!(narrower, fewer && until <= other_until && later);
    }
}

#[test]
fn a_label_is_one_however_it_is_written() {
    let written = |label: &str| BorrowedCopy {
        label: label.into(),
        ..copy(1)
    };
    for same in ["box 1", " BOX  1 ", "Ｂｏｘ　１", "Box\u{3000}1"] {
        assert_eq!(written(same), copy(1), "{same}");
    }
    for other in ["Box 11", "Box1", "盒 1"] {
        assert_ne!(written(other), copy(1), "{other}");
    }
}

/// Clause CF-9.2: only what was approved goes out, and it ends only when all is settled.
#[test]
fn nothing_is_closed_that_is_not_settled() {
    let (mut borrowing, case) = in_use();
    let nobody = Uuid::nil();
    assert_eq!(borrowing.waiting(&case), [copy(1), copy(2)]);
    for (item, refusal) in [
        (copy(3), ItemRefusal::State(copy(3), ItemState::Dropped)),
        (copy(9), ItemRefusal::Unknown(0)),
    ] {
        let refused = borrowing.hand_out(&case, &[item], nobody, at(1));
        assert_eq!(refused, Err(refusal));
    }
    borrowing
        .hand_out(&case, &[copy(1)], nobody, at(1))
        .unwrap();
    assert_eq!(borrowing.lines[0].due_at, at(100));
    let twice = borrowing.hand_out(&case, &[copy(1)], nobody, at(1));
    assert_eq!(twice, Err(ItemRefusal::State(copy(1), ItemState::Out)));
    let unsettled = |state| Err(ItemRefusal::Unsettled(copy(1), state));
    assert_eq!(borrowing.close(at(2)), unsettled(ItemState::Out));
    borrowing
        .change(&case, (0, &copy(1)), ItemEvent::Lose)
        .unwrap();
    assert_eq!(borrowing.close(at(2)), unsettled(ItemState::Lost));
    borrowing
        .change(&case, (0, &copy(1)), ItemEvent::FollowUp)
        .unwrap();
    borrowing.close(at(3)).unwrap();
    assert_eq!(borrowing.close(at(4)), Err(ItemRefusal::Closed));
}
