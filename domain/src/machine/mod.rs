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
mod beginning;
mod digest;
#[cfg(test)]
mod digest_tests;
mod due;
mod ending;
#[cfg(test)]
mod lives;
mod reading;
#[cfg(test)]
mod tests;
mod words;

use std::{collections::BTreeMap, time::Duration};

// Seqs are drawn by the log, so nobody can make them collide.
use rustc_hash::{FxHashMap, FxHashSet};

use self::{batch::Cut, due::Due};
pub use self::{
    batch::{Batching, EVENTS_MAX},
    words::{Disabling, Effect, Input, Settings},
};
use crate::{
    Seq, Timestamp,
    breaker::{self, Breaker, Circuit},
    bucket::Bucket,
    delivery::Entry,
    retry::Dice,
    window::Window,
};

/// Most live entries that are due and held in memory.
pub const READY_MAX: usize = 256;
/// Most entries held in memory, those that wait for another try included; beyond, the queue is read no further.
pub const HELD_MAX: usize = 1024;

/// How long to wait after something that had to work did not, for whatever kept it from working may last.
const SOON: Duration = Duration::from_secs(1);

struct InFlight {
    entry: Entry,
    /// The others of its batch, ascending.
    rest: Vec<Entry>,
    is_probe: bool,
    /// It tells of all that waits.
    is_digest: bool,
    /// It is on its way to the receiver.
    is_sent: bool,
    /// Its deliveries were settled otherwise.
    is_void: bool,
    /// It went to where the endpoint was before: what it comes to says nothing of where it is now.
    is_elsewhere: bool,
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
    /// Until the next outage the receiver gets no digest.
    is_digest_refused: bool,
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
            is_digest_refused: false,
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
                self.fetch_after = Some(now.plus(SOON));
            }
            Input::Fetched { .. } | Input::FetchFailed { .. } | Input::Tick => {}
            Input::Finished { seq, outcome, took } => self.finished(seq, &outcome, took, now, dice, effects),
            Input::Act(action) => self.breaker.act(action),
            Input::Sent(seq) => self.sent(seq, now),
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
        // A digest waits for what is read.
        if self.slots() == 0 || (self.is_digesting() && self.is_coming()) {
            return None;
        }
        let rate = match &self.bucket {
            None => None,
            Some(bucket) => Some(bucket.next_at()?),
        };
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

    /// Whether [`Input::Sent`] is wanted.
    pub fn is_limited(&self) -> bool {
        self.bucket.is_some()
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

    fn has_work(&self) -> bool {
        self.is_behind || !self.ready.is_empty() || !self.retries.is_empty()
    }

    fn configured(&mut self, settings: Settings, is_new_target: bool) {
        let in_flight_changed = settings.in_flight_max != self.settings.in_flight_max;
        if is_new_target || settings.breaker != self.settings.breaker {
            self.breaker = Breaker::new(settings.breaker);
        }
        if is_new_target {
            self.in_flight.values_mut().for_each(|attempt| attempt.is_elsewhere = true);
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
            if now.0 == Circuit::Open && self.told.0 != Circuit::Open {
                // Before anything is attempted again, the queue is read anew.
                self.let_go();
            }
            self.told = now;
            let until = match self.breaker.state() {
                breaker::State::Tripped { until } if !self.breaker.is_held() => Some(until),
                _ => None,
            };
            effects.push(Effect::Circuit(now.0, until, now.1));
        }
    }
}
