//! The same as JSON, as protobuf's mapping has it: 64-bit numbers as text or number, unknown members left alone, missing
//! ones empty. The text is gone through once, and one record at a time is read out of it, straight into what it means.

use std::fmt;

use serde::{
    Deserialize,
    de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value, value::RawValue};

use super::{
    DEPTH_MAX, Record, Scope,
    any::{Any, By, Number, Pairs, Read, Text},
};
use crate::shippers::{
    Refusal, Sink, Stop,
    record::{Context, Notes, cut_to, shared_text},
    text,
};

/// Hands every record to `sink`.
pub fn decode<S: Sink>(bytes: &[u8], context: &Context, sink: &mut S) -> Result<(), Stop<S::Error>> {
    let (text, notes) = text::read(bytes, sink).map_err(Stop::Full)?;
    let text = if text.trim().is_empty() { "{}" } else { text.trim() };
    let mut reading = Reading { context, notes: &notes, sink, stop: None };
    let mut json = serde_json::Deserializer::from_str(text);
    let export = Level { of: &EXPORT, speaker: &Scope::default(), reading: &mut reading };
    let read = export.deserialize(&mut json).and_then(|()| json.end());
    match (reading.stop, read) {
        (Some(stop), _) => Err(stop),
        (None, read) => read.map_err(|error| refuse(error).into()),
    }
}

fn refuse(error: impl fmt::Display) -> Refusal {
    Refusal::malformed(format!("not well-formed JSON of ExportLogsServiceRequest: {error}"))
}

/// Who speaks, by whose part it is and what is said of them.
type Meaning = fn(&Scope, Head, &Context) -> Scope;

/// The objects that a request is nested of: one that may say who speaks, and a list.
struct Names {
    /// The member that says it, and what it means for those who spoke so far.
    speaker: Option<(&'static str, Meaning)>,
    /// The two names of the list.
    list: [&'static str; 2],
    /// What the list's elements are; records where absent.
    inner: Option<&'static Self>,
}

const EXPORT: Names = Names { speaker: None, list: ["resourceLogs", "resource_logs"], inner: Some(&RESOURCE) };
const RESOURCE: Names = Names {
    speaker: Some(("resource", |_, head, context| Scope::of_resource(head.attributes, context))),
    list: ["scopeLogs", "scope_logs"],
    inner: Some(&SCOPE),
};
const SCOPE: Names = Names {
    speaker: Some(("scope", |of, head, context| of.with_scope(head.name, head.version, head.attributes, context))),
    list: ["logRecords", "log_records"],
    inner: None,
};

/// What is the same for all of a request.
struct Reading<'r, S: Sink> {
    context: &'r Context,
    notes: &'r Notes,
    sink: &'r mut S,
    /// Why it ended, where that is not the text's fault.
    stop: Option<Stop<S::Error>>,
}

impl<S: Sink> Reading<'_, S> {
    /// Stops the reader of JSON, to which only an error of its own can be told.
    fn or_stop<T, E: serde::de::Error>(&mut self, done: Result<T, Stop<S::Error>>) -> Result<T, E> {
        done.map_err(|stop| {
            self.stop = Some(stop);
            E::custom("stopped")
        })
    }

    /// A resource or a scope; one that is too large to be taken apart has its beginning as its only attribute.
    fn head(&mut self, raw: &str) -> Result<Head, Stop<S::Error>> {
        let Some(room) = text::room_of_json(raw, self.context) else {
            return Ok(Head { attributes: cut_to(&shared_text(raw, self.context)), ..Head::default() });
        };
        self.sink.pass(room).map_err(Stop::Full)?;
        Ok(one(raw, Heads).unwrap_or_default())
    }

    fn record(&mut self, raw: &str, speaker: &Scope) -> Result<(), Stop<S::Error>> {
        if !raw.starts_with('{') {
            return Err(Refusal::malformed("a log record is no object").into());
        }
        let whole = || Record { body: shared_text(raw, self.context).into(), ..Record::default() };
        let record = match text::room_of_json(raw, self.context) {
            Some(room) => {
                self.sink.pass(room).map_err(Stop::Full)?;
                one(raw, Records)
            }
            None => None,
        };
        // Too large or too deep to be taken apart: its beginning is kept.
        let draft = record.unwrap_or_else(whole).draft(speaker, self.context, self.notes);
        self.sink.add(draft).map(drop).map_err(Stop::Full)
    }
}

/// What `read` makes of a JSON text.
fn one<'de, R: Read<'de>>(json: &'de str, read: R) -> Option<R::Out> {
    By(read).deserialize(&mut serde_json::Deserializer::from_str(json)).ok()
}

struct Level<'l, 'r, S: Sink> {
    of: &'static Names,
    speaker: &'l Scope,
    reading: &'l mut Reading<'r, S>,
}

impl<'de, S: Sink> DeserializeSeed<'de> for Level<'_, '_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de, S: Sink> Visitor<'de> for Level<'_, '_, S> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "an object with {}", self.of.list[0])
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let Self { of, speaker: outer, reading } = self;
        let mut speaker = None;
        // A list that comes before its speaker waits.
        let mut waiting: Option<&RawValue> = None;
        while let Some(name) = members.next_key_seed(Name(of))? {
            match (name, of.speaker) {
                (Member::Speaker, Some((_, meaning))) => {
                    let raw: &RawValue = members.next_value()?;
                    let head = reading.head(raw.get());
                    let head = reading.or_stop(head)?;
                    speaker = Some(meaning(outer, head, reading.context));
                }
                (Member::List, Some(_)) if speaker.is_none() => {
                    if waiting.replace(members.next_value()?).is_some() {
                        return Err(A::Error::duplicate_field(of.list[0]));
                    }
                }
                (Member::List, _) => {
                    let speaker = speaker.as_ref().unwrap_or(outer);
                    members.next_value_seed(List { of, speaker, reading: &mut *reading })?;
                }
                _ => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        let Some(waiting) = waiting else { return Ok(()) };
        let list = List { of, speaker: speaker.as_ref().unwrap_or(outer), reading };
        list.deserialize(&mut serde_json::Deserializer::from_str(waiting.get())).map_err(A::Error::custom)
    }
}

enum Member {
    Speaker,
    List,
    Other,
}

struct Name(&'static Names);

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Member;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Member, D::Error> {
        json.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Member;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a name")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Member, E> {
        let is_speaker = self.0.speaker.is_some_and(|(speaker, _)| speaker == name);
        Ok(match name {
            _ if is_speaker => Member::Speaker,
            _ if self.0.list.contains(&name) => Member::List,
            _ => Member::Other,
        })
    }
}

/// The list of a level; it may be null.
struct List<'l, 'r, S: Sink> {
    of: &'static Names,
    speaker: &'l Scope,
    reading: &'l mut Reading<'r, S>,
}

impl<'de, S: Sink> DeserializeSeed<'de> for List<'_, '_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de, S: Sink> Visitor<'de> for List<'_, '_, S> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self { of, speaker, reading } = self;
        match of.inner {
            Some(of) => while list.next_element_seed(Level { of, speaker, reading: &mut *reading })?.is_some() {},
            None => {
                while let Some(record) = list.next_element::<&RawValue>()? {
                    let done = reading.record(record.get(), speaker);
                    reading.or_stop(done)?;
                }
            }
        }
        Ok(())
    }
}

/// A resource or a scope.
#[derive(Default)]
struct Head {
    name: String,
    version: String,
    attributes: Map<String, Value>,
}

struct Heads;

impl<'de> Read<'de> for Heads {
    type Out = Head;

    fn object<A: MapAccess<'de>>(self, mut members: A) -> Result<Head, A::Error> {
        #[derive(Deserialize)]
        #[serde(field_identifier, rename_all = "lowercase")]
        enum Member {
            Name,
            Version,
            Attributes,
            #[serde(other)]
            Other,
        }
        let mut head = Head::default();
        while let Some(member) = members.next_key()? {
            match member {
                Member::Name => head.name = members.next_value_seed(By(Text))?,
                Member::Version => head.version = members.next_value_seed(By(Text))?,
                Member::Attributes => head.attributes = members.next_value_seed(By(Pairs(DEPTH_MAX)))?,
                Member::Other => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        Ok(head)
    }
}

struct Records;

impl<'de> Read<'de> for Records {
    type Out = Record;

    fn object<A: MapAccess<'de>>(self, mut members: A) -> Result<Record, A::Error> {
        #[derive(Deserialize)]
        #[serde(field_identifier, rename_all = "camelCase")]
        enum Member {
            #[serde(alias = "time_unix_nano")]
            TimeUnixNano,
            #[serde(alias = "observed_time_unix_nano")]
            ObservedTimeUnixNano,
            #[serde(alias = "severity_number")]
            SeverityNumber,
            #[serde(alias = "severity_text")]
            SeverityText,
            Body,
            Attributes,
            Flags,
            #[serde(alias = "trace_id")]
            TraceId,
            #[serde(alias = "span_id")]
            SpanId,
            #[serde(alias = "event_name")]
            EventName,
            #[serde(other)]
            Other,
        }
        let mut record = Record::default();
        while let Some(member) = members.next_key()? {
            match member {
                Member::TimeUnixNano => record.time_ns = members.next_value_seed(By(Number))?,
                Member::ObservedTimeUnixNano => record.observed_ns = members.next_value_seed(By(Number))?,
                Member::SeverityNumber => record.severity_number = members.next_value_seed(By(Number))?,
                Member::SeverityText => record.severity_text = members.next_value_seed(By(Text))?,
                Member::Body => record.body = members.next_value_seed(By(Any(DEPTH_MAX)))?,
                Member::Attributes => record.attributes = members.next_value_seed(By(Pairs(DEPTH_MAX)))?,
                Member::Flags => record.flags = members.next_value_seed(By(Number))?,
                Member::TraceId => record.trace_id = id(members.next_value_seed(By(Text))?),
                Member::SpanId => record.span_id = id(members.next_value_seed(By(Text))?),
                Member::EventName => record.event_name = members.next_value_seed(By(Text))?,
                Member::Other => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        Ok(record)
    }
}

/// An id in hex; one of zeros is none.
fn id(mut hex: String) -> String {
    hex.make_ascii_lowercase();
    if hex.bytes().all(|byte| byte == b'0') { String::new() } else { hex }
}
