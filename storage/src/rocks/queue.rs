//! The queue keeper: one thread that settles, reads queue heads, replays, discards, backfills, purges and trims, in order of
//! submission.
//!
//! Consecutive settles become one write, not synced: a settle lost in a power cut means a delivery sent again with the
//! same id. Anything else first commits what is pending, so a head sees every settle before it. Long jobs (purge,
//! trim) go on in bounded steps between other work. Only this thread changes [`Ended`].

use std::{
    collections::{BTreeSet, VecDeque},
    sync::mpsc,
};

use loghorn_domain::{
    EndpointNo, Origin, Seq, Timestamp, Verdict,
    delivery::{Attempt, Entry},
};
use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    core::{Core, Reply, unreadable},
    db::{Batch, Durable, read_error},
    digest::Digest,
    disk::DiskGuard,
    keys::{self, Cf},
    purge::{Purge, put_marker},
    record::{self, Attempted, Cancelled, Dead, Ended, Match, Waiting},
    retention::Trim,
};
use crate::{Bounds, Error, Fence, Queued, Settlement, Stretch, ended_at};

/// Most settlements in one write, and most jobs between two steps of a long one.
const ROUND_MAX: usize = 4096;

/// Bytes of events that one read of a queue's head brings along; those after are read one by one when they are sent.
const HEAD_BYTES_MAX: usize = 1 << 20;

pub(super) enum Job {
    Fence {
        reply: Reply<Fence>,
    },
    Head {
        endpoint: EndpointNo,
        after: Seq,
        n: usize,
        reply: Reply<Stretch>,
    },
    Settle {
        fence: Fence,
        settlements: Vec<Settlement>,
        reply: Reply<()>,
    },
    Replay {
        fence: Fence,
        deliveries: Vec<(EndpointNo, Seq)>,
        now: Timestamp,
        reply: Reply<Vec<(EndpointNo, Seq)>>,
    },
    Discard {
        fence: Fence,
        deliveries: Vec<(EndpointNo, Seq)>,
        now: Timestamp,
        reply: Reply<Vec<(EndpointNo, Seq)>>,
    },
    Backfill {
        fence: Fence,
        endpoint: EndpointNo,
        others: Vec<EndpointNo>,
        events: Vec<(Seq, Timestamp)>,
        now: Timestamp,
        reply: Reply<u64>,
    },
    Digest(Box<Digest>),
    Purge {
        fence: Fence,
        endpoint: EndpointNo,
        now: Timestamp,
        reply: Reply<u64>,
    },
    Trim {
        events: Timestamp,
        deliveries: Timestamp,
        reply: Reply<Bounds>,
    },
}

/// A job that is done in steps.
pub(super) enum Long {
    Digest(Box<Digest>),
    Purge(Purge),
    Trim(Trim),
}

/// Runs until every sender is gone and all long jobs are done.
pub(super) fn run(core: &Core, jobs: &mpsc::Receiver<Job>) {
    let mut keeper = Keeper::new(core);
    loop {
        let next = if keeper.long.is_empty() {
            let Ok(job) = jobs.recv() else { return };
            Some(job)
        } else {
            jobs.try_recv().ok()
        };
        if let Some(job) = next {
            keeper.handle(job);
            jobs.try_iter().take(ROUND_MAX).for_each(|job| keeper.handle(job));
        }
        keeper.commit_settles();
        keeper.step();
    }
}

/// A write in the making, and whose [`Ended`] it changes.
pub(super) struct Change<'a> {
    pub(super) batch: Batch<'a>,
    pub(super) endpoints: BTreeSet<EndpointNo>,
}

/// Settles that wait to be written together.
struct Settles<'a> {
    change: Change<'a>,
    deliveries: FxHashSet<(EndpointNo, Seq)>,
    replies: Vec<Reply<()>>,
}

pub(super) struct Keeper<'a> {
    pub(super) core: &'a Core,
    ended: FxHashMap<EndpointNo, Ended>,
    settles: Settles<'a>,
    long: VecDeque<Long>,
    guard: DiskGuard,
    /// The oldest event of which a delivery died since retention last looked.
    pub(super) died_from: Seq,
}

impl<'a> Change<'a> {
    pub(super) fn new(core: &'a Core) -> Self {
        Self { batch: core.db.batch(), endpoints: BTreeSet::new() }
    }
}

impl<'a> Settles<'a> {
    fn new(core: &'a Core) -> Self {
        Self { change: Change::new(core), deliveries: FxHashSet::default(), replies: Vec::new() }
    }
}

impl<'a> Keeper<'a> {
    pub(super) fn new(core: &'a Core) -> Self {
        let ended = core.accounts.lock().iter().map(|(endpoint, account)| (*endpoint, account.ended)).collect();
        Self {
            core,
            ended,
            settles: Settles::new(core),
            long: VecDeque::new(),
            guard: DiskGuard::default(),
            died_from: Seq::MAX,
        }
    }

    pub(super) fn handle(&mut self, job: Job) {
        if let Job::Settle { fence, settlements, reply } = job {
            return self.settle(fence, settlements, reply);
        }
        self.commit_settles();
        match job {
            Job::Settle { .. } => {}
            Job::Fence { reply } => reply.send(self.fence()),
            Job::Head { endpoint, after, n, reply } => reply.send(self.head(endpoint, after, n)),
            Job::Replay { fence, deliveries, now, reply } => reply.send(self.replay(fence, deliveries, now)),
            Job::Discard { fence, deliveries, now, reply } => reply.send(self.discard(fence, deliveries, now)),
            Job::Backfill { fence, endpoint, others, events, now, reply } => {
                reply.send(self.backfill(fence, endpoint, &others, events, now));
            }
            Job::Digest(digest) => self.long.push_back(Long::Digest(digest)),
            Job::Purge { fence, endpoint, now, reply } => {
                let upto = self.core.marks.cursor.seq();
                self.long.push_back(Long::Purge(Purge::new(fence, endpoint, now, upto, reply)));
            }
            Job::Trim { events, deliveries, reply } => {
                self.long.push_back(Long::Trim(Trim::new(events, deliveries, reply)));
            }
        }
    }

    /// One step of the oldest long job.
    pub(super) fn step(&mut self) {
        let again = match self.long.pop_front() {
            None => None,
            Some(Long::Digest(digest)) => digest.step(self).map(|again| Long::Digest(Box::new(again))),
            Some(Long::Purge(purge)) => purge.step(self).map(Long::Purge),
            Some(Long::Trim(trim)) => trim.step(self).map(Long::Trim),
        };
        if let Some(again) = again {
            self.long.push_front(again);
        }
    }

    pub(super) fn ended(&mut self, endpoint: EndpointNo) -> &mut Ended {
        self.ended.entry(endpoint).or_default()
    }

    /// Writes `change` with the counts of its endpoints, and shows them. After a failure all is as it was before.
    pub(super) fn commit(&mut self, mut change: Change<'a>, durable: Durable) -> Result<(), Error> {
        let endpoints = std::mem::take(&mut change.endpoints);
        let written = self.write(change, &endpoints, durable);
        let mut accounts = self.core.accounts.lock();
        for endpoint in endpoints {
            let shown = &mut accounts.entry(endpoint).or_default().ended;
            let ended = self.ended.entry(endpoint).or_default();
            match written {
                Ok(()) => *shown = *ended,
                Err(_) => *ended = *shown,
            }
        }
        written
    }

    fn write(
        &mut self,
        mut change: Change<'a>,
        endpoints: &BTreeSet<EndpointNo>,
        durable: Durable,
    ) -> Result<(), Error> {
        for endpoint in endpoints {
            let ended = self.ended(*endpoint).to_bytes()?;
            change.batch.put(Cf::Meta, keys::of_endpoint(keys::ENDED, *endpoint), ended);
        }
        self.core.db.write(change.batch, durable)
    }

    fn fence(&mut self) -> Result<Fence, Error> {
        let _turn = self.core.router.lock();
        let epoch = self.core.marks.epoch.number() + 1;
        let mut batch = self.core.db.batch();
        batch.put_number(keys::EPOCH, epoch);
        self.core.db.write(batch, Durable::Now)?;
        self.core.marks.epoch.set(epoch);
        Ok(Fence(epoch))
    }

    fn settle(&mut self, fence: Fence, settlements: Vec<Settlement>, reply: Reply<()>) {
        if let Err(error) = self.core.check(fence).and_then(|()| self.core.db.check_writable()) {
            return reply.send(Err(error));
        }
        let is_crowded = self.guard.check(self.core).is_some();
        for mut settlement in settlements {
            if is_crowded {
                // What a backlog's receivers answered would take the room that is kept free for settling it.
                let attempt = &mut settlement.attempt;
                (attempt.response_headers, attempt.response_body) = Default::default();
            }
            let delivery = (settlement.endpoint, settlement.entry.seq);
            // What is pending cannot be read yet.
            if self.settles.deliveries.contains(&delivery) || self.settles.deliveries.len() >= ROUND_MAX {
                self.commit_settles();
            }
            self.settles.deliveries.insert(delivery);
            if let Err(error) = self.settle_one(settlement) {
                return reply.send(Err(error));
            }
        }
        self.settles.replies.push(reply);
    }

    fn commit_settles(&mut self) {
        if self.settles.replies.is_empty() && self.settles.change.batch.is_empty() {
            self.settles.deliveries.clear();
            return;
        }
        let Settles { change, replies, .. } = std::mem::replace(&mut self.settles, Settles::new(self.core));
        let result = self.commit(change, Durable::Soon);
        replies.into_iter().for_each(|reply| reply.send(result.clone()));
    }

    fn settle_one(&mut self, settlement: Settlement) -> Result<(), Error> {
        let Settlement { endpoint, entry, attempt } = settlement;
        let key = keys::queue(endpoint, entry.seq);
        let Some(value) = self.core.db.get(Cf::Queue, key)? else { return Ok(()) };
        let stored = stored_entry(endpoint, entry.seq, &value)?
            .unwrap_or_else(|| Entry::fresh(entry.seq, entry.queued_at, Origin::Live));
        if stored.attempts_total != entry.attempts_total {
            return Ok(());
        }
        let after = Entry {
            attempts_total: stored.attempts_total.saturating_add(1),
            attempts_in_round: stored.attempts_in_round.saturating_add(1),
            ..stored
        };
        self.put_verdict(endpoint, stored.next_at.is_some(), after, &attempt)?;
        let number = attempt.number.min(keys::CANCELLED - 1);
        let value = Attempted { origin: stored.origin, attempt }.to_bytes()?;
        let change = &mut self.settles.change;
        change.batch.put(Cf::Attempts, keys::attempt(endpoint, entry.seq, number), value);
        change.endpoints.insert(endpoint);
        Ok(())
    }

    fn put_verdict(
        &mut self,
        endpoint: EndpointNo,
        was_retrying: bool,
        after: Entry,
        attempt: &Attempt,
    ) -> Result<(), Error> {
        let key = keys::queue(endpoint, after.seq);
        let ended = self.ended.entry(endpoint).or_default();
        let batch = &mut self.settles.change.batch;
        ended.retrying = ended.retrying.saturating_sub(u64::from(was_retrying));
        match attempt.verdict {
            Verdict::Delivered => {
                batch.delete(Cf::Queue, key);
                ended.delivered += 1;
            }
            Verdict::Retry { at } => {
                batch.put(Cf::Queue, key, record::encode(&Waiting::from(Entry { next_at: Some(at), ..after }))?);
                ended.retrying += 1;
            }
            Verdict::Dead(reason) => {
                let (origin, attempts_total) = (after.origin, after.attempts_total);
                let dead = Dead { reason, origin, attempts_total, ended_at_ms: ended_at(attempt).millis() };
                batch.put(Cf::Dead, keys::dead(after.seq, endpoint), record::encode(&dead)?);
                batch.delete(Cf::Queue, key);
                ended.dead += 1;
                self.died_from = self.died_from.min(after.seq);
            }
        }
        Ok(())
    }

    fn head(&mut self, endpoint: EndpointNo, after: Seq, n: usize) -> Result<Stretch, Error> {
        let from = Seq(after.0.saturating_add(1));
        let low_water = self.ended(endpoint).low_water;
        let (mut stretch, mut bytes) = (Stretch::default(), 0);
        // Entries up to this are visible below; newer ones lie behind it.
        let cursor = self.core.marks.cursor.seq();
        let mut iter =
            self.core.db.iter(Cf::Queue, &keys::queue(endpoint, from.max(low_water)), &keys::queue_end(endpoint));
        iter.seek_to_first();
        // A queue that cannot be read looks like an empty one.
        iter.status().map_err(read_error)?;
        if from <= low_water.max(Seq(1)) {
            let first = iter.key().and_then(keys::to_queue).map(|(_, seq)| seq);
            self.raise_low_water(endpoint, first.unwrap_or_else(|| cursor.next()));
        }
        while let Some((key, value)) = iter.item().filter(|_| stretch.entries.len() < n) {
            let (_, seq) = keys::to_queue(key).ok_or_else(|| unreadable("queue", endpoint))?;
            let mut queued = self.queued(endpoint, seq, value)?;
            bytes += queued.event.as_ref().map_or(0, |event| event.weight());
            if bytes > HEAD_BYTES_MAX {
                queued.event = None;
            }
            stretch.entries.push(queued);
            iter.next();
        }
        iter.status().map_err(read_error)?;
        stretch.is_end = !iter.valid();
        Ok(stretch)
    }

    /// Nothing of `endpoint` waits before `seq`.
    pub(super) fn raise_low_water(&mut self, endpoint: EndpointNo, seq: Seq) {
        let ended = self.ended(endpoint);
        ended.low_water = ended.low_water.max(seq);
    }

    fn queued(&self, endpoint: EndpointNo, seq: Seq, value: &[u8]) -> Result<Queued, Error> {
        let event = self.core.event(seq).unwrap_or_else(|error| {
            tracing::error!(%error, %seq, %endpoint, "a queued event cannot be read");
            None
        });
        let entry = match (stored_entry(endpoint, seq, value)?, &event) {
            (Some(entry), _) => entry,
            (None, Some(event)) => Entry::fresh(seq, event.head.received_at, Origin::Live),
            (None, None) => Entry::fresh(seq, self.matched_at(seq)?, Origin::Live),
        };
        Ok(Queued { entry, event })
    }

    fn matched_at(&self, seq: Seq) -> Result<Timestamp, Error> {
        let value = self.core.db.get(Cf::Matches, keys::of_seq(seq))?;
        let matched = value.and_then(|value| Match::from_bytes(&value));
        Ok(matched.map_or_else(Timestamp::default, |matched| matched.received_at()))
    }

    fn replay(
        &mut self,
        fence: Fence,
        deliveries: Vec<(EndpointNo, Seq)>,
        now: Timestamp,
    ) -> Result<Vec<(EndpointNo, Seq)>, Error> {
        self.raise(fence, deliveries, |change, ended, (endpoint, seq), Dead { attempts_total, .. }| {
            let entry = Entry { attempts_total, ..Entry::fresh(seq, now, Origin::Replay) };
            change.batch.put(Cf::Queue, keys::queue(endpoint, seq), record::encode(&Waiting::from(entry))?);
            ended.low_water = ended.low_water.min(seq);
            Ok(())
        })
    }

    fn discard(
        &mut self,
        fence: Fence,
        deliveries: Vec<(EndpointNo, Seq)>,
        now: Timestamp,
    ) -> Result<Vec<(EndpointNo, Seq)>, Error> {
        self.raise(fence, deliveries, |change, ended, delivery, Dead { origin, attempts_total, .. }| {
            ended.cancelled += 1;
            put_marker(change, delivery, &Cancelled { at_ms: now.millis(), origin, attempts_total })
        })
    }

    /// Makes something else of those that are dead letters, in one write; returns them.
    fn raise(
        &mut self,
        fence: Fence,
        deliveries: Vec<(EndpointNo, Seq)>,
        mut into: impl FnMut(&mut Change<'a>, &mut Ended, (EndpointNo, Seq), Dead) -> Result<(), Error>,
    ) -> Result<Vec<(EndpointNo, Seq)>, Error> {
        self.core.check(fence)?;
        self.core.db.check_writable()?;
        let mut change = Change::new(self.core);
        let mut raised = Vec::new();
        let mut dead = self.dead(&deliveries)?;
        for (endpoint, seq) in deliveries {
            let Some(letter) = dead.remove(&(endpoint, seq)) else { continue };
            change.batch.delete(Cf::Dead, keys::dead(seq, endpoint));
            change.endpoints.insert(endpoint);
            let ended = self.ended(endpoint);
            ended.dead = ended.dead.saturating_sub(1);
            into(&mut change, ended, (endpoint, seq), letter)?;
            raised.push((endpoint, seq));
        }
        self.commit(change, Durable::Soon)?;
        Ok(raised)
    }

    /// Those that are dead letters. What is to be changed is read in full before any count changes.
    fn dead(&self, deliveries: &[(EndpointNo, Seq)]) -> Result<FxHashMap<(EndpointNo, Seq), Dead>, Error> {
        let wanted: BTreeSet<_> = deliveries.iter().copied().collect();
        let mut dead = FxHashMap::default();
        for (endpoint, seq) in wanted {
            if let Some(value) = self.core.db.get(Cf::Dead, keys::dead(seq, endpoint))? {
                dead.insert((endpoint, seq), record::decode(&value).ok_or_else(|| unreadable("dead letter", seq))?);
            }
        }
        Ok(dead)
    }
}

/// The entry that a queue value stands for; `None` for a fresh live one, which its event describes.
pub(super) fn stored_entry(endpoint: EndpointNo, seq: Seq, value: &[u8]) -> Result<Option<Entry>, Error> {
    if value.is_empty() {
        return Ok(None);
    }
    let waiting: Waiting = record::decode(value).ok_or_else(|| unreadable("queue", format!("{endpoint}/{seq}")))?;
    Ok(Some(waiting.entry(seq)))
}
