//! Texts with placeholders: what is put there comes from the ticket, or from whoever uses
//! the text (SG-2.3, SG-2.4).

mod facts;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use kefu_service::{error::Violation, fields::Fields};

pub(crate) use self::facts::Facts;

/// What can be put into a text. The names are part of the contract.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Placeholder {
    Number,
    Subject,
    Category,
    ReceivedDate,
    PromisedTime,
    Today,
    /// By its key.
    Value(String),
}

impl Placeholder {
    /// The one of this name; `None` where there is none.
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "ticket.number" => Self::Number,
            "ticket.subject" => Self::Subject,
            "ticket.category" => Self::Category,
            "ticket.received_date" => Self::ReceivedDate,
            "ticket.promised_time" => Self::PromisedTime,
            "today" => Self::Today,
            _ => Self::Value(name.strip_prefix("value.")?.to_owned()),
        })
    }

    /// As it stands between the braces.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Number => "ticket.number".into(),
            Self::Subject => "ticket.subject".into(),
            Self::Category => "ticket.category".into(),
            Self::ReceivedDate => "ticket.received_date".into(),
            Self::PromisedTime => "ticket.promised_time".into(),
            Self::Today => "today".into(),
            Self::Value(key) => format!("value.{key}"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Put(Placeholder),
}

/// A text that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Phrase(Vec<Piece>);

/// What is wrong with a text, and at which of its characters, from 0.
pub(crate) type Wrong = (usize, Violation);

impl Phrase {
    /// Reads a text whose `values` are declared.
    ///
    /// # Errors
    /// Every brace that stands alone, and every placeholder that there is not, at its place.
    pub(crate) fn parse(text: &str, values: &BTreeSet<&str>) -> Result<Self, Vec<Wrong>> {
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
                    match Placeholder::parse(&name) {
                        _ if rest[end] == '{' => wrong.push((at, Violation::Format)),
                        Some(Placeholder::Value(key)) if !values.contains(key.as_str()) => {
                            wrong.push((at, Violation::Unknown));
                        }
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
    pub(crate) fn placeholders(&self) -> BTreeSet<&Placeholder> {
        let put = self.0.iter().filter_map(|piece| match piece {
            Piece::Put(placeholder) => Some(placeholder),
            Piece::Text(_) => None,
        });
        put.collect()
    }

    /// Whether it says when something was or is to be.
    pub(crate) fn tells_time(&self) -> bool {
        let times = [
            Placeholder::ReceivedDate,
            Placeholder::PromisedTime,
            Placeholder::Today,
        ];
        let put = self.placeholders();
        times.iter().any(|one| put.contains(one))
    }

    /// The text for these facts.
    ///
    /// # Errors
    /// Every placeholder of which nothing is known.
    pub(crate) fn render(&self, facts: &Facts) -> Result<String, Vec<Placeholder>> {
        let mut missing = BTreeSet::new();
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(plain) => text.push_str(plain),
                Piece::Put(placeholder) => match facts.of(placeholder) {
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
pub(crate) fn check(fields: &mut Fields, field: &str, text: &str, values: &BTreeSet<&str>) {
    for (at, what) in Phrase::parse(text, values).err().unwrap_or_default() {
        fields.refuse(format_args!("{field}[{at}]"), what);
    }
}
