//! The life of one endpoint: what is attempted when, and what becomes of it.
//!
//! Pure: [`Machine::handle`] takes what happened, the time and the dice, and says what to do; [`Machine::wake_at`]
//! says when to call again without anything having happened. Its owner carries out [`Effect`]s and keeps one timer.
//!
//! The machine never holds the queue, only a window on it: up to [`READY_MAX`] entries that are due, up to
//! [`HELD_MAX`] in all with those that wait for another try. Everything at or before `cursor` is held here or has
//! ended; `is_behind` says that the queue may hold more after it.
//!
//! Entries of a backfill travel in a lane of low priority: one of them is attempted only when no other that is due is
//! at hand, and together they begin in no more than half of the window (at least one slot), so that a live event soon
//! finds a free slot. Their seqs are old, so a read of the queue meets them before anything live: they therefore do not
//! count when it is decided whether to read on, only [`HELD_MAX`] bounds them. Whoever makes them keeps few
//! outstanding; many would delay live entries that are not held yet, but never stop them.
//!
//! A subscription may limit its rate, which holds for every attempt, and it may insist on order: then one attempt is made
//! at a time, always of the oldest entry, and while that waits for another try everything behind it waits too.
//!
//! Invariants, held against thousands of seeded lives in [`lives`]:
//! - nothing is attempted while paused or tripped, and one at a time while probing;
//! - what is live goes first, and a backfill takes up at most half of the window; in strict order, whatever is oldest;
//! - no rate limit is exceeded;
//! - an entry is attempted by one slot at a time, never before its time, and in the end settled;
//! - new work is not lost, whenever its nudge arrives: a fetch that was asked for before it is followed by another;
//! - an idle machine asks for no wake-up, and no wake-up lies in the past with nothing to do.

mod batch;
#[cfg(test)]
mod batch_tests;
mod due;
#[cfg(test)]
mod lives;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, time::Duration};

// Seqs are drawn by the log, so nobody can make them collide.
use rustc_hash::{FxHashMap, FxHashSet};

pub use self::batch::{Batching, EVENTS_MAX};
use self::{
    batch::Cut,
    due::{Due, is_low},
};
use crate::{
    Outcome, Seq, Timestamp, Verdict,
    breaker::{self, Breaker, Circuit},
    bucket::Bucket,
    delivery::{Entry, Reason},
    job::Rate,
    retry::{self, Dice},
    window::Window,
};

/// Most live entries that are due and held in memory.
pub const READY_MAX: usize = 256;
/// Most entries held in memory, those that wait for another try included; beyond, the queue is read no further.
pub const HELD_MAX: usize = 1024;
/// Entries asked for at a time until the endpoint has shown that it takes more: after a start, a thousand endpoints
/// read their queues at once, and large reads would delay the first delivery.
const FETCH_SMALL: usize = 16;
/// Entries asked for at a time by an endpoint that takes many.
const FETCH_LARGE: usize = 128;
/// How long to wait after a failed read of the queue, in milliseconds.
const FETCH_RETRY_MS: u64 = 1000;

/// What the machine goes by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// When a delivery is tried again.
    pub retry: retry::Policy,
    /// When the endpoint is left alone.
    pub breaker: breaker::Settings,
    /// Attempts in flight at most.
    pub in_flight_max: u16,
    /// Attempts in a time at most.
    pub rate: Option<Rate>,
    /// One at a time, in the order of the log.
    pub is_strict: bool,
    /// Several deliveries go in one webhook.
    pub batch: Option<Batching>,
    /// The subscription is disabled once nothing but failures came for so long.
    pub disable_after: Duration,
    /// Nothing is attempted while this is set.
    pub is_paused: bool,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum Input {
    /// These were queued just now, in ascending order.
    Fresh(Vec<Entry>),
    /// This entry, and others after it, may have been queued without being told of.
    Rewound(Seq),
    /// The queue was read for this lease.
    Fetched {
        /// Of the [`Effect::Fetch`] that this answers.
        lease: u64,
        /// What was found, ascending.
        entries: Vec<Entry>,
        /// Whether the queue ends there.
        is_end: bool,
    },
    /// The queue could not be read for this lease.
    FetchFailed {
        /// Of the [`Effect::Fetch`] that this answers.
        lease: u64,
    },
    /// An attempt ended.
    Finished {
        /// Which.
        seq: Seq,
        /// How.
        outcome: Outcome,
        /// How long it took.
        took: Duration,
    },
    /// A person wants this of the circuit.
    Act(breaker::Action),
    /// An attempt was not made after all; nothing was sent. It is tried again soon.
    Returned(Seq),
    /// Of the batch that begins with this entry only so many (at least one) go out in this attempt.
    Parted {
        /// The oldest of the batch.
        first: Seq,
        /// How many go.
        n: usize,
    },
    /// Other settings; `is_new_target`: the URL changed, so what is known of its health is void.
    Configured {
        /// The settings.
        settings: Settings,
        /// Whether another address is meant.
        is_new_target: bool,
    },
    /// Nothing; the time has come.
    Tick,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Read up to `n` entries after `after`, and answer with the lease.
    Fetch {
        /// Tells late answers apart.
        lease: u64,
        /// From here on.
        after: Seq,
        /// So many.
        n: usize,
    },
    /// Make an attempt, and answer with [`Input::Finished`] or [`Input::Returned`]. Where [`Settings::batch`] is set,
    /// this is the oldest entry of a batch, and [`Machine::batch`] says which are the others.
    Attempt(Entry),
    /// Record what an attempt came to, for each entry of a batch. The entry is as it was when the attempt began.
    Settle(Entry, Verdict),
    /// Disable the subscription, and why.
    Disable(Disabling),
    /// The circuit is now this, and open until then (`None`: until a person acts); what is to be kept of it.
    Circuit(Circuit, Option<Timestamp>, Option<breaker::Memory>),
}

/// Why a subscription is disabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disabling {
    /// The receiver said 410.
    Gone,
    /// Nothing but failures since then.
    Failing(Timestamp),
}

struct InFlight {
    entry: Entry,
    /// The others of its batch, ascending.
    rest: Vec<Entry>,
    is_probe: bool,
}

/// One endpoint's life.
pub struct Machine {
    settings: Settings,
    breaker: Breaker,
    window: Window,
    /// What the receiver takes at present.
    batch_max: u16,
    /// Made with the first attempt under a rate limit.
    bucket: Option<Bucket>,
    ready: Due,
    retries: BTreeMap<(Timestamp, Seq), Entry>,
    in_flight: FxHashMap<Seq, InFlight>,
    /// Every seq in `ready`, `retries` or `in_flight`.
    held: FxHashSet<Seq>,
    cursor: Seq,
    is_behind: bool,
    lease: u64,
    is_fetching: bool,
    /// Work was announced since the fetch under way was asked for: its end is not the end.
    is_nudged: bool,
    /// What ended since the fetch under way was asked for: its answer may still show it.
    ended_meanwhile: FxHashSet<Seq>,
    /// No fetch before this, after a failed one.
    fetch_after: Option<Timestamp>,
    is_gone: bool,
    told: (Circuit, Option<breaker::Memory>),
}

impl Machine {
    /// A machine that knows nothing of its queue yet, and will read it.
    pub fn new(settings: Settings) -> Self {
        Self::recalled(settings, None)
    }

    /// The same, with what was kept of the endpoint's circuit.
    pub fn recalled(settings: Settings, memory: Option<breaker::Memory>) -> Self {
        Self {
            breaker: memory
                .map_or_else(|| Breaker::new(settings.breaker), |memory| Breaker::recalled(settings.breaker, memory)),
            window: Window::new(settings.in_flight_max),
            batch_max: settings.batch.map_or(1, |batching| batching.events_max),
            bucket: None,
            settings,
            ready: Due::default(),
            retries: BTreeMap::new(),
            in_flight: FxHashMap::default(),
            held: FxHashSet::default(),
            cursor: Seq(0),
            is_behind: true,
            lease: 0,
            is_fetching: false,
            is_nudged: false,
            ended_meanwhile: FxHashSet::default(),
            fetch_after: None,
            is_gone: false,
            told: (Circuit::Closed, None),
        }
    }

    /// Takes what happened at `now`; appends to `effects` what to do.
    pub fn handle(&mut self, input: Input, now: Timestamp, dice: &mut dyn Dice, effects: &mut Vec<Effect>) {
        match input {
            Input::Fresh(entries) => self.fresh(entries),
            Input::Rewound(seq) => self.rewound(seq),
            Input::Fetched { lease, entries, is_end } if self.is_current(lease) => self.fetched(entries, is_end, now),
            Input::FetchFailed { lease } if self.is_current(lease) => {
                self.is_fetching = false;
                self.fetch_after = Some(now.plus(Duration::from_millis(FETCH_RETRY_MS)));
            }
            Input::Fetched { .. } | Input::FetchFailed { .. } | Input::Tick => {}
            Input::Finished { seq, outcome, took } => self.finished(seq, &outcome, took, now, dice, effects),
            Input::Act(action) => self.breaker.act(action),
            Input::Returned(seq) => self.returned(seq, now),
            Input::Parted { first, n } => self.part(first, n),
            Input::Configured { settings, is_new_target } => self.configured(settings, is_new_target),
        }
        self.go_on(now, effects);
    }

    /// When to call [`Machine::handle`] with [`Input::Tick`], unless something happens before.
    pub fn wake_at(&self) -> Option<Timestamp> {
        if self.is_stopped() {
            return None;
        }
        if let breaker::State::Tripped { until } = self.breaker.state() {
            return self.has_work().then_some(until);
        }
        let retry = self.retries.keys().next().map(|(at, _)| *at);
        let fetch = if self.wants_fetch() { self.fetch_after } else { None };
        [retry, fetch, self.begin_at()].into_iter().flatten().min()
    }

    /// When the next that has a slot may go: it waits for the rate limit, or for others of its batch.
    fn begin_at(&self) -> Option<Timestamp> {
        if self.slots() == 0 {
            return None;
        }
        let rate = self.bucket.as_ref().map(Bucket::next_at);
        let others = match self.settings.batch {
            None => self.next().map(|_| None)?,
            Some(_) => match self.cut()? {
                Cut::Again(_) => None,
                Cut::Fresh { at, .. } => at,
            },
        };
        rate.max(others)
    }

    /// The entries of the attempt that begins with this one, ascending; none where there is no such attempt.
    pub fn batch(&self, first: Seq) -> impl Iterator<Item = Entry> + '_ {
        let attempt = self.in_flight.get(&first).into_iter();
        attempt.flat_map(|attempt| std::iter::once(attempt.entry).chain(attempt.rest.iter().copied()))
    }

    /// Whether an attempt that was asked for may still begin.
    pub fn may_attempt(&self, seq: Seq) -> bool {
        let may = match self.breaker.state() {
            breaker::State::Flowing => true,
            breaker::State::Tripped { .. } => false,
            breaker::State::Probing => self.in_flight.get(&seq).is_some_and(|attempt| attempt.is_probe),
        };
        may && !self.is_stopped() && self.in_flight.contains_key(&seq)
    }

    /// Whether this entry is held: due, under way, or waiting for another try.
    pub fn holds(&self, seq: Seq) -> bool {
        self.held.contains(&seq)
    }

    /// Attempts under way.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    fn is_stopped(&self) -> bool {
        self.settings.is_paused || self.is_gone
    }

    fn is_current(&self, lease: u64) -> bool {
        self.is_fetching && lease == self.lease
    }

    fn has_work(&self) -> bool {
        self.is_behind || !self.ready.is_empty() || !self.retries.is_empty()
    }

    fn fresh(&mut self, entries: Vec<Entry>) {
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

    fn nudged(&mut self) {
        self.is_behind = true;
        self.is_nudged = true;
    }

    /// Reads again from before `seq`; what is held is skipped on the way. A read under way may have passed it, so
    /// its answer no longer counts.
    fn rewound(&mut self, seq: Seq) {
        self.cursor = self.cursor.min(seq.previous());
        self.is_fetching = false;
        self.nudged();
    }

    fn fetched(&mut self, entries: Vec<Entry>, is_end: bool, now: Timestamp) {
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

    fn finished(
        &mut self,
        seq: Seq,
        outcome: &Outcome,
        took: Duration,
        now: Timestamp,
        dice: &mut dyn Dice,
        effects: &mut Vec<Effect>,
    ) {
        let Some(InFlight { entry, rest, is_probe }) = self.in_flight.remove(&seq) else { return };
        let before = self.breaker.state();
        self.breaker.record(outcome.class, is_probe, now, dice);
        if outcome.class.is_retryable() {
            self.window.failed();
        } else {
            self.window.succeeded(self.has_work(), took);
        }
        if before != self.breaker.state() {
            // After trouble the endpoint is asked for little at first.
            self.window.reset();
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
            self.settled(entry, verdict, effects);
        }
        let is_failing = |since: &Timestamp| now.since(*since) >= self.settings.disable_after;
        let why = match (verdict, self.breaker.failing_since().filter(is_failing)) {
            (Verdict::Dead(Reason::Gone), _) => Disabling::Gone,
            (_, Some(since)) => Disabling::Failing(since),
            (_, None) => return,
        };
        self.is_gone = true;
        effects.push(Effect::Disable(why));
    }

    fn settled(&mut self, entry: Entry, verdict: Verdict, effects: &mut Vec<Effect>) {
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

    fn returned(&mut self, seq: Seq, now: Timestamp) {
        let Some(InFlight { entry, rest, .. }) = self.in_flight.remove(&seq) else { return };
        // Not at once: whatever kept it from being made may last.
        let soon = now.plus(Duration::from_millis(FETCH_RETRY_MS));
        self.retries.extend(std::iter::once(entry).chain(rest).map(|entry| ((soon, entry.seq), entry)));
    }

    fn configured(&mut self, settings: Settings, is_new_target: bool) {
        let in_flight_changed = settings.in_flight_max != self.settings.in_flight_max;
        if is_new_target || settings.breaker != self.settings.breaker {
            self.breaker = Breaker::new(settings.breaker);
        }
        if is_new_target || in_flight_changed {
            self.window = Window::new(settings.in_flight_max);
        }
        if settings.rate != self.settings.rate {
            self.bucket = None;
        }
        if settings.batch != self.settings.batch {
            self.ready.forget_batches();
            self.batch_max = settings.batch.map_or(1, |batching| batching.events_max);
        }
        if self.is_stopped() && !settings.is_paused {
            // Whoever lets it go on gives the receiver another chance.
            self.breaker.forgive();
        }
        self.settings = settings;
        self.is_gone = false;
    }

    /// Begins whatever can begin now.
    fn go_on(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        if !self.is_stopped() {
            if self.has_work() {
                self.breaker.advance(now);
            }
            self.begin_attempts(now, effects);
            self.begin_fetch(now, effects);
        }
        let now = (self.breaker.circuit(), self.breaker.memory());
        if now != self.told {
            self.told = now;
            let until = match self.breaker.state() {
                breaker::State::Tripped { until } if !self.breaker.is_held() => Some(until),
                _ => None,
            };
            effects.push(Effect::Circuit(now.0, until, now.1));
        }
    }

    /// Attempts that may begin now, as far as the circuit and the window go.
    fn slots(&self) -> usize {
        match self.breaker.state() {
            breaker::State::Tripped { .. } => 0,
            breaker::State::Probing => usize::from(!self.in_flight.values().any(|attempt| attempt.is_probe)),
            breaker::State::Flowing if self.settings.is_strict => usize::from(self.in_flight.is_empty()),
            breaker::State::Flowing => self.window.size().saturating_sub(self.in_flight.len()),
        }
    }

    /// The entry that goes next, if one that is due may.
    fn next(&self) -> Option<Seq> {
        if !self.settings.is_strict {
            // A probe is whatever comes first.
            let is_probe = self.breaker.state() == breaker::State::Probing;
            return self.ready.next(|| is_probe || has_low_slot(&self.in_flight, &self.window));
        }
        self.next_in_order()
    }

    /// The oldest of all, if it is due and nothing is under way.
    fn next_in_order(&self) -> Option<Seq> {
        let oldest = self.ready.oldest()?;
        let waits = self.retries.keys().any(|(_, seq)| *seq < oldest);
        // Up to the cursor all that is older is known.
        let is_known = !self.is_behind || oldest <= self.cursor;
        (!waits && is_known && self.in_flight.is_empty()).then_some(oldest)
    }

    fn begin_attempts(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
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
            let Some((entry, rest)) = self.take_next(now) else { break };
            if let Some(bucket) = &mut self.bucket {
                bucket.take(now);
            }
            self.in_flight.insert(entry.seq, InFlight { entry, rest, is_probe });
            effects.push(Effect::Attempt(entry));
        }
    }

    fn take_next(&mut self, now: Timestamp) -> Option<(Entry, Vec<Entry>)> {
        if self.settings.batch.is_some() {
            let mut batch = self.take_batch(now)?;
            let rest = batch.split_off(1);
            return batch.pop().map(|first| (first, rest));
        }
        let entry = self.next().and_then(|seq| self.ready.take(seq))?;
        Some((entry, Vec::new()))
    }

    fn is_within_rate(&mut self, now: Timestamp) -> bool {
        let Some(rate) = self.settings.rate else { return true };
        self.bucket.get_or_insert_with(|| Bucket::new(rate, now)).next_at() <= now
    }

    fn wants_fetch(&self) -> bool {
        // In order, what is older than all that is at hand must be read before anything goes.
        let is_unknown = self.settings.is_strict && self.ready.oldest().is_some_and(|oldest| oldest > self.cursor);
        let enough = self.window.size().saturating_mul(self.batch_max.into()).min(READY_MAX);
        let is_short = self.ready.live() < enough && self.held.len() < HELD_MAX;
        let is_short = is_short || is_unknown;
        let is_tripped = matches!(self.breaker.state(), breaker::State::Tripped { .. });
        self.is_behind && !self.is_fetching && is_short && !is_tripped
    }

    fn begin_fetch(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
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

/// Whether one more attempt of low priority may begin.
fn has_low_slot(in_flight: &FxHashMap<Seq, InFlight>, window: &Window) -> bool {
    let low = in_flight.values().filter(|attempt| is_low(&attempt.entry)).count();
    low < (window.size() / 2).max(1)
}
