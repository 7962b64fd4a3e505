//! The storage contract: a durable log of events, a queue for each endpoint, a catalogue, and the lists that people
//! read.
//!
//! Every operation is per batch and asynchronous, so that a distributed log can stand behind it. All of them are
//! **idempotent by id**: the same append, enqueue or settle twice is harmless, and a settle with an old fence changes
//! nothing. The conformance suite says so, and every engine passes it.
//!
//! Work is *submitted* when a method is called; the future only waits for its end. Dropping the future cancels
//! nothing.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use loghorn_domain::{
    Class, EndpointNo, Event, EventId, Level, NewEvent, Origin, Pattern, Seq, Timestamp,
    delivery::{Attempt, Entry, Reason, Status},
};
use tokio::sync::watch;

mod checkpoint;
#[cfg(test)]
mod conformance;
mod ledger;
pub mod memory;
mod paging;
mod query;
pub mod rocks;

pub use checkpoint::Checkpoint;
pub use ledger::{Counters, LedgerLine};
pub use paging::PAGE_BYTES_MAX;
use paging::{Filling, page};
pub use query::{DeliveryQuery, EventQuery};

/// What every operation returns.
pub type Pending<T> = BoxFuture<'static, Result<T, Error>>;

/// Why the store did not do what it was asked. Cheap to clone: one failed write fails all who waited for it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// A write failed earlier; nothing is written any more until a restart.
    #[error("the store is read-only since a write failed: {0}")]
    ReadOnly(Arc<str>),
    /// The disk is (nearly) full; writes are refused until there is room.
    #[error("the disk is nearly full: {0}")]
    Full(Arc<str>),
    /// The caller's fence is not the current one.
    #[error("fenced: another owner took over")]
    Fenced,
    /// The record was changed since it was read.
    #[error("the record is at revision {current:?}, not at the one expected")]
    Conflict {
        /// Its revision now; `None` where there is no such record.
        current: Option<Revision>,
    },
    /// What was read is not what was written.
    #[error("damaged: {0}")]
    Damaged(Arc<str>),
    /// Reading failed.
    #[error("reading failed: {0}")]
    Read(Arc<str>),
    /// The engine has stopped.
    #[error("the store has stopped")]
    Stopped,
}

/// What an ack of [`EventLog::append`] means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// In memory only (tests).
    None,
    /// Synced to this machine's disk.
    Fsync,
}

/// What an engine promises.
#[derive(Debug, Clone, Copy)]
pub struct Caps {
    /// What an ack means.
    pub durability: Durability,
    /// Whether several processes may share it.
    pub is_shared: bool,
    /// Largest event, in bytes of JSON.
    pub event_bytes_max: usize,
}

/// The right to change queues; drawn from a counter at each start, so that a late writer is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fence(pub u64);

/// What became of one event of an append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// Its place in the log; the first event's place where it is a duplicate.
    pub seq: Seq,
    /// Its id: the sender's own, or generated.
    pub id: EventId,
    /// Whether the id was already known within the dedupe window; nothing was stored then.
    pub is_duplicate: bool,
}

/// The ends of the log. An empty log has `last` = `first` − 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The oldest event that is kept.
    pub first: Seq,
    /// The newest event; 0 before the first ever.
    pub last: Seq,
}

/// The log of events.
pub trait EventLog: Send + Sync {
    /// What this engine promises.
    fn caps(&self) -> Caps;

    /// Appends in order; resolves when durable as [`Caps::durability`] says. All of it or nothing is stored.
    fn append(&self, batch: Vec<NewEvent>) -> Pending<Vec<Appended>>;

    /// Events after `after`, ascending and dense, at most `n_max` and about `bytes_max` bytes, but at least one if
    /// there is one. Starts at the oldest kept event where `after` lies before it.
    fn read(&self, after: Seq, n_max: usize, bytes_max: usize) -> Pending<Vec<Arc<Event>>>;

    /// The event at `seq`, if it is kept.
    fn get(&self, seq: Seq) -> Pending<Option<Arc<Event>>>;

    /// The event with this id, if it is kept.
    fn find(&self, id: EventId) -> Pending<Option<Arc<Event>>>;

    /// The newest durable seq; changes wake the watcher. A wake-up may be spurious.
    fn tail(&self) -> watch::Receiver<Seq>;

    /// The ends of the log.
    fn bounds(&self) -> Bounds;

    /// Removes what was received before `events` (events) and `deliveries` (ended deliveries, their attempts, dead
    /// letters), but no event that the router has not passed or that a queued or dead delivery still needs. Versions on
    /// record go once they decided about no kept event.
    fn trim(&self, events: Timestamp, deliveries: Timestamp) -> Pending<Bounds>;
}

/// One event's deliveries, as the router decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matched {
    /// Which event.
    pub seq: Seq,
    /// When it was received; its deliveries count as queued then.
    pub received_at: Timestamp,
    /// Where it goes. No endpoint twice.
    pub endpoints: Vec<EndpointNo>,
    /// [`Origin::Live`] or [`Origin::Test`].
    pub origin: Origin,
    /// Shadow subscriptions that it matched: counted and listed, never sent. No endpoint twice, and none of
    /// `endpoints`.
    pub shadows: Vec<EndpointNo>,
}

/// Which version of an endpoint's subscription decides from the event after `after` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deciding {
    /// Whose.
    pub endpoint: EndpointNo,
    /// The last event that it does not decide about.
    pub after: Seq,
    /// The version; 0: it decides nothing any more, because it was deleted.
    pub version: u32,
}

/// A queue entry together with its event.
#[derive(Debug, Clone)]
pub struct Queued {
    /// The entry.
    pub entry: Entry,
    /// Its event; `None` where it is to be read by itself: the stretch brought enough along, or it cannot be read.
    pub event: Option<Arc<Event>>,
}

/// A stretch of one endpoint's queue.
#[derive(Debug, Clone, Default)]
pub struct Stretch {
    /// Entries, ascending by seq.
    pub entries: Vec<Queued>,
    /// Whether the queue ends after them.
    pub is_end: bool,
}

/// What waits for an endpoint, at a glance.
#[derive(Debug, Clone, Default)]
pub struct Outline {
    /// How many deliveries.
    pub count: u64,
    /// The router's cursor when they were counted.
    pub upto: Seq,
    /// The oldest of them.
    pub first: Option<Seq>,
    /// The newest.
    pub last: Option<Seq>,
    /// Events of some from either end, ascending; those that cannot be had are left out.
    pub samples: Vec<Arc<Event>>,
}

/// What one attempt came to, to be recorded. The verdict stands in the attempt.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// Which endpoint.
    pub endpoint: EndpointNo,
    /// The entry as it was when the attempt began.
    pub entry: Entry,
    /// The record of the attempt.
    pub attempt: Attempt,
}

/// The queues of all endpoints.
pub trait DeliveryQueue: Send + Sync {
    /// Takes over: all older fences are void from now on.
    fn fence(&self) -> Pending<Fence>;

    /// The last seq that the router has passed.
    fn cursor(&self) -> Pending<Seq>;

    /// Queues the deliveries of the events up to `cursor`, records which versions decided about them and moves the
    /// router's cursor there, in one write. A repeat (a cursor at or before the stored one) changes nothing; a match or
    /// a cursor behind the end of the log is refused with all the rest. Versions decide from between the stored cursor
    /// and `cursor` on, both included; any others are left out. Of two for the same endpoint and event the last counts.
    fn enqueue(&self, fence: Fence, matches: Vec<Matched>, deciding: Vec<Deciding>, cursor: Seq) -> Pending<()>;

    /// The version of `endpoint`'s subscription that decided about the event at `seq`. `None` where none is on record:
    /// before the first, behind the router's cursor, or where [`EventLog::trim`] has removed it.
    fn decided_by(&self, endpoint: EndpointNo, seq: Seq) -> Pending<Option<u32>>;

    /// The newest version on record of each endpoint, a deletion (0) included while an event that was kept longer may
    /// still ask for it: what a router compares with at its start.
    fn deciding(&self) -> Pending<BTreeMap<EndpointNo, u32>>;

    /// Queues deliveries of past events for one endpoint, marked [`Origin::Backfill`], in one write; returns how many
    /// were made. Each event comes with the time it was received; the age of its delivery counts from `now`. `others`:
    /// the other endpoints of its subscription.
    ///
    /// Left out, and not counted: events that one of these endpoints has a delivery of already, whatever became of it,
    /// so that a repeat makes none twice; events that the router has not passed; and events that are no longer kept. What was
    /// delivered so long ago that [`EventLog::trim`] has removed the delivery is delivered again, under the same id. The
    /// deliveries are as old as their events: once ended, they go with the next trim that those events are too old for.
    /// Other work on the queues waits meanwhile: some hundreds of events at a time, no more.
    fn backfill(
        &self,
        fence: Fence,
        endpoint: EndpointNo,
        others: Vec<EndpointNo>,
        events: Vec<(Seq, Timestamp)>,
        now: Timestamp,
    ) -> Pending<u64>;

    /// Up to `n` entries of `endpoint` after `after`, those not yet due included. Sees every settle, replay,
    /// backfill and enqueue that was submitted before.
    fn head(&self, endpoint: EndpointNo, after: Seq, n: usize) -> Pending<Stretch>;

    /// Records attempts and what became of their deliveries. A settlement of a delivery that no longer waits (it was
    /// cancelled, or settled before) changes nothing.
    fn settle(&self, fence: Fence, settlements: Vec<Settlement>) -> Pending<()>;

    /// Queues dead letters again for a new round of attempts, marked [`Origin::Replay`]; returns those that were
    /// dead letters and now wait.
    fn replay(
        &self,
        fence: Fence,
        deliveries: Vec<(EndpointNo, Seq)>,
        now: Timestamp,
    ) -> Pending<Vec<(EndpointNo, Seq)>>;

    /// Gives dead letters up for good: they become cancelled. Returns those that were dead letters and are none now.
    fn discard(
        &self,
        fence: Fence,
        deliveries: Vec<(EndpointNo, Seq)>,
        now: Timestamp,
    ) -> Pending<Vec<(EndpointNo, Seq)>>;

    /// What waits for `endpoint` of live events, up to the router's cursor, with up to `n` events from either end.
    fn outline(&self, endpoint: EndpointNo, n: usize) -> Pending<Outline>;

    /// One webhook told of all that [`DeliveryQueue::outline`] counted: every delivery of a live event that waits up to
    /// `upto` is delivered, with `attempt` as its last one (numbered as it falls). Returns how many. In bounded steps; a
    /// crash between two leaves the rest waiting.
    fn digest(&self, fence: Fence, endpoint: EndpointNo, upto: Seq, attempt: Attempt) -> Pending<u64>;

    /// Cancels everything that waits or is dead for `endpoint`; returns how many. In bounded steps.
    fn purge(&self, fence: Fence, endpoint: EndpointNo, now: Timestamp) -> Pending<u64>;

    /// Endpoints with something waiting.
    fn waiting(&self) -> Pending<Vec<EndpointNo>>;

    /// The ledger of every endpoint that an event ever matched, from the counters.
    fn counters(&self) -> BTreeMap<EndpointNo, Counters>;

    /// The same of one endpoint; all zero where nothing ever matched.
    fn counters_of(&self, endpoint: EndpointNo) -> Counters;
}

/// A record's version; grows with every change of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

/// A record of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its key, such as `subscription/0012abcd`.
    pub key: String,
    /// Its version.
    pub revision: Revision,
    /// Its content; the engine does not look into it.
    pub value: Bytes,
}

/// Small records that are changed with compare-and-set: subscriptions, keys, jobs. Durable like the log.
pub trait Catalog: Send + Sync {
    /// The record.
    fn get(&self, key: String) -> Pending<Option<Record>>;

    /// Writes the record if it is at `expected` (`None`: if there is none), else [`Error::Conflict`].
    fn put_if(&self, key: String, expected: Option<Revision>, value: Bytes) -> Pending<Revision>;

    /// Deletes the record if it is at `expected`, else [`Error::Conflict`].
    fn delete_if(&self, key: String, expected: Revision) -> Pending<()>;

    /// All records whose key begins with `prefix`, in the order of their keys.
    fn list(&self, prefix: String) -> Pending<Vec<Record>>;

    /// Removes from the engine's files what records held before they were changed or deleted: for what must not be found
    /// there any more. Writes everything that is only in memory and logs to its place, so it is for rare occasions.
    fn scrub(&self) -> Pending<()>;
}

/// A delivery as people read it.
#[derive(Debug, Clone)]
pub struct DeliveryRecord {
    /// Where it goes.
    pub endpoint: EndpointNo,
    /// Which event.
    pub seq: Seq,
    /// The event's id.
    pub event_id: EventId,
    /// When the event was received; part of the delivery's id.
    pub received_at: Timestamp,
    /// Where it stands. The store does not know [`Status::Attempting`].
    pub status: Status,
    /// Why it is a dead letter.
    pub reason: Option<Reason>,
    /// Where it came from.
    pub origin: Origin,
    /// When it is tried again.
    pub next_at: Option<Timestamp>,
    /// Attempts made.
    pub attempts: u16,
    /// When the last one ended, if nothing more follows; the time of cancelling where it was cancelled.
    pub ended_at: Option<Timestamp>,
    /// The last attempt's status code.
    pub last_status_code: Option<u16>,
    /// The last attempt's class.
    pub last_class: Option<Class>,
}

/// One page of a list, and where the next begins.
#[derive(Debug, Clone)]
pub struct Page<T, C> {
    /// What is on it.
    pub items: Vec<T>,
    /// Continue after this; `None` on the last page. A page that is not the last is never empty.
    pub next: Option<C>,
}

/// The lists that people read: local read models, no part of what a distributed engine must offer.
pub trait Reads: Send + Sync {
    /// Events, newest first; a page ends early at [`PAGE_BYTES_MAX`]. The cursor is the seq of the last one shown.
    fn events(&self, query: EventQuery) -> Pending<Page<Arc<Event>, Seq>>;

    /// Deliveries, newest event first. The cursor is the last one shown.
    fn deliveries(&self, query: DeliveryQuery) -> Pending<Page<DeliveryRecord, (Seq, EndpointNo)>>;

    /// Events that `endpoint` matched in shadow, newest first; those that retention removed are left out, and those
    /// whose deliveries it removed. Pages as above.
    fn shadowed(&self, endpoint: EndpointNo, before: Option<Seq>, limit: usize) -> Pending<Page<Arc<Event>, Seq>>;

    /// Like [`EventLog::read`], for those who go through much of the log: it keeps the router waiting for nothing, and
    /// leaves the caches as they are.
    fn scan(&self, after: Seq, n_max: usize, bytes_max: usize) -> Pending<Vec<Arc<Event>>>;

    /// The first kept event that was received at or after `at`, or the end of the log (the seq of the next event).
    /// Found by halving: where the clock stepped back it is one of several that are right for most events. So whoever
    /// wants all of them begins earlier by as much as the clock may have stepped, and looks at each event's time.
    fn first_since(&self, at: Timestamp) -> Pending<Seq>;

    /// One delivery with its attempts, in order.
    fn delivery(&self, endpoint: EndpointNo, seq: Seq) -> Pending<Option<(DeliveryRecord, Vec<Attempt>)>>;

    /// Counts queues and dead letters and holds them against the counters, in one consistent view.
    fn ledger(&self) -> Pending<Vec<LedgerLine>>;

    /// Why nothing is written any more, if that is so.
    fn read_only(&self) -> Option<Arc<str>>;

    /// Why no events are taken for want of room, if that is so; everything else goes on.
    fn shortage(&self) -> Option<Arc<str>>;

    /// Bytes on disk, about.
    fn disk_bytes(&self) -> u64;

    /// Bytes that are free beside them; `None` where that is not known, or there is no disk.
    fn disk_free(&self) -> Option<u64>;

    /// Everything that is durable now, as files that the engine opens like its own: a backup. It shares its room with
    /// the store for as long as both hold the same files. Refused where the disk is nearly full.
    fn checkpoint(&self) -> Pending<Checkpoint>;
}

/// One engine, by its parts.
#[derive(Clone)]
pub struct Store {
    /// The log.
    pub log: Arc<dyn EventLog>,
    /// The queues.
    pub queue: Arc<dyn DeliveryQueue>,
    /// The catalogue.
    pub catalog: Arc<dyn Catalog>,
    /// The lists.
    pub reads: Arc<dyn Reads>,
    /// Tells when it is closed.
    pub closing: Closing,
}

/// Tells when a store is closed: after its last part is dropped, its threads have ended and its files are let go.
#[derive(Debug, Clone)]
pub struct Closing(watch::Receiver<()>);

impl Closing {
    /// Returns once the store is closed. Whoever waits must hold no part of it.
    pub async fn closed(mut self) {
        while self.0.changed().await.is_ok() {}
    }
}

/// Held by an engine while it is open; dropped last.
pub(crate) struct Open(#[expect(dead_code, reason = "held for its drop")] watch::Sender<()>);

impl Open {
    pub(crate) fn new() -> (Self, Closing) {
        let (sender, receiver) = watch::channel(());
        (Self(sender), Closing(receiver))
    }
}

/// As many of `events` as a read of `n_max` events and `bytes_max` bytes returns: at least one if there is one.
fn take_within(events: impl Iterator<Item = Arc<Event>>, n_max: usize, bytes_max: usize) -> Vec<Arc<Event>> {
    let mut bytes = 0;
    let fits = |event: &Arc<Event>| {
        let is_first = bytes == 0;
        bytes += event.weight();
        is_first || bytes <= bytes_max
    };
    events.take(n_max.max(1)).take_while(fits).collect()
}

/// Refuses what lies behind `last`, the end of the log: passing it would skip for ever what is appended there.
fn check_end(last: Seq, matches: &[Matched], cursor: Seq) -> Result<(), Error> {
    let end = matches.iter().map(|matched| matched.seq).fold(cursor, Seq::max);
    if end <= last {
        return Ok(());
    }
    Err(Error::Damaged(format!("event {end} cannot be routed, the log ends at {last}").into()))
}

/// When `attempt` ended.
fn ended_at(attempt: &Attempt) -> Timestamp {
    let millis = i64::try_from(attempt.duration_us / 1000).unwrap_or(i64::MAX);
    Timestamp::from_millis(attempt.started_at_ms.saturating_add(millis))
}
