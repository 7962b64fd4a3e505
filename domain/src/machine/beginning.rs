//! Which attempt begins next, and when.

use super::{Effect, InFlight, Machine, breaker, due::is_low};
use crate::{Seq, Timestamp, bucket::Bucket, delivery::Entry, window::Window};
use rustc_hash::FxHashMap;

impl Machine {
    /// Attempts that may begin now, as far as the circuit and the window go.
    pub(super) fn slots(&self) -> usize {
        match self.breaker.state() {
            breaker::State::Tripped { .. } => 0,
            breaker::State::Probing => usize::from(!self.in_flight.values().any(|attempt| attempt.is_probe)),
            breaker::State::Flowing => self.window.size().saturating_sub(self.in_flight.len()),
        }
    }

    /// The entry that goes next, if one that is due may.
    pub(super) fn next(&self) -> Option<Seq> {
        if !self.settings.is_strict {
            // A probe is whatever comes first.
            let is_probe = self.breaker.state() == breaker::State::Probing;
            return self.ready.next(|| is_probe || has_low_slot(&self.in_flight, &self.window));
        }
        self.next_in_order()
    }

    /// The oldest of all, if it is due and nothing is under way.
    pub(super) fn next_in_order(&self) -> Option<Seq> {
        let oldest = self.ready.oldest()?;
        let waits = self.retries.keys().any(|(_, seq)| *seq < oldest);
        // Up to the cursor all that is older is known.
        let is_known = !self.is_behind || oldest <= self.cursor;
        (!waits && is_known && self.in_flight.is_empty()).then_some(oldest)
    }

    pub(super) fn begin_attempts(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        while let Some(first) = self.retries.first_entry()
            && first.key().0 <= now
        {
            let entry = first.remove();
            if !self.ready.join_batch(&entry, self.settings.batch) {
                self.ready.push(entry);
            }
        }
        let is_probe = self.breaker.state() == breaker::State::Probing;
        for _ in 0..self.slots() {
            if !self.is_within_rate(now) {
                break;
            }
            if self.is_digesting() && self.is_coming() {
                break;
            }
            let digest = if self.is_digesting() { self.take_digest() } else { None };
            let is_digest = digest.is_some();
            let next = digest.map(|entry| (entry, Vec::new())).or_else(|| self.take_next(now));
            let Some((entry, rest)) = next else { break };
            if let Some(bucket) = &mut self.bucket {
                bucket.reserve();
            }
            self.in_flight.insert(
                entry.seq,
                InFlight { entry, rest, is_probe, is_digest, is_sent: false, is_void: false, is_elsewhere: false },
            );
            effects.push(if is_digest { Effect::Digest(entry) } else { Effect::Attempt(entry) });
        }
    }

    pub(super) fn take_next(&mut self, now: Timestamp) -> Option<(Entry, Vec<Entry>)> {
        if self.settings.batch.is_some() {
            let mut batch = self.take_batch(now)?;
            let rest = batch.split_off(1);
            return batch.pop().map(|first| (first, rest));
        }
        let entry = self.next().and_then(|seq| self.ready.take(seq))?;
        Some((entry, Vec::new()))
    }

    pub(super) fn is_within_rate(&mut self, now: Timestamp) -> bool {
        let Some(rate) = self.settings.rate else { return true };
        self.bucket.get_or_insert_with(|| Bucket::new(rate, now)).next_at().is_some_and(|at| at <= now)
    }
}

/// Whether one more attempt of low priority may begin.
pub(super) fn has_low_slot(in_flight: &FxHashMap<Seq, InFlight>, window: &Window) -> bool {
    let low = in_flight.values().filter(|attempt| is_low(&attempt.entry)).count();
    low < (window.size() / 2).max(1)
}
