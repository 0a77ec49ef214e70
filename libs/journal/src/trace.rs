use std::sync::Arc;

use opentelemetry::{propagation::TextMapPropagator, trace::TraceContextExt};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Names a span in the trace of a call (W3C Trace Context, `traceparent`): kept with what is written in it, so that
/// whoever acts on that later can be found from the call, and the other way round.
pub type TraceParent = Arc<str>;

/// That of the current span; none where no trace is kept of it.
pub fn trace_parent() -> Option<TraceParent> {
    let context = Span::current().context();
    if !context.span().span_context().is_sampled() {
        return None;
    }
    let mut headers = std::collections::HashMap::new();
    TraceContextPropagator::new().inject_context(&context, &mut headers);
    headers
        .get("traceparent")
        .map(|parent| parent.as_str().into())
}
