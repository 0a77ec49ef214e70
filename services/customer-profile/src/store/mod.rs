//! SQL of the customer file.

pub(crate) mod certificates;
pub(crate) mod consents;
pub(crate) mod customers;
pub(crate) mod data_requests;
pub(crate) mod destruction;
pub(crate) mod drafts;
pub(crate) mod duty;
pub(crate) mod file_numbers;
pub(crate) mod file_reviews;
pub(crate) mod hanging;
pub(crate) mod holds;
pub(crate) mod keys;
pub(crate) mod purchases;
pub(crate) mod quality;
pub(crate) mod quality_findings;
pub(crate) mod rating_rules;
pub(crate) mod rating_statements;
pub(crate) mod ratings;
pub(crate) mod records;
pub(crate) mod retention;
pub(crate) mod revisions;
pub(crate) mod timeline;
pub(crate) mod verifications;
