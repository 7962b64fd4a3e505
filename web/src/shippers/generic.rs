//! The generic route: whatever it is, by its first byte. The Content-Type is never trusted: syslog-ng, `curl -d` and
//! others say `application/x-www-form-urlencoded` and send JSON.

use std::borrow::Cow;

use loghorn_domain::Draft;
use serde_json::{Map, Value};

use super::record::{self, Context};

/// The events in `bytes`. Nothing is refused: a bad line becomes an event of its own.
pub fn decode(bytes: &[u8], is_form: bool, context: &Context) -> Vec<Draft> {
    let text = String::from_utf8_lossy(bytes);
    let is_lossy = matches!(text, Cow::Owned(_));
    let text = text.trim_start_matches('\u{feff}');
    let trimmed = text.trim_start();
    let mut drafts = match trimmed.as_bytes().first() {
        None => Vec::new(),
        Some(b'[') => array(trimmed, context),
        Some(b'{') => stream(trimmed, context),
        Some(_) => match form(trimmed).filter(|_| is_form) {
            Some(record) => vec![record::draft(Value::Object(record), context)],
            None => lines(text, context),
        },
    };
    if is_lossy {
        drafts.iter_mut().for_each(|draft| note(draft, "encoding", "lossy".into()));
    }
    drafts
}

fn array(text: &str, context: &Context) -> Vec<Draft> {
    match serde_json::from_str::<Vec<Value>>(text) {
        Ok(records) => records.into_iter().filter(|record| !is_empty(record)).map(|record| record::draft(record, context)).collect(),
        // Lines that begin with a bracket, such as `[error] …`; also arrays that broke off.
        Err(_) => stream(text, context),
    }
}

fn is_empty(record: &Value) -> bool {
    record.is_null() || record.as_object().is_some_and(Map::is_empty)
}

/// JSON values one after another, with or without anything between them. What is no JSON is taken up to the end of
/// its line as text.
fn stream(text: &str, context: &Context) -> Vec<Draft> {
    let mut drafts = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return drafts;
        }
        let starts_value = rest.starts_with(['{', '[']);
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        let first = starts_value.then(|| values.next()).flatten();
        match first {
            Some(Ok(Value::Array(records))) if records.iter().all(Value::is_object) => {
                drafts.extend(records.into_iter().filter(|record| !is_empty(record)).map(|record| record::draft(record, context)));
                rest = &rest[values.byte_offset()..];
            }
            Some(Ok(record @ Value::Object(_))) => {
                if !is_empty(&record) {
                    drafts.push(record::draft(record, context));
                }
                rest = &rest[values.byte_offset()..];
            }
            other => {
                let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
                let mut draft = record::from_text(line.trim_end_matches('\r'), context);
                if line.starts_with('{')
                    && let Some(Err(error)) = other
                {
                    note(&mut draft, "parse_error", error.to_string().into());
                }
                drafts.push(draft);
                rest = after;
            }
        }
    }
}

fn lines(text: &str, context: &Context) -> Vec<Draft> {
    text.lines().filter(|line| !line.trim().is_empty()).map(|line| record::from_text(line, context)).collect()
}

/// `a=b&c=d` in one line, every name a plain word.
fn form(text: &str) -> Option<Map<String, Value>> {
    let text = text.trim_end();
    let is_pair = |pair: &str| {
        pair.split_once('=').is_some_and(|(name, _)| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.@".contains(&b)))
    };
    if text.contains(['\n', ' ']) || !text.split('&').all(is_pair) {
        return None;
    }
    Some(url::form_urlencoded::parse(text.as_bytes()).map(|(name, value)| (name.into_owned(), Value::String(value.into_owned()))).collect())
}

fn note(draft: &mut Draft, name: &str, value: Value) {
    let mut metadata: Map<String, Value> = serde_json::from_str(draft.metadata.get()).unwrap_or_default();
    metadata.insert(name.to_owned(), value);
    if let Ok(raw) = serde_json::value::to_raw_value(&metadata) {
        draft.metadata = raw;
    }
}

#[cfg(test)]
mod tests {
    use loghorn_domain::{Level, Timestamp, event::Limits};
    use proptest::prelude::*;

    use super::*;

    fn context() -> Context {
        Context { source: Some("path".into()), tag: None, received_at: Timestamp::from_millis(1_700_000_000_000) }
    }

    fn read(body: &str) -> Vec<Draft> {
        decode(body.as_bytes(), false, &context())
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
        let draft = &read(r#"{"@timestamp":"2026-11-23 18:07:49,232","log.level":"warn","service":{"name":"pay"},"msg":"slow","k":{"a":1},"metadata":{"b":2}}"#)[0];
        assert_eq!((draft.level, draft.source.as_str(), draft.message.as_str()), (Level::Warning, "pay", "slow"));
        assert_eq!(draft.timestamp.unwrap().to_string(), "2026-11-23T18:07:49.232Z");
        let metadata: Value = serde_json::from_str(draft.metadata.get()).unwrap();
        assert_eq!((&metadata["k"]["a"], &metadata["b"]), (&1.into(), &2.into()));
        let pino = &read(r#"{"level":50,"time":1700000000123,"name":"api","msg":"x"}"#)[0];
        assert_eq!((pino.level, pino.source.as_str()), (Level::Error, "api"));
        assert_eq!(pino.timestamp.unwrap().millis(), 1_700_000_000_123);
        let odd = &read(r#"{"level":"loud","time":"soon","message":"x"}"#)[0];
        assert!(odd.metadata.get().contains(r#""level_raw":"loud""#) && odd.metadata.get().contains(r#""time_raw":"soon""#));
    }

    #[test]
    fn a_bad_line_becomes_an_event_and_the_others_stay() {
        let drafts = read("{\"message\":\"a\"}\n{\"message\": oops\n{\"message\":\"c\"}");
        assert_eq!(drafts.len(), 3);
        assert!(drafts[1].metadata.get().contains("parse_error"));
        assert_eq!(drafts[2].message, "c");
        let lossy = decode(b"caf\xe9", false, &context());
        assert!(lossy[0].metadata.get().contains("lossy"));
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
        let form = decode(b"name=app&levelname=ERROR&msg=no+card", true, &context());
        assert_eq!((form[0].level, form[0].source.as_str(), form[0].message.as_str()), (Level::Error, "app", "no card"));
        assert_eq!(decode(br#"{"message":"a"}"#, true, &context())[0].message, "a");
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
                for draft in decode(body, false, &context()) {
                    let sealed = draft.seal(context().received_at, Limits::default());
                    prop_assert!(sealed.is_ok());
                }
            }
        }
    }
}
