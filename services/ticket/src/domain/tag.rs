//! Words of the company's own that tickets are sorted and found by (SG-5).

use std::collections::BTreeSet;

use kefu_service::{error::Violation, fields::Fields};

/// Most tags of one ticket.
const MOST: usize = 20;
/// Most characters of a tag.
const LONGEST: usize = 30;

/// Checks tags and brings them to the form in which they are kept.
pub(crate) fn check(fields: &mut Fields, tags: Vec<String>) -> Vec<String> {
    fields.ensure(tags.len() <= MOST, "tags", Violation::TooMany(MOST));
    let mut seen = BTreeSet::new();
    let kept = tags.into_iter().enumerate().map(|(at, tag)| {
        let tag = tag.trim().to_owned();
        let place = format!("tags[{at}]");
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

    fn checked(tags: &[&str]) -> (Vec<String>, Vec<(String, &'static str)>) {
        let mut fields = Fields::new();
        let kept = check(
            &mut fields,
            tags.iter().map(|one| (*one).to_owned()).collect(),
        );
        let found = fields.finish().err().map(|fault| fault.violations);
        let found = found.unwrap_or_default().into_iter();
        (
            kept,
            found.map(|(field, what)| (field, what.name())).collect(),
        )
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
}
