//! Days of the Chinese calendar (GB/T 33661-2017), which festivals and birthdays may be of.

use icu_calendar::{
    Date as Calendrical,
    cal::{ChineseTraditional, Iso},
    types::Month,
};
use jiff::civil::Date;

/// A day of the lunar year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LunarDay {
    /// 1–12
    pub month: u8,
    /// Of the second month of this number, where a year has two.
    pub leap: bool,
    /// 1–30; 30 is the last of a month that has fewer.
    pub day: u8,
}

impl LunarDay {
    /// Which one a date is.
    pub fn of(date: Date) -> Option<Self> {
        let (month, day) = (date.month().unsigned_abs(), date.day().unsigned_abs());
        let iso = Calendrical::try_new_iso(date.year().into(), month, day).ok()?;
        let lunar = iso.to_calendar(ChineseTraditional::new());
        let month = lunar.month().to_input();
        Some(Self {
            month: month.number(),
            leap: month.is_leap(),
            day: lunar.day_of_month().0,
        })
    }

    /// When it is in the lunar year that begins in this one. In a year without the leap month it
    /// is kept in the month of its number, and of a month without a thirtieth day on the last.
    pub fn in_year(self, year: i16) -> Option<Date> {
        let leap = self.leap.then(|| Month::leap(self.month));
        let months = leap.into_iter().chain([Month::new(self.month)]);
        let days = [self.day, self.day.min(29)];
        months
            .flat_map(|month| days.map(|day| (month, day)))
            .find_map(|(month, day)| {
                let lunar = Calendrical::try_new_chinese_traditional(year.into(), month, day);
                date(&lunar.ok()?.to_calendar(Iso))
            })
    }

    /// When it is next, from this date on.
    pub fn next_from(self, from: Date) -> Option<Date> {
        let years = from.year() - 1..=from.year() + 1;
        years
            .filter_map(|year| self.in_year(year))
            .find(|date| *date >= from)
    }
}

fn date(iso: &Calendrical<Iso>) -> Option<Date> {
    let (month, day) = (iso.month().number(), iso.day_of_month().0);
    let year = i16::try_from(iso.year().extended_year()).ok()?;
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn day(month: u8, day: u8) -> LunarDay {
        LunarDay {
            month,
            leap: false,
            day,
        }
    }

    fn on(text: &str) -> Date {
        text.parse().unwrap()
    }

    /// Clause OP-3.3: as the calendars of many years had them.
    #[test]
    fn festivals_are_when_they_are() {
        let new_year = [
            "2000-02-05",
            "2008-02-07",
            "2012-01-23",
            "2015-02-19",
            "2019-02-05",
            "2020-01-25",
            "2021-02-12",
            "2022-02-01",
            "2023-01-22",
            "2024-02-10",
            "2025-01-29",
            "2026-02-17",
            "2027-02-06",
            "2028-01-26",
            "2029-02-13",
            "2030-02-03",
        ];
        let mid_autumn = [
            "2019-09-13",
            "2020-10-01",
            "2021-09-21",
            "2022-09-10",
            "2023-09-29",
            "2024-09-17",
            "2025-10-06",
            "2026-09-25",
            "2027-09-15",
        ];
        let dragon_boat = [
            "2020-06-25",
            "2021-06-14",
            "2022-06-03",
            "2023-06-22",
            "2024-06-10",
            "2025-05-31",
            "2026-06-19",
            "2027-06-09",
        ];
        let double_ninth = ["2023-10-23", "2024-10-11", "2025-10-29", "2026-10-18"];
        let lanterns = ["2023-02-05", "2024-02-24", "2025-02-12", "2026-03-03"];
        let all: [(LunarDay, &[&str]); 5] = [
            (day(1, 1), &new_year),
            (day(8, 15), &mid_autumn),
            (day(5, 5), &dragon_boat),
            (day(9, 9), &double_ninth),
            (day(1, 15), &lanterns),
        ];
        for (lunar, dates) in all {
            for date in dates.iter().map(|date| on(date)) {
                assert_eq!(lunar.in_year(date.year()), Some(date), "{lunar:?}");
                assert_eq!(LunarDay::of(date), Some(lunar), "{date}");
            }
        }
        // The eve is the last of the year, whether or not that has thirty days.
        for eve in ["2024-02-09", "2025-01-28", "2026-02-16", "2027-02-05"].map(on) {
            assert_eq!(day(12, 30).in_year(eve.year() - 1), Some(eve));
        }
    }

    /// Clause OP-3.3: who was born in a month that few years have has a birthday every year.
    #[test]
    fn a_birthday_in_a_leap_month_is_kept_in_every_year() {
        // 2023 had a second of the second month, 2025 one of the sixth.
        let born = LunarDay::of(on("2025-08-01")).unwrap();
        let expected = LunarDay {
            month: 6,
            leap: true,
            day: 8,
        };
        assert_eq!(born, expected);
        assert_eq!(born.in_year(2025), Some(on("2025-08-01")));
        assert_eq!(born.in_year(2026), day(6, 8).in_year(2026));
        let second = LunarDay::of(on("2023-03-22")).unwrap();
        assert!(second.leap && second.month == 2 && second.day == 1);
    }

    proptest! {
        /// Every date has one day in the lunar year, and is found by it again.
        #[test]
        fn a_date_is_found_by_its_lunar_day(days in 0..73_000_i64) {
            let date = on("1901-02-19").checked_add(jiff::Span::new().days(days)).unwrap();
            let lunar = LunarDay::of(date).unwrap();
            let years = [date.year() - 1, date.year()];
            prop_assert!(years.into_iter().any(|year| lunar.in_year(year) == Some(date)));
            prop_assert_eq!(lunar.next_from(date), Some(date));
        }

        /// Whatever day it is, it comes within fourteen months.
        #[test]
        fn every_lunar_day_comes_again(
            month in 1..=12_u8, day in 1..=30_u8, leap: bool, days in 0..73_000_i64,
        ) {
            let from = on("1901-02-19").checked_add(jiff::Span::new().days(days)).unwrap();
            let next = LunarDay { month, leap, day }.next_from(from).unwrap();
            prop_assert!(next >= from);
            prop_assert!(next.since(from).unwrap().get_days() <= 14 * 31);
        }
    }
}
