//! Digests step by step.

use super::{
    tests::{TOOK, drive, entry, settings},
    *,
};
use crate::{Outcome, Verdict, delivery::Origin};

/// A machine whose circuit has just opened, with `late` still under way from before; and when it probes.
fn tripped(late: u64, origin: Origin, waiting: u64) -> (Machine, i64) {
    let breaker = breaker::Settings { failures: 1, ..breaker::Settings::default() };
    let mut machine = Machine::new(Settings { is_digest: true, breaker, ..settings() });
    drive(&mut machine, Input::Tick, 0);
    let of = |seq| if seq == late { origin } else { Origin::Live };
    let all = (1..=waiting).map(|seq| Entry { origin: of(seq), ..entry(seq) }).collect();
    drive(&mut machine, Input::Fetched { lease: 1, entries: all, is_end: true }, 0);
    let first = *machine.in_flight.keys().find(|seq| seq.0 != late).unwrap();
    finish(&mut machine, first.0, 503, 1);
    assert_eq!(machine.breaker.circuit(), Circuit::Open);
    let others: Vec<u64> = machine.in_flight.keys().map(|seq| seq.0).filter(|seq| *seq != late).collect();
    others.into_iter().for_each(|seq| drop(finish(&mut machine, seq, 503, 2)));
    let probe_at = machine.wake_at().unwrap().millis();
    (machine, probe_at)
}

/// The circuit is half open, and the queue is read.
fn probe(machine: &mut Machine, now: i64, waiting: u64) -> Vec<Effect> {
    let effects = drive(machine, Input::Tick, now);
    let lease =
        effects.iter().find_map(|effect| if let Effect::Fetch { lease, .. } = effect { Some(*lease) } else { None });
    let entries = (1..=waiting).map(entry).collect();
    drive(machine, Input::Fetched { lease: lease.unwrap(), entries, is_end: true }, now)
}

fn finish(machine: &mut Machine, seq: u64, code: u16, now: i64) -> Vec<Effect> {
    let outcome = Outcome::answered(code, None);
    drive(machine, Input::Finished { seq: Seq(seq), outcome, took: TOOK }, now)
}

fn digest_of(effects: &[Effect]) -> Option<u64> {
    effects.iter().find_map(|effect| if let Effect::Digest(entry) = effect { Some(entry.seq.0) } else { None })
}

#[test]
fn the_probe_is_a_digest_and_after_it_the_queue_is_read_anew() {
    let (mut machine, now) = tripped(2, Origin::Live, 9);
    let effects = probe(&mut machine, now, 9);
    assert_eq!(digest_of(&effects), Some(1));
    assert!(machine.is_digest(Seq(1)) && !machine.is_digest(Seq(2)));
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Attempt(_))));
    let effects = finish(&mut machine, 1, 200, now + 1);
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Settle(..))), "settled by whoever sent it");
    assert!(matches!(effects[..], [Effect::Fetch { after: Seq(0), .. }, Effect::Circuit(Circuit::Closed, ..)]));
    // One from before the outage ends: the queue knows whether it was told of.
    let effects = finish(&mut machine, 2, 503, now + 2);
    assert!(
        matches!(effects[..], [Effect::Settle(Entry { seq: Seq(2), .. }, _), Effect::Fetch { after: Seq(0), .. }]),
        "{effects:?}"
    );
    assert!(machine.held.is_empty());
}

#[test]
fn what_a_person_asked_for_is_settled_by_itself() {
    let (mut machine, now) = tripped(2, Origin::Replay, 9);
    probe(&mut machine, now, 9);
    finish(&mut machine, 1, 200, now + 1);
    let effects = finish(&mut machine, 2, 200, now + 2);
    assert!(matches!(effects[..], [Effect::Settle(Entry { seq: Seq(2), .. }, Verdict::Delivered), ..]), "{effects:?}");
}

#[test]
fn a_digest_that_fails_opens_the_circuit_again_and_one_that_is_refused_is_the_last() {
    let (mut machine, now) = tripped(0, Origin::Live, 9);
    probe(&mut machine, now, 9);
    let effects = finish(&mut machine, 1, 503, now + 1);
    assert!(matches!(effects[0], Effect::Settle(Entry { seq: Seq(1), .. }, Verdict::Retry { .. })));
    assert_eq!(machine.breaker.circuit(), Circuit::Open);
    let now = machine.wake_at().unwrap().millis();
    assert_eq!(digest_of(&probe(&mut machine, now, 9)), Some(1));
    let effects = finish(&mut machine, 1, 400, now + 1);
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Attempt(_))), "{effects:?}");
    assert_eq!(machine.breaker.circuit(), Circuit::Closed);
}

#[test]
fn one_alone_is_sent_as_it_is() {
    let (mut machine, now) = tripped(0, Origin::Live, 1);
    let effects = probe(&mut machine, now, 1);
    assert_eq!(effects.iter().filter(|effect| matches!(effect, Effect::Attempt(_))).count(), 1);
}

#[test]
fn a_digest_that_may_not_be_sent_gives_way_to_each() {
    let (mut machine, now) = tripped(0, Origin::Live, 9);
    probe(&mut machine, now, 9);
    let blocked = Input::Finished { seq: Seq(1), outcome: Outcome::failed(crate::Class::Blocked), took: TOOK };
    let effects = drive(&mut machine, blocked, now + 1);
    assert_eq!(digest_of(&effects), None);
    assert_eq!(effects.iter().filter(|effect| matches!(effect, Effect::Attempt(_))).count(), 1);
}

#[test]
fn a_digest_that_fails_again_and_again_leaves_the_oldest_its_attempts() {
    let (mut machine, mut now) = tripped(0, Origin::Live, 9);
    let mut oldest = entry(1);
    for _ in 0..40 {
        let effects = drive(&mut machine, Input::Tick, now);
        let lease = effects
            .iter()
            .find_map(|effect| if let Effect::Fetch { lease, .. } = effect { Some(*lease) } else { None });
        let entries = std::iter::once(oldest).chain((2..=9).map(entry)).collect();
        drive(&mut machine, Input::Fetched { lease: lease.unwrap(), entries, is_end: true }, now);
        for effect in finish(&mut machine, 1, 503, now + 1) {
            if let Effect::Settle(settled, Verdict::Retry { at }) = effect {
                oldest = Entry {
                    attempts_in_round: settled.attempts_in_round + 1,
                    attempts_total: settled.attempts_total + 1,
                    next_at: Some(at),
                    ..settled
                };
            }
        }
        now = machine.wake_at().unwrap().millis();
    }
    assert_eq!(oldest.attempts_in_round, 8);
}
