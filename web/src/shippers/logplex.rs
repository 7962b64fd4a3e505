//! Heroku's drains: syslog messages, each behind its length, `83 <40>1 2012-11-30T06:45:29+00:00 host app web.3 - …`.

use loghorn_domain::Level;
use serde_json::{Map, Value};

use super::{
    Sink,
    record::{self, Context, Parts},
    text,
};

/// A frame, as one request speaks it.
#[derive(Debug, Clone, Default)]
pub struct Logplex {
    /// The same over all tries of one frame.
    pub frame_id: String,
    /// Whose logs they are.
    pub drain_token: Option<String>,
}

impl Logplex {
    /// Hands every message to `sink`. Nothing is refused: what has no length is taken line by line.
    pub fn decode<S: Sink>(&self, bytes: &[u8], context: &Context, sink: &mut S) -> Result<(), S::Error> {
        let (mut rest, mut count) = (bytes, 0);
        while !rest.is_empty() {
            let (message, after) = framed(rest).unwrap_or_else(|| {
                let end = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1);
                rest.split_at(end)
            });
            rest = after;
            let (message, mut notes) = text::read_one(message, sink)?;
            let message = message.trim_end_matches(['\n', '\r']);
            if message.is_empty() {
                continue;
            }
            sink.pass(2 * message.len())?;
            notes.extend(self.drain_token.clone().map(|token| ("drain_token".to_owned(), token.into())));
            let mut parts = syslog(message, notes.clone()).unwrap_or_else(|| Parts {
                message: message.to_owned(),
                level: record::level_in(message),
                metadata: notes,
                ..Parts::default()
            });
            if !self.frame_id.is_empty() {
                parts.id = Some(format!("{}/{count}", self.frame_id));
            }
            count += 1;
            sink.add(parts.draft(context))?;
        }
        Ok(())
    }
}

/// The message behind its length, and what follows.
fn framed(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    const DIGITS_MAX: usize = 8;
    let blank = bytes.iter().take(DIGITS_MAX + 1).position(|byte| *byte == b' ')?;
    let len: usize = std::str::from_utf8(&bytes[..blank]).ok()?.parse().ok()?;
    bytes[blank + 1..].split_at_checked(len)
}

/// RFC 5424 without structured data, which Heroku leaves out.
fn syslog(message: &str, mut metadata: Map<String, Value>) -> Option<Parts> {
    let (priority, rest) = message.strip_prefix('<')?.split_once('>')?;
    let severity = priority.parse::<u64>().ok()? % 8;
    let mut fields = rest.splitn(7, ' ');
    let [_version, time, host, app, process, message_id] = std::array::from_fn(|_| fields.next());
    let text = fields.next().unwrap_or_default();
    let said = |field: Option<&str>| field.filter(|field| *field != "-" && !field.is_empty()).map(str::to_owned);
    for (name, value) in [("procid", said(process)), ("msgid", said(message_id))] {
        metadata.extend(value.map(|value| (name.to_owned(), value.into())));
    }
    Some(Parts {
        // What an application writes comes with one priority for everything.
        level: record::level_in(text).or_else(|| Level::from_generic_number(severity)),
        source: said(app),
        message: text.to_owned(),
        host: said(host),
        at: record::read_time(time?),
        metadata,
        ..Parts::default()
    })
}
