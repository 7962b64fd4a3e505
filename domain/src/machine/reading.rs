//! Reading on in the queue, and work that is told of.

use super::{Due, Effect, HELD_MAX, Machine, READY_MAX};
use crate::{Seq, Timestamp, breaker, delivery::Entry};

/// Entries asked for at a time until the endpoint has shown that it takes more: after a start, a thousand endpoints
/// read their queues at once, and large reads would delay the first delivery.
const FETCH_SMALL: usize = 16;
/// Entries asked for at a time by an endpoint that takes many.
pub(super) const FETCH_LARGE: usize = 128;

impl Machine {
    pub(super) fn is_current(&self, lease: u64) -> bool {
        self.is_fetching && lease == self.lease
    }

    pub(super) fn fresh(&mut self, entries: Vec<Entry>) {
        let Some(first) = entries.first() else { return };
        if first.seq <= self.cursor {
            // A read overtook this message, or messages changed places: only the queue knows.
            return self.rewound(first.seq);
        }
        let is_flowing = self.breaker.state() == breaker::State::Flowing && !self.is_stopped();
        let has_room = self.ready.live() + entries.len() <= READY_MAX && self.held.len() + entries.len() <= HELD_MAX;
        if !is_flowing || self.is_behind || self.is_fetching || !has_room {
            return self.nudged();
        }
        for entry in entries {
            self.cursor = entry.seq;
            self.held.insert(entry.seq);
            self.ready.push(entry);
        }
    }

    pub(super) fn nudged(&mut self) {
        self.is_behind = true;
        self.is_nudged = true;
    }

    /// Reads again from before `seq`; what is held is skipped on the way. A read under way may have passed it, so
    /// its answer no longer counts.
    pub(super) fn rewound(&mut self, seq: Seq) {
        self.cursor = self.cursor.min(seq.previous());
        self.is_fetching = false;
        self.nudged();
    }

    /// Holds nothing any more but what is under way: the queue is read anew. What is left alone for long takes no memory.
    pub(super) fn let_go(&mut self) {
        self.ready = Due::default();
        self.retries.clear();
        self.held.clear();
        for attempt in self.in_flight.values() {
            self.held.extend(std::iter::once(&attempt.entry).chain(&attempt.rest).map(|entry| entry.seq));
        }
        self.rewound(Seq(1));
    }

    pub(super) fn fetched(&mut self, entries: Vec<Entry>, is_end: bool, now: Timestamp) {
        self.is_fetching = false;
        self.fetch_after = None;
        let latest = now.plus(self.settings.retry.wait_max());
        for entry in entries {
            self.cursor = self.cursor.max(entry.seq);
            if self.ended_meanwhile.contains(&entry.seq) || !self.held.insert(entry.seq) {
                continue;
            }
            match entry.next_at {
                // A clock that ran ahead when it was written must not hold it for years.
                // Of a batch the others may come after it.
                Some(at) if at > now || self.settings.batch.is_some() => {
                    self.retries.insert((at.min(latest), entry.seq), entry);
                }
                _ => self.ready.push(entry),
            }
        }
        self.is_behind = !is_end || self.is_nudged;
        self.is_nudged = false;
    }

    pub(super) fn wants_fetch(&self) -> bool {
        // In order, what is older than all that is at hand must be read before anything goes.
        let is_unknown = self.settings.is_strict && self.ready.oldest().is_some_and(|oldest| oldest > self.cursor);
        let enough = self.window.size().saturating_mul(self.batch_max.into()).min(READY_MAX);
        let is_short = self.ready.live() < enough && self.held.len() < HELD_MAX;
        let is_short = is_short || is_unknown;
        let is_tripped = matches!(self.breaker.state(), breaker::State::Tripped { .. });
        self.is_behind && !self.is_fetching && is_short && !is_tripped
    }

    pub(super) fn begin_fetch(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        if !self.wants_fetch() || self.fetch_after.is_some_and(|at| at > now) {
            return;
        }
        self.lease += 1;
        self.is_fetching = true;
        self.is_nudged = false;
        self.ended_meanwhile.clear();
        let n = if self.window.size() >= FETCH_SMALL { FETCH_LARGE } else { FETCH_SMALL };
        let n = n.max(self.batch_max.into());
        effects.push(Effect::Fetch { lease: self.lease, after: self.cursor, n });
    }
}
