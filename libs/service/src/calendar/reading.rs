//! A definition as it is written: every fault at once, and the week it makes.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use kefu_contracts::ticket::{CalendarDefinition, OpenHours, Weekday};

use super::{Hours, MINUTES_A_DAY, Week};
use crate::{error::Violation, fields::Fields, time::civil};

/// Most days that are otherwise.
const MOST_DAYS: usize = 2000;
/// Most characters of what a day is called.
pub const LONGEST_TITLE: usize = 120;

/// Reads a definition; what is wrong is noted under `field`.
pub fn week(fields: &mut Fields, field: &str, definition: &CalendarDefinition) -> Option<Week> {
    let zone = TimeZone::get(&definition.time_zone).ok();
    fields.ensure(
        zone.is_some(),
        format_args!("{field}.time_zone"),
        Violation::UnknownValue,
    );
    let mut days: [Option<Hours>; 7] = Default::default();
    for (at, one) in definition.week.iter().enumerate() {
        let place = format!("{field}.week[{at}]");
        let hours = hours(fields, &place, &one.hours);
        let weekday = fields.required_enum::<Weekday>(format_args!("{place}.weekday"), one.weekday);
        let day = weekday.and_then(|day| days.get_mut((day as usize).checked_sub(1)?));
        if let Some(day) = day
            && day.replace(hours.unwrap_or_default()).is_some()
        {
            fields.refuse(format_args!("{place}.weekday"), Violation::Duplicate);
        }
    }
    let count = definition.days.len();
    fields.ensure(
        count <= MOST_DAYS,
        format_args!("{field}.days"),
        Violation::TooMany(MOST_DAYS),
    );
    let mut otherwise = BTreeMap::new();
    for (at, one) in definition.days.iter().enumerate().take(MOST_DAYS) {
        let place = format!("{field}.days[{at}]");
        fields.text(format_args!("{place}.title"), &one.title, LONGEST_TITLE);
        let hours = hours(fields, &place, &one.hours);
        match one.date.as_ref().and_then(civil) {
            None => fields.refuse(format_args!("{place}.date"), Violation::Date),
            Some(date) => {
                let new = otherwise.insert(date, hours.unwrap_or_default()).is_none();
                fields.ensure(new, format_args!("{place}.date"), Violation::Duplicate);
            }
        }
    }
    Some(Week {
        zone: zone?,
        days: days.map(Option::unwrap_or_default),
        otherwise,
    })
}

fn hours(fields: &mut Fields, place: &str, hours: &[OpenHours]) -> Option<Hours> {
    let mut stretches = Vec::new();
    for (at, one) in hours.iter().enumerate() {
        let ends = [("from", &one.from), ("to", &one.to)].map(|(end, text)| {
            let minute = minute(text);
            let field = format_args!("{place}.hours[{at}].{end}").to_string();
            fields.ensure(minute.is_some(), field, Violation::Time);
            minute
        });
        if let [Some(from), Some(to)] = ends {
            stretches.push((from, to));
        }
    }
    let whole = stretches.len() == hours.len();
    let hours = Hours::new(stretches).filter(|_| whole);
    if whole {
        fields.ensure(
            hours.is_some(),
            format_args!("{place}.hours"),
            Violation::Contradiction,
        );
    }
    hours
}

/// `09:00`
fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let two = |text: &str| {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<u16>().ok())?
    };
    let (hour, minute) = (two(hour)?, two(minute)?);
    let all = hour * 60 + minute;
    (minute < 60 && all <= MINUTES_A_DAY).then_some(all)
}

#[cfg(test)]
mod tests {
    use kefu_contracts::ticket::DayHours;

    use super::*;

    fn found(definition: CalendarDefinition) -> Vec<String> {
        let mut fields = Fields::new();
        week(&mut fields, "definition", &definition);
        let fault = fields.finish().err();
        let violations = fault.map(|fault| fault.violations).unwrap_or_default();
        violations.into_iter().map(|(field, _)| field).collect()
    }

    fn open(from: &str, to: &str) -> OpenHours {
        OpenHours {
            from: from.into(),
            to: to.into(),
        }
    }

    #[test]
    fn every_fault_of_a_definition_is_told_at_once() {
        let day = |weekday: Weekday, hours| kefu_contracts::ticket::WeekdayHours {
            weekday: weekday.into(),
            hours,
        };
        let wrong = CalendarDefinition {
            time_zone: "Asia/Atlantis".into(),
            week: vec![
                day(Weekday::Monday, vec![open("9:00", "18:00")]),
                day(Weekday::Monday, vec![open("09:00", "24:01")]),
                day(Weekday::Tuesday, vec![open("10:00", "09:00")]),
            ],
            days: vec![DayHours::default()],
        };
        assert_eq!(
            found(wrong),
            [
                "definition.time_zone",
                "definition.week[0].hours[0].from",
                "definition.week[1].hours[0].to",
                "definition.week[1].weekday",
                "definition.week[2].hours",
                "definition.days[0].date",
            ]
        );
        let right = CalendarDefinition {
            time_zone: "Asia/Shanghai".into(),
            week: vec![day(Weekday::Sunday, vec![open("00:00", "24:00")])],
            days: Vec::new(),
        };
        assert_eq!(found(right), [""; 0]);
    }
}
