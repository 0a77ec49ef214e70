//! Long texts are found by what is in them, as looking at them would find it.

use kefu_vault::{QueryProblem, TextMarks};
use proptest::prelude::*;

use crate::fixture::index_key;

const TABLE: &str = "ticket.text_mark";
const COLUMN: &str = "text";

fn needle(query: &str) -> Result<TextMarks, QueryProblem> {
    index_key().text_needle(TABLE, COLUMN, query)
}

/// As a database finds it.
fn finds(query: &str, text: &str) -> bool {
    let (has, wanted) = (
        index_key().text_marks(TABLE, COLUMN, text),
        needle(query).unwrap(),
    );
    wanted.pairs.iter().all(|mark| has.pairs.contains(mark))
        && wanted.longer.iter().all(|mark| has.longer.contains(mark))
}

proptest! {
    /// Clause SG-5: up to four characters, what has it and nothing else; nor what has it over a comma.
    #[test]
    fn texts_are_found_exactly_by_up_to_four_characters(query in "[打印机卡]{2,4}", text in "[打印机卡纸，]{0,20}") {
        prop_assert_eq!(finds(&query, &text), text.contains(&query));
    }

    /// More of them where every four that follow each other are there.
    #[test]
    fn longer_words_are_found_by_four_at_a_time(query in "[打印机]{5,7}", text in "[打印机]{0,30}") {
        let letters: Vec<char> = query.chars().collect();
        let there = letters.windows(4).all(|four| text.contains(&four.iter().collect::<String>()));
        prop_assert_eq!(finds(&query, &text), there);
    }

    #[test]
    fn whatever_is_in_a_text_is_found(
        before in any::<String>(), part in "[打印Ａéb1]{2,9}", after in any::<String>(),
    ) {
        let whole = format!("{before}{part}{after}");
        // An accent that follows changes the last letter alone.
        prop_assert!(finds(&part, &whole));
        prop_assert!(finds(&part.to_uppercase(), &whole));
    }

    /// One text has all the words, in any order.
    #[test]
    fn several_words_are_each_looked_for(
        one in "[甲乙丙]{2,3}", other in "[甲乙丙]{2,3}", text in "[甲乙丙丁 ]{0,20}",
    ) {
        let there = text.contains(&one) && text.contains(&other);
        prop_assert_eq!(finds(&format!("{one} {other}"), &text), there);
        prop_assert_eq!(finds(&format!("{other}，{one}"), &text), there);
    }

    #[test]
    fn marks_are_sorted_and_unique(one in any::<String>(), other in any::<String>()) {
        let marks = |text: &str| index_key().text_marks(TABLE, COLUMN, text);
        let both = marks(&one).and(marks(&other));
        prop_assert!(both.pairs.windows(2).all(|two| two[0] < two[1]));
        prop_assert!(both.longer.windows(2).all(|two| two[0] < two[1]));
        prop_assert!(marks(&one).pairs.iter().all(|mark| both.pairs.contains(mark)));
    }
}

/// What joins two texts is in neither.
#[test]
fn texts_that_are_found_as_one_do_not_run_into_each_other() {
    let marks = |text| index_key().text_marks(TABLE, COLUMN, text);
    let both = marks("打印").and(marks("机器"));
    let wanted = needle("印机").unwrap();
    assert!(!both.pairs.contains(&wanted.pairs[0]));
}

#[test]
fn columns_cannot_be_told_to_be_alike() {
    let marks = |column| index_key().text_marks(TABLE, column, "打印机");
    let (one, other) = (marks("text"), marks("subject"));
    assert!(one.pairs.iter().all(|mark| !other.pairs.contains(mark)));
    assert!(one.longer.iter().all(|mark| !other.longer.contains(mark)));
    assert!(marks("text").and(marks("text")) == one && !one.is_empty());
}

#[test]
fn what_is_too_short_or_too_long_is_not_looked_for() {
    for short in ["", "。，", "打", "x", "打印 机", "7"] {
        assert_eq!(needle(short), Err(QueryProblem::TooShort), "{short}");
    }
    for long in ["打".repeat(65), "打印 ".repeat(9)] {
        assert_eq!(needle(&long), Err(QueryProblem::TooLong), "{long}");
    }
    assert!(needle(&"打".repeat(64)).is_ok());
}
