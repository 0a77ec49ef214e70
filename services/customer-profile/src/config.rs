use kefu_contracts::common::Reason;
use kefu_service::error::Fault;
use serde::{Deserialize, Serialize};

use crate::{
    connectors::ConnectorsConfig,
    domain::{
        attributes::{self, AttributeRule},
        data_request::DueHours,
        intake::IntakeRules,
        quality::rules::QualityRules,
        retention::RetentionRules,
    },
};

/// Section `customer_profile` of the configuration.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct CustomerProfileConfig {
    /// Line of business of a file that names none: one letter A–Z (CF-4.3).
    pub default_business_line: String,
    /// Country of phone numbers written without one: ISO 3166-1 alpha-2.
    pub phone_region: String,
    /// What each way in asks for (CF-3.2); `intake.toml`.
    pub intake: IntakeRules,
    /// How long files are kept (CF-5.2); `retention.toml`.
    pub retention: RetentionRules,
    /// What is expected of files, and when they are gone through (CF-7.1, CF-7.3);
    /// `quality.toml`.
    pub quality: QualityRules,
    /// How many days a draft is kept that was withdrawn; it is no file, and nobody has to
    /// agree that it goes.
    pub withdrawn_days: u16,
    /// What files may have beside the fields of every file; `attributes.toml`.
    pub attributes: Vec<AttributeRule>,
    /// Who makes checks of files for the company (SG-1.2).
    pub connectors: ConnectorsConfig,
    /// Part of the checks made that is to pass, 0–1 (SG-1.2).
    pub accuracy_target: f64,
    /// By when customers' own requests are due (IH-2.4).
    pub data_request_hours: DueHours,
}

impl Default for CustomerProfileConfig {
    fn default() -> Self {
        Self {
            default_business_line: "A".to_owned(),
            phone_region: "CN".to_owned(),
            intake: IntakeRules::default(),
            retention: RetentionRules::default(),
            quality: QualityRules::default(),
            withdrawn_days: 30,
            attributes: attributes::shipped(),
            connectors: ConnectorsConfig::default(),
            accuracy_target: 0.995,
            data_request_hours: DueHours::default(),
        }
    }
}

impl CustomerProfileConfig {
    pub(crate) fn check(&self) -> Result<(), Fault> {
        let refused = |key: &'static str| Fault {
            detail: key.into(),
            ..Fault::new(Reason::Internal)
        };
        if !crate::domain::file_number::is_business_line(&self.default_business_line) {
            return Err(refused(
                "customer_profile.default_business_line must be a letter A–Z",
            ));
        }
        if crate::domain::contact::Region::parse(&self.phone_region).is_none() {
            return Err(refused(
                "customer_profile.phone_region must be an ISO 3166-1 alpha-2 code",
            ));
        }
        if !(0.0..=1.0).contains(&self.accuracy_target) {
            return Err(refused(
                "customer_profile.accuracy_target is not between 0 and 1",
            ));
        }
        if !self.data_request_hours.can_be_kept() {
            return Err(refused(
                "customer_profile.data_request_hours are not between an hour and a year",
            ));
        }
        if let Some(problem) = self.connectors.problem() {
            return Err(Fault::internal(format!(
                "customer_profile.connectors: {problem}"
            )));
        }
        if let Some(problem) = self.intake.problem() {
            return Err(Fault::internal(format!(
                "customer_profile.intake: {problem}"
            )));
        }
        if let Some(problem) = self.retention.problem() {
            return Err(Fault::internal(format!(
                "customer_profile.retention: {problem}"
            )));
        }
        let problems = self.quality.problems();
        if !problems.is_empty() {
            let problems = problems.join("; ");
            return Err(Fault::internal(format!(
                "customer_profile.quality: {problems}"
            )));
        }
        if let Some(problem) = attributes::problem(&self.attributes) {
            return Err(Fault::internal(format!(
                "customer_profile.attributes: {problem}"
            )));
        }
        Ok(())
    }
}
