//! Backfilling: past events delivered after all, none twice, and the ledger balances.

use super::*;

conformance! {
    past_events_are_delivered_after_all
    backfilling_twice_is_harmless
    what_went_to_another_endpoint_of_the_subscription_is_not_made_again
    what_was_delivered_in_any_way_is_not_delivered_again
    only_what_the_router_passed_and_is_kept_is_backfilled
    an_old_fence_backfills_nothing
    a_backfilled_entry_is_seen_from_the_start
    a_backfilled_delivery_is_retried_dies_and_is_replayed
    a_backfill_is_purged_like_everything
    a_backfilled_delivery_is_listed_with_its_events_times
    retention_keeps_what_a_backfill_needs
    a_delivery_made_behind_the_retention_of_deliveries_is_whole
}

/// Backfills these events for A at second 500; returns how many deliveries were made.
async fn backfill(bench: &Bench, seqs: &[u64]) -> u64 {
    let events = seqs.iter().map(|seq| (Seq(*seq), at(seq.cast_signed() * 1000))).collect();
    bench.store.queue.backfill(bench.fence, A, vec![], events, at(500_000)).await.unwrap()
}

fn entry(seq: u64) -> Entry {
    Entry::fresh(Seq(seq), at(500_000), Origin::Backfill)
}

fn listed_as(records: &[DeliveryRecord]) -> Vec<(u64, EndpointNo, Origin)> {
    records.iter().map(|record| (record.seq.0, record.endpoint, record.origin)).collect()
}

async fn listed(bench: &Bench, query: DeliveryQuery) -> Vec<(u64, EndpointNo, Origin)> {
    listed_as(&bench.store.reads.deliveries(DeliveryQuery { limit: 99, ..query }).await.unwrap().items)
}

async fn past_events_are_delivered_after_all(bench: Bench) {
    bench.append(1, 4).await;
    // Another's, nobody's, this one's own, and one matched in shadow.
    bench.enqueue(1, &[B]).await;
    bench.enqueue(2, &[]).await;
    bench.enqueue(3, &[A]).await;
    let shadow = Matched { shadows: vec![A], ..bench.matched(4, &[]).await };
    bench.store.queue.enqueue(bench.fence, vec![shadow], Vec::new(), Seq(4)).await.unwrap();
    assert_eq!(backfill(&bench, &[4, 1, 2, 3]).await, 3);
    let live = Entry::fresh(Seq(3), at(3000), Origin::Live);
    assert_eq!(bench.head(A).await, [entry(1), entry(2), live, entry(4)]);
    assert_eq!(bench.head(B).await, [Entry::fresh(Seq(1), at(1000), Origin::Live)]);
    let expected = Counters { matched: 4, waiting: 4, shadowed: 1, ..Counters::default() };
    assert_eq!(bench.counters(A).await, expected);
    assert_eq!(bench.store.queue.waiting().await.unwrap(), [A, B]);
    for _ in 0..4 {
        bench.settle_first(A, Verdict::Delivered).await;
    }
    assert_eq!(bench.counters(A).await, Counters { delivered: 4, waiting: 0, ..expected });
    assert_eq!(bench.counters(B).await, Counters { matched: 1, waiting: 1, ..Counters::default() });
    assert_eq!(seqs(&bench.store.reads.shadowed(A, None, 9).await.unwrap().items), [4]);
}

async fn backfilling_twice_is_harmless(bench: Bench) {
    bench.append(1, 3).await;
    bench.enqueue(3, &[]).await;
    assert_eq!(backfill(&bench, &[1, 1, 2]).await, 2);
    assert_eq!(backfill(&bench, &[1, 2, 3]).await, 1);
    bench.settle_first(A, Verdict::Delivered).await;
    assert_eq!(backfill(&bench, &[1, 2, 3]).await, 0);
    assert_eq!(backfill(&bench, &[]).await, 0);
    assert_eq!(bench.counters(A).await, Counters { matched: 3, delivered: 1, waiting: 2, ..Counters::default() });
    assert_eq!(bench.head(A).await, [entry(2), entry(3)]);
}

async fn what_went_to_another_endpoint_of_the_subscription_is_not_made_again(bench: Bench) {
    bench.append(1, 4).await;
    bench.enqueue(1, &[B]).await;
    bench.enqueue(2, &[A]).await;
    bench.settle_first(B, Verdict::Delivered).await;
    bench.enqueue(4, &[]).await;
    let events = || (1..=4).map(|seq| (Seq(seq), at(seq.cast_signed() * 1000))).collect::<Vec<_>>();
    let backfill = |endpoint, others: &[EndpointNo], events| {
        bench.store.queue.backfill(bench.fence, endpoint, others.to_vec(), events, at(500_000))
    };
    assert_eq!(backfill(A, &[B], events()).await.unwrap(), 2);
    assert_eq!(bench.head(A).await, [Entry::fresh(Seq(2), at(2000), Origin::Live), entry(3), entry(4)]);
    // Itself may be among them.
    assert_eq!(backfill(B, &[A, B], events()).await.unwrap(), 0);
    assert_eq!(bench.counters(B).await, Counters { matched: 1, delivered: 1, ..Counters::default() });
    assert_eq!(backfill(B, &[], events()).await.unwrap(), 3);
}

async fn what_was_delivered_in_any_way_is_not_delivered_again(bench: Bench) {
    bench.append(1, 4).await;
    bench.enqueue(1, &[A]).await;
    bench.store.queue.purge(bench.fence, A, at(9)).await.unwrap();
    for seq in 2..=4 {
        bench.enqueue(seq, &[A]).await;
    }
    bench.settle_first(A, Verdict::Delivered).await;
    bench.settle_first(A, dead()).await;
    let before = bench.counters(A).await;
    let expected = Counters { matched: 4, delivered: 1, waiting: 1, dead: 1, cancelled: 1, ..Counters::default() };
    assert_eq!(before, expected);
    assert_eq!(backfill(&bench, &[1, 2, 3, 4]).await, 0);
    assert_eq!(bench.counters(A).await, before);
    assert_eq!(bench.head(A).await, [Entry::fresh(Seq(4), at(4000), Origin::Live)]);
}

async fn only_what_the_router_passed_and_is_kept_is_backfilled(bench: Bench) {
    bench.append(1, 6).await;
    bench.enqueue(4, &[]).await;
    bench.store.log.trim(at(3000), at(0)).await.unwrap();
    assert_eq!(backfill(&bench, &[0, 1, 2, 3, 4, 5, 6, 99, u64::MAX]).await, 2);
    assert_eq!(bench.head(A).await, [entry(3), entry(4)]);
    // The router makes its own of those after it.
    bench.enqueue(5, &[A]).await;
    assert_eq!(bench.counters(A).await, Counters { matched: 3, waiting: 3, ..Counters::default() });
}

async fn an_old_fence_backfills_nothing(bench: Bench) {
    bench.append(1, 1).await;
    bench.enqueue(1, &[]).await;
    let queue = &bench.store.queue;
    queue.fence().await.unwrap();
    let refused = queue.backfill(bench.fence, A, vec![], vec![(Seq(1), at(1000))], at(9)).await;
    assert!(matches!(refused, Err(Error::Fenced)));
    assert!(bench.head(A).await.is_empty());
    assert_eq!(bench.counters(A).await, Counters::default());
}

async fn a_backfilled_entry_is_seen_from_the_start(bench: Bench) {
    bench.append(1, 5).await;
    bench.enqueue(4, &[A]).await;
    bench.enqueue(5, &[A]).await;
    bench.settle_first(A, Verdict::Delivered).await;
    // The queue is known to be empty before event 5.
    assert_eq!(bench.head(A).await.len(), 1);
    let made = bench.store.queue.backfill(bench.fence, A, vec![], vec![(Seq(2), at(2000))], at(500_000));
    let head = bench.store.queue.head(A, Seq(0), 9).await.unwrap();
    assert_eq!(head.entries.iter().map(|queued| queued.entry.seq.0).collect::<Vec<_>>(), [2, 5]);
    assert_eq!(head.entries[0].event.as_ref().unwrap().seq, Seq(2));
    assert_eq!(made.await.unwrap(), 1);
    let behind = bench.store.queue.head(A, Seq(2), 9).await.unwrap();
    assert_eq!(behind.entries[0].entry.seq, Seq(5));
}

async fn a_backfilled_delivery_is_retried_dies_and_is_replayed(bench: Bench) {
    bench.append(1, 2).await;
    bench.enqueue(2, &[]).await;
    backfill(&bench, &[1]).await;
    bench.settle_first(A, retry()).await;
    let retried = Entry { attempts_total: 1, attempts_in_round: 1, next_at: Some(at(555_000)), ..entry(1) };
    assert_eq!(bench.head(A).await, [retried]);
    assert_eq!(bench.counters(A).await, Counters { matched: 1, waiting: 1, retrying: 1, ..Counters::default() });
    bench.settle_first(A, dead()).await;
    let status = DeliveryQuery { status: vec![Status::DeadLetter], ..DeliveryQuery::default() };
    assert_eq!(listed(&bench, status).await, [(1, A, Origin::Backfill)]);
    assert_eq!(backfill(&bench, &[1]).await, 0);
    assert_eq!(bench.store.queue.replay(bench.fence, vec![(A, Seq(1))], at(9)).await.unwrap(), [(A, Seq(1))]);
    bench.settle_first(A, Verdict::Delivered).await;
    assert_eq!(bench.counters(A).await, Counters { matched: 1, delivered: 1, ..Counters::default() });
    let (record, attempts) = bench.store.reads.delivery(A, Seq(1)).await.unwrap().unwrap();
    assert_eq!((record.origin, attempts.len()), (Origin::Replay, 3));
}

async fn a_backfill_is_purged_like_everything(bench: Bench) {
    bench.append(1, 3).await;
    bench.enqueue(3, &[A]).await;
    bench.settle_first(A, Verdict::Delivered).await;
    bench.head(A).await;
    backfill(&bench, &[1, 2]).await;
    assert_eq!(bench.store.queue.purge(bench.fence, A, at(9)).await.unwrap(), 2);
    assert_eq!(bench.counters(A).await, Counters { matched: 3, delivered: 1, cancelled: 2, ..Counters::default() });
    let status = DeliveryQuery { status: vec![Status::Cancelled], ..DeliveryQuery::default() };
    assert_eq!(listed(&bench, status).await, [(2, A, Origin::Backfill), (1, A, Origin::Backfill)]);
}

async fn a_backfilled_delivery_is_listed_with_its_events_times(bench: Bench) {
    bench.store.log.append(vec![event(1000, Some("mine")), event(2000, None)]).await.unwrap();
    bench.enqueue(2, &[A, B]).await;
    backfill(&bench, &[1]).await;
    let queued = DeliveryQuery { endpoints: [A].into(), status: vec![Status::Queued], ..DeliveryQuery::default() };
    for query in [DeliveryQuery { endpoints: [A].into(), ..DeliveryQuery::default() }, queued] {
        assert_eq!(listed(&bench, query).await, [(2, A, Origin::Live), (1, A, Origin::Backfill)]);
    }
    let record = async || bench.store.reads.delivery(A, Seq(1)).await.unwrap().unwrap().0;
    let waiting = record().await;
    assert_eq!((waiting.event_id.as_str(), waiting.received_at), ("mine", at(1000)));
    bench.settle_first(A, Verdict::Delivered).await;
    let delivered = record().await;
    assert_eq!((delivered.status, delivered.origin), (Status::Delivered, Origin::Backfill));
    assert_eq!((delivered.received_at, delivered.ended_at), (at(1000), Some(at(100_008))));
    assert!(bench.store.reads.delivery(B, Seq(1)).await.unwrap().is_none());
}

async fn retention_keeps_what_a_backfill_needs(bench: Bench) {
    bench.append(1, 5).await;
    bench.enqueue(5, &[]).await;
    backfill(&bench, &[2]).await;
    let trim = async || bench.store.log.trim(at(99_000), at(99_000)).await.unwrap().first.0;
    assert_eq!(trim().await, 2);
    assert!(bench.store.queue.head(A, Seq(0), 9).await.unwrap().entries[0].event.is_some());
    bench.settle_first(A, dead()).await;
    assert_eq!(trim().await, 6);
    assert_eq!(bench.counters(A).await, Counters { matched: 1, expired: 1, ..Counters::default() });
    assert!(listed(&bench, DeliveryQuery::default()).await.is_empty());
}

async fn a_delivery_made_behind_the_retention_of_deliveries_is_whole(bench: Bench) {
    bench.append(1, 5).await;
    for seq in 1..=5 {
        bench.enqueue(seq, &[A, B]).await;
        bench.settle_first(A, retry()).await;
        bench.settle_first(A, if seq == 2 { dead() } else { Verdict::Delivered }).await;
        bench.settle_first(B, Verdict::Delivered).await;
    }
    // The events are kept; of their deliveries those of the last two.
    let trim = async |deliveries: i64| bench.store.log.trim(at(0), at(deliveries * 1000)).await.unwrap();
    trim(4).await;
    assert_eq!(listed(&bench, DeliveryQuery::default()).await.len(), 4);
    let before = bench.counters(A).await;
    assert_eq!((before.matched, before.delivered, before.expired), (5, 4, 1));
    // Nothing is left of the first delivery, so it is made again.
    assert_eq!(backfill(&bench, &[2, 4]).await, 1);
    assert_eq!(backfill(&bench, &[2]).await, 0);
    let (record, attempts) = bench.store.reads.delivery(A, Seq(2)).await.unwrap().unwrap();
    assert_eq!((record.status, record.attempts, attempts.len()), (Status::Queued, 0, 0));
    let everything = [(5, B), (5, A), (4, B), (4, A)].map(|(seq, to)| (seq, to, Origin::Live));
    let with_the_new = [&everything[..], &[(2, A, Origin::Backfill)]].concat();
    assert_eq!(listed(&bench, DeliveryQuery::default()).await, with_the_new);
    // It waits, so it stays.
    trim(4).await;
    assert_eq!(bench.head(A).await, [entry(2)]);
    bench.settle_first(A, Verdict::Delivered).await;
    let delivered = DeliveryQuery { status: vec![Status::Delivered], ..DeliveryQuery::default() };
    assert_eq!(listed(&bench, delivered).await, with_the_new);
    let (record, attempts) = bench.store.reads.delivery(A, Seq(2)).await.unwrap().unwrap();
    assert_eq!((record.status, record.attempts, attempts.len()), (Status::Delivered, 1, 1));
    trim(4).await;
    assert_eq!(listed(&bench, DeliveryQuery::default()).await, everything);
    assert_eq!(bench.counters(A).await, Counters { matched: 6, delivered: 5, ..before });
}
