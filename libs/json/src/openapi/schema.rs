//! Messages and enums as schemas.

use std::collections::BTreeMap;

use prost_reflect::{
    DescriptorPool, DynamicMessage, EnumDescriptor, ExtensionDescriptor, FieldDescriptor, Kind,
    MessageDescriptor, Value as Reflected,
};
use serde_json::{Map, Value, json};

use super::words::Words;

/// Schemas of what was asked for so far, and of what that refers to.
pub(super) struct Schemas<'a> {
    words: &'a Words,
    behavior: Option<ExtensionDescriptor>,
    policy: Option<ExtensionDescriptor>,
    done: BTreeMap<String, Value>,
}

/// What (google.api.field_behavior) says.
const REQUIRED: i32 = 2;
const OUTPUT_ONLY: i32 = 3;

impl<'a> Schemas<'a> {
    pub(super) fn new(pool: &DescriptorPool, words: &'a Words) -> Self {
        Self {
            words,
            behavior: pool.get_extension_by_name("google.api.field_behavior"),
            policy: pool.get_extension_by_name("kefu.policy.v1.field"),
            done: BTreeMap::new(),
        }
    }

    pub(super) fn done(mut self) -> BTreeMap<String, Value> {
        self.done
            .insert("Refusal".into(), super::refusals::schema());
        self.done
    }

    /// A reference to the message's schema, or the schema itself of a well-known type.
    pub(super) fn message(&mut self, message: &MessageDescriptor) -> Value {
        if let Some(known) = well_known(message.full_name()) {
            return known;
        }
        let name = name(message.full_name());
        if !self.done.contains_key(&name) {
            // First, so that a message within itself is found.
            self.done.insert(name.clone(), Value::Null);
            // What has to be given may still be left out of an answer, where it is empty: so a
            // message that can be in both does not call it required, but says it of the field.
            let mut schema = self.object(message, |_| true);
            if let Some(schema) = schema.as_object_mut() {
                schema.remove("required");
            }
            self.done.insert(name.clone(), schema);
        }
        json!({"$ref": format!("#/components/schemas/{name}")})
    }

    /// The message with the fields that are wanted of it.
    pub(super) fn object(
        &mut self,
        message: &MessageDescriptor,
        wanted: impl Fn(&FieldDescriptor) -> bool,
    ) -> Value {
        let fields: Vec<_> = message.fields().filter(wanted).collect();
        let mut properties = Map::new();
        for field in &fields {
            properties.insert(field.json_name().to_owned(), self.field(field));
        }
        let mut schema = json!({"type": "object", "properties": properties});
        let required: Vec<_> = fields
            .iter()
            .filter(|field| self.is(field, REQUIRED))
            .collect();
        if !required.is_empty() {
            let names: Vec<_> = required.iter().map(|field| field.json_name()).collect();
            schema["required"] = json!(names);
        }
        let words = self.words.message(message);
        if !words.is_empty() {
            schema["description"] = json!(words);
        }
        schema
    }

    /// A field, with what its contract says of it.
    pub(super) fn field(&mut self, field: &FieldDescriptor) -> Value {
        let one = self.kind(&field.kind());
        let mut schema = if field.is_list() {
            json!({"type": "array", "items": one})
        } else {
            one
        };
        let words = self.words.field(field);
        if !words.is_empty() {
            schema["description"] = json!(words);
        }
        if self.is(field, OUTPUT_ONLY) {
            schema["readOnly"] = json!(true);
        }
        if self.is(field, REQUIRED) {
            schema["x-kefu-required"] = json!(true);
        }
        for (key, said) in self.classified(field) {
            schema[key] = said;
        }
        schema
    }

    fn kind(&mut self, kind: &Kind) -> Value {
        match kind {
            Kind::Message(message) => self.message(message),
            Kind::Enum(kind) => self.enumeration(kind),
            Kind::String => json!({"type": "string"}),
            Kind::Bytes => json!({"type": "string", "contentEncoding": "base64"}),
            Kind::Bool => json!({"type": "boolean"}),
            // What no number of JavaScript holds is written as text.
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
                json!({"type": "string", "format": "int64", "pattern": "^-?[0-9]{1,18}$"})
            }
            Kind::Uint64 | Kind::Fixed64 => {
                json!({"type": "string", "format": "uint64", "pattern": "^[0-9]{1,19}$"})
            }
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => {
                json!({"type": "integer", "format": "int32", "minimum": i32::MIN, "maximum": i32::MAX})
            }
            Kind::Uint32 | Kind::Fixed32 => {
                json!({"type": "integer", "format": "uint32", "minimum": 0, "maximum": u32::MAX})
            }
            Kind::Double | Kind::Float => {
                json!({"type": "number", "format": "double"})
            }
        }
    }

    fn enumeration(&mut self, kind: &EnumDescriptor) -> Value {
        let name = name(kind.full_name());
        if !self.done.contains_key(&name) {
            let names: Vec<_> = kind.values().map(|value| value.name().to_owned()).collect();
            let mut words = self.words.kind(kind).to_owned();
            for value in kind.values() {
                let said = self.words.value(&value);
                if !said.is_empty() {
                    words.push_str(&format!("\n- `{}`: {said}", value.name()));
                }
            }
            let mut schema = json!({"type": "string", "enum": names});
            if !words.is_empty() {
                schema["description"] = json!(words.trim_start());
            }
            self.done.insert(name.clone(), schema);
        }
        json!({"$ref": format!("#/components/schemas/{name}")})
    }

    pub(super) fn is_required(&self, field: &FieldDescriptor) -> bool {
        self.is(field, REQUIRED)
    }

    fn is(&self, field: &FieldDescriptor, behavior: i32) -> bool {
        let Some(extension) = &self.behavior else {
            return false;
        };
        let options = field.options();
        let said = options.get_extension(extension);
        let said = said.as_list().unwrap_or_default();
        said.iter()
            .any(|one| one.as_enum_number() == Some(behavior))
    }

    /// Class and mask.
    fn classified(&self, field: &FieldDescriptor) -> Vec<(&'static str, Value)> {
        let options = field.options();
        let policy = self
            .policy
            .as_ref()
            .filter(|policy| options.has_extension(policy));
        let Some(policy) = policy.map(|policy| options.get_extension(policy)) else {
            return Vec::new();
        };
        let said = |name| enum_name(policy.as_message()?, name);
        let class = said("class").map(|class| ("x-kefu-class", json!(class)));
        let mask = said("mask").map(|mask| ("x-kefu-mask", json!(mask)));
        class.into_iter().chain(mask).collect()
    }
}

/// `CONTACT` of `DATA_CLASS_CONTACT`; `None` where nothing is said.
fn enum_name(message: &DynamicMessage, field: &str) -> Option<String> {
    let value = message.get_field_by_name(field)?;
    let field = prost_reflect::ReflectMessage::descriptor(message).get_field_by_name(field)?;
    let (Kind::Enum(kind), Reflected::EnumNumber(number)) = (field.kind(), value.as_ref()) else {
        return None;
    };
    if *number == 0 {
        return None;
    }
    let name = kind.get_value(*number)?.name().to_owned();
    let zero = kind.get_value(0)?.name().to_owned();
    let prefix = zero.strip_suffix("UNSPECIFIED").unwrap_or_default();
    Some(name.strip_prefix(prefix).unwrap_or(&name).to_owned())
}

/// `ticket.v1.Ticket`
fn name(full: &str) -> String {
    full.strip_prefix("kefu.").unwrap_or(full).to_owned()
}

/// How proto3's JSON writes what the library reads as a whole.
fn well_known(name: &str) -> Option<Value> {
    Some(match name {
        "google.protobuf.Timestamp" => json!({"type": "string", "format": "date-time"}),
        "google.protobuf.Duration" => {
            json!({"type": "string", "pattern": "^-?[0-9]{1,12}(\\.[0-9]{1,9})?s$"})
        }
        "google.protobuf.FieldMask" => json!({
            "type": "string",
            "pattern": "^([a-z][A-Za-z0-9]*(\\.[a-z][A-Za-z0-9]*)*(,[a-z][A-Za-z0-9]*(\\.[a-z][A-Za-z0-9]*)*)*)?$",
        }),
        "google.protobuf.Empty" => json!({"type": "object"}),
        _ => return None,
    })
}
