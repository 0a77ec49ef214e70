//! One post with one purpose calls everything, and each answer is held against
//! the oracle.

mod conversation;
mod duties;
mod figures;
pub(super) mod knowledge;
mod links;
mod lists;
mod quality;
mod watch;

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use jiff::Timestamp;
use kefu_access::{AccessContext, Clearance, Purpose, RowFacts, Snapshot};
use kefu_contracts::{METHODS, Method, policy::Effect};
use kefu_testkit::Caller;
use prost_reflect::{DynamicMessage, MethodDescriptor, ReflectMessage, Value};
use tonic::Code;

use super::{
    calls::{self, NOBODY, request, string},
    offers::Offer,
    oracle::{self, Known},
    schema::{self, Schema, text},
    search::Canaries,
    wire::{self, Answer},
};

/// What all posts share.
pub(super) struct Leak {
    pub(super) schema: Schema,
    pub(super) snapshot: Snapshot,
    pub(super) now: Timestamp,
    pub(super) known: Vec<Known>,
    /// Files as their revisions left them, by name and etag.
    pub(super) past: BTreeMap<(String, String), DynamicMessage>,
    pub(super) canaries: Canaries,
    pub(super) offers: BTreeMap<&'static str, Offer>,
    /// By path and login a place of before there was any record, where they may watch from it.
    pub(super) begun: BTreeMap<(&'static str, String), String>,
    pub(super) reviews: Vec<String>,
    pub(super) secret: knowledge::Secret,
    /// Pairs of tickets.
    pub(super) links: Vec<(String, String)>,
    pub(super) findings: Mutex<Vec<String>>,
    pub(super) calls: AtomicUsize,
    pub(super) bytes: AtomicUsize,
}

/// Somebody for a purpose.
pub(super) struct Post<'a> {
    pub(super) leak: &'a Leak,
    pub(super) login: &'a str,
    pub(super) purpose: Purpose,
    pub(super) caller: Caller,
}

/// Full name of the customer file's message.
const CUSTOMER: &str = "kefu.profile.v1.Customer";

/// A method as the post may call it.
struct Door<'a> {
    method: &'static Method,
    descriptor: MethodDescriptor,
    context: Option<&'a AccessContext>,
}

impl Door<'_> {
    /// What is cleared of a record. Drafts are looked at by methods of their own, and by
    /// no other.
    fn clearance(&self, known: &Known, now: Timestamp) -> Option<Clearance> {
        let about_drafts = self.method.permission.starts_with("profile.drafts.");
        if known.kind == CUSTOMER && known.is_draft() != about_drafts {
            return None;
        }
        self.clearance_of(&known.facts, now)
    }

    fn clearance_of(&self, facts: &RowFacts, now: Timestamp) -> Option<Clearance> {
        self.context?.clearance_of(facts, now)
    }
}

/// Says how good files are, and shows none of them: rows are checked one by one.
const QUALITY: &str = "kefu.profile.v1.QualityService";

/// Services that answer from the register of the company, and ask what for. Reports are figures
/// of departments, and show no record; assessments are of staff.
const REGISTERS: &[&str] = &[
    "kefu.analytics.v1.AssessmentService",
    "kefu.analytics.v1.ExceptionService",
    "kefu.analytics.v1.ImprovementService",
    "kefu.analytics.v1.ReportService",
    "kefu.profile.v1.CertificateService",
    "kefu.profile.v1.DuplicateService",
    "kefu.profile.v1.HoldService",
    "kefu.profile.v1.MergeService",
    QUALITY,
    "kefu.profile.v1.RetentionService",
    "kefu.ticket.v1.ViewService",
];

/// Whether it answers from the register of the company, which holds no customer's data.
fn is_register(method: &Method) -> bool {
    let register = !method.purpose_required || REGISTERS.contains(&method.service);
    register && method.shows.is_empty()
}

pub(super) use figures::{DERIVED, FIGURES};
pub(super) use watch::begun;

impl Post<'_> {
    /// Calls everything.
    pub(super) async fn call_all(&self) {
        for method in METHODS {
            // The whole audit log asks for no purpose, and is long: once is enough.
            let whole_log = is_register(method) && method.server_streaming;
            if whole_log && self.purpose != Purpose::Unspecified {
                continue;
            }
            let context = oracle::decide(
                &self.leak.snapshot,
                self.login,
                self.purpose,
                method,
                self.leak.now,
            );
            let door = Door {
                method,
                descriptor: self.leak.schema.method(method.path),
                context: context.as_ref().filter(|_| !method.internal),
            };
            let plain = self
                .send(&door, DynamicMessage::new(door.descriptor.input()))
                .await;
            self.check_door(&door, &plain);
            if method.internal {
                continue;
            }
            if door.context.is_none() {
                // It is refused before its fields are looked at: for some purposes is enough.
                if matches!(
                    self.purpose,
                    Purpose::Unspecified | Purpose::Service | Purpose::Marketing
                ) {
                    self.knock(&door).await;
                }
            } else if method.effect == Effect::Write {
                self.change(&door).await;
            } else if !is_register(method) || method.service == QUALITY {
                self.read(&door).await;
            } else if matches!(self.purpose, Purpose::Unspecified | Purpose::Service) {
                // It asks for no purpose: more of them are the same calls again.
                self.read(&door).await;
            }
        }
    }

    /// Whether the very same rules let them look for a purpose before this one: filters then find the
    /// same, and are not asked again.
    fn is_repeated(&self, door: &Door<'_>) -> bool {
        let Some(context) = door.context else {
            return false;
        };
        let mut earlier = super::purposes().take_while(|purpose| *purpose != self.purpose);
        earlier.any(|purpose| {
            let leak = self.leak;
            let other = oracle::decide(&leak.snapshot, self.login, purpose, door.method, leak.now);
            other.is_some_and(|other| other.rules == context.rules)
        })
    }

    fn find(&self, door: &Door<'_>, what: impl std::fmt::Display) {
        let mut findings = self.leak.findings.lock().unwrap();
        findings.push(format!(
            "{} as {} for {:?}: {what}",
            door.method.path, self.login, self.purpose
        ));
    }

    /// Allowed or refused, as the policy says.
    fn check_door(&self, door: &Door<'_>, answer: &Answer) {
        let code = answer.code();
        let refused = matches!(
            code,
            Code::PermissionDenied | Code::Unauthenticated | Code::Unimplemented
        );
        let unstated = door.method.purpose_required && self.purpose == Purpose::Unspecified;
        let right = match door.context {
            _ if door.method.internal => code == Code::Unimplemented,
            Some(_) => !refused,
            None if unstated => code == Code::InvalidArgument,
            None => code == Code::PermissionDenied,
        };
        if !right {
            let says = if door.context.is_some() {
                "allows"
            } else {
                "refuses"
            };
            self.find(
                door,
                format_args!("the policy {says} it and the answer is {code:?}"),
            );
        }
    }

    /// One call; whatever comes back holds nothing that is not cleared.
    async fn send(&self, door: &Door<'_>, request: DynamicMessage) -> Answer {
        let answer = wire::call(&self.caller, door.method.path, &request).await;
        let bytes = answer.bytes();
        self.leak.calls.fetch_add(1, Ordering::Relaxed);
        self.leak.bytes.fetch_add(bytes.len(), Ordering::Relaxed);
        self.check_secret(door, &bytes, &request);
        for canary in self.leak.canaries.found(&bytes) {
            let mut holders = self
                .leak
                .known
                .iter()
                .filter(|one| one.name == canary.record || canary.copies.contains(&one.name));
            let is_cleared = holders.any(|known| {
                let clearance = door.clearance(known, self.leak.now);
                clearance.is_some_and(|cleared| cleared.classes.contains(canary.class))
            });
            if !is_cleared {
                self.find(
                    door,
                    format_args!(
                        "{} of {} LEAKS, asked by {request}",
                        canary.field, canary.record
                    ),
                );
            }
        }
        if matches!(
            answer.code(),
            Code::Internal | Code::Unknown | Code::Unavailable | Code::ResourceExhausted
        ) {
            self.find(door, format_args!("{:?} to {request}", answer.code()));
        }
        if answer.code() == Code::Ok {
            for message in answer.messages(&door.descriptor.output()) {
                let mut records = Vec::new();
                schema::records_in(&message, &mut records);
                for record in records {
                    self.check_record(door, &record);
                }
            }
        }
        answer
    }

    /// A record in an answer is the whole one brought down to what is cleared.
    fn check_record(&self, door: &Door<'_>, record: &DynamicMessage) {
        let name = text(record, "name");
        let Some(known) = self.leak.known.iter().find(|one| one.name == name) else {
            return self.find(
                door,
                format_args!("shows {name}, which this test did not make"),
            );
        };
        let Some(clearance) = door.clearance(known, self.leak.now) else {
            return self.find(door, format_args!("shows {name}, which is out of scope"));
        };
        let one = record.descriptor() == door.descriptor.output();
        let past = door
            .descriptor
            .input()
            .get_field_by_name("parent")
            .is_some();
        let whole = match self.leak.past.get(&(name.clone(), text(record, "etag"))) {
            Some(whole) if past => whole,
            _ if one => &known.whole,
            _ => &known.listed,
        };
        let (expected, account) = oracle::shown(&self.leak.schema, whole, &clearance);
        let mut shown = record.clone();
        let disclosure = shown.get_field_by_name("disclosure").unwrap().into_owned();
        shown.clear_field_by_name("disclosure");
        if shown != expected {
            self.find(
                door,
                format_args!("{name} is shown as {shown}, the oracle says {expected}"),
            );
        }
        self.check_account(
            door,
            &name,
            disclosure.as_message().unwrap(),
            &clearance,
            &account,
        );
    }

    fn check_account(
        &self,
        door: &Door<'_>,
        name: &str,
        told: &DynamicMessage,
        clearance: &Clearance,
        account: &[std::collections::BTreeSet<String>; 2],
    ) {
        for (field, expected) in [
            ("masked_fields", &account[0]),
            ("omitted_fields", &account[1]),
        ] {
            let told = told.get_field_by_name(field).unwrap();
            let told: std::collections::BTreeSet<String> = schema::texts(&told)
                .into_iter()
                .map(str::to_owned)
                .collect();
            if told != *expected {
                self.find(
                    door,
                    format_args!("{name}: {field} says {told:?}, the oracle {expected:?}"),
                );
            }
        }
        let cleared = told.get_field_by_name("cleared").unwrap();
        let cleared: Vec<i32> = cleared
            .as_list()
            .unwrap()
            .iter()
            .filter_map(Value::as_enum_number)
            .collect();
        let sources = told.get_field_by_name("sources").unwrap();
        if cleared != clearance.classes.to_numbers() || schema::texts(&sources) != clearance.sources
        {
            self.find(
                door,
                format_args!(
                    "{name}: cleared {cleared:?} by {sources:?}, the oracle says {clearance:?}"
                ),
            );
        }
    }

    /// A name asked for where nothing may be asked.
    async fn knock(&self, door: &Door<'_>) {
        if door.descriptor.input().get_field_by_name("name").is_none() {
            return;
        }
        let name = string(&self.leak.known[0].name);
        let answer = self
            .send(door, request(&door.descriptor.input(), &[("name", name)]))
            .await;
        self.check_door(door, &answer);
    }

    async fn read(&self, door: &Door<'_>) {
        let input = door.descriptor.input();
        if door.method.service.starts_with("kefu.ticket.v1.Knowledge") {
            return self.knowledge(door).await;
        }
        if let Some(kind) = watch::watched(door.method.path) {
            return self.watch(door, kind).await;
        }
        if let Some(offer) = self.leak.offers.get(door.method.path) {
            return self.list(door, offer).await;
        }
        if input.name() == "ListFigureRecordsRequest" {
            return self.openings(door).await;
        }
        let paged = input.get_field_by_name("page_size").is_some();
        if door.method.service == QUALITY && paged {
            return self.qualities(door).await;
        }
        if input.name() == "ListDutiesRequest" {
            return self.duties(door).await;
        }
        if ["DownloadAttachmentRequest", "RenderMacroRequest"].contains(&input.name()) {
            return self.conversation(door).await;
        }
        // What lists nothing but what belongs to one resource is asked in `lookups`; so is
        // the audit log, which grows with every look at it.
        let endless = input.name() == "ListAuditEntriesRequest";
        // Nor do checks to be made, which are asked for one by one.
        let of_one = ["resource", "incident", "parent", "check"]
            .into_iter()
            .any(|field| input.get_field_by_name(field).is_some());
        if input.get_field_by_name("page_size").is_some() && !of_one && !endless {
            for size in [1, 2, 200] {
                self.pages(door, &[], size).await;
            }
        }
        for field in ["name", "parent"] {
            if input.get_field_by_name(field).is_some() {
                self.get(door, field).await;
            }
        }
        if input.name() == "ListLinksRequest" {
            self.links(door).await;
        }
        match input.name() {
            "QueryMetricRequest" => self.figures(door).await,
            "MeasureStaffRequest" => self.staff(door).await,
            "RankCustomersRequest" => self.ranked(door).await,
            _ => {}
        }
        for (request, record) in calls::lookups(&door.descriptor, &self.leak.known) {
            let answer = self.send(door, request).await;
            if !record.is_empty() {
                self.check_lookup(door, &answer, &record);
            }
        }
    }

    fn known<'k>(&'k self, kind: &'k str) -> impl Iterator<Item = &'k Known> {
        self.leak.known.iter().filter(move |one| one.kind == kind)
    }

    /// Found exactly when it is visible; otherwise as if it were not there.
    async fn get(&self, door: &Door<'_>, field: &str) {
        let input = door.descriptor.input();
        let output = door.descriptor.output();
        let kind = calls::record_of(&output).unwrap_or(output);
        // Whatever hangs on something hangs on a file, or on a ticket.
        let kind = match (field, door.method.service) {
            (
                "parent",
                "kefu.ticket.v1.ClockService"
                | "kefu.ticket.v1.KnowledgeUseService"
                | "kefu.ticket.v1.LinkService"
                | "kefu.ticket.v1.QueueService",
            ) => "kefu.ticket.v1.Ticket".to_owned(),
            ("parent", _) => CUSTOMER.to_owned(),
            _ => kind.full_name().to_owned(),
        };
        let Some(some) = self.known(&kind).next() else {
            if !is_register(door.method) {
                self.find(
                    door,
                    "gets what this test has none of: make one in leak/world",
                );
            }
            return;
        };
        let absent = format!("{}/{NOBODY}", some.name.split('/').next().unwrap());
        let nothing = self.send(door, calls::named(&input, field, &absent)).await;
        for one in self.known(&kind) {
            let answer = self
                .send(door, calls::named(&input, field, &one.name))
                .await;
            match door.clearance(one, self.leak.now) {
                Some(_) if answer.code() != Code::Ok => {
                    self.find(
                        door,
                        format_args!("{} is visible, the answer is {:?}", one.name, answer.code()),
                    );
                }
                Some(_) => {}
                None => self.check_hidden(door, &one.name, &answer, &absent, &nothing),
            }
        }
    }

    fn check_hidden(
        &self,
        door: &Door<'_>,
        name: &str,
        hidden: &Answer,
        absent: &str,
        nothing: &Answer,
    ) {
        let (one, other) = (hidden.refusal(name), nothing.refusal(absent));
        if one != other || hidden.code() == Code::Ok {
            self.find(
                door,
                format_args!(
                    "{name} is hidden and told from what does not exist: {one}\nand {other}"
                ),
            );
        }
    }

    /// Changes that cannot come about tell nothing either.
    async fn change(&self, door: &Door<'_>) {
        let Some(kind) = calls::record_of(&door.descriptor.output()) else {
            return;
        };
        let Some(some) = self.known(kind.full_name()).next() else {
            return;
        };
        let absent = format!("{}/{NOBODY}", some.name.split('/').next().unwrap());
        let Some(message) = calls::change(&door.descriptor, &absent) else {
            return;
        };
        let nothing = self.send(door, message).await;
        for one in self.known(kind.full_name()) {
            let answer = self
                .send(door, calls::change(&door.descriptor, &one.name).unwrap())
                .await;
            if answer.code() == Code::Ok {
                self.find(
                    door,
                    format_args!("{} was changed without its etag", one.name),
                );
            }
            if door.clearance(one, self.leak.now).is_none() {
                self.check_hidden(door, &one.name, &answer, &absent, &nothing);
            }
        }
    }

    fn check_lookup(&self, door: &Door<'_>, answer: &Answer, record: &str) {
        let known = self
            .leak
            .known
            .iter()
            .find(|one| one.name == record)
            .unwrap();
        let visible = door.clearance(known, self.leak.now).is_some();
        let mut shown = Vec::new();
        for message in answer.messages(&door.descriptor.output()) {
            schema::records_in(&message, &mut shown);
        }
        let names: Vec<String> = shown.iter().map(|one| text(one, "name")).collect();
        let expected: Vec<String> = visible.then(|| record.to_owned()).into_iter().collect();
        if names != expected {
            self.find(
                door,
                format_args!("found {names:?}, the oracle says {expected:?}"),
            );
        }
    }
}
