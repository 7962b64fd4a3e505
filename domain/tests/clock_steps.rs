//! A clock that is wrong after a restart: neither a storm of attempts nor a delivery that waits for years.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{collections::BTreeMap, time::Duration};

use loghorn_domain::{
    Origin, Outcome, Seq, Timestamp, Verdict,
    breaker::{self, Memory},
    delivery::Entry,
    machine::{Effect, Input, Machine, Settings},
    retry::{self, Dice},
};

const HOUR: Duration = Duration::from_secs(3600);
const DAY_MS: i64 = 24 * 3_600_000;
/// November 2023.
const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// The middle of every range.
struct Middle;

impl Dice for Middle {
    fn unit(&mut self) -> f64 {
        0.5
    }
}

/// An endpoint whose queue and circuit are kept over restarts.
struct Endpoint {
    machine: Machine,
    queue: BTreeMap<Seq, Entry>,
    circuit: Option<Memory>,
    now: Timestamp,
    attempts: usize,
}

impl Endpoint {
    fn new(waiting: u64) -> Self {
        let entries = (1..=waiting).map(|seq| (Seq(seq), Entry::fresh(Seq(seq), START, Origin::Live)));
        Self { machine: Machine::new(settings()), queue: entries.collect(), circuit: None, now: START, attempts: 0 }
    }

    /// The process ends, and starts with its clock at `now`.
    fn restart(&mut self, now: Timestamp) {
        self.now = now;
        self.machine = Machine::recalled(settings(), self.circuit);
    }

    /// Lives for `span`, every attempt answered by `status`; attempts made.
    fn live(&mut self, span: Duration, status: u16) -> usize {
        let (before, end) = (self.attempts, self.now.plus(span));
        self.tell(Input::Tick, status);
        while let Some(at) = self.machine.wake_at().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.tell(Input::Tick, status);
            assert!(self.attempts - before < 100_000, "a storm at {}", self.now);
        }
        self.now = end;
        self.attempts - before
    }

    fn tell(&mut self, input: Input, status: u16) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            let mut effects = Vec::new();
            self.machine.handle(input, self.now, &mut Middle, &mut effects);
            for effect in effects {
                match effect {
                    Effect::Fetch { lease, after, n } => {
                        let entries: Vec<Entry> =
                            self.queue.range(after.next()..).map(|(_, entry)| *entry).take(n).collect();
                        let is_end = entries.len() < n;
                        inputs.push(Input::Fetched { lease, entries, is_end });
                    }
                    Effect::Attempt(entry) => {
                        self.attempts += 1;
                        let (outcome, took) = (Outcome::answered(status, None), Duration::from_millis(5));
                        inputs.push(Input::Finished { seq: entry.seq, outcome, took });
                    }
                    Effect::Settle(entry, Verdict::Retry { at }) => {
                        let waiting = self.queue.get_mut(&entry.seq).unwrap();
                        waiting.attempts_total += 1;
                        waiting.attempts_in_round += 1;
                        waiting.next_at = Some(at);
                    }
                    Effect::Settle(entry, _) => drop(self.queue.remove(&entry.seq)),
                    Effect::Circuit(_, _, memory) => self.circuit = memory,
                    Effect::Disable(why) => panic!("{why:?}"),
                    Effect::Digest(_) => panic!("there are no digests here"),
                }
            }
        }
    }
}

fn settings() -> Settings {
    Settings {
        retry: retry::Policy::default(),
        breaker: breaker::Settings::default(),
        in_flight_max: 16,
        rate: None,
        is_strict: false,
        batch: None,
        is_digest: false,
        // Longer than any step.
        disable_after: Duration::from_secs(100 * 365 * 24 * 3600),
        is_region: false,
        is_paused: false,
    }
}

/// Clocks after a restart, as steps from where they should be.
fn steps() -> [(&'static str, i64); 5] {
    let to_1970 = -(START.millis() + 3_600_000);
    [("right", 0), ("+400 days", 400 * DAY_MS), ("-2 h", -2 * 3_600_000), ("1970", to_1970), ("+40 s", 40_000)]
}

#[test]
fn a_dead_endpoint_is_not_stormed_whatever_the_clock_says() {
    let mut usual = None;
    for (name, step) in steps() {
        let mut endpoint = Endpoint::new(200);
        endpoint.live(HOUR, 503);
        endpoint.restart(Timestamp::from_millis(endpoint.now.millis() + step));
        let attempts = endpoint.live(HOUR, 503);
        let usual = *usual.get_or_insert(attempts);
        assert!(attempts <= 2 * usual, "{name}: {attempts} attempts in an hour, and {usual} usually");
    }
}

#[test]
fn a_receiver_that_returns_gets_everything_soon_whatever_the_clock_says() {
    for (name, step) in steps() {
        // With a circuit that is open, and with single deliveries that wait.
        for (waiting, failing) in [(200, HOUR), (3, Duration::from_secs(1))] {
            let mut endpoint = Endpoint::new(waiting);
            endpoint.live(failing, 503);
            assert!(!endpoint.queue.is_empty());
            endpoint.restart(Timestamp::from_millis(endpoint.now.millis() + step));
            // The longest that a circuit stays open, or that a retry waits.
            endpoint.live(Duration::from_secs(4000), 200);
            assert_eq!(endpoint.queue.len(), 0, "{name}: {waiting} waited");
        }
    }
}
