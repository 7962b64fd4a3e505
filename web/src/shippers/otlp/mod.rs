//! OTLP over HTTP, logs: protobuf and JSON, one record at a time. What a record means is written once, here; how it
//! stands in either form, in [`proto`] and [`json`].

mod any;
pub mod json;
pub mod proto;

use std::rc::Rc;

use loghorn_domain::{Draft, Timestamp};
use serde_json::{Map, Value};

use super::{
    Sink, Stop,
    record::{self, Context, Notes, Parts},
};

/// A request of log records, as one request speaks it.
#[derive(Debug, Clone, Copy)]
pub struct Otlp {
    /// Whether it is JSON; protobuf otherwise.
    pub is_json: bool,
}

impl Otlp {
    /// Hands every record to `sink`.
    pub fn decode<S: Sink>(&self, bytes: &[u8], context: &Context, sink: &mut S) -> Result<(), Stop<S::Error>> {
        if self.is_json { json::decode(bytes, context, sink) } else { proto::decode(bytes, context, sink) }
    }
}

/// Who speaks: what all records of a scope share, and of a resource all its scopes: there may be very many, with nothing
/// in them.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    source: Option<Rc<str>>,
    host: Option<Rc<str>>,
    resource: Option<Rc<Value>>,
    scope: Option<Value>,
}

impl Scope {
    /// From the resource's attributes.
    pub(super) fn of_resource(attributes: Map<String, Value>, context: &Context) -> Self {
        let text = |name: &str| attributes.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let shared = |name: &str| text(name).map(|text| record::shared_text(text, context).into());
        let (source, host) = (shared("service.name"), shared("host.name"));
        let resource = (!attributes.is_empty()).then(|| Rc::new(Value::Object(record::shared(attributes, context))));
        Self { source, host, resource, scope: None }
    }

    /// The same, for one of its scopes.
    pub(super) fn with_scope(
        &self,
        name: String,
        version: String,
        attributes: Map<String, Value>,
        context: &Context,
    ) -> Self {
        let mut scope = Map::new();
        for (key, text) in [("name", &name), ("version", &version)] {
            if !text.is_empty() {
                scope.insert(key.into(), Value::from(text.as_str()));
            }
        }
        let named = !name.is_empty();
        if !attributes.is_empty() {
            scope.insert("attributes".into(), Value::Object(attributes));
        }
        Self {
            source: self.source.clone().or_else(|| named.then(|| record::shared_text(&name, context).into())),
            scope: (!scope.is_empty()).then(|| Value::Object(record::shared(scope, context))),
            host: self.host.clone(),
            resource: self.resource.clone(),
        }
    }
}

/// A log record as both forms have it. Zero and empty mean: not said.
#[derive(Debug, Clone, Default)]
pub(super) struct Record {
    pub(super) time_ns: u64,
    pub(super) observed_ns: u64,
    pub(super) severity_number: u64,
    pub(super) severity_text: String,
    pub(super) body: Value,
    pub(super) attributes: Map<String, Value>,
    pub(super) flags: u64,
    pub(super) trace_id: String,
    pub(super) span_id: String,
    pub(super) event_name: String,
}

impl Record {
    /// The event that it means.
    pub(super) fn draft(self, scope: &Scope, context: &Context, notes: &Notes) -> Draft {
        let level = record::otel_level(self.severity_number, &self.severity_text);
        let time_ns = if self.time_ns == 0 { self.observed_ns } else { self.time_ns };
        let millis = i64::try_from(time_ns / 1_000_000).unwrap_or(i64::MAX);
        let mut metadata = self.attributes;
        let said = |text: String| Some(text).filter(|text| !text.is_empty());
        let number = |number: u64| (number != 0).then(|| number.into());
        let (event_name, severity_text) = (said(self.event_name), said(self.severity_text));
        for (name, value) in [
            ("resource", scope.resource.as_deref().cloned()),
            ("scope", scope.scope.clone()),
            ("severity_number", number(self.severity_number)),
            ("severity_text", severity_text.map(Value::from)),
            ("trace_id", said(self.trace_id).map(Value::from)),
            ("span_id", said(self.span_id).map(Value::from)),
            ("trace_flags", number(self.flags & 0xff)),
        ] {
            if let Some(value) = value {
                record::put(&mut metadata, name, value);
            }
        }
        metadata.extend(notes.clone());
        let message = match self.body {
            Value::String(text) => text,
            Value::Null => String::new(),
            other => other.to_string(),
        };
        let parts = Parts {
            id: None,
            event_type: event_name,
            level,
            source: scope.source.as_deref().map(str::to_owned),
            message,
            host: scope.host.as_deref().map(str::to_owned),
            at: (time_ns != 0).then(|| Timestamp::from_millis(millis)),
            metadata,
        };
        parts.draft(context)
    }
}

/// A floating-point number; JSON has none for some.
pub(super) fn double(number: f64) -> Value {
    serde_json::Number::from_f64(number).map_or_else(|| number.to_string().into(), Value::Number)
}

/// Deepest nesting of values that is read.
pub(super) const DEPTH_MAX: usize = 60;
