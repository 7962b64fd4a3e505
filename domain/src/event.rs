//! An event: what came in, as it is kept and as it goes out.
//!
//! The JSON of an event is written once, when it is accepted, and those bytes are what the log keeps and the webhook
//! carries. Only the id and the seq, known after the append, are put in front of them.

use std::sync::{Arc, LazyLock, OnceLock};

use bytes::Bytes;
use memchr::memmem::Finder;
use serde_json::{Value, value::RawValue};

use crate::{EndpointNo, EventId, EventType, Level, Problem, Seq, Timestamp};

/// What must not be exceeded by one event.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Largest event as JSON, in bytes.
    pub event_bytes_max: usize,
    /// Deepest nesting of objects and arrays.
    pub depth_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { event_bytes_max: 256 * 1024, depth_max: 64 }
    }
}

/// An event as a sender described it, before the log has seen it.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The sender's own id; the key of deduplication.
    pub id: Option<EventId>,
    /// Given, or `log.<level>`.
    pub event_type: EventType,
    /// Given, or from the type, or `INFO`.
    pub level: Level,
    /// Who says so; may be empty.
    pub source: String,
    /// What happened; may be empty.
    pub message: String,
    /// A JSON object.
    pub metadata: Box<RawValue>,
    /// The sender's clock; the time of receipt where absent.
    pub timestamp: Option<Timestamp>,
}

/// What is known of an event without reading its JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Its type.
    pub event_type: EventType,
    /// Its level.
    pub level: Level,
    /// Its source.
    pub source: Arc<str>,
    /// The sender's clock.
    pub timestamp: Timestamp,
    /// Our clock.
    pub received_at: Timestamp,
    /// Set on synthetic test events: the one endpoint that gets it, whatever its filter says.
    pub only: Option<EndpointNo>,
}

/// An event ready to be appended.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// The sender's own id; where absent the log makes one at the append.
    pub id: Option<EventId>,
    /// What is known without reading the JSON.
    pub head: Head,
    /// The event's JSON without its opening brace, id and seq: `"event_type":…,"received_at":"…"}`.
    pub tail: Bytes,
}

impl Draft {
    /// Fixes the event's JSON. Refuses what is larger or deeper than `limits` allow.
    pub fn seal(self, received_at: Timestamp, limits: Limits) -> Result<NewEvent, Problem> {
        let metadata = self.metadata.get();
        if !is_depth_within(metadata.as_bytes(), limits.depth_max.saturating_sub(1)) {
            return Err(Problem::new("/metadata", format!("nested deeper than {} levels", limits.depth_max)));
        }
        let timestamp = self.timestamp.unwrap_or(received_at);
        let tail = self.tail(timestamp, received_at);
        if tail.len() > limits.event_bytes_max {
            let detail = format!("the event is {} bytes as JSON, the limit is {}", tail.len(), limits.event_bytes_max);
            return Err(Problem::new("", detail));
        }
        let head = Head {
            event_type: self.event_type,
            level: self.level,
            source: self.source.into(),
            timestamp,
            received_at,
            only: None,
        };
        Ok(NewEvent { id: self.id, head, tail: tail.into() })
    }

    fn tail(&self, timestamp: Timestamp, received_at: Timestamp) -> String {
        let metadata = self.metadata.get();
        let room = 200 + self.event_type.as_str().len() + self.source.len() + self.message.len() + metadata.len();
        let mut tail = String::with_capacity(room);
        tail.push_str("\"event_type\":\"");
        tail.push_str(self.event_type.as_str());
        tail.push_str("\",\"level\":\"");
        tail.push_str(self.level.name());
        tail.push_str("\",\"source\":");
        push_json_string(&mut tail, &self.source);
        tail.push_str(",\"message\":");
        push_json_string(&mut tail, &self.message);
        tail.push_str(",\"metadata\":");
        tail.push_str(metadata);
        tail.push_str(",\"timestamp\":\"");
        timestamp.write_to(&mut tail);
        tail.push_str("\",\"received_at\":\"");
        received_at.write_to(&mut tail);
        tail.push_str("\"}");
        tail
    }
}

/// An accepted event. Cheap to share, never changed.
#[derive(Debug)]
pub struct Event {
    /// Its place in the log.
    pub seq: Seq,
    /// Its id.
    pub id: EventId,
    /// What is known without reading the JSON.
    pub head: Head,
    tail: Bytes,
    value: OnceLock<Value>,
    body: OnceLock<Bytes>,
}

impl Event {
    /// An event at its place in the log. `tail` as in [`NewEvent::tail`].
    pub fn new(seq: Seq, id: EventId, head: Head, tail: Bytes) -> Self {
        Self { seq, id, head, tail, value: OnceLock::new(), body: OnceLock::new() }
    }

    /// The same event as it was before anyone read it: to keep it takes its bytes, not the many times larger value.
    pub fn unread(&self) -> Self {
        Self::new(self.seq, self.id.clone(), self.head.clone(), self.tail.clone())
    }

    /// The JSON as it is kept: see [`NewEvent::tail`].
    pub fn tail(&self) -> &Bytes {
        &self.tail
    }

    /// Bytes of memory and disk this event stands for; an estimate.
    pub fn weight(&self) -> usize {
        self.tail.len() + self.head.source.len() + self.id.as_str().len() + 160
    }

    /// The trace that the event belongs to: `metadata.traceparent`, where that is one (W3C Trace Context, level 1).
    pub fn traceparent(&self) -> Option<String> {
        // Nearly no event has one: its JSON need not be read for that.
        static NAME: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"traceparent\""));
        NAME.find(&self.tail)?;
        let json: Value = serde_json::from_str(&self.json()).ok()?;
        json["metadata"]["traceparent"].as_str().filter(|text| is_traceparent(text)).map(str::to_owned)
    }

    /// The whole event as JSON text.
    pub fn json(&self) -> String {
        let mut json = String::with_capacity(self.tail.len() + 200);
        self.write_json(&mut json);
        json
    }

    /// Bytes of [`Event::json`].
    pub(crate) fn json_bytes(&self) -> usize {
        let id = self.id.as_str();
        // An id is visible ASCII.
        let escaped = id.bytes().filter(|b| matches!(b, b'"' | b'\\')).count();
        let seq = self.seq.0.checked_ilog10().map_or(1, |digits| digits as usize + 1);
        "{\"id\":\"\",\"seq\":,".len() + id.len() + escaped + seq + self.tail.len()
    }

    pub(crate) fn write_json(&self, out: &mut String) {
        out.push_str("{\"id\":");
        push_json_string(out, self.id.as_str());
        out.push_str(",\"seq\":");
        out.push_str(&self.seq.to_string());
        out.push(',');
        match std::str::from_utf8(&self.tail) {
            Ok(tail) => out.push_str(tail),
            // It was written by us from text: a damaged store.
            Err(_) => out.push_str(&String::from_utf8_lossy(&self.tail)),
        }
    }

    /// The whole event as a JSON value, read on first use. [`Value::Null`] where the bytes are no JSON (a damaged
    /// store): nothing is then found in it.
    pub fn value(&self) -> &Value {
        &self.value_in_array()[0]
    }

    /// The same as the only element of an array: what a filter selector `$[?…]` is applied to.
    pub fn value_in_array(&self) -> &Value {
        self.value.get_or_init(|| {
            let value: Value = serde_json::from_str(&self.json()).unwrap_or(Value::Null);
            Value::Array(vec![value])
        })
    }

    /// The body of its webhook in the format `standard`: `{"type":…,"timestamp":…,"data":{event}}`. Made on first
    /// use and shared by all deliveries of the event.
    pub fn standard_body(&self) -> Bytes {
        self.body
            .get_or_init(|| {
                let mut body = String::with_capacity(self.tail.len() + 300);
                body.push_str("{\"type\":\"");
                body.push_str(self.head.event_type.as_str());
                body.push_str("\",\"timestamp\":\"");
                self.head.timestamp.write_to(&mut body);
                body.push_str("\",\"data\":");
                self.write_json(&mut body);
                body.push('}');
                body.into()
            })
            .clone()
    }
}

/// `version-trace_id-parent_id-flags` in lower-case hex, neither id all zeros; version `ff` is none.
fn is_traceparent(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let is_hex =
        |part: &str, len: usize| part.len() == len && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let is_id = |part: &str, len: usize| is_hex(part, len) && part.bytes().any(|b| b != b'0');
    match parts[..] {
        [version, trace, parent, flags] => {
            is_hex(version, 2) && version != "ff" && is_id(trace, 32) && is_id(parent, 16) && is_hex(flags, 2)
        }
        _ => false,
    }
}

fn push_json_string(out: &mut String, text: &str) {
    let needs_escape = |b: u8| b < 0x20 || b == b'"' || b == b'\\';
    if text.bytes().any(needs_escape) {
        // A string always serialises.
        out.push_str(&serde_json::to_string(text).unwrap_or_default());
    } else {
        out.push('"');
        out.push_str(text);
        out.push('"');
    }
}

/// Whether the objects and arrays of `json` nest at most `depth_max` deep. `json` must be well-formed.
pub fn is_depth_within(json: &[u8], depth_max: usize) -> bool {
    // Most events hold fewer brackets than the limit: counting them is much faster than reading.
    if json.iter().filter(|b| matches!(b, b'{' | b'[')).count() <= depth_max {
        return true;
    }
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for &byte in json {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => {
                depth += 1;
                if depth > depth_max {
                    return false;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(metadata: &str) -> Draft {
        Draft {
            id: None,
            event_type: "payment.failed".parse().unwrap(),
            level: Level::Error,
            source: "pay \"quoted\"".into(),
            message: "line\nbreak é".into(),
            metadata: RawValue::from_string(metadata.into()).unwrap(),
            timestamp: None,
        }
    }

    fn accepted(draft: Draft) -> Event {
        let new = draft.seal(Timestamp::from_millis(1_000), Limits::default()).unwrap();
        Event::new(Seq(7), "own-id".parse().unwrap(), new.head, new.tail)
    }

    #[test]
    fn the_json_holds_every_member_once() {
        let event = accepted(draft(r#"{"amount":1250.50}"#));
        let expected = r#"{"id":"own-id","seq":7,"event_type":"payment.failed","level":"ERROR","source":"pay \"quoted\"","message":"line\nbreak é","metadata":{"amount":1250.50},"timestamp":"1970-01-01T00:00:01.000Z","received_at":"1970-01-01T00:00:01.000Z"}"#;
        assert_eq!(event.json(), expected);
        assert_eq!(event.json_bytes(), expected.len());
        let odd = Event::new(Seq(1000), r#"a"\b"#.parse().unwrap(), event.head.clone(), event.tail.clone());
        assert_eq!(odd.json_bytes(), odd.json().len());
        assert_eq!(event.value()["metadata"]["amount"], 1250.5);
        let body: Value = serde_json::from_slice(&event.standard_body()).unwrap();
        assert_eq!(body["type"], "payment.failed");
        assert_eq!(&body["data"], event.value());
    }

    #[test]
    fn only_a_real_traceparent_is_passed_on() {
        let of = |text: &str| accepted(draft(&format!(r#"{{"traceparent":"{text}"}}"#))).traceparent();
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(of(good).as_deref(), Some(good));
        for bad in [
            "",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\\r\\nx: y",
        ] {
            assert_eq!(of(bad), None, "{bad}");
        }
        assert_eq!(accepted(draft("{}")).traceparent(), None);
    }

    #[test]
    fn too_large_and_too_deep_are_refused() {
        let limits = Limits { event_bytes_max: 300, depth_max: 3 };
        let seal = |metadata: &str| draft(metadata).seal(Timestamp::default(), limits);
        assert!(seal(r#"{"a":{"b":1}}"#).is_ok());
        assert_eq!(seal(r#"{"a":{"b":[[]]}}"#).unwrap_err().pointer, "/metadata");
        assert!(seal(&format!(r#"{{"a":"{}"}}"#, "x".repeat(300))).unwrap_err().detail.contains("the limit is 300"));
    }

    #[test]
    fn depth_counts_no_brackets_inside_strings() {
        assert!(is_depth_within(br#"{"a":"[[[[\"[["}"#, 1));
        assert!(!is_depth_within(br#"{"a":[{}]}"#, 2));
        assert!(is_depth_within(br#"[[],[],[],[]]"#, 2));
    }
}
