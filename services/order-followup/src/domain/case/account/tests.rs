use kefu_contracts::{
    google::r#type::Money,
    order::{CaseLine, RefundLine},
};
use proptest::prelude::*;

use super::*;

const CNY: &str = "CNY";

fn money(nanos: i128) -> Money {
    amount(nanos, CNY).unwrap()
}

/// What may happen to one of the cases of an order; what the table does not allow is not tried.
#[derive(Debug, Clone)]
enum Act {
    Register {
        kind: CaseKind,
        line: i32,
        pieces: i32,
    },
    Propose {
        case: usize,
        line: i32,
        nanos: i64,
    },
    Payment {
        case: usize,
        number: usize,
        state: CasePaymentState,
    },
    State {
        case: usize,
        state: CaseState,
    },
}

fn act() -> impl Strategy<Value = Act> {
    let kind = prop::sample::select(vec![
        CaseKind::Return,
        CaseKind::Exchange,
        CaseKind::Refund,
        CaseKind::Repair,
    ]);
    let register = (kind, 1..=2_i32, 1..6_i32).prop_map(|(kind, line, pieces)| Act::Register {
        kind,
        line,
        pieces,
    });
    let propose = (0..6_usize, 1..=2_i32, 1..4_000_000_000_i64)
        .prop_map(|(case, line, nanos)| Act::Propose { case, line, nanos });
    let payment = (0..6_usize, 0..4_usize, 1..=5_i32).prop_map(|(case, number, state)| {
        let state = CasePaymentState::try_from(state).unwrap();
        Act::Payment {
            case,
            number,
            state,
        }
    });
    let state = (0..6_usize, 1..=9_i32).prop_map(|(case, state)| {
        let state = CaseState::try_from(state).unwrap();
        Act::State { case, state }
    });
    prop_oneof![register, propose, payment, state]
}

/// The case as the act leaves it.
fn done(act: &Act, cases: &[Case]) -> Option<(usize, Case)> {
    let changed = |at: usize, change: &dyn Fn(&mut Case) -> Option<()>| {
        let mut case = cases.get(at)?.clone();
        change(&mut case)?;
        Some((at, case))
    };
    match *act {
        Act::Register { kind, line, pieces } => {
            let lines = vec![CaseLine {
                line,
                quantity: pieces,
                ..CaseLine::default()
            }];
            let mut case = Case {
                order: "orders/1".into(),
                lines,
                ..Case::default()
            };
            case.set_kind(kind);
            case.set_state(CaseState::Registered);
            Some((cases.len(), case))
        }
        Act::Propose { case, line, nanos } => changed(case, &|case| {
            let lines = vec![RefundLine {
                line,
                amount: Some(money(nanos.into())),
            }];
            let mut payment = CasePayment {
                lines,
                ..CasePayment::default()
            };
            payment.set_kind(CasePaymentKind::Refund);
            payment.set_state(CasePaymentState::Asked);
            case.payments.push(payment);
            Some(())
        }),
        Act::Payment {
            case,
            number,
            state,
        } => changed(case, &|case| {
            case.payments.get_mut(number)?.set_state(state);
            Some(())
        }),
        Act::State { case, state } => changed(case, &|case| {
            case.set_state(state);
            Some(())
        }),
    }
}

proptest! {
    /// Clause IH-6: whatever is tried with the cases of an order, in whatever order, no more pieces
    /// come back than were ordered, no more money is promised than was paid, and the account is what
    /// counting all cases gives.
    #[test]
    fn nothing_is_returned_twice(acts in prop::collection::vec(act(), 1..60)) {
        let line = |line, ordered, paid| Line { line, ordered, taken: 0, paid, refunded: 0 };
        let mut account = [line(1, 3, 5_000_000_000), line(2, 8, 2_500_000_001)];
        let mut cases: Vec<Case> = Vec::new();
        for act in &acts {
            let Some((at, after)) = done(act, &cases) else { continue };
            let before = cases.get(at).map(taken).unwrap_or_default();
            let mut next = account;
            let booked = difference(&before, &taken(&after)).into_iter().try_for_each(|(line, booked)| {
                next[usize::try_from(line - 1).unwrap()].book(booked, CNY)
            });
            if booked.is_err() {
                continue;
            }
            account = next;
            match cases.get_mut(at) {
                Some(case) => *case = after,
                None => cases.push(after),
            }
            for one in &account {
                let all: Vec<Booked> = cases.iter().filter_map(|case| taken(case).get(&one.line).copied()).collect();
                prop_assert_eq!(all.iter().map(|booked| booked.pieces).sum::<i64>(), one.taken);
                prop_assert_eq!(all.iter().map(|booked| booked.nanos).sum::<i128>(), one.refunded);
                prop_assert!(one.taken <= one.ordered && one.refunded <= one.paid);
            }
        }
    }
}

/// Clause IH-6: of a cancelled case nothing counts; who has others for what they gave back may give
/// those back as well.
#[test]
fn what_a_case_takes_follows_from_how_it_stands() {
    let of = |kind: CaseKind, state: CaseState| {
        let lines = vec![CaseLine {
            line: 1,
            quantity: 2,
            ..CaseLine::default()
        }];
        let mut case = Case {
            order: "orders/1".into(),
            lines,
            ..Case::default()
        };
        case.set_kind(kind);
        case.set_state(state);
        taken(&case).get(&1).map_or(0, |booked| booked.pieces)
    };
    assert_eq!(of(CaseKind::Return, CaseState::Registered), 2);
    assert_eq!(of(CaseKind::Return, CaseState::Evaluated), 2);
    assert_eq!(of(CaseKind::Return, CaseState::Cancelled), 0);
    assert_eq!(of(CaseKind::Exchange, CaseState::Done), 2);
    assert_eq!(of(CaseKind::Exchange, CaseState::Closed), 0);
    assert_eq!(of(CaseKind::Repair, CaseState::UnderWay), 0);
}

#[test]
fn who_asks_for_too_much_is_told_what_is_left() {
    let mut line = Line {
        line: 2,
        ordered: 3,
        taken: 2,
        paid: 10_000_000_001,
        refunded: 4_000_000_000,
    };
    let pieces = |pieces| Booked { pieces, nanos: 0 };
    let refused = line.book(pieces(2), CNY).unwrap_err();
    assert_eq!(
        refused.metadata,
        [("limit", "1".to_owned()), ("line", "2".to_owned())]
    );
    let nanos = |nanos| Booked { pieces: 0, nanos };
    let refused = line.book(nanos(6_000_000_002), CNY).unwrap_err();
    assert_eq!(refused.metadata[0], ("limit", "6.000000001".to_owned()));
    line.book(nanos(6_000_000_001), CNY).unwrap();
    line.book(pieces(1), CNY).unwrap();
    assert!(line.book(nanos(1), CNY).is_err() && line.book(pieces(1), CNY).is_err());
}
