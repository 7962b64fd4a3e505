//! The model engine: plain maps behind one lock, for tests of everything above the store.
//!
//! Simple enough to be obviously right: the conformance suite and the state-machine test hold the durable engine
//! against it. Nothing is durable and every future is ready at once.

use std::{ops::Bound, time::Duration};

use futures_util::future;
use parking_lot::Mutex;

use self::state::State;
use super::*;

mod state;

/// A new, empty store. `dice_number` becomes part of generated ids; ids of senders are known for `dedupe`.
pub fn open(dice_number: u32, dedupe: Duration) -> Store {
    let state = State::new(dice_number, dedupe);
    let (open, closing) = Open::new();
    let memory = Arc::new(Memory { state: Mutex::new(state), moved: watch::Sender::new(Seq(0)), _open: open });
    Store { log: memory.clone(), queue: memory.clone(), catalog: memory.clone(), reads: memory, closing }
}

struct Memory {
    state: Mutex<State>,
    moved: watch::Sender<Seq>,
    _open: Open,
}

fn filled<'e>(limit: usize, mut events: impl Iterator<Item = &'e Arc<Event>>) -> Page<Arc<Event>, Seq> {
    let mut page = Filling::new(limit);
    while let Some(event) = events.next().filter(|_| !page.is_over) {
        page.add(event.clone());
    }
    page.page()
}

fn ready<T: Send + 'static>(result: Result<T, Error>) -> Pending<T> {
    Box::pin(future::ready(result))
}

impl EventLog for Memory {
    fn caps(&self) -> Caps {
        Caps { durability: Durability::None, is_shared: false, event_bytes_max: 256 * 1024 }
    }

    fn append(&self, batch: Vec<NewEvent>) -> Pending<Vec<Appended>> {
        let mut state = self.state.lock();
        let appended = batch.into_iter().map(|new| state.append(new)).collect();
        self.moved.send_replace(state.last);
        ready(Ok(appended))
    }

    fn read(&self, after: Seq, n_max: usize, bytes_max: usize) -> Pending<Vec<Arc<Event>>> {
        let state = self.state.lock();
        let events = state.events.range((Bound::Excluded(after), Bound::Unbounded)).map(|(_, event)| event.clone());
        ready(Ok(take_within(events, n_max, bytes_max)))
    }

    fn get(&self, seq: Seq) -> Pending<Option<Arc<Event>>> {
        ready(Ok(self.state.lock().events.get(&seq).cloned()))
    }

    fn find(&self, id: EventId) -> Pending<Option<Arc<Event>>> {
        ready(Ok(self.state.lock().find(&id).cloned()))
    }

    fn tail(&self) -> watch::Receiver<Seq> {
        self.moved.subscribe()
    }

    fn bounds(&self) -> Bounds {
        self.state.lock().bounds()
    }

    fn trim(&self, events: Timestamp, deliveries: Timestamp) -> Pending<Bounds> {
        let mut state = self.state.lock();
        state.trim(events, deliveries);
        ready(Ok(state.bounds()))
    }
}

impl Memory {
    /// Those of `deliveries` that were changed.
    fn those(
        &self,
        fence: Fence,
        mut deliveries: Vec<(EndpointNo, Seq)>,
        change: impl Fn(&mut State, EndpointNo, Seq) -> bool,
    ) -> Pending<Vec<(EndpointNo, Seq)>> {
        let mut state = self.state.lock();
        ready(state.check(fence).map(|()| {
            deliveries.retain(|(endpoint, seq)| change(&mut state, *endpoint, *seq));
            deliveries
        }))
    }
}

impl DeliveryQueue for Memory {
    fn fence(&self) -> Pending<Fence> {
        let mut state = self.state.lock();
        state.epoch += 1;
        ready(Ok(Fence(state.epoch)))
    }

    fn cursor(&self) -> Pending<Seq> {
        ready(Ok(self.state.lock().cursor))
    }

    fn enqueue(&self, fence: Fence, matches: Vec<Matched>, deciding: Vec<Deciding>, cursor: Seq) -> Pending<()> {
        let mut state = self.state.lock();
        ready(state.check(fence).and_then(|()| state.enqueue(matches, deciding, cursor)))
    }

    fn decided_by(&self, endpoint: EndpointNo, seq: Seq) -> Pending<Option<u32>> {
        let state = self.state.lock();
        let mut marks = state.versions.range((endpoint, Seq(0))..(endpoint, seq));
        let newest = marks.next_back().filter(|_| seq <= state.cursor);
        ready(Ok(newest.map(|(_, version)| *version)))
    }

    fn deciding(&self) -> Pending<BTreeMap<EndpointNo, u32>> {
        let state = self.state.lock();
        ready(Ok(state.versions.iter().map(|((endpoint, _), version)| (*endpoint, *version)).collect()))
    }

    fn backfill(
        &self,
        fence: Fence,
        endpoint: EndpointNo,
        others: Vec<EndpointNo>,
        events: Vec<(Seq, Timestamp)>,
        now: Timestamp,
    ) -> Pending<u64> {
        let mut state = self.state.lock();
        ready(state.check(fence).map(|()| {
            let made = events.into_iter().filter(|(seq, received_at)| {
                let is_made = others.iter().any(|other| state.deliveries.contains_key(&(*seq, *other)));
                !is_made && state.backfill(endpoint, *seq, *received_at, now)
            });
            made.count() as u64
        }))
    }

    fn head(&self, endpoint: EndpointNo, after: Seq, n: usize) -> Pending<Stretch> {
        let state = self.state.lock();
        let deliveries = state.deliveries.range((Bound::Excluded((after, EndpointNo(u32::MAX))), Bound::Unbounded));
        let mut waiting = deliveries.filter(|((_, to), delivery)| *to == endpoint && delivery.is_waiting());
        let entries = waiting
            .by_ref()
            .take(n)
            .map(|((seq, _), delivery)| Queued { entry: delivery.entry, event: state.events.get(seq).cloned() });
        let entries = entries.collect();
        let is_end = waiting.next().is_none();
        ready(Ok(Stretch { entries, is_end }))
    }

    fn settle(&self, fence: Fence, settlements: Vec<Settlement>) -> Pending<()> {
        let mut state = self.state.lock();
        ready(state.check(fence).map(|()| settlements.into_iter().for_each(|settlement| state.settle(settlement))))
    }

    fn replay(
        &self,
        fence: Fence,
        deliveries: Vec<(EndpointNo, Seq)>,
        now: Timestamp,
    ) -> Pending<Vec<(EndpointNo, Seq)>> {
        self.those(fence, deliveries, |state, endpoint, seq| state.replay(endpoint, seq, now))
    }

    fn discard(
        &self,
        fence: Fence,
        deliveries: Vec<(EndpointNo, Seq)>,
        now: Timestamp,
    ) -> Pending<Vec<(EndpointNo, Seq)>> {
        self.those(fence, deliveries, |state, endpoint, seq| state.discard(endpoint, seq, now))
    }

    fn outline(&self, endpoint: EndpointNo, n: usize) -> Pending<Outline> {
        ready(Ok(self.state.lock().outline(endpoint, n)))
    }

    fn digest(&self, fence: Fence, endpoint: EndpointNo, upto: Seq, attempt: Attempt) -> Pending<u64> {
        let mut state = self.state.lock();
        ready(state.check(fence).map(|()| state.digest(endpoint, upto, &attempt)))
    }

    fn purge(&self, fence: Fence, endpoint: EndpointNo, now: Timestamp) -> Pending<u64> {
        let mut state = self.state.lock();
        ready(state.check(fence).map(|()| state.purge(endpoint, now)))
    }

    fn waiting(&self) -> Pending<Vec<EndpointNo>> {
        let counters = self.state.lock().counters();
        let waiting = counters.into_iter().filter(|(_, counters)| counters.waiting > 0);
        ready(Ok(waiting.map(|(endpoint, _)| endpoint).collect()))
    }

    fn counters(&self) -> BTreeMap<EndpointNo, Counters> {
        self.state.lock().counters()
    }

    fn counters_of(&self, endpoint: EndpointNo) -> Counters {
        self.state.lock().counters().get(&endpoint).copied().unwrap_or_default()
    }
}

impl Catalog for Memory {
    fn get(&self, key: String) -> Pending<Option<Record>> {
        ready(Ok(self.state.lock().catalog.get(&key).cloned()))
    }

    fn put_if(&self, key: String, expected: Option<Revision>, value: Bytes) -> Pending<Revision> {
        let mut state = self.state.lock();
        let written = state.expect(&key, expected);
        if let Ok(revision) = written {
            state.catalog.insert(key.clone(), Record { key, revision, value });
        }
        ready(written)
    }

    fn delete_if(&self, key: String, expected: Revision) -> Pending<()> {
        let mut state = self.state.lock();
        let expected = state.expect(&key, Some(expected));
        ready(expected.map(|_| {
            state.catalog.remove(&key);
        }))
    }

    fn list(&self, prefix: String) -> Pending<Vec<Record>> {
        let state = self.state.lock();
        let from = state.catalog.range(prefix.clone()..).map(|(_, record)| record);
        ready(Ok(from.take_while(|record| record.key.starts_with(&prefix)).cloned().collect()))
    }

    fn scrub(&self) -> Pending<()> {
        ready(Ok(()))
    }
}

impl Reads for Memory {
    fn events(&self, query: EventQuery) -> Pending<Page<Arc<Event>, Seq>> {
        let state = self.state.lock();
        let events = state.events.range(..query.before.unwrap_or(Seq(u64::MAX))).rev().map(|(_, event)| event);
        ready(Ok(filled(query.limit, events.filter(|event| query.admits(event)))))
    }

    fn deliveries(&self, query: DeliveryQuery) -> Pending<Page<DeliveryRecord, (Seq, EndpointNo)>> {
        let state = self.state.lock();
        let end = query.after.unwrap_or((Seq(u64::MAX), EndpointNo(u32::MAX)));
        let records = state.deliveries.range(..end).rev().map(|((_, endpoint), delivery)| delivery.record(*endpoint));
        let shown = records.filter(|record| query.admits(record)).take(query.limit.max(1) + 1).collect();
        ready(Ok(page(shown, query.limit, |record: &DeliveryRecord| (record.seq, record.endpoint))))
    }

    fn shadowed(&self, endpoint: EndpointNo, before: Option<Seq>, limit: usize) -> Pending<Page<Arc<Event>, Seq>> {
        let state = self.state.lock();
        let end = before.unwrap_or(Seq(u64::MAX));
        let shadows = state.shadows.range(..(end, EndpointNo(0))).rev().filter(|((_, shadow), _)| *shadow == endpoint);
        ready(Ok(filled(limit, shadows.filter_map(|((seq, _), _)| state.events.get(seq)))))
    }

    fn scan(&self, after: Seq, n_max: usize, bytes_max: usize) -> Pending<Vec<Arc<Event>>> {
        self.read(after, n_max, bytes_max)
    }

    fn first_since(&self, at: Timestamp) -> Pending<Seq> {
        let state = self.state.lock();
        let first = state.events.values().find(|event| event.head.received_at >= at);
        ready(Ok(first.map_or_else(|| state.last.next(), |event| event.seq)))
    }

    fn delivery(&self, endpoint: EndpointNo, seq: Seq) -> Pending<Option<(DeliveryRecord, Vec<Attempt>)>> {
        let state = self.state.lock();
        let delivery = state.deliveries.get(&(seq, endpoint));
        ready(Ok(delivery.map(|delivery| (delivery.record(endpoint), delivery.attempts.values().cloned().collect()))))
    }

    fn ledger(&self) -> Pending<Vec<LedgerLine>> {
        let counters = self.state.lock().counters();
        let line = |(endpoint, counters): (EndpointNo, Counters)| LedgerLine {
            endpoint,
            counters,
            waiting_counted: counters.waiting,
            retrying_counted: counters.retrying,
            dead_counted: counters.dead,
        };
        ready(Ok(counters.into_iter().map(line).collect()))
    }

    fn read_only(&self) -> Option<Arc<str>> {
        None
    }

    fn shortage(&self) -> Option<Arc<str>> {
        None
    }

    fn disk_bytes(&self) -> u64 {
        self.state.lock().events.values().map(|event| event.weight() as u64).sum()
    }

    fn disk_free(&self) -> Option<u64> {
        None
    }

    fn checkpoint(&self) -> Pending<Checkpoint> {
        ready(Err(Error::Read("what is only in memory has no files".into())))
    }
}
