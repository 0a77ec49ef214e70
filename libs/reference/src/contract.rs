//! The contracts as their descriptors and options have them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::Context;
use kefu_contracts::{DESCRIPTOR_SET, Method};
use prost_reflect::{
    DescriptorPool, DynamicMessage, EnumDescriptor, ExtensionDescriptor, FieldDescriptor,
    FileDescriptor, Kind, MessageDescriptor, MethodDescriptor, ReflectMessage, ServiceDescriptor,
    Value,
};

/// An RPC and its access rule.
#[derive(Debug, Clone)]
pub struct Rpc {
    /// As the contracts have it.
    pub method: MethodDescriptor,
    /// Its annotation.
    pub rule: &'static Method,
}

impl Rpc {
    /// `CustomerService.GetCustomer`
    pub(crate) fn title(&self) -> String {
        format!(
            "{}.{}",
            self.method.parent_service().name(),
            self.method.name()
        )
    }
}

/// Class and mask of a field.
pub(crate) struct FieldRule {
    /// `BASIC`
    pub(crate) class: String,
    /// `NAME`, of classes that are masked.
    pub(crate) mask: Option<String>,
}

/// A message or an enum.
#[derive(Debug, Clone)]
pub(crate) enum Type {
    Message(MessageDescriptor),
    Enum(EnumDescriptor),
}

impl Type {
    pub(crate) fn full_name(&self) -> &str {
        match self {
            Self::Message(message) => message.full_name(),
            Self::Enum(kind) => kind.full_name(),
        }
    }

    fn of(field: &FieldDescriptor) -> Option<Self> {
        match field.kind() {
            Kind::Message(message) => Some(Self::Message(message)),
            Kind::Enum(kind) => Some(Self::Enum(kind)),
            _ => None,
        }
    }
}

/// All contracts.
pub struct Contract {
    pool: DescriptorPool,
    field_rule: ExtensionDescriptor,
    behavior: ExtensionDescriptor,
    /// How a call looks as JSON over HTTP, once contracts say so.
    http: Option<ExtensionDescriptor>,
    resource: ExtensionDescriptor,
    /// Comments by file and path in it.
    comments: HashMap<(String, Vec<i32>), String>,
    /// Messages and enums that public calls lead to, by full name.
    reached: BTreeMap<String, Type>,
    /// How many fields and calls name a message.
    named: HashMap<String, usize>,
}

impl Contract {
    pub(crate) fn read() -> anyhow::Result<Self> {
        let pool = DescriptorPool::decode(DESCRIPTOR_SET)?;
        let extension = |name: &str| pool.get_extension_by_name(name);
        let needed = |name: &str| extension(name).with_context(|| format!("no {name}"));
        let mut contract = Self {
            field_rule: needed("kefu.policy.v1.field")?,
            behavior: needed("google.api.field_behavior")?,
            http: extension("google.api.http"),
            resource: needed("google.api.resource")?,
            comments: comments(&pool),
            reached: BTreeMap::new(),
            named: HashMap::new(),
            pool,
        };
        contract.reach();
        Ok(contract)
    }

    /// Follows public calls and connectors to whatever they lead to.
    fn reach(&mut self) {
        let mut waiting = Vec::new();
        // What the options are made of; no message has them.
        for name in ["DataClass", "Mask", "Purpose"] {
            let kind = self
                .pool
                .get_enum_by_name(&format!("kefu.policy.v1.{name}"));
            waiting.extend(kind.map(Type::Enum));
        }
        for rpc in self.rpcs() {
            for message in [rpc.method.input(), rpc.method.output()] {
                *self
                    .named
                    .entry(message.full_name().to_owned())
                    .or_default() += 1;
                waiting.push(Type::Message(message));
            }
        }
        while let Some(kind) = waiting.pop() {
            let name = kind.full_name().to_owned();
            if !name.starts_with("kefu.") || self.reached.contains_key(&name) {
                continue;
            }
            self.reached.insert(name, kind.clone());
            let Type::Message(message) = kind else {
                continue;
            };
            for inner in message.fields().filter_map(|field| Type::of(&field)) {
                *self.named.entry(inner.full_name().to_owned()).or_default() += 1;
                waiting.push(inner);
            }
        }
    }

    /// Every RPC that somebody outside calls or serves, in the order of the contracts.
    pub fn rpcs(&self) -> Vec<Rpc> {
        self.services()
            .iter()
            .flat_map(|service| self.rpcs_of(service))
            .collect()
    }

    pub(crate) fn rpcs_of(&self, service: &ServiceDescriptor) -> Vec<Rpc> {
        let rpc = |method: MethodDescriptor| {
            let path = format!("/{}/{}", service.full_name(), method.name());
            let rule = kefu_contracts::method(&path)?;
            let shown = !rule.internal || is_connector(service);
            shown.then_some(Rpc { method, rule })
        };
        service.methods().filter_map(rpc).collect()
    }

    /// Services with a public method, and connectors.
    pub(crate) fn services(&self) -> Vec<ServiceDescriptor> {
        let mut services: Vec<_> = self
            .pool
            .services()
            .filter(|service| !self.rpcs_of(service).is_empty())
            .collect();
        services.sort_by_key(|service| service.full_name().to_owned());
        services
    }

    pub(crate) fn services_of(&self, package: &str) -> Vec<ServiceDescriptor> {
        let mut services = self.services();
        services.retain(|service| service.parent_file().package_name() == package);
        services
    }

    /// `kefu.profile.v1` and the others that public calls lead to.
    pub(crate) fn packages(&self) -> BTreeSet<String> {
        self.reached.values().map(package_of).collect()
    }

    /// Messages and enums of a package, by name.
    pub(crate) fn types(&self, package: &str) -> Vec<&Type> {
        self.reached
            .values()
            .filter(|kind| package_of(kind) == package)
            .collect()
    }

    pub(crate) fn is_reached(&self, name: &str) -> bool {
        self.reached.contains_key(name)
    }

    /// Whether a message belongs to one call alone, so that it is shown with it.
    pub(crate) fn is_of_one_call(&self, message: &MessageDescriptor) -> bool {
        let name = message.name();
        let ending = name.ends_with("Request") || name.ends_with("Response");
        ending && self.named.get(message.full_name()) == Some(&1)
    }

    /// The reasons of refusals.
    pub(crate) fn enumeration(&self, name: &str) -> Option<EnumDescriptor> {
        self.pool.get_enum_by_name(name)
    }

    /// What the contract says of something; empty where it says nothing.
    pub(crate) fn comment(&self, file: &FileDescriptor, path: &[i32]) -> &str {
        let key = (file.name().to_owned(), path.to_vec());
        self.comments.get(&key).map_or("", String::as_str)
    }

    /// What the files of a package say at their beginning.
    pub(crate) fn introductions(&self, package: &str) -> Vec<(String, String)> {
        let files = self.pool.files();
        files
            .filter(|file| file.package_name() == package)
            .filter_map(|file| {
                // Field 2 of a file is its package.
                let said = self.comment(&file, &[2]);
                (!said.is_empty()).then(|| (file.name().to_owned(), said.to_owned()))
            })
            .collect()
    }

    pub(crate) fn field_rule(&self, field: &FieldDescriptor) -> Option<FieldRule> {
        let options = field.options();
        if !options.has_extension(&self.field_rule) {
            return None;
        }
        let policy = options.get_extension(&self.field_rule);
        let policy = policy.as_message()?;
        Some(FieldRule {
            class: enumerator(policy, "class")?,
            mask: enumerator(policy, "mask"),
        })
    }

    /// `REQUIRED`, `OUTPUT_ONLY` and the like.
    pub(crate) fn behaviors(&self, field: &FieldDescriptor) -> Vec<String> {
        let options = field.options();
        let value = options.get_extension(&self.behavior);
        let Kind::Enum(kind) = self.behavior.kind() else {
            return Vec::new();
        };
        let name = |value: &Value| Some(kind.get_value(value.as_enum_number()?)?.name().to_owned());
        let list = value.as_list().unwrap_or_default();
        list.iter().filter_map(name).collect()
    }

    /// `tickets/{ticket}` of a resource.
    pub(crate) fn pattern(&self, message: &MessageDescriptor) -> Option<String> {
        let options = message.options();
        let resource = options.get_extension(&self.resource);
        let patterns = resource
            .as_message()?
            .get_field_by_name("pattern")?
            .into_owned();
        Some(patterns.as_list()?.first()?.as_str()?.to_owned())
    }

    /// `GET /v1/{name=customers/*}` and whether there is a body, where the contract says so.
    pub(crate) fn http(&self, method: &MethodDescriptor) -> Option<String> {
        let http = self.http.as_ref()?;
        let options = method.options();
        if !options.has_extension(http) {
            return None;
        }
        let rule = options.get_extension(http);
        let rule = rule.as_message()?;
        let text = |field: &str| Some(rule.get_field_by_name(field)?.as_str()?.to_owned());
        ["get", "put", "post", "delete", "patch"]
            .into_iter()
            .find_map(|verb| {
                let path = text(verb).filter(|path| !path.is_empty())?;
                Some(format!("{} {path}", verb.to_ascii_uppercase()))
            })
    }

    /// As much of a method's name as `kefu call` needs.
    pub(crate) fn short_name(&self, rpc: &Rpc) -> String {
        let (method, service) = (rpc.method.name(), rpc.method.parent_service());
        let public = || self.rpcs().into_iter().filter(|rpc| !rpc.rule.internal);
        let of_method = public().filter(|other| other.method.name() == method);
        if of_method.count() == 1 {
            return method.to_owned();
        }
        let of_service = public().filter(|other| {
            other.method.name() == method && other.method.parent_service().name() == service.name()
        });
        match of_service.count() {
            1 => format!("{}/{method}", service.name()),
            _ => format!("{}/{method}", service.full_name()),
        }
    }
}

/// Whether the company serves it, and the suite calls it.
pub(crate) fn is_connector(service: &ServiceDescriptor) -> bool {
    service.name().ends_with("ConnectorService")
}

fn package_of(kind: &Type) -> String {
    let file = match kind {
        Type::Message(message) => message.parent_file(),
        Type::Enum(kind) => kind.parent_file(),
    };
    file.package_name().to_owned()
}

/// `BASIC` of a field that holds DATA_CLASS_BASIC; `None` where it is left unspecified.
fn enumerator(message: &DynamicMessage, field: &str) -> Option<String> {
    let descriptor = message.descriptor().get_field_by_name(field)?;
    let Kind::Enum(kind) = descriptor.kind() else {
        return None;
    };
    let number = message.get_field(&descriptor).as_enum_number()?;
    (number != 0).then_some(())?;
    Some(short(&kind, kind.get_value(number)?.name()).to_owned())
}

/// An enum's value without the enum's name before it.
pub(crate) fn short<'a>(kind: &EnumDescriptor, value: &'a str) -> &'a str {
    let first = kind.values().next();
    let prefix = first.and_then(|first| {
        let name = first.name().to_owned();
        name.strip_suffix("UNSPECIFIED").map(str::to_owned)
    });
    prefix
        .and_then(|prefix| value.strip_prefix(prefix.as_str()))
        .unwrap_or(value)
}

fn comments(pool: &DescriptorPool) -> HashMap<(String, Vec<i32>), String> {
    let mut comments = HashMap::new();
    for file in pool.files() {
        let proto = file.file_descriptor_proto();
        let Some(source) = &proto.source_code_info else {
            continue;
        };
        for location in &source.location {
            let said = [location.leading_comments(), location.trailing_comments()];
            let said = said.map(unindented).join("\n");
            let said = said.trim();
            if !said.is_empty() {
                comments.insert(
                    (file.name().to_owned(), location.path.clone()),
                    said.to_owned(),
                );
            }
        }
    }
    comments
}

/// Without the blank after `//`.
fn unindented(comment: &str) -> String {
    let lines = comment.lines();
    let lines = lines.map(|line| line.strip_prefix(' ').unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n")
}
