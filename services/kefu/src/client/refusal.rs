//! Why a call was refused, as the suite says it: ErrorInfo, BadRequest,
//! RetryInfo and LocalizedMessage of a status, for people and for retrying.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    time::Duration,
};

use tonic::{Code, Status};
use tonic_types::StatusExt;

/// A refused call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    /// gRPC code.
    pub(crate) code: Code,
    /// Reason of the suite's closed set; empty when the status is not the
    /// suite's but of something between us and it.
    pub(crate) reason: String,
    /// In the language asked for where the suite knows it.
    message: String,
    violations: Vec<Violation>,
    /// What helps the caller: the rule that refused, whom to ask.
    help: BTreeMap<String, String>,
    /// When trying again makes sense.
    pub(crate) retry_after: Option<Duration>,
}

/// What is wrong with one field of a request.
#[derive(Debug, Clone, PartialEq)]
struct Violation {
    field: String,
    reason: String,
    text: String,
}

impl From<&Status> for Refusal {
    fn from(status: &Status) -> Self {
        let details = status.get_error_details();
        let (reason, help) = details
            .error_info()
            .map(|info| (info.reason.clone(), sorted(&info.metadata)))
            .unwrap_or_default();
        let localized = details.localized_message().map(|text| text.message.clone());
        let violations = details
            .bad_request()
            .map(|bad| bad.field_violations.clone())
            .unwrap_or_default();
        Self {
            code: status.code(),
            reason,
            message: localized.unwrap_or_else(|| status.message().to_owned()),
            violations: violations
                .into_iter()
                .map(|violation| Violation {
                    field: violation.field,
                    reason: violation.reason,
                    text: violation
                        .localized_message
                        .map_or(violation.description, |text| text.message),
                })
                .collect(),
            help,
            retry_after: details.retry_info().and_then(|info| info.retry_delay),
        }
    }
}

fn sorted(metadata: &HashMap<String, String>) -> BTreeMap<String, String> {
    metadata
        .iter()
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

impl Refusal {
    /// Whether the suite gave this reason (its name without prefix).
    pub(crate) fn is(&self, reason: &str) -> bool {
        self.reason == reason
    }

    /// Whether nothing is wrong but that the record named in this field,
    /// wherever it stands in the request, is not known (yet).
    pub(crate) fn only_unknown(&self, field: &str) -> bool {
        !self.violations.is_empty()
            && self.violations.iter().all(|violation| {
                violation.field.rsplit('.').next() == Some(field) && violation.reason == "UNKNOWN"
            })
    }

    /// In one line, for a cell of a table.
    pub(crate) fn in_a_line(&self) -> String {
        let fields: Vec<_> = self
            .violations
            .iter()
            .map(|violation| format!("{} {}", violation.field, violation.text))
            .collect();
        match fields.is_empty() {
            true => format!("{} ({})", self.message, self.label()),
            false => fields.join("; "),
        }
    }

    /// The suite's reason, or the code where there is none.
    fn label(&self) -> String {
        match self.reason.as_str() {
            "" => format!("{:?}", self.code),
            reason => reason.to_owned(),
        }
    }
}

/// `NotFound` → `NOT_FOUND`, as the documents of gRPC write it.
fn code_name(code: Code) -> String {
    let mut name = String::new();
    for letter in format!("{code:?}").chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

impl fmt::Display for Refusal {
    /// Over several lines, for a terminal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", code_name(self.code))?;
        if !self.reason.is_empty() {
            write!(f, " {}", self.reason)?;
        }
        write!(f, "\n  {}", self.message)?;
        for Violation {
            field,
            reason,
            text,
        } in &self.violations
        {
            write!(f, "\n  {field}: {text} ({reason})")?;
        }
        for (key, value) in &self.help {
            write!(f, "\n  {key}: {value}")?;
        }
        if let Some(delay) = self.retry_after {
            write!(f, "\n  try again after {delay:?}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use tonic_types::{ErrorDetails, FieldViolation};

    /// A refusal as the suite sends it.
    pub(crate) fn refusal(code: Code, reason: &str, unknown: Option<&str>) -> Refusal {
        let mut details = ErrorDetails::new();
        if !reason.is_empty() {
            let help = HashMap::from([("ask".to_owned(), "the department's head".to_owned())]);
            details.set_error_info(reason, "kefu", help);
        }
        if let Some(field) = unknown {
            let mut violation = FieldViolation::new(field, "names no record");
            violation.reason = "UNKNOWN".into();
            details.set_bad_request(vec![violation]);
        }
        details.set_localized_message("zh-CN", "有字段填写不正确。");
        Refusal::from(&Status::with_error_details(code, "not right", details))
    }

    #[test]
    fn a_refusal_says_all_that_the_suite_said() {
        let refusal = refusal(
            Code::InvalidArgument,
            "INVALID_FIELDS",
            Some("order.customer"),
        );
        assert!(refusal.only_unknown("customer"));
        assert!(!refusal.only_unknown("owner"));
        assert_eq!(refusal.in_a_line(), "order.customer names no record");
        assert_eq!(
            refusal.to_string(),
            "INVALID_ARGUMENT INVALID_FIELDS\n  有字段填写不正确。\n  \
             order.customer: names no record (UNKNOWN)\n  ask: the department's head"
        );
    }

    #[test]
    fn a_status_of_something_between_has_no_reason() {
        let refusal = Refusal::from(&Status::unknown("transport error"));
        assert_eq!(refusal.reason, "");
        assert_eq!(refusal.in_a_line(), "transport error (Unknown)");
        assert_eq!(refusal.to_string(), "UNKNOWN\n  transport error");
    }
}
