//! A panic in each actor loses nothing, and the others never notice. Needs the feature `failpoints`.
#![cfg(feature = "failpoints")]
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::collections::BTreeSet;

use serde_json::json;
use support::{Loghorn, Mood, Receiver, event, until};

/// Sends events one by one until `n` are accepted; how many requests were answered 503 instead.
async fn send(server: &Loghorn, n: usize) -> usize {
    let mut refused = 0;
    for number in 0..n {
        loop {
            let (status, answer) = server.post("/api/v1/events", &event("ERROR", number)).await;
            match status {
                202 => break,
                503 => refused += 1,
                _ => panic!("{status} {answer}"),
            }
        }
    }
    refused
}

/// With these failpoints set, every accepted event arrives exactly under one id, and the ledger balances.
async fn survives(failpoints: &str, panics: &str) {
    let server = Loghorn::start_with(&[], &[("FAILPOINTS", failpoints)]).await;
    let (one, other) = (Receiver::start(Mood::Answer(200, "")), Receiver::start(Mood::Answer(200, "")));
    server.subscribe(&one.url(), json!({})).await;
    server.subscribe(&other.url(), json!({})).await;
    send(&server, 200).await;
    until("all is delivered", 60, || async { server.delivery_stats().await["delivered"] == 400 }).await;
    for receiver in [&one, &other] {
        let ids: BTreeSet<String> = receiver.arrived().iter().map(|webhook| webhook.id().to_owned()).collect();
        assert_eq!(ids.len(), 200);
    }
    server.assert_ledger_balances().await;
    let (_, metrics) = server.call("GET", "/metrics", None).await;
    let metrics = metrics.as_str().unwrap();
    let line = metrics.lines().find(|line| line.starts_with(panics)).unwrap_or_else(|| panic!("{metrics}"));
    assert!(!line.ends_with(" 0"), "nothing panicked: {line}");
    let (_, health) = server.call("GET", "/api/v1/health", None).await;
    assert_eq!(health["status"], "healthy", "{health}");
}

#[actix_rt::test]
async fn the_ingest_actor_may_panic() {
    survives("ingest::append=5%10*panic", r#"loghorn_actor_panics_total{actor="ingest"}"#).await;
}

#[actix_rt::test]
async fn the_router_may_panic_before_and_after_its_write() {
    survives("router::match=5%10*panic", r#"loghorn_actor_panics_total{actor="router"}"#).await;
    survives("router::enqueued=10%10*panic", r#"loghorn_actor_panics_total{actor="router"}"#).await;
}

#[actix_rt::test]
async fn a_delivery_actor_may_panic() {
    survives("delivery::handle=2%15*panic", r#"loghorn_actor_panics_total{actor="delivery"}"#).await;
}

#[actix_rt::test]
async fn an_attempt_may_panic() {
    let server = Loghorn::start_with(&[], &[("FAILPOINTS", "sender::attempt=10*panic")]).await;
    let receiver = Receiver::start(Mood::Answer(200, ""));
    server.subscribe(&receiver.url(), json!({})).await;
    send(&server, 100).await;
    until("all is delivered", 60, || async { server.delivery_stats().await["delivered"] == 100 }).await;
    assert_eq!(receiver.count(), 100);
    assert_eq!(server.said("failpoint sender::attempt panic"), 10);
}

#[actix_rt::test]
async fn one_endpoint_s_panics_are_nobody_else_s() {
    let server = Loghorn::start_with(&[], &[("FAILPOINTS", "delivery::handle::one=1000*panic")]).await;
    let (one, other) = (Receiver::start(Mood::Answer(200, "")), Receiver::start(Mood::Answer(200, "")));
    server.subscribe(&one.url(), json!({"name": "one"})).await;
    let (id, _) = server.subscribe(&other.url(), json!({"name": "other"})).await;
    send(&server, 200).await;
    until("the other got all", 20, || async { other.count() >= 200 }).await;
    let ids: BTreeSet<String> = other.arrived().iter().map(|webhook| webhook.id().to_owned()).collect();
    assert_eq!((ids.len(), other.count(), one.count()), (200, 200, 0), "the other's webhooks came once each");
    let deliveries = server.get(&format!("/api/v1/deliveries?subscription={id}&status=delivered&limit=500")).await;
    assert!(deliveries["items"].as_array().unwrap().iter().all(|delivery| delivery["attempts"] == 1));
    assert!(server.said("failpoint delivery::handle::one panic") > 0);
}

#[actix_rt::test]
async fn an_endpoint_whose_actor_always_panics_is_quarantined_and_health_says_so() {
    let server = Loghorn::start_with(&[], &[("FAILPOINTS", "delivery::handle=1000*panic")]).await;
    let receiver = Receiver::start(Mood::Answer(200, ""));
    server.subscribe(&receiver.url(), json!({})).await;
    send(&server, 3).await;
    until("health says so", 20, || async {
        let (_, health) = server.call("GET", "/api/v1/health", None).await;
        health["status"] == "degraded" && health.to_string().contains("quarantined")
    })
    .await;
    assert_eq!(server.delivery_stats().await["total_deliveries"], 3);
}

#[actix_rt::test]
async fn an_event_that_cannot_be_matched_is_set_aside_and_holds_up_nobody() {
    // Twice for one of them, so that its third try comes through; each time for the other.
    let failpoints = "router::poison::flaky=2*panic->off;router::poison::poison=panic(\"bad\")";
    let server = Loghorn::start_with(&[], &[("FAILPOINTS", failpoints)]).await;
    let receiver = Receiver::start(Mood::Answer(200, ""));
    server.subscribe(&receiver.url(), json!({})).await;
    let began = std::time::Instant::now();
    for (id, source) in [("a", "well"), ("b", "poison"), ("c", "flaky"), ("d", "well")] {
        assert_eq!(server.post("/api/v1/events", &json!({"id": id, "source": source})).await.0, 202);
    }
    until("the others arrive", 10, || async { receiver.count() == 3 }).await;
    assert!(began.elapsed() < std::time::Duration::from_secs(2), "{:?}", began.elapsed());
    let explained = server.get("/api/v1/events/b/explain").await;
    assert!(explained["set_aside"].as_str().unwrap().contains("bad"), "{explained}");
    assert_eq!(explained["subscriptions"][0]["matched"], false);
    assert_eq!(explained["subscriptions"][0]["delivery_id"], serde_json::Value::Null);
    assert!(server.get("/api/v1/events/c/explain").await["set_aside"].is_null());
    let (_, metrics) = server.call("GET", "/metrics", None).await;
    assert!(metrics.as_str().unwrap().contains("loghorn_events_set_aside_total 1\n"));
    assert_eq!(server.get("/api/v1/health").await["status"], "healthy");
    server.assert_ledger_balances().await;
}
