//! Filters do what their words say, on the way from HTTP to the receiver; a bad one is refused, and one that is good
//! can be tried before it is saved.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use support::{Loghorn, Mood, Receiver, until};

/// Which events a subscription got, by their message.
fn messages(receiver: &Receiver) -> BTreeMap<String, Vec<String>> {
    let mut by_name = BTreeMap::<String, Vec<String>>::new();
    for webhook in receiver.arrived() {
        let message = webhook.json()["data"]["message"].as_str().unwrap().to_owned();
        by_name.entry(webhook.headers["x-name"].clone()).or_default().push(message);
    }
    by_name.values_mut().for_each(|messages| messages.sort());
    by_name
}

#[actix_rt::test]
async fn events_go_where_their_filters_say() {
    let (loghorn, receiver) = (Loghorn::start().await, Receiver::start(Mood::Answer(200, "")));
    // Two windows on the clock: one that is open now whatever the time, one that is not.
    let hour = jiff_hour(&loghorn).await;
    let window =
        |from: u64, to: u64| json!({"from": format!("{:02}:00", from % 24), "to": format!("{:02}:00", to % 24)});
    for (name, events, filters) in [
        ("open", vec!["log.error"], json!({"source": "payment-.*", "schedule": window(hour + 23, hour + 2)})),
        ("closed", vec!["log.error"], json!({"source": "payment-.*", "schedule": window(hour + 2, hour + 23)})),
        ("slow", vec!["api.**"], json!({"metadata": {"response_time_ms": {"gt": 2000}}})),
        ("large", vec!["payment.**"], json!({"levels": ["ERROR"], "metadata": {"amount": {"gt": 1000}}})),
        ("exact", vec!["payment.processor.failure", "inventory.stock.critical"], json!({})),
        ("family", vec!["inventory.*.critical", "payment.*"], json!({})),
        (
            "nested",
            vec!["**"],
            json!({"any": [{"metadata": {"card.brand": ["visa", "amex"]}}, {"where": "search(@.message, 'stock')"}],
                "not": {"source": "test"}}),
        ),
    ] {
        let more = json!({"name": name, "events": events, "filters": filters, "headers": {"X-Name": name}});
        loghorn.subscribe(&receiver.url(), more).await;
    }
    let events = json!([
        {"message": "a", "level": "ERROR", "source": "payment-api"},
        {"message": "b", "level": "ERROR", "source": "shop"},
        {"message": "c", "event_type": "api.checkout.done", "metadata": {"response_time_ms": 2000}},
        {"message": "d", "event_type": "api.checkout.done", "metadata": {"response_time_ms": 2000.5}},
        {"message": "e", "event_type": "api", "metadata": {"response_time_ms": "3000"}},
        {"message": "f", "event_type": "payment.processor.failure", "level": "ERROR", "metadata": {"amount": 1250.5}},
        {"message": "g", "event_type": "payment.processor.failure", "level": "ERROR", "metadata": {"amount": 1000}},
        {"message": "h stock", "event_type": "inventory.stock.critical", "level": "CRITICAL"},
        {"message": "i", "event_type": "inventory.stock.low", "metadata": {"card": {"brand": "visa"}}},
        {"message": "j", "source": "test", "metadata": {"card.brand": "amex"}},
        {"message": "k", "metadata": {"card.brand": "amex"}},
    ]);
    assert_eq!(loghorn.post("/api/v1/events", &events).await.0, 202);
    until("all is delivered", 10, async || loghorn.delivery_stats().await["delivered"] == 10).await;
    let expected: BTreeMap<String, Vec<String>> = [
        ("open", vec!["a"]),
        ("slow", vec!["d"]),
        ("large", vec!["f"]),
        ("exact", vec!["f", "g", "h stock"]),
        ("family", vec!["h stock"]),
        ("nested", vec!["h stock", "i", "k"]),
    ]
    .into_iter()
    .map(|(name, messages)| (name.to_owned(), messages.into_iter().map(str::to_owned).collect()))
    .collect();
    assert_eq!(messages(&receiver), expected);
}

/// The hour on the server's clock, in UTC.
async fn jiff_hour(loghorn: &Loghorn) -> u64 {
    let (_, report) = loghorn
        .post(
            "/api/v1/filters/test",
            &json!({"sample": {"event": {}},
        "filters": {"schedule": {"days": ["mon-sun"], "from": "00:00"}}}),
        )
        .await;
    let zoned = report["results"][0]["conditions"][1]["value"].as_str().unwrap().to_owned();
    zoned[11..13].parse().unwrap()
}

#[actix_rt::test]
async fn a_filter_is_tried_on_one_event_with_its_reasons() {
    let loghorn = Loghorn::start().await;
    let business = json!({"events": ["log.error"], "filters": {"source": "payment-.*", "schedule":
        {"timezone": "Europe/Berlin", "days": ["mon-fri"], "from": "09:00", "to": "17:00", "except": ["2026-12-25"]}}});
    let tried = async |received_at: &str| {
        let mut body = business.clone();
        let event =
            json!({"level": "ERROR", "source": "payment-service", "received_at": received_at, "seq": 7, "id": "own"});
        body["sample"] = json!({"event": event});
        let (status, report) = loghorn.post("/api/v1/filters/test", &body).await;
        assert_eq!(status, 200, "{report}");
        report
    };
    // The same time in UTC, before and after the clocks changed in Berlin.
    for (received_at, expected) in [
        ("2026-10-23T07:30:00Z", true),
        ("2026-10-26T07:30:00Z", false),
        ("2026-10-26T15:59:59Z", true),
        ("2026-10-23T15:30:00Z", false),
        ("2026-12-25T12:00:00Z", false),
    ] {
        let report = tried(received_at).await;
        assert_eq!((&report["tested"], &report["matched"]), (&json!(1), &json!(u8::from(expected))), "{received_at}");
        assert_eq!(report["results"][0]["matched"], expected);
        assert_eq!((&report["results"][0]["event_id"], &report["results"][0]["seq"]), (&json!("own"), &json!(7)));
    }
    let (_, report) = loghorn
        .post(
            "/api/v1/filters/test",
            &json!({"events": ["payment.**"], "filters": {"metadata": {"amount": {"gt": 1000}, "amout": {"exists": true}}},
                "sample": {"event": {"event_type": "payment.done", "metadata": {"amount": 86.1}}}}),
        )
        .await;
    let amount = &report["results"][0]["conditions"][1];
    assert_eq!(amount["pointer"], "/filters/metadata/amount/gt");
    assert_eq!(amount["value"], 86.1);
    assert_eq!(amount["message"], "metadata.amount is 86.1, not greater than 1000");
    assert_eq!(report["unseen_paths"], json!(["$.metadata.amout"]));
}

#[actix_rt::test]
async fn a_filter_is_tried_on_the_log_without_being_saved() {
    let loghorn = Loghorn::start().await;
    let events: Vec<Value> = (0..500)
        .map(|n| json!({"id": format!("e{n}"), "event_type": if n % 2 == 0 { "payment.done" } else { "other" }, "metadata": {"n": n}}))
        .collect();
    assert_eq!(loghorn.post("/api/v1/events", &json!(events)).await.0, 202);
    let body = |sample: Value| json!({"events": ["payment.*"], "filters": {"metadata": {"n": {"gte": 490}, "m": {"exists": false}}}, "sample": sample});
    for (sample, tested, matched) in [
        (json!({"last": 200}), 200, 5),
        (json!({"last": 9}), 9, 4),
        (json!({}), 200, 5),
        (json!({"last": 1_000_000}), 500, 5),
        (json!({"since": "1h"}), 500, 5),
        (json!({"since": "1h", "until": "30m"}), 0, 0),
    ] {
        let (status, report) = loghorn.post("/api/v1/filters/test", &body(sample.clone())).await;
        assert_eq!(status, 200, "{report}");
        assert_eq!((&report["tested"], &report["matched"]), (&json!(tested), &json!(matched)), "{sample}");
        assert_eq!(report["complete"], true);
        assert!(report["results"].as_array().unwrap().len() <= 200);
    }
    let (_, report) = loghorn.post("/api/v1/filters/test", &body(json!({"last": 500}))).await;
    assert_eq!(
        report["conditions"],
        json!([
            {"pointer": "/events", "passed": 250, "tested": 500},
            {"pointer": "/filters/metadata/m/exists", "passed": 250, "tested": 250},
            {"pointer": "/filters/metadata/n/gte", "passed": 5, "tested": 250},
        ])
    );
    assert_eq!(report["results"][0]["event_id"], "e499");
    assert_eq!(report["per_minute"]["peak"], 5);
    assert_eq!(loghorn.get("/api/v1/subscriptions").await["items"], json!([]));
    // Progress is told in lines, the report in the last.
    let client = awc::Client::default();
    let request = client.post(loghorn.url("/api/v1/filters/test")).insert_header(("Accept", "application/x-ndjson"));
    let mut answer = request
        .insert_header(("Content-Type", "application/json"))
        .send_body(body(json!({"last": 500})).to_string())
        .await
        .unwrap();
    let text = String::from_utf8(answer.body().await.unwrap().to_vec()).unwrap();
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(last["report"]["matched"], 5);
}

#[actix_rt::test]
async fn bad_filters_are_refused_with_everything_that_is_wrong() {
    let loghorn = Loghorn::start().await;
    let filters = json!({"sorce": "x", "metadata": {"amount": {"gt": "1000"}}, "where": "@.a = 1", "message": "("});
    let spec = json!({"name": "n", "url": "https://example.com/", "events": ["**"], "filters": filters});
    let (status, problem) = loghorn.post("/api/v1/subscriptions", &spec).await;
    assert_eq!(status, 422);
    let pointers: Vec<&str> =
        problem["errors"].as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap()).collect();
    for pointer in ["/filters/sorce", "/filters/metadata/amount/gt", "/filters/where", "/filters/message"] {
        assert!(pointers.contains(&pointer), "{pointer}: {problem}");
    }
    let place =
        problem["errors"].as_array().unwrap().iter().find(|error| error["pointer"] == "/filters/where").unwrap();
    assert!(place["detail"].as_str().unwrap().contains("at character 4"), "{place}");
    for (body, pointer) in [
        (json!({"filters": {"sorce": "x"}}), "/filters/sorce"),
        (json!({"filters": []}), "/filters"),
        (json!({"events": []}), "/events"),
        (json!({"events": ["Bad Type"]}), "/events/0"),
        (json!({"sample": {"last": 0}}), "/sample/last"),
        (json!({"sample": {"last": 5, "since": "1h"}}), "/sample"),
        (json!({"sample": {"until": "1h"}}), "/sample/until"),
        (json!({"sample": {"event": {"level": "LOUD"}}}), "/sample/event/level"),
        (json!({"sample": {"event": {"received_at": "now"}}}), "/sample/event/received_at"),
        (json!({"sampel": {}}), "/sampel"),
    ] {
        let (status, problem) = loghorn.post("/api/v1/filters/test", &body).await;
        assert_eq!(status, 422, "{body}: {problem}");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}: {problem}");
    }
}

/// A stop waits for no trial: with its progress shown it may take minutes.
#[actix_rt::test]
async fn a_trial_holds_up_no_stop() {
    let mut loghorn = Loghorn::start().await;
    let events: Vec<Value> = (0..1000).map(|_| json!({"message": "ab ".repeat(4000)})).collect();
    for _ in 0..4 {
        assert_eq!(loghorn.post("/api/v1/events", &json!(events)).await.0, 202);
    }
    // Some milliseconds for each event.
    let slow: Vec<Value> = (0..18).map(|n| json!({"message": format!("a[a-z ]{{0,9}}q{n}")})).collect();
    let trial = json!({"filters": {"any": slow}, "sample": {"last": 4000}});
    let client = awc::Client::default();
    let request = client.post(loghorn.url("/api/v1/filters/test")).insert_header(("Accept", "application/x-ndjson"));
    let answer =
        request.insert_header(("Content-Type", "application/json")).send_body(trial.to_string()).await.unwrap();
    assert_eq!(answer.status(), 200);
    let began = std::time::Instant::now();
    assert_eq!(loghorn.terminate(), Some(0));
    assert!(began.elapsed() < std::time::Duration::from_secs(6), "{:?}", began.elapsed());
}
