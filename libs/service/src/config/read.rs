//! Reads the merged layers as a type, minding what serde alone does not: the
//! path of each value, `_file` keys, and all problems instead of the first.

use std::{cell::RefCell, collections::BTreeMap, fmt::Display};

use ::config::{Value, ValueKind};
use serde::de::DeserializeOwned;

use super::{ConfigError, Problem, node::Node};

/// A key path and the place its value came from.
pub(super) type Origins = BTreeMap<String, String>;

/// Reads the merged `tree`. A value that cannot be read is noted and its default
/// put in its stead, so that those behind it are looked at too.
pub(super) fn read<T: DeserializeOwned>(
    mut tree: Value,
    defaults: &Value,
) -> Result<(T, Origins), ConfigError> {
    let mut bad = BTreeMap::new();
    loop {
        let found = RefCell::new(Found::default());
        let result = T::deserialize(Node::root(tree.clone(), &found));
        let Found {
            mut problems,
            origins,
        } = found.into_inner();
        match result {
            Ok(value) if bad.is_empty() && problems.is_empty() => return Ok((value, origins)),
            Ok(_) => {}
            Err(refused) => {
                let key = refused.path.clone();
                // Missing only because it was bad and has no default.
                let again = bad.contains_key(&key) || problems.contains_key(&key);
                if !again && refused.origin.is_some() {
                    bad.insert(key.clone(), refused.into_problem());
                    put(&mut tree, &key, get(defaults, &key).cloned());
                    continue;
                }
                if !again {
                    problems.insert(key, refused.into_problem());
                }
            }
        }
        problems.append(&mut bad);
        return Err(ConfigError::Invalid(problems.into_values().collect()));
    }
}

/// A key within a section, as a path.
pub(super) fn join(section: &str, key: &str) -> String {
    if section.is_empty() {
        key.to_owned()
    } else {
        format!("{section}.{key}")
    }
}

fn get<'a>(tree: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.')
        .try_fold(tree, |value, key| match &value.kind {
            ValueKind::Table(table) => table.get(key),
            _ => None,
        })
}

fn put(tree: &mut Value, path: &str, value: Option<Value>) {
    let ValueKind::Table(table) = &mut tree.kind else {
        return;
    };
    match (path.split_once('.'), value) {
        (Some((section, rest)), value) => {
            if let Some(section) = table.get_mut(section) {
                put(section, rest, value);
            }
        }
        (None, Some(value)) => drop(table.insert(path.to_owned(), value)),
        (None, None) => drop(table.remove(path)),
    }
}

/// What was come across on the way.
#[derive(Default)]
pub(super) struct Found {
    pub(super) problems: BTreeMap<String, Problem>,
    pub(super) origins: Origins,
}

/// Why reading stopped.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct Refused {
    path: String,
    /// None for a missing key.
    origin: Option<String>,
    message: String,
    placed: bool,
}

impl Refused {
    /// Says where it happened; the innermost place is kept.
    pub(super) fn at(mut self, path: &str, origin: String) -> Self {
        if self.placed {
            return self;
        }
        // A missing key brings its name; the place is its section.
        if self.path.is_empty() {
            self.path = path.to_owned();
            self.origin = Some(origin);
        } else {
            self.path = join(path, &self.path);
        }
        self.placed = true;
        self
    }

    fn into_problem(self) -> Problem {
        Problem {
            key: self.path,
            origin: self.origin,
            message: self.message,
        }
    }
}

impl serde::de::Error for Refused {
    fn custom<M: Display>(message: M) -> Self {
        let message = message.to_string();
        Self {
            path: String::new(),
            origin: None,
            message,
            placed: false,
        }
    }

    fn missing_field(field: &'static str) -> Self {
        let message = "is missing".to_owned();
        Self {
            path: field.to_owned(),
            origin: None,
            message,
            placed: false,
        }
    }
}
