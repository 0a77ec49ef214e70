//! What an article is found by. Letters count as in the search for customers (libs/vault
//! `words.rs`): compatibility forms, width, case and accents are set aside, and so is whatever is
//! neither letter nor digit. What "is found" means stands in `knowledge_search.proto`.

mod query;
mod snippet;

use std::collections::BTreeSet;

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

pub(crate) use query::{FIELDS, Field, Query, Term, noted};
pub(crate) use snippet::snippet;

/// Latin words of these lengths are found misspelt.
const MISSPELT: std::ops::RangeInclusive<usize> = 4..=24;
/// Longest beginning of a Latin word that is a part.
pub(crate) const LONGEST_START: usize = 24;

/// A run of letters and digits of one kind, as they count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) letters: Vec<char>,
    /// Latin letters and digits; else Chinese, or whatever is written without spaces.
    pub(crate) latin: bool,
    /// Where it begins in the text, in characters.
    pub(crate) at: usize,
}

/// The words of a text, in their order.
pub(crate) fn words(text: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut open = false;
    for (at, letter) in text.chars().enumerate() {
        let folded = std::iter::once(letter).nfkd();
        let folded = folded.filter(|one| !is_combining_mark(*one));
        let mut nothing = true;
        for one in folded.flat_map(char::to_lowercase) {
            nothing = false;
            if !one.is_alphanumeric() {
                open = false;
                continue;
            }
            let latin = one.is_ascii_alphanumeric() || ('\u{df}'..='\u{24f}').contains(&one);
            match words.last_mut().filter(|last| open && last.latin == latin) {
                Some(last) => last.letters.push(one),
                None => words.push(Word {
                    letters: vec![one],
                    latin,
                    at,
                }),
            }
            open = true;
        }
        // An accent by itself parts nothing.
        if nothing && !is_combining_mark(letter) {
            open = false;
        }
    }
    words
}

/// The words of a text with a space between any two.
pub(crate) fn joined(words: &[Word]) -> String {
    let mut joined = String::new();
    for (at, word) in words.iter().enumerate() {
        if at > 0 {
            joined.push(' ');
        }
        joined.extend(&word.letters);
    }
    joined
}

/// The parts of words in a field, each once; the sign of the field and of the kind of part go
/// before each: `g` one or two characters, `p` the beginning of a Latin word, `m` a Latin word
/// without at most one letter.
pub(crate) fn parts(field: char, words: &[Word], into: &mut BTreeSet<String>) {
    for word in words {
        let letters = &word.letters;
        if word.latin {
            for length in 1..=letters.len().min(LONGEST_START) {
                into.insert(part(field, 'p', &letters[..length]));
            }
            into.extend(misspelt(field, letters));
            continue;
        }
        for length in 1..=2 {
            let grams = letters.windows(length);
            into.extend(grams.map(|gram| part(field, 'g', gram)));
        }
    }
}

fn part(field: char, kind: char, letters: &[char]) -> String {
    [field, kind]
        .into_iter()
        .chain(letters.iter().copied())
        .collect()
}

/// A Latin word, whole and without each of its letters in turn; none of what has digits.
fn misspelt(field: char, letters: &[char]) -> BTreeSet<String> {
    let number = letters.iter().any(char::is_ascii_digit);
    if number || !MISSPELT.contains(&letters.len()) {
        return BTreeSet::new();
    }
    let without = |left_out: Option<usize>| {
        let all = letters.iter().enumerate();
        let kept = all.filter(|(at, _)| Some(*at) != left_out);
        [field, 'm']
            .into_iter()
            .chain(kept.map(|(_, letter)| *letter))
            .collect()
    };
    let each = (0..letters.len()).map(Some).chain([None]);
    each.map(without).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<(String, usize)> {
        let words = words(text).into_iter();
        words
            .map(|one| (one.letters.iter().collect(), one.at))
            .collect()
    }

    #[test]
    fn words_are_parted_where_the_script_changes() {
        let expected = [("安装", 0), ("kj500", 2), ("滤芯", 8), ("muller", 11)];
        let expected = expected.map(|(word, at)| (word.to_owned(), at));
        assert_eq!(told("安装KJ500、滤芯 Mu\u{308}ller"), expected);
        assert_eq!(told("ＡＢＣ—Ⅷ")[0].0, "abc");
        assert_eq!(joined(&words("安装KJ500、滤芯")), "安装 kj500 滤芯");
    }

    #[test]
    fn parts_are_grams_beginnings_and_misspelt_words() {
        let mut all = BTreeSet::new();
        parts('t', &words("换滤芯 abcd"), &mut all);
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let expected = [
            "tg换", "tg换滤", "tg滤", "tg滤芯", "tg芯", "tmabc", "tmabcd", "tmabd", "tmacd",
            "tmbcd", "tpa", "tpab", "tpabc", "tpabcd",
        ];
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(all, expected);
    }
}
