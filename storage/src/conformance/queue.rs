//! The queues: enqueue, head, settle, replay, discard, purge, and the ledger after every step.

use super::*;

conformance! {
    an_old_fence_changes_nothing
    enqueueing_twice_is_harmless
    enqueueing_goes_no_further_than_the_log
    heads_are_stretches_of_one_queue
    a_head_sees_a_settle_submitted_before
    settling_twice_is_harmless
    a_retry_waits_with_its_counts
    dead_letters_are_replayed_once
    a_replayed_entry_is_seen_from_the_start
    a_settle_from_before_the_replay_changes_nothing
    discarded_letters_are_cancelled_once
    a_purge_cancels_what_waits_and_what_is_dead
    test_deliveries_keep_their_origin
}

async fn an_old_fence_changes_nothing(bench: Bench) {
    bench.append(1, 3).await;
    bench.enqueue(1, &[A]).await;
    bench.enqueue(2, &[A]).await;
    bench.settle_first(A, dead()).await;
    let queue = &bench.store.queue;
    let (old, entry) = (bench.fence, bench.head(A).await[0]);
    let new = queue.fence().await.unwrap();
    assert!(new > old);
    let before = bench.counters(A).await;
    let matched = vec![bench.matched(3, &[A]).await];
    assert!(matches!(queue.enqueue(old, matched, Vec::new(), Seq(3)).await, Err(Error::Fenced)));
    let settled = queue.settle(old, vec![settlement(A, entry, Verdict::Delivered)]).await;
    assert!(matches!(settled, Err(Error::Fenced)));
    assert!(matches!(queue.replay(old, vec![(A, Seq(1))], at(9)).await, Err(Error::Fenced)));
    assert!(matches!(queue.discard(old, vec![(A, Seq(1))], at(9)).await, Err(Error::Fenced)));
    assert!(matches!(queue.purge(old, A, at(9)).await, Err(Error::Fenced)));
    assert_eq!(queue.cursor().await.unwrap(), Seq(2));
    assert_eq!(bench.head(A).await, [entry]);
    assert_eq!(bench.counters(A).await, before);
    queue.settle(new, vec![settlement(A, entry, Verdict::Delivered)]).await.unwrap();
    assert!(bench.head(A).await.is_empty());
}

async fn enqueueing_twice_is_harmless(bench: Bench) {
    bench.append(1, 4).await;
    let queue = &bench.store.queue;
    let matches = vec![bench.matched(1, &[A, B]).await, bench.matched(2, &[A]).await];
    queue.enqueue(bench.fence, matches.clone(), Vec::new(), Seq(2)).await.unwrap();
    bench.settle_first(A, Verdict::Delivered).await;
    queue.enqueue(bench.fence, matches.clone(), Vec::new(), Seq(2)).await.unwrap();
    // A batch that overlaps what was passed already adds only what is new.
    let more = vec![matches[1].clone(), bench.matched(3, &[B]).await];
    queue.enqueue(bench.fence, more, Vec::new(), Seq(4)).await.unwrap();
    assert_eq!(queue.cursor().await.unwrap(), Seq(4));
    assert_eq!(bench.head(A).await, [Entry::fresh(Seq(2), at(2000), Origin::Live)]);
    assert_eq!(bench.counters(A).await, Counters { matched: 2, delivered: 1, waiting: 1, ..Counters::default() });
    assert_eq!(bench.counters(B).await, Counters { matched: 2, waiting: 2, ..Counters::default() });
    assert_eq!(queue.waiting().await.unwrap(), [A, B]);
}

async fn enqueueing_goes_no_further_than_the_log(bench: Bench) {
    bench.append(1, 2).await;
    let queue = &bench.store.queue;
    let within = bench.matched(2, &[A]).await;
    let beyond = Matched { seq: Seq(3), ..within.clone() };
    for (matches, cursor) in [(vec![], 50), (vec![within.clone(), beyond.clone()], 2), (vec![within, beyond], 3)] {
        assert!(matches!(queue.enqueue(bench.fence, matches, Vec::new(), Seq(cursor)).await, Err(Error::Damaged(_))));
    }
    // All of it is refused, so nothing is skipped.
    assert_eq!(queue.cursor().await.unwrap(), Seq(0));
    assert!(bench.head(A).await.is_empty());
}

async fn heads_are_stretches_of_one_queue(bench: Bench) {
    bench.append(1, 6).await;
    for seq in 1..=6 {
        bench.enqueue(seq, if seq == 3 { &[B] } else { &[A, B] }).await;
    }
    let head = async |after, n| {
        let stretch = bench.store.queue.head(A, Seq(after), n).await.unwrap();
        let events = stretch.entries.iter().map(|queued| queued.event.as_ref().unwrap().seq.0).collect::<Vec<_>>();
        assert!(stretch.entries.iter().zip(&events).all(|(queued, seq)| queued.entry.seq.0 == *seq));
        (events, stretch.is_end)
    };
    assert_eq!(head(0, 2).await, (vec![1, 2], false));
    assert_eq!(head(2, 2).await, (vec![4, 5], false));
    assert_eq!(head(2, 3).await, (vec![4, 5, 6], true));
    assert_eq!(head(5, 9).await, (vec![6], true));
    assert_eq!(head(6, 9).await, (vec![], true));
    let none = bench.store.queue.head(EndpointNo(u32::MAX), Seq(0), 9).await.unwrap();
    assert!(none.is_end && none.entries.is_empty());
}

async fn a_head_sees_a_settle_submitted_before(bench: Bench) {
    bench.append(1, 3).await;
    for seq in 1..=3 {
        bench.enqueue(seq, &[A]).await;
    }
    let entries = bench.head(A).await;
    let settle = |n: usize| vec![settlement(A, entries[n], Verdict::Delivered)];
    let first = bench.store.queue.settle(bench.fence, settle(0));
    let second = bench.store.queue.settle(bench.fence, settle(1));
    let head = bench.store.queue.head(A, Seq(0), 9);
    let head = head.await.unwrap();
    assert_eq!(head.entries.iter().map(|queued| queued.entry).collect::<Vec<_>>(), entries[2..]);
    first.await.unwrap();
    second.await.unwrap();
    assert_eq!(bench.counters(A).await.delivered, 2);
}

async fn settling_twice_is_harmless(bench: Bench) {
    bench.append(1, 4).await;
    for seq in 1..=3 {
        bench.enqueue(seq, &[A]).await;
    }
    let queue = &bench.store.queue;
    let [first, second, third] = bench.head(A).await[..] else { panic!("three entries") };
    let settlements = vec![
        settlement(A, first, Verdict::Delivered),
        settlement(A, second, retry()),
        settlement(A, second, retry()),
        settlement(A, third, dead()),
    ];
    let (once, twice) =
        (queue.settle(bench.fence, settlements.clone()), queue.settle(bench.fence, settlements.clone()));
    once.await.unwrap();
    twice.await.unwrap();
    queue.settle(bench.fence, settlements).await.unwrap();
    let expected = Counters { matched: 3, delivered: 1, waiting: 1, retrying: 1, dead: 1, ..Counters::default() };
    assert_eq!(bench.counters(A).await, expected);
    let (_, attempts) = bench.store.reads.delivery(A, second.seq).await.unwrap().unwrap();
    assert_eq!(attempts.len(), 1);
    // One that was never queued.
    let strange = Entry::fresh(Seq(4), at(1), Origin::Live);
    queue.settle(bench.fence, vec![settlement(A, strange, Verdict::Delivered)]).await.unwrap();
    assert_eq!(bench.counters(A).await, expected);
}

async fn a_retry_waits_with_its_counts(bench: Bench) {
    bench.append(1, 1).await;
    bench.enqueue(1, &[A]).await;
    bench.settle_first(A, retry()).await;
    bench.settle_first(A, retry()).await;
    let expected = Entry {
        attempts_total: 2,
        attempts_in_round: 2,
        next_at: Some(at(555_000)),
        ..Entry::fresh(Seq(1), at(1000), Origin::Live)
    };
    assert_eq!(bench.head(A).await, [expected]);
    assert_eq!(bench.counters(A).await, Counters { matched: 1, waiting: 1, retrying: 1, ..Counters::default() });
    bench.settle_first(A, Verdict::Delivered).await;
    assert_eq!(bench.counters(A).await, Counters { matched: 1, delivered: 1, ..Counters::default() });
    let (record, attempts) = bench.store.reads.delivery(A, Seq(1)).await.unwrap().unwrap();
    assert_eq!((record.status, record.attempts), (Status::Delivered, 3));
    assert_eq!(attempts.iter().map(|attempt| attempt.number).collect::<Vec<_>>(), [1, 2, 3]);
}

async fn dead_letters_are_replayed_once(bench: Bench) {
    bench.append(1, 2).await;
    bench.enqueue(1, &[A, B]).await;
    bench.enqueue(2, &[A]).await;
    bench.settle_first(A, dead()).await;
    let queue = &bench.store.queue;
    let wanted = vec![(A, Seq(1)), (A, Seq(1)), (A, Seq(2)), (B, Seq(1)), (A, Seq(99))];
    assert_eq!(queue.replay(bench.fence, wanted.clone(), at(7)).await.unwrap(), [(A, Seq(1))]);
    assert!(queue.replay(bench.fence, wanted, at(8)).await.unwrap().is_empty());
    let replayed = Entry { attempts_total: 1, ..Entry::fresh(Seq(1), at(7), Origin::Replay) };
    assert_eq!(bench.head(A).await[0], replayed);
    assert_eq!(bench.counters(A).await, Counters { matched: 2, waiting: 2, ..Counters::default() });
    bench.settle_first(A, Verdict::Delivered).await;
    let (record, attempts) = bench.store.reads.delivery(A, Seq(1)).await.unwrap().unwrap();
    assert_eq!((record.status, record.origin), (Status::Delivered, Origin::Replay));
    assert_eq!(attempts.len(), 2);
}

async fn a_replayed_entry_is_seen_from_the_start(bench: Bench) {
    bench.append(1, 5).await;
    for seq in 1..=5 {
        bench.enqueue(seq, &[A]).await;
    }
    for verdict in [dead(), Verdict::Delivered, Verdict::Delivered, Verdict::Delivered] {
        bench.settle_first(A, verdict).await;
        bench.head(A).await;
    }
    let head = async |after| {
        let stretch = bench.store.queue.head(A, Seq(after), 9).await.unwrap();
        stretch.entries.iter().map(|queued| queued.entry.seq.0).collect::<Vec<_>>()
    };
    assert_eq!(head(0).await, [5]);
    let replayed = bench.store.queue.replay(bench.fence, vec![(A, Seq(1))], at(9));
    assert_eq!(head(0).await, [1, 5]);
    assert_eq!(head(1).await, [5]);
    replayed.await.unwrap();
}

async fn a_settle_from_before_the_replay_changes_nothing(bench: Bench) {
    bench.append(1, 1).await;
    bench.enqueue(1, &[A]).await;
    let old = bench.settle_first(A, dead()).await;
    bench.store.queue.replay(bench.fence, vec![(A, Seq(1))], at(9)).await.unwrap();
    bench.store.queue.settle(bench.fence, vec![old]).await.unwrap();
    assert_eq!(bench.counters(A).await, Counters { matched: 1, waiting: 1, ..Counters::default() });
}

async fn discarded_letters_are_cancelled_once(bench: Bench) {
    bench.append(1, 3).await;
    bench.enqueue(1, &[A, B]).await;
    bench.enqueue(2, &[A]).await;
    bench.enqueue(3, &[A]).await;
    bench.settle_first(A, dead()).await;
    bench.settle_first(A, dead()).await;
    bench.settle_first(B, dead()).await;
    let queue = &bench.store.queue;
    // Twice the same, one that waits, and one that there never was.
    let wanted = vec![(A, Seq(2)), (A, Seq(2)), (A, Seq(3)), (B, Seq(1)), (A, Seq(99))];
    assert_eq!(queue.discard(bench.fence, wanted.clone(), at(7)).await.unwrap(), [(A, Seq(2)), (B, Seq(1))]);
    assert!(queue.discard(bench.fence, wanted.clone(), at(8)).await.unwrap().is_empty());
    let of_a = Counters { matched: 3, waiting: 1, dead: 1, cancelled: 1, ..Counters::default() };
    assert_eq!(bench.counters(A).await, of_a);
    assert_eq!(bench.counters(B).await, Counters { matched: 1, cancelled: 1, ..Counters::default() });
    let (record, attempts) = bench.store.reads.delivery(A, Seq(2)).await.unwrap().unwrap();
    assert_eq!((record.status, record.ended_at, record.attempts), (Status::Cancelled, Some(at(7)), 1));
    assert_eq!((record.reason, record.origin, attempts.len()), (None, Origin::Live, 1));
    // What was given up stays so.
    assert_eq!(queue.replay(bench.fence, vec![(A, Seq(1)), (A, Seq(2))], at(9)).await.unwrap(), [(A, Seq(1))]);
    assert_eq!(queue.purge(bench.fence, B, at(9)).await.unwrap(), 0);
    // A replayed one that died again keeps its origin and its counts.
    bench.settle_first(A, dead()).await;
    assert_eq!(queue.discard(bench.fence, vec![(A, Seq(1))], at(10)).await.unwrap(), [(A, Seq(1))]);
    let (record, attempts) = bench.store.reads.delivery(A, Seq(1)).await.unwrap().unwrap();
    assert_eq!((record.status, record.origin, record.attempts), (Status::Cancelled, Origin::Replay, 2));
    assert_eq!(attempts.len(), 2);
    assert_eq!(bench.counters(A).await, Counters { matched: 3, waiting: 1, cancelled: 2, ..Counters::default() });
}

async fn a_purge_cancels_what_waits_and_what_is_dead(bench: Bench) {
    bench.append(1, 5).await;
    for seq in 1..=5 {
        bench.enqueue(seq, &[A, B]).await;
    }
    bench.settle_first(A, dead()).await;
    bench.settle_first(B, dead()).await;
    bench.settle_first(A, Verdict::Delivered).await;
    let retried = bench.settle_first(A, retry()).await;
    let queue = &bench.store.queue;
    assert_eq!(queue.purge(bench.fence, A, at(77)).await.unwrap(), 4);
    assert_eq!(queue.purge(bench.fence, A, at(78)).await.unwrap(), 0);
    assert!(bench.head(A).await.is_empty());
    let expected = Counters { matched: 5, delivered: 1, cancelled: 4, ..Counters::default() };
    assert_eq!(bench.counters(A).await, expected);
    assert_eq!(bench.counters(B).await, Counters { matched: 5, waiting: 4, dead: 1, ..Counters::default() });
    assert_eq!(queue.waiting().await.unwrap(), [B]);
    // An attempt that was under way comes too late.
    let late = settlement(A, Entry { attempts_total: 1, ..retried.entry }, Verdict::Delivered);
    queue.settle(bench.fence, vec![late]).await.unwrap();
    assert!(queue.replay(bench.fence, vec![(A, Seq(1))], at(79)).await.unwrap().is_empty());
    assert_eq!(bench.counters(A).await, expected);
    let (record, attempts) = bench.store.reads.delivery(A, Seq(3)).await.unwrap().unwrap();
    assert_eq!((record.status, record.ended_at, record.attempts), (Status::Cancelled, Some(at(77)), 1));
    assert_eq!(attempts.len(), 1);
    // What is queued later waits as ever.
    bench.append(9, 1).await;
    bench.enqueue(6, &[A]).await;
    assert_eq!(bench.head(A).await.len(), 1);
}

async fn test_deliveries_keep_their_origin(bench: Bench) {
    bench.append(1, 1).await;
    let matched = Matched { origin: Origin::Test, ..bench.matched(1, &[A]).await };
    bench.store.queue.enqueue(bench.fence, vec![matched], Vec::new(), Seq(1)).await.unwrap();
    assert_eq!(bench.head(A).await, [Entry::fresh(Seq(1), at(1000), Origin::Test)]);
    let origin = async || bench.store.reads.delivery(A, Seq(1)).await.unwrap().unwrap().0.origin;
    assert_eq!(origin().await, Origin::Test);
    bench.settle_first(A, retry()).await;
    assert_eq!(bench.head(A).await[0].origin, Origin::Test);
    bench.settle_first(A, Verdict::Delivered).await;
    assert_eq!(origin().await, Origin::Test);
}
