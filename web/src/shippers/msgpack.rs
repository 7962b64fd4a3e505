//! MessagePack as Fluent Bit and Fluentd push it: records one after another, each a map, or `[time, map]`, or
//! `[[time, metadata], map]`.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};
use loghorn_domain::Timestamp;
use rmp::{
    Marker,
    decode::{RmpRead, read_marker},
};
use serde_json::{Map, Value};

use super::{
    Sink,
    otlp::double,
    record::{self, Context, Notes, Parts},
    text,
};

/// Deepest nesting of a record.
const DEPTH_MAX: usize = 60;
/// The type of Fluentd's time: seconds and nanoseconds, four bytes each.
const EVENT_TIME: i8 = 0;

/// It is no MessagePack, or nested too deep.
#[derive(Debug)]
struct Broken;

/// Whether a body that nobody describes begins like MessagePack: with a small map or array, which no UTF-8 does.
pub fn is_likely(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|byte| matches!(byte, 0x80..=0x9f))
}

/// Hands every record to `sink`. Nothing is refused: from where it is broken on, the rest is one event.
pub fn decode<S: Sink>(mut bytes: &[u8], context: &Context, sink: &mut S) -> Result<(), S::Error> {
    while !bytes.is_empty() {
        // Where nobody knows where a record ends, nobody knows where the next begins.
        let Ok((len, maps)) = length(bytes) else { return as_text(bytes, "no MessagePack", context, sink) };
        let (record, rest) = bytes.split_at(len);
        bytes = rest;
        let Some(room) = text::room(len, || maps, context) else {
            as_text(record, "too large to be taken apart", context, sink)?;
            continue;
        };
        sink.pass(room)?;
        let mut is_lossy = false;
        match value(&mut &*record, DEPTH_MAX, &mut is_lossy) {
            Ok(value) => {
                let notes = is_lossy.then(|| ("encoding".to_owned(), "lossy".into()));
                add(value, context, Notes::from_iter(notes), sink)?;
            }
            Err(Broken) => as_text(record, "no MessagePack, or nested too deep", context, sink)?,
        }
    }
    Ok(())
}

/// The beginning of a record, as far as it is text.
fn as_text<S: Sink>(bytes: &[u8], why: &str, context: &Context, sink: &mut S) -> Result<(), S::Error> {
    let text = text::beginning_of(bytes, context, sink)?;
    let notes = [("parse_error", why), ("encoding", "lossy")].map(|(name, note)| (name.to_owned(), note.into()));
    sink.add(record::from_text(&text, context, Notes::from_iter(notes))).map(drop)
}

fn add<S: Sink>(value: Value, context: &Context, notes: Notes, sink: &mut S) -> Result<(), S::Error> {
    let Value::Array(mut list) = value else {
        return match value {
            Value::Null => Ok(()),
            Value::Object(record) if record.is_empty() => Ok(()),
            value => sink.add(record::draft(value, context, notes)).map(drop),
        };
    };
    if !matches!(&list[..], [Value::Number(_) | Value::String(_) | Value::Array(_), Value::Object(_)]) {
        return list.into_iter().try_for_each(|value| match value {
            Value::Object(record) if record.is_empty() => Ok(()),
            value => sink.add(record::draft(value, context, notes.clone())).map(drop),
        });
    }
    let (record, time) = (list.pop(), list.pop());
    let (time, more) = match time {
        Some(Value::Array(mut pair)) => {
            let more = if pair.len() > 1 { pair.pop() } else { None };
            (pair.pop(), more)
        }
        time => (time, None),
    };
    let shown =
        time.as_ref().map(|time| time.as_str().map_or_else(|| time.to_string(), str::to_owned)).unwrap_or_default();
    // The beginning and the end of a group of records, -1 and -2, also as the unsigned seconds of a time.
    let (seconds, fraction) = shown.split_once('.').unwrap_or((&shown, ""));
    let is_whole = fraction.bytes().all(|digit| digit == b'0');
    if is_whole && ["-1", "-2", "4294967295", "4294967294"].contains(&seconds) {
        return Ok(());
    }
    let record = record.and_then(|record| if let Value::Object(record) = record { Some(record) } else { None });
    let mut parts: Parts = record::parts(record.unwrap_or_default(), notes);
    let at: Option<Timestamp> = record::read_time(&shown);
    if let (None, Some(time)) = (at, time) {
        parts.metadata.entry("time_raw").or_insert(time);
    }
    parts.at = at.or(parts.at);
    if let Some(Value::Object(more)) = more {
        for (name, value) in more {
            parts.metadata.entry(name).or_insert(value);
        }
    }
    sink.add(parts.draft(context)).map(drop)
}

fn take<'a>(rest: &mut &'a [u8], len: usize) -> Result<&'a [u8], Broken> {
    let (taken, after) = rest.split_at_checked(len).ok_or(Broken)?;
    *rest = after;
    Ok(taken)
}

/// What stands behind a marker.
enum Head {
    Scalar(Value),
    /// So many bytes of text or raw bytes.
    Text(usize),
    /// Bytes of an extension, and its type.
    Extension(usize, i8),
    Array(usize),
    Map(usize),
}

fn head(rest: &mut &[u8]) -> Result<Head, Broken> {
    let bad = |_| Broken;
    let extension = |len: usize, rest: &mut &[u8]| Ok(Head::Extension(len, rest.read_data_i8().map_err(|_| Broken)?));
    Ok(match read_marker(rest).map_err(|_| Broken)? {
        Marker::Null | Marker::Reserved => Head::Scalar(Value::Null),
        Marker::True => Head::Scalar(true.into()),
        Marker::False => Head::Scalar(false.into()),
        Marker::FixPos(number) => Head::Scalar(number.into()),
        Marker::FixNeg(number) => Head::Scalar(number.into()),
        Marker::U8 => Head::Scalar(rest.read_data_u8().map_err(bad)?.into()),
        Marker::U16 => Head::Scalar(rest.read_data_u16().map_err(bad)?.into()),
        Marker::U32 => Head::Scalar(rest.read_data_u32().map_err(bad)?.into()),
        Marker::U64 => Head::Scalar(rest.read_data_u64().map_err(bad)?.into()),
        Marker::I8 => Head::Scalar(rest.read_data_i8().map_err(bad)?.into()),
        Marker::I16 => Head::Scalar(rest.read_data_i16().map_err(bad)?.into()),
        Marker::I32 => Head::Scalar(rest.read_data_i32().map_err(bad)?.into()),
        Marker::I64 => Head::Scalar(rest.read_data_i64().map_err(bad)?.into()),
        Marker::F32 => Head::Scalar(double(rest.read_data_f32().map_err(bad)?.into())),
        Marker::F64 => Head::Scalar(double(rest.read_data_f64().map_err(bad)?)),
        Marker::FixStr(len) => Head::Text(len.into()),
        Marker::Str8 | Marker::Bin8 => Head::Text(rest.read_data_u8().map_err(bad)?.into()),
        Marker::Str16 | Marker::Bin16 => Head::Text(rest.read_data_u16().map_err(bad)?.into()),
        Marker::Str32 | Marker::Bin32 => Head::Text(rest.read_data_u32().map_err(bad)? as usize),
        Marker::FixArray(len) => Head::Array(len.into()),
        Marker::Array16 => Head::Array(rest.read_data_u16().map_err(bad)?.into()),
        Marker::Array32 => Head::Array(rest.read_data_u32().map_err(bad)? as usize),
        Marker::FixMap(len) => Head::Map(len.into()),
        Marker::Map16 => Head::Map(rest.read_data_u16().map_err(bad)?.into()),
        Marker::Map32 => Head::Map(rest.read_data_u32().map_err(bad)? as usize),
        Marker::FixExt1 => extension(1, rest)?,
        Marker::FixExt2 => extension(2, rest)?,
        Marker::FixExt4 => extension(4, rest)?,
        Marker::FixExt8 => extension(8, rest)?,
        Marker::FixExt16 => extension(16, rest)?,
        Marker::Ext8 => {
            let len = rest.read_data_u8().map_err(bad)?;
            extension(len.into(), rest)?
        }
        Marker::Ext16 => {
            let len = rest.read_data_u16().map_err(bad)?;
            extension(len.into(), rest)?
        }
        Marker::Ext32 => {
            let len = rest.read_data_u32().map_err(bad)?;
            extension(len as usize, rest)?
        }
    })
}

/// How long the first value is, and how many maps are in it. Every step takes a byte, and nothing is kept.
fn length(bytes: &[u8]) -> Result<(usize, usize), Broken> {
    let (mut rest, mut left, mut maps) = (bytes, 1_u64, 0);
    while left > 0 {
        left -= 1;
        match head(&mut rest)? {
            Head::Scalar(_) => {}
            Head::Text(len) | Head::Extension(len, _) => drop(take(&mut rest, len)?),
            Head::Array(len) => left = left.saturating_add(len as u64),
            Head::Map(len) => {
                left = left.saturating_add(2 * len as u64);
                maps += 1;
            }
        }
    }
    Ok((bytes.len() - rest.len(), maps))
}

/// `is_lossy` is set where a text is no UTF-8.
fn value(rest: &mut &[u8], depth: usize, is_lossy: &mut bool) -> Result<Value, Broken> {
    let depth = depth.checked_sub(1).ok_or(Broken)?;
    Ok(match head(rest)? {
        Head::Scalar(value) => value,
        Head::Text(len) => match String::from_utf8_lossy(take(rest, len)?) {
            Cow::Borrowed(text) => text.into(),
            Cow::Owned(text) => {
                *is_lossy = true;
                text.into()
            }
        },
        Head::Extension(len, kind) => extension(take(rest, len)?, kind),
        Head::Array(len) => {
            let mut list = Vec::new();
            for _ in 0..len {
                list.push(value(rest, depth, is_lossy)?);
            }
            Value::Array(list)
        }
        Head::Map(len) => {
            let mut members = Map::new();
            for _ in 0..len {
                let name = match value(rest, depth, is_lossy)? {
                    Value::String(name) => name,
                    // Inside of names, one after another's quotes would be escaped again and again: twice as long each.
                    Value::Array(_) | Value::Object(_) => return Err(Broken),
                    other => other.to_string(),
                };
                members.insert(name, value(rest, depth, is_lossy)?);
            }
            Value::Object(members)
        }
    })
}

/// A time, by its digits; a text in base64 otherwise.
fn extension(bytes: &[u8], kind: i8) -> Value {
    match (kind, bytes) {
        (EVENT_TIME, [a, b, c, d, e, f, g, h]) => {
            let (seconds, nanos) = (u32::from_be_bytes([*a, *b, *c, *d]), u32::from_be_bytes([*e, *f, *g, *h]));
            format!("{seconds}.{nanos:09}").into()
        }
        _ => STANDARD.encode(bytes).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_more_than_is_there_are_broken_and_take_no_memory() {
        for bytes in [
            &b"\xdd\xff\xff\xff\xff"[..],
            b"\xdf\xff\xff\xff\xff\x01",
            b"\xc6\xff\xff\xff\xff",
            b"\xc9\xff\xff\xff\xff",
        ] {
            assert!(length(bytes).is_err(), "{bytes:x?}");
        }
        assert_eq!(length(b"\x92\x01\x81\xa1a\x02\x05").ok(), Some((6, 1)));
        let deep = [vec![0x91; 100], vec![1]].concat();
        let read = |bytes: &[u8]| value(&mut &*bytes, DEPTH_MAX, &mut false);
        assert!(read(&deep).is_err());
    }

    #[test]
    fn a_name_is_no_record() {
        let nested = [vec![0x81; 40], vec![0xa1, b'a', 1]].concat();
        let read = |bytes: &[u8]| value(&mut &*bytes, DEPTH_MAX, &mut false);
        assert!(read(&nested).is_err());
        assert!(read(b"\x81\x91\x01\x02").is_err());
        let named = read(b"\x83\x07\x01\xc0\x02\xc3\x03").unwrap();
        assert_eq!(named, serde_json::json!({"7": 1, "null": 2, "true": 3}));
    }
}
