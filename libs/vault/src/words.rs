//! What a text is found by: its parts of up to four characters, and what is left of its Latin words without one letter.
//!
//! Text search over sealed values compares keyed hashes of parts, so that what "is found" means has to be said exactly:
//!
//! - Letters count as they sound to a reader: compatibility forms, width, case and accents are set aside (NFKD, lower
//!   case, no combining marks), and so is whatever is neither letter nor digit.
//! - A word of a query finds the texts that have it anywhere, in the middle of a word too. Of a word longer than four
//!   characters, texts are found that have every four characters of it that follow each other.
//! - A Latin word of four letters or more also finds texts with a word that becomes the same when at most one letter is
//!   left out of each: one letter wrong, missing, too many, or two changed about.
//! - Several words are each looked for; their order does not count.

use std::collections::BTreeSet;

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Longest part in characters.
const LONGEST: usize = 4;
/// Latin words of these lengths are found misspelt.
const MISSPELT: std::ops::RangeInclusive<usize> = 4..=24;
/// Most characters of a query.
const MOST_CHARACTERS: usize = 64;
/// Most words of a query.
const MOST_WORDS: usize = 8;

/// Why a query cannot be looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryProblem {
    /// No letter or digit in it, or a single Latin letter or digit; of long texts any single letter.
    TooShort,
    /// More than 64 characters or 8 words.
    TooLong,
}

/// A word of a query, as the parts that texts with it have.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// All of these,
    pub(crate) all: Vec<String>,
    /// or one of these.
    pub(crate) any: Vec<String>,
}

/// The parts of a text, each once. Grams and misspelt words are told apart by their first letter.
pub(crate) fn parts(text: &str) -> BTreeSet<String> {
    let words = words(text);
    let whole: Vec<char> = words.iter().flatten().copied().collect();
    let mut parts = BTreeSet::new();
    for length in 1..=LONGEST {
        let grams = whole.windows(length).filter(|part| !is_lone(part));
        parts.extend(grams.map(gram));
    }
    let misspelt = words.iter().flat_map(|word| misspelt(word));
    parts.extend(misspelt);
    parts
}

/// What a query looks for.
pub(crate) fn wanted(query: &str) -> Result<Vec<Wanted>, QueryProblem> {
    let words = words_of(query, is_lone)?;
    let wanted = words.iter().map(|word| Wanted {
        all: word.windows(word.len().min(LONGEST)).map(gram).collect(),
        any: misspelt(word).into_iter().collect(),
    });
    Ok(wanted.collect())
}

/// The words of a query, none of which is too short.
pub(crate) fn words_of(
    query: &str,
    too_short: fn(&[char]) -> bool,
) -> Result<Vec<Vec<char>>, QueryProblem> {
    let words = words(query);
    let length: usize = words.iter().map(Vec::len).sum();
    if length > MOST_CHARACTERS || words.len() > MOST_WORDS {
        return Err(QueryProblem::TooLong);
    }
    if words.is_empty() || words.iter().any(|word| too_short(word)) {
        return Err(QueryProblem::TooShort);
    }
    Ok(words)
}

/// Runs of letters and digits, as they count.
pub(crate) fn words(text: &str) -> Vec<Vec<char>> {
    let folded = text
        .nfkd()
        .filter(|letter| !is_combining_mark(*letter))
        .flat_map(char::to_lowercase)
        .collect::<Vec<_>>();
    let words = folded.split(|letter| !letter.is_alphanumeric());
    let words = words.filter(|word| !word.is_empty());
    words.map(<[char]>::to_vec).collect()
}

/// A single Latin letter or digit is in nearly every text.
fn is_lone(part: &[char]) -> bool {
    matches!(part, [only] if only.is_ascii())
}

fn gram(part: &[char]) -> String {
    std::iter::once('g').chain(part.iter().copied()).collect()
}

/// A Latin word, whole and without each of its letters in turn.
fn misspelt(word: &[char]) -> BTreeSet<String> {
    let latin = word.iter().all(|letter| ('a'..='\u{24f}').contains(letter));
    if !latin || !MISSPELT.contains(&word.len()) {
        return BTreeSet::new();
    }
    let without = |left_out: Option<usize>| {
        let letters = word.iter().enumerate();
        let kept = letters.filter(|(at, _)| Some(*at) != left_out);
        std::iter::once('m')
            .chain(kept.map(|(_, letter)| *letter))
            .collect()
    };
    let each = (0..word.len()).map(Some).chain([None]);
    each.map(without).collect()
}
