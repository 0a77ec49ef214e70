//! Entries that come late, that correct what was said before, and that are of another year.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::{
    analytics::Dimension,
    journal::{Event, TicketChanged, event},
    ticket::{Priority, TicketState},
};
use kefu_service::time;
use kefu_testkit::{Caller, TestSuite, eventually};
use prost::Message;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{counts, query};

fn changed(ticket: u128, revision: i64, received: &str, priority: Priority) -> TicketChanged {
    let received: Timestamp = received.parse().unwrap();
    TicketChanged {
        ticket_id: Uuid::from_u128(ticket).as_bytes().to_vec(),
        state: TicketState::New.into(),
        priority: priority.into(),
        received_at: Some(time::to_proto(received)),
        revision,
        ..Default::default()
    }
}

/// Writes an entry as ticket would.
async fn tell(sql: &mut PgConnection, told: TicketChanged) {
    let event = Event {
        event: Some(event::Event::TicketChanged(told)),
    };
    sqlx::query(
        "INSERT INTO ticket.journal (recorded_at, purpose, request_id, kind, resource, type, event)
         VALUES ($1, 1, '', 1, 'tickets/told', 'ticket.changed', $2)",
    )
    .bind(
        "2030-01-01T00:00:00Z"
            .parse::<Timestamp>()
            .unwrap()
            .to_sqlx(),
    )
    .bind(event.encode_to_vec())
    .execute(sql)
    .await
    .unwrap();
}

async fn months(leader: &Caller) -> Vec<(String, i64)> {
    let figure = query(leader, "tickets", &[Dimension::Month]).await;
    counts(&figure).into_iter().collect()
}

async fn until(leader: &Caller, expected: &[(&str, i64)]) {
    let expected: Vec<(String, i64)> = expected
        .iter()
        .map(|(month, count)| ((*month).to_owned(), *count))
        .collect();
    eventually(async || (months(leader).await == expected).then_some(())).await;
}

/// Clause CC-1.4: what is corrected is counted where it belongs now, and once; what comes late and
/// is older changes nothing. Months over the end of a year and of long ago have their own tables.
#[tokio::test(flavor = "multi_thread")]
async fn late_and_corrected_entries_settle() {
    let suite = TestSuite::start().await;
    let leader = suite.caller_for("chen.guodong", "analysis");
    let mut sql = suite.database.connect().await.unwrap();
    // In Shanghai the second is of the next year already, in UTC of the same month.
    tell(
        &mut sql,
        changed(1, 1, "2023-12-31T15:59:59Z", Priority::Low),
    )
    .await;
    tell(
        &mut sql,
        changed(2, 1, "2023-12-31T16:00:00Z", Priority::Low),
    )
    .await;
    tell(
        &mut sql,
        changed(3, 1, "1969-12-31T23:00:00Z", Priority::Low),
    )
    .await;
    until(&leader, &[("1970-01", 1), ("2023-12", 1), ("2024-01", 1)]).await;
    // Corrected, to another month and back; then an entry of before comes late.
    tell(
        &mut sql,
        changed(1, 3, "2024-02-29T12:00:00Z", Priority::High),
    )
    .await;
    until(&leader, &[("1970-01", 1), ("2024-01", 1), ("2024-02", 1)]).await;
    tell(
        &mut sql,
        changed(1, 2, "2021-06-01T12:00:00Z", Priority::Low),
    )
    .await;
    tell(
        &mut sql,
        changed(4, 1, "2022-01-01T00:00:00Z", Priority::Moderate),
    )
    .await;
    let settled = [
        ("1970-01", 1),
        ("2022-01", 1),
        ("2024-01", 1),
        ("2024-02", 1),
    ];
    until(&leader, &settled).await;
    let figure = query(&leader, "tickets", &[Dimension::Priority]).await;
    assert_eq!(
        counts(&figure),
        [
            ("high".to_owned(), 1),
            ("low".to_owned(), 2),
            ("moderate".to_owned(), 1)
        ]
        .into()
    );
    tell(
        &mut sql,
        changed(1, 4, "2023-12-31T15:59:59Z", Priority::High),
    )
    .await;
    until(
        &leader,
        &[
            ("1970-01", 1),
            ("2022-01", 1),
            ("2023-12", 1),
            ("2024-01", 1),
        ],
    )
    .await;
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT inhrelid::regclass::text FROM pg_inherits
         WHERE inhparent = 'analytics.fact'::regclass AND inhrelid::regclass::text LIKE '%fact_1_1_%' ORDER BY 1",
    )
    .fetch_all(&mut sql)
    .await
    .unwrap();
    let months: Vec<&str> = tables
        .iter()
        .filter_map(|name| name.rsplit('_').next())
        .collect();
    assert_eq!(months, ["196912", "202201", "202312", "202402"]);
    // An entry that makes no fact is said to be none, and holds up nothing.
    let nameless = TicketChanged {
        ticket_id: Vec::new(),
        ..changed(5, 1, "2024-01-01T00:00:00Z", Priority::Low)
    };
    tell(&mut sql, nameless).await;
    tell(
        &mut sql,
        changed(6, 1, "2022-01-31T00:00:00Z", Priority::Low),
    )
    .await;
    until(
        &leader,
        &[
            ("1970-01", 1),
            ("2022-01", 2),
            ("2023-12", 1),
            ("2024-01", 1),
        ],
    )
    .await;
}

/// Clause CC-1.4: an answer says how far it is behind, of every journal that it is counted from.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_says_how_far_it_is_behind() {
    let suite = TestSuite::start().await;
    let leader = suite.caller_for("chen.guodong", "analysis");
    let lag = eventually(async || {
        let figure = query(&leader, "tickets", &[]).await;
        let lags = figure.freshness.iter().map(|one| one.lag_seconds);
        lags.collect::<Option<Vec<f64>>>()
    })
    .await;
    assert_eq!(lag.len(), 5);
    assert!(lag.iter().all(|lag| (0.0..10.0).contains(lag)), "{lag:?}");
    let figure = query(&leader, "tickets", &[]).await;
    let ticket = figure.freshness.iter().find(|one| one.source == "ticket");
    assert!(ticket.unwrap().caught_up_time.is_some());
}
