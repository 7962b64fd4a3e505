//! The generic route: whatever it is, by its first byte. The Content-Type is never trusted: syslog-ng, `curl -d` and
//! others say `application/x-www-form-urlencoded` and send JSON.
//!
//! Records are found one at a time and handed on at once: a small body may hold very many.

use std::fmt;

use loghorn_domain::Draft;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};

use super::{
    Sink, alerts, msgpack,
    record::{self, Context, Notes},
    text,
};
use crate::elements::Elements;

/// How often, on average, a byte may be looked at in vain before the rest is taken as text.
const PATIENCE: usize = 16;

/// The generic route, as one request speaks it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Generic {
    /// Whether the Content-Type says that it is a form.
    pub is_form: bool,
    /// Whether the Content-Type says that it is MessagePack.
    pub is_msgpack: bool,
}

impl Generic {
    /// Hands every event in `bytes` to `sink`.
    pub fn decode<S: Sink>(&self, bytes: &[u8], context: &Context, sink: &mut S) -> Result<(), S::Error> {
        // No record of MessagePack begins like JSON.
        let is_json = matches!(bytes.trim_ascii_start().first(), Some(b'{' | b'['));
        if self.is_msgpack && !is_json {
            return msgpack::decode(bytes, context, sink);
        }
        read(bytes, self.is_form, record::own_draft, context, sink)
    }
}

/// What the record of another protocol holds, which may be whatever this route takes.
pub(super) fn decode<S: Sink>(bytes: &[u8], context: &Context, sink: &mut S) -> Result<(), S::Error> {
    read(bytes, false, record::draft, context, sink)
}

type Meaning = fn(Value, &Context, Notes) -> Draft;

/// Nothing is refused: a bad line becomes an event of its own.
fn read<S: Sink>(
    bytes: &[u8],
    is_form: bool,
    meaning: Meaning,
    context: &Context,
    sink: &mut S,
) -> Result<(), S::Error> {
    if msgpack::is_likely(bytes) {
        return msgpack::decode(bytes, context, sink);
    }
    let (text, notes) = text::read(bytes, sink)?;
    let trimmed = text.trim_start();
    let patience = PATIENCE * text.len();
    let mut reader = Reader { context, notes, meaning, sink, patience, has_json: false };
    match trimmed.as_bytes().first() {
        None => Ok(()),
        Some(b'[' | b'{') => reader.stream(trimmed),
        Some(_) => match if is_form { reader.form(trimmed)? } else { None } {
            Some(record) => reader.record(Value::Object(record)),
            None => text.lines().filter(|line| !line.trim().is_empty()).try_for_each(|line| reader.line(line, None)),
        },
    }
}

struct Reader<'a, S> {
    context: &'a Context,
    /// What is to be said of every event of this body.
    notes: Notes,
    /// What a record means.
    meaning: Meaning,
    sink: &'a mut S,
    /// Bytes that may still be looked at in vain.
    patience: usize,
    /// Whether there was JSON in it: what is none is broken then, and not how its sender speaks.
    has_json: bool,
}

impl<S: Sink> Reader<'_, S> {
    /// JSON values one after another, with or without anything between them. What is no JSON is taken up to the end
    /// of its line as text.
    fn stream(&mut self, mut rest: &str) -> Result<(), S::Error> {
        // What is left of the line; looked for once for each line, of which one may hold very many values.
        let mut line = "";
        loop {
            let skipped = rest.len() - rest.trim_start().len();
            rest = &rest[skipped..];
            if rest.is_empty() {
                return Ok(());
            }
            let is_line_new = skipped >= line.len();
            line = if is_line_new { rest.split('\n').next().unwrap_or(rest) } else { &line[skipped..] };
            let taken = match self.value_in_line(line, is_line_new)? {
                Some(()) => line.len(),
                None => self.value_at(rest, line)?,
            };
            rest = &rest[taken..];
            line = line.get(taken..).unwrap_or_default();
        }
    }

    /// The usual case, which is read but once: an object in a line of its own.
    fn value_in_line(&mut self, line: &str, is_line_new: bool) -> Result<Option<()>, S::Error> {
        let line = line.trim_end();
        if !is_line_new || !line.starts_with('{') || !line.ends_with('}') {
            return Ok(None);
        }
        if alerts::decode(line, self.context, &self.notes, self.sink)? {
            return Ok(Some(()));
        }
        let record = text::value(line, self.context, self.sink)?;
        record.map(|record| self.record(record)).transpose()
    }

    /// Takes the value at the beginning of `rest`, or its line; how many bytes that was.
    fn value_at(&mut self, rest: &str, line: &str) -> Result<usize, S::Error> {
        match self.end_of_value(rest) {
            Err(_) if line.starts_with('"') && self.string(line)? => Ok(line.len()),
            Ok(end) if rest.starts_with('[') => {
                Elements::new(&rest[..end]).flatten().try_for_each(|element| self.value(element))?;
                Ok(end)
            }
            Ok(end) => self.value(&rest[..end]).map(|()| end),
            Err(why) => {
                let why = why.or_else(|| self.has_json.then(|| "no JSON, among lines of JSON".to_owned()));
                self.line(line.trim_end(), why).map(|()| line.len())
            }
        }
    }

    /// Takes a line that is one JSON string, if it is.
    fn string(&mut self, line: &str) -> Result<bool, S::Error> {
        let value = text::value(line.trim_end(), self.context, self.sink)?;
        let Some(value) = value.filter(Value::is_string) else { return Ok(false) };
        self.record(value).map(|()| true)
    }

    /// The members of a form; `None` where it is none, or more than is worth taking apart.
    fn form(&mut self, text: &str) -> Result<Option<Map<String, Value>>, S::Error> {
        /// A name, a value, and their place in a list that may have doubled.
        const PAIR_BYTES: usize = 256;
        if text.len() > text::record_bytes_max(self.context) {
            return Ok(None);
        }
        self.sink.pass(3 * text.len() + PAIR_BYTES * text.split('&').count())?;
        Ok(form(text))
    }

    /// Where the object or array at the beginning of `rest` ends; else why it is none, if it was to be one.
    fn end_of_value(&mut self, rest: &str) -> Result<usize, Option<String>> {
        if !rest.starts_with(['{', '[']) || self.patience == 0 {
            return Err(None);
        }
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Skipped>();
        match values.next() {
            Some(Ok(Skipped)) => {
                let end = values.byte_offset();
                let is_object = |text: &str| text.trim_start().starts_with('{');
                let after = rest[end..].trim_start_matches([' ', '\t', '\r']);
                let is_line_over = after.is_empty() || after.starts_with('\n');
                if is_object(rest) || is_object(&rest[1..]) || is_line_over {
                    return Ok(end);
                }
                // `[1234] text` is a line of text that begins like an array.
                self.patience = self.patience.saturating_sub(end);
                Err(None)
            }
            Some(Err(error)) => {
                let seen: usize = rest.split_inclusive('\n').take(error.line()).map(str::len).sum();
                self.patience = self.patience.saturating_sub(seen);
                Err(rest.starts_with('{').then(|| error.to_string()))
            }
            None => Err(None),
        }
    }

    /// The event of one well-formed JSON text.
    fn value(&mut self, json: &str) -> Result<(), S::Error> {
        if json.starts_with('{') && alerts::decode(json, self.context, &self.notes, self.sink)? {
            return Ok(());
        }
        match text::value(json, self.context, self.sink)? {
            Some(record) => self.record(record),
            None => self.line(json, None),
        }
    }

    fn record(&mut self, record: Value) -> Result<(), S::Error> {
        if record.is_null() || record.as_object().is_some_and(Map::is_empty) {
            return Ok(());
        }
        self.has_json = true;
        self.sink.add((self.meaning)(record, self.context, self.notes.clone())).map(drop)
    }

    fn line(&mut self, line: &str, parse_error: Option<String>) -> Result<(), S::Error> {
        self.sink.pass(line.len())?;
        let mut notes = self.notes.clone();
        notes.extend(parse_error.map(|error| ("parse_error".to_owned(), error.into())));
        self.sink.add(record::from_text(line, self.context, notes)).map(drop)
    }
}

/// Any JSON value, read and let go. Unlike `IgnoredAny` it nests no deeper than serde_json allows: lines that only
/// open something would be gone through to the end again and again otherwise.
struct Skipped;

impl<'de> Deserialize<'de> for Skipped {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Skipped {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self, A::Error> {
        while seq.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        while map.next_entry::<Self, Self>()?.is_some() {}
        Ok(self)
    }
}

/// `a=b&c=d` in one line, every name a plain word.
fn form(text: &str) -> Option<Map<String, Value>> {
    let text = text.trim_end();
    let is_word = |b: u8| b.is_ascii_alphanumeric() || b"_-.@".contains(&b);
    let is_pair =
        |pair: &str| pair.split_once('=').is_some_and(|(name, _)| !name.is_empty() && name.bytes().all(is_word));
    if text.contains(['\n', ' ']) || !text.split('&').all(is_pair) {
        return None;
    }
    let pairs = url::form_urlencoded::parse(text.as_bytes());
    Some(pairs.map(|(name, value)| (name.into_owned(), Value::String(value.into_owned()))).collect())
}

#[cfg(test)]
mod tests {
    use loghorn_domain::{Level, Timestamp, event::Limits};
    use proptest::prelude::*;

    use super::*;

    fn context() -> Context {
        Context {
            source: Some("path".into()),
            tag: None,
            host: None,
            tenant: None,
            level: None,
            received_at: Timestamp::from_millis(1_700_000_000_000),
            limits: Limits::default(),
        }
    }

    fn decoded(body: &[u8], is_form: bool, context: &Context) -> Vec<Draft> {
        let mut drafts = Vec::new();
        let Ok(()) = Generic { is_form, is_msgpack: false }.decode(body, context, &mut drafts);
        drafts
    }

    fn read(body: &str) -> Vec<Draft> {
        decoded(body.as_bytes(), false, &context())
    }

    fn metadata(draft: &Draft) -> Value {
        serde_json::from_str(draft.metadata.get()).unwrap()
    }

    #[test]
    fn objects_arrays_lines_and_streams_are_read() {
        for body in [
            r#"[{"message":"a"},{"message":"b"}]"#,
            "{\"message\":\"a\"}\n{\"message\":\"b\"}\n",
            r#"{"message":"a"}{"message":"b"}"#,
            r#"{"message":"a"} {"message":"b"}"#,
            "a\nb\n",
            "a\r\n\r\nb",
            r#"["a","b"]"#,
        ] {
            let messages: Vec<String> = read(body).into_iter().map(|draft| draft.message).collect();
            assert_eq!(messages, ["a", "b"], "{body}");
        }
        for nothing in ["", " \n", "{}", "[]", "[{}]"] {
            assert!(read(nothing).is_empty(), "{nothing}");
        }
    }

    #[test]
    fn fields_are_found_by_the_names_that_shippers_use() {
        let draft = &read(
            r#"{"@timestamp":"2026-11-23 18:07:49,232","log.level":"warn","service":{"name":"pay"},"msg":"slow","k":{"a":1},"metadata":{"b":2}}"#,
        )[0];
        assert_eq!((draft.level, draft.source.as_str(), draft.message.as_str()), (Level::Warning, "pay", "slow"));
        assert_eq!(draft.timestamp.unwrap().to_string(), "2026-11-23T18:07:49.232Z");
        let metadata: Value = serde_json::from_str(draft.metadata.get()).unwrap();
        assert_eq!((&metadata["k"]["a"], &metadata["b"]), (&1.into(), &2.into()));
        let pino = &read(r#"{"level":50,"time":1700000000123,"name":"api","msg":"x"}"#)[0];
        assert_eq!((pino.level, pino.source.as_str()), (Level::Error, "api"));
        assert_eq!(pino.timestamp.unwrap().millis(), 1_700_000_000_123);
        let odd = &read(r#"{"level":"loud","time":"soon","message":"x"}"#)[0];
        assert!(
            odd.metadata.get().contains(r#""level_raw":"loud""#) && odd.metadata.get().contains(r#""time_raw":"soon""#)
        );
    }

    #[test]
    fn a_bad_line_becomes_an_event_and_the_others_stay() {
        let drafts = read("{\"message\":\"a\"}\n{\"message\": oops\n{\"message\":\"c\"}");
        assert_eq!(drafts.len(), 3);
        assert!(drafts[1].metadata.get().contains("parse_error"));
        assert_eq!(drafts[2].message, "c");
        let lossy = decoded(b"caf\xe9", false, &context());
        assert!(lossy[0].metadata.get().contains("lossy"));
    }

    #[test]
    fn arrays_are_told_from_lines_that_begin_like_one() {
        let messages = |body: &str| read(body).into_iter().map(|draft| draft.message).collect::<Vec<_>>();
        assert_eq!(messages("[1,2]\n[3]"), ["1", "2", "3"]);
        assert_eq!(messages(r#"[{"msg":"a"}][{"msg":"b"}] {"msg":"c"}"#), ["a", "b", "c"]);
        for line in ["[1234] [error] no card", "[12:01:33] late", "[WARN] slow", "[\"a\"] b", "[1,2", "[]]"] {
            assert_eq!(messages(line), [line]);
        }
        assert_eq!(messages("{\n \"msg\":\n \"a\"\n}\nb"), ["a", "b"]);
    }

    #[test]
    fn levels_have_their_order_and_a_status_is_one_only_where_it_says_so() {
        for (record, level) in [
            (r#"{"severity":"error","level":"info"}"#, Level::Info),
            (r#"{"status":"info","PRIORITY":"err"}"#, Level::Error),
            (r#"{"levelno":40,"levelname":"WARNING"}"#, Level::Warning),
            (r#"{"levelno":40,"PRIORITY":"info"}"#, Level::Error),
            (r#"{"status":"error","lvl":"info"}"#, Level::Error),
            (r#"{"status":3}"#, Level::Info),
        ] {
            assert_eq!(read(record)[0].level, level, "{record}");
        }
        assert_eq!(metadata(&read(r#"{"status":200,"msg":"x"}"#)[0]), serde_json::json!({"status": 200}));
    }

    #[test]
    fn nothing_is_lost_of_a_host_or_of_a_record_without_message() {
        let draft = &read(r#"{"host":{"name":"w","ip":1},"level":"warn","n":[1]}"#)[0];
        assert_eq!(draft.message, r#"{"host":{"ip":1,"name":"w"},"level":"warn","n":[1]}"#);
        assert_eq!(metadata(draft), serde_json::json!({"host": "w", "host.ip": 1, "n": [1]}));
        assert_eq!(metadata(&read(r#"{"msg":"x","host":{"name":"w"}}"#)[0]), serde_json::json!({"host": "w"}));
        assert_eq!(metadata(&read(r#"{"msg":"x","host.name":"w"}"#)[0]), serde_json::json!({"host": "w"}));
    }

    #[test]
    fn the_source_is_the_records_then_the_requests_then_unknown() {
        let source = |body: &str, context: &Context| decoded(body.as_bytes(), false, context)[0].source.clone();
        let tagged = r#"{"tag":"app.log","msg":"x"}"#;
        assert_eq!(source(tagged, &context()), "path");
        assert_eq!(metadata(&read(tagged)[0]), serde_json::json!({"tag": "app.log"}));
        assert_eq!(source(r#"{"app":"shop","msg":"x"}"#, &context()), "shop");
        let nameless = Context { source: None, ..context() };
        assert_eq!((source("x", &nameless), source("{\"a\":1}", &nameless)), ("unknown".into(), "unknown".into()));
        assert_eq!(source("x", &Context { tag: Some("t".into()), ..nameless }), "t");
    }

    #[test]
    fn what_headers_say_comes_after_what_records_say() {
        let context = Context { host: Some("web1".into()), level: Some(Level::Error), ..context() };
        let line = &decoded(b"no card", false, &context)[0];
        assert_eq!((line.level, metadata(line)), (Level::Error, serde_json::json!({"host": "web1"})));
        let record = &decoded(br#"{"level":"debug","host":"own","msg":"x"}"#, false, &context)[0];
        assert_eq!((record.level, metadata(record)), (Level::Debug, serde_json::json!({"host": "own"})));
    }

    #[test]
    fn hopeless_json_is_given_up_in_time() {
        let body = r#"{"a":["#.to_owned() + "\n";
        let body = body.repeat(50_000) + &"1,".repeat(200_000);
        assert_eq!(read(&body).len(), 50_001);
        assert_eq!(read(&r#"{"a":1}"#.repeat(100_000)).len(), 100_000);
    }

    #[test]
    fn whatever_is_looked_at_in_vain_costs_patience() {
        let (context, mut drafts) = (context(), Vec::<Draft>::new());
        let (notes, meaning, sink) = (Notes::new(), record::own_draft, &mut drafts);
        let mut reader = Reader { context: &context, notes, meaning, sink, patience: 100, has_json: false };
        for (text, is_value, left) in
            [("[1]", true, 100), ("[1] x", false, 97), ("{\"a\":", false, 92), ("[[2]] x", false, 87)]
        {
            assert_eq!((reader.end_of_value(text).is_ok(), reader.patience), (is_value, left), "{text}");
        }
        reader.patience = 0;
        assert!(reader.end_of_value("[1]").is_err(), "it has none left");
    }

    #[test]
    fn records_far_too_large_are_not_taken_apart() {
        let limits = Limits { event_bytes_max: 1000, ..Limits::default() };
        let body = format!(r#"[{{"level":"error","a":"{}"}},{{"msg":"b"}}]"#, "x".repeat(9000));
        let drafts = decoded(body.as_bytes(), false, &Context { limits, ..context() });
        assert_eq!((drafts.len(), drafts[0].message.len() > 9000, drafts[1].message.as_str()), (2, true, "b"));
    }

    #[test]
    fn lines_of_text_name_their_level() {
        for (line, level) in [
            ("2026-11-24 12:00:00 ERROR card timeout", Level::Error),
            ("[WARN] slow", Level::Warning),
            ("ts=1 level=error msg=x", Level::Error),
            ("an error in lower case is prose", Level::Info),
            ("TERRORS are no error", Level::Info),
        ] {
            assert_eq!(read(line)[0].level, level, "{line}");
        }
    }

    #[test]
    fn a_form_is_one_event_and_json_that_is_called_a_form_is_json() {
        let form = decoded(b"name=app&levelname=ERROR&msg=no+card", true, &context());
        assert_eq!(
            (form[0].level, form[0].source.as_str(), form[0].message.as_str()),
            (Level::Error, "app", "no card")
        );
        assert_eq!(decoded(br#"{"message":"a"}"#, true, &context())[0].message, "a");
    }

    #[test]
    fn times_are_read_by_their_size() {
        for text in ["1700000000", "1700000000.123456", "1700000000123", "1700000000123456", "1700000000123456789"] {
            assert_eq!(record::read_time(text).unwrap().millis() / 1000, 1_700_000_000, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_give_events_that_can_be_kept(bytes in proptest::collection::vec(any::<u8>(), 0..300), json in r#"[\[{"a-z:,}\] \n0-9]{0,80}"#) {
            for body in [&bytes[..], json.as_bytes()] {
                for draft in decoded(body, false, &context()) {
                    let sealed = draft.seal(context().received_at, Limits::default());
                    prop_assert!(sealed.is_ok());
                }
            }
        }
    }
}
