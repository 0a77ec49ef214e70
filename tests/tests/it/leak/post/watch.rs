//! Watches: from before there was any record each post is shown what it sees of every one, and
//! of names that it brings nothing is told but that they are not there.

use std::collections::{BTreeMap, BTreeSet};

use kefu_access_control::domain::company::Company;
use kefu_testkit::{COMPANY, TestSuite};
use prost_reflect::{DynamicMessage, Value};
use tonic::Code;

use super::{Door, Post};
use crate::leak::{
    calls::{NOBODY, request, string},
    purposes,
    schema::{self, Schema, text},
    spoken, wire,
};

/// What can be watched, with the records that are shown.
const WATCHES: &[(&str, &str)] = &[
    (
        "/kefu.ticket.v1.WatchService/WatchTickets",
        "kefu.ticket.v1.Ticket",
    ),
    (
        "/kefu.order.v1.WatchService/WatchOrders",
        "kefu.order.v1.Order",
    ),
    (
        "/kefu.order.v1.WatchService/WatchFollowUps",
        "kefu.order.v1.FollowUp",
    ),
    (
        "/kefu.order.v1.WatchService/WatchCases",
        "kefu.order.v1.Case",
    ),
];

/// The records that a method lets be watched, if it does.
pub(super) fn watched(path: &str) -> Option<&'static str> {
    let mut all = WATCHES.iter();
    all.find(|(known, _)| *known == path).map(|(_, kind)| *kind)
}

/// A place of now for each who may watch for any purpose, by path and login.
pub(in crate::leak) async fn begun(
    suite: &TestSuite,
    schema: &Schema,
) -> BTreeMap<(&'static str, String), String> {
    let mut begun = BTreeMap::new();
    for (path, _) in WATCHES {
        let method = schema.method(path);
        let asked = DynamicMessage::new(method.input());
        for person in Company::from_toml(COMPANY).unwrap().employees {
            for purpose in purposes() {
                let caller = suite.caller_for(&person.login, &spoken(purpose));
                let answer = wire::call(&caller, path, &asked).await;
                if answer.code() == Code::Ok {
                    let first = answer.messages(&method.output()).pop().unwrap();
                    let token = text(&first, "resume_token");
                    begun.insert((*path, person.login.clone()), token);
                    break;
                }
            }
        }
    }
    begun
}

impl Post<'_> {
    pub(super) async fn watch(&self, door: &Door<'_>, kind: &str) {
        let input = door.descriptor.input();
        let known = self.known(kind);
        let (there, hidden): (Vec<_>, Vec<_>) =
            known.partition(|one| door.clearance(one, self.leak.now).is_some());
        let names = |all: &[&crate::leak::oracle::Known]| -> BTreeSet<String> {
            all.iter().map(|one| one.name.clone()).collect()
        };
        let (there, mut hidden) = (names(&there), names(&hidden));
        // Each record is held against the oracle as it comes. Whom only a share lets in had no
        // place then.
        let place = (door.method.path, self.login.to_owned());
        if let Some(token) = self.leak.begun.get(&place).map(string) {
            let answer = self
                .send(door, request(&input, &[("resume_token", token)]))
                .await;
            let (changed, left) = told(&answer.messages(&door.descriptor.output()));
            if changed != there || !left.is_empty() {
                self.find(
                    door,
                    format_args!("shows {changed:?}, {left:?} left, the oracle says {there:?}"),
                );
            }
        }
        let held = there.iter().chain(&hidden).map(string);
        let some = self.known(kind).next().unwrap();
        let absent = format!("{}/{NOBODY}", some.name.split('/').next().unwrap());
        let held = Value::List(held.chain([string(&absent)]).collect());
        let answer = self.send(door, request(&input, &[("held", held)])).await;
        let (changed, left) = told(&answer.messages(&door.descriptor.output()));
        hidden.insert(absent);
        if left != hidden || !changed.is_empty() {
            self.find(
                door,
                format_args!("says that {left:?} left, the oracle says {hidden:?}"),
            );
        }
    }
}

/// Names of the records that changed, and of those that left.
fn told(messages: &[DynamicMessage]) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut changed, mut left) = (BTreeSet::new(), BTreeSet::new());
    for message in messages {
        let mut records = Vec::new();
        schema::records_in(message, &mut records);
        changed.extend(records.iter().map(|one| text(one, "name")));
        let names = message.get_field_by_name("left").unwrap();
        left.extend(schema::texts(&names).into_iter().map(str::to_owned));
    }
    (changed, left)
}
