//! Datadog's log intake, versions 1 and 2: an array of entries, or one.

use serde_json::{Map, Value};

use super::{
    Refusal, Sink, Stop,
    record::{self, Context, Parts},
    text,
};

/// Hands every entry to `sink`. An empty object is an agent that looks whether somebody is there.
pub fn decode<S: Sink>(bytes: &[u8], context: &Context, sink: &mut S) -> Result<(), Stop<S::Error>> {
    let (text, notes) = text::read(bytes, sink).map_err(Stop::Full)?;
    text::values(&text, |index, json| {
        let parts = match text::value(json, context, sink).map_err(Stop::Full)? {
            Some(Value::Object(entry)) if entry.is_empty() => return Ok(()),
            Some(Value::Object(entry)) => {
                let tags = entry.get("ddtags").and_then(Value::as_str).map(tags);
                let mut parts = record::parts(entry, notes.clone());
                if let Some(tags) = tags.filter(|tags| !tags.is_empty()) {
                    parts.metadata.entry("tags").or_insert(Value::Object(tags));
                }
                parts
            }
            Some(Value::String(message)) => Parts { message, metadata: notes.clone(), ..Parts::default() },
            None => Parts::whole(json, context, &notes),
            _ => return Err(Refusal { index: Some(index), ..Refusal::malformed("an entry is no object") }.into()),
        };
        sink.add(parts.draft(context)).map(drop).map_err(Stop::Full)
    })?;
    Ok(())
}

/// `k:v,k2:v2`.
fn tags(text: &str) -> Map<String, Value> {
    let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once(':').unwrap_or((pair, ""))).map(|(k, v)| (k.to_owned(), v.into())).collect()
}
