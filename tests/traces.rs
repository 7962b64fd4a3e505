//! Attempts in distributed traces, as a collector is told of them.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest, common::v1::any_value::Value as Any, trace::v1::Span,
};
use prost::Message;
use serde_json::{Value, json};
use support::{Loghorn, Mood, Receiver, until};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

/// Everything that the collector was sent, resources apart.
fn spans(collector: &Receiver) -> Vec<Span> {
    let requests = collector.arrived().into_iter().map(|sent| {
        assert_eq!(sent.headers["content-type"], "application/x-protobuf");
        ExportTraceServiceRequest::decode(&sent.body[..]).unwrap()
    });
    let resources = requests.flat_map(|request| request.resource_spans).inspect(|of| {
        let attributes = &of.resource.as_ref().unwrap().attributes;
        assert!(attributes.iter().any(|one| one.key == "service.name"), "{attributes:?}");
    });
    resources.flat_map(|of| of.scope_spans).flat_map(|of| of.spans).collect()
}

fn attributes(span: &Span) -> BTreeMap<String, Value> {
    let value = |value: &Any| match value {
        Any::StringValue(text) => json!(text),
        Any::IntValue(number) => json!(number),
        other => panic!("{other:?}"),
    };
    let pairs = span.attributes.iter();
    pairs.map(|one| (one.key.clone(), value(one.value.as_ref().unwrap().value.as_ref().unwrap()))).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn traced(flags: &str) -> Value {
    json!({"level": "ERROR", "metadata": {"traceparent": format!("00-{TRACE}-{PARENT}-{flags}")}})
}

async fn start(collector: &str) -> Loghorn {
    let endpoint = format!("traces.otlp_endpoint={collector}");
    let env = [("OTEL_BSP_SCHEDULE_DELAY", "200"), ("OTEL_EXPORTER_OTLP_HEADERS", "x-collector-key=hush-Zc4vT8")];
    Loghorn::start_with(&["--set", &endpoint], &env).await
}

#[actix_rt::test]
async fn every_attempt_of_a_kept_trace_is_a_span_below_its_event_s() {
    let collector = Receiver::start(Mood::Answer(200, ""));
    let receiver = Receiver::start(Mood::Answer(503, ""));
    let server = start(collector.url().trim_end_matches('/')).await;
    let spec = json!({"name": "gw", "url": format!("{}hooks/very-secret-path", receiver.url())});
    let (id, _) = server.subscribe("", spec).await;
    // Nobody keeps the second, and the third belongs to none.
    for event in [traced("01"), traced("00"), json!({"level": "ERROR"})] {
        assert_eq!(server.post("/api/v1/events", &event).await.0, 202);
    }
    until("all of them failed", 10, || async { receiver.count() >= 3 }).await;
    receiver.set(Mood::Answer(200, ""));
    until("the attempts are told of", 20, || async {
        spans(&collector).iter().any(|span| attributes(span).get("http.response.status_code") == Some(&json!(200)))
    })
    .await;
    let spans = spans(&collector);
    assert!(spans.len() >= 2);
    for (n, span) in spans.iter().enumerate() {
        assert_eq!((hex(&span.trace_id), hex(&span.parent_span_id)), (TRACE.to_owned(), PARENT.to_owned()));
        assert_eq!((span.name.as_str(), span.kind), ("POST", 3));
        assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
        let attributes = attributes(span);
        assert_eq!(attributes["loghorn.subscription"], "gw");
        assert_eq!(
            (&attributes["server.address"], &attributes["server.port"]),
            (&json!("127.0.0.1"), &json!(receiver.addr.port()))
        );
        let is_last = n == spans.len() - 1;
        let (code, error) = if is_last { (200, None) } else { (503, Some(&json!("http_5xx"))) };
        assert_eq!((&attributes["http.response.status_code"], attributes.get("error.type")), (&json!(code), error));
        assert_eq!(attributes.get("http.request.resend_count").cloned(), (n > 0).then(|| json!(n)));
        assert_eq!(span.status.as_ref().map_or(0, |status| status.code), if is_last { 0 } else { 2 });
        assert!(!format!("{span:?}").contains("very-secret-path"));
    }
    // Each is another span, and names the delivery.
    let ids: std::collections::BTreeSet<&Vec<u8>> = spans.iter().map(|span| &span.span_id).collect();
    assert_eq!(ids.len(), spans.len());
    let delivery = server
        .get(&format!("/api/v1/deliveries/{}", attributes(&spans[0])["loghorn.delivery"].as_str().unwrap()))
        .await;
    assert_eq!(delivery["subscription_id"], *id);
    // The key of the collector goes there and nowhere else.
    assert_eq!(collector.arrived()[0].headers["x-collector-key"], "hush-Zc4vT8");
    assert_eq!(
        (server.said("hush-Zc4vT8"), server.get("/api/v1/config").await.to_string().contains("hush")),
        (0, false)
    );
}

#[actix_rt::test]
async fn a_collector_that_is_away_holds_nothing_up_and_a_stop_sends_the_rest() {
    let receiver = Receiver::start(Mood::Answer(200, ""));
    let mut server = start("http://127.0.0.1:9").await;
    server.subscribe(&receiver.url(), json!({})).await;
    for _ in 0..50 {
        assert_eq!(server.post("/api/v1/events", &traced("01")).await.0, 202);
    }
    until("they arrive all the same", 10, || async { receiver.count() == 50 }).await;
    assert_eq!(server.terminate(), Some(0));
    // What was not sent yet is sent at the end.
    let collector = Receiver::start(Mood::Answer(200, ""));
    let endpoint = format!("traces.otlp_endpoint={}", collector.url().trim_end_matches('/'));
    let env = [("OTEL_BSP_SCHEDULE_DELAY", "600000")];
    let mut server = Loghorn::start_with(&["--set", &endpoint], &env).await;
    server.subscribe(&receiver.url(), json!({})).await;
    assert_eq!(server.post("/api/v1/events", &traced("01")).await.0, 202);
    until("it arrives", 10, || async { receiver.count() == 51 }).await;
    assert_eq!((collector.count(), server.terminate()), (0, Some(0)));
    assert_eq!(spans(&collector).len(), 1);
}

#[actix_rt::test]
async fn an_address_with_a_password_in_it_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["--set", "traces.otlp_endpoint=http://me:hush-Yb2@127.0.0.1:4318"];
    let said = Loghorn::try_start(&[], &folder.path().join("data"), &args, &[]).await.err().unwrap();
    assert!(said.contains("traces.otlp_endpoint") && said.contains("expected a URL"), "{said}");
}
