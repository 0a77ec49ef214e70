//! SQL of the customer file.

pub(crate) mod consents;
pub(crate) mod customers;
pub(crate) mod drafts;
pub(crate) mod duty;
pub(crate) mod file_numbers;
pub(crate) mod phones;
pub(crate) mod purchases;
pub(crate) mod rating_rules;
pub(crate) mod ratings;
pub(crate) mod records;
pub(crate) mod revisions;
pub(crate) mod timeline;
