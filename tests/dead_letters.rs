//! Dead letters are counted in groups, sent again and given up as jobs, whatever happens to the server meanwhile.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use support::{Loghorn, Mood, Receiver, event, until};

/// Sends so many events, and waits until in all so many deliveries are dead.
async fn die(loghorn: &Loghorn, from: usize, n: usize, dead: u64) {
    let events: Vec<Value> = (from..from + n).map(|n| event("ERROR", n)).collect();
    assert_eq!(loghorn.post("/api/v1/events", &json!(events)).await.0, 202);
    until("all are dead", 60, async || loghorn.delivery_stats().await["failed"] == dead).await;
}

async fn begin(loghorn: &Loghorn, what: &str, body: Value) -> Value {
    let (status, job) = loghorn.post(&format!("/api/v1/dead-letters/{what}"), &body).await;
    assert_eq!((status, &job["kind"]), (202, &json!(what)), "{job}");
    job
}

fn counts(job: &Value) -> (&str, [u64; 3]) {
    let count = |name: &str| job[name].as_u64().unwrap();
    (job["state"].as_str().unwrap(), [count("total"), count("done"), count("failed")])
}

async fn listed(loghorn: &Loghorn) -> usize {
    loghorn.get("/api/v1/dead-letters?limit=500").await["items"].as_array().unwrap().len()
}

#[actix_rt::test]
async fn what_failed_alike_is_one_group() {
    let loghorn = Loghorn::start().await;
    let [gone, odd] = [Mood::Answer(404, ""), Mood::Answer(400, "")].map(Receiver::start);
    let (often, _) = loghorn.subscribe(&gone.url(), json!({"name": "often"})).await;
    die(&loghorn, 0, 5, 5).await;
    gone.set(Mood::Answer(405, ""));
    let (seldom, _) = loghorn.subscribe(&odd.url(), json!({"name": "seldom"})).await;
    die(&loghorn, 5, 2, 9).await;
    let groups = loghorn.get("/api/v1/dead-letters/groups").await;
    assert_eq!((&groups["counted"], &groups["complete"]), (&json!(9), &json!(true)), "{groups}");
    let items = groups["items"].as_array().unwrap();
    let shown = |group: &Value| json!([group["count"], group["subscription_id"], group["last_status_code"]]);
    let expected = [json!([5, often, 404]), json!([2, often, 405]), json!([2, seldom, 400])];
    assert_eq!(shown(&items[0]), expected[0]);
    let both: Vec<Value> = items[1..].iter().map(shown).collect();
    assert!(both.len() == 2 && expected[1..].iter().all(|one| both.contains(one)), "{groups}");
    let first = &items[0];
    assert_eq!(first["samples"].as_array().unwrap().len(), 3);
    assert_eq!((&first["subscription_name"], &first["url"]), (&json!("often"), &json!(gone.url())));
    assert_eq!((&first["reason"], &first["last_class"]), (&json!("http_4xx"), &json!("http_4xx")));
    assert!(first["oldest"].as_str().unwrap() <= first["newest"].as_str().unwrap());
    assert_eq!(loghorn.get("/api/v1/dead-letters/groups?code=405").await["counted"], 2);
    let one = loghorn.get("/api/v1/dead-letters/groups?limit=1").await;
    assert_eq!((one["items"].as_array().unwrap().len(), &one["complete"]), (1, &json!(false)));
    // Page by page they are the same.
    let (mut pages, mut page) = (Vec::new(), one);
    loop {
        pages.extend(page["items"].as_array().unwrap().clone());
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        page = loghorn.get(&format!("/api/v1/dead-letters/groups?limit=1&cursor={cursor}")).await;
    }
    assert_eq!((&pages, &page["complete"]), (items, &json!(true)));
}

#[actix_rt::test]
async fn what_is_discarded_is_cancelled_for_good() {
    let loghorn = Loghorn::start().await;
    let [first, second] = [Mood::Answer(404, ""), Mood::Answer(400, "")].map(Receiver::start);
    let (id, _) = loghorn.subscribe(&first.url(), json!({})).await;
    loghorn.subscribe(&second.url(), json!({"name": "other"})).await;
    die(&loghorn, 0, 10, 20).await;
    let of_first = json!({"filter": {"subscription": id}});
    let counted = json!({"filter": {"subscription": id}, "dry_run": true});
    assert_eq!(loghorn.post("/api/v1/dead-letters/discard", &counted).await, (200, json!({"count": 10})));
    assert_eq!(listed(&loghorn).await, 20);
    let done = loghorn.job_ended(&begin(&loghorn, "discard", of_first.clone()).await).await;
    assert_eq!(counts(&done), ("done", [10, 10, 0]), "{done}");
    let stats = loghorn.delivery_stats().await;
    assert_eq!((&stats["cancelled"], &stats["failed"]), (&json!(10), &json!(10)), "{stats}");
    assert_eq!(listed(&loghorn).await, 10);
    // Neither again, nor sent again.
    let again = loghorn.job_ended(&begin(&loghorn, "replay", of_first).await).await;
    assert_eq!(counts(&again), ("done", [0, 0, 0]), "{again}");
    // One by itself.
    let one = loghorn.get("/api/v1/dead-letters").await["items"][0]["id"].as_str().unwrap().to_owned();
    let (status, delivery) = loghorn.post(&format!("/api/v1/dead-letters/{one}/discard"), &json!({})).await;
    assert_eq!((status, &delivery["status"], &delivery["attempts"]), (200, &json!("cancelled"), &json!(1)));
    assert_eq!(loghorn.post(&format!("/api/v1/dead-letters/{one}/discard"), &json!({})).await.0, 409);
    assert_eq!(loghorn.post(&format!("/api/v1/dead-letters/{one}/replay"), &json!({})).await.0, 409);
    loghorn.assert_ledger_balances().await;
    let (status, problem) = loghorn.post("/api/v1/dead-letters/discard", &json!({"rate": "fast"})).await;
    assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!("/rate")), "{problem}");
}

#[actix_rt::test]
async fn a_replay_goes_on_after_kill_9_and_sends_each_once() {
    let (mut loghorn, receiver) = (Loghorn::start().await, Receiver::start(Mood::Answer(404, "")));
    let (id, _) = loghorn.subscribe(&receiver.url(), json!({})).await;
    die(&loghorn, 0, 500, 500).await;
    let began = Instant::now();
    let begun = begin(&loghorn, "replay", json!({"filter": {"subscription": id}, "rate": "200/s"})).await;
    assert_eq!(begun["state"], "running", "{begun}");
    for wanted in [550, 700] {
        until("some were sent again", 20, async || receiver.count() >= wanted).await;
        loghorn.kill();
        loghorn.restart();
        assert_eq!(loghorn.job(&begun).await["state"], "running");
    }
    // They die again meanwhile, and are not sent a third time.
    let done = loghorn.job_ended(&begun).await;
    assert!(began.elapsed() > Duration::from_millis(2200), "{:?}", began.elapsed());
    assert_eq!(counts(&done), ("done", [500, 500, 0]), "{done}");
    assert_eq!((&done["skipped"], &done["rate"]), (&json!(0), &json!("200/s")), "{done}");
    until("all are dead again", 30, async || loghorn.delivery_stats().await["failed"] == 500).await;
    let mut attempts = BTreeMap::<String, u64>::new();
    for letter in loghorn.get("/api/v1/dead-letters?limit=500").await["items"].as_array().unwrap() {
        *attempts.entry(letter["attempts"].to_string()).or_default() += 1;
    }
    assert_eq!(attempts, BTreeMap::from([("2".to_owned(), 500)]), "each has a second attempt, and no third");
    loghorn.assert_ledger_balances().await;
    support::say(&format!("2 kills during a replay of 500, {} webhooks", receiver.count()));
}

/// Killed in the moment between what was done and its being noted, the job looks what was done.
#[cfg(feature = "failpoints")]
#[actix_rt::test]
async fn what_was_done_and_not_noted_counts_once() {
    for (what, state) in [("replay", "failed"), ("discard", "cancelled")] {
        let mut loghorn = Loghorn::start_with(&[], &[("FAILPOINTS", "letters::acted=1*sleep(30000)")]).await;
        let receiver = Receiver::start(Mood::Answer(404, ""));
        loghorn.subscribe(&receiver.url(), json!({})).await;
        die(&loghorn, 0, 20, 20).await;
        let begun = begin(&loghorn, what, json!({})).await;
        let webhooks = if what == "replay" { 40 } else { 20 };
        let is_done = async || loghorn.delivery_stats().await[state] == 20 && receiver.count() == webhooks;
        until("all are dealt with", 20, is_done).await;
        assert_eq!(counts(&loghorn.job(&begun).await), ("running", [20, 0, 0]));
        loghorn.kill();
        loghorn.restart();
        let done = loghorn.job_ended(&begun).await;
        assert_eq!(counts(&done), ("done", [20, 20, 0]), "{what}: {done}");
        assert_eq!((receiver.count(), &done["skipped"]), (webhooks, &json!(0)));
        loghorn.assert_ledger_balances().await;
    }
}

#[actix_rt::test]
async fn a_cancelled_replay_leaves_the_rest_dead() {
    let (loghorn, receiver) = (Loghorn::start().await, Receiver::start(Mood::Answer(404, "")));
    loghorn.subscribe(&receiver.url(), json!({})).await;
    die(&loghorn, 0, 200, 200).await;
    receiver.set(Mood::Answer(200, ""));
    let begun = begin(&loghorn, "replay", json!({"rate": "40/s"})).await;
    until("some arrive", 20, async || receiver.count() >= 220).await;
    let path = format!("/api/v1/jobs/{}", begun["id"].as_str().unwrap());
    let (status, cancelled) = loghorn.call("DELETE", &path, None).await;
    assert_eq!((status, &cancelled["state"]), (200, &json!("cancelled")), "{cancelled}");
    let done = cancelled["done"].as_u64().unwrap();
    assert!((20..200).contains(&done), "{cancelled}");
    until("those arrive", 20, async || loghorn.delivery_stats().await["delivered"] == done).await;
    assert_eq!(listed(&loghorn).await as u64, 200 - done);
    loghorn.assert_ledger_balances().await;
    assert_eq!(loghorn.get("/api/v1/jobs").await["items"][0]["id"], begun["id"]);
}

#[actix_rt::test]
async fn letters_of_a_disabled_subscription_are_left() {
    let loghorn = Loghorn::start().await;
    let receivers = [Mood::Answer(404, ""), Mood::Answer(404, "")].map(Receiver::start);
    let (id, _) = loghorn.subscribe(&receivers[0].url(), json!({})).await;
    loghorn.subscribe(&receivers[1].url(), json!({"name": "other"})).await;
    die(&loghorn, 0, 3, 6).await;
    let path = format!("/api/v1/subscriptions/{id}");
    assert_eq!(loghorn.call("PATCH", &path, Some(json!({"enabled": false}).to_string())).await.0, 200);
    receivers.iter().for_each(|receiver| receiver.set(Mood::Answer(200, "")));
    let done = loghorn.job_ended(&begin(&loghorn, "replay", json!({})).await).await;
    assert_eq!(counts(&done), ("done", [6, 3, 3]), "{done}");
    until("the others are delivered", 10, async || loghorn.delivery_stats().await["delivered"] == 3).await;
    assert_eq!(receivers[0].count(), 3);
    assert_eq!(listed(&loghorn).await, 3);
}
