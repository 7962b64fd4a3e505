//! What all shippers' records have in common: where level, source, message and time stand in them, and by which names.

use std::borrow::Cow;

use loghorn_domain::{Draft, EventId, EventType, Level, Timestamp, event::Limits};
use serde_json::{Map, Value, value::RawValue};

/// What is known of a record beside itself.
#[derive(Debug, Clone)]
pub struct Context {
    /// The sender's name, from the path, the query or a header; where the record names none.
    pub source: Option<String>,
    /// The tag that a shipper gave.
    pub tag: Option<String>,
    /// The host that a header names; where the record names none.
    pub host: Option<String>,
    /// The level that a header names; where the record names none.
    pub level: Option<Level>,
    /// Our clock.
    pub received_at: Timestamp,
    /// Limits of one event.
    pub limits: Limits,
}

/// What is said of an event in its `metadata` beside what its sender says.
pub type Notes = Map<String, Value>;

/// `levelname` and `levelno` are one place in this order; the last two are not documented by anyone, but met.
const LEVEL: [&str; 9] =
    ["level", "log.level", "severity", "levelname", "levelno", "PRIORITY", "status", "loglevel", "lvl"];
const SOURCE: [&str; 15] = [
    "source",
    "service.name",
    "service_name",
    "service",
    "app",
    "application",
    "appname",
    "app_name",
    "program",
    "PROGRAM",
    "SYSLOG_IDENTIFIER",
    "container_name",
    "logger",
    "name",
    "job",
];
/// The source of an event for which nobody names one.
const SOURCE_UNKNOWN: &str = "unknown";
const MESSAGE: [&str; 9] = ["message", "msg", "log", "MESSAGE", "short_message", "body", "text", "event", "line"];
const TIME: [&str; 8] = ["timestamp", "@timestamp", "time", "ts", "date", "ISODATE", "created", "@t"];
const HOST: [&str; 5] = ["host.name", "host", "hostname", "HOST", "_HOSTNAME"];
/// Skew of a sender's clock from which on it is noted, in milliseconds.
const SKEW_MS: i64 = 5 * 60 * 1000;
/// Deepest nesting of a record that is kept as structure; deeper ones are kept as text.
const DEPTH_MAX: usize = 60;

/// The event that a record of any shape means.
pub fn draft(value: Value, context: &Context, notes: Notes) -> Draft {
    match value {
        Value::Object(record) => from_object(record, context, notes),
        Value::String(text) => from_text(&text, context, notes),
        Value::Null => from_text("", context, notes),
        other => from_text(&other.to_string(), context, notes),
    }
}

/// The event that a line of text means.
pub fn from_text(line: &str, context: &Context, mut notes: Notes) -> Draft {
    let level = context.level.or_else(|| level_in(line)).unwrap_or_default();
    add_known(&mut notes, context);
    Draft {
        id: None,
        event_type: EventType::of_level(level),
        level,
        source: source(None, context),
        message: line.to_owned(),
        metadata: raw(notes),
        timestamp: None,
    }
}

fn from_object(mut record: Map<String, Value>, context: &Context, mut notes: Notes) -> Draft {
    // A record without a message is shown as a whole, as it came.
    let has_message = MESSAGE.iter().any(|name| text_in(&record, name).is_some());
    let whole = if has_message { String::new() } else { serde_json::to_string(&record).unwrap_or_default() };
    let given_type = take_text(&mut record, &["event_type"]);
    let event_type: Option<EventType> = given_type.as_deref().and_then(|text| text.to_ascii_lowercase().parse().ok());
    // Nobody speaks in Loghorn's name.
    let event_type = event_type.filter(|event_type| !event_type.is_own());
    if let (Some(text), None) = (given_type, &event_type) {
        notes.insert("event_type_raw".into(), text.into());
    }
    let level = level(&mut record, &mut notes);
    let level = level.or_else(|| event_type.as_ref().and_then(EventType::level)).or(context.level).unwrap_or_default();
    let timestamp = timestamp(&mut record, context, &mut notes);
    let id: Option<EventId> = record.get("id").and_then(Value::as_str).and_then(|text| text.parse().ok());
    if id.is_some() {
        record.remove("id");
    }
    let source = source(take_text(&mut record, &SOURCE), context);
    let message = take_text(&mut record, &MESSAGE).unwrap_or(whole);
    if let Some(host) = take_text(&mut record, &HOST) {
        // What else is known of the host steps aside for its name, under the dotted names that mean the same.
        if let Some(Value::Object(rest)) = record.get_mut("host").map(Value::take) {
            record.remove("host");
            record.extend(rest.into_iter().map(|(name, value)| (format!("host.{name}"), value)));
        }
        notes.insert("host".into(), host.into());
    }
    let mut metadata = match record.remove("metadata") {
        Some(Value::Object(metadata)) => metadata,
        Some(other) => Map::from_iter([("metadata".to_owned(), other)]),
        None => Map::new(),
    };
    for (name, value) in record.into_iter().chain(notes) {
        metadata.entry(name).or_insert(value);
    }
    add_known(&mut metadata, context);
    Draft {
        id,
        event_type: event_type.unwrap_or_else(|| EventType::of_level(level)),
        level,
        source,
        message,
        metadata: raw(metadata),
        timestamp,
    }
}

/// The source that the record names, else the one that the request names.
fn source(named: Option<String>, context: &Context) -> String {
    let known = || context.source.as_ref().or(context.tag.as_ref()).cloned();
    named.or_else(known).unwrap_or_else(|| SOURCE_UNKNOWN.into())
}

/// Adds what the request says of all its records.
fn add_known(metadata: &mut Map<String, Value>, context: &Context) {
    for (name, known) in [("tag", &context.tag), ("host", &context.host)] {
        if let Some(known) = known {
            metadata.entry(name).or_insert_with(|| known.clone().into());
        }
    }
}

fn raw(metadata: Map<String, Value>) -> Box<RawValue> {
    let text = Value::Object(metadata).to_string();
    let fits = loghorn_domain::event::is_depth_within(text.as_bytes(), DEPTH_MAX);
    let kept = if fits { text } else { serde_json::json!({"too_deep": text}).to_string() };
    RawValue::from_string(kept).unwrap_or_default()
}

/// The member of this name; dotted names are also found nested (ECS writes both).
fn lookup<'a>(record: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    record.get(name).or_else(|| {
        let (outer, inner) = name.split_once('.')?;
        record.get(outer)?.as_object()?.get(inner)
    })
}

fn remove(record: &mut Map<String, Value>, name: &str) {
    if record.remove(name).is_some() {
        return;
    }
    if let Some((outer, inner)) = name.split_once('.')
        && let Some(Value::Object(nested)) = record.get_mut(outer)
    {
        nested.remove(inner);
        if nested.is_empty() {
            record.remove(outer);
        }
    }
}

/// The non-empty text under this name.
fn text_in<'a>(record: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    lookup(record, name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// The first non-empty text under one of `names`, taken out of the record.
fn take_text(record: &mut Map<String, Value>, names: &[&str]) -> Option<String> {
    for name in names {
        let Some(text) = text_in(record, name).map(str::to_owned) else { continue };
        remove(record, name);
        return Some(text);
    }
    None
}

fn level(record: &mut Map<String, Value>, notes: &mut Notes) -> Option<Level> {
    for name in LEVEL {
        let Some(value) = lookup(record, name).cloned() else { continue };
        let number = value.as_u64().or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()));
        let known = match number {
            Some(number) if name == "levelno" => python_level(number),
            Some(number) => Level::from_generic_number(number),
            None => value.as_str().and_then(|text| Level::from_alias(text.trim())),
        };
        // A status is a level to some; to most it is `200` or `ok`, and stays what it is.
        let known = known.filter(|_| name != "status" || number.is_none());
        let is_text = (value.is_string() || value.is_number()) && name != "status";
        if known.is_some() || is_text {
            remove(record, name);
        }
        if known.is_some() {
            return known;
        }
        if is_text {
            notes.insert("level_raw".into(), value);
        }
    }
    None
}

/// Python's `levelno`.
fn python_level(number: u64) -> Option<Level> {
    Some(match number {
        0..=9 => Level::Trace,
        10..=19 => Level::Debug,
        20..=29 => Level::Info,
        30..=39 => Level::Warning,
        40..=49 => Level::Error,
        _ => Level::Critical,
    })
}

fn timestamp(record: &mut Map<String, Value>, context: &Context, notes: &mut Notes) -> Option<Timestamp> {
    for name in TIME {
        let Some(value) = record.get(name) else { continue };
        let Some(text) = (match value {
            Value::String(text) => Some(Cow::Borrowed(text.trim())),
            Value::Number(number) => Some(Cow::Owned(number.to_string())),
            _ => None,
        }) else {
            continue;
        };
        let read = read_time(&text);
        let Some(value) = record.remove(name) else { continue };
        match read {
            Some(at) => {
                let skew = context.received_at.millis() - at.millis();
                if skew.abs() > SKEW_MS {
                    notes.insert("clock_skew_ms".into(), skew.into());
                }
                return Some(at);
            }
            None => drop(notes.insert("time_raw".into(), value)),
        }
    }
    None
}

/// A time as shippers write it: RFC 3339 with `T` or a space, `.` or `,` before the fraction, UTC where no zone is
/// named; or a number whose size tells its unit: seconds, milliseconds, microseconds or nanoseconds.
pub fn read_time(text: &str) -> Option<Timestamp> {
    if text.bytes().next().is_some_and(|b| b.is_ascii_digit()) && text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
    {
        return number_time(text);
    }
    let text = text.replace(',', ".");
    let text = if text.as_bytes().get(10) == Some(&b' ') { text.replacen(' ', "T", 1) } else { text };
    let has_zone = text.ends_with(['Z', 'z']) || text.get(11..).is_some_and(|time| time.contains(['+', '-']));
    let at: Timestamp = if has_zone { text.parse().ok()? } else { format!("{text}Z").parse().ok()? };
    // Some senders write the year 1 for "none".
    (at.millis() > -62_000_000_000_000).then_some(at)
}

fn number_time(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let number: i64 = whole.parse().ok()?;
    let millis = match number {
        0..100_000_000_000 => {
            // By digits: a float would lose some.
            let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
            number * 1000 + digits.parse::<i64>().ok()?
        }
        100_000_000_000..100_000_000_000_000 => number,
        100_000_000_000_000..100_000_000_000_000_000 => number / 1000,
        _ => number / 1_000_000,
    };
    Some(Timestamp::from_millis(millis))
}

/// The level that a line of text names: an upper-case level as a word of its own within its first 64 characters, or
/// `level=…`.
pub fn level_in(line: &str) -> Option<Level> {
    const NEAR: usize = 64;
    let end = line.char_indices().nth(NEAR).map_or(line.len(), |(at, _)| at);
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let word = line[..end].split(|c: char| !is_letter(c)).find_map(|word| {
        let is_upper = word.len() >= 3 && word.bytes().all(|b| b.is_ascii_uppercase());
        // "LOG" and "CONFIG" are levels to some, and words to most.
        if is_upper && !matches!(word, "LOG" | "CONFIG" | "FINE") { Level::from_alias(word) } else { None }
    });
    word.or_else(|| {
        let after = &line[line.find("level=")? + "level=".len()..];
        let name: String = after.trim_start_matches('"').chars().take_while(|c| c.is_ascii_alphabetic()).collect();
        Level::from_alias(&name)
    })
}

/// The parts of a sealed event that are as long in each.
const FRAME: &str = r#""event_type":"","level":"","source":,"message":,"metadata":,"timestamp":"2026-11-23T18:07:49.232Z","received_at":"2026-11-23T18:07:49.240Z"}"#;

/// How large the event is as JSON, when it is sealed.
pub fn size(draft: &Draft) -> usize {
    frame(draft) + json_len(&draft.source) + json_len(&draft.message) + draft.metadata.get().len()
}

fn frame(draft: &Draft) -> usize {
    FRAME.len() + draft.event_type.as_str().len() + draft.level.name().len()
}

/// How long `text` is as a JSON string: control characters grow to six times their size.
fn json_len(text: &str) -> usize {
    2 + text.bytes().map(escaped_len).sum::<usize>()
}

fn escaped_len(byte: u8) -> usize {
    match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0..0x20 => 6,
        _ => 1,
    }
}

/// The beginning of `text` that takes no more than `bytes_max` inside a JSON string.
fn beginning(text: &str, bytes_max: usize) -> &str {
    let mut len = 0;
    let mut fits = |byte: u8| {
        len += escaped_len(byte);
        len <= bytes_max
    };
    let mut end = text.bytes().take_while(|byte| fits(*byte)).count();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// A draft that fits: message, metadata and source are cut, and that is noted.
pub fn cut(mut draft: Draft, limits: Limits) -> Draft {
    let room = limits.event_bytes_max.saturating_sub(frame(&draft));
    draft.source.truncate(beginning(&draft.source, room / 8).len());
    let metadata = draft.metadata.get();
    let mut kept: Map<String, Value> = match metadata.len() <= room / 4 {
        true => serde_json::from_str(metadata).unwrap_or_default(),
        false => Map::from_iter([("metadata_cut".to_owned(), beginning(metadata, room / 4).into())]),
    };
    kept.insert("truncated".into(), true.into());
    draft.metadata = raw(kept);
    // The message is what people read: it gets what the others leave.
    let left = room.saturating_sub(json_len(&draft.source) + draft.metadata.get().len() + 2);
    draft.message.truncate(beginning(&draft.message, left).len());
    draft
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_speaks_in_loghorn_s_name() {
        let context = Context {
            source: None,
            tag: None,
            host: None,
            level: None,
            received_at: Timestamp::default(),
            limits: Limits::default(),
        };
        for (given, expected) in
            [("loghorn.circuit.opened", "log.error"), ("LOGHORN", "log.error"), ("loghorns.a", "loghorns.a")]
        {
            let record = serde_json::json!({"event_type": given, "level": "error", "message": "m"});
            let draft = draft(record, &context, Notes::new());
            assert_eq!(draft.event_type.as_str(), expected);
            let is_noted = draft.metadata.get().contains("event_type_raw");
            assert_eq!(is_noted, given != expected);
        }
    }

    fn sealed_len(draft: &Draft, limits: Limits) -> Option<usize> {
        draft.clone().seal(Timestamp::from_millis(1_700_000_000_000), limits).ok().map(|event| event.tail.len())
    }

    #[test]
    fn the_size_is_known_before_it_is_sealed_and_what_is_cut_always_fits() {
        let limits = Limits { event_bytes_max: 2048, ..Limits::default() };
        let text = |part: &str| part.repeat(3000 / part.len());
        for part in ["x", "\u{1}", "\"\n", "é\u{0}", "\u{7f}\u{2028}"] {
            for metadata in ["{}".to_owned(), serde_json::json!({"a": text(part)}).to_string()] {
                let draft = Draft {
                    id: None,
                    event_type: "log.error".parse().unwrap(),
                    level: Level::Error,
                    source: text(part),
                    message: text(part),
                    metadata: RawValue::from_string(metadata).unwrap(),
                    timestamp: None,
                };
                assert_eq!(sealed_len(&draft, Limits::default()), Some(size(&draft)), "{part:?}");
                let cut = cut(draft, limits);
                assert_eq!(sealed_len(&cut, limits), Some(size(&cut)), "{part:?}");
                assert!(size(&cut) > 1500 && cut.metadata.get().contains("truncated"), "{part:?}: {}", size(&cut));
            }
        }
    }
}
