//! Several events go in one webhook: as many as are at hand, never more than the receiver takes, and one bad event sinks
//! no other.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use support::{Loghorn, Mood, Receiver, event, receiver::Webhook, until};

/// The events of a batch, by their place in the log.
fn seqs(webhook: &Webhook) -> Vec<u64> {
    let json = webhook.json();
    assert_eq!(json["type"], "batch");
    json["data"].as_array().unwrap().iter().map(|event| event["seq"].as_u64().unwrap()).collect()
}

async fn send(loghorn: &Loghorn, numbers: std::ops::Range<usize>) {
    let events: Vec<Value> = numbers.map(|n| event("ERROR", n)).collect();
    let (status, answer) = loghorn.post("/api/v1/events", &json!(events)).await;
    assert_eq!(status, 202, "{answer}");
}

async fn counts(loghorn: &Loghorn) -> (u64, u64) {
    let stats = loghorn.delivery_stats().await;
    (stats["delivered"].as_u64().unwrap(), stats["failed"].as_u64().unwrap())
}

#[actix_rt::test]
async fn what_waits_goes_together_signed_and_each_event_once() {
    let receiver = Receiver::start(Mood::Answer(200, ""));
    let loghorn = Loghorn::start().await;
    let batch = json!({"max_events": 40, "max_wait": "1s"});
    let (id, secret) = loghorn.subscribe(&receiver.url(), json!({"batch": batch})).await;
    send(&loghorn, 0..100).await;
    until("all are delivered", 20, async || counts(&loghorn).await == (100, 0)).await;
    let arrived = receiver.arrived();
    let sizes: Vec<usize> = arrived.iter().map(|webhook| seqs(webhook).len()).collect();
    assert_eq!(sizes, [40, 40, 20], "the last waited for others");
    arrived.iter().for_each(|webhook| webhook.verify(&secret));
    let all: Vec<u64> = arrived.iter().flat_map(seqs).collect();
    assert_eq!(all, (1..=100).collect::<Vec<u64>>());
    // Each delivery shows the batch that it went with, and the batch's id finds one of them.
    let page = loghorn.get(&format!("/api/v1/deliveries?subscription={id}&limit=100")).await;
    for delivery in page["items"].as_array().unwrap() {
        let shown = loghorn.get(&format!("/api/v1/deliveries/{}", delivery["id"].as_str().unwrap())).await;
        let batch = &shown["attempt_log"][0]["batch"];
        let sent = arrived.iter().find(|webhook| webhook.id() == batch["id"]).unwrap();
        assert!(seqs(sent).contains(&delivery["event_seq"].as_u64().unwrap()));
        assert_eq!(batch["events"], seqs(sent).len());
    }
    let found = loghorn.get(&format!("/api/v1/deliveries/{}", arrived[1].id())).await;
    assert_eq!(found["event_seq"], 41);
    loghorn.assert_ledger_balances().await;
}

#[actix_rt::test]
async fn one_bad_event_is_found_and_sinks_no_other() {
    let receiver = Receiver::start(Mood::By(|webhook| match seqs(webhook).contains(&7) {
        true => Mood::Answer(422, ""),
        false => Mood::Answer(200, ""),
    }));
    let loghorn = Loghorn::start().await;
    let (id, _) = loghorn.subscribe(&receiver.url(), json!({"batch": {"max_events": 32, "max_wait": "1s"}})).await;
    send(&loghorn, 0..32).await;
    until("all have ended", 20, async || counts(&loghorn).await == (31, 1)).await;
    let dead = loghorn.get(&format!("/api/v1/dead-letters?subscription={id}")).await;
    assert_eq!(dead["items"].as_array().unwrap().len(), 1);
    let dead = &dead["items"][0];
    assert_eq!((&dead["event_seq"], &dead["reason"]), (&json!(7), &json!("http_4xx")));
    // 32, 16 + 16, 8 + 8, 4 + 4, 2 + 2, 1 + 1.
    assert_eq!(receiver.count(), 11);
    // Mended, it is replayed alone.
    receiver.set(Mood::Answer(200, ""));
    let path = format!("/api/v1/deliveries/{}/resend", dead["id"].as_str().unwrap());
    assert_eq!(loghorn.post(&path, &json!({})).await.0, 202);
    until("it is delivered", 20, async || counts(&loghorn).await == (32, 0)).await;
    let last = receiver.arrived().pop().unwrap();
    assert_eq!((last.id(), seqs(&last)), (dead["id"].as_str().unwrap(), vec![7]));
    loghorn.assert_ledger_balances().await;
}

#[actix_rt::test]
async fn a_receiver_that_takes_little_gets_little() {
    let receiver = Receiver::start(Mood::By(|webhook| match seqs(webhook).len() > 5 {
        true => Mood::Answer(413, ""),
        false => Mood::Answer(200, ""),
    }));
    let loghorn = Loghorn::start().await;
    loghorn.subscribe(&receiver.url(), json!({"batch": {"max_events": 50, "max_wait": "200ms"}})).await;
    send(&loghorn, 0..200).await;
    until("all are delivered", 30, async || counts(&loghorn).await == (200, 0)).await;
    let taken: BTreeSet<u64> = receiver.arrived().iter().filter(|sent| seqs(sent).len() <= 5).flat_map(seqs).collect();
    assert_eq!(taken.len(), 200);

    // By bytes: the same event is several hundred of them.
    let narrow = Receiver::start(Mood::Answer(200, ""));
    let batch = json!({"max_events": 50, "max_wait": "200ms", "max_bytes": 2000});
    loghorn.subscribe(&narrow.url(), json!({"batch": batch})).await;
    send(&loghorn, 200..260).await;
    until("all are delivered", 30, async || narrow.arrived().iter().flat_map(seqs).count() == 60).await;
    assert!(narrow.arrived().iter().all(|sent| sent.body.len() <= 2000));
    assert!(narrow.count() < 20, "{}", narrow.count());
    // Also in a form that has more around each event than the envelope.
    let other = Receiver::start(Mood::Answer(200, ""));
    loghorn.subscribe(&other.url(), json!({"name": "other", "batch": batch, "format": "cloudevents"})).await;
    send(&loghorn, 260..320).await;
    let told = |sent: &Webhook| sent.json().as_array().unwrap().len();
    until("all are delivered", 30, async || other.arrived().iter().map(told).sum::<usize>() == 60).await;
    assert!(other.arrived().iter().all(|sent| sent.body.len() <= 2000));
    assert!(other.count() < 30, "{}", other.count());
    loghorn.assert_ledger_balances().await;
}

#[actix_rt::test]
async fn a_batch_that_failed_goes_again_as_it_was_also_after_a_crash() {
    let receiver = Receiver::start(Mood::Answer(503, ""));
    let mut loghorn = Loghorn::start_with(&["--set", "breaker.failures=100"], &[]).await;
    loghorn.subscribe(&receiver.url(), json!({"batch": {"max_events": 10, "max_wait": "300ms"}})).await;
    send(&loghorn, 0..30).await;
    until("each was tried", 20, async || {
        receiver.arrived().iter().flat_map(seqs).collect::<BTreeSet<u64>>().len() == 30
    })
    .await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    loghorn.kill();
    let before = receiver.count();
    loghorn.restart();
    until("it is tried again", 20, async || receiver.count() > before + 3).await;
    receiver.set(Mood::Answer(200, ""));
    until("all are delivered", 20, async || counts(&loghorn).await == (30, 0)).await;
    let mut batches = BTreeMap::<String, BTreeSet<Vec<u64>>>::new();
    for webhook in receiver.arrived() {
        batches.entry(webhook.id().to_owned()).or_default().insert(seqs(&webhook));
    }
    assert!(batches.values().all(|contents| contents.len() == 1), "one id, one content: {batches:?}");
    assert_eq!(batches.len(), 3, "{batches:?}");
    loghorn.assert_ledger_balances().await;
}
