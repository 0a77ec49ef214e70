//! Shares as messages carry them, and terms as they are read.

use jiff::{SignedDuration, Timestamp};
use kefu_contracts::{ClassSet, access as wire, policy::DataClass};
use kefu_service::{
    error::Violation,
    fields::{self, Fields, etag},
    time::to_proto,
};
use uuid::Uuid;

use super::selection::{self, Heard, SELECTIONS};
use crate::{
    api::{
        approvals::{
            Desk, Kind,
            messages::{employee, employees, stage, steps},
        },
        messages::moment,
    },
    domain::{
        register::{DEPARTMENTS, EMPLOYEES},
        share::{FURTHEST, MOST_CUSTOMERS, MOST_RECEIVERS, SHARES, ShareTerms},
    },
    store::share::StoredShare,
};

pub(super) const CUSTOMERS: &str = "customers";

/// The whole share: each approver sees all of it.
pub(super) fn share(stored: &StoredShare, desk: &Desk<'_>) -> wire::Share {
    let (approval, share) = (&stored.approval, &stored.share);
    let case = stored.case();
    wire::Share {
        name: fields::name(SHARES, approval.id),
        applicant: fields::name(EMPLOYEES, approval.applicant),
        department: fields::name(DEPARTMENTS, approval.department),
        purpose: share.purpose.into(),
        justification: share.justification.clone(),
        mode: share.mode.into(),
        requested: Some(terms_to_proto(&share.requested)),
        terms: Some(terms_to_proto(&stored.terms)),
        state: case.state.to_proto().into(),
        stage: stage(&case, desk),
        steps: steps(approval, desk.flow),
        active_from: case.period.map(|(start, _)| to_proto(start)),
        active_until: case.period.map(|(_, end)| to_proto(end)),
        accompanied_until: share.accompanied_until.map(to_proto),
        etag: etag(approval.revision),
    }
}

/// Terms as messages and histories carry them.
pub(super) fn terms_to_proto(terms: &ShareTerms) -> wire::ShareTerms {
    let customers = terms
        .customers
        .iter()
        .map(|id| fields::name(CUSTOMERS, *id));
    wire::ShareTerms {
        customers: customers.collect(),
        selection: terms
            .selection
            .as_ref()
            .map(|rule| wire::CustomerSelection {
                filter: rule.filter(),
                max_files: i32::try_from(rule.most).unwrap_or(i32::MAX),
                saved: rule
                    .saved
                    .map(|saved| fields::name(SELECTIONS, saved.id))
                    .unwrap_or_default(),
                version: rule.saved.map_or(0, |saved| saved.version),
            }),
        classes: terms.classes.to_numbers(),
        receivers: employees(terms.receivers.iter().copied()),
        start_time: terms.not_before.map(to_proto),
        end_time: Some(to_proto(terms.until)),
        duration: terms.duration.map(|duration| prost_types::Duration {
            seconds: duration.as_secs(),
            nanos: 0,
        }),
        companion: employee(terms.companion),
    }
}

/// Reads terms; what cannot be read is noted under `at`. Whether the people are there is
/// for [`form`](super::form) to find.
pub(super) fn terms(
    fields: &mut Fields,
    at: &str,
    message: &wire::ShareTerms,
    heard: &Heard,
    now: Timestamp,
) -> Option<ShareTerms> {
    let under = |field: &str| format!("{at}.{field}");
    let (customers, selection) = match &message.selection {
        None => {
            let (field, listed) = (under("customers"), &message.customers);
            (
                names(fields, &field, listed, CUSTOMERS, MOST_CUSTOMERS),
                None,
            )
        }
        Some(rule) => {
            let none = message.customers.is_empty();
            fields.ensure(none, under("customers"), Violation::Contradiction);
            let classes = ClassSet::from_numbers(&message.classes);
            let field = under("selection");
            (
                Vec::new(),
                selection::read(fields, &field, rule, heard, classes),
            )
        }
    };
    let receivers = names(
        fields,
        &under("receivers"),
        &message.receivers,
        EMPLOYEES,
        MOST_RECEIVERS,
    );
    fields.ensure(
        !message.classes.is_empty(),
        under("classes"),
        Violation::Required,
    );
    for (place, number) in message.classes.iter().enumerate() {
        let class = DataClass::try_from(*number).ok();
        let personal = class.filter(|it| !matches!(it, DataClass::Unspecified | DataClass::System));
        fields.ensure(
            personal.is_some(),
            format!("{at}.classes[{place}]"),
            Violation::UnknownValue,
        );
    }
    let not_before = moment(fields, &under("start_time"), message.start_time.as_ref());
    let until = moment(fields, &under("end_time"), message.end_time.as_ref());
    if message.end_time.is_none() {
        fields.refuse(under("end_time"), Violation::Required);
    }
    let too_far = |end: Timestamp| end <= now || end.duration_since(now) > FURTHEST;
    fields.ensure(
        !until.is_some_and(too_far),
        under("end_time"),
        Violation::Time,
    );
    let backwards = not_before
        .zip(until)
        .is_some_and(|(start, end)| end <= start);
    fields.ensure(!backwards, under("start_time"), Violation::Contradiction);
    let duration = message.duration.as_ref().map(|duration| duration.seconds);
    let sensible = duration.is_none_or(|seconds| (1..=FURTHEST.as_secs()).contains(&seconds));
    let whole = message
        .duration
        .as_ref()
        .is_none_or(|duration| duration.nanos == 0);
    fields.ensure(sensible && whole, under("duration"), Violation::Time);
    let companion = fields.optional_name(under("companion"), &message.companion, EMPLOYEES);
    Some(ShareTerms {
        customers,
        selection,
        classes: ClassSet::from_numbers(&message.classes),
        receivers,
        not_before,
        until: until?,
        duration: duration.map(SignedDuration::from_secs),
        companion,
    })
}

/// Names of one collection, each once, in order of their ids.
fn names(fields: &mut Fields, at: &str, names: &[String], of: &str, most: usize) -> Vec<Uuid> {
    fields.ensure(!names.is_empty(), at, Violation::Required);
    if names.len() > most {
        fields.refuse(at, Violation::TooMany(most));
        return Vec::new();
    }
    let mut ids: Vec<Uuid> = Vec::with_capacity(names.len());
    for (place, name) in names.iter().enumerate() {
        let field = format!("{at}[{place}]");
        if let Some(id) = fields.name(&field, name, of) {
            fields.ensure(!ids.contains(&id), &field, Violation::Duplicate);
            ids.push(id);
        }
    }
    ids.sort_unstable();
    ids
}
