//! Why somebody calls, as `kefu-purpose` metadata says it.

use http::HeaderMap;
use kefu_contracts::{Method, policy::Purpose};
use kefu_service::{
    call::PURPOSE,
    error::{Fault, Violation},
};

use crate::error;

/// The purpose of a call; `Unspecified` where none is stated and none is needed.
///
/// # Errors
/// `PURPOSE_REQUIRED` when it is missing where the method needs it, not one of the
/// contract's, or stated twice.
pub(crate) fn stated(method: &Method, headers: &HeaderMap) -> Result<Purpose, Fault> {
    let mut values = headers.get_all(PURPOSE).iter();
    match (values.next(), values.next()) {
        (None, _) if method.purpose_required => Err(error::purpose(Violation::Required)),
        (None, _) => Ok(Purpose::Unspecified),
        // One unknown here may be known to a later contract: it is refused, not
        // ignored, because the caller would be journaled with none.
        (Some(value), None) => {
            named(value.as_bytes()).ok_or_else(|| error::purpose(Violation::UnknownValue))
        }
        (Some(_), Some(_)) => Err(error::purpose(Violation::Duplicate)),
    }
}

fn named(name: &[u8]) -> Option<Purpose> {
    Some(match name {
        b"service" => Purpose::Service,
        b"complaint" => Purpose::Complaint,
        b"quality" => Purpose::Quality,
        b"sales" => Purpose::Sales,
        b"marketing" => Purpose::Marketing,
        b"analysis" => Purpose::Analysis,
        b"audit" => Purpose::Audit,
        b"administration" => Purpose::Administration,
        b"training" => Purpose::Training,
        b"integration" => Purpose::Integration,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A purpose added to the contract must be added above.
    #[test]
    fn every_purpose_of_the_contract_has_its_name() {
        for purpose in (1..).map_while(|number| Purpose::try_from(number).ok()) {
            let name = purpose
                .as_str_name()
                .trim_start_matches("PURPOSE_")
                .to_lowercase();
            assert_eq!(named(name.as_bytes()), Some(purpose), "{name}");
        }
        assert_eq!(named(b"unspecified"), None);
    }
}
