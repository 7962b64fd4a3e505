//! An endpoint that is down is left alone, also over a restart and by hand; a rate limit and an order are kept.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Loghorn, Mood, Receiver, event, until};

async fn circuit(loghorn: &Loghorn, id: &str) -> Value {
    loghorn.get(&format!("/api/v1/subscriptions/{id}/circuit")).await
}

async fn act(loghorn: &Loghorn, id: &str, action: &str) -> Value {
    let (status, answer) =
        loghorn.post(&format!("/api/v1/subscriptions/{id}/circuit"), &json!({"action": action})).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

#[actix_rt::test]
async fn a_circuit_stays_open_over_a_restart_and_obeys_a_person() {
    let receiver = Receiver::start(Mood::Answer(503, ""));
    let mut loghorn = Loghorn::start().await;
    let (id, _) = loghorn.subscribe(&receiver.url(), json!({})).await;
    let events: Vec<Value> = (0..10).map(|n| event("ERROR", n)).collect();
    loghorn.post("/api/v1/events", &json!(events)).await;
    until("it trips", 10, async || circuit(&loghorn, &id).await["circuit"] == "open").await;
    assert!(circuit(&loghorn, &id).await["until"].is_string());
    // A moment later that is kept, with what happened.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let before = receiver.count();
    loghorn.kill();
    loghorn.restart();
    until("the circuit is recalled", 10, async || circuit(&loghorn, &id).await["circuit"] == "open").await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(receiver.count(), before, "attempted although it was open before the restart");

    // A probe by hand is one attempt, which fails; the circuit is open again, for longer.
    act(&loghorn, &id, "probe").await;
    until("it is probed", 10, async || receiver.count() == before + 1).await;
    until("it is open again", 10, async || circuit(&loghorn, &id).await["circuit"] == "open").await;
    assert_eq!(receiver.count(), before + 1);

    let held = act(&loghorn, &id, "open").await;
    assert_eq!((&held["circuit"], &held["until"], &held["waiting"]), (&json!("open"), &Value::Null, &json!(10)));
    tokio::time::sleep(Duration::from_millis(300)).await;
    loghorn.kill();
    loghorn.restart();
    until("it is recalled", 10, async || circuit(&loghorn, &id).await["circuit"] == "open").await;
    assert_eq!(circuit(&loghorn, &id).await["until"], Value::Null);

    receiver.set(Mood::Answer(200, ""));
    act(&loghorn, &id, "close").await;
    until("all is delivered", 10, async || loghorn.delivery_stats().await["delivered"] == 10).await;
    assert_eq!(circuit(&loghorn, &id).await["circuit"], "closed");
    loghorn.assert_ledger_balances().await;
    // What happened is told, the newest first, also of before the restarts.
    let told = circuit(&loghorn, &id).await["history"].as_array().unwrap().clone();
    let (newest, oldest) = (&told[0], told.last().unwrap());
    assert_eq!((&newest["circuit"], &newest["cause"]), (&json!("closed"), &json!("a person wanted it")), "{told:?}");
    assert_eq!(
        (&oldest["circuit"], &oldest["cause"]),
        (&json!("open"), &json!("the last attempt came to http_5xx (503)"))
    );
    let path = format!("/api/v1/subscriptions/{id}/circuit");
    assert_eq!(loghorn.post(&path, &json!({"action": "shut"})).await.0, 422);
    // A probe that nothing would come of is refused, with why.
    let refused = async |why: &str| {
        let (status, problem) = loghorn.post(&path, &json!({"action": "probe"})).await;
        assert!(status == 409 && problem["detail"].as_str().unwrap().contains(why), "{status} {problem}");
    };
    refused("the circuit is closed").await;
    act(&loghorn, &id, "open").await;
    loghorn.post(&format!("/api/v1/subscriptions/{id}/pause"), &json!({})).await;
    refused("paused").await;
    assert_eq!(loghorn.post("/api/v1/subscriptions/sub_x/circuit", &json!({"action": "open"})).await.0, 404);
}

#[actix_rt::test]
async fn a_rate_limit_is_kept_and_can_be_lifted() {
    let (loghorn, receiver) = (Loghorn::start().await, Receiver::start(Mood::Answer(200, "")));
    let (id, _) = loghorn.subscribe(&receiver.url(), json!({"rate_limit": {"per_second": 20}})).await;
    let events: Vec<Value> = (0..60).map(|n| event("ERROR", n)).collect();
    let began = Instant::now();
    loghorn.post("/api/v1/events", &json!(events)).await;
    until("forty arrive", 20, async || receiver.count() >= 40).await;
    // Twenty at once, then twenty a second.
    assert!(began.elapsed() >= Duration::from_millis(900), "{:?}", began.elapsed());
    let lifted = json!({"rate_limit": null}).to_string();
    assert_eq!(loghorn.call("PATCH", &format!("/api/v1/subscriptions/{id}"), Some(lifted)).await.0, 200);
    until("the rest arrives at once", 5, async || receiver.count() == 60).await;
}

#[actix_rt::test]
async fn in_strict_order_everything_waits_for_the_oldest() {
    let (loghorn, receiver) = (Loghorn::start().await, Receiver::start(Mood::Answer(503, "")));
    loghorn.subscribe(&receiver.url(), json!({"ordering": "strict"})).await;
    let events: Vec<Value> = (0..30).map(|n| event("ERROR", n)).collect();
    loghorn.post("/api/v1/events", &json!(events)).await;
    until("the oldest is tried again", 10, async || receiver.count() >= 3).await;
    assert!(receiver.arrived().iter().all(|webhook| webhook.event_id() == "test-ERROR-0"));
    receiver.set(Mood::Answer(200, ""));
    until("all is delivered", 20, async || loghorn.delivery_stats().await["delivered"] == 30).await;
    let mut order: Vec<String> = receiver.arrived().iter().map(|webhook| webhook.event_id()).collect();
    order.dedup();
    let expected: Vec<String> = (0..30).map(|n| format!("test-ERROR-{n}")).collect();
    assert_eq!(order, expected);
}

#[actix_rt::test]
async fn nothing_but_failures_for_long_disables_and_what_waits_is_kept() {
    let receiver = Receiver::start(Mood::Answer(503, ""));
    let args = ["--set", "delivery.disable_after=2s", "--set", "breaker.open_for=200ms"];
    let loghorn = Loghorn::start_with(&args, &[]).await;
    let (id, _) = loghorn.subscribe(&receiver.url(), json!({})).await;
    loghorn.post("/api/v1/events", &event("ERROR", 1)).await;
    let path = format!("/api/v1/subscriptions/{id}");
    until("it is disabled", 20, async || loghorn.get(&path).await["state"] == "disabled").await;
    let reason = loghorn.get(&path).await["disabled_reason"].as_str().unwrap().to_owned();
    assert!(reason.starts_with("failing: nothing but failures since 20"), "{reason}");
    assert_eq!(loghorn.delivery_stats().await["retrying"], 1);
    receiver.set(Mood::Answer(200, ""));
    let enabled = json!({"enabled": true}).to_string();
    assert_eq!(loghorn.call("PATCH", &path, Some(enabled)).await.1["state"], "active");
    until("what waited is delivered", 20, async || loghorn.delivery_stats().await["delivered"] == 1).await;
    assert_eq!(loghorn.get(&path).await["state"], "active");
}

#[actix_rt::test]
async fn all_webhooks_are_held_also_over_a_restart_and_go_on_when_told_to() {
    let (mut loghorn, receiver) = (Loghorn::start().await, Receiver::start(Mood::Answer(200, "")));
    loghorn.subscribe(&receiver.url(), json!({})).await;
    loghorn.post("/api/v1/events", &event("ERROR", 1)).await;
    until("the first is delivered", 10, async || loghorn.delivery_stats().await["delivered"] == 1).await;
    let (status, held) = loghorn.post("/api/v1/dispatch/pause", &json!({})).await;
    assert_eq!((status, &held["state"], held["since"].is_string()), (200, &json!("paused"), true));
    loghorn.post("/api/v1/events", &event("ERROR", 2)).await;
    // Also what a subscription made meanwhile gets.
    let other = Receiver::start(Mood::Answer(200, ""));
    loghorn.subscribe(&other.url(), json!({"name": "other"})).await;
    loghorn.post("/api/v1/events", &event("ERROR", 3)).await;
    loghorn.kill();
    loghorn.restart();
    let health = loghorn.get("/api/v1/health").await;
    assert_eq!((&health["status"], &health["components"]["delivery_engine"]), (&json!("degraded"), &json!("degraded")));
    assert!(health["reasons"]["delivery_engine"].as_str().unwrap().starts_with("dispatch is paused since 20"));
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!((receiver.count(), other.count()), (1, 0));
    assert_eq!(loghorn.get("/api/v1/dispatch").await["waiting"], 3);
    assert_eq!(loghorn.post("/api/v1/dispatch/resume", &json!({})).await.1["since"], Value::Null);
    until("all is delivered", 10, async || (receiver.count(), other.count()) == (3, 1)).await;
    assert_eq!(loghorn.get("/api/v1/health").await["status"], "healthy");
    assert_eq!(loghorn.post("/api/v1/dispatch/resume", &json!({})).await.0, 200, "twice is no error");
    loghorn.assert_ledger_balances().await;
    let page = loghorn.get("/api/v1/deliveries").await;
    assert!(page["items"].as_array().unwrap().iter().all(|row| row["event_type"] == "log.error"), "{page}");
}
