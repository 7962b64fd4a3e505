//! Bodies of text, and the JSON in them.

use std::borrow::Cow;

use serde_json::{Map, Value, value::RawValue};

use super::{
    Refusal, Sink, Stop,
    record::{Context, Notes},
};
use crate::{
    body::{objects_in, room_of},
    elements::Elements,
};

/// A record of more than so many times the largest event is not taken apart any more: it is cut to a piece anyway.
const RECORD_FACTOR: usize = 8;

/// Largest record that is taken apart.
pub(super) fn record_bytes_max(context: &Context) -> usize {
    RECORD_FACTOR.saturating_mul(context.limits.event_bytes_max)
}

/// What a record of so many bytes, with at most so many objects in it, takes as a value; `None` where that is more than it
/// is worth.
pub(super) fn room(bytes: usize, objects: impl FnOnce() -> usize, context: &Context) -> Option<usize> {
    /// An object in so many bytes is no more than usual.
    const BYTES_PER_OBJECT: usize = 64;
    let bytes_max = record_bytes_max(context);
    let room_max = || room_of(bytes_max, || bytes_max / BYTES_PER_OBJECT);
    (bytes <= bytes_max).then(|| room_of(bytes, objects)).filter(|room| *room == 0 || *room <= room_max())
}

/// The same for a JSON text.
pub(super) fn room_of_json(text: &str, context: &Context) -> Option<usize> {
    room(text.len(), || objects_in(text.as_bytes()), context)
}

/// The beginning of bytes that are not taken apart, as text: as much of them as an event may hold, which is then cut.
pub(super) fn beginning_of<'a, S: Sink>(
    bytes: &'a [u8],
    context: &Context,
    sink: &mut S,
) -> Result<Cow<'a, str>, S::Error> {
    let kept = &bytes[..bytes.len().min(context.limits.event_bytes_max)];
    sink.pass(3 * kept.len())?;
    Ok(String::from_utf8_lossy(kept))
}

/// The body as text, without a byte order mark, and what is to be noted of every event in it. What is no UTF-8 is
/// replaced in a copy, which lives until all is read.
pub(super) fn read<'a, S: Sink>(bytes: &'a [u8], sink: &mut S) -> Result<(Cow<'a, str>, Notes), S::Error> {
    decoded(bytes, |copy| sink.hold(copy))
}

/// The same for one record, of which the copy is let go before the next.
pub(super) fn read_one<'a, S: Sink>(bytes: &'a [u8], sink: &mut S) -> Result<(Cow<'a, str>, Notes), S::Error> {
    decoded(bytes, |copy| sink.pass(copy))
}

/// `ask` for room comes before the copy.
fn decoded<E>(mut bytes: &[u8], ask: impl FnOnce(usize) -> Result<(), E>) -> Result<(Cow<'_, str>, Notes), E> {
    const BOM: &[u8] = "\u{feff}".as_bytes();
    while let Some(rest) = bytes.strip_prefix(BOM) {
        bytes = rest;
    }
    if let Ok(text) = str::from_utf8(bytes) {
        return Ok((Cow::Borrowed(text), Notes::new()));
    }
    let replaced = |invalid: &[u8]| if invalid.is_empty() { "" } else { "\u{fffd}" };
    let len = bytes.utf8_chunks().map(|chunk| chunk.valid().len() + replaced(chunk.invalid()).len()).sum();
    ask(len)?;
    let mut text = String::with_capacity(len);
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.push_str(replaced(chunk.invalid()));
    }
    Ok((Cow::Owned(text), Notes::from_iter([("encoding".to_owned(), "lossy".into())])))
}

/// The value of one JSON text; `None` where it is no JSON, or more than is worth taking apart.
pub(super) fn value<S: Sink>(text: &str, context: &Context, sink: &mut S) -> Result<Option<Value>, S::Error> {
    let Some(room) = room_of_json(text, context) else { return Ok(None) };
    sink.pass(room)?;
    Ok(serde_json::from_str(text).ok())
}

/// The same, where it is an object.
pub(super) fn object<S: Sink>(
    text: &str,
    context: &Context,
    sink: &mut S,
) -> Result<Option<Map<String, Value>>, S::Error> {
    Ok(match value(text, context, sink)? {
        Some(Value::Object(object)) => Some(object),
        _ => None,
    })
}

/// The elements of an array that may be missing or null; `broken` says what is refused where it is none.
pub(super) fn list(
    raw: Option<&RawValue>,
    broken: impl Fn() -> Refusal,
) -> impl Iterator<Item = Result<&str, Refusal>> {
    let raw = raw.map(RawValue::get).filter(|text| *text != "null");
    raw.map(Elements::new).into_iter().flatten().map(move |element| element.map_err(|_| broken()))
}

/// Hands every JSON value in `text` to `take` with its number: one after another, with or without anything between
/// them, or the elements of one array. Anything else is refused, with the number of the value that is broken.
pub(super) fn values<E>(
    text: &str,
    mut take: impl FnMut(usize, &str) -> Result<(), Stop<E>>,
) -> Result<usize, Stop<E>> {
    let broken = |index: usize, why: String| {
        Stop::Refused(Refusal { index: Some(index), ..Refusal::malformed(format!("not well-formed JSON: {why}")) })
    };
    let mut count = 0;
    if text.trim_start().starts_with('[') {
        for element in Elements::new(text.trim()) {
            take(count, element.map_err(|_| broken(count, "the array is broken".into()))?)?;
            count += 1;
        }
        return Ok(count);
    }
    for value in serde_json::Deserializer::from_str(text).into_iter::<&RawValue>() {
        take(count, value.map_err(|error| broken(count, error.to_string()))?.get())?;
        count += 1;
    }
    Ok(count)
}
