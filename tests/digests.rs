//! After an outage one webhook tells of everything that waited, and the ledger says so.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use serde_json::{Value, json};
use support::{Loghorn, Mood, Receiver, event, receiver::Webhook, until};

fn digests(receiver: &Receiver) -> Vec<Webhook> {
    receiver.arrived().into_iter().filter(|webhook| webhook.json()["type"] == "loghorn.digest").collect()
}

async fn send(loghorn: &Loghorn, numbers: std::ops::Range<usize>) {
    let events: Vec<Value> = numbers.map(|n| event("ERROR", n)).collect();
    let (status, answer) = loghorn.post("/api/v1/events", &json!(events)).await;
    assert_eq!(status, 202, "{answer}");
}

async fn circuit(loghorn: &Loghorn, id: &str) -> Value {
    loghorn.get(&format!("/api/v1/subscriptions/{id}/circuit")).await["circuit"].clone()
}

const ARGS: [&str; 4] = ["--set", "breaker.open_for=1s", "--set", "public_url=https://logs.example.com/"];

#[actix_rt::test]
async fn what_waited_comes_as_one_digest_and_what_follows_comes_as_ever() {
    let receiver = Receiver::start(Mood::Answer(503, ""));
    let loghorn = Loghorn::start_with(&ARGS, &[]).await;
    let (id, secret) = loghorn.subscribe(&receiver.url(), json!({"on_recovery": "digest"})).await;
    send(&loghorn, 0..2000).await;
    until("it trips", 20, async || circuit(&loghorn, &id).await == "open").await;
    // A digest that fails is a probe that fails.
    until("a digest is tried", 20, async || !digests(&receiver).is_empty()).await;
    until("it is open again", 20, async || circuit(&loghorn, &id).await == "open").await;
    send(&loghorn, 2000..2010).await;
    receiver.set(Mood::Answer(200, ""));
    let before = receiver.count();
    until("all is delivered", 30, async || loghorn.delivery_stats().await["delivered"] == 2010).await;
    assert_eq!(circuit(&loghorn, &id).await, "closed");
    let arrived = receiver.arrived();
    assert_eq!(arrived.len(), before + 1, "nothing else was sent");
    let digest = arrived.last().unwrap();
    digest.verify(&secret);
    let data = &digest.json()["data"];
    assert_eq!((&data["count"], &data["subscription_id"]), (&json!(2010), &json!(id)));
    let id_of = |n: usize| json!(format!("test-ERROR-{n}"));
    assert_eq!((&data["first"]["id"], &data["last"]["id"]), (&id_of(0), &id_of(2009)));
    let samples: Vec<Value> = data["samples"].as_array().unwrap().iter().map(|event| event["id"].clone()).collect();
    assert_eq!(samples, (0..5).chain(2005..2010).map(id_of).collect::<Vec<_>>());
    // Its links lead to what it told of.
    let path = data["events_url"].as_str().unwrap().strip_prefix("https://logs.example.com").unwrap();
    let linked = loghorn.get(&format!("{path}&limit=500")).await;
    assert!(linked["items"].as_array().unwrap().iter().any(|event| event["id"] == id_of(2009)));
    assert!(data["deliveries_url"].as_str().unwrap().ends_with(&format!("/api/v1/deliveries?subscription={id}")));

    let stats = loghorn.delivery_stats().await;
    assert_eq!((&stats["digested"], &stats["failed"]), (&json!(2010), &json!(0)));
    loghorn.assert_ledger_balances().await;
    // Each delivery says with what it went.
    let last = &loghorn.get(&format!("/api/v1/deliveries?subscription={id}&limit=1")).await["items"][0];
    let shown = loghorn.get(&format!("/api/v1/deliveries/{}", last["id"].as_str().unwrap())).await;
    assert_eq!(shown["status"], "delivered");
    assert_eq!(shown["attempt_log"][0]["batch"], json!({"id": digest.id(), "events": 2010}));

    send(&loghorn, 3000..3003).await;
    until("they come one by one", 20, async || receiver.count() == before + 4).await;
    assert_eq!(receiver.arrived().last().unwrap().json()["type"], "log.error");
    until("they are delivered", 20, async || loghorn.delivery_stats().await["delivered"] == 2013).await;
    assert_eq!(loghorn.delivery_stats().await["digested"], 2010);
    loghorn.assert_ledger_balances().await;
}

#[actix_rt::test]
async fn a_receiver_that_refuses_the_digest_gets_each() {
    let receiver = Receiver::start(Mood::Answer(503, ""));
    let loghorn = Loghorn::start_with(&ARGS, &[]).await;
    let (id, _) = loghorn.subscribe(&receiver.url(), json!({"on_recovery": "digest"})).await;
    send(&loghorn, 0..30).await;
    until("it trips", 20, async || circuit(&loghorn, &id).await == "open").await;
    receiver.set(Mood::By(|webhook| match webhook.json()["type"] == "loghorn.digest" {
        true => Mood::Answer(400, ""),
        false => Mood::Answer(200, ""),
    }));
    until("all is delivered", 30, async || loghorn.delivery_stats().await["delivered"] == 30).await;
    assert_eq!(digests(&receiver).len(), 1);
    let stats = loghorn.delivery_stats().await;
    assert_eq!((&stats["digested"], &stats["failed"]), (&json!(0), &json!(0)));
    loghorn.assert_ledger_balances().await;
}
