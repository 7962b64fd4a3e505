//! Bad input: each gets a problem that says what, where and what to do, and changes nothing.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use serde_json::{Value, json};
use support::Loghorn;

struct Case {
    method: &'static str,
    path: &'static str,
    body: Option<String>,
    status: u16,
    /// A pointer that must be among the errors; empty: no member is to be named.
    pointer: &'static str,
}

fn case(method: &'static str, path: &'static str, body: impl ToString, status: u16, pointer: &'static str) -> Case {
    Case { method, path, body: Some(body.to_string()), status, pointer }
}

fn subscription(member: &str, value: Value) -> Value {
    let mut spec = json!({"name": "n", "url": "https://example.com/hook", "events": ["log.error"]});
    spec[member] = value;
    spec
}

#[actix_rt::test]
async fn every_bad_request_is_refused_clearly_and_stores_nothing() {
    let server = Loghorn::start_with(&["--set", "ingest.max_body=100KiB", "--set", "ingest.max_event=4KiB"], &[]).await;
    let (events, subs) = ("/api/v1/events", "/api/v1/subscriptions");
    let cases = [
        case("POST", events, r#"{"level":"#, 400, ""),
        case("POST", events, "hello", 400, ""),
        case("POST", events, "", 400, ""),
        case("POST", events, r#"[{"level":"INFO"},{"level":"#, 400, ""),
        case("POST", events, r#"[{"level":"LOUD"}] x"#, 400, ""),
        case("POST", events, "3", 422, ""),
        case("POST", events, "[3]", 422, "/0"),
        case("POST", events, "{}\nhello", 422, "/1"),
        case("POST", events, r#"{"level":3}"#, 422, "/level"),
        case("POST", events, r#"{"level":"LOUD"}"#, 422, "/level"),
        case("POST", events, r#"{"event_type":"No Good"}"#, 422, "/event_type"),
        case("POST", events, r#"{"metadata":[]}"#, 422, "/metadata"),
        case("POST", events, r#"{"timestamp":"yesterday"}"#, 422, "/timestamp"),
        case("POST", events, r#"[{"level":"INFO"},{"level":"LOUD"}]"#, 422, "/1/level"),
        case("POST", events, json!({"message": "x".repeat(5000)}), 422, ""),
        case("POST", events, json!({"message": "x".repeat(200_000)}), 413, ""),
        case("POST", subs, "{", 400, ""),
        case("POST", subs, subscription("nmae", json!("x")), 422, "/nmae"),
        case("POST", subs, subscription("filters", json!({"sorce": "x"})), 422, "/filters/sorce"),
        case("POST", subs, subscription("filters", json!({"source": "(("})), 422, "/filters/source"),
        case("POST", subs, subscription("url", json!("ftp://example.com")), 422, "/url"),
        case("POST", subs, subscription("url", json!("https://169.254.169.254/")), 422, "/url"),
        case("POST", subs, subscription("events", json!([])), 422, "/events"),
        case("POST", subs, subscription("name", json!(7)), 422, "/name"),
        case("POST", subs, subscription("secret", json!("short")), 422, "/secret"),
        case("POST", subs, subscription("headers", json!({"Host": "x"})), 422, "/headers/Host"),
        case("POST", "/api/v1/dead-letters/replay", r#"{"filter":{"ids":["dlv_x"]}}"#, 422, "/filter/ids"),
        case("POST", "/api/v1/dead-letters/replay", r#"{"filter":{"ids":[3]}}"#, 422, "/filter/ids/0"),
        case("POST", "/api/v1/dead-letters/replay", r#"{"filter":{"clas":"x"}}"#, 422, "/filter/clas"),
        case("POST", "/api/v1/dead-letters/replay", "[]", 422, ""),
        case("POST", "/api/v1/dead-letters/replay", r#"{"filter":[]}"#, 422, "/filter"),
        case("POST", subs, subscription("filters", json!([])), 422, "/filters"),
        Case { method: "DELETE", path: events, body: None, status: 405, pointer: "" },
        Case { method: "GET", path: "/api/v1/events?cursor=nonsense", body: None, status: 400, pointer: "" },
        Case { method: "GET", path: "/api/v1/events?limit=0", body: None, status: 400, pointer: "" },
        Case { method: "GET", path: "/api/v1/events?lmit=5", body: None, status: 400, pointer: "" },
        Case { method: "GET", path: "/api/v1/deliveries?status=lost", body: None, status: 400, pointer: "" },
        Case { method: "GET", path: "/api/v1/events/evt_unknown", body: None, status: 404, pointer: "" },
        Case { method: "GET", path: "/api/v1/subscriptions/sub_x", body: None, status: 404, pointer: "" },
        Case { method: "GET", path: "/api/v1/nothing", body: None, status: 404, pointer: "" },
    ];
    for Case { method, path, body, status, pointer } in cases {
        let shown = body.clone().map(|body| body.chars().take(60).collect::<String>());
        let (got, problem) = server.call(method, path, body).await;
        assert_eq!(got, status, "{method} {path} {shown:?}: {problem}");
        for member in ["type", "title", "detail", "remedy", "request_id"] {
            assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {path} {problem}");
        }
        assert_eq!(problem["status"], status);
        let pointers: Vec<&str> =
            problem["errors"].as_array().into_iter().flatten().filter_map(|e| e["pointer"].as_str()).collect();
        let is_named =
            if pointer.is_empty() { pointers.iter().all(|p| p.is_empty()) } else { pointers.contains(&pointer) };
        assert!(is_named, "{method} {path} {shown:?}: {pointer:?} is not what {problem} names");
    }
    let stats = server.get("/api/v1/stats").await;
    assert_eq!((&stats["event_stats"]["last_seq"], &stats["subscription_stats"]["total"]), (&json!(0), &json!(0)));
}

#[actix_rt::test]
async fn a_page_of_another_site_gets_nothing() {
    let server = Loghorn::start().await;
    let client = awc::Client::default();
    let event = json!({"message": "x"});
    let cross = client.post(server.url("/api/v1/events")).insert_header(("Origin", "https://evil.example"));
    assert_eq!(cross.send_json(&event).await.unwrap().status(), 403);
    let form = client.post(server.url("/api/v1/events")).insert_header(("Content-Type", "text/plain"));
    assert_eq!(form.send_body(event.to_string()).await.unwrap().status(), 415);
    let host = client.get(server.url("/api/v1/health")).insert_header(("Host", "evil.example"));
    assert!(matches!(host.send().await.unwrap().status().as_u16(), 403 | 421));
}

#[actix_rt::test]
async fn a_stale_update_is_refused() {
    let server = Loghorn::start().await;
    let (id, _) = server.subscribe("https://example.com/hook", json!({})).await;
    let client = awc::Client::default();
    let url = server.url(&format!("/api/v1/subscriptions/{id}"));
    let etag = client.get(&url).send().await.unwrap().headers().get("etag").unwrap().clone();
    let patch = |description: &str| {
        client.patch(&url).insert_header(("If-Match", etag.clone())).send_json(&json!({"description": description}))
    };
    assert_eq!(patch("first").await.unwrap().status(), 200);
    assert_eq!(patch("second").await.unwrap().status(), 412);
    assert_eq!(server.get(&format!("/api/v1/subscriptions/{id}")).await["description"], "first");
}
