//! Points in time, and dates, between the contracts, the rules and the database.

use jiff::{Timestamp, civil::Date};
use kefu_contracts::google::r#type::Date as WireDate;
use prost_types::Timestamp as ProtoTime;

/// As the contracts carry it.
pub fn to_proto(at: Timestamp) -> ProtoTime {
    ProtoTime {
        seconds: at.as_second(),
        nanos: at.subsec_nanosecond(),
    }
}

/// First second of 1900: nothing in customer service happened before, and not
/// everything before fits into the database.
const FIRST: i64 = -2_208_988_800;

/// From a contract, to the microsecond that the database keeps; `None` when it
/// is not a point in time from 1900 on.
pub fn from_proto(at: &ProtoTime) -> Option<Timestamp> {
    if !(0..1_000_000_000).contains(&at.nanos) || at.seconds < FIRST {
        return None;
    }
    let exact = Timestamp::new(at.seconds, at.nanos).ok()?;
    Timestamp::from_microsecond(exact.as_microsecond()).ok()
}

/// A whole date; `None` for years alone and the like, and for what is no date.
pub fn civil(date: &WireDate) -> Option<Date> {
    Date::new(
        date.year.try_into().ok()?,
        date.month.try_into().ok()?,
        date.day.try_into().ok()?,
    )
    .ok()
}
