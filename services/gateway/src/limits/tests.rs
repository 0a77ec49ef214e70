use super::*;

const START: Timestamp = Timestamp::UNIX_EPOCH;

fn rates(per_second: u32, burst: u32) -> Rates {
    Rates::new(
        NonZeroU32::new(per_second).unwrap(),
        NonZeroU32::new(burst).unwrap(),
    )
}

fn later(millis: u64) -> Timestamp {
    START + Duration::from_millis(millis)
}

#[test]
fn a_rested_subject_has_its_burst_and_then_its_rate() {
    let rates = rates(10, 3);
    let subject = Uuid::from_u128(7);
    for _ in 0..3 {
        assert_eq!(rates.take(subject, START), Ok(()));
    }
    let limited = rates.take(subject, START).unwrap_err();
    assert_eq!(limited.retry_after, Duration::from_millis(100));
    assert_eq!(
        rates
            .take(subject, later(99))
            .map_err(|limited| limited.retry_after),
        Err(Duration::from_millis(1))
    );
    assert_eq!(rates.take(subject, later(100)), Ok(()));
    assert!(rates.take(subject, later(100)).is_err());
    assert_eq!(
        rates.take(Uuid::from_u128(8), START),
        Ok(()),
        "others are not touched"
    );
}

#[test]
fn one_refusal_a_second_is_the_first() {
    let rates = rates(1, 1);
    let subject = Uuid::from_u128(7);
    rates.take(subject, START).unwrap();
    let first = |at| rates.take(subject, at).unwrap_err().first;
    assert!(first(START));
    assert!(!first(later(999)));
    rates.take(subject, later(1000)).unwrap();
    assert!(first(later(1000)));
}

#[test]
fn a_clock_turned_back_locks_nobody_out() {
    let rates = rates(1, 1);
    let subject = Uuid::from_u128(7);
    rates.take(subject, later(3_600_000)).unwrap();
    assert_eq!(rates.take(subject, START), Ok(()));
}

/// Whoever goes round the gateways can make no more calls than of one, and no fewer.
#[test]
fn gateways_share_a_rate() {
    let gateways = [rates(10, 8), rates(10, 8)];
    for one in &gateways {
        one.share_among(NonZeroU32::new(2).unwrap());
    }
    let subject = Uuid::from_u128(7);
    let made = |times: std::ops::Range<u64>| {
        let calls = times.flat_map(|millis| gateways.iter().map(move |one| (one, later(millis))));
        calls
            .filter(|(one, at)| one.take(subject, *at).is_ok())
            .count()
    };
    assert_eq!(made(0..1), 2, "each let one through");
    assert_eq!(made(1..100), 6, "what is left of the burst");
    assert_eq!(made(100..10_100), 100, "and then ten a second");
}

#[test]
fn subjects_at_rest_are_forgotten() {
    let rates = rates(1, 1);
    for number in 0..u128::try_from(CROWD).unwrap() * 4 {
        rates
            .take(
                Uuid::from_u128(number << 8),
                later(u64::try_from(number).unwrap() * 10),
            )
            .unwrap();
    }
    let kept = rates.shards[0].lock().unwrap().buckets.len();
    assert!(
        kept <= CROWD + 1,
        "{kept} buckets of which 100 are not full"
    );
}

#[test]
fn strangers_share_one_budget_a_second() {
    let budget = Budget::new(2);
    assert!(budget.spend(START) && budget.spend(later(999)) && !budget.spend(later(999)));
    assert!(budget.spend(later(1000)));
}

/// Calls at the same time come in another order than they were timed in: none of them finds the
/// bucket as after a rest.
#[test]
fn a_call_timed_before_another_finds_no_more_left() {
    let rates = rates(10, 5);
    let who = Uuid::from_u128(1);
    assert!((0..5).all(|_| rates.take(who, later(3)).is_ok()));
    assert!(rates.take(who, later(3)).is_err());
    assert!(rates.take(who, START).is_err());
    assert!(rates.take(who, later(3)).is_err());
}

/// Nor is anybody refused for it, who may make as many calls as there can be.
#[test]
fn whoever_is_not_limited_may_be_timed_in_any_order() {
    let rates = rates(u32::MAX, u32::MAX);
    let who = Uuid::from_u128(1);
    for at in [3, 0, 2, 1] {
        assert_eq!(rates.take(who, later(at)), Ok(()));
    }
}
