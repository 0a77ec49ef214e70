//! `google.api.http` of one method.

use kefu_contracts::Method;
use prost_reflect::{
    Cardinality, DynamicMessage, ExtensionDescriptor, FieldDescriptor, Kind, MessageDescriptor,
    MethodDescriptor,
};

use crate::template::Template;

/// HTTP methods that contracts name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// Reads, with nothing but the address.
    Get,
    /// Puts the whole in the place of what was.
    Put,
    /// Everything else that has a body.
    Post,
    /// Takes away.
    Delete,
    /// Changes what a mask names.
    Patch,
}

impl Verb {
    /// All, in the order of `HttpRule`.
    pub const ALL: [Self; 5] = [Self::Get, Self::Put, Self::Post, Self::Delete, Self::Patch];

    /// `GET`
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Put => "PUT",
            Self::Post => "POST",
            Self::Delete => "DELETE",
            Self::Patch => "PATCH",
        }
    }

    /// The verb of this name, in capitals as HTTP has it.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.name() == name)
    }

    /// Whether its requests have a body: the whole request, less what stands in the path.
    pub fn has_body(self) -> bool {
        matches!(self, Self::Put | Self::Post | Self::Patch)
    }
}

/// How one method is asked for.
#[derive(Debug, Clone)]
pub struct Binding {
    /// With which HTTP method.
    pub verb: Verb,
    /// At which path.
    pub template: Template,
    /// The method in the contracts.
    pub method: MethodDescriptor,
    /// Who may.
    pub rule: &'static Method,
}

impl Binding {
    /// The binding of a public method.
    ///
    /// # Errors
    /// What its contract owes, a line each.
    pub(crate) fn read(
        method: MethodDescriptor,
        rule: &'static Method,
        http: &ExtensionDescriptor,
    ) -> Result<Self, Vec<String>> {
        let name = method.full_name().to_owned();
        let options = method.options();
        if !options.has_extension(http) {
            return Err(vec![format!("{name}: no (google.api.http)")]);
        }
        let option = options.get_extension(http);
        let read = option.as_message().ok_or("not a rule".to_owned());
        let read = read.and_then(|rule| Ok((pattern(rule)?, body(rule), more(rule))));
        let ((verb, template), body, more) =
            read.map_err(|what| vec![format!("{name}: {what}")])?;
        let mut owed = Vec::new();
        let wanted = if verb.has_body() { "*" } else { "" };
        if body != wanted {
            owed.push(format!("{name}: {} has the body {wanted:?}", verb.name()));
        }
        if more {
            owed.push(format!("{name}: a method has one binding"));
        }
        for variable in &template.variables {
            if !is_scalar_of(&method.input(), &variable.field) {
                owed.push(format!(
                    "{name}: {} is no single text or number of the request",
                    variable.field
                ));
            }
        }
        if !verb.has_body() && rule.effect == kefu_contracts::policy::Effect::Write {
            let deletes = verb == Verb::Delete;
            if !deletes {
                owed.push(format!("{name}: what changes is not asked for with GET"));
            }
        }
        if owed.is_empty() {
            Ok(Self {
                verb,
                template,
                method,
                rule,
            })
        } else {
            Err(owed)
        }
    }
}

fn pattern(rule: &DynamicMessage) -> Result<(Verb, Template), String> {
    let mut found = Verb::ALL.into_iter().filter_map(|verb| {
        let field = verb.name().to_ascii_lowercase();
        let path = rule.get_field_by_name(&field)?.as_str()?.to_owned();
        (!path.is_empty()).then_some((verb, path))
    });
    let (verb, path) = found.next().ok_or("no path of a known verb")?;
    Ok((verb, Template::parse(&path)?))
}

fn body(rule: &DynamicMessage) -> String {
    let body = rule.get_field_by_name("body");
    body.and_then(|body| body.as_str().map(str::to_owned))
        .unwrap_or_default()
}

fn more(rule: &DynamicMessage) -> bool {
    let more = rule.get_field_by_name("additional_bindings");
    more.is_some_and(|more| more.as_list().is_some_and(|list| !list.is_empty()))
}

fn is_scalar_of(message: &MessageDescriptor, path: &str) -> bool {
    field_at(message, path).is_some_and(|field| {
        field.cardinality() != Cardinality::Repeated && !matches!(field.kind(), Kind::Message(_))
    })
}

/// The field at a dotted path of names.
pub(crate) fn field_at(message: &MessageDescriptor, path: &str) -> Option<FieldDescriptor> {
    let (name, rest) = path.split_once('.').unwrap_or((path, ""));
    let field = message.get_field_by_name(name)?;
    if rest.is_empty() {
        return Some(field);
    }
    match field.kind() {
        Kind::Message(message) if !field.is_list() => field_at(&message, rest),
        _ => None,
    }
}
