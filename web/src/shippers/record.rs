//! What all shippers' records have in common: where level, source, message and time stand in them, and by which names.

use std::borrow::Cow;

use loghorn_domain::{Draft, EventId, EventType, Level, Timestamp, event::Limits};
use serde_json::{Map, Value, value::RawValue};
use sha2::{Digest as _, Sha256};

use super::cut;

/// What is known of a record beside itself.
#[derive(Debug, Clone)]
pub struct Context {
    /// The sender's name, from the path, the query or a header; where the record names none.
    pub source: Option<String>,
    /// The tag that a shipper gave.
    pub tag: Option<String>,
    /// The host that a header names; where the record names none.
    pub host: Option<String>,
    /// Whose logs they are, as Loki's senders say it.
    pub tenant: Option<String>,
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
        Value::Object(record) => parts(record, notes).draft(context),
        Value::String(text) => from_text(&text, context, notes),
        Value::Null => from_text("", context, notes),
        other => from_text(&other.to_string(), context, notes),
    }
}

/// The event that a line of text means.
pub fn from_text(line: &str, context: &Context, notes: Notes) -> Draft {
    let level = context.level.or_else(|| level_in(line));
    Parts { level, message: line.to_owned(), metadata: notes, ..Parts::default() }.draft(context)
}

/// What is known of an event: each protocol fills in what it has.
#[derive(Debug, Clone, Default)]
pub struct Parts {
    /// The sender's own id.
    pub id: Option<String>,
    /// Its type, as given.
    pub event_type: Option<String>,
    /// Its level.
    pub level: Option<Level>,
    /// Who says so.
    pub source: Option<String>,
    /// What happened.
    pub message: String,
    /// Where.
    pub host: Option<String>,
    /// The sender's clock.
    pub at: Option<Timestamp>,
    /// Everything else.
    pub metadata: Map<String, Value>,
}

impl Parts {
    /// A record that is too large to be taken apart, or nested too deep: its beginning is kept as text.
    pub fn whole(json: &str, context: &Context, notes: &Notes) -> Self {
        Self { message: shared_text(json, context), metadata: notes.clone(), ..Self::default() }
    }

    /// The same with an id that is one among those of `of` alone; `id_raw` where it does not stand in the event's.
    pub fn identified(mut self, of: &str, id: &str) -> Self {
        let own = id_among(of, id);
        if !own.contains(AMONG) {
            self.metadata.entry("id_raw").or_insert_with(|| id.into());
        }
        Self { id: Some(own), ..self }
    }

    /// The same with an id that its sender says is unique; where an event may not have such a one, as one among those of
    /// `of` alone.
    pub fn with_id(self, of: &str, id: Option<String>) -> Self {
        match id {
            Some(id) if id.parse::<EventId>().is_err() => self.identified(of, &id),
            id => Self { id, ..self },
        }
    }

    /// The event that they make, with what the request says of all its records.
    pub fn draft(self, context: &Context) -> Draft {
        let Self { id, event_type: given, level, source, message, host, at, mut metadata } = self;
        let known: Option<EventType> = given.as_deref().and_then(|text| text.to_ascii_lowercase().parse().ok());
        // Nobody speaks in Loghorn's name.
        let known = known.filter(|known| !known.is_own());
        let event_id: Option<EventId> = id.as_deref().and_then(|text| text.parse().ok());
        let skew = at.map_or(0, |at| context.received_at.millis() - at.millis());
        let notes = [
            ("event_type_raw", given.filter(|_| known.is_none()).map(Value::from)),
            ("id_raw", id.filter(|_| event_id.is_none()).map(Value::from)),
            ("clock_skew_ms", (skew.abs() > SKEW_MS).then(|| skew.into())),
            ("host", host.or_else(|| context.host.clone()).map(Value::from)),
            ("tag", context.tag.clone().map(Value::from)),
            ("tenant", context.tenant.clone().map(Value::from)),
        ];
        for (name, note) in notes {
            if let Some(note) = note {
                metadata.entry(name).or_insert(note);
            }
        }
        let level = level.or_else(|| known.as_ref().and_then(EventType::level)).or(context.level).unwrap_or_default();
        let request = || context.source.as_ref().or(context.tag.as_ref()).cloned();
        Draft {
            id: event_id,
            event_type: known.unwrap_or_else(|| EventType::of_level(level)),
            level,
            source: source.or_else(request).unwrap_or_else(|| SOURCE_UNKNOWN.into()),
            message,
            metadata: raw(metadata),
            timestamp: at,
        }
    }
}

/// The same, where the sender may speak to Loghorn itself: with an `event_type`, an `id` is the event's own. Without one
/// it may be anything's, of which more than one line is written.
pub fn own_draft(value: Value, context: &Context, notes: Notes) -> Draft {
    match value {
        Value::Object(record) => {
            let has_id = text_in(&record, "event_type").is_some();
            taken_apart(record, notes, has_id).draft(context)
        }
        other => draft(other, context, notes),
    }
}

/// What is known of an object's event, by the names that its members usually have. An `id` may be anything's, of which
/// more than one line is written: only where a protocol has a place for ids of events, one tells repetitions.
pub fn parts(record: Map<String, Value>, notes: Notes) -> Parts {
    taken_apart(record, notes, false)
}

fn taken_apart(mut record: Map<String, Value>, mut notes: Notes, has_id: bool) -> Parts {
    // A record without a message is shown as a whole, as it came.
    let has_message = MESSAGE.iter().any(|name| text_in(&record, name).is_some());
    let whole = if has_message { String::new() } else { serde_json::to_string(&record).unwrap_or_default() };
    let event_type = take_text(&mut record, &["event_type"]);
    let level = level(&mut record, &mut notes);
    let at = timestamp(&mut record, &mut notes);
    let id = text_in(&record, "id").filter(|text| has_id && text.parse::<EventId>().is_ok()).map(str::to_owned);
    if id.is_some() {
        record.remove("id");
    }
    let source = take_text(&mut record, &SOURCE);
    let message = take_text(&mut record, &MESSAGE).unwrap_or(whole);
    let host = take_text(&mut record, &HOST);
    // What else is known of the host steps aside for its name, under the dotted names that mean the same.
    if host.is_some()
        && let Some(Value::Object(rest)) = record.get_mut("host").map(Value::take)
    {
        record.remove("host");
        record.extend(rest.into_iter().map(|(name, value)| (format!("host.{name}"), value)));
    }
    let mut metadata = match record.remove("metadata") {
        Some(Value::Object(metadata)) => metadata,
        Some(other) => Map::from_iter([("metadata".to_owned(), other)]),
        None => Map::new(),
    };
    for (name, value) in notes {
        metadata.entry(name).or_insert(value);
    }
    for (name, value) in record {
        put_beside(&mut metadata, name, value);
    }
    Parts { id, event_type, level, source, message, host, at, metadata }
}

/// Sets a member that has its place: another that stands there already steps aside, as `{name}_raw`.
pub(super) fn put(metadata: &mut Map<String, Value>, name: &str, value: Value) {
    if let Some(own) = metadata.insert(name.to_owned(), value) {
        put_beside(metadata, name.to_owned(), own);
    }
}

/// Adds a member; where another stands already, as `{name}_raw`.
fn put_beside(metadata: &mut Map<String, Value>, name: String, value: Value) {
    match metadata.get(&name) {
        Some(own) if *own == value => {}
        Some(_) => drop(metadata.entry(name + "_raw").or_insert(value)),
        None => drop(metadata.insert(name, value)),
    }
}

const AMONG: char = '@';

/// The id of an event whose sender's id is one among those of `of` alone: a source, an index. Always one that can be kept,
/// and the same for the same two.
pub fn id_among(of: &str, id: &str) -> String {
    let plain = format!("{id}{AMONG}{of}");
    // Where there is another, more than one pair makes the same text.
    if !of.contains(AMONG) && plain.parse::<EventId>().is_ok() {
        return plain;
    }
    let digest = Sha256::new().chain_update(of).chain_update([0]).chain_update(id).finalize();
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// What many records share is cloned for each of them: of what is larger than an event may be, only the beginning is.
pub(super) fn shared(members: Map<String, Value>, context: &Context) -> Map<String, Value> {
    let bytes_max = context.limits.event_bytes_max;
    let text = serde_json::to_string(&members).unwrap_or_default();
    if text.len() <= bytes_max { members } else { cut_to(cut::beginning(&text, bytes_max)) }
}

/// What stands for members that are not taken apart.
pub(super) fn cut_to(beginning: &str) -> Map<String, Value> {
    Map::from_iter([("cut".to_owned(), beginning.into())])
}

/// The same for one text.
pub(super) fn shared_text(text: &str, context: &Context) -> String {
    cut::beginning(text, context.limits.event_bytes_max).to_owned()
}

pub(super) fn raw(metadata: Map<String, Value>) -> Box<RawValue> {
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
        // Of more than one that says nothing known, the others stay where they are.
        let is_text = (value.is_string() || value.is_number()) && name != "status" && !notes.contains_key("level_raw");
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

/// A level by its name, or by its number as syslog, pino and bunyan have it.
pub fn level_of(value: &Value) -> Option<Level> {
    let text = || value.as_str().map(str::trim);
    match value.as_u64().or_else(|| text()?.parse().ok()) {
        Some(number) => Level::from_generic_number(number),
        None => Level::from_alias(text()?),
    }
}

/// OpenTelemetry's severity. The number says it; but senders number what is worse than an error differently, and then the
/// text is finer.
pub fn otel_level(number: u64, text: &str) -> Option<Level> {
    let by_text = Level::from_alias(text);
    match number {
        1..=4 => Some(Level::Trace),
        5..=8 => Some(Level::Debug),
        9..=12 => Some(Level::Info),
        13..=16 => Some(Level::Warning),
        17..=20 if by_text == Some(Level::Critical) => by_text,
        17..=20 => Some(Level::Error),
        21..=24 => Some(Level::Critical),
        _ => by_text,
    }
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

fn timestamp(record: &mut Map<String, Value>, notes: &mut Notes) -> Option<Timestamp> {
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
        if read.is_none() && notes.contains_key("time_raw") {
            continue;
        }
        let Some(value) = record.remove(name) else { continue };
        match read {
            Some(at) => return Some(at),
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

/// A header's text: UTF-8, else Latin-1, of which every byte is a character.
pub fn lossless(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap_or_else(|_| bytes.iter().map(|byte| char::from(*byte)).collect())
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
            tenant: None,
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

    #[test]
    fn numbers_and_texts_of_opentelemetry_make_a_level() {
        for (number, text, level) in [
            (17, "ERROR", Some(Level::Error)),
            (18, "CRIT", Some(Level::Critical)),
            (0, "warn", Some(Level::Warning)),
            (0, "", None),
            (24, "x", Some(Level::Critical)),
            (9, "ERROR", Some(Level::Info)),
            (99, "error", Some(Level::Error)),
        ] {
            assert_eq!(otel_level(number, text), level, "{number} {text}");
        }
    }
}
