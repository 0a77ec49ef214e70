//! Writes one `Redact` for each message that a public answer can carry, and one
//! `Sections` for each resource.

use std::{collections::BTreeMap, fmt::Write};

use prost_reflect::{DescriptorPool, FieldDescriptor, Kind, MessageDescriptor};

use crate::annotations::{Annotations, is_own};

pub(crate) fn generate(pool: &DescriptorPool) -> String {
    let annotations = Annotations::of(pool).expect("checked by the lint");
    let mut messages = BTreeMap::new();
    for method in pool
        .services()
        .flat_map(|service| service.methods().collect::<Vec<_>>())
    {
        let internal = annotations
            .method(&method)
            .is_some_and(|policy| policy.internal);
        if !internal {
            reach(&method.output(), &mut messages);
        }
    }
    let mut out = String::new();
    for message in messages.values() {
        write_redact(&annotations, message, &mut out);
        if message.get_field_by_name("disclosure").is_some() {
            write_resource(&annotations, message, &mut out);
        }
    }
    out
}

fn reach(message: &MessageDescriptor, into: &mut BTreeMap<String, MessageDescriptor>) {
    if !is_own(message)
        || into
            .insert(message.full_name().to_owned(), message.clone())
            .is_some()
    {
        return;
    }
    for field in message.fields() {
        if let Kind::Message(nested) = field.kind() {
            reach(&nested, into);
        }
    }
}

fn rust_path(message: &MessageDescriptor) -> String {
    format!("crate::{}", message.full_name().replace('.', "::"))
}

fn rust_field(field: &FieldDescriptor) -> String {
    match field.name() {
        "type" => "r#type".to_owned(),
        name => name.to_owned(),
    }
}

fn write_redact(annotations: &Annotations, message: &MessageDescriptor, out: &mut String) {
    let mut body = String::new();
    for field in message.fields() {
        write_field(annotations, &field, &mut body);
    }
    let (cleared, path, account) = if body.is_empty() {
        ("_cleared", "_path", "_account")
    } else {
        ("cleared", "path", "account")
    };
    writeln!(
        out,
        "impl Redact for {} {{\n    fn redact(&mut self, {cleared}: ClassSet, {path}: &Path<'_>, \
         {account}: &mut Account) {{\n{body}    }}\n}}",
        rust_path(message)
    )
    .expect("writing to a string");
}

fn write_field(annotations: &Annotations, field: &FieldDescriptor, out: &mut String) {
    let policy = annotations.field(field);
    let class = policy
        .as_ref()
        .and_then(|policy| policy.class.clone())
        .unwrap_or("System".to_owned());
    let mask = policy.and_then(|policy| policy.mask);
    let name = field.name();
    let member = rust_field(field);
    let nested = matches!(field.kind(), Kind::Message(message) if is_own(&message));
    if class != "System" {
        let mask_code = match mask.as_deref() {
            Some("Omit") => Some(format!(
                "omit(&mut self.{member}, &path.field({name:?}), account);"
            )),
            Some("Keep") | None => None,
            Some(mask) => Some(format!(
                "mask(Mask::{mask}, &mut self.{member}, &path.field({name:?}), account);"
            )),
        };
        if let Some(code) = mask_code {
            writeln!(
                out,
                "        if !cleared.contains(DataClass::{class}) {{ {code} }}"
            )
            .expect("writing to a string");
        }
    }
    if nested {
        writeln!(
            out,
            "        for nested in self.{member}.iter_mut() {{ nested.redact(cleared, &path.field({name:?}), account); }}"
        )
        .expect("writing to a string");
    }
}

fn write_resource(annotations: &Annotations, message: &MessageDescriptor, out: &mut String) {
    let mut classes: Vec<String> = Vec::new();
    let mut body = String::new();
    for field in message.fields() {
        let class = annotations
            .field(&field)
            .and_then(|policy| policy.class)
            .expect("checked by the lint");
        let member = rust_field(&field);
        if class == "System" {
            writeln!(body, "        self.{member} = Default::default();")
                .expect("writing to a string");
            continue;
        }
        writeln!(
            body,
            "        if class != DataClass::{class} {{ self.{member} = Default::default(); }}"
        )
        .expect("writing to a string");
        if !classes.contains(&class) {
            classes.push(class);
        }
    }
    let classes: Vec<_> = classes
        .iter()
        .map(|class| format!("DataClass::{class}"))
        .collect();
    writeln!(
        out,
        "impl Resource for {path} {{\n    const CLASSES: &'static [DataClass] = &[{}];\n\
         fn retain_class(&mut self, class: DataClass) {{\n{body}    }}\n\
         fn disclosure_mut(&mut self) -> &mut Option<crate::kefu::policy::v1::Disclosure> {{ &mut self.disclosure }}\n}}",
        classes.join(", "),
        path = rust_path(message)
    )
    .expect("writing to a string");
}
