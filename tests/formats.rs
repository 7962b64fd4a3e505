//! Webhooks in the forms that other receivers take, sent by the real server: their bodies and headers, what their answers
//! come to, and that their keys are shown nowhere.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use serde_json::{Value, json};
use support::{Loghorn, Mood, Receiver, until};

const KEY: &str = "9f3QxkT27bVhRw0LzPm5uYc81NdEaJ46";

fn answer(status: u16, body: &str) -> Mood {
    Mood::raw(format!("HTTP/1.1 {status} Said\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
}

/// A failure, sent to the server; its only delivery.
async fn send(server: &Loghorn, n: usize) -> String {
    let event = json!({
        "id": format!("order-{n}"), "event_type": "payment.failed", "level": "ERROR", "source": "payment-service",
        "message": "5 < 6 & @everyone", "metadata": {"amount": 12.5},
    });
    let (status, sent) = server.post("/api/v1/events", &event).await;
    assert_eq!(status, 202, "{sent}");
    let path = format!("/api/v1/events/order-{n}/deliveries");
    until("it is routed", 20, || async { server.get(&path).await["items"][0]["id"].is_string() }).await;
    server.get(&path).await["items"][0]["id"].as_str().unwrap().to_owned()
}

/// The delivery once it has ended.
async fn ended(server: &Loghorn, id: &str) -> Value {
    let path = format!("/api/v1/deliveries/{id}");
    until("it ends", 30, || async {
        ["delivered", "dead_letter"].contains(&server.get(&path).await["status"].as_str().unwrap())
    })
    .await;
    server.get(&path).await
}

#[actix_rt::test]
async fn every_receiver_gets_what_it_takes_and_is_understood() {
    let server = Loghorn::start().await;
    let cases: &[(&str, Value, Mood, &str, &str, &str)] = &[
        (
            "slack",
            json!({}),
            answer(200, "ok"),
            "application/json",
            "/blocks/0/text/text",
            "*ERROR* payment-service\n5 &lt; 6 &amp; @everyone",
        ),
        (
            "pagerduty",
            json!({"pagerduty": {"routing_key": KEY}}),
            answer(202, "{\"status\":\"success\"}"),
            "application/json",
            "/payload/summary",
            "5 < 6 & @everyone",
        ),
        (
            "discord",
            json!({}),
            answer(204, ""),
            "application/json",
            "/embeds/0/description",
            "5 < 6 & @\u{200b}everyone",
        ),
        (
            "teams",
            json!({}),
            answer(202, ""),
            "application/json",
            "/attachments/0/content/body/1/text",
            "5 < 6 & @everyone",
        ),
        (
            "opsgenie",
            json!({"opsgenie": {"api_key": KEY}}),
            answer(202, "{\"requestId\":\"r\"}"),
            "application/json",
            "/message",
            "5 < 6 & @everyone",
        ),
        (
            "cloudevents",
            json!({}),
            answer(204, ""),
            "application/cloudevents+json",
            "/data/message",
            "5 < 6 & @everyone",
        ),
        (
            "template",
            json!({"template": "{\"said\": \"{{ event.message }}\", \"by\": \"{{ subscription.name }}\"}"}),
            answer(200, "fine"),
            "application/json",
            "/said",
            "5 < 6 & @everyone",
        ),
    ];
    for (n, (format, settings, mood, content_type, pointer, expected)) in cases.iter().enumerate() {
        let receiver = Receiver::start(mood.clone());
        let mut more = settings.clone();
        more["format"] = json!(format);
        let (id, secret) = server.subscribe(&receiver.url(), more).await;
        let delivery = send(&server, n).await;
        let shown = ended(&server, &delivery).await;
        assert_eq!((&shown["status"], &shown["attempts"]), (&json!("delivered"), &json!(1)), "{format}: {shown}");
        let webhook = receiver.arrived().pop().unwrap();
        assert_eq!(webhook.headers["content-type"], *content_type, "{format}");
        assert_eq!(webhook.json().pointer(pointer), Some(&json!(expected)), "{format}: {}", webhook.json());
        // Signed like any other, and shown as it went out.
        webhook.verify(&secret);
        let headers = &shown["attempt_log"][0]["request"]["headers"];
        assert_eq!(headers["content-type"], *content_type);
        assert_eq!(headers["x-webhook-signature"], webhook.headers["x-webhook-signature"], "{format}");
        if *format == "opsgenie" {
            assert_eq!(webhook.headers["authorization"], format!("GenieKey {KEY}"));
            assert_eq!(headers["authorization"], "••••");
        }
        assert!(!shown.to_string().contains(KEY));
        assert_eq!(server.call("DELETE", &format!("/api/v1/subscriptions/{id}"), None).await.0, 204);
    }
    assert_eq!(server.said(KEY), 0);
    server.assert_ledger_balances().await;
}

#[actix_rt::test]
async fn a_refusal_in_a_good_answer_is_a_dead_letter_with_its_reason() {
    let server = Loghorn::start().await;
    let receiver = Receiver::start(answer(200, "invalid_token"));
    server.subscribe(&receiver.url(), json!({"format": "slack"})).await;
    let dead = ended(&server, &send(&server, 1).await).await;
    assert_eq!(
        (&dead["status"], &dead["reason"], &dead["last_class"]),
        (&json!("dead_letter"), &json!("refused"), &json!("refused"))
    );
    assert_eq!((&dead["attempts"], &dead["last_status_code"]), (&json!(1), &json!(200)));
    let error = "the receiver answered 200, but Slack says otherwise: invalid_token";
    assert_eq!(dead["attempt_log"][0]["error"], error);
    let listed = server.get("/api/v1/dead-letters?class=refused").await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed}");
    // Set right, it goes out after all.
    receiver.set(answer(200, "ok"));
    let replay = json!({"filter": {"class": "refused"}});
    assert_eq!(server.post("/api/v1/dead-letters/replay", &replay).await.0, 202);
    until("it is delivered", 20, || async { server.delivery_stats().await["delivered"] == 1 }).await;
    server.assert_ledger_balances().await;
}

#[actix_rt::test]
async fn discord_says_in_its_body_how_long_to_wait() {
    let server = Loghorn::start().await;
    let receiver = Receiver::start(answer(
        429,
        "{\"message\": \"You are being rate limited.\", \"retry_after\": 1.5, \"global\": false}",
    ));
    server.subscribe(&receiver.url(), json!({"format": "discord"})).await;
    let id = send(&server, 1).await;
    until("it is refused", 20, || async { receiver.count() == 1 }).await;
    receiver.set(answer(204, ""));
    let shown = ended(&server, &id).await;
    assert_eq!((&shown["status"], &shown["attempts"]), (&json!("delivered"), &json!(2)));
    assert_eq!(shown["attempt_log"][0]["error"], "Discord says: You are being rate limited.");
    let arrived = receiver.arrived();
    assert!((arrived[1].at - arrived[0].at).as_millis() >= 1500, "{:?}", arrived[1].at - arrived[0].at);
}

#[actix_rt::test]
async fn a_template_that_comes_to_nothing_kills_its_event_alone() {
    let server = Loghorn::start().await;
    let receiver = Receiver::start(Mood::Answer(200, ""));
    let more = json!({
        "format": "template", "template": "[{% for e in events %}{\"n\": {{ e.metadata.n }}}{{ \",\" if not loop.last }}{% endfor %}]",
        "batch": {"max_events": 8, "max_wait": "1s"},
    });
    let (id, _) = server.subscribe(&receiver.url(), more).await;
    let events: Vec<Value> = (0..8)
        .map(|n| json!({"id": format!("e-{n}"), "metadata": if n == 3 { json!({}) } else { json!({"n": n}) }}))
        .collect();
    assert_eq!(server.post("/api/v1/events", &json!(events)).await.0, 202);
    until("all have ended", 30, || async {
        let stats = server.delivery_stats().await;
        stats["delivered"] == 7 && stats["failed"] == 1
    })
    .await;
    let mut numbers: Vec<Value> =
        receiver.arrived().iter().flat_map(|webhook| webhook.json().as_array().unwrap().clone()).collect();
    numbers.sort_by_key(|one| one["n"].as_u64());
    assert_eq!(json!(numbers), json!([0, 1, 2, 4, 5, 6, 7].map(|n| json!({"n": n}))));
    let dead = server.get("/api/v1/dead-letters").await["items"][0].clone();
    assert_eq!((&dead["event_id"], &dead["reason"]), (&json!("e-3"), &json!("template")), "{dead}");
    let shown = server.get(&format!("/api/v1/deliveries/{}", dead["id"].as_str().unwrap())).await;
    let error = shown["attempt_log"].as_array().unwrap().last().unwrap()["error"].as_str().unwrap().to_owned();
    assert!(error.starts_with("what the template makes is no JSON"), "{error}");

    // Set right, it is replayed.
    let template = json!({"template": "{{ events | length }}"}).to_string();
    assert_eq!(server.call("PATCH", &format!("/api/v1/subscriptions/{id}"), Some(template)).await.0, 200);
    assert_eq!(server.post("/api/v1/dead-letters/replay", &json!({"filter": {}})).await.0, 202);
    until("it is delivered", 20, || async { server.delivery_stats().await["delivered"] == 8 }).await;
    server.assert_ledger_balances().await;
}

#[actix_rt::test]
async fn several_go_together_where_the_receiver_takes_that() {
    let server = Loghorn::start().await;
    let receiver = Receiver::start(answer(202, ""));
    let batch = json!({"max_events": 3, "max_wait": "5s"});
    let (id, _) = server.subscribe(&receiver.url(), json!({"format": "cloudevents", "batch": batch})).await;
    let events: Vec<Value> = (0..3).map(|n| json!({"id": format!("e-{n}")})).collect();
    assert_eq!(server.post("/api/v1/events", &json!(events)).await.0, 202);
    until("they arrive", 20, || async { receiver.count() == 1 }).await;
    let webhook = receiver.arrived().remove(0);
    assert_eq!(webhook.headers["content-type"], "application/cloudevents-batch+json");
    assert_eq!(webhook.json().as_array().unwrap().len(), 3);
    until("they are recorded", 20, || async { server.delivery_stats().await["delivered"] == 3 }).await;
    let delivery = server.get("/api/v1/deliveries").await["items"][0]["id"].as_str().unwrap().to_owned();
    let shown = server.get(&format!("/api/v1/deliveries/{delivery}")).await;
    let headers = &shown["attempt_log"][0]["request"]["headers"];
    assert_eq!(headers["content-type"], "application/cloudevents-batch+json");

    let pagerduty = json!({"format": "pagerduty", "pagerduty": {"routing_key": KEY}}).to_string();
    let (status, refused) = server.call("PATCH", &format!("/api/v1/subscriptions/{id}"), Some(pagerduty)).await;
    assert_eq!((status, &refused["errors"][0]["pointer"]), (422, &json!("/batch")), "{refused}");
}

#[actix_rt::test]
async fn keys_are_sealed_masked_and_kept() {
    let mut server = Loghorn::start().await;
    let receiver = Receiver::start(answer(202, ""));
    let more = json!({"format": "pagerduty", "pagerduty": {"routing_key": KEY}});
    let (id, _) = server.subscribe(&receiver.url(), more).await;
    let path = format!("/api/v1/subscriptions/{id}");
    let shown = server.get(&path).await;
    assert_eq!(shown["pagerduty"], json!({"routing_key": "••••"}));
    // What is shown may be sent back.
    assert_eq!(server.call("PUT", &path, Some(shown.to_string())).await.0, 200);
    server.kill();
    server.restart();
    let id = send(&server, 1).await;
    assert_eq!(ended(&server, &id).await["status"], "delivered");
    assert_eq!(receiver.arrived().pop().unwrap().json()["routing_key"], KEY);
    // Another format has no use for it.
    let (status, slack) = server.call("PATCH", &path, Some(json!({"format": "slack"}).to_string())).await;
    assert_eq!((status, slack.get("pagerduty")), (200, None), "{slack}");
    let back = json!({"format": "pagerduty", "pagerduty": {"routing_key": "••••"}}).to_string();
    assert_eq!(server.call("PATCH", &path, Some(back)).await.0, 422);
    assert_eq!(server.said(KEY), 0);
    server.kill();
    let mut folders = vec![server.data.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    let bytes = std::fs::read(&path).unwrap();
                    assert!(!bytes.windows(KEY.len()).any(|part| part == KEY.as_bytes()), "{}", path.display());
                }
            }
        }
    }
}

#[actix_rt::test]
async fn a_webhook_can_be_looked_at_before_it_is_sent() {
    let server = Loghorn::start().await;
    let preview = async |body: Value| server.post("/api/v1/formats/preview", &body).await;
    let (status, shown) =
        preview(json!({"format": "slack", "event": {"level": "ERROR", "source": "pay", "message": "a & b"}})).await;
    assert_eq!((status, &shown["headers"]["content-type"]), (200, &json!("application/json")), "{shown}");
    let body: Value = serde_json::from_str(shown["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["text"], "ERROR pay: a &amp; b");
    for format in ["standard", "pagerduty", "discord", "teams", "opsgenie", "cloudevents"] {
        let (status, shown) = preview(json!({"format": format})).await;
        assert_eq!((status, &shown["format"]), (200, &json!(format)), "{shown}");
        assert!(serde_json::from_str::<Value>(shown["body"].as_str().unwrap()).is_ok());
    }
    let text =
        json!({"format": "template", "template": "{{ event.source }}!", "headers": {"Content-Type": "text/plain"}});
    let (status, shown) = preview(text).await;
    assert_eq!((status, &shown["body"]), (200, &json!("payment-service!")), "{shown}");
    assert_eq!(shown["headers"]["content-type"], "text/plain");
    let (status, wrong) = preview(json!({"format": "template", "template": "{\n{{ event.x | shout }}}"})).await;
    assert_eq!((status, &wrong["errors"][0]["pointer"]), (422, &json!("/template")), "{wrong}");
    assert!(wrong["errors"][0]["detail"].as_str().unwrap().starts_with("line 2: "), "{wrong}");
    for wrong in [
        json!({"format": "xml"}),
        json!({"format": "template"}),
        json!({"event": {"level": "LOUD"}}),
        json!({"event": {}, "event_id": "e"}),
        json!({"evnt": {}}),
    ] {
        assert_eq!(preview(wrong.clone()).await.0, 422, "{wrong}");
    }
    assert_eq!(preview(json!({"event_id": "gone"})).await.0, 404);

    // As a subscription would send an event that there is.
    let receiver = Receiver::start(answer(202, ""));
    let more = json!({"format": "pagerduty", "pagerduty": {"routing_key": KEY}, "headers": {"X-Team": "pay"}});
    let (id, _) = server.subscribe(&receiver.url(), more).await;
    ended(&server, &send(&server, 1).await).await;
    let (status, shown) = preview(json!({"subscription": id, "event_id": "order-1"})).await;
    assert_eq!((status, &shown["headers"]["x-team"]), (200, &json!("pay")), "{shown}");
    let mut sent = receiver.arrived().pop().unwrap().json();
    sent["routing_key"] = json!("••••");
    assert_eq!(serde_json::from_str::<Value>(shown["body"].as_str().unwrap()).unwrap(), sent);
}
