//! A call as it may be typed: `kefu call METHOD JSON --as LOGIN`. The request is made from the
//! contract, so that it always is one of its messages; what stands in it is made up.

use kefu_contracts::policy::Effect;
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

use crate::{Rpc, Sources, contract::Contract};

/// An id that nothing has.
const ID: &str = "0199f0c2-6a00-7b3e-8c41-5a7d10e2f3b4";
/// What a caller has to write.
const WRITTEN: &str = "…";
/// How deep messages are filled in.
const DEPTH: usize = 4;

/// A call of one method.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// As much of the method's name as is needed.
    pub method: String,
    /// The request.
    pub request: Value,
    /// Somebody of the example company who may call it.
    pub login: Option<String>,
    /// What for; `kefu call` states `service` by itself.
    pub purpose: String,
}

impl Example {
    pub(crate) fn of(sources: &Sources, rpc: &Rpc) -> Self {
        let caller = sources.posts.caller(rpc.rule.permission);
        let purpose = caller
            .as_ref()
            .map_or("service", |(_, purpose)| purpose.as_str());
        Self {
            method: sources.contract.short_name(rpc),
            request: Writer {
                contract: &sources.contract,
                rpc,
            }
            .request(),
            login: caller.as_ref().map(|(login, _)| (*login).to_owned()),
            purpose: purpose.to_owned(),
        }
    }

    /// As it is typed.
    pub fn command(&self) -> String {
        let mut command = format!("kefu call {}", self.method);
        if self.request != json!({}) {
            command.push_str(&format!(" '{}'", self.request));
        }
        if let Some(login) = &self.login {
            command.push_str(&format!(" --as {login}"));
        }
        if self.purpose != "service" {
            command.push_str(&format!(" --purpose {}", self.purpose));
        }
        command
    }
}

struct Writer<'a> {
    contract: &'a Contract,
    rpc: &'a Rpc,
}

impl Writer<'_> {
    fn request(&self) -> Value {
        let input = self.rpc.method.input();
        let mut request = self.filled(&input, 0);
        if let Some(field) = input.get_field_by_name("update_mask") {
            self.revise(&input, &field, &mut request);
        }
        if request.is_empty() && self.rpc.rule.effect == Effect::Write {
            request = self.first_of(&input, 1);
        }
        Value::Object(request)
    }

    /// What a message needs: the required, who it is about, one of each that are alternatives.
    fn filled(&self, message: &MessageDescriptor, depth: usize) -> Map<String, Value> {
        let mut out = Map::new();
        let mut chosen = Vec::new();
        for field in message.fields() {
            let behaviors = self.contract.behaviors(&field);
            let is = |name: &str| behaviors.iter().any(|behavior| behavior == name);
            let alternative = field.containing_oneof().filter(|oneof| {
                oneof.fields().count() > 1 && !chosen.contains(&oneof.name().to_owned())
            });
            let identifies = depth == 0 && matches!(field.name(), "name" | "etag");
            if is("OUTPUT_ONLY") || is("IDENTIFIER") && depth > 0 {
                continue;
            }
            if let Some(oneof) = &alternative {
                chosen.push(oneof.name().to_owned());
            }
            if is("REQUIRED") || identifies || alternative.is_some() && depth < 2 {
                self.put(&mut out, message, &field, depth);
            }
        }
        if out.is_empty() && depth > 0 {
            out = self.first_of(message, depth);
        }
        out
    }

    /// The first that a caller writes, so that there is something to see.
    fn first_of(&self, message: &MessageDescriptor, depth: usize) -> Map<String, Value> {
        let mut out = Map::new();
        if let Some(field) = self.written(message).next() {
            self.put(&mut out, message, &field, depth);
        }
        out
    }

    fn written<'a>(
        &'a self,
        message: &'a MessageDescriptor,
    ) -> impl Iterator<Item = FieldDescriptor> + 'a {
        message.fields().filter(|field| {
            let behaviors = self.contract.behaviors(field);
            let fixed = ["OUTPUT_ONLY", "IDENTIFIER", "IMMUTABLE"];
            let own = ["name", "request_id", "etag", "page_size", "page_token"];
            !behaviors
                .iter()
                .any(|behavior| fixed.contains(&behavior.as_str()))
                && !own.contains(&field.name())
        })
    }

    /// A change: which record, as it was read, and one field that becomes another.
    fn revise(
        &self,
        input: &MessageDescriptor,
        mask: &FieldDescriptor,
        request: &mut Map<String, Value>,
    ) {
        let resource = input.fields().find(|field| {
            matches!(field.kind(), Kind::Message(_)) && field.name() != "update_mask"
        });
        let Some((resource, Kind::Message(message))) =
            resource.map(|field| (field.clone(), field.kind()))
        else {
            return;
        };
        let Some(changed) = self.written(&message).find(|field| !field.is_list()) else {
            return;
        };
        let mut inner = Map::new();
        for name in ["name", "etag"] {
            if let Some(field) = message.get_field_by_name(name) {
                self.put(&mut inner, &message, &field, 1);
            }
        }
        self.put(&mut inner, &message, &changed, 1);
        request.insert(resource.json_name().to_owned(), Value::Object(inner));
        request.insert(mask.json_name().to_owned(), json!(changed.json_name()));
    }

    fn put(
        &self,
        out: &mut Map<String, Value>,
        message: &MessageDescriptor,
        field: &FieldDescriptor,
        depth: usize,
    ) {
        let Some(value) = self.value(message, field, depth) else {
            return;
        };
        let value = match (field.is_map(), field.is_list()) {
            (true, _) => json!({}),
            (_, true) => json!([value]),
            _ => value,
        };
        out.insert(field.json_name().to_owned(), value);
    }

    fn value(
        &self,
        message: &MessageDescriptor,
        field: &FieldDescriptor,
        depth: usize,
    ) -> Option<Value> {
        Some(match field.kind() {
            Kind::String => json!(self.text(message, field)),
            Kind::Bool => json!(true),
            Kind::Bytes => json!("a2VmdQ=="),
            Kind::Double | Kind::Float => json!(1.5),
            Kind::Enum(kind) => {
                let value = kind.values().find(|value| value.number() != 0)?;
                json!(value.name())
            }
            Kind::Message(inner) => match known(inner.full_name()) {
                Some(value) => value,
                None if depth >= DEPTH => return None,
                None => Value::Object(self.filled(&inner, depth + 1)),
            },
            Kind::Int64 | Kind::Uint64 | Kind::Sint64 | Kind::Fixed64 | Kind::Sfixed64 => {
                json!("1")
            }
            _ => json!(1),
        })
    }

    fn text(&self, message: &MessageDescriptor, field: &FieldDescriptor) -> String {
        let comment = self
            .contract
            .comment(&field.parent_message().parent_file(), field.path());
        if let Some(name) = named(comment) {
            return name;
        }
        let output = self.rpc.method.output();
        let pattern = || {
            self.contract
                .pattern(message)
                .or_else(|| self.contract.pattern(&output))
        };
        match field.name() {
            "name" => pattern().map_or_else(|| WRITTEN.to_owned(), |pattern| with_ids(&pattern)),
            "request_id" => ID.to_owned(),
            "currency" | "currency_code" => "CNY".to_owned(),
            "phone" => "13812345678".to_owned(),
            "email" => "zhang@example.com".to_owned(),
            _ => WRITTEN.to_owned(),
        }
    }
}

/// What a comment says that a name looks like: "`customers/{uuid}`".
fn named(comment: &str) -> Option<String> {
    let mut codes = comment.split('`').skip(1).step_by(2);
    let name = codes.find(|code| code.contains("/{"))?;
    Some(with_ids(name))
}

fn with_ids(pattern: &str) -> String {
    let mut out = String::new();
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        out.push_str(ID);
        rest = after.split_once('}').map_or("", |(_, after)| after);
    }
    out + rest
}

/// Google's own messages in JSON.
fn known(name: &str) -> Option<Value> {
    Some(match name {
        "google.protobuf.Timestamp" => json!("2026-10-01T08:00:00Z"),
        "google.protobuf.Duration" => json!("3600s"),
        "google.protobuf.FieldMask" => json!(WRITTEN),
        "google.type.Date" => json!({"year": 2026, "month": 10, "day": 1}),
        "google.type.Money" => json!({"currencyCode": "CNY", "units": "128"}),
        _ => return None,
    })
}
