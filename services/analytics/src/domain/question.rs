//! What a query asks for, checked: everything that is wrong is found at once.

use kefu_contracts::analytics::{Dimension, QueryMetricRequest};
use kefu_service::{
    error::{Fault, Violation},
    fields::Fields,
};

use super::{
    catalogue::{self, Metric},
    period::{Period, Zone, day},
};

/// Most dimensions of one query.
pub(crate) const MOST_DIMENSIONS: usize = 3;

/// A query that can be answered.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) metric: &'static Metric,
    pub(crate) period: Period,
    pub(crate) zone: Zone,
    /// Each once, all of the metric.
    pub(crate) group_by: Vec<Dimension>,
}

impl Question {
    /// Checks a request; `zone` is that of a query that names none.
    ///
    /// # Errors
    /// With every violation.
    pub(crate) fn read(request: &QueryMetricRequest, zone: &Zone) -> Result<Self, Fault> {
        let mut fields = Fields::new();
        let metric = metric(&mut fields, &request.metric);
        let named = if request.time_zone.is_empty() {
            Some(zone.clone())
        } else {
            Zone::parse(&request.time_zone)
        };
        fields.ensure(named.is_some(), "time_zone", Violation::UnknownValue);
        let period = period(&mut fields, request, named.as_ref().unwrap_or(zone));
        let group_by = dimensions(&mut fields, &request.group_by, metric);
        fields.finish()?;
        match (metric, named) {
            (Some(metric), Some(zone)) => Ok(Self {
                metric,
                period,
                zone,
                group_by,
            }),
            _ => Err(Fault::internal("a violation was not noted")),
        }
    }
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

fn period(fields: &mut Fields, request: &QueryMetricRequest, zone: &Zone) -> Period {
    let mut bound = |field: &str, date: Option<&_>| {
        let day = date.and_then(day);
        fields.ensure(date.is_none() || day.is_some(), field, Violation::Date);
        day
    };
    let first = bound("first_day", request.first_day.as_ref());
    let last = bound("last_day", request.last_day.as_ref());
    if first.zip(last).is_some_and(|(first, last)| last < first) {
        fields.refuse("last_day", Violation::Contradiction);
        return Period::default();
    }
    // The first and the last days of the calendar have no moments in some zones.
    let [from, until] =
        [(first, None), (None, last)].map(|(first, last)| Period::of(first, last, zone));
    fields.ensure(from.is_some(), "first_day", Violation::Date);
    fields.ensure(until.is_some(), "last_day", Violation::Date);
    Period {
        from: from.unwrap_or_default().from,
        until: until.unwrap_or_default().until,
    }
}

fn dimensions(fields: &mut Fields, numbers: &[i32], metric: Option<&Metric>) -> Vec<Dimension> {
    fields.ensure(
        numbers.len() <= MOST_DIMENSIONS,
        "group_by",
        Violation::TooMany(MOST_DIMENSIONS),
    );
    let mut read = Vec::new();
    for (index, number) in numbers.iter().enumerate() {
        let field = format_args!("group_by[{index}]");
        let Some(dimension) = fields.required_enum::<Dimension>(field, *number) else {
            continue;
        };
        if read.contains(&dimension) {
            fields.refuse(field, Violation::Duplicate);
        } else if metric.is_some_and(|metric| !metric.dimensions.contains(&dimension)) {
            fields.refuse(field, Violation::NotApplicable);
        } else {
            read.push(dimension);
        }
    }
    read
}

#[cfg(test)]
mod tests;
