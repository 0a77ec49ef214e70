//! Exceptions: figures outside what is usual for them (SG-7). The page about them is
//! docs/improvement.md.

mod check;
pub(crate) mod range;
pub(crate) mod rule;
mod shipped;

use kefu_contracts::{
    analytics::Exception,
    journal::{ExceptionChanged, event},
};
use kefu_service::fields::{parse_etag, parse_name};

use crate::domain::report::DEPARTMENTS;

pub(crate) use check::check;
pub(crate) use shipped::shipped;

/// As the journal tells it: how it stands afterwards.
pub(crate) fn changed(record: &Exception) -> event::Event {
    let bytes = |name: &str, collection| {
        let id = parse_name(name, collection);
        id.map(|id| id.as_bytes().to_vec()).unwrap_or_default()
    };
    let rule = record.rule.clone().unwrap_or_default();
    event::Event::ExceptionChanged(ExceptionChanged {
        exception_id: bytes(&record.name, "exceptions"),
        rule: rule.id,
        version: record.version,
        metric: rule.metric,
        department_id: bytes(&record.department, DEPARTMENTS),
        state: record.state,
        response: record.response,
        improvement_id: bytes(&record.improvement, "improvements"),
        revision: parse_etag(&record.etag).unwrap_or_default(),
    })
}
