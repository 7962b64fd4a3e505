//! Any bytes as what a log shipper sends, in each of their protocols: every event of it can be stored, nothing takes
//! long, and what is no record becomes a line or is refused.
#![no_main]

use std::convert::Infallible;

use libfuzzer_sys::fuzz_target;
use loghorn_domain::{Draft, Event, Level, Seq, Timestamp, event::Limits};
use loghorn_web::shippers::{
    Sink,
    cloudevents::CloudEvents,
    cut, datadog,
    elastic::{self, Bulk, Document, Verb},
    firehose::Firehose,
    gelf,
    generic::Generic,
    journal,
    logplex::Logplex,
    loki::Loki,
    otlp::Otlp,
    record::{self, Context},
    splunk::Hec,
};

/// Keeps every event as it would be stored.
struct Stored<'a> {
    context: &'a Context,
    events: usize,
}

impl Sink for Stored<'_> {
    type Error = Infallible;

    fn pass(&mut self, _: usize) -> Result<(), Infallible> {
        Ok(())
    }

    fn hold(&mut self, _: usize) -> Result<(), Infallible> {
        Ok(())
    }

    fn add(&mut self, draft: Draft) -> Result<bool, Infallible> {
        let limits = self.context.limits;
        assert!(!draft.event_type.is_own(), "nobody speaks in Loghorn's name");
        let fits = cut::size(&draft) <= limits.event_bytes_max;
        let draft = if fits { draft } else { cut::cut(draft, limits) };
        let event = draft.seal(self.context.received_at, limits).unwrap_or_else(|problem| panic!("{problem:?}"));
        let event = Event::new(Seq(1), "e".parse().unwrap(), event.head, event.tail);
        serde_json::from_str::<serde_json::Value>(&event.json()).unwrap();
        self.events += 1;
        Ok(true)
    }

    fn reject(&mut self, _: &str) {}
}

/// A refusal is as good as an event.
fn ended<T>(_: T) {}

fuzz_target!(|input: (u8, u8, &[u8])| {
    let (protocol, choice, body) = input;
    let (is_one, is_small, is_named) = (choice & 1 == 1, choice & 2 == 2, choice & 4 == 4);
    let name = |text: &str| is_named.then(|| text.to_owned());
    let context = Context {
        source: name("path"),
        tag: name("tag"),
        host: name("host"),
        tenant: name("tenant"),
        level: is_named.then_some(Level::Error),
        received_at: Timestamp::from_millis(1_700_000_000_000),
        limits: Limits { event_bytes_max: if is_small { 512 } else { 256 * 1024 }, ..Limits::default() },
    };
    let sink = &mut Stored { context: &context, events: 0 };
    match protocol % 13 {
        0 => ended(Generic { is_form: is_one, is_msgpack: false }.decode(body, &context, sink)),
        1 => ended(Generic { is_form: false, is_msgpack: true }.decode(body, &context, sink)),
        2 => ended(Otlp { is_json: is_one }.decode(body, &context, sink)),
        3 => ended(Loki { is_json: is_one }.decode(body, &context, sink)),
        4 => {
            if let Ok(items) = (Bulk { index: name("index") }).decode(body, &context, sink) {
                let answer = elastic::bulk_answer(&items, &[], 1);
                serde_json::from_str::<serde_json::Value>(&answer).unwrap();
            }
        }
        5 => {
            let document = Document { verb: Verb::Index, index: "index".into(), id: name("id") };
            ended(document.decode(body, &context, sink));
        }
        6 => ended(Hec { is_raw: is_one, ..Hec::default() }.decode(body, &context, sink)),
        7 => ended(gelf::decode(body, &context, sink)),
        8 => ended(datadog::decode(body, &context, sink)),
        9 => {
            let binary = || CloudEvents::Binary(serde_json::Map::new());
            let mode = if is_one { CloudEvents::Structured } else if is_named { CloudEvents::Batch } else { binary() };
            ended(mode.decode(body, &context, sink));
        }
        10 => ended(journal::decode(body, &context, sink)),
        11 => ended(Logplex { frame_id: "frame".into(), drain_token: name("token") }.decode(body, &context, sink)),
        _ => ended(Firehose { request_id: "request".into() }.decode(body, &context, sink)),
    }
    // What is packed inside of a record may hold more events than it has bytes.
    assert!(protocol % 13 == 12 || sink.events <= body.len() + 1);
    if let Ok(text) = std::str::from_utf8(body) {
        record::read_time(text);
    }
});
