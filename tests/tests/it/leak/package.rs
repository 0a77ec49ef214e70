//! Packages: a share that leaves the house holds every record that a grant of the same
//! terms would show, as it would show it, and no other.

use std::collections::BTreeSet;

use kefu_access::{Clearance, Purpose};
use kefu_contracts::{ClassSet, policy::DataClass};
use kefu_testkit::TestSuite;
use prost_reflect::DynamicMessage;
use serde_json::Value as Json;

use super::{
    oracle::{self, Known},
    post::Leak,
    schema,
};
use crate::exports;

/// What leaves: files, and what services keep about their customers.
const KINDS: [&str; 3] = [
    "kefu.profile.v1.Customer",
    "kefu.ticket.v1.Ticket",
    "kefu.order.v1.Order",
];

/// Terms of the shares: what for, and which classes.
const SHARES: [(Purpose, &[DataClass]); 3] = [
    (
        Purpose::Service,
        &[DataClass::Basic, DataClass::Identity, DataClass::Service],
    ),
    (
        Purpose::Analysis,
        &[DataClass::Basic, DataClass::Financial, DataClass::Relation],
    ),
    (
        Purpose::Marketing,
        &[DataClass::Basic, DataClass::Contact, DataClass::Purchase],
    ),
];

/// Approves each share over all files, opens its package and holds it against the oracle.
pub(super) async fn check(suite: &TestSuite, leak: &Leak) {
    let files = leak.known.iter().filter(|one| one.kind == KINDS[0]);
    let files: Vec<String> = files
        .filter(|one| !one.is_draft())
        .map(|one| one.name.clone())
        .collect();
    for (purpose, classes) in SHARES {
        let share = exports::approved(suite, files.clone(), classes, purpose).await;
        let text = exports::carried_out(suite, suite.caller("li.wei"), &share).await;
        let cleared = ClassSet::of(classes);
        let package = Package {
            leak,
            purpose,
            cleared,
        };
        package.check(&text);
    }
}

struct Package<'a> {
    leak: &'a Leak,
    purpose: Purpose,
    cleared: ClassSet,
}

impl Package<'_> {
    fn find(&self, what: impl std::fmt::Display) {
        let mut findings = self.leak.findings.lock().unwrap();
        findings.push(format!("package for {:?}: {what}", self.purpose));
    }

    /// Whether a grant of these terms reaches it.
    fn reaches(&self, one: &Known) -> bool {
        let asks_consent = matches!(self.purpose, Purpose::Sales | Purpose::Marketing);
        KINDS.contains(&one.kind.as_str())
            && !(one.kind == KINDS[0] && one.is_draft())
            && (!asks_consent || one.facts.consents.contains(&self.purpose))
    }

    fn check(&self, text: &str) {
        for canary in self.leak.canaries.found(text.as_bytes()) {
            let mut known = self.leak.known.iter();
            let one = known.find(|one| one.name == canary.record).unwrap();
            if !self.reaches(one) || !self.cleared.contains(canary.class) {
                self.find(format_args!("{} of {} LEAKS", canary.field, canary.record));
            }
        }
        let mut held = BTreeSet::new();
        for line in text.lines() {
            let line: Json = serde_json::from_str(line).unwrap();
            if let (Some(kind), Some(record)) = (line["type"].as_str(), line.get("record")) {
                held.insert(self.check_record(kind, record));
            }
        }
        let all = self.leak.known.iter().filter(|one| self.reaches(one));
        let all: BTreeSet<String> = all.map(|one| one.name.clone()).collect();
        if held != all {
            self.find(format_args!("holds {held:?}, the oracle says {all:?}"));
        }
    }

    /// The name of the record, held against what the oracle shows of it.
    fn check_record(&self, kind: &str, record: &Json) -> String {
        let kind = self.leak.schema.pool.get_message_by_name(kind).unwrap();
        let mut shown = DynamicMessage::deserialize(kind, record).unwrap();
        shown.clear_field_by_name("disclosure");
        let name = schema::text(&shown, "name");
        let mut known = self.leak.known.iter();
        if let Some(one) = known.find(|one| one.name == name) {
            let clearance = Clearance {
                classes: self.cleared,
                sources: Vec::new(),
                until: None,
            };
            let (expected, _) = oracle::shown(&self.leak.schema, &one.whole, &clearance);
            if shown != expected {
                self.find(format_args!(
                    "{name} is {shown}, the oracle says {expected}"
                ));
            }
        }
        name
    }
}
