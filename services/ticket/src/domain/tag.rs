//! Words of the company's own that tickets are sorted and found by (SG-5).

use std::collections::BTreeSet;

use kefu_service::{
    error::{Fault, Violation},
    fields::Fields,
};

/// Most tags of one ticket.
const MOST: usize = 20;
/// Most characters of a tag.
const LONGEST: usize = 30;

/// What is to become of a ticket's tags.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tagging {
    /// These, in the place of those that it has.
    Put(Vec<String>),
    /// Some more and some less; the others stay.
    Alter {
        add: Vec<String>,
        remove: Vec<String>,
    },
}

impl Tagging {
    /// Reads tags that are to take the place of others; what is wrong is noted.
    pub(crate) fn put(fields: &mut Fields, tags: Vec<String>) -> Self {
        Self::Put(check(fields, "tags", tags))
    }

    /// Reads tags that come and tags that go; what is wrong is noted.
    pub(crate) fn alter(fields: &mut Fields, add: Vec<String>, remove: Vec<String>) -> Self {
        let some = !add.is_empty() || !remove.is_empty();
        fields.ensure(some, "add_tags", Violation::Required);
        let add = check(fields, "add_tags", add);
        let remove = check(fields, "remove_tags", remove);
        for (at, tag) in remove.iter().enumerate() {
            let place = format_args!("remove_tags[{at}]");
            fields.ensure(!has(&add, tag), place, Violation::Contradiction);
        }
        Self::Alter { add, remove }
    }

    /// The tags that come.
    pub(crate) fn coming(&self) -> &[String] {
        match self {
            Self::Put(tags) | Self::Alter { add: tags, .. } => tags,
        }
    }

    /// The same with the tags that come written in this way.
    #[must_use]
    pub(crate) fn written(&self, coming: Vec<String>) -> Self {
        match self {
            Self::Put(_) => Self::Put(coming),
            Self::Alter { remove, .. } => Self::Alter {
                add: coming,
                remove: remove.clone(),
            },
        }
    }

    /// Does it to the tags of a ticket.
    ///
    /// # Errors
    /// A violation, where there would be too many.
    pub(super) fn apply(&self, tags: &mut Vec<String>) -> Result<(), Fault> {
        match self {
            Self::Put(others) => tags.clone_from(others),
            Self::Alter { add, remove } => {
                tags.retain(|tag| !has(remove, tag));
                let new = add.iter().filter(|tag| !has(tags, tag));
                let new: Vec<String> = new.cloned().collect();
                tags.extend(new);
                let mut fields = Fields::new();
                fields.ensure(tags.len() <= MOST, "add_tags", Violation::TooMany(MOST));
                fields.finish()?;
            }
        }
        Ok(())
    }
}

/// Whether a tag is among these, however it is written.
fn has(tags: &[String], tag: &str) -> bool {
    tags.iter().any(|one| key(one) == key(tag))
}

/// Checks tags and brings them to the form in which they are kept.
fn check(fields: &mut Fields, field: &str, tags: Vec<String>) -> Vec<String> {
    fields.ensure(tags.len() <= MOST, field, Violation::TooMany(MOST));
    let mut seen = BTreeSet::new();
    let kept = tags.into_iter().enumerate().map(|(at, tag)| {
        let tag = tag.trim().to_owned();
        let place = format!("{field}[{at}]");
        fields.required_text(&place, &tag, LONGEST);
        fields.ensure(seen.insert(key(&tag)), place, Violation::Duplicate);
        tag
    });
    kept.collect()
}

/// What two ways of writing one tag have in common.
pub(crate) fn key(tag: &str) -> String {
    tag.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(tags: &[&str]) -> Vec<String> {
        tags.iter().map(|one| (*one).to_owned()).collect()
    }

    fn wrong(fields: Fields) -> Vec<(String, &'static str)> {
        let found = fields.finish().err().map(|fault| fault.violations);
        let found = found.unwrap_or_default().into_iter();
        found.map(|(field, what)| (field, what.name())).collect()
    }

    fn checked(tags: &[&str]) -> (Vec<String>, Vec<(String, &'static str)>) {
        let mut fields = Fields::new();
        let kept = check(&mut fields, "tags", words(tags));
        (kept, wrong(fields))
    }

    /// Clause SG-5.
    #[test]
    fn tags_are_words_each_once() {
        let (kept, wrong) = checked(&[" VIP ", "双十一"]);
        assert_eq!((kept, wrong), (vec!["VIP".into(), "双十一".into()], vec![]));
        let long = "字".repeat(LONGEST + 1);
        let (_, wrong) = checked(&["VIP", "vip", " ", &long, "a\u{7}"]);
        let wrong: Vec<_> = wrong
            .iter()
            .map(|(at, what)| (at.as_str(), *what))
            .collect();
        let expected = [
            ("tags[1]", "DUPLICATE"),
            ("tags[2]", "REQUIRED"),
            ("tags[3]", "TOO_LONG"),
            ("tags[4]", "CONTROL_CHARACTERS"),
        ];
        assert_eq!(wrong, expected);
        let many: Vec<String> = (0..=MOST).map(|at| at.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(checked(&many).1, [("tags".to_owned(), "TOO_MANY")]);
    }

    /// Clause SG-5.
    #[test]
    fn what_goes_is_gone_however_written_and_what_comes_is_there_once() {
        let alter = |tags: &[&str], add: &[&str], remove: &[&str]| {
            let mut fields = Fields::new();
            let tagging = Tagging::alter(&mut fields, words(add), words(remove));
            assert!(wrong(fields).is_empty());
            let mut tags = words(tags);
            tagging.apply(&mut tags).map(|()| tags)
        };
        let cases: [[&[&str]; 4]; 4] = [
            [&["VIP"], &["加急"], &[], &["VIP", "加急"]],
            [&["VIP"], &["vip"], &[], &["VIP"]],
            [&["VIP", "加急"], &[], &["vip", "别的"], &["加急"]],
            [&["VIP"], &["加急"], &["VIP"], &["加急"]],
        ];
        for [before, add, remove, after] in cases {
            assert_eq!(alter(before, add, remove).unwrap(), words(after));
        }
        let full: Vec<String> = (0..MOST).map(|at| at.to_string()).collect();
        let full: Vec<&str> = full.iter().map(String::as_str).collect();
        let refused = alter(&full, &["加急"], &[]).unwrap_err().violations;
        assert_eq!(refused, [("add_tags".to_owned(), Violation::TooMany(MOST))]);
        assert_eq!(alter(&full, &["加急"], &["0"]).unwrap().len(), MOST);
    }

    #[test]
    fn what_comes_does_not_go() {
        let mut fields = Fields::new();
        Tagging::alter(&mut fields, words(&["VIP"]), words(&["加急", "vip"]));
        assert_eq!(
            wrong(fields),
            [("remove_tags[1]".to_owned(), "CONTRADICTION")]
        );
        let mut fields = Fields::new();
        Tagging::alter(&mut fields, Vec::new(), Vec::new());
        assert_eq!(wrong(fields), [("add_tags".to_owned(), "REQUIRED")]);
    }
}
