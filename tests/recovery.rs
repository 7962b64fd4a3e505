//! Receivers that come back, or stay down: the ramp is slow, rate limits are kept, each delivery is attempted as often
//! as its schedule says, and what waits for the dead costs disk, not memory.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use support::{Loghorn, Mood, Receiver, event, say, until};

async fn send(server: &Loghorn, from: usize, n: usize) {
    let events: Vec<Value> = (from..from + n).map(|n| event("ERROR", n)).collect();
    assert_eq!(server.post("/api/v1/events", &json!(events)).await.0, 202);
}

async fn until_circuits_open(server: &Loghorn, n: usize) {
    until("all circuits are open", 30, || async {
        let (_, metrics) = server.call("GET", "/metrics", None).await;
        metrics.as_str().unwrap().contains(&format!("loghorn_circuits_open {n}\n"))
    })
    .await;
}

#[actix_rt::test]
async fn twenty_receivers_that_return_at_once_are_asked_for_little_at_first() {
    const RECEIVERS: usize = 20;
    const EVENTS: usize = 100;
    let server = Loghorn::start_with(&["--set", "breaker.open_for=3s"], &[]).await;
    let receivers: Vec<Receiver> = (0..RECEIVERS).map(|_| Receiver::start(Mood::Answer(503, ""))).collect();
    for (n, receiver) in receivers.iter().enumerate() {
        let limit = if n == 0 { json!({"rate_limit": {"per_second": 50}}) } else { json!({}) };
        server.subscribe(&receiver.url(), limit).await;
    }
    send(&server, 0, EVENTS).await;
    until_circuits_open(&server, RECEIVERS).await;
    let before: Vec<usize> = receivers.iter().map(Receiver::count).collect();
    // An answer takes so long, so what arrives before the first one ends was in flight beside it.
    let pause = Duration::from_millis(100);
    receivers.iter().for_each(|receiver| receiver.set(Mood::Slow(pause)));
    until("all is delivered", 40, || async { server.delivery_stats().await["delivered"] == RECEIVERS * EVENTS }).await;
    let mut widest = 0;
    for (receiver, before) in receivers.iter().zip(before) {
        let at: Vec<Instant> = receiver.arrived()[before..].iter().map(|webhook| webhook.at).collect();
        let within = |span: Duration| at.iter().take_while(|later| **later < at[0] + span).count();
        assert_eq!(within(pause), 1, "more than a probe while half-open");
        assert!(within(2 * pause) <= 3, "{} within two answers", within(2 * pause));
        assert!(within(3 * pause) <= 8, "{} within three answers", within(3 * pause));
        widest = widest.max(most_within(&at, pause));
    }
    let limited: Vec<Instant> = receivers[0].arrived().iter().map(|webhook| webhook.at).collect();
    let most = most_within(&limited, Duration::from_secs(1));
    // Those that were saved up, and those that came in meanwhile.
    assert!(most <= 101, "{most} within a second where 50 a second are allowed");
    say(&format!("{RECEIVERS} receivers return: one probe each, then at most {widest} in flight"));
    server.assert_ledger_balances().await;
}

/// The most that arrived within any `span`.
fn most_within(at: &[Instant], span: Duration) -> usize {
    let from = |n: usize| at[n..].iter().take_while(|later| **later < at[n] + span).count();
    (0..at.len()).map(from).max().unwrap_or(0)
}

#[actix_rt::test]
async fn each_delivery_is_attempted_as_often_as_its_schedule_says_and_no_sooner() {
    const ATTEMPTS: usize = 5;
    // Too few attempts for a circuit to open by their share.
    let (subscriptions, events) = (6, 3);
    let args = ["--set", "breaker.failures=60000", "--set", "delivery.backoff_max=400ms"];
    let (server, receiver) = (Loghorn::start_with(&args, &[]).await, Receiver::start(Mood::Answer(500, "")));
    for _ in 0..subscriptions {
        server.subscribe(&receiver.url(), json!({"retry": {"max_attempts": ATTEMPTS}})).await;
    }
    send(&server, 0, events).await;
    until("all are given up", 30, || async { server.delivery_stats().await["failed"] == subscriptions * events }).await;
    let mut attempts = BTreeMap::<String, Vec<Instant>>::new();
    for webhook in receiver.arrived() {
        attempts.entry(webhook.id().to_owned()).or_default().push(webhook.at);
    }
    assert_eq!(attempts.len(), subscriptions * events);
    for (id, at) in attempts {
        assert_eq!(at.len(), ATTEMPTS, "{id}");
        for (pair, delay_ms) in at.windows(2).zip([100, 200, 400, 400]) {
            // A fifth of jitter, and what the receiver's own clock may be late with the first of the two.
            let least = Duration::from_millis(delay_ms * 8 / 10 - 40);
            assert!(pair[1] - pair[0] >= least, "{id}: {:?} after {delay_ms} ms", pair[1] - pair[0]);
        }
    }
    server.assert_ledger_balances().await;
}

#[actix_rt::test]
async fn what_waits_for_dead_receivers_costs_little_memory_and_ends_counted() {
    const RECEIVERS: usize = 20;
    let args = ["--set", "breaker.open_for=500ms", "--set", "breaker.open_for_max=500ms"];
    let server = Loghorn::start_with(&args, &[]).await;
    // Nobody listens there any more.
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for n in 0..RECEIVERS {
        let age = if n == 0 { json!({"retry": {"max_age": "1s"}}) } else { json!({}) };
        server.subscribe(&format!("http://{dead}/{n}"), age).await;
    }
    send(&server, 0, 250).await;
    until_circuits_open(&server, RECEIVERS).await;
    let before = server.rss();
    for part in 1..4 {
        send(&server, part * 250, 250).await;
    }
    until("all are queued", 20, || async { server.delivery_stats().await["total_deliveries"] == RECEIVERS * 1000 })
        .await;
    let grown = server.rss().saturating_sub(before) >> 20;
    say(&format!("15000 more deliveries wait for dead receivers: memory + {grown} MiB"));
    assert!(grown < 20, "memory grew by {grown} MiB");
    until("the old ones are given up", 30, || async { server.delivery_stats().await["failed"] != 0 }).await;
    server.assert_ledger_balances().await;
}
