//! What an event costs in each protocol of log shippers, from the body's bytes to the sealed event, against the generic
//! route's NDJSON of the same run: how many times as many events a second. Both take turns, and the middle of the rounds
//! counts.
//!
//! The second table has the same with compression undone first, as most senders have it.
//! `cargo bench --bench shippers -- OTLP` runs only the lines whose name holds the word.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, missing_docs, unreachable_pub)]

#[path = "support/shippers.rs"]
mod bodies;

use std::{
    convert::Infallible,
    hint::black_box,
    io::Read,
    time::{Duration, Instant},
};

use loghorn_domain::{Draft, Timestamp, event::Limits};
use loghorn_web::shippers::{
    Sink, cloudevents::CloudEvents, datadog, elastic::Bulk, firehose::Firehose, gelf, generic::Generic, journal,
    logplex::Logplex, loki::Loki, otlp::Otlp, record::Context, splunk::Hec,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const EVENTS: usize = 1000;
const ROUNDS: usize = 9;
const ROUND: Duration = Duration::from_millis(60);

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

type Decode = Box<dyn Fn(&[u8], &Context, &mut Sealing)>;

fn decoder(decode: impl Fn(&[u8], &Context, &mut Sealing) + 'static) -> Decode {
    Box::new(decode)
}

/// How a body is packed on its way.
#[derive(Clone, Copy)]
enum Packing {
    Gzip,
    Zstd,
    Snappy,
}

impl Packing {
    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Snappy => "snappy",
        }
    }

    fn pack(self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Gzip => {
                flate2::read::GzEncoder::new(bytes, flate2::Compression::default()).read_to_end(&mut out).unwrap();
            }
            Self::Zstd => out = zstd::encode_all(bytes, 3).unwrap(),
            Self::Snappy => out = snap::raw::Encoder::new().compress_vec(bytes).unwrap(),
        }
        out
    }

    /// By the same libraries as the server.
    fn unpack(self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Gzip => drop(flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut out).unwrap()),
            Self::Zstd => out = zstd::decode_all(bytes).unwrap(),
            Self::Snappy => out = snap::raw::Decoder::new().decompress_vec(bytes).unwrap(),
        }
        out
    }
}

struct Protocol {
    name: &'static str,
    /// Least share of the generic route's rate.
    goal: f64,
    body: Vec<u8>,
    /// As its senders pack it, those that do.
    packing: Option<Packing>,
    decode: Decode,
}

fn protocols() -> Vec<Protocol> {
    const GZIP: Option<Packing> = Some(Packing::Gzip);
    const SNAPPY: Option<Packing> = Some(Packing::Snappy);
    const ZSTD: Option<Packing> = Some(Packing::Zstd);
    let of = |name, goal, body: Vec<u8>, packing, decode| Protocol { name, goal, body, packing, decode };
    let generic = || decoder(|bytes, context, sink| Generic::default().decode(bytes, context, sink).unwrap());
    let msgpack = Generic { is_msgpack: true, is_form: false };
    let otlp = |is_json| decoder(move |bytes, context, sink| Otlp { is_json }.decode(bytes, context, sink).unwrap());
    let loki = |is_json| decoder(move |bytes, context, sink| Loki { is_json }.decode(bytes, context, sink).unwrap());
    let hec = |is_raw| {
        let hec = Hec { is_raw, ..Hec::default() };
        decoder(move |bytes, context, sink| hec.decode(bytes, context, sink).unwrap())
    };
    let heroku = Logplex { frame_id: "frame".into(), drain_token: Some("d.1".into()) };
    let firehose = Firehose { request_id: "request".into() };
    vec![
        of("generic NDJSON", 1.0, bodies::ndjson(EVENTS), GZIP, generic()),
        of("generic, lines of text", 0.5, bodies::lines(EVENTS), GZIP, generic()),
        of(
            "generic MessagePack",
            0.5,
            bodies::msgpack(EVENTS),
            GZIP,
            decoder(move |bytes, context, sink| msgpack.decode(bytes, context, sink).unwrap()),
        ),
        of("OTLP protobuf", 1.0, bodies::otlp_proto(EVENTS), GZIP, otlp(false)),
        of("OTLP JSON", 0.5, bodies::otlp_json(EVENTS), GZIP, otlp(true)),
        of("Loki protobuf", 0.5, bodies::loki_proto(EVENTS), SNAPPY, loki(false)),
        of("Loki JSON", 0.5, bodies::loki_json(EVENTS), GZIP, loki(true)),
        of(
            "Elasticsearch _bulk",
            0.5,
            bodies::bulk(EVENTS),
            GZIP,
            decoder(|bytes, context, sink| drop(Bulk::default().decode(bytes, context, sink).unwrap())),
        ),
        of("Splunk HEC", 0.5, bodies::hec(EVENTS), GZIP, hec(false)),
        of("Splunk HEC raw", 0.5, bodies::lines(EVENTS), GZIP, hec(true)),
        of(
            "GELF",
            0.5,
            bodies::gelf(EVENTS),
            GZIP,
            decoder(|bytes, context, sink| gelf::decode(bytes, context, sink).unwrap()),
        ),
        of(
            "CloudEvents, batch",
            0.5,
            bodies::cloud_events(EVENTS),
            GZIP,
            decoder(|bytes, context, sink| CloudEvents::Batch.decode(bytes, context, sink).unwrap()),
        ),
        of(
            "Datadog",
            0.5,
            bodies::datadog(EVENTS),
            ZSTD,
            decoder(|bytes, context, sink| datadog::decode(bytes, context, sink).unwrap()),
        ),
        of("Alertmanager", 0.5, bodies::alerts(EVENTS), None, generic()),
        of("Kubernetes audit", 0.5, bodies::audit(EVENTS), None, generic()),
        of(
            "AWS Firehose",
            0.5,
            bodies::firehose(EVENTS),
            GZIP,
            decoder(move |bytes, context, sink| firehose.decode(bytes, context, sink).unwrap()),
        ),
        of(
            "Heroku logplex",
            0.5,
            bodies::logplex(EVENTS),
            None,
            decoder(move |bytes, context, sink| heroku.decode(bytes, context, sink).unwrap()),
        ),
        of(
            "journald upload",
            0.5,
            bodies::journal(EVENTS),
            None,
            decoder(|bytes, context, sink| journal::decode(bytes, context, sink).unwrap()),
        ),
    ]
}

/// Events a second of one round.
fn rate(decode: impl Fn(&mut Sealing)) -> f64 {
    let (mut sink, began) = (Sealing(0), Instant::now());
    while began.elapsed() < ROUND {
        let before = sink.0;
        decode(&mut sink);
        assert_eq!(sink.0 - before, EVENTS);
    }
    sink.0 as f64 / began.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Rates of `ceiling` and of `measured`, taking turns, and the middle of their ratios.
fn beside(ceiling: impl Fn(&mut Sealing), measured: impl Fn(&mut Sealing)) -> (f64, f64, f64) {
    let rounds: Vec<(f64, f64)> = (0..ROUNDS).map(|_| (rate(&ceiling), rate(&measured))).collect();
    let middle = |of: fn(&(f64, f64)) -> f64| median(rounds.iter().map(of).collect());
    (middle(|round| round.0), middle(|round| round.1), middle(|round| round.1 / round.0))
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let wanted = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word.as_str()));
    let context = &Context {
        source: None,
        tag: None,
        host: None,
        tenant: None,
        level: None,
        received_at: Timestamp::from_millis(1_795_457_269_232),
        limits: Limits::default(),
    };
    let all = protocols();
    let generic = &all[0];
    println!("{:<30} {:>8} {:>11} {:>11} {:>6}  target", "as it is, events/s", "bytes", "measured", "generic", "ratio");
    for one in all.iter().filter(|one| wanted(one.name)) {
        let (ceiling, measured, ratio) = beside(
            |sink| (generic.decode)(&generic.body, context, sink),
            |sink| (one.decode)(&one.body, context, sink),
        );
        let (bytes, goal) = (one.body.len() / EVENTS, one.goal);
        println!("{:<30} {bytes:>8} {measured:>11.0} {ceiling:>11.0} {ratio:>6.2}  ≥ {goal}", one.name);
    }
    println!(
        "{:<30} {:>8} {:>11} {:>11} {:>6}  unpacking",
        "packed, events/s", "bytes", "measured", "generic", "ratio"
    );
    let generic_packed = Packing::Gzip.pack(&generic.body);
    for one in all.iter().filter(|one| wanted(one.name)) {
        let Some(packing) = one.packing else { continue };
        let packed = packing.pack(&one.body);
        let (ceiling, measured, ratio) = beside(
            |sink| (generic.decode)(&Packing::Gzip.unpack(&generic_packed), context, sink),
            |sink| (one.decode)(&packing.unpack(&packed), context, sink),
        );
        let alone = rate(|sink| {
            black_box(packing.unpack(&packed));
            sink.0 += EVENTS;
        });
        let name = format!("{}, {}", one.name, packing.name());
        let (bytes, share) = (packed.len() / EVENTS, 100.0 * measured / alone);
        println!("{name:<30} {bytes:>8} {measured:>11.0} {ceiling:>11.0} {ratio:>6.2}  {share:.0} %");
    }
}
