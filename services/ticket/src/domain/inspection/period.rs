//! Periods that are drawn from, by the wall clock of the company.

use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use kefu_contracts::ticket::InspectionPeriod;

/// The end of the period that this moment lies in: the first midnight after it that begins
/// another one. `None` beyond the end of time.
pub(crate) fn end(period: InspectionPeriod, zone: &TimeZone, at: Timestamp) -> Option<Timestamp> {
    let date = at.to_zoned(zone.clone()).date();
    let next = match period {
        InspectionPeriod::Month => date.last_of_month().tomorrow().ok()?,
        InspectionPeriod::Week => {
            let since_monday = i64::from(date.weekday().to_monday_zero_offset());
            date.checked_add((7 - since_monday).days()).ok()?
        }
        InspectionPeriod::Day | InspectionPeriod::Unspecified => date.tomorrow().ok()?,
    };
    midnight(next, zone)
}

/// The first moment of a day, which where clocks are put forward need not be 0:00.
fn midnight(date: Date, zone: &TimeZone) -> Option<Timestamp> {
    let zoned = date.to_zoned(zone.clone()).ok()?;
    Some(zoned.start_of_day().ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Clause OP-5: by the wall clock, from Monday and from the first.
    #[test]
    fn periods_end_at_midnight() {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let at: Timestamp = "2026-02-25T16:00:00Z".parse().unwrap();
        let ends = |period| end(period, &zone, at).unwrap().to_string();
        assert_eq!(ends(InspectionPeriod::Day), "2026-02-26T16:00:00Z");
        assert_eq!(ends(InspectionPeriod::Week), "2026-03-01T16:00:00Z");
        assert_eq!(ends(InspectionPeriod::Month), "2026-02-28T16:00:00Z");
    }

    proptest! {
        /// Clause OP-5: periods lie end to end, and each hour of one ends with it.
        #[test]
        fn periods_lie_end_to_end(
            hour in 0..24 * 3_000_i64,
            period in proptest::sample::select(&[InspectionPeriod::Day, InspectionPeriod::Week, InspectionPeriod::Month][..]),
            zone in proptest::sample::select(&["Asia/Shanghai", "Europe/Berlin", "America/Sao_Paulo"][..]),
        ) {
            let zone = TimeZone::get(zone).unwrap();
            let at = Timestamp::constant(1_500_000_000, 0) + hour.hours();
            let until = end(period, &zone, at).unwrap();
            prop_assert!(at < until);
            let date = until.to_zoned(zone.clone()).date();
            let begins = match period {
                InspectionPeriod::Week => date.weekday().to_monday_zero_offset() == 0,
                InspectionPeriod::Month => date.day() == 1,
                _ => true,
            };
            prop_assert!(begins);
            let mut between = at;
            while between + 1.hour() < until {
                between += 1.hour();
                prop_assert_eq!(end(period, &zone, between).unwrap(), until);
            }
            prop_assert!(end(period, &zone, until).unwrap() > until);
        }
    }
}
