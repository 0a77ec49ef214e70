//! Logs to stderr; traces and metrics over OTLP where a collector is named.
//!
//! Ids only, never personal data: neither in fields of spans and events nor in
//! labels. Libraries are kept at `info`, for below that they write down frames,
//! headers and statements.

pub mod instruments;
mod metrics;
mod propagation;
#[cfg(test)]
mod tests;

use std::time::Duration;

use opentelemetry::{global, trace::TracerProvider};
use opentelemetry_otlp::{ExporterBuildError, MetricExporter, SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    metrics::{Instrument, PeriodicReader, SdkMeterProvider, Stream},
    propagation::TraceContextPropagator,
    trace::SdkTracerProvider,
};
use tokio::sync::oneshot;
use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::{ParseError, Targets},
    fmt::MakeWriter,
    layer::SubscriberExt,
    registry::LookupSpan,
    util::SubscriberInitExt,
};

use crate::config::{LogFormat, TelemetryConfig};

pub use opentelemetry::{
    KeyValue,
    metrics::{Counter, Histogram},
};

pub(crate) use self::propagation::{effect_span, job_span};
pub use self::{
    instruments::meter,
    metrics::{ActiveRequest, RequestMetrics},
    propagation::{extract, inject, server_span, trace_id},
};

/// Libraries that write down what passes through them.
const TALKATIVE: [&str; 8] = [
    "h2",
    "hyper",
    "hyper_util",
    "tonic",
    "tower",
    "rustls",
    "sqlx",
    "opentelemetry",
];

/// How long one export may take. Below the bound of the shutdown, so that the
/// last batch is given up by the exporter and not cut off.
const EXPORT: Duration = Duration::from_secs(4);

/// How often metrics are sent: as often as Prometheus would ask for them by itself.
const MEASURED: Duration = Duration::from_secs(15);

/// Series that calls may have in one process; past them all count as one. The gateway has
/// every method, each with the ways in which it ends.
const CALLS: usize = 10_000;

/// How long flushing at shutdown may take.
const SHUTDOWN: Duration = Duration::from_secs(5);

/// Why telemetry was not set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `telemetry.log` is not a filter.
    #[error("telemetry.log is not a filter")]
    Filter(#[from] ParseError),
    /// `telemetry.otlp_endpoint` cannot be used; TLS to the collector is not built in.
    #[error("telemetry.otlp_endpoint cannot be used")]
    Endpoint(#[from] ExporterBuildError),
}

/// What has to be flushed at the end.
#[must_use = "traces and metrics not yet sent are lost without a shutdown"]
#[derive(Default)]
pub struct Telemetry {
    tracer: Option<SdkTracerProvider>,
    meter: Option<SdkMeterProvider>,
}

/// Sets up logs, traces and metrics of the process, and W3C trace context for
/// propagation. To be called within a Tokio runtime, before a service is put together:
/// what was made before measures into nothing.
///
/// Where a subscriber is set already, as by another test, that one stays: its
/// logs and spans go on as they did.
///
/// # Errors
/// When the filter or the endpoint cannot be used.
pub fn init(
    config: &TelemetryConfig,
    service: &str,
    instance: &str,
) -> Result<Telemetry, TelemetryError> {
    let (subscriber, telemetry) = assemble(config, service, instance, std::io::stderr)?;
    global::set_text_map_propagator(TraceContextPropagator::new());
    if let Some(meter) = &telemetry.meter {
        global::set_meter_provider(meter.clone());
    }
    if subscriber.try_init().is_err() {
        tracing::debug!("a subscriber is set already");
    }
    Ok(telemetry)
}

impl Telemetry {
    /// Sends what is left, for five seconds at most. Logs go on.
    pub async fn shutdown(self) {
        let (done, flushed) = oneshot::channel();
        // Flushing blocks. A thread of its own, for Tokio would wait for a blocking
        // task at its end, beyond any bound.
        let flush = move || {
            // Whoever stopped waiting is not told.
            let _ = done.send(self.flush());
        };
        if std::thread::Builder::new()
            .name("telemetry".to_owned())
            .spawn(flush)
            .is_err()
        {
            return;
        }
        match tokio::time::timeout(SHUTDOWN, flushed).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => tracing::warn!(%error, "last telemetry not sent"),
            Ok(Err(_)) | Err(_) => tracing::warn!("last telemetry not sent in time"),
        }
    }

    fn flush(self) -> OTelSdkResult {
        let traced = self
            .tracer
            .map_or(Ok(()), |tracer| tracer.shutdown_with_timeout(EXPORT));
        let measured = self.meter.map_or(Ok(()), |meter| meter.shutdown());
        traced.and(measured)
    }
}

type Boxed = Box<dyn Layer<Registry> + Send + Sync>;

/// All of [`init`] but what is global to the process.
fn assemble<W>(
    config: &TelemetryConfig,
    service: &str,
    instance: &str,
    writer: W,
) -> Result<(impl Subscriber + Send + Sync + use<W>, Telemetry), TelemetryError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let mut layers = vec![logs(config, writer)?];
    let mut telemetry = Telemetry::default();
    if let Some(endpoint) = &config.otlp_endpoint {
        let resource = resource(config, service, instance);
        let tracer = tracing_provider(endpoint, resource.clone())?;
        layers.push(spans(&tracer));
        telemetry.tracer = Some(tracer);
        telemetry.meter = Some(metering_provider(endpoint, resource)?);
    }
    Ok((tracing_subscriber::registry().with(layers), telemetry))
}

fn logs<W>(config: &TelemetryConfig, writer: W) -> Result<Boxed, TelemetryError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let mut filter = EnvFilter::try_new(&config.log)?;
    for library in TALKATIVE {
        // Only ever less: a filter of `warn` is not raised to `info`.
        if filter
            .max_level_hint()
            .is_none_or(|level| level > LevelFilter::INFO)
        {
            filter = filter.add_directive(format!("{library}=info").parse()?);
        }
    }
    let layer = tracing_subscriber::fmt::layer().with_writer(writer);
    Ok(match config.format {
        LogFormat::Json => layer
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .with_filter(filter)
            .boxed(),
        LogFormat::Text => layer.with_filter(filter).boxed(),
    })
}

/// Spans down to `info`. The exporter's own client is left out, or each export
/// would be exported.
fn spans<S>(tracer: &SdkTracerProvider) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'s> LookupSpan<'s> + Send + Sync,
{
    let silent = TALKATIVE.map(|library| (library, LevelFilter::OFF));
    let filter = Targets::new()
        .with_default(LevelFilter::INFO)
        .with_targets(silent);
    tracing_opentelemetry::layer()
        .with_tracer(tracer.tracer("kefu"))
        .with_filter(filter)
        .boxed()
}

fn resource(config: &TelemetryConfig, service: &str, instance: &str) -> Resource {
    Resource::builder()
        .with_service_name(service.to_owned())
        .with_attribute(KeyValue::new(
            "service.namespace",
            config.service_namespace.clone(),
        ))
        .with_attribute(KeyValue::new("service.instance.id", instance.to_owned()))
        .build()
}

fn tracing_provider(
    endpoint: &str,
    resource: Resource,
) -> Result<SdkTracerProvider, ExporterBuildError> {
    let exporter = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .with_timeout(EXPORT)
        .build()?;
    Ok(SdkTracerProvider::builder()
        .with_resource(resource)
        .with_batch_exporter(exporter)
        .build())
}

fn metering_provider(
    endpoint: &str,
    resource: Resource,
) -> Result<SdkMeterProvider, ExporterBuildError> {
    let exporter = MetricExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .with_timeout(EXPORT)
        .build()?;
    let reader = PeriodicReader::builder(exporter)
        .with_interval(MEASURED)
        .build();
    Ok(SdkMeterProvider::builder()
        .with_resource(resource)
        .with_reader(reader)
        .with_view(series)
        .build())
}

fn series(instrument: &Instrument) -> Option<Stream> {
    let calls = instrument.name() == instruments::RPC_DURATION.name;
    calls.then(|| Stream::builder().with_cardinality_limit(CALLS).build().ok())?
}
