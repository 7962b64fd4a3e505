//! The conformance suite: what every engine must do, one async function a promise, run against all engines.

use std::time::Duration;

use loghorn_domain::{
    Class, Clock, Verdict,
    delivery::{Batched, Phases},
    event::Head,
};

use super::*;

mod backfill;
mod digests;
mod lists;
mod log;
mod model;
mod queue;
mod retention;
mod shadows;
mod versions;

pub(crate) const DEDUPE: Duration = Duration::from_secs(60);
pub(crate) const LOG_NUMBER: u32 = 0xb0b;
pub(crate) const A: EndpointNo = EndpointNo(0xa);
pub(crate) const B: EndpointNo = EndpointNo(0xb);

/// A store under test, with a fence in hand.
pub(crate) struct Bench {
    pub(crate) store: Store,
    pub(crate) fence: Fence,
    /// Where it is, if it is durable. Removed with the bench, after the store is closed.
    _dir: Option<tempfile::TempDir>,
}

/// A clock that stands still.
pub(crate) struct StillClock;

impl Clock for StillClock {
    fn now(&self) -> Timestamp {
        at(0)
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

pub(crate) fn options(path: &std::path::Path) -> rocks::Options {
    rocks::Options { dedupe: DEDUPE, ..rocks::Options::new(path, LOG_NUMBER) }
}

pub(crate) fn open_rocks(options: rocks::Options) -> Store {
    rocks::open(options, Arc::new(StillClock)).unwrap()
}

impl Bench {
    /// A bench round an open store.
    pub(crate) async fn of(store: Store) -> Self {
        let fence = store.queue.fence().await.unwrap();
        Self { store, fence, _dir: None }
    }

    async fn memory() -> Self {
        Self::of(memory::open(LOG_NUMBER, DEDUPE)).await
    }

    async fn rocks() -> Self {
        Self::rocks_with_tail(1 << 20).await
    }

    /// Everything is read from the disk.
    async fn rocks_without_tail() -> Self {
        Self::rocks_with_tail(0).await
    }

    async fn rocks_with_tail(tail_bytes_max: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = open_rocks(rocks::Options { tail_bytes_max, ..options(&dir.path().join("store")) });
        Self { _dir: Some(dir), ..Self::of(store).await }
    }

    /// Appends `n` events a second apart, from second `from` on.
    pub(crate) async fn append(&self, from: i64, n: i64) -> Vec<Appended> {
        let events = (from..from + n).map(|second| event(second * 1000, None)).collect();
        self.store.log.append(events).await.unwrap()
    }

    /// Queues the event at `seq` for `endpoints` and moves the cursor there.
    pub(crate) async fn enqueue(&self, seq: u64, endpoints: &[EndpointNo]) {
        let matched = self.matched(seq, endpoints).await;
        self.store.queue.enqueue(self.fence, vec![matched], Vec::new(), Seq(seq)).await.unwrap();
    }

    pub(crate) async fn matched(&self, seq: u64, endpoints: &[EndpointNo]) -> Matched {
        let event = self.store.log.get(Seq(seq)).await.unwrap().unwrap();
        let received_at = event.head.received_at;
        Matched { seq: Seq(seq), received_at, endpoints: endpoints.to_vec(), origin: Origin::Live, shadows: Vec::new() }
    }

    pub(crate) async fn head(&self, endpoint: EndpointNo) -> Vec<Entry> {
        let stretch = self.store.queue.head(endpoint, Seq(0), 100).await.unwrap();
        assert!(stretch.is_end);
        stretch.entries.into_iter().map(|queued| queued.entry).collect()
    }

    /// Settles the first entry of `endpoint`.
    pub(crate) async fn settle_first(&self, endpoint: EndpointNo, verdict: Verdict) -> Settlement {
        let settlement = settlement(endpoint, self.head(endpoint).await[0], verdict);
        self.store.queue.settle(self.fence, vec![settlement.clone()]).await.unwrap();
        settlement
    }

    /// The counters of `endpoint`, once every endpoint's ledger has been found to balance.
    pub(crate) async fn counters(&self, endpoint: EndpointNo) -> Counters {
        let counters = self.store.queue.counters();
        assert_eq!(self.store.queue.counters_of(endpoint), counters.get(&endpoint).copied().unwrap_or_default());
        for line in self.store.reads.ledger().await.unwrap() {
            assert_eq!(line.imbalance(), 0, "{line:?}");
            assert_eq!(counters.get(&line.endpoint), Some(&line.counters));
        }
        counters.get(&endpoint).copied().unwrap_or_default()
    }
}

pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub(crate) fn event(received_at: i64, id: Option<&str>) -> NewEvent {
    let head = Head {
        event_type: "payment.failed".parse().unwrap(),
        level: Level::Error,
        source: "shop".into(),
        timestamp: at(received_at - 5),
        received_at: at(received_at),
        only: None,
    };
    let tail = format!("\"message\":\"at {received_at}\"}}");
    NewEvent { id: id.map(|id| id.parse().unwrap()), head, tail: tail.into() }
}

pub(crate) fn settlement(endpoint: EndpointNo, entry: Entry, verdict: Verdict) -> Settlement {
    let number = entry.attempts_total + 1;
    let is_ok = verdict == Verdict::Delivered;
    let attempt = Attempt {
        number,
        started_at_ms: 100_000 + i64::from(number),
        duration_us: 7_500,
        class: if is_ok { Class::Ok } else { Class::Http5xx },
        status_code: Some(if is_ok { 200 } else { 503 }),
        error: None,
        verdict,
        signature: format!("v1,{number}"),
        response_headers: vec![("server".into(), "test".into())],
        response_body: "answer".into(),
        batch: None,
        phases: Phases { first_byte_us: (number > 1).then_some(7_000), ..Phases::default() },
    };
    Settlement { endpoint, entry, attempt }
}

pub(crate) fn retry() -> Verdict {
    Verdict::Retry { at: at(555_000) }
}

pub(crate) fn dead() -> Verdict {
    Verdict::Dead(Reason::Exhausted)
}

pub(crate) fn seqs(events: &[Arc<Event>]) -> Vec<u64> {
    events.iter().map(|event| event.seq.0).collect()
}

/// One test for each engine of each function named.
macro_rules! conformance {
    ($($case:ident)*) => {
        mod in_memory {
            $(#[tokio::test]
            async fn $case() {
                super::$case(super::Bench::memory().await).await;
            })*
        }

        mod in_rocks {
            $(#[tokio::test]
            async fn $case() {
                super::$case(super::Bench::rocks().await).await;
            })*
        }

        mod in_rocks_without_tail {
            $(#[tokio::test]
            async fn $case() {
                super::$case(super::Bench::rocks_without_tail().await).await;
            })*
        }
    };
}

use conformance;
