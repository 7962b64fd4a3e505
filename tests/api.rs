//! The HTTP contract, route by route: pages, preconditions, repeats, encodings, headers, and the description of it all.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read as _, Write as _},
    net::TcpStream,
};

use awc::http::header::HeaderMap;
use serde_json::{Value, json};
use support::{Loghorn, Mood, Receiver, until};

const EVENTS: &str = "/api/v1/events";
const SUBS: &str = "/api/v1/subscriptions";

struct Answer {
    status: u16,
    headers: HeaderMap,
    json: Value,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

async fn call(
    server: &Loghorn,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Vec<u8>>,
) -> Answer {
    let mut request = awc::Client::default().request(method.parse().unwrap(), server.url(path)).no_decompress();
    for (name, value) in headers {
        request = request.insert_header((*name, *value));
    }
    let body: Vec<u8> = body.into();
    let mut answer = if body.is_empty() { request.send().await } else { request.send_body(body).await }.unwrap();
    let bytes = answer.body().await.unwrap();
    let text = Value::String(String::from_utf8_lossy(&bytes).into_owned());
    let json = serde_json::from_slice(&bytes).unwrap_or(text);
    Answer { status: answer.status().as_u16(), headers: answer.headers().clone(), json }
}

/// The same with a JSON body.
async fn send(server: &Loghorn, method: &str, path: &str, headers: &[(&str, &str)], body: Value) -> Answer {
    let mut headers = headers.to_vec();
    headers.push(("content-type", "application/json"));
    call(server, method, path, &headers, body.to_string()).await
}

fn subscription(name: &str) -> Value {
    json!({"name": name, "url": "https://example.com/hook", "events": ["**"]})
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Every id of a list, page by page: none twice, none on an empty page.
async fn walk(server: &Loghorn, path: &str, limit: usize) -> Vec<String> {
    let mut ids = Vec::new();
    let mut cursor = String::new();
    loop {
        let joint = if path.contains('?') { '&' } else { '?' };
        let page = server.get(&format!("{path}{joint}limit={limit}{cursor}")).await;
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= limit, "{path}");
        ids.extend(items.iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next_cursor"].as_str() else {
            assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{path}: an item twice");
            return ids;
        };
        assert_eq!(items.len(), limit, "{path}: a page with a next one is full");
        cursor = format!("&cursor={next}");
    }
}

#[actix_rt::test]
async fn every_list_is_whole_over_its_pages() {
    let server = Loghorn::start().await;
    let (good, gone) = (Receiver::start(Mood::Answer(200, "")), Receiver::start(Mood::Answer(404, "")));
    for receiver in [&good, &good, &gone] {
        server.subscribe(&receiver.url(), json!({})).await;
    }
    let events: Vec<Value> = (0..6).map(|n| support::event("INFO", n)).collect();
    assert_eq!(send(&server, "POST", EVENTS, &[], json!(events)).await.json["accepted"], 6);
    until("all have ended", 10, || async {
        let stats = server.delivery_stats().await;
        (&stats["delivered"], &stats["failed"]) == (&json!(12), &json!(6))
    })
    .await;
    let one = format!("{EVENTS}/test-INFO-3/deliveries");
    for (path, n) in [
        (EVENTS, 6),
        (SUBS, 3),
        ("/api/v1/deliveries", 18),
        ("/api/v1/deliveries?status=delivered", 12),
        ("/api/v1/deliveries?status=delivered,dead_letter", 18),
        ("/api/v1/deliveries?status=queued", 0),
        ("/api/v1/dead-letters", 6),
        (&one, 3),
    ] {
        let whole = walk(&server, path, 500).await;
        assert_eq!(whole.len(), n, "{path}");
        for limit in [1, 2, 3, 4, 6] {
            assert_eq!(walk(&server, path, limit).await, whole, "{path} by {limit}");
        }
    }
    let foreign = server.get(&format!("{EVENTS}?limit=1")).await["next_cursor"].as_str().unwrap().to_owned();
    for path in ["/api/v1/deliveries", "/api/v1/dead-letters", SUBS, &one, EVENTS] {
        for cursor in ["nonsense", "%00", "ZC4x", "ZC45OTk5OTk5OTk5OTk5OTk5OTk5OTkuMQ", &foreign] {
            let answer = call(&server, "GET", &format!("{path}?cursor={cursor}"), &[], "").await;
            let expected = if path == EVENTS && cursor == foreign { 200 } else { 400 };
            assert_eq!(answer.status, expected, "{path} {cursor}: {}", answer.json);
        }
    }
}

/// However many may be asked for, what is answered is bounded in bytes.
#[actix_rt::test]
async fn a_page_of_large_events_ends_early() {
    let server = Loghorn::start().await;
    let message = "x".repeat(250 << 10);
    for n in 0..40 {
        let event = json!({"id": format!("e{n}"), "level": "INFO", "message": message});
        assert_eq!(server.post("/api/v1/events", &event).await.0, 202);
    }
    let (mut sizes, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = server.get(&format!("/api/v1/events?limit=500{cursor}")).await;
        sizes.push(page["items"].as_array().unwrap().len());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!((sizes.iter().sum::<usize>(), sizes.len(), sizes[0]), (40, 2, (8 << 20) / (251 << 10)), "{sizes:?}");
}

#[actix_rt::test]
async fn deliveries_are_listed_under_the_status_they_show() {
    let server = Loghorn::start().await;
    let (hanging, good) = (Receiver::start(Mood::Hang), Receiver::start(Mood::Answer(200, "")));
    server.subscribe(&hanging.url(), json!({})).await;
    server.subscribe(&good.url(), json!({})).await;
    let events: Vec<Value> = (0..40).map(|n| support::event("INFO", n)).collect();
    send(&server, "POST", EVENTS, &[], json!(events)).await;
    until("the window is full", 8, || async {
        let before = server.delivery_stats().await;
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        before["delivered"] == 40 && before["attempting"] != 0 && server.delivery_stats().await == before
    })
    .await;
    let stats = server.delivery_stats().await;
    for statuses in [
        "queued",
        "attempting",
        "delivered",
        "queued,attempting",
        "attempting,delivered",
        "attempting,queued,delivered",
    ] {
        let path = format!("/api/v1/deliveries?status={statuses}");
        let items = server.get(&format!("{path}&limit=500")).await["items"].clone();
        let shown: BTreeSet<&str> =
            items.as_array().unwrap().iter().map(|item| item["status"].as_str().unwrap()).collect();
        assert_eq!(shown, statuses.split(',').collect(), "{statuses}");
        let expected: u64 = statuses.split(',').map(|status| stats[status].as_u64().unwrap()).sum();
        let whole = walk(&server, &path, 500).await;
        assert_eq!(whole.len() as u64, expected, "{statuses}");
        assert_eq!(walk(&server, &path, 7).await, whole, "{statuses}");
    }
}

#[actix_rt::test]
async fn a_change_needs_the_etag_it_was_made_from() {
    let server = Loghorn::start().await;
    let made = send(&server, "POST", SUBS, &[], subscription("a")).await;
    let path = made.header("location").to_owned();
    let first = made.header("etag").to_owned();
    assert_eq!((made.status, call(&server, "GET", &path, &[], "").await.header("etag")), (201, &*first));
    let put = |name: &str, tag: String| send_owned(&server, "PUT", &path, tag, subscription(name));
    let changed = put("b", first.clone()).await;
    assert_eq!((changed.status, &changed.json["name"], changed.json.get("secret")), (200, &json!("b"), None));
    let second = changed.header("etag").to_owned();
    assert_ne!(first, second);
    for stale in [first.as_str(), "\"v99\"", "v2", "nonsense", "\"x\", \"y\""] {
        let answer = put("c", stale.to_owned()).await;
        assert_eq!((answer.status, &answer.json["type"]), (412, &json!("urn:loghorn:problem:stale")), "{stale}");
        for action in ["pause", "resume"] {
            let answer = send(&server, "POST", &format!("{path}/{action}"), &[("if-match", stale)], json!({})).await;
            assert_eq!(answer.status, 412, "{action} {stale}");
        }
        assert_eq!(call(&server, "DELETE", &path, &[("if-match", stale)], "").await.status, 412, "{stale}");
    }
    assert_eq!(server.get(&path).await["name"], "b");
    let listed = put("c", format!("\"x\", W/{second}")).await;
    assert_eq!(listed.status, 200, "{}", listed.json);
    assert_eq!(put("d", "*".into()).await.status, 200);
    let paused = call(&server, "POST", &format!("{path}/pause"), &[("if-match", "\"v4\"")], "").await;
    assert_eq!((paused.status, &paused.json["state"], paused.header("etag")), (200, &json!("paused"), "\"v5\""));
    assert_eq!(call(&server, "DELETE", &path, &[("if-match", "\"v5\"")], "").await.status, 204);
    assert_eq!(call(&server, "DELETE", &path, &[], "").await.status, 404);
}

async fn send_owned(server: &Loghorn, method: &str, path: &str, if_match: String, body: Value) -> Answer {
    send(server, method, path, &[("if-match", &if_match)], body).await
}

#[actix_rt::test]
async fn a_repeat_with_the_same_key_makes_nothing_new() {
    let server = Loghorn::start().await;
    let key = [("idempotency-key", "order-7")];
    let once = send(&server, "POST", EVENTS, &key, json!({"message": "x"})).await;
    assert_eq!((once.status, &once.json), (202, &json!({"id": "order-7", "seq": 1, "status": "accepted"})));
    let again = send(&server, "POST", EVENTS, &key, json!({"message": "x"})).await;
    assert_eq!((&again.json["seq"], &again.json["duplicate"]), (&json!(1), &json!(true)));
    let many = json!([{"message": "a"}, {"message": "b"}]);
    assert_eq!(send(&server, "POST", EVENTS, &key, many.clone()).await.json["accepted"], 2);
    assert_eq!(send(&server, "POST", EVENTS, &key, many).await.json["duplicates"], 2);
    assert_eq!(send(&server, "POST", EVENTS, &[("idempotency-key", "two words")], json!({})).await.status, 400);

    let make = || send(&server, "POST", SUBS, &[("idempotency-key", "k")], subscription("a"));
    let (one, two) = futures_util::future::join(make(), make()).await;
    let statuses = BTreeSet::from([one.status, two.status]);
    assert!(statuses.contains(&201) && statuses.iter().all(|status| [201, 409].contains(status)), "{statuses:?}");
    let repeat = make().await;
    assert_eq!((repeat.status, repeat.json["secret"].is_string()), (201, true));
    assert_eq!((repeat.header("idempotency-replayed"), repeat.header("location").is_empty()), ("true", false));
    let other = send(&server, "POST", SUBS, &[("idempotency-key", "k")], subscription("b")).await;
    assert_eq!(other.status, 409, "{}", other.json);
    // A creation that was refused does not use its key up.
    let bad = [("idempotency-key", "bad")];
    assert_eq!(send(&server, "POST", SUBS, &bad, json!({"name": "x"})).await.status, 422);
    assert_eq!(send(&server, "POST", SUBS, &bad, subscription("c")).await.status, 201);
    assert_eq!(walk(&server, SUBS, 500).await.len(), 2);

    // Every other write has it too, and each of its own.
    let path = format!("{SUBS}/{}/secrets/rotate", repeat.json["id"].as_str().unwrap());
    let rotate = || send(&server, "POST", &path, &[("idempotency-key", "k")], json!({"overlap": "1h"}));
    let (first, second) = (rotate().await, rotate().await);
    assert_eq!((first.status, &first.json), (200, &second.json));
    let anew = send(&server, "POST", &path, &[], json!({"overlap": "1h"})).await;
    assert!(anew.json["number"].as_u64() == first.json["number"].as_u64().map(|number| number + 1), "{}", anew.json);
    let keys =
        || send(&server, "POST", "/api/v1/keys", &[("idempotency-key", "k")], json!({"name": "a", "scope": "read"}));
    assert_eq!(keys().await.json["key"], keys().await.json["key"]);
    assert_eq!(walk(&server, "/api/v1/keys", 500).await.len(), 1);
    let test = format!("{SUBS}/{}/test", repeat.json["id"].as_str().unwrap());
    let send_test = || call(&server, "POST", &test, &[("idempotency-key", "k")], "");
    let (first, second) = futures_util::future::join(send_test(), send_test()).await;
    let statuses = [first.status, second.status];
    assert!(statuses.contains(&202) && statuses.iter().all(|status| [202, 409].contains(status)), "{statuses:?}");
    assert_eq!(send(&server, "POST", &path, &[("idempotency-key", "two words")], json!({})).await.status, 400);
}

#[actix_rt::test]
async fn bodies_are_decompressed_within_limits() {
    let server = Loghorn::start_with(&["--set", "ingest.max_body=64KiB"], &[]).await;
    let event = json!({"message": "x"}).to_string();
    let send = |encoding: &'static str, body: Vec<u8>| {
        let headers = [("content-type", "application/json"), ("content-encoding", encoding)];
        let server = &server;
        async move { call(server, "POST", EVENTS, &headers, body).await }
    };
    for (encoding, body, expected) in [
        ("gzip", gzip(event.as_bytes()), 202),
        ("GZIP", gzip(event.as_bytes()), 202),
        ("zstd", zstd::encode_all(event.as_bytes(), 3).unwrap(), 202),
        ("identity", event.clone().into_bytes(), 202),
        ("gzip", gzip(event.as_bytes())[..20].to_vec(), 400),
        ("br", event.clone().into_bytes(), 415),
        ("gzip, gzip, gzip, gzip", gzip(event.as_bytes()), 415),
        ("gzip", gzip(&vec![b' '; 50 << 20]), 413),
        ("zstd", zstd::encode_all(&vec![b' '; 50 << 20][..], 3).unwrap(), 413),
        ("identity", b"{\"message\":\"caf\xe9\"}".to_vec(), 400),
    ] {
        let answer = send(encoding, body).await;
        assert_eq!(answer.status, expected, "{encoding}: {}", answer.json);
    }
    assert_eq!(server.get("/api/v1/stats").await["event_stats"]["last_seq"], 4);
    assert!(server.rss() < 200 << 20, "{} MiB", server.rss() >> 20);
}

#[actix_rt::test]
async fn an_attempt_shows_what_was_sent_and_what_came_back() {
    let server = Loghorn::start().await;
    let receiver = Receiver::start(Mood::Answer(200, "X-Part: 1\r\nX-Part: 2\r\nSet-Cookie: a=b\r\n"));
    let more = json!({"headers": {"X-Team": "payments", "Authorization": "Bearer s3cret"}});
    server.subscribe(&receiver.url(), more).await;
    send(&server, "POST", EVENTS, &[], json!({"message": "x"})).await;
    until("it arrived", 5, || async { server.delivery_stats().await["delivered"] == 1 }).await;
    let sent = receiver.arrived().remove(0);
    let attempt = server.get(&format!("/api/v1/deliveries/{}", sent.id())).await["attempt_log"][0].clone();
    let phases = attempt["phases"].as_object().unwrap();
    assert!(phases.keys().eq(["connect_ms", "dns_ms", "first_byte_ms", "tls_ms"]), "{attempt}");
    assert_eq!((&phases["dns_ms"], &phases["tls_ms"]), (&Value::Null, &Value::Null), "{attempt}");
    let shown: BTreeMap<String, String> = serde_json::from_value(attempt["request"]["headers"].clone()).unwrap();
    for (name, value) in &shown {
        let expected = if name == "authorization" { "••••" } else { &*sent.headers[name] };
        assert_eq!(value, expected, "{name}");
    }
    let names = ["authorization", "content-type", "user-agent", "webhook-id", "webhook-signature", "webhook-timestamp"];
    assert_eq!(shown.into_keys().collect::<Vec<_>>(), [&names[..], &["x-team", "x-webhook-signature"]].concat());
    let headers = &attempt["response"]["headers"];
    assert_eq!((&headers["x-part"], &headers["set-cookie"]), (&json!("1, 2"), &json!("••••")), "{attempt}");
}

#[actix_rt::test]
async fn what_a_disabled_subscription_left_is_not_sent_again() {
    let server = Loghorn::start().await;
    let receiver = Receiver::start(Mood::Answer(410, ""));
    let (id, _) = server.subscribe(&receiver.url(), json!({})).await;
    send(&server, "POST", EVENTS, &[], json!({"message": "x"})).await;
    let path = format!("{SUBS}/{id}");
    until("it is disabled", 5, || async { server.get(&path).await["state"] == "disabled" }).await;
    until("it is dead", 5, || async { server.delivery_stats().await["failed"] == 1 }).await;
    let dead = walk(&server, "/api/v1/dead-letters", 500).await.remove(0);
    let resend = format!("/api/v1/deliveries/{dead}/resend");
    for (path, body) in [
        (&*resend, json!({})),
        ("/api/v1/dead-letters/replay", json!({})),
        ("/api/v1/dead-letters/replay", json!({"filter": {"ids": [dead]}})),
    ] {
        let answer = send(&server, "POST", path, &[], body).await;
        assert_eq!(answer.status, 409, "{path}: {}", answer.json);
        assert!(answer.json["remedy"].as_str().unwrap().contains("enable"), "{}", answer.json);
    }
    assert_eq!(send(&server, "PATCH", &path, &[], json!({"enabled": true})).await.json["state"], "active");
    receiver.set(Mood::Answer(200, ""));
    let again = send(&server, "POST", &resend, &[], json!({})).await;
    assert_eq!((again.status, again.json["event_type"].is_string()), (202, true), "{}", again.json);
    until("it is delivered", 5, || async { server.delivery_stats().await["delivered"] == 1 }).await;
}

/// Sends bytes as they are, and reads until the connection ends.
fn raw(server: &Loghorn, request: &str) -> String {
    let mut stream = TcpStream::connect(server.addr).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[actix_rt::test]
async fn old_and_brief_clients_are_served() {
    let server = Loghorn::start().await;
    let health = raw(&server, "GET /api/v1/health HTTP/1.0\r\n\r\n");
    assert!(health.starts_with("HTTP/1.0 200") && health.contains("healthy"), "{health}");
    let body = json!({"message": "x"}).to_string();
    let head =
        format!("POST {EVENTS} HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
    assert!(raw(&server, &(head + &body)).starts_with("HTTP/1.0 202"));
    assert!(raw(&server, "GET /api/v1/health HTTP/1.0\r\nHost: evil.example\r\n\r\n").starts_with("HTTP/1.0 403"));
    for path in [EVENTS, "/api/v1/stats", "/api/v1/health", "/metrics", "/api/v1/openapi.json"] {
        let answer = raw(&server, &format!("HEAD {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("\r\n\r\n"), "{path}: {answer}");
        assert!(answer.to_lowercase().contains("content-length: "), "{path}: {answer}");
    }
    let wrong = call(&server, "PATCH", EVENTS, &[], "").await;
    assert_eq!((wrong.status, wrong.header("allow")), (405, "GET, HEAD, POST"));
}

#[actix_rt::test]
async fn every_answer_carries_the_security_headers() {
    let mut server = Loghorn::start().await;
    let host = [("host", "evil.example")];
    let origin = [("origin", "https://evil.example"), ("content-type", "application/json")];
    let mut ids = BTreeSet::new();
    for (method, path, headers, body, expected) in [
        ("GET", "/api/v1/health", &[][..], "", 200),
        ("GET", "/api/v1/health", &host[..], "", 403),
        ("POST", EVENTS, &origin[..], "{}", 403),
        ("POST", EVENTS, &[("content-type", "text/plain")][..], "{}", 415),
        ("GET", "/api/v1/nothing", &[][..], "", 404),
        ("DELETE", EVENTS, &[][..], "", 405),
        ("GET", "/", &[("accept", "text/html")][..], "", 200),
    ] {
        let answer = call(&server, method, path, headers, body).await;
        assert_eq!(answer.status, expected, "{method} {path}: {}", answer.json);
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{method} {path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{method} {path}");
        assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"), "{method} {path}");
        if expected >= 400 {
            let id = answer.json["request_id"].as_str().unwrap().to_owned();
            assert_eq!(answer.header("x-request-id"), id);
            assert!(ids.insert(id), "{method} {path}: a request id twice");
        }
    }
    server.kill();
    server.restart();
    for _ in 0..10 {
        let problem = call(&server, "GET", "/api/v1/nothing", &[], "").await.json;
        assert!(ids.insert(problem["request_id"].as_str().unwrap().to_owned()), "an id of the run before: {problem}");
    }
}

#[actix_rt::test]
async fn health_says_how_it_is() {
    let server = Loghorn::start().await;
    let health = server.get("/api/v1/health").await;
    let ready = json!({"subscription_manager": "ready", "delivery_engine": "ready", "event_listener": "ready"});
    assert_eq!((&health["status"], &health["components"]), (&json!("healthy"), &ready));
    assert_eq!(server.get("/api/v1/health/ready").await["status"], "healthy");
    // Open to anyone, so it says nothing more.
    let live = call(&server, "GET", "/api/v1/health/live", &[("host", "any.example")], "").await;
    assert_eq!((live.status, live.json), (200, json!({"status": "alive"})));
}

#[actix_rt::test]
async fn metrics_are_what_prometheus_reads() {
    let server = Loghorn::start().await;
    send(&server, "POST", EVENTS, &[], json!({"message": "x"})).await;
    let answer = call(&server, "GET", "/metrics", &[], "").await;
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4");
    let text = answer.json.as_str().unwrap();
    assert!(text.ends_with('\n'));
    let mut kinds = BTreeMap::<&str, &str>::new();
    let mut samples = BTreeMap::<&str, f64>::new();
    for line in text.lines() {
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(kinds.insert(name, kind).is_none(), "a family twice: {line}");
        } else if !line.starts_with("# HELP ") {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let name = series.split('{').next().unwrap();
            let family = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|end| name.strip_suffix(end))
                .filter(|f| kinds.contains_key(f));
            assert!(kinds.contains_key(family.unwrap_or(name)), "no TYPE before {line}");
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'), "{line}");
            assert!(series.len() == name.len() || series.ends_with("\"}"), "{line}");
            assert!(samples.insert(series, value.parse().unwrap()).is_none(), "a series twice: {line}");
        }
    }
    for (family, kind) in [
        ("build_info", "gauge"),
        ("uptime_seconds", "gauge"),
        ("events_accepted_total", "counter"),
        ("events_duplicate_total", "counter"),
        ("events_rejected_total", "counter"),
        ("ingest_overloaded_total", "counter"),
        ("ingest_queue_bytes", "gauge"),
        ("append_duration_seconds", "histogram"),
        ("log_last_seq", "gauge"),
        ("router_lag_events", "gauge"),
        ("deliveries", "gauge"),
        ("attempts_total", "counter"),
        ("attempt_duration_seconds", "histogram"),
        ("attempts_in_flight", "gauge"),
        ("circuits_open", "gauge"),
        ("circuits_opened_total", "counter"),
        ("actor_panics_total", "counter"),
        ("ledger_imbalance", "gauge"),
        ("store_bytes", "gauge"),
        ("store_read_only", "gauge"),
    ] {
        assert_eq!(kinds.get(&*format!("loghorn_{family}")), Some(&kind), "{family}");
    }
    assert_eq!((samples["loghorn_events_accepted_total"], samples["loghorn_ledger_imbalance"]), (1.0, 0.0));
    let bucket = samples["loghorn_append_duration_seconds_bucket{le=\"+Inf\"}"];
    assert_eq!((bucket, samples["loghorn_append_duration_seconds_count"]), (1.0, 1.0));
}

#[actix_rt::test]
async fn the_description_is_the_committed_one_and_names_every_route() {
    let server = Loghorn::start().await;
    let served = server.get("/api/v1/openapi.json").await;
    let committed =
        std::fs::read_to_string("web/openapi.json").expect("web/openapi.json is missing: run `make openapi`");
    let committed: Value = serde_json::from_str(&committed).unwrap();
    assert!(served == committed, "web/openapi.json is not what the server serves: run `make openapi`");
    assert!(served["openapi"].as_str().unwrap().starts_with("3.1"));
    for (path, method) in [
        ("/metrics", "get"),
        ("/api/v1/ingest", "post"),
        ("/api/v1/ingest", "put"),
        ("/api/v1/ingest/{source}", "post"),
        ("/api/v1/ingest/{source}", "put"),
        (EVENTS, "post"),
        ("/api/v1/subscriptions/{id}", "patch"),
        ("/api/v1/dead-letters/replay", "post"),
    ] {
        assert!(served["paths"][path][method].is_object(), "{method} {path}");
    }
    let body = &served["paths"][SUBS]["post"]["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(body["$ref"], "#/components/schemas/SubscriptionBody");
}
