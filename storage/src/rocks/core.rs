//! What all threads of the engine share: the database, the in-memory tail, the marks and the ledger.
//!
//! Each mark and each count has one owner that changes it (named here); everyone else only reads. A mark is published
//! after the write that makes it true, but [`Marks::first`] before it: an event is denied before it is gone.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use loghorn_domain::{Clock, EndpointNo, Event, EventId, Seq};
use parking_lot::Mutex;
use tokio::sync::{oneshot, watch};

use super::{
    Options,
    db::{Db, Watermarks},
    keys::{self, Cf},
    record::{self, Ended},
    tail::Tail,
};
use crate::{Bounds, Counters, Error, Fence, Pending};

pub(super) struct Core {
    pub(super) db: Db,
    pub(super) options: Options,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) log_number: u32,
    pub(super) tail: Tail,
    pub(super) marks: Marks,
    pub(super) watermarks: Arc<Watermarks>,
    pub(super) moved: watch::Sender<Seq>,
    /// `matched` is changed under the router's lock before the write, `ended` by the queue keeper after its own: so
    /// what waits is never counted too low.
    pub(super) accounts: Mutex<BTreeMap<EndpointNo, Account>>,
    /// Held while the router writes, or the queue keeper what is the router's, and while the fence changes.
    pub(super) router: Mutex<()>,
}

/// The seqs and numbers that everyone needs.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Owner: queue keeper.
    pub(super) first: Mark,
    /// Owner: log writer.
    pub(super) last: Mark,
    /// Owner: router.
    pub(super) cursor: Mark,
    /// Owner: queue keeper.
    pub(super) deliveries_from: Mark,
    /// Owner: queue keeper, under the router's lock.
    pub(super) epoch: Mark,
    /// Owner: log writer.
    pub(super) revision: Mark,
}

/// A number with one writer.
#[derive(Debug, Default)]
pub(super) struct Mark(AtomicU64);

impl Mark {
    pub(super) fn number(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    pub(super) fn seq(&self) -> Seq {
        Seq(self.number())
    }

    pub(super) fn set(&self, number: u64) {
        self.0.store(number, Ordering::Release);
    }
}

/// One endpoint's ledger.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Account {
    pub(super) matched: u64,
    pub(super) shadowed: u64,
    pub(super) ended: Ended,
}

impl Account {
    pub(super) fn counters(&self) -> Counters {
        let Ended { delivered, digested, retrying, dead, expired, cancelled, .. } = self.ended;
        let waiting = self.matched.saturating_sub(delivered + dead + expired + cancelled);
        let (matched, shadowed) = (self.matched, self.shadowed);
        Counters { matched, delivered, digested, waiting, retrying, dead, expired, cancelled, shadowed }
    }
}

impl Core {
    pub(super) fn bounds(&self) -> Bounds {
        Bounds { first: self.marks.first.seq(), last: self.marks.last.seq() }
    }

    /// Whether an event of this seq is kept, or should be.
    pub(super) fn holds(&self, seq: Seq) -> bool {
        let bounds = self.bounds();
        bounds.first <= seq && seq <= bounds.last
    }

    pub(super) fn check(&self, fence: Fence) -> Result<(), Error> {
        if fence.0 == self.marks.epoch.number() { Ok(()) } else { Err(Error::Fenced) }
    }

    /// The event, from memory or from the disk.
    pub(super) fn event(&self, seq: Seq) -> Result<Option<Arc<Event>>, Error> {
        if !self.holds(seq) {
            return Ok(None);
        }
        if let Some(event) = self.tail.get(seq) {
            return Ok(Some(event));
        }
        match self.db.get(Cf::Events, keys::of_seq(seq))? {
            Some(record) => self.decode(seq, &record).map(Some),
            // Removed since we looked.
            None if seq < self.marks.first.seq() => Ok(None),
            None => Err(missing(seq)),
        }
    }

    pub(super) fn decode(&self, seq: Seq, record: &[u8]) -> Result<Arc<Event>, Error> {
        record::decode_event(seq, self.log_number, record).map(Arc::new).map_err(|what| bad_event(seq, what))
    }

    /// The event with this id: under the sender's own id if there is one, else as a generated id.
    pub(super) fn find(&self, id: &EventId) -> Result<Option<Arc<Event>>, Error> {
        if let Some(value) = self.db.get(Cf::Ids, id.as_str())? {
            let (seq, _) = record::decode_id(&value).ok_or_else(|| unreadable("id", id))?;
            if self.holds(seq) {
                return self.event(seq);
            }
        }
        match id.parts() {
            Some((number, seq)) if number == self.log_number => Ok(self.event(seq)?.filter(|event| event.id == *id)),
            _ => Ok(None),
        }
    }

    pub(super) fn is_generated(&self, event: &Event) -> bool {
        event.id == EventId::generated(event.head.received_at, self.log_number, event.seq)
    }
}

pub(super) fn bad_event(seq: Seq, what: &str) -> Error {
    Error::Damaged(format!("event {seq}: {what}").into())
}

pub(super) fn missing(seq: Seq) -> Error {
    Error::Damaged(format!("event {seq} is missing from the log").into())
}

pub(super) fn unreadable(what: &str, which: impl std::fmt::Display) -> Error {
    Error::Damaged(format!("the record of {what} {which} cannot be read").into())
}

/// Where an answer goes. The caller may have left: then it is dropped.
pub(super) struct Reply<T>(oneshot::Sender<Result<T, Error>>);

impl<T> Reply<T> {
    pub(super) fn send(self, answer: Result<T, Error>) {
        let _ = self.0.send(answer);
    }

    /// Whether somebody still waits for it.
    pub(super) fn is_wanted(&self) -> bool {
        !self.0.is_closed()
    }
}

/// A future answer and its other end.
pub(super) fn promise<T: Send + 'static>() -> (Reply<T>, Pending<T>) {
    let (sender, receiver) = oneshot::channel();
    (Reply(sender), Box::pin(async { receiver.await.unwrap_or(Err(Error::Stopped)) }))
}

pub(super) fn ready<T: Send + 'static>(answer: Result<T, Error>) -> Pending<T> {
    Box::pin(std::future::ready(answer))
}
