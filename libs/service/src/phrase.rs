//! Texts with placeholders: what is put there is known of what a text is about, or comes from
//! whoever uses it. Which placeholders there are, its user says.

#[cfg(test)]
mod tests;

use std::{borrow::Cow, collections::BTreeSet};

use jiff::{
    Timestamp,
    fmt::strtime,
    tz::{Offset, TimeZone},
};

use crate::{
    error::{Language, Violation},
    fields::Fields,
};

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece<P> {
    Text(String),
    Put(P),
}

/// A text that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phrase<P>(Vec<Piece<P>>);

/// What is wrong with a text, and at which of its characters, from 0.
pub type Wrong = (usize, Violation);

impl<P: Ord + Clone> Phrase<P> {
    /// Reads a text whose placeholders are those that this one knows by their names.
    ///
    /// # Errors
    /// Every brace that stands alone, and every placeholder that there is not, at its place.
    pub fn parse(text: &str, known: impl Fn(&str) -> Option<P>) -> Result<Self, Vec<Wrong>> {
        let letters: Vec<char> = text.chars().collect();
        let (mut pieces, mut wrong) = (Vec::new(), Vec::new());
        let mut plain = String::new();
        let mut at = 0;
        while let Some(letter) = letters.get(at) {
            let twice = letters.get(at + 1) == Some(letter);
            match letter {
                '{' | '}' if twice => {
                    plain.push(*letter);
                    at += 2;
                }
                '{' => {
                    let rest = &letters[at + 1..];
                    let Some(end) = rest.iter().position(|one| matches!(one, '{' | '}')) else {
                        wrong.push((at, Violation::Format));
                        break;
                    };
                    let name: String = rest[..end].iter().collect();
                    match known(&name) {
                        _ if rest[end] == '{' => wrong.push((at, Violation::Format)),
                        Some(placeholder) => {
                            pieces.push(Piece::Text(std::mem::take(&mut plain)));
                            pieces.push(Piece::Put(placeholder));
                        }
                        None => wrong.push((at, Violation::Unknown)),
                    }
                    // A brace that opens is read by itself.
                    at += 1 + end + usize::from(rest[end] == '}');
                }
                '}' => {
                    wrong.push((at, Violation::Format));
                    at += 1;
                }
                letter => {
                    plain.push(*letter);
                    at += 1;
                }
            }
        }
        pieces.push(Piece::Text(plain));
        match wrong.is_empty() {
            true => Ok(Self(pieces)),
            false => Err(wrong),
        }
    }

    /// What is to be put into it, each once.
    #[must_use]
    pub fn placeholders(&self) -> BTreeSet<&P> {
        let put = self.0.iter().filter_map(|piece| match piece {
            Piece::Put(placeholder) => Some(placeholder),
            Piece::Text(_) => None,
        });
        put.collect()
    }

    /// The text with what is known of each placeholder.
    ///
    /// # Errors
    /// Every placeholder of which nothing is known.
    pub fn render<'f>(&self, known: impl Fn(&P) -> Option<Cow<'f, str>>) -> Result<String, Vec<P>> {
        let mut missing = BTreeSet::new();
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(plain) => text.push_str(plain),
                Piece::Put(placeholder) => match known(placeholder) {
                    // What is put there is never read as a placeholder itself.
                    Some(known) => text.push_str(&known),
                    None => {
                        missing.insert(placeholder.clone());
                    }
                },
            }
        }
        match missing.is_empty() {
            true => Ok(text),
            false => Err(missing.into_iter().collect()),
        }
    }
}

/// Notes everything that is wrong with a text: `macro.body[17]`.
pub fn note(fields: &mut Fields, field: &str, wrong: Vec<Wrong>) {
    for (at, what) in wrong {
        fields.refuse(format_args!("{field}[{at}]"), what);
    }
}

/// A day, as people write it.
#[must_use]
pub fn day(language: Language, at: Timestamp, zone: Option<&TimeZone>) -> Option<String> {
    let form = match language {
        Language::English => "%-d %B %Y",
        Language::Chinese => "%Y年%-m月%-d日",
    };
    written(form, at, zone)
}

/// A minute of a day, as people write it.
#[must_use]
pub fn minute(language: Language, at: Timestamp, zone: Option<&TimeZone>) -> Option<String> {
    let form = match language {
        Language::English => "%-d %B %Y, %H:%M",
        Language::Chinese => "%Y年%-m月%-d日 %H:%M",
    };
    written(form, at, zone)
}

fn written(form: &str, at: Timestamp, zone: Option<&TimeZone>) -> Option<String> {
    // 北京时间, where the company says no other.
    let usual = || TimeZone::fixed(Offset::constant(8));
    let zone = zone.cloned().unwrap_or_else(usual);
    strtime::format(form, &at.to_zoned(zone)).ok()
}
