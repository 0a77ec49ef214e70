//! Hours that clocks show twice.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kefu_contracts::{
    analytics::{Dimension, QueryMetricRequest, metrics_service_client::MetricsServiceClient},
    google::r#type::Date,
};
use kefu_testkit::TestSuite;
use uuid::Uuid;

use super::{
    counts,
    planted::{Planted, TICKET, departments, plant},
};

fn day(day: i32) -> Option<Date> {
    Some(Date {
        year: 2010,
        month: 11,
        day,
    })
}

/// Clause CC-1.4: where clocks go back across midnight, as in St. John's at a minute past it, the hour that is
/// repeated is counted once and belongs to the later day, whose period it is in, though clocks show the one before.
#[tokio::test(flavor = "multi_thread")]
async fn an_hour_that_clocks_repeat_is_of_the_later_day() {
    let suite = TestSuite::start().await;
    let leader = suite.caller_for("chen.guodong", "analysis");
    let support = departments(&leader).await["technical_support"];
    let mut sql = suite.database.connect().await.unwrap();
    // 23:15 of the 6th, the same once more, and noon of the 7th.
    let moments = [
        "2010-11-07T01:45:00Z",
        "2010-11-07T02:45:00Z",
        "2010-11-07T15:30:00Z",
    ];
    let facts = moments.into_iter().zip(1..).map(|(at, number)| Planted {
        kind: TICKET,
        id: Uuid::from_u128(number),
        part: 0,
        at: at.parse::<Timestamp>().unwrap(),
        customer: Some(Uuid::from_u128(100 + number)),
        department: Some(support),
        priority: 1,
        amount: 100,
        score: 3,
    });
    plant(&mut sql, &facts.collect::<Vec<_>>()).await;
    for by in [Dimension::Day, Dimension::Week, Dimension::Month] {
        for of in [6, 7] {
            let request = QueryMetricRequest {
                metric: "tickets".into(),
                first_day: day(of),
                last_day: day(of),
                time_zone: "America/St_Johns".into(),
                group_by: vec![by.into()],
                fill_gaps: true,
                ..QueryMetricRequest::default()
            };
            let mut client = MetricsServiceClient::new(leader.clone());
            let answer = client.query_metric(request).await.unwrap().into_inner();
            let name = match by {
                Dimension::Day => format!("2010-11-0{of}"),
                Dimension::Week => "2010-11-01".to_owned(),
                _ => "2010-11".to_owned(),
            };
            let count = if of == 6 { 1 } else { 2 };
            let expected = BTreeMap::from([(name, count)]);
            assert_eq!(counts(&answer), expected, "{by:?} of {of}");
        }
    }
}
