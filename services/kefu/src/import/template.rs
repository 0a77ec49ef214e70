//! Values of a mapping: where a field takes its text from.
//!
//! A value is one of
//! - a template: `"olist:{order_id}"`. `{column}` is a cell of the row,
//!   `{join.column}` one of a joined row, `{{` a brace. Where a cell is not
//!   known the whole has no value, unless it is marked as optional: `{title?}`.
//!   White space at both ends is dropped, and an empty text is no value.
//! - a list of templates: the first that has a value.
//! - a table `{ from = template, map = { "text in the file" = "text to use" },
//!   otherwise = "…" }`. A text without an entry rejects the row unless there is
//!   an `otherwise`, which also stands for a missing text and may be "" for no value.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, SeqAccess, value::MapAccessDeserializer},
};

/// Where a template finds its cells.
pub(super) trait Cells {
    /// The text of `column` or `join.column`; `None` when it is not known.
    fn cell(&self, column: &str) -> Option<&str>;
}

/// Where a field takes its text from.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// The first of these that has a value.
    FirstOf(Vec<Template>),
    /// Another text for each text of the file.
    Mapped(Mapped),
}

/// A value map.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mapped {
    from: Template,
    map: BTreeMap<String, String>,
    otherwise: Option<String>,
}

impl Value {
    /// The text for this row; `None` when there is no value.
    ///
    /// # Errors
    /// What is wrong with the row, in words.
    pub(super) fn resolve(&self, cells: &impl Cells) -> Result<Option<String>, String> {
        match self {
            Self::FirstOf(templates) => Ok(templates.iter().find_map(|one| one.render(cells))),
            Self::Mapped(mapped) => mapped.resolve(cells),
        }
    }

    /// Every column that it may take a cell of.
    pub(super) fn columns(&self) -> Vec<&str> {
        let templates = match self {
            Self::FirstOf(templates) => templates.as_slice(),
            Self::Mapped(mapped) => std::slice::from_ref(&mapped.from),
        };
        templates.iter().flat_map(Template::columns).collect()
    }
}

impl Mapped {
    fn resolve(&self, cells: &impl Cells) -> Result<Option<String>, String> {
        let text = self.from.render(cells);
        let found = text.as_ref().and_then(|text| self.map.get(text));
        match (found.or(self.otherwise.as_ref()), text) {
            (Some(found), _) => Ok(Some(found.clone()).filter(|found| !found.is_empty())),
            (None, None) => Ok(None),
            (None, Some(text)) => Err(format!("\"{text}\" is not in the mapping's value map")),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    /// By hand: a derived untagged enum would not say what is wrong.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> de::Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a template, a list of templates, or a table with from and map")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        let template = Template::parse(text).map_err(E::custom)?;
        Ok(Value::FirstOf(vec![template]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut templates = Vec::new();
        while let Some(template) = list.next_element()? {
            templates.push(template);
        }
        Ok(Value::FirstOf(templates))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Value, A::Error> {
        Mapped::deserialize(MapAccessDeserializer::new(map)).map(Value::Mapped)
    }
}

/// A text with places for cells.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Text(String),
    Cell { column: String, optional: bool },
}

impl TryFrom<String> for Template {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl Template {
    fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(brace) = rest.find('{') {
            pieces.push(Piece::Text(rest[..brace].to_owned()));
            rest = &rest[brace + 1..];
            if let Some(after) = rest.strip_prefix('{') {
                pieces.push(Piece::Text("{".to_owned()));
                rest = after;
                continue;
            }
            let (name, after) = rest
                .split_once('}')
                .ok_or_else(|| format!("\"{text}\" has a brace that is not closed"))?;
            let column = name.strip_suffix('?').unwrap_or(name);
            if column.is_empty() {
                return Err(format!("\"{text}\" has braces without a column"));
            }
            pieces.push(Piece::Cell {
                column: column.to_owned(),
                optional: name.ends_with('?'),
            });
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Ok(Self(pieces))
    }

    fn render(&self, cells: &impl Cells) -> Option<String> {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::Cell { column, optional } => match cells.cell(column) {
                    Some(cell) => text.push_str(cell),
                    None if *optional => {}
                    None => return None,
                },
            }
        }
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    fn columns(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Cell { column, .. } => Some(column.as_str()),
            Piece::Text(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Cells for BTreeMap<&str, &str> {
        fn cell(&self, column: &str) -> Option<&str> {
            self.get(column).copied()
        }
    }

    #[derive(Deserialize)]
    struct Case {
        value: Value,
    }

    fn value(toml: &str) -> Value {
        toml::from_str::<Case>(&format!("value = {toml}"))
            .unwrap()
            .value
    }

    #[test]
    fn values_are_resolved_as_documented() {
        let row = BTreeMap::from([
            ("id", "7"),
            ("state", "New"),
            ("title", " good "),
            ("j.x", "y"),
        ]);
        for (toml, expected) in [
            (r#""a constant""#, Ok(Some("a constant"))),
            (r#""ref:{id}/{j.x}""#, Ok(Some("ref:7/y"))),
            (r#""{{{id}}""#, Ok(Some("{7}"))),
            (r#""{id} {missing}""#, Ok(None)),
            (r#""{title?}\n{missing?}""#, Ok(Some("good"))),
            (r#""{missing?}""#, Ok(None)),
            (r#"["{missing}", "{id}"]"#, Ok(Some("7"))),
            (
                r#"{ from = "{state}", map = { New = "STATE_NEW" } }"#,
                Ok(Some("STATE_NEW")),
            ),
            (r#"{ from = "{missing}", map = {} }"#, Ok(None)),
            (
                r#"{ from = "{missing}", map = {}, otherwise = "x" }"#,
                Ok(Some("x")),
            ),
            (
                r#"{ from = "{state}", map = {}, otherwise = "" }"#,
                Ok(None),
            ),
            (
                r#"{ from = "{state}", map = { Old = "x" } }"#,
                Err("\"New\" is not in the mapping's value map"),
            ),
        ] {
            let resolved = value(toml).resolve(&row);
            let expected = expected.map(|text| text.map(str::to_owned));
            assert_eq!(resolved, expected.map_err(str::to_owned), "{toml}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (toml, expected) in [
            (r#""{id""#, "not closed"),
            (r#""{}""#, "without a column"),
            ("7", "a template"),
            (r#"{ from = "{a}", map = {}, other = "x" }"#, "other"),
        ] {
            let error = toml::from_str::<Case>(&format!("value = {toml}"))
                .err()
                .unwrap()
                .to_string();
            assert!(error.contains(expected), "{toml}: {error}");
        }
    }

    #[test]
    fn all_columns_are_known_for_checking() {
        let value = value(r#"["{a} {b?}", "{j.c}"]"#);
        assert_eq!(value.columns(), ["a", "b", "j.c"]);
    }
}
