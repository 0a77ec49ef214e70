//! Birthdays, of the solar and of the Chinese calendar (OP-3.3).

use jiff::civil::Date;
use kefu_service::lunar::LunarDay;

/// The days of the two years on which somebody has a birthday, as they are looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Birthday {
    /// `05-17`
    pub(crate) solar: String,
    /// `04-12`, `04+12` of a leap month; none where the calendar does not reach.
    pub(crate) lunar: Option<String>,
}

impl Birthday {
    /// Of somebody born on this date.
    pub(crate) fn of(birth: Date) -> Self {
        Self {
            solar: solar(birth.month(), birth.day()),
            lunar: LunarDay::of(birth).map(lunar),
        }
    }
}

/// Which birthdays are on a date of the solar calendar.
pub(crate) fn on(date: Date) -> Vec<String> {
    let mut all = vec![solar(date.month(), date.day())];
    // Who was born on a day that this year does not have.
    if (date.month(), date.day()) == (2, 28) && !date.in_leap_year() {
        all.push(solar(2, 29));
    }
    all
}

/// Which birthdays of the Chinese calendar are on a date.
pub(crate) fn on_lunar(date: Date) -> Vec<String> {
    let Some(today) = LunarDay::of(date) else {
        return Vec::new();
    };
    let days = [today.day, 30];
    let all = [false, true]
        .into_iter()
        .flat_map(|leap| days.map(|day| LunarDay { leap, day, ..today }));
    let mut all: Vec<_> = all
        .filter(|born| born.next_from(date) == Some(date))
        .map(lunar)
        .collect();
    all.dedup();
    all
}

fn solar(month: i8, day: i8) -> String {
    format!("{month:02}-{day:02}")
}

fn lunar(day: LunarDay) -> String {
    let sign = if day.leap { '+' } else { '-' };
    format!("{:02}{sign}{:02}", day.month, day.day)
}

#[cfg(test)]
mod tests {
    use jiff::Span;
    use proptest::prelude::*;

    use super::*;

    fn days_of(from: Date, count: i64) -> impl Iterator<Item = Date> {
        (0..count).map(move |days| from.checked_add(Span::new().days(days)).unwrap())
    }

    fn date() -> impl Strategy<Value = Date> {
        let first = Date::constant(1930, 1, 1);
        (0..33_000_i64).prop_map(move |days| first.checked_add(Span::new().days(days)).unwrap())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Clause OP-3.3: whoever was born when has one birthday in each year.
        #[test]
        fn everybody_has_one_birthday_a_year(birth in date(), year in 2020..2040_i16) {
            let solar = Birthday::of(birth).solar;
            let first = Date::new(year, 1, 1).unwrap();
            let all = days_of(first, first.days_in_year().into());
            let found: Vec<_> = all.filter(|date| on(*date).contains(&solar)).collect();
            prop_assert_eq!(found.len(), 1);
            prop_assert_eq!(found[0].month(), birth.month());
        }

        /// Clause OP-3.3: and one in each lunar year, the day of which it is.
        #[test]
        fn everybody_has_one_birthday_a_lunar_year(birth in date(), year in 2020..2040_i16) {
            let lunar = Birthday::of(birth).lunar.unwrap();
            let new_year = LunarDay { month: 1, leap: false, day: 1 };
            let (first, next) = (new_year.in_year(year).unwrap(), new_year.in_year(year + 1).unwrap());
            let count = i64::from(next.since(first).unwrap().get_days());
            let found: Vec<_> = days_of(first, count)
                .filter(|date| on_lunar(*date).contains(&lunar))
                .collect();
            prop_assert_eq!(found.len(), 1);
            prop_assert_eq!(Some(found[0]), LunarDay::of(birth).unwrap().in_year(year));
        }
    }

    #[test]
    fn who_was_born_on_a_leap_day_has_a_birthday_in_common_years() {
        let on = |text: &str| super::on(text.parse().unwrap());
        assert_eq!(on("2027-02-28"), ["02-28", "02-29"]);
        assert_eq!(on("2028-02-28"), ["02-28"]);
        assert_eq!(on("2028-02-29"), ["02-29"]);
    }
}
