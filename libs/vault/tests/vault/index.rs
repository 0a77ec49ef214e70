//! Blind indexes find what is equal, and tell columns apart.

use std::collections::HashSet;

use kefu_vault::BlindIndex;
use proptest::prelude::*;

use crate::fixture::index_key;

const TABLE: &str = "ticket.tickets";
const COLUMN: &str = "subject";

fn grams(text: &str) -> Vec<BlindIndex> {
    index_key().grams(TABLE, COLUMN, text)
}

/// One gram's hash: that of the one-character text, or what a two-character text has beside those of its characters.
fn gram(text: &str) -> BlindIndex {
    let characters: Vec<_> = text.chars().flat_map(|c| grams(&c.to_string())).collect();
    let mut found = grams(text);
    if text.chars().count() == 2 {
        found.retain(|gram| !characters.contains(gram));
    }
    assert_eq!(found.len(), 1);
    found[0]
}

/// The plainest way to say which grams a text has: lower-cased words of a small alphabet, every start, both lengths.
fn reference(text: &str) -> HashSet<String> {
    let mut plain = Vec::new();
    for c in text.chars() {
        if c == ' ' || c == '\u{3000}' {
            continue;
        }
        plain.push(if c == 'A' { 'a' } else { c });
    }
    let mut grams = HashSet::new();
    for start in 0..plain.len() {
        grams.insert(plain[start].to_string());
        if start + 1 < plain.len() {
            grams.insert(format!("{}{}", plain[start], plain[start + 1]));
        }
    }
    grams
}

proptest! {
    #[test]
    fn grams_are_those_of_the_reference(text in "[aAb张三 \u{3000}]{0,12}") {
        let mut expected: Vec<_> = reference(&text).iter().map(|one| gram(one)).collect();
        expected.sort();
        prop_assert_eq!(grams(&text), expected);
    }

    #[test]
    fn grams_are_sorted_and_unique(text in any::<String>()) {
        prop_assert!(grams(&text).windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn a_part_has_no_gram_the_whole_lacks(
        before in any::<String>(), part in "[\\pL\\pN ]{1,8}", after in any::<String>(),
    ) {
        let whole: HashSet<_> = grams(&format!("{before}{part}{after}")).into_iter().collect();
        prop_assert!(grams(&part).iter().all(|gram| whole.contains(gram)));
        let lower: String = part.chars().flat_map(char::to_lowercase).collect();
        prop_assert!(grams(&lower).iter().all(|gram| whole.contains(gram)));
    }

    #[test]
    fn equal_values_and_only_those_are_equal(one in "[ab]{0,3}", other in "[ab]{0,3}") {
        let blind = |value: &str| index_key().blind(TABLE, COLUMN, value);
        prop_assert_eq!(blind(&one) == blind(&other), one == other);
    }
}

#[test]
fn a_query_ending_within_a_word_finds_a_capital_sigma() {
    let text = grams("ΟΔΟΣΗ");
    assert!(grams("ΟΔΟΣ").iter().all(|gram| text.contains(gram)));
}

#[test]
fn no_text_no_grams() {
    assert!(grams("").is_empty());
    assert!(grams(" \t\u{3000}\n").is_empty());
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
        // A gram does not pass for a whole value.
        key.grams("ticket.tickets", "subject", "x")[0],
        key.grams("ticket.tickets", "body", "x")[0],
    ];
    assert_eq!(HashSet::from(all).len(), all.len());
}

#[test]
fn sixteen_bytes_either_way() {
    let blind = index_key().blind(TABLE, COLUMN, "x");
    assert_eq!(blind.to_vec().len(), 16);
    assert_eq!(blind.to_vec(), blind.as_ref());
}
