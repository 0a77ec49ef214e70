//! On which days customers are greeted, and how (OP-3.3).

use std::collections::BTreeSet;

use jiff::civil::Date;
use kefu_contracts::{
    common::Channel,
    order::{BirthdayGreeting, CustomerTier, Festival, Greeting},
};
use kefu_service::{error::Violation, fields::Fields, lunar::LunarDay};

use super::loyalty::is_key;

const MOST_FESTIVALS: usize = 50;
const LONGEST_TITLE: usize = 80;
/// At which hour greetings are due, where nothing is said.
const MORNING: i8 = 10;

/// When a festival is next, from this date on.
pub(crate) fn next(festival: &Festival, from: Date) -> Option<Date> {
    let month = u8::try_from(festival.month).ok()?;
    let day = u8::try_from(festival.day).ok()?;
    if festival.lunar {
        let lunar = LunarDay {
            month,
            leap: false,
            day,
        };
        return lunar.next_from(from);
    }
    let (month, day) = (i8::try_from(month).ok()?, i8::try_from(day).ok()?);
    (from.year()..=from.year() + 1)
        .filter_map(|year| {
            let first = Date::new(year, month, 1).ok()?;
            Date::new(year, month, day.min(first.days_in_month())).ok()
        })
        .find(|date| *date >= from)
}

/// At which hour of its day a greeting is due.
pub(crate) fn hour(greeting: &Greeting) -> i8 {
    match greeting.due_hour {
        0 => MORNING,
        hour => i8::try_from(hour).unwrap_or(MORNING),
    }
}

/// What is to be done, in words.
pub(crate) fn words(title: &str, channel: Channel) -> String {
    format!("问候客户：{title}（{}）", how(channel))
}

/// A channel, in words.
pub(crate) fn how(channel: Channel) -> &'static str {
    match channel {
        Channel::Phone => "电话",
        Channel::Email => "邮件",
        Channel::Social => "社交媒体",
        Channel::OnSite => "上门",
        Channel::Online | Channel::SelfService | Channel::Unspecified => "在线",
    }
}

/// Notes every fault of the festivals, and of how birthdays are kept.
pub(crate) fn check(
    fields: &mut Fields,
    festivals: &[Festival],
    birthday: Option<&BirthdayGreeting>,
) {
    let few = festivals.len() <= MOST_FESTIVALS;
    let all = "definition.festivals";
    fields.ensure(few, all, Violation::TooMany(MOST_FESTIVALS));
    let mut ids = BTreeSet::new();
    for (at, festival) in festivals.iter().enumerate().take(MOST_FESTIVALS) {
        let place = |field: &str| format!("{all}[{at}].{field}");
        fields.ensure(is_key(&festival.id), place("id"), Violation::Format);
        fields.ensure(ids.insert(&festival.id), place("id"), Violation::Duplicate);
        fields.required_text(place("title_zh"), &festival.title_zh, LONGEST_TITLE);
        fields.text(place("title_en"), &festival.title_en, LONGEST_TITLE);
        let month = (1..=12).contains(&festival.month);
        fields.ensure(month, place("month"), Violation::OutOfRange(1, 12));
        let most = if festival.lunar { 30 } else { 31 };
        let day = (1..=most).contains(&festival.day);
        fields.ensure(day, place("day"), Violation::OutOfRange(1, most.into()));
        check_greeting(fields, &place("greeting"), festival.greeting.as_ref());
    }
    if let Some(birthday) = birthday {
        let place = "definition.birthday.greeting";
        check_greeting(fields, place, birthday.greeting.as_ref());
    }
}

fn check_greeting(fields: &mut Fields, place: &str, greeting: Option<&Greeting>) {
    let Some(greeting) = greeting else {
        return fields.refuse(place, Violation::Required);
    };
    fields.required_enum::<Channel>(format_args!("{place}.channel"), greeting.channel);
    for (at, tier) in greeting.tiers.iter().enumerate() {
        fields.required_enum::<CustomerTier>(format_args!("{place}.tiers[{at}]"), *tier);
    }
    let hour = (0..=23).contains(&greeting.due_hour);
    let field = format_args!("{place}.due_hour");
    fields.ensure(hour, field, Violation::OutOfRange(0, 23));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn festival(lunar: bool, month: i32, day: i32) -> Festival {
        Festival {
            id: "one".into(),
            title_zh: "节".into(),
            lunar,
            month,
            day,
            ..Festival::default()
        }
    }

    /// Clause OP-3.3.
    #[test]
    fn a_festival_is_on_its_day_of_either_calendar() {
        let on = |text: &str| text.parse::<Date>().unwrap();
        let found = |festival: &Festival, from: &str| next(festival, on(from)).unwrap();
        let spring = festival(true, 1, 1);
        assert_eq!(found(&spring, "2026-02-17"), on("2026-02-17"));
        assert_eq!(found(&spring, "2026-02-18"), on("2027-02-06"));
        let mid_autumn = festival(true, 8, 15);
        assert_eq!(found(&mid_autumn, "2026-01-01"), on("2026-09-25"));
        // The eve of 2027 lies in the lunar year before it.
        assert_eq!(
            found(&festival(true, 12, 30), "2027-01-01"),
            on("2027-02-05")
        );
        let new_year = festival(false, 1, 1);
        assert_eq!(found(&new_year, "2026-01-02"), on("2027-01-01"));
        let last = festival(false, 2, 31);
        assert_eq!(found(&last, "2027-01-01"), on("2027-02-28"));
        assert_eq!(found(&last, "2028-01-01"), on("2028-02-29"));
    }

    #[test]
    fn every_fault_of_a_festival_is_told() {
        let wrong = Festival {
            id: "春".into(),
            title_zh: String::new(),
            greeting: Some(Greeting {
                due_hour: 24,
                ..Greeting::default()
            }),
            ..festival(true, 13, 31)
        };
        let mut fields = Fields::new();
        check(&mut fields, &[wrong, festival(false, 1, 31)], None);
        let fault = fields.finish().unwrap_err();
        let named: Vec<_> = fault
            .violations
            .iter()
            .map(|(field, _)| field.as_str())
            .collect();
        let expected = [
            "definition.festivals[0].id",
            "definition.festivals[0].title_zh",
            "definition.festivals[0].month",
            "definition.festivals[0].day",
            "definition.festivals[0].greeting.channel",
            "definition.festivals[0].greeting.due_hour",
            "definition.festivals[1].greeting",
        ];
        assert_eq!(named, expected);
    }
}
