//! An open store: failed writes, long jobs, retention, reads, panics.

use super::*;

#[tokio::test]
async fn after_a_failed_write_nothing_is_written_and_all_can_be_read() {
    let place = Place::new();
    let (store, engine) = place.parts(Arc::new(StillClock));
    let bench = Bench::of(store.clone()).await;
    bench.append(1, 3).await;
    bench.enqueue(2, &[A]).await;
    let entry = bench.head(A).await[0];
    assert_eq!(store.reads.read_only(), None);
    engine.core.db.fail("the disk went away");
    assert_eq!(store.reads.read_only().as_deref(), Some("the disk went away"));
    let refused = |error: Error| assert!(error.to_string().contains("the disk went away"), "{error}");
    refused(store.log.append(vec![event(9, None)]).await.unwrap_err());
    refused(store.queue.enqueue(bench.fence, Vec::new(), Vec::new(), Seq(3)).await.unwrap_err());
    refused(store.queue.settle(bench.fence, vec![settlement(A, entry, retry())]).await.unwrap_err());
    refused(store.queue.replay(bench.fence, vec![(A, Seq(2))], at(9)).await.unwrap_err());
    refused(store.queue.backfill(bench.fence, A, vec![], vec![(Seq(1), at(1000))], at(9)).await.unwrap_err());
    refused(store.queue.purge(bench.fence, A, at(9)).await.unwrap_err());
    refused(store.queue.fence().await.unwrap_err());
    refused(store.log.trim(at(99), at(99)).await.unwrap_err());
    refused(store.catalog.put_if("key".into(), None, "value".into()).await.unwrap_err());
    assert_eq!(all(&store).await, [1, 2, 3]);
    assert_eq!(bench.head(A).await, [entry]);
    assert!(balances(&store).await);
}

#[tokio::test]
async fn a_nearly_full_disk_takes_no_events_but_cursors() {
    let place = Place::new();
    place.bench().await.append(1, 2).await;
    let full = Options { disk_free_min: Some(u64::MAX), ..place.options() };
    let bench = Bench::of(super::open(full, Arc::new(StillClock)).unwrap()).await;
    assert!(matches!(bench.store.log.append(vec![event(9, None)]).await, Err(Error::Full(_))));
    bench.enqueue(1, &[A]).await;
    bench.settle_first(A, Verdict::Delivered).await;
    bench.store.catalog.put_if("key".into(), None, "value".into()).await.unwrap();
    assert_eq!(bench.store.reads.read_only(), None);
}

#[tokio::test]
async fn compaction_drops_only_what_was_trimmed() {
    let place = Place::new();
    let bench = place.bench().await;
    let events = (1..=6).map(|second| event(second * 1000, Some(&format!("own-{second}"))));
    bench.store.log.append(events.collect()).await.unwrap();
    for seq in 1..=6 {
        bench.enqueue(seq, &[A]).await;
    }
    for _ in 0..5 {
        bench.settle_first(A, Verdict::Delivered).await;
    }
    bench.store.log.trim(at(4000), at(3000)).await.unwrap();
    drop(bench);
    let core = open::core(place.options(), Arc::new(StillClock)).unwrap();
    let count = |cf| {
        core.db.compact(cf);
        let mut iter = core.db.iter(cf, &[], &[0xff; 20]);
        iter.seek_to_first();
        let mut n = 0;
        while iter.valid() {
            n += 1;
            iter.next();
        }
        n
    };
    assert_eq!((count(Cf::Ids), count(Cf::Events), count(Cf::Attempts), count(Cf::Matches)), (3, 3, 3, 4));
    drop(core);
    let bench = place.bench().await;
    let (_, attempts) = bench.store.reads.delivery(A, Seq(3)).await.unwrap().unwrap();
    assert_eq!(attempts.len(), 1);
    assert_eq!(bench.store.log.find("own-4".parse().unwrap()).await.unwrap().unwrap().seq, Seq(4));
}

#[tokio::test]
async fn long_jobs_go_on_in_steps() {
    let place = Place::new();
    let bench = place.bench().await;
    bench.append(1, 3500).await;
    let mut matches = Vec::new();
    for seq in 1..=3500 {
        matches.push(bench.matched(seq, &[A, B]).await);
    }
    bench.store.queue.enqueue(bench.fence, matches, Vec::new(), Seq(3500)).await.unwrap();
    let head = bench.store.queue.head(A, Seq(0), 2500).await.unwrap();
    let dead = head.entries.iter().map(|queued| settlement(A, queued.entry, dead())).collect();
    bench.store.queue.settle(bench.fence, dead).await.unwrap();
    let purge = bench.store.queue.purge(bench.fence, B, at(9));
    let trim = bench.store.log.trim(at(0), at(1_500_000));
    let counted = bench.store.queue.purge(bench.fence, A, at(9));
    assert_eq!(purge.await.unwrap(), 3500);
    trim.await.unwrap();
    // 1499 dead letters expired before the purge came.
    assert_eq!(counted.await.unwrap(), 3500 - 1499);
    let counters = bench.counters(A).await;
    assert_eq!((counters.matched, counters.expired, counters.cancelled), (3500, 1499, 2001));
    let page = DeliveryQuery { limit: 9999, ..DeliveryQuery::default() };
    assert_eq!(bench.store.reads.deliveries(page).await.unwrap().items.len(), 2 * 2001);
}

#[tokio::test]
async fn what_was_submitted_is_done_though_nobody_waits() {
    let place = Place::new();
    let bench = place.bench().await;
    for second in 1..=50 {
        drop(bench.store.log.append(vec![event(second * 1000, None)]));
    }
    drop(bench);
    assert_eq!(all(&place.open().unwrap()).await.len(), 50);
}

#[tokio::test]
async fn what_can_be_read_lies_before_the_end_of_the_log() {
    let place = Place::new();
    let (store, engine) = place.parts(Arc::new(StillClock));
    let held = engine.core.tail.hold();
    let appended = store.log.append(vec![event(1000, None)]);
    // Though the tail does not know it yet.
    until(|| store.log.bounds().last == Seq(1));
    drop(held);
    appended.await.unwrap();
}

#[tokio::test]
async fn a_queue_that_cannot_be_read_is_no_empty_queue() {
    let place = Place::new();
    let bench = place.bench().await;
    bench.append(1, 3).await;
    bench.enqueue(3, &[A]).await;
    drop(bench);
    let raw = place.raw();
    raw.compact(Cf::Queue);
    let [file] = &raw.files(Cf::Queue)[..] else { panic!("one file") };
    let file = place.options().path.join(file.trim_start_matches('/'));
    drop(raw);
    let mut bytes = fs::read(&file).unwrap();
    bytes[2] ^= 0x10;
    fs::write(&file, bytes).unwrap();
    let bench = place.bench().await;
    for _ in 0..2 {
        assert!(matches!(bench.store.queue.head(A, Seq(0), 9).await, Err(Error::Damaged(_))));
    }
}

#[tokio::test]
async fn a_purge_goes_on_where_it_was() {
    let place = Place::new();
    let bench = place.bench().await;
    queue_many(&bench, 2500).await;
    drop(bench);
    let core = open::core(place.options(), Arc::new(StillClock)).unwrap();
    let mut keeper = Keeper::new(&core);
    let (reply, _purged) = promise();
    keeper.handle(Job::Purge { fence: Fence(core.marks.epoch.number()), endpoint: A, now: at(9), reply });
    for passed in [1001, 2001, 2501] {
        keeper.step();
        assert_eq!(core.accounts.lock()[&A].ended.low_water, Seq(passed));
    }
}

/// Events 1 to `n`, all of them queued for A.
pub(super) async fn queue_many(bench: &Bench, n: u64) {
    bench.append(1, n.cast_signed()).await;
    let mut matches = Vec::new();
    for seq in 1..=n {
        matches.push(bench.matched(seq, &[A]).await);
    }
    bench.store.queue.enqueue(bench.fence, matches, Vec::new(), Seq(n)).await.unwrap();
}

#[tokio::test]
async fn what_dies_again_behind_retention_expires_too() {
    let place = Place::new();
    let bench = place.bench().await;
    queue_many(&bench, 2500).await;
    let all = bench.store.queue.head(A, Seq(0), 2500).await.unwrap().entries;
    let all = all.iter().map(|queued| settlement(A, queued.entry, dead())).collect();
    bench.store.queue.settle(bench.fence, all).await.unwrap();
    drop(bench);
    let core = open::core(place.options(), Arc::new(StillClock)).unwrap();
    let fence = Fence(core.marks.epoch.number());
    let mut keeper = Keeper::new(&core);
    let (reply, trimmed) = promise();
    keeper.handle(Job::Trim { events: at(i64::MAX), deliveries: at(i64::MAX), reply });
    keeper.step();
    let (reply, replayed) = promise();
    keeper.handle(Job::Replay { fence, deliveries: vec![(A, Seq(1)), (A, Seq(1500))], now: at(9), reply });
    assert_eq!(replayed.await.unwrap(), [(A, Seq(1500))]);
    keeper.step();
    let (reply, head) = promise();
    keeper.handle(Job::Head { endpoint: A, after: Seq(0), n: 9, reply });
    let settlements = vec![settlement(A, head.await.unwrap().entries[0].entry, dead())];
    let (reply, _settled) = promise();
    keeper.handle(Job::Settle { fence, settlements, reply });
    let (reply, _head) = promise();
    keeper.handle(Job::Head { endpoint: A, after: Seq(0), n: 9, reply });
    for _ in 0..3 {
        keeper.step();
    }
    assert_eq!(trimmed.await.unwrap().first, Seq(2501));
    assert_eq!(core.accounts.lock()[&A].counters().expired, 2500);
    drop(keeper);
    drop(core);
    assert!(balances(&place.open().unwrap()).await);
}

#[tokio::test]
async fn retention_keeps_what_is_queued_while_it_looks() {
    let place = Place::new();
    let (store, engine) = place.parts(Arc::new(StillClock));
    let bench = Bench::of(store.clone()).await;
    bench.append(1, 1).await;
    let core = &engine.core;
    let held = core.tail.hold();
    let trimmed = store.log.trim(at(i64::MAX), at(0));
    // It now looks at the event's age, and cannot.
    thread::sleep(Duration::from_millis(100));
    // As the router does it, but without looking at the tail.
    core.accounts.lock().entry(A).or_default().matched += 1;
    let mut batch = core.db.batch();
    batch.put(Cf::Queue, keys::queue(A, Seq(1)), []);
    core.db.write(batch, db::Durable::Soon).unwrap();
    core.marks.cursor.set(1);
    drop(held);
    assert_eq!(trimmed.await.unwrap().first, Seq(1));
}

/// A clock that ends its reader's thread.
#[derive(Default)]
struct BrokenClock(AtomicBool);

impl Clock for BrokenClock {
    fn now(&self) -> Timestamp {
        at(0)
    }

    fn monotonic(&self) -> Duration {
        assert!(!self.0.load(Ordering::Relaxed), "on purpose");
        Duration::ZERO
    }
}

#[tokio::test]
async fn a_panic_makes_the_store_read_only_and_says_so() {
    let place = Place::new();
    let clock = Arc::new(BrokenClock::default());
    let (store, _engine) = place.parts(clock.clone());
    let bench = Bench::of(store.clone()).await;
    bench.append(1, 1).await;
    clock.0.store(true, Ordering::Relaxed);
    assert!(store.log.append(vec![event(9, None)]).await.is_err());
    until(|| store.reads.read_only().is_some_and(|reason| reason.contains("log-writer panicked")));
    assert!(matches!(store.log.append(vec![event(9, None)]).await, Err(Error::ReadOnly(_))));
    assert!(matches!(store.queue.enqueue(bench.fence, Vec::new(), Vec::new(), Seq(1)).await, Err(Error::ReadOnly(_))));
    assert_eq!(all(&store).await, [1]);
}

#[tokio::test]
async fn a_read_that_panics_fails_alone() {
    let place = Place::new();
    let (store, engine) = place.parts(Arc::new(StillClock));
    assert!(matches!(engine.log_lane.run(|_| -> Result<(), _> { panic!("on purpose") }).await, Err(Error::Read(_))));
    assert!(store.catalog.list(String::new()).await.unwrap().is_empty());
    assert_eq!(store.reads.read_only(), None);
}

#[tokio::test]
async fn a_read_of_a_queue_brings_a_bounded_part_of_its_events() {
    const LARGE: usize = 200 * 1024;
    let place = Place::new();
    let bench = place.bench().await;
    let mut large = event(1000, None);
    large.tail = vec![b'x'; LARGE].into();
    bench.store.log.append(vec![large; 10]).await.unwrap();
    for seq in 1..=10 {
        bench.enqueue(seq, &[A]).await;
    }
    let stretch = bench.store.queue.head(A, Seq(0), 100).await.unwrap();
    assert_eq!(stretch.entries.len(), 10);
    let brought: Vec<_> = stretch.entries.iter().filter_map(|queued| queued.event.as_ref()).collect();
    assert_eq!(brought.len(), (1 << 20) / LARGE);
}
