//! Any organisation, any people doing anything at any time: what comes out approved
//! was approved by the people it had to be, and none of them was asked for more.

mod clauses;

use std::collections::{BTreeSet, HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use proptest::{prelude::*, sample::subsequence};
use uuid::Uuid;

use super::{
    case::Terms,
    state::{Event, TABLE},
    *,
};

/// What is asked for in these tests: some things, for some people, until some hour.
#[derive(Debug, Clone, PartialEq)]
struct Things {
    things: BTreeSet<u8>,
    people: Vec<Uuid>,
    until: Timestamp,
}

impl Terms for Things {
    fn is_within(&self, wider: &Self) -> bool {
        self.things.is_subset(&wider.things)
            && self.people.iter().all(|one| wider.people.contains(one))
            && self.until <= wider.until
    }

    fn beneficiaries(&self) -> &[Uuid] {
        &self.people
    }

    fn over_at(&self) -> Timestamp {
        self.until
    }

    fn period(&self, activated_at: Timestamp) -> Option<(Timestamp, Timestamp)> {
        (activated_at < self.until).then_some((activated_at, self.until))
    }
}

fn person(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn department(number: u128) -> Uuid {
    Uuid::from_u128(1000 + number)
}

fn hour(hour: i64) -> Timestamp {
    Timestamp::from_second(hour * 3600).unwrap()
}

fn share() -> Flow {
    Flows::shipped().unwrap().share
}

fn any_person() -> impl Strategy<Value = Uuid> {
    (1..=7_u128).prop_map(person)
}

fn any_seat() -> impl Strategy<Value = Seat> {
    let code = prop::sample::select(vec!["sales", "finance", "legal"]);
    let above = prop::option::of((1..=4_u128).prop_map(department));
    let holder = || prop::option::weighted(0.8, any_person());
    (code, above, holder(), holder()).prop_map(|(code, parent, head, supervising_leader)| Seat {
        code: code.into(),
        parent,
        head,
        supervising_leader,
    })
}

fn any_stand() -> impl Strategy<Value = Stand> {
    let over = prop::option::of((1..=4_u128).prop_map(department));
    (any_person(), any_person(), over).prop_map(|(from, to, department)| Stand {
        from,
        to,
        department,
    })
}

fn any_chart() -> impl Strategy<Value = Chart> {
    let everybody: Vec<Uuid> = (1..=7).map(person).collect();
    (
        prop::collection::vec(any_seat(), 4),
        subsequence(everybody.clone(), 4..=7),
        subsequence(everybody, 0..=2),
        prop::collection::vec(any_stand(), 0..4),
    )
        .prop_map(|(seats, present, leaders, stands)| Chart {
            departments: (1..).map(department).zip(seats).collect(),
            present: present.into_iter().collect(),
            holders: HashMap::from([("company_leader".to_owned(), leaders)]),
            stands,
        })
}

fn any_things() -> impl Strategy<Value = Things> {
    let things = subsequence((0..4).collect::<Vec<u8>>(), 0..=4);
    let people = subsequence((1..=7).map(person).collect::<Vec<_>>(), 0..=2);
    (things, people, 1..400_i64).prop_map(|(things, people, until)| Things {
        things: things.into_iter().collect(),
        people,
        until: hour(until),
    })
}

fn any_act() -> impl Strategy<Value = Act<Things>> {
    prop_oneof![
        2 => Just(Act::Submit),
        8 => Just(Act::Approve(None)),
        3 => any_things().prop_map(|terms| Act::Approve(Some(terms))),
        1 => Just(Act::Return),
        1 => Just(Act::Reject),
        1 => Just(Act::Withdraw),
        2 => Just(Act::Activate),
        1 => Just(Act::CarryOut),
        1 => Just(Act::Revoke),
    ]
}

/// Somebody does something, some hours after the one before; most of the time it is
/// somebody who may.
#[derive(Debug, Clone)]
struct Step {
    hours: i64,
    actor: Uuid,
    fitting: bool,
    act: Act<Things>,
    chart: Option<Chart>,
}

fn any_step() -> impl Strategy<Value = Step> {
    let chart = prop::option::weighted(0.1, any_chart());
    let hours = prop_oneof![4 => 0..3_i64, 1 => 0..100_i64];
    (hours, any_person(), any::<bool>(), any_act(), chart).prop_map(
        |(hours, actor, fitting, act, chart)| Step {
            hours,
            actor,
            fitting,
            act,
            chart,
        },
    )
}

/// The agreements of a round, with the organisation and the terms each was given in.
#[derive(Debug, Default)]
struct Round {
    submitted: Vec<Uuid>,
    agreed: Vec<(usize, Hat, Chart, Things)>,
}

/// Everything above a department and itself, by repetition.
fn above(chart: &Chart, from: Uuid) -> HashSet<Uuid> {
    let mut all = HashSet::from([from]);
    for _ in 0..chart.departments.len() {
        let parents: Vec<Uuid> = all
            .iter()
            .filter_map(|id| chart.departments.get(id)?.parent)
            .collect();
        all.extend(parents);
    }
    all
}

fn holds_post(chart: &Chart, principal: Uuid, post: Finder, from: Uuid) -> bool {
    let seats = above(chart, from);
    let mut seats = seats.iter().filter_map(|id| chart.departments.get(id));
    match post {
        Finder::DepartmentHead => seats.any(|seat| seat.head == Some(principal)),
        Finder::SupervisingLeader => seats.any(|seat| seat.supervising_leader == Some(principal)),
        other => chart.holds(principal, other.role().unwrap()),
    }
}

fn check_approved(case: &Case<Things>, round: &Round, flow: &Flow) -> Result<(), TestCaseError> {
    let (_, _, chart, _) = round.agreed.last().unwrap();
    let in_finance = !above(chart, case.department).iter().any(|id| {
        chart
            .departments
            .get(id)
            .is_some_and(|seat| seat.code == "sales")
    });
    let stages: Vec<usize> = round.agreed.iter().map(|(stage, ..)| *stage).collect();
    prop_assert!(
        stages.starts_with(&[0, 1]),
        "head, then supervising leader: {:?}",
        stages
    );
    let led = round
        .agreed
        .iter()
        .any(|(_, hat, chart, _)| chart.holds(hat.principal, "company_leader"));
    if in_finance {
        prop_assert!(led, "other departments need the company leader");
    }
    let mut involved = HashSet::from([case.applicant]);
    involved.extend(&round.submitted);
    involved.extend(&case.terms.people);
    for (stage, hat, chart, left) in &round.agreed {
        prop_assert!(involved.insert(hat.actor), "{hat:?} is involved twice");
        prop_assert!(
            hat.actor == hat.principal || involved.insert(hat.principal),
            "{:?}",
            hat
        );
        prop_assert!(chart.present.contains(&hat.actor) && chart.present.contains(&hat.principal));
        prop_assert!(holds_post(chart, hat.principal, hat.post, case.department));
        let rule = &flow.stages[*stage];
        prop_assert!(hat.post == rule.approver || hat.post == rule.fallback);
        let covers = |only: Uuid| {
            above(chart, case.department).contains(&only)
                && holds_post(chart, hat.principal, hat.post, only)
        };
        let stands_in = |stand: &Stand| {
            let these = stand.from == hat.principal && stand.to == hat.actor;
            these && stand.department.is_none_or(covers)
        };
        prop_assert!(hat.actor == hat.principal || chart.stands.iter().any(stands_in));
        prop_assert!(case.terms.is_within(left), "wider than {hat:?} left it");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    /// Clauses CF-6.2, CF-6.3, CF-6.1: no path yields an approval without the distinct
    /// people it needs, and none is wider than any of them left it.
    #[test]
    fn whatever_is_approved_was_approved_by_whom_it_had_to_be(
        chart in any_chart(),
        terms in any_things(),
        steps in prop::collection::vec(any_step(), 1..24),
    ) {
        let flow = share();
        let (mut chart, mut now) = (chart, hour(0));
        let mut case = Case::draft(person(1), department(1), terms.clone(), now);
        let mut round = Round::default();
        for step in steps {
            now += SignedDuration::from_hours(step.hours);
            chart = step.chart.unwrap_or(chart);
            let before = case.clone();
            let happened = case.advance(&flow, now);
            prop_assert!(happened.windows(2).all(|pair| pair[0].0 <= pair[1].0));
            prop_assert!(case.next_by_time(&flow).is_none_or(|(at, _)| at > now));
            let actor = match case.approvers(&flow, &chart).first() {
                Some(hat) if step.fitting => hat.actor,
                _ if step.fitting => case.applicant,
                _ => step.actor,
            };
            let was = case.clone();
            match case.act(actor, step.act.clone(), &flow, &chart, now) {
                Ok(hat) => match step.act {
                    Act::Submit => round = Round { submitted: case.terms.people.clone(), agreed: vec![] },
                    Act::Approve(_) => {
                        round.agreed.push((was.stage, hat.unwrap(), chart.clone(), case.terms.clone()));
                    }
                    Act::CarryOut => {
                        prop_assert!(actor != case.applicant && !case.terms.people.contains(&actor));
                        prop_assert!(!case.beneficiaries.contains(&actor));
                        prop_assert_eq!((was.state, case.state), (State::Approved, State::Active));
                    }
                    _ => {}
                },
                Err(_) => prop_assert_eq!(&case, &was, "a refusal changes nothing"),
            }
            prop_assert!(case.terms.is_within(&terms));
            if before.state.is_over() {
                prop_assert_eq!(&case, &before, "what is over stays as it is");
            }
            if matches!(case.state, State::Approved | State::Scheduled | State::Active) {
                check_approved(&case, &round, &flow)?;
            }
            if let Some((start, end)) = case.period {
                prop_assert!(start < end && end <= case.terms.until);
            }
        }
    }

    /// A job that comes late finds what one that came every hour found.
    #[test]
    fn time_does_the_same_however_often_it_is_looked_at(
        chart in any_chart(),
        terms in any_things(),
        agreed in 0..4_usize,
        later in 0..500_i64,
    ) {
        let flow = share();
        let mut case = Case::draft(person(1), department(1), terms, hour(0));
        let _ = case.act(person(1), Act::Submit, &flow, &chart, hour(0));
        for _ in 0..agreed {
            if let Some(hat) = case.approvers(&flow, &chart).first().copied() {
                let _ = case.act(hat.actor, Act::Approve(None), &flow, &chart, hour(0));
            }
        }
        let _ = case.act(person(1), Act::Activate, &flow, &chart, hour(0));
        let (mut late, mut hourly) = (case.clone(), case);
        let at_once = late.advance(&flow, hour(later));
        let bit_by_bit: Vec<_> = (0..=later).flat_map(|at| hourly.advance(&flow, hour(at))).collect();
        prop_assert_eq!(late, hourly);
        prop_assert_eq!(at_once, bit_by_bit);
    }
}

#[test]
fn every_state_can_be_reached_and_the_last_ones_lead_nowhere() {
    for state in State::EVERY {
        let reached = TABLE.iter().any(|(_, _, to)| *to == state);
        assert!(reached || state == State::Draft, "{state:?}");
        assert_eq!(State::parse(state.as_str()), Some(state));
    }
    let over: Vec<State> = State::EVERY
        .into_iter()
        .filter(|state| state.is_over())
        .collect();
    use State::{Ended, Expired, Rejected, Revoked, Withdrawn};
    assert_eq!(over, [Ended, Rejected, Withdrawn, Expired, Revoked]);
    let rows: HashSet<(State, Event)> =
        TABLE.iter().map(|(from, what, _)| (*from, *what)).collect();
    assert_eq!(rows.len(), TABLE.len(), "an event leads to one state");
}
