//! Trace context in headers: W3C Trace Context, `traceparent` and `tracestate`.

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::{
    Context, global,
    propagation::{Extractor, Injector},
    trace::TraceContextExt,
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Links that are kept of a span where nothing else is said (OpenTelemetry SDK, LinkCountLimit).
const MOST_LINKS: usize = 128;

/// The trace these headers continue; an empty context when they name none.
pub fn extract(headers: &HeaderMap) -> Context {
    global::get_text_map_propagator(|propagator| {
        propagator.extract_with_context(&Context::new(), &Incoming(headers))
    })
}

/// Makes whoever gets these headers continue the trace of `span`.
pub fn inject(span: &Span, headers: &mut HeaderMap) {
    let context = span.context();
    global::get_text_map_propagator(|propagator| {
        propagator.inject_context(&context, &mut Outgoing(headers))
    });
}

/// The span of a call this process answers, within the trace its headers name.
/// Logs below it carry its `trace_id`, and the call's id where it has one by then: what is
/// recorded later makes the log layer read and write all fields of the span again.
pub fn server_span(path: &str, headers: &HeaderMap, call_id: Option<&str>) -> Span {
    // Only a path we know is written down: any other is whatever the client typed.
    let method = kefu_contracts::method(path)
        .map_or("unknown", |method| method.path.trim_start_matches('/'));
    let span = tracing::info_span!(
        "call",
        otel.name = method,
        otel.kind = "server",
        rpc.system = "grpc",
        rpc.method = method,
        kefu.call_id = call_id,
        trace_id = tracing::field::Empty,
    );
    // Refused where no traces are kept, and then nothing depends on it.
    let _ = span.set_parent(extract(headers));
    begun(span)
}

/// The span in which entries of a journal take effect. They are of many calls, so it begins a trace of its own, which
/// is linked with the spans in which they were written (`traceparent`).
pub(crate) fn effect_span(source: &str, count: usize, written_in: &[String]) -> Span {
    let span = tracing::info_span!(
        parent: None,
        "effect",
        otel.name = format_args!("process {source}"),
        otel.kind = "consumer",
        messaging.system = "kefu",
        messaging.operation.r#type = "process",
        messaging.destination.name = source,
        messaging.batch.message_count = count,
        trace_id = tracing::field::Empty,
    );
    for parent in written_in.iter().take(MOST_LINKS) {
        let Ok(parent) = HeaderValue::try_from(parent) else {
            continue;
        };
        let headers = HeaderMap::from_iter([(HeaderName::from_static("traceparent"), parent)]);
        span.add_link(extract(&headers).span().span_context().clone());
    }
    begun(span)
}

/// The span of one turn of a job: a trace of its own, as nobody asked for it.
pub(crate) fn job_span(name: &str) -> Span {
    begun(tracing::info_span!(
        parent: None,
        "job",
        otel.name = format_args!("job {name}"),
        trace_id = tracing::field::Empty,
    ))
}

/// Makes logs below the span carry its trace.
fn begun(span: Span) -> Span {
    if let Some(id) = trace_id(&span) {
        span.record("trace_id", id);
    }
    span
}

/// The trace a span belongs to, 32 hexadecimal digits; none where no traces are kept.
/// A span cannot be given another parent after this.
pub fn trace_id(span: &Span) -> Option<String> {
    let context = span.context();
    let context = context.span().span_context().clone();
    context.is_valid().then(|| context.trace_id().to_string())
}

struct Incoming<'a>(&'a HeaderMap);

impl Extractor for Incoming<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

struct Outgoing<'a>(&'a mut HeaderMap);

impl Injector for Outgoing<'_> {
    fn set(&mut self, key: &str, value: String) {
        // A trace state that is no header value is left behind: the call matters more.
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(key), HeaderValue::try_from(value)) {
            self.0.insert(name, value);
        }
    }
}
