//! The shippers' generic route: whatever real clients send becomes events, and is on disk before the answer.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::io::Write as _;

use serde_json::{Value, json};
use support::Loghorn;

/// Sends `body` and returns status and answer.
async fn send(server: &Loghorn, method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> (u16, Value) {
    let client = awc::Client::builder().timeout(std::time::Duration::from_secs(60)).finish();
    let mut request = client.request(method.parse().unwrap(), server.url(path));
    for (name, value) in headers {
        request = request.insert_header((*name, *value));
    }
    let mut answer = request.send_body(body).await.unwrap();
    let bytes = answer.body().await.unwrap();
    (answer.status().as_u16(), serde_json::from_slice(&bytes).unwrap_or_default())
}

async fn newest(server: &Loghorn, n: usize) -> Vec<Value> {
    let mut events = server.get(&format!("/api/v1/events?limit={n}")).await["items"].as_array().unwrap().clone();
    events.reverse();
    events
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[actix_rt::test]
async fn every_form_is_taken_whatever_its_content_type() {
    let server = Loghorn::start().await;
    let two = r#"{"message":"a","level":"error"}"#.to_owned() + "\n" + r#"{"message":"b","level":"warn"}"#;
    let array = format!("[{}]", two.replace('\n', ","));
    let form = "application/x-www-form-urlencoded";
    let zstd = zstd::encode_all(two.as_bytes(), 3).unwrap();
    for (method, headers, body) in [
        ("POST", vec![("content-type", "application/x-ndjson")], two.clone().into_bytes()),
        ("PUT", vec![("content-type", "application/json")], array.clone().into_bytes()),
        ("POST", vec![("content-type", form)], array.clone().into_bytes()),
        ("POST", vec![], two.replace('\n', "").into_bytes()),
        ("POST", vec![("content-encoding", "gzip")], gzip(&two)),
        ("POST", vec![("content-encoding", "zstd")], zstd.clone()),
        // Compressed, and nobody says so.
        ("POST", vec![], gzip(&two)),
        ("POST", vec![], zstd),
        ("POST", vec![("content-type", "text/plain")], b"ERROR a\nWARN b\n".to_vec()),
    ] {
        let (status, answer) = send(&server, method, "/api/v1/ingest/shop", &headers, body).await;
        assert_eq!(status, 200, "{headers:?}: {answer}");
        assert_eq!(answer, json!({"accepted": 2, "duplicates": 0, "rejected": 0, "errors": []}), "{headers:?}");
        let events = newest(&server, 2).await;
        let levels: Vec<&Value> = events.iter().map(|event| &event["level"]).collect();
        assert_eq!(levels, ["ERROR", "WARNING"], "{headers:?}");
        assert!(events.iter().all(|event| event["source"] == "shop"), "{headers:?}: {events:?}");
        assert_eq!(events[0]["event_type"], "log.error");
    }
    for (method, path) in [("GET", "/api/v1/ingest"), ("HEAD", "/api/v1/ingest/shop")] {
        assert_eq!(send(&server, method, path, &[], Vec::new()).await.0, 200);
    }
    for nothing in ["", "{}", "[]"] {
        let (status, answer) = send(&server, "POST", "/api/v1/ingest", &[], nothing.into()).await;
        assert_eq!((status, &answer["accepted"]), (200, &json!(0)), "{nothing:?}");
    }
}

#[actix_rt::test]
async fn bad_content_is_kept_and_never_blocks_the_rest() {
    let server = Loghorn::start_with(&["--set", "ingest.max_event=2KiB", "--set", "ingest.max_body=64KiB"], &[]).await;
    let body = format!("{{\"message\":\"a\"}}\n{{\"message\": oops\n{{\"message\":\"{}\"}}", "x".repeat(5000));
    let (status, answer) = send(&server, "POST", "/api/v1/ingest", &[], body.into_bytes()).await;
    assert_eq!((status, &answer["accepted"]), (200, &json!(3)), "{answer}");
    let events = newest(&server, 3).await;
    assert!(events[1]["metadata"]["parse_error"].is_string(), "{}", events[1]);
    assert_eq!(events[2]["metadata"]["truncated"], true);
    let (status, answer) = send(&server, "POST", "/api/v1/ingest", &[], b"caf\xe9".to_vec()).await;
    assert_eq!((status, &answer["accepted"]), (200, &json!(1)));
    assert_eq!(newest(&server, 1).await[0]["metadata"]["encoding"], "lossy");
    for (headers, body, expected) in [
        (vec![("content-encoding", "br")], b"x".to_vec(), 415),
        // Not 400: syslog-ng would send it again for ever.
        (vec![("content-encoding", "gzip")], vec![0x1f, 0x8b, 8, 0, 0], 422),
        (vec![], vec![0x1f, 0x8b, 8, 0, 0], 422),
        (vec![], vec![b'x'; 100_000], 413),
        (vec![("content-encoding", "gzip")], gzip(&"x".repeat(10 << 20)), 413),
    ] {
        let (status, answer) = send(&server, "POST", "/api/v1/ingest", &headers, body).await;
        assert_eq!(status, expected, "{headers:?}: {answer}");
    }
    assert_eq!(server.get("/api/v1/stats").await["event_stats"]["last_seq"], 4);
}

#[actix_rt::test]
async fn what_grows_when_it_is_escaped_is_cut_and_kept() {
    let server = Loghorn::start_with(&["--set", "ingest.max_event=2KiB"], &[]).await;
    let control = "\u{1}".repeat(1900);
    let short = &control[..500];
    let record = json!({"message": short, "app": short, "more": {"quotes": "\"".repeat(1900)}}).to_string();
    for body in [control.clone(), record, format!("[{}]", json!(control))] {
        let (status, answer) = send(&server, "POST", "/api/v1/ingest", &[], body.into_bytes()).await;
        assert_eq!((status, &answer["accepted"], &answer["rejected"]), (200, &json!(1), &json!(0)), "{answer}");
        let event = &newest(&server, 1).await[0];
        assert_eq!(event["metadata"]["truncated"], true);
        assert!(event["message"].as_str().unwrap().starts_with("\u{1}\u{1}"));
    }
}

#[actix_rt::test]
async fn headers_of_syslog_ng_are_read_after_fields_and_before_the_path() {
    let server = Loghorn::start().await;
    let headers = [("x-syslog-host", "web1"), ("x-syslog-program", "nginx"), ("x-syslog-level", "err")];
    for (path, body, source, level, host) in [
        ("/api/v1/ingest/path?source=query", "GET / 200", "nginx", "ERROR", "web1"),
        ("/api/v1/ingest", r#"{"program":"own","level":"info","host":"w2","msg":"x"}"#, "own", "INFO", "w2"),
    ] {
        send(&server, "POST", path, &headers, body.into()).await;
        let event = &newest(&server, 1).await[0];
        assert_eq!((&event["source"], &event["level"]), (&json!(source), &json!(level)), "{event}");
        assert_eq!(event["metadata"]["host"], host, "{event}");
    }
    for (path, headers, source) in [
        ("/api/v1/ingest/path?source=query", &[("x-loghorn-source", "header")][..], "path"),
        ("/api/v1/ingest?source=query", &[("x-loghorn-source", "header")][..], "query"),
        ("/api/v1/ingest", &[("x-loghorn-source", "header"), ("x-fluent-tag", "tag")][..], "header"),
        ("/api/v1/ingest", &[("x-fluent-tag", "tag")][..], "tag"),
        ("/api/v1/ingest", &[][..], "unknown"),
    ] {
        send(&server, "POST", path, headers, b"x".to_vec()).await;
        assert_eq!(newest(&server, 1).await[0]["source"], source, "{path}");
    }
}

/// Small on the wire, large in memory.
#[actix_rt::test]
async fn memory_stays_bounded_whatever_is_sent() {
    const MIB: usize = 1 << 20;
    let server = Loghorn::start_with(&["--set", "ingest.max_body=1MiB"], &[]).await;
    let repeated = |part: &str| part.repeat(MIB / part.len());
    let nested = format!(r#"{{"a":[{}1]}}"#, repeated("1,").split_off(20));
    let bodies = [
        repeated("{}\n"),
        repeated("a\n"),
        repeated("{\"a\":1}"),
        format!("[{}1]", repeated("1,").split_off(20)),
        format!("[{}{{}}]", repeated("{},").split_off(21)),
        nested,
        repeated("{\"a\":"),
        repeated("\u{1}"),
        repeated("[\n"),
    ];
    let watch = Watch::start(server.pid());
    for body in &bodies {
        let packed = gzip(body);
        let shown: String = body.chars().take(20).collect();
        for (path, senders) in [("/api/v1/ingest", 1), ("/api/v1/events", 1), ("/api/v1/ingest", 8)] {
            let headers = [("content-encoding", "gzip"), ("content-type", "application/json")];
            let all = (0..senders).map(|_| send(&server, "POST", path, &headers, packed.clone()));
            for (status, answer) in futures_util::future::join_all(all).await {
                let expected: &[u16] = if senders == 1 { &[200, 202, 400, 413, 422] } else { &[200, 413, 503] };
                assert!(expected.contains(&status), "{path} {shown:?}: {status} {answer}");
            }
        }
        support::say(&format!("{shown:?}: {} MiB", watch.highest() >> 20));
    }
    let highest = watch.highest();
    assert!(highest < 200 << 20, "{} MiB", highest >> 20);
}

/// Looks at a process' memory all the time.
struct Watch(std::sync::Arc<std::sync::atomic::AtomicU64>);

impl Watch {
    fn start(pid: u32) -> Self {
        let highest = std::sync::Arc::<std::sync::atomic::AtomicU64>::default();
        let weak = std::sync::Arc::downgrade(&highest);
        std::thread::spawn(move || {
            while let (Some(highest), Ok(statm)) =
                (weak.upgrade(), std::fs::read_to_string(format!("/proc/{pid}/statm")))
            {
                let pages: u64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
                highest.fetch_max(pages * 4096, std::sync::atomic::Ordering::Relaxed);
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
        });
        Self(highest)
    }

    fn highest(&self) -> u64 {
        self.0.load(std::sync::atomic::Ordering::Relaxed)
    }
}

/// One request of a capture: its path, headers and body.
struct Captured {
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// The requests with text bodies in a capture of a real client.
fn captured(name: &str) -> Option<Vec<Captured>> {
    let text = std::fs::read_to_string(format!("../shared/fixtures/captures/{name}.txt")).ok()?;
    let mut requests = Vec::new();
    for part in text.split("=====").skip(1) {
        let (head, rest) = part.split_once("\n--- body").unwrap();
        let Some((_, body)) = rest.split_once("\ntext: ") else { continue };
        let (body, _) = body.split_once("\n--- answered").unwrap();
        let mut lines = head.lines().skip(1);
        let path = lines.next().unwrap().split(' ').nth(1).unwrap().to_owned();
        let headers = lines.filter_map(|line| line.split_once(": ")).map(|(k, v)| (k.to_owned(), v.to_owned()));
        let skipped = ["host", "content-length", "connection", "transfer-encoding", "accept-encoding"];
        let headers = headers.filter(|(name, _)| !skipped.contains(&name.to_lowercase().as_str())).collect();
        requests.push(Captured { path, headers, body: body.as_bytes().to_vec() });
    }
    Some(requests)
}

#[actix_rt::test]
async fn what_real_clients_sent_is_understood() {
    let server = Loghorn::start().await;
    for (name, level, source, message) in [
        ("syslog-ng-http", "ERROR", "1", "Credit card timeout é"),
        ("winston-http", "ERROR", "payment-service", "Credit card timeout é"),
        ("python-stdlib-logging-HTTPHandler", "ERROR", "payments", "Credit card %s é"),
    ] {
        let Some(requests) = captured(name) else { return eprintln!("skipped: the captures are not here") };
        assert!(!requests.is_empty(), "{name}");
        for (number, Captured { path, headers, body }) in requests.into_iter().enumerate() {
            let headers: Vec<(&str, &str)> = headers.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
            let (status, answer) = send(&server, "POST", &path, &headers, body).await;
            assert_eq!((status, &answer["rejected"]), (200, &json!(0)), "{name}: {answer}");
            assert_ne!(answer["accepted"], 0, "{name}");
            let event = &newest(&server, 1).await[0];
            if name == "syslog-ng-http" && path.ends_with("/default") && !headers.is_empty() {
                let header = |name: &str| headers.iter().find(|(k, _)| k.eq_ignore_ascii_case(name)).map(|(_, v)| *v);
                assert_eq!(event["source"].as_str(), header("x-syslog-program"), "{event}");
                assert_eq!(event["metadata"]["host"].as_str(), header("x-syslog-host"), "{event}");
            }
            if number == 0 {
                let event = &newest(&server, 1).await[0];
                assert_eq!((&event["level"], &event["source"]), (&json!(level), &json!(source)), "{name}: {event}");
                assert!(event["message"].as_str().unwrap().contains(message), "{name}: {event}");
            }
        }
    }
}

#[actix_rt::test]
async fn a_search_finds_text_however_its_sender_wrote_it() {
    let server = Loghorn::start().await;
    let body = r#"{"message":"said \"no\"","metadata":{"name":"M\u00fcller","path":"C:\\logs"}}"#;
    assert_eq!(server.call("POST", "/api/v1/events", Some(body.into())).await.0, 202);
    for (text, count) in [("M%C3%BCller", 1), ("said%20%22no%22", 1), ("c:%5Clogs", 1), ("Muller", 0)] {
        let page = server.get(&format!("/api/v1/events?q={text}")).await;
        assert_eq!(page["items"].as_array().unwrap().len(), count, "{text}");
    }
}
