//! What becomes of an attempt that ended.

use std::time::Duration;

use super::{Disabling, Effect, InFlight, Machine, SOON, breaker};
use crate::{
    Outcome, Seq, Timestamp, Verdict,
    delivery::{Entry, Reason},
    retry::Dice,
};

impl Machine {
    pub(super) fn finished(
        &mut self,
        seq: Seq,
        outcome: &Outcome,
        took: Duration,
        now: Timestamp,
        dice: &mut dyn Dice,
        effects: &mut Vec<Effect>,
    ) {
        let Some(attempt) = self.landed(seq) else { return };
        let InFlight { entry, rest, is_probe, is_digest, is_void, is_elsewhere, .. } = attempt;
        if is_digest {
            return self.finished_digest(entry, (outcome, is_elsewhere), took, now, dice, effects);
        }
        if !is_void && !is_elsewhere {
            self.record(outcome, is_probe, took, now, dice);
        }
        let attempt = entry.attempts_in_round.saturating_add(1);
        let verdict = self.settings.retry.verdict(outcome, attempt, entry.queued_at, now, dice);
        self.adapt_batches(outcome, 1 + rest.len());
        let is_parted = !rest.is_empty() && self.is_parted(outcome, verdict, attempt);
        let half = if is_parted { (1 + rest.len()).div_ceil(2) } else { usize::MAX };
        let mut verdict = if is_parted { Verdict::Retry { at: now } } else { verdict };
        for (n, entry) in std::iter::once(entry).chain(rest).enumerate() {
            if let Verdict::Retry { at } = &mut verdict
                && self.settings.batch.is_some()
                && (n == 0 || n == half)
            {
                *at = self.unused(*at);
            }
            match is_void {
                true => self.forget(entry, verdict, effects),
                false => self.settled(entry, verdict, effects),
            }
        }
        let is_gone = verdict == Verdict::Dead(Reason::Gone) && !is_elsewhere;
        self.disable_where_hopeless(is_gone, now, effects);
    }

    pub(super) fn sent(&mut self, seq: Seq, now: Timestamp) {
        if let (Some(attempt), Some(bucket)) = (self.in_flight.get_mut(&seq), &mut self.bucket)
            && !std::mem::replace(&mut attempt.is_sent, true)
        {
            bucket.take(now);
        }
    }

    /// It is in the air no more; what was never sent does not count for the rate limit.
    fn landed(&mut self, seq: Seq) -> Option<InFlight> {
        let attempt = self.in_flight.remove(&seq)?;
        if let Some(bucket) = self.bucket.as_mut().filter(|_| !attempt.is_sent) {
            bucket.release();
        }
        Some(attempt)
    }

    /// What circuit and window learn of an attempt.
    pub(super) fn record(
        &mut self,
        outcome: &Outcome,
        is_probe: bool,
        took: Duration,
        now: Timestamp,
        dice: &mut dyn Dice,
    ) {
        let before = self.breaker.state();
        self.breaker.record(outcome.class, is_probe, now, dice);
        if outcome.class.is_retryable() {
            self.window.failed();
        } else {
            self.window.succeeded(self.has_work(), took);
        }
        let after = self.breaker.state();
        if before != after {
            // After trouble the endpoint is asked for little at first.
            self.window.reset();
            self.is_digest_refused &= !matches!(after, breaker::State::Tripped { .. });
        }
    }

    pub(super) fn disable_where_hopeless(&mut self, is_gone: bool, now: Timestamp, effects: &mut Vec<Effect>) {
        let is_failing = |since: &Timestamp| now.since(*since) >= self.settings.disable_after;
        let why = match self.breaker.failing_since().filter(is_failing) {
            _ if is_gone => Disabling::Gone,
            Some(since) => Disabling::Failing(since),
            None => return,
        };
        if self.settings.is_region {
            return self.breaker.act(breaker::Action::Open);
        }
        self.is_gone = true;
        effects.push(Effect::Disable(why));
    }

    pub(super) fn settled(&mut self, entry: Entry, verdict: Verdict, effects: &mut Vec<Effect>) {
        effects.push(Effect::Settle(entry, verdict));
        if let Verdict::Retry { at } = verdict {
            let attempts_total = entry.attempts_total.saturating_add(1);
            let attempts_in_round = entry.attempts_in_round.saturating_add(1);
            let again = Entry { attempts_total, attempts_in_round, next_at: Some(at), ..entry };
            self.retries.insert((at, entry.seq), again);
            return;
        }
        self.held.remove(&entry.seq);
        if self.is_fetching {
            self.ended_meanwhile.insert(entry.seq);
        }
    }

    pub(super) fn returned(&mut self, seq: Seq, now: Timestamp) {
        let Some(attempt) = self.landed(seq) else { return };
        let InFlight { entry, rest, is_void, .. } = attempt;
        if is_void {
            return std::iter::once(entry).chain(rest).for_each(|entry| self.let_be(entry.seq));
        }
        let soon = now.plus(SOON);
        self.retries.extend(std::iter::once(entry).chain(rest).map(|entry| ((soon, entry.seq), entry)));
    }
}
