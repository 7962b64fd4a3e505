//! What receivers do, and what becomes of the delivery.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::time::Duration;

use serde_json::{Value, json};
use support::{Loghorn, Mood, Receiver, event, until};

async fn deliveries(server: &Loghorn) -> Vec<Value> {
    server.get("/api/v1/deliveries").await["items"].as_array().unwrap().clone()
}

/// Sends one event to a receiver of this mood and waits until its delivery is `status`; the delivery with attempts.
async fn outcome(mood: Mood, more: Value, status: &str) -> (Value, usize) {
    let server = Loghorn::start().await;
    let receiver = Receiver::start(mood);
    server.subscribe(&receiver.url(), more).await;
    server.post("/api/v1/events", &event("ERROR", 1)).await;
    until(status, 20, || async { deliveries(&server).await.first().is_some_and(|one| one["status"] == status) }).await;
    let id = deliveries(&server).await[0]["id"].as_str().unwrap().to_owned();
    let delivery = server.get(&format!("/api/v1/deliveries/{id}")).await;
    server.assert_ledger_balances().await;
    (delivery, receiver.count())
}

#[actix_rt::test]
async fn answers_that_say_no_are_dead_at_once() {
    for (code, class, reason) in
        [(404, "http_4xx", "http_4xx"), (400, "http_4xx", "http_4xx"), (302, "http_3xx", "http_3xx")]
    {
        let mood = Mood::Answer(code, "Location: http://127.0.0.1:1/\r\n");
        let (delivery, count) = outcome(mood, json!({}), "dead_letter").await;
        assert_eq!((&delivery["last_class"], &delivery["reason"]), (&json!(class), &json!(reason)), "{delivery}");
        assert_eq!((&delivery["attempts"], count), (&json!(1), 1));
    }
}

#[actix_rt::test]
async fn failures_are_tried_again_until_exhausted() {
    let twice = json!({"retry": {"max_attempts": 2}, "timeout": "300ms"});
    for (mood, class) in [
        (Mood::Answer(500, ""), "http_5xx"),
        (Mood::Reset, "reset"),
        (Mood::Hang, "timeout_response"),
        (Mood::Drip, "timeout_response"),
        (Mood::raw("\x00\x01\x02 what is this\r\n\r\n"), "protocol"),
    ] {
        let (delivery, count) = outcome(mood.clone(), twice.clone(), "dead_letter").await;
        assert_eq!((&delivery["last_class"], &delivery["reason"]), (&json!(class), &json!("exhausted")), "{mood:?}");
        assert_eq!((&delivery["attempts"], count), (&json!(2), 2), "{mood:?}: {delivery}");
        for attempt in delivery["attempt_log"].as_array().unwrap() {
            assert!(attempt["duration_ms"].as_f64().unwrap() < 800.0, "{attempt}");
        }
    }
}

#[actix_rt::test]
async fn an_endless_body_is_cut_and_counts_as_delivered() {
    let (delivery, _) = outcome(Mood::endless(), json!({}), "delivered").await;
    assert_eq!(delivery["attempt_log"][0]["response"]["body"].as_str().unwrap().len(), 16 * 1024);
}

#[actix_rt::test]
async fn nobody_there_is_a_connect_failure() {
    let server = Loghorn::start().await;
    let reserved = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", reserved.local_addr().unwrap());
    drop(reserved);
    server.subscribe(&url, json!({"retry": {"max_attempts": 1}})).await;
    server.post("/api/v1/events", &event("ERROR", 1)).await;
    until("dead", 20, || async { server.delivery_stats().await["failed"] == 1 }).await;
    assert_eq!(deliveries(&server).await[0]["last_class"], "connect");
}

#[actix_rt::test]
async fn a_pause_that_is_asked_for_is_kept_and_the_id_stays() {
    let server = Loghorn::start().await;
    let receiver = Receiver::start(Mood::Answer(429, "Retry-After: 1\r\n"));
    let (_, secret) = server.subscribe(&receiver.url(), json!({})).await;
    server.post("/api/v1/events", &event("ERROR", 1)).await;
    until("it is retrying", 10, || async { server.delivery_stats().await["retrying"] == 1 }).await;
    assert_eq!(deliveries(&server).await[0]["last_class"], "rate_limited");
    receiver.set(Mood::Answer(200, ""));
    until("delivered", 10, || async { server.delivery_stats().await["delivered"] == 1 }).await;
    let arrived = receiver.arrived();
    assert_eq!(arrived.len(), 2);
    assert!(arrived[1].at - arrived[0].at >= Duration::from_millis(990), "{:?}", arrived[1].at - arrived[0].at);
    assert_eq!(arrived[0].id(), arrived[1].id());
    arrived[1].verify(&secret);
}

#[actix_rt::test]
async fn gone_disables_the_subscription() {
    let server = Loghorn::start().await;
    let receiver = Receiver::start(Mood::Answer(410, ""));
    let (id, _) = server.subscribe(&receiver.url(), json!({})).await;
    server.post("/api/v1/events", &event("ERROR", 1)).await;
    let path = format!("/api/v1/subscriptions/{id}");
    until("disabled", 10, || async { server.get(&path).await["state"] == "disabled" }).await;
    assert!(server.get(&path).await["disabled_reason"].as_str().unwrap().contains("410"));
    assert_eq!(deliveries(&server).await[0]["reason"], "gone");
    server.post("/api/v1/events", &event("ERROR", 2)).await;
    until("routed", 10, || async {
        server.get("/api/v1/stats").await["event_stats"]["routed_seq"].as_u64() >= Some(2)
    })
    .await;
    assert_eq!(deliveries(&server).await.len(), 1);

    // Who changes something else of it does not mean that.
    let described = json!({"description": "gone?"}).to_string();
    let (status, shown) = server.call("PATCH", &path, Some(described)).await;
    assert_eq!((status, &shown["state"], &shown["enabled"]), (200, &json!("disabled"), &json!(false)));
    assert!(shown["disabled_reason"].as_str().unwrap().contains("410"));
    receiver.set(Mood::Answer(200, ""));
    let (status, shown) = server.post(&format!("{path}/resume"), &json!({})).await;
    assert_eq!((status, &shown["state"], &shown["disabled_reason"]), (200, &json!("active"), &Value::Null));
    server.post("/api/v1/events", &event("ERROR", 3)).await;
    until("it takes events again", 10, || async { server.delivery_stats().await["delivered"] == 1 }).await;
    assert_eq!(deliveries(&server).await.len(), 2);
}

#[actix_rt::test]
async fn a_dead_letter_is_replayed_as_the_same_delivery() {
    let server = Loghorn::start().await;
    let receiver = Receiver::start(Mood::Answer(404, ""));
    server.subscribe(&receiver.url(), json!({})).await;
    server.post("/api/v1/events", &event("ERROR", 1)).await;
    until("dead", 10, || async { server.delivery_stats().await["failed"] == 1 }).await;
    let dead = server.get("/api/v1/dead-letters").await["items"][0].clone();
    let id = dead["id"].as_str().unwrap().to_owned();
    receiver.set(Mood::Answer(200, ""));
    let (status, answer) = server.post("/api/v1/dead-letters/replay", &json!({"filter": {"ids": [id]}})).await;
    assert_eq!(status, 202, "{answer}");
    until("delivered", 10, || async { server.delivery_stats().await["delivered"] == 1 }).await;
    let stats = server.delivery_stats().await;
    assert_eq!((&stats["total_deliveries"], &stats["failed"]), (&json!(1), &json!(0)));
    let delivery = server.get(&format!("/api/v1/deliveries/{id}")).await;
    assert_eq!((&delivery["origin"], &delivery["attempts"]), (&json!("replay"), &json!(2)));
    let ids: Vec<String> = receiver.arrived().iter().map(|webhook| webhook.id().to_owned()).collect();
    assert_eq!(ids, [id.clone(), id]);
    assert_eq!(server.get("/api/v1/dead-letters").await["items"], json!([]));
    server.assert_ledger_balances().await;
}

#[actix_rt::test]
async fn a_receiver_that_is_down_trips_its_circuit_and_recovers() {
    let server = Loghorn::start_with(&["--set", "breaker.open_for=1s"], &[]).await;
    let receiver = Receiver::start(Mood::Answer(503, ""));
    let (id, _) = server.subscribe(&receiver.url(), json!({})).await;
    let events: Vec<Value> = (0..50).map(|n| event("ERROR", n)).collect();
    server.post("/api/v1/events", &json!(events)).await;
    let path = format!("/api/v1/subscriptions/{id}");
    until("the circuit opens", 10, || async { server.get(&path).await["circuit"] == "open" }).await;
    let at_trip = receiver.count();
    assert!(at_trip < 50, "{at_trip} attempts before the circuit opened");
    receiver.set(Mood::Answer(200, ""));
    until("all are delivered", 20, || async { server.delivery_stats().await["delivered"] == 50 }).await;
    assert_eq!(server.get(&path).await["circuit"], "closed");
    server.assert_ledger_balances().await;
}

#[actix_rt::test]
async fn private_addresses_are_refused_without_the_flag() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["--set", "egress.allow_private=10.0.0.0/8"];
    let server = Loghorn::start_in(&folder.path().join("data"), &args, &[]).await;
    let spec = json!({"name": "n", "url": "http://127.0.0.1:8080/x", "events": ["**"]});
    let (status, problem) = server.post("/api/v1/subscriptions", &spec).await;
    assert_eq!(status, 422, "{problem}");
    assert_eq!(problem["errors"][0]["pointer"], "/url");
    assert!(problem["errors"][0]["detail"].as_str().unwrap().contains("--allow-private"), "{problem}");
}

#[actix_rt::test]
async fn the_trace_of_an_event_goes_out_with_its_webhook() {
    let (loghorn, receiver) = (Loghorn::start().await, Receiver::start(Mood::Answer(200, "")));
    loghorn.subscribe(&receiver.url(), json!({})).await;
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    for metadata in [json!({"traceparent": trace}), json!({"traceparent": "none"}), json!({})] {
        loghorn.post("/api/v1/events", &json!({"metadata": metadata})).await;
    }
    until("they arrive", 10, || async { receiver.count() == 3 }).await;
    let mut sent: Vec<Option<String>> =
        receiver.arrived().iter().map(|webhook| webhook.headers.get("traceparent").cloned()).collect();
    sent.sort();
    assert_eq!(sent, [None, None, Some(trace.to_owned())]);
    let arrived = receiver.arrived();
    let traced = arrived.iter().find(|webhook| webhook.headers.contains_key("traceparent")).unwrap();
    until("it is recorded", 10, || async { loghorn.delivery_stats().await["delivered"] == 3 }).await;
    let delivery = loghorn.get(&format!("/api/v1/deliveries/{}", traced.id())).await;
    assert_eq!(delivery["attempt_log"][0]["request"]["headers"]["traceparent"], trace);
}
