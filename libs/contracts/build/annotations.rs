//! Reads the options of kefu.policy.v1 off descriptors.

use prost_reflect::{
    DescriptorPool, DynamicMessage, ExtensionDescriptor, FieldDescriptor, Kind, MessageDescriptor,
    MethodDescriptor, ReflectMessage, Value,
};

/// `(kefu.policy.v1.field)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldPolicy {
    /// `Basic`; `None` where it is left unspecified.
    pub(crate) class: Option<String>,
    /// `Omit`; `None` where it is left unspecified.
    pub(crate) mask: Option<String>,
}

/// `(kefu.policy.v1.method)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MethodPolicy {
    pub(crate) permission: String,
    pub(crate) purpose_required: bool,
    /// `Read` or `Write`; `None` where it is left unspecified.
    pub(crate) effect: Option<String>,
    pub(crate) shows: Vec<String>,
    pub(crate) internal: bool,
}

pub(crate) struct Annotations {
    field: ExtensionDescriptor,
    method: ExtensionDescriptor,
}

impl Annotations {
    /// `None` when the pool does not hold kefu.policy.v1.
    pub(crate) fn of(pool: &DescriptorPool) -> Option<Self> {
        Some(Self {
            field: pool.get_extension_by_name("kefu.policy.v1.field")?,
            method: pool.get_extension_by_name("kefu.policy.v1.method")?,
        })
    }

    pub(crate) fn field(&self, field: &FieldDescriptor) -> Option<FieldPolicy> {
        let policy = extension(&field.options(), &self.field)?;
        Some(FieldPolicy {
            class: enumerator(&policy, "class"),
            mask: enumerator(&policy, "mask"),
        })
    }

    pub(crate) fn method(&self, method: &MethodDescriptor) -> Option<MethodPolicy> {
        let policy = extension(&method.options(), &self.method)?;
        let text = policy.get_field_by_name("permission")?;
        let shows = policy.get_field_by_name("shows")?;
        let classes = policy.descriptor().get_field_by_name("shows")?;
        Some(MethodPolicy {
            permission: text.as_str()?.to_owned(),
            purpose_required: flag(&policy, "purpose_required"),
            effect: enumerator(&policy, "effect"),
            shows: shows
                .as_list()?
                .iter()
                .filter_map(|value| variant(&classes, value))
                .collect(),
            internal: flag(&policy, "internal"),
        })
    }
}

/// Whether the message is one of ours, so that its fields speak for themselves.
pub(crate) fn is_own(message: &MessageDescriptor) -> bool {
    message.full_name().starts_with("kefu.") && message.full_name() != "kefu.policy.v1.Disclosure"
}

fn extension(options: &DynamicMessage, which: &ExtensionDescriptor) -> Option<DynamicMessage> {
    options
        .has_extension(which)
        .then(|| options.get_extension(which).as_message().cloned())?
}

fn flag(message: &DynamicMessage, field: &str) -> bool {
    message
        .get_field_by_name(field)
        .and_then(|value| value.as_bool())
        .unwrap_or(false)
}

fn enumerator(message: &DynamicMessage, field: &str) -> Option<String> {
    let descriptor = message.descriptor().get_field_by_name(field)?;
    let value = message.get_field(&descriptor);
    variant(&descriptor, &value)
}

/// Rust name of an enum value: `DATA_CLASS_ID_CARD` is `IdCard`.
fn variant(field: &FieldDescriptor, value: &Value) -> Option<String> {
    let Kind::Enum(kind) = field.kind() else {
        return None;
    };
    let number = value.as_enum_number().filter(|number| *number != 0)?;
    let full = kind.get_value(number)?.name().to_owned();
    let prefix = shouty(kind.name());
    let short = full.strip_prefix(&format!("{prefix}_"))?;
    Some(camel(short))
}

fn shouty(name: &str) -> String {
    let mut out = String::new();
    for (at, letter) in name.char_indices() {
        if at > 0 && letter.is_uppercase() {
            out.push('_');
        }
        out.push(letter.to_ascii_uppercase());
    }
    out
}

fn camel(name: &str) -> String {
    name.split('_')
        .map(|word| {
            let (first, rest) = word.split_at(1);
            format!("{first}{}", rest.to_ascii_lowercase())
        })
        .collect()
}
