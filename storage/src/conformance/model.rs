//! Random lives: the durable engine, closed and opened again at random moments, against the model engine.

use std::{
    fmt::{Debug, Write},
    path::Path,
};

use proptest::prelude::*;

use super::*;

const ENDPOINTS: [EndpointNo; 3] = [A, B, EndpointNo(u32::MAX)];

#[derive(Debug, Clone)]
enum Step {
    /// Own id (of few) and seconds that have passed, for each event.
    Append(Vec<(Option<u8>, i64)>),
    /// For each event that the router passes: bits for where it goes, bits for where it would go, and where from.
    /// Then endpoint, place between the cursors and version, for each change of a subscription.
    Enqueue(Vec<(u8, u8, Origin)>, Vec<(usize, u64, u32)>),
    /// All matches so far once more, with a cursor so far from the true one.
    EnqueueAgain(i64),
    /// Endpoint, place in its queue and verdict, for each settlement.
    Settle(Vec<(usize, usize, u8)>),
    SettleAgain,
    /// Endpoint and seq.
    Replay(Vec<(usize, u64)>),
    /// The same.
    Discard(Vec<(usize, u64)>),
    /// Endpoint and seqs.
    Backfill(usize, bool, Vec<u64>),
    Purge(usize),
    /// Ages in seconds.
    Trim(i64, i64),
    Fence,
    /// Key, whether the revision is right, whether it is deleted.
    Change(u8, bool, bool),
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let own = prop_oneof![2 => Just(None), 1 => (0u8..5).prop_map(Some)];
    let origin = prop_oneof![4 => Just(Origin::Live), 1 => Just(Origin::Test)];
    let shadows = prop_oneof![2 => Just(0u8), 1 => 0u8..8];
    let versions = prop::collection::vec((0..3usize, 0u64..6, 0u32..4), 0..3);
    let step = prop_oneof![
        6 => prop::collection::vec((own, 0i64..20), 0..5).prop_map(Step::Append),
        6 => (prop::collection::vec((0u8..8, shadows, origin), 1..5), versions)
            .prop_map(|(matches, versions)| Step::Enqueue(matches, versions)),
        1 => (-2i64..2).prop_map(Step::EnqueueAgain),
        8 => prop::collection::vec((0..3usize, 0..3usize, 0u8..3), 1..6).prop_map(Step::Settle),
        2 => Just(Step::SettleAgain),
        3 => prop::collection::vec((0..3usize, 0u64..30), 1..9).prop_map(Step::Replay),
        2 => prop::collection::vec((0..3usize, 0u64..30), 1..9).prop_map(Step::Discard),
        3 => (0..3usize, any::<bool>(), prop::collection::vec(0u64..30, 1..9))
            .prop_map(|(to, with_others, seqs)| Step::Backfill(to, with_others, seqs)),
        1 => (0..3usize).prop_map(Step::Purge),
        3 => (0i64..40, 0i64..150).prop_map(|(events, deliveries)| Step::Trim(events, deliveries)),
        1 => Just(Step::Fence),
        1 => (0u8..3, any::<bool>(), any::<bool>()).prop_map(|(key, right, delete)| Step::Change(key, right, delete)),
        2 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..40)
}

/// What the steps refer to; the same for both engines.
#[derive(Default)]
struct Life {
    now_ms: i64,
    fence: Option<Fence>,
    enqueued: Vec<Matched>,
    deciding: Vec<Deciding>,
    settled: Vec<Settlement>,
}

/// Does `step` on one store; returns all that it answered.
async fn act(store: &Store, life: &mut Life, step: &Step) -> String {
    let fence = life.fence.unwrap_or(Fence(0));
    let now = at(life.now_ms);
    match step {
        Step::Append(events) => {
            let mut batch = Vec::new();
            for (own, seconds) in events {
                life.now_ms += seconds * 1000;
                batch.push(event(life.now_ms, own.map(|own| format!("own-{own}")).as_deref()));
            }
            text(store.log.append(batch).await)
        }
        Step::Enqueue(matches, versions) => {
            let passed = store.queue.cursor().await.unwrap();
            let events = store.log.read(passed, matches.len(), usize::MAX).await.unwrap();
            let endpoints = |bits: u8| (0..3).filter(|n| bits & (1 << n) != 0).map(|n| ENDPOINTS[n]).collect();
            let matched = events.iter().zip(matches).map(|(event, (bits, shadows, origin))| Matched {
                seq: event.seq,
                received_at: event.head.received_at,
                endpoints: endpoints(*bits),
                origin: *origin,
                shadows: endpoints(shadows & !bits),
            });
            let matched: Vec<_> = matched.collect();
            life.enqueued.extend(matched.clone());
            life.deciding = versions
                .iter()
                .map(|(n, place, version)| Deciding {
                    endpoint: ENDPOINTS[*n],
                    after: Seq(passed.0 + place),
                    version: *version,
                })
                .collect();
            let cursor = events.last().map_or(passed, |event| event.seq);
            text(store.queue.enqueue(fence, matched, life.deciding.clone(), cursor).await)
        }
        Step::EnqueueAgain(shift) => {
            let cursor = Seq(store.queue.cursor().await.unwrap().0.saturating_add_signed(*shift));
            text(store.queue.enqueue(fence, life.enqueued.clone(), life.deciding.clone(), cursor).await)
        }
        Step::Settle(verdicts) => {
            life.settled.clear();
            for (endpoint, place, verdict) in verdicts {
                let head = store.queue.head(ENDPOINTS[*endpoint], Seq(0), place + 1).await.unwrap();
                let verdict = [Verdict::Delivered, retry(), dead()][usize::from(*verdict)];
                let entry = head.entries.get(*place).map(|queued| queued.entry);
                life.settled.extend(entry.map(|entry| settlement(ENDPOINTS[*endpoint], entry, verdict)));
            }
            text(store.queue.settle(fence, life.settled.clone()).await)
        }
        Step::SettleAgain => text(store.queue.settle(fence, life.settled.clone()).await),
        Step::Replay(deliveries) => {
            let deliveries = deliveries.iter().map(|(endpoint, seq)| (ENDPOINTS[*endpoint], Seq(*seq))).collect();
            text(store.queue.replay(fence, deliveries, now).await)
        }
        Step::Discard(deliveries) => {
            let deliveries = deliveries.iter().map(|(endpoint, seq)| (ENDPOINTS[*endpoint], Seq(*seq))).collect();
            text(store.queue.discard(fence, deliveries, now).await)
        }
        Step::Backfill(endpoint, with_others, seqs) => {
            let mut events = Vec::new();
            for seq in seqs {
                let event = store.log.get(Seq(*seq)).await.unwrap();
                events.push((Seq(*seq), event.map_or_else(|| at(0), |event| event.head.received_at)));
            }
            let others = if *with_others { ENDPOINTS.to_vec() } else { vec![] };
            text(store.queue.backfill(fence, ENDPOINTS[*endpoint], others, events, now).await)
        }
        Step::Purge(endpoint) => text(store.queue.purge(fence, ENDPOINTS[*endpoint], now).await),
        Step::Trim(events, deliveries) => {
            let before = |seconds: i64| at(life.now_ms - seconds * 1000);
            text(store.log.trim(before(*events), before(*deliveries)).await)
        }
        Step::Fence => {
            let fence = store.queue.fence().await;
            life.fence = fence.clone().ok();
            text(fence)
        }
        Step::Change(key, is_right, is_deleted) => change(store, format!("key/{key}"), *is_right, *is_deleted).await,
        Step::Reopen => String::new(),
    }
}

async fn change(store: &Store, key: String, is_right: bool, is_deleted: bool) -> String {
    let revision = store.catalog.get(key.clone()).await.unwrap().map(|record| record.revision);
    let expected = if is_right { revision } else { Some(Revision(77)) };
    match expected.filter(|_| is_deleted) {
        Some(expected) => text(store.catalog.delete_if(key, expected).await),
        None => text(store.catalog.put_if(key, expected, "value".into()).await),
    }
}

fn text(answer: impl Debug) -> String {
    format!("{answer:?}")
}

/// All that can be seen of a store.
async fn observe(store: &Store) -> String {
    let mut seen = String::new();
    let mut see = |answer: &dyn Debug| writeln!(seen, "{answer:?}").unwrap();
    see(&store.log.bounds());
    see(&*store.log.tail().borrow());
    let events = store.log.read(Seq(0), 1000, usize::MAX).await.unwrap();
    assert!(seqs(&store.reads.scan(Seq(0), 1000, usize::MAX).await.unwrap()).iter().eq(&seqs(&events)));
    for event in &events {
        see(&(event.seq, &event.id, &event.head, event.tail()));
    }
    for own in 0..5 {
        let found = store.log.find(format!("own-{own}").parse().unwrap()).await.unwrap();
        see(&found.map(|event| event.seq));
    }
    let listed = store.reads.events(EventQuery { limit: 1000, ..EventQuery::default() }).await.unwrap();
    assert!(seqs(&listed.items).iter().rev().eq(&seqs(&events)));
    see(&store.queue.cursor().await.unwrap());
    see(&store.queue.waiting().await.unwrap());
    for endpoint in ENDPOINTS {
        for after in [0, 4, 11] {
            let head = store.queue.head(endpoint, Seq(after), 1000).await.unwrap();
            let entries: Vec<_> = head.entries.iter().map(|queued| (queued.entry, queued.event.is_some())).collect();
            assert!(entries.iter().all(|(_, has_event)| *has_event));
            see(&(entries, head.is_end));
        }
    }
    see(&store.queue.deciding().await.unwrap());
    for endpoint in ENDPOINTS {
        for seq in 0..40 {
            see(&store.queue.decided_by(endpoint, Seq(seq)).await.unwrap());
        }
        let shadowed = store.reads.shadowed(endpoint, None, 1000).await.unwrap();
        see(&(seqs(&shadowed.items), shadowed.next, store.queue.counters_of(endpoint)));
    }
    see(&store.queue.counters());
    let ledger = store.reads.ledger().await.unwrap();
    assert!(ledger.iter().all(|line| line.imbalance() == 0), "{ledger:?}");
    see(&ledger);
    for status in Status::ALL.map(|status| vec![status]).into_iter().chain([vec![]]) {
        for endpoints in [&[][..], &[A], &ENDPOINTS[..2]] {
            let endpoints = endpoints.iter().copied().collect();
            let query = DeliveryQuery { limit: 1000, status: status.clone(), endpoints, ..DeliveryQuery::default() };
            let page = store.reads.deliveries(query).await.unwrap();
            see(&page);
            for record in page.items.iter().filter(|_| status.is_empty()) {
                see(&store.reads.delivery(record.endpoint, record.seq).await.unwrap());
            }
        }
    }
    see(&store.catalog.list(String::new()).await.unwrap());
    seen
}

async fn live(steps: Vec<Step>, path: &Path, tail_bytes_max: usize) {
    let open = || open_rocks(rocks::Options { tail_bytes_max, ..options(path) });
    let model = memory::open(LOG_NUMBER, DEDUPE);
    let mut durable = open();
    let (mut model_life, mut durable_life) = (Life::default(), Life::default());
    for step in &steps {
        if matches!(step, Step::Reopen) {
            drop(durable);
            durable = open();
        }
        let expected = act(&model, &mut model_life, step).await;
        assert_eq!(act(&durable, &mut durable_life, step).await, expected, "{step:?}");
        assert_eq!(observe(&durable).await, observe(&model).await, "after {step:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_durable_engine_answers_as_the_model_does(steps in steps(), has_tail: bool) {
        let dir = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let tail_bytes_max = if has_tail { 1 << 20 } else { 600 };
        runtime.block_on(live(steps, &dir.path().join("store"), tail_bytes_max));
    }
}
