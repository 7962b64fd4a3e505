//! Reading from the disk, off the caller's thread: three lanes, so that a person's long search keeps neither the router
//! waiting nor the figures of everybody else.

use std::{
    panic::{self, AssertUnwindSafe},
    sync::{Arc, mpsc},
};

use bytes::Bytes;
use loghorn_domain::{Event, Seq};
use rocksdb::DBRawIterator;

use super::{
    core::{Core, missing, promise, ready, unreadable},
    db::read_error,
    keys::{self, Cf},
    record,
};
use crate::{Error, Pending, Record};

/// A read to be done.
pub(super) type Job = Box<dyn FnOnce(&Core) + Send>;

/// Runs until every sender is gone.
pub(super) fn run(core: &Core, jobs: &mpsc::Receiver<Job>) {
    while let Ok(job) = jobs.recv() {
        job(core);
    }
}

/// One reading thread's entrance. What waits in it is bounded by its callers, who each wait for their answers.
pub(super) struct Lane(pub(super) mpsc::Sender<Job>);

impl Lane {
    /// Does `work` on the lane's thread.
    pub(super) fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Core) -> Result<T, Error> + Send + 'static,
    ) -> Pending<T> {
        self.run_while_wanted(|core, _| work(core))
    }

    /// The same for long work, which is told whether somebody still waits for it. What nobody waits for is not begun.
    pub(super) fn run_while_wanted<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Core, &dyn Fn() -> bool) -> Result<T, Error> + Send + 'static,
    ) -> Pending<T> {
        let (reply, pending) = promise();
        let job = move |core: &Core| {
            let is_wanted = || reply.is_wanted();
            if !is_wanted() {
                return;
            }
            // One bad record is not the end of all reading.
            let answer = panic::catch_unwind(AssertUnwindSafe(|| work(core, &is_wanted)));
            reply.send(answer.unwrap_or_else(|_| Err(Error::Read("the reader panicked".into()))));
        };
        match self.0.send(Box::new(job)) {
            Ok(()) => pending,
            Err(_) => ready(Err(Error::Stopped)),
        }
    }
}

/// What most events take up at most.
const EVENT_BYTES_USUAL: usize = 1024;
/// Most bytes that a scan reads ahead.
const AHEAD_BYTES_MAX: usize = 2 << 20;

/// Events from `after` on, from the disk. A gap is damage.
pub(super) fn events_after(core: &Core, after: Seq, n_max: usize, bytes_max: usize) -> Result<Vec<Arc<Event>>, Error> {
    dense_events(core, after, n_max, bytes_max, |from, to| core.db.iter(Cf::Events, from, to))
}

/// The same for those who go through much of the log: from memory where it is there, and past the cache.
pub(super) fn scan(core: &Core, after: Seq, n_max: usize, bytes_max: usize) -> Result<Vec<Arc<Event>>, Error> {
    let from = Seq(after.0.saturating_add(1)).max(core.marks.first.seq());
    if let Some(events) = core.tail.read(from, n_max, bytes_max) {
        return Ok(events);
    }
    // About as much as is wanted.
    let ahead = n_max.saturating_mul(EVENT_BYTES_USUAL).min(bytes_max).min(AHEAD_BYTES_MAX);
    dense_events(core, after, n_max, bytes_max, |from, to| core.db.scan_ahead(Cf::Events, from, to, ahead))
}

fn dense_events<'a>(
    core: &'a Core,
    after: Seq,
    n_max: usize,
    bytes_max: usize,
    iter: impl FnOnce(&[u8], &[u8]) -> DBRawIterator<'a>,
) -> Result<Vec<Arc<Event>>, Error> {
    let bounds = core.bounds();
    let mut expected = Seq(after.0.saturating_add(1)).max(bounds.first);
    let mut events: Vec<Arc<Event>> = Vec::new();
    let mut bytes = 0;
    if expected > bounds.last {
        return Ok(events);
    }
    let mut iter = iter(&keys::of_seq(expected), &keys::of_seq(bounds.last.next()));
    iter.seek_to_first();
    while let Some((key, value)) = iter.item().filter(|_| events.len() < n_max.max(1)) {
        let seq = keys::to_seq(key).ok_or_else(|| unreadable("event after", after))?;
        // Retention may have gone on since the first look; but only before the first event that is found. It may also
        // have gone on so lately that events from before it are found: they are not gone yet.
        let first = if events.is_empty() { core.marks.first.seq() } else { expected };
        if seq > expected.max(first) {
            return Err(missing(expected.max(first)));
        }
        let event = core.decode(seq, value)?;
        bytes += event.weight();
        if !events.is_empty() && bytes > bytes_max {
            return Ok(events);
        }
        events.push(event);
        expected = seq.next();
        iter.next();
    }
    iter.status().map_err(read_error)?;
    if events.is_empty() && core.holds(expected) {
        return Err(missing(expected));
    }
    Ok(events)
}

/// One record of the catalogue.
pub(super) fn record(core: &Core, key: String) -> Result<Option<Record>, Error> {
    let value = core.db.get(Cf::Catalog, &key)?;
    value.map(|value| to_record(key, &value)).transpose()
}

/// All records under `prefix`.
pub(super) fn records(core: &Core, prefix: &str) -> Result<Vec<Record>, Error> {
    let mut records = Vec::new();
    // No UTF-8 text holds the byte ff.
    let end = [prefix.as_bytes(), &[0xff]].concat();
    let mut iter = core.db.iter(Cf::Catalog, prefix.as_bytes(), &end);
    iter.seek_to_first();
    while let Some((key, value)) = iter.item() {
        records.push(to_record(String::from_utf8_lossy(key).into_owned(), value)?);
        iter.next();
    }
    iter.status().map_err(read_error)?;
    Ok(records)
}

fn to_record(key: String, value: &[u8]) -> Result<Record, Error> {
    let (revision, content) = record::decode_record(value).ok_or_else(|| unreadable("catalogue", &key))?;
    Ok(Record { revision, value: Bytes::copy_from_slice(content), key })
}
