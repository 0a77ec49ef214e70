//! Tables of expected decisions: what each post may do, and single cases with the
//! facts of a record and a moment (OP-7.2). `kefu policy test` runs them; the table
//! of the shipped policy is `policy_cases.toml`.

mod file;
mod run;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use kefu_access::{ClassSet, Explanation, Purpose, RowFacts};
use kefu_contracts::{Method, access::RuleVerdict, common::Reason};
use uuid::Uuid;

use crate::offline::World;

pub use file::{RecordEntry, facts, method, moment, person, purpose};

/// The table that comes with the suite.
pub const SHIPPED: &str = include_str!("../../policy_cases.toml");

/// A table, every name in it found in a company.
#[derive(Debug, Clone)]
pub struct Table {
    pub(crate) posts: Vec<Post>,
    pub(crate) cases: Vec<Case>,
}

/// All that somebody who holds a role alone may do; what does not stand here is
/// refused.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    pub(crate) role: String,
    pub(crate) login: String,
    pub(crate) subject: Uuid,
    pub(crate) allow: Vec<Allowed>,
}

#[derive(Debug, Clone)]
pub(crate) struct Allowed {
    pub(crate) permissions: Vec<String>,
    /// Any, and none at all, when absent.
    pub(crate) purposes: Option<Vec<Purpose>>,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) classes: ClassSet,
}

/// One question with what is to come of it.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) login: String,
    pub(crate) subject: Uuid,
    pub(crate) method: &'static Method,
    pub(crate) purpose: Purpose,
    pub(crate) at: Timestamp,
    pub(crate) record: Option<RowFacts>,
    pub(crate) expect: Expected,
    /// Verdicts of these rules.
    pub(crate) rules: BTreeMap<String, RuleVerdict>,
}

#[derive(Debug, Clone)]
pub(crate) enum Expected {
    Allowed {
        classes: Option<ClassSet>,
        sources: Option<Vec<String>>,
    },
    Refused {
        reason: Option<Reason>,
        /// Logins, the nearest first.
        ask: Option<Vec<String>>,
    },
}

/// Why a file is no table of this company.
#[derive(Debug, thiserror::Error)]
pub enum TableProblem {
    /// Not TOML, or not of this shape.
    #[error("{0}")]
    Shape(#[from] toml::de::Error),
    /// A name that is not there, or something that cannot be meant.
    #[error("{place}: {what}")]
    Content {
        /// `post agent`, `case 3`
        place: String,
        /// What is wrong there.
        what: String,
    },
}

/// What came of a table.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Roles the company's policy has.
    pub posts: usize,
    /// Permissions that public methods need.
    pub permissions: usize,
    /// Questions asked.
    pub asked: usize,
    /// What is not as expected, in the order of the table.
    pub mismatches: Vec<Mismatch>,
    /// Role and permission of which the table says nothing.
    pub uncovered: Vec<(String, &'static str)>,
}

/// A question that was not answered as expected.
#[derive(Debug, Clone)]
pub struct Mismatch {
    /// Which question: `agent · li.wei · profile.customers.get · service`.
    pub question: String,
    /// What should have come.
    pub expected: String,
    /// What came.
    pub got: String,
    /// Why it came.
    pub explanation: Explanation,
}

impl Table {
    /// Reads a table about this company.
    ///
    /// # Errors
    /// The first thing in it that cannot be meant.
    pub fn read(text: &str, world: &World) -> Result<Self, TableProblem> {
        file::read(text, world)
    }

    /// Asks every question of the table.
    pub fn run(&self, world: &World) -> Report {
        run::run(self, world)
    }
}

#[cfg(test)]
mod tests;
