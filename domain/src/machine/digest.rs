//! Digests: after an outage one webhook tells of everything that waits, instead of thousands of stale alerts.
//!
//! The digest is the probe: while the circuit is half open and more than one delivery of a live event waits, it goes in
//! place of the oldest. Whoever sends it settles all that it tells of before it is reported as a success; then the queue
//! is read anew. A receiver that refuses it (any final answer) gets the deliveries one by one until the next outage.

use std::time::Duration;

use super::{Effect, InFlight, Machine, due::is_live};
use crate::{Class, Outcome, Seq, Timestamp, Verdict, breaker, delivery::Entry, retry::Dice};

impl Machine {
    /// Whether the attempt that begins with this entry is a digest.
    pub fn is_digest(&self, seq: Seq) -> bool {
        self.in_flight.get(&seq).is_some_and(|attempt| attempt.is_digest)
    }

    /// Whether a digest takes the place of the next probe.
    pub(super) fn is_digesting(&self) -> bool {
        self.settings.is_digest && !self.is_digest_refused && self.breaker.state() == breaker::State::Probing
    }

    /// The entry that a digest goes in place of, if more than that one waits.
    pub(super) fn take_digest(&mut self) -> Option<Entry> {
        let under_way: usize = self.in_flight.values().map(|attempt| 1 + attempt.rest.len()).sum();
        let is_alone = self.held.len() <= under_way + 1 && !self.is_behind;
        if is_alone { None } else { self.ready.take_oldest_live() }
    }

    pub(super) fn finished_digest(
        &mut self,
        entry: Entry,
        outcome: &Outcome,
        took: Duration,
        now: Timestamp,
        dice: &mut dyn Dice,
        effects: &mut Vec<Effect>,
    ) {
        self.record(outcome, true, took, now, dice);
        match outcome.class {
            Class::Ok => self.read_anew(),
            class => {
                self.is_digest_refused = !class.is_retryable();
                self.settled(entry, Verdict::Retry { at: self.unused(now) }, effects);
            }
        }
        self.disable_where_hopeless(outcome.status_code == Some(410), now, effects);
    }

    /// What was held is settled, or read again. What is still under way from before the outage is settled, too, if the
    /// digest told of it.
    fn read_anew(&mut self) {
        for attempt in self.in_flight.values_mut() {
            attempt.is_void = is_live(&attempt.entry);
        }
        self.let_go();
    }

    /// An attempt ended whose deliveries a digest has told of meanwhile.
    pub(super) fn forget(&mut self, attempt: &InFlight) {
        for entry in std::iter::once(&attempt.entry).chain(&attempt.rest) {
            self.held.remove(&entry.seq);
        }
    }
}
