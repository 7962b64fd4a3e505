//! The first two minutes: a signed webhook that someone else's code verifies, and what can be done with a subscription.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::collections::BTreeSet;

use serde_json::json;
use support::{Loghorn, Mood, Receiver, until};

#[actix_rt::test]
async fn a_matching_event_arrives_signed_in_both_schemes() {
    let server = Loghorn::start().await;
    let receiver = Receiver::start(Mood::Answer(200, ""));
    let filters = json!({"filters": {"source": "payment-.*", "min_level": "ERROR"}, "headers": {"X-Team": "payments"}});
    let (id, secret) = server.subscribe(&receiver.url(), filters).await;
    let own = json!({"secret": "a secret of my own, 16+"});
    let (_, own_secret) = server.subscribe(&receiver.url(), own).await;
    let quiet = json!({"level": "INFO", "source": "payment-service", "message": "all is well"});
    let loud = json!({"id": "order-77/a.b", "level": "ERROR", "source": "payment-service", "message": "no é"});
    let (status, answer) = server.post("/api/v1/events", &json!([quiet, loud])).await;
    assert_eq!(status, 202, "{answer}");
    assert_eq!((&answer["accepted"], &answer["duplicates"]), (&json!(2), &json!(0)));
    until("three webhooks", 10, || async { receiver.count() == 3 }).await;
    let arrived = receiver.arrived();
    let first = arrived.iter().find(|webhook| webhook.headers.contains_key("x-team")).unwrap();
    first.verify(&secret);
    assert_eq!(first.event_id(), "order-77/a.b");
    // The whole of what goes over the wire: no header and no member more, and their order.
    let names: BTreeSet<&str> = first.headers.keys().map(String::as_str).collect();
    let expected = [
        "content-length",
        "content-type",
        "date",
        "host",
        "user-agent",
        "webhook-id",
        "webhook-signature",
        "webhook-timestamp",
        "x-team",
        "x-webhook-signature",
    ];
    assert_eq!(names, expected.into());
    let event = server.get("/api/v1/events/order-77%2Fa.b").await;
    let (at, received_at) = (event["timestamp"].as_str().unwrap(), event["received_at"].as_str().unwrap());
    let body = format!(
        r#"{{"type":"log.error","timestamp":"{at}","data":{{"id":"order-77/a.b","seq":2,"event_type":"log.error","level":"ERROR","source":"payment-service","message":"no é","metadata":{{}},"timestamp":"{at}","received_at":"{received_at}"}}}}"#
    );
    assert_eq!(String::from_utf8_lossy(&first.body), body);
    assert!(first.headers["user-agent"].starts_with("Loghorn/"));
    let other = arrived.iter().find(|webhook| !webhook.headers.contains_key("x-team")).unwrap();
    assert_eq!(own_secret, "a secret of my own, 16+");
    other.verify(&own_secret);
    until("it is recorded", 10, || async { server.delivery_stats().await["delivered"] == 3 }).await;
    let delivery = server.get(&format!("/api/v1/deliveries/{}", first.id())).await;
    assert_eq!((&delivery["status"], &delivery["subscription_id"]), (&json!("delivered"), &json!(id)));
    assert_eq!(delivery["attempt_log"][0]["status_code"], 200);
    assert_eq!(delivery["attempt_log"][0]["response"]["body"], "ok");
    server.assert_ledger_balances().await;
}

#[actix_rt::test]
async fn the_same_event_is_taken_once() {
    let server = Loghorn::start().await;
    let receiver = Receiver::start(Mood::Answer(200, ""));
    server.subscribe(&receiver.url(), json!({})).await;
    let event = json!({"id": "once", "message": "x"});
    let (_, first) = server.post("/api/v1/events", &event).await;
    let (status, again) = server.post("/api/v1/events", &event).await;
    assert_eq!((status, &again["duplicate"], &again["seq"]), (202, &json!(true), &first["seq"]));
    let (status, many) = server.post("/api/v1/events", &json!([event, event])).await;
    assert_eq!((status, &many["accepted"], &many["duplicates"]), (202, &json!(0), &json!(2)));
    until("one webhook", 10, || async { server.delivery_stats().await["delivered"] == 1 }).await;
    assert_eq!(receiver.count(), 1);
}

#[actix_rt::test]
async fn a_test_event_goes_to_one_subscription_only() {
    let server = Loghorn::start().await;
    let (one, other) = (Receiver::start(Mood::Answer(200, "")), Receiver::start(Mood::Answer(200, "")));
    let (id, _) = server.subscribe(&one.url(), json!({"filters": {"source": "nobody"}})).await;
    server.subscribe(&other.url(), json!({})).await;
    let (status, answer) = server.post(&format!("/api/v1/subscriptions/{id}/test"), &json!({})).await;
    assert_eq!(status, 202, "{answer}");
    until("the test event", 10, || async { one.count() == 1 }).await;
    assert_eq!(other.count(), 0);
    let delivery = server.get(&format!("/api/v1/deliveries/{}", one.arrived()[0].id())).await;
    assert_eq!(delivery["origin"], "test");
}

#[actix_rt::test]
async fn paused_holds_and_deleted_cancels() {
    let server = Loghorn::start().await;
    let receiver = Receiver::start(Mood::Answer(200, ""));
    let (id, _) = server.subscribe(&receiver.url(), json!({})).await;
    let path = format!("/api/v1/subscriptions/{id}");
    assert_eq!(server.post(&format!("{path}/pause"), &json!({})).await.0, 200);
    server.post("/api/v1/events", &support::event("ERROR", 1)).await;
    until("it is queued", 10, || async { server.delivery_stats().await["queued"] == 1 }).await;
    assert_eq!(receiver.count(), 0);
    assert_eq!(server.post(&format!("{path}/resume"), &json!({})).await.0, 200);
    until("it is delivered", 10, || async { server.delivery_stats().await["delivered"] == 1 }).await;
    server.post(&format!("{path}/pause"), &json!({})).await;
    server.post("/api/v1/events", &support::event("ERROR", 2)).await;
    until("the second is queued", 10, || async { server.delivery_stats().await["queued"] == 1 }).await;
    assert_eq!(server.call("DELETE", &path, None).await.0, 204);
    until("it is cancelled", 10, || async { server.delivery_stats().await["cancelled"] == 1 }).await;
    assert_eq!(server.call("GET", &path, None).await.0, 404);
    assert_eq!(receiver.count(), 1);
    server.assert_ledger_balances().await;
}
