//! Loki's push interface.

use prost::Message;
use serde_json::json;

use crate::{
    support::Loghorn,
    wire::{JSON, PROTOBUF, assert_event, call, deflate, gzip, last_seq, newest, post, snappy},
};

#[derive(Clone, PartialEq, Message)]
struct Push {
    #[prost(message, repeated, tag = "1")]
    streams: Vec<Stream>,
}

#[derive(Clone, PartialEq, Message)]
struct Stream {
    #[prost(string, tag = "1")]
    labels: String,
    #[prost(message, repeated, tag = "2")]
    entries: Vec<Entry>,
}

#[derive(Clone, PartialEq, Message)]
struct Entry {
    #[prost(message, optional, tag = "1")]
    at: Option<At>,
    #[prost(string, tag = "2")]
    line: String,
    #[prost(message, repeated, tag = "3")]
    more: Vec<Pair>,
}

#[derive(Clone, PartialEq, Message)]
struct At {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

#[derive(Clone, PartialEq, Message)]
struct Pair {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

fn push() -> Push {
    let at = Some(At { seconds: 1_795_457_258, nanos: 530_999_999 });
    let entry = |line: &str, more: &[(&str, &str)]| Entry {
        at: at.clone(),
        line: line.into(),
        more: more.iter().map(|(name, value)| Pair { name: (*name).into(), value: (*value).into() }).collect(),
    };
    Push {
        streams: vec![
            Stream {
                labels: r#"{level="error", app="shop", job="a\"b"}"#.into(),
                entries: vec![
                    entry("no card é", &[("order", "7")]),
                    entry(r#"{"level":10,"msg":"json","n":{"a":1}}"#, &[]),
                ],
            },
            Stream {
                labels: "{}".into(),
                entries: vec![entry("2026 WARN slow", &[("service", "s")]), entry("x", &[("severity", "fatal")])],
            },
        ],
    }
}

#[actix_rt::test]
async fn protobuf_and_json_mean_the_same() {
    let server = Loghorn::start().await;
    let packed = snappy(&push().encode_to_vec());
    let at = "1795457258530999999";
    let json = json!({"streams": [
        {"stream": {"level": "error", "app": "shop", "job": "a\"b"}, "values": [[at, "no card é", {"order": "7"}], [at, r#"{"level":10,"msg":"json","n":{"a":1}}"#]]},
        {"stream": {}, "values": [[1_795_457_258_530_999_999_u64, "2026 WARN slow", {"service": "s"}], [at, "x", {"severity": "fatal"}]]},
    ]}).to_string();
    for (headers, body) in [
        (vec![PROTOBUF], packed.clone()),
        (vec![PROTOBUF, ("content-encoding", "snappy")], packed.clone()),
        (vec![], packed),
        (vec![JSON], json.clone().into_bytes()),
        (vec![JSON, ("content-encoding", "gzip")], gzip(json.as_bytes())),
        (vec![JSON, ("content-encoding", "deflate")], deflate(json.as_bytes())),
    ] {
        let answer = post(&server, "/loki/api/v1/push", &headers, body).await;
        assert_eq!((answer.status, answer.text().as_str()), (204, ""), "{headers:?}: {}", answer.text());
        let events = newest(&server, 4).await;
        let labels = json!({"level": "error", "app": "shop", "job": "a\"b"});
        assert_event(
            &events[0],
            &json!({
                "level": "ERROR", "event_type": "log.error", "source": "shop", "message": "no card é",
                "timestamp": "2026-11-23T18:07:38.530Z", "metadata": {"labels": labels, "order": "7"},
            }),
        );
        assert_event(
            &events[1],
            &json!({
                "level": "ERROR", "source": "shop", "message": "json", "metadata": {"labels": labels, "n": {"a": 1}},
            }),
        );
        assert_event(
            &events[2],
            &json!({"level": "WARNING", "source": "s", "message": "2026 WARN slow", "metadata": {"labels": null}}),
        );
        assert_event(
            &events[3],
            &json!({"level": "CRITICAL", "source": "unknown", "message": "x", "metadata": {"severity": "fatal"}}),
        );
    }
    let tenant = [JSON, ("x-scope-orgid", "team-a")];
    assert_eq!(post(&server, "/api/v1/push", &tenant, json).await.status, 204);
    assert_eq!(newest(&server, 1).await[0]["metadata"]["tenant"], "team-a");
    assert_eq!(call(&server, "GET", "/ready", &[], "").await.text().trim(), "ready");
}

#[actix_rt::test]
async fn what_is_broken_is_refused_by_a_line_of_text() {
    let server = Loghorn::start().await;
    let plain = push().encode_to_vec();
    let short = snappy(&plain[..plain.len() - 4]);
    for (headers, body) in [
        (vec![PROTOBUF], plain.clone()),
        (vec![PROTOBUF], short),
        (vec![PROTOBUF, ("content-encoding", "snappy")], b"\xff\xff\xff\xff\x0f".to_vec()),
        (vec![JSON], b"{\"streams\":[".to_vec()),
        (vec![JSON], br#"{"streams":[{"stream":{},"values":[["1"]]}]}"#.to_vec()),
    ] {
        let answer = post(&server, "/loki/api/v1/push", &headers, body).await;
        assert!(matches!(answer.status, 400 | 413), "{headers:?}: {}", answer.status);
        assert!(answer.header("content-type").starts_with("text/plain") && !answer.text().starts_with('{'));
    }
    assert_eq!(last_seq(&server).await, 0);
}
