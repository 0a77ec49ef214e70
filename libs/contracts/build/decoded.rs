//! Writes what a message may hold and what that takes in memory, for the bound of `codec`.

use std::{collections::BTreeMap, fmt::Write};

use prost_reflect::{DescriptorPool, FieldDescriptor, Kind, MessageDescriptor};

use crate::annotations::is_own;

/// Of messages that are not ours, which hold little: a date, a timestamp.
const FOREIGN: &str = "64";
const TEXT: &str = "size_of::<String>()";

pub(crate) fn generate(pool: &DescriptorPool) -> String {
    let mut places = BTreeMap::new();
    let mut messages = Vec::new();
    let methods = pool
        .services()
        .flat_map(|service| service.methods().collect::<Vec<_>>());
    let mut inputs: Vec<_> = methods.map(|method| method.input()).collect();
    inputs.sort_by_key(|message| message.full_name().to_owned());
    inputs.dedup();
    for message in &inputs {
        reach(message, &mut places, &mut messages);
    }
    let mut out = String::from("static INPUTS: &[(&str, usize)] = &[\n");
    for message in inputs.iter().filter(|message| is_own(message)) {
        let name = message.full_name();
        writeln!(out, "    ({name:?}, {}),", places[name]).expect("writing to a string");
    }
    out.push_str("];\nstatic MESSAGES: &[&[Held]] = &[\n");
    for message in &messages {
        out.push_str("    &[\n");
        let mut fields: Vec<_> = message.fields().collect();
        fields.sort_by_key(FieldDescriptor::number);
        for row in fields.iter().filter_map(|field| row(field, &places)) {
            writeln!(out, "        {row}").expect("writing to a string");
        }
        out.push_str("    ],\n");
    }
    out.push_str("];\n");
    out
}

/// Gives each of our messages that is reached a place.
fn reach(
    message: &MessageDescriptor,
    places: &mut BTreeMap<String, usize>,
    messages: &mut Vec<MessageDescriptor>,
) {
    let name = message.full_name();
    if !is_own(message) || places.contains_key(name) {
        return;
    }
    places.insert(name.to_owned(), messages.len());
    messages.push(message.clone());
    for field in message.fields() {
        if let Kind::Message(nested) = field.kind() {
            reach(&nested, places, messages);
        }
    }
}

/// None for what takes no more than some times what it was sent as.
fn row(field: &FieldDescriptor, places: &BTreeMap<String, usize>) -> Option<String> {
    let (size, message) = match field.kind() {
        Kind::Message(nested) if is_own(&nested) => {
            let name = nested.full_name();
            let size = format!("size_of::<crate::{}>()", name.replace('.', "::"));
            (size, Some(places[name]))
        }
        Kind::Message(_) => (FOREIGN.to_owned(), None),
        Kind::String | Kind::Bytes => (TEXT.to_owned(), None),
        _ => return None,
    };
    let bytes = match (field.is_list(), message) {
        (true, _) => size,
        // It has its place in the message that holds it.
        (false, Some(_)) => "0".to_owned(),
        (false, None) => return None,
    };
    let number = field.number();
    Some(format!(
        "Held {{ number: {number}, bytes: {bytes}, message: {message:?} }},"
    ))
}
