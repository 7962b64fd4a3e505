//! Retention: what is old goes, in one cut through the log, and nothing goes that is still needed.
//!
//! Two seqs are moved forward. Deliveries of events before [`keys::DELIVERIES_FROM`] are gone: none of them waits, and
//! their dead letters are removed first, in steps, and counted as expired (a backfill moves it back, see `backfill.rs`). Events before [`keys::FIRST`] are gone: the
//! router has passed them and nothing waiting or dead needs them. The final cut is one synced write; whole files are
//! then dropped at once, and compaction drops what belonged to them (ids, attempts).

use std::sync::atomic::Ordering;

use loghorn_domain::{Seq, Timestamp};

use super::{
    core::{Core, Reply, unreadable},
    db::{Durable, read_error},
    keys::{self, Cf},
    queue::{Change, Keeper},
    record::Match,
    versions,
};
use crate::{Bounds, Error};

const STEP: usize = 1000;

pub(super) struct Trim {
    events: Timestamp,
    deliveries: Timestamp,
    /// Dead letters before this expire; found in the first step.
    goal: Option<Seq>,
    /// No dead letter is left before this.
    dead_from: Seq,
    reply: Reply<Bounds>,
}

impl Trim {
    pub(super) fn new(events: Timestamp, deliveries: Timestamp, reply: Reply<Bounds>) -> Self {
        Self { events, deliveries, goal: None, dead_from: Seq::MAX, reply }
    }

    /// Returns the job if it is not done.
    pub(super) fn step(mut self, keeper: &mut Keeper<'_>) -> Option<Self> {
        match self.try_step(keeper) {
            Ok(false) => return Some(self),
            Ok(true) => self.reply.send(Ok(keeper.core.bounds())),
            Err(error) => self.reply.send(Err(error)),
        }
        None
    }

    fn try_step(&mut self, keeper: &mut Keeper<'_>) -> Result<bool, Error> {
        let core = keeper.core;
        core.db.check_writable()?;
        let goal = match self.goal {
            Some(goal) => goal,
            None => self.begin(keeper)?,
        };
        // What was replayed and died again may lie behind.
        let from = self.dead_from.min(std::mem::replace(&mut keeper.died_from, Seq::MAX));
        if let Some(next) = keeper.expire(from, goal)? {
            self.dead_from = next;
            return Ok(false);
        }
        // Before the look at the queues: what the router queues after that lies behind this cursor.
        let cursor = core.marks.cursor.seq();
        let by_time = first_event_since(core, self.events)?;
        // Again, because dead letters may have been replayed since the first step.
        let waiting = keeper.lowest_waiting()?.unwrap_or(Seq::MAX);
        let dead = lowest_dead(core, goal)?.unwrap_or(Seq::MAX);
        let first = by_time.min(cursor.next()).min(waiting).min(dead);
        keeper.cut(first.max(core.marks.first.seq()), goal.min(waiting).max(core.marks.deliveries_from.seq()))?;
        versions::forget(core)?;
        Ok(true)
    }

    /// Finds how far dead letters may go: they are old, and nothing older waits.
    fn begin(&mut self, keeper: &mut Keeper<'_>) -> Result<Seq, Error> {
        let by_time = first_match_since(keeper.core, self.deliveries)?;
        let waiting = keeper.lowest_waiting()?.unwrap_or(Seq::MAX);
        self.dead_from = keeper.core.marks.deliveries_from.seq();
        Ok(*self.goal.insert(by_time.min(waiting).max(self.dead_from)))
    }
}

impl Keeper<'_> {
    /// The oldest event that any queue needs.
    fn lowest_waiting(&mut self) -> Result<Option<Seq>, Error> {
        let core = self.core;
        let accounts: Vec<_> = core.accounts.lock().iter().map(|(endpoint, account)| (*endpoint, *account)).collect();
        let waiting = accounts.into_iter().filter(|(_, account)| account.counters().waiting > 0);
        let mut queues: Vec<_> = waiting.map(|(endpoint, _)| (self.ended(endpoint).low_water, endpoint)).collect();
        queues.sort_unstable();
        let mut lowest = None;
        for (low_water, endpoint) in queues {
            // Nothing in this queue, or in those after it, is older.
            if lowest.is_some_and(|lowest| lowest <= low_water) {
                break;
            }
            let mut iter = core.db.iter(Cf::Queue, &keys::queue(endpoint, low_water), &keys::queue_end(endpoint));
            iter.seek_to_first();
            iter.status().map_err(read_error)?;
            let Some((_, seq)) = iter.key().and_then(keys::to_queue) else { continue };
            self.raise_low_water(endpoint, seq);
            lowest = Some(lowest.map_or(seq, |lowest: Seq| lowest.min(seq)));
        }
        Ok(lowest)
    }

    /// Removes dead letters from `from` to before `to`; returns where to go on if some are left.
    fn expire(&mut self, from: Seq, to: Seq) -> Result<Option<Seq>, Error> {
        let core = self.core;
        let mut change = Change::new(core);
        let mut expired = Vec::new();
        let mut next = None;
        let mut iter = core.db.iter(Cf::Dead, &keys::of_seq(from.min(to)), &keys::of_seq(to));
        iter.seek_to_first();
        while let Some(key) = iter.key() {
            let (seq, endpoint) = keys::to_dead(key).ok_or_else(|| unreadable("dead letter before", to))?;
            if expired.len() == STEP {
                next = Some(seq);
                break;
            }
            change.batch.delete(Cf::Dead, key);
            expired.push(endpoint);
            iter.next();
        }
        iter.status().map_err(read_error)?;
        for endpoint in expired {
            let ended = self.ended(endpoint);
            ended.dead = ended.dead.saturating_sub(1);
            ended.expired += 1;
            change.endpoints.insert(endpoint);
        }
        self.commit(change, Durable::Soon)?;
        Ok(next)
    }

    /// Removes events before `first`, and matches and attempts of events before `deliveries_from`.
    fn cut(&mut self, first: Seq, deliveries_from: Seq) -> Result<(), Error> {
        let core = self.core;
        let (first_before, deliveries_before) = (core.marks.first.seq(), core.marks.deliveries_from.seq());
        if first == first_before && deliveries_from == deliveries_before {
            return Ok(());
        }
        let events = (keys::of_seq(first_before), keys::of_seq(first));
        let matches = (keys::of_seq(deliveries_before), keys::of_seq(deliveries_from));
        let mut batch = core.db.batch();
        batch.put_number(keys::FIRST, first.0);
        batch.put_number(keys::DELIVERIES_FROM, deliveries_from.0);
        if first > first_before {
            batch.delete_range(Cf::Events, &events.0, &events.1);
        }
        if deliveries_from > deliveries_before {
            batch.delete_range(Cf::Matches, &matches.0, &matches.1);
        }
        core.marks.first.set(first.0);
        core.db.write(batch, Durable::Now)?;
        core.marks.deliveries_from.set(deliveries_from.0);
        core.tail.trim(first);
        core.watermarks.ids.store(first.0, Ordering::Relaxed);
        core.watermarks.attempts.store(deliveries_from.0, Ordering::Relaxed);
        if first > first_before {
            core.db.drop_files(Cf::Events, &events.0, &keys::of_seq(first.previous()));
        }
        if deliveries_from > deliveries_before {
            core.db.drop_files(Cf::Matches, &matches.0, &keys::of_seq(deliveries_from.previous()));
        }
        Ok(())
    }
}

/// The oldest dead letter, if there is none before `from`.
fn lowest_dead(core: &Core, from: Seq) -> Result<Option<Seq>, Error> {
    let mut iter = core.db.iter(Cf::Dead, &keys::of_seq(from), &[0xff; 13]);
    iter.seek_to_first();
    iter.status().map_err(read_error)?;
    Ok(iter.key().and_then(keys::to_dead).map(|(seq, _)| seq))
}

/// The first kept event received at or after `time`, or the end of the log: by halving, so where the clock stepped
/// back the answer is one of several that are right for most events.
pub(super) fn first_event_since(core: &Core, time: Timestamp) -> Result<Seq, Error> {
    let bounds = core.bounds();
    let (mut low, mut high) = (bounds.first, bounds.last.next());
    while low < high {
        let middle = Seq(low.0.midpoint(high.0));
        // An event that was removed meanwhile counts as older.
        if core.event(middle)?.is_none_or(|event| event.head.received_at < time) {
            low = middle.next();
        } else {
            high = middle;
        }
    }
    Ok(low)
}

/// The same for matched events; behind the last one that is older if there is none.
fn first_match_since(core: &Core, time: Timestamp) -> Result<Seq, Error> {
    let (mut low, mut high) = (core.marks.deliveries_from.seq(), core.marks.cursor.seq().next());
    while low < high {
        let middle = Seq(low.0.midpoint(high.0));
        let mut iter = core.db.iter(Cf::Matches, &keys::of_seq(middle), &keys::of_seq(high));
        iter.seek_to_first();
        iter.status().map_err(read_error)?;
        let Some((key, value)) = iter.item() else {
            high = middle;
            continue;
        };
        let seq = keys::to_seq(key).ok_or_else(|| unreadable("match after", middle))?;
        let matched = Match::from_bytes(value).ok_or_else(|| unreadable("match", seq))?;
        if matched.received_at() < time {
            low = seq.next();
        } else {
            high = middle;
        }
    }
    Ok(low)
}
