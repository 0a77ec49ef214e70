//! What to call: every request is built from the descriptors of its method. What
//! the builder does not know is a finding, so that a new method, field or filter
//! is covered or the test fails.

use kefu_contracts::ticket::{TargetRule, TargetsDefinition};
use kefu_service::fields::etag;
use kefu_testkit::employee_id;
use prost::Message;
use prost_reflect::{
    DynamicMessage, Kind, MessageDescriptor, MethodDescriptor, ReflectMessage, Value,
};

use super::{
    oracle::Known,
    schema::{self, nested, text},
};

/// A name that no record has.
pub(super) const NOBODY: &str = "0190c5a8-0000-7000-8000-0000000000ab";
/// Another.
const OTHER: &str = "0190c5a8-0000-7000-8000-0000000000ac";

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
    "GetSelectionRequest.version",
    "PreviewMergeRequest.survivor",
    "PreviewMergeRequest.absorbed",
    "PreviewMergeRequest.take_absorbed",
    "GetFileQualityRequest.parent",
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
    "ListLinksRequest.parent",
    "WatchTicketsRequest.resume_token",
    "WatchTicketsRequest.held",
    "WatchOrdersRequest.resume_token",
    "WatchOrdersRequest.held",
    "WatchFollowUpsRequest.resume_token",
    "WatchFollowUpsRequest.held",
    "WatchCasesRequest.resume_token",
    "WatchCasesRequest.held",
    "ListMentionsRequest.unread_only",
    "ExplainClockRequest.parent",
    "ExplainClockRequest.metric",
    "ExplainClockRequest.attempt",
    "TryTargetsRequest.parent",
    "TryTargetsRequest.definition",
    "GetSurveyQuestionRequest.token",
    "MeasureSatisfactionRequest.department",
    "MeasureSatisfactionRequest.start_time",
    "MeasureSatisfactionRequest.end_time",
    "DownloadAttachmentRequest.offset",
    "RenderMacroRequest.ticket",
    "RenderMacroRequest.values",
    "FindThemesRequest.kind",
    "FindThemesRequest.start_time",
    "FindThemesRequest.end_time",
    "FindThemesRequest.least_customers",
    "FindThemesRequest.limit",
    "MeasureInspectionsRequest.agent",
    "MeasureInspectionsRequest.department",
    "MeasureInspectionsRequest.start_time",
    "MeasureInspectionsRequest.end_time",
    "MeasureTimeRequest.start_time",
    "MeasureTimeRequest.end_time",
    "MeasureTimeRequest.open_seconds",
    "QueryMetricRequest.metric",
    "QueryMetricRequest.first_day",
    "QueryMetricRequest.last_day",
    "QueryMetricRequest.time_zone",
    "QueryMetricRequest.group_by",
    // How rows of the same population are laid out.
    "QueryMetricRequest.fill_gaps",
    "QueryMetricRequest.compare",
    "QueryMetricRequest.limit",
    "QueryMetricRequest.rank_by",
    // By what durations are measured.
    "QueryMetricRequest.calendar",
    "MeasureStaffRequest.query",
    "RankCustomersRequest.query",
    "DownloadReportRequest.format",
    "ListFigureRecordsRequest.query",
    "ListFigureRecordsRequest.dimensions",
    "ListStaffRecordsRequest.row",
    "ListBindingsRequest.subject",
    "ListDelegationsRequest.unended_only",
    "ListDevicesRequest.holder",
    "ListDevicesRequest.department",
    "ListDevicesRequest.state",
    "ListChangesRequest.resource",
    "ListLapsingRequest.days",
    "ListQualificationsRequest.employee",
    "ListTransfersRequest.employee",
    "GetCourseRequest.revision",
    "ListSkillsRequest.employee",
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
    "GetArticleRequest.version",
    "ListArticleVersionsRequest.article",
    "SearchArticlesRequest.query",
    "SearchArticlesRequest.language",
    "SearchArticlesRequest.category",
    "SearchArticlesRequest.audience",
    "ListTicketArticlesRequest.parent",
    "MeasureArticlesRequest.article",
    "MeasureArticlesRequest.first_day",
    "MeasureArticlesRequest.last_day",
    "ProposeArticleRequest.ticket",
    "ListArticleSourcesRequest.article",
    "ListKnowledgeGapsRequest.state",
    "ListKnowledgeGapsRequest.first_day",
    "ListKnowledgeGapsRequest.last_day",
    "ListKnowledgeGapsRequest.least_count",
    "ListUncoveredCategoriesRequest.least_count",
    "ListIncidentsRequest.state",
    "ListAffectedCustomersRequest.incident",
];

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
    if kind.name() == "TryTargetsRequest" {
        let field = kind.get_field_by_name("definition").unwrap();
        let definition = TargetsDefinition {
            rules: vec![TargetRule {
                id: "answer".into(),
                resolution_seconds: 3600,
                ..Default::default()
            }],
        };
        let definition = DynamicMessage::decode(
            nested(&field).unwrap(),
            definition.encode_to_vec().as_slice(),
        );
        message.set_field(&field, Value::Message(definition.unwrap()));
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
            // Whoever sees one of the two would see the other's data in it.
            "PreviewMergeRequest" => {
                let others = known
                    .iter()
                    .filter(|other| other.name.starts_with("customers/") && other.name != one.name);
                all.extend(others.map(|other| {
                    let taken = ["phones", "id_card", "special_needs"].map(string);
                    let fields = [
                        ("survivor", string(&one.name)),
                        ("absorbed", string(&other.name)),
                        ("take_absorbed", Value::List(taken.to_vec())),
                    ];
                    (request(&input, &fields), String::new())
                }));
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
        "ListQualificationsRequest" | "ListTransfersRequest" | "ListSkillsRequest"
            if !owner.is_empty() =>
        {
            vec![("employee", string(owner))]
        }
        "GetCourseRequest" => vec![
            ("name", string(format!("courses/{NOBODY}"))),
            ("revision", Value::I32(1)),
        ],
        "ListEnrolmentsRequest"
        | "ListTrainingResultsRequest"
        | "ListTrainingObligationsRequest"
            if !owner.is_empty() =>
        {
            vec![("filter", string(format!("employee = {owner}")))]
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
        "MeasureAccuracyRequest" | "MeasureSatisfactionRequest" | "MeasureInspectionsRequest" => {
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
            Kind::String if field.name() == "messages" => {
                Value::List(vec![string(format!("messages/{NOBODY}"))])
            }
            Kind::String if field.is_list() => continue,
            Kind::String
                if matches!(
                    field.name(),
                    "name" | "etag" | "request_id" | "department" | "used_macro" | "recording"
                ) =>
            {
                continue;
            }
            // None either, and never the one that is changed.
            Kind::String if field.name() == "target" => string(format!("tickets/{OTHER}")),
            Kind::String if field.name() == "target_etag" => string(etag(1)),
            Kind::String if field.name() == "assignee" => {
                string(format!("employees/{}", employee_id("li.wei")))
            }
            Kind::String => string("x"),
            // That which is an amount, and not of lines.
            Kind::Enum(kind) if kind.name() == "CasePaymentKind" => Value::EnumNumber(2),
            Kind::Enum(_) => Value::EnumNumber(1),
            Kind::Int32 => Value::I32(1),
            Kind::Int64 => Value::I64(1),
            Kind::Message(kind) if kind.name() == "ReturnReason" => {
                let reason = [("field", string("phones")), ("text", string("x"))];
                Value::List(vec![Value::Message(request(&kind, &reason))])
            }
            Kind::Message(kind) if kind.name() == "Money" => {
                let money = [("currency_code", string("CNY")), ("units", Value::I64(1))];
                Value::Message(request(&kind, &money))
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
