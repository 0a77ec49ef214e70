use std::{
    io,
    sync::{Arc, Mutex},
};

use http_body_util::{BodyExt, Full};
use kefu_contracts::common::Reason;
use opentelemetry::metrics::MeterProvider;
use tonic::body::Body;
use tower::{service_fn, util::BoxCloneSyncService};

use super::*;
use crate::{
    error::{Fault, Language},
    server::{ServeOptions, serve},
};

const PATH: &str = "/kefu.ticket.v1.TicketService/ListTickets";

/// Logs into memory.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Memory {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A collector that notes the path and the bytes of what it is sent.
async fn collector() -> (String, Arc<Mutex<Vec<(String, Vec<u8>)>>>) {
    let received = Arc::new(Mutex::new(Vec::new()));
    let notes = received.clone();
    let service = service_fn(move |request: http::Request<Body>| {
        let notes = notes.clone();
        async move {
            let path = request.uri().path().to_owned();
            let bytes = request.into_body().collect().await.unwrap().to_bytes();
            notes.lock().unwrap().push((path, bytes.to_vec()));
            // An empty message and OK.
            let trailers = http::HeaderMap::from_iter([(
                "grpc-status".parse().unwrap(),
                "0".parse().unwrap(),
            )]);
            let answer = Full::from(vec![0; 5]).with_trailers(async { Some(Ok(trailers)) });
            let response = http::Response::builder().header("content-type", "application/grpc");
            Ok(response.body(Body::new(answer)).unwrap())
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let service = BoxCloneSyncService::new(service);
    tokio::spawn(serve(
        service,
        listener,
        ServeOptions::default(),
        std::future::pending(),
    ));
    (endpoint, received)
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_and_metrics_reach_the_collector_before_the_end() {
    let (endpoint, received) = collector().await;
    let config = TelemetryConfig {
        otlp_endpoint: Some(endpoint),
        ..TelemetryConfig::default()
    };
    let (subscriber, telemetry) = assemble(&config, "ticket", "one", io::sink).unwrap();
    tracing::subscriber::with_default(subscriber, || {
        tracing::info_span!("visible").in_scope(|| ())
    });
    let metrics = RequestMetrics::of(&telemetry.meter.as_ref().unwrap().meter("kefu"));
    let refused = Fault::new(Reason::PolicyStale).into_status(Language::English);
    drop(metrics.start(PATH).answered(refused.into_http()));
    telemetry.shutdown().await;

    let received = received.lock().unwrap();
    let sent = |service: &str| {
        let of = received.iter().filter(|(path, _)| path.contains(service));
        of.flat_map(|(_, bytes)| bytes.clone()).collect::<Vec<u8>>()
    };
    let spans = sent("TraceService/Export");
    assert!(contains(&spans, "visible") && contains(&spans, "service.namespace"));
    let metrics = sent("MetricsService/Export");
    for name in [
        "rpc.server.duration",
        "rpc.server.active_requests",
        "rpc.grpc.status_code",
        "POLICY_STALE",
        &PATH[1..],
    ] {
        assert!(contains(&metrics, name), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_goes_on_from_call_to_call_and_into_the_logs() {
    global::set_text_map_propagator(TraceContextPropagator::new());
    let logs = Memory::default();
    let writer = logs.clone();
    // Nothing listens there; spans are made all the same.
    let config = TelemetryConfig {
        otlp_endpoint: Some("http://127.0.0.1:9".into()),
        ..TelemetryConfig::default()
    };
    let (subscriber, _telemetry) =
        assemble(&config, "ticket", "one", move || writer.clone()).unwrap();

    let trace = "0af7651916cd43dd8448eb211c80319c";
    let mut incoming = http::HeaderMap::new();
    incoming.insert(
        "traceparent",
        format!("00-{trace}-b7ad6b7169203331-01").parse().unwrap(),
    );
    let mut outgoing = http::HeaderMap::new();
    tracing::subscriber::with_default(subscriber, || {
        let span = server_span("/typed/by a client", &incoming, Some("0198"));
        assert_eq!(trace_id(&span).as_deref(), Some(trace));
        inject(&span, &mut outgoing);
        span.in_scope(|| tracing::info!(ticket = "tickets/1", "closed"));
    });
    let sent = outgoing["traceparent"].to_str().unwrap();
    assert!(
        sent.starts_with(&format!("00-{trace}-")) && !sent.contains("b7ad6b7169203331"),
        "{sent}"
    );
    let line = logs.text();
    assert!(
        line.contains(&format!("\"trace_id\":\"{trace}\"")),
        "{line}"
    );
    assert!(line.contains("\"kefu.call_id\":\"0198\""), "{line}");
    assert!(!line.contains("typed"), "{line}");
}

#[tokio::test]
async fn libraries_do_not_write_down_what_passes_through() {
    let logs = Memory::default();
    let writer = logs.clone();
    let config = TelemetryConfig {
        log: "trace".into(),
        format: LogFormat::Text,
        ..TelemetryConfig::default()
    };
    let (subscriber, _telemetry) =
        assemble(&config, "ticket", "one", move || writer.clone()).unwrap();
    tracing::subscriber::with_default(subscriber, || {
        tracing::debug!(target: "h2::codec", "frame");
        tracing::debug!(target: "kefu_ticket", "own");
    });
    assert!(
        !logs.text().contains("frame") && logs.text().contains("own"),
        "{}",
        logs.text()
    );
}

#[tokio::test]
async fn it_can_be_set_up_twice_and_refuses_nonsense() {
    let config = TelemetryConfig::default();
    for _ in 0..2 {
        init(&config, "ticket", "one").unwrap().shutdown().await;
    }
    let wrong = TelemetryConfig {
        log: "kefu=loud".into(),
        ..config.clone()
    };
    assert!(matches!(
        init(&wrong, "ticket", "one"),
        Err(TelemetryError::Filter(_))
    ));
    let wrong = TelemetryConfig {
        otlp_endpoint: Some("https://collector".into()),
        ..config
    };
    assert!(matches!(
        init(&wrong, "ticket", "one"),
        Err(TelemetryError::Endpoint(_))
    ));
}
