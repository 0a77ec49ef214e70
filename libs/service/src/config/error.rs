//! What can be wrong with a configuration.

use std::{fmt, io, path::PathBuf};

/// One key that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The path of the key, such as `database.url`.
    pub key: String,
    /// The file, variable or flag it came from; none when it is missing.
    pub origin: Option<String>,
    /// What is wrong with it.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            key,
            origin,
            message,
        } = self;
        match origin {
            Some(origin) => write!(f, "{key}: {message} ({origin})"),
            None => write!(f, "{key}: {message}"),
        }
    }
}

/// Why a configuration was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A named file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A layer is not TOML. The offending line is not quoted: it may hold a secret.
    #[error("{origin}, line {line}: {message}")]
    Syntax {
        /// The file, or the embedded defaults.
        origin: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        message: String,
    },
    /// Keys that cannot be used, all of them, by path.
    #[error("{}", list(.0))]
    Invalid(Vec<Problem>),
    /// The layers cannot be merged.
    #[error("cannot merge the layers")]
    Merge(#[from] ::config::ConfigError),
    /// The configuration cannot be written as TOML.
    #[error("cannot be written as toml")]
    Render(#[source] toml::ser::Error),
}

impl ConfigError {
    /// One problem as an error.
    pub(super) fn one(key: impl Into<String>, origin: String, message: &str) -> Self {
        let problem = Problem {
            key: key.into(),
            origin: Some(origin),
            message: message.into(),
        };
        Self::Invalid(vec![problem])
    }
}

fn list(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems
        .iter()
        .map(|problem| format!("\n  {problem}"))
        .collect();
    format!("the configuration cannot be used:{}", lines.concat())
}
