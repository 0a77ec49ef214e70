//! What a query asks for, checked: everything that is wrong is found at once.

use jiff::civil::Date;
use kefu_contracts::{
    analytics::{
        Dimension::{self, Customer, Day, Employee, Month, Region, Week},
        Measure, QueryMetricRequest, RankBy,
    },
    policy::DataClass,
};
use kefu_service::{
    error::{Fault, Violation},
    fields::Fields,
};
use uuid::Uuid;

use super::{
    catalogue::{self, Metric},
    period::{Days, Period, Zone, day},
    series::{self, Buckets},
};

/// What resource names of calendars begin with.
pub(crate) const CALENDARS: &str = "calendars";
/// Most dimensions of one query.
pub(crate) const MOST_DIMENSIONS: usize = 3;
/// Most rows of a list of the largest.
pub(crate) const MOST_RANKED: i64 = 1000;
/// Most rows of an answer.
pub(crate) const ROW_LIMIT: usize = 10_000;

/// By which call it was asked, which says by what may be grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// Neither by people of the company nor by customers.
    Figures,
    /// Also by people of the company.
    Staff,
    /// By customers, the largest first.
    Customers,
    /// Into the records of a row, also by customers.
    Records,
    /// Into those of a row by people of the company.
    StaffRecords,
}

/// A query that can be answered.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) metric: &'static Metric,
    pub(crate) period: Period,
    /// Its days, where it has both bounds.
    pub(crate) days: Option<Days>,
    pub(crate) zone: Zone,
    /// Each once, all of the metric.
    pub(crate) group_by: Vec<Dimension>,
    pub(crate) fill_gaps: bool,
    /// The days that it is compared with.
    pub(crate) compare: Option<Days>,
    /// Only so many rows, the largest by this.
    pub(crate) top: Option<(i64, RankBy)>,
    pub(crate) door: Door,
    /// Durations are the working time of this calendar.
    pub(crate) calendar: Option<Uuid>,
    /// Only records of this value of a dimension, by its number.
    pub(crate) only: Option<(Dimension, usize)>,
}

impl Question {
    /// Checks a request; `zone` is that of a query that names none.
    ///
    /// # Errors
    /// With every violation.
    pub(crate) fn read(
        request: &QueryMetricRequest,
        zone: &Zone,
        door: Door,
    ) -> Result<Self, Fault> {
        let mut fields = Fields::new();
        let metric = metric(&mut fields, &request.metric);
        let named = if request.time_zone.is_empty() {
            Some(zone.clone())
        } else {
            Zone::parse(&request.time_zone)
        };
        fields.ensure(named.is_some(), "time_zone", Violation::UnknownValue);
        let (bounds, period) = period(&mut fields, request, named.as_ref().unwrap_or(zone));
        let days = bounds.0.zip(bounds.1);
        let days = days.map(|(first, last)| Days { first, last });
        let group_by = dimensions(&mut fields, &request.group_by, metric, door);
        if metric.is_some_and(Metric::needs_period) || request.compare || request.fill_gaps {
            fields.ensure(
                request.first_day.is_some(),
                "first_day",
                Violation::Required,
            );
            fields.ensure(request.last_day.is_some(), "last_day", Violation::Required);
        }
        let compare = days.filter(|_| request.compare).and_then(Days::before);
        let before = metric.is_some_and(Metric::needs_period) || request.compare;
        if let Some(days) = days.filter(|_| before) {
            fields.ensure(days.before().is_some(), "first_day", Violation::Date);
        }
        gaps(&mut fields, request, &group_by, days);
        let top = top(&mut fields, request, metric, &group_by);
        let calendar = fields.optional_name("calendar", &request.calendar, CALENDARS);
        let lasts = calendar.is_none() || metric.is_none_or(|metric| metric.of.lasts());
        fields.ensure(lasts, "calendar", Violation::NotApplicable);
        if door == Door::Customers {
            fields.ensure(
                request.group_by.contains(&(Customer as i32)),
                "group_by",
                Violation::Required,
            );
            fields.ensure(request.limit != 0, "limit", Violation::Required);
        }
        // Of the period before there is only what is left of it now.
        let of_now = metric.is_some_and(Metric::is_of_now);
        let comparable = !of_now && door != Door::Customers;
        let fits = comparable || !request.compare;
        fields.ensure(fits, "compare", Violation::NotApplicable);
        fields.finish()?;
        match (metric, named) {
            (Some(metric), Some(zone)) => Ok(Self {
                metric,
                period,
                days,
                zone,
                group_by,
                fill_gaps: request.fill_gaps,
                compare,
                top,
                door,
                calendar,
                only: None,
            }),
            _ => Err(Fault::internal("a violation was not noted")),
        }
    }

    /// Whether it tells of single customers, and so counts only what is cleared of them.
    pub(crate) fn is_by_customer(&self) -> bool {
        self.group_by.contains(&Customer)
    }

    /// Whether it tells where customers are from.
    pub(crate) fn is_by_region(&self) -> bool {
        self.group_by.contains(&Region)
    }

    /// Of what data it tells beside that of its records, each by its place in what it is grouped by.
    pub(crate) fn other_classes(&self) -> impl Iterator<Item = (usize, DataClass)> {
        let own = self.metric.records().class;
        let classes = self.group_by.iter().map(|one| catalogue::class(*one));
        let other = move |class: DataClass| class != DataClass::System && class != own;
        classes.enumerate().filter(move |(_, class)| other(*class))
    }

    /// The same of the period that it is compared with.
    pub(crate) fn before(&self) -> Option<Self> {
        let days = self.compare?;
        Some(Self {
            period: Period::of(Some(days.first), Some(days.last), &self.zone)?,
            days: Some(days),
            compare: None,
            ..self.clone()
        })
    }

    /// By which dimension it is a series in time, and the parts of the period.
    pub(crate) fn buckets(&self) -> Option<Buckets> {
        let days = self.days.filter(|_| self.fill_gaps)?;
        let at = self.group_by.iter().position(|one| is_time(*one))?;
        Some(Buckets {
            at,
            names: series::buckets(*self.group_by.get(at)?, days),
        })
    }
}

/// Whether it is by parts of the period.
pub(crate) fn is_time(dimension: Dimension) -> bool {
    matches!(dimension, Day | Week | Month)
}

fn metric(fields: &mut Fields, id: &str) -> Option<&'static Metric> {
    let metric = catalogue::find(id);
    let what = if id.is_empty() {
        Violation::Required
    } else {
        Violation::UnknownValue
    };
    fields.ensure(metric.is_some(), "metric", what);
    metric
}

type Bounds = (Option<Date>, Option<Date>);

fn period(fields: &mut Fields, request: &QueryMetricRequest, zone: &Zone) -> (Bounds, Period) {
    let mut bound = |field: &str, date: Option<&_>| {
        let day = date.and_then(day);
        fields.ensure(date.is_none() || day.is_some(), field, Violation::Date);
        day
    };
    let first = bound("first_day", request.first_day.as_ref());
    let last = bound("last_day", request.last_day.as_ref());
    if first.zip(last).is_some_and(|(first, last)| last < first) {
        fields.refuse("last_day", Violation::Contradiction);
        return ((None, None), Period::default());
    }
    // The first and the last days of the calendar have no moments in some zones.
    let [from, until] =
        [(first, None), (None, last)].map(|(first, last)| Period::of(first, last, zone));
    fields.ensure(from.is_some(), "first_day", Violation::Date);
    fields.ensure(until.is_some(), "last_day", Violation::Date);
    let period = Period {
        from: from.unwrap_or_default().from,
        until: until.unwrap_or_default().until,
    };
    ((first, last), period)
}

fn dimensions(
    fields: &mut Fields,
    numbers: &[i32],
    metric: Option<&Metric>,
    door: Door,
) -> Vec<Dimension> {
    fields.ensure(
        numbers.len() <= MOST_DIMENSIONS,
        "group_by",
        Violation::TooMany(MOST_DIMENSIONS),
    );
    let mut read = Vec::new();
    // Too many are not looked at one by one: the answer would be as long.
    for (index, number) in numbers.iter().enumerate().take(MOST_DIMENSIONS) {
        let field = format_args!("group_by[{index}]");
        let Some(dimension) = fields.required_enum::<Dimension>(field, *number) else {
            continue;
        };
        let of_metric = metric.is_none_or(|metric| metric.dimensions.contains(&dimension));
        let behind_door = match dimension {
            Employee => matches!(door, Door::Staff | Door::StaffRecords),
            Customer => matches!(door, Door::Customers | Door::Records),
            _ => true,
        };
        if read.contains(&dimension) {
            fields.refuse(field, Violation::Duplicate);
        } else if !of_metric || !behind_door {
            fields.refuse(field, Violation::NotApplicable);
        } else if [(Customer, Region), (Region, Customer)]
            .iter()
            .any(|(one, other)| *one == dimension && read.contains(other))
        {
            // Where each of them is from is told by their file alone.
            fields.refuse(field, Violation::Contradiction);
        } else if is_time(dimension) && read.iter().any(|other| is_time(*other)) {
            fields.refuse(field, Violation::Contradiction);
        } else {
            read.push(dimension);
        }
    }
    read
}

/// A series without gaps has parts, and not more of them than rows may be.
fn gaps(
    fields: &mut Fields,
    request: &QueryMetricRequest,
    group_by: &[Dimension],
    days: Option<Days>,
) {
    if !request.fill_gaps {
        return;
    }
    let time = group_by.iter().find(|dimension| is_time(**dimension));
    fields.ensure(time.is_some(), "fill_gaps", Violation::NotApplicable);
    if let (Some(_), Some(days)) = (time, days) {
        let most = i32::try_from(ROW_LIMIT).unwrap_or(i32::MAX);
        let length = days
            .first
            .until(days.last)
            .map_or(most, |span| span.get_days());
        fields.ensure(length < most, "last_day", Violation::TooMany(ROW_LIMIT));
    }
}

fn top(
    fields: &mut Fields,
    request: &QueryMetricRequest,
    metric: Option<&Metric>,
    group_by: &[Dimension],
) -> Option<(i64, RankBy)> {
    let by = fields.optional_enum::<RankBy>("rank_by", request.rank_by);
    let by = by.unwrap_or(RankBy::Unspecified);
    let ranked = metric.is_none_or(|metric| match by {
        RankBy::Unspecified => true,
        RankBy::Sum => matches!(metric.measure, Measure::Rate | Measure::Sum),
        RankBy::Mean => metric.measure != Measure::Count,
    });
    fields.ensure(ranked, "rank_by", Violation::NotApplicable);
    let limit = i64::from(request.limit);
    if limit == 0 {
        let idle = by == RankBy::Unspecified;
        fields.ensure(idle, "rank_by", Violation::NotApplicable);
        return None;
    }
    let within = (1..=MOST_RANKED).contains(&limit);
    fields.ensure(within, "limit", Violation::OutOfRange(0, MOST_RANKED));
    let grouped = !group_by.is_empty() && !group_by.iter().any(|one| is_time(*one));
    fields.ensure(grouped, "limit", Violation::NotApplicable);
    Some((limit, by))
}

#[cfg(test)]
mod tests;
