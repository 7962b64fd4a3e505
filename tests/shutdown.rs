//! SIGTERM drains and exits 0; what is recorded is not sent again; the next start says what it found.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

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
    let found = |name: &str| server.ready[name].as_u64().unwrap();
    let delivered = server.delivery_stats().await["delivered"].as_u64().unwrap();
    assert_eq!(server.ready["subscriptions"], 1);
    // What it found when it was ready: everything that had not been delivered.
    assert!(found("queued") + found("unrouted") + delivered >= 2000, "{} {delivered}", server.ready);
    until("all is delivered", 60, || async { server.delivery_stats().await["delivered"] == 2000 }).await;
    assert_eq!(receiver.count(), 2000, "a finished attempt was repeated");
    server.assert_ledger_balances().await;
}

#[actix_rt::test]
async fn events_that_come_during_a_stop_are_kept_or_refused() {
    let mut server = Loghorn::start().await;
    let (addr, accepted) = (server.addr, Arc::new(Mutex::new(BTreeSet::new())));
    let told = accepted.clone();
    let sender = std::thread::spawn(move || {
        actix_rt::System::new().block_on(async move {
            let client = awc::Client::builder().timeout(Duration::from_secs(5)).finish();
            for n in 0.. {
                let id = format!("stop-{n}");
                let sent = client.post(format!("http://{addr}/api/v1/events")).send_json(&json!({"id": id})).await;
                match sent {
                    Ok(answer) if answer.status() == 202 => drop(told.lock().unwrap().insert(id)),
                    Ok(answer) => {
                        assert_eq!(answer.status(), 503);
                        assert!(answer.headers().contains_key("retry-after"));
                    }
                    Err(_) => return,
                }
            }
        });
    });
    until("events come in", 10, || async { accepted.lock().unwrap().len() > 50 }).await;
    assert_eq!(server.terminate(), Some(0));
    sender.join().unwrap();
    server.restart();
    let stored = server.event_ids().await;
    let lost = accepted.lock().unwrap().iter().find(|id| stored.get(*id) != Some(&1)).cloned();
    assert_eq!(lost, None, "an accepted event is not in the log once");
}
