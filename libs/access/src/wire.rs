//! Ids and times as messages carry them.

use jiff::Timestamp;
use prost_types::Timestamp as WireTime;
use thiserror::Error;
use uuid::Uuid;

/// What makes a message unusable. Nothing is guessed: a message with one bad part
/// is refused whole, because a rule half understood may reach too far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WireError {
    /// Not 16 bytes.
    #[error("{0} is not a uuid")]
    Uuid(&'static str),
    /// Outside the years that can be reckoned with, or nanoseconds out of range.
    #[error("{0} is not a time")]
    Time(&'static str),
    /// Needed and not there.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A number that the contract does not know.
    #[error("{0} is not a value of the contract")]
    Value(&'static str),
    /// Nested more than eight deep.
    #[error("{0} is nested too deep")]
    TooDeep(&'static str),
    /// More than there may be.
    #[error("{0} are too many")]
    TooMany(&'static str),
}

pub(crate) fn uuid(bytes: &[u8], field: &'static str) -> Result<Uuid, WireError> {
    Uuid::from_slice(bytes).map_err(|_| WireError::Uuid(field))
}

/// Empty bytes are no id; anything else has to be one.
pub(crate) fn optional_uuid(bytes: &[u8], field: &'static str) -> Result<Option<Uuid>, WireError> {
    match bytes {
        [] => Ok(None),
        bytes => uuid(bytes, field).map(Some),
    }
}

pub(crate) fn uuids(ids: &[Vec<u8>], field: &'static str) -> Result<Vec<Uuid>, WireError> {
    ids.iter().map(|id| uuid(id, field)).collect()
}

pub(crate) fn uuids_to_wire(ids: &[Uuid]) -> Vec<Vec<u8>> {
    ids.iter().map(|id| id.as_bytes().to_vec()).collect()
}

pub(crate) fn time(
    wire: Option<&WireTime>,
    field: &'static str,
) -> Result<Option<Timestamp>, WireError> {
    let Some(wire) = wire else { return Ok(None) };
    if !(0..1_000_000_000).contains(&wire.nanos) {
        return Err(WireError::Time(field));
    }
    Timestamp::new(wire.seconds, wire.nanos)
        .map(Some)
        .map_err(|_| WireError::Time(field))
}

pub(crate) fn required_time(
    wire: Option<&WireTime>,
    field: &'static str,
) -> Result<Timestamp, WireError> {
    time(wire, field)?.ok_or(WireError::Missing(field))
}

/// Protobuf counts nanoseconds upwards also before 1970, jiff towards zero.
pub(crate) fn time_to_wire(time: Timestamp) -> WireTime {
    let (seconds, nanos) = (time.as_second(), time.subsec_nanosecond());
    match nanos {
        0.. => WireTime { seconds, nanos },
        _ => WireTime {
            seconds: seconds - 1,
            nanos: nanos + 1_000_000_000,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn times_survive_the_wire(second in -377_705_023_200_i64..=253_402_207_199, nanos in 0..1_000_000_000) {
            let time = Timestamp::new(second, nanos).unwrap();
            let wire = time_to_wire(time);
            prop_assert_eq!(super::time(Some(&wire), "time"), Ok(Some(time)));
        }
    }

    #[test]
    fn times_outside_the_contract_are_refused() {
        for (seconds, nanos) in [(0, -1), (0, 1_000_000_000), (i64::MAX, 0), (i64::MIN, 0)] {
            let wire = WireTime { seconds, nanos };
            assert_eq!(time(Some(&wire), "time"), Err(WireError::Time("time")));
        }
        assert_eq!(required_time(None, "time"), Err(WireError::Missing("time")));
    }

    #[test]
    fn ids_are_sixteen_bytes() {
        assert_eq!(uuid(&[7; 15], "id"), Err(WireError::Uuid("id")));
        assert_eq!(uuid(&[], "id"), Err(WireError::Uuid("id")));
        assert_eq!(optional_uuid(&[], "id"), Ok(None));
        assert_eq!(optional_uuid(&[7; 17], "id"), Err(WireError::Uuid("id")));
        assert_eq!(
            optional_uuid(&[7; 16], "id"),
            Ok(Some(Uuid::from_bytes([7; 16])))
        );
    }
}
