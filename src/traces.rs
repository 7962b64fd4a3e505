//! Distributed traces: attempts of events that belong to one go to a collector, by OTLP over HTTP.
//!
//! Nothing waits for a collector: what it does not take in time is lost, and that is said in the log.

use std::{
    fmt,
    io::Read,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use async_trait::async_trait;
use loghorn_actors::{Random, TracedAttempt, Traces};
use loghorn_domain::{Class, Timestamp};
use opentelemetry::{
    InstrumentationScope, KeyValue,
    trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState},
};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{BatchSpanProcessor, SpanData, SpanEvents, SpanLinks, SpanProcessor},
};
use ureq::Agent;

/// Below a collector's address (OTLP 1.x, "OTLP/HTTP Request").
const PATH: &str = "/v1/traces";
/// How long a collector may take for one answer, and a stop for the last of them.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Most bytes of a collector's answer that are read.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// Sends spans to a collector, from a thread of its own.
pub(crate) struct Collector {
    processor: BatchSpanProcessor,
    scope: InstrumentationScope,
    /// Draws the ids of spans.
    random: Arc<dyn Random>,
}

impl Collector {
    /// The collector at `endpoint`, such as `http://127.0.0.1:4318`. `instance` tells this server from others.
    pub(crate) fn new(endpoint: &str, instance: String, random: Arc<dyn Random>) -> Result<Self, String> {
        let agent = Agent::config_builder().timeout_global(Some(TIMEOUT)).http_status_as_error(false).max_redirects(0);
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Blocking(agent.build().into()))
            .with_endpoint(format!("{}{PATH}", endpoint.trim_end_matches('/')))
            .with_timeout(TIMEOUT)
            .build()
            .map_err(|error| format!("traces.otlp_endpoint: {error}"))?;
        let version = env!("CARGO_PKG_VERSION");
        let resource = Resource::builder_empty().with_service_name("loghorn").with_attributes([
            KeyValue::new("service.version", version),
            KeyValue::new("service.instance.id", instance),
        ]);
        let mut processor = BatchSpanProcessor::builder(exporter).build();
        processor.set_resource(&resource.build());
        let scope = InstrumentationScope::builder("loghorn").with_version(version).build();
        Ok(Self { processor, scope, random })
    }

    /// Sends what is left; takes up to [`TIMEOUT`].
    pub(crate) fn close(&self) {
        if let Err(error) = self.processor.shutdown_with_timeout(TIMEOUT) {
            tracing::warn!(%error, "the last spans did not reach the collector");
        }
    }
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collector").finish_non_exhaustive()
    }
}

impl Traces for Collector {
    fn attempted(&self, attempt: TracedAttempt<'_>) {
        if let Some(parent) = parent(attempt.traceparent) {
            let mut id = [0; 8];
            self.random.fill(&mut id);
            self.processor.on_end(span(&attempt, &parent, SpanId::from_bytes(id), self.scope.clone()));
        }
    }
}

/// The context that a `traceparent` names (W3C Trace Context, 3.2); `None` where nobody keeps that trace.
fn parent(traceparent: &str) -> Option<SpanContext> {
    let mut parts = traceparent.split('-').skip(1);
    let trace = TraceId::from_hex(parts.next()?).ok()?;
    let span = SpanId::from_hex(parts.next()?).ok()?;
    let flags = TraceFlags::new(u8::from_str_radix(parts.next()?, 16).ok()?);
    let context = SpanContext::new(trace, span, flags, true, TraceState::NONE);
    (context.is_valid() && context.is_sampled()).then_some(context)
}

/// Attributes are those of the semantic conventions for HTTP clients, but for the URL: its path may be a secret.
fn span(attempt: &TracedAttempt<'_>, parent: &SpanContext, id: SpanId, scope: InstrumentationScope) -> SpanData {
    let at = |at: Timestamp| UNIX_EPOCH + Duration::from_millis(u64::try_from(at.millis()).unwrap_or(0));
    let text = |key: &'static str, value: &str| KeyValue::new(key, value.to_owned());
    let mut attributes = vec![
        text("http.request.method", "POST"),
        text("server.address", attempt.host),
        text("loghorn.delivery", attempt.delivery),
        text("loghorn.subscription", attempt.subscription),
    ];
    attributes.extend(attempt.port.map(|port| KeyValue::new("server.port", i64::from(port))));
    attributes.extend(attempt.status_code.map(|code| KeyValue::new("http.response.status_code", i64::from(code))));
    if attempt.resends > 0 {
        attributes.push(KeyValue::new("http.request.resend_count", i64::from(attempt.resends)));
    }
    let status = match attempt.class {
        Class::Ok => Status::Unset,
        class => {
            attributes.push(text("error.type", class.name()));
            Status::error(attempt.error.unwrap_or_default().to_owned())
        }
    };
    let started = at(attempt.started_at);
    SpanData {
        span_context: SpanContext::new(parent.trace_id(), id, parent.trace_flags(), false, TraceState::NONE),
        parent_span_id: parent.span_id(),
        parent_span_is_remote: true,
        span_kind: SpanKind::Client,
        name: "POST".into(),
        start_time: started,
        end_time: started + attempt.took,
        attributes,
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status,
        instrumentation_scope: scope,
    }
}

/// Waits for each answer: it runs on the exporter's own thread, where nothing else does.
#[derive(Debug)]
struct Blocking(Agent);

#[async_trait]
impl HttpClient for Blocking {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (parts, body) = request.into_parts();
        let (parts, answer) = self.0.run(Request::from_parts(parts, body.to_vec()))?.into_parts();
        let mut bytes = Vec::new();
        answer.into_reader().take(ANSWER_BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(Response::from_parts(parts, bytes.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_traces_that_are_kept_are_told_of() {
        let of = |flags: &str| parent(&format!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-{flags}"));
        assert_eq!(of("01").unwrap().trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert!(of("03").is_some() && of("00").is_none() && parent("").is_none());
        assert!(parent("00-00000000000000000000000000000000-b7ad6b7169203331-01").is_none());
    }
}
