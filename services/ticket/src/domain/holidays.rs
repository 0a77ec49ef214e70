//! Holidays from an iCalendar file (RFC 5545): all-day events. One that says so in its
//! title is a working day in the place of another (调休): `班`, or `workday`.

use icalendar::Component;
use jiff::civil::Date;
use kefu_contracts::{
    google::r#type::Date as WireDate,
    ticket::{CalendarDefinition, DayHours, Weekday},
};
use kefu_service::{calendar::LONGEST_TITLE, error::Violation, fields::Fields};

/// Most days of one file, one event over many counted each.
const MOST: usize = 2000;
/// Bytes of a file.
const LONGEST_FILE: usize = 1024 * 1024;

/// Puts the days of an iCalendar file into a definition; they go before what it says of them.
pub(crate) fn add_holidays(
    fields: &mut Fields,
    definition: &mut CalendarDefinition,
    file: &str,
    worked_as: i32,
) {
    let worked_as = fields
        .optional_enum::<Weekday>("worked_as", worked_as)
        .filter(|day| *day != Weekday::Unspecified)
        .unwrap_or(Weekday::Monday);
    if file.is_empty() {
        return;
    }
    if file.len() > LONGEST_FILE {
        return fields.refuse("holidays", Violation::TooLong(LONGEST_FILE));
    }
    let Some(holidays) = read(file) else {
        return fields.refuse("holidays", Violation::Format);
    };
    let mut usual = definition.week.iter();
    let usual = usual.find(|day| day.weekday() == worked_as);
    let usual = usual.map(|day| day.hours.clone()).unwrap_or_default();
    for day in holidays {
        let date = Some(WireDate {
            year: day.date.year().into(),
            month: day.date.month().into(),
            day: day.date.day().into(),
        });
        definition.days.retain(|one| one.date != date);
        definition.days.push(DayHours {
            date,
            title: day.title.chars().take(LONGEST_TITLE).collect(),
            hours: match day.worked {
                true => usual.clone(),
                false => Vec::new(),
            },
        });
    }
}

/// A day that is worked though its weekday is not, or the other way round.
#[derive(Debug, Clone, PartialEq, Eq)]
struct WorkingDay {
    date: Date,
    title: String,
    worked: bool,
}

/// Reads a file, of which of two events on one day the later counts; none where it is no calendar, an event has no such date, or there are too
/// many. Events with a time of day are no holidays and are passed over.
fn read(text: &str) -> Option<Vec<WorkingDay>> {
    let calendar: icalendar::Calendar = text.parse().ok()?;
    let mut days = Vec::new();
    for event in calendar.events() {
        let start = event.property_value("DTSTART")?;
        let Some(first) = date(start) else {
            // A moment, not a day.
            if start.contains('T') {
                continue;
            }
            return None;
        };
        // Its end is the first day after it (RFC 5545, 3.6.1).
        let after = match event.property_value("DTEND") {
            Some(end) => date(end)?,
            None => first.tomorrow().ok()?,
        };
        let title = event.get_summary().unwrap_or_default().trim().to_owned();
        let worked = title.contains('班') || title.to_lowercase().contains("workday");
        let mut date = first;
        while date < after {
            if days.len() == MOST {
                return None;
            }
            days.push(WorkingDay {
                date,
                title: title.clone(),
                worked,
            });
            date = date.tomorrow().ok()?;
        }
    }
    Some(days)
}

/// `20261001`
fn date(text: &str) -> Option<Date> {
    (text.len() == 8).then(|| Date::strptime("%Y%m%d", text).ok())?
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp, tz::TimeZone};
    use kefu_service::calendar::{Calendar, Hours, Week};

    use super::*;

    fn at(moment: &str) -> Timestamp {
        moment.parse().unwrap()
    }

    /// The national holiday of 2026 with its working days (调休).
    #[test]
    fn a_holiday_is_closed_and_a_working_day_in_its_place_is_open() {
        let text = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//CN//\r\n\
            BEGIN:VEVENT\r\nUID:1\r\nDTSTAMP:20260101T000000Z\r\nDTSTART;VALUE=DATE:20261001\r\n\
            DTEND;VALUE=DATE:20261008\r\nSUMMARY:国庆节（休）\r\nEND:VEVENT\r\n\
            BEGIN:VEVENT\r\nUID:2\r\nDTSTAMP:20260101T000000Z\r\nDTSTART;VALUE=DATE:20261010\r\n\
            SUMMARY:国庆节（班）\r\nEND:VEVENT\r\n\
            BEGIN:VEVENT\r\nUID:3\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:20261012T010000Z\r\n\
            DTEND:20261012T020000Z\r\nSUMMARY:例会\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
        let days = read(text).unwrap();
        assert_eq!(days.len(), 8);
        assert_eq!(days.iter().filter(|day| day.worked).count(), 1);
        let office = Hours::new(vec![(9 * 60, 12 * 60), (13 * 60, 18 * 60)]).unwrap();
        let mut week = Week {
            zone: TimeZone::get("Asia/Shanghai").unwrap(),
            days: Default::default(),
            otherwise: Default::default(),
        };
        for day in 0..5 {
            week.days[day] = office.clone();
        }
        for day in days {
            let hours = match day.worked {
                true => week.days[0].clone(),
                false => Hours::default(),
            };
            week.otherwise.insert(day.date, hours);
        }
        let calendar = Calendar::new(vec![(at("2026-01-01T00:00:00Z"), week)]);
        // Wednesday 17:00, two hours: one is left, eight days are not worked, Thursday the 8th.
        let due = calendar.after(
            at("2026-09-30T09:00:00Z"),
            SignedDuration::from_hours(2),
            at("2027-01-01T00:00:00Z"),
        );
        assert_eq!(due, Some(at("2026-10-08T02:00:00Z")));
        let saturday = (at("2026-10-09T16:00:00Z"), at("2026-10-10T16:00:00Z"));
        let open = calendar.open_between(saturday.0, saturday.1);
        assert_eq!(open, SignedDuration::from_hours(8));
    }

    #[test]
    fn what_is_no_calendar_is_not_read() {
        for text in [
            "",
            "九月",
            "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20269999\nEND:VEVENT\nEND:VCALENDAR\n",
            "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:x\nEND:VEVENT\nEND:VCALENDAR\n",
            "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:00010101\nDTEND;VALUE=DATE:99990101\nEND:VEVENT\nEND:VCALENDAR\n",
        ] {
            assert!(read(text).is_none_or(|days| days.is_empty()), "{text}");
        }
    }
}
