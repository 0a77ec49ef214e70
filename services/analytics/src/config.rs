use kefu_service::error::Fault;
use serde::{Deserialize, Serialize};

use crate::domain::period::Zone;

/// Section `analytics` of the configuration.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct AnalyticsConfig {
    /// Time zone of a query that names none: an IANA name.
    pub time_zone: String,
}

impl Default for AnalyticsConfig {
    fn default() -> Self {
        Self {
            time_zone: "Asia/Shanghai".to_owned(),
        }
    }
}

impl AnalyticsConfig {
    pub(crate) fn zone(&self) -> Result<Zone, Fault> {
        Zone::parse(&self.time_zone)
            .ok_or_else(|| Fault::internal("analytics.time_zone must be an IANA time zone"))
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
                time_zone: "Asia/Atlantis".into()
            }
            .zone()
            .is_err()
        );
    }
}
