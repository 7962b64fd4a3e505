//! The model engine: plain maps behind one lock, for tests of everything above the store.
//!
//! Simple enough to be obviously right: the conformance suite and the state-machine test hold the durable engine
//! against it. Nothing is durable and every future is ready at once.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Bound,
    time::Duration,
};

use futures_util::future;
use loghorn_domain::{Verdict, event::NewEvent};
use parking_lot::Mutex;

use super::*;

/// A new, empty store. `dice_number` becomes part of generated ids; ids of senders are known for `dedupe`.
pub fn open(dice_number: u32, dedupe: Duration) -> Store {
    let state = State { log_number: dice_number, dedupe, first: Seq(1), deliveries_from: Seq(1), ..State::default() };
    let (open, closing) = Open::new();
    let memory = Arc::new(Memory { state: Mutex::new(state), moved: watch::Sender::new(Seq(0)), _open: open });
    Store { log: memory.clone(), queue: memory.clone(), catalog: memory.clone(), reads: memory, closing }
}

struct Memory {
    state: Mutex<State>,
    moved: watch::Sender<Seq>,
    _open: Open,
}

#[derive(Default)]
struct State {
    log_number: u32,
    dedupe: Duration,
    events: BTreeMap<Seq, Arc<Event>>,
    ids: HashMap<EventId, Seq>,
    first: Seq,
    last: Seq,
    epoch: u64,
    cursor: Seq,
    deliveries: BTreeMap<(Seq, EndpointNo), Delivery>,
    deliveries_from: Seq,
    totals: BTreeMap<EndpointNo, Totals>,
    catalog: BTreeMap<String, Record>,
    revision: u64,
}

struct Delivery {
    event_id: EventId,
    received_at: Timestamp,
    entry: Entry,
    state: DeliveryState,
    attempts: BTreeMap<u16, Attempt>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum DeliveryState {
    Waiting,
    Delivered,
    Dead(Reason),
    Cancelled(Timestamp),
}

/// What cannot be counted from the deliveries any more, because retention removes them.
#[derive(Default)]
struct Totals {
    matched: u64,
    delivered: u64,
    expired: u64,
    cancelled: u64,
}

impl Delivery {
    fn is_waiting(&self) -> bool {
        self.state == DeliveryState::Waiting
    }

    fn is_dead(&self) -> bool {
        matches!(self.state, DeliveryState::Dead(_))
    }

    fn record(&self, endpoint: EndpointNo) -> DeliveryRecord {
        let last = self.attempts.values().next_back();
        let (status, reason, ended_at) = match self.state {
            DeliveryState::Waiting if self.entry.next_at.is_some() => (Status::Retrying, None, None),
            DeliveryState::Waiting => (Status::Queued, None, None),
            DeliveryState::Delivered => (Status::Delivered, None, last.map(ended_at)),
            DeliveryState::Dead(reason) => (Status::DeadLetter, Some(reason), last.map(ended_at)),
            DeliveryState::Cancelled(at) => (Status::Cancelled, None, Some(at)),
        };
        DeliveryRecord {
            endpoint,
            seq: self.entry.seq,
            event_id: self.event_id.clone(),
            received_at: self.received_at,
            status,
            reason,
            origin: self.entry.origin,
            next_at: self.is_waiting().then_some(self.entry.next_at).flatten(),
            attempts: self.entry.attempts_total,
            ended_at,
            last_status_code: last.and_then(|attempt| attempt.status_code),
            last_class: last.map(|attempt| attempt.class),
        }
    }
}

impl State {
    fn bounds(&self) -> Bounds {
        Bounds { first: self.first, last: self.last }
    }

    fn check(&self, fence: Fence) -> Result<(), Error> {
        if fence.0 == self.epoch { Ok(()) } else { Err(Error::Fenced) }
    }

    fn find(&self, id: &EventId) -> Option<&Arc<Event>> {
        let own = self.ids.get(id).and_then(|seq| self.events.get(seq));
        let generated = || self.events.get(&id.parts()?.1).filter(|event| event.id == *id);
        own.or_else(generated)
    }

    fn append(&mut self, new: NewEvent) -> Appended {
        if let Some(id) = &new.id
            && let Some(known) = self.find(id)
            && new.head.received_at.since(known.head.received_at) < self.dedupe
        {
            return Appended { seq: known.seq, id: id.clone(), is_duplicate: true };
        }
        let seq = self.last.next();
        self.last = seq;
        if let Some(id) = &new.id {
            self.ids.insert(id.clone(), seq);
        }
        let id = new.id.unwrap_or_else(|| EventId::generated(new.head.received_at, self.log_number, seq));
        self.events.insert(seq, Arc::new(Event::new(seq, id.clone(), new.head, new.tail)));
        Appended { seq, id, is_duplicate: false }
    }

    fn enqueue(&mut self, matches: Vec<Matched>, cursor: Seq) -> Result<(), Error> {
        check_end(self.last, &matches, cursor)?;
        for matched in matches.into_iter().filter(|matched| matched.seq > self.cursor && matched.seq <= cursor) {
            let generated = EventId::generated(matched.received_at, self.log_number, matched.seq);
            let event_id = self.events.get(&matched.seq).map_or(generated, |event| event.id.clone());
            for endpoint in matched.endpoints {
                let delivery = Delivery {
                    event_id: event_id.clone(),
                    received_at: matched.received_at,
                    entry: Entry::fresh(matched.seq, matched.received_at, matched.origin),
                    state: DeliveryState::Waiting,
                    attempts: BTreeMap::new(),
                };
                self.deliveries.insert((matched.seq, endpoint), delivery);
                self.totals.entry(endpoint).or_default().matched += 1;
            }
        }
        self.cursor = self.cursor.max(cursor);
        Ok(())
    }

    fn settle(&mut self, settlement: Settlement) {
        let Settlement { endpoint, entry, attempt } = settlement;
        let Some(delivery) = self.deliveries.get_mut(&(entry.seq, endpoint)) else { return };
        if !delivery.is_waiting() || delivery.entry.attempts_total != entry.attempts_total {
            return;
        }
        delivery.entry.attempts_total += 1;
        delivery.entry.attempts_in_round += 1;
        match attempt.verdict {
            Verdict::Delivered => {
                delivery.state = DeliveryState::Delivered;
                self.totals.entry(endpoint).or_default().delivered += 1;
            }
            Verdict::Retry { at } => delivery.entry.next_at = Some(at),
            Verdict::Dead(reason) => delivery.state = DeliveryState::Dead(reason),
        }
        delivery.attempts.insert(attempt.number, attempt);
    }

    fn replay(&mut self, endpoint: EndpointNo, seq: Seq, now: Timestamp) -> bool {
        let Some(delivery) = self.deliveries.get_mut(&(seq, endpoint)).filter(|delivery| delivery.is_dead()) else {
            return false;
        };
        let attempts_total = delivery.entry.attempts_total;
        delivery.entry = Entry { attempts_total, ..Entry::fresh(seq, now, Origin::Replay) };
        delivery.state = DeliveryState::Waiting;
        true
    }

    fn purge(&mut self, endpoint: EndpointNo, now: Timestamp) -> u64 {
        let of_endpoint = self.deliveries.iter_mut().filter(|((_, to), _)| *to == endpoint);
        let mut n = 0;
        for (_, delivery) in of_endpoint.filter(|(_, delivery)| delivery.is_waiting() || delivery.is_dead()) {
            delivery.state = DeliveryState::Cancelled(now);
            n += 1;
        }
        if n > 0 {
            self.totals.entry(endpoint).or_default().cancelled += n;
        }
        n
    }

    fn lowest(&self, is_wanted: impl Fn(&Delivery) -> bool) -> Option<Seq> {
        self.deliveries.iter().find(|(_, delivery)| is_wanted(delivery)).map(|((seq, _), _)| *seq)
    }

    fn trim(&mut self, events: Timestamp, deliveries: Timestamp) {
        let waiting = self.lowest(Delivery::is_waiting).unwrap_or(Seq::MAX);
        let old = self.deliveries.iter().rfind(|(_, delivery)| delivery.received_at < deliveries);
        let by_time = old.map_or(Seq(0), |((seq, _), _)| seq.next());
        self.deliveries_from = self.deliveries_from.max(by_time.min(waiting));
        let kept = self.deliveries.split_off(&(self.deliveries_from, EndpointNo(0)));
        for ((_, endpoint), delivery) in std::mem::replace(&mut self.deliveries, kept) {
            if delivery.is_dead() {
                self.totals.entry(endpoint).or_default().expired += 1;
            }
        }
        let dead = self.lowest(Delivery::is_dead).unwrap_or(Seq::MAX);
        let old = self.events.iter().rfind(|(_, event)| event.head.received_at < events);
        let by_time = old.map_or(Seq(0), |(seq, _)| seq.next());
        self.first = self.first.max(by_time.min(self.cursor.next()).min(waiting).min(dead));
        self.events = self.events.split_off(&self.first);
        let first = self.first;
        self.ids.retain(|_, seq| *seq >= first);
    }

    fn counters(&self) -> BTreeMap<EndpointNo, Counters> {
        let mut counters: BTreeMap<_, _> = self
            .totals
            .iter()
            .map(|(endpoint, totals)| {
                let Totals { matched, delivered, expired, cancelled } = *totals;
                (*endpoint, Counters { matched, delivered, expired, cancelled, ..Counters::default() })
            })
            .collect();
        for ((_, endpoint), delivery) in &self.deliveries {
            let counters = counters.entry(*endpoint).or_default();
            counters.waiting += u64::from(delivery.is_waiting());
            counters.retrying += u64::from(delivery.is_waiting() && delivery.entry.next_at.is_some());
            counters.dead += u64::from(delivery.is_dead());
        }
        counters
    }

    fn revision_of(&self, key: &str) -> Option<Revision> {
        self.catalog.get(key).map(|record| record.revision)
    }

    fn expect(&mut self, key: &str, expected: Option<Revision>) -> Result<Revision, Error> {
        let current = self.revision_of(key);
        if current != expected {
            return Err(Error::Conflict { current });
        }
        self.revision += 1;
        Ok(Revision(self.revision))
    }
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

impl DeliveryQueue for Memory {
    fn fence(&self) -> Pending<Fence> {
        let mut state = self.state.lock();
        state.epoch += 1;
        ready(Ok(Fence(state.epoch)))
    }

    fn cursor(&self) -> Pending<Seq> {
        ready(Ok(self.state.lock().cursor))
    }

    fn enqueue(&self, fence: Fence, matches: Vec<Matched>, cursor: Seq) -> Pending<()> {
        let mut state = self.state.lock();
        ready(state.check(fence).and_then(|()| state.enqueue(matches, cursor)))
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
        mut deliveries: Vec<(EndpointNo, Seq)>,
        now: Timestamp,
    ) -> Pending<Vec<(EndpointNo, Seq)>> {
        let mut state = self.state.lock();
        if let Err(error) = state.check(fence) {
            return ready(Err(error));
        }
        deliveries.retain(|(endpoint, seq)| state.replay(*endpoint, *seq, now));
        ready(Ok(deliveries))
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
}

impl Reads for Memory {
    fn events(&self, query: EventQuery) -> Pending<Page<Arc<Event>, Seq>> {
        let state = self.state.lock();
        let events = state.events.range(..query.before.unwrap_or(Seq(u64::MAX))).rev().map(|(_, event)| event);
        let shown = events.filter(|event| query.admits(event)).take(query.limit.max(1) + 1).cloned().collect();
        ready(Ok(page(shown, query.limit, |event: &Arc<Event>| event.seq)))
    }

    fn deliveries(&self, query: DeliveryQuery) -> Pending<Page<DeliveryRecord, (Seq, EndpointNo)>> {
        let state = self.state.lock();
        let end = query.after.unwrap_or((Seq(u64::MAX), EndpointNo(u32::MAX)));
        let records = state.deliveries.range(..end).rev().map(|((_, endpoint), delivery)| delivery.record(*endpoint));
        let shown = records.filter(|record| query.admits(record)).take(query.limit.max(1) + 1).collect();
        ready(Ok(page(shown, query.limit, |record: &DeliveryRecord| (record.seq, record.endpoint))))
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
}
