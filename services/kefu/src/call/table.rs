//! Answers in columns, for people: what each record is, not all that it has.

use anyhow::Context;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, ReflectMessage};
use serde_json::Value;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::json;

/// What a cell holds at most, in columns of the terminal.
const WIDEST: usize = 40;
/// Fields that people do not look at in a list.
const LEFT_OUT: &[&str] = &["etag", "disclosure"];

/// The answer: each list of records in columns, and what else it says below; a single record with
/// a line for each field.
///
/// # Errors
/// When the answer cannot be written as JSON, from which cells are taken.
pub(super) fn of(message: &DynamicMessage) -> anyhow::Result<String> {
    let descriptor = message.descriptor();
    let value = json(message)?;
    let lists = descriptor
        .fields()
        .filter(|field| record_of(field).is_some() && field.is_list());
    let lists: Vec<_> = lists.collect();
    let mut out = String::new();
    if lists.is_empty() || descriptor.get_field_by_name("name").is_some() {
        let mut lines = Vec::new();
        flatten(&value, "", &mut lines);
        return Ok(columns(&lines));
    }
    for field in &lists {
        let rows = value.get(field.json_name()).and_then(Value::as_array);
        if let (Some(rows), Some(record)) = (rows, record_of(field)) {
            out.push_str(&records(&record, rows));
        }
    }
    let mut rest = value;
    let object = rest
        .as_object_mut()
        .context("an answer that is no object")?;
    for field in &lists {
        object.remove(field.json_name());
    }
    let mut lines = Vec::new();
    flatten(&rest, "", &mut lines);
    out.push_str(&columns(&lines));
    Ok(out)
}

fn record_of(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    match field.kind() {
        Kind::Message(message) if !field.is_map() => Some(message),
        _ => None,
    }
}

/// Records under the names of the fields that any of them has, in the order of the contract.
fn records(record: &MessageDescriptor, rows: &[Value]) -> String {
    let shown: Vec<_> = record
        .fields()
        .filter(|field| !LEFT_OUT.contains(&field.name()))
        .filter(|field| {
            rows.iter()
                .any(|row| row.get(field.json_name()).is_some_and(is_plain))
        })
        .collect();
    let mut lines = vec![
        shown
            .iter()
            .map(|field| field.name().to_uppercase())
            .collect::<Vec<_>>(),
    ];
    for row in rows {
        let cell =
            |field: &FieldDescriptor| row.get(field.json_name()).map_or_else(String::new, text);
        lines.push(shown.iter().map(cell).collect());
    }
    columns(&lines)
}

/// What fits into a cell: no record within the record.
fn is_plain(value: &Value) -> bool {
    match value {
        Value::Array(all) => all.iter().all(|one| !one.is_object()),
        other => !other.is_object(),
    }
}

fn flatten(value: &Value, path: &str, lines: &mut Vec<Vec<String>>) {
    let inner = |key: &str| match path.is_empty() {
        true => key.to_owned(),
        false => format!("{path}.{key}"),
    };
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                flatten(value, &inner(key), lines);
            }
        }
        Value::Array(all) if all.iter().any(Value::is_object) => {
            for (at, value) in all.iter().enumerate() {
                flatten(value, &inner(&at.to_string()), lines);
            }
        }
        other => lines.push(vec![path.to_owned(), text(other)]),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.replace('\n', " "),
        Value::Array(all) => all.iter().map(text).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// Cells below each other; the last of a line is as long as it is.
fn columns(lines: &[Vec<String>]) -> String {
    let many = lines.iter().map(Vec::len).max().unwrap_or_default();
    let cut = |cell: &String, at: usize| match at + 1 == many && many == 2 {
        true => cell.clone(),
        false => cut(cell),
    };
    let lines: Vec<Vec<String>> = lines
        .iter()
        .map(|line| {
            line.iter()
                .enumerate()
                .map(|(at, cell)| cut(cell, at))
                .collect()
        })
        .collect();
    let width = |at: usize| {
        lines
            .iter()
            .filter_map(|line| line.get(at))
            .map(|cell| cell.width())
            .max()
    };
    let widths: Vec<usize> = (0..many).map(|at| width(at).unwrap_or_default()).collect();
    let mut out = String::new();
    for line in &lines {
        let mut text = String::new();
        for (cell, width) in line.iter().zip(&widths) {
            text.push_str(cell);
            text.push_str(&" ".repeat(width - cell.width() + 2));
        }
        out.push_str(text.trim_end());
        out.push('\n');
    }
    out
}

fn cut(cell: &str) -> String {
    if cell.width() <= WIDEST {
        return cell.to_owned();
    }
    let mut out = String::new();
    let mut width = 1;
    for letter in cell.chars() {
        width += letter.width().unwrap_or_default();
        if width > WIDEST {
            break;
        }
        out.push(letter);
    }
    out + "…"
}

#[cfg(test)]
mod tests {
    use prost_reflect::DescriptorPool;
    use serde_json::json;

    use super::*;

    fn message(name: &str, value: Value) -> DynamicMessage {
        let pool = DescriptorPool::decode(kefu_contracts::DESCRIPTOR_SET).unwrap();
        let descriptor = pool.get_message_by_name(name).unwrap();
        DynamicMessage::deserialize(descriptor, value).unwrap()
    }

    #[test]
    fn records_stand_below_each_other_however_wide_their_letters_are() {
        let answer = message(
            "kefu.ticket.v1.ListTicketsResponse",
            json!({"tickets": [
                {"name": "tickets/a", "number": "T1", "subject": "净化器", "etag": "3"},
                {"name": "tickets/b", "subject": "a"},
            ], "totalSize": 2}),
        );
        let table = of(&answer).unwrap();
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(lines[0], "NAME       NUMBER  SUBJECT");
        assert_eq!(lines[1], "tickets/a  T1      净化器");
        assert_eq!(lines[2], "tickets/b          a");
        assert_eq!(lines[3], "totalSize  2");
    }

    #[test]
    fn one_record_has_a_line_for_each_field() {
        let answer = message(
            "kefu.profile.v1.Customer",
            json!({"name": "customers/a", "phones": [{"number": "1"}, {"number": "2"}]}),
        );
        assert_eq!(
            of(&answer).unwrap(),
            "name             customers/a\nphones.0.number  1\nphones.1.number  2\n"
        );
    }

    #[test]
    fn long_cells_are_cut_by_their_width() {
        assert_eq!(cut(&"张".repeat(30)).width(), 39);
        assert_eq!(cut("short"), "short");
    }
}
