//! Small requests that would grow, and requests without end: each gets its answer in bounded time and memory, and the
//! server is well afterwards. The limits are listed in docs/limits.md.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use support::{Loghorn, say};

const EVENTS: &str = "/api/v1/events";
const INGEST: &str = "/api/v1/ingest";
const INGEST_FROM: &str = "/api/v1/ingest/shop";
const SUBSCRIPTIONS: &str = "/api/v1/subscriptions";
const FILTERS: &str = "/api/v1/filters/test";
/// Routes of log shippers beside the generic one.
const SHIPPERS: [&str; 12] = [
    "/api/v1/cloudevents",
    "/v1/logs",
    "/loki/api/v1/push",
    "/_bulk",
    "/es/logs/_bulk",
    "/logs/_doc",
    "/services/collector",
    "/services/collector/raw",
    "/gelf",
    "/api/v2/logs",
    "/v1/input",
    "/upload",
];
const LIMIT: usize = 8 << 20;
const ARGS: [&str; 2] = ["--set", "ingest.max_body=8MiB"];

/// The most memory that a server took since the last look, beyond what it took then.
struct Peak<'a> {
    server: &'a Loghorn,
    before: u64,
}

impl<'a> Peak<'a> {
    fn begin(server: &'a Loghorn) -> Self {
        // Resets what VmHWM says.
        std::fs::write(format!("/proc/{}/clear_refs", server.pid()), "5").unwrap();
        Self { server, before: server.rss() }
    }

    fn grown(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.server.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
        (kib * 1024).saturating_sub(self.before)
    }
}

async fn post(server: &Loghorn, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> u16 {
    let client = awc::Client::builder().timeout(Duration::from_secs(60)).finish();
    let mut request = client.post(server.url(path)).force_close().content_type("application/json");
    for (name, value) in headers {
        request = request.insert_header((*name, *value));
    }
    request.send_body(body).await.unwrap().status().as_u16()
}

async fn assert_well(server: &Loghorn) {
    assert_eq!(server.get("/api/v1/health").await["status"], "healthy");
    let (status, answer) = server.post(EVENTS, &json!({"message": "still here"})).await;
    assert_eq!(status, 202, "{answer}");
    server.assert_ledger_balances().await;
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn snappy(bytes: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(bytes).unwrap()
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8], window_log: u32) -> Vec<u8> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.long_distance_matching(true).unwrap();
    encoder.window_log(window_log).unwrap();
    encoder.include_contentsize(false).unwrap();
    // In parts, so that the window and not the length is what it tells.
    bytes.chunks(1 << 20).for_each(|part| encoder.write_all(part).unwrap());
    encoder.finish().unwrap()
}

#[actix_rt::test]
async fn every_encoding_of_every_route_is_unpacked_within_the_limit() {
    let server = Loghorn::start_with(&ARGS, &[]).await;
    let blank = vec![b' '; 1000 << 20];
    let bombs = [
        ("gzip", gzip(&blank)),
        ("deflate", zlib(&blank)),
        ("deflate", deflate(&blank)),
        ("zstd", zstd(&blank, 23)),
        // It packs twenty times at most.
        ("snappy", snappy(&blank[..32 << 20])),
        // What says that it is a gigabyte need not be.
        ("snappy", b"\x80\x80\x80\x80\x04".to_vec()),
    ];
    drop(blank);
    let peak = Peak::begin(&server);
    for (encoding, bomb) in &bombs {
        assert!(bomb.len() < 2 << 20, "{encoding}: {}", bomb.len());
        let others =
            [EVENTS, INGEST, INGEST_FROM, SUBSCRIPTIONS, FILTERS, "/api/v1/keys", "/api/v1/dead-letters/replay"];
        for path in others.into_iter().chain(SHIPPERS) {
            let began = Instant::now();
            let content_type = if path == "/upload" { "application/vnd.fdo.journal" } else { "application/json" };
            let headers = [("content-encoding", *encoding), ("content-type", content_type), ("ce-type", "a")];
            assert_eq!(post(&server, path, &headers, bomb.clone()).await, 413, "{encoding} {path}");
            assert!(began.elapsed() < Duration::from_secs(5), "{encoding} {path}: {:?}", began.elapsed());
        }
        // Shippers need not say how it is compressed.
        if !["deflate", "snappy"].contains(encoding) {
            assert_eq!(post(&server, INGEST, &[], bomb.clone()).await, 413, "{encoding}, unsaid");
        }
    }
    // Packed twice and three times, as a small thing; and more often than anybody does.
    let twice = gzip(&bombs[0].1);
    let thrice = gzip(&twice);
    for (encoding, bomb, expected) in [
        ("gzip, gzip", &twice, 413),
        ("gzip, gzip, gzip", &thrice, 413),
        ("gzip, gzip, gzip, gzip", &thrice, 415),
        ("gzip, br", &twice, 415),
    ] {
        assert_eq!(
            post(&server, EVENTS, &[("content-encoding", encoding)], bomb.clone()).await,
            expected,
            "{encoding}"
        );
    }
    // Very many that are nothing.
    let nothing = gzip(b"").repeat(LIMIT / 20);
    let began = Instant::now();
    assert_eq!(post(&server, EVENTS, &[("content-encoding", "gzip")], nothing).await, 400);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    say(&format!("bombs of a gigabyte: memory + {} MiB at most", peak.grown() >> 20));
    // Each of the threads that unpack keeps what it took for the next.
    assert!(peak.grown() < 8 * LIMIT as u64, "{} MiB", peak.grown() >> 20);
    assert_well(&server).await;
}

#[actix_rt::test]
async fn a_frame_of_zstd_reserves_no_memory_that_it_does_not_fill() {
    let server = Loghorn::start_with(&ARGS, &[]).await;
    let text = format!("{{\"message\":\"{}\"}}", "x".repeat(3 << 20));
    let within = zstd(text.as_bytes(), 23);
    // It is a large event, and otherwise well.
    assert_eq!(post(&server, INGEST, &[("content-encoding", "zstd")], within).await, 200);
    let wide = zstd(text.as_bytes(), 27);
    let peak = Peak::begin(&server);
    let sent = (0..40).map(|_| post(&server, INGEST, &[("content-encoding", "zstd")], wide.clone()));
    for status in futures_util::future::join_all(sent).await {
        assert_eq!(status, 422, "its window is larger than any sender over HTTP may ask for");
    }
    assert_eq!(post(&server, EVENTS, &[("content-encoding", "zstd")], wide).await, 400);
    assert!(peak.grown() < 64 << 20, "{} MiB", peak.grown() >> 20);
    assert_well(&server).await;
}

#[actix_rt::test]
async fn json_that_is_small_on_the_wire_is_bounded_in_memory() {
    let server = Loghorn::start_with(&ARGS, &[]).await;
    let list = |element: &str, n: usize| format!("[{}{element}]", format!("{element},").repeat(n));
    let members = |n: usize, same: bool| {
        let members: Vec<String> = (0..n).map(|at| format!("\"k{}\":1", if same { 0 } else { at })).collect();
        members.join(",")
    };
    let long_key = format!("\"{}\":1", "k".repeat(4 << 20));
    let event = |members: &str| format!("{{\"message\":\"x\",\"metadata\":{{{members}}}}}");
    let bodies = [
        ("empty events", list("{}", 2_000_000), 413),
        ("many events", list("{\"message\":\"x\"}", 500_000), 413),
        ("numbers", list("1", 3_000_000), 422),
        ("nulls", list("null", 1_000_000), 422),
        ("members", event(&members(500_000, false)), 422),
        ("the same member", event(&members(800_000, true)), 422),
        ("a long key", event(&long_key), 422),
        ("a long text", format!("{{\"message\":\"{}\"}}", "x".repeat(7 << 20)), 422),
        ("escapes", format!("{{\"message\":\"{}\"}}", "\\u0000".repeat(1 << 20)), 422),
        ("a long number", event(&format!("\"n\":1{}", "0".repeat(4 << 20))), 422),
        ("nested lists", event(&format!("\"n\":{}{}", "[".repeat(60), "]".repeat(60))), 202),
        ("nested too deep", event(&format!("\"n\":{}{}", "[".repeat(1000), "]".repeat(1000))), 422),
    ];
    let peak = Peak::begin(&server);
    let mut longest = Duration::ZERO;
    for (name, body, expected) in &bodies {
        let began = Instant::now();
        let status = post(&server, EVENTS, &[], body.clone().into_bytes()).await;
        longest = longest.max(began.elapsed());
        assert_eq!(status, *expected, "{name}");
        // Whatever a shipper sends is taken, as far as it fits.
        let status = post(&server, INGEST, &[], body.clone().into_bytes()).await;
        assert!(matches!(status, 200 | 413), "{name}: {status}");
        for path in [SUBSCRIPTIONS, FILTERS, "/api/v1/keys", "/api/v1/dead-letters/replay"] {
            let status = post(&server, path, &[], body.clone().into_bytes()).await;
            let expected = if body.len() > 2 << 20 { vec![413] } else { vec![400, 422] };
            assert!(expected.contains(&status), "{name} {path}: {status}");
        }
        longest = longest.max(began.elapsed());
        assert!(began.elapsed() < Duration::from_secs(20), "{name}: {:?}", began.elapsed());
    }
    say(&format!("JSON that grows: memory + {} MiB, {longest:?} at most", peak.grown() >> 20));
    // The budget of all requests together, and what the store's buffers take.
    assert!(peak.grown() < 320 << 20, "{} MiB", peak.grown() >> 20);
    assert_well(&server).await;
}

#[actix_rt::test]
async fn records_of_shippers_that_are_small_on_the_wire_are_bounded_in_memory() {
    let server = Loghorn::start_with(&ARGS, &[]).await;
    let part = |part: &[u8]| part.repeat((6 << 20) / part.len());
    // A message of protobuf around it, as often as its field may be nested.
    let around = |fields: &[u8], inner: Vec<u8>| {
        fields.iter().fold(inner, |inner, field| {
            let mut out = vec![field << 3 | 2];
            let mut len = inner.len();
            while len >= 0x80 {
                out.push((len & 0x7f) as u8 | 0x80);
                len >>= 7;
            }
            out.push(len as u8);
            [out, inner].concat()
        })
    };
    let text = vec![b'x'; 1 << 20];
    let labels = [b"{a=\"", &text[..], b"\"}"].concat();
    let resource = around(&[1, 1], [b"\x0a\x01a", &around(&[1, 2], text.clone())[..]].concat());
    let list = |bytes: usize| [b"{\"a\":[", &b"1,".repeat(bytes / 2)[..], b"1]}"].concat();
    let protobuf = "application/x-protobuf";
    let ndjson = "application/x-ndjson";
    let bodies = [
        ("/v1/logs", protobuf, part(b"\x0a\x00")),
        ("/v1/logs", protobuf, around(&[2, 1], part(b"\x12\x00"))),
        ("/v1/logs", protobuf, around(&[2, 2, 1], part(b"\x32\x00"))),
        ("/v1/logs", protobuf, around(&[5, 5, 2, 2, 1], part(b"\x0a\x00"))),
        ("/v1/logs", protobuf, around(&[1, 1], part(b"\x0a\x00"))),
        (
            "/v1/logs",
            "application/json",
            [b"{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[", &part(b"{},")[..], b"{}]}]}]}"].concat(),
        ),
        ("/v1/logs", "application/json", [b"{\"resourceLogs\":[", &part(b"{},")[..], b"{}]}"].concat()),
        ("/loki/api/v1/push", protobuf, snappy(&around(&[1], part(b"\x12\x00")))),
        ("/loki/api/v1/push", protobuf, snappy(&part(b"\x0a\x00"))),
        (
            "/loki/api/v1/push",
            "application/json",
            [b"{\"streams\":[{\"values\":[", &part(b"[\"\",\"\"],")[..], b"[\"\",\"\"]]}]}"].concat(),
        ),
        // What all records share is large, and they are many.
        ("/loki/api/v1/push", protobuf, snappy(&around(&[1], [around(&[1], labels), part(b"\x12\x00")].concat()))),
        ("/v1/logs", protobuf, around(&[1], [resource, around(&[2], part(b"\x12\x00"))].concat())),
        (
            INGEST,
            "application/json",
            [b"{\"groupKey\":\"", &text[..], b"\",\"alerts\":[", &part(b"{},"), b"{}]}"].concat(),
        ),
        ("/_bulk", ndjson, part(b"{\"index\":{}}\n{}\n")),
        ("/_bulk", ndjson, part(b"{\"index\":{}}\n1\n")),
        ("/_bulk", ndjson, part(b"{\"delete\":{}}\n")),
        ("/services/collector", "", part(b"{\"event\":1}")),
        ("/services/collector/raw", "", part(b"a\n")),
        ("/services/collector/raw", "", list(6 << 20)),
        ("/services/collector/raw", "", [list(2_000_000), list(2_000_000), list(2_000_000)].join(&b'\n')),
        ("/gelf", "", part(b"{}")),
        ("/api/v2/logs", "application/json", [b"[", &part(b"\"\",")[..], b"1]"].concat()),
        ("/api/v1/cloudevents", "application/cloudevents-batch+json", [b"[", &part(b"{},")[..], b"{}]"].concat()),
        ("/upload", "application/vnd.fdo.journal", part(b"A=\n\n")),
        ("/upload", "application/vnd.fdo.journal", part(b"A=\n")),
        (INGEST, "application/msgpack", part(b"\x81\xa0\xc0")),
        (INGEST, "application/msgpack", [b"\xdd\x00\x10\x00\x00", &part(b"\xc0")[..1 << 20]].concat()),
        (INGEST, "application/logplex-1", part(b"1 a")),
    ];
    let peak = Peak::begin(&server);
    let mut highest = 0;
    for (path, content_type, body) in &bodies {
        let began = Instant::now();
        let client = awc::Client::builder().timeout(Duration::from_secs(60)).finish();
        let request = client.post(server.url(path)).force_close().insert_header(("content-type", *content_type));
        let status = request.send_body(body.clone()).await.unwrap().status().as_u16();
        let shown = String::from_utf8_lossy(&body[..12.min(body.len())]);
        // Alone there is always room.
        assert!(matches!(status, 200 | 202 | 204 | 400 | 413), "{path} {shown:?}: {status}");
        assert!(began.elapsed() < Duration::from_secs(20), "{path} {shown:?}: {:?}", began.elapsed());
        highest = highest.max(peak.grown());
        assert!(peak.grown() < 320 << 20, "{path} {shown:?}: {} MiB", peak.grown() >> 20);
    }
    say(&format!("records that grow: memory + {} MiB", highest >> 20));
    assert_well(&server).await;
}

/// Sends a head, and reads what comes until the connection is closed.
fn head(server: &Loghorn, line: &str, headers: &str) -> (u16, Duration) {
    let began = Instant::now();
    let mut stream = TcpStream::connect(server.addr).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let _ = stream
        .write_all(format!("{line} HTTP/1.1\r\nHost: localhost\r\n{headers}Connection: close\r\n\r\n").as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let status = String::from_utf8_lossy(&answer).split(' ').nth(1).and_then(|word| word.parse().ok());
    (status.unwrap_or_default(), began.elapsed())
}

#[actix_rt::test]
async fn heads_are_bounded_in_number_and_size() {
    let server = Loghorn::start().await;
    let peak = Peak::begin(&server);
    let many =
        |n: usize, bytes: usize| (0..n).map(|at| format!("X-{at}: {}\r\n", "a".repeat(bytes))).collect::<String>();
    let query = |bytes: usize| format!("GET /api/v1/events?q={}", "a".repeat(bytes));
    for (name, line, headers, expected) in [
        ("many headers", "GET /api/v1/stats".to_owned(), many(90, 10), &[200][..]),
        ("too many headers", "GET /api/v1/stats".to_owned(), many(200, 10), &[400, 431]),
        ("very many headers", "GET /api/v1/stats".to_owned(), many(5000, 10), &[400, 431]),
        ("large headers", "GET /api/v1/stats".to_owned(), many(80, 4000), &[400, 431]),
        ("a long query", query(60_000), String::new(), &[200, 400, 414]),
        ("a giant query", query(1 << 20), String::new(), &[400, 414, 431]),
        ("many parameters", format!("GET /api/v1/events?{}", "a=1&".repeat(20_000)), String::new(), &[400, 414]),
        ("a long path", format!("GET /{}", "a/".repeat(30_000)), String::new(), &[404, 414]),
        ("a giant path", format!("GET /{}", "a".repeat(1 << 20)), String::new(), &[400, 414, 431]),
        ("a long id", format!("GET /api/v1/events/{}", "a".repeat(60_000)), String::new(), &[404, 414]),
        ("a long method", format!("{} /", "A".repeat(60_000)), String::new(), &[400, 404, 405, 501]),
        ("a head without end", format!("GET /{}", "a".repeat(50 << 20)), String::new(), &[0, 400, 414, 431]),
    ] {
        let (status, took) = head(&server, &line, &headers);
        assert!(expected.contains(&status), "{name}: {status}");
        assert!(took < Duration::from_secs(6), "{name}: {took:?}");
    }
    say(&format!("heads that grow: memory + {} MiB", peak.grown() >> 20));
    assert!(peak.grown() < 32 << 20, "{} MiB", peak.grown() >> 20);
    assert_well(&server).await;
}

#[actix_rt::test]
async fn a_body_that_trickles_is_given_up() {
    let server = Loghorn::start().await;
    let fds = server.fds();
    let mut slow: Vec<TcpStream> = (0..50)
        .map(|_| {
            let mut stream = TcpStream::connect(server.addr).unwrap();
            let head = format!("POST {EVENTS} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n[");
            stream.write_all(head.as_bytes()).unwrap();
            stream.set_nonblocking(true).unwrap();
            stream
        })
        .collect();
    let began = Instant::now();
    let mut answers = Vec::new();
    while !slow.is_empty() {
        assert!(began.elapsed() < Duration::from_secs(60), "{} bodies are still waited for", slow.len());
        slow.retain_mut(|stream| {
            let _ = stream.write_all(b" ");
            let mut answer = [0; 4096];
            match stream.read(&mut answer) {
                Ok(n) => {
                    answers.push(String::from_utf8_lossy(&answer[..n]).into_owned());
                    false
                }
                Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
            }
        });
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert!(began.elapsed() > Duration::from_secs(25), "{:?}: that was no time to send anything", began.elapsed());
    assert!(answers.iter().all(|answer| answer.starts_with("HTTP/1.1 408")), "{answers:?}");
    support::until("their files are closed", 10, || async { server.fds() <= fds + 10 }).await;
    assert_well(&server).await;
}

#[actix_rt::test]
async fn the_costliest_filters_that_are_taken_hold_up_nobody() {
    let server = Loghorn::start().await;
    // As large as they may be, and each another one.
    let regex = |n: usize| json!({"message": format!("[a-z]{{{}}}\\pL{{{}}}{n}", 50, 20)});
    let filters = json!({"any": (0..6).map(regex).collect::<Vec<_>>()});
    let probing = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let probe = {
        let (probing, url) = (probing.clone(), server.url("/api/v1/health/live"));
        std::thread::spawn(move || {
            actix_rt::System::new().block_on(async move {
                let (client, mut longest) = (awc::Client::default(), Duration::ZERO);
                while probing.load(std::sync::atomic::Ordering::Relaxed) {
                    let began = Instant::now();
                    assert_eq!(client.get(&url).force_close().send().await.unwrap().status(), 200);
                    longest = longest.max(began.elapsed());
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                longest
            })
        })
    };
    let began = Instant::now();
    let body = json!({"name": "n", "url": "http://127.0.0.1:4444/", "events": ["**"], "filters": filters});
    let (status, answer) = server.post(SUBSCRIPTIONS, &body).await;
    let took = began.elapsed();
    let (tried, tried_answer) =
        server.post(FILTERS, &json!({"filters": filters, "sample": {"event": {"message": "x"}}})).await;
    probing.store(false, std::sync::atomic::Ordering::Relaxed);
    let longest = probe.join().unwrap();
    say(&format!("the largest expressions took {took:?}, others waited {longest:?} at most"));
    assert_eq!((status, tried), (201, 200), "{answer} {tried_answer}");
    assert!(longest < Duration::from_secs(2), "{longest:?}");
    let _: Value = answer;
    assert_well(&server).await;
}
