//! Whatever is merged, unmerged and said: a conversation is what was said in the tickets that
//! are part of it now, in the order of time.

use kefu_contracts::ticket::{Direction, Ticket};
use kefu_testkit::{Caller, TestSuite};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};

use super::{LI, merge, reply, unmerge};
use crate::{
    records::{enter, open, person, ticket},
    ticket_links::get,
};

#[derive(Debug, Clone, Copy)]
enum Step {
    Merge(usize, usize),
    Unmerge(usize),
    Say(usize),
}

const TICKETS: usize = 4;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let one = || 0..TICKETS;
    let step = prop_oneof![
        2 => (one(), one()).prop_map(|(from, to)| Step::Merge(from, to)),
        1 => one().prop_map(Step::Unmerge),
        2 => one().prop_map(Step::Say),
    ];
    proptest::collection::vec(step, 16..24)
}

/// What is obviously right: which ticket is part of which, and what was said where.
#[derive(Default)]
struct Model {
    part_of: [Option<usize>; TICKETS],
    /// When, what, and in which ticket.
    said: Vec<(usize, String)>,
}

impl Model {
    fn whole(&self, mut at: usize) -> usize {
        while let Some(onward) = self.part_of[at] {
            at = onward;
        }
        at
    }

    fn conversation(&self, of: usize) -> Vec<String> {
        let within = |at: usize| {
            let mut at = Some(at);
            std::iter::from_fn(|| {
                let here = at?;
                at = self.part_of[here];
                Some(here)
            })
            .any(|here| here == of)
        };
        let all = self.said.iter().filter(|(at, _)| within(*at));
        all.map(|(_, text)| text.clone()).collect()
    }
}

async fn current(erp: &Caller, li: &Caller, one: &Ticket) -> Ticket {
    get(&erp.after(li), one).await.unwrap()
}

/// Clauses SG-5, OP-3.2.
#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_is_of_what_is_merged_now() {
    let suite = TestSuite::start().await;
    let (li, erp) = (suite.caller(LI), suite.caller_for("erp", "integration"));
    let mut runner = TestRunner::deterministic();
    let mut merged = 0;
    for round in 0..6 {
        let customer = enter(&li, person()).await;
        let steps = steps().new_tree(&mut runner).unwrap().current();
        let mut all = Vec::new();
        for _ in 0..TICKETS {
            let one = Ticket {
                subject: String::new(),
                description: String::new(),
                ..ticket(&customer.name)
            };
            all.push(open(&li, one).await);
        }
        let mut model = Model::default();
        for (number, step) in steps.iter().enumerate() {
            match *step {
                Step::Say(at) => {
                    let text = format!("{round}.{number}");
                    let one = current(&erp, &li, &all[at]).await;
                    let heard = reply(&erp.after(&li), &one, Direction::In, &text).await;
                    assert_eq!(heard.is_ok(), model.part_of[at].is_none(), "{step:?}");
                    if heard.is_ok() {
                        model.said.push((at, text));
                    }
                }
                Step::Merge(from, to) => {
                    let source = current(&erp, &li, &all[from]).await;
                    let target = current(&erp, &li, &all[to]).await;
                    let made = merge(&li.after(&erp), &source, &target).await;
                    let free = model.part_of[from].is_none() && model.part_of[to].is_none();
                    assert_eq!(made.is_ok(), free && from != to, "{step:?} {made:?}");
                    if made.is_ok() {
                        model.part_of[from] = Some(to);
                        merged += 1;
                    }
                }
                Step::Unmerge(at) => {
                    let undone = unmerge(&li.after(&erp), &all[at]).await;
                    assert_eq!(undone.is_ok(), model.part_of[at].is_some(), "{step:?}");
                    model.part_of[at] = None;
                }
            }
            for (at, one) in all.iter().enumerate() {
                let seen = current(&erp, &li, one).await;
                let heard = seen
                    .messages
                    .iter()
                    .filter(|one| one.direction() == Direction::In);
                let bodies = heard
                    .map(|one| one.body.clone())
                    .filter(|body| !body.is_empty());
                let bodies: Vec<String> = bodies.collect();
                assert_eq!(
                    bodies,
                    model.conversation(at),
                    "{at} after {:?}",
                    &steps[..=number]
                );
                let whole = match model.whole(at) {
                    whole if whole == at => String::new(),
                    whole => all[whole].name.clone(),
                };
                assert_eq!(seen.merged_into, whole);
            }
        }
    }
    assert!(merged > 10, "{merged} merges prove little");
}
