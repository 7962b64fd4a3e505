//! All endpoints share the attempts in flight: by priority, and none holds what others need.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::time::{Duration, Instant};

use serde_json::json;
use support::{Loghorn, Mood, Receiver, event, say, until};

#[actix_rt::test]
async fn twenty_endpoints_that_hang_leave_places_for_a_healthy_one() {
    let args = ["--set", "delivery.max_in_flight=8", "--set", "breaker.failures=1000"];
    let mut server = Loghorn::start_with(&args, &[]).await;
    let (hanging, healthy) = (Receiver::start(Mood::Hang), Receiver::start(Mood::Answer(200, "")));
    for _ in 0..20 {
        server.subscribe(&hanging.url(), json!({"timeout": "3s"})).await;
    }
    server.subscribe(&healthy.url(), json!({})).await;
    let mut took = Vec::new();
    for n in 0..20 {
        let began = Instant::now();
        server.post("/api/v1/events", &event("ERROR", n)).await;
        until("it arrives", 10, || async { healthy.count() > n }).await;
        took.push(healthy.arrived()[n].at - began);
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    let (first, rest) = (took[0], took[1..].iter().max().unwrap());
    say(&format!("with 20 endpoints that hang and 8 places: the first after {first:?}, the others within {rest:?}"));
    assert!(took.iter().all(|took| *took < Duration::from_millis(1500)), "{took:?}");
    assert!(hanging.count() >= 20, "not all of them hang");
    // Eight, and two for each that hangs.
    let (_, metrics) = server.call("GET", "/metrics", None).await;
    let line = metrics.as_str().unwrap().lines().find(|line| line.starts_with("loghorn_attempts_in_flight ")).unwrap();
    let in_flight: usize = line.rsplit(' ').next().unwrap().parse().unwrap();
    assert!((1..=48).contains(&in_flight), "{line}");
    // What waits for its turn holds up no stop.
    let began = Instant::now();
    assert_eq!(server.terminate(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
}

#[actix_rt::test]
async fn high_goes_before_low_and_low_goes_too() {
    let args = ["--set", "delivery.max_in_flight=2", "--set", "delivery.threads=1"];
    let server = Loghorn::start_with(&args, &[]).await;
    let [high, low] = [(); 2].map(|()| Receiver::start(Mood::Slow(Duration::from_millis(10))));
    server.subscribe(&high.url(), json!({"priority": "high"})).await;
    server.subscribe(&low.url(), json!({"priority": "low"})).await;
    let events: Vec<_> = (0..200).map(|n| event("ERROR", n)).collect();
    server.post("/api/v1/events", &json!(events)).await;
    until("high is through", 30, || async { high.count() == 200 }).await;
    let got = low.count();
    say(&format!("200 of high priority and {got} of low in the same time"));
    assert!((20..100).contains(&got), "{got}");
    until("all is delivered", 30, || async { server.delivery_stats().await["delivered"] == 400 }).await;
    server.assert_ledger_balances().await;
}

#[actix_rt::test]
async fn a_pause_takes_what_waits_out_of_the_line() {
    let args = ["--set", "delivery.max_in_flight=1", "--set", "delivery.threads=1"];
    let server = Loghorn::start_with(&args, &[]).await;
    let (busy, other) =
        (Receiver::start(Mood::Slow(Duration::from_millis(900))), Receiver::start(Mood::Answer(200, "")));
    server.subscribe(&busy.url(), json!({"events": ["busy"]})).await;
    let (id, _) = server.subscribe(&other.url(), json!({"events": ["other"]})).await;
    // An answer, so that the only place is held for as long as it takes.
    for n in 1..=2 {
        server.post("/api/v1/events", &json!({"event_type": "busy"})).await;
        until("it arrived", 10, || async { busy.count() == n }).await;
        if n == 1 {
            until("it is delivered", 10, || async { server.delivery_stats().await["delivered"] == 1 }).await;
        }
    }
    server.post("/api/v1/events", &json!({"event_type": "other"})).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.post(&format!("/api/v1/subscriptions/{id}/pause"), &json!({})).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(other.count(), 0, "sent while paused");
    server.post(&format!("/api/v1/subscriptions/{id}/resume"), &json!({})).await;
    until("it arrives", 5, || async { other.count() == 1 }).await;
    server.assert_ledger_balances().await;
}
