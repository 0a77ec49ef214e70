//! Messages and enums: a table of what they have, with class and mask.

use std::fmt::Write;

use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};

use crate::{
    contract::Contract,
    page,
    text::{anchor, cell, prose},
};

/// What stands in a link to it: the name without its package.
pub(crate) fn title(full_name: &str, package: &str) -> String {
    let name = full_name.strip_prefix(package).unwrap_or(full_name);
    name.trim_start_matches('.').to_owned()
}

/// A link to a message or an enum from a page of this package; a plain name of what is not ours.
pub(crate) fn link(contract: &Contract, full_name: &str, home: &str, from: &str) -> String {
    let title = title(full_name, home);
    if !contract.is_reached(full_name) {
        return format!("`{}`", full_name.trim_start_matches("google."));
    }
    let page = match home == from {
        true => String::new(),
        false => page::file(home),
    };
    format!("[{title}]({page}#{})", anchor(&title))
}

/// The fields of a message, in a table; that it has none where it has none.
pub(crate) fn fields(contract: &Contract, message: &MessageDescriptor, from: &str) -> String {
    let mut fields: Vec<_> = message.fields().collect();
    if fields.is_empty() {
        return "Has no fields.\n\n".to_owned();
    }
    // As the contract writes them, not by number.
    fields.sort_by_key(|field| field.path().last().copied());
    let classified = fields
        .iter()
        .any(|field| contract.field_rule(field).is_some());
    let mut out = match classified {
        true => "| field | type | class | |\n|---|---|---|---|\n".to_owned(),
        false => "| field | type | |\n|---|---|---|\n".to_owned(),
    };
    for field in &fields {
        let kind = kind(contract, field, from);
        let said = said(contract, field);
        // Writing to a string cannot fail.
        let _ = match classified {
            true => writeln!(
                out,
                "| `{}` | {kind} | {} | {said} |",
                field.name(),
                class(contract, field)
            ),
            false => writeln!(out, "| `{}` | {kind} | {said} |", field.name()),
        };
    }
    out.push('\n');
    out
}

fn kind(contract: &Contract, field: &FieldDescriptor, from: &str) -> String {
    if field.is_map()
        && let Kind::Message(entry) = field.kind()
    {
        let (key, value) = (entry.map_entry_key_field(), entry.map_entry_value_field());
        return format!(
            "map of {} to {}",
            one(contract, &key, from),
            one(contract, &value, from)
        );
    }
    let one = one(contract, field, from);
    match field.is_list() {
        true => format!("{one}, repeated"),
        false => one,
    }
}

fn one(contract: &Contract, field: &FieldDescriptor, from: &str) -> String {
    match field.kind() {
        Kind::Message(message) => {
            let home = message.parent_file().package_name().to_owned();
            link(contract, message.full_name(), &home, from)
        }
        Kind::Enum(kind) => {
            let home = kind.parent_file().package_name().to_owned();
            link(contract, kind.full_name(), &home, from)
        }
        other => format!("{other:?}").to_ascii_lowercase(),
    }
}

/// `CONTACT · PHONE`
fn class(contract: &Contract, field: &FieldDescriptor) -> String {
    let Some(rule) = contract.field_rule(field) else {
        return String::new();
    };
    match rule.mask {
        Some(mask) => format!("{} · {}", rule.class, mask),
        None => rule.class,
    }
}

/// Whether it has to be there, and what the contract says of it.
fn said(contract: &Contract, field: &FieldDescriptor) -> String {
    let mut notes: Vec<String> = contract
        .behaviors(field)
        .iter()
        .map(|behavior| match behavior.as_str() {
            "OUTPUT_ONLY" => "only in answers".to_owned(),
            "INPUT_ONLY" => "only in requests".to_owned(),
            "IDENTIFIER" => "its name".to_owned(),
            other => other.to_ascii_lowercase(),
        })
        .collect();
    if let Some(oneof) = field.containing_oneof() {
        notes.push(match oneof.is_synthetic() {
            true => "may be unset".to_owned(),
            false => format!("one of `{}`", oneof.name()),
        });
    }
    let comment = cell(contract.comment(&field.parent_message().parent_file(), field.path()));
    match (notes.is_empty(), comment.is_empty()) {
        (true, _) => comment,
        (false, true) => format!("*{}*", notes.join(", ")),
        (false, false) => format!("*{}*: {comment}", notes.join(", ")),
    }
}

/// A message under its own heading.
pub(crate) fn section(contract: &Contract, message: &MessageDescriptor, from: &str) -> String {
    let title = title(message.full_name(), from);
    let comment = prose(contract.comment(&message.parent_file(), message.path()));
    let mut out = format!("### {title}\n\n");
    if !comment.is_empty() {
        out.push_str(&format!("{comment}\n\n"));
    }
    if let Some(pattern) = contract.pattern(message) {
        out.push_str(&format!("A resource: `{pattern}`.\n\n"));
    }
    out + &fields(contract, message, from)
}

/// An enum under its own heading.
pub(crate) fn enumeration(contract: &Contract, kind: &EnumDescriptor, from: &str) -> String {
    let file = kind.parent_file();
    let comment = prose(contract.comment(&file, kind.path()));
    let mut out = format!("### {}\n\n", title(kind.full_name(), from));
    if !comment.is_empty() {
        out.push_str(&format!("{comment}\n\n"));
    }
    out.push_str("| value | number | |\n|---|---|---|\n");
    for value in kind.values() {
        let said = cell(contract.comment(&file, value.path()));
        out.push_str(&format!(
            "| `{}` | {} | {said} |\n",
            value.name(),
            value.number()
        ));
    }
    out.push('\n');
    out
}
