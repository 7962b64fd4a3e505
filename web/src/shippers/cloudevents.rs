//! CloudEvents 1.0 over HTTP: structured, in batches, and binary, where the attributes are headers.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};
use loghorn_domain::Level;
use serde_json::{Map, Value};

use super::{
    Refusal, Sink, Stop,
    record::{self, Context, Notes, Parts},
    text,
};

/// The mode in which one request speaks.
#[derive(Debug, Clone)]
pub enum CloudEvents {
    /// The body is one event, attributes and all.
    Structured,
    /// The body is a list of such.
    Batch,
    /// The body is the data; these are the attributes.
    Binary(Map<String, Value>),
}

impl CloudEvents {
    /// Hands every event to `sink`.
    pub fn decode<S: Sink>(&self, bytes: &[u8], context: &Context, sink: &mut S) -> Result<(), Stop<S::Error>> {
        let (text, notes) = text::read(bytes, sink).map_err(Stop::Full)?;
        match self {
            Self::Binary(attributes) => {
                let data = match text.trim() {
                    "" => None,
                    trimmed => Some(text::value(trimmed, context, sink).map_err(Stop::Full)?),
                };
                // What is no JSON is text.
                let data = data.map(|json| json.unwrap_or_else(|| Value::from(&*text)));
                add(attributes.clone(), data, (context, &notes), sink)
            }
            Self::Structured if !text.trim_start().starts_with('{') => {
                Err(Refusal::malformed("a structured CloudEvent is an object").into())
            }
            Self::Batch if !text.trim_start().starts_with('[') => {
                Err(Refusal::malformed("a batch of CloudEvents is an array").into())
            }
            Self::Structured | Self::Batch => {
                text::values(&text, |index, json| match text::value(json, context, sink).map_err(Stop::Full)? {
                    Some(Value::Object(mut event)) => {
                        let data = data(&mut event);
                        add(event, data, (context, &notes), sink)
                    }
                    None if json.starts_with('{') => {
                        let draft = Parts::whole(json, context, &notes).draft(context);
                        sink.add(draft).map(drop).map_err(Stop::Full)
                    }
                    _ => Err(Refusal { index: Some(index), ..Refusal::malformed("a CloudEvent is no object") }.into()),
                })?;
                Ok(())
            }
        }
    }
}

/// The data of a structured event. What is packed in base64 is JSON, text or stays packed.
fn data(event: &mut Map<String, Value>) -> Option<Value> {
    let packed = event.remove("data_base64");
    event.remove("data").filter(|data| !data.is_null()).or_else(|| {
        let packed = packed?;
        let bytes = STANDARD.decode(packed.as_str()?).ok();
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        Some(text.map_or(packed, |text| serde_json::from_str(&text).unwrap_or_else(|_| text.into())))
    })
}

fn add<S: Sink>(
    mut attributes: Map<String, Value>,
    data: Option<Value>,
    (context, notes): (&Context, &Notes),
    sink: &mut S,
) -> Result<(), Stop<S::Error>> {
    let mut text = |name: &str| match attributes.remove(name) {
        Some(Value::String(text)) if !text.is_empty() => Some(text),
        _ => None,
    };
    let [id, source, event_type, time] = ["id", "source", "type", "time"].map(&mut text);
    let mut metadata = attributes;
    let at = time.as_deref().and_then(record::read_time);
    if let (Some(time), None) = (time, at) {
        metadata.insert("time_raw".into(), time.into());
    }
    let member = |name: &str| data.as_ref().and_then(|data| data.get(name));
    let severity = || {
        // Attributes in headers are texts.
        let number = |value: &Value| value.as_u64().or_else(|| value.as_str()?.trim().parse().ok());
        let number = metadata.get("severitynumber").and_then(number).unwrap_or_default();
        let text = metadata.get("severitytext").and_then(Value::as_str).unwrap_or_default();
        record::otel_level(number, text)
    };
    let level: Option<Level> = member("level").and_then(record::level_of).or_else(severity);
    let message = match (&data, member("message").and_then(Value::as_str)) {
        (_, Some(message)) => message.to_owned(),
        (Some(Value::String(text)), None) => text.clone(),
        (Some(data), None) => data.to_string(),
        (None, None) => event_type.clone().unwrap_or_default(),
    };
    if let Some(data) = data.filter(|data| !data.is_string()) {
        metadata.insert("data".into(), data);
    }
    metadata.extend(notes.clone());
    let of = source.clone().unwrap_or_default();
    let parts = Parts { id: None, event_type, level, source, message, host: None, at, metadata }.with_id(&of, id);
    sink.add(parts.draft(context)).map(drop).map_err(Stop::Full)
}

/// The attribute that a header carries: without double quotes around it, then percent-decoded once; raw bytes are met too.
/// Source: CloudEvents, HTTP protocol binding 1.0.2, 3.1.3.2.
pub fn attribute(name: &str, value: &[u8]) -> Option<(String, Value)> {
    let name = name.strip_prefix("ce-")?.to_owned();
    let value = unquoted(value);
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = &value[..];
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|digits| *first == b'%' && digits.iter().all(u8::is_ascii_hexdigit));
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    Some((name, record::lossless(&bytes).into()))
}

/// What stands between double quotes, each `\x` in it as `x`; anything else as it is.
fn unquoted(value: &[u8]) -> Cow<'_, [u8]> {
    let Some(inner) = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")) else { return value.into() };
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner.iter();
    while let Some(byte) = rest.next() {
        bytes.push(if *byte == b'\\' { *rest.next().unwrap_or(byte) } else { *byte });
    }
    bytes.into()
}
