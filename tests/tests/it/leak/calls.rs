//! What to call: every request is built from the descriptors of its method. What
//! the builder does not know is a finding, so that a new method, field or filter
//! is covered or the test fails.

use std::collections::BTreeSet;

use kefu_contracts::policy::DataClass;
use kefu_service::fields::etag;
use kefu_testkit::employee_id;
use prost_reflect::{
    DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor,
    ReflectMessage, Value,
};

use super::{
    oracle::Known,
    schema::{self, Schema, nested, text},
};

/// A name that no record has.
pub(super) const NOBODY: &str = "0190c5a8-0000-7000-8000-0000000000ab";

/// Fields that requests to read are known to have, and how they are filled.
const KNOWN: &[&str] = &[
    "name",
    "page_size",
    "page_token",
    "filter",
    "order_by", // by their meaning everywhere
    "ListCustomerRevisionsRequest.parent",
    "ListTimelineRequest.parent",
    "GetPortraitRequest.parent",
    "GetRatingRequest.parent",
    "GetPortraitRequest.days",
    "ListFileViewsRequest.parent",
    "ListDutiesRequest.standing_only",
    "ListOutstandingChecksRequest.check",
    "MeasureAccuracyRequest.department",
    "LookupCustomerRequest.phone",
    "LookupCustomerRequest.external_ref",
    "LookupCustomerRequest.file_number",
    "LookupCustomerRequest.email",
    "LookupCustomerRequest.id_card",
    "LookupCustomerRequest.credit_code",
    "LookupTombstoneRequest.file_number",
    "ListTicketClocksRequest.parent",
    "ListAssignmentsRequest.parent",
    "ExplainClockRequest.parent",
    "ExplainClockRequest.metric",
    "ExplainClockRequest.attempt",
    "GetSurveyQuestionRequest.token",
    "MeasureSatisfactionRequest.department",
    "MeasureSatisfactionRequest.start_time",
    "MeasureSatisfactionRequest.end_time",
    "MeasureTimeRequest.start_time",
    "MeasureTimeRequest.end_time",
    "MeasureTimeRequest.open_seconds",
    "QueryMetricRequest.metric",
    "QueryMetricRequest.first_day",
    "QueryMetricRequest.last_day",
    "QueryMetricRequest.time_zone",
    "QueryMetricRequest.group_by",
    "ListBindingsRequest.subject",
    "ListDelegationsRequest.unended_only",
    "ListDevicesRequest.holder",
    "ListDevicesRequest.department",
    "ListDevicesRequest.state",
    "ListChangesRequest.resource",
    "ListLapsingRequest.days",
    "ListQualificationsRequest.employee",
    "ListTransfersRequest.employee",
    "ExplainRequest.subject",
    "ExplainRequest.permission",
    "ExplainRequest.record",
    "ExplainRequest.purpose",
    "ListAuditEntriesRequest.subject",
    "ListAuditEntriesRequest.customer",
    "ListAuditEntriesRequest.permission",
    "ListAuditEntriesRequest.purpose",
    "ListAuditEntriesRequest.grant",
    "ListAuditEntriesRequest.kind",
    "ListAuditEntriesRequest.service",
    "ListAuditEntriesRequest.start_time",
    "ListAuditEntriesRequest.end_time",
    "GetAuditEntryRequest.seq",
    "GetCheckpointRequest.old_size",
    "ExportJournalRequest.service",
    "DownloadExportRequest.offset",
    "IdentifyWatermarkRequest.mark",
    "IdentifyWatermarkRequest.record",
    "ListAlertsRequest.subject",
    "ListAlertsRequest.rule",
    "ListAlertsRequest.open_only",
    "ListIncidentsRequest.state",
    "ListAffectedCustomersRequest.incident",
];

/// One term of a filter.
#[derive(Clone, Debug)]
pub(super) struct Term {
    pub(super) field: FieldDescriptor,
    pub(super) operator: &'static str,
    /// As the record has it.
    pub(super) value: Value,
    pub(super) written: String,
    /// Where it compares what is sealed.
    sealed: Option<&'static SealedTerm>,
}

/// What is looked for by keyed hash: a term of another name than its field, with an operator
/// of its own.
#[derive(Debug)]
struct SealedTerm {
    name: &'static str,
    field: &'static str,
    /// Of the messages in the field; empty where it is text itself.
    inner: &'static str,
    operator: &'static str,
}

const fn sealed(
    name: &'static str,
    field: &'static str,
    inner: &'static str,
    operator: &'static str,
) -> SealedTerm {
    SealedTerm {
        name,
        field,
        inner,
        operator,
    }
}

const SEALED: [SealedTerm; 9] = [
    sealed("number", "file_number", "", "="),
    sealed("phone", "phones", "number", "="),
    sealed("email", "emails", "address", "="),
    sealed("id_card", "id_card", "", "="),
    sealed("credit_code", "credit_code", "", "="),
    sealed("region", "region", "", "="),
    sealed("tag", "tags", "", "="),
    sealed("name", "display_name", "", ":"),
    sealed("address", "addresses", "street", ":"),
];

impl SealedTerm {
    fn texts(&self, record: &DynamicMessage) -> Vec<String> {
        let value = record.get_field_by_name(self.field);
        let value = value.as_deref();
        if self.inner.is_empty() {
            let texts = value.map(schema::texts).unwrap_or_default();
            return texts.into_iter().map(str::to_owned).collect();
        }
        let messages = value.map(schema::messages).unwrap_or_default().into_iter();
        messages.map(|one| schema::text(one, self.inner)).collect()
    }

    /// A term for what every record has there; of words also one that many have.
    fn add_terms(
        &'static self,
        record: &MessageDescriptor,
        known: &[Known],
        terms: &mut Vec<Term>,
    ) {
        let field = record.get_field_by_name(self.field).unwrap();
        let known = known.iter().filter(|one| one.kind == record.full_name());
        let mut texts: BTreeSet<String> = known.flat_map(|one| self.texts(&one.whole)).collect();
        texts.remove("");
        if self.operator == ":" {
            let first = texts.iter().filter_map(|text| text.chars().next());
            let first: BTreeSet<char> = first.take(2).collect();
            texts.extend(first.into_iter().map(String::from));
        }
        for text in texts {
            terms.push(Term {
                field: field.clone(),
                operator: self.operator,
                written: format!("{}{}\"{text}\"", self.name, self.operator),
                value: string(text),
                sealed: Some(self),
            });
        }
    }

    fn finds(&self, value: &Value, record: &DynamicMessage) -> bool {
        let wanted = value.as_str().unwrap_or_default();
        let texts = self.texts(record);
        texts.iter().any(|text| match self.operator {
            ":" => text.contains(wanted),
            _ => text == wanted,
        })
    }
}

/// What a list offers, by the comments of its request.
pub(super) struct Offer {
    pub(super) record: MessageDescriptor,
    pub(super) terms: Vec<Term>,
    pub(super) orders: Vec<String>,
}

/// Fields of requests that nobody taught this test to fill.
pub(super) fn unknown(method: &MethodDescriptor) -> Vec<String> {
    let input = method.input();
    let fields = input.fields().filter(|field| {
        let full = format!("{}.{}", input.name(), field.name());
        !KNOWN.contains(&field.name()) && !KNOWN.contains(&full.as_str())
    });
    fields
        .map(|field| {
            format!(
                "{} reads by {}, which the leak test cannot fill: add it to KNOWN in leak/calls.rs and say in reads() with what",
                method.full_name(),
                field.full_name()
            )
        })
        .collect()
}

/// The record that an answer shows, one or many.
pub(super) fn record_of(answer: &MessageDescriptor) -> Option<MessageDescriptor> {
    if answer.get_field_by_name("disclosure").is_some() {
        return Some(answer.clone());
    }
    answer
        .fields()
        .filter_map(|field| nested(&field))
        .find_map(|inner| record_of(&inner))
}

pub(super) fn request(kind: &MessageDescriptor, fields: &[(&str, Value)]) -> DynamicMessage {
    let mut message = DynamicMessage::new(kind.clone());
    for (field, value) in fields {
        message.set_field_by_name(field, value.clone());
    }
    message
}

/// A request for what has this name, with what it cannot be asked without.
pub(super) fn named(kind: &MessageDescriptor, field: &str, name: &str) -> DynamicMessage {
    let mut message = request(kind, &[(field, string(name))]);
    if kind.name() == "ExplainClockRequest" {
        message.set_field_by_name("metric", Value::EnumNumber(1));
    }
    message
}

pub(super) fn string(text: impl Into<String>) -> Value {
    Value::String(text.into())
}

/// Requests that look for records by other ways than name or list, by every value
/// that any record has, whether the caller may see it or not.
pub(super) fn lookups(method: &MethodDescriptor, known: &[Known]) -> Vec<(DynamicMessage, String)> {
    let input = method.input();
    let mut all = Vec::new();
    for one in known
        .iter()
        .filter(|one| one.name.starts_with("customers/"))
    {
        let ask =
            |field, value: &str| (request(&input, &[(field, string(value))]), one.name.clone());
        match input.name() {
            "LookupCustomerRequest" => {
                for field in ["external_ref", "file_number", "id_card", "credit_code"] {
                    let value = text(&one.whole, field);
                    // A person has no credit code, and a company no ID card.
                    all.extend((!value.is_empty()).then(|| ask(field, &value)));
                }
                for (by, of, inner) in [
                    ("phone", "phones", "number"),
                    ("email", "emails", "address"),
                ] {
                    let contacts = one.whole.get_field_by_name(of).unwrap();
                    let contacts = schema::messages(&contacts);
                    all.extend(
                        contacts
                            .iter()
                            .map(|contact| ask(by, &text(contact, inner))),
                    );
                }
            }
            other => all.extend(register_lookup(other, &input, one)),
        }
    }
    all
}

/// Requests to the register that name a customer or who serves one. They show no
/// record of a customer; whatever they say is searched.
fn register_lookup(
    name: &str,
    input: &MessageDescriptor,
    one: &Known,
) -> Option<(DynamicMessage, String)> {
    let owner = text(&one.whole, "owner");
    let department = text(&one.whole, "department");
    let fields = match name {
        "ListBindingsRequest" if !owner.is_empty() => vec![("subject", string(owner))],
        "ListDevicesRequest" if !owner.is_empty() => vec![("holder", string(owner))],
        "ListDevicesRequest" => vec![("department", string(department))],
        "ListQualificationsRequest" | "ListTransfersRequest" if !owner.is_empty() => {
            vec![("employee", string(owner))]
        }
        "ListDelegationsRequest" => vec![("unended_only", Value::Bool(true))],
        "ListLapsingRequest" => vec![("days", Value::I32(366))],
        "ListChangesRequest" => vec![("resource", string(&one.name))],
        "ListSharesRequest" => vec![("filter", string(format!("customer = {}", one.name)))],
        "ListAuditEntriesRequest" => vec![("customer", string(&one.name))],
        "ListExportsRequest" if !owner.is_empty() => {
            vec![("filter", string(format!("receiver = {owner}")))]
        }
        "ListAlertsRequest" if !owner.is_empty() => vec![
            ("subject", string(owner)),
            ("rule", Value::EnumNumber(1)),
            ("open_only", Value::Bool(true)),
        ],
        "LookupTombstoneRequest" => {
            vec![("file_number", string(text(&one.whole, "file_number")))]
        }
        "ListIncidentsRequest" => vec![("state", Value::EnumNumber(1))],
        "ListOutstandingChecksRequest" => vec![("check", Value::EnumNumber(1))],
        "GetSurveyQuestionRequest" => vec![("token", string("x"))],
        "MeasureAccuracyRequest" | "MeasureSatisfactionRequest" => {
            vec![("department", string(department))]
        }
        "ListAffectedCustomersRequest" => {
            vec![("incident", string(format!("incidents/{NOBODY}")))]
        }
        "DownloadExportRequest" => vec![("name", string(format!("exports/{NOBODY}")))],
        "IdentifyWatermarkRequest" => vec![
            ("mark", string("0".repeat(32))),
            ("record", string(&one.name)),
        ],
        "ExplainRequest" => vec![
            ("permission", string("profile.customers.get")),
            ("record", string(&one.name)),
            ("purpose", Value::EnumNumber(1)),
        ],
        _ => return None,
    };
    Some((request(input, &fields), String::new()))
}

/// Changes that change nothing: of a revision that never was, or without what they
/// need. What they say about a record that the caller may not see must be what they
/// say of none.
pub(super) fn change(method: &MethodDescriptor, name: &str) -> Option<DynamicMessage> {
    let input = method.input();
    let stale = || string(etag(i64::from(i32::MAX)));
    let mut message = DynamicMessage::new(input.clone());
    if input.get_field_by_name("name").is_some() {
        message.set_field_by_name("name", string(name));
        if input.get_field_by_name("etag").is_some() {
            message.set_field_by_name("etag", stale());
            fill(&mut message);
        }
        return Some(message);
    }
    let mask = input.get_field_by_name("update_mask")?;
    let field = input.fields().find(|field| {
        nested(field).is_some_and(|inner| inner.get_field_by_name("etag").is_some())
    })?;
    let mut record = request(
        &nested(&field)?,
        &[("name", string(name)), ("etag", stale())],
    );
    let changed = ["special_needs", "category"]
        .into_iter()
        .find(|one| record.descriptor().get_field_by_name(one).is_some())?;
    record.set_field_by_name(changed, string("x"));
    message.set_field(&field, Value::Message(record));
    let Kind::Message(kind) = mask.kind() else {
        return None;
    };
    let paths = request(&kind, &[("paths", Value::List(vec![string(changed)]))]);
    message.set_field(&mask, Value::Message(paths));
    Some(message)
}

/// Gives every other field of a change something that passes its checks.
fn fill(message: &mut DynamicMessage) {
    for field in message.descriptor().fields() {
        let value = match field.kind() {
            Kind::String if matches!(field.name(), "name" | "etag" | "request_id") => continue,
            Kind::String if field.name() == "assignee" => {
                string(format!("employees/{}", employee_id("li.wei")))
            }
            Kind::String => string("x"),
            Kind::Enum(_) => Value::EnumNumber(1),
            Kind::Int32 => Value::I32(1),
            Kind::Int64 => Value::I64(1),
            Kind::Message(kind) if kind.name() == "ReturnReason" => {
                let reason = [("field", string("phones")), ("text", string("x"))];
                Value::List(vec![Value::Message(request(&kind, &reason))])
            }
            Kind::Message(kind) if kind.name() == "Review" => Value::Message(request(
                &kind,
                &[("score", Value::I32(1)), ("arrived", Value::Bool(true))],
            )),
            _ => continue,
        };
        message.set_field(&field, value);
    }
}

impl Offer {
    /// What the list of this method offers; findings where it cannot be told.
    pub(super) fn read(
        method: &MethodDescriptor,
        known: &[Known],
        findings: &mut Vec<String>,
    ) -> Option<Self> {
        let input = method.input();
        let filter = input.get_field_by_name("filter")?;
        // What hangs on one file is asked for by that file.
        if input.get_field_by_name("parent").is_some() {
            return None;
        }
        let Some(record) = record_of(&method.output()) else {
            // The register shows nothing of customers; its lists are in `lookups`.
            let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
            if kefu_contracts::method(&path).is_some_and(|method| method.shows.is_empty()) {
                return None;
            }
            findings.push(format!(
                "{} filters, and shows no record",
                method.full_name()
            ));
            return None;
        };
        let comment = comment(&filter);
        let Some((_, names)) = comment.split_once("over:") else {
            findings.push(format!(
                "{}: its comment does not say `over: a, b.`",
                filter.full_name()
            ));
            return None;
        };
        let mut terms = Vec::new();
        let names = names.split_once('.').map_or(names, |(names, _)| names);
        for name in names.split(',').map(str::trim) {
            // Of the company's own, and there is none in this world: no ticket waits in one.
            if (input.name(), name) == ("ListQueuedTicketsRequest", "queue") {
                continue;
            }
            if let Some(sealed) = SEALED.iter().find(|one| one.name == name) {
                sealed.add_terms(&record, known, &mut terms);
                continue;
            }
            let Some(field) = record.get_field_by_name(name) else {
                findings.push(format!(
                    "{}: {name} is no field of {}: teach Offer::read in leak/calls.rs what it means",
                    filter.full_name(),
                    record.full_name()
                ));
                continue;
            };
            let before = terms.len();
            for one in known.iter().filter(|one| one.kind == record.full_name()) {
                add_terms(&field, &one.whole, &mut terms);
            }
            if terms.len() == before {
                findings.push(format!(
                    "{}: no record has a value in {name}: plant one in leak/world.rs",
                    filter.full_name()
                ));
            }
        }
        let mut seen = BTreeSet::new();
        terms.retain(|term: &Term| seen.insert(term.written.clone()));
        let order = input
            .get_field_by_name("order_by")
            .map(|field| self::comment(&field));
        let orders = order
            .iter()
            .flat_map(|text| text.split('`').skip(1).step_by(2));
        let orders = orders.map(str::to_owned).collect();
        Some(Self {
            record,
            terms,
            orders,
        })
    }
}

/// Filters on what the contract does not offer: every classified text, with what
/// some record has in it.
pub(super) fn forbidden(
    schema: &Schema,
    record: &MessageDescriptor,
    offer: &Offer,
    known: &[Known],
) -> Vec<String> {
    let mut filters = Vec::new();
    let Some(one) = known.iter().find(|one| one.kind == record.full_name()) else {
        return filters;
    };
    for (field, value) in one.whole.fields() {
        let offered = offer.terms.iter().any(|term| term.field == field);
        if schema.policy(&field).0 == DataClass::System || offered {
            continue;
        }
        for text in schema::texts(value) {
            filters.push(format!("{} = \"{text}\"", field.name()));
        }
    }
    filters
}

fn add_terms(field: &FieldDescriptor, record: &DynamicMessage, terms: &mut Vec<Term>) {
    if !record.has_field(field) {
        return;
    }
    let value = record.get_field(field).into_owned();
    let (operators, written): (&[&str], _) = match (&field.kind(), &value) {
        (Kind::Enum(kind), Value::EnumNumber(number)) => (&["=", "!="], enum_name(kind, *number)),
        (_, Value::String(text)) => (&["=", "!="], format!("\"{text}\"")),
        (_, Value::Message(_)) => {
            let (seconds, nanos) = schema::time(record, field.name()).unwrap();
            let time = jiff::Timestamp::new(seconds, nanos).unwrap();
            (&["<=", ">"], format!("\"{time}\""))
        }
        _ => return,
    };
    for operator in operators {
        terms.push(Term {
            field: field.clone(),
            operator,
            value: value.clone(),
            written: format!("{} {operator} {written}", field.name()),
            sealed: None,
        });
    }
}

/// `TICKET_STATE_OPEN` → `OPEN`.
pub(super) fn enum_name(kind: &EnumDescriptor, number: i32) -> String {
    let prefix = kind.get_value(0).unwrap();
    let prefix = prefix.name().trim_end_matches("UNSPECIFIED");
    let value = kind.get_value(number).unwrap();
    value.name().trim_start_matches(prefix).to_owned()
}

/// Whether a record is found by a term.
pub(super) fn found_by(term: &Term, record: &DynamicMessage) -> bool {
    if let Some(sealed) = term.sealed {
        return sealed.finds(&term.value, record);
    }
    let same = record.has_field(&term.field) && *record.get_field(&term.field) == term.value;
    let order = || {
        let name = term.field.name();
        let at = schema::time(record, name)?;
        let mut other = DynamicMessage::new(record.descriptor());
        other.set_field(&term.field, term.value.clone());
        Some(at.cmp(&schema::time(&other, name)?))
    };
    match term.operator {
        "=" => same,
        "!=" => !same,
        "<=" => order().is_some_and(std::cmp::Ordering::is_le),
        _ => order().is_some_and(std::cmp::Ordering::is_gt),
    }
}

/// The comment above a field.
fn comment(field: &FieldDescriptor) -> String {
    let file = field.parent_file().file_descriptor_proto().clone();
    let info = file.source_code_info.unwrap();
    let place = info.location.iter().find(|one| one.path == field.path());
    let lines = place.map(|one| one.leading_comments().to_owned());
    lines
        .unwrap_or_default()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}
