//! Digests: after an outage one webhook tells of everything that waits, instead of thousands of stale alerts.
//!
//! The digest is the probe: while the circuit is half open and more than one delivery of a live event waits, it goes in
//! place of the oldest. Whoever sends it settles all that it tells of before it is reported as a success; then the queue
//! is read anew. A receiver that refuses it (any final answer) gets the deliveries one by one until the next outage.

use std::time::Duration;

use super::{Effect, Machine, due::is_live};
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
        let waiting = self.ready.live_events().chain(self.retries.values().filter(|entry| is_live(entry)));
        let is_alone = waiting.take(2).count() < 2 && !self.is_behind;
        if is_alone { None } else { self.ready.take_oldest_live() }
    }

    pub(super) fn finished_digest(
        &mut self,
        entry: Entry,
        (outcome, is_elsewhere): (&Outcome, bool),
        took: Duration,
        now: Timestamp,
        dice: &mut dyn Dice,
        effects: &mut Vec<Effect>,
    ) {
        if !is_elsewhere {
            self.record(outcome, true, took, now, dice);
        }
        match outcome.class {
            Class::Ok => self.read_anew(),
            class => {
                self.is_digest_refused = !class.is_retryable() && !is_elsewhere;
                let at = self.unused(now);
                // It is on record with the oldest, but must not use up its attempts.
                if entry.attempts_in_round < self.settings.retry.attempts_max / 2 {
                    self.settled(entry, Verdict::Retry { at }, effects);
                } else {
                    self.retries.insert((at, entry.seq), entry);
                }
            }
        }
        self.disable_where_hopeless(outcome.status_code == Some(410) && !is_elsewhere, now, effects);
    }

    /// What was held is settled, or read again. What is still under way from before the outage is settled, too, if the
    /// digest told of it.
    fn read_anew(&mut self) {
        for attempt in self.in_flight.values_mut() {
            attempt.is_void = is_live(&attempt.entry);
        }
        self.let_go();
    }

    /// An attempt ended that was under way when a digest arrived. What the digest told of is settled already, and nothing
    /// becomes of this; anything else is as this says. The queue knows.
    pub(super) fn forget(&mut self, entry: Entry, verdict: Verdict, effects: &mut Vec<Effect>) {
        effects.push(Effect::Settle(entry, verdict));
        self.let_be(entry.seq);
    }

    /// Holds it no more, and reads on from there.
    pub(super) fn let_be(&mut self, seq: Seq) {
        self.held.remove(&seq);
        self.rewound(seq);
    }
}
