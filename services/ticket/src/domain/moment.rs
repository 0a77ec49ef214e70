//! When things happened: now, unless a system that transfers records says
//! otherwise.

use jiff::Timestamp;
use kefu_contracts::access::SubjectKind;
use kefu_service::{
    error::{Fault, Violation},
    fields::Fields,
};
use prost_types::Timestamp as ProtoTime;

/// Reads when something happened. People may not say it: what they record
/// happens now.
pub(crate) fn told(
    fields: &mut Fields,
    field: &str,
    value: Option<&ProtoTime>,
    kind: SubjectKind,
    now: Timestamp,
) -> Option<Timestamp> {
    value?;
    if kind != SubjectKind::SystemAccount {
        fields.refuse(field, Violation::NotForPeople);
        return None;
    }
    fields.past(field, value, now)
}

/// When a change to a ticket happened; what was told must not lie before the
/// ticket's last change of state.
///
/// # Errors
/// A violation of `occurred_time`.
pub(crate) fn occurred(
    told: Option<Timestamp>,
    last_change: Option<Timestamp>,
    now: Timestamp,
) -> Result<Timestamp, Fault> {
    match (told, last_change) {
        (Some(told), Some(last)) if told < last => Err(Fault::fields(vec![(
            "occurred_time".to_owned(),
            Violation::Contradiction,
        )])),
        _ => Ok(told.unwrap_or(now)),
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;
    use kefu_service::time::to_proto;

    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_760_000_000, 0);

    fn read(at: Timestamp, kind: SubjectKind) -> Result<Option<Timestamp>, Violation> {
        let mut fields = Fields::new();
        let found = told(&mut fields, "occurred_time", Some(&to_proto(at)), kind, NOW);
        fields
            .finish()
            .map(|()| found)
            .map_err(|fault| fault.violations[0].1)
    }

    #[test]
    fn only_systems_say_when_it_happened() {
        let before = NOW - 1.hour();
        assert_eq!(read(before, SubjectKind::SystemAccount), Ok(Some(before)));
        assert_eq!(read(NOW, SubjectKind::SystemAccount), Ok(Some(NOW)));
        assert_eq!(
            read(before, SubjectKind::Employee),
            Err(Violation::NotForPeople)
        );
        assert_eq!(
            read(NOW + 1.second(), SubjectKind::SystemAccount),
            Err(Violation::InFuture)
        );
        let mut fields = Fields::new();
        assert_eq!(
            told(&mut fields, "f", None, SubjectKind::Employee, NOW),
            None
        );
        assert!(fields.is_clean());
    }

    #[test]
    fn nothing_happens_before_the_last_change_of_state() {
        let last = NOW - 1.hour();
        assert_eq!(occurred(None, Some(last), NOW), Ok(NOW));
        assert_eq!(occurred(Some(last), Some(last), NOW), Ok(last));
        let fault = occurred(Some(last - 1.second()), Some(last), NOW).unwrap_err();
        assert_eq!(
            fault.violations,
            [("occurred_time".to_owned(), Violation::Contradiction)]
        );
    }
}
