//! What a long text is found by: the pairs of characters in it, and to be sure, its parts of three and four.
//!
//! Where there are millions of texts, an index of all parts up to four characters would be many times what they say.
//! Pairs alone are indexed: some thirty to a message. A word of three characters or more is then looked for by its
//! pairs, and what has these is compared with the check of the text, which lies beside them in the row and is not
//! indexed. So it is found without opening anything, and exactly as `words.rs` says of names, but for this:
//!
//! - Words do not run into each other: what is parted by a space or a mark is not found as one.
//! - A word of a query has two characters at least. The marks of single ones, each in a good part of all texts, would
//!   find too much and tell the most.
//! - Latin words are found by any part of them, of two letters or more; not misspelt.
//! - Several words are found where one text has them all.

use std::collections::BTreeSet;

use crate::words::{self, QueryProblem};

/// Longest part in characters.
const LONGEST: usize = 4;

/// What a text is found by: sorted, each once, so that neither the order nor the number of occurrences shows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TextMarks {
    /// Marks of its pairs of characters, 64 bits each: these alone have to tell a text from millions.
    pub pairs: Vec<i64>,
    /// Marks of its parts of three and four, 32 bits each: they are asked of texts that have the pairs.
    pub longer: Vec<i32>,
}

impl TextMarks {
    pub(crate) fn of(pairs: BTreeSet<i64>, longer: BTreeSet<i32>) -> Self {
        Self {
            pairs: pairs.into_iter().collect(),
            longer: longer.into_iter().collect(),
        }
    }

    /// Of a text that is found in two ways.
    pub fn and(self, other: Self) -> Self {
        let pairs = self.pairs.into_iter().chain(other.pairs);
        let longer = self.longer.into_iter().chain(other.longer);
        Self::of(pairs.collect(), longer.collect())
    }

    /// Whether it is the mark of nothing.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }
}

/// Parts that are marked.
pub(crate) struct Grams {
    pub(crate) pairs: BTreeSet<String>,
    pub(crate) longer: BTreeSet<String>,
}

/// The parts of a text.
pub(crate) fn grams(text: &str) -> Grams {
    let words = words::words(text);
    let longer = words
        .iter()
        .flat_map(|word| (3..=LONGEST).flat_map(|length| word.windows(length)));
    Grams {
        pairs: pairs(&words),
        longer: longer.map(gram).collect(),
    }
}

/// The parts that texts with all of these words have.
pub(crate) fn wanted(query: &str) -> Result<Grams, QueryProblem> {
    let words = words::words_of(query, |word| word.len() < 2)?;
    let longer = words.iter().filter(|word| word.len() > 2);
    let longer = longer.flat_map(|word| word.windows(word.len().min(LONGEST)));
    Ok(Grams {
        longer: longer.map(gram).collect(),
        pairs: pairs(&words),
    })
}

fn pairs(words: &[Vec<char>]) -> BTreeSet<String> {
    let pairs = words.iter().flat_map(|word| word.windows(2));
    pairs.map(gram).collect()
}

fn gram(part: &[char]) -> String {
    part.iter().collect()
}
