//! The oracle: who may see what of which record, from the policy alone and facts
//! that the test knows because it made the records. No SQL, no service.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use kefu_access::{AccessContext, Clearance, Decision, Purpose, Query, RowFacts, Snapshot};
use kefu_contracts::{
    ClassSet, METHODS, Method,
    access::{WatchSnapshotRequest, snapshot_service_client::SnapshotServiceClient},
    policy::{DataClass, Mask},
    profile::CustomerState,
};
use kefu_service::clock::Clock;
use kefu_testkit::{TestSuite, employee_id};
use prost_reflect::{DynamicMessage, ReflectMessage, Value};
use tonic::{Request, metadata::MetadataValue};

use super::schema::{self, Schema};

/// The policy as gateways are told it.
pub(super) async fn policy(suite: &TestSuite) -> Snapshot {
    let now = suite.clock.now();
    let context = AccessContext {
        subject: kefu_access::Subject {
            id: uuid::Uuid::nil(),
            kind: kefu_access::SubjectKind::Service,
            departments: Vec::new(),
        },
        permission: "internal.snapshot.watch".into(),
        purpose: Purpose::Administration,
        rules: Vec::new(),
        policy_revision: 0,
        issued_at: now,
        expires_at: now + std::time::Duration::from_secs(20),
    };
    let signed = suite.keys.service().unwrap().sign(&context);
    let mut request = Request::new(WatchSnapshotRequest {});
    let value = MetadataValue::from_bytes(&signed);
    request.metadata_mut().insert_bin("kefu-context-bin", value);
    let mut client = SnapshotServiceClient::new(suite.service("access-control"));
    let mut stream = client.watch_snapshot(request).await.unwrap().into_inner();
    let mut snapshot = Snapshot::default();
    snapshot
        .apply(&stream.message().await.unwrap().unwrap())
        .unwrap();
    snapshot
}

/// What the policy says to one call; `None`: it is refused.
pub(super) fn decide(
    snapshot: &Snapshot,
    login: &str,
    purpose: Purpose,
    method: &Method,
    now: Timestamp,
) -> Option<AccessContext> {
    if method.purpose_required && purpose == Purpose::Unspecified {
        return None;
    }
    let query = Query {
        subject: employee_id(login),
        permission: method.permission,
        purpose,
        purpose_required: method.purpose_required,
    };
    match snapshot.decide(&query, now) {
        Decision::Deny(_) => None,
        Decision::Allow(allowed) => Some(AccessContext {
            subject: allowed.subject,
            permission: method.permission.to_owned(),
            purpose,
            rules: allowed.rules,
            policy_revision: allowed.revision,
            issued_at: now,
            expires_at: now + std::time::Duration::from_secs(60),
        }),
    }
}

/// A record as it is, for those who may see everything.
pub(super) struct Known {
    pub(super) name: String,
    /// Full name of its message.
    pub(super) kind: String,
    /// As a get shows it.
    pub(super) whole: DynamicMessage,
    /// As a list shows it.
    pub(super) listed: DynamicMessage,
    pub(super) facts: RowFacts,
}

impl Known {
    /// Whether it is a customer of whom there is no file.
    pub(super) fn is_draft(&self) -> bool {
        let state = self.whole.get_field_by_name("state");
        let number = state
            .and_then(|state| state.as_enum_number())
            .unwrap_or_default();
        [CustomerState::Draft as i32, CustomerState::Withdrawn as i32].contains(&number)
    }
}

/// The record brought down to what is cleared, with its account.
pub(super) fn shown(
    schema: &Schema,
    record: &DynamicMessage,
    clearance: &Clearance,
) -> (DynamicMessage, [BTreeSet<String>; 2]) {
    let mut record = record.clone();
    record.clear_field_by_name("disclosure");
    let mut account = [BTreeSet::new(), BTreeSet::new()];
    redact(schema, &mut record, clearance.classes, "", &mut account);
    (record, account)
}

fn redact(
    schema: &Schema,
    message: &mut DynamicMessage,
    cleared: ClassSet,
    path: &str,
    account: &mut [BTreeSet<String>; 2],
) {
    for field in message.descriptor().fields() {
        if !message.has_field(&field) {
            continue;
        }
        let path = match path {
            "" => field.name().to_owned(),
            path => format!("{path}.{}", field.name()),
        };
        let (class, mask) = schema.policy(&field);
        if class != DataClass::System && !cleared.contains(class) {
            match mask {
                Mask::Keep | Mask::Unspecified => {}
                Mask::Omit => {
                    message.clear_field(&field);
                    account[1].insert(path);
                    continue;
                }
                how => {
                    let value = message.get_field(&field).as_str().unwrap().to_owned();
                    message.set_field(&field, Value::String(masked(how, &value)));
                    account[0].insert(path);
                    continue;
                }
            }
        }
        if schema::nested(&field).is_some() {
            match message.get_field_mut(&field) {
                Value::Message(inner) => redact(schema, inner, cleared, &path, account),
                Value::List(many) => many
                    .iter_mut()
                    .filter_map(Value::as_message_mut)
                    .for_each(|inner| redact(schema, inner, cleared, &path, account)),
                _ => {}
            }
        }
    }
}

/// The forms of the policy ("Data classes"), for values of usual length.
fn masked(how: Mask, value: &str) -> String {
    let head = |count| value.chars().take(count).collect::<String>();
    match how {
        Mask::Name => head(1) + "*",
        Mask::Phone => {
            let national = &value[3..];
            format!("{}****{}", &national[..3], &national[7..])
        }
        Mask::Email => format!("{}***{}", head(1), &value[value.find('@').unwrap()..]),
        Mask::IdCard => format!("{}***********{}", &value[..3], &value[14..]),
        Mask::BankCard => format!("**** **** **** {}", &value[12..]),
        other => panic!("the oracle does not know {other:?}: add it to leak/oracle.rs"),
    }
}

/// Methods of each service that are there for outsiders.
pub(super) fn public() -> impl Iterator<Item = &'static Method> {
    METHODS.iter().filter(|method| !method.internal)
}

/// How many of these there are under each name.
pub(super) fn tally(names: impl IntoIterator<Item = String>) -> BTreeMap<String, i64> {
    let mut counts = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    counts
}
