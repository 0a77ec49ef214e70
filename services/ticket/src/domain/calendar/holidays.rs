//! Holidays from an iCalendar file (RFC 5545): all-day events. One that says so in its
//! title is a working day in the place of another (调休): `班`, or `workday`.

use icalendar::Component;
use jiff::civil::Date;

/// Most days of one file, one event over many counted each.
const MOST: usize = 2000;

/// A day that is worked though its weekday is not, or the other way round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WorkingDay {
    pub(crate) date: Date,
    pub(crate) title: String,
    pub(crate) worked: bool,
}

/// Reads a file, of which of two events on one day the later counts; none where it is no calendar, an event has no such date, or there are too
/// many. Events with a time of day are no holidays and are passed over.
pub(crate) fn read(text: &str) -> Option<Vec<WorkingDay>> {
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
