//! What customers are told of a ticket, and by which rules (SG-2.4).

use std::collections::BTreeSet;

use jiff::Timestamp;
use kefu_contracts::ticket::{
    Language, NoticeDefinition, NoticeEvent, NoticeRule, NoticeRulesVersion, TicketKind,
    TicketState, WaitingFor,
};
use kefu_service::{
    fields::Fields,
    notice::{self, RuleWords},
    versions,
};

use super::{phrase, state::Standing};

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

/// By which channels the customer may be told, none of which: any. `None`: they are not told.
pub(crate) fn channels(rule: &NoticeRule, agreed: Option<&[i32]>) -> Option<Vec<i32>> {
    notice::channels(&rule.channels, rule.asks_for_quality, agreed)
}

/// Notes every fault of a definition.
pub(crate) fn check(fields: &mut Fields, definition: &NoticeDefinition) {
    notice::check(
        fields,
        &definition.rules,
        words,
        check_own,
        |text| phrase::wrong(text, &BTreeSet::new()),
        Language::ZhCn,
    );
}

fn words(rule: &NoticeRule) -> RuleWords<'_> {
    let texts = rule.texts.iter();
    RuleWords {
        id: &rule.id,
        channels: &rule.channels,
        texts: texts.map(|one| (one.language, one.text.as_str())).collect(),
    }
}

fn check_own(fields: &mut Fields, place: &str, rule: &NoticeRule) {
    fields.required_enum::<NoticeEvent>(format_args!("{place}.event"), rule.event);
    for (at, kind) in rule.kinds.iter().enumerate() {
        fields.required_enum::<TicketKind>(format_args!("{place}.kinds[{at}]"), *kind);
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;
    use kefu_contracts::ticket::NoticeText;
    use kefu_service::time;

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
}
