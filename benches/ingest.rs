//! What one event costs before it reaches the disk: reading it by the strict model, against serde_json reading the
//! same bytes; and signing its webhook.
#![allow(clippy::unwrap_used, missing_docs)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use loghorn_domain::{Draft, Timestamp, event::Limits, secret::Secret, signing::Signer};

const EVENT: &str = r#"{"level":"ERROR","event_type":"payment.processor.failure","source":"payment-service","message":"Credit card processing timeout after 30 s","metadata":{"transaction_id":"tx_12345","amount":1250.5,"currency":"EUR","card":{"brand":"visa","country":"DE"},"items":[{"sku":"A-1","n":2},{"sku":"B-7","n":1}],"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","host":"web-17"},"timestamp":"2026-11-23T18:07:49.232Z"}"#;

fn read(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("read one event");
    group.throughput(Throughput::Elements(1));
    group.bench_function("ceiling: serde_json::Value", |bench| {
        bench.iter(|| serde_json::from_str::<serde_json::Value>(black_box(EVENT)).unwrap());
    });
    group.bench_function("Draft::from_json", |bench| {
        bench.iter(|| Draft::from_json(black_box(EVENT.as_bytes())).unwrap());
    });
    let at = Timestamp::from_millis(1_700_000_000_000);
    group.bench_function("Draft::from_json and seal", |bench| {
        bench.iter(|| Draft::from_json(black_box(EVENT.as_bytes())).unwrap().seal(at, Limits::default()).unwrap());
    });
    group.finish();
}

fn sign(criterion: &mut Criterion) {
    let signer = Signer::new(&Secret::generated([7; 32]), &[]);
    let at = Timestamp::from_millis(1_700_000_000_000);
    let mut group = criterion.benchmark_group("sign one webhook");
    group.bench_function("standard", |bench| {
        bench.iter(|| signer.standard("dlv_019aa0000000000000000000000000ab", at, black_box(EVENT.as_bytes())));
    });
    group.bench_function("plain", |bench| bench.iter(|| signer.plain(black_box(EVENT.as_bytes()))));
    group.finish();
}

criterion_group!(benches, read, sign);
criterion_main!(benches);
