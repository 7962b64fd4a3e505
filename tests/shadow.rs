//! A shadow subscription counts and shows what it would send, and sends nothing until it is promoted.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use serde_json::{Value, json};
use support::{Loghorn, Mood, Receiver, event, until};

#[actix_rt::test]
async fn a_shadow_sends_nothing_until_it_is_promoted() {
    let (mut loghorn, receiver) = (Loghorn::start().await, Receiver::start(Mood::Answer(200, "")));
    let (id, _) =
        loghorn.subscribe(&receiver.url(), json!({"mode": "shadow", "filters": {"min_level": "ERROR"}})).await;
    let path = format!("/api/v1/subscriptions/{id}");
    assert_eq!(loghorn.get(&path).await["mode"], "shadow");
    let events: Vec<Value> = (0..20).map(|n| event(if n % 2 == 0 { "ERROR" } else { "INFO" }, n)).collect();
    assert_eq!(loghorn.post("/api/v1/events", &json!(events)).await.0, 202);
    let shadow = format!("{path}/shadow?limit=4");
    until("the shadow counted", 10, async || loghorn.get(&shadow).await["matched"] == 10).await;
    loghorn.kill();
    loghorn.restart();
    let page = loghorn.get(&shadow).await;
    assert_eq!(page["matched"], 10);
    let ids = |page: &Value| -> Vec<String> {
        page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&page), ["test-ERROR-18", "test-ERROR-16", "test-ERROR-14", "test-ERROR-12"]);
    let next = page["next_cursor"].as_str().unwrap();
    assert_eq!(ids(&loghorn.get(&format!("{shadow}&cursor={next}")).await)[0], "test-ERROR-10");
    let explained = loghorn.get(&format!("/api/v1/events/test-ERROR-18/explain?subscription={id}")).await;
    assert_eq!(explained["subscriptions"][0]["matched"], true);
    assert_eq!(explained["subscriptions"][0]["delivery_id"], Value::Null);
    assert_eq!(loghorn.delivery_stats().await["total_deliveries"], 0);
    assert_eq!(loghorn.get("/api/v1/stats").await["subscription_stats"]["shadow"], 1);
    // A past event is not sent for a shadow either.
    let (status, problem) = loghorn.post(&format!("{path}/backfill"), &json!({"since": "1h"})).await;
    assert_eq!((status, &problem["detail"]), (409, &json!("the subscription is a shadow")));

    let (status, promoted) = loghorn.call("POST", &format!("{path}/promote"), None).await;
    assert_eq!((status, &promoted["mode"], &promoted["version"]), (200, &json!("live"), &json!(2)));
    loghorn.post("/api/v1/events", &event("ERROR", 99)).await;
    until("what came after is delivered", 10, async || receiver.count() == 1).await;
    assert_eq!(receiver.arrived()[0].event_id(), "test-ERROR-99");
    assert_eq!(loghorn.delivery_stats().await["total_deliveries"], 1);
    assert_eq!(loghorn.get(&shadow).await["matched"], 10);
    loghorn.assert_ledger_balances().await;
}
