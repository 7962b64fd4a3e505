//! OTLP over HTTP: protobuf and JSON mean the same.

use prost::Message;
use serde_json::{Value, json};

use crate::{
    support::Loghorn,
    wire::{JSON, PROTOBUF, assert_event, gzip, last_seq, newest, post},
};

/// The messages of the protocol, as far as logs need them.
pub mod proto {
    use prost::{Message, Oneof};

    #[derive(Clone, PartialEq, Message)]
    pub struct Export {
        #[prost(message, repeated, tag = "1")]
        pub resource_logs: Vec<ResourceLogs>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct ResourceLogs {
        #[prost(message, optional, tag = "1")]
        pub resource: Option<Resource>,
        #[prost(message, repeated, tag = "2")]
        pub scope_logs: Vec<ScopeLogs>,
        #[prost(string, tag = "3")]
        pub schema_url: String,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct Resource {
        #[prost(message, repeated, tag = "1")]
        pub attributes: Vec<KeyValue>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct ScopeLogs {
        #[prost(message, optional, tag = "1")]
        pub scope: Option<Scope>,
        #[prost(message, repeated, tag = "2")]
        pub log_records: Vec<LogRecord>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct Scope {
        #[prost(string, tag = "1")]
        pub name: String,
        #[prost(string, tag = "2")]
        pub version: String,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct LogRecord {
        #[prost(fixed64, tag = "1")]
        pub time_unix_nano: u64,
        #[prost(int32, tag = "2")]
        pub severity_number: i32,
        #[prost(string, tag = "3")]
        pub severity_text: String,
        #[prost(message, optional, tag = "5")]
        pub body: Option<AnyValue>,
        #[prost(message, repeated, tag = "6")]
        pub attributes: Vec<KeyValue>,
        #[prost(fixed32, tag = "8")]
        pub flags: u32,
        #[prost(bytes = "vec", tag = "9")]
        pub trace_id: Vec<u8>,
        #[prost(bytes = "vec", tag = "10")]
        pub span_id: Vec<u8>,
        #[prost(fixed64, tag = "11")]
        pub observed_time_unix_nano: u64,
        #[prost(string, tag = "12")]
        pub event_name: String,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct KeyValue {
        #[prost(string, tag = "1")]
        pub key: String,
        #[prost(message, optional, tag = "2")]
        pub value: Option<AnyValue>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct AnyValue {
        #[prost(oneof = "Kind", tags = "1, 2, 3, 4, 5, 6, 7")]
        pub value: Option<Kind>,
    }

    #[derive(Clone, PartialEq, Oneof)]
    pub enum Kind {
        #[prost(string, tag = "1")]
        Text(String),
        #[prost(bool, tag = "2")]
        Bool(bool),
        #[prost(int64, tag = "3")]
        Int(i64),
        #[prost(double, tag = "4")]
        Double(f64),
        #[prost(message, tag = "5")]
        Array(List),
        #[prost(message, tag = "6")]
        Map(Members),
        #[prost(bytes, tag = "7")]
        Bytes(Vec<u8>),
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct List {
        #[prost(message, repeated, tag = "1")]
        pub values: Vec<AnyValue>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct Members {
        #[prost(message, repeated, tag = "1")]
        pub values: Vec<KeyValue>,
    }

    pub fn any(value: Kind) -> Option<AnyValue> {
        Some(AnyValue { value: Some(value) })
    }

    pub fn pair(key: &str, value: Kind) -> KeyValue {
        KeyValue { key: key.into(), value: any(value) }
    }
}

use proto::{Export, Kind, List, LogRecord, Members, Resource, ResourceLogs, Scope, ScopeLogs, any, pair};

fn request() -> Export {
    let text = |text: &str| Kind::Text(text.into());
    let nested = Kind::Map(Members {
        values: vec![pair(
            "a",
            Kind::Array(List { values: vec![any(Kind::Int(1)).unwrap(), any(text("x")).unwrap()] }),
        )],
    });
    let first = LogRecord {
        time_unix_nano: 1_795_457_308_693_987_654,
        observed_time_unix_nano: 1_795_457_309_000_000_000,
        severity_number: 17,
        severity_text: "ERROR".into(),
        body: any(text("Credit card timeout é")),
        attributes: vec![
            pair("tx", text("tx_1")),
            pair("amount", Kind::Double(12.5)),
            pair("big", Kind::Int(9_007_199_254_740_993)),
            pair("negative", Kind::Int(-7)),
            pair("ok", Kind::Bool(true)),
            pair("raw", Kind::Bytes(vec![1, 2, 255])),
            pair("nested", nested),
            pair("exception.type", text("ValueError")),
        ],
        flags: 1,
        trace_id: vec![0x4b; 16],
        span_id: vec![0x0a; 8],
        event_name: String::new(),
    };
    let second = LogRecord {
        observed_time_unix_nano: 1_795_457_308_694_000_000,
        body: any(Kind::Map(Members { values: vec![pair("n", Kind::Int(1))] })),
        event_name: "user.login".into(),
        ..LogRecord::default()
    };
    let third = LogRecord {
        severity_number: 18,
        severity_text: "CRITICAL".into(),
        body: any(text("")),
        ..LogRecord::default()
    };
    Export {
        resource_logs: vec![ResourceLogs {
            resource: Some(Resource {
                attributes: vec![pair("service.name", text("pay")), pair("host.name", text("web1"))],
            }),
            scope_logs: vec![ScopeLogs {
                scope: Some(Scope { name: "payments.gateway".into(), version: "1.2.3".into() }),
                log_records: vec![first, second, third],
            }],
            schema_url: "https://example.com".into(),
        }],
    }
}

/// The same by protobuf's mapping to JSON, with numbers as text and as numbers.
fn as_json() -> Value {
    let attribute = |key: &str, value: Value| json!({"key": key, "value": value});
    json!({"resourceLogs": [{
        "resource": {"attributes": [attribute("service.name", json!({"stringValue": "pay"})), attribute("host.name", json!({"stringValue": "web1"}))]},
        "schemaUrl": "https://example.com", "unknown": {"a": []},
        "scopeLogs": [{"scope": {"name": "payments.gateway", "version": "1.2.3"}, "logRecords": [
            {
                "timeUnixNano": "1795457308693987654", "observedTimeUnixNano": 1_795_457_309_000_000_000_u64, "severityNumber": 17,
                "severityText": "ERROR", "body": {"stringValue": "Credit card timeout é"}, "flags": 1,
                "traceId": "4B4B4B4B4B4B4B4B4B4B4B4B4B4B4B4B", "spanId": "0a0a0a0a0a0a0a0a",
                "attributes": [
                    attribute("tx", json!({"stringValue": "tx_1"})), attribute("amount", json!({"doubleValue": 12.5})),
                    attribute("big", json!({"intValue": "9007199254740993"})), attribute("negative", json!({"intValue": -7})),
                    attribute("ok", json!({"boolValue": true})), attribute("raw", json!({"bytesValue": "AQL/"})),
                    attribute("nested", json!({"kvlistValue": {"values": [attribute("a", json!({"arrayValue": {"values": [{"intValue": 1}, {"stringValue": "x"}]}}))]}})),
                    attribute("exception.type", json!({"stringValue": "ValueError"})),
                ],
            },
            {"observedTimeUnixNano": "1795457308694000000", "eventName": "user.login",
             "body": {"kvlistValue": {"values": [attribute("n", json!({"intValue": "1"}))]}}},
            {"severityNumber": 18, "severityText": "CRITICAL", "body": {"stringValue": ""}, "attributes": null},
        ]}],
    }]})
}

fn assert_stored(events: &[Value]) {
    assert_event(
        &events[0],
        &json!({
            "level": "ERROR", "event_type": "log.error", "source": "pay", "message": "Credit card timeout é",
            "timestamp": "2026-11-23T18:08:28.693Z",
            "metadata": {
                "tx": "tx_1", "amount": 12.5, "big": 9_007_199_254_740_993_i64, "negative": -7, "ok": true, "raw": "AQL/",
                "nested": {"a": [1, "x"]}, "exception.type": "ValueError", "host": "web1",
                "resource": {"service.name": "pay", "host.name": "web1"},
                "scope": {"name": "payments.gateway", "version": "1.2.3"},
                "trace_id": "4b".repeat(16), "span_id": "0a".repeat(8), "severity_number": 17, "severity_text": "ERROR", "trace_flags": 1,
            },
        }),
    );
    assert_event(
        &events[1],
        &json!({
            "level": "INFO", "event_type": "user.login", "message": "{\"n\":1}", "timestamp": "2026-11-23T18:08:28.694Z",
            "metadata": {"trace_id": null, "severity_number": null},
        }),
    );
    assert_event(
        &events[2],
        &json!({"level": "CRITICAL", "event_type": "log.critical", "message": "", "source": "pay"}),
    );
    assert_eq!(events[2]["timestamp"], events[2]["received_at"]);
}

#[actix_rt::test]
async fn protobuf_and_json_mean_the_same_and_are_answered_alike() {
    let server = Loghorn::start().await;
    let (bytes, json) = (request().encode_to_vec(), as_json().to_string());
    for (path, content_type, headers, body) in [
        ("/v1/logs", PROTOBUF, vec![PROTOBUF], bytes.clone()),
        ("/otlp/v1/logs", PROTOBUF, vec![PROTOBUF, ("content-encoding", "gzip")], gzip(&bytes)),
        ("/v1/logs", JSON, vec![("content-type", "application/json; charset=utf-8")], json.clone().into_bytes()),
        ("/v1/logs", JSON, vec![JSON, ("content-encoding", "gzip")], gzip(json.as_bytes())),
    ] {
        let answer = post(&server, path, &headers, body).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, content_type.1), "{}", answer.text());
        assert_eq!(answer.text(), if content_type == PROTOBUF { "" } else { "{}" });
        assert_stored(&newest(&server, 3).await);
    }
    for (headers, body) in [([PROTOBUF], ""), ([JSON], "{}"), ([JSON], ""), ([JSON], "{\"resourceLogs\":null}")] {
        assert_eq!(post(&server, "/v1/logs", &headers, body).await.status, 200, "{body}");
    }
    assert_eq!(last_seq(&server).await, 12);
}

#[actix_rt::test]
async fn what_is_broken_is_refused_as_a_whole_in_the_form_of_the_request() {
    let server = Loghorn::start().await;
    let mut cut = request().encode_to_vec();
    cut.truncate(cut.len() - 3);
    let answer = post(&server, "/v1/logs", &[PROTOBUF], cut).await;
    assert_eq!((answer.status, answer.header("content-type"), answer.body.first()), (400, PROTOBUF.1, Some(&8)));
    for bad in ["{", "[]", r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[1]}]}]}"#, r#"{"resourceLogs":[1]}"#] {
        let answer = post(&server, "/v1/logs", &[JSON], bad).await;
        assert_eq!((answer.status, &answer.json()["code"]), (400, &json!(3)), "{bad}");
    }
    let answer = post(&server, "/v1/logs", &[("content-type", "text/plain")], "x").await;
    assert_eq!((answer.status, &answer.json()["code"]), (415, &json!(3)));
    let answer = crate::wire::call(&server, "PUT", "/v1/logs", &[JSON], "{}").await;
    assert_eq!((answer.status, answer.header("allow")), (405, "POST"));
    assert_eq!(last_seq(&server).await, 0);
}

#[actix_rt::test]
async fn what_leaves_no_room_is_told_as_a_partial_success() {
    // An event needs more than this, however much of it is cut.
    let server = Loghorn::start_with(&["--set", "ingest.max_event=100B"], &[]).await;
    let answer = post(&server, "/v1/logs", &[JSON], as_json().to_string()).await;
    assert_eq!((answer.status, &answer.json()["partialSuccess"]["rejectedLogRecords"]), (200, &json!("3")));
    let answer = post(&server, "/v1/logs", &[PROTOBUF], request().encode_to_vec()).await;
    assert_eq!((answer.status, answer.body[0], answer.body[2], answer.body[3]), (200, 0x0a, 0x08, 3));
}
