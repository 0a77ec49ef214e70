//! Priority from impact and urgency (SG-2.1), as the ITIL matrix has it.

use kefu_contracts::ticket::{Level, Priority};

use Priority::{Critical, High, Low, Moderate};

/// One row an impact, one column an urgency.
#[rustfmt::skip]
const MATRIX: [[Priority; 3]; 3] = [
    // urgency:    low        medium     high
    /* low    */ [ Low,       Low,       Moderate ],
    /* medium */ [ Low,       Moderate,  High     ],
    /* high   */ [ Moderate,  High,      Critical ],
];

/// The priority; what was not said counts as medium.
pub(crate) fn priority(impact: Level, urgency: Level) -> Priority {
    MATRIX[place(impact)][place(urgency)]
}

fn place(level: Level) -> usize {
    match level {
        Level::Low => 0,
        Level::Unspecified | Level::Medium => 1,
        Level::High => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEVELS: [Level; 3] = [Level::Low, Level::Medium, Level::High];

    /// Clause SG-2.1.
    #[test]
    fn the_matrix_is_the_one_of_the_guide() {
        let cases = [
            (Level::High, Level::High, Critical),
            (Level::High, Level::Medium, High),
            (Level::Medium, Level::High, High),
            (Level::Medium, Level::Medium, Moderate),
            (Level::High, Level::Low, Moderate),
            (Level::Low, Level::High, Moderate),
            (Level::Low, Level::Medium, Low),
            (Level::Medium, Level::Low, Low),
            (Level::Low, Level::Low, Low),
        ];
        for (impact, urgency, expected) in cases {
            assert_eq!(
                priority(impact, urgency),
                expected,
                "{impact:?} × {urgency:?}"
            );
        }
    }

    #[test]
    fn what_was_not_said_counts_as_medium() {
        for level in LEVELS {
            assert_eq!(
                priority(Level::Unspecified, level),
                priority(Level::Medium, level)
            );
            assert_eq!(
                priority(level, Level::Unspecified),
                priority(level, Level::Medium)
            );
        }
    }

    #[test]
    fn more_of_either_is_never_less_pressing() {
        for (less, more) in [(Level::Low, Level::Medium), (Level::Medium, Level::High)] {
            for other in LEVELS {
                assert!(priority(less, other) <= priority(more, other));
                assert!(priority(other, less) <= priority(other, more));
            }
        }
    }
}
