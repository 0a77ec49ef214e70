//! Blind indexes find what is equal, and tell columns apart.

use std::collections::HashSet;

use kefu_vault::QueryProblem;
use proptest::prelude::*;

use crate::fixture::index_key;

const TABLE: &str = "ticket.tickets";
const COLUMN: &str = "subject";

fn marks(text: &str) -> HashSet<i64> {
    index_key()
        .marks(TABLE, COLUMN, [text])
        .into_iter()
        .collect()
}

/// As a database finds it.
fn finds(query: &str, text: &str) -> bool {
    let marks = marks(text);
    let needles = index_key().needles(TABLE, COLUMN, query).unwrap();
    needles.iter().all(|needle| {
        needle.all.iter().all(|one| marks.contains(one))
            || needle.any.iter().any(|one| marks.contains(one))
    })
}

/// Letters that differ: the plainest way to tell (optimal string alignment).
fn distance(one: &[char], other: &[char]) -> usize {
    match (one, other) {
        ([], rest) | (rest, []) => rest.len(),
        ([a, left @ ..], [b, right @ ..]) if a == b => distance(left, right),
        ([a, left @ ..], [b, right @ ..]) => {
            let swapped = match (left, right) {
                ([c, left @ ..], [d, right @ ..]) if a == d && b == c => distance(left, right),
                _ => usize::MAX - 1,
            };
            let changed = distance(left, right);
            let inserted = distance(one, right);
            let left_out = distance(left, other);
            1 + swapped.min(changed).min(inserted).min(left_out)
        }
    }
}

proptest! {
    /// In Chinese from one character on: what has it, and nothing else.
    #[test]
    fn up_to_four_characters_are_found_exactly(query in "[张三丰王]{1,4}", text in "[张三丰王伟 ]{0,9}") {
        let written = text.replace(' ', "");
        prop_assert_eq!(finds(&query, &text), written.contains(&query));
    }

    #[test]
    fn whatever_is_in_a_text_is_found(
        before in any::<String>(), part in "[张三Ａéb1]{2,9}", after in any::<String>(),
    ) {
        let whole = format!("{before}{part}{after}");
        // An accent that follows changes the last letter alone.
        prop_assert!(finds(&part, &whole));
        prop_assert!(finds(&part.to_uppercase(), &whole));
    }

    /// Latin words one letter apart find each other.
    #[test]
    fn a_word_is_found_with_one_letter_wrong(one in "[abc]{4,7}", other in "[abc]{4,7}") {
        let letters = |word: &str| word.chars().collect::<Vec<_>>();
        if distance(&letters(&one), &letters(&other)) <= 1 {
            prop_assert!(finds(&one, &other));
        }
    }

    #[test]
    fn marks_are_sorted_and_unique(text in any::<String>()) {
        let marks = index_key().marks(TABLE, COLUMN, [text.as_str()]);
        prop_assert!(marks.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn equal_values_and_only_those_are_equal(one in "[ab]{0,3}", other in "[ab]{0,3}") {
        let blind = |value: &str| index_key().blind(TABLE, COLUMN, value);
        prop_assert_eq!(blind(&one) == blind(&other), one == other);
    }
}

#[test]
fn letters_count_as_they_are_read() {
    for (query, text) in [
        ("ΟΔΟΣ", "ΟΔΟΣΗ"),
        ("ｓｍｉｔｈ", "John SMITH"),
        ("muller", "Jürgen Müller"),
        ("科技园路1号", "深圳市 南山区 科技园路 1 号"),
        ("smith john", "John Smith"),
        ("Smiht", "John Smith"),
        ("jon smit", "Jonathan Smith"),
    ] {
        assert!(finds(query, text), "{query}: {text}");
    }
    for (query, text) in [
        ("张丰", "张三丰"),
        ("smyht", "John Smith"),
        ("john meier", "John Smith"),
        ("bob", "bod"),
    ] {
        assert!(!finds(query, text), "{query}: {text}");
    }
}

#[test]
fn what_cannot_be_looked_for_is_refused() {
    let refused = |query: &str| index_key().needles(TABLE, COLUMN, query).unwrap_err();
    for query in ["", " ", "。，", "a", "7", "张 a"] {
        assert_eq!(refused(query), QueryProblem::TooShort, "{query}");
    }
    assert_eq!(refused(&"王".repeat(65)), QueryProblem::TooLong);
    assert_eq!(refused(&"王 ".repeat(9)), QueryProblem::TooLong);
    assert!(marks("").is_empty());
}

#[test]
fn columns_and_tables_and_keys_are_told_apart() {
    let key = index_key();
    let other = kefu_vault::IndexKey::from_bytes(&[9; 32]);
    let all = [
        key.blind("ticket.tickets", "subject", "x"),
        key.blind("ticket.tickets", "body", "x"),
        key.blind("ticket.comments", "subject", "x"),
        key.blind("ticket.ticketss", "ubject", "x"),
        other.blind("ticket.tickets", "subject", "x"),
    ];
    assert_eq!(HashSet::from(all).len(), all.len());
    let mark = |key: &kefu_vault::IndexKey, column| key.marks(TABLE, column, ["王"])[0];
    let marks = [
        mark(&key, "subject"),
        mark(&key, "body"),
        mark(&other, "subject"),
    ];
    assert_eq!(HashSet::from(marks).len(), marks.len());
    // A part does not pass for a whole value.
    let whole = key.blind(TABLE, COLUMN, "王").to_vec();
    assert_ne!(mark(&key, COLUMN).to_be_bytes(), whole[..8]);
}

#[test]
fn sixteen_bytes_either_way() {
    let blind = index_key().blind(TABLE, COLUMN, "x");
    assert_eq!(blind.to_vec().len(), 16);
    assert_eq!(blind.to_vec(), blind.as_ref());
}
