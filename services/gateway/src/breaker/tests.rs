use proptest::prelude::*;

use super::*;

const OPEN_FOR: Duration = Duration::from_secs(5);
const FAILURES: u32 = 3;

fn breaker() -> Breaker {
    Breaker::new(Rules {
        failures: NonZeroU32::new(FAILURES).unwrap(),
        open_for: OPEN_FOR,
    })
}

fn at(second: u64) -> Timestamp {
    Timestamp::UNIX_EPOCH + Duration::from_secs(second)
}

fn open(breaker: &mut Breaker) {
    for _ in 0..FAILURES {
        let pass = breaker.ask(at(0)).unwrap();
        breaker.failed(pass, at(0));
    }
}

#[test]
fn it_opens_after_failures_in_a_row_and_tries_with_one() {
    let mut breaker = breaker();
    open(&mut breaker);
    assert_eq!(breaker.ask(at(4)), Err(Duration::from_secs(1)));
    let probe = breaker.ask(at(5)).unwrap();
    assert!(breaker.ask(at(5)).is_err(), "one at a time");
    breaker.failed(probe, at(6));
    assert_eq!(breaker.ask(at(6)), Err(OPEN_FOR));
    let probe = breaker.ask(at(11)).unwrap();
    breaker.answered(probe);
    assert!(breaker.ask(at(11)).is_ok() && breaker.ask(at(11)).is_ok());
}

#[test]
fn late_news_of_an_earlier_state_does_not_count() {
    let mut breaker = breaker();
    let early = breaker.ask(at(0)).unwrap();
    open(&mut breaker);
    breaker.answered(early);
    assert!(breaker.ask(at(1)).is_err());
    let probe = breaker.ask(at(5)).unwrap();
    breaker.failed(early, at(5));
    breaker.answered(probe);
    assert!(breaker.ask(at(5)).is_ok());
}

#[test]
fn a_try_that_nobody_waits_for_holds_up_nobody() {
    let mut breaker = breaker();
    open(&mut breaker);
    let probe = breaker.ask(at(5)).unwrap();
    breaker.left(probe, at(5));
    assert!(breaker.ask(at(5)).is_ok());
}

#[test]
fn a_clock_turned_back_keeps_it_open_no_longer() {
    let mut breaker = breaker();
    let pass = |breaker: &mut Breaker| breaker.ask(at(1000)).unwrap();
    for _ in 0..FAILURES {
        let pass = pass(&mut breaker);
        breaker.failed(pass, at(1000));
    }
    assert!(breaker.ask(at(1)).is_ok());
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Call(bool),
    Wait(u64),
}

/// What was told so far, read from the beginning each time.
fn model(told: &[(u64, bool)], now: u64) -> bool {
    let Some((last, _)) = told.last() else {
        return true;
    };
    let answered = told.iter().rposition(|(_, answered)| *answered);
    let row = told.len() - answered.map_or(0, |at| at + 1);
    row < FAILURES as usize || now >= last + OPEN_FOR.as_secs()
}

proptest! {
    #[test]
    fn it_is_as_the_story_told_from_the_beginning(
        steps in prop::collection::vec(
            prop_oneof![
                any::<bool>().prop_map(Step::Call),
                (0_u64..7).prop_map(Step::Wait),
            ],
            0..80,
        ),
    ) {
        let (mut breaker, mut told, mut now) = (breaker(), Vec::new(), 0);
        for step in steps {
            match step {
                Step::Wait(seconds) => now += seconds,
                Step::Call(answers) => {
                    let pass = breaker.ask(at(now));
                    prop_assert_eq!(pass.is_ok(), model(&told, now));
                    if let Ok(pass) = pass {
                        if answers {
                            breaker.answered(pass);
                        } else {
                            breaker.failed(pass, at(now));
                        }
                        told.push((now, answers));
                    }
                }
            }
        }
    }
}
