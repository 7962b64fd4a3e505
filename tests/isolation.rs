//! One endpoint's trouble is nobody else's.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::time::{Duration, Instant};

use serde_json::json;
use support::{Loghorn, Mood, Receiver, say, until};

/// Pairs of measurements, one on each server.
const ROUNDS: usize = 5;

/// The 99th percentile of POST → arrival, over `n` events one after another.
async fn p99(server: &Loghorn, receiver: &Receiver, n: usize) -> Duration {
    let mut took = Vec::new();
    for _ in 0..n {
        let (before, began) = (receiver.count(), Instant::now());
        server.post("/api/v1/events", &json!({"level": "ERROR", "event_type": "healthy.one"})).await;
        while receiver.count() == before {
            assert!(began.elapsed() < Duration::from_secs(10), "it does not arrive");
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        took.push(receiver.arrived()[before].at - began);
    }
    took.sort();
    took[took.len() * 99 / 100]
}

/// A server with a healthy endpoint, and one that is down or hangs, which gets every event too.
async fn server(other: &Receiver) -> (Loghorn, Receiver) {
    let (server, healthy) = (Loghorn::start().await, Receiver::start(Mood::Answer(200, "")));
    server.subscribe(&healthy.url(), json!({"events": ["healthy.**"]})).await;
    server.subscribe(&other.url(), json!({"events": ["**"], "timeout": "60s"})).await;
    (server, healthy)
}

#[actix_rt::test]
async fn an_endpoint_that_hangs_slows_nobody_down() {
    let (calm, calm_receiver) = server(&Receiver::start(Mood::Answer(200, ""))).await;
    let hanging = Receiver::start(Mood::Hang);
    let (troubled, troubled_receiver) = server(&hanging).await;
    let (mut without, mut with) = (Vec::new(), Vec::new());
    // A B A B: the machine may be noisy. The best of each counts: noise comes and goes, an endpoint that waits for
    // another does so every time.
    for _ in 0..ROUNDS {
        without.push(p99(&calm, &calm_receiver, 150).await);
        with.push(p99(&troubled, &troubled_receiver, 150).await);
    }
    let (without, with) = (without.iter().min().unwrap(), with.iter().min().unwrap());
    say(&format!("p99 with a healthy neighbour {without:?}, with a hanging one {with:?}"));
    assert!(hanging.count() > 0, "nothing hangs");
    // Whoever waits for one that hangs waits for seconds; how much less it may be on a quiet machine `make soak` measures.
    assert!(*with <= *without + Duration::from_millis(50), "{without:?} → {with:?}");
    until("it still hangs", 5, || async { troubled.delivery_stats().await["attempting"] != 0 }).await;
}
