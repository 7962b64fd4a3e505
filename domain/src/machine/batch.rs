//! Batches: several deliveries of one endpoint in one webhook.
//!
//! A batch is cut when a slot is free and either enough entries are due or the oldest has waited long enough. What was
//! sent once goes again as it was, under the same id: the entries of a failed batch share the time of their next
//! attempt, and by that they are found again, also after a restart. Only an answer that may be about one event parts a
//! batch: in halves, so that in the end the one event is alone.

use std::time::Duration;

use super::{Machine, beginning::has_low_slot, due::is_low};
use crate::{
    Class, Outcome, Seq, Timestamp, Verdict, breaker,
    delivery::{Entry, Reason},
};

/// Most events in one batch.
pub const EVENTS_MAX: u16 = 256;

/// How deliveries are gathered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batching {
    /// Events in one webhook at most; 2 to [`EVENTS_MAX`].
    pub events_max: u16,
    /// How long the oldest waits for others.
    pub wait_max: Duration,
}

/// What goes next.
pub(super) enum Cut {
    /// This batch, as it was sent before.
    Again(Seq),
    /// These together.
    Fresh {
        members: Vec<Seq>,
        /// Not before, unless more come; `None`: at once.
        at: Option<Timestamp>,
    },
}

impl Machine {
    /// What goes next, if something may.
    pub(super) fn cut(&self) -> Option<Cut> {
        // After a start, others of a batch that was sent before may be read next.
        let is_whole =
            |batch: &[Entry]| batch.len() == self.settings.batch.map_or(1, |batching| batching.events_max.into());
        if self.is_coming() && self.ready.batches().next().is_some_and(|batch| !is_whole(batch)) {
            return None;
        }
        if self.settings.is_strict {
            return self.cut_in_order();
        }
        let firsts = || self.ready.batches().filter_map(|batch| batch.first());
        let again = |of_low| firsts().find(|first| is_low(first) == of_low);
        if let Some(first) = again(false) {
            return Some(Cut::Again(first.seq));
        }
        let is_low = self.ready.lane(false).is_empty();
        if is_low {
            let is_probe = self.breaker.state() == breaker::State::Probing;
            if !is_probe && !has_low_slot(&self.in_flight, &self.window) {
                return None;
            }
            if let Some(first) = again(true) {
                return Some(Cut::Again(first.seq));
            }
        }
        self.gather(self.ready.lane(is_low).iter().copied())
    }

    fn cut_in_order(&self) -> Option<Cut> {
        let oldest = self.next_in_order()?;
        let batches = self.ready.batches().filter_map(|batch| batch.first()).map(|first| first.seq);
        let end = batches.chain(self.retries.keys().map(|(_, seq)| *seq)).min().unwrap_or(Seq::MAX);
        if end == oldest {
            return Some(Cut::Again(oldest));
        }
        let is_known = |seq: Seq| !self.is_behind || seq <= self.cursor;
        let singles = [false, true].into_iter().flat_map(|is_low| self.ready.lane(is_low));
        let mut singles: Vec<Entry> = singles.filter(|entry| entry.seq < end && is_known(entry.seq)).copied().collect();
        singles.sort_unstable_by_key(|entry| entry.seq);
        self.gather(singles.into_iter())
    }

    /// As many of `due` as go into one batch: of one origin, for the webhook says it.
    fn gather(&self, due: impl Iterator<Item = Entry>) -> Option<Cut> {
        let batching = self.settings.batch?;
        let mut due = due.peekable();
        let first = *due.peek()?;
        let mut members = Vec::new();
        let mut oldest = first.queued_at;
        while let Some(entry) = due.next_if(|entry| entry.origin == first.origin && members.len() < self.batch_max()) {
            oldest = oldest.min(entry.queued_at);
            members.push(entry.seq);
        }
        let is_full = members.len() == self.batch_max() || due.peek().is_some();
        // What is read next may fill it.
        if !is_full && self.is_coming() {
            return None;
        }
        let at = (!is_full).then(|| oldest.plus(batching.wait_max));
        members.sort_unstable();
        Some(Cut::Fresh { members, at })
    }

    /// Whether more of the queue is read soon. That ends, for no more than so much is held.
    pub(super) fn is_coming(&self) -> bool {
        self.is_fetching || self.wants_fetch()
    }

    /// Takes out what goes now, ascending.
    pub(super) fn take_batch(&mut self, now: Timestamp) -> Option<Vec<Entry>> {
        let wait_max = self.settings.batch?.wait_max;
        match self.cut()? {
            Cut::Again(first) => self.ready.take_batch(first),
            // Longer than that only a clock that was set back makes it wait.
            Cut::Fresh { at: Some(at), .. } if at > now && at <= now.plus(wait_max) => None,
            Cut::Fresh { members, .. } => Some(members.into_iter().filter_map(|seq| self.ready.take(seq)).collect()),
        }
    }

    /// Only the first `n` go out in this attempt; the others go next, as a batch of their own.
    pub(super) fn part(&mut self, first: Seq, n: usize) {
        let Some(attempt) = self.in_flight.get_mut(&first) else { return };
        let rest = attempt.rest.split_off(n.saturating_sub(1).min(attempt.rest.len()));
        match self.settings.batch {
            Some(_) => self.ready.push_batch(rest),
            None => rest.into_iter().for_each(|entry| self.ready.push(entry)),
        }
    }

    /// `at`, or the first moment after it at which no other batch is tried again: by their moments they are told apart.
    pub(super) fn unused(&self, mut at: Timestamp) -> Timestamp {
        let waits = |at| self.retries.range((at, Seq(0))..=(at, Seq::MAX)).next().is_some();
        let firsts = || self.ready.batches().filter_map(|batch| batch.first());
        let held = || firsts().chain(self.in_flight.values().map(|attempt| &attempt.entry));
        while waits(at) || held().any(|first| first.next_at == Some(at)) {
            at = at.plus(Duration::from_millis(1));
        }
        at
    }

    /// What a receiver takes at present.
    fn batch_max(&self) -> usize {
        usize::from(self.batch_max)
    }

    /// Smaller batches where they are too large for the receiver, and slowly larger ones again.
    pub(super) fn adapt_batches(&mut self, outcome: &Outcome, len: usize) {
        let Some(batching) = self.settings.batch else { return };
        // At most `EVENTS_MAX`.
        let len = u16::try_from(len).unwrap_or(EVENTS_MAX);
        if is_too_large(outcome) {
            self.batch_max = (len / 2).max(1).min(self.batch_max);
        } else if outcome.class == Class::Ok && len >= self.batch_max {
            self.batch_max = (self.batch_max + 1).min(batching.events_max);
        }
    }

    /// Whether a batch that would die of this is parted instead, for it may be about one of its events.
    pub(super) fn is_parted(&self, outcome: &Outcome, verdict: Verdict, attempt: u16) -> bool {
        match verdict {
            Verdict::Dead(Reason::Http4xx) => {
                // These are about the receiver as a whole.
                !matches!(outcome.status_code, Some(401..=405 | 407))
            }
            // There was no body for them together; there may be for each.
            Verdict::Dead(Reason::Template) => true,
            // Tried often enough, and it lives: an event that its receiver stumbles over must not take others along.
            Verdict::Dead(Reason::Exhausted) => {
                attempt >= self.settings.retry.attempts_max && outcome.status_code.is_some()
            }
            _ => false,
        }
    }
}

/// Whether the receiver says that the body is too large.
fn is_too_large(outcome: &Outcome) -> bool {
    outcome.status_code == Some(413)
}
