//! SIGTERM drains and exits 0; what is recorded is not sent again; the next start says what it found.

mod support;

use std::time::Duration;

use serde_json::json;
use support::{Loghorn, Mood, Receiver, event, until};

#[actix_rt::test]
async fn sigterm_waits_for_what_is_under_way_and_records_it() {
    let mut server = Loghorn::start().await;
    let receiver = Receiver::start(Mood::Slow(Duration::from_millis(700)));
    server.subscribe(&receiver.url(), json!({})).await;
    server.post("/api/v1/events", &event("ERROR", 1)).await;
    until("it arrived", 10, || async { receiver.count() == 1 }).await;
    assert_eq!(server.terminate(), Some(0));
    receiver.set(Mood::Answer(200, ""));
    server.restart();
    until("it is recorded", 10, || async { server.delivery_stats().await["delivered"] == 1 }).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(receiver.count(), 1, "a finished attempt was repeated");
    server.assert_ledger_balances().await;
}

#[actix_rt::test]
async fn sigterm_under_load_exits_zero_and_loses_nothing() {
    let mut server = Loghorn::start().await;
    let receiver = Receiver::start(Mood::Answer(200, ""));
    server.subscribe(&receiver.url(), json!({})).await;
    let events: Vec<_> = (0..2000).map(|n| event("ERROR", n)).collect();
    let (status, answer) = server.post("/api/v1/events", &json!(events)).await;
    assert_eq!(status, 202, "{answer}");
    assert_eq!(server.terminate(), Some(0));
    server.restart();
    until("all is delivered", 60, || async { server.delivery_stats().await["delivered"] == 2000 }).await;
    assert_eq!(receiver.count(), 2000, "a finished attempt was repeated");
    server.assert_ledger_balances().await;
}
