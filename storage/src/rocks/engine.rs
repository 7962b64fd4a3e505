//! The contract, handed on to the threads that fulfil it.

use std::{
    collections::BTreeMap,
    sync::{Arc, mpsc},
};

use bytes::Bytes;
use loghorn_domain::{EndpointNo, Event, EventId, NewEvent, Seq, Timestamp, delivery::Attempt};
use tokio::sync::watch;

use super::{
    Crew, checkpoints,
    core::{Account, Core, Reply, promise, ready},
    digest::{self, Digest},
    disk,
    keys::Cf,
    lists, queue,
    reads::{self, Lane},
    retention, router, shelf, versions, writer,
};
use crate::{
    Appended, Bounds, Caps, Catalog, Checkpoint, Counters, Deciding, DeliveryQuery, DeliveryQueue, DeliveryRecord,
    Durability, Error, EventLog, EventQuery, Fence, LedgerLine, Matched, Open, Outline, Page, Pending, Reads, Record,
    Revision, Settlement, Stretch,
};

/// One open store. The order of the fields is the order of closing: entrances, threads, database, word of it.
pub(super) struct Engine {
    pub(super) writer: mpsc::Sender<writer::Job>,
    pub(super) queue: mpsc::Sender<queue::Job>,
    /// Reads for the machinery: log, catalogue.
    pub(super) log_lane: Lane,
    /// Reads for people: they may take long.
    pub(super) list_lane: Lane,
    /// For what may have to go through the whole log.
    pub(super) search_lane: Lane,
    pub(super) _crew: Crew,
    pub(super) core: Arc<Core>,
    pub(super) _open: Open,
}

impl Engine {
    /// Submits what `job` makes of the reply.
    fn submit<J, T: Send + 'static>(&self, to: &mpsc::Sender<J>, job: impl FnOnce(Reply<T>) -> J) -> Pending<T> {
        let (reply, pending) = promise();
        match to.send(job(reply)) {
            Ok(()) => pending,
            Err(_) => ready(Err(self.core.db.check_writable().err().unwrap_or(Error::Stopped))),
        }
    }
}

impl EventLog for Engine {
    fn caps(&self) -> Caps {
        let event_bytes_max = self.core.options.event_bytes_max;
        Caps { durability: Durability::Fsync, is_shared: false, event_bytes_max }
    }

    fn append(&self, events: Vec<NewEvent>) -> Pending<Vec<Appended>> {
        self.submit(&self.writer, |reply| writer::Job::Append { events, reply })
    }

    fn read(&self, after: Seq, n_max: usize, bytes_max: usize) -> Pending<Vec<Arc<Event>>> {
        let bounds = self.core.bounds();
        if after >= bounds.last {
            return ready(Ok(Vec::new()));
        }
        match self.core.tail.read(after.next().max(bounds.first), n_max, bytes_max) {
            Some(events) => ready(Ok(events)),
            None => self.log_lane.run(move |core| reads::events_after(core, after, n_max, bytes_max)),
        }
    }

    fn get(&self, seq: Seq) -> Pending<Option<Arc<Event>>> {
        if !self.core.holds(seq) {
            return ready(Ok(None));
        }
        match self.core.tail.get(seq) {
            Some(event) => ready(Ok(Some(event))),
            None => self.log_lane.run(move |core| core.event(seq)),
        }
    }

    fn find(&self, id: EventId) -> Pending<Option<Arc<Event>>> {
        self.log_lane.run(move |core| core.find(&id))
    }

    fn tail(&self) -> watch::Receiver<Seq> {
        self.core.moved.subscribe()
    }

    fn bounds(&self) -> Bounds {
        self.core.bounds()
    }

    fn trim(&self, events: Timestamp, deliveries: Timestamp) -> Pending<Bounds> {
        self.submit(&self.queue, |reply| queue::Job::Trim { events, deliveries, reply })
    }
}

impl DeliveryQueue for Engine {
    fn fence(&self) -> Pending<Fence> {
        self.submit(&self.queue, |reply| queue::Job::Fence { reply })
    }

    fn cursor(&self) -> Pending<Seq> {
        ready(Ok(self.core.marks.cursor.seq()))
    }

    fn enqueue(&self, fence: Fence, matches: Vec<Matched>, deciding: Vec<Deciding>, cursor: Seq) -> Pending<()> {
        ready(router::enqueue(&self.core, fence, matches, deciding, cursor))
    }

    fn decided_by(&self, endpoint: EndpointNo, seq: Seq) -> Pending<Option<u32>> {
        self.log_lane.run(move |core| versions::decided_by(core, endpoint, seq))
    }

    fn deciding(&self) -> Pending<BTreeMap<EndpointNo, u32>> {
        self.log_lane.run(versions::deciding)
    }

    fn backfill(
        &self,
        fence: Fence,
        endpoint: EndpointNo,
        others: Vec<EndpointNo>,
        events: Vec<(Seq, Timestamp)>,
        now: Timestamp,
    ) -> Pending<u64> {
        self.submit(&self.queue, |reply| queue::Job::Backfill { fence, endpoint, others, events, now, reply })
    }

    fn head(&self, endpoint: EndpointNo, after: Seq, n: usize) -> Pending<Stretch> {
        self.submit(&self.queue, |reply| queue::Job::Head { endpoint, after, n, reply })
    }

    fn settle(&self, fence: Fence, settlements: Vec<Settlement>) -> Pending<()> {
        self.submit(&self.queue, |reply| queue::Job::Settle { fence, settlements, reply })
    }

    fn replay(
        &self,
        fence: Fence,
        deliveries: Vec<(EndpointNo, Seq)>,
        now: Timestamp,
    ) -> Pending<Vec<(EndpointNo, Seq)>> {
        self.submit(&self.queue, |reply| queue::Job::Replay { fence, deliveries, now, reply })
    }

    fn discard(
        &self,
        fence: Fence,
        deliveries: Vec<(EndpointNo, Seq)>,
        now: Timestamp,
    ) -> Pending<Vec<(EndpointNo, Seq)>> {
        self.submit(&self.queue, |reply| queue::Job::Discard { fence, deliveries, now, reply })
    }

    fn outline(&self, endpoint: EndpointNo, n: usize) -> Pending<Outline> {
        self.list_lane.run(move |core| digest::outline(core, endpoint, n))
    }

    fn digest(&self, fence: Fence, endpoint: EndpointNo, upto: Seq, attempt: Attempt) -> Pending<u64> {
        let job = |reply| Box::new(Digest { fence, endpoint, upto, attempt, from: Seq(0), n: 0, reply });
        self.submit(&self.queue, |reply| queue::Job::Digest(job(reply)))
    }

    fn purge(&self, fence: Fence, endpoint: EndpointNo, now: Timestamp) -> Pending<u64> {
        self.submit(&self.queue, |reply| queue::Job::Purge { fence, endpoint, now, reply })
    }

    fn waiting(&self) -> Pending<Vec<EndpointNo>> {
        let accounts = self.core.accounts.lock();
        let waiting = accounts.iter().filter(|(_, account)| account.counters().waiting > 0);
        ready(Ok(waiting.map(|(endpoint, _)| *endpoint).collect()))
    }

    fn counters(&self) -> BTreeMap<EndpointNo, Counters> {
        self.core.accounts.lock().iter().map(|(endpoint, account)| (*endpoint, account.counters())).collect()
    }

    fn counters_of(&self, endpoint: EndpointNo) -> Counters {
        self.core.accounts.lock().get(&endpoint).map_or_else(Counters::default, Account::counters)
    }
}

impl Catalog for Engine {
    fn get(&self, key: String) -> Pending<Option<Record>> {
        self.log_lane.run(move |core| reads::record(core, key))
    }

    fn put_if(&self, key: String, expected: Option<Revision>, value: Bytes) -> Pending<Revision> {
        self.submit(&self.writer, |reply| writer::Job::Put { key, expected, value, reply })
    }

    fn delete_if(&self, key: String, expected: Revision) -> Pending<()> {
        self.submit(&self.writer, |reply| writer::Job::Delete { key, expected, reply })
    }

    fn list(&self, prefix: String) -> Pending<Vec<Record>> {
        self.log_lane.run(move |core| reads::records(core, &prefix))
    }

    fn scrub(&self) -> Pending<()> {
        self.list_lane.run(|core| core.db.scrub(Cf::Catalog))
    }
}

impl Reads for Engine {
    fn events(&self, query: EventQuery) -> Pending<Page<Arc<Event>, Seq>> {
        self.search_lane.run_while_wanted(move |core, is_wanted| lists::events(core, &query, is_wanted))
    }

    fn deliveries(&self, query: DeliveryQuery) -> Pending<Page<DeliveryRecord, (Seq, EndpointNo)>> {
        self.search_lane.run(move |core| shelf::deliveries(core, &query))
    }

    fn shadowed(&self, endpoint: EndpointNo, before: Option<Seq>, limit: usize) -> Pending<Page<Arc<Event>, Seq>> {
        self.search_lane.run(move |core| lists::shadowed(core, endpoint, before, limit))
    }

    fn scan(&self, after: Seq, n_max: usize, bytes_max: usize) -> Pending<Vec<Arc<Event>>> {
        self.list_lane.run(move |core| reads::scan(core, after, n_max, bytes_max))
    }

    fn first_since(&self, at: Timestamp) -> Pending<Seq> {
        self.list_lane.run(move |core| retention::first_event_since(core, at))
    }

    fn delivery(&self, endpoint: EndpointNo, seq: Seq) -> Pending<Option<(DeliveryRecord, Vec<Attempt>)>> {
        self.list_lane.run(move |core| lists::delivery(core, endpoint, seq))
    }

    fn ledger(&self) -> Pending<Vec<LedgerLine>> {
        self.list_lane.run(lists::ledger)
    }

    fn read_only(&self) -> Option<Arc<str>> {
        self.core.db.failure()
    }

    fn shortage(&self) -> Option<Arc<str>> {
        disk::shortage(&self.core.options).map(Into::into)
    }

    fn checkpoint(&self) -> Pending<Checkpoint> {
        self.list_lane.run(checkpoints::make)
    }

    fn disk_bytes(&self) -> u64 {
        disk::used_bytes(&self.core.options.path)
    }

    fn disk_free(&self) -> Option<u64> {
        disk::free_bytes(&self.core.options.path)
    }
}
