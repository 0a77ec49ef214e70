//! One layer, each of its values marked with the place it came from.

use std::{ffi::OsString, path::Path};

use ::config::{Map, Source, Value, ValueKind};

use super::ConfigError;

/// A layer of the configuration.
#[derive(Debug, Clone)]
pub(super) struct Layer(Map<String, Value>);

impl Layer {
    /// Values from TOML text; `name` is for errors, `origin` marks the values.
    pub(super) fn toml(name: &str, origin: &str, text: &str) -> Result<Self, ConfigError> {
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            let before = error
                .span()
                .and_then(|span| text.get(..span.start))
                .unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            let message = error.message().to_owned();
            ConfigError::Syntax {
                origin: name.to_owned(),
                line,
                message,
            }
        })?;
        let origin = origin.to_owned();
        Ok(Self(
            table
                .into_iter()
                .map(|(key, value)| (key, marked(&origin, value)))
                .collect(),
        ))
    }

    /// Values from a file.
    pub(super) fn file(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        let origin = path.display().to_string();
        Self::toml(&origin, &origin, &text)
    }

    /// Values from the environment: `PREFIX__A__B` is `a.b`.
    pub(super) fn environment(
        prefix: &str,
        variables: Option<Vec<(String, String)>>,
    ) -> Result<Self, ConfigError> {
        let variables: Vec<(OsString, OsString)> = match variables {
            Some(given) => given
                .into_iter()
                .map(|(k, v)| (k.into(), v.into()))
                .collect(),
            None => std::env::vars_os().collect(),
        };
        let prefix = format!("{prefix}__");
        let mut values = Map::new();
        for (name, value) in variables {
            // A name that is not Unicode cannot begin with our prefix and be a key.
            let Some(name) = name.to_str() else { continue };
            let Some(key) = name.strip_prefix(&prefix) else {
                continue;
            };
            let key = key.to_lowercase().replace("__", ".");
            let origin = format!("variable {name}");
            let Ok(value) = value.into_string() else {
                return Err(ConfigError::one(key, origin, "is not unicode"));
            };
            insert(&mut values, key, value, origin)?;
        }
        Ok(Self(values))
    }

    /// Values from flags; the last of two for one key wins.
    pub(super) fn flags(flags: Vec<(String, String)>) -> Result<Self, ConfigError> {
        let mut values = Map::new();
        for (key, value) in flags {
            insert(&mut values, key, value, "flag".to_owned())?;
        }
        Ok(Self(values))
    }

    /// The layer as one value.
    pub(super) fn table(&self) -> Value {
        Value::new(None, ValueKind::Table(self.0.clone()))
    }
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ::config::ConfigError> {
        Ok(self.0.clone())
    }
}

/// Adds a value under a path. The path must be plain: the `config` crate would
/// read `a[3]` as the fourth element of a list.
fn insert(
    values: &mut Map<String, Value>,
    key: String,
    value: String,
    origin: String,
) -> Result<(), ConfigError> {
    let plain = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    if !key.split('.').all(plain) {
        return Err(ConfigError::one(key, origin, "is not a key"));
    }
    values.insert(key, Value::new(Some(&origin), value));
    Ok(())
}

fn marked(origin: &String, value: toml::Value) -> Value {
    let kind = match value {
        toml::Value::String(text) => ValueKind::String(text),
        toml::Value::Integer(number) => ValueKind::I64(number),
        toml::Value::Float(number) => ValueKind::Float(number),
        toml::Value::Boolean(truth) => ValueKind::Boolean(truth),
        toml::Value::Datetime(moment) => ValueKind::String(moment.to_string()),
        toml::Value::Array(items) => {
            ValueKind::Array(items.into_iter().map(|item| marked(origin, item)).collect())
        }
        toml::Value::Table(table) => ValueKind::Table(
            table
                .into_iter()
                .map(|(key, value)| (key, marked(origin, value)))
                .collect(),
        ),
    };
    Value::new(Some(origin), kind)
}
