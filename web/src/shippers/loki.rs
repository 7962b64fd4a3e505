//! Loki's push interface: protobuf, which is always packed with snappy and unpacked before this, and JSON.

use std::borrow::Cow;

use loghorn_domain::{Level, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};

use super::{
    Refusal, Sink, Stop, cut,
    record::{self, Context, Notes, Parts},
    text,
    wire::{Broken, Fields},
};
use crate::body::room_of;

/// A push, as one request speaks it.
#[derive(Debug, Clone, Copy)]
pub struct Loki {
    /// Whether it is JSON; protobuf otherwise.
    pub is_json: bool,
}

/// In the order in which Loki itself looks for a service's name.
const SOURCE: [&str; 14] = [
    "service_name",
    "service",
    "app",
    "application",
    "app_name",
    "name",
    "app_kubernetes_io_name",
    "container",
    "container_name",
    "k8s_container_name",
    "component",
    "workload",
    "job",
    "k8s_job_name",
];
const LEVEL: [&str; 10] =
    ["level", "LEVEL", "Level", "severity", "Severity", "SEVERITY", "lvl", "LVL", "Lvl", "detected_level"];
const HOST: [&str; 2] = ["host", "hostname"];
/// What a line takes for each of its bytes: as it is unescaped, as the event's message, and as part of its JSON.
const LINE_GROWTH: usize = 3;
/// What is kept of a time that cannot be read.
const TIME_BYTES_MAX: usize = 256;

impl Loki {
    /// Hands every entry to `sink`.
    pub fn decode<S: Sink>(&self, bytes: &[u8], context: &Context, sink: &mut S) -> Result<(), Stop<S::Error>> {
        if self.is_json { from_json(bytes, context, sink) } else { from_proto(bytes, context, sink) }
    }
}

/// What all entries of a stream share.
#[derive(Debug, Default)]
struct Stream {
    labels: Map<String, Value>,
    source: Option<String>,
    level: Option<Level>,
    host: Option<String>,
}

fn first<'a>(labels: &'a Map<String, Value>, names: &[&str]) -> Option<&'a str> {
    names.iter().find_map(|name| labels.get(*name)?.as_str().filter(|text| !text.is_empty()))
}

fn level_of(labels: &Map<String, Value>) -> Option<Level> {
    Level::from_alias(first(labels, &LEVEL)?)
}

impl Stream {
    fn of(labels: Map<String, Value>, context: &Context) -> Self {
        let text = |names: &[&str]| first(&labels, names).map(|text| record::shared_text(text, context));
        let (source, level, host) = (text(&SOURCE), level_of(&labels), text(&HOST));
        Self { source, level, host, labels: record::shared(labels, context) }
    }

    /// Hands one of its entries to `sink`; `more` is its structured metadata.
    fn add<S: Sink>(
        &self,
        at: Option<Timestamp>,
        line: &str,
        more: Map<String, Value>,
        (context, notes): (&Context, &Notes),
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let level = self.level.or_else(|| level_of(&more));
        let object = if line.starts_with('{') { text::object(line, context, sink)? } else { None };
        let mut parts = match object {
            Some(object) => record::parts(object, notes.clone()),
            None => Parts {
                level: level.or_else(|| record::level_in(line)),
                message: line.to_owned(),
                metadata: notes.clone(),
                ..Parts::default()
            },
        };
        parts.level = level.or(parts.level);
        parts.at = at.or(parts.at);
        parts.source = self.source.clone().or_else(|| first(&more, &SOURCE).map(str::to_owned)).or(parts.source);
        parts.host = self.host.clone().or(parts.host);
        for (name, value) in more {
            parts.metadata.entry(name).or_insert(value);
        }
        if !self.labels.is_empty() {
            record::put(&mut parts.metadata, "labels", Value::Object(self.labels.clone()));
        }
        sink.add(parts.draft(context)).map(drop)
    }
}

#[derive(Deserialize)]
struct Push<'a> {
    #[serde(borrow)]
    streams: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct JsonStream<'a> {
    #[serde(borrow)]
    stream: Option<&'a RawValue>,
    #[serde(borrow)]
    values: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct JsonEntry<'a>(
    #[serde(borrow)] &'a RawValue,
    #[serde(borrow)] Cow<'a, str>,
    #[serde(borrow, default)] Option<&'a RawValue>,
);

fn malformed(why: impl std::fmt::Display) -> Refusal {
    Refusal::malformed(format!("not a well-formed push request: {why}"))
}

fn from_json<S: Sink>(bytes: &[u8], context: &Context, sink: &mut S) -> Result<(), Stop<S::Error>> {
    let (text, notes) = text::read(bytes, sink).map_err(Stop::Full)?;
    let list = |raw| text::list(raw, || malformed("expected an array"));
    let push: Push<'_> = serde_json::from_str(text.trim()).map_err(malformed)?;
    for stream in list(push.streams) {
        let stream: JsonStream<'_> = serde_json::from_str(stream?).map_err(malformed)?;
        let labels = match stream.stream.map(RawValue::get) {
            Some(raw) if raw.len() > text::record_bytes_max(context) => nameless(&record::shared_text(raw, context)),
            Some(raw) => text::object(raw, context, sink).map_err(Stop::Full)?.unwrap_or_default(),
            None => Map::new(),
        };
        let of = Stream::of(labels, context);
        for entry in list(stream.values) {
            let entry = entry?;
            sink.pass(LINE_GROWTH * entry.len()).map_err(Stop::Full)?;
            let JsonEntry(at, line, more) = serde_json::from_str(entry).map_err(malformed)?;
            // As a text or as a number.
            let (time, at) = (at.get(), record::read_time(at.get().trim_matches('"').trim()));
            let is_large = entry.len() > text::record_bytes_max(context);
            let mut more = match more {
                _ if is_large => cut_off(),
                Some(more) => {
                    let members = text::object(more.get(), context, sink).map_err(Stop::Full)?;
                    members.ok_or_else(|| malformed("structured metadata is no object"))?
                }
                None => Map::new(),
            };
            if at.is_none() {
                let time = cut::beginning(time, TIME_BYTES_MAX);
                more.insert("time_raw".into(), serde_json::from_str(time).unwrap_or_else(|_| time.into()));
            }
            let line = if is_large { cut::beginning(&line, context.limits.event_bytes_max) } else { &line };
            of.add(at, line, more, (context, &notes), sink).map_err(Stop::Full)?;
        }
    }
    Ok(())
}

fn from_proto<S: Sink>(bytes: &[u8], context: &Context, sink: &mut S) -> Result<(), Stop<S::Error>> {
    let broken = |Broken: Broken| malformed("the protobuf of PushRequest is broken");
    for field in Fields::of(bytes) {
        let (1, stream) = field.map_err(broken)? else { continue };
        let stream = stream.bytes().map_err(broken)?;
        let mut labels = Map::new();
        for field in Fields::of(stream) {
            if let (1, text) = field.map_err(broken)? {
                let text = text.bytes().map_err(broken)?;
                labels = if text.len() > text::record_bytes_max(context) {
                    nameless(&text::beginning_of(text, context, sink).map_err(Stop::Full)?)
                } else {
                    sink.pass(room_of(text.len(), || 1)).map_err(Stop::Full)?;
                    read_labels(&String::from_utf8_lossy(text))
                };
            }
        }
        let of = Stream::of(labels, context);
        for field in Fields::of(stream) {
            let (2, entry) = field.map_err(broken)? else { continue };
            let entry = entry.bytes().map_err(broken)?;
            let is_large = entry.len() > text::record_bytes_max(context);
            let Entry { at, line, more, more_bytes } = read_entry(entry).map_err(broken)?;
            let (line, more) = match is_large {
                true => (text::beginning_of(line, context, sink).map_err(Stop::Full)?, cut_off()),
                false => {
                    let room = LINE_GROWTH * line.len() + room_of(more_bytes, || 1);
                    sink.pass(room).map_err(Stop::Full)?;
                    (String::from_utf8_lossy(line), structured(more).map_err(broken)?)
                }
            };
            of.add(at, &line, more, (context, &Notes::new()), sink).map_err(Stop::Full)?;
        }
    }
    Ok(())
}

/// Stands for structured metadata of an entry that is too large to be taken apart: of that the line's beginning is kept.
fn cut_off() -> Map<String, Value> {
    Map::from_iter([("truncated".to_owned(), true.into())])
}

/// An entry, of which nothing is copied.
struct Entry<'a> {
    at: Option<Timestamp>,
    line: &'a [u8],
    /// The fields among which its structured metadata stands, and how much that is.
    more: Fields<'a>,
    more_bytes: usize,
}

fn read_entry(bytes: &[u8]) -> Result<Entry<'_>, Broken> {
    let mut entry = Entry { at: None, line: &[], more: Fields::of(bytes), more_bytes: 0 };
    for field in Fields::of(bytes) {
        match field? {
            (1, time) => {
                let (mut seconds, mut nanos) = (0, 0);
                for field in Fields::of(time.bytes()?) {
                    match field? {
                        (1, value) => seconds = value.number()?.cast_signed(),
                        (2, value) => nanos = value.number()?.cast_signed(),
                        _ => {}
                    }
                }
                let millis = seconds.saturating_mul(1000).saturating_add(nanos / 1_000_000);
                entry.at = Some(Timestamp::from_millis(millis));
            }
            (2, text) => entry.line = text.bytes()?,
            (3, pair) => entry.more_bytes += pair.bytes()?.len(),
            _ => {}
        }
    }
    Ok(entry)
}

/// The pairs of structured metadata among an entry's fields.
fn structured(fields: Fields<'_>) -> Result<Map<String, Value>, Broken> {
    let mut more = Map::new();
    for field in fields {
        let (3, pair) = field? else { continue };
        let (mut name, mut value) = (String::new(), String::new());
        for field in Fields::of(pair.bytes()?) {
            match field? {
                (1, text) => name = text.text()?,
                (2, text) => value = text.text()?,
                _ => {}
            }
        }
        more.insert(name, value.into());
    }
    Ok(more)
}

/// Labels that cannot be read, as one of no name.
fn nameless(text: &str) -> Map<String, Value> {
    Map::from_iter([(String::new(), text.into())])
}

/// `{a="b", c="d"}`; what stands there otherwise is kept as one label of no name.
fn read_labels(text: &str) -> Map<String, Value> {
    let mut labels = Map::new();
    let mut rest = text.trim().trim_start_matches('{');
    loop {
        rest = rest.trim_start_matches([' ', ',']);
        let Some((name, after)) = rest.split_once('=') else { break };
        let after = after.trim_start();
        // Loki quotes like Go; escapes that JSON does not have stay as they stand.
        let mut values = serde_json::Deserializer::from_str(after).into_iter::<String>();
        let (value, end) = match values.next() {
            Some(Ok(value)) => (value, values.byte_offset()),
            _ => {
                let end = after.find([',', '}']).unwrap_or(after.len());
                (after[..end].trim_matches(['"', '`']).to_owned(), end)
            }
        };
        labels.insert(name.trim().to_owned(), value.into());
        rest = &after[end..];
    }
    let is_nothing = text.trim_matches(['{', '}', ' ']).is_empty();
    if labels.is_empty() && !is_nothing { nameless(text) } else { labels }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_as_loki_writes_them() {
        let read = |text: &str| Value::Object(read_labels(text));
        assert_eq!(
            read(r#"{app="shop", level="error",path="a\"b,}\\c"}"#),
            serde_json::json!({"app": "shop", "level": "error", "path": "a\"b,}\\c"})
        );
        assert_eq!(read("{}"), serde_json::json!({}));
        assert_eq!(read("{a=b}"), serde_json::json!({"a": "b"}));
        assert_eq!(read("nonsense"), serde_json::json!({"": "nonsense"}));
    }
}
