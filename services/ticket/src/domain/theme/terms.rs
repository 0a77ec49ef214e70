//! The words of a text that say what it is about. Chinese is parted by the dictionary of jieba, which
//! also says what a word is; Latin words are those between spaces.

use std::{collections::BTreeSet, sync::LazyLock};

use jieba_rs::Jieba;

use super::stop::is_stop_word;
use crate::domain::article::{
    personal,
    words::{Word, words},
};

/// Read once, at the first count.
static DICTIONARY: LazyLock<Jieba> = LazyLock::new(Jieba::new);

/// Fewer letters say nothing.
const SHORTEST: usize = 2;
/// Longer ones are no words.
const LONGEST: usize = 24;
/// How the dictionary marks nouns, verbs, adjectives, idioms and fixed phrases.
const MEANINGFUL: [char; 8] = ['n', 'v', 'a', 'i', 'l', 'j', 'b', 'z'];
/// And names of persons.
const PERSON: &str = "nr";

/// Each word once, without what looks like personal data, has a digit, or is the name of a person;
/// and without what the dictionary does not know, as that may be one.
pub(crate) fn terms(text: &str) -> BTreeSet<String> {
    let (left, _) = personal::leave_out(text);
    let mut terms = BTreeSet::new();
    for word in words(&left) {
        match word.latin {
            true => terms.extend(latin(&word)),
            false => chinese(&word, &mut terms),
        }
    }
    terms
}

fn latin(word: &Word) -> Option<String> {
    let length = word.letters.len();
    let plain = word.letters.iter().all(|letter| letter.is_alphabetic());
    let term: String = word.letters.iter().collect();
    let says = (SHORTEST..=LONGEST).contains(&length) && plain && !is_stop_word(&term);
    says.then_some(term)
}

fn chinese(word: &Word, into: &mut BTreeSet<String>) {
    let run: String = word.letters.iter().collect();
    for part in DICTIONARY.tag(&run, false) {
        let length = part.word.chars().count();
        let means = part.tag.starts_with(MEANINGFUL) && !part.tag.starts_with(PERSON);
        let plain = !part.word.chars().any(char::is_numeric);
        if (SHORTEST..=LONGEST).contains(&length) && means && plain && !is_stop_word(part.word) {
            into.insert(part.word.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str) -> Vec<String> {
        terms(text).into_iter().collect()
    }

    /// Clause SG-8: words of both languages, and none that says nothing.
    #[test]
    fn a_text_is_its_words() {
        let found = of("请问净化器的滤芯怎么更换？The filter of my purifier is broken.");
        for term in ["滤芯", "更换", "filter", "purifier", "broken"] {
            assert!(found.iter().any(|one| one == term), "{term}: {found:?}");
        }
        for term in ["请问", "怎么", "的", "the", "of", "my", "is"] {
            assert!(!found.iter().any(|one| one == term), "{term}: {found:?}");
        }
        assert_eq!(of("滤芯，滤芯 FILTER filter"), ["filter", "滤芯"]);
    }

    /// Clause SG-8: whose it is is not among the words.
    #[test]
    fn nobody_is_among_the_words() {
        for text in [
            "张伟的电话是13812345678",
            "王芳 wang@example.com 订单20261128001",
            "身份证110105194912310021，刘德华",
            "李先生 KJ500 A1234",
        ] {
            let found = of(text);
            for part in [
                "张伟",
                "王芳",
                "刘德华",
                "138",
                "wang",
                "example",
                "2026",
                "1101",
                "kj500",
                "a1234",
            ] {
                assert!(
                    !found.iter().any(|one| one.contains(part)),
                    "{part}: {found:?}"
                );
            }
        }
    }

    proptest! {
        /// Clause SG-8: no word looks like personal data or has a digit, and each stands in the text.
        #[test]
        fn words_hold_nothing_of_anybody(text in "[0-9０-９ \\-+@.a-z退款滤芯发货安装张伟]{0,60}") {
            for term in terms(&text) {
                prop_assert_eq!(personal::find(&term), []);
                prop_assert!(!term.chars().any(char::is_numeric));
                prop_assert!(text.contains(&term));
                prop_assert!(!term.contains("张伟"));
            }
        }
    }
}
