//! `opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest`, by its field numbers.

use std::fmt::Write as _;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value as Json};

use super::{DEPTH_MAX, Record, Scope, double};
use crate::shippers::{
    Refusal, Sink, Stop,
    record::{Context, Notes, cut_to},
    text,
    wire::{Broken, Fields, Value},
};

/// Hands every record to `sink`.
pub fn decode<S: Sink>(bytes: &[u8], context: &Context, sink: &mut S) -> Result<(), Stop<S::Error>> {
    for resource_logs in messages(bytes, 1) {
        let resource_logs = resource_logs?;
        let attributes = match messages(resource_logs, 1).last() {
            Some(resource) => attributes_of(resource?, 1, context, sink)?,
            None => Map::new(),
        };
        let speaker = Scope::of_resource(attributes, context);
        for scope_logs in messages(resource_logs, 2) {
            let scope_logs = scope_logs?;
            let scope = match messages(scope_logs, 1).last() {
                Some(scope) => scope_of(&speaker, scope?, context, sink)?,
                None => speaker.clone(),
            };
            for record in messages(scope_logs, 2) {
                let record = record?;
                let record = match room(record, context) {
                    Some(room) => {
                        sink.pass(room).map_err(Stop::Full)?;
                        read(record).map_err(refuse)?
                    }
                    // Too large to be taken apart: its beginning is kept.
                    None => {
                        let body = text::beginning_of(record, context, sink).map_err(Stop::Full)?;
                        Record { body: body.into(), ..Record::default() }
                    }
                };
                sink.add(record.draft(&scope, context, &Notes::new())).map_err(Stop::Full)?;
            }
        }
    }
    Ok(())
}

fn refuse(Broken: Broken) -> Refusal {
    Refusal::malformed("not well-formed protobuf of ExportLogsServiceRequest")
}

/// The messages in field `number`.
fn messages(bytes: &[u8], number: u32) -> impl Iterator<Item = Result<&[u8], Refusal>> {
    Fields::of(bytes).filter_map(move |field| match field {
        Ok((found, value)) if found == number => Some(value.bytes().map_err(refuse)),
        Ok(_) => None,
        Err(broken) => Some(Err(refuse(broken))),
    })
}

/// What a message takes as a value.
fn room(bytes: &[u8], context: &Context) -> Option<usize> {
    /// Begins a list of pairs inside of a value, and may stand for other things.
    const PAIRS: u8 = 6 << 3 | 2;
    text::room(bytes.len(), || bytes.iter().filter(|byte| **byte == PAIRS).count(), context)
}

/// Those of a resource or a scope; of one that is too large to be taken apart the beginning.
fn attributes_of<S: Sink>(
    bytes: &[u8],
    number: u32,
    context: &Context,
    sink: &mut S,
) -> Result<Map<String, Json>, Stop<S::Error>> {
    let Some(room) = room(bytes, context) else {
        return Ok(cut_to(&text::beginning_of(bytes, context, sink).map_err(Stop::Full)?));
    };
    sink.pass(room).map_err(Stop::Full)?;
    let mut attributes = Map::new();
    for attribute in messages(bytes, number) {
        pair(attribute?, &mut attributes, DEPTH_MAX).map_err(refuse)?;
    }
    Ok(attributes)
}

fn scope_of<S: Sink>(speaker: &Scope, bytes: &[u8], context: &Context, sink: &mut S) -> Result<Scope, Stop<S::Error>> {
    let attributes = attributes_of(bytes, 3, context, sink)?;
    let (mut name, mut version) = (String::new(), String::new());
    let read = if bytes.len() > text::record_bytes_max(context) { &[] } else { bytes };
    for field in Fields::of(read) {
        match field.map_err(refuse)? {
            (1, value) => name = value.text().map_err(refuse)?,
            (2, value) => version = value.text().map_err(refuse)?,
            _ => {}
        }
    }
    Ok(speaker.with_scope(name, version, attributes, context))
}

fn read(bytes: &[u8]) -> Result<Record, Broken> {
    let mut record = Record::default();
    for field in Fields::of(bytes) {
        match field? {
            (1, value) => record.time_ns = value.number()?,
            (2, value) => record.severity_number = value.number()?,
            (3, value) => record.severity_text = value.text()?,
            (5, value) => record.body = any(value.bytes()?, DEPTH_MAX)?,
            (6, value) => pair(value.bytes()?, &mut record.attributes, DEPTH_MAX)?,
            (8, value) => record.flags = value.number()?,
            (9, value) => record.trace_id = hex(value.bytes()?),
            (10, value) => record.span_id = hex(value.bytes()?),
            (11, value) => record.observed_ns = value.number()?,
            (12, value) => record.event_name = value.text()?,
            _ => {}
        }
    }
    Ok(record)
}

/// Adds a `KeyValue`.
fn pair(bytes: &[u8], to: &mut Map<String, Json>, depth: usize) -> Result<(), Broken> {
    let (mut key, mut value) = (String::new(), Json::Null);
    for field in Fields::of(bytes) {
        match field? {
            (1, text) => key = text.text()?,
            (2, bytes) => value = any(bytes.bytes()?, depth)?,
            _ => {}
        }
    }
    to.insert(key, value);
    Ok(())
}

/// An `AnyValue`.
fn any(bytes: &[u8], depth: usize) -> Result<Json, Broken> {
    // What is deeper stays packed.
    let Some(depth) = depth.checked_sub(1) else { return Ok(STANDARD.encode(bytes).into()) };
    let mut any = Json::Null;
    for field in Fields::of(bytes) {
        any = match field? {
            (1, value) => value.text()?.into(),
            (2, value) => (value.number()? != 0).into(),
            (3, value) => value.number()?.cast_signed().into(),
            (4, Value::Fixed64(bits)) => double(f64::from_bits(bits)),
            (5, list) => {
                let mut values = Vec::new();
                for field in Fields::of(list.bytes()?) {
                    if let (1, value) = field? {
                        values.push(self::any(value.bytes()?, depth)?);
                    }
                }
                Json::Array(values)
            }
            (6, list) => {
                let mut members = Map::new();
                for field in Fields::of(list.bytes()?) {
                    if let (1, value) = field? {
                        pair(value.bytes()?, &mut members, depth)?;
                    }
                }
                Json::Object(members)
            }
            (7, value) => STANDARD.encode(value.bytes()?).into(),
            _ => continue,
        };
    }
    Ok(any)
}

/// An id; one of zeros is none.
fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    if bytes.iter().any(|byte| *byte != 0) {
        for byte in bytes {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
    }
    text
}
