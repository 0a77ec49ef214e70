//! Priority from impact and urgency (SG-2.1), by the company's table.

use kefu_contracts::ticket::{Level, Priority, PriorityRule};

use Priority::{Critical, High, Low, Moderate};

/// What is shipped, as the ITIL matrix has it: one row an impact, one column an urgency.
#[rustfmt::skip]
const MATRIX: [[Priority; 3]; 3] = [
    // urgency:    low        medium     high
    /* low    */ [ Low,       Low,       Moderate ],
    /* medium */ [ Low,       Moderate,  High     ],
    /* high   */ [ Moderate,  High,      Critical ],
];

/// What can be said of impact and urgency.
pub(crate) const LEVELS: [Level; 3] = [Level::Low, Level::Medium, Level::High];

/// The matrix as rules.
pub(crate) fn shipped() -> Vec<PriorityRule> {
    let mut rules = Vec::new();
    for (impact, row) in LEVELS.iter().zip(MATRIX) {
        for (urgency, priority) in LEVELS.iter().zip(row) {
            rules.push(PriorityRule {
                impact: (*impact).into(),
                urgency: (*urgency).into(),
                priority: priority.into(),
            });
        }
    }
    rules
}

/// The priority; what was not said counts as medium.
pub(crate) fn priority(rules: &[PriorityRule], impact: Level, urgency: Level) -> Priority {
    let said = |level| match level {
        Level::Unspecified => Level::Medium,
        said => said,
    };
    let of = (said(impact), said(urgency));
    let rule = rules
        .iter()
        .find(|rule| (rule.impact(), rule.urgency()) == of);
    // Rules are checked to be complete before they are kept.
    rule.map_or(Moderate, PriorityRule::priority)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(impact: Level, urgency: Level) -> Priority {
        priority(&shipped(), impact, urgency)
    }

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
            assert_eq!(found(impact, urgency), expected, "{impact:?} × {urgency:?}");
        }
    }

    #[test]
    fn what_was_not_said_counts_as_medium() {
        for level in LEVELS {
            assert_eq!(
                found(Level::Unspecified, level),
                found(Level::Medium, level)
            );
            assert_eq!(
                found(level, Level::Unspecified),
                found(level, Level::Medium)
            );
        }
    }

    #[test]
    fn more_of_either_is_never_less_pressing() {
        for (less, more) in [(Level::Low, Level::Medium), (Level::Medium, Level::High)] {
            for other in LEVELS {
                assert!(found(less, other) <= found(more, other));
                assert!(found(other, less) <= found(other, more));
            }
        }
    }

    #[test]
    fn the_companys_table_counts() {
        let mut rules = shipped();
        for rule in &mut rules {
            rule.set_priority(Low);
        }
        assert_eq!(priority(&rules, Level::High, Level::High), Low);
    }
}
