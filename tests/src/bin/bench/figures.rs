//! `make bench-figures`: how quickly analytics takes journals in, beside the same rows written by one statement, and how
//! long reports over two years of tickets and orders take, beside the same rows grouped without scope, days of a time
//! zone or a total.

mod fill;
mod plain;

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use kefu_contracts::{
    analytics::{Dimension, QueryMetricRequest, metrics_service_client::MetricsServiceClient},
    google::r#type::Date,
};

use crate::{
    house::House,
    search::{Asker, at},
};
use fill::Years;

/// Tickets where nothing else is asked for; of orders five times as many.
const USUAL: usize = 200_000;
/// Times each question is asked.
const ASKED: usize = 20;
/// Entries a second.
const INTAKE: f64 = 10_000.0;
/// Median that a report may take.
const TARGET: Duration = Duration::from_millis(300);
/// Who asks, and what they have to look through.
const POSTS: [(&str, &str); 2] = [
    ("zhang.min", "the head of the call centre"),
    ("chen.guodong", "the company leader"),
];

/// A report.
struct Report {
    metric: &'static str,
    by: &'static [Dimension],
}

const REPORTS: &[Report] = &[
    Report {
        metric: "tickets",
        by: &[Dimension::Month, Dimension::Department, Dimension::Channel],
    },
    Report {
        metric: "resolution_rate",
        by: &[Dimension::Month, Dimension::Department, Dimension::Channel],
    },
    Report {
        metric: "total_resolution_time",
        by: &[Dimension::Month, Dimension::Department, Dimension::Channel],
    },
    Report {
        metric: "first_response_time",
        by: &[Dimension::Month, Dimension::Department, Dimension::Channel],
    },
    Report {
        metric: "orders",
        by: &[Dimension::Month, Dimension::Department, Dimension::Status],
    },
    Report {
        metric: "sales",
        by: &[Dimension::Month, Dimension::Department, Dimension::Currency],
    },
    Report {
        metric: "order_lateness",
        by: &[Dimension::Month, Dimension::Department],
    },
];

/// How many tickets: `figures [N]`.
pub(crate) async fn run(house: &mut House, args: &[String]) -> anyhow::Result<()> {
    let count = args.iter().find_map(|arg| arg.parse().ok());
    let years = Years::of(count.unwrap_or(USUAL), house.clock.now())?;
    house.pause_followers().await;
    let mut admin = house.admin().await?;
    let entries = fill::fill(&mut admin, &years).await?;
    house.settle().await?;

    let begun = Instant::now();
    house.resume_follower(kefu_analytics::NAME);
    plain::taken_in(&mut admin).await?;
    let ours = rate(entries, begun.elapsed());
    house.pause_followers().await;
    house.settle().await?;
    let facts = plain::facts(&mut admin).await?;
    let begun = Instant::now();
    plain::copy(&mut admin).await?;
    let raw = rate(facts, begun.elapsed());
    let met = if ours >= INTAKE { "met" } else { "not met" };
    println!(
        "\n{entries} entries are taken in, {ours:.0} a second, and make {facts} facts; PostgreSQL alone writes {raw:.0} such facts a second\n\
         target: {INTAKE:.0} entries a second: {met}"
    );

    println!(
        "\nReports of twelve months over {} tickets and {} orders of two years, {ASKED} times each; milliseconds\n\
         (median, 95th percentile; then the median of the same rows, only grouped, and how many times as long ours takes)\n",
        years.tickets,
        years.orders()
    );
    let (mut missed, mut asked) = (0, 0);
    for (login, who) in POSTS {
        println!("{who}");
        let asker = Asker::new(house, login, "analysis")?;
        for report in REPORTS {
            asked += 1;
            let mut ours = Vec::new();
            let mut theirs = Vec::new();
            let mut counted = 0;
            for turn in 0..=ASKED {
                let begun = Instant::now();
                counted = query(&asker, report, &years).await?;
                let lasted = begun.elapsed();
                let begun = Instant::now();
                plain::group(&mut admin, report.metric, &years).await?;
                // The first fills what is kept in memory.
                if turn > 0 {
                    ours.push(lasted);
                    theirs.push(begun.elapsed());
                }
            }
            ensure!(counted > 0, "{}: nothing was counted", report.metric);
            let (median, worst, open) = (at(&mut ours, 50), at(&mut ours, 95), at(&mut theirs, 50));
            println!(
                "  {:<24} {median:7.1} {worst:7.1}   plain {open:7.1} {:5.2}   {counted} counted",
                report.metric,
                median / open
            );
            missed += usize::from(median > TARGET.as_secs_f64() * 1000.0);
        }
    }
    println!(
        "\nTarget: median {} ms: {}",
        TARGET.as_millis(),
        match missed {
            0 => "met by each".to_owned(),
            some => format!("missed by {some} of {asked}"),
        }
    );
    Ok(())
}

/// How many records there are in it.
async fn query(asker: &Asker, report: &Report, years: &Years) -> anyhow::Result<i64> {
    let (first, last) = years.last_twelve_months();
    let day = |date: jiff::civil::Date| Date {
        year: date.year().into(),
        month: date.month().into(),
        day: date.day().into(),
    };
    let request = asker.request(QueryMetricRequest {
        metric: report.metric.to_owned(),
        first_day: Some(day(first)),
        last_day: Some(day(last)),
        group_by: report.by.iter().map(|one| i32::from(*one)).collect(),
        ..Default::default()
    })?;
    let mut client = MetricsServiceClient::new(asker.channel.clone());
    let answer = client.query_metric(request).await;
    let answer = answer.context(report.metric)?.into_inner();
    Ok(answer.total.unwrap_or_default().count)
}

#[expect(clippy::cast_precision_loss, reason = "no bench counts to 2^53")]
fn rate(count: i64, lasted: Duration) -> f64 {
    count as f64 / lasted.as_secs_f64()
}
