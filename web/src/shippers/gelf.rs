//! GELF over HTTP: one object, or several.

use loghorn_domain::Level;
use serde_json::{Map, Value};

use super::{
    Refusal, Sink, Stop,
    record::{self, Context, Notes, Parts},
    text,
};

const SOURCE: [&str; 5] = ["_app", "_service", "facility", "_logger", "host"];

/// Hands every message to `sink`.
pub fn decode<S: Sink>(bytes: &[u8], context: &Context, sink: &mut S) -> Result<(), Stop<S::Error>> {
    let (text, notes) = text::read(bytes, sink).map_err(Stop::Full)?;
    text::values(&text, |index, json| {
        let parts = match text::value(json, context, sink).map_err(Stop::Full)? {
            Some(Value::Object(message)) => parts(message, &notes),
            None if json.starts_with('{') => Parts::whole(json, context, &notes),
            _ => return Err(Refusal { index: Some(index), ..Refusal::malformed("a GELF message is no object") }.into()),
        };
        sink.add(parts.draft(context)).map(drop).map_err(Stop::Full)
    })?;
    Ok(())
}

fn parts(mut message: Map<String, Value>, notes: &Notes) -> Parts {
    let whole = |message: &Map<String, Value>| serde_json::to_string(message).unwrap_or_default();
    let text = |value: Option<Value>| {
        value.and_then(|value| value.as_str().map(str::to_owned)).filter(|text| !text.is_empty())
    };
    let full = || text(message.get("full_message").cloned());
    let short = text(message.get("short_message").cloned()).or_else(full).unwrap_or_else(|| whole(&message));
    message.remove("short_message");
    let host = text(message.get("host").cloned());
    let named = SOURCE.iter().find(|name| text(message.get(**name).cloned()).is_some());
    let source = named.and_then(|name| if *name == "host" { host.clone() } else { text(message.remove(*name)) });
    message.remove("host");
    let mut metadata = notes.clone();
    let level = message.remove("level").and_then(|level| match syslog(&level) {
        Some(known) => Some(known),
        None => {
            metadata.insert("level_raw".into(), level);
            None
        }
    });
    let at = message.remove("timestamp").and_then(|time| {
        let shown = time.as_str().map_or_else(|| time.to_string(), str::to_owned);
        let at = record::read_time(shown.trim());
        if at.is_none() {
            metadata.insert("time_raw".into(), time);
        }
        at
    });
    for (name, value) in message {
        metadata.insert(name.strip_prefix('_').unwrap_or(&name).to_owned(), value);
    }
    Parts { level, source, message: short, host, at, metadata, ..Parts::default() }
}

/// Levels are syslog's numbers, from some also as text.
fn syslog(level: &Value) -> Option<Level> {
    let number = level.as_u64().or_else(|| level.as_f64().filter(|number| *number >= 0.0).map(|number| number as u64));
    match number.or_else(|| level.as_str()?.trim().parse().ok()) {
        Some(number @ 0..=7) => Level::from_generic_number(number),
        Some(_) => None,
        None => Level::from_alias(level.as_str()?.trim()),
    }
}
