//! Types and rules of the customer file; pure.

pub(crate) mod attributes;
pub(crate) mod birthday;
pub(crate) mod certificate;
pub(crate) mod change;
pub(crate) mod consent;
pub(crate) mod contact;
pub(crate) mod data_request;
pub(crate) mod duplicate;
pub(crate) mod entry;
pub(crate) mod file_number;
pub(crate) mod grant;
pub(crate) mod hold;
pub(crate) mod identity;
pub(crate) mod intake;
pub(crate) mod merge;
pub(crate) mod people;
pub(crate) mod quality;
pub(crate) mod rating;
pub(crate) mod region;
pub(crate) mod retention;
pub(crate) mod saved_selection;
pub(crate) mod state;
pub(crate) mod timeline;
pub(crate) mod verification;
