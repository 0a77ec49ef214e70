//! File numbers (CF-4.3): type, tier digit, line of business, running number:
//! `P0A0001`. Four digits at least, more past 9999.

use kefu_contracts::profile::{CustomerType, Tier};

/// Whether this is the letter of a line of business.
pub(crate) fn is_business_line(line: &str) -> bool {
    matches!(line.as_bytes(), [letter] if letter.is_ascii_uppercase())
}

/// The part before the running number: files with the same prefix share a series.
pub(crate) fn prefix(kind: CustomerType, tier: Tier, business_line: &str) -> String {
    let kind = if kind == CustomerType::Enterprise {
        'E'
    } else {
        'P'
    };
    let tier = match tier {
        Tier::Unspecified | Tier::Normal => 0,
        Tier::Silver => 1,
        Tier::Gold => 2,
        Tier::Diamond => 3,
    };
    format!("{kind}{tier}{business_line}")
}

/// The number itself; `running` counts from 1.
pub(crate) fn number(prefix: &str, running: i64) -> String {
    format!("{prefix}{running:04}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clause CF-4.3.
    #[test]
    fn numbers_are_as_the_policy_writes_them() {
        let first = prefix(CustomerType::Person, Tier::Normal, "A");
        assert_eq!(number(&first, 1), "P0A0001");
        assert_eq!(number(&first, 9999), "P0A9999");
        assert_eq!(number(&first, 10_000), "P0A10000");
        assert_eq!(
            number(&prefix(CustomerType::Enterprise, Tier::Diamond, "Z"), 12),
            "E3Z0012"
        );
    }
}
