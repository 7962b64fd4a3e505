//! Splunk's HTTP Event Collector: envelopes with an event inside, and raw lines.

use serde_json::{Map, Value};

use super::{
    Refusal, Sink, Stop,
    record::{self, Context, Notes, Parts},
    text,
};

/// What the query says of all events.
#[derive(Debug, Clone, Default)]
pub struct Hec {
    /// Whether the body is lines, and no envelopes.
    pub is_raw: bool,
    /// Members of every envelope that has none of its own: `host`, `source`, `sourcetype`, `index`.
    pub defaults: Map<String, Value>,
}

const TEXTS: [&str; 4] = ["host", "source", "sourcetype", "index"];

impl Hec {
    /// Members of envelopes that a query may name.
    pub const IN_QUERY: [&'static str; 4] = TEXTS;

    /// Hands every event to `sink`.
    pub fn decode<S: Sink>(&self, bytes: &[u8], context: &Context, sink: &mut S) -> Result<(), Stop<S::Error>> {
        let (text, notes) = text::read(bytes, sink).map_err(Stop::Full)?;
        if text.trim().is_empty() {
            return Err(refusal("no-data", "there are no events", None).into());
        }
        if self.is_raw {
            return text.lines().filter(|line| !line.trim().is_empty()).try_for_each(|line| {
                sink.pass(line.len()).map_err(Stop::Full)?;
                let envelope = Map::from_iter([("event".to_owned(), Value::from(line))]);
                self.add(envelope, 0, (context, &notes), sink)
            });
        }
        text::values(&text, |index, json| match text::value(json, context, sink).map_err(Stop::Full)? {
            Some(Value::Object(envelope)) => self.add(envelope, index, (context, &notes), sink),
            None if json.starts_with('{') => {
                let draft = Parts::whole(json, context, &notes).draft(context);
                sink.add(draft).map(drop).map_err(Stop::Full)
            }
            _ => Err(refusal("malformed", "an event is no object", Some(index)).into()),
        })?;
        Ok(())
    }

    fn add<S: Sink>(
        &self,
        mut envelope: Map<String, Value>,
        index: usize,
        (context, notes): (&Context, &Notes),
        sink: &mut S,
    ) -> Result<(), Stop<S::Error>> {
        let Some(event) = envelope.remove("event") else {
            return Err(refusal("event-required", "an envelope has no event", Some(index)).into());
        };
        if event.is_null() || event.as_str().is_some_and(|text| text.trim().is_empty()) {
            return Err(refusal("event-blank", "an event is blank", Some(index)).into());
        }
        for (name, value) in &self.defaults {
            envelope.entry(name.as_str()).or_insert_with(|| value.clone());
        }
        let event = match event {
            Value::String(text) if text.trim_start().starts_with('{') => {
                let object = text::object(&text, context, sink).map_err(Stop::Full)?;
                object.map_or(Value::String(text), Value::Object)
            }
            event => event,
        };
        let draft = parts(envelope, event, notes).draft(context);
        sink.add(draft).map(drop).map_err(Stop::Full)
    }
}

fn refusal(kind: &'static str, detail: &str, index: Option<usize>) -> Refusal {
    Refusal { kind, index, ..Refusal::malformed(detail) }
}

fn parts(mut envelope: Map<String, Value>, event: Value, notes: &Notes) -> Parts {
    let text = |message: String| Parts {
        level: record::level_in(&message),
        message,
        metadata: notes.clone(),
        ..Parts::default()
    };
    let mut parts = match event {
        Value::Object(object) => record::parts(with_text(object), notes.clone()),
        Value::String(message) => text(message),
        other => text(other.to_string()),
    };
    let mut text = |name: &str| match envelope.remove(name) {
        Some(Value::String(text)) if !text.is_empty() => Some(text),
        _ => None,
    };
    let [host, source, sourcetype, index] = TEXTS.map(&mut text);
    let fields = match envelope.remove("fields") {
        Some(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    let service = fields.get("service").and_then(Value::as_str).map(str::to_owned);
    let named = service.or_else(|| parts.source.take());
    if named.is_some() {
        // It names a file or an input then.
        source.iter().for_each(|source| record::put(&mut parts.metadata, "source", source.as_str().into()));
    }
    parts.source = named.or(source).or_else(|| sourcetype.clone());
    parts.host = host.or(parts.host);
    parts.level =
        parts.level.or_else(|| ["level", "severity"].iter().find_map(|name| record::level_of(fields.get(*name)?)));
    if let Some(time) = envelope.remove("time") {
        let shown = time.as_str().map_or_else(|| time.to_string(), str::to_owned);
        match record::read_time(shown.trim()) {
            Some(at) => parts.at = Some(at),
            None if time.is_null() => {}
            None => drop(parts.metadata.insert("time_raw".into(), time)),
        }
    }
    for (name, value) in [("index", index), ("sourcetype", sourcetype)] {
        value.into_iter().for_each(|value| record::put(&mut parts.metadata, name, value.into()));
    }
    for (name, value) in fields.into_iter().chain(envelope) {
        parts.metadata.entry(name).or_insert(value);
    }
    parts
}

/// Some senders put an object where a message is: it is that message, as text.
fn with_text(mut object: Map<String, Value>) -> Map<String, Value> {
    for name in ["message", "msg"] {
        if let Some(message) = object.get_mut(name).filter(|message| message.is_object() || message.is_array()) {
            *message = message.to_string().into();
        }
    }
    object
}
