//! Finding the subscriptions of one event: the index against asking each subscription in turn.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{hint::black_box, sync::Arc};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use loghorn_domain::{
    Draft, EndpointNo, Event, Seq, Subscription, SubscriptionId, Timestamp,
    event::Limits,
    filter::Filter,
    matcher::{Compiled, Matcher},
    secret::Secret,
    subscription::Spec,
};

/// Nine of ten name their type exactly; a tenth has wildcards; half narrow by source or level.
fn subscription(n: u32) -> Arc<Compiled> {
    let events = match n % 10 {
        9 => format!("shop{}.**", n % 100),
        _ => format!("shop{}.order.failed", n % 1000),
    };
    let filters = match n % 4 {
        0 => serde_json::json!({"source": format!("service-{}", n % 50)}),
        1 => serde_json::json!({"min_level": "ERROR"}),
        _ => serde_json::json!({}),
    };
    let json = serde_json::json!({"name": "n", "url": "https://example.com/", "events": [events], "filters": filters});
    let spec = Spec::from_json(json).unwrap();
    let at = Timestamp::from_millis(0);
    let endpoint = EndpointNo(n);
    let filter = Filter::compile(spec.filters.clone()).unwrap();
    let subscription = Subscription {
        id: SubscriptionId::new(at, endpoint),
        endpoint,
        spec,
        secret: Secret::generated([1; 32]),
        paused: false,
        disabled_reason: None,
        since: Seq(0),
        version: 1,
        created_at: at,
        updated_at: at,
        deleted_at: None,
    };
    Arc::new(Compiled { subscription: Arc::new(subscription), filter })
}

fn event() -> Event {
    let json = br#"{"level":"ERROR","event_type":"shop7.order.failed","source":"service-7","message":"x"}"#;
    let new = Draft::from_json(json).unwrap().seal(Timestamp::from_millis(0), Limits::default()).unwrap();
    Event::new(Seq(1), "e".parse().unwrap(), new.head, new.tail)
}

fn matching(criterion: &mut Criterion) {
    let event = event();
    let mut group = criterion.benchmark_group("match one event");
    for n in [1_000, 10_000] {
        let all: Vec<_> = (0..n).map(subscription).collect();
        let matcher = Matcher::new(all.clone());
        group.bench_function(BenchmarkId::new("ceiling: asking each", n), |bench| {
            bench.iter(|| all.iter().filter(|compiled| compiled.matches(black_box(&event))).count());
        });
        group.bench_function(BenchmarkId::new("index", n), |bench| {
            bench.iter(|| matcher.endpoints(black_box(&event)));
        });
    }
    group.finish();
}

criterion_group!(benches, matching);
criterion_main!(benches);
