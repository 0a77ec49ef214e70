//! Configuration in layers: embedded defaults → file → environment → flags.
//!
//! - A key in the environment is `KEFU__SECTION__KEY`; lists are separated by
//!   commas there. Empty means empty, not absent.
//! - For every key `x`, `x_file` may name a file to take `x` from, which is how
//!   secrets come in. The exception is a section that declares `x_file` itself.
//!   Both at once are refused, in whatever layers they stand.
//! - A key no section declares is refused, and so is a value of the wrong kind,
//!   each named with its path and the place it came from. All are named at once,
//!   but for those behind a missing key: there the reading ends.
//!
//! Structures must not use `#[serde(flatten)]`: it hides from the reader which
//! keys a section declares.

mod error;
mod layer;
mod node;
mod read;
mod secret;
mod sections;
#[cfg(test)]
mod tests;
mod tls;

use std::{collections::BTreeMap, path::PathBuf};

use ::config::Config;
use serde::{Serialize, de::DeserializeOwned};

use self::layer::Layer;
pub use self::{
    error::{ConfigError, Problem},
    secret::Secret,
    sections::{
        DatabaseConfig, IdentityConfig, LogFormat, ServerConfig, TelemetryConfig, TransitConfig,
        TrustConfig, UpstreamConfig, VaultConfig,
    },
    tls::{ConnectorsTls, FrontTls, ServicesTls, TlsConfig},
};

/// Where values that no layer names come from.
const BUILT_IN: &str = "default";
/// Longest key and value whose source is aligned: one long value moves no other's out of sight.
const ALIGNED: usize = 80;

/// Gathers the layers of a configuration.
#[derive(Clone)]
pub struct Loader {
    defaults: &'static str,
    file: Option<PathBuf>,
    prefix: Option<String>,
    variables: Option<Vec<(String, String)>>,
    flags: Vec<(String, String)>,
}

impl Loader {
    /// Starts from defaults in TOML, as embedded in the binary.
    pub fn new(defaults: &'static str) -> Self {
        Self {
            defaults,
            file: None,
            prefix: None,
            variables: None,
            flags: Vec::new(),
        }
    }

    /// Lays a TOML file over the defaults; it must exist when it is named.
    pub fn file(mut self, path: Option<PathBuf>) -> Self {
        self.file = path;
        self
    }

    /// Lays variables `PREFIX__SECTION__KEY` of the environment over the file.
    pub fn env_prefix(mut self, prefix: &str) -> Self {
        self.prefix = Some(prefix.to_owned());
        self
    }

    /// Takes these variables for the environment, instead of the process's own.
    pub fn env_vars(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        self.variables = Some(variables.into_iter().collect());
        self
    }

    /// Lays one value over all else, as a command-line flag does; `key` is a
    /// path such as `server.listen`, the value is written as in the environment.
    pub fn set(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.flags.push((key.into(), value.into()));
        self
    }

    /// Merges the layers and reads them as `T`.
    ///
    /// # Errors
    /// When a layer cannot be read, or with the keys that are unknown, missing
    /// or of the wrong kind.
    pub fn load<T: DeserializeOwned>(self) -> Result<Loaded<T>, ConfigError> {
        let defaults = Layer::toml("embedded defaults", BUILT_IN, self.defaults)?;
        let mut layers = Config::builder().add_source(defaults.clone());
        if let Some(path) = &self.file {
            layers = layers.add_source(Layer::file(path)?);
        }
        if let Some(prefix) = &self.prefix {
            layers = layers.add_source(Layer::environment(prefix, self.variables)?);
        }
        layers = layers.add_source(Layer::flags(self.flags)?);

        let (value, origins) = read::read(layers.build()?.cache, &defaults.table())?;
        Ok(Loaded {
            value,
            origins: Origins(origins),
        })
    }
}

/// A configuration and where each of its values came from.
#[derive(Debug, Clone)]
pub struct Loaded<T> {
    /// The configuration.
    pub value: T,
    /// Where its values came from.
    pub origins: Origins,
}

/// Where the values of a configuration came from, by key path.
#[derive(Debug, Clone, Default)]
pub struct Origins(BTreeMap<String, String>);

impl Origins {
    /// The source of a key: `default`, a file, a variable or a flag.
    pub fn of(&self, key: &str) -> &str {
        self.0.get(key).map_or(BUILT_IN, String::as_str)
    }
}

impl<T: Serialize> Loaded<T> {
    /// The effective whole as TOML, one key a line with its source behind it,
    /// secrets hidden (their type writes itself as `***`). Keys without a value
    /// are left out.
    ///
    /// # Errors
    /// When a value has no TOML form, as an integer of 2⁶³ or more.
    pub fn render(&self) -> Result<String, ConfigError> {
        let table = toml::Table::try_from(&self.value).map_err(ConfigError::Render)?;
        let mut lines = Vec::new();
        flatten("", &table, &mut lines);
        let width = lines
            .iter()
            .map(|(key, value)| key.len() + value.len())
            .filter(|width| *width <= ALIGNED)
            .max()
            .unwrap_or(0);
        let mut text = String::new();
        for (key, value) in lines {
            let gap = " ".repeat(width.saturating_sub(key.len() + value.len()));
            text += &format!("{key} = {value}{gap}  # {}\n", self.origins.of(&key));
        }
        Ok(text)
    }
}

/// Writes tables within tables as dotted keys.
fn flatten(path: &str, table: &toml::Table, lines: &mut Vec<(String, String)>) {
    for (key, value) in table {
        let key = read::join(path, key);
        match value {
            toml::Value::Table(inner) => flatten(&key, inner, lines),
            // TOML would write it over several lines.
            toml::Value::String(text) if text.contains('\n') => {
                lines.push((key, format!("{text:?}")))
            }
            leaf => lines.push((key, leaf.to_string())),
        }
    }
}
