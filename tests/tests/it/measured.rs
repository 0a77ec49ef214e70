//! What the suite measures is what its list says (`telemetry/instruments.rs`), which
//! dashboards and alerts are held against.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use kefu_contracts::ticket::{GetTicketRequest, ticket_service_client::TicketServiceClient};
use kefu_service::{
    config::{DatabaseConfig, Secret},
    database::Db,
    error::Fault,
    telemetry::instruments::INSTRUMENTS,
};
use kefu_testkit::{TestSuite, eventually};
use opentelemetry::{KeyValue, global};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    metrics::{
        SdkMeterProvider, Temporality,
        data::{AggregatedMetrics, MetricData, ResourceMetrics},
        exporter::PushMetricExporter,
    },
};

use sqlx::Connection;

use crate::{
    clocks::{came, wait_for},
    records::{enter, person},
};

/// Attributes of one series, with what it reads: of a histogram, how many there were.
type Series = (BTreeMap<String, String>, f64);

/// The last that was sent, by instrument.
#[derive(Clone, Default)]
struct Figures(Arc<Mutex<BTreeMap<String, Vec<Series>>>>);

impl PushMetricExporter for Figures {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let scopes = metrics.scope_metrics();
        let ours = scopes.filter(|scope| scope.scope().name() == "kefu");
        let sent = ours.flat_map(|scope| scope.metrics());
        let sent = sent.map(|metric| (metric.name().to_owned(), read(metric.data())));
        *self.0.lock().unwrap() = sent.collect();
        Ok(())
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> Temporality {
        Temporality::Cumulative
    }
}

fn read(data: &AggregatedMetrics) -> Vec<Series> {
    match data {
        AggregatedMetrics::F64(data) => series(data, |figure| figure),
        AggregatedMetrics::U64(data) => series(data, |figure| figure as f64),
        AggregatedMetrics::I64(data) => series(data, |figure| figure as f64),
    }
}

fn series<T: Copy>(data: &MetricData<T>, figure: impl Fn(T) -> f64) -> Vec<Series> {
    match data {
        MetricData::Gauge(gauge) => gauge
            .data_points()
            .map(|point| (attributes(point.attributes()), figure(point.value())))
            .collect(),
        MetricData::Sum(sum) => sum
            .data_points()
            .map(|point| (attributes(point.attributes()), figure(point.value())))
            .collect(),
        MetricData::Histogram(histogram) => histogram
            .data_points()
            .map(|point| (attributes(point.attributes()), point.count() as f64))
            .collect(),
        MetricData::ExponentialHistogram(_) => panic!("none of ours"),
    }
}

fn attributes<'a>(all: impl Iterator<Item = &'a KeyValue>) -> BTreeMap<String, String> {
    all.map(|one| (one.key.to_string(), one.value.to_string()))
        .collect()
}

impl Figures {
    fn of(&self, instrument: &str, attribute: &str, value: &str) -> f64 {
        let sent = self.0.lock().unwrap();
        let is_it = |(attributes, _): &&Series| {
            attributes.get(attribute).map(String::as_str) == Some(value)
        };
        sent[instrument].iter().filter(is_it).map(|one| one.1).sum()
    }

    fn values(&self, instrument: &str, attribute: &str) -> BTreeSet<String> {
        let sent = self.0.lock().unwrap();
        let attributes = sent[instrument].iter().map(|(attributes, _)| attributes);
        attributes
            .filter_map(|all| all.get(attribute).cloned())
            .collect()
    }
}

/// Calls, decisions, refusals, pools, journals, jobs, policy and clocks, each told apart by
/// what the list says and by nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_listed_is_measured_and_nothing_else() {
    let figures = Figures::default();
    let provider = SdkMeterProvider::builder()
        .with_periodic_exporter(figures.clone())
        .build();
    global::set_meter_provider(provider.clone());

    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await.name;
    let near = came(&suite, &erp, &customer, Duration::from_secs(119 * 60)).await;
    wait_for(&suite, "clock.near", &near.name).await;
    // By now the clock is known, so that it can be late.
    suite.clock.advance(Duration::from_secs(2 * 60));
    wait_for(&suite, "clock.missed", &near.name).await;
    suite.policy_is_fresh().await;
    let stranger = suite.caller("ma.chao");
    let refused = TicketServiceClient::new(stranger)
        .get_ticket(GetTicketRequest { name: near.name })
        .await;
    refused.unwrap_err();

    let listed: BTreeMap<_, _> = INSTRUMENTS.iter().map(|one| (one.name, one)).collect();
    let names: BTreeSet<_> = listed.keys().map(|name| (*name).to_owned()).collect();
    eventually(async || {
        provider.force_flush().unwrap();
        let sent: BTreeSet<_> = figures.0.lock().unwrap().keys().cloned().collect();
        (sent == names).then_some(())
    })
    .await;
    for (name, all) in figures.0.lock().unwrap().iter() {
        for key in all.iter().flat_map(|(attributes, _)| attributes.keys()) {
            assert!(
                listed[name.as_str()].attributes.contains(&key.as_str()),
                "{name} by {key}"
            );
        }
    }

    let is = |instrument, attribute, value, figure: f64| {
        let read = figures.of(instrument, attribute, value);
        assert!(read >= figure, "{instrument} {attribute}={value}: {read}");
    };
    let get = "kefu.ticket.v1.TicketService/GetTicket";
    is("rpc.server.duration", "rpc.method", get, 2.0);
    let reason = "NOT_FOUND_OR_OUT_OF_SCOPE";
    is("rpc.server.duration", "error.type", reason, 2.0);
    is("rpc.server.duration", "kefu.streaming", "false", 4.0);
    is("kefu.access.decisions", "kefu.decision", "ALLOWED", 4.0);
    is(
        "kefu.journal.consumer.entries",
        "kefu.journal.source",
        "customer-profile",
        1.0,
    );
    is(
        "db.client.connection.max",
        "db.client.connection.pool.name",
        "ticket",
        1.0,
    );
    let panicked = figures.of("kefu.job.failures", "kefu.job.outcome", "panicked");
    assert_eq!(panicked, 0.0);
    let jobs = figures.values("kefu.job.overdue", "kefu.job.name");
    for named_by_alerts in ["audit checkpoints", "clocks"] {
        assert!(jobs.contains(named_by_alerts), "{jobs:?}");
    }
    no_connection_can_be_made().await.unwrap_err();
    provider.force_flush().unwrap();
    let name = "db.client.connection.pool.name";
    let without = figures.of("db.client.connection.timeouts", name, "nowhere");
    assert_eq!(without, 1.0, "a use that the server refused");
    provider.shutdown().unwrap();
}

/// A use of a database whose server refuses at once.
async fn no_connection_can_be_made() -> Result<i32, Fault> {
    let config = DatabaseConfig {
        url: Secret::new("postgres://kefu@127.0.0.1:1/kefu"),
        encrypted_elsewhere: false,
        max_connections: 1,
        statement_timeout_ms: 5_000,
        acquire_timeout_ms: 5_000,
        idle_in_transaction_timeout_ms: 5_000,
    };
    let db = Db::new(&config, "nowhere").unwrap();
    db.run(|connection| {
        Box::pin(async move { Ok(sqlx::query_scalar("SELECT 1").fetch_one(connection).await?) })
    })
    .await
}

/// An entry is held back for as long as somebody writes who began before it.
#[tokio::test(flavor = "multi_thread")]
async fn entries_are_held_back_by_who_began_to_write_before() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let mut sql = suite.database.connect().await.unwrap();
    let schema = sqlx::query("SET search_path = profile");
    schema.execute(&mut sql).await.unwrap();
    let mut somebody = suite.database.connect().await.unwrap();
    let mut open = somebody.begin().await.unwrap();
    let writes = sqlx::query("SELECT pg_current_xact_id()");
    writes.execute(&mut *open).await.unwrap();
    enter(&erp, person()).await;
    let held_back = kefu_journal::held_back(&mut sql).await.unwrap().unwrap();
    open.rollback().await.unwrap();
    // Not before others' tests have ended what they began before, as the cluster is theirs too;
    // whatever else is written meanwhile is later.
    eventually(async || {
        let now = kefu_journal::held_back(&mut sql).await.unwrap();
        now.is_none_or(|oldest| oldest > held_back).then_some(())
    })
    .await;
}
