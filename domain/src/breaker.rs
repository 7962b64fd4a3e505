//! The circuit breaker of one endpoint.
//!
//! **Why.** An endpoint that is down should cost one probe now and then, not a time-out for each event that waits.
//! **When it trips.** After `failures` attempts in a row that failed because of the endpoint itself (5xx, time-out,
//! network), or when within the last `window` at least `failure_percent` of at least `samples_min` attempts failed so;
//! a 404 or 429 shows an endpoint that lives and resets nothing.
//! **While tripped** nothing is attempted. After `open_for`, and up to 20 % more, it is *probing*: one attempt at a time.
//! **How it recovers.** A probe that is answered closes it; a probe that fails trips it again for twice as long, up to
//! `open_for_max`. What was in the air when it tripped is recorded and changes nothing here: only a probe decides.
//! **By hand** it is opened (and stays open until a person acts again), closed, or told to probe at once.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    Class, Timestamp,
    retry::{Dice, JITTER},
};

/// When a breaker trips and how long it stays tripped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Failures in a row that trip it.
    pub failures: u16,
    /// The share of failures within `window` that trips it, in percent; 0: no share does.
    pub failure_percent: u8,
    /// How far back attempts count for the share.
    pub window: Duration,
    /// The fewest attempts within `window` that say something.
    pub samples_min: u32,
    /// How long it stays tripped the first time.
    pub open_for: Duration,
    /// The longest it stays tripped.
    pub open_for_max: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            failures: 5,
            failure_percent: 50,
            window: Duration::from_secs(60),
            samples_min: 20,
            open_for: Duration::from_secs(30),
            open_for_max: Duration::from_secs(600),
        }
    }
}

/// Where the circuit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Attempts flow.
    Flowing,
    /// Nothing is attempted until then.
    Tripped {
        /// When a probe may go.
        until: Timestamp,
    },
    /// One attempt at a time.
    Probing,
}

/// Where the circuit stands, in the words users know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Circuit {
    /// Attempts flow.
    Closed,
    /// Nothing is attempted.
    Open,
    /// A probe is due or under way.
    HalfOpen,
}

/// What is kept of a circuit that is not closed, so that a restart does not forget it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// When a probe may go; `None`: opened by hand, until a person acts again.
    pub until: Option<Timestamp>,
    /// Trips since it last was closed.
    pub trips_in_row: u16,
    /// Since when nothing succeeded.
    #[serde(default)]
    pub failing_since: Option<Timestamp>,
}

/// What a person wants of a circuit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Attempt nothing until told otherwise.
    Open,
    /// Let attempts flow, and forget past failures.
    Close,
    /// Make one attempt at once, and go by what it comes to.
    Probe,
}

/// Later than any time that comes: opened by hand.
const HELD: Timestamp = Timestamp::from_millis(i64::MAX);

/// The circuit breaker of one endpoint.
#[derive(Debug, Clone)]
pub struct Breaker {
    settings: Settings,
    state: State,
    failures_in_row: u16,
    trips_in_row: u16,
    /// Until when it was tripped last.
    tripped_until: Timestamp,
    /// The first failure since something succeeded.
    failing_since: Option<Timestamp>,
    recent: Recent,
}

impl Breaker {
    /// A closed circuit.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            state: State::Flowing,
            failures_in_row: 0,
            trips_in_row: 0,
            tripped_until: Timestamp::default(),
            failing_since: None,
            recent: Recent::default(),
        }
    }

    /// A circuit as it was before a restart.
    pub fn recalled(settings: Settings, memory: Memory) -> Self {
        let until = memory.until.unwrap_or(HELD);
        let Memory { trips_in_row, failing_since, .. } = memory;
        let state = State::Tripped { until };
        Self { state, trips_in_row, failing_since, tripped_until: until, ..Self::new(settings) }
    }

    /// What is to be kept; `None` while it is closed.
    pub fn memory(&self) -> Option<Memory> {
        // While it probes nothing new is to be kept: after a restart its time has come, and it probes again.
        let until = (self.tripped_until != HELD).then_some(self.tripped_until);
        let (trips_in_row, failing_since) = (self.trips_in_row, self.failing_since);
        (self.state != State::Flowing).then_some(Memory { until, trips_in_row, failing_since })
    }

    /// The first failure since an attempt succeeded; `None` where the last one that says something did.
    pub fn failing_since(&self) -> Option<Timestamp> {
        self.failing_since
    }

    /// Counts from now on since when it has been failing.
    pub fn forgive(&mut self) {
        self.failing_since = None;
    }

    /// Whether it is open because a person opened it.
    pub fn is_held(&self) -> bool {
        self.state == State::Tripped { until: HELD }
    }

    /// Does what a person wants.
    pub fn act(&mut self, action: Action) {
        match action {
            Action::Open => self.stay_open(HELD),
            Action::Close => self.close(),
            Action::Probe if self.state == State::Flowing => {}
            Action::Probe => self.state = State::Probing,
        }
    }

    fn stay_open(&mut self, until: Timestamp) {
        self.tripped_until = until;
        self.state = State::Tripped { until };
        self.recent = Recent::default();
    }

    fn close(&mut self) {
        self.state = State::Flowing;
        self.failures_in_row = 0;
        self.trips_in_row = 0;
        self.recent = Recent::default();
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// Where it stands, in the words users know.
    pub fn circuit(&self) -> Circuit {
        match self.state {
            State::Flowing => Circuit::Closed,
            State::Tripped { .. } => Circuit::Open,
            State::Probing => Circuit::HalfOpen,
        }
    }

    /// Lets a probe go where its time has come and there is something to send. It has also come where it lies further
    /// ahead than a circuit ever stays open: a clock that was ahead before a restart must not keep it open for years.
    pub fn advance(&mut self, now: Timestamp) {
        // With its jitter, and more.
        let open_for_most = self.settings.open_for_max.saturating_mul(2);
        if let State::Tripped { until } = self.state
            && until != HELD
            && (now >= until || until.since(now) > open_for_most)
        {
            self.state = State::Probing;
        }
    }

    /// Takes note of how an attempt ended. `is_probe`: it began while probing.
    pub fn record(&mut self, class: Class, is_probe: bool, now: Timestamp, dice: &mut dyn Dice) {
        let failed = class.is_endpoint_failure();
        match class {
            Class::Ok => self.failing_since = None,
            _ if failed => self.failing_since = self.failing_since.or(Some(now)),
            _ => {}
        }
        match self.state {
            State::Flowing => {
                self.recent.record(failed, now, self.settings.window);
                match (failed, class) {
                    (true, _) => self.failures_in_row = self.failures_in_row.saturating_add(1),
                    (false, Class::Ok) => self.failures_in_row = 0,
                    (false, _) => {}
                }
                if failed && (self.failures_in_row >= self.settings.failures || self.recent.is_bad(&self.settings)) {
                    self.trip(now, dice);
                }
            }
            State::Probing if is_probe && failed => self.trip(now, dice),
            // Nothing was sent, so nothing is known: the next probe may go.
            State::Probing if matches!(class, Class::Blocked | Class::Template) => {}
            State::Probing if is_probe => self.close(),
            State::Probing | State::Tripped { .. } => {}
        }
    }

    fn trip(&mut self, now: Timestamp, dice: &mut dyn Dice) {
        let doublings = u32::from(self.trips_in_row).min(31);
        let open_for = self.settings.open_for.saturating_mul(1 << doublings).min(self.settings.open_for_max);
        self.trips_in_row = self.trips_in_row.saturating_add(1);
        // Only ever later: a dead endpoint is asked at most once in `open_for`.
        let late = open_for.mul_f64(JITTER * dice.unit());
        self.stay_open(now.plus(open_for + late));
    }
}

/// Parts of the window.
const PARTS: usize = 6;

/// Attempts of the last while, counted by parts of it.
#[derive(Debug, Clone, Default)]
struct Recent {
    /// The number of the part, attempts, and failures among them; the newest is last.
    parts: [(i64, u32, u32); PARTS],
}

impl Recent {
    fn record(&mut self, failed: bool, now: Timestamp, window: Duration) {
        let part_ms = (i64::try_from(window.as_millis()).unwrap_or(i64::MAX) / PARTS as i64).max(1);
        let number = now.millis().div_euclid(part_ms);
        if self.parts[PARTS - 1].0 != number {
            self.parts.rotate_left(1);
            self.parts[PARTS - 1] = (number, 0, 0);
            // What is older than the window counts no more. Nor does what a clock that was set back left behind.
            let oldest = number - PARTS as i64;
            self.parts.iter_mut().filter(|part| part.0 <= oldest || part.0 > number).for_each(|part| *part = (0, 0, 0));
        }
        let newest = &mut self.parts[PARTS - 1];
        newest.1 = newest.1.saturating_add(1);
        newest.2 = newest.2.saturating_add(u32::from(failed));
    }

    fn is_bad(&self, settings: &Settings) -> bool {
        let attempts: u32 = self.parts.iter().map(|part| part.1).sum();
        let failures: u32 = self.parts.iter().map(|part| part.2).sum();
        settings.failure_percent > 0
            && attempts >= settings.samples_min.max(1)
            && u64::from(failures) * 100 >= u64::from(attempts) * u64::from(settings.failure_percent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No jitter.
    struct Lowest;

    impl Dice for Lowest {
        fn unit(&mut self) -> f64 {
            0.0
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn tripped() -> Breaker {
        let mut breaker = Breaker::new(Settings::default());
        for _ in 0..5 {
            breaker.record(Class::Http5xx, false, at(0), &mut Lowest);
        }
        breaker
    }

    #[test]
    fn failures_in_a_row_trip_it_and_a_success_between_does_not() {
        let mut breaker = Breaker::new(Settings::default());
        for class in [Class::Http5xx, Class::Reset, Class::Connect, Class::Http5xx, Class::Ok, Class::Http5xx] {
            breaker.record(class, false, at(0), &mut Lowest);
        }
        assert_eq!(breaker.circuit(), Circuit::Closed);
        assert_eq!(tripped().state(), State::Tripped { until: at(30) });
    }

    #[test]
    fn answers_that_show_life_do_not_trip_it() {
        let mut breaker = Breaker::new(Settings::default());
        for class in [Class::Http4xx, Class::RateLimited, Class::Blocked].repeat(9) {
            breaker.record(class, false, at(0), &mut Lowest);
        }
        assert_eq!(breaker.state(), State::Flowing);
    }

    #[test]
    fn a_failed_probe_doubles_the_wait_up_to_the_ceiling() {
        let mut breaker = tripped();
        let mut waits = Vec::new();
        for _ in 0..7 {
            let State::Tripped { until } = breaker.state() else { panic!("not tripped") };
            breaker.advance(until.minus(Duration::from_millis(1)));
            assert_eq!(breaker.circuit(), Circuit::Open);
            breaker.advance(until);
            assert_eq!(breaker.circuit(), Circuit::HalfOpen);
            breaker.record(Class::TimeoutResponse, true, until, &mut Lowest);
            let State::Tripped { until: next } = breaker.state() else { panic!("not tripped") };
            waits.push(next.since(until).as_secs());
        }
        assert_eq!(waits, [60, 120, 240, 480, 600, 600, 600]);
    }

    #[test]
    fn jitter_only_delays_a_probe() {
        struct Highest;
        impl Dice for Highest {
            fn unit(&mut self) -> f64 {
                1.0
            }
        }
        let mut breaker = tripped();
        breaker.advance(at(30));
        breaker.record(Class::Reset, true, at(30), &mut Highest);
        assert_eq!(breaker.state(), State::Tripped { until: at(30 + 72) });
    }

    #[test]
    fn a_probe_that_was_not_sent_tells_nothing() {
        let mut breaker = tripped();
        breaker.advance(at(30));
        breaker.record(Class::Blocked, true, at(30), &mut Lowest);
        assert_eq!(breaker.circuit(), Circuit::HalfOpen);
    }

    #[test]
    fn a_share_of_failures_within_the_window_trips_it() {
        let mut breaker = Breaker::new(Settings::default());
        let mut record = |seconds: i64, failed: bool| {
            let class = if failed { Class::Http5xx } else { Class::Ok };
            breaker.record(class, false, at(seconds), &mut Lowest);
            breaker.circuit()
        };
        // Half of them fail, but they are too few within a minute, and never five in a row.
        for n in 0..100 {
            assert_eq!(record(n * 4, n % 2 == 0), Circuit::Closed, "{n}");
        }
        // More often than that they say something.
        let tripped = (0..40).find(|n| record(1000 + n, n % 2 == 0) == Circuit::Open);
        assert_eq!(tripped, Some(20));
        let mut healthy = Breaker::new(Settings::default());
        for n in 0..1000 {
            healthy.record(if n % 3 == 0 { Class::Http5xx } else { Class::Ok }, false, at(n), &mut Lowest);
        }
        assert_eq!(healthy.circuit(), Circuit::Closed);
    }

    #[test]
    fn a_person_opens_closes_and_probes_it() {
        let mut breaker = Breaker::new(Settings::default());
        breaker.act(Action::Probe);
        assert_eq!(breaker.circuit(), Circuit::Closed);
        breaker.act(Action::Open);
        breaker.advance(at(1_000_000_000));
        assert_eq!((breaker.circuit(), breaker.is_held()), (Circuit::Open, true));
        let mut recalled = Breaker::recalled(Settings::default(), breaker.memory().unwrap());
        assert!(recalled.is_held());
        recalled.act(Action::Probe);
        assert_eq!(recalled.circuit(), Circuit::HalfOpen);
        recalled.act(Action::Close);
        assert_eq!((recalled.circuit(), recalled.memory()), (Circuit::Closed, None));
    }

    #[test]
    fn a_restart_forgets_neither_the_wait_nor_the_doublings() {
        let mut breaker = tripped();
        breaker.advance(at(30));
        breaker.record(Class::Reset, true, at(30), &mut Lowest);
        let mut recalled = Breaker::recalled(Settings::default(), breaker.memory().unwrap());
        assert_eq!(recalled.state(), State::Tripped { until: at(90) });
        recalled.advance(at(90));
        // It dies while it probes.
        let mut recalled = Breaker::recalled(Settings::default(), recalled.memory().unwrap());
        recalled.advance(at(91));
        assert_eq!(recalled.circuit(), Circuit::HalfOpen);
        recalled.record(Class::Reset, true, at(91), &mut Lowest);
        assert_eq!(recalled.state(), State::Tripped { until: at(91 + 120) });
    }

    #[test]
    fn only_a_probe_closes_it() {
        let mut breaker = tripped();
        breaker.record(Class::Ok, false, at(1), &mut Lowest);
        assert_eq!(breaker.circuit(), Circuit::Open);
        breaker.advance(at(30));
        breaker.record(Class::Ok, false, at(31), &mut Lowest);
        assert_eq!(breaker.circuit(), Circuit::HalfOpen);
        breaker.record(Class::Ok, true, at(32), &mut Lowest);
        assert_eq!(breaker.circuit(), Circuit::Closed);
        breaker.record(Class::Http5xx, false, at(33), &mut Lowest);
        assert_eq!(breaker.circuit(), Circuit::Closed);
    }
}
