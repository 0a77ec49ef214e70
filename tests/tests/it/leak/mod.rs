//! The leak test: a canary in every classified field, every public method called
//! as every post for every purpose with everything it can be asked by. No canary
//! that is not cleared is in any byte of any answer, in any log line or in the
//! database, and what get, list, count, figures and packages say agrees with `decide()`.

mod after_sales;
mod calls;
pub(crate) mod dump;
mod logs;
mod offers;
mod oracle;
mod orders;
mod package;
mod post;
mod relationship;
mod schema;
mod search;
mod values;
mod wire;
mod world;

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU32,
    sync::{Arc, Mutex, atomic::Ordering},
    time::Instant,
};

use kefu_access::Purpose;
use kefu_access_control::domain::company::Company;
use kefu_contracts::policy::Effect;
use kefu_service::clock::Clock;
use kefu_testkit::{COMPANY, Caller, TestSuite};
use prost_reflect::{DynamicMessage, ReflectMessage};
use tokio::{sync::Semaphore, task::JoinSet};
use tonic::Code;

use self::{
    calls::{request, string},
    logs::Logs,
    offers::Offer,
    oracle::Known,
    post::{DERIVED, FIGURES, Leak, Post},
    schema::Schema,
    search::Canaries,
};

/// Posts that call at once: one suite and its database are to be busy, not the test.
const AT_ONCE: usize = 8;

/// Findings that are told; the first few say it all.
const TOLD: usize = 25;

/// Clauses CF-5.3, CF-6.1, CF-9.1, CC-2.1, CC-2.2, CC-2.5, IH-2.3, IH-5.
#[tokio::test(flavor = "multi_thread")]
async fn no_post_is_shown_by_any_call_what_the_policy_does_not_clear() {
    let begun = Instant::now();
    let logs = Logs::capture();
    let suite = TestSuite::with(|gateway| {
        gateway.calls_per_second = NonZeroU32::MAX;
        gateway.burst = NonZeroU32::MAX;
        gateway.max_in_flight = 10_000;
        gateway.default_deadline_ms = 30_000;
    })
    .await;
    let leak = Arc::new(Box::pin(prepare(&suite)).await);
    let company = Company::from_toml(COMPANY).unwrap();
    let logins: Vec<String> = company.employees.into_iter().map(|one| one.login).collect();
    let posts = logins.len();
    let mut running = JoinSet::new();
    let gate = Arc::new(Semaphore::new(AT_ONCE));
    for login in logins {
        for purpose in purposes() {
            let (leak, gate, login) = (leak.clone(), gate.clone(), login.clone());
            let caller = suite.caller_for(&login, &spoken(purpose));
            running.spawn(async move {
                let _turn = gate.acquire().await.unwrap();
                let post = Post {
                    leak: &leak,
                    login: &login,
                    purpose,
                    caller,
                };
                post.call_all().await;
            });
        }
    }
    running.join_all().await;
    package::check(&suite, &leak).await;

    let mut findings = std::mem::take(&mut *leak.findings.lock().unwrap());
    let logged = logs.take();
    for line in logged.split(|byte| *byte == b'\n') {
        for canary in leak.canaries.found(line) {
            findings.push(format!(
                "log: {} of {} in {}",
                canary.field,
                canary.record,
                String::from_utf8_lossy(line)
            ));
        }
        if !leak.secret.canaries.found(line).is_empty() {
            findings.push("log: of an article".to_owned());
        }
    }
    let mut stored = 0;
    for (table, text) in dump::tables(&suite.database).await {
        stored += text.len();
        for canary in leak.canaries.found(text.as_bytes()) {
            findings.push(format!(
                "database: {} of {} lies open in {table}",
                canary.field, canary.record
            ));
        }
    }
    println!(
        "{} public methods, {posts} posts × {} purposes, {} calls, {} records, {} canaries; {} bytes of answers, {} of logs and {stored} of tables searched in {:?}",
        oracle::public().count(),
        purposes().count(),
        leak.calls.load(Ordering::Relaxed),
        leak.known.len(),
        leak.canaries.all.len(),
        leak.bytes.load(Ordering::Relaxed),
        logged.len(),
        begun.elapsed(),
    );
    assert!(logged.len() > 10_000, "the logs were not taken");
    // Canaries first: what disagrees with the oracle besides follows from them.
    findings.sort_by_key(|one| {
        !["LEAKS", "log: ", "database: "]
            .iter()
            .any(|sign| one.contains(sign))
    });
    assert!(
        findings.is_empty(),
        "{} findings, the first of them:\n{}",
        findings.len(),
        findings[..findings.len().min(TOLD)].join("\n")
    );
}

/// Each, and none.
fn purposes() -> impl Iterator<Item = Purpose> {
    (0..).map_while(|number| Purpose::try_from(number).ok())
}

fn spoken(purpose: Purpose) -> String {
    match purpose {
        Purpose::Unspecified => String::new(),
        purpose => kefu_access::purpose_name(purpose).to_lowercase(),
    }
}

/// Makes the records and reads what the contracts say. What this test would not
/// cover is a finding before anything is called.
async fn prepare(suite: &TestSuite) -> Leak {
    let schema = Schema::read();
    let begun = post::begun(suite, &schema).await;
    let world = Box::pin(world::make(suite)).await;
    let mut known = Vec::new();
    let mut gaps = Vec::new();
    for (name, facts) in &world.facts {
        let collection = name.split('/').next().unwrap();
        let reader = world.readers.get(name).unwrap_or(&world.maker);
        let (kind, whole, listed) = whole(&schema, reader, name).await;
        let owner = ["owner", "assignee", "agent"]
            .map(|field| schema::text(&whole, field))
            .concat();
        // What hangs on a file is where the file is, and does not say so itself.
        let placed = whole.descriptor().get_field_by_name("department").is_some();
        assert!(placed || schema::text(&whole, "customer").starts_with("customers/"));
        if placed {
            assert_eq!(
                (owner, schema::text(&whole, "department")),
                (
                    facts
                        .owner
                        .map(|id| format!("employees/{id}"))
                        .unwrap_or_default(),
                    format!("departments/{}", facts.department.unwrap())
                ),
                "the {collection} are as they were made"
            );
        }
        known.push(Known {
            name: name.clone(),
            kind,
            whole,
            listed,
            facts: facts.clone(),
        });
    }
    gaps.extend(unplanted(&schema, &known));
    let mut offers = BTreeMap::new();
    for method in oracle::public().filter(|method| method.effect == Effect::Read) {
        let descriptor = schema.method(method.path);
        gaps.extend(calls::unknown(&descriptor));
        if let Some(offer) = Offer::read(&schema, &descriptor, &known, &mut gaps) {
            offers.insert(method.path, offer);
        }
    }
    gaps.extend(uncounted(suite, &schema).await);
    let past = past(&schema, &world.maker, &known).await;
    assert!(
        gaps.is_empty(),
        "the leak test does not cover:\n{}",
        gaps.join("\n")
    );
    let mut canaries = Vec::new();
    for one in &known {
        search::canaries(&schema, &one.name, &one.whole, &mut canaries);
    }
    Leak {
        snapshot: oracle::policy(suite).await,
        now: suite.clock.now(),
        canaries: Canaries::new(canaries),
        schema,
        known,
        past,
        offers,
        begun,
        reviews: world.reviews,
        secret: world.secret,
        links: world.links,
        findings: Mutex::default(),
        calls: Default::default(),
        bytes: Default::default(),
    }
}

/// A record as a get and as a list show it to one who is cleared for everything.
async fn whole(
    schema: &Schema,
    maker: &Caller,
    name: &str,
) -> (String, DynamicMessage, DynamicMessage) {
    let collection = name.split('/').next().unwrap();
    let reads = oracle::public().filter(|method| method.effect == Effect::Read);
    let (mut whole, mut listed) = (None, None);
    for method in reads {
        let descriptor = schema.method(method.path);
        let Some(record) = calls::record_of(&descriptor.output()) else {
            continue;
        };
        if format!("{}s", record.name().to_lowercase()) != collection.replace('-', "") {
            continue;
        }
        let input = descriptor.input();
        if input.get_field_by_name("name").is_some() && record == descriptor.output() {
            let asked = request(&input, &[("name", string(name))]);
            let answer = wire::call(maker, method.path, &asked).await;
            // A file and a draft are got by different methods.
            if answer.code() == Code::NotFound {
                continue;
            }
            assert_eq!(answer.code(), Code::Ok, "{name} is read whole");
            whole = answer.messages(&record).pop();
        } else if input.get_field_by_name("filter").is_some() {
            let answer = wire::call(maker, method.path, &DynamicMessage::new(input)).await;
            let mut all = Vec::new();
            for page in answer.messages(&descriptor.output()) {
                schema::records_in(&page, &mut all);
            }
            let found = all
                .into_iter()
                .find(|one| schema::text(one, "name") == name);
            listed = listed.or(found);
        }
    }
    let whole = whole.unwrap_or_else(|| panic!("no method gets {name}"));
    (
        whole.descriptor().full_name().to_owned(),
        whole,
        listed.unwrap(),
    )
}

/// Every file as each of its revisions left it, whole.
async fn past(
    schema: &Schema,
    maker: &Caller,
    known: &[Known],
) -> BTreeMap<(String, String), DynamicMessage> {
    const LIST: &str = "/kefu.profile.v1.RevisionService/ListCustomerRevisions";
    let method = schema.method(LIST);
    let mut past = BTreeMap::new();
    for one in known
        .iter()
        .filter(|one| one.name.starts_with("customers/"))
    {
        let asked = request(&method.input(), &[("parent", string(&one.name))]);
        let answer = wire::call(maker, LIST, &asked).await;
        for page in answer.messages(&method.output()) {
            let mut files = Vec::new();
            schema::records_in(&page, &mut files);
            let keyed = files.into_iter().map(|file| {
                let etag = schema::text(&file, "etag");
                ((one.name.clone(), etag), file)
            });
            past.extend(keyed);
        }
    }
    assert!(
        past.len()
            >= known
                .iter()
                .filter(|one| one.name.starts_with("customers/"))
                .count()
    );
    past
}

/// Kinds of record that the world has none of, and classified fields in which no
/// record has anything.
fn unplanted(schema: &Schema, known: &[Known]) -> Vec<String> {
    let mut planted = BTreeSet::new();
    for one in known {
        note(&one.whole, &mut planted);
    }
    let mut gaps = Vec::new();
    for record in schema.records() {
        for field in schema.classified(&record) {
            if !planted.contains(field.full_name()) {
                let class = schema.policy(&field).0.as_str_name();
                gaps.push(format!(
                    "{} is {class} and no record has anything in it: plant a canary in leak/world",
                    field.full_name()
                ));
            }
        }
    }
    gaps
}

fn note(message: &DynamicMessage, planted: &mut BTreeSet<String>) {
    for (field, value) in message.fields() {
        planted.insert(field.full_name().to_owned());
        for inner in schema::messages(value) {
            note(inner, planted);
        }
    }
}

/// Figures that the test has no population for.
async fn uncounted(suite: &TestSuite, schema: &Schema) -> Vec<String> {
    const LIST: &str = "/kefu.analytics.v1.MetricsService/ListMetrics";
    let method = schema.method(LIST);
    let leader = suite.caller_for("chen.guodong", "analysis");
    let answer = wire::call(&leader, LIST, &DynamicMessage::new(method.input())).await;
    let answer = answer.messages(&method.output()).pop().unwrap();
    let metrics = answer.get_field_by_name("metrics").unwrap();
    let ids = schema::messages(&metrics)
        .into_iter()
        .map(|one| schema::text(one, "id"));
    ids.filter(|id| !FIGURES.iter().any(|(known, ..)| known == id))
        .filter(|id| !DERIVED.contains(&id.as_str()))
        .map(|id| format!("the figure {id}: add it to FIGURES and population() in leak/post.rs"))
        .collect()
}
