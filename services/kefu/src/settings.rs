//! The configuration of every process of the suite: one file serves all of them,
//! each reads its own section.

use std::path::PathBuf;

use anyhow::Context;
use kefu_access_control::config::AccessControlConfig;
use kefu_analytics::AnalyticsConfig;
use kefu_customer_profile::CustomerProfileConfig;
use kefu_gateway::{Environment, GatewayConfig};
use kefu_order_followup::OrderFollowupConfig;
use kefu_service::config::{
    DatabaseConfig, IdentityConfig, Loaded, Loader, Secret, ServerConfig, TelemetryConfig,
    TlsConfig, TrustConfig, UpstreamConfig, VaultConfig,
};
use kefu_ticket::TicketConfig;
use serde::{Deserialize, Serialize};

/// The whole configuration.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where the suite runs; `production`.
    #[serde(default)]
    pub environment: Environment,
    /// Logs, traces and metrics.
    #[serde(default)]
    pub telemetry: TelemetryConfig,
    /// Whose signatures are believed.
    #[serde(default)]
    pub trust: TrustConfig,
    /// Who this process is to its peers.
    pub identity: Option<IdentityConfig>,
    /// TLS in each direction.
    #[serde(default)]
    pub tls: TlsConfig,
    /// The key-encryption keys.
    #[serde(default)]
    pub vault: VaultConfig,
    /// Where the services are reached.
    pub upstream: UpstreamSettings,
    /// The gateway.
    pub gateway: GatewaySettings,
    /// The access-control service.
    pub access_control: AccessControlSettings,
    /// The customer-profile service.
    pub customer_profile: CustomerProfileSettings,
    /// The ticket service.
    pub ticket: TicketSettings,
    /// The order-followup service.
    pub order_followup: OrderFollowupSettings,
    /// The analytics service.
    pub analytics: AnalyticsSettings,
}

/// Where the services are reached.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct UpstreamSettings {
    /// access-control
    pub access_control: UpstreamConfig,
    /// customer-profile
    pub customer_profile: UpstreamConfig,
    /// ticket
    pub ticket: UpstreamConfig,
    /// order-followup
    pub order_followup: UpstreamConfig,
    /// analytics
    pub analytics: UpstreamConfig,
}

/// Section of the gateway.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct GatewaySettings {
    /// Where it listens.
    pub server: ServerConfig,
    /// Signs access contexts: Ed25519, PKCS#8 in base64.
    pub signing_key: Option<Secret>,
    /// How it decides.
    #[serde(default)]
    pub rules: GatewayConfig,
}

macro_rules! section {
    ($(#[$doc:meta])* $name:ident, $rules:ty) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Deserialize, Serialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            /// Where it listens.
            pub server: ServerConfig,
            /// Its own database.
            pub database: Option<DatabaseConfig>,
            /// Its own rules.
            #[serde(default)]
            pub rules: $rules,
        }
    };
}

section!(
    /// Section of access-control.
    AccessControlSettings,
    AccessControlConfig
);
section!(
    /// Section of customer-profile.
    CustomerProfileSettings,
    CustomerProfileConfig
);
section!(
    /// Section of ticket.
    TicketSettings,
    TicketConfig
);
section!(
    /// Section of order-followup.
    OrderFollowupSettings,
    OrderFollowupConfig
);
section!(
    /// Section of analytics.
    AnalyticsSettings,
    AnalyticsConfig
);

impl Settings {
    /// Embedded defaults, then the file, then `KEFU__SECTION__KEY`.
    ///
    /// # Errors
    /// Every key that cannot be used, named with its source.
    pub fn load(file: Option<PathBuf>) -> anyhow::Result<Loaded<Self>> {
        Self::layers(file).load().context("configuration")
    }

    /// The database of the service of this name; the gateway has none.
    pub(crate) fn database_of(&self, service: &str) -> Option<&DatabaseConfig> {
        let database = match service {
            kefu_access_control::NAME => &self.access_control.database,
            kefu_customer_profile::NAME => &self.customer_profile.database,
            kefu_ticket::NAME => &self.ticket.database,
            kefu_order_followup::NAME => &self.order_followup.database,
            kefu_analytics::NAME => &self.analytics.database,
            _ => return None,
        };
        database.as_ref()
    }

    /// The layers that are loaded.
    pub fn layers(file: Option<PathBuf>) -> Loader {
        Loader::new(include_str!("defaults.toml"))
            .file(file)
            .env_prefix("KEFU")
    }
}
