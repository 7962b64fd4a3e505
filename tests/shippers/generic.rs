//! What the generic route knows by its shape or headers: MessagePack, Alertmanager, Kubernetes, Firehose, Heroku.

use rmp::encode::{self, write_str};
use serde_json::{Value, json};

use crate::{
    support::Loghorn,
    wire::{JSON, assert_event, base64, gzip, last_seq, newest, post, snappy},
};

const INGEST: &str = "/api/v1/ingest";

/// A map of texts and numbers.
fn map(out: &mut Vec<u8>, members: &[(&str, Value)]) {
    encode::write_map_len(out, members.len() as u32).unwrap();
    for (name, value) in members {
        write_str(out, name).unwrap();
        match value {
            Value::String(text) => write_str(out, text).unwrap(),
            Value::Number(number) => drop(encode::write_sint(out, number.as_i64().unwrap()).unwrap()),
            Value::Object(inner) => map(out, &inner.iter().map(|(k, v)| (k.as_str(), v.clone())).collect::<Vec<_>>()),
            _ => encode::write_nil(out).unwrap(),
        }
    }
}

fn event_time(out: &mut Vec<u8>, seconds: u32, nanos: u32) {
    encode::write_ext_meta(out, 8, 0).unwrap();
    out.extend(seconds.to_be_bytes());
    out.extend(nanos.to_be_bytes());
}

#[actix_rt::test]
async fn messagepack_of_fluent_bit_and_fluentd_is_read() {
    let server = Loghorn::start().await;
    let record =
        [("log", json!("no card é")), ("level", json!("error")), ("service", json!("pay")), ("n", json!({"a": -1}))];
    // Fluent Bit 1.x, 2.x and a group of records, Fluentd.
    let (mut first, mut second, mut third) = (vec![0x92], vec![0x92, 0x92], Vec::new());
    event_time(&mut first, 1_795_457_121, 216_012_700);
    map(&mut first, &record);
    event_time(&mut second, 1_795_457_121, 216_012_700);
    map(&mut second, &[("trace", json!("t"))]);
    map(&mut second, &record);
    for marker in [-1, -2] {
        second.extend([0x92, 0x92]);
        encode::write_sint(&mut second, marker).unwrap();
        second.extend([0x80, 0x80]);
    }
    map(&mut third, &[&record[..], &[("time", json!(1_795_457_121_216_i64))]].concat());
    for (headers, body) in [
        (vec![("content-type", "application/msgpack")], first.clone()),
        (vec![("content-type", "application/x-msgpack")], second.clone()),
        (vec![("content-type", "application/x-msgpack")], third),
        // Said to be nothing at all.
        (vec![], second.clone()),
        (vec![("content-encoding", "gzip")], gzip(&second)),
        (vec![("content-encoding", "snappy")], snappy(&first)),
    ] {
        let answer = post(&server, INGEST, &headers, body).await;
        assert_eq!((answer.status, &answer.json()["accepted"]), (200, &json!(1)), "{headers:?}");
        assert_event(
            &newest(&server, 1).await[0],
            &json!({
                "level": "ERROR", "source": "pay", "message": "no card é", "timestamp": "2026-11-23T18:05:21.216Z",
                "metadata": {"n": {"a": -1}},
            }),
        );
    }
    // What is broken becomes an event, and what came before it stays.
    let broken = [first.as_slice(), b"\x92\xc1\xdd\xff\xff\xff\xff"].concat();
    let answer = post(&server, INGEST, &[("content-type", "application/msgpack")], broken).await;
    assert_eq!((answer.status, &answer.json()["accepted"]), (200, &json!(2)));
    assert!(newest(&server, 1).await[0]["metadata"]["parse_error"].is_string());
}

#[actix_rt::test]
async fn alerts_come_one_by_one_and_their_end_is_told() {
    let server = Loghorn::start().await;
    let alert = |status: &str, name: &str| {
        json!({"status": status, "labels": {"alertname": name, "service": "pay", "severity": "critical"}, "annotations": {"summary": format!("{name} é")},
            "startsAt": "2026-11-23T18:09:14.077500315Z", "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "", "fingerprint": name})
    };
    let body = |status: &str| {
        json!({"receiver": "lh", "status": status, "alerts": [alert(status, "a"), alert(status, "b")], "groupLabels": {}, "commonLabels": {},
            "externalURL": "http://am", "version": "4", "groupKey": "{}", "truncatedAlerts": 0})
    };
    for (status, accepted) in [("firing", 2), ("firing", 0), ("resolved", 2)] {
        let answer = post(&server, &format!("{INGEST}/alertmanager"), &[JSON], body(status).to_string()).await;
        assert_eq!((answer.status, &answer.json()["accepted"]), (200, &json!(accepted)), "{status}");
    }
    let events = newest(&server, 4).await;
    assert_event(
        &events[0],
        &json!({
            "id": "a-2026-11-23T18:09:14.077500315Z", "event_type": "alert.firing", "level": "CRITICAL", "source": "pay", "message": "a é",
            "timestamp": "2026-11-23T18:09:14.077Z",
            "metadata": {"labels": {"alertname": "a", "service": "pay", "severity": "critical"}, "receiver": "lh", "groupKey": "{}", "endsAt": null},
        }),
    );
    assert_event(&events[3], &json!({"event_type": "alert.resolved", "message": "b é"}));
}

#[actix_rt::test]
async fn audit_events_of_kubernetes_come_one_by_one() {
    let server = Loghorn::start().await;
    let item = |id: usize| {
        json!({"level": "Metadata", "auditID": format!("id-{id}"), "stage": "ResponseComplete", "verb": "create", "user": {"username": "admin"},
            "objectRef": {"resource": "pods", "namespace": "shop", "name": "web"}, "responseStatus": {"code": 201},
            "stageTimestamp": "2026-11-23T18:09:14.077500Z", "filler": "x".repeat(5000)})
    };
    // More than one event may be, in all.
    let items: Vec<Value> = (0..600).map(item).collect();
    let list = json!({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "metadata": {}, "items": items});
    let answer = post(&server, &format!("{INGEST}/k8s"), &[JSON], list.to_string()).await;
    assert_eq!((answer.status, &answer.json()["accepted"]), (200, &json!(600)));
    assert_event(
        &newest(&server, 1).await[0],
        &json!({
            "id": "id-599-ResponseComplete", "message": "create shop/pods/web by admin → 201", "source": "k8s", "level": "INFO",
            "timestamp": "2026-11-23T18:09:14.077Z", "metadata": {"verb": "create", "user": {"username": "admin"}, "level": "Metadata"},
        }),
    );
}

#[actix_rt::test]
async fn firehose_gets_its_own_number_back_and_repeats_nothing() {
    let server = Loghorn::start().await;
    let logs = json!({"messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "/aws/pay", "logStream": "s", "subscriptionFilters": [],
        "logEvents": [{"id": "e1", "timestamp": 1_795_457_121_216_i64, "message": "ERROR no card"}, {"id": "e2", "timestamp": 1, "message": "{\"level\":\"warn\",\"msg\":\"slow\"}"}]});
    let records =
        [base64(r#"{"message":"a","level":"error"}"#), base64("b\nc"), base64(gzip(logs.to_string().as_bytes()))];
    let records: Vec<Value> = records.iter().map(|data| json!({"data": data})).collect();
    let body = json!({"requestId": "r-1", "timestamp": 1_795_457_121_216_i64, "records": records}).to_string();
    let headers = [JSON, ("x-amz-firehose-request-id", "r-1"), ("x-amz-firehose-protocol-version", "1.0")];
    for _ in 0..2 {
        let answer = post(&server, &format!("{INGEST}/firehose"), &headers, body.clone()).await;
        let json = answer.json();
        assert_eq!(
            (answer.status, answer.header("content-type"), &json["requestId"]),
            (200, "application/json", &json!("r-1"))
        );
        assert!(json["timestamp"].is_i64() && json.get("errorMessage").is_none());
    }
    assert_eq!(last_seq(&server).await, 5);
    let events = newest(&server, 5).await;
    assert_event(&events[0], &json!({"message": "a", "level": "ERROR", "source": "firehose"}));
    assert_event(
        &events[3],
        &json!({
            "id": "e1", "message": "ERROR no card", "level": "ERROR", "source": "/aws/pay", "timestamp": "2026-11-23T18:05:21.216Z",
            "metadata": {"log_group": "/aws/pay", "log_stream": "s", "owner": "1"},
        }),
    );
    assert_event(&events[4], &json!({"message": "slow", "level": "WARNING"}));
    let answer = post(&server, INGEST, &headers, r#"{"records":[{"data":"%"}]}"#).await;
    assert_eq!((answer.status, &answer.json()["requestId"]), (400, &json!("r-1")));
    assert!(answer.json()["errorMessage"].is_string());
}

#[actix_rt::test]
async fn heroku_s_frames_are_taken_apart_by_their_lengths() {
    let server = Loghorn::start().await;
    let messages = [
        "<190>1 2026-11-23T18:09:14.077+00:00 host app web.3 - ERROR no\ncard é\n",
        "<45>1 2026-11-23T18:09:14+00:00 host heroku router - at=info\n",
    ];
    let body: String = messages.iter().map(|message| format!("{} {message}", message.len())).collect();
    let headers =
        [("content-type", "application/logplex-1"), ("logplex-frame-id", "f-1"), ("logplex-drain-token", "d.1")];
    for _ in 0..2 {
        assert_eq!(post(&server, INGEST, &headers, body.clone()).await.status, 200);
    }
    assert_eq!(last_seq(&server).await, 2);
    let events = newest(&server, 2).await;
    assert_event(
        &events[0],
        &json!({
            "id": "f-1/0", "level": "ERROR", "source": "app", "message": "ERROR no\ncard é", "timestamp": "2026-11-23T18:09:14.077Z",
            "metadata": {"procid": "web.3", "host": "host", "drain_token": "d.1"},
        }),
    );
    assert_event(&events[1], &json!({"level": "INFO", "source": "heroku", "message": "at=info"}));
}
