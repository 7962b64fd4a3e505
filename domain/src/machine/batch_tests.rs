//! Batches step by step.

use super::{
    tests::{TOOK, drive, entry, settings},
    *,
};
use crate::{
    Outcome, Verdict,
    delivery::{Origin, Reason},
};

fn machine(events_max: u16, wait_ms: u64) -> Machine {
    let batch = Some(Batching { events_max, wait_max: Duration::from_millis(wait_ms) });
    let mut machine = Machine::new(Settings { batch, ..settings() });
    drive(&mut machine, Input::Tick, 0);
    drive(&mut machine, Input::Fetched { lease: 1, entries: vec![], is_end: true }, 0);
    machine
}

/// The batches that begin.
fn begun(machine: &mut Machine, input: Input, now: i64) -> Vec<Vec<u64>> {
    let effects = drive(machine, input, now);
    let firsts =
        effects.iter().filter_map(|effect| if let Effect::Attempt(entry) = effect { Some(entry.seq) } else { None });
    firsts.map(|first| machine.batch(first).map(|entry| entry.seq.0).collect()).collect()
}

fn fresh(seqs: std::ops::RangeInclusive<u64>) -> Input {
    Input::Fresh(seqs.map(entry).collect())
}

fn answered(seq: u64, code: u16) -> Input {
    Input::Finished { seq: Seq(seq), outcome: Outcome::answered(code, None), took: TOOK }
}

#[test]
fn a_batch_goes_when_it_is_full_or_its_oldest_has_waited() {
    let mut machine = machine(3, 500);
    assert_eq!(begun(&mut machine, fresh(1..=2), 10), Vec::<Vec<u64>>::new());
    assert_eq!(machine.wake_at(), Some(Timestamp::from_millis(500)));
    assert_eq!(begun(&mut machine, fresh(3..=4), 20), [[1, 2, 3]]);
    assert_eq!(begun(&mut machine, Input::Tick, 500), [[4]]);
    assert_eq!(machine.wake_at(), None);
}

#[test]
fn with_no_wait_what_has_come_meanwhile_goes_together() {
    let mut machine = machine(10, 0);
    assert_eq!(begun(&mut machine, fresh(1..=1), 1), [[1]]);
    assert_eq!(begun(&mut machine, fresh(2..=2), 1), [[2]]);
    // Both slots of the window are taken.
    assert!(begun(&mut machine, fresh(3..=5), 1).is_empty());
    assert_eq!(begun(&mut machine, answered(1, 200), 2), [[3, 4, 5]]);
}

#[test]
fn another_origin_is_another_batch() {
    let mut machine = machine(10, 500);
    let replayed = Entry::fresh(Seq(3), Timestamp::default(), Origin::Replay);
    assert_eq!(begun(&mut machine, Input::Fresh(vec![entry(1), entry(2), replayed]), 1), [[1, 2]]);
}

#[test]
fn a_refused_batch_is_parted_until_the_bad_event_is_alone() {
    let mut machine = machine(4, 0);
    assert_eq!(begun(&mut machine, fresh(1..=4), 1), [[1, 2, 3, 4]]);
    assert_eq!(begun(&mut machine, answered(1, 422), 2), [[1, 2]]);
    assert_eq!(begun(&mut machine, Input::Tick, 3), [[3, 4]]);
    assert!(begun(&mut machine, answered(1, 200), 4).is_empty());
    assert_eq!(begun(&mut machine, answered(3, 422), 5), [[3]]);
    assert_eq!(begun(&mut machine, Input::Tick, 6), [[4]]);
    let effects = drive(&mut machine, answered(4, 422), 7);
    assert!(matches!(effects[..], [Effect::Settle(Entry { seq: Seq(4), .. }, Verdict::Dead(Reason::Http4xx))]));
}

#[test]
fn an_answer_about_the_receiver_parts_nothing() {
    for code in [401, 403, 404, 405] {
        let mut machine = machine(4, 0);
        begun(&mut machine, fresh(1..=4), 1);
        let effects = drive(&mut machine, answered(1, code), 2);
        let dead = |effect: &&Effect| matches!(effect, Effect::Settle(_, Verdict::Dead(Reason::Http4xx)));
        assert_eq!(effects.iter().filter(dead).count(), 4, "{code}");
    }
}

#[test]
fn a_batch_that_is_used_up_is_parted_where_an_answer_came_and_dies_where_none_did() {
    let last = |machine: &mut Machine, outcome: Outcome| {
        machine.settings.retry.attempts_max = 1;
        begun(machine, fresh(1..=2), 1);
        drive(machine, Input::Finished { seq: Seq(1), outcome, took: TOOK }, 2)
    };
    let effects = last(&mut machine(2, 0), Outcome::answered(500, None));
    let is_parted = |effect: &Effect| matches!(effect, Effect::Settle(_, Verdict::Retry { .. }));
    assert_eq!(effects.iter().filter(|effect| is_parted(effect)).count(), 2);
    let effects = last(&mut machine(2, 0), Outcome::failed(crate::Class::Connect));
    assert!(effects.iter().all(|effect| !is_parted(effect)));
}

#[test]
fn too_large_batches_become_smaller_and_grow_again() {
    let mut machine = machine(8, 0);
    begun(&mut machine, fresh(1..=8), 1);
    assert_eq!(begun(&mut machine, answered(1, 413), 2), [[1, 2, 3, 4]]);
    assert_eq!(begun(&mut machine, Input::Tick, 3), [[5, 6, 7, 8]]);
    assert_eq!(machine.batch_max, 4);
    assert!(begun(&mut machine, fresh(9..=20), 4).is_empty());
    assert_eq!(begun(&mut machine, answered(1, 200), 5), [[9, 10, 11, 12, 13], [14, 15, 16, 17, 18]]);
}

#[test]
fn what_does_not_fit_goes_next() {
    let mut machine = machine(4, 0);
    assert_eq!(begun(&mut machine, fresh(1..=4), 1), [[1, 2, 3, 4]]);
    assert_eq!(begun(&mut machine, Input::Parted { first: Seq(1), n: 3 }, 1), [[4]]);
    let settled = drive(&mut machine, answered(1, 200), 2);
    assert_eq!(settled.iter().filter(|effect| matches!(effect, Effect::Settle(..))).count(), 3);
}

#[test]
fn a_batch_that_waits_when_batching_is_switched_off_goes_one_by_one() {
    let mut machine = machine(4, 0);
    begun(&mut machine, fresh(1..=4), 1);
    drive(&mut machine, answered(1, 422), 2);
    let settings = Settings { batch: None, ..settings() };
    let begun = begun(&mut machine, Input::Configured { settings, is_new_target: false }, 10);
    assert_eq!(begun, [[3]]);
    assert_eq!(machine.ready.len(), 1);
}

#[test]
fn after_a_start_a_batch_is_whole_again_although_it_is_read_in_two_parts() {
    let batch = Some(Batching { events_max: 20, wait_max: Duration::ZERO });
    let mut machine = Machine::new(Settings { batch, ..settings() });
    drive(&mut machine, Input::Tick, 100);
    let sent = |seq, at| Entry { next_at: Some(Timestamp::from_millis(at)), attempts_in_round: 1, ..entry(seq) };
    // The newer batch was to be tried before the older one.
    let all: Vec<Entry> = (1..=20).map(|seq| sent(seq, 60)).chain((21..=40).map(|seq| sent(seq, 50))).collect();
    let first = Input::Fetched { lease: 1, entries: all[..16].to_vec(), is_end: false };
    assert!(begun(&mut machine, first, 100).is_empty());
    let second = Input::Fetched { lease: 2, entries: all[16..].to_vec(), is_end: true };
    let mut begun = begun(&mut machine, second, 101);
    begun.sort();
    assert_eq!(begun, [(1..=20).collect::<Vec<u64>>(), (21..=40).collect()]);
}
