//! The actors together over the memory engine, with a real receiver on a socket.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use loghorn_actors::{BackfillRequest, JobError, MasterSource, Options, Random, Retention, System, Vault};
use loghorn_domain::{
    Clock, Draft, Subscription, Timestamp, egress, event::Limits, job, retry::Dice, seal::Key, subscription::Spec,
};
use loghorn_storage::{Catalog, Error as StoreError, Pending, Record, Revision, Store, memory};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Whose wall clock can be set.
struct TestClock {
    began: Instant,
    wall_ms: Arc<AtomicI64>,
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.wall_ms.load(Ordering::Relaxed)).plus(self.began.elapsed())
    }

    fn monotonic(&self) -> Duration {
        self.began.elapsed()
    }
}

struct Counting(AtomicU64);

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill_with(|| self.0.fetch_add(1, Ordering::Relaxed) as u8);
    }

    fn dice(&self) -> Box<dyn Dice> {
        struct Middle;
        impl Dice for Middle {
            fn unit(&mut self) -> f64 {
                0.5
            }
        }
        Box::new(Middle)
    }
}

async fn system() -> System {
    system_over(memory::open(7, Duration::from_secs(3600))).await
}

async fn system_over(store: Store) -> System {
    system_by(store, Arc::new(AtomicI64::new(START_MS))).await
}

const START_MS: i64 = 1_700_000_000_000;

async fn system_by(store: Store, wall_ms: Arc<AtomicI64>) -> System {
    let options = Options {
        ingest_queue_bytes: 1 << 20,
        limits: Limits::default(),
        delivery: Default::default(),
        nameservers: Vec::new(),
        egress: egress::Policy { allow_private: vec!["127.0.0.0/8".parse().unwrap()], ..Default::default() },
        backlog_high: loghorn_domain::notice::BACKLOG_DEFAULT,
        retention: Retention::default(),
        user_agent: "test".into(),
        public_url: String::new(),
        traces: None,
        admin_keys: Vec::new(),
    };
    let random = Arc::new(Counting(AtomicU64::new(1)));
    let master = MasterSource::Environment(Key::new([7; 32]));
    let vault = Arc::new(Vault::open(store.clone(), random.clone(), master).await.unwrap());
    let clock = Arc::new(TestClock { began: Instant::now(), wall_ms });
    System::start(store, clock, random, vault, options).await.unwrap()
}

/// Answers each request with 200; how many came.
async fn receiver() -> (String, Arc<AtomicUsize>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let counter = count.clone();
    actix_rt::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let counter = counter.clone();
            actix_rt::spawn(async move {
                let mut buffer = vec![0; 65536];
                while stream.read(&mut buffer).await.is_ok_and(|n| n > 0) {
                    counter.fetch_add(1, Ordering::Relaxed);
                    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
                }
            });
        }
    });
    (url, count)
}

async fn append(system: &System, n: usize) {
    let events = (0..n).map(|n| {
        let draft = Draft::from_json(format!(r#"{{"level":"ERROR","message":"{n}"}}"#).as_bytes()).unwrap();
        draft.seal(system.clock().now(), system.limits()).unwrap()
    });
    let reservation = system.ingest().reserve(1000).unwrap();
    assert_eq!(system.ingest().append(reservation, events.collect()).await.unwrap().len(), n);
}

async fn until(mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < deadline, "it does not come");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn spec(url: &str) -> Spec {
    Spec::from_json(serde_json::json!({"name": "n", "url": url, "events": ["log.error"]})).unwrap()
}

#[actix_rt::test]
async fn events_become_webhooks_and_the_counts_balance() {
    let system = system().await;
    let (url, count) = receiver().await;
    append(&system, 3).await;
    let made = system.subscriptions().create(spec(&url), None).await.unwrap();
    append(&system, 500).await;
    until(|| system.delivery_stats(None).delivered == 500).await;
    assert_eq!(count.load(Ordering::Relaxed), 500, "what came before the subscription is not for it");
    assert_eq!(system.delivery_stats(Some(made.endpoint)).total, 500);
    assert!(system.health().is_healthy);
    assert!(system.drain(Duration::from_secs(5)).await);
    assert!(system.ingest().reserve(1).is_err(), "a drained system takes nothing");
}

#[actix_rt::test]
async fn a_deleted_subscription_gets_nothing_more() {
    let system = system().await;
    let (url, count) = receiver().await;
    let made = system.subscriptions().create(spec(&url), None).await.unwrap();
    system.subscriptions().set_paused(&made.id, None, true).await.unwrap();
    append(&system, 5).await;
    until(|| system.delivery_stats(None).queued == 5).await;
    system.subscriptions().delete(&made.id, None).await.unwrap();
    until(|| system.delivery_stats(None).cancelled == 5).await;
    append(&system, 5).await;
    until(|| system.routed_seq().0 == 10).await;
    assert_eq!((count.load(Ordering::Relaxed), system.delivery_stats(None).total), (0, 5));
}

#[actix_rt::test]
async fn what_is_on_its_way_to_a_deleted_subscription_is_broken_off() {
    let system = system().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let mut spec = spec(&url);
    spec.headers = serde_json::from_value(serde_json::json!({"x-api-key": "hunter2"})).unwrap();
    let made = system.subscriptions().create(spec, None).await.unwrap();
    append(&system, 1).await;
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut buffer = vec![0; 65536];
    assert!(stream.read(&mut buffer).await.unwrap() > 0);
    system.subscriptions().delete(&made.id, None).await.unwrap();
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut buffer)).await.unwrap();
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    until(|| system.delivery_stats(None).cancelled == 1).await;
    // What it was let in with is forgotten.
    let left = system.subscriptions().by_endpoint(made.endpoint).unwrap();
    assert!(left.spec.headers.is_empty() && left.secret != made.secret);
}

#[actix_rt::test]
async fn a_batch_waits_as_long_as_it_may_though_the_clock_is_set() {
    let wall_ms = Arc::new(AtomicI64::new(START_MS));
    let system = system_by(memory::open(7, Duration::from_secs(3600)), wall_ms.clone()).await;
    let (url, count) = receiver().await;
    let batch = serde_json::json!({"max_events": 3, "max_wait": "5s"});
    let spec = serde_json::json!({"name": "n", "url": url, "events": ["log.error"], "batch": batch});
    system.subscriptions().create(Spec::from_json(spec).unwrap(), None).await.unwrap();
    for (n, step) in [3_600_000, -7_200_000, 7_200_000].into_iter().enumerate() {
        wall_ms.fetch_add(step, Ordering::Relaxed);
        for _ in 0..3 {
            append(&system, 1).await;
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        until(|| system.delivery_stats(None).delivered == 3 * (n as u64 + 1)).await;
        assert_eq!(count.load(Ordering::Relaxed), n + 1, "after {step} ms");
    }
}

/// A catalogue whose writes take a while.
struct Slow(Arc<dyn Catalog>);

const WRITE: Duration = Duration::from_millis(50);

fn later<T: Send + 'static>(pending: impl Fn() -> Pending<T> + Send + 'static) -> Pending<T> {
    // As in the contract: what is submitted goes on where nobody waits for it.
    let written = tokio::spawn(async move {
        tokio::time::sleep(WRITE).await;
        pending().await
    });
    Box::pin(async { written.await.unwrap_or(Err(StoreError::Stopped)) })
}

impl Catalog for Slow {
    fn get(&self, key: String) -> Pending<Option<Record>> {
        self.0.get(key)
    }

    fn put_if(&self, key: String, expected: Option<Revision>, value: Bytes) -> Pending<Revision> {
        let catalog = self.0.clone();
        later(move || catalog.put_if(key.clone(), expected, value.clone()))
    }

    fn delete_if(&self, key: String, expected: Revision) -> Pending<()> {
        let catalog = self.0.clone();
        later(move || catalog.delete_if(key.clone(), expected))
    }

    fn list(&self, prefix: String) -> Pending<Vec<Record>> {
        self.0.list(prefix)
    }

    fn scrub(&self) -> Pending<()> {
        self.0.scrub()
    }
}

async fn slow_system() -> System {
    let store = memory::open(7, Duration::from_secs(3600));
    let catalog = Arc::new(Slow(store.catalog.clone()));
    system_over(Store { catalog, ..store }).await
}

fn whole_log(system: &System) -> BackfillRequest {
    let now = system.clock().now();
    BackfillRequest { since: now.minus(Duration::from_secs(3600)), until: now, rate: None, dry_run: false }
}

/// As it stands on record.
async fn on_record(system: &System) -> Vec<job::State> {
    let records = system.store().catalog.list("job/".into()).await.unwrap();
    let job = |record: Record| serde_json::from_slice::<job::Backfill>(&record.value).unwrap();
    records.into_iter().map(|record| job(record).state).collect()
}

/// A subscription of which nothing is delivered.
async fn paused(system: &System) -> Arc<Subscription> {
    let made = system.subscriptions().create(spec("http://127.0.0.1:9000/"), None).await.unwrap();
    system.subscriptions().set_paused(&made.id, None, true).await.unwrap()
}

#[actix_rt::test]
async fn a_job_begins_also_where_whoever_asked_goes_away() {
    let system = slow_system().await;
    append(&system, 5).await;
    let made = paused(&system).await;
    let asked = system.jobs().begin_backfill(&made, whole_log(&system));
    assert!(tokio::time::timeout(WRITE / 5, asked).await.is_err(), "it was begun before anyone could go away");
    until(|| system.jobs().list().len() == 1).await;
    until(|| system.delivery_stats(None).queued == 5).await;
}

#[actix_rt::test]
async fn of_two_jobs_for_one_subscription_at_once_only_one_begins() {
    let system = slow_system().await;
    append(&system, 1000).await;
    let made = paused(&system).await;
    let begin = || system.jobs().begin_backfill(&made, whole_log(&system));
    let (one, other) = futures_util::future::join(begin(), begin()).await;
    assert!(one.is_ok());
    assert!(matches!(other, Err(JobError::Conflict { .. })), "{other:?}");
}

#[actix_rt::test]
async fn a_job_that_is_said_to_be_cancelled_is_so_on_record() {
    let system = slow_system().await;
    append(&system, 1000).await;
    let made = paused(&system).await;
    let job = system.jobs().begin_backfill(&made, whole_log(&system)).await.unwrap();
    until(|| system.delivery_stats(None).queued == 256).await;
    let cancelled = system.jobs().cancel(job.record.id()).await.unwrap();
    assert_eq!(cancelled.record.state(), job::State::Cancelled);
    assert_eq!(on_record(&system).await, [job::State::Cancelled]);
}
