use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp::constant(1_760_000_000, 0);

fn day(day: i64) -> Timestamp {
    NOW.checked_add(SignedDuration::from_hours(24 * day))
        .unwrap()
}

#[derive(Debug, Clone)]
enum Op {
    Earn(i64, Option<i64>),
    Spend(i64),
    TakeBack(i64),
    Correct(i64, Option<i64>),
    /// So many days go by.
    Wait(i64),
}

fn op() -> impl Strategy<Value = Op> {
    let end = || prop::option::of(1..40_i64);
    prop_oneof![
        (1..50_i64, end()).prop_map(|(points, end)| Op::Earn(points, end)),
        (1..60_i64).prop_map(Op::Spend),
        (1..60_i64).prop_map(Op::TakeBack),
        (-40..40_i64, end())
            .prop_filter("something", |(points, _)| *points != 0)
            .prop_map(|(points, end)| Op::Correct(points, end)),
        (0..20_i64).prop_map(Op::Wait),
    ]
}

/// Every point by itself, with the day on which it ends.
#[derive(Default)]
struct ByHand {
    points: Vec<Option<i64>>,
    owed: i64,
}

impl ByHand {
    fn take(&mut self, count: i64) {
        for _ in 0..count {
            let first = self
                .points
                .iter()
                .enumerate()
                .min_by_key(|(at, end)| (end.unwrap_or(i64::MAX), *at))
                .map(|(at, _)| at)
                .unwrap();
            self.points.remove(first);
        }
    }

    fn count(&self) -> i64 {
        self.points.len() as i64
    }
}

proptest! {
    /// Clause OP-3.3: whatever happens to an account, it has what counting every single point
    /// gives, and that is the sum of what was posted.
    #[test]
    fn an_account_has_what_counting_point_by_point_gives(ops in prop::collection::vec(op(), 0..40)) {
        let (mut ledger, mut hand, mut posted) = (Ledger::default(), ByHand::default(), Vec::new());
        let mut today = 0;
        for op in ops {
            match op {
                Op::Wait(days) => {
                    today += days;
                    posted.extend(ledger.expire(day(today)));
                    hand.points.retain(|end| end.is_none_or(|end| end > today));
                }
                Op::Earn(points, end) => {
                    let end = end.map(|end| today + end);
                    posted.extend(ledger.earn(points, end.map(day)));
                    (0..points).for_each(|_| hand.points.push(end));
                    let back = hand.owed.min(hand.count());
                    hand.owed -= back;
                    hand.take(back);
                }
                Op::Spend(points) => match ledger.spend(points) {
                    Ok(movements) => {
                        prop_assert!(points <= hand.count());
                        posted.extend(movements);
                        hand.take(points);
                    }
                    Err(fault) => {
                        prop_assert_eq!(fault.reason, Reason::BeyondLimit);
                        prop_assert!(points > hand.count());
                    }
                },
                Op::TakeBack(points) => {
                    posted.extend(ledger.take_back(points));
                    let there = points.min(hand.count());
                    hand.owed += points - there;
                    hand.take(there);
                }
                Op::Correct(points, end) => {
                    let end = end.map(|end| today + end);
                    match ledger.correct(points, end.map(day)) {
                        Ok(movements) => {
                            posted.extend(movements);
                            (0..points).for_each(|_| hand.points.push(end));
                            hand.take(-points.min(0));
                        }
                        Err(_) => prop_assert!(-points > hand.count()),
                    }
                }
            }
            prop_assert_eq!(ledger.balance(), hand.count());
            prop_assert_eq!(ledger.owed(), hand.owed);
            prop_assert_eq!(ledger.balance(), posted.iter().map(|one: &Movement| one.points).sum::<i64>());
            prop_assert!(posted.iter().all(|one| one.points != 0));
            let next = hand.points.iter().flatten().min().map(|end| day(*end));
            prop_assert_eq!(ledger.next_end(), next);
        }
    }

    /// What is read from the postings is what was there when they were made.
    #[test]
    fn an_account_is_read_from_its_postings(ops in prop::collection::vec(op(), 0..30)) {
        let (mut ledger, mut posted, mut today) = (Ledger::default(), Vec::new(), 0);
        for op in ops {
            let until = |end: Option<i64>| end.map(|end| day(today + end));
            match op {
                Op::Wait(days) => {
                    today += days;
                    posted.extend(ledger.expire(day(today)));
                }
                Op::Earn(points, end) => posted.extend(ledger.earn(points, until(end))),
                Op::Spend(points) => posted.extend(ledger.spend(points).unwrap_or_default()),
                Op::TakeBack(points) => posted.extend(ledger.take_back(points)),
                Op::Correct(points, end) => {
                    posted.extend(ledger.correct(points, until(end)).unwrap_or_default());
                }
            }
        }
        let mut again = Ledger::of(posted, ledger.owed());
        prop_assert_eq!(again.balance(), ledger.balance());
        prop_assert_eq!(again.next_end(), ledger.next_end());
        prop_assert_eq!(again.expire(day(today + 100)), ledger.expire(day(today + 100)));
    }
}

proptest! {
    /// Clauses OP-3.3, IH-2.2: whatever goes from one account to another and back, together they
    /// have what they had, but for what is owed, and each point ends when it would have.
    #[test]
    fn what_goes_to_another_account_is_all_there(
        mine in prop::collection::vec((1..50_i64, prop::option::of(1..40_i64)), 0..6),
        others in prop::collection::vec((1..50_i64, prop::option::of(1..40_i64)), 0..6),
        spent in 0..120_i64,
        (owed, going) in (0..40_i64, 0..200_i64),
    ) {
        let account = |lots: &[(i64, Option<i64>)]| {
            let mut ledger = Ledger::default();
            for (points, end) in lots {
                ledger.earn(*points, end.map(day));
            }
            ledger
        };
        let (mut one, mut other) = (account(&mine), account(&others));
        let there = one.balance();
        one.take_back(there.min(spent));
        let mut ends = [lots(&one), lots(&other)].concat();
        ends.sort();
        let before = one.balance() + other.balance();
        let gone = one.hand_over(going);
        let moved = gone.lots.iter().map(|lot| lot.points).sum::<i64>();
        prop_assert_eq!(moved, going.min(before - other.balance()));
        prop_assert_eq!(gone.out.iter().map(|one| one.points).sum::<i64>(), -moved);
        let came = other.take_over(&gone.lots, 0);
        prop_assert_eq!(came, gone.lots);
        let mut after = [lots(&one), lots(&other)].concat();
        after.sort();
        prop_assert_eq!(after, ends);

        let back = other.hand_over(moved);
        one.take_over(&back.lots, owed);
        prop_assert_eq!(one.balance() + other.balance() - one.owed(), before - owed);
        prop_assert!(one.balance() == 0 || one.owed() == 0);
        let owing = one.owed();
        prop_assert_eq!(one.remit(going), going.min(owing));
        prop_assert_eq!(one.owed(), owing - going.min(owing));
    }
}

/// The end of each single point of an account.
fn lots(ledger: &Ledger) -> Vec<Option<Timestamp>> {
    let lots = ledger.lots.iter();
    lots.flat_map(|lot| (0..lot.left).map(|_| lot.expires_at))
        .collect()
}

/// Clause OP-3.3: what an order brought goes back also after it was spent.
#[test]
fn what_was_spent_before_it_went_back_is_taken_of_what_is_earned_next() {
    let mut ledger = Ledger::default();
    ledger.earn(100, None);
    ledger.spend(80).unwrap();
    let back = ledger.take_back(100);
    assert_eq!(back.iter().map(|one| one.points).collect::<Vec<_>>(), [-20]);
    assert_eq!((ledger.balance(), ledger.owed()), (0, 80));
    let next = ledger.earn(100, None);
    let next: Vec<_> = next.iter().map(|one| (one.kind, one.points)).collect();
    assert_eq!(
        next,
        [(PointsKind::Earned, 100), (PointsKind::Reversed, -80)]
    );
    assert_eq!((ledger.balance(), ledger.owed()), (20, 0));
}
