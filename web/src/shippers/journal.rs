//! systemd-journal-upload: the journal's export format. `NAME=text` a line; a field that is no text as its name, its
//! length in eight bytes, and its bytes; an empty line between entries.

use base64::{Engine, engine::general_purpose::STANDARD};
use loghorn_domain::Level;
use serde_json::{Map, Value};

use super::{
    Refusal, Sink, Stop,
    record::{self, Context, Parts},
};

/// Hands every entry to `sink`.
pub fn decode<S: Sink>(bytes: &[u8], context: &Context, sink: &mut S) -> Result<(), Stop<S::Error>> {
    let mut rest = bytes;
    let mut fields = Map::new();
    let mut entry_bytes = 0;
    loop {
        let line_end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        let (line, after) = rest.split_at(line_end);
        let is_over = after.is_empty();
        rest = after.get(1..).unwrap_or_default();
        if line.is_empty() {
            let fields = std::mem::take(&mut fields);
            entry_bytes = 0;
            if !fields.is_empty() {
                sink.add(parts(fields).draft(context)).map_err(Stop::Full)?;
            }
        } else {
            let (name, value) = match line.iter().position(|byte| *byte == b'=') {
                Some(at) => (&line[..at], &line[at + 1..]),
                None => {
                    let (value, after) =
                        binary(rest).ok_or_else(|| Refusal::malformed("a field of the journal ends early"))?;
                    rest = after;
                    (line, value)
                }
            };
            // A name and its place beside what stands here.
            entry_bytes += 4 * value.len() + 2 * name.len() + 128;
            sink.pass(entry_bytes).map_err(Stop::Full)?;
            add(&mut fields, &String::from_utf8_lossy(name), text(value));
        }
        if is_over {
            let last = if fields.is_empty() { return Ok(()) } else { parts(fields) };
            return sink.add(last.draft(context)).map(drop).map_err(Stop::Full);
        }
    }
}

/// A length, so many bytes, and the end of the line.
fn binary(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<8>()?;
    let (value, rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*len)).ok()?)?;
    Some((value, rest.strip_prefix(b"\n").unwrap_or(rest)))
}

fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        // Bytes that are mostly text stay one, others are packed.
        Err(_) if bytes.contains(&0) => STANDARD.encode(bytes),
        Err(_) => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// A field may come more than once.
fn add(fields: &mut Map<String, Value>, name: &str, value: String) {
    match fields.get_mut(name) {
        None => drop(fields.insert(name.to_owned(), value.into())),
        Some(Value::Array(values)) => values.push(value.into()),
        Some(one) => *one = Value::Array(vec![one.take(), value.into()]),
    }
}

fn parts(mut fields: Map<String, Value>) -> Parts {
    let mut take = |name: &str| match fields.remove(name) {
        Some(Value::String(text)) => Some(text),
        Some(other) => {
            fields.insert(name.to_owned(), other);
            None
        }
        None => None,
    };
    let [id, message, host, identifier, time, priority] =
        ["__CURSOR", "MESSAGE", "_HOSTNAME", "SYSLOG_IDENTIFIER", "__REALTIME_TIMESTAMP", "PRIORITY"].map(&mut take);
    let number: Option<u64> = priority.as_deref().and_then(|text| text.trim().parse().ok());
    let level = number.filter(|number| *number < 8).and_then(Level::from_generic_number);
    if let Some(odd) = priority.filter(|_| level.is_none()) {
        fields.insert("level_raw".to_owned(), odd.into());
    }
    // Of the kernel, services and programs, whoever is named.
    let source = identifier
        .or_else(|| ["_SYSTEMD_UNIT", "_COMM"].iter().find_map(|name| fields.get(*name)?.as_str().map(str::to_owned)));
    let message = message.unwrap_or_else(|| Value::Object(fields.clone()).to_string());
    let at = time.as_deref().and_then(record::read_time);
    let parts = Parts { id: None, event_type: None, level, source, message, host, at, metadata: fields };
    // Cursors of a machine that has run for long are longer than an event's id may be.
    parts.with_id("journal", id)
}
