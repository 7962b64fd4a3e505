//! Any bytes as what a log shipper sends: every event of it can be stored, nothing takes long, and what is no record
//! becomes a line.
#![no_main]

use std::convert::Infallible;

use libfuzzer_sys::fuzz_target;
use loghorn_domain::{Draft, Event, Level, Seq, Timestamp, event::Limits};
use loghorn_web::shippers::{
    generic::{self, Sink},
    record::{self, Context},
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

    fn add(&mut self, draft: Draft) -> Result<(), Infallible> {
        let limits = self.context.limits;
        assert!(!draft.event_type.is_own(), "nobody speaks in Loghorn's name");
        let fits = record::size(&draft) <= limits.event_bytes_max;
        let draft = if fits { draft } else { record::cut(draft, limits) };
        let event = draft.seal(self.context.received_at, limits).unwrap_or_else(|problem| panic!("{problem:?}"));
        let event = Event::new(Seq(1), "e".parse().unwrap(), event.head, event.tail);
        serde_json::from_str::<serde_json::Value>(&event.json()).unwrap();
        self.events += 1;
        Ok(())
    }
}

fuzz_target!(|input: (u8, &[u8])| {
    let (choice, body) = input;
    let (is_form, is_small, is_named) = (choice & 1 == 1, choice & 2 == 2, choice & 4 == 4);
    let name = |text: &str| is_named.then(|| text.to_owned());
    let context = Context {
        source: name("path"),
        tag: name("tag"),
        host: name("host"),
        level: is_named.then_some(Level::Error),
        received_at: Timestamp::from_millis(1_700_000_000_000),
        limits: Limits { event_bytes_max: if is_small { 512 } else { 256 * 1024 }, ..Limits::default() },
    };
    let mut stored = Stored { context: &context, events: 0 };
    let Ok(()) = generic::decode(body, is_form, &context, &mut stored);
    assert!(stored.events <= body.len());
    if let Ok(text) = std::str::from_utf8(body) {
        record::read_time(text);
    }
});
