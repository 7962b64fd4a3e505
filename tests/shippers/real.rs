//! Stock clients of Python and JavaScript send to the real server, and what is stored is compared field by field.

use std::{path::PathBuf, process::Command, time::Duration};

use serde_json::{Value, json};

use crate::{
    support::{
        Loghorn,
        clients::{folder, is_missing, run},
        say,
    },
    wire::assert_event,
};

/// The command that lets a client send, to which the server's address is to be added. `None` where the client is not
/// installed.
pub fn client(language: &str, client: &str, package: &str) -> Option<Command> {
    let scripts = std::env::current_dir().unwrap().join("tests/shippers/clients");
    let (program, script, home) = match language {
        "python" => (folder().join("py/bin/python"), scripts.join("clients.py"), folder()),
        _ => (PathBuf::from("node"), scripts.join("clients.mjs"), folder().join("js")),
    };
    let installed = match language {
        "python" => folder().join("py/lib").read_dir().is_ok_and(|mut all| {
            all.any(|python| python.is_ok_and(|python| python.path().join("site-packages").join(package).exists()))
        }),
        _ => home.join("node_modules").join(package).exists(),
    };
    if !installed {
        is_missing(&format!("{language} {client}"));
        return None;
    }
    let mut command = Command::new(program);
    command.arg(script).arg(client).current_dir(home);
    Some(command)
}

/// Lets a client send; every event that it made, oldest first. `None` where the client is not installed.
async fn sent(language: &str, client: &str, package: &str, events: usize) -> Option<Vec<Value>> {
    let mut command = self::client(language, client, package)?;
    let server = Loghorn::start().await;
    command.arg(server.url(""));
    run(command).await;
    let mut stored = Vec::new();
    for _ in 0..50 {
        stored = server.get("/api/v1/events?limit=100").await["items"].as_array().unwrap().clone();
        if stored.len() >= events {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    stored.reverse();
    assert_eq!(stored.len(), events, "{language} {client}: {stored:?}");
    assert!(stored.iter().all(|event| event["metadata"]["parse_error"].is_null()), "{stored:?}");
    say(&format!("{language} {client}: {events} events"));
    Some(stored)
}

const TEXT: &str = "Credit card timeout é ☃";

fn order() -> Value {
    json!({"id": 7, "tags": ["a", "ü"]})
}

fn error(more: Value) -> Value {
    let mut expected =
        json!({"level": "ERROR", "event_type": "log.error", "source": "payment-service", "message": TEXT});
    expected.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    expected
}

fn warning() -> Value {
    json!({"level": "WARNING", "source": "payment-service", "message": "slow ü"})
}

#[actix_rt::test]
async fn opentelemetry() {
    if let Some(events) = sent("python", "otlp", "opentelemetry/exporter/otlp/proto/http", 2).await {
        let metadata = json!({"host": "web1", "order": order(), "amount": 12.5, "exception.type": "ValueError", "exception.message": "no card ü"});
        assert_event(&events[0], &error(json!({"metadata": metadata})));
        assert_event(&events[1], &warning());
    }
    for client in ["otlp-json", "otlp-protobuf"] {
        let package = if client == "otlp-json" { "exporter-logs-otlp-http" } else { "exporter-logs-otlp-proto" };
        let Some(events) = sent("javascript", client, &format!("@opentelemetry/{package}"), 2).await else { continue };
        let metadata = json!({
            "host": "web1", "order": order(), "amount": 12.5, "ok": true, "exception.type": "TypeError",
            "scope": {"name": "payments.gateway", "version": "1.2.3"},
        });
        assert_event(&events[0], &error(json!({"timestamp": "2026-11-23T18:05:21.216Z", "metadata": metadata})));
        assert_event(
            &events[1],
            &json!({"level": "WARNING", "event_type": "payment.slow", "message": "{\"slow\":\"ü\"}"}),
        );
    }
}

#[actix_rt::test]
async fn elasticsearch_and_opensearch() {
    let at = |at: &str, metadata: Value| error(json!({"timestamp": at, "metadata": metadata}));
    let metadata = json!({"index": "logs-app-default", "order": order(), "error": {"type": "ValueError"}});
    for (client, package, events) in [("elasticsearch", "elasticsearch", 3), ("opensearch", "opensearchpy", 2)] {
        let Some(events) = sent("python", client, package, events).await else { continue };
        assert_event(&events[0], &at("2026-11-23T18:05:21.216Z", metadata.clone()));
        assert_event(
            &events[1],
            &json!({"id": "own-id@logs", "level": "WARNING", "message": "slow ü", "metadata": {"index": "logs"}}),
        );
    }
    if let Some(events) = sent("javascript", "elasticsearch", "@elastic/elasticsearch", 2).await {
        assert_event(
            &events[1],
            &at("2026-11-23T18:05:21.216Z", json!({"index": "logs-app-default", "order": order()})),
        );
    }
    if let Some(events) = sent("javascript", "pino-elasticsearch", "pino-elasticsearch", 1).await {
        assert_event(&events[0], &error(json!({"metadata": {"host": "web1", "order": order()}})));
        assert_eq!(events[0]["metadata"]["err"]["message"], "no card ü");
    }
}

#[actix_rt::test]
async fn loki() {
    if let Some(events) = sent("python", "loki", "logging_loki", 2).await {
        assert!(events[0]["message"].as_str().unwrap().starts_with(TEXT), "{}", events[0]);
        let labels =
            json!({"application": "payment-service", "order": "7", "severity": "error", "logger": "payment-service"});
        assert_event(
            &events[0],
            &json!({"level": "ERROR", "source": "payment-service", "metadata": {"labels": labels}}),
        );
        assert_event(&events[1], &warning());
    }
    for client in ["winston-loki-json", "winston-loki-protobuf"] {
        let Some(events) = sent("javascript", client, "winston-loki", 2).await else { continue };
        assert!(events[0]["message"].as_str().unwrap().starts_with(TEXT), "{}", events[0]);
        assert_event(&events[0], &json!({"level": "ERROR", "source": "payment-service"}));
        assert_event(&events[1], &json!({"level": "WARNING", "source": "payment-service"}));
    }
    if let Some(events) = sent("javascript", "pino-loki", "pino-loki", 1).await {
        assert_event(&events[0], &error(json!({"metadata": {"order": order()}})));
    }
}

#[actix_rt::test]
async fn splunk() {
    if let Some(events) = sent("python", "splunk", "splunk_handler", 2).await {
        assert!(events[0]["message"].as_str().unwrap().starts_with(TEXT), "{}", events[0]);
        assert_event(&events[0], &json!({"source": "payment-service", "metadata": {"host": "web1", "index": "main"}}));
    }
    if let Some(events) = sent("javascript", "splunk", "splunk-logging", 1).await {
        let message: Value = serde_json::from_str(events[0]["message"].as_str().unwrap()).unwrap();
        assert_eq!(message, json!({"text": TEXT, "order": order()}));
        assert_event(
            &events[0],
            &json!({"level": "ERROR", "source": "payment-service", "metadata": {"host": "web1", "index": "main"}}),
        );
    }
}

#[actix_rt::test]
async fn gelf() {
    for (client, package) in [("pygelf", "pygelf"), ("graypy", "graypy")] {
        let Some(events) = sent("python", client, package, 2).await else { continue };
        assert_event(&events[0], &json!({"level": "ERROR", "source": "payment-service", "message": TEXT}));
        assert!(events[0]["metadata"].to_string().contains("no card ü"), "{}", events[0]);
        assert_event(&events[1], &json!({"level": "WARNING", "message": "slow ü"}));
    }
}

#[actix_rt::test]
async fn cloudevents() {
    for (language, package) in [("python", "cloudevents"), ("javascript", "cloudevents")] {
        let Some(events) = sent(language, "cloudevents", package, 2).await else { continue };
        for (number, event) in events.iter().enumerate() {
            let metadata = json!({"subject": "tx 1 é", "data": {"message": TEXT, "order": order()}});
            assert_event(
                event,
                &error(
                    json!({"id": format!("id-{number}"), "timestamp": "2026-11-23T18:05:21.216Z", "metadata": metadata}),
                ),
            );
        }
    }
}

#[actix_rt::test]
async fn datadog() {
    let Some(events) = sent("python", "datadog", "datadog_api_client", 3).await else { return };
    for event in &events {
        let metadata = json!({"host": "web1", "ddsource": "nginx", "tags": {"env": "staging", "version": "5.1"}});
        assert_event(event, &error(json!({"metadata": metadata})));
    }
}

#[actix_rt::test]
async fn the_generic_route() {
    if let Some(events) = sent("python", "http_handler", "pip", 2).await {
        assert_event(&events[0], &error(json!({})));
        assert_event(&events[1], &json!({"level": "WARNING", "message": "slow %s"}));
    }
    for client in ["winston-http", "winston-http-batch"] {
        let Some(events) = sent("javascript", client, "winston", 2).await else { continue };
        assert_event(&events[0], &error(json!({"metadata": {"order": order()}})));
        assert_event(&events[1], &warning());
    }
}
