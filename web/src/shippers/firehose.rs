//! Amazon Data Firehose: records in base64, each of which is anything the generic route takes. Those of CloudWatch Logs
//! are packed with gzip once more, and hold a list of lines.

use std::io::Read as _;

use base64::{Engine, engine::general_purpose::STANDARD};
use loghorn_domain::Draft;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::{
    Refusal, Sink, Stop, generic,
    record::{self, Context, Notes, Parts},
    text,
};
use crate::elements::Elements;

/// Largest record, unpacked. Amazon takes a mebibyte, packed.
const RECORD_BYTES_MAX: u64 = 16 << 20;

/// A delivery, as one request speaks it.
#[derive(Debug, Clone, Default)]
pub struct Firehose {
    /// The same over all tries of one delivery.
    pub request_id: String,
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    records: &'a RawValue,
}

#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    data: std::borrow::Cow<'a, str>,
}

impl Firehose {
    /// Hands every record's events to `sink`.
    pub fn decode<S: Sink>(&self, bytes: &[u8], context: &Context, sink: &mut S) -> Result<(), Stop<S::Error>> {
        let (text, _) = text::read(bytes, sink).map_err(Stop::Full)?;
        let malformed = |why: &dyn std::fmt::Display| Refusal::malformed(format!("not a well-formed delivery: {why}"));
        let body: Body<'_> = serde_json::from_str(text.trim()).map_err(|error| malformed(&error))?;
        let mut numbered = Numbered { sink, request_id: &self.request_id, count: 0, room: 0 };
        for record in Elements::new(body.records.get()) {
            let record = record.map_err(|_| malformed(&"expected an array of records"))?;
            // As it is unescaped, and without base64.
            let room = 2 * record.len();
            numbered.hold_one(room).map_err(Stop::Full)?;
            let Record { data } = serde_json::from_str(record).map_err(|error| malformed(&error))?;
            let data = STANDARD.decode(data.as_bytes()).map_err(|error| malformed(&error))?;
            let data = unpacked(data, room, &mut numbered).map_err(Stop::Full)?;
            if !cloud_watch(&data, context, &mut numbered).map_err(Stop::Full)? {
                generic::decode(&data, context, &mut numbered).map_err(Stop::Full)?;
            }
        }
        Ok(())
    }
}

/// Undoes gzip; what is broken or too large stays packed. `room`: what the record takes already.
fn unpacked<S: Sink>(data: Vec<u8>, room: usize, sink: &mut Numbered<'_, S>) -> Result<Vec<u8>, S::Error> {
    if !data.starts_with(&[0x1f, 0x8b]) {
        return Ok(data);
    }
    let mut out = Vec::new();
    let mut decoder = flate2::read::MultiGzDecoder::new(&data[..]).take(RECORD_BYTES_MAX + 1);
    loop {
        const PART: usize = 1 << 20;
        if out.capacity() - out.len() < PART {
            let wanted = (2 * out.capacity()).max(PART);
            // What it was lives while it is copied.
            sink.pass(out.capacity())?;
            sink.hold_one(room + wanted)?;
            out.reserve_exact(wanted - out.len());
        }
        match decoder.by_ref().take(PART as u64).read_to_end(&mut out) {
            Ok(0) => break,
            Ok(_) => {}
            Err(_) => return Ok(data),
        }
    }
    Ok(if out.len() as u64 > RECORD_BYTES_MAX { data } else { out })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CloudWatch<'a> {
    message_type: std::borrow::Cow<'a, str>,
    #[serde(default)]
    owner: String,
    #[serde(default)]
    log_group: String,
    #[serde(default)]
    log_stream: String,
    #[serde(borrow)]
    log_events: &'a RawValue,
}

/// Hands the lines of CloudWatch Logs to `sink`; false where these are none.
fn cloud_watch<S: Sink>(data: &[u8], context: &Context, sink: &mut S) -> Result<bool, S::Error> {
    let Ok(text) = std::str::from_utf8(data) else { return Ok(false) };
    if !text.contains("\"logEvents\"") {
        return Ok(false);
    }
    let Ok(batch) = serde_json::from_str::<CloudWatch<'_>>(text.trim()) else { return Ok(false) };
    if !batch.log_events.get().starts_with('[') {
        return Ok(false);
    }
    // A look whether somebody is there.
    if batch.message_type == "CONTROL_MESSAGE" {
        return Ok(true);
    }
    let log_group = record::shared_text(&batch.log_group, context);
    let said = [("owner", batch.owner), ("log_group", batch.log_group), ("log_stream", batch.log_stream)];
    let said = said.into_iter().filter(|(_, text)| !text.is_empty());
    let notes: Notes = record::shared(said.map(|(name, text)| (name.to_owned(), text.into())).collect(), context);
    for event in Elements::new(batch.log_events.get()).flatten() {
        let Some(mut event) = text::object(event, context, sink)? else {
            sink.add(Parts::whole(event, context, &notes).draft(context))?;
            continue;
        };
        let message = event.remove("message").and_then(|message| message.as_str().map(str::to_owned));
        let mut parts = line(&message.unwrap_or_default(), &notes, context, sink)?;
        let at = event.get("timestamp").and_then(|time| record::read_time(&time.to_string()));
        parts.at = at.or(parts.at);
        parts.id = event.get("id").and_then(Value::as_str).map(str::to_owned);
        parts.source = parts.source.or_else(|| Some(log_group.clone()).filter(|text| !text.is_empty()));
        sink.add(parts.draft(context))?;
    }
    Ok(true)
}

fn line<S: Sink>(message: &str, notes: &Notes, context: &Context, sink: &mut S) -> Result<Parts, S::Error> {
    let object = if message.starts_with('{') { text::object(message, context, sink)? } else { None };
    Ok(match object {
        Some(object) => record::parts(object, notes.clone()),
        None => {
            let (level, message) = (record::level_in(message), message.to_owned());
            Parts { level, message, metadata: notes.clone(), ..Parts::default() }
        }
    })
}

/// Numbers the events of a delivery, so that its repetition stores nothing twice.
struct Numbered<'a, S> {
    sink: &'a mut S,
    request_id: &'a str,
    count: usize,
    /// What is held for a record: one lives at a time.
    room: usize,
}

impl<S: Sink> Numbered<'_, S> {
    /// Asked for what one record takes while its events are read; the next takes the same.
    fn hold_one(&mut self, bytes: usize) -> Result<(), S::Error> {
        let more = bytes.saturating_sub(self.room);
        self.room += more;
        if more > 0 { self.sink.hold(more) } else { Ok(()) }
    }
}

impl<S: Sink> Sink for Numbered<'_, S> {
    type Error = S::Error;

    fn pass(&mut self, bytes: usize) -> Result<(), S::Error> {
        self.sink.pass(bytes)
    }

    fn hold(&mut self, bytes: usize) -> Result<(), S::Error> {
        self.sink.hold(bytes)
    }

    fn add(&mut self, mut draft: Draft) -> Result<bool, S::Error> {
        if draft.id.is_none() && !self.request_id.is_empty() {
            draft.id = format!("{}/{}", self.request_id, self.count).parse().ok();
        }
        self.count += 1;
        self.sink.add(draft)
    }

    fn reject(&mut self, reason: &str) {
        self.sink.reject(reason);
    }
}
