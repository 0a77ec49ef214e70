//! The decision core of kefu: who may see which rows and which data classes of
//! them, for what purpose, and until when.
//!
//! - [`Snapshot`] holds the policy as access-control streams it; [`Snapshot::decide`]
//!   turns one question into rules or a refusal, and [`Snapshot::account`] says why.
//! - [`AccessContext`] carries the rules to the services, signed by [`ContextSigner`]
//!   and believed only through [`ContextVerifier`].
//! - [`Scope`] says which rows a rule reaches, in two readings that a property test
//!   holds together: [`Scope::matches`] and [`Scope::write_sql`].
//!
//! Everything here is pure: no I/O, no database, no clock. The time is a parameter,
//! and every end is exclusive: at the moment itself it is over (promise 4).

mod change;
mod context;
mod context_wire;
mod decide;
mod denial;
mod dossier;
mod explain;
#[cfg(test)]
mod fixture;
mod fold;
mod grant;
mod index;
mod policy;
mod scope;
mod scope_sql;
mod scope_wire;
mod sign;
mod snapshot;
mod tree;
mod wire;

pub use context::{AccessContext, Clearance, MAX_RULES, Rule, Subject};
pub use decide::{Allowance, Decision, Query};
pub use denial::{Denial, Post, Whom, purpose_name};
pub use explain::{About, Considered, Explanation, Miss, Outcome, Verdict};
pub use kefu_contracts::{ClassSet, access::SubjectKind, policy::Purpose};
pub use scope::{RowFacts, Scope};
pub use scope_sql::{
    ConsentSql, DutySql, ScopeColumns, SqlSink, is_cleared_throughout, write_matched, write_scope,
    write_scope_for_class,
};
pub use sign::{
    ContextError, ContextSigner, ContextVerifier, INTERNAL, KeyError, MAX_AHEAD, MAX_LIFETIME,
    Trust,
};
pub use snapshot::{Snapshot, SnapshotError};
pub use wire::WireError;
