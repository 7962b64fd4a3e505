//! CloudEvents over HTTP.

use serde_json::json;

use crate::{
    support::Loghorn,
    wire::{JSON, assert_event, call, last_seq, newest, post},
};

const PATH: &str = "/api/v1/cloudevents";
const STRUCTURED: (&str, &str) = ("content-type", "application/cloudevents+json; charset=utf-8");
const BATCH: (&str, &str) = ("content-type", "application/cloudevents-batch+json");

#[actix_rt::test]
async fn every_mode_means_the_same() {
    let server = Loghorn::start().await;
    let event = |id: &str| {
        json!({"id": id, "source": "/pay", "type": "Payment.Failed", "specversion": "1.0", "time": "2026-11-23T18:08:36.515Z",
            "subject": "tx 1 é", "severitytext": "ERROR", "datacontenttype": "application/json", "data": {"message": "no card é", "n": {"a": 1}}})
    };
    let attributes = |id: &'static str, subject: &'static str| {
        vec![
            ("ce-id", id),
            ("ce-source", "/pay"),
            ("ce-type", "Payment.Failed"),
            ("ce-specversion", "1.0"),
            ("ce-time", "2026-11-23T18:08:36.515Z"),
            ("ce-subject", subject),
            ("ce-severitytext", "ERROR"),
            JSON,
        ]
    };
    let data = r#"{"message":"no card é","n":{"a":1}}"#.to_owned();
    for (path, headers, body, id) in [
        (PATH, vec![STRUCTURED], event("a").to_string(), "a"),
        (PATH, vec![BATCH], json!([event("b")]).to_string(), "b"),
        (PATH, attributes("c", "tx 1 é"), data.clone(), "c"),
        (PATH, attributes("d", "tx%201%20%C3%A9"), data.clone(), "d"),
        ("/api/v1/ingest", vec![STRUCTURED], event("e").to_string(), "e"),
        ("/api/v1/ingest/x", attributes("f", "tx 1 é"), data, "f"),
    ] {
        let answer = post(&server, path, &headers, body).await;
        assert_eq!((answer.status, answer.text().as_str()), (202, ""), "{id}");
        assert_event(
            &newest(&server, 1).await[0],
            &json!({
                "id": id, "event_type": "payment.failed", "level": "ERROR", "source": "/pay", "message": "no card é",
                "timestamp": "2026-11-23T18:08:36.515Z",
                "metadata": {"subject": "tx 1 é", "specversion": "1.0", "data": {"message": "no card é", "n": {"a": 1}}, "datacontenttype": "application/json"},
            }),
        );
    }
}

#[actix_rt::test]
async fn levels_and_messages_are_found_where_they_are() {
    let server = Loghorn::start().await;
    for (event, level, message) in [
        (json!({"type": "log.error", "data": "plain"}), "ERROR", "plain"),
        (json!({"type": "a.b", "data": {"level": "fatal", "x": 1}}), "CRITICAL", r#"{"level":"fatal","x":1}"#),
        (json!({"type": "a.b", "severitynumber": 13}), "WARNING", "a.b"),
        (json!({"type": "a.b", "data_base64": "eyJtZXNzYWdlIjoiaGkifQ=="}), "INFO", "hi"),
        (json!({"type": "a.b", "data_base64": "/////w=="}), "INFO", "/////w=="),
    ] {
        let answer = post(&server, PATH, &[STRUCTURED], event.to_string()).await;
        assert_eq!(answer.status, 202);
        assert_event(&newest(&server, 1).await[0], &json!({"level": level, "message": message}));
    }
}

#[actix_rt::test]
async fn the_same_id_of_the_same_source_is_stored_once() {
    let server = Loghorn::start().await;
    let event = |source: &str| json!({"id": "1", "source": source, "type": "a", "specversion": "1.0"}).to_string();
    for source in ["/a", "/a", "/b", "/b", "/a"] {
        assert_eq!(post(&server, PATH, &[STRUCTURED], event(source)).await.status, 202);
    }
    let events = newest(&server, 2).await;
    let sources: Vec<_> = events.iter().map(|event| event["source"].as_str().unwrap()).collect();
    assert_eq!((sources, &events[0]["id"], last_seq(&server).await), (vec!["/a", "/b"], &json!("1"), 2));
    // Also where both together make no id, and where the id alone makes none.
    let event = |id: &str, source: &str| json!({"id": id, "source": source, "type": "a", "specversion": "1.0"});
    let long = "/é".repeat(100);
    let batch =
        json!([event("1", &long), event("1", "/c"), event("x y", "/a"), event("x y", &long), event("1", "a@b")]);
    for _ in 0..2 {
        assert_eq!(post(&server, PATH, &[BATCH], batch.to_string()).await.status, 202);
        assert_eq!(last_seq(&server).await, 7);
    }
    let events = newest(&server, 5).await;
    let of = |id: &str| events.iter().filter(|event| event["metadata"]["id_raw"] == id).count();
    assert_eq!((of("x y"), events.iter().filter(|event| event["id"] == "1@/c").count()), (2, 1));
}

#[actix_rt::test]
async fn what_is_no_cloud_event_is_refused_and_the_handshake_is_answered() {
    let server = Loghorn::start().await;
    for (headers, body, status) in [
        (vec![JSON], "{}", 415),
        (vec![("content-type", "application/cloudevents+avro")], "x", 415),
        (vec![STRUCTURED], "[]", 400),
        (vec![STRUCTURED], "{", 400),
        (vec![BATCH], "{}", 400),
        (vec![BATCH], "[1]", 400),
    ] {
        let answer = post(&server, PATH, &headers, body).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (status, "application/problem+json"),
            "{headers:?} {body}"
        );
    }
    assert_eq!(post(&server, PATH, &[BATCH], "[]").await.status, 202);
    assert_eq!(last_seq(&server).await, 0);
    for path in [PATH, "/api/v1/ingest"] {
        let asked = [("webhook-request-origin", "events.example.com"), ("webhook-request-rate", "120")];
        let answer = call(&server, "OPTIONS", path, &asked, "").await;
        let said = ["webhook-allowed-origin", "webhook-allowed-rate", "allow"].map(|name| answer.header(name));
        assert_eq!((answer.status, said), (200, ["events.example.com", "*", "POST"]));
    }
}
