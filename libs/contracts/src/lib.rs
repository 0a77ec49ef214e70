//! The contracts of kefu in Rust: messages, clients and servers generated from
//! `proto/`, the descriptor set with its options, and what is derived from the
//! options of `kefu.policy.v1`: the [method table](METHODS) and [redaction](redact).

pub mod class_set;
pub mod codec;
pub mod masks;
mod method_table;
pub mod redact;

pub use class_set::ClassSet;
pub use method_table::{METHODS, Method, method};
pub use redact::{Account, Redact, Resource};

#[allow(missing_docs, clippy::all, rustdoc::all)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/contracts.rs"));
}

/// Messages of each domain under its short name.
pub use generated::kefu::{
    access::v1 as access, analytics::v1 as analytics, common::v1 as common, journal::v1 as journal,
    order::v1 as order, policy::v1 as policy, profile::v1 as profile, ticket::v1 as ticket,
};
pub use generated::{google, kefu};

/// Encoded `FileDescriptorSet` of the contracts with comments and options; what
/// reflection serves and generated clients are built from.
pub const DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/kefu.descriptors.bin"));
