//! What happened minute by minute: counted, kept over a restart, and asked for in the ways that charts need.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use serde_json::{Value, json};
use support::{Loghorn, Mood, Receiver, event, until};

fn sum(series: &Value, member: &str) -> u64 {
    series["points"].as_array().unwrap().iter().map(|point| point[member].as_u64().unwrap_or(0)).sum()
}

#[actix_rt::test]
async fn minutes_are_counted_and_survive_a_restart() {
    let mut server =
        Loghorn::start_with(&["--set", "delivery.backoff_base=200ms", "--set", "breaker.failures=50"], &[]).await;
    let (well, ill) = (Receiver::start(Mood::Answer(200, "")), Receiver::start(Mood::Answer(503, "")));
    let (id, _) = server.subscribe(&well.url(), json!({"name": "well"})).await;
    let (ill_id, _) = server.subscribe(&ill.url(), json!({"name": "ill", "retry": {"max_attempts": 2}})).await;
    let empty = server.get("/api/v1/stats/series?range=1h").await;
    assert_eq!((sum(&empty, "delivered"), empty["points"].as_array().unwrap().len()), (0, 60));
    assert_eq!(empty["points"][59]["p95_ms"], Value::Null);
    for n in 0..3 {
        server.post("/api/v1/events", &event("ERROR", n)).await;
    }
    until("all has ended", 30, || async {
        let stats = server.delivery_stats().await;
        (&stats["delivered"], &stats["failed"]) == (&json!(3), &json!(3))
    })
    .await;
    for life in ["before", "after a stop", "after a kill"] {
        let all = server.get("/api/v1/stats/series?range=10m&step=1m").await;
        assert_eq!(all["step_ms"], 60_000);
        assert_eq!((sum(&all, "delivered"), sum(&all, "retrying"), sum(&all, "dead")), (3, 3, 3), "{life}: {all}");
        assert!(sum(&all, "accepted") >= 3, "{life}");
        let one = server.get(&format!("/api/v1/stats/series?range=10m&step=5m&subscription={id}")).await;
        assert_eq!((sum(&one, "delivered"), sum(&one, "dead")), (3, 0), "{life}");
        assert!(one["points"][0]["accepted"].is_null() && one["points"].as_array().unwrap().len() <= 3);
        let failures = server.get("/api/v1/stats/failures?range=10m").await;
        assert_eq!(failures["items"], json!([{"class": "http_5xx", "status_code": 503, "count": 6}]), "{life}");
        let figures = server.get(&format!("/api/v1/stats/subscriptions?ids={id},{ill_id},sub_x&range=24h")).await;
        let figures = figures["items"].as_array().unwrap();
        assert_eq!(
            (figures.len(), &figures[0]["success_rate"], &figures[1]["success_rate"]),
            (2, &json!(100.0), &json!(0.0))
        );
        assert_eq!((&figures[0]["delivered"], &figures[0]["spark"][23]), (&json!(3), &json!(3)));
        assert!(figures[0]["p95_ms"].as_f64().unwrap() > 0.0 && figures[0]["last_at"].is_string());
        match life {
            "before" => assert_eq!(server.terminate(), Some(0)),
            _ => server.kill(),
        }
        server.restart();
    }
}

#[actix_rt::test]
async fn what_cannot_be_told_is_refused() {
    let server = Loghorn::start().await;
    for query in [
        "series?range=8d",
        "series?range=0s",
        "series?range=x",
        "series?range=1h&since=2h",
        "series?step=90s",
        "series?step=1s",
        "series?range=7d&step=1m",
        "series?nothing=1",
        "failures?range=30d",
        "subscriptions",
        "subscriptions?ids=",
    ] {
        let (status, refused) = server.call("GET", &format!("/api/v1/stats/{query}"), None).await;
        assert!([400, 422].contains(&status), "{query}: {status} {refused}");
    }
    assert_eq!(server.call("GET", "/api/v1/stats/series?subscription=sub_x", None).await.0, 404);
    assert_eq!(server.call("GET", "/api/v1/stats/series?range=7d&step=10m", None).await.0, 200);
}
