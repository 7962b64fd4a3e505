//! One endpoint's trouble is nobody else's.

mod support;

use std::time::{Duration, Instant};

use serde_json::json;
use support::{Loghorn, Mood, Receiver, until};

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

#[actix_rt::test]
async fn an_endpoint_that_hangs_slows_nobody_down() {
    let server = Loghorn::start().await;
    let (healthy, hanging) = (Receiver::start(Mood::Answer(200, "")), Receiver::start(Mood::Hang));
    server.subscribe(&healthy.url(), json!({"events": ["healthy.**"]})).await;
    let (id, _) = server.subscribe(&hanging.url(), json!({"events": ["**"], "timeout": "30s"})).await;
    let path = format!("/api/v1/subscriptions/{id}");
    let (mut calm, mut troubled) = (Vec::new(), Vec::new());
    // A B A B: the machine may be noisy.
    for _ in 0..3 {
        server.post(&format!("{path}/pause"), &json!({})).await;
        calm.push(p99(&server, &healthy, 150).await);
        server.post(&format!("{path}/resume"), &json!({})).await;
        until("it hangs", 10, || async { server.delivery_stats().await["attempting"] != 0 }).await;
        troubled.push(p99(&server, &healthy, 150).await);
    }
    let (calm, troubled) = (calm.iter().min().unwrap(), troubled.iter().min().unwrap());
    eprintln!("p99 without trouble {calm:?}, with a hanging endpoint {troubled:?}");
    // A fifth, and a millisecond for the clock of a shared machine.
    assert!(*troubled <= calm.mul_f64(1.2) + Duration::from_millis(1), "{calm:?} → {troubled:?}");
}
