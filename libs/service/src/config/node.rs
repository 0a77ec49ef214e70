//! One value of the tree as a serde deserializer that knows its path.

use std::cell::RefCell;

use ::config::{Map, Value, ValueKind};
use serde::{
    Deserializer,
    de::{
        DeserializeSeed, Error, IntoDeserializer, MapAccess, Visitor,
        value::{MapAccessDeserializer, SeqDeserializer},
    },
    forward_to_deserialize_any,
};

use super::{
    BUILT_IN, Problem, Secret,
    read::{Found, Refused, join},
};

/// One value at its path.
pub(super) struct Node<'a> {
    value: Value,
    path: String,
    found: &'a RefCell<Found>,
}

impl<'a> Node<'a> {
    /// The whole tree.
    pub(super) fn root(value: Value, found: &'a RefCell<Found>) -> Self {
        Self {
            value,
            path: String::new(),
            found,
        }
    }

    /// What is to be read as a number or a truth: as it is, or from the text
    /// the environment and flags give.
    fn parsed<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        let ValueKind::String(text) = self.value.kind else {
            return self.deserialize_any(visitor);
        };
        if let Ok(number) = text.parse::<i64>() {
            visitor.visit_i64(number)
        } else if let Ok(truth) = text.parse::<bool>() {
            visitor.visit_bool(truth)
        } else if let Ok(number) = text.parse::<f64>() {
            visitor.visit_f64(number)
        } else {
            visitor.visit_string(text)
        }
    }

    /// Reads the files of `x_file` keys, and notes and drops keys not `declared`.
    fn section(&self, table: &mut Map<String, Value>, declared: &[&str]) {
        let known = |key: &str| declared.contains(&key);
        let strange: Vec<String> = table.keys().filter(|key| !known(key)).cloned().collect();
        for key in strange {
            let Some(value) = table.remove(&key) else {
                continue;
            };
            let message = match key.strip_suffix("_file").filter(|target| known(target)) {
                None => "is not a key of the configuration".to_owned(),
                Some(target) if table.contains_key(target) => {
                    format!("is given together with {target}")
                }
                Some(target) => match content(&value) {
                    Ok(content) => {
                        table.insert(target.to_owned(), content);
                        continue;
                    }
                    Err(message) => message,
                },
            };
            let key = join(&self.path, &key);
            let problem = Problem {
                key: key.clone(),
                origin: Some(origin(&value).to_owned()),
                message,
            };
            self.found.borrow_mut().problems.insert(key, problem);
        }
    }
}

/// The values of a table, in order of their keys.
struct Entries<'a> {
    entries: std::vec::IntoIter<(String, Value)>,
    value: Option<Node<'a>>,
    path: String,
    found: &'a RefCell<Found>,
}

impl<'a> Entries<'a> {
    fn of(table: Map<String, Value>, path: String, found: &'a RefCell<Found>) -> Self {
        let mut entries: Vec<_> = table.into_iter().collect();
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        Self {
            entries: entries.into_iter(),
            value: None,
            path,
            found,
        }
    }
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Refused;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Refused> {
        let Some((key, value)) = self.entries.next() else {
            return Ok(None);
        };
        let path = join(&self.path, &key);
        if !matches!(value.kind, ValueKind::Table(_)) {
            self.found
                .borrow_mut()
                .origins
                .insert(path.clone(), origin(&value).to_owned());
        }
        self.value = Some(Node {
            value,
            path,
            found: self.found,
        });
        seed.deserialize(key.into_deserializer()).map(Some)
    }

    /// The one place that says where an error happened, so that what a type
    /// refuses after it was read is placed as well.
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Refused> {
        let node = self
            .value
            .take()
            .ok_or_else(|| Refused::custom("a value was read before its key"))?;
        let (path, origin) = (node.path.clone(), origin(&node.value).to_owned());
        seed.deserialize(node)
            .map_err(|refused| refused.at(&path, origin))
    }
}

/// Where a value came from; a merged table, whence its first value.
fn origin(value: &Value) -> &str {
    match (value.origin(), &value.kind) {
        (Some(origin), _) => origin,
        (None, ValueKind::Table(table)) => table
            .iter()
            .min_by_key(|(key, _)| *key)
            .map_or(BUILT_IN, |(_, value)| origin(value)),
        (None, _) => BUILT_IN,
    }
}

/// The content of the file a value names.
fn content(value: &Value) -> Result<Value, String> {
    let ValueKind::String(path) = &value.kind else {
        return Err("is not a path".to_owned());
    };
    let text = std::fs::read_to_string(path).map_err(|e| format!("cannot read {path}: {e}"))?;
    let text = text.trim_end();
    if text.is_empty() {
        return Err(format!("{path} is empty"));
    }
    Ok(Value::new(
        Some(&format!("{path}, named by {}", origin(value))),
        text,
    ))
}

macro_rules! parsed {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
            self.parsed(visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for Node<'_> {
    type Error = Refused;

    parsed! {
        deserialize_bool
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_f32 deserialize_f64
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        let Node { value, path, found } = self;
        match value.kind {
            ValueKind::Nil => visitor.visit_unit(),
            ValueKind::Boolean(truth) => visitor.visit_bool(truth),
            ValueKind::I64(number) => visitor.visit_i64(number),
            ValueKind::I128(number) => visitor.visit_i128(number),
            ValueKind::U64(number) => visitor.visit_u64(number),
            ValueKind::U128(number) => visitor.visit_u128(number),
            ValueKind::Float(number) => visitor.visit_f64(number),
            ValueKind::String(text) => visitor.visit_string(text),
            ValueKind::Table(table) => visitor.visit_map(Entries::of(table, path, found)),
            // Elements go by the path of their list: that is what can be put right.
            ValueKind::Array(items) => {
                visitor.visit_seq(SeqDeserializer::new(items.into_iter().map(|value| Node {
                    value,
                    path: path.clone(),
                    found,
                })))
            }
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        mut self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        // serde would quote what stands in place of the section, and that may be a secret.
        let ValueKind::Table(table) = &mut self.value.kind else {
            return Err(Refused::custom("is a section, not a value"));
        };
        let mut table = std::mem::take(table);
        self.section(&mut table, fields);
        visitor.visit_map(Entries::of(table, self.path, self.found))
    }

    fn deserialize_seq<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        if let ValueKind::String(text) = &self.value.kind {
            let source = self.value.origin().map(str::to_owned);
            let items = text
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty());
            let items = items
                .map(|item| Value::new(source.as_ref(), item))
                .collect();
            self.value.kind = ValueKind::Array(items);
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        match self.value.kind {
            // serde would quote what it found in place of text.
            ref kind if name == Secret::NAME && !matches!(kind, ValueKind::String(_)) => {
                Err(Refused::custom("is not text"))
            }
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        match self.value.kind {
            ValueKind::Nil => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        let Node { value, path, found } = self;
        match value.kind {
            ValueKind::String(variant) => visitor.visit_enum(variant.into_deserializer()),
            ValueKind::Table(table) => {
                let entries = Entries::of(table, path, found);
                visitor.visit_enum(MapAccessDeserializer::new(entries))
            }
            _ => Err(Refused::custom("is neither text nor a table")),
        }
    }

    forward_to_deserialize_any! {
        i128 u128 char str string bytes byte_buf unit unit_struct
        tuple tuple_struct map identifier ignored_any
    }
}

impl IntoDeserializer<'_, Refused> for Node<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}
