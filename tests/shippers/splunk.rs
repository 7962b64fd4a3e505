//! Splunk's HTTP Event Collector.

use serde_json::json;

use crate::{
    support::Loghorn,
    wire::{JSON, assert_event, call, gzip, last_seq, newest, post},
};

const BASE: &str = "/services/collector";

#[actix_rt::test]
async fn envelopes_are_read_however_they_follow_one_another() {
    let server = Loghorn::start().await;
    let first = json!({"time": "1795457121.2169", "host": "w1", "source": "http:in", "sourcetype": "_json", "index": "main",
        "event": {"message": "no card é", "severity": "error", "service": "pay", "n": {"a": [1]}}, "fields": {"region": "eu"}});
    let second = json!({"time": 1_795_457_121_216_i64, "sourcetype": "text", "event": "2026 WARN slow"});
    let third = json!({"event": {"message": {"tx": 1}, "severity": "error"}, "source": "shop"});
    let fourth =
        json!({"event": "{\"msg\":\"inner\",\"level\":\"fatal\"}", "fields": {"service": "svc"}, "source": "f.log"});
    let fifth = json!({"event": 42});
    let all = [&first, &second, &third, &fourth, &fifth].map(ToString::to_string);
    for (path, headers, body) in [
        ("", vec![], all.concat().into_bytes()),
        ("/event", vec![JSON], all.join("\n").into_bytes()),
        ("/event/1.0", vec![], format!("[{}]", all.join(",")).into_bytes()),
        ("", vec![("content-encoding", "gzip")], gzip(all.join(" ").as_bytes())),
    ] {
        let answer = post(&server, &format!("{BASE}{path}"), &headers, body).await;
        assert_eq!((answer.status, answer.json()), (200, json!({"text": "Success", "code": 0})), "{path}");
        let events = newest(&server, 5).await;
        assert_event(
            &events[0],
            &json!({
                "level": "ERROR", "source": "pay", "message": "no card é", "timestamp": "2026-11-23T18:05:21.216Z",
                "metadata": {"host": "w1", "index": "main", "sourcetype": "_json", "region": "eu", "n": {"a": [1]}, "source": "http:in"},
            }),
        );
        assert_event(
            &events[1],
            &json!({
                "level": "WARNING", "source": "text", "message": "2026 WARN slow", "timestamp": "2026-11-23T18:05:21.216Z",
            }),
        );
        assert_event(&events[2], &json!({"level": "ERROR", "source": "shop", "message": "{\"tx\":1}"}));
        assert_event(
            &events[3],
            &json!({"level": "CRITICAL", "source": "svc", "message": "inner", "metadata": {"source": "f.log"}}),
        );
        assert_event(&events[4], &json!({"level": "INFO", "message": "42"}));
    }
}

#[actix_rt::test]
async fn raw_lines_take_what_the_query_says() {
    let server = Loghorn::start().await;
    for path in ["/raw", "/raw/1.0"] {
        let path = format!("{BASE}{path}?source=f.log&sourcetype=st&host=h&index=i&channel=c");
        assert_eq!(post(&server, &path, &[], "ERROR a\n\nb\r\n").await.status, 200);
        let events = newest(&server, 2).await;
        assert_event(
            &events[0],
            &json!({
                "level": "ERROR", "source": "f.log", "message": "ERROR a", "metadata": {"host": "h", "index": "i", "sourcetype": "st"},
            }),
        );
        assert_event(&events[1], &json!({"message": "b", "source": "f.log"}));
    }
}

#[actix_rt::test]
async fn refusals_have_the_collectors_codes_and_store_nothing() {
    let server = Loghorn::start().await;
    let good = r#"{"event":"a"}"#;
    for (body, expected) in [
        (String::new(), json!({"text": "No data", "code": 5})),
        (format!("{good}{{\"event\":"), json!({"text": "Invalid data format", "code": 6, "invalid-event-number": 1})),
        (format!("{good}[1]"), json!({"text": "Invalid data format", "code": 6, "invalid-event-number": 1})),
        (
            format!("{good}{good}{{\"host\":\"h\"}}"),
            json!({"text": "Event field is required", "code": 12, "invalid-event-number": 2}),
        ),
        (
            format!("{good}{{\"event\":\"\"}}"),
            json!({"text": "Event field cannot be blank", "code": 13, "invalid-event-number": 1}),
        ),
    ] {
        let answer = post(&server, BASE, &[], body.clone()).await;
        assert_eq!((answer.status, answer.json()), (400, expected), "{body}");
    }
    assert_eq!(last_seq(&server).await, 0);
    for path in ["/health", "/health/1.0"] {
        let answer = call(&server, "GET", &format!("{BASE}{path}"), &[], "").await;
        assert_eq!((answer.status, answer.json()), (200, json!({"text": "HEC is healthy", "code": 17})));
    }
    let answer = post(&server, &format!("{BASE}/ack"), &[], r#"{"acks":[1]}"#).await;
    assert_eq!((answer.status, answer.json()), (400, json!({"text": "ACK is disabled", "code": 14})));
}
