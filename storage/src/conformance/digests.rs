//! Digests: one webhook for all that waits.

use super::*;

conformance! {
    an_outline_shows_what_waits_from_either_end
    a_digest_delivers_what_was_counted_and_nothing_else
    a_digest_of_many_is_whole
    an_old_fence_digests_nothing
}

/// The record of the one webhook.
fn attempt() -> Attempt {
    let digest = Batched { id: "dlv_1-2".into(), events: 4 };
    let Settlement { attempt, .. } = settlement(A, Entry::fresh(Seq(1), at(0), Origin::Live), Verdict::Delivered);
    Attempt { batch: Some(digest), ..attempt }
}

async fn an_outline_shows_what_waits_from_either_end(bench: Bench) {
    let queue = &bench.store.queue;
    bench.append(1, 8).await;
    for seq in 1..=8 {
        bench.enqueue(seq, if seq == 5 { &[B] } else { &[A, B] }).await;
    }
    bench.settle_first(A, Verdict::Delivered).await;
    bench.settle_first(A, retry()).await;
    let outline = queue.outline(A, 2).await.unwrap();
    assert_eq!((outline.count, outline.upto), (6, Seq(8)));
    assert_eq!((outline.first, outline.last), (Some(Seq(2)), Some(Seq(8))));
    assert_eq!(seqs(&outline.samples), [2, 3, 7, 8]);
    assert_eq!(seqs(&queue.outline(A, 3).await.unwrap().samples), [2, 3, 4, 6, 7, 8]);
    let nothing = queue.outline(EndpointNo(99), 3).await.unwrap();
    assert_eq!((nothing.count, nothing.first, nothing.samples.len()), (0, None, 0));
}

async fn a_digest_delivers_what_was_counted_and_nothing_else(bench: Bench) {
    let queue = &bench.store.queue;
    bench.append(1, 7).await;
    // A person asked for this one.
    queue.enqueue(bench.fence, Vec::new(), Vec::new(), Seq(1)).await.unwrap();
    assert_eq!(queue.backfill(bench.fence, A, Vec::new(), vec![(Seq(1), at(1000))], at(50_000)).await.unwrap(), 1);
    for seq in 2..=6 {
        bench.enqueue(seq, &[A, B]).await;
    }
    let first = bench.head(A).await[1];
    queue.settle(bench.fence, vec![settlement(A, first, retry())]).await.unwrap();
    // So did a person for this one, after the outline.
    let other = bench.head(A).await[2];
    queue.settle(bench.fence, vec![settlement(A, other, dead())]).await.unwrap();
    let outline = queue.outline(A, 1).await.unwrap();
    assert_eq!(outline.count, 4);
    queue.replay(bench.fence, vec![(A, other.seq)], at(70_000)).await.unwrap();
    bench.enqueue(7, &[A]).await;
    let n = queue.digest(bench.fence, A, outline.upto, attempt()).await.unwrap();
    assert_eq!(n, 4);
    let left: Vec<(u64, Origin)> = bench.head(A).await.iter().map(|entry| (entry.seq.0, entry.origin)).collect();
    assert_eq!(left, [(1, Origin::Backfill), (3, Origin::Replay), (7, Origin::Live)]);
    let counters = Counters { matched: 7, delivered: 4, digested: 4, waiting: 3, ..Counters::default() };
    assert_eq!(bench.counters(A).await, counters);
    assert_eq!(bench.counters(B).await.waiting, 5);
    let (record, attempts) = bench.store.reads.delivery(A, Seq(2)).await.unwrap().unwrap();
    assert_eq!((record.status, record.attempts), (Status::Delivered, 2));
    assert_eq!(attempts[1].number, 2);
    assert_eq!(attempts[1].batch, attempt().batch);
    // Once more changes nothing.
    assert_eq!(queue.digest(bench.fence, A, outline.upto, attempt()).await.unwrap(), 0);
    assert_eq!(bench.counters(A).await, counters);
}

async fn a_digest_of_many_is_whole(bench: Bench) {
    let queue = &bench.store.queue;
    bench.append(1, 2500).await;
    let mut matches = Vec::new();
    for seq in 1..=2500 {
        matches.push(bench.matched(seq, &[A]).await);
    }
    queue.enqueue(bench.fence, matches, Vec::new(), Seq(2500)).await.unwrap();
    let outline = queue.outline(A, 2).await.unwrap();
    assert_eq!((outline.count, seqs(&outline.samples)), (2500, vec![1, 2, 2499, 2500]));
    assert_eq!(queue.digest(bench.fence, A, outline.upto, attempt()).await.unwrap(), 2500);
    let expected = Counters { matched: 2500, delivered: 2500, digested: 2500, ..Counters::default() };
    assert_eq!(bench.counters(A).await, expected);
    assert!(bench.head(A).await.is_empty());
}

async fn an_old_fence_digests_nothing(bench: Bench) {
    bench.append(1, 1).await;
    bench.enqueue(1, &[A]).await;
    bench.store.queue.fence().await.unwrap();
    let refused = bench.store.queue.digest(bench.fence, A, Seq(1), attempt()).await;
    assert!(matches!(refused, Err(Error::Fenced)));
    assert_eq!(bench.counters(A).await.waiting, 1);
}
