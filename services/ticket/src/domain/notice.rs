//! What customers are told of, by which rules, and how long a connector is asked (SG-2.4).

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use kefu_contracts::{
    common::Channel,
    ticket::{
        Language, NoticeDefinition, NoticeEvent, NoticeRule, NoticeRulesVersion, TicketKind,
        TicketState, WaitingFor,
    },
};
use kefu_service::{error::Violation, fields::Fields, versions};

use super::{entry::MEDIUM, is_code, phrase, state::Standing};

const MOST_RULES: usize = 100;
/// From then on nobody is told of what happened, as of records that are transferred.
const TOLD_WITHIN: SignedDuration = SignedDuration::from_hours(24);
/// How long a connector is asked.
const ASKED_FOR: SignedDuration = SignedDuration::from_hours(24);
const FIRST_PAUSE: SignedDuration = SignedDuration::from_mins(1);
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(4);

/// Nobody is told anything until the company wrote what.
pub(crate) fn shipped() -> NoticeDefinition {
    NoticeDefinition::default()
}

/// The number of the version in force then, and what it says.
pub(crate) fn in_force(
    versions: &[NoticeRulesVersion],
    at: Timestamp,
) -> Option<(i32, &NoticeDefinition)> {
    let version = versions::in_force(versions, at)?;
    Some((version.number, version.definition.as_ref()?))
}

/// The rules for what happened to a ticket of this kind, in order.
pub(crate) fn rules(
    definition: &NoticeDefinition,
    event: NoticeEvent,
    kind: i32,
) -> impl Iterator<Item = &NoticeRule> {
    let rules = definition.rules.iter();
    rules.filter(move |rule| {
        rule.event() == event && (rule.kinds.is_empty() || rule.kinds.contains(&kind))
    })
}

/// What a customer is told of a change of where their ticket stands.
pub(crate) fn told_of(before: Standing, after: Standing) -> Option<NoticeEvent> {
    if before == after {
        return None;
    }
    match (before.state, after.state) {
        (TicketState::Resolved | TicketState::Closed, TicketState::Open) => {
            Some(NoticeEvent::Reopened)
        }
        (_, TicketState::Open) => Some(NoticeEvent::Started),
        (_, TicketState::Pending) if after.waiting_for == WaitingFor::Customer => {
            Some(NoticeEvent::WaitingForCustomer)
        }
        (_, TicketState::Resolved) => Some(NoticeEvent::Resolved),
        (_, TicketState::Closed) => Some(NoticeEvent::Closed),
        _ => None,
    }
}

/// Whether anybody is still told of it.
pub(crate) fn is_news(occurred: Timestamp, now: Timestamp) -> bool {
    now.duration_since(occurred) < TOLD_WITHIN
}

/// By which channels the customer may be told, none of which: any. `None`: they are not told.
/// `agreed` are those by which they want to be turned to for quality, where they ever said.
pub(crate) fn channels(rule: &NoticeRule, agreed: Option<&[i32]>) -> Option<Vec<i32>> {
    match agreed {
        None => Some(rule.channels.clone()),
        // Serving somebody takes no consent, asking how satisfied they are does.
        Some([]) if rule.asks_for_quality => None,
        Some([]) => Some(rule.channels.clone()),
        Some(agreed) if rule.channels.is_empty() => Some(agreed.to_vec()),
        Some(agreed) => {
            let both = rule.channels.iter().filter(|one| agreed.contains(one));
            let both: Vec<i32> = both.copied().collect();
            (!both.is_empty()).then_some(both)
        }
    }
}

/// When a connector that was asked so often for nothing is asked again; `None`: no more.
pub(crate) fn next_attempt(created: Timestamp, attempts: i32, now: Timestamp) -> Option<Timestamp> {
    let until = created.saturating_add(ASKED_FOR).ok()?;
    if now >= until {
        return None;
    }
    let doubled = u32::try_from(attempts.clamp(1, 16) - 1).unwrap_or_default();
    let pause = (FIRST_PAUSE * 2_i32.pow(doubled)).min(LONGEST_PAUSE);
    now.saturating_add(pause).ok().map(|at| at.min(until))
}

/// Notes every fault of a definition.
pub(crate) fn check(fields: &mut Fields, definition: &NoticeDefinition) {
    let count = definition.rules.len();
    let most = Violation::TooMany(MOST_RULES);
    fields.ensure(count <= MOST_RULES, "definition.rules", most);
    let mut ids = BTreeSet::new();
    for (at, rule) in definition.rules.iter().enumerate().take(MOST_RULES) {
        let place = format!("definition.rules[{at}]");
        let id = format!("{place}.id");
        fields.ensure(is_code(&rule.id), &id, Violation::Format);
        fields.ensure(ids.insert(&rule.id), &id, Violation::Duplicate);
        fields.required_enum::<NoticeEvent>(format_args!("{place}.event"), rule.event);
        for (at, kind) in rule.kinds.iter().enumerate() {
            fields.required_enum::<TicketKind>(format_args!("{place}.kinds[{at}]"), *kind);
        }
        for (at, channel) in rule.channels.iter().enumerate() {
            fields.required_enum::<Channel>(format_args!("{place}.channels[{at}]"), *channel);
        }
        check_texts(fields, &place, rule);
    }
}

fn check_texts(fields: &mut Fields, place: &str, rule: &NoticeRule) {
    let mut languages = BTreeSet::new();
    for (at, text) in rule.texts.iter().enumerate() {
        let language = format!("{place}.texts[{at}].language");
        fields.required_enum::<Language>(&language, text.language);
        let first = languages.insert(text.language);
        fields.ensure(first, language, Violation::Duplicate);
        let field = format!("{place}.texts[{at}].text");
        fields.required_text(&field, &text.text, MEDIUM);
        phrase::check(fields, &field, &text.text, &BTreeSet::new());
    }
    let chinese = languages.contains(&(Language::ZhCn as i32));
    fields.ensure(chinese, format_args!("{place}.texts"), Violation::Required);
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;
    use kefu_contracts::ticket::NoticeText;
    use kefu_service::time;
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_760_000_000, 0);

    fn standing(state: TicketState, waiting_for: WaitingFor) -> Standing {
        Standing { state, waiting_for }
    }

    fn rule(id: &str, event: NoticeEvent) -> NoticeRule {
        NoticeRule {
            id: id.into(),
            event: event.into(),
            texts: vec![NoticeText {
                language: Language::ZhCn.into(),
                text: "工单{ticket.number}".into(),
            }],
            ..NoticeRule::default()
        }
    }

    /// Clause SG-2.4.
    #[test]
    fn customers_are_told_of_what_matters_to_them() {
        use TicketState::{Closed, New, Open, Pending, Resolved};
        let plain = |state| standing(state, WaitingFor::Unspecified);
        let told = |from, to| told_of(plain(from), plain(to));
        assert_eq!(told(New, Open), Some(NoticeEvent::Started));
        assert_eq!(told(Pending, Open), Some(NoticeEvent::Started));
        assert_eq!(told(Resolved, Open), Some(NoticeEvent::Reopened));
        assert_eq!(told(Open, Resolved), Some(NoticeEvent::Resolved));
        assert_eq!(told(Resolved, Closed), Some(NoticeEvent::Closed));
        assert_eq!(told(Open, Open), None);
        let waits = |whom| told_of(plain(Open), standing(Pending, whom));
        assert_eq!(
            waits(WaitingFor::Customer),
            Some(NoticeEvent::WaitingForCustomer)
        );
        assert_eq!(waits(WaitingFor::Supplier), None);
        assert!(is_news(NOW - 23.hours(), NOW));
        assert!(!is_news(NOW - 24.hours(), NOW));
    }

    /// Clause SG-2.4: everything that is wrong with rules, at once.
    #[test]
    fn rules_about_notices_are_checked_whole() {
        let mut wrong = NoticeDefinition {
            rules: vec![rule("told", NoticeEvent::Resolved); 2],
        };
        wrong.rules[1].event = 99;
        wrong.rules[1].channels = vec![99];
        wrong.rules[1].texts[0].language = Language::En.into();
        wrong.rules[1].texts[0].text = "Dear {customer.name} {value.window}".into();
        let mut fields = Fields::new();
        check(&mut fields, &wrong);
        let found = fields.finish().unwrap_err().violations;
        let found: Vec<_> = found.iter().map(|(field, _)| field.as_str()).collect();
        let expected = [
            "definition.rules[1].id",
            "definition.rules[1].event",
            "definition.rules[1].channels[0]",
            "definition.rules[1].texts[0].text[5]",
            "definition.rules[1].texts[0].text[21]",
            "definition.rules[1].texts",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn the_version_that_is_in_force_counts_and_its_rules_in_order() {
        let version = |number, from: Timestamp, id: &str| NoticeRulesVersion {
            number,
            effective_time: Some(time::to_proto(from)),
            definition: Some(NoticeDefinition {
                rules: vec![
                    rule(id, NoticeEvent::Closed),
                    rule("two", NoticeEvent::Closed),
                ],
            }),
            ..NoticeRulesVersion::default()
        };
        let mut versions = vec![version(1, NOW, "one"), version(2, NOW + 1.hour(), "later")];
        let first = |versions: &[NoticeRulesVersion], at| {
            let (number, definition) = in_force(versions, at)?;
            let rule = rules(definition, NoticeEvent::Closed, 1).next()?;
            Some((number, rule.id.clone()))
        };
        assert_eq!(first(&versions, NOW - 1.second()), None);
        assert_eq!(first(&versions, NOW + 1.hour()), Some((2, "later".into())));
        versions[1].withdrawn = true;
        assert_eq!(first(&versions, NOW + 1.hour()), Some((1, "one".into())));
        if let Some(definition) = &mut versions[0].definition {
            definition.rules[0].kinds = vec![2];
        }
        assert_eq!(first(&versions, NOW), Some((1, "two".into())));
    }

    proptest! {
        /// Clause SG-2.4: a connector is asked for a day, ever more seldom, and then no more.
        #[test]
        fn a_connector_is_asked_for_a_day(late in 0..100_i64) {
            let (mut now, mut attempts, mut pauses) = (NOW, 0, Vec::new());
            loop {
                attempts += 1;
                // Each answer takes its time.
                now += SignedDuration::from_secs(late);
                let Some(next) = next_attempt(NOW, attempts, now) else { break };
                prop_assert!(next > now && next <= NOW + 24.hours());
                pauses.push(next.duration_since(now));
                now = next;
            }
            prop_assert!(now >= NOW + 24.hours());
            prop_assert!((8..30).contains(&attempts));
            // But for the last, which the end of the day cuts short.
            prop_assert!(pauses[..pauses.len() - 1].is_sorted());
        }

        /// Clause SG-2.4: never by a channel that the rule or the customer leaves out.
        #[test]
        fn nobody_is_told_by_what_they_left_out(
            of_rule in proptest::collection::vec(1..7_i32, 0..4),
            agreed in proptest::option::of(proptest::collection::vec(1..7_i32, 0..4)),
            asks_for_quality: bool,
        ) {
            let rule = NoticeRule { channels: of_rule.clone(), asks_for_quality, ..NoticeRule::default() };
            let by = channels(&rule, agreed.as_deref());
            // A channel is any of the enum; an empty list stands for all of them.
            let fits = |list: &[i32], one| list.is_empty() || list.contains(&one);
            let refused = agreed.as_ref().is_some_and(Vec::is_empty);
            for one in 1..7 {
                let wanted = fits(&of_rule, one) && fits(agreed.as_deref().unwrap_or_default(), one)
                    && !(refused && asks_for_quality);
                let told = by.as_ref().is_some_and(|by| fits(by, one));
                prop_assert_eq!(told, wanted);
            }
        }
    }
}
