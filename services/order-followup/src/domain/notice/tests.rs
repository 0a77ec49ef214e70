use jiff::tz::TimeZone;
use kefu_contracts::{common::Channel, order::NoticeText};
use kefu_service::time;
use proptest::prelude::*;

use super::*;
use crate::domain::promise::{judge, rules as promises};

const ORDER: Uuid = Uuid::from_u128(7);

fn at(hour: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + hour * 3600).unwrap()
}

fn reached(stage: OrderStage, hour: i64) -> Reached {
    Reached {
        at: at(hour),
        stage,
    }
}

fn standing(told: &[Reached]) -> Standing {
    Standing {
        department: Uuid::from_u128(1),
        reached: told.to_vec(),
        promised: Vec::new(),
    }
}

/// What an order that was found so is told of, as what happened and when it came to be.
fn told(one: &Standing, before: Before, hour: i64) -> Vec<(NoticeEvent, Timestamp)> {
    let rules = promises::shipped();
    let judged = judge(one, &rules, at(hour));
    let news = news(one, &rules, before, &judged, at(hour));
    news.iter()
        .map(|one| (one.event, one.occurred_at))
        .collect()
}

fn late(stage: OrderStage, hour: i64) -> Before {
    Before {
        late: Some(reached(stage, hour)),
        ..Before::default()
    }
}

fn stuck(hour: i64) -> Before {
    Before {
        stuck_since: Some(at(hour)),
        ..Before::default()
    }
}

/// Clause OP-3.4.4.
#[test]
fn customers_are_told_of_trouble_and_that_it_is_over() {
    use OrderStage::{Cancelled, Confirmed, Paid, Shipped, Submitted};
    let mut one = standing(&[reached(Submitted, 0)]);
    assert_eq!(told(&one, Before::default(), 24), [(Late, at(24))]);
    // Found before, and nothing else since.
    assert_eq!(told(&one, late(Confirmed, 24), 25), []);
    let both = [(Late, at(24)), (Stuck, at(48))];
    assert_eq!(told(&one, Before::default(), 50), both);
    // Another promise, and the one that is not kept either.
    one.promised = vec![reached(Confirmed, 40)];
    assert_eq!(
        told(&one, late(Confirmed, 24), 30),
        [(PromiseChanged, at(30))]
    );
    assert_eq!(told(&one, Before::default(), 41), [(Late, at(40))]);
    // It came to pass when it did, whenever that is told.
    one.reached.push(reached(Confirmed, 41));
    assert_eq!(told(&one, late(Confirmed, 40), 60), [(LateNoMore, at(41))]);
    assert_eq!(told(&one, stuck(0), 60), [(StuckNoMore, at(41))]);
    // What is late with something else is late.
    one.reached.push(reached(Paid, 42));
    one.promised.push(reached(Shipped, 50));
    assert_eq!(told(&one, late(Confirmed, 40), 60), [(Late, at(50))]);
    // Who cancelled knows.
    one.reached.push(reached(Cancelled, 61));
    assert_eq!(told(&one, late(Shipped, 50), 62), []);
    assert_eq!(told(&one, stuck(42), 62), []);
}

fn rule(id: &str, event: NoticeEvent, text: &str) -> NoticeRule {
    NoticeRule {
        id: id.into(),
        event: event.into(),
        texts: vec![NoticeText {
            language: Language::ZhCn.into(),
            text: text.into(),
        }],
        ..NoticeRule::default()
    }
}

/// Clause OP-3.4.4.
#[test]
fn an_order_that_is_late_is_told_of_in_words() {
    let text = "订单{order.number}{order.stage}承诺于{order.promised_time}，改为{order.new_promised_time}。{today}";
    let news = |event, promised| News {
        event,
        since: reached(OrderStage::Shipped, 0),
        promised,
        occurred_at: at(1),
    };
    let utc = TimeZone::UTC;
    let said = |text: &str, news, zone| {
        let facts = Facts {
            number: "O1000001",
            news,
            now: at(2),
            zone,
        };
        word(&rule("told", Late, text), &facts).map(|(_, text)| text)
    };
    let changed = news(PromiseChanged, Some(at(48)));
    assert_eq!(
        said(text, changed, None).unwrap(),
        "订单O1000001发货承诺于2023年11月15日 06:13，改为2023年11月17日 06:13。2023年11月15日"
    );
    assert_eq!(
        said("{order.promised_time}", changed, Some(&utc)).unwrap(),
        "2023年11月14日 22:13"
    );
    // What is not known is not left blank.
    assert_eq!(said(text, news(Late, None), None), None);
    assert_eq!(said("{order.heard_time}", news(Late, None), None), None);
    let stuck = news(Stuck, None);
    assert_eq!(said("{order.promised_time}", stuck, None), None);
    assert!(said("{order.heard_time}{order.stage}", stuck, None).is_some());
}

/// Clause OP-3.4.4: everything that is wrong with rules, at once.
#[test]
fn rules_about_notices_of_orders_are_checked_whole() {
    let mut wrong = NoticeDefinition {
        rules: vec![rule("told", Late, "订单{order.number}"); 2],
    };
    let mut fields = Fields::new();
    check(
        &mut fields,
        &NoticeDefinition {
            rules: wrong.rules[..1].to_vec(),
        },
    );
    assert!(fields.is_clean());
    wrong.rules[1].event = 99;
    wrong.rules[1].stages = vec![OrderStage::Shipped.into(), 99];
    wrong.rules[1].channels = vec![Channel::Phone.into(), 99];
    wrong.rules[1].texts[0].language = Language::En.into();
    wrong.rules[1].texts[0].text = "Dear {customer.name} {ticket.number}".into();
    let mut fields = Fields::new();
    check(&mut fields, &wrong);
    let found = fields.finish().unwrap_err().violations;
    let found: Vec<_> = found.iter().map(|(field, _)| field.as_str()).collect();
    let expected = [
        "definition.rules[1].id",
        "definition.rules[1].event",
        "definition.rules[1].stages[1]",
        "definition.rules[1].channels[1]",
        "definition.rules[1].texts[0].text[5]",
        "definition.rules[1].texts[0].text[21]",
        "definition.rules[1].texts",
    ];
    assert_eq!(found, expected);
}

#[test]
fn the_rules_in_force_count_in_their_order_for_their_stages() {
    let mut only = rule("only", Late, "x");
    only.stages = vec![OrderStage::Shipped.into()];
    let version = NoticeRulesVersion {
        number: 1,
        effective_time: Some(time::to_proto(at(1))),
        definition: Some(NoticeDefinition {
            rules: vec![only, rule("any", Late, "x"), rule("stuck", Stuck, "x")],
        }),
        ..NoticeRulesVersion::default()
    };
    let all = [version];
    let ids = |hour, stage| -> Vec<String> {
        let Some((_, definition)) = in_force(&all, at(hour)) else {
            return Vec::new();
        };
        let rules = rules(definition, Late, stage);
        rules.map(|rule| rule.id.clone()).collect()
    };
    assert_eq!(ids(0, OrderStage::Shipped), Vec::<String>::new());
    assert_eq!(ids(1, OrderStage::Shipped), ["only", "any"]);
    assert_eq!(ids(1, OrderStage::Paid), ["any"]);
}

fn events() -> impl Strategy<Value = Vec<Reached>> {
    let one = (1..=9_i32, 0..200_i64);
    let one = one.prop_map(|(stage, hour)| reached(OrderStage::try_from(stage).unwrap(), hour));
    proptest::collection::vec(one, 1..6)
}

proptest! {
    /// Clause OP-3.4.4: whatever comes to pass and whenever one looks, trouble and its end take turns,
    /// nothing is told of before it came to be, and no occasion twice of one thing.
    #[test]
    fn trouble_and_its_end_take_turns(all in events(), given in events(), step in 1..40_i64) {
        let rules = promises::shipped();
        let (mut before, mut open) = (Before::default(), None::<NoticeEvent>);
        for hour in (0..400).step_by(usize::try_from(step).unwrap()) {
            let mut one = standing(&[]);
            one.reached = all.iter().copied().filter(|one| one.at <= at(hour)).collect();
            one.promised = given.iter().copied().filter(|one| one.at <= at(hour)).take(1).collect();
            let judged = judge(&one, &rules, at(hour));
            let news = news(&one, &rules, before, &judged, at(hour));
            for told in &news {
                prop_assert!(told.occurred_at <= at(hour));
                prop_assert!(!told.cause(ORDER).is_empty());
                match told.event {
                    Late => open = Some(Late),
                    LateNoMore | PromiseChanged => {
                        prop_assert_eq!(open.take(), Some(Late));
                        prop_assert!(judged.late.is_none());
                    }
                    Stuck => prop_assert!(judged.stuck.is_some()),
                    _ => prop_assert!(judged.stuck.is_none() && before.stuck_since.is_some()),
                }
            }
            let events: std::collections::BTreeSet<_> = news.iter().map(|one| one.event as i32).collect();
            prop_assert_eq!(events.len(), news.len());
            before = Before {
                late: judged.late.map(|trouble| trouble.since),
                stuck_since: judged.stuck.map(|trouble| trouble.since.at),
            };
            // Looked at again, there is nothing else to tell.
            let again = super::news(&one, &rules, before, &judged, at(hour));
            prop_assert_eq!(again, Vec::new());
        }
    }
}
