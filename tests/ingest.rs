//! The shippers' generic route: whatever real clients send becomes events, and is on disk before the answer.

mod support;

use std::io::Write as _;

use serde_json::{Value, json};
use support::Loghorn;

/// Sends `body` and returns status and answer.
async fn send(server: &Loghorn, method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> (u16, Value) {
    let client = awc::Client::default();
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
        ("POST", vec![("content-encoding", "zstd")], zstd),
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
        (vec![("content-encoding", "gzip")], vec![0x1f, 0x8b, 8, 0, 0], 400),
        (vec![], vec![b'x'; 100_000], 413),
        (vec![("content-encoding", "gzip")], gzip(&"x".repeat(10 << 20)), 413),
    ] {
        let (status, answer) = send(&server, "POST", "/api/v1/ingest", &headers, body).await;
        assert_eq!(status, expected, "{headers:?}: {answer}");
    }
    assert_eq!(server.get("/api/v1/stats").await["event_stats"]["last_seq"], 4);
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
            if number == 0 {
                let event = &newest(&server, 1).await[0];
                assert_eq!((&event["level"], &event["source"]), (&json!(level), &json!(source)), "{name}: {event}");
                assert!(event["message"].as_str().unwrap().contains(message), "{name}: {event}");
            }
        }
    }
}
