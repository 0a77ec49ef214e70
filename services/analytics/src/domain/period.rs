//! Days as people count them, as stretches of time that the database can look up.

use jiff::{Timestamp, ToSpan, civil, tz::TimeZone};
use kefu_contracts::google::r#type::Date;

/// A time zone that jiff and the database read alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Zone(TimeZone);

impl Zone {
    /// From an IANA name.
    ///
    /// Only `Area/Location` and `UTC`: the database takes short names such as `CET`
    /// for abbreviations without summer time, and would put records on other days
    /// than the bounds of the period do.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        if !name.contains('/') && name != "UTC" {
            return None;
        }
        let zone = TimeZone::get(name).ok().filter(|zone| !zone.is_unknown())?;
        zone.iana_name().is_some().then_some(Self(zone))
    }

    /// That of no place.
    pub(crate) fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// Its name, as the IANA database writes it.
    pub(crate) fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// Which day it is there.
    pub(crate) fn today(&self, now: Timestamp) -> civil::Date {
        now.to_zoned(self.0.clone()).date()
    }

    /// A moment on the clocks there: `2026-11-30 09:05`.
    pub(crate) fn clock(&self, at: Timestamp) -> String {
        at.to_zoned(self.0.clone())
            .strftime("%Y-%m-%d %H:%M")
            .to_string()
    }

    /// First moment of a day: 00:00, or later where the clock skips that.
    fn start(&self, day: civil::Date) -> Option<Timestamp> {
        Some(day.to_zoned(self.0.clone()).ok()?.timestamp())
    }
}

/// A day of the calendar; `None` when it is not one, or not a whole one.
pub(crate) fn day(date: &Date) -> Option<civil::Date> {
    let year = i16::try_from(date.year).ok().filter(|year| *year >= 1)?;
    civil::Date::new(
        year,
        i8::try_from(date.month).ok()?,
        i8::try_from(date.day).ok()?,
    )
    .ok()
}

/// A day as the contract carries it.
pub(crate) fn wire(day: civil::Date) -> Date {
    Date {
        year: day.year().into(),
        month: day.month().into(),
        day: day.day().into(),
    }
}

/// A stretch of time, its end excluded; open where there is no bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Period {
    /// First moment in it.
    pub(crate) from: Option<Timestamp>,
    /// First moment after it.
    pub(crate) until: Option<Timestamp>,
}

impl Period {
    /// From the first moment of the first day to the first after the last day.
    /// Where clocks were once turned back across midnight, what was repeated
    /// belongs to the later day. `None` where the calendar ends.
    pub(crate) fn of(
        first: Option<civil::Date>,
        last: Option<civil::Date>,
        zone: &Zone,
    ) -> Option<Self> {
        let from = first
            .map(|day| zone.start(day).ok_or(()))
            .transpose()
            .ok()?;
        let until = last
            .map(|day| {
                day.tomorrow()
                    .ok()
                    .and_then(|next| zone.start(next))
                    .ok_or(())
            })
            .transpose()
            .ok()?;
        Some(Self { from, until })
    }
}

/// Days from a first to a last, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Days {
    pub(crate) first: civil::Date,
    pub(crate) last: civil::Date,
}

impl Days {
    /// The period that this one is compared with, which ends where it begins: of whole months as
    /// many months, else as many days. `None` where the calendar begins.
    pub(crate) fn before(self) -> Option<Self> {
        let last = self.first.yesterday().ok()?;
        let whole = self.first.day() == 1 && self.last == self.last.last_of_month();
        let first = if whole {
            let months = months(self.last) - months(self.first) + 1;
            self.first.checked_sub(months.months()).ok()?
        } else {
            let days = self.first.until(self.last).ok()?.get_days() + 1;
            self.first.checked_sub(days.days()).ok()?
        };
        Some(Self { first, last })
    }
}

/// Months since the beginning of the calendar, so that they can be subtracted.
pub(crate) fn months(day: civil::Date) -> i32 {
    i32::from(day.year()) * 12 + i32::from(day.month())
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use proptest::prelude::*;

    use super::*;

    fn zone(name: &str) -> Zone {
        Zone::parse(name).unwrap()
    }

    fn of(day: civil::Date, zone: &Zone) -> (Timestamp, Timestamp) {
        let period = Period::of(Some(day), Some(day), zone).unwrap();
        (period.from.unwrap(), period.until.unwrap())
    }

    /// Clause CC-1.4.
    #[test]
    fn a_day_in_shanghai_begins_at_sixteen_hours_utc() {
        let (from, until) = of(civil::date(2018, 5, 16), &zone("Asia/Shanghai"));
        assert_eq!(from.to_string(), "2018-05-15T16:00:00Z");
        assert_eq!(until.to_string(), "2018-05-16T16:00:00Z");
    }

    /// Clause CC-1.4.
    #[test]
    fn days_on_which_clocks_change_are_as_long_as_they_were() {
        let cases = [
            ("Europe/Berlin", civil::date(2024, 3, 31), 23),
            ("Europe/Berlin", civil::date(2024, 10, 27), 25),
            ("Asia/Shanghai", civil::date(1986, 5, 4), 23),
            // Midnight itself was skipped.
            ("America/Sao_Paulo", civil::date(2018, 11, 4), 23),
            // 23:00 came twice.
            ("America/Sao_Paulo", civil::date(2018, 2, 17), 25),
            // Samoa went across the date line and had no such day.
            ("Pacific/Apia", civil::date(2011, 12, 30), 0),
        ];
        for (name, day, hours) in cases {
            let (from, until) = of(day, &zone(name));
            assert_eq!(
                until.duration_since(from),
                SignedDuration::from_hours(hours),
                "{name} {day}"
            );
        }
    }

    #[test]
    fn a_bound_that_is_left_out_is_open() {
        let utc = zone("UTC");
        assert_eq!(Period::of(None, None, &utc), Some(Period::default()));
        let since = Period::of(Some(civil::date(2024, 1, 1)), None, &utc).unwrap();
        assert!(since.from.is_some() && since.until.is_none());
        assert_eq!(
            Period::of(None, Some(civil::Date::MAX), &utc),
            None,
            "has no day after it"
        );
    }

    #[test]
    fn only_zones_that_the_database_reads_alike_are_known() {
        for name in [
            "Asia/Shanghai",
            "asia/shanghai",
            "America/Argentina/Buenos_Aires",
            "Etc/GMT+8",
            "UTC",
        ] {
            assert!(Zone::parse(name).is_some(), "{name}");
        }
        for name in [
            "",
            "CET",
            "EST",
            "+08:00",
            "Asia/Atlantis",
            "Etc/Unknown",
            "../etc/passwd",
            "Asia/Shanghai ",
        ] {
            assert!(Zone::parse(name).is_none(), "{name}");
        }
        assert_eq!(zone("asia/shanghai").name(), "Asia/Shanghai");
    }

    #[test]
    fn parts_of_a_date_are_not_a_day() {
        let date = |year, month, day| Date { year, month, day };
        assert_eq!(day(&date(2024, 2, 29)), Some(civil::date(2024, 2, 29)));
        for not_one in [
            date(2023, 2, 29),
            date(2024, 0, 0),
            date(2024, 5, 0),
            date(0, 5, 16),
            date(70_000, 1, 1),
            date(2024, 260, 1),
        ] {
            assert_eq!(day(&not_one), None, "{not_one:?}");
        }
    }

    fn zones() -> impl Strategy<Value = Zone> {
        let names = [
            "Asia/Shanghai",
            "Europe/Berlin",
            "America/New_York",
            "America/Sao_Paulo",
            "Australia/Lord_Howe",
            "Pacific/Apia",
            "UTC",
        ];
        prop::sample::select(names.to_vec()).prop_map(zone)
    }

    /// Clause CC-1.4.
    #[test]
    fn whole_months_are_compared_with_whole_months() {
        let days = |first, last| Days { first, last };
        let date = civil::date;
        let cases = [
            (
                days(date(2024, 3, 1), date(2024, 3, 31)),
                days(date(2024, 2, 1), date(2024, 2, 29)),
            ),
            (
                days(date(2024, 1, 1), date(2024, 3, 31)),
                days(date(2023, 10, 1), date(2023, 12, 31)),
            ),
            (
                days(date(2024, 3, 1), date(2024, 3, 30)),
                days(date(2024, 1, 31), date(2024, 2, 29)),
            ),
            (
                days(date(2024, 1, 1), date(2024, 1, 1)),
                days(date(2023, 12, 31), date(2023, 12, 31)),
            ),
        ];
        for (this, before) in cases {
            assert_eq!(this.before(), Some(before), "{this:?}");
        }
        let first = days(civil::Date::MIN, civil::Date::MIN);
        assert_eq!(first.before(), None);
    }

    fn days() -> impl Strategy<Value = civil::Date> {
        (0_i32..40_000).prop_map(|days| civil::date(1950, 1, 1).saturating_add(days.days()))
    }

    proptest! {
        /// Clause CC-1.4: days neither overlap nor leave a gap, so that the figures of
        /// two neighbouring periods add up to that of both.
        #[test]
        fn neighbouring_days_touch(day in days(), zone in zones()) {
            let next = day.tomorrow().unwrap();
            let (from, until) = of(day, &zone);
            prop_assert!(from <= until);
            prop_assert_eq!(until, of(next, &zone).0);
            let both = Period::of(Some(day), Some(next), &zone).unwrap();
            prop_assert_eq!(both.until, Some(of(next, &zone).1));
        }

        /// Clause CC-1.4: the period before touches this one and is as long, or of as many months.
        #[test]
        fn the_period_before_touches_this_one(first in days(), length in 0..400_i32) {
            let this = Days { first, last: first.saturating_add(length.days()) };
            let before = this.before().unwrap();
            prop_assert_eq!(before.last.tomorrow().unwrap(), this.first);
            let count = |days: Days| days.first.until(days.last).unwrap().get_days() + 1;
            let whole = first.day() == 1 && this.last.tomorrow().unwrap().day() == 1;
            if whole {
                prop_assert_eq!(before.first.day(), 1);
            } else {
                prop_assert_eq!(count(before), count(this));
            }
        }

        /// Clause CC-1.4: a moment is in the period of the day it has on the clocks there.
        #[test]
        fn a_moment_is_in_its_own_day(second in -600_000_000_i64..2_800_000_000, zone in zones()) {
            let at = Timestamp::from_second(second).unwrap();
            let (from, until) = of(at.to_zoned(zone.0.clone()).date(), &zone);
            prop_assert!(from <= at && at < until);
        }
    }
}
