//! What holds for the decoders of all protocols.

use std::convert::Infallible;

use loghorn_domain::{Draft, Level, Timestamp, event::Limits};
use serde_json::{Map, Value, json};

use super::{
    Sink, Stop,
    cloudevents::{self, CloudEvents},
    datadog,
    elastic::Bulk,
    firehose::Firehose,
    gelf,
    generic::Generic,
    journal,
    loki::Loki,
    otlp::Otlp,
    record::Context,
    splunk::Hec,
    wire,
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
fn a_member_that_is_called_id_is_the_event_s_only_beside_an_event_type_on_the_generic_route() {
    let line = r#"{"id":"order-7","msg":"paid"}"#;
    let own = generic(br#"{"id":"order-7","event_type":"order.paid","msg":"paid"}"#).drafts.remove(0);
    assert_eq!((own.id.unwrap().as_str(), own.metadata.get()), ("order-7", "{}"));
    // A record without a message is shown as it came.
    let bare = r#"{"event_type":"a.b","id":"a","n":1}"#;
    assert_eq!(generic(bare.as_bytes()).drafts[0].message, bare);
    let hec = || Hec { is_raw: false, ..Hec::default() };
    let stream = json!({"streams": [{"stream": {}, "values": [["1", line]]}]}).to_string();
    let bulk = format!("{{\"index\":{{}}}}\n{line}\n");
    let packed = |text: &str| json!({"records": [{"data": base64(text)}]}).to_string();
    let cloud_watch = json!({"messageType": "DATA_MESSAGE", "logEvents": [{"message": line}]}).to_string();
    let msgpack = b"\x82\xa2id\xa7order-7\xa3msg\xa4paid";
    for (name, seen) in [
        ("generic", generic(line.as_bytes())),
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
            let needed = if is_read { crate::body::value_room(line.as_bytes()) } else { 0 };
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

#[test]
fn very_many_scopes_with_nothing_in_them_are_gone_through_in_time() {
    // Of a resource that is as large as it is kept: to copy it for each of them would take an hour.
    let mut attributes = Vec::new();
    for n in 0..12_000 {
        let mut pair = Vec::new();
        wire::put_bytes(&mut pair, 1, format!("{n:05}").as_bytes());
        wire::put_bytes(&mut attributes, 1, &pair);
    }
    let (mut logs, mut body) = (Vec::new(), Vec::new());
    wire::put_bytes(&mut logs, 1, &attributes);
    logs.extend(b"\x12\x00".repeat(500_000));
    wire::put_bytes(&mut body, 1, &logs);
    assert!(seen(|c, s| Otlp { is_json: false }.decode(&body, c, s)).drafts.is_empty());
    let attribute = |n: usize| json!({"key": format!("{n:05}")});
    let resource = json!({"attributes": (0..12_000).map(attribute).collect::<Vec<_>>()});
    let scopes = [r#"{"scope":{}}"#; 200_000].join(",");
    let body = format!(r#"{{"resourceLogs":[{{"resource":{resource},"scopeLogs":[{scopes}]}}]}}"#);
    assert!(seen(|c, s| Otlp { is_json: true }.decode(body.as_bytes(), c, s)).drafts.is_empty());
}

#[test]
fn an_object_takes_room_for_a_node_and_very_many_are_kept_as_text() {
    let objects = |n: usize| format!(r#"{{"msg":"m","a":[{}]}}"#, [r#"{"":0}"#; 1].repeat(n).join(","));
    let (few, many) = (objects(10_000), objects(250_000));
    let of_few = generic(few.as_bytes());
    assert!(of_few.drafts[0].message == "m" && of_few.passed > 10_000 * 640, "{}", of_few.passed);
    let of_many = generic(many.as_bytes());
    assert!(many.len() < RECORD && of_many.drafts[0].message != "m" && of_many.passed < RECORD, "{}", of_many.passed);
    // [{"": null}, …] in a map of MessagePack.
    let packed = [&b"\x81\xa1a\xdd\x00\x04\x00\x00"[..], &b"\x81\xa0\xc0".repeat(1 << 18)].concat();
    let of_packed = generic(&packed);
    assert!(packed.len() < RECORD && metadata(&of_packed.drafts[0])["parse_error"].is_string());
    assert!(of_packed.passed < RECORD, "{}", of_packed.passed);
}

#[test]
fn a_form_is_taken_apart_within_limits_and_only_where_it_is_said_to_be_one() {
    let pairs = "a=&".repeat(400_000) + "a=b";
    let form = |body: &str| {
        let form = Generic { is_form: true, is_msgpack: false };
        seen(|c, s| form.decode(body.as_bytes(), c, s).map_err(Stop::Full))
    };
    assert!(form(&pairs).passed > 400_000 * 64, "room is asked for");
    assert!(generic(pairs.as_bytes()).passed <= 4 * pairs.len(), "nobody says that it is a form");
    let large = pairs.repeat(2);
    assert_eq!(form(&large).drafts[0].message.len(), large.len());
    assert_eq!(form("msg=paid&level=error").drafts[0].message, "paid");
}

#[test]
fn what_says_that_it_is_messagepack_and_is_json_is_json() {
    let says = Generic { is_form: false, is_msgpack: true };
    for body in [&br#" {"level":"error","message":"x"}"#[..], br#"[{"level":"error","message":"x"}]"#] {
        let seen = seen(|c, s| says.decode(body, c, s).map_err(Stop::Full));
        let [draft] = &seen.drafts[..] else { panic!("{seen:?}") };
        assert_eq!((draft.level, draft.message.as_str()), (Level::Error, "x"));
    }
}

#[test]
fn of_messagepack_only_the_marks_of_a_group_are_skipped() {
    for (time, count) in [(&b"\xff"[..], 0), (b"\xfe", 0), (b"\xfd", 1), (b"\xcb\xbf\xe0\0\0\0\0\0\0", 1)] {
        let seen = generic(&[b"\x92", time, b"\x81\xa3msg\xa1a"].concat());
        assert_eq!(seen.drafts.len(), count, "{time:x?}");
        assert!(seen.drafts.iter().all(|draft| metadata(draft)["time_raw"].is_number()), "{seen:?}");
    }
    let lossy = generic(b"\x81\xa3msg\xa4caf\xe9");
    assert_eq!(metadata(&lossy.drafts[0]), json!({"encoding": "lossy"}));
}

#[test]
fn names_that_meet_both_stay() {
    let line = json!({"message": "m", "labels": {"order": "7"}}).to_string();
    let stream = json!({"streams": [{"stream": {"app": "x"}, "values": [["1700000000000000000", line]]}]}).to_string();
    let loki = seen(|c, s| Loki { is_json: true }.decode(stream.as_bytes(), c, s));
    let of_loki = metadata(&loki.drafts[0]);
    assert_eq!((&of_loki["labels"], &of_loki["labels_raw"]), (&json!({"app": "x"}), &json!({"order": "7"})));
    let event = br#"{"index":"main","event":{"message":"m","index":5}}"#;
    let of_hec = metadata(&seen(|c, s| Hec::default().decode(event, c, s)).drafts[0]);
    assert_eq!(of_hec, json!({"index": "main", "index_raw": 5}));
    let attributes = json!([{"key": "resource", "value": {"stringValue": "own"}}]);
    let resource = json!({"attributes": [{"key": "k", "value": {"stringValue": "v"}}]});
    let logs = json!([{"resource": resource, "scopeLogs": [{"logRecords": [{"attributes": attributes}]}]}]);
    let body = json!({"resourceLogs": logs}).to_string();
    let of_otlp = metadata(&seen(|c, s| Otlp { is_json: true }.decode(body.as_bytes(), c, s)).drafts[0]);
    assert_eq!(of_otlp, json!({"resource": {"k": "v"}, "resource_raw": "own"}));
    let both = metadata(&generic(br#"{"msg":"m","metadata":{"user":"a"},"user":"b"}"#).drafts[0]);
    assert_eq!(both, json!({"user": "a", "user_raw": "b"}));
    let levels = metadata(&generic(br#"{"msg":"m","level":"audit","severity":"odd"}"#).drafts[0]);
    assert_eq!(levels, json!({"level_raw": "audit", "severity": "odd"}));
}

#[test]
fn nothing_of_cloudwatch_is_skipped() {
    let large = json!({"id": "1", "timestamp": 1, "message": "x".repeat(RECORD + 1)});
    let batch = json!({"messageType": "DATA_MESSAGE", "logEvents": [large, "odd", {"message": "m"}]}).to_string();
    let body = json!({"records": [{"data": base64(batch)}]}).to_string();
    let seen = seen(|c, s| Firehose::default().decode(body.as_bytes(), c, s));
    let [large, odd, plain] = &seen.drafts[..] else { panic!("{} drafts", seen.drafts.len()) };
    assert!(large.message.starts_with("{\"") && large.message.len() > EVENT / 2, "{}", large.message.len());
    assert_eq!((odd.message.as_str(), plain.message.as_str()), ("\"odd\"", "m"));
}

#[test]
fn ids_are_numbers_too_and_cursors_may_be_long() {
    let bulk = b"{\"create\":{\"_index\":\"logs\",\"_id\":1}}\n{\"message\":\"a\"}\n";
    assert_eq!(seen(|c, s| Bulk::default().decode(bulk, c, s)).drafts[0].id.as_ref().unwrap().as_str(), "1@logs");
    let id = |cursor: &str| {
        let entry = format!("__CURSOR={cursor}\nMESSAGE=m\n\n");
        seen(|c, s| journal::decode(entry.as_bytes(), c, s)).drafts.remove(0).id.unwrap()
    };
    let cursor = format!("s={0};i=1000000;b={0};m=100000000000;t=6599efd2c9c40;x=5a34c2b3f1e2d9aa", "f".repeat(32));
    assert!(cursor.len() > 128 && id(&cursor) == id(&cursor) && id(&cursor) != id(&cursor.replace("s=f", "s=e")));
    assert_eq!(id("s=1;i=1").as_str(), "s=1;i=1");
}

#[test]
fn values_of_otlp_are_read_whatever_stands_beside_them_and_however_deep_they_are() {
    let of = |value: Value| {
        let logs = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": value}]}]}]}).to_string();
        seen(|c, s| Otlp { is_json: true }.decode(logs.as_bytes(), c, s)).drafts.remove(0).message
    };
    assert_eq!(of(json!({"x": 1, "stringValue": "hello"})), "hello");
    assert_eq!(of(json!({"stringValue": null, "intValue": "5"})), "5");
    // Nested lists, each with one value, beside a record that is not.
    let deep = (0..100).fold(Vec::new(), |inner: Vec<u8>, _| {
        let (mut list, mut any) = (Vec::new(), Vec::new());
        wire::put_bytes(&mut list, 1, &inner);
        wire::put_bytes(&mut any, 5, &list);
        any
    });
    let (mut scope, mut resource, mut body) = (Vec::new(), Vec::new(), Vec::new());
    for value in [&deep[..], b"\x0a\x01m"] {
        let mut record = Vec::new();
        wire::put_bytes(&mut record, 5, value);
        wire::put_bytes(&mut scope, 2, &record);
    }
    wire::put_bytes(&mut resource, 2, &scope);
    wire::put_bytes(&mut body, 1, &resource);
    let seen = seen(|c, s| Otlp { is_json: false }.decode(&body, c, s));
    assert_eq!((seen.drafts.len(), seen.drafts[1].message.as_str()), (2, "m"));
}

#[test]
fn headers_of_cloudevents_are_unquoted_and_decoded_once() {
    for (value, read) in [
        (&b"tx 1"[..], "tx 1"),
        (b"\"tx 1\"", "tx 1"),
        (br#""a \"b\" \\ c""#, r#"a "b" \ c"#),
        (b"100%+a", "100%+a"),
        (b"%C3%A9%2541", "é%41"),
        (b"\"", "\""),
    ] {
        assert_eq!(cloudevents::attribute("ce-subject", value), Some(("subject".into(), read.into())), "{value:?}");
    }
}

#[test]
fn a_line_that_is_no_json_among_lines_that_are_is_noted() {
    let seen = generic(b"{\"message\":\"a\"}\noops\n\"text\"\n{\"message\":\"c\"}");
    let messages: Vec<&str> = seen.drafts.iter().map(|draft| draft.message.as_str()).collect();
    assert_eq!(messages, ["a", "oops", "text", "c"]);
    let is_noted = |draft: &Draft| metadata(draft)["parse_error"].is_string();
    assert_eq!(seen.drafts.iter().map(is_noted).collect::<Vec<_>>(), [false, true, false, false]);
    assert!(!generic(b"[WARN] slow\n[12:01] late").drafts.iter().any(is_noted), "a log of text");
}
