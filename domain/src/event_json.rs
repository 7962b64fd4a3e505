//! Reading an event from JSON by the strict model: every member has the right type, or the event is refused with the
//! member's pointer. Members the model does not know go to `metadata`.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::{Value, value::RawValue};

use crate::{Draft, EventType, Level, Problem};

impl Draft {
    /// Reads one event from the bytes of one JSON object. Refuses with what is wrong and where.
    pub fn from_json(json: &[u8]) -> Result<Self, Problem> {
        let raw: RawEvent<'_> = serde_json::from_slice(json).map_err(|error| {
            let detail = match error.classify() {
                serde_json::error::Category::Data => "expected an event: a JSON object".to_owned(),
                _ => format!("not well-formed JSON: {error}"),
            };
            Problem::new("", detail)
        })?;
        if is_doubtful(json) {
            // Raw members are not read further than their brackets; what a receiver could not read is refused here.
            serde_json::from_slice::<Value>(json)
                .map_err(|error| Problem::new("", format!("not well-formed JSON: {error}")))?;
        }
        raw.into_draft()
    }
}

/// Whether `json` may hold a lone surrogate (`\ud800`) or a number beyond f64 (`1e999`).
fn is_doubtful(json: &[u8]) -> bool {
    let escape = |pair: &[u8]| pair[0] == b'\\' && pair[1] == b'u';
    let exponent = |pair: &[u8]| pair[0].is_ascii_digit() && pair[1] | 0x20 == b'e';
    let digits_in_row_max = 300;
    json.windows(2).any(|pair| escape(pair) || exponent(pair))
        || json.split(|b| !b.is_ascii_digit()).any(|run| run.len() > digits_in_row_max)
}

/// The members of an event as they stand in the text.
#[derive(Default)]
struct RawEvent<'a> {
    known: [Option<&'a RawValue>; KNOWN.len()],
    extra: Vec<(Cow<'a, str>, &'a RawValue)>,
}

const KNOWN: [&str; 7] = ["id", "event_type", "level", "source", "message", "metadata", "timestamp"];
/// Ours to say: read and set aside, so that an exported event can be sent in again.
const OURS: [&str; 2] = ["seq", "received_at"];

impl<'de: 'a, 'a> Deserialize<'de> for RawEvent<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        #[derive(Deserialize)]
        struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

        impl<'de> Visitor<'de> for Members {
            type Value = RawEvent<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an event object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut raw = RawEvent::default();
                while let Some(Name(name)) = map.next_key()? {
                    if let Some(place) = KNOWN.iter().position(|known| *known == name) {
                        raw.known[place] = Some(map.next_value()?);
                    } else if OURS.contains(&&*name) {
                        map.next_value::<IgnoredAny>()?;
                    } else {
                        raw.extra.push((name, map.next_value()?));
                    }
                }
                Ok(raw)
            }
        }

        deserializer.deserialize_map(Members)
    }
}

impl RawEvent<'_> {
    fn into_draft(self) -> Result<Draft, Problem> {
        let [id, event_type, level, source, message, metadata, timestamp] = self.known;
        let given = text(event_type, "/event_type")?;
        let event_type: Option<EventType> = parsed(given, "/event_type")?;
        let level: Option<Level> = parsed(text(level, "/level")?, "/level")?;
        let level = level.or_else(|| event_type.as_ref().and_then(EventType::level)).unwrap_or_default();
        Ok(Draft {
            id: parsed(text(id, "/id")?, "/id")?,
            event_type: event_type.unwrap_or_else(|| EventType::of_level(level)),
            level,
            source: text(source, "/source")?.map(Cow::into_owned).unwrap_or_default(),
            message: text(message, "/message")?.map(Cow::into_owned).unwrap_or_default(),
            metadata: merged(metadata, self.extra)?,
            timestamp: parsed(text(timestamp, "/timestamp")?, "/timestamp")?,
        })
    }
}

/// The string behind `raw`; `null` counts as absent.
fn text<'a>(raw: Option<&'a RawValue>, pointer: &str) -> Result<Option<Cow<'a, str>>, Problem> {
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Option<Cow<'a, str>>);

    let Some(raw) = raw else { return Ok(None) };
    match serde_json::from_str::<Text<'a>>(raw.get()) {
        Ok(Text(text)) => Ok(text),
        Err(_) => Err(Problem::new(pointer, format!("expected a string, found {}", kind(raw)))),
    }
}

fn parsed<T: std::str::FromStr<Err: fmt::Display>>(
    text: Option<Cow<'_, str>>,
    pointer: &str,
) -> Result<Option<T>, Problem> {
    text.map(|text| text.parse()).transpose().map_err(|error: T::Err| Problem::new(pointer, error.to_string()))
}

fn kind(raw: &RawValue) -> &'static str {
    match raw.get().as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// `metadata` with the members beside it merged in; a name that stands in both keeps its value from `metadata`.
fn merged(metadata: Option<&RawValue>, extra: Vec<(Cow<'_, str>, &RawValue)>) -> Result<Box<RawValue>, Problem> {
    let metadata = metadata.filter(|raw| raw.get() != "null");
    if let Some(raw) = metadata
        && !raw.get().starts_with('{')
    {
        return Err(Problem::new("/metadata", format!("expected an object, found {}", kind(raw))));
    }
    if extra.is_empty() {
        return Ok(metadata.map_or_else(|| RawValue::from_string("{}".into()).unwrap_or_default(), ToOwned::to_owned));
    }
    let unreadable = |error| Problem::new("/metadata", format!("not readable as an object: {error}"));
    let mut members: BTreeMap<String, &RawValue> =
        extra.into_iter().map(|(name, value)| (name.into_owned(), value)).collect();
    if let Some(raw) = metadata {
        members.extend(serde_json::from_str::<BTreeMap<String, &RawValue>>(raw.get()).map_err(unreadable)?);
    }
    serde_json::value::to_raw_value(&members).map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Draft, Problem> {
        Draft::from_json(json.as_bytes())
    }

    #[test]
    fn the_founding_call_is_read() {
        let draft = read(
            r#"{"level":"ERROR","source":"payment-service","message":"Credit card processing timeout","event_type":"log.error","metadata":{"transaction_id":"tx_12345"}}"#,
        )
        .unwrap();
        assert_eq!(draft.level, Level::Error);
        assert_eq!(draft.event_type.as_str(), "log.error");
        assert_eq!(draft.metadata.get(), r#"{"transaction_id":"tx_12345"}"#);
    }

    #[test]
    fn defaults_come_from_each_other() {
        assert_eq!(read("{}").unwrap().event_type.as_str(), "log.info");
        assert_eq!(read(r#"{"level":"fatal"}"#).unwrap().event_type.as_str(), "log.critical");
        assert_eq!(read(r#"{"event_type":"log.warning"}"#).unwrap().level, Level::Warning);
        assert_eq!(read(r#"{"event_type":"payment.failed"}"#).unwrap().level, Level::Info);
    }

    #[test]
    fn unknown_members_go_to_metadata_which_wins() {
        let draft = read(r#"{"host":"web1","amount":1,"metadata":{"amount":2},"seq":9,"received_at":"x"}"#).unwrap();
        assert_eq!(draft.metadata.get(), r#"{"amount":2,"host":"web1"}"#);
    }

    #[test]
    fn wrong_members_are_refused_with_their_pointer() {
        let cases = [
            (r#"{"level":"LOUD"}"#, "/level"),
            (r#"{"level":3}"#, "/level"),
            (r#"{"event_type":"Bad Type"}"#, "/event_type"),
            (r#"{"message":{}}"#, "/message"),
            (r#"{"source":[]}"#, "/source"),
            (r#"{"metadata":[1]}"#, "/metadata"),
            (r#"{"timestamp":"soon"}"#, "/timestamp"),
            (r#"{"id":"with space"}"#, "/id"),
            ("[]", ""),
            ("{\"a\":", ""),
            (r#"{"metadata":{"a":"\ud800"}}"#, ""),
            (r#"{"metadata":{"a":1e999}}"#, ""),
        ];
        for (json, pointer) in cases {
            assert_eq!(read(json).unwrap_err().pointer, pointer, "{json}");
        }
    }

    #[test]
    fn escapes_are_read() {
        assert_eq!(read(r#"{"mess\u0061ge":"\u00e9\n"}"#).unwrap().message, "é\n");
    }
}
