//! A backfill delivers past events, once each, behind everything live, whatever happens to the server meanwhile.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use support::{Loghorn, Mood, Receiver, event, until};

async fn log(loghorn: &Loghorn, n: usize) {
    for from in (0..n).step_by(1000) {
        let events: Vec<Value> =
            (from..n.min(from + 1000)).map(|n| event(if n % 4 == 0 { "ERROR" } else { "INFO" }, n)).collect();
        assert_eq!(loghorn.post("/api/v1/events", &json!(events)).await.0, 202);
    }
}

async fn begin(loghorn: &Loghorn, id: &str, body: Value) -> Value {
    let (status, job) = loghorn.post(&format!("/api/v1/subscriptions/{id}/backfill"), &body).await;
    assert_eq!(status, 202, "{job}");
    assert_eq!((&job["kind"], &job["state"]), (&json!("backfill"), &json!("running")));
    job
}

async fn is_idle(loghorn: &Loghorn) {
    until("all is delivered", 60, async || {
        let stats = loghorn.delivery_stats().await;
        ["queued", "attempting", "retrying"].iter().all(|state| stats[state] == 0)
    })
    .await;
}

#[actix_rt::test]
async fn past_events_are_delivered_once_and_marked() {
    let (loghorn, receiver) = (Loghorn::start().await, Receiver::start(Mood::Answer(200, "")));
    log(&loghorn, 1000).await;
    let filters = json!({"filters": {"min_level": "ERROR"}});
    let (id, secret) = loghorn.subscribe(&receiver.url(), filters).await;
    log_more(&loghorn).await;
    until("the live one arrives", 10, async || receiver.count() == 1).await;
    is_idle(&loghorn).await;

    let counted = loghorn.job_ended(&begin(&loghorn, &id, json!({"since": "1h", "dry_run": true})).await).await;
    assert_eq!((&counted["state"], &counted["matched"], &counted["queued"]), (&json!("done"), &json!(251), &json!(0)));
    assert_eq!(receiver.count(), 1);

    let done = loghorn.job_ended(&begin(&loghorn, &id, json!({"since": "1h"})).await).await;
    assert_eq!((&done["state"], &done["total"], &done["done"]), (&json!("done"), &json!(1001), &json!(1001)), "{done}");
    assert_eq!((&done["matched"], &done["queued"], &done["skipped"]), (&json!(251), &json!(250), &json!(1)));
    is_idle(&loghorn).await;
    let arrived = receiver.arrived();
    assert_eq!(arrived.len(), 251);
    let events: BTreeSet<String> = arrived.iter().map(|webhook| webhook.event_id()).collect();
    assert_eq!(events.len(), 251);
    assert!(!arrived[0].headers.contains_key("webhook-origin"));
    for webhook in &arrived[1..] {
        assert_eq!(webhook.headers["webhook-origin"], "backfill");
        webhook.verify(&secret);
    }
    let delivery = loghorn.get(&format!("/api/v1/deliveries/{}", arrived[1].id())).await;
    assert_eq!(delivery["origin"], "backfill");
    assert_eq!(delivery["attempt_log"][0]["request"]["headers"]["webhook-origin"], "backfill");

    // Nothing is left to do.
    let again = loghorn.job_ended(&begin(&loghorn, &id, json!({"since": "1h"})).await).await;
    assert_eq!((&again["queued"], &again["skipped"]), (&json!(0), &json!(251)));
    assert_eq!(loghorn.delivery_stats().await["total_deliveries"], 251);
    loghorn.assert_ledger_balances().await;
    let jobs = loghorn.get("/api/v1/jobs?limit=2").await;
    assert_eq!(jobs["items"][0]["id"], again["id"]);
    assert!(jobs["next_cursor"].is_string());
}

async fn log_more(loghorn: &Loghorn) {
    loghorn.post("/api/v1/events", &event("ERROR", 100_000)).await;
}

#[actix_rt::test]
async fn it_goes_on_after_kill_9_and_counts_right() {
    let (mut loghorn, receiver) = (Loghorn::start().await, Receiver::start(Mood::Answer(200, "")));
    log(&loghorn, 12_000).await;
    let (id, _) = loghorn.subscribe(&receiver.url(), json!({"filters": {"min_level": "ERROR"}})).await;
    let begun = begin(&loghorn, &id, json!({"since": "1h", "rate": "1000/s"})).await;
    let mut kills = 0;
    while loghorn.job(&begun).await["state"] == "running" && kills < 3 {
        let before = receiver.count();
        until("some more arrive", 20, async || receiver.count() >= (before + 400).min(3000)).await;
        loghorn.kill();
        loghorn.restart();
        kills += 1;
    }
    let done = loghorn.job_ended(&begun).await;
    is_idle(&loghorn).await;
    assert_eq!(
        (&done["state"], &done["done"], &done["matched"]),
        (&json!("done"), &json!(12_000), &json!(3000)),
        "{done}"
    );
    assert_eq!((&done["queued"], &done["skipped"]), (&json!(3000), &json!(0)), "{done}");
    let events: BTreeSet<String> = receiver.arrived().iter().map(|webhook| webhook.event_id()).collect();
    assert_eq!(events.len(), 3000);
    let ids: BTreeSet<String> = receiver.arrived().iter().map(|webhook| webhook.id().to_owned()).collect();
    assert_eq!(ids.len(), 3000);
    let stats = loghorn.delivery_stats().await;
    assert_eq!((&stats["total_deliveries"], &stats["delivered"]), (&json!(3000), &json!(3000)));
    loghorn.assert_ledger_balances().await;
    assert!(kills > 0);
    support::say(&format!("{kills} kills during a backfill, {} webhooks for 3000 deliveries", receiver.count()));
}

#[actix_rt::test]
async fn what_is_live_goes_first_and_a_cancelled_job_ends_at_once() {
    let slow = Mood::Slow(Duration::from_millis(50));
    let (loghorn, receiver) = (Loghorn::start().await, Receiver::start(slow));
    log(&loghorn, 8000).await;
    let (id, _) = loghorn.subscribe(&receiver.url(), json!({"filters": {"min_level": "ERROR"}})).await;
    let begun = begin(&loghorn, &id, json!({"since": "1h"})).await;
    until("the lane is full", 20, async || receiver.count() >= 50).await;
    let (status, problem) =
        loghorn.post(&format!("/api/v1/subscriptions/{id}/backfill"), &json!({"since": "1h"})).await;
    assert_eq!(status, 409, "{problem}");
    // About 250 past events wait before it, at 50 ms each; it need not wait for them.
    for n in 0..5 {
        let sent = Instant::now();
        loghorn.post("/api/v1/events", &event("CRITICAL", n)).await;
        let live = format!("test-CRITICAL-{n}");
        let has_arrived = async || receiver.arrived().iter().any(|webhook| webhook.event_id() == live);
        until("the live event arrives", 10, has_arrived).await;
        assert!(sent.elapsed() < Duration::from_millis(1000), "{:?}", sent.elapsed());
    }
    let running = loghorn.job(&begun).await;
    assert_eq!(running["state"], "running", "{running}");
    let waiting = loghorn.delivery_stats().await;
    assert!(waiting["queued"].as_u64().unwrap() <= 260, "{waiting}");

    let path = format!("/api/v1/jobs/{}", begun["id"].as_str().unwrap());
    let (status, cancelled) = loghorn.call("DELETE", &path, None).await;
    assert_eq!((status, &cancelled["state"]), (200, &json!("cancelled")), "{cancelled}");
    assert!(cancelled["done"].as_u64().unwrap() < 8000);
    assert_eq!(loghorn.call("DELETE", &path, None).await.0, 409);
    receiver.set(Mood::Answer(200, ""));
    is_idle(&loghorn).await;
    // What was queued went out, and nothing more.
    let delivered = loghorn.delivery_stats().await["delivered"].as_u64().unwrap();
    assert_eq!(delivered, cancelled["queued"].as_u64().unwrap() + 5);
    loghorn.assert_ledger_balances().await;
}

#[actix_rt::test]
async fn a_rate_is_kept_and_bad_requests_are_refused() {
    let (loghorn, receiver) = (Loghorn::start().await, Receiver::start(Mood::Answer(200, "")));
    log(&loghorn, 200).await;
    let (id, _) = loghorn.subscribe(&receiver.url(), json!({"filters": {"min_level": "ERROR"}})).await;
    let began = Instant::now();
    let done = loghorn.job_ended(&begin(&loghorn, &id, json!({"since": "1h", "rate": "40/s"})).await).await;
    assert_eq!((&done["queued"], &done["rate"]), (&json!(50), &json!("40/s")));
    assert!(began.elapsed() > Duration::from_millis(1000), "{:?}", began.elapsed());
    let path = format!("/api/v1/subscriptions/{id}/backfill");
    for (body, pointer) in [
        (json!({}), "/since"),
        (json!({"since": "yesterday"}), "/since"),
        (json!({"since": "1h", "until": "2h"}), "/until"),
        (json!({"since": "1h", "rate": "fast"}), "/rate"),
        (json!({"since": "1h", "rate": 0}), "/rate"),
        (json!({"since": "1h", "dryrun": true}), "/dryrun"),
    ] {
        let (status, problem) = loghorn.post(&path, &body).await;
        assert_eq!(status, 422, "{body}: {problem}");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    assert_eq!(loghorn.call("GET", "/api/v1/jobs/job_nothing", None).await.0, 404);
    assert_eq!(loghorn.call("GET", "/api/v1/jobs?state=lost", None).await.0, 400);
    loghorn.call("PATCH", &format!("/api/v1/subscriptions/{id}"), Some(json!({"enabled": false}).to_string())).await;
    let (status, problem) = loghorn.post(&path, &json!({"since": "1h"})).await;
    assert_eq!((status, &problem["detail"]), (409, &json!("the subscription is disabled")));
    let (status, _) = loghorn.post("/api/v1/subscriptions/sub_x/backfill", &json!({"since": "1h"})).await;
    assert_eq!(status, 404);
}

/// A subscription takes what comes after it was made, and a backfill at once all before: also what was not routed yet.
#[cfg(feature = "failpoints")]
#[actix_rt::test]
async fn what_the_router_has_yet_to_pass_is_not_left_out() {
    let loghorn = Loghorn::start_with(&[], &[("FAILPOINTS", "router::match=sleep(20)")]).await;
    let receiver = Receiver::start(Mood::Answer(200, ""));
    log(&loghorn, 60).await;
    let (id, _) = loghorn.subscribe(&receiver.url(), json!({})).await;
    let begun = begin(&loghorn, &id, json!({"since": "1h"})).await;
    assert!(loghorn.get("/api/v1/stats").await["event_stats"]["routed_seq"].as_u64().unwrap() < 60);
    log_more(&loghorn).await;
    let done = loghorn.job_ended(&begun).await;
    assert_eq!((&done["total"], &done["queued"]), (&json!(60), &json!(60)), "{done}");
    until("all arrive", 20, async || receiver.count() == 61).await;
}

/// What was queued in the moment in which the subscription is deleted does not wait for ever.
#[cfg(feature = "failpoints")]
#[actix_rt::test]
async fn nothing_is_left_waiting_for_a_subscription_that_is_deleted_meanwhile() {
    let loghorn = Loghorn::start_with(&[], &[("FAILPOINTS", "backfill::make=sleep(500)")]).await;
    let receiver = Receiver::start(Mood::Answer(200, ""));
    log(&loghorn, 500).await;
    let (id, _) = loghorn.subscribe(&receiver.url(), json!({})).await;
    let begun = begin(&loghorn, &id, json!({"since": "1h"})).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(loghorn.call("DELETE", &format!("/api/v1/subscriptions/{id}"), None).await.0, 204);
    let failed = loghorn.job_ended(&begun).await;
    assert_eq!((&failed["state"], &failed["error"]), (&json!("failed"), &json!("the subscription was deleted")));
    assert_eq!(failed["queued"], 128);
    until("all is cancelled", 10, async || loghorn.delivery_stats().await["cancelled"] == 128).await;
    assert_eq!((loghorn.delivery_stats().await["queued"].clone(), receiver.count()), (json!(0), 0));
    loghorn.assert_ledger_balances().await;
}

#[actix_rt::test]
async fn a_subscription_that_becomes_a_shadow_is_sent_nothing_more() {
    let (loghorn, receiver) = (Loghorn::start().await, Receiver::start(Mood::Answer(200, "")));
    log(&loghorn, 400).await;
    let (id, _) = loghorn.subscribe(&receiver.url(), json!({})).await;
    let begun = begin(&loghorn, &id, json!({"since": "1h", "rate": "40/s"})).await;
    until("some arrive", 10, async || receiver.count() >= 10).await;
    let path = format!("/api/v1/subscriptions/{id}");
    assert_eq!(loghorn.call("PATCH", &path, Some(json!({"mode": "shadow"}).to_string())).await.0, 200);
    let failed = loghorn.job_ended(&begun).await;
    assert_eq!((&failed["state"], &failed["error"]), (&json!("failed"), &json!("the subscription became a shadow")));
}

#[actix_rt::test]
async fn a_rate_holds_back_only_what_is_delivered() {
    let (loghorn, receiver) = (Loghorn::start().await, Receiver::start(Mood::Answer(200, "")));
    log(&loghorn, 200).await;
    let (id, _) = loghorn.subscribe(&receiver.url(), json!({})).await;
    loghorn.job_ended(&begin(&loghorn, &id, json!({"since": "1h"})).await).await;
    let began = Instant::now();
    let again = loghorn.job_ended(&begin(&loghorn, &id, json!({"since": "1h", "rate": "10/s"})).await).await;
    assert_eq!((&again["state"], &again["skipped"]), (&json!("done"), &json!(200)), "{again}");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[actix_rt::test]
async fn sigterm_interrupts_it_and_the_next_start_goes_on() {
    let (mut loghorn, receiver) = (Loghorn::start().await, Receiver::start(Mood::Answer(200, "")));
    log(&loghorn, 400).await;
    let (id, _) = loghorn.subscribe(&receiver.url(), json!({})).await;
    let begun = begin(&loghorn, &id, json!({"since": "1h", "rate": "100/s"})).await;
    until("some arrive", 10, async || receiver.count() >= 50).await;
    let began = Instant::now();
    assert_eq!(loghorn.terminate(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    loghorn.restart();
    let done = loghorn.job_ended(&begun).await;
    assert_eq!((&done["state"], &done["queued"], &done["skipped"]), (&json!("done"), &json!(400), &json!(0)), "{done}");
    is_idle(&loghorn).await;
    assert_eq!(receiver.count(), 400);
    loghorn.assert_ledger_balances().await;
}
