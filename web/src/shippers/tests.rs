//! What holds for the decoders of all protocols.

use std::convert::Infallible;

use loghorn_domain::{Draft, Level, Timestamp, event::Limits};
use serde_json::{Map, Value, json};

use super::{
    Sink, Stop, cloudevents::CloudEvents, datadog, elastic::Bulk, firehose::Firehose, gelf, generic::Generic,
    loki::Loki, otlp::Otlp, record::Context, splunk::Hec, wire,
};

/// Keeps drafts, and the most that was asked for.
#[derive(Debug, Default)]
struct Seen {
    drafts: Vec<Draft>,
    passed: usize,
    held: usize,
}

impl Sink for Seen {
    type Error = Infallible;

    fn pass(&mut self, bytes: usize) -> Result<(), Infallible> {
        self.passed = self.passed.max(bytes);
        Ok(())
    }

    fn hold(&mut self, bytes: usize) -> Result<(), Infallible> {
        self.held += bytes;
        Ok(())
    }

    fn add(&mut self, draft: Draft) -> Result<bool, Infallible> {
        self.drafts.push(draft);
        Ok(true)
    }

    fn reject(&mut self, _: &str) {}
}

fn context() -> Context {
    Context {
        source: Some("path".into()),
        tag: None,
        host: None,
        tenant: None,
        level: None,
        received_at: Timestamp::from_millis(1_700_000_000_000),
        limits: Limits::default(),
    }
}

/// What one of the decoders makes of a body.
fn seen<T>(decode: impl FnOnce(&Context, &mut Seen) -> Result<T, Stop<Infallible>>) -> Seen {
    let mut seen = Seen::default();
    decode(&context(), &mut seen).map(drop).unwrap();
    seen
}

fn generic(body: &[u8]) -> Seen {
    seen(|context, sink| Generic::default().decode(body, context, sink).map_err(Stop::Full))
}

fn metadata(draft: &Draft) -> Value {
    serde_json::from_str(draft.metadata.get()).unwrap()
}

#[test]
fn a_member_that_is_called_id_is_the_event_s_only_on_the_generic_route() {
    let line = r#"{"id":"order-7","msg":"paid"}"#;
    let own = generic(line.as_bytes()).drafts.remove(0);
    assert_eq!((own.id.unwrap().as_str(), own.metadata.get()), ("order-7", "{}"));
    // A record without a message is shown as it came.
    assert_eq!(generic(br#"{"id":"a","n":1}"#).drafts[0].message, r#"{"id":"a","n":1}"#);
    let hec = || Hec { is_raw: false, ..Hec::default() };
    let stream = json!({"streams": [{"stream": {}, "values": [["1", line]]}]}).to_string();
    let bulk = format!("{{\"index\":{{}}}}\n{line}\n");
    let packed = |text: &str| json!({"records": [{"data": base64(text)}]}).to_string();
    let cloud_watch = json!({"messageType": "DATA_MESSAGE", "logEvents": [{"message": line}]}).to_string();
    let msgpack = b"\x82\xa2id\xa7order-7\xa3msg\xa4paid";
    for (name, seen) in [
        ("loki", seen(|c, s| Loki { is_json: true }.decode(stream.as_bytes(), c, s))),
        ("hec", seen(|c, s| hec().decode(format!(r#"{{"event":{line}}}"#).as_bytes(), c, s))),
        ("raw", seen(|c, s| Hec { is_raw: true, ..hec() }.decode(line.as_bytes(), c, s))),
        ("datadog", seen(|c, s| datadog::decode(line.as_bytes(), c, s))),
        ("gelf", seen(|c, s| gelf::decode(br#"{"id":"order-7","short_message":"paid"}"#, c, s))),
        ("bulk", seen(|c, s| Bulk::default().decode(bulk.as_bytes(), c, s))),
        ("firehose", seen(|c, s| Firehose::default().decode(packed(line).as_bytes(), c, s))),
        ("cloudwatch", seen(|c, s| Firehose::default().decode(packed(&cloud_watch).as_bytes(), c, s))),
        ("msgpack", generic(msgpack)),
        ("msgpack with its time", generic(&[b"\x92\x01", &msgpack[..]].concat())),
    ] {
        let [draft] = &seen.drafts[..] else { panic!("{name}: {seen:?}") };
        assert_eq!((draft.message.as_str(), &draft.id), ("paid", &None), "{name}");
        assert_eq!(metadata(draft)["id"], "order-7", "{name}");
    }
}

fn base64(bytes: impl AsRef<[u8]>) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    STANDARD.encode(bytes)
}

/// The largest event, and the largest record that is taken apart.
const EVENT: usize = 256 * 1024;
const RECORD: usize = 8 * EVENT;

#[test]
fn a_record_of_messagepack_that_is_too_large_takes_no_other_with_it() {
    let good = |text: &str| [b"\x81\xa3msg\xa1", text.as_bytes()].concat();
    let large = [b"\x81\xa3msg\xdb", &(3_u32 << 20).to_be_bytes()[..], &vec![b'x'; 3 << 20]].concat();
    let seen = generic(&[good("a"), large, good("b")].concat());
    let [a, cut, b] = &seen.drafts[..] else { panic!("{} drafts", seen.drafts.len()) };
    assert_eq!((a.message.as_str(), b.message.as_str()), ("a", "b"));
    // Just more than fits: it is cut, and that is noted, when it is sealed.
    assert!((EVENT..=EVENT + 16).contains(&cut.message.len()) && cut.message.contains("msg"), "{}", cut.message.len());
    assert!(seen.passed < RECORD, "{}", seen.passed);
}

#[test]
fn objects_inside_of_splunk_s_events_are_read_with_room_for_them_or_kept_as_text() {
    for (bytes, is_read) in [(RECORD / 4, true), (RECORD / 2 * 3, false)] {
        let line = json!({"level": "error", "msg": "m", "a": "x".repeat(bytes)}).to_string();
        let envelope = json!({"event": line}).to_string();
        for (is_raw, body) in [(true, &line), (false, &envelope)] {
            let seen = seen(|c, s| Hec { is_raw, ..Hec::default() }.decode(body.as_bytes(), c, s));
            let draft = &seen.drafts[0];
            assert_eq!(draft.message == "m", is_read, "raw: {is_raw}, {bytes}");
            let needed = if is_read { crate::body::value_room(line.len()) } else { 0 };
            assert!(
                (needed..=2 * line.len() + needed + 1024).contains(&seen.passed),
                "{is_raw} {bytes} {}",
                seen.passed
            );
        }
    }
}

#[test]
fn what_a_group_of_alerts_shares_is_short_text() {
    let alerts = |group: Value, receiver: Value| {
        let alerts = vec![json!({"fingerprint": "f", "annotations": {"summary": "s"}}); 2];
        let list = json!({"alerts": alerts, "groupKey": group, "receiver": receiver}).to_string();
        let drafts = generic(list.as_bytes()).drafts;
        assert_eq!(drafts.len(), 2);
        metadata(&drafts[1])
    };
    let kept = alerts(json!("{}:{}"), json!("lh"));
    assert_eq!((&kept["groupKey"], &kept["receiver"]), (&json!("{}:{}"), &json!("lh")));
    let left_out = alerts(json!("x".repeat(1 << 20)), json!([1, 2]));
    assert_eq!((&left_out["groupKey"], &left_out["receiver"]), (&Value::Null, &Value::Null));
}

/// A message of protobuf around others.
fn message(fields: &[(u32, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    fields.iter().for_each(|(field, bytes)| wire::put_bytes(&mut out, *field, bytes));
    out
}

fn attribute(key: &str, value: &str) -> Vec<u8> {
    message(&[(1, key.as_bytes()), (2, &message(&[(1, value.as_bytes())]))])
}

#[test]
fn records_of_protobuf_are_kept_as_text_where_they_are_too_large_and_lines_cost_what_they_are() {
    let large = "x".repeat(RECORD / 2 * 3);
    let record = message(&[(5, &message(&[(1, large.as_bytes())]))]);
    let export = message(&[(1, &message(&[(2, &message(&[(2, &record), (2, &message(&[]))]))]))]);
    let otlp = seen(|c, s| Otlp { is_json: false }.decode(&export, c, s));
    let entry =
        |line: &str, more: &str| message(&[(2, line.as_bytes()), (3, &message(&[(1, b"k"), (2, more.as_bytes())]))]);
    let push = |entries: &[Vec<u8>]| {
        let entries: Vec<(u32, &[u8])> = entries.iter().map(|entry| (2, &entry[..])).collect();
        message(&[(1, &message(&entries))])
    };
    let loki = |body: &[u8]| seen(|c, s| Loki { is_json: false }.decode(body, c, s));
    let json = json!({"streams": [{"values": [["1", large, {"k": "v"}], ["1", "", {"k": large}]]}]}).to_string();
    for (name, seen) in [
        ("otlp", otlp),
        ("loki", loki(&push(&[entry(&large, "v"), entry("", &large)]))),
        ("loki as json", seen(|c, s| Loki { is_json: true }.decode(json.as_bytes(), c, s))),
    ] {
        assert_eq!(seen.drafts.len(), 2, "{name}");
        assert!((EVENT..=EVENT + 16).contains(&seen.drafts[0].message.len()), "{name}");
        assert!(seen.passed <= 3 * json.len(), "{name} {}", seen.passed);
        // What is left out of it is told.
        let told = metadata(&seen.drafts[1]);
        assert!(name == "otlp" || (told["truncated"] == true && told["k"].is_null()), "{name}");
    }
    let line = "x".repeat(1 << 20);
    let seen = loki(&push(&[entry(&line, "v")]));
    assert_eq!((seen.drafts[0].message.len(), metadata(&seen.drafts[0])), (1 << 20, json!({"k": "v"})));
    assert!(seen.passed <= 3 << 20, "{}", seen.passed);
}

#[test]
fn what_records_share_is_no_larger_than_an_event() {
    for bytes in [EVENT + 1000, RECORD + 1000] {
        let large = "x\n".repeat(bytes / 2);
        let resource = message(&[(1, &attribute("service.name", "pay")), (1, &attribute("a", &large))]);
        let scope = message(&[(1, large.as_bytes()), (3, &attribute("a", &large))]);
        let records = message(&[(1, &scope), (2, b""), (2, b"")]);
        let otlp = message(&[(1, &message(&[(1, &resource), (2, &records)]))]);
        let attributes = json!([{"key": "a", "value": {"stringValue": large}}]);
        let scope = json!({"name": large, "attributes": attributes});
        let otlp_json = json!({"resourceLogs": [{"resource": {"attributes": attributes},
            "scopeLogs": [{"scope": scope, "logRecords": [{}, {}]}]}]});
        let labels = format!("{{app={large:?}, a={large:?}}}");
        let loki = message(&[(1, &message(&[(1, labels.as_bytes()), (2, b""), (2, b"")]))]);
        let loki_json = json!({"streams": [{"stream": {"app": large, "a": large}, "values": [["1", ""], ["1", ""]]}]});
        let events = [json!({"message": ""}), json!({"message": ""})];
        let logs = json!({"messageType": "DATA_MESSAGE", "logGroup": large, "logStream": large, "logEvents": events});
        let delivery = json!({"records": [{"data": base64(logs.to_string())}]}).to_string();
        for (name, seen) in [
            ("otlp", seen(|c, s| Otlp { is_json: false }.decode(&otlp, c, s))),
            ("otlp as json", seen(|c, s| Otlp { is_json: true }.decode(otlp_json.to_string().as_bytes(), c, s))),
            ("loki", seen(|c, s| Loki { is_json: false }.decode(&loki, c, s))),
            ("loki as json", seen(|c, s| Loki { is_json: true }.decode(loki_json.to_string().as_bytes(), c, s))),
            ("cloudwatch", seen(|c, s| Firehose::default().decode(delivery.as_bytes(), c, s))),
        ] {
            assert_eq!(seen.drafts.len(), 2, "{name}");
            for draft in &seen.drafts {
                let (source, more) = (draft.source.len(), draft.metadata.get().len());
                // OTLP shares both a resource and a scope.
                assert!(source <= EVENT && more <= 2 * EVENT + 1024, "{name} {bytes}: {source} {more}");
                assert!(more > EVENT / 2, "{name} {bytes}: {more}");
            }
        }
    }
}

#[test]
fn copies_that_live_on_are_held() {
    let lossy = [&[0xff; 1000][..], &vec![b'a'; 1 << 20], b"\xc3"].concat();
    let copy = 3 * 1001 + (1 << 20);
    assert_eq!(generic(&lossy).held, copy);
    assert_eq!(generic(&lossy[1000..lossy.len() - 1]).held, 0);
    let packed = |bytes: usize| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, &vec![b' '; bytes]).unwrap();
        json!({"data": base64(encoder.finish().unwrap())})
    };
    let delivery = json!({"records": [packed(4 << 20), packed(3 << 20), packed(4 << 20)]}).to_string();
    let seen = seen(|c, s| Firehose::default().decode(delivery.as_bytes(), c, s));
    // One at a time.
    assert!((4 << 20..12 << 20).contains(&seen.held), "{}", seen.held);
}

#[test]
fn levels_that_are_no_level_stay_what_they_are() {
    for (level, expected, raw) in [
        (json!(-1), Level::Info, json!(-1)),
        (json!("3"), Level::Error, Value::Null),
        (json!(3.0), Level::Error, Value::Null),
    ] {
        let body = json!({"short_message": "m", "level": level}).to_string();
        let seen = seen(|c, s| gelf::decode(body.as_bytes(), c, s));
        assert_eq!((seen.drafts[0].level, &metadata(&seen.drafts[0])["level_raw"]), (expected, &raw), "{level}");
    }
    // Attributes in headers are texts.
    let binary = CloudEvents::Binary(Map::from_iter([("severitynumber".to_owned(), "17".into())]));
    assert_eq!(seen(|c, s| binary.decode(b"m", c, s)).drafts[0].level, Level::Error);
}
