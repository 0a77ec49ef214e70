//! Texts with placeholders: what is put there comes from the ticket, or from whoever uses
//! the text (SG-2.3, SG-2.4).

mod facts;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use kefu_service::{
    fields::Fields,
    phrase::{self, Wrong},
};

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

/// A text that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Phrase(phrase::Phrase<Placeholder>);

impl Phrase {
    /// Reads a text whose `values` are declared.
    ///
    /// # Errors
    /// Every brace that stands alone, and every placeholder that there is not, at its place.
    pub(crate) fn parse(text: &str, values: &BTreeSet<&str>) -> Result<Self, Vec<Wrong>> {
        let known = |name: &str| {
            Placeholder::parse(name).filter(|one| match one {
                Placeholder::Value(key) => values.contains(key.as_str()),
                _ => true,
            })
        };
        phrase::Phrase::parse(text, known).map(Self)
    }

    /// What is to be put into it, each once.
    pub(crate) fn placeholders(&self) -> BTreeSet<&Placeholder> {
        self.0.placeholders()
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
        self.0.render(|placeholder| facts.of(placeholder))
    }
}

/// What is wrong with a text.
pub(crate) fn wrong(text: &str, values: &BTreeSet<&str>) -> Vec<Wrong> {
    Phrase::parse(text, values).err().unwrap_or_default()
}

/// Notes everything that is wrong with a text: `macro.body[17]`.
pub(crate) fn check(fields: &mut Fields, field: &str, text: &str, values: &BTreeSet<&str>) {
    phrase::note(fields, field, wrong(text, values));
}
