//! What the contracts say, read off the descriptor set: methods, records and the
//! class and mask of each field.

use kefu_contracts::{
    DESCRIPTOR_SET,
    policy::{DataClass, Mask},
};
use prost_reflect::{
    DescriptorPool, DynamicMessage, ExtensionDescriptor, FieldDescriptor, Kind, MessageDescriptor,
    MethodDescriptor, ReflectMessage, Value,
};

pub(super) struct Schema {
    pub(super) pool: DescriptorPool,
    field: ExtensionDescriptor,
}

impl Schema {
    pub(super) fn read() -> Self {
        let pool = DescriptorPool::decode(DESCRIPTOR_SET).unwrap();
        let field = pool.get_extension_by_name("kefu.policy.v1.field").unwrap();
        Self { pool, field }
    }

    pub(super) fn method(&self, path: &str) -> MethodDescriptor {
        let (service, name) = path[1..].split_once('/').unwrap();
        let service = self.pool.get_service_by_name(service).unwrap();
        service.methods().find(|one| one.name() == name).unwrap()
    }

    /// Class and mask of a field; a nested message of ours speaks for itself.
    pub(super) fn policy(&self, field: &FieldDescriptor) -> (DataClass, Mask) {
        let options = field.options();
        if !options.has_extension(&self.field) {
            return (DataClass::System, Mask::Unspecified);
        }
        let policy = options.get_extension(&self.field);
        let policy = policy.as_message().unwrap();
        let number = |name| policy.get_field_by_name(name).unwrap().as_enum_number();
        (
            DataClass::try_from(number("class").unwrap()).unwrap(),
            Mask::try_from(number("mask").unwrap()).unwrap(),
        )
    }

    /// Classified fields of a record that are themselves values, by their full names.
    pub(super) fn classified(&self, record: &MessageDescriptor) -> Vec<FieldDescriptor> {
        let mut found = Vec::new();
        for field in record.fields() {
            match nested(&field) {
                Some(inner) => {
                    found.extend(self.classified(&inner));
                    // What hides its messages whole is a value itself.
                    if self.policy(&field).1 == Mask::Omit {
                        found.push(field);
                    }
                }
                None if self.policy(&field).0 != DataClass::System => found.push(field),
                None => {}
            }
        }
        found
    }

    /// Every message with a disclosure: the records of the suite.
    pub(super) fn records(&self) -> Vec<MessageDescriptor> {
        let all = self.pool.all_messages();
        all.filter(|message| {
            let disclosure = message.get_field_by_name("disclosure");
            disclosure.is_some_and(|field| matches!(field.kind(), Kind::Message(kind) if kind.full_name() == "kefu.policy.v1.Disclosure"))
        })
        .collect()
    }
}

/// The message of ours that a field holds.
pub(super) fn nested(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    match field.kind() {
        Kind::Message(inner)
            if inner.full_name().starts_with("kefu.")
                && inner.full_name() != "kefu.policy.v1.Disclosure" =>
        {
            Some(inner)
        }
        _ => None,
    }
}

/// Messages in a field, one or many.
pub(super) fn messages(value: &Value) -> Vec<&DynamicMessage> {
    match value {
        Value::Message(one) => vec![one],
        Value::List(many) => many.iter().filter_map(Value::as_message).collect(),
        _ => Vec::new(),
    }
}

/// Texts in a field, one or many.
pub(super) fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(one) => vec![one],
        Value::List(many) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// A text of a message; empty where there is none.
pub(super) fn text(message: &DynamicMessage, field: &str) -> String {
    let value = message.get_field_by_name(field);
    value
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

/// A number of a message; zero where there is none.
pub(super) fn number(message: &DynamicMessage, field: &str) -> i64 {
    match message.get_field_by_name(field).as_deref() {
        Some(Value::I32(number) | Value::EnumNumber(number)) => (*number).into(),
        Some(Value::I64(number)) => *number,
        _ => 0,
    }
}

/// A time of a message, to be compared.
pub(super) fn time(message: &DynamicMessage, field: &str) -> Option<(i64, i32)> {
    let value = message.get_field_by_name(field)?;
    let time = value.as_message()?;
    let seconds = time.get_field_by_name("seconds")?.as_i64()?;
    let nanos = time.get_field_by_name("nanos")?.as_i32()?;
    message.has_field_by_name(field).then_some((seconds, nanos))
}

/// Every record in an answer, however deep.
pub(super) fn records_in(message: &DynamicMessage, found: &mut Vec<DynamicMessage>) {
    if message
        .descriptor()
        .get_field_by_name("disclosure")
        .is_some()
    {
        found.push(message.clone());
        return;
    }
    for (field, value) in message.fields() {
        if nested(&field).is_some() {
            for inner in messages(value) {
                records_in(inner, found);
            }
        }
    }
}
