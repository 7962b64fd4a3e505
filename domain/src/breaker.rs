//! The circuit breaker of one endpoint.
//!
//! **Why.** An endpoint that is down should cost one probe now and then, not a time-out for each event that waits.
//! **When it trips.** After `failures` attempts in a row that failed because of the endpoint itself (5xx, time-out,
//! network); a 404 or 429 shows an endpoint that lives and resets nothing.
//! **While tripped** nothing is attempted. After `open_for`, and up to 20 % more, it is *probing*: one attempt at a time.
//! **How it recovers.** A probe that is answered closes it; a probe that fails trips it again for twice as long, up to
//! `open_for_max`. What was in the air when it tripped is recorded and changes nothing here: only a probe decides.

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
    /// How long it stays tripped the first time.
    pub open_for: Duration,
    /// The longest it stays tripped.
    pub open_for_max: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { failures: 5, open_for: Duration::from_secs(30), open_for_max: Duration::from_secs(600) }
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

/// The circuit breaker of one endpoint.
#[derive(Debug, Clone)]
pub struct Breaker {
    settings: Settings,
    state: State,
    failures_in_row: u16,
    trips_in_row: u16,
}

impl Breaker {
    /// A closed circuit.
    pub fn new(settings: Settings) -> Self {
        Self { settings, state: State::Flowing, failures_in_row: 0, trips_in_row: 0 }
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

    /// Lets a probe go where its time has come and there is something to send.
    pub fn advance(&mut self, now: Timestamp) {
        if let State::Tripped { until } = self.state
            && now >= until
        {
            self.state = State::Probing;
        }
    }

    /// Takes note of how an attempt ended. `is_probe`: it began while probing.
    pub fn record(&mut self, class: Class, is_probe: bool, now: Timestamp, dice: &mut dyn Dice) {
        let failed = class.is_endpoint_failure();
        match self.state {
            State::Flowing if failed => {
                self.failures_in_row = self.failures_in_row.saturating_add(1);
                if self.failures_in_row >= self.settings.failures {
                    self.trip(now, dice);
                }
            }
            State::Flowing => {
                if class == Class::Ok {
                    self.failures_in_row = 0;
                }
            }
            State::Probing if is_probe && failed => self.trip(now, dice),
            // Nothing was sent, so nothing is known: the next probe may go.
            State::Probing if matches!(class, Class::Blocked | Class::Template) => {}
            State::Probing if is_probe => {
                self.state = State::Flowing;
                self.failures_in_row = 0;
                self.trips_in_row = 0;
            }
            State::Probing | State::Tripped { .. } => {}
        }
    }

    fn trip(&mut self, now: Timestamp, dice: &mut dyn Dice) {
        let doublings = u32::from(self.trips_in_row).min(31);
        let open_for = self.settings.open_for.saturating_mul(1 << doublings).min(self.settings.open_for_max);
        self.trips_in_row = self.trips_in_row.saturating_add(1);
        // Only ever later: a dead endpoint is asked at most once in `open_for`.
        let late = open_for.mul_f64(JITTER * dice.unit());
        self.state = State::Tripped { until: now.plus(open_for + late) };
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
