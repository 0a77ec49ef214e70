//! The contracts in JSON over HTTP, pure: which request is which call (`google.api.http`), its
//! fields from path, query and body, messages in the JSON that proto3 defines, and the whole as
//! an OpenAPI document. The gateway puts it in front of its layers; nothing here knows of them.
//!
//! JSON itself is read and written by prost-reflect. What it says of a mistake quotes the value,
//! which may be somebody's phone number; so each field is read by itself, and of a mistake only
//! its place is told, all of them at once.

mod answer;
mod api;
mod binding;
pub mod openapi;
mod query;
mod request;
mod template;

pub use answer::Written;
pub use api::{Api, Route};
pub use binding::{Binding, Verb};
pub use request::{Finding, Given, MOST_PARTS, Problem};
pub use template::Template;
