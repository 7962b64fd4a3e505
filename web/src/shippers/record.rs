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
    /// Our clock.
    pub received_at: Timestamp,
}

const LEVEL: [&str; 8] = ["level", "log.level", "severity", "levelname", "loglevel", "lvl", "PRIORITY", "levelno"];
const SOURCE: [&str; 16] = [
    "source", "service.name", "service_name", "service", "app", "application", "appname", "app_name", "program", "PROGRAM",
    "SYSLOG_IDENTIFIER", "container_name", "logger", "name", "job", "tag",
];
const MESSAGE: [&str; 9] = ["message", "msg", "log", "MESSAGE", "short_message", "body", "text", "event", "line"];
const TIME: [&str; 8] = ["timestamp", "@timestamp", "time", "ts", "date", "ISODATE", "created", "@t"];
const HOST: [&str; 5] = ["host.name", "host", "hostname", "HOST", "_HOSTNAME"];
/// Skew of a sender's clock from which on it is noted, in milliseconds.
const SKEW_MS: i64 = 5 * 60 * 1000;
/// Deepest nesting of a record that is kept as structure; deeper ones are kept as text.
const DEPTH_MAX: usize = 60;

/// The event that a record of any shape means.
pub fn draft(value: Value, context: &Context) -> Draft {
    match value {
        Value::Object(record) => from_object(record, context),
        Value::String(text) => from_text(&text, context),
        Value::Null => from_text("", context),
        other => from_text(&other.to_string(), context),
    }
}

/// The event that a line of text means.
pub fn from_text(line: &str, context: &Context) -> Draft {
    let level = level_in(line).unwrap_or_default();
    let mut metadata = Map::new();
    add_tag(&mut metadata, context);
    Draft {
        id: None,
        event_type: EventType::of_level(level),
        level,
        source: context.source.clone().unwrap_or_default(),
        message: line.to_owned(),
        metadata: raw(metadata),
        timestamp: None,
    }
}

fn from_object(mut record: Map<String, Value>, context: &Context) -> Draft {
    let mut notes = Map::new();
    let given_type = take_text(&mut record, &["event_type"]);
    let event_type: Option<EventType> = given_type.as_deref().and_then(|text| text.to_ascii_lowercase().parse().ok());
    if let (Some(text), None) = (given_type, &event_type) {
        notes.insert("event_type_raw".into(), text.into());
    }
    let level = level(&mut record, event_type.as_ref(), &mut notes);
    let timestamp = timestamp(&mut record, context, &mut notes);
    let id: Option<EventId> = record.get("id").and_then(Value::as_str).and_then(|text| text.parse().ok());
    if id.is_some() {
        record.remove("id");
    }
    let source = take_text(&mut record, &SOURCE).or_else(|| context.source.clone()).or_else(|| context.tag.clone());
    let message = take_text(&mut record, &MESSAGE);
    if let Some(host) = take_text(&mut record, &HOST) {
        notes.insert("host".into(), host.into());
    }
    let mut metadata = match record.remove("metadata") {
        Some(Value::Object(metadata)) => metadata,
        Some(other) => Map::from_iter([("metadata".to_owned(), other)]),
        None => Map::new(),
    };
    // A record without a message is shown as a whole.
    let message = message.unwrap_or_else(|| if record.is_empty() { String::new() } else { Value::Object(record.clone()).to_string() });
    for (name, value) in record.into_iter().chain(notes) {
        metadata.entry(name).or_insert(value);
    }
    add_tag(&mut metadata, context);
    Draft {
        id,
        event_type: event_type.unwrap_or_else(|| EventType::of_level(level)),
        level,
        source: source.unwrap_or_default(),
        message,
        metadata: raw(metadata),
        timestamp,
    }
}

fn add_tag(metadata: &mut Map<String, Value>, context: &Context) {
    if let Some(tag) = &context.tag {
        metadata.entry("tag").or_insert_with(|| tag.clone().into());
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

/// The first non-empty text under one of `names`, taken out of the record.
fn take_text(record: &mut Map<String, Value>, names: &[&str]) -> Option<String> {
    for name in names {
        let Some(text) = lookup(record, name).and_then(Value::as_str).filter(|text| !text.is_empty()) else { continue };
        let text = text.to_owned();
        remove(record, name);
        return Some(text);
    }
    None
}

fn level(record: &mut Map<String, Value>, event_type: Option<&EventType>, notes: &mut Map<String, Value>) -> Level {
    for name in LEVEL {
        let Some(value) = lookup(record, name).cloned() else { continue };
        let number = value.as_u64().or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()));
        let known = match number {
            Some(number) if name == "levelno" => python_level(number),
            Some(number) => Level::from_generic_number(number),
            None => value.as_str().and_then(|text| Level::from_alias(text.trim())),
        };
        let is_text = value.is_string() || value.is_number();
        if known.is_some() || is_text {
            remove(record, name);
        }
        if let Some(level) = known {
            return level;
        }
        if is_text {
            notes.insert("level_raw".into(), value);
        }
    }
    event_type.and_then(EventType::level).unwrap_or_default()
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

fn timestamp(record: &mut Map<String, Value>, context: &Context, notes: &mut Map<String, Value>) -> Option<Timestamp> {
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
    if text.bytes().next().is_some_and(|b| b.is_ascii_digit()) && text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
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

/// A draft that fits: message and metadata are cut, and that is noted.
pub fn cut(mut draft: Draft, limits: Limits) -> Draft {
    let share = limits.event_bytes_max / 8;
    let cut_text = |text: &str| {
        let mut end = share.min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text[..end].to_owned()
    };
    let metadata = draft.metadata.get();
    let kept = if metadata.len() <= share && loghorn_domain::event::is_depth_within(metadata.as_bytes(), DEPTH_MAX) {
        serde_json::from_str(metadata).unwrap_or_default()
    } else {
        Map::from_iter([("metadata_cut".to_owned(), Value::from(cut_text(metadata)))])
    };
    let mut kept: Map<String, Value> = kept;
    kept.insert("truncated".into(), true.into());
    draft.metadata = raw(kept);
    draft.message = cut_text(&draft.message);
    draft.source = cut_text(&draft.source);
    draft
}
