//! Bodies of each protocol of log shippers, all with the same events in them, as many as wanted.

use base64::{Engine, engine::general_purpose::STANDARD};
use loghorn_web::shippers::wire::{put_bytes, put_varint};

/// Of the first event; each is a millisecond later than the one before.
const TIME_MS: usize = 1_795_457_269_232;

fn message(n: usize) -> String {
    format!("Credit card processing timeout after {} ms", 30_000 + n * 7919 % 1000)
}

/// As unlike each other as in life, or compression would be too easy.
fn transaction(n: usize) -> String {
    format!("tx_{:012x}", (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16)
}

fn pairs(n: usize) -> [(&'static str, String); 4] {
    let currency = ["EUR", "USD", "GBP"][n % 3];
    [
        ("transaction_id", transaction(n)),
        ("currency", currency.into()),
        ("brand", "visa".into()),
        ("country", "DE".into()),
    ]
}

fn members(n: usize) -> String {
    pairs(n).map(|(name, value)| format!(r#""{name}":"{value}""#)).join(",")
}

fn time(n: usize) -> String {
    format!("2026-11-23T18:07:{:02}.{:03}Z", n / 1000 % 60, n % 1000)
}

fn record(n: usize) -> String {
    let (message, time, members) = (message(n), time(n), members(n));
    format!(r#"{{"level":"error","service":"payment-service","message":"{message}","time":"{time}",{members}}}"#)
}

fn each(events: usize, line: impl Fn(usize) -> String) -> Vec<u8> {
    (0..events).flat_map(|n| (line(n) + "\n").into_bytes()).collect()
}

fn list(events: usize, one: impl Fn(usize) -> String) -> String {
    (0..events).map(one).collect::<Vec<_>>().join(",")
}

/// One JSON object a line.
pub fn ndjson(events: usize) -> Vec<u8> {
    each(events, record)
}

/// A server's log as it would be in a file.
pub fn lines(events: usize) -> Vec<u8> {
    each(events, |n| format!("{} ERROR payment-service {} transaction_id={}", time(n), message(n), transaction(n)))
}

/// As Fluent Bit sends it: a time and a map each.
pub fn msgpack(events: usize) -> Vec<u8> {
    use rmp::encode::{write_array_len, write_f64, write_map_len, write_str};
    let mut out = Vec::new();
    for n in 0..events {
        write_array_len(&mut out, 2).unwrap();
        write_f64(&mut out, (TIME_MS + n) as f64 / 1e3).unwrap();
        let first = [("level", "error".to_owned()), ("service", "payment-service".into()), ("log", message(n))];
        write_map_len(&mut out, 7).unwrap();
        for (name, value) in first.into_iter().chain(pairs(n)) {
            write_str(&mut out, name).unwrap();
            write_str(&mut out, &value).unwrap();
        }
    }
    out
}

fn attribute(out: &mut Vec<u8>, field: u32, name: &str, value: &str) {
    let (mut any, mut pair) = (Vec::new(), Vec::new());
    put_bytes(&mut any, 1, value.as_bytes());
    put_bytes(&mut pair, 1, name.as_bytes());
    put_bytes(&mut pair, 2, &any);
    put_bytes(out, field, &pair);
}

/// `ExportLogsServiceRequest`.
pub fn otlp_proto(events: usize) -> Vec<u8> {
    let mut scope_logs = Vec::new();
    for n in 0..events {
        let (mut record, mut body) = (Vec::new(), Vec::new());
        // `fixed64` has no writer: nobody answers with one.
        record.push(1 << 3 | 1);
        record.extend(((TIME_MS + n) as u64 * 1_000_000).to_le_bytes());
        put_varint(&mut record, 2, 17);
        put_bytes(&mut record, 3, b"ERROR");
        put_bytes(&mut body, 1, message(n).as_bytes());
        put_bytes(&mut record, 5, &body);
        pairs(n).iter().for_each(|(name, value)| attribute(&mut record, 6, name, value));
        put_bytes(&mut scope_logs, 2, &record);
    }
    let (mut resource, mut resource_logs, mut export) = (Vec::new(), Vec::new(), Vec::new());
    attribute(&mut resource, 1, "service.name", "payment-service");
    put_bytes(&mut resource_logs, 1, &resource);
    put_bytes(&mut resource_logs, 2, &scope_logs);
    put_bytes(&mut export, 1, &resource_logs);
    export
}

/// The same as JSON.
pub fn otlp_json(events: usize) -> Vec<u8> {
    let pair = |name: &str, value: &str| format!(r#"{{"key":"{name}","value":{{"stringValue":"{value}"}}}}"#);
    let records = list(events, |n| {
        let attributes = pairs(n).map(|(name, value)| pair(name, &value)).join(",");
        let (time, message) = (TIME_MS + n, message(n));
        format!(
            r#"{{"timeUnixNano":"{time}000000","severityNumber":17,"severityText":"ERROR","body":{{"stringValue":"{message}"}},"attributes":[{attributes}]}}"#
        )
    });
    let resource = pair("service.name", "payment-service");
    format!(
        r#"{{"resourceLogs":[{{"resource":{{"attributes":[{resource}]}},"scopeLogs":[{{"logRecords":[{records}]}}]}}]}}"#
    )
    .into_bytes()
}

/// `PushRequest` of one stream, as it is before snappy.
pub fn loki_proto(events: usize) -> Vec<u8> {
    let (mut stream, mut push) = (Vec::new(), Vec::new());
    put_bytes(&mut stream, 1, br#"{level="error", app="payment-service"}"#);
    for n in 0..events {
        let (mut at, mut entry) = (Vec::new(), Vec::new());
        put_varint(&mut at, 1, ((TIME_MS + n) / 1000) as u64);
        put_varint(&mut at, 2, ((TIME_MS + n) % 1000) as u64 * 1_000_000);
        put_bytes(&mut entry, 1, &at);
        put_bytes(&mut entry, 2, message(n).as_bytes());
        for (name, value) in pairs(n) {
            let mut pair = Vec::new();
            put_bytes(&mut pair, 1, name.as_bytes());
            put_bytes(&mut pair, 2, value.as_bytes());
            put_bytes(&mut entry, 3, &pair);
        }
        put_bytes(&mut stream, 2, &entry);
    }
    put_bytes(&mut push, 1, &stream);
    push
}

/// The same as JSON.
pub fn loki_json(events: usize) -> Vec<u8> {
    let values = list(events, |n| format!(r#"["{}000000","{}",{{{}}}]"#, TIME_MS + n, message(n), members(n)));
    format!(r#"{{"streams":[{{"stream":{{"level":"error","app":"payment-service"}},"values":[{values}]}}]}}"#)
        .into_bytes()
}

/// An action and a document, two lines each.
pub fn bulk(events: usize) -> Vec<u8> {
    each(events, |n| format!("{{\"create\":{{\"_index\":\"logs-app-default\"}}}}\n{}", record(n)))
}

/// An envelope each.
pub fn hec(events: usize) -> Vec<u8> {
    each(events, |n| {
        let at = (TIME_MS + n) as f64 / 1e3;
        format!(r#"{{"time":{at:.3},"host":"web1","sourcetype":"_json","event":{}}}"#, record(n))
    })
}

/// One object a line.
pub fn gelf(events: usize) -> Vec<u8> {
    each(events, |n| {
        let (at, message) = ((TIME_MS + n) as f64 / 1e3, message(n));
        let own = pairs(n).map(|(name, value)| format!(r#""_{name}":"{value}""#)).join(",");
        format!(
            r#"{{"version":"1.1","host":"web1","short_message":"{message}","level":3,"timestamp":{at:.3},"_app":"payment-service",{own}}}"#
        )
    })
}

/// A batch.
pub fn cloud_events(events: usize) -> Vec<u8> {
    let all = list(events, |n| {
        let (time, message, members) = (time(n), message(n), members(n));
        format!(
            r#"{{"specversion":"1.0","id":"{n}","source":"payment-service","type":"log.error","time":"{time}","datacontenttype":"application/json","data":{{"message":"{message}",{members}}}}}"#
        )
    });
    format!("[{all}]").into_bytes()
}

/// As the agent sends it.
pub fn datadog(events: usize) -> Vec<u8> {
    let all = list(events, |n| {
        let (at, message, members) = (TIME_MS + n, message(n), members(n));
        format!(
            r#"{{"message":"{message}","status":"error","timestamp":{at},"hostname":"web1","service":"payment-service","ddsource":"go","ddtags":"env:prod,version:1.2",{members}}}"#
        )
    });
    format!("[{all}]").into_bytes()
}

/// One group of alerts.
pub fn alerts(events: usize) -> Vec<u8> {
    let all = list(events, |n| {
        let (message, time, members) = (message(n), time(n), members(n));
        format!(
            r#"{{"status":"firing","labels":{{"alertname":"PaymentTimeout","severity":"critical",{members}}},"annotations":{{"summary":"{message}"}},"startsAt":"{time}","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://prometheus:9090/graph","fingerprint":"{n:016x}"}}"#
        )
    });
    format!(
        r#"{{"receiver":"loghorn","status":"firing","alerts":[{all}],"groupLabels":{{}},"commonLabels":{{}},"commonAnnotations":{{}},"externalURL":"http://alertmanager:9093","version":"4","groupKey":"{{}}:{{}}","truncatedAlerts":0}}"#
    )
    .into_bytes()
}

/// One list of the audit log.
pub fn audit(events: usize) -> Vec<u8> {
    let all = list(events, |n| {
        let (id, time) = (transaction(n), time(n));
        format!(
            r#"{{"level":"Metadata","auditID":"{id}","stage":"ResponseComplete","requestURI":"/api/v1/namespaces/default/pods/p-{n}","verb":"delete","user":{{"username":"alice","groups":["system:authenticated"]}},"objectRef":{{"resource":"pods","namespace":"default","name":"p-{n}","apiVersion":"v1"}},"responseStatus":{{"code":200}},"stageTimestamp":"{time}"}}"#
        )
    });
    format!(r#"{{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":[{all}]}}"#).into_bytes()
}

/// A record an event.
pub fn firehose(events: usize) -> Vec<u8> {
    let all = list(events, |n| format!(r#"{{"data":"{}"}}"#, STANDARD.encode(record(n))));
    format!(r#"{{"requestId":"request","timestamp":{TIME_MS},"records":[{all}]}}"#).into_bytes()
}

/// Messages of syslog, each behind its length.
pub fn logplex(events: usize) -> Vec<u8> {
    let frame = |n| {
        let message = format!("<131>1 {} host app web.1 - {} {}\n", time(n), message(n), transaction(n));
        format!("{} {message}", message.len()).into_bytes()
    };
    (0..events).flat_map(frame).collect()
}

/// The export format, with the fields that journald adds to each.
pub fn journal(events: usize) -> Vec<u8> {
    each(events, |n| {
        let at = TIME_MS + n;
        format!(
            "__CURSOR=s=df2f5c4bc820462e8da67ffc74827011;i={n:x}\n__REALTIME_TIMESTAMP={at}000\n__MONOTONIC_TIMESTAMP={n}000\n\
             _BOOT_ID=0123456789abcdef0123456789abcdef\n_MACHINE_ID=fedcba9876543210fedcba9876543210\n_HOSTNAME=web1\nPRIORITY=3\n\
             SYSLOG_IDENTIFIER=payment-service\n_PID=4242\n_COMM=payment\nMESSAGE={} {}\n",
            message(n),
            transaction(n)
        )
    })
}
