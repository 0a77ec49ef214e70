//! The service's own section of the configuration.

mod webhooks;

use std::{fs, path::PathBuf, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use kefu_audit::CheckpointKey;
use kefu_service::{config::Secret, error::Fault};
use serde::Deserialize;

pub use self::webhooks::WebhooksConfig;
use crate::domain::{alert::Rules, approval::Flows, roles::Roles};

/// `[access_control]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccessControlConfig {
    /// Longest silence towards a gateway; below the bound past which gateways
    /// refuse personal data.
    pub heartbeat_ms: u64,
    /// How often changes by other replicas are looked for.
    pub poll_ms: u64,
    /// How often it is written down what time did to requests for approval.
    pub approvals_ms: u64,
    /// Stages and time limits of requests for approval, in place of those that are shipped
    /// (`approvals.toml`).
    pub approvals_file: Option<PathBuf>,
    /// How often it is looked for exports that were left, or are due.
    pub exports_ms: u64,
    /// Base-2 logarithm of scrypt's N for packages under a passphrase; making one takes
    /// 2^(this + 10) bytes of memory.
    pub passphrase_work_factor: u8,
    /// How often it is looked in the audit log for what is worth an alert.
    pub alerts_ms: u64,
    /// Rules of alerts, in place of those that are shipped (`alerts.toml`).
    pub alerts_file: Option<PathBuf>,
    /// How often it is looked who has to take which training.
    pub trainings_ms: u64,
    /// How often the audit log is signed, when it has grown.
    pub checkpoint_ms: u64,
    /// Name of the audit log in its checkpoints; it stays the same for ever.
    pub audit_origin: String,
    /// Signs checkpoints: Ed25519, PKCS#8 in base64. Without it the log is collected and
    /// not signed, which production refuses.
    pub audit_key: Option<Secret>,
    /// Webhooks of other company systems.
    pub webhooks: WebhooksConfig,
}

impl Default for AccessControlConfig {
    fn default() -> Self {
        Self {
            heartbeat_ms: 1000,
            poll_ms: 200,
            approvals_ms: 1000,
            approvals_file: None,
            exports_ms: 1000,
            alerts_ms: 1000,
            alerts_file: None,
            passphrase_work_factor: 18,
            trainings_ms: 30_000,
            checkpoint_ms: 5000,
            audit_origin: "kefu-audit".to_owned(),
            audit_key: None,
            webhooks: WebhooksConfig::default(),
        }
    }
}

impl AccessControlConfig {
    /// Refuses what cannot be meant.
    ///
    /// # Errors
    /// Names the key.
    pub fn check(&self) -> Result<(), Fault> {
        for (key, value) in [
            ("heartbeat_ms", self.heartbeat_ms),
            ("poll_ms", self.poll_ms),
            ("approvals_ms", self.approvals_ms),
            ("exports_ms", self.exports_ms),
            ("alerts_ms", self.alerts_ms),
            ("trainings_ms", self.trainings_ms),
            ("checkpoint_ms", self.checkpoint_ms),
        ] {
            if !(10..=60_000).contains(&value) {
                return Err(Fault::internal(format!(
                    "access_control.{key} is not from 10 to 60000"
                )));
            }
        }
        self.webhooks.check()?;
        if !(1..=22).contains(&self.passphrase_work_factor) {
            return Err(Fault::internal(
                "access_control.passphrase_work_factor is not from 1 to 22",
            ));
        }
        Ok(())
    }

    pub(crate) fn exports(&self) -> Duration {
        Duration::from_millis(self.exports_ms)
    }

    pub(crate) fn alerts(&self) -> Duration {
        Duration::from_millis(self.alerts_ms)
    }

    pub(crate) fn trainings(&self) -> Duration {
        Duration::from_millis(self.trainings_ms)
    }

    /// The rules of alerts, for people who hold these roles.
    pub(crate) fn alert_rules(&self, roles: &Roles) -> Result<Rules, Fault> {
        let rules = match &self.alerts_file {
            None => Rules::shipped()?,
            Some(path) => {
                let text = fs::read_to_string(path).map_err(|error| {
                    Fault::internal(format!("access_control.alerts_file: {error}"))
                })?;
                Rules::from_toml(&text)?
            }
        };
        rules.check(roles)?;
        Ok(rules)
    }

    /// The stages of requests for approval.
    pub(crate) fn flows(&self) -> Result<Flows, Fault> {
        let flows = match &self.approvals_file {
            None => Flows::shipped(),
            Some(path) => Flows::from_toml(&fs::read_to_string(path).map_err(|error| {
                Fault::internal(format!("access_control.approvals_file: {error}"))
            })?),
        };
        flows.map_err(|problem| Fault::internal(problem.to_string()))
    }

    pub(crate) fn heartbeat(&self) -> Duration {
        Duration::from_millis(self.heartbeat_ms)
    }

    pub(crate) fn checkpoints(&self) -> Duration {
        Duration::from_millis(self.checkpoint_ms)
    }

    /// The key that signs checkpoints.
    pub(crate) fn checkpoint_key(&self) -> Result<Option<CheckpointKey>, Fault> {
        let Some(secret) = &self.audit_key else {
            return Ok(None);
        };
        let wrong = || Fault::internal("access_control.audit_key is not an Ed25519 key in base64");
        let pkcs8 = STANDARD
            .decode(secret.expose().trim())
            .map_err(|_| wrong())?;
        let key = CheckpointKey::from_pkcs8(&self.audit_origin, &pkcs8);
        key.map(Some).map_err(|_| wrong())
    }

    pub(crate) fn approvals(&self) -> Duration {
        Duration::from_millis(self.approvals_ms)
    }

    pub(crate) fn poll(&self) -> Duration {
        Duration::from_millis(self.poll_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sensible_times_are_taken() {
        let of = |heartbeat_ms, poll_ms| {
            AccessControlConfig {
                heartbeat_ms,
                poll_ms,
                ..AccessControlConfig::default()
            }
            .check()
            .is_ok()
        };
        assert!(AccessControlConfig::default().check().is_ok());
        assert!(!of(0, 200));
        assert!(!of(1000, 60_001));
        assert!(toml::from_str::<AccessControlConfig>("pol_ms = 5").is_err());
        assert_eq!(
            toml::from_str::<AccessControlConfig>("poll_ms = 50")
                .unwrap()
                .heartbeat_ms,
            1000
        );
    }

    #[test]
    fn requests_pass_the_company_s_own_stages_where_it_has_some() {
        let of = |file: &str| {
            AccessControlConfig {
                approvals_file: Some(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(file)),
                ..AccessControlConfig::default()
            }
            .flows()
        };
        assert_eq!(of("approvals.toml").unwrap(), Flows::shipped().unwrap());
        assert!(of("alerts.toml").is_err());
        assert!(of("gone.toml").is_err());
    }

    #[test]
    fn alerts_are_raised_by_the_company_s_own_rules_where_it_has_some() {
        let of = |file: &str| {
            AccessControlConfig {
                alerts_file: Some(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(file)),
                ..AccessControlConfig::default()
            }
            .alert_rules(&Roles::shipped().unwrap())
        };
        assert_eq!(of("alerts.toml").unwrap(), Rules::shipped().unwrap());
        assert!(of("roles.toml").is_err());
        assert!(of("gone.toml").is_err());
    }
}
