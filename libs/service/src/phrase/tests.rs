use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp::constant(1_764_345_600, 0);

fn parse(text: &str) -> Result<Phrase<String>, Vec<Wrong>> {
    let names = ["today", "value.window"];
    Phrase::parse(text, |name| names.contains(&name).then(|| name.to_owned()))
}

#[test]
fn moments_are_written_as_people_write_them() {
    use Language::{Chinese, English};
    assert_eq!(day(Chinese, NOW, None).unwrap(), "2025年11月29日");
    assert_eq!(minute(Chinese, NOW, None).unwrap(), "2025年11月29日 00:00");
    let utc = Some(&TimeZone::UTC);
    assert_eq!(day(English, NOW, utc).unwrap(), "28 November 2025");
    assert_eq!(
        minute(English, NOW, utc).unwrap(),
        "28 November 2025, 16:00"
    );
}

proptest! {
    /// Whatever is written with its braces doubled comes out as it was.
    #[test]
    fn any_text_can_be_said(text in "[a{}字\\n]{0,40}") {
        let doubled = text.replace('{', "{{").replace('}', "}}");
        prop_assert_eq!(parse(&doubled).unwrap().render(|_| None).unwrap(), text);
    }

    /// What is given is never read: whatever braces it has are the customer's to see.
    #[test]
    fn what_is_given_stands_as_it_is(given in "[a{}.字]{0,20}", around in "[a字]{0,9}") {
        let phrase = parse(&format!("{around}{{value.window}}{around}")).unwrap();
        let said = phrase.render(|_| Some(given.as_str().into())).unwrap();
        prop_assert_eq!(said, format!("{around}{given}{around}"));
    }

    /// A text passes exactly where taking away doubled braces and known names leaves no brace.
    #[test]
    fn what_passes_has_no_brace_left(text in "([a{}]|\\{today\\}|\\{value\\.window\\}|\\{b\\}){0,12}") {
        let mut rest = text.clone();
        let mut clean = true;
        while let Some(at) = rest.find(['{', '}']) {
            let tail = &rest[at..];
            let known = ["{{", "}}", "{today}", "{value.window}"];
            match known.iter().find(|one| tail.starts_with(**one)) {
                Some(one) => rest = tail[one.len()..].to_owned(),
                None => {
                    clean = false;
                    break;
                }
            }
        }
        prop_assert_eq!(parse(&text).is_ok(), clean);
    }
}
