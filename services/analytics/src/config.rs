use kefu_service::error::Fault;
use serde::{Deserialize, Serialize};

use crate::domain::{period::Zone, perturbation::Aggregates};

/// Section `analytics` of the configuration.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct AnalyticsConfig {
    /// Time zone of a query that names none: an IANA name.
    pub time_zone: String,
    /// Fewest records and customers of what those are told who get aggregates only (CF-6.1), 3 to 20;
    /// counts are rounded to multiples of it. Of people of the company there are always at least three.
    pub fewest_in_aggregates: i32,
}

impl Default for AnalyticsConfig {
    fn default() -> Self {
        Self {
            time_zone: "Asia/Shanghai".to_owned(),
            fewest_in_aggregates: 5,
        }
    }
}

impl AnalyticsConfig {
    pub(crate) fn zone(&self) -> Result<Zone, Fault> {
        Zone::parse(&self.time_zone)
            .ok_or_else(|| Fault::internal("analytics.time_zone must be an IANA time zone"))
    }

    pub(crate) fn aggregates(&self) -> Result<Aggregates, Fault> {
        let fewest = self.fewest_in_aggregates;
        // Customers are told apart by one of 64 bits each (store/query/toss.rs).
        match (3..=20).contains(&fewest) {
            true => Ok(Aggregates { fewest }),
            false => Err(Fault::internal(
                "analytics.fewest_in_aggregates must be 3 to 20",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_zone_is_checked_at_start() {
        assert!(AnalyticsConfig::default().zone().is_ok());
        assert!(
            AnalyticsConfig {
                time_zone: "Asia/Atlantis".into(),
                ..AnalyticsConfig::default()
            }
            .zone()
            .is_err()
        );
    }

    /// Clause CF-6.1: nobody can be told of one record by a configuration.
    #[test]
    fn what_is_told_is_never_of_few() {
        let of = |fewest_in_aggregates| {
            let config = AnalyticsConfig {
                fewest_in_aggregates,
                ..AnalyticsConfig::default()
            };
            config.aggregates().is_ok()
        };
        assert!(AnalyticsConfig::default().aggregates().is_ok());
        assert!(of(3) && of(20));
        assert!(!of(2) && !of(0) && !of(-5) && !of(21));
    }
}
