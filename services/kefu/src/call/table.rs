//! Answers in columns, for people: what each record is, not all that it has.

use anyhow::Context;
use prost_reflect::{
    DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor, ReflectMessage,
};
use serde_json::Value;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::json;

/// What a cell holds at most, in columns of the terminal: the name of a record, which other calls take.
const WIDEST: usize = 48;
/// How wide a line is where the terminal does not say (`COLUMNS`).
const LINE: usize = 140;
/// What tells records apart comes first, then the rest as far as there is room.
const FIRST: &[&str] = &[
    "name",
    "number",
    "file_number",
    "order_number",
    "display_name",
    "kind",
    "state",
    "stage",
    "priority",
    "subject",
    "title",
    "due_time",
];
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
    let mut shown: Vec<_> = record
        .fields()
        .filter(|field| !LEFT_OUT.contains(&field.name()))
        .filter(|field| {
            rows.iter()
                .any(|row| row.get(field.json_name()).is_some_and(is_plain))
        })
        .collect();
    let place = |field: &FieldDescriptor| FIRST.iter().position(|first| *first == field.name());
    shown.sort_by_key(|field| place(field).unwrap_or(FIRST.len()));
    let terminal = std::env::var("COLUMNS")
        .ok()
        .and_then(|columns| columns.parse().ok());
    let mut room: usize = terminal.unwrap_or(LINE);
    let mut lines = vec![Vec::new(); rows.len() + 1];
    for field in &shown {
        let cell = |row: &Value| {
            row.get(field.json_name())
                .map_or_else(String::new, |value| said(field, value))
        };
        let column: Vec<String> = std::iter::once(field.name().to_uppercase())
            .chain(rows.iter().map(cell))
            .map(|cell| cut(&cell))
            .collect();
        let width = column
            .iter()
            .map(|cell| cell.width())
            .max()
            .unwrap_or_default()
            + 2;
        if width > room && field.name() != "name" {
            continue;
        }
        room = room.saturating_sub(width);
        for (line, cell) in lines.iter_mut().zip(column) {
            line.push(cell);
        }
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

/// Enums without the enum's name, times to the second.
fn said(field: &FieldDescriptor, value: &Value) -> String {
    let said = text(value);
    match field.kind() {
        Kind::Enum(kind) => said
            .split(", ")
            .map(|one| short(&kind, one))
            .collect::<Vec<_>>()
            .join(", "),
        Kind::Message(message) if message.full_name() == "google.protobuf.Timestamp" => {
            match said.split_once('.') {
                Some((seconds, _)) => format!("{seconds}Z"),
                None => said,
            }
        }
        _ => said,
    }
}

/// An enum's value without the enum's name before it.
pub(crate) fn short<'a>(kind: &EnumDescriptor, value: &'a str) -> &'a str {
    let none = kind
        .get_value(0)
        .map(|none| none.name().to_owned())
        .unwrap_or_default();
    let prefix = none.strip_suffix("UNSPECIFIED").unwrap_or_default();
    value.strip_prefix(prefix).unwrap_or(value)
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
    let width = |at: usize| {
        lines
            .iter()
            .filter_map(|line| line.get(at))
            .map(|cell| cell.width())
            .max()
    };
    let widths: Vec<usize> = (0..many).map(|at| width(at).unwrap_or_default()).collect();
    let mut out = String::new();
    for line in lines {
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
                {"name": "tickets/a", "number": "T1", "state": "TICKET_STATE_NEW", "subject": "净化器", "etag": "3"},
                {"name": "tickets/b", "subject": "a"},
            ], "totalSize": 2}),
        );
        let table = of(&answer).unwrap();
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(lines[0], "NAME       NUMBER  STATE  SUBJECT");
        assert_eq!(lines[1], "tickets/a  T1      NEW    净化器");
        assert_eq!(lines[2], "tickets/b                 a");
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
        assert_eq!(cut(&"张".repeat(30)).width(), 47);
        assert_eq!(cut("short"), "short");
    }
}
