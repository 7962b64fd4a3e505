//! Why an event went to a subscription or not can be told afterwards, by the version that decided: whatever was
//! changed, paused, deleted or killed meanwhile.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Loghorn, Mood, Receiver, until};

async fn explain(loghorn: &Loghorn, event: &str, subscription: &str) -> Value {
    loghorn.get(&format!("/api/v1/events/{event}/explain?subscription={subscription}")).await
}

fn at<'a>(explained: &'a Value, when: &str) -> &'a Value {
    explained["subscriptions"].as_array().unwrap().iter().find(|entry| entry["when"] == when).unwrap()
}

async fn is_routed(loghorn: &Loghorn) {
    until("all is routed", 10, async || {
        let stats = loghorn.get("/api/v1/stats").await;
        stats["event_stats"]["routed_seq"] == stats["event_stats"]["last_seq"]
    })
    .await;
}

#[actix_rt::test]
async fn the_version_that_decided_and_todays_are_told_apart() {
    let (mut loghorn, receiver) = (Loghorn::start().await, Receiver::start(Mood::Answer(200, "")));
    loghorn.post("/api/v1/events", &json!({"id": "before", "metadata": {"amount": 5000}})).await;
    let filters = |limit: u32| json!({"filters": {"metadata": {"amount": {"gt": limit}}}});
    let (id, _) = loghorn.subscribe(&receiver.url(), filters(1000)).await;
    loghorn.post("/api/v1/events", &json!({"id": "low", "metadata": {"amount": 500}})).await;
    loghorn.post("/api/v1/events", &json!({"id": "high", "metadata": {"amount": 5000}})).await;
    is_routed(&loghorn).await;
    let path = format!("/api/v1/subscriptions/{id}");
    assert_eq!(loghorn.call("PATCH", &path, Some(filters(100).to_string())).await.0, 200);
    for round in 0..2 {
        let low = explain(&loghorn, "low", &id).await;
        assert_eq!(low["event_id"], "low");
        let (then, now) = (at(&low, "routed"), at(&low, "now"));
        assert_eq!((&then["version"], &then["matched"]), (&json!(1), &json!(false)), "{low}");
        assert_eq!(then["conditions"][1]["message"], "metadata.amount is 500, not greater than 1000");
        assert_eq!((&now["version"], &now["matched"], &now["delivery_id"]), (&json!(2), &json!(true), &Value::Null));
        let high = explain(&loghorn, "high", &id).await;
        assert_eq!((&at(&high, "routed")["version"], &at(&high, "routed")["matched"]), (&json!(1), &json!(true)));
        assert!(at(&high, "routed")["delivery_id"].as_str().unwrap().starts_with("dlv_"));
        let before = explain(&loghorn, "before", &id).await;
        assert_eq!(
            (&at(&before, "routed")["version"], &at(&before, "routed")["matched"]),
            (&Value::Null, &json!(false))
        );
        assert_eq!(at(&before, "now")["matched"], true);
        // Once more after a crash, and with other events since.
        if round == 0 {
            loghorn.kill();
            loghorn.restart();
            loghorn.post("/api/v1/events", &json!({"id": "later", "metadata": {"amount": 500}})).await;
            is_routed(&loghorn).await;
        }
    }
    let later = explain(&loghorn, "later", &id).await;
    assert_eq!((&at(&later, "routed")["version"], &at(&later, "routed")["matched"]), (&json!(2), &json!(true)));
    // Without a name: all of them, in pages.
    loghorn.subscribe(&receiver.url(), json!({"name": "other", "enabled": false})).await;
    let page = loghorn.get("/api/v1/events/later/explain?limit=1").await;
    assert_eq!(page["subscriptions"].as_array().unwrap().len(), 2);
    let next = page["next_cursor"].as_str().unwrap();
    let page = loghorn.get(&format!("/api/v1/events/later/explain?limit=1&cursor={next}")).await;
    assert_eq!(at(&page, "now")["conditions"][0]["message"], "nothing is matched: it is not enabled");
    assert_eq!(page["next_cursor"], Value::Null);
    assert_eq!(loghorn.call("GET", "/api/v1/events/nothing/explain", None).await.0, 404);
}

/// While events pour in, a subscription is changed, paused, resumed and the server killed; another is made and deleted
/// again and again. Afterwards each event was decided by exactly one version, which is on record and was followed.
#[actix_rt::test]
async fn each_event_is_decided_by_exactly_one_version_under_load() {
    let (mut loghorn, receiver) = (Loghorn::start().await, Receiver::start(Mood::Answer(200, "")));
    let wants = |kind: &str| json!({"filters": {"metadata": {"kind": kind}}, "retry": {"max_attempts": 3}});
    let (id, _) = loghorn.subscribe(&receiver.url(), wants("a")).await;
    let path = format!("/api/v1/subscriptions/{id}");
    let (mut accepted, mut n) = (Vec::new(), 0);
    for life in 0..2 {
        let until = Instant::now() + Duration::from_secs(3);
        let mut fleeting = None;
        while Instant::now() < until {
            let batch: Vec<Value> = (n..n + 50)
                .map(|n| json!({"id": format!("e{n}"), "metadata": {"kind": if n % 2 == 0 { "a" } else { "b" }}}))
                .collect();
            n += 50;
            let batch = json!(batch);
            let kind = if n / 50 % 2 == 0 { "a" } else { "b" };
            let post = loghorn.post("/api/v1/events", &batch);
            let change = async {
                match n / 50 % 7 {
                    3 => loghorn.call("POST", &format!("{path}/pause"), None).await,
                    4 => loghorn.call("POST", &format!("{path}/resume"), None).await,
                    _ => loghorn.call("PATCH", &path, Some(wants(kind).to_string())).await,
                }
            };
            let ((status, _), (changed, answer)) = futures_util::future::join(post, change).await;
            assert_eq!((status, changed), (202, 200), "{answer}");
            accepted.extend(batch.as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap().to_owned()));
            fleeting = match fleeting.take() {
                None => Some(loghorn.subscribe(&receiver.url(), json!({"name": "fleeting"})).await.0),
                Some(id) => {
                    assert_eq!(loghorn.call("DELETE", &format!("/api/v1/subscriptions/{id}"), None).await.0, 204);
                    None
                }
            };
        }
        if life == 0 {
            loghorn.kill();
            loghorn.restart();
        }
    }
    loghorn.call("POST", &format!("{path}/resume"), None).await;
    is_routed(&loghorn).await;
    let newest = loghorn.get(&path).await["version"].as_u64().unwrap();
    let mut versions = Vec::new();
    // The last hundred versions are kept; which one decided is on record for all. Of the older events, some will do.
    let (older, recent) = accepted.split_at(accepted.len().saturating_sub(2000));
    for event in older.iter().step_by(older.len() / 1000 + 1).chain(recent) {
        let explained = explain(&loghorn, event, &id).await;
        let routed = at(&explained, "routed");
        let version = routed["version"].as_u64().unwrap();
        versions.push(version);
        if version + 100 > newest {
            assert_eq!(routed["matched"], routed["delivery_id"].is_string(), "{explained}");
        }
    }
    assert!(versions.is_sorted(), "a later event was decided by an earlier version");
    versions.dedup();
    assert!(versions.len() > 10, "{versions:?}");
    support::say(&format!("{} events under {} versions, {} of them decided", accepted.len(), newest, versions.len()));
    until("all is delivered", 20, async || {
        let stats = loghorn.delivery_stats().await;
        stats["queued"].as_u64().unwrap() + stats["attempting"].as_u64().unwrap() + stats["retrying"].as_u64().unwrap()
            == 0
    })
    .await;
    loghorn.assert_ledger_balances().await;
}
