//! Which refusals a call may end with, beside those of every call.
//!
//! Some follow from the contract: who takes an etag may find it stale. The others are known only to
//! the code: [`read`] goes from a call's handler to whatever it leads to, by name, and collects the
//! reasons that are given there. Types are known as far as arguments, fields and
//! constants say them: where several functions of one name are meant that happen to be few, all are followed, and
//! where they are many, none. `make docs-test` holds what calls answer against what is found.

mod read;
mod walk;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use kefu_contracts::policy::Effect;
use prost_reflect::{Kind, MessageDescriptor};

use crate::Rpc;

/// Any call may be refused with these.
pub const OF_EVERY_CALL: &[&str] = &[
    "INVALID_FIELDS",
    "TOKEN_MISSING",
    "TOKEN_INVALID",
    "TOKEN_EXPIRED",
    "SUBJECT_UNKNOWN",
    "CONTEXT_INVALID",
    "CONTEXT_EXPIRED",
    "PERMISSION_MISSING",
    "CONFLICT",
    "METHOD_UNKNOWN",
    "POLICY_STALE",
    "UPSTREAM_UNAVAILABLE",
    "STORAGE_UNAVAILABLE",
    "OVERLOADED",
    "DEADLINE_EXCEEDED",
    "POSITION_NOT_REACHED",
    "INTERNAL",
    "ISSUER_UNAVAILABLE",
    "MESSAGE_TOO_LARGE",
    "FRAME_INVALID",
];

/// What is told by the contract alone, so that the code is not asked.
const BY_CONTRACT: &[&str] = &[
    "PURPOSE_REQUIRED",
    "PURPOSE_NOT_ALLOWED",
    "INVALID_PAGE_TOKEN",
    "ETAG_MISMATCH",
    "REQUEST_ID_REUSED",
];

/// Which service of the suite serves a package.
const SERVERS: &[(&str, &str)] = &[
    ("kefu.access.v1", "access-control"),
    ("kefu.analytics.v1", "analytics"),
    ("kefu.order.v1", "order-followup"),
    ("kefu.profile.v1", "customer-profile"),
    ("kefu.ticket.v1", "ticket"),
];

/// What the services' code says.
pub struct Refusals {
    /// Reasons by package, service and method.
    found: BTreeMap<(String, String), BTreeSet<&'static str>>,
    none: BTreeSet<&'static str>,
}

impl Refusals {
    /// Reads the code of all services.
    ///
    /// # Errors
    /// When a file is not there or is no Rust.
    pub fn read(root: &Path) -> anyhow::Result<Self> {
        let shared = read::folder(&root.join("libs/service/src"))?;
        let mut found = BTreeMap::new();
        for (package, server) in SERVERS {
            let mut code = read::folder(&root.join("services").join(server).join("src"))?;
            code.extend(shared.clone());
            for (call, reasons) in walk::handlers(&code) {
                found.insert(((*package).to_owned(), call), reasons);
            }
        }
        Ok(Self {
            found,
            none: BTreeSet::new(),
        })
    }

    /// Reasons that the code of a call gives.
    pub fn of(&self, rpc: &Rpc) -> &BTreeSet<&'static str> {
        let service = rpc.method.parent_service();
        let package = service.parent_file().package_name().to_owned();
        let call = format!("{}.{}", service.name(), snake(rpc.method.name()));
        self.found.get(&(package, call)).unwrap_or(&self.none)
    }

    /// Whether the handler of a call was found.
    pub fn knows(&self, rpc: &Rpc) -> bool {
        !std::ptr::eq(self.of(rpc), &self.none)
    }
}

/// What follows from the contract.
pub(crate) fn by_contract(rpc: &Rpc) -> BTreeSet<&'static str> {
    let input = rpc.method.input();
    let mut reasons = BTreeSet::new();
    if rpc.rule.purpose_required {
        reasons.extend(["PURPOSE_REQUIRED", "PURPOSE_NOT_ALLOWED"]);
    }
    if input.get_field_by_name("page_token").is_some() {
        reasons.insert("INVALID_PAGE_TOKEN");
    }
    if input.get_field_by_name("request_id").is_some() {
        reasons.insert("REQUEST_ID_REUSED");
    }
    if rpc.rule.effect == Effect::Write && takes_etag(&input) {
        reasons.insert("ETAG_MISMATCH");
    }
    reasons
}

/// Whether it says as what it read the record: by itself, or in the record that it changes.
fn takes_etag(input: &MessageDescriptor) -> bool {
    let changes = input.get_field_by_name("update_mask").is_some();
    let inner = |kind| match kind {
        Kind::Message(message) => message.get_field_by_name("etag").is_some(),
        _ => false,
    };
    input.get_field_by_name("etag").is_some()
        || changes && input.fields().any(|field| inner(field.kind()))
}

/// `GetCustomer` → `get_customer`
fn snake(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}
