//! The same as JSON, as protobuf's mapping has it: 64-bit numbers as text or number, unknown members left alone, missing
//! ones empty. Resources, scopes and records are found by their ends first, so that one record at a time is read.

use serde::Deserialize;
use serde_json::{Map, Value, json, value::RawValue};

use super::{DEPTH_MAX, Record, Scope, double};
use crate::shippers::{
    Refusal, Sink, Stop,
    record::{Context, shared_text},
    text,
};

#[derive(Deserialize)]
struct Export<'a> {
    #[serde(borrow, rename = "resourceLogs", alias = "resource_logs")]
    resource_logs: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ResourceLogs<'a> {
    #[serde(borrow)]
    resource: Option<&'a RawValue>,
    #[serde(borrow, rename = "scopeLogs", alias = "scope_logs")]
    scope_logs: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ScopeLogs<'a> {
    #[serde(borrow)]
    scope: Option<&'a RawValue>,
    #[serde(borrow, rename = "logRecords", alias = "log_records")]
    log_records: Option<&'a RawValue>,
}

/// Hands every record to `sink`.
pub fn decode<S: Sink>(bytes: &[u8], context: &Context, sink: &mut S) -> Result<(), Stop<S::Error>> {
    let (text, notes) = text::read(bytes, sink).map_err(Stop::Full)?;
    let text = if text.trim().is_empty() { "{}" } else { text.trim() };
    let list = |raw| text::list(raw, || refuse("expected an array"));
    let export: Export<'_> = serde_json::from_str(text).map_err(refuse)?;
    for resource_logs in list(export.resource_logs) {
        let resource_logs: ResourceLogs<'_> = serde_json::from_str(resource_logs?).map_err(refuse)?;
        let resource = object(resource_logs.resource, context, sink)?;
        let speaker = Scope::of_resource(attributes(resource.get("attributes")), context);
        for scope_logs in list(resource_logs.scope_logs) {
            let scope_logs: ScopeLogs<'_> = serde_json::from_str(scope_logs?).map_err(refuse)?;
            let scope = object(scope_logs.scope, context, sink)?;
            let name = |name: &str| string(&scope, &[name]);
            let attributes = attributes(scope.get("attributes"));
            let scope = speaker.with_scope(name("name"), name("version"), attributes, context);
            for record in list(scope_logs.log_records) {
                let record = record?;
                let read = match text::value(record, context, sink).map_err(Stop::Full)? {
                    Some(Value::Object(members)) => read(members),
                    Some(_) => return Err(Refusal::malformed("a log record is no object").into()),
                    // Too large to be taken apart: its beginning is kept.
                    None => Record { body: shared_text(record, context).into(), ..Record::default() },
                };
                sink.add(read.draft(&scope, context, &notes)).map_err(Stop::Full)?;
            }
        }
    }
    Ok(())
}

fn refuse(error: impl std::fmt::Display) -> Refusal {
    Refusal::malformed(format!("not well-formed JSON of ExportLogsServiceRequest: {error}"))
}

/// A resource or a scope; one that is too large to be taken apart has its beginning as its only attribute.
fn object<S: Sink>(
    raw: Option<&RawValue>,
    context: &Context,
    sink: &mut S,
) -> Result<Map<String, Value>, Stop<S::Error>> {
    let Some(raw) = raw.map(RawValue::get) else { return Ok(Map::new()) };
    if raw.len() > text::record_bytes_max(context) {
        let cut = json!([{"key": "cut", "value": {"stringValue": shared_text(raw, context)}}]);
        return Ok(Map::from_iter([("attributes".to_owned(), cut)]));
    }
    Ok(text::object(raw, context, sink).map_err(Stop::Full)?.unwrap_or_default())
}

fn member<'a>(members: &'a Map<String, Value>, names: &[&str]) -> Option<&'a Value> {
    names.iter().find_map(|name| members.get(*name))
}

fn string(members: &Map<String, Value>, names: &[&str]) -> String {
    member(members, names).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// A number, also as a text.
fn number(members: &Map<String, Value>, names: &[&str]) -> u64 {
    match member(members, names) {
        Some(Value::String(text)) => text.trim().parse().unwrap_or_default(),
        Some(Value::Number(number)) => {
            number.as_u64().or_else(|| number.as_f64().map(|number| number as u64)).unwrap_or_default()
        }
        _ => 0,
    }
}

fn read(mut members: Map<String, Value>) -> Record {
    let id = |names: &[&str]| {
        let id = string(&members, names).to_ascii_lowercase();
        Some(id).filter(|id| id.bytes().any(|byte| byte != b'0')).unwrap_or_default()
    };
    Record {
        time_ns: number(&members, &["timeUnixNano", "time_unix_nano"]),
        observed_ns: number(&members, &["observedTimeUnixNano", "observed_time_unix_nano"]),
        severity_number: number(&members, &["severityNumber", "severity_number"]),
        severity_text: string(&members, &["severityText", "severity_text"]),
        attributes: attributes(members.get("attributes")),
        flags: number(&members, &["flags"]),
        trace_id: id(&["traceId", "trace_id"]),
        span_id: id(&["spanId", "span_id"]),
        event_name: string(&members, &["eventName", "event_name"]),
        body: members.remove("body").map_or(Value::Null, |body| any(&body, DEPTH_MAX)),
    }
}

/// A list of `KeyValue`.
fn attributes(list: Option<&Value>) -> Map<String, Value> {
    pairs(list, DEPTH_MAX)
}

fn pairs(list: Option<&Value>, depth: usize) -> Map<String, Value> {
    let pairs = list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object);
    let pair = |pair: &Map<String, Value>| {
        (string(pair, &["key"]), pair.get("value").map_or(Value::Null, |value| any(value, depth)))
    };
    pairs.map(pair).collect()
}

/// An `AnyValue`. serde_json nests no deeper than its own limit.
fn any(value: &Value, depth: usize) -> Value {
    let (Some(members), Some(depth)) = (value.as_object(), depth.checked_sub(1)) else { return value.clone() };
    let Some((kind, value)) = members.iter().next() else { return Value::Null };
    match (kind.as_str(), value) {
        ("intValue" | "int_value", Value::String(text)) => {
            text.parse::<i64>().map_or_else(|_| text.as_str().into(), Value::from)
        }
        // Infinity and NaN are texts; so are numbers of careful senders.
        ("doubleValue" | "double_value", Value::String(text)) => {
            text.parse().map_or_else(|_| text.as_str().into(), double)
        }
        ("arrayValue" | "array_value", _) => {
            let values = value.get("values").and_then(Value::as_array).into_iter().flatten();
            Value::Array(values.map(|value| any(value, depth)).collect())
        }
        ("kvlistValue" | "kvlist_value", _) => Value::Object(pairs(value.get("values"), depth)),
        _ => value.clone(),
    }
}
