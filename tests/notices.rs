//! Loghorn tells of its own trouble as events of the log: whoever names them is alerted, nobody else is, and telling
//! always comes to an end.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use support::{Loghorn, Mood, Receiver, cli, until};

/// A circuit is probed soon, and soon again.
const OPEN_SHORTLY: [&str; 4] = ["--set", "breaker.open_for=200ms", "--set", "breaker.open_for_max=200ms"];

/// Loghorn's own events that arrived, in their order.
fn told(receiver: &Receiver) -> Vec<Value> {
    let events = receiver.arrived().into_iter().flat_map(|webhook| match webhook.json()["data"].take() {
        Value::Array(batch) => batch,
        one => vec![one],
    });
    events.filter(|event| event["event_type"].as_str().unwrap().starts_with("loghorn.")).collect()
}

fn of<'a>(told: &'a [Value], event_type: &str) -> Vec<&'a Value> {
    told.iter().filter(|event| event["event_type"] == event_type).collect()
}

async fn own_events(loghorn: &Loghorn) -> Vec<Value> {
    loghorn.get("/api/v1/events?type=loghorn.**&limit=500").await["items"].as_array().unwrap().clone()
}

async fn send(loghorn: &Loghorn, n: usize) {
    let events: Vec<Value> =
        (0..n).map(|n| json!({"id": format!("pay-{n}"), "event_type": "payment.failed"})).collect();
    let (status, answer) = loghorn.post("/api/v1/events", &json!(events)).await;
    assert_eq!(status, 202, "{answer}");
}

/// Nothing waits any more, and what was told is all routed.
async fn is_quiet(loghorn: &Loghorn) -> bool {
    let stats = loghorn.get("/api/v1/stats").await;
    let (events, deliveries) = (&stats["event_stats"], &stats["delivery_stats"]);
    let waits = ["queued", "attempting", "retrying"].iter().any(|name| deliveries[name] != 0);
    !waits && events["routed_seq"] == events["last_seq"]
}

#[actix_rt::test]
async fn trouble_is_told_to_those_who_name_it_and_to_nobody_else() {
    let loghorn = Loghorn::start_with(&OPEN_SHORTLY, &[]).await;
    let [broken, alerts, archive] = [503, 200, 200].map(|status| Receiver::start(Mood::Answer(status, "")));
    let more = json!({"name": "gw", "events": ["payment.**", "loghorn.**"], "retry": {"max_attempts": 2}});
    let (gw, _) = loghorn.subscribe(&broken.url(), more).await;
    let (_, secret) = loghorn.subscribe(&alerts.url(), json!({"name": "alerts", "events": ["loghorn.**"]})).await;
    let (archiver, _) = loghorn.subscribe(&archive.url(), json!({"name": "archive"})).await;
    send(&loghorn, 10).await;
    let count = |event_type| of(&told(&alerts), event_type).len();
    until("the circuit is told to be open", 20, async || count("loghorn.circuit.opened") == 1).await;
    until("a dead letter is told of", 20, async || count("loghorn.delivery.dead_lettered") >= 1).await;
    broken.set(Mood::Answer(200, ""));
    until("the circuit is told to be closed", 30, async || count("loghorn.circuit.closed") == 1).await;
    until("all has come to an end", 30, async || is_quiet(&loghorn).await).await;

    let told = told(&alerts);
    for event in &told {
        assert_eq!((&event["source"], &event["metadata"]["subscription_id"]), (&json!("loghorn"), &json!(gw)));
        assert_eq!(event["metadata"]["subscription"], "gw");
        assert!(!event.to_string().contains(&broken.addr.to_string()), "{event}");
    }
    let opened = of(&told, "loghorn.circuit.opened")[0];
    assert_eq!((&opened["level"], opened["metadata"]["until"].is_string()), (&json!("WARNING"), true), "{opened}");
    assert_eq!(opened["metadata"]["why"], "the last attempt came to http_5xx (503)");
    let dead = of(&told, "loghorn.delivery.dead_lettered");
    let counted: u64 = dead.iter().map(|event| event["metadata"]["count"].as_u64().unwrap()).sum();
    assert_eq!(loghorn.delivery_stats().await["failed"], counted);
    let last = &dead.last().unwrap()["metadata"];
    assert_eq!(
        (&last["reason"], &last["last_class"], &last["last_status_code"]),
        (&json!("exhausted"), &json!("http_5xx"), &json!(503))
    );
    assert!(last["event_id"].as_str().unwrap().starts_with("pay-"), "{last}");
    let delivery = loghorn.get(&format!("/api/v1/deliveries/{}", last["delivery_id"].as_str().unwrap())).await;
    assert_eq!((&delivery["status"], &delivery["event_id"]), (&json!("dead_letter"), &last["event_id"]));
    alerts.arrived().iter().for_each(|webhook| webhook.verify(&secret));
    assert_eq!(archive.count(), 10, "what begins with a wildcard takes none of them");
    assert_eq!(self::told(&broken), Vec::<Value>::new(), "nobody is told of themselves");

    let path = |subscription: &str| {
        format!("/api/v1/events/{}/explain?subscription={subscription}", opened["id"].as_str().unwrap())
    };
    for (subscription, words) in [(archiver, "no wildcard at the beginning"), (gw, "this very subscription")] {
        let explained = loghorn.get(&path(&subscription)).await;
        for entry in explained["subscriptions"].as_array().unwrap() {
            assert_eq!(entry["matched"], false);
            assert!(entry["conditions"][0]["message"].as_str().unwrap().contains(words), "{entry}");
        }
    }
    let listed =
        |pattern| cli::run(&loghorn, &["event", "list", "--type", pattern, "--limit", "100"]).0.lines().count();
    assert_eq!((listed("loghorn.**"), listed("loghorn.circuit.*"), listed("payment.**")), (told.len(), 2, 10));
    loghorn.assert_ledger_balances().await;
}

#[actix_rt::test]
async fn dead_alert_receivers_make_no_more_of_it() {
    let loghorn = Loghorn::start_with(&OPEN_SHORTLY, &[]).await;
    let dead = Receiver::start(Mood::Answer(503, ""));
    let more = |name, events| json!({"name": name, "events": events, "retry": {"max_attempts": 2}});
    for name in ["one", "two", "three"] {
        loghorn.subscribe(&dead.url(), more(name, json!(["loghorn.**"]))).await;
    }
    let mut both = more("both", json!(["**", "loghorn.**"]));
    loghorn.subscribe(&dead.url(), both.clone()).await;
    (both["name"], both["batch"]) = (json!("batched"), json!({"max_events": 4}));
    loghorn.subscribe(&dead.url(), both).await;
    send(&loghorn, 10).await;
    let count = async || own_events(&loghorn).await.len();
    until("there is something to tell", 20, async || count().await >= 2).await;
    // What is told last is told a second after the last attempt.
    let quiet_since = std::cell::Cell::new(Instant::now());
    until("all has come to an end", 60, async || {
        if !is_quiet(&loghorn).await {
            quiet_since.set(Instant::now());
        }
        quiet_since.get().elapsed() > Duration::from_secs(3)
    })
    .await;
    let mut by_subject = BTreeMap::<String, usize>::new();
    for event in own_events(&loghorn).await {
        *by_subject.entry(event["metadata"]["subscription"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    assert!(told(&dead).len() >= 6, "all three were tried with what was told");
    let most = 1 + 10;
    assert!(by_subject.keys().eq(["batched", "both"]), "{by_subject:?}");
    assert!(by_subject.values().all(|n| *n <= most), "{by_subject:?}");
    loghorn.assert_ledger_balances().await;
}

#[actix_rt::test]
async fn each_is_disabled_once() {
    let loghorn = Loghorn::start().await;
    let gone = Receiver::start(Mood::Answer(410, ""));
    for name in ["one", "two"] {
        loghorn.subscribe(&gone.url(), json!({"name": name, "events": ["payment.**", "loghorn.**"]})).await;
    }
    send(&loghorn, 1).await;
    let disabled = async || {
        let events = own_events(&loghorn).await;
        let disabled = of(&events, "loghorn.subscription.disabled").into_iter();
        disabled.map(|event| event["metadata"]["reason"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    until("both are told to be disabled", 20, async || disabled().await.len() >= 2).await;
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(disabled().await, ["gone: the receiver answered 410"; 2]);
}

#[actix_rt::test]
async fn a_backlog_is_told_of_once_and_again_when_it_is_worked_off() {
    let loghorn = Loghorn::start_with(&["--set", "notices.backlog=20", "--set", "breaker.open_for=1h"], &[]).await;
    let [broken, alerts] = [503, 200].map(|status| Receiver::start(Mood::Answer(status, "")));
    let (id, _) = loghorn.subscribe(&broken.url(), json!({"name": "gw", "events": ["payment.**"]})).await;
    loghorn.subscribe(&alerts.url(), json!({"name": "alerts", "events": ["loghorn.backlog.*"]})).await;
    send(&loghorn, 30).await;
    until("the backlog is told of", 30, async || alerts.count() == 1).await;
    broken.set(Mood::Answer(200, ""));
    let (status, _) = loghorn.post(&format!("/api/v1/subscriptions/{id}/circuit"), &json!({"action": "close"})).await;
    assert_eq!(status, 200);
    until("its end is told of", 30, async || alerts.count() == 2).await;
    let told: Vec<(Value, Value)> = told(&alerts)
        .into_iter()
        .map(|event| (event["event_type"].clone(), event["metadata"]["waiting"].clone()))
        .collect();
    let cleared = told[1].1.as_u64().unwrap();
    assert_eq!(told, [(json!("loghorn.backlog.high"), json!(30)), (json!("loghorn.backlog.cleared"), json!(cleared))]);
    assert!(cleared <= 10);
}

#[actix_rt::test]
async fn nobody_else_speaks_in_loghorn_s_name() {
    let (loghorn, alerts) = (Loghorn::start().await, Receiver::start(Mood::Answer(200, "")));
    loghorn.subscribe(&alerts.url(), json!({"events": ["loghorn.**"]})).await;
    for forged in ["loghorn.circuit.opened", "loghorn"] {
        let (status, problem) = loghorn.post("/api/v1/events", &json!({"event_type": forged})).await;
        assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!("/event_type")), "{problem}");
        assert!(problem["errors"][0]["detail"].as_str().unwrap().contains("Loghorn's own events"), "{problem}");
        let (status, problem) = loghorn.post("/api/v1/events", &json!([{}, {"event_type": forged}])).await;
        assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!("/1/event_type")), "{problem}");
        let record = json!({"event_type": forged, "level": "error", "message": "m"});
        assert_eq!(loghorn.post("/api/v1/ingest", &record).await.0, 200);
    }
    assert_eq!(own_events(&loghorn).await, Vec::<Value>::new());
    let events = loghorn.get("/api/v1/events").await["items"].as_array().unwrap().clone();
    assert!(events.len() == 2 && events.iter().all(|event| event["event_type"] == "log.error"), "{events:?}");
    assert_eq!(events[0]["metadata"]["event_type_raw"], "loghorn");
    assert_eq!(alerts.count(), 0);
}

#[cfg(feature = "failpoints")]
#[actix_rt::test]
async fn a_quarantine_and_an_event_set_aside_are_told_once_each() {
    let failpoints = "delivery::handle::bad=panic;router::poison::poison=panic;router::poison::loghorn=2*panic->off";
    let (loghorn, alerts) =
        (Loghorn::start_with(&[], &[("FAILPOINTS", failpoints)]).await, Receiver::start(Mood::Answer(200, "")));
    loghorn.subscribe(&alerts.url(), json!({"name": "alerts", "events": ["loghorn.**"]})).await;
    loghorn.subscribe(&alerts.url(), json!({"name": "bad", "events": ["payment.**"]})).await;
    loghorn.post("/api/v1/events", &json!({"id": "poisoned", "source": "poison"})).await;
    send(&loghorn, 1).await;
    let count = |event_type: &str| of(&told(&alerts), event_type).len();
    until("both are told", 30, async || {
        count("loghorn.endpoint.quarantined") == 1 && count("loghorn.event.set_aside") == 1
    })
    .await;
    let told = told(&alerts);
    assert_eq!(of(&told, "loghorn.endpoint.quarantined")[0]["metadata"]["subscription"], "bad");
    let set_aside = &of(&told, "loghorn.event.set_aside")[0]["metadata"];
    assert_eq!((&set_aside["event_id"], &set_aside["event_seq"]), (&json!("poisoned"), &json!(1)));
    assert_eq!(told.len(), 2);
}

/// Each notice cannot be matched either: nobody is told, and it ends there.
#[cfg(feature = "failpoints")]
#[actix_rt::test]
async fn a_notice_that_cannot_be_matched_makes_no_other() {
    let failpoints = "router::poison::poison=panic;router::poison::loghorn=panic";
    let loghorn = Loghorn::start_with(&[], &[("FAILPOINTS", failpoints)]).await;
    loghorn.post("/api/v1/events", &json!({"source": "poison"})).await;
    until("it is told", 20, async || own_events(&loghorn).await.len() == 1).await;
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(own_events(&loghorn).await.len(), 1);
}
