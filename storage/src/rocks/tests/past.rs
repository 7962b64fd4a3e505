//! What concerns events that the router has passed long ago: versions on record, shadows, backfills, scans.

use super::{living::queue_many, router::Added, *};
use crate::{Counters, Deciding, Matched};

fn deciding(after: u64, version: u32) -> Vec<Deciding> {
    vec![Deciding { endpoint: A, after: Seq(after), version }]
}

#[tokio::test]
async fn a_store_that_knew_no_versions_opens() {
    let place = Place::new();
    let bench = place.bench().await;
    bench.append(1, 3).await;
    bench.enqueue(1, &[A]).await;
    drop(bench);
    let mut raw = place.raw();
    raw.drop_family(Cf::Versions);
    drop(raw);
    let bench = place.bench().await;
    assert_eq!(bench.store.queue.decided_by(A, Seq(1)).await.unwrap(), None);
    bench.store.queue.enqueue(bench.fence, Vec::new(), deciding(1, 4), Seq(3)).await.unwrap();
    drop(bench);
    let store = place.open().unwrap();
    assert_eq!(store.queue.decided_by(A, Seq(3)).await.unwrap(), Some(4));
    assert!(balances(&store).await);
}

#[tokio::test]
async fn a_killed_process_loses_no_version_no_shadow_and_no_backfill() {
    let place = Place::new();
    let bench = place.bench().await;
    bench.append(1, 4).await;
    let queue = &bench.store.queue;
    let shadow = Matched { shadows: vec![A], ..bench.matched(2, &[B]).await };
    queue.enqueue(bench.fence, vec![shadow], deciding(0, 1), Seq(3)).await.unwrap();
    queue.enqueue(bench.fence, Vec::new(), deciding(3, 2), Seq(4)).await.unwrap();
    // The queue is known to be empty before the end.
    assert!(bench.head(A).await.is_empty());
    let events = || vec![(Seq(1), at(1000)), (Seq(2), at(2000))];
    assert_eq!(queue.backfill(bench.fence, A, vec![], events(), at(9)).await.unwrap(), 2);
    let copy = place.copy();
    let survivor = copy.bench().await;
    let queue = &survivor.store.queue;
    assert_eq!(queue.deciding().await.unwrap(), BTreeMap::from([(A, 2)]));
    assert_eq!(queue.decided_by(A, Seq(3)).await.unwrap(), Some(1));
    assert_eq!(queue.decided_by(A, Seq(4)).await.unwrap(), Some(2));
    assert_eq!(seqs(&survivor.store.reads.shadowed(A, None, 9).await.unwrap().items), [2]);
    assert_eq!(survivor.head(A).await.len(), 2);
    // Whoever did not hear of it asks again.
    assert_eq!(queue.backfill(survivor.fence, A, vec![], events(), at(9)).await.unwrap(), 0);
    let expected = Counters { matched: 2, waiting: 2, shadowed: 1, ..Counters::default() };
    assert_eq!(survivor.counters(A).await, expected);
}

#[tokio::test]
async fn what_a_failed_write_counted_is_taken_back() {
    let place = Place::new();
    let (store, engine) = place.parts(Arc::new(StillClock));
    let mut batch = engine.core.db.batch();
    let added = Added { matched: BTreeMap::from([(A, 3)]), shadowed: BTreeMap::from([(A, 1), (B, 2)]) };
    added.count(&engine.core, &mut batch);
    let counted = Counters { matched: 3, waiting: 3, shadowed: 1, ..Counters::default() };
    assert_eq!(store.queue.counters_of(A), counted);
    added.uncount(&engine.core);
    assert_eq!((store.queue.counters_of(A), store.queue.counters_of(B)), Default::default());
}

#[tokio::test]
async fn compaction_keeps_the_attempts_of_what_was_made_behind_retention() {
    let place = Place::new();
    let (store, engine) = place.parts(Arc::new(StillClock));
    let bench = Bench::of(store.clone()).await;
    bench.append(1, 4).await;
    for seq in 1..=4 {
        bench.enqueue(seq, &[A, B]).await;
        bench.settle_first(A, Verdict::Delivered).await;
        bench.settle_first(B, Verdict::Delivered).await;
    }
    store.log.trim(at(0), at(4000)).await.unwrap();
    assert_eq!(store.queue.backfill(bench.fence, A, vec![], vec![(Seq(2), at(2000))], at(9)).await.unwrap(), 1);
    bench.settle_first(A, retry()).await;
    bench.settle_first(A, Verdict::Delivered).await;
    for _ in 0..2 {
        let (_, attempts) = store.reads.delivery(A, Seq(2)).await.unwrap().unwrap();
        assert_eq!(attempts.len(), 2);
        // What is left of the other's first delivery shows nowhere.
        let query = DeliveryQuery { limit: 9, status: vec![crate::Status::Delivered], ..DeliveryQuery::default() };
        assert_eq!(store.reads.deliveries(query).await.unwrap().items.len(), 3);
        engine.core.db.compact(Cf::Attempts);
    }
}

/// The store's parts without its threads, so that each step is ours.
struct Steps {
    core: Core,
    fence: Fence,
}

impl Steps {
    fn of(place: &Place) -> Self {
        let core = open::core(place.options(), Arc::new(StillClock)).unwrap();
        Self { fence: Fence(core.marks.epoch.number()), core }
    }

    async fn backfill(&self, keeper: &mut Keeper<'_>, seq: u64) -> u64 {
        let (reply, made) = promise();
        let events = vec![(Seq(seq), at(seq.cast_signed() * 1000))];
        keeper.handle(Job::Backfill { fence: self.fence, endpoint: B, others: vec![], events, now: at(9), reply });
        made.await.unwrap()
    }
}

#[tokio::test]
async fn a_backfill_between_two_steps_of_retention_is_kept() {
    let place = Place::new();
    let bench = place.bench().await;
    queue_many(&bench, 2500).await;
    let all = bench.store.queue.head(A, Seq(0), 2500).await.unwrap().entries;
    let all = all.iter().map(|queued| settlement(A, queued.entry, dead())).collect();
    bench.store.queue.settle(bench.fence, all).await.unwrap();
    drop(bench);
    let steps = Steps::of(&place);
    let mut keeper = Keeper::new(&steps.core);
    let (reply, trimmed) = promise();
    keeper.handle(Job::Trim { events: at(i64::MAX), deliveries: at(i64::MAX), reply });
    keeper.step();
    assert_eq!(steps.backfill(&mut keeper, 7).await, 1);
    for _ in 0..3 {
        keeper.step();
    }
    assert_eq!(trimmed.await.unwrap().first, Seq(7));
    drop(keeper);
    drop(steps);
    let bench = place.bench().await;
    let counters = bench.counters(A).await;
    assert_eq!((counters.expired, counters.dead), (2500, 0));
    assert_eq!(bench.head(B).await.len(), 1);
    bench.settle_first(B, Verdict::Delivered).await;
    let page = DeliveryQuery { limit: 9, status: vec![crate::Status::Delivered], ..DeliveryQuery::default() };
    assert_eq!(bench.store.reads.deliveries(page).await.unwrap().items.len(), 1);
    assert_eq!(bench.store.log.trim(at(i64::MAX), at(i64::MAX)).await.unwrap().first, Seq(2501));
}

#[tokio::test]
async fn a_backfill_between_two_steps_of_a_purge_is_purged_with_the_rest() {
    let place = Place::new();
    let bench = place.bench().await;
    bench.append(1, 2500).await;
    let mut matches = Vec::new();
    for seq in 101..=2500 {
        matches.push(bench.matched(seq, &[B]).await);
    }
    bench.store.queue.enqueue(bench.fence, matches, Vec::new(), Seq(2500)).await.unwrap();
    drop(bench);
    let steps = Steps::of(&place);
    let mut keeper = Keeper::new(&steps.core);
    let (reply, purged) = promise();
    keeper.handle(Job::Purge { fence: steps.fence, endpoint: B, now: at(9), reply });
    keeper.step();
    assert_eq!(steps.backfill(&mut keeper, 7).await, 1);
    for _ in 0..4 {
        keeper.step();
    }
    assert_eq!(purged.await.unwrap(), 2401);
    // Once it is done, a backfill waits as ever.
    assert_eq!(steps.backfill(&mut keeper, 8).await, 1);
    drop(keeper);
    drop(steps);
    let bench = place.bench().await;
    let expected = Counters { matched: 2402, cancelled: 2401, waiting: 1, ..Counters::default() };
    assert_eq!(bench.counters(B).await, expected);
}
