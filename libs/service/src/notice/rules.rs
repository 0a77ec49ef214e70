//! What the rules of all notices have in common.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use kefu_contracts::common::Channel;

use super::LONGEST_TEXT;
use crate::{
    error::Violation,
    fields::{Fields, is_code},
    phrase::{self, Wrong},
};

const MOST_RULES: usize = 100;
/// From then on nobody is told of what happened, as of records that are transferred.
const TOLD_WITHIN: SignedDuration = SignedDuration::from_hours(24);

/// Whether anybody is still told of what happened then.
#[must_use]
pub fn is_news(occurred: Timestamp, now: Timestamp) -> bool {
    now.duration_since(occurred) < TOLD_WITHIN
}

/// By which channels the customer may be told, none of which: any. `None`: they are not told.
/// `agreed` are those by which they want to be turned to for quality, where they ever said.
#[must_use]
pub fn channels(
    of_rule: &[i32],
    asks_for_quality: bool,
    agreed: Option<&[i32]>,
) -> Option<Vec<i32>> {
    match agreed {
        None => Some(of_rule.to_vec()),
        // Serving somebody takes no consent, asking how satisfied they are does.
        Some([]) if asks_for_quality => None,
        Some([]) => Some(of_rule.to_vec()),
        Some(agreed) if of_rule.is_empty() => Some(agreed.to_vec()),
        Some(agreed) => {
            let both = of_rule.iter().filter(|one| agreed.contains(one));
            let both: Vec<i32> = both.copied().collect();
            (!both.is_empty()).then_some(both)
        }
    }
}

/// What every rule says, whatever its notices are about.
pub struct RuleWords<'a> {
    /// Unique within the version.
    pub id: &'a str,
    /// Numbers of the channels by which the customer may be told.
    pub channels: &'a [i32],
    /// Numbers of languages, and what is said in each.
    pub texts: Vec<(i32, &'a str)>,
}

/// Notes every fault of a definition: `own` those of what sets its rules apart, `wrong` says
/// what is wrong with a text. `L` are its languages, the Chinese one of which must be there.
pub fn check<'a, R, L: TryFrom<i32> + Into<i32>>(
    fields: &mut Fields,
    rules: &'a [R],
    words: impl Fn(&'a R) -> RuleWords<'a>,
    own: impl Fn(&mut Fields, &str, &'a R),
    wrong: impl Fn(&str) -> Vec<Wrong>,
    chinese: L,
) {
    let most = Violation::TooMany(MOST_RULES);
    fields.ensure(rules.len() <= MOST_RULES, "definition.rules", most);
    let (mut ids, chinese): (_, i32) = (BTreeSet::new(), chinese.into());
    for (at, rule) in rules.iter().enumerate().take(MOST_RULES) {
        let place = format!("definition.rules[{at}]");
        let words = words(rule);
        let id = format!("{place}.id");
        fields.ensure(is_code(words.id), &id, Violation::Format);
        fields.ensure(ids.insert(words.id), &id, Violation::Duplicate);
        own(fields, &place, rule);
        for (at, channel) in words.channels.iter().enumerate() {
            fields.required_enum::<Channel>(format_args!("{place}.channels[{at}]"), *channel);
        }
        let mut languages = BTreeSet::new();
        for (at, (language, text)) in words.texts.iter().enumerate() {
            let field = format!("{place}.texts[{at}].language");
            fields.required_enum::<L>(&field, *language);
            fields.ensure(languages.insert(*language), field, Violation::Duplicate);
            let field = format!("{place}.texts[{at}].text");
            fields.required_text(&field, text, LONGEST_TEXT);
            phrase::note(fields, &field, wrong(text));
        }
        let has_it = languages.contains(&chinese);
        fields.ensure(has_it, format_args!("{place}.texts"), Violation::Required);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_760_000_000, 0);

    /// Clause SG-2.4.
    #[test]
    fn what_is_a_day_old_is_no_news() {
        let ago = |seconds| NOW - SignedDuration::from_secs(seconds);
        assert!(is_news(ago(24 * 3600 - 1), NOW));
        assert!(!is_news(ago(24 * 3600), NOW));
        // Clocks differ a little.
        assert!(is_news(ago(-5), NOW));
    }

    proptest! {
        /// Clause SG-2.4: never by a channel that the rule or the customer leaves out.
        #[test]
        fn nobody_is_told_by_what_they_left_out(
            of_rule in proptest::collection::vec(1..7_i32, 0..4),
            agreed in proptest::option::of(proptest::collection::vec(1..7_i32, 0..4)),
            asks_for_quality: bool,
        ) {
            let by = channels(&of_rule, asks_for_quality, agreed.as_deref());
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
