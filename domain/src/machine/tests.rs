//! The machine step by step: what one input after the other brings about.

use super::{lives::Chance, *};
use crate::{Outcome, delivery::Origin, retry};

pub(super) const TOOK: Duration = Duration::from_millis(5);

pub(super) fn settings() -> Settings {
    Settings {
        retry: retry::Policy::default(),
        breaker: breaker::Settings::default(),
        in_flight_max: 4,
        rate: None,
        is_strict: false,
        batch: None,
        is_digest: false,
        disable_after: Duration::from_secs(5 * 24 * 3600),
        is_region: false,
        is_paused: false,
    }
}

pub(super) fn drive(machine: &mut Machine, input: Input, now: i64) -> Vec<Effect> {
    let mut effects = Vec::new();
    machine.handle(input, Timestamp::from_millis(now), &mut Chance(7), &mut effects);
    effects
}

pub(super) fn entry(seq: u64) -> Entry {
    Entry::fresh(Seq(seq), Timestamp::from_millis(0), Origin::Live)
}

fn idle_machine() -> Machine {
    let mut machine = Machine::new(settings());
    drive(&mut machine, Input::Tick, 0);
    drive(&mut machine, Input::Fetched { lease: 1, entries: vec![], is_end: true }, 0);
    machine
}

#[test]
fn fresh_work_goes_out_without_reading_the_queue() {
    let mut machine = idle_machine();
    let effects = drive(&mut machine, Input::Fresh(vec![entry(5)]), 1);
    assert_eq!(effects, [Effect::Attempt(entry(5))]);
}

#[test]
fn work_told_of_between_the_read_and_its_answer_is_not_lost() {
    let mut machine = idle_machine();
    let rewound = || Input::Rewound(Seq(5));
    assert!(matches!(drive(&mut machine, rewound(), 1)[..], [Effect::Fetch { lease: 2, after: Seq(0), .. }]));
    assert!(matches!(drive(&mut machine, rewound(), 1)[..], [Effect::Fetch { lease: 3, after: Seq(0), .. }]));
    // An answer from before it does not count.
    assert_eq!(drive(&mut machine, Input::Fetched { lease: 2, entries: vec![], is_end: true }, 2), []);
    let found = Input::Fetched { lease: 3, entries: vec![entry(5)], is_end: true };
    assert_eq!(drive(&mut machine, found, 2), [Effect::Attempt(entry(5))]);
}

#[test]
fn gone_stops_everything_until_it_is_configured_anew() {
    let mut machine = idle_machine();
    drive(&mut machine, Input::Fresh(vec![entry(1)]), 1);
    let outcome = Outcome::answered(410, None);
    let effects = drive(&mut machine, Input::Finished { seq: Seq(1), outcome, took: TOOK }, 2);
    assert!(effects.contains(&Effect::Disable(Disabling::Gone)));
    assert_eq!(drive(&mut machine, Input::Fresh(vec![entry(2)]), 3), []);
    let effects = drive(&mut machine, Input::Configured { settings: settings(), is_new_target: false }, 4);
    assert!(matches!(effects[..], [Effect::Fetch { .. }]));
}

#[test]
fn what_the_target_of_before_answers_says_nothing_of_the_new_one() {
    let mut machine = idle_machine();
    drive(&mut machine, Input::Fresh(vec![entry(1), entry(2)]), 1);
    assert_eq!(machine.in_flight(), 2);
    drive(&mut machine, Input::Configured { settings: settings(), is_new_target: true }, 2);
    for (seq, status) in [(1, 410), (2, 500)] {
        let outcome = Outcome::answered(status, None);
        let effects = drive(&mut machine, Input::Finished { seq: Seq(seq), outcome, took: TOOK }, 3);
        assert!(effects.iter().any(|effect| matches!(effect, Effect::Settle(..))), "{effects:?}");
        assert!(!effects.contains(&Effect::Disable(Disabling::Gone)), "{effects:?}");
    }
    assert_eq!(machine.breaker.memory(), Breaker::new(settings().breaker).memory(), "its circuit has seen nothing");
    let effects = drive(&mut machine, Input::Fresh(vec![entry(5)]), 4);
    assert!(effects.contains(&Effect::Attempt(entry(5))), "{effects:?}");
}

#[test]
fn an_attempt_asked_for_before_a_trip_may_not_begin_after_it() {
    let mut machine = idle_machine();
    let fresh: Vec<Entry> = (1..=30).map(entry).collect();
    drive(&mut machine, Input::Fresh(fresh), 1);
    assert!(machine.may_attempt(Seq(2)));
    let mut failed = 0;
    while machine.breaker.circuit() == Circuit::Closed {
        failed += 1;
        let seq = *machine.in_flight.keys().min().unwrap();
        if machine.in_flight.len() > 1 && seq == Seq(2) {
            let other = *machine.in_flight.keys().max().unwrap();
            drive(&mut machine, Input::Finished { seq: other, outcome: Outcome::answered(500, None), took: TOOK }, 2);
        } else {
            drive(&mut machine, Input::Finished { seq, outcome: Outcome::answered(500, None), took: TOOK }, 2);
        }
        assert!(failed < 20);
    }
    assert!(machine.in_flight.keys().all(|seq| !machine.may_attempt(*seq)));
}

#[test]
fn a_probe_that_could_not_be_made_does_not_spin() {
    let mut machine = idle_machine();
    drive(&mut machine, Input::Fresh((1..=9).map(entry).collect()), 1);
    while machine.breaker.circuit() == Circuit::Closed {
        let seq = *machine.in_flight.keys().min().unwrap();
        drive(&mut machine, Input::Finished { seq, outcome: Outcome::answered(500, None), took: TOOK }, 2);
    }
    for seq in machine.in_flight.keys().copied().collect::<Vec<_>>() {
        drive(&mut machine, Input::Returned(seq), 3);
    }
    let probing = machine.wake_at().unwrap().millis();
    // While it was left alone it held nothing.
    assert!(machine.held.is_empty());
    let effects = drive(&mut machine, Input::Tick, probing);
    assert!(
        matches!(effects[..], [Effect::Fetch { lease: 2, .. }, Effect::Circuit(Circuit::HalfOpen, ..)]),
        "{effects:?}"
    );
    let entries = (1..=9).map(entry).collect();
    let effects = drive(&mut machine, Input::Fetched { lease: 2, entries, is_end: true }, probing);
    let probe =
        effects.iter().find_map(|effect| if let Effect::Attempt(entry) = effect { Some(entry.seq) } else { None });
    let effects = drive(&mut machine, Input::Returned(probe.unwrap()), probing);
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Attempt(entry) if Some(entry.seq) == probe)));
}

#[test]
fn a_due_time_of_a_clock_that_ran_ahead_is_not_waited_for() {
    let mut machine = Machine::new(settings());
    drive(&mut machine, Input::Tick, 0);
    let ahead = Entry { next_at: Some(Timestamp::from_millis(400 * 86_400_000)), attempts_in_round: 1, ..entry(1) };
    drive(&mut machine, Input::Fetched { lease: 1, entries: vec![ahead], is_end: true }, 0);
    assert_eq!(machine.wake_at(), Some(Timestamp::from_millis(3_600_000)));
}

fn past(seq: u64) -> Entry {
    Entry::fresh(Seq(seq), Timestamp::from_millis(0), Origin::Backfill)
}

/// The seqs of what is to be attempted.
fn attempted(effects: &[Effect]) -> Vec<u64> {
    let seq = |effect: &Effect| if let Effect::Attempt(entry) = effect { Some(entry.seq.0) } else { None };
    effects.iter().filter_map(seq).collect()
}

#[test]
fn a_backfill_takes_half_of_the_window_and_a_live_event_finds_a_slot() {
    let mut machine = Machine::new(settings());
    drive(&mut machine, Input::Tick, 0);
    let entries = (1..=9).map(past).collect();
    let effects = drive(&mut machine, Input::Fetched { lease: 1, entries, is_end: true }, 0);
    // The window begins with two slots.
    assert_eq!(attempted(&effects), [1]);
    assert_eq!(machine.wake_at(), None);
    assert_eq!(attempted(&drive(&mut machine, Input::Fresh(vec![entry(20), entry(21)]), 1)), [20]);
    // What is live goes first, and one by one the backfill goes on beside it.
    let done = |seq| Input::Finished { seq: Seq(seq), outcome: Outcome::answered(200, None), took: TOOK };
    assert_eq!(attempted(&drive(&mut machine, done(1), 2)), [21, 2]);
    assert_eq!(attempted(&drive(&mut machine, done(20), 3)), [3]);
    assert!(attempted(&drive(&mut machine, done(21), 4)).is_empty());
}

#[test]
fn what_is_live_is_read_although_a_backfill_is_at_hand() {
    let mut machine = Machine::new(settings());
    drive(&mut machine, Input::Tick, 0);
    let entries: Vec<Entry> = (1..=16).map(past).collect();
    let effects = drive(&mut machine, Input::Fetched { lease: 1, entries, is_end: false }, 0);
    assert!(matches!(effects.last(), Some(Effect::Fetch { lease: 2, after: Seq(16), .. })), "{effects:?}");
    let effects = drive(&mut machine, Input::Fetched { lease: 2, entries: vec![entry(17)], is_end: true }, 1);
    assert_eq!(attempted(&effects), [17]);
}

#[test]
fn in_strict_order_everything_waits_for_the_oldest() {
    let mut machine = Machine::new(Settings { is_strict: true, ..settings() });
    drive(&mut machine, Input::Tick, 0);
    let all = vec![entry(3), entry(4), entry(5)];
    let effects = drive(&mut machine, Input::Fetched { lease: 1, entries: all, is_end: true }, 0);
    assert_eq!(effects, [Effect::Attempt(entry(3))]);
    let failed = Input::Finished { seq: Seq(3), outcome: Outcome::answered(503, None), took: TOOK };
    let effects = drive(&mut machine, failed, 1);
    assert!(matches!(effects[..], [Effect::Settle(..)]), "{effects:?}");
    assert_eq!(drive(&mut machine, Input::Fresh(vec![entry(6)]), 2), []);
    // Something older was queued again: it is read before anything goes.
    let effects = drive(&mut machine, Input::Rewound(Seq(2)), 3);
    assert!(matches!(effects[..], [Effect::Fetch { lease: 2, after: Seq(1), .. }]), "{effects:?}");
    let again = Input::Fetched { lease: 2, entries: vec![entry(2), entry(4), entry(5), entry(6)], is_end: true };
    assert_eq!(drive(&mut machine, again, 4), [Effect::Attempt(entry(2))]);
    let delivered = |seq| Input::Finished { seq: Seq(seq), outcome: Outcome::answered(200, None), took: TOOK };
    assert!(matches!(drive(&mut machine, delivered(2), 5)[..], [Effect::Settle(..)]));
    let at = machine.wake_at().unwrap();
    let effects = drive(&mut machine, Input::Tick, at.millis());
    assert!(matches!(effects[..], [Effect::Attempt(Entry { seq: Seq(3), .. })]), "{effects:?}");
    let effects = drive(&mut machine, delivered(3), at.millis() + 1);
    assert!(matches!(effects[..], [Effect::Settle(..), Effect::Attempt(Entry { seq: Seq(4), .. })]), "{effects:?}");
}

#[test]
fn a_rate_limit_spreads_attempts_and_wakes_for_the_next() {
    let mut machine = Machine::new(Settings { rate: "2/s".parse().ok(), ..settings() });
    drive(&mut machine, Input::Tick, 0);
    let all = (1..=4).map(entry).collect();
    let effects = drive(&mut machine, Input::Fetched { lease: 1, entries: all, is_end: true }, 0);
    assert_eq!(effects, [Effect::Attempt(entry(1)), Effect::Attempt(entry(2))]);
    // They wait for their turn: until then nobody knows when the next may go.
    assert_eq!(machine.wake_at(), None);
    for seq in [1, 2] {
        drive(&mut machine, Input::Sent(Seq(seq)), 0);
        let done = Input::Finished { seq: Seq(seq), outcome: Outcome::answered(200, None), took: TOOK };
        assert!(matches!(drive(&mut machine, done, 10)[..], [Effect::Settle(..)]));
    }
    assert_eq!(machine.wake_at(), Some(Timestamp::from_millis(500)));
    assert_eq!(drive(&mut machine, Input::Tick, 500), [Effect::Attempt(entry(3))]);
    drive(&mut machine, Input::Sent(Seq(3)), 800);
    assert_eq!(machine.wake_at(), Some(Timestamp::from_millis(1000)));
}

#[test]
fn a_circuit_that_a_person_opened_stays_open_over_a_restart() {
    let mut machine = idle_machine();
    let effects = drive(&mut machine, Input::Act(breaker::Action::Open), 1);
    let [Effect::Circuit(Circuit::Open, None, memory)] = effects[..] else { panic!("{effects:?}") };
    let mut machine = Machine::recalled(settings(), memory);
    let effects = drive(&mut machine, Input::Fresh(vec![entry(1)]), 1_000_000_000);
    assert!(matches!(effects[..], [Effect::Circuit(Circuit::Open, None, Some(_))]), "{effects:?}");
    let effects = drive(&mut machine, Input::Act(breaker::Action::Close), 1_000_000_001);
    assert!(matches!(effects[..], [Effect::Fetch { .. }, Effect::Circuit(Circuit::Closed, None, None)]), "{effects:?}");
}

#[test]
fn nothing_but_failures_for_long_disables_and_a_restart_does_not_forget_since_when() {
    let hour = 3_600_000;
    let settings = Settings { disable_after: Duration::from_secs(24 * 3600), ..settings() };
    let mut machine = Machine::new(settings);
    drive(&mut machine, Input::Tick, 0);
    let all = (1..=9).map(entry).collect();
    let mut effects = drive(&mut machine, Input::Fetched { lease: 1, entries: all, is_end: true }, hour);
    let (mut memory, mut now) = (None, hour);
    let mut disabled = None;
    for round in 0..2000 {
        for effect in std::mem::take(&mut effects) {
            match effect {
                Effect::Attempt(entry) => {
                    let failed = Input::Finished { seq: entry.seq, outcome: Outcome::answered(503, None), took: TOOK };
                    effects.extend(drive(&mut machine, failed, now));
                }
                Effect::Circuit(_, _, kept) => memory = kept,
                Effect::Disable(why) => disabled = Some((why, now)),
                Effect::Fetch { lease, .. } => {
                    let all = (1..=9).map(entry).collect();
                    effects.extend(drive(&mut machine, Input::Fetched { lease, entries: all, is_end: true }, now));
                }
                Effect::Settle(..) | Effect::Digest(_) => {}
            }
        }
        if disabled.is_some() {
            break;
        }
        if effects.is_empty() {
            if round % 50 == 49 {
                machine = Machine::recalled(settings, memory);
                effects = drive(&mut machine, Input::Tick, now);
            } else {
                now = machine.wake_at().unwrap().millis().max(now + 1);
                effects = drive(&mut machine, Input::Tick, now);
            }
        }
    }
    let (why, at) = disabled.unwrap();
    assert_eq!(why, Disabling::Failing(Timestamp::from_millis(hour)));
    assert!((25 * hour..27 * hour).contains(&at), "after {} h", at / hour);
    assert_eq!(machine.wake_at(), None);
}

#[test]
fn an_attempt_that_was_not_made_is_made_a_while_later() {
    let mut machine = idle_machine();
    drive(&mut machine, Input::Fresh(vec![entry(1)]), 5);
    assert_eq!(drive(&mut machine, Input::Returned(Seq(1)), 10), []);
    assert_eq!(machine.wake_at(), Some(Timestamp::from_millis(1010)));
    assert_eq!(drive(&mut machine, Input::Tick, 1010), [Effect::Attempt(entry(1))]);
}

#[test]
fn after_an_outage_an_endpoint_is_asked_for_little_at_first() {
    let mut machine = Machine::new(Settings { in_flight_max: 16, ..settings() });
    drive(&mut machine, Input::Tick, 0);
    let all = (1..=200).map(entry).collect();
    drive(&mut machine, Input::Fetched { lease: 1, entries: all, is_end: true }, 0);
    let answer = |machine: &mut Machine, code: u16, now: i64| {
        let seq = *machine.in_flight.keys().min().unwrap();
        drive(machine, Input::Finished { seq, outcome: Outcome::answered(code, None), took: TOOK }, now);
    };
    (0..30).for_each(|_| answer(&mut machine, 200, 1));
    assert_eq!(machine.in_flight(), 16);
    // One by one they fail, less is asked for, and the circuit opens.
    while machine.in_flight() > 0 {
        answer(&mut machine, 503, 2);
    }
    assert_eq!(machine.breaker.circuit(), Circuit::Open);
    let probe_at = machine.wake_at().unwrap().millis();
    drive(&mut machine, Input::Tick, probe_at);
    assert_eq!(machine.in_flight(), 1);
    let sizes: Vec<usize> = (0..4)
        .map(|_| {
            answer(&mut machine, 200, probe_at + 1);
            machine.in_flight()
        })
        .collect();
    assert_eq!(sizes, [2, 3, 4, 5]);
}

#[test]
fn a_region_that_is_gone_is_left_alone_until_a_person_acts_also_where_a_probe_finds_it() {
    let mut machine = Machine::new(Settings { is_region: true, ..settings() });
    drive(&mut machine, Input::Tick, 0);
    let all = (1..=9).map(entry).collect::<Vec<_>>();
    drive(&mut machine, Input::Fetched { lease: 1, entries: all.clone(), is_end: true }, 0);
    drive(&mut machine, Input::Act(breaker::Action::Open), 1);
    let effects = drive(&mut machine, Input::Act(breaker::Action::Probe), 2);
    let Some(Effect::Fetch { lease, .. }) = effects.first() else { panic!("{effects:?}") };
    let found = Input::Fetched { lease: *lease, entries: all, is_end: true };
    let probe = drive(&mut machine, found, 2).into_iter().find_map(|effect| match effect {
        Effect::Attempt(entry) => Some(entry.seq),
        _ => None,
    });
    let outcome = Outcome::answered(410, None);
    let effects = drive(&mut machine, Input::Finished { seq: probe.unwrap(), outcome, took: TOOK }, 3);
    let open = Effect::Circuit(Circuit::Open, None, machine.breaker.memory());
    assert!(effects.contains(&open) && !effects.iter().any(|e| matches!(e, Effect::Disable(_))), "{effects:?}");
    assert_eq!(machine.wake_at(), Some(Timestamp::from_millis(i64::MAX)));
}
