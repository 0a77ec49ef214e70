use proptest::prelude::*;

use super::*;

const SHIPPED: &str = include_str!("../../../alerts.toml");

fn rules() -> Rules {
    Rules::shipped().unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn view(seq: i64, moment: &str, class: DataClass) -> Seen {
    Seen {
        seq,
        at: at(moment),
        kind: EntryKind::View,
        customer: Some(Uuid::from_u128(1)),
        cleared: vec![class],
        repeated: 0,
    }
}

#[test]
fn budgets_are_those_of_shipped_posts_and_the_largest_counts() {
    let (rules, roles) = (rules(), Roles::shipped().unwrap());
    rules.check(&roles).unwrap();
    for (line, strange) in [
        ("reviewer = 30", "reviewers = 30"),
        ("[\"integration\"]", "[\"integrations\"]"),
    ] {
        let changed = Rules::from_toml(&SHIPPED.replace(line, strange)).unwrap();
        assert!(changed.check(&roles).is_err(), "{strange}");
    }
    let budget = |held: &[&str]| rules.bound(Rule::Reads, held);
    assert_eq!(budget(&["reviewer", "agent"]), Some(60));
    assert_eq!(budget(&["reviewer"]), Some(30));
    assert_eq!(budget(&["employee"]), Some(60));
}

#[test]
fn machines_may_work_at_night_and_people_may_not() {
    let bound = |held: &[&str]| rules().bound(Rule::OutsideHours, held);
    assert_eq!(bound(&["integration"]), None);
    assert_eq!(bound(&["agent"]), Some(0));
    assert_eq!(bound(&[]), Some(0));
}

#[test]
fn hours_are_those_of_the_zone_and_their_end_is_outside() {
    let rules = rules();
    // 2026-11-23 is a Monday; Shanghai is eight hours ahead.
    for (moment, outside) in [
        ("2026-11-22T23:59:59.999Z", true),
        ("2026-11-23T00:00:00Z", false),
        ("2026-11-23T11:59:59.999Z", false),
        ("2026-11-23T12:00:00Z", true),
        ("2026-11-22T04:00:00Z", true),
        ("2026-11-21T04:00:00Z", false),
    ] {
        let seen = view(1, moment, DataClass::Contact);
        assert_eq!(rules.counts(Rule::OutsideHours, &seen), outside, "{moment}");
        let seen = view(1, moment, DataClass::Basic);
        assert!(!rules.counts(Rule::OutsideHours, &seen), "{moment}");
    }
    let day = rules.window(Rule::OutsideHours, at("2026-11-22T16:00:00Z"));
    assert_eq!(
        day.unwrap(),
        Window {
            from: at("2026-11-22T16:00:00Z"),
            until: at("2026-11-23T16:00:00Z"),
        }
    );
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for (from, to) in [
        ("window_minutes = 60", "window_minutes = 0"),
        ("threshold = 10", "threshold = 0"),
        ("until = \"20:00\"", "until = \"08:00\""),
        ("Asia/Shanghai", "Asia/Nowhere"),
        ("\"contact\"", "\"contacts\""),
        ("threshold = 10", "treshold = 10"),
        ("assess_hours = 24", "assess_hours = 0"),
        ("report_hours = 72", "report_hours = 23"),
    ] {
        let changed = SHIPPED.replacen(from, to, 1);
        assert_ne!(changed, SHIPPED);
        assert!(Rules::from_toml(&changed).is_err(), "{to}");
    }
}

fn entries() -> impl Strategy<Value = Vec<Seen>> {
    let one = (
        0..200_000_i64,
        prop_oneof![
            Just(EntryKind::Change),
            Just(EntryKind::View),
            Just(EntryKind::Refusal)
        ],
        proptest::option::of(0..9_u128),
        proptest::collection::vec(
            prop_oneof![
                Just(DataClass::Basic),
                Just(DataClass::Contact),
                Just(DataClass::Financial)
            ],
            0..3,
        ),
        prop_oneof![Just(0), Just(0), 1..12_u32],
    );
    proptest::collection::vec(one, 0..60).prop_map(|all| {
        (0..)
            .zip(all)
            .map(|(seq, (second, kind, customer, cleared, repeated))| Seen {
                seq,
                at: Timestamp::from_second(1_795_392_000 + second).unwrap(),
                kind,
                customer: customer.map(Uuid::from_u128),
                cleared,
                repeated,
            })
            .collect()
    })
}

/// The rules once more, written out with nothing but loops and arithmetic on the
/// eight hours between Shanghai and UTC.
fn naive(rule: Rule, bound: usize, entries: &[Seen]) -> Option<(usize, i64, i64)> {
    let (mut count, mut first, mut last) = (0, None, 0);
    let mut customers: Vec<Uuid> = Vec::new();
    for seen in entries {
        let local = seen.at.as_second() + 8 * 3600;
        // Day 0 was a Thursday, so Sundays are those with remainder 3.
        let sunday = (local / 86_400) % 7 == 3;
        let hour = local % 86_400 / 3600;
        let works = !sunday && (8..20).contains(&hour);
        let sensitive = seen.cleared.iter().any(|class| *class != DataClass::Basic);
        let hit = match rule {
            Rule::Reads => seen.kind == EntryKind::View && seen.customer.is_some(),
            Rule::OutsideHours => seen.kind == EntryKind::View && sensitive && !works,
            Rule::Refusals => seen.kind == EntryKind::Refusal,
        };
        if !hit {
            continue;
        }
        first = first.or(Some(seen.seq));
        last = seen.seq;
        let customer = seen.customer.unwrap_or_default();
        if rule == Rule::Refusals {
            count += seen.repeated as usize;
        }
        if rule != Rule::Reads {
            count += 1;
        } else if !customers.contains(&customer) {
            customers.push(customer);
            count += 1;
        }
    }
    let raised = match rule {
        Rule::Reads | Rule::OutsideHours => count > bound,
        Rule::Refusals => count >= bound,
    };
    raised.then(|| (count, first.unwrap(), last))
}

proptest! {
    #[test]
    fn alerts_are_raised_exactly_where_counting_by_hand_raises_them(
        entries in entries(),
        bound in 1..9_usize,
    ) {
        let rules = rules();
        for rule in Rule::ALL {
            let found = rules.judge(rule, bound, &entries);
            let told = found.as_ref().map(|one| (one.count, one.first_seq, one.last_seq));
            prop_assert_eq!(told, naive(rule, bound, &entries));
        }
    }

    /// An alert that there is grows by what is new to what counting all of it finds.
    #[test]
    fn an_alert_grows_to_what_the_whole_window_has(
        entries in entries(),
        bound in 1..9_usize,
        parts in proptest::collection::vec(1..20_usize, 1..9),
    ) {
        let rules = rules();
        for rule in Rule::ALL {
            let (mut found, mut end) = (None, 0);
            for part in &parts {
                let begin = end;
                end = entries.len().min(begin + part);
                found = match found {
                    Some(found) => Some(rules.with(rule, &found, &entries[begin..end])),
                    None => rules.judge(rule, bound, &entries[..end]),
                };
                prop_assert_eq!(&found, &rules.judge(rule, bound, &entries[..end]));
            }
        }
    }

    #[test]
    fn more_entries_never_take_an_alert_back(entries in entries(), bound in 1..9_usize) {
        let rules = rules();
        for rule in Rule::ALL {
            let mut raised = false;
            for end in 0..=entries.len() {
                let now = rules.judge(rule, bound, &entries[..end]).is_some();
                prop_assert!(now || !raised);
                raised = now;
            }
        }
    }

    #[test]
    fn every_moment_lies_in_one_window_and_windows_meet(
        nanos in -4_000_000_000_000_000_000_i128..4_000_000_000_000_000_000,
    ) {
        let (rules, moment) = (rules(), Timestamp::from_nanosecond(nanos).unwrap());
        for rule in Rule::ALL {
            let window = rules.window(rule, moment).unwrap();
            prop_assert!(window.from <= moment && moment < window.until);
            let same = rules.window(rule, window.from).unwrap();
            prop_assert_eq!(same, window);
            let next = rules.window(rule, window.until).unwrap();
            prop_assert_eq!(next.from, window.until);
        }
    }
}
