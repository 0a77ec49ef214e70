//! Reads the fields of a record from a row: texts into the types of the
//! contracts. What is wrong is noted, and all of it told at once.

use std::cell::RefCell;

use jiff::{Timestamp, civil::Time, fmt::strtime::BrokenDownTime, tz::TimeZone};
use kefu_contracts::google::r#type::{Date, Money};

use super::{join::Scope, mapping::Source, template::Value};

/// How texts of a file are to be understood.
#[derive(Debug)]
pub(super) struct Formats {
    zone: TimeZone,
    time: String,
    date: String,
}

impl Formats {
    /// Of a mapping.
    ///
    /// # Errors
    /// When there is no such time zone.
    pub(super) fn of(source: &Source) -> anyhow::Result<Self> {
        Ok(Self {
            zone: TimeZone::get(&source.time_zone)?,
            time: source.time_format.clone(),
            date: source.date_format.clone(),
        })
    }
}

/// Reads one row. An absent value is the default of its type, which in the
/// contracts means "not given": what must be given, the suite itself knows.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    scope: Scope<'a>,
    formats: &'a Formats,
    problems: &'a RefCell<Vec<String>>,
}

impl<'a> Reader<'a> {
    /// For this row; problems are noted there.
    pub(super) fn new(
        scope: Scope<'a>,
        formats: &'a Formats,
        problems: &'a RefCell<Vec<String>>,
    ) -> Self {
        Self {
            scope,
            formats,
            problems,
        }
    }

    /// A reader for each row of a join.
    pub(super) fn each<'b>(&self, join: &'b str) -> Vec<Reader<'b>>
    where
        'a: 'b,
    {
        let scopes = self.scope.each(join);
        scopes
            .into_iter()
            .map(|scope| Reader { scope, ..*self })
            .collect()
    }

    /// Notes what is wrong with the row.
    pub(super) fn refuse(&self, problem: String) {
        self.problems.borrow_mut().push(problem);
    }

    fn raw<'v>(&self, field: &str, value: impl Into<Option<&'v Value>>) -> Option<String> {
        value
            .into()?
            .resolve(&self.scope)
            .unwrap_or_else(|problem| {
                self.refuse(format!("{field}: {problem}"));
                None
            })
    }

    fn parsed<'v, T>(
        &self,
        field: &str,
        value: impl Into<Option<&'v Value>>,
        what: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.raw(field, value)?;
        let parsed = parse(&text);
        if parsed.is_none() {
            self.refuse(format!("{field}: \"{text}\" is not {what}"));
        }
        parsed
    }

    /// A text.
    pub(super) fn text<'v>(&self, field: &str, value: impl Into<Option<&'v Value>>) -> String {
        self.raw(field, value).unwrap_or_default()
    }

    /// A text without which the record cannot be imported.
    pub(super) fn required(&self, field: &str, value: &Value) -> String {
        self.must(field, |row| row.raw(field, value))
            .unwrap_or_default()
    }

    /// What is read here must have a value.
    pub(super) fn must<T>(&self, field: &str, read: impl FnOnce(&Self) -> Option<T>) -> Option<T> {
        let noted = self.problems.borrow().len();
        let found = read(self);
        // A value that cannot be understood is noted as such, not as missing.
        if found.is_none() && self.problems.borrow().len() == noted {
            self.refuse(format!("{field}: no value"));
        }
        found
    }

    /// A value of an enum by its full name: `from_str_name` of the contracts.
    pub(super) fn choice<'v, E>(
        &self,
        field: &str,
        value: impl Into<Option<&'v Value>>,
        parse: fn(&str) -> Option<E>,
    ) -> Option<E> {
        self.parsed(field, value, "a value of the contract", parse)
    }

    /// As [`Reader::choice`], as messages carry it.
    pub(super) fn number_of<'v, E: Into<i32>>(
        &self,
        field: &str,
        value: impl Into<Option<&'v Value>>,
        parse: fn(&str) -> Option<E>,
    ) -> i32 {
        self.choice(field, value, parse).map_or(0, Into::into)
    }

    /// A whole number.
    pub(super) fn whole<'v>(&self, field: &str, value: impl Into<Option<&'v Value>>) -> i32 {
        let parsed = self.parsed(field, value, "a whole number", |text| text.parse().ok());
        parsed.unwrap_or_default()
    }

    /// `true` or `false`.
    pub(super) fn flag<'v>(&self, field: &str, value: impl Into<Option<&'v Value>>) -> bool {
        let parsed = self.parsed(field, value, "true or false", |text| text.parse().ok());
        parsed.unwrap_or_default()
    }

    /// A point in time: in the file's zone unless it brings its own offset.
    /// A time that a change of clocks makes ambiguous is the earlier one.
    pub(super) fn time<'v>(
        &self,
        field: &str,
        value: impl Into<Option<&'v Value>>,
    ) -> Option<Timestamp> {
        let Formats { zone, time, .. } = self.formats;
        self.parsed(
            field,
            value,
            &format!("a time of the form {time}"),
            |text| moment(text, time, zone),
        )
    }

    /// A day of the calendar.
    pub(super) fn date<'v>(
        &self,
        field: &str,
        value: impl Into<Option<&'v Value>>,
    ) -> Option<Date> {
        let form = &self.formats.date;
        let parsed = self.parsed(
            field,
            value,
            &format!("a date of the form {form}"),
            |text| BrokenDownTime::parse(form, text).ok()?.to_date().ok(),
        )?;
        Some(Date {
            year: parsed.year().into(),
            month: parsed.month().into(),
            day: parsed.day().into(),
        })
    }

    /// An exact amount.
    pub(super) fn money<'v>(
        &self,
        field: &str,
        value: impl Into<Option<&'v Value>>,
        currency: &str,
    ) -> Option<Money> {
        let what = "an amount with up to nine decimals";
        self.parsed(field, value, what, |text| money(text, currency))
    }
}

fn moment(text: &str, form: &str, zone: &TimeZone) -> Option<Timestamp> {
    let parts = BrokenDownTime::parse(form, text).ok()?;
    if parts.offset().is_some() {
        return parts.to_timestamp().ok();
    }
    let time = parts.to_time().unwrap_or(Time::midnight());
    let local = parts.to_date().ok()?.to_datetime(time);
    zone.to_ambiguous_zoned(local)
        .compatible()
        .ok()
        .map(|zoned| zoned.timestamp())
}

/// `-12.5` → units -12, nanos -500,000,000; never by way of a float.
fn money(text: &str, currency: &str) -> Option<Money> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let (units, decimals) = digits.split_once('.').unwrap_or((digits, "0"));
    let only_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !only_digits(units) || !only_digits(decimals) || decimals.len() > 9 {
        return None;
    }
    let units: i64 = units.parse().ok()?;
    let nanos: i32 = format!("{decimals:0<9}").parse().ok()?;
    Some(Money {
        currency_code: currency.to_owned(),
        units: sign * units,
        nanos: sign as i32 * nanos,
    })
}

/// As messages carry it.
pub(super) fn proto_time(at: Timestamp) -> prost_types::Timestamp {
    // Whole seconds rounded down, for times before 1970 too.
    let nanos = at.as_nanosecond();
    let second = 1_000_000_000;
    prost_types::Timestamp {
        seconds: i64::try_from(nanos.div_euclid(second)).unwrap_or_default(),
        nanos: i32::try_from(nanos.rem_euclid(second)).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact() {
        for (text, expected) in [
            ("99.9", Some((99, 900_000_000))),
            ("0.000000001", Some((0, 1))),
            ("-12.50", Some((-12, -500_000_000))),
            ("7", Some((7, 0))),
            ("9223372036854775808", None),
            ("1.0000000001", None),
            ("1,5", None),
            ("1.", None),
            (".5", None),
            ("1e3", None),
            ("--1", None),
        ] {
            let parsed = money(text, "BRL").map(|money| (money.units, money.nanos));
            assert_eq!(parsed, expected, "{text}");
        }
    }

    #[test]
    fn times_are_of_their_zone() {
        let zone = TimeZone::get("America/Sao_Paulo").unwrap();
        let form = "%Y-%m-%d %H:%M:%S";
        let at = |text: &str, form: &str| moment(text, form, &zone).map(|at| at.to_string());
        // Summer time, -02; winter, -03; the hour that summer time ends with comes twice.
        for (text, expected) in [
            ("2018-01-15 10:00:00", "2018-01-15T12:00:00Z"),
            ("2018-07-15 10:00:00", "2018-07-15T13:00:00Z"),
            ("2018-02-17 23:30:00", "2018-02-18T01:30:00Z"),
        ] {
            assert_eq!(at(text, form).as_deref(), Some(expected), "{text}");
        }
        let with_offset = at("2018-01-15 10:00:00 +0800", "%Y-%m-%d %H:%M:%S %z");
        assert_eq!(with_offset.as_deref(), Some("2018-01-15T02:00:00Z"));
        let day = at("29-02-2016", "%d-%m-%Y");
        assert_eq!(day.as_deref(), Some("2016-02-29T03:00:00Z"));
        assert_eq!(at("2018-13-01 10:00:00", form), None);
    }

    #[test]
    fn times_before_1970_keep_their_fraction_positive() {
        let at = proto_time("1969-12-31T23:59:59.5Z".parse().unwrap());
        assert_eq!((at.seconds, at.nanos), (-1, 500_000_000));
    }
}
