//! A query, and what is asked of each field of an article.

use std::collections::BTreeSet;

use kefu_service::error::Violation;

use super::{LONGEST_START, Word, joined, misspelt, part, words};
use crate::domain::article::personal;

/// Most characters of a query.
const MOST_CHARACTERS: usize = 100;
/// Most words of a query.
const MOST_WORDS: usize = 8;
/// Longest Chinese word that has to stand there as it is.
const AS_IT_IS: usize = 4;
/// A word with so many digits is a number of somebody's or something's, and no question.
const NUMBER: usize = 5;

/// A field of an article that is searched.
#[derive(Debug)]
pub(crate) struct Field {
    /// Sign of its parts.
    pub(crate) sign: char,
    /// Column with its words.
    pub(crate) column: &'static str,
    /// What a word found there counts; half where it is misspelt. Eight words in a later field
    /// never count as much as one in an earlier.
    pub(crate) points: i32,
}

/// In the order in which they count.
pub(crate) const FIELDS: [Field; 3] = [
    field('t', "v.title_words", 20_000),
    field('k', "v.keyword_words", 200),
    field('b', "v.body_words", 2),
];

const fn field(sign: char, column: &'static str, points: i32) -> Field {
    Field {
        sign,
        column,
        points,
    }
}

/// A word of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Term {
    /// One or two Chinese characters.
    Gram(Vec<char>),
    /// Three or four, as they are.
    Exact(Vec<char>),
    /// More: all two that follow each other, and how many of them a field has to have.
    Most(Vec<String>, usize),
    /// The beginning of a word, or a misspelt one.
    Latin(Vec<char>),
}

/// A query that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) terms: Vec<Term>,
}

impl Query {
    /// Reads a query.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn read(text: &str) -> Result<Self, Violation> {
        if text.trim().is_empty() {
            return Err(Violation::Required);
        }
        if text.chars().count() > MOST_CHARACTERS {
            return Err(Violation::TooLong(MOST_CHARACTERS));
        }
        let words = words(text);
        if words.is_empty() {
            return Err(Violation::Format);
        }
        if words.len() > MOST_WORDS {
            return Err(Violation::TooMany(MOST_WORDS));
        }
        Ok(Self {
            terms: words.into_iter().map(Term::of).collect(),
        })
    }
}

impl Term {
    fn of(word: Word) -> Self {
        let letters = word.letters;
        match letters.len() {
            _ if word.latin => Self::Latin(letters),
            1 | 2 => Self::Gram(letters),
            3..=AS_IT_IS => Self::Exact(letters),
            _ => {
                let grams: Vec<String> =
                    letters.windows(2).map(|two| two.iter().collect()).collect();
                let least = grams.len().div_ceil(2);
                Self::Most(grams, least)
            }
        }
    }

    /// The part of a field in which it stands as it is, where one part tells; none: the words
    /// of the field have to be looked through.
    pub(crate) fn part(&self, field: &Field) -> Option<String> {
        match self {
            Self::Gram(letters) => Some(part(field.sign, 'g', letters)),
            Self::Latin(letters) if letters.len() <= LONGEST_START => {
                Some(part(field.sign, 'p', letters))
            }
            _ => None,
        }
    }

    /// Parts of a field that has it misspelt, any of them.
    pub(crate) fn misspelt(&self, field: &Field) -> Vec<String> {
        match self {
            Self::Latin(letters) => misspelt(field.sign, letters).into_iter().collect(),
            _ => Vec::new(),
        }
    }

    /// Parts of which an article that has it has at least one.
    pub(crate) fn signs(&self) -> Vec<String> {
        let mut signs = BTreeSet::new();
        for field in &FIELDS {
            match self {
                Self::Gram(letters) => {
                    signs.insert(part(field.sign, 'g', letters));
                }
                Self::Exact(letters) => {
                    signs.insert(part(field.sign, 'g', &letters[..2]));
                }
                Self::Most(grams, _) => {
                    let grams = grams.iter();
                    signs.extend(grams.map(|gram| format!("{}g{gram}", field.sign)));
                }
                Self::Latin(letters) => {
                    let length = letters.len().min(LONGEST_START);
                    signs.insert(part(field.sign, 'p', &letters[..length]));
                    signs.extend(misspelt(field.sign, letters));
                }
            }
        }
        signs.into_iter().collect()
    }
}

/// A query as it is noted when it found nothing: its words without those that look like
/// personal data or are numbers. `None`: nothing is left of it.
pub(crate) fn noted(query: &str) -> Option<String> {
    let mut noted = query.to_owned();
    // What is left out brings together what stood around it.
    loop {
        let (left, found) = personal::leave_out(&noted);
        let mut words = words(&left);
        words.retain(|word| {
            let digits = word.letters.iter().filter(|one| one.is_numeric());
            digits.count() < NUMBER
        });
        let next = joined(&words);
        if found.is_empty() && next == noted {
            return Some(noted).filter(|noted| !noted.is_empty());
        }
        noted = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_word_by_word() {
        let of = |text: &str| Query::read(text).map(|query| query.terms);
        let letters = |text: &str| text.chars().collect::<Vec<_>>();
        assert_eq!(
            of("换滤芯KJ"),
            Ok(vec![
                Term::Exact(letters("换滤芯")),
                Term::Latin(letters("kj"))
            ])
        );
        let grams = ["怎么", "么换", "换滤", "滤芯"].map(String::from).to_vec();
        assert_eq!(of("怎么换滤芯"), Ok(vec![Term::Most(grams, 2)]));
        assert_eq!(of(" "), Err(Violation::Required));
        assert_eq!(of("？！"), Err(Violation::Format));
        assert_eq!(of(&"字".repeat(101)), Err(Violation::TooLong(100)));
        assert_eq!(of("a b c d e f g h i"), Err(Violation::TooMany(8)));
    }

    #[test]
    fn what_looks_like_somebodys_is_not_noted() {
        for (query, expected) in [
            ("张三 13812345678 退款", Some("张三 退款")),
            ("zhang@example.com 发票", Some("发票")),
            ("订单 20261128001 退款", Some("订单 退款")),
            ("KJ500 滤芯", Some("kj500 滤芯")),
            ("138 1234 5678", None),
            ("110105 19491231", None),
        ] {
            assert_eq!(noted(query).as_deref(), expected, "{query}");
        }
    }

    proptest::proptest! {
        /// Clause SG-8: whatever is noted holds nothing that looks like personal data.
        #[test]
        fn no_note_holds_what_looks_like_personal_data(query in "[0-9０-９ \\-+@.a-zX退款]{0,60}") {
            let noted = noted(&query).unwrap_or_default();
            proptest::prop_assert_eq!(personal::find(&noted), []);
        }
    }
}
