//! Redaction: a message keeps what is cleared; the rest is masked or left out,
//! and the account says which (promise 5). The implementations are generated
//! from the field annotations of the contracts.

use std::fmt;

use crate::{
    class_set::ClassSet,
    masks::{mask, omit},
    policy::{DataClass, Disclosure, Mask},
};

/// A message that can be brought down to what is cleared.
pub trait Redact {
    /// Masks or leaves out every field whose class is not cleared.
    fn redact(&mut self, cleared: ClassSet, path: &Path<'_>, account: &mut Account);
}

/// A record of the suite: it says what was held back of it, and can be taken
/// apart by data class for sealing.
pub trait Resource: Redact + prost::Message + Default + Clone {
    /// Classes its fields belong to, SYSTEM left out.
    const CLASSES: &'static [DataClass];

    /// Clears every field that is not of this class.
    fn retain_class(&mut self, class: DataClass);

    /// Where it says what was held back.
    fn disclosure_mut(&mut self) -> &mut Option<Disclosure>;

    /// Only the fields of one class.
    #[must_use]
    fn section(&self, class: DataClass) -> Self {
        let mut section = self.clone();
        section.retain_class(class);
        section
    }

    /// The record with nothing cleared: what stands for it in clear-text hints.
    #[must_use]
    fn masked(&self) -> Self {
        let mut masked = self.clone();
        masked.redact(ClassSet::NONE, &Path::ROOT, &mut Account::default());
        masked
    }
}

/// Names a field from the root of a message, built only where it is needed.
#[derive(Clone, Copy)]
pub struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    name: &'static str,
}

impl Path<'_> {
    /// The message itself.
    pub const ROOT: Path<'static> = Path {
        parent: None,
        name: "",
    };

    /// A field of the message at this path.
    pub fn field<'a>(&'a self, name: &'static str) -> Path<'a> {
        Path {
            parent: Some(self),
            name,
        }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent.filter(|parent| !parent.name.is_empty()) {
            write!(f, "{parent}.")?;
        }
        f.write_str(self.name)
    }
}

/// What was held back of one message: paths, each once, in field order.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Account {
    /// Fields that carry a masked form.
    pub masked: Vec<String>,
    /// Fields that had a value, now left out.
    pub omitted: Vec<String>,
}

impl Account {
    pub(crate) fn note_masked(&mut self, path: &Path<'_>) {
        note(&mut self.masked, path);
    }

    pub(crate) fn note_omitted(&mut self, path: &Path<'_>) {
        note(&mut self.omitted, path);
    }
}

fn note(paths: &mut Vec<String>, path: &Path<'_>) {
    let path = path.to_string();
    if !paths.contains(&path) {
        paths.push(path);
    }
}

include!(concat!(env!("OUT_DIR"), "/redaction.rs"));
