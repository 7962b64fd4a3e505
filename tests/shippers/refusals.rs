//! How each protocol says no: to strangers, to too much, and when there is no room; and what it does with garbage.

use serde_json::{Value, json};

use crate::{
    busy,
    support::{Loghorn, overload},
    wire::{Answer, JSON, PROTOBUF, call, gzip, last_seq, post, snappy},
};

/// Every route that takes records, with a body that it takes.
pub const ROUTES: &[(&str, &str, &str)] = &[
    ("/api/v1/ingest", "application/json", r#"{"message":"x"}"#),
    ("/api/v1/ingest/shop", "application/msgpack", "\u{7f}"),
    (
        "/api/v1/cloudevents",
        "application/cloudevents+json",
        r#"{"id":"x","source":"s","type":"t","specversion":"1.0"}"#,
    ),
    ("/v1/logs", "application/json", r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{}]}]}]}"#),
    ("/otlp/v1/logs", "application/x-protobuf", "\n\u{4}\u{12}\u{2}\u{12}\u{0}"),
    ("/loki/api/v1/push", "application/json", r#"{"streams":[{"stream":{},"values":[["1","x"]]}]}"#),
    ("/api/v1/push", "application/json", r#"{"streams":[{"stream":{},"values":[["1","x"]]}]}"#),
    ("/_bulk", "application/x-ndjson", "{\"index\":{}}\n{\"message\":\"x\"}\n"),
    ("/logs/_bulk", "application/x-ndjson", "{\"index\":{}}\n{\"message\":\"x\"}\n"),
    ("/es/_bulk", "application/x-ndjson", "{\"index\":{}}\n{\"message\":\"x\"}\n"),
    ("/es/logs/_bulk", "application/x-ndjson", "{\"index\":{}}\n{\"message\":\"x\"}\n"),
    ("/logs/_doc", "application/json", r#"{"message":"x"}"#),
    ("/es/logs/_doc", "application/json", r#"{"message":"x"}"#),
    ("/services/collector", "", r#"{"event":"x"}"#),
    ("/services/collector/event", "", r#"{"event":"x"}"#),
    ("/services/collector/event/1.0", "", r#"{"event":"x"}"#),
    ("/services/collector/raw", "", "x"),
    ("/services/collector/raw/1.0", "", "x"),
    ("/gelf", "", r#"{"short_message":"x","host":"h"}"#),
    ("/api/v2/logs", "application/json", r#"[{"message":"x"}]"#),
    ("/v1/input", "application/json", r#"[{"message":"x"}]"#),
    ("/upload", "application/vnd.fdo.journal", "MESSAGE=x\n\n"),
];

/// The Content-Type of a route as a header; none where it is empty.
pub fn typed(content_type: &'static str) -> Vec<(&'static str, &'static str)> {
    if content_type.is_empty() { Vec::new() } else { vec![("content-type", content_type)] }
}

/// The answer must say no with this status, in the words of its protocol.
fn assert_says_no(path: &str, content_type: &str, status: u16, answer: &Answer) {
    let of = format!("{path}: {} {:?} {}", answer.status, answer.headers, answer.text());
    assert_eq!(answer.status, status, "{of}");
    let kind = answer.header("content-type");
    if matches!(status, 429 | 503) {
        assert!(answer.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds > 0), "{of}");
    }
    if status == 401 {
        assert_eq!(answer.header("www-authenticate"), "Bearer", "{of}");
    }
    if path.contains("/_") {
        assert_eq!(answer.header("x-elastic-product"), "Elasticsearch", "{of}");
        if status == 503 {
            assert!(kind.starts_with("text/plain") && answer.text() == "overloaded", "{of}");
        } else {
            assert_eq!(answer.json()["status"], status, "{of}");
            assert!(answer.json()["error"]["type"].is_string(), "{of}");
        }
    } else if path.ends_with("/v1/logs") {
        let code = match status {
            401 => 16,
            403 => 7,
            503 => 14,
            413 => 8,
            _ => 3,
        };
        if content_type.ends_with("protobuf") {
            assert_eq!((kind, &answer.body[..2]), (content_type, &[8, code][..]), "{of}");
        } else {
            assert_eq!((kind, &answer.json()["code"]), ("application/json", &json!(code)), "{of}");
        }
        if status == 503 {
            assert!(answer.text().contains("overloaded"), "{of}");
        }
    } else if path.ends_with("/push") || path == "/upload" {
        assert!(kind.starts_with("text/plain") && !answer.body.is_empty(), "{of}");
    } else if path.starts_with("/services") && status != 413 {
        let (code, text) = match status {
            401 => (2, "Token is required"),
            403 => (4, "Invalid token"),
            503 => (9, "Server is busy"),
            _ => (6, "Invalid data format"),
        };
        assert_eq!(answer.json(), json!({"text": text, "code": code}), "{of}");
    } else if path == "/api/v2/logs" || path == "/v1/input" {
        assert_eq!(answer.json()["errors"][0]["status"], status.to_string(), "{of}");
    } else {
        assert_eq!((kind, &answer.json()["status"]), ("application/problem+json", &json!(status)), "{of}");
    }
}

#[actix_rt::test]
async fn strangers_are_refused_in_the_words_of_each_protocol() {
    let server = Loghorn::start_with(&["--auth", "required"], &[]).await;
    let (status, made) = server
        .call_as(
            &server.admin_key(),
            "POST",
            "/api/v1/keys",
            Some(json!({"name": "shipper", "scope": "ingest"}).to_string()),
        )
        .await;
    assert_eq!(status, 201, "{made}");
    let key = made["key"].as_str().unwrap();
    for (n, (path, content_type, body)) in ROUTES.iter().enumerate() {
        let with = |name: &'static str, value: &str| {
            let (mut headers, value) = (typed(content_type), value.to_owned());
            headers.retain(|(known, _)| *known != name);
            (headers, name, value)
        };
        assert_says_no(path, content_type, 401, &post(&server, path, &typed(content_type), *body).await);
        // Few enough wrong keys that the address is not shut out.
        if n % 3 == 0 {
            let (mut headers, name, value) = with("authorization", "Bearer lh_ingest_wrong");
            headers.push((name, &value));
            assert_says_no(path, content_type, 403, &post(&server, path, &headers, *body).await);
        }
        let basic = format!("Basic {}", crate::wire::base64(format!("any:{key}")));
        let (mut headers, name, value) = with("authorization", &basic);
        headers.push((name, &value));
        let answer = post(&server, path, &headers, *body).await;
        assert!((200..300).contains(&answer.status), "{path}: {} {}", answer.status, answer.text());
    }
    let splunk = "/services/collector";
    let answer = post(&server, splunk, &[("authorization", "Nonsense x")], "x").await;
    assert_eq!((answer.status, answer.json()), (401, json!({"text": "Invalid authorization", "code": 3})));
    for (path, headers) in [
        (splunk.to_owned(), vec![("authorization", format!("Splunk {key}"))]),
        (format!("/v1/input/{key}"), vec![]),
        ("/api/v2/logs".to_owned(), vec![("dd-api-key", key.to_owned())]),
        (format!("/api/v2/logs?dd-api-key={key}"), vec![]),
        ("/_bulk".to_owned(), vec![("authorization", format!("ApiKey {}", crate::wire::base64(format!("id:{key}"))))]),
    ] {
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let body = if path == "/_bulk" { ROUTES[7].2 } else { r#"{"event":"x","message":"y"}"# };
        let answer = post(&server, &path, &headers, body).await;
        assert!((200..300).contains(&answer.status), "{headers:?}: {}", answer.text());
    }
    assert_eq!(call(&server, "GET", "/_license", &[], "").await.status, 401);
    assert_eq!(call(&server, "GET", "/", &[("accept", "*/*")], "").await.status, 200);
    assert_eq!(server.said(key), 0, "keys stay out of the log");
}

#[actix_rt::test]
async fn too_much_is_refused_in_the_words_of_each_protocol() {
    let server = Loghorn::start_with(&["--set", "ingest.max_body=64KiB"], &[]).await;
    let large = vec![b' '; 100_000];
    for (path, content_type, _) in ROUTES {
        for (headers, body) in [
            (typed(content_type), large.clone()),
            ([typed(content_type), vec![("content-encoding", "gzip")]].concat(), gzip(&large)),
        ] {
            assert_says_no(path, content_type, 413, &post(&server, path, &headers, body).await);
        }
        let answer = post(&server, path, &[typed(content_type), vec![("content-encoding", "br")]].concat(), "x").await;
        assert_eq!(answer.status, 415, "{path}: {}", answer.text());
    }
    let answer = post(&server, "/loki/api/v1/push", &[PROTOBUF], snappy(&large)).await;
    assert_says_no("/loki/api/v1/push", "", 413, &answer);
    assert_eq!(last_seq(&server).await, 0);
}

#[actix_rt::test]
async fn overload_is_a_503_that_each_sender_tries_again() {
    let server = Loghorn::start_with(&overload::ARGS, &[]).await;
    let holder = busy::hold(&server, 90 << 10).await;
    let filler = " ".repeat(16 << 10);
    for (path, content_type, body) in ROUTES {
        let answer = post(&server, path, &typed(content_type), format!("{filler}{body}")).await;
        assert_says_no(path, content_type, 503, &answer);
    }
    drop(holder);
}

#[actix_rt::test]
async fn garbage_is_answered_and_the_server_is_well() {
    let server = Loghorn::start_with(&["--set", "ingest.max_body=1MiB"], &[]).await;
    let mut garbage: Vec<Vec<u8>> = vec![
        b"\0".to_vec(),
        b"\xff\xfe\xfd".to_vec(),
        b"{".repeat(10_000),
        b"[".repeat(10_000),
        b"\x0a".repeat(5000),
        b"\x0a\x00".repeat(100_000),
        b"\xdd\xff\xff\xff\xff".to_vec(),
        b"\x91".repeat(5000),
        vec![0xff; 1000],
        br#"{"streams":[{"stream":{"a":{}},"values":{}}],"resourceLogs":{},"records":1,"event":{}}"#.to_vec(),
        r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"attributes":[{"key":"a","value":{"kvlistValue":{"values":[]}}}]}]}]}]}"#.into(),
        b"{\"index\":{}}\n".repeat(20_000),
        b"{\"index\":{}}\n{}\n".repeat(20_000),
        b"A\n\x01\0\0\0\0\0\0\0".to_vec(),
        b"A=1\n".repeat(50_000),
        b"9999999 x".to_vec(),
    ];
    // Any bytes, the same at every run.
    let mut state = 7_u64;
    for len in [10, 100, 1000, 10_000] {
        garbage.push(
            (0..len)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    (state >> 33) as u8
                })
                .collect(),
        );
    }
    for body in &garbage {
        for (path, content_type, _) in ROUTES {
            for content_type in [content_type, "application/json", "application/x-protobuf"] {
                let answer = post(&server, path, &typed(content_type), body.clone()).await;
                let shown = String::from_utf8_lossy(&body[..body.len().min(20)]);
                assert!(
                    matches!(answer.status, 200 | 201 | 202 | 204 | 400 | 413 | 415 | 422 | 503),
                    "{path} {shown:?}: {}",
                    answer.status
                );
            }
        }
    }
    for headers in [
        vec![("content-type", "application/logplex-1")],
        vec![JSON, ("x-amz-firehose-request-id", "r")],
        vec![("ce-id", "1"), ("ce-specversion", "1.0")],
    ] {
        for body in &garbage {
            let answer = post(&server, "/api/v1/ingest", &headers, body.clone()).await;
            assert!(matches!(answer.status, 200 | 202 | 400 | 413 | 415 | 422 | 503), "{headers:?}: {}", answer.status);
        }
    }
    assert_eq!(server.get("/api/v1/health").await["status"], "healthy");
    let all: Value = server.get("/api/v1/events?limit=500").await;
    assert!(all["items"].as_array().is_some_and(|items| !items.is_empty()));
}
