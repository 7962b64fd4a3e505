//! What an event costs in each protocol of log shippers, from the body's bytes to the sealed event, against the generic
//! route's NDJSON in the same run. Ratios: how many times as many events a second.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, missing_docs)]

use std::{
    convert::Infallible,
    hint::black_box,
    time::{Duration, Instant},
};

use loghorn_domain::{Draft, Timestamp, event::Limits};
use loghorn_web::shippers::{
    Sink, datadog,
    elastic::Bulk,
    gelf,
    generic::Generic,
    loki::Loki,
    otlp::Otlp,
    record::Context,
    splunk::Hec,
    wire::{put_bytes, put_varint},
};

const EVENTS: usize = 1000;
const MESSAGE: &str = "Credit card processing timeout after 30 s";
const TIME_NS: u64 = 1_795_457_269_232_000_000;

/// Seals what it is given, and lets it go.
struct Sealing(usize);

impl Sink for Sealing {
    type Error = Infallible;

    fn pass(&mut self, _: usize) -> Result<(), Infallible> {
        Ok(())
    }

    fn hold(&mut self, _: usize) -> Result<(), Infallible> {
        Ok(())
    }

    fn add(&mut self, draft: Draft) -> Result<bool, Infallible> {
        black_box(draft.seal(Timestamp::from_millis(1_795_457_269_232), Limits::default()).unwrap());
        self.0 += 1;
        Ok(true)
    }

    fn reject(&mut self, _: &str) {}
}

fn attribute(out: &mut Vec<u8>, field: u32, key: &str, value: &str) {
    let (mut any, mut pair) = (Vec::new(), Vec::new());
    put_bytes(&mut any, 1, value.as_bytes());
    put_bytes(&mut pair, 1, key.as_bytes());
    put_bytes(&mut pair, 2, &any);
    put_bytes(out, field, &pair);
}

fn otlp_proto() -> Vec<u8> {
    let (mut record, mut body) = (Vec::new(), Vec::new());
    // `fixed64` has no writer: nobody answers with one.
    record.push(1 << 3 | 1);
    record.extend(TIME_NS.to_le_bytes());
    put_varint(&mut record, 2, 17);
    put_bytes(&mut record, 3, b"ERROR");
    put_bytes(&mut body, 1, MESSAGE.as_bytes());
    put_bytes(&mut record, 5, &body);
    for (key, value) in [("transaction_id", "tx_12345"), ("currency", "EUR"), ("brand", "visa"), ("country", "DE")] {
        attribute(&mut record, 6, key, value);
    }
    let (mut resource, mut scope_logs, mut resource_logs, mut export) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    attribute(&mut resource, 1, "service.name", "payment-service");
    (0..EVENTS).for_each(|_| put_bytes(&mut scope_logs, 2, &record));
    put_bytes(&mut resource_logs, 1, &resource);
    put_bytes(&mut resource_logs, 2, &scope_logs);
    put_bytes(&mut export, 1, &resource_logs);
    export
}

fn otlp_json() -> String {
    let pair = |key: &str, value: &str| format!(r#"{{"key":"{key}","value":{{"stringValue":"{value}"}}}}"#);
    let pairs = [("transaction_id", "tx_12345"), ("currency", "EUR"), ("brand", "visa"), ("country", "DE")];
    let attributes = pairs.map(|(key, value)| pair(key, value)).join(",");
    let record = format!(
        r#"{{"timeUnixNano":"{TIME_NS}","severityNumber":17,"severityText":"ERROR","body":{{"stringValue":"{MESSAGE}"}},"attributes":[{attributes}]}}"#
    );
    let records = vec![record; EVENTS].join(",");
    let resource = pair("service.name", "payment-service");
    format!(
        r#"{{"resourceLogs":[{{"resource":{{"attributes":[{resource}]}},"scopeLogs":[{{"logRecords":[{records}]}}]}}]}}"#
    )
}

/// Events a second, the best of some rounds: others may be using the machine.
fn rate(decode: impl Fn(&mut Sealing)) -> f64 {
    let began = Instant::now();
    let mut best = Duration::MAX;
    while began.elapsed() < Duration::from_millis(700) {
        let (mut sink, began) = (Sealing(0), Instant::now());
        decode(&mut sink);
        best = best.min(began.elapsed());
        assert_eq!(sink.0, EVENTS);
    }
    EVENTS as f64 / best.as_secs_f64()
}

fn main() {
    let context = &Context {
        source: None,
        tag: None,
        host: None,
        tenant: None,
        level: None,
        received_at: Timestamp::from_millis(1_795_457_269_232),
        limits: Limits::default(),
    };
    const MEMBERS: &str = r#""transaction_id":"tx_12345","currency":"EUR","brand":"visa","country":"DE""#;
    let record = format!(
        r#"{{"level":"error","service":"payment-service","message":"{MESSAGE}","time":"2026-11-23T18:07:49.232Z",{MEMBERS}}}"#
    );
    let lines = |line: &str| (line.to_owned() + "\n").repeat(EVENTS);
    let ndjson = lines(&record);
    let generic = Generic::default();
    let ceiling = rate(|sink| generic.decode(ndjson.as_bytes(), context, sink).unwrap());
    println!("{:<24} {ceiling:>10.0} events/s", "generic NDJSON");
    let line = |name: &str, goal: f64, rate: f64| {
        println!("{name:<24} {rate:>10.0} events/s  {:>5.2}  (≥ {goal})", rate / ceiling);
    };
    let (proto, json) = (otlp_proto(), otlp_json());
    line("OTLP protobuf", 1.0, rate(|sink| Otlp { is_json: false }.decode(&proto, context, sink).unwrap()));
    line("OTLP JSON", 0.5, rate(|sink| Otlp { is_json: true }.decode(json.as_bytes(), context, sink).unwrap()));
    let text = vec![format!(r#"["{TIME_NS}","{MESSAGE}",{{{MEMBERS}}}]"#); EVENTS].join(",");
    let loki = format!(r#"{{"streams":[{{"stream":{{"level":"error","app":"payment-service"}},"values":[{text}]}}]}}"#);
    line("Loki JSON", 0.5, rate(|sink| Loki { is_json: true }.decode(loki.as_bytes(), context, sink).unwrap()));
    let bulk = lines(&format!("{{\"create\":{{\"_index\":\"logs\"}}}}\n{record}"));
    line(
        "Elasticsearch _bulk",
        0.5,
        rate(|sink| drop(Bulk::default().decode(bulk.as_bytes(), context, sink).unwrap())),
    );
    let hec = lines(&format!(r#"{{"time":1795457269.232,"host":"web1","event":{record}}}"#));
    line("Splunk HEC", 0.5, rate(|sink| Hec::default().decode(hec.as_bytes(), context, sink).unwrap()));
    let message = format!(
        r#"{{"version":"1.1","host":"web1","short_message":"{MESSAGE}","level":3,"timestamp":1795457269.232,"_app":"payment-service",{MEMBERS}}}"#
    );
    line("GELF", 0.5, rate(|sink| gelf::decode(lines(&message).as_bytes(), context, sink).unwrap()));
    line("Datadog", 0.5, rate(|sink| datadog::decode(ndjson.as_bytes(), context, sink).unwrap()));
}
