//! Checks of request fields: every violation is gathered, up to a hundred, and none ends the search.

use std::fmt::Display;

use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    error::{Fault, Violation},
    time,
};

/// Most violations that one request is told of; whoever mends these is told of the others.
const MOST_TOLD: usize = 100;

/// The violations found so far.
#[derive(Debug, Default)]
pub struct Fields {
    violations: Vec<(String, Violation)>,
}

impl Fields {
    /// Nothing found yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes what is wrong with a field, as long as there is room for it.
    pub fn refuse(&mut self, field: impl Display, what: Violation) {
        if self.violations.len() < MOST_TOLD {
            self.violations.push((field.to_string(), what));
        }
    }

    /// Notes it when the condition does not hold.
    pub fn ensure(&mut self, holds: bool, field: impl Display, what: Violation) {
        if !holds {
            self.refuse(field, what);
        }
    }

    /// A text of 1 to `most` characters without control characters.
    pub fn required_text(&mut self, field: impl Display, value: &str, most: usize) {
        if value.trim().is_empty() {
            self.refuse(field, Violation::Required);
        } else {
            self.text(field, value, most);
        }
    }

    /// A text of up to `most` characters without control characters.
    pub fn text(&mut self, field: impl Display, value: &str, most: usize) {
        if value.chars().count() > most {
            self.refuse(field, Violation::TooLong(most));
        } else if value
            .chars()
            .any(|letter| letter.is_control() && !matches!(letter, '\n' | '\r' | '\t'))
        {
            self.refuse(field, Violation::ControlCharacters);
        }
    }

    /// A resource name `collection/uuid`; `None` notes why.
    pub fn name(&mut self, field: impl Display, value: &str, collection: &str) -> Option<Uuid> {
        self.named(field, value, parse_name(value, collection))
    }

    /// What a resource name of whatever form was read as; `None` notes why it was not.
    pub fn named<T>(&mut self, field: impl Display, value: &str, read: Option<T>) -> Option<T> {
        if value.is_empty() {
            self.refuse(field, Violation::Required);
            return None;
        }
        if read.is_none() {
            self.refuse(field, Violation::ResourceName);
        }
        read
    }

    /// A resource name that may be left out.
    pub fn optional_name(
        &mut self,
        field: impl Display,
        value: &str,
        collection: &str,
    ) -> Option<Uuid> {
        if value.is_empty() {
            None
        } else {
            self.name(field, value, collection)
        }
    }

    /// A request id: empty, or a UUID.
    pub fn request_id(&mut self, value: &str) -> Option<Uuid> {
        if value.is_empty() {
            return None;
        }
        let id = Uuid::try_parse(value).ok();
        self.ensure(id.is_some(), "request_id", Violation::Uuid);
        id
    }

    /// An etag, which is the revision it was read at.
    pub fn etag(&mut self, field: impl Display, value: &str) -> Option<i64> {
        if value.is_empty() {
            self.refuse(field, Violation::Required);
            return None;
        }
        let revision = parse_etag(value);
        if revision.is_none() {
            self.refuse(field, Violation::Format);
        }
        revision
    }

    /// A known value of an enum that must be given (0 is "not given").
    pub fn required_enum<E: TryFrom<i32>>(&mut self, field: impl Display, value: i32) -> Option<E> {
        if value == 0 {
            self.refuse(field, Violation::Required);
            return None;
        }
        self.optional_enum(field, value)
    }

    /// A known value of an enum, or its zero.
    pub fn optional_enum<E: TryFrom<i32>>(&mut self, field: impl Display, value: i32) -> Option<E> {
        let known = E::try_from(value).ok();
        self.ensure(known.is_some(), field, Violation::UnknownValue);
        known
    }

    /// A point in time that may be left out, and is not later than `now`.
    pub fn past(
        &mut self,
        field: impl Display,
        value: Option<&prost_types::Timestamp>,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let at = self.time(&field, value)?;
        if at > now {
            self.refuse(field, Violation::InFuture);
            return None;
        }
        Some(at)
    }

    /// A point in time that may be left out.
    pub fn time(
        &mut self,
        field: impl Display,
        value: Option<&prost_types::Timestamp>,
    ) -> Option<Timestamp> {
        let at = time::from_proto(value?);
        self.ensure(at.is_some(), field, Violation::Time);
        at
    }

    /// A moment from which something is to count: `now` when it is left out, and never
    /// before.
    pub fn from_when(
        &mut self,
        field: impl Display,
        value: Option<&prost_types::Timestamp>,
        now: Timestamp,
    ) -> Timestamp {
        let at = self.time(&field, value).unwrap_or(now);
        self.ensure(at >= now, field, Violation::Contradiction);
        at
    }

    /// Ends the search.
    ///
    /// # Errors
    /// With everything that was noted: all that is wrong, or as much of it as is told at once.
    pub fn finish(self) -> Result<(), Fault> {
        if self.violations.is_empty() {
            Ok(())
        } else {
            Err(Fault::fields(self.violations))
        }
    }

    /// Whether nothing was noted.
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }
}

/// Whether this is a key that people give: lower-case letters, digits and `_`, 2–40.
pub fn is_code(code: &str) -> bool {
    (2..=40).contains(&code.len())
        && code
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// The id in `collection/uuid`; only the usual hyphenated lower-case form.
pub fn parse_name(name: &str, collection: &str) -> Option<Uuid> {
    let id = name.strip_prefix(collection)?.strip_prefix('/')?;
    let parsed = Uuid::try_parse(id).ok()?;
    (parsed.hyphenated().to_string() == id).then_some(parsed)
}

/// `collection/uuid`
pub fn name(collection: &str, id: Uuid) -> String {
    format!("{collection}/{id}")
}

/// The resource name of somebody: `employees/…`, or `system-accounts/…`.
pub fn subject_name(id: Uuid, is_system: bool) -> String {
    let collection = if is_system {
        "system-accounts"
    } else {
        "employees"
    };
    name(collection, id)
}

/// The etag of a revision.
pub fn etag(revision: i64) -> String {
    format!("r{revision}")
}

/// The revision of an etag.
pub fn parse_etag(etag: &str) -> Option<i64> {
    etag.strip_prefix('r')?
        .parse()
        .ok()
        .filter(|revision| *revision > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_violations_are_gathered() {
        let mut fields = Fields::new();
        fields.required_text("a", "  ", 5);
        fields.text("b", "三个字多", 3);
        fields.text("c", "bell\u{7}", 30);
        fields.name("d", "tickets/x", "tickets");
        fields.name(
            "e",
            "tickets/0190c5a8-0000-7000-8000-0000000000AB",
            "tickets",
        );
        fields.etag("f", "17");
        let fault = fields.finish().unwrap_err();
        let named: Vec<_> = fault
            .violations
            .iter()
            .map(|(field, _)| field.as_str())
            .collect();
        assert_eq!(named, ["a", "b", "c", "d", "e", "f"]);
    }

    /// However much a request gets wrong, its answer stays small.
    #[test]
    fn only_so_many_violations_are_told() {
        let mut fields = Fields::new();
        for index in 0..10_000 {
            fields.refuse(format_args!("all[{index}]"), Violation::Required);
        }
        assert!(!fields.is_clean());
        let told = fields.finish().unwrap_err().violations;
        assert_eq!(told.len(), MOST_TOLD);
        assert_eq!(told[0].0, "all[0]");
    }
}
