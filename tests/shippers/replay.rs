//! What real clients sent, as it was captured, is stored and answered as they need it.

use serde_json::{Value, json};

use crate::{
    support::{Loghorn, captures, say},
    wire::{assert_event, call, newest},
};

/// A capture, the status that its client needs, how many events each request makes, and what the first of all is.
fn expected() -> Vec<(&'static str, u16, Vec<usize>, Value)> {
    let shop = |message: &str| json!({"level": "ERROR", "source": "payment-service", "message": message});
    let timeout = "Credit card timeout é";
    vec![
        (
            "alertmanager-webhook",
            200,
            vec![1],
            json!({
                "event_type": "alert.firing", "level": "CRITICAL", "source": "payment-service", "message": "Too many errors",
                "metadata": {"receiver": "lh", "fingerprint": "a98febf46a0108ec"},
            }),
        ),
        (
            "cloudevents-js",
            202,
            vec![1, 0],
            json!({
                "id": "5a547d20-d222-4539-a641-82555e580371", "event_type": "log.error", "level": "ERROR", "source": "payment-service",
                "message": timeout, "metadata": {"subject": "tx 1 é"},
            }),
        ),
        (
            "datadog-api-client-python",
            202,
            vec![1, 1],
            json!({
                "level": "ERROR", "source": "payment", "metadata": {"host": "i-012345678", "tags": {"env": "staging", "version": "5.1"}},
            }),
        ),
        (
            "elasticsearch-py-9",
            200,
            vec![2, 2],
            json!({
                "level": "ERROR", "source": "payment-service", "message": timeout, "timestamp": "2026-08-22T10:00:00.123Z",
                "metadata": {"index": "logs-app-default"},
            }),
        ),
        (
            "otlp-js-http",
            200,
            vec![3],
            json!({
                "level": "ERROR", "source": "payment-service", "message": timeout,
                "metadata": {"host": "web1", "big": "9007199254740993", "nested": {"a": [1, 2]}, "scope": {"name": "payments.gateway", "version": "1.2.3"}},
            }),
        ),
        ("otlp-js-http-gzip", 200, vec![3], shop(timeout)),
        (
            "pygelf-http",
            202,
            vec![1, 1, 1],
            json!({
                "level": "ERROR", "source": "payment-service", "message": timeout, "timestamp": "2026-11-23T18:05:21.216Z",
                "metadata": {"tx": "tx_1", "host": "vm"},
            }),
        ),
        (
            "python-logging-loki",
            204,
            vec![1],
            json!({
                "level": "ERROR", "source": "payment-service", "message": timeout, "timestamp": "2026-11-23T18:05:12.952Z",
                "metadata": {"labels": {"application": "payment-service", "severity": "error", "logger": "payments", "tx": "tx_1"}},
            }),
        ),
        (
            "python-stdlib-logging-HTTPHandler",
            200,
            vec![1],
            json!({"level": "ERROR", "source": "payments", "message": "Credit card %s é"}),
        ),
        (
            "rsyslog-omelasticsearch",
            200,
            vec![2],
            json!({
                "level": "ERROR", "source": "payment-service", "message": timeout, "timestamp": "2026-08-22T08:00:00.123Z",
                "metadata": {"host": "web1", "index": "logs"},
            }),
        ),
        (
            "rsyslog-omelasticsearch-down-then-up",
            200,
            vec![0, 1],
            json!({"level": "ERROR", "message": "Credit card timeout"}),
        ),
        (
            "syslog-ng-http",
            200,
            vec![1, 1, 1, 1, 2, 2],
            json!({"level": "ERROR", "source": "1", "metadata": {"host": "localhost", "FACILITY": "user"}}),
        ),
        (
            "systemd-journal-upload",
            202,
            vec![2],
            json!({
                "level": "ERROR", "source": "payment-service", "message": "Credit card timeout", "timestamp": "2026-08-22T09:00:00.123Z",
                "metadata": {"host": "web1", "_PID": "4242"},
            }),
        ),
        ("winston-http", 200, vec![1, 1, 2], shop(timeout)),
        (
            "winston-loki-json",
            204,
            vec![2],
            json!({
                "level": "ERROR", "source": "payment-service", "message": "Credit card timeout é {\"order\":7,\"level\":\"error\"}",
                "metadata": {"order": "7", "labels": {"level": "error", "app": "payment-service", "tx": "tx_1"}},
            }),
        ),
    ]
}

#[actix_rt::test]
async fn what_real_clients_sent_is_stored_field_by_field() {
    if !captures::are_here() {
        return say("skipped: the captures are not here");
    }
    for (name, status, events, first) in expected() {
        let server = Loghorn::start().await;
        let requests = captures::read(name);
        assert_eq!(requests.len(), events.len(), "{name}");
        let mut total = 0;
        for (request, count) in requests.iter().zip(&events) {
            let headers: Vec<(&str, &str)> = request.headers.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
            let answer = call(&server, &request.method, &request.path, &headers, request.body.clone()).await;
            assert_eq!(answer.status, status, "{name}: {}", answer.text());
            total += count;
            let seq = crate::wire::last_seq(&server).await;
            assert_eq!(seq as usize, total, "{name}: {}", answer.text());
        }
        let stored = newest(&server, total).await;
        assert_event(&stored[0], &first);
        let lossy = stored.iter().filter(|event| event["metadata"]["encoding"] == "lossy").count();
        assert_eq!(lossy, 0, "{name}");
    }
}
