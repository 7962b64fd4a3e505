//! Trimming: what goes, and what must not.

use super::*;

conformance! {
    old_events_go
    nothing_goes_that_the_router_has_not_passed
    nothing_goes_that_waits
    old_dead_letters_expire_and_free_their_events
    deliveries_outlive_their_events
    a_trimmed_id_is_free_again
}

async fn trim(bench: &Bench, events: i64, deliveries: i64) -> (u64, u64) {
    let bounds = bench.store.log.trim(at(events * 1000), at(deliveries * 1000)).await.unwrap();
    assert_eq!(bounds, bench.store.log.bounds());
    (bounds.first.0, bounds.last.0)
}

async fn listed(bench: &Bench) -> Vec<(u64, EndpointNo)> {
    let page = bench.store.reads.deliveries(DeliveryQuery { limit: 100, ..DeliveryQuery::default() }).await.unwrap();
    page.items.iter().map(|record| (record.seq.0, record.endpoint)).collect()
}

async fn old_events_go(bench: Bench) {
    bench.append(1, 10).await;
    bench.enqueue(10, &[]).await;
    assert_eq!(trim(&bench, 0, 0).await, (1, 10));
    assert_eq!(trim(&bench, 4, 0).await, (4, 10));
    assert_eq!(trim(&bench, 4, 0).await, (4, 10));
    let log = &bench.store.log;
    assert_eq!(seqs(&log.read(Seq(0), 2, usize::MAX).await.unwrap()), [4, 5]);
    assert!(log.get(Seq(3)).await.unwrap().is_none());
    assert!(log.find(EventId::generated(at(3000), LOG_NUMBER, Seq(3))).await.unwrap().is_none());
    let page = bench.store.reads.events(EventQuery { limit: 100, ..EventQuery::default() }).await.unwrap();
    assert_eq!(page.items.len(), 7);
    // All of it may go; seqs go on.
    assert_eq!(trim(&bench, 99, 99).await, (11, 10));
    assert!(log.read(Seq(0), 9, usize::MAX).await.unwrap().is_empty());
    assert_eq!(bench.append(100, 1).await[0].seq, Seq(11));
    assert_eq!(seqs(&log.read(Seq(0), 9, usize::MAX).await.unwrap()), [11]);
}

async fn nothing_goes_that_the_router_has_not_passed(bench: Bench) {
    bench.append(1, 5).await;
    assert_eq!(trim(&bench, 99, 99).await, (1, 5));
    bench.enqueue(2, &[]).await;
    assert_eq!(trim(&bench, 99, 99).await, (3, 5));
}

async fn nothing_goes_that_waits(bench: Bench) {
    bench.append(1, 5).await;
    for seq in 1..=5 {
        bench.enqueue(seq, &[A, B]).await;
    }
    for _ in 0..3 {
        bench.settle_first(A, Verdict::Delivered).await;
    }
    bench.settle_first(B, Verdict::Delivered).await;
    assert_eq!(trim(&bench, 99, 99).await, (2, 5));
    assert_eq!(listed(&bench).await.len(), 8);
    assert_eq!(bench.head(B).await.len(), 4);
    bench.counters(A).await;
    let stretch = bench.store.queue.head(B, Seq(0), 9).await.unwrap();
    assert!(stretch.entries.iter().all(|queued| queued.event.is_some()));
}

async fn old_dead_letters_expire_and_free_their_events(bench: Bench) {
    bench.append(1, 5).await;
    for seq in 1..=5 {
        bench.enqueue(seq, &[A]).await;
    }
    for verdict in [Verdict::Delivered, dead(), Verdict::Delivered, dead(), Verdict::Delivered] {
        bench.settle_first(A, verdict).await;
    }
    assert_eq!(trim(&bench, 99, 0).await, (2, 5));
    assert_eq!(trim(&bench, 99, 4).await, (4, 5));
    let expected = Counters { matched: 5, delivered: 3, dead: 1, expired: 1, ..Counters::default() };
    assert_eq!(bench.counters(A).await, expected);
    assert_eq!(listed(&bench).await, [(5, A), (4, A)]);
    assert!(bench.store.reads.delivery(A, Seq(2)).await.unwrap().is_none());
    assert!(bench.store.queue.replay(bench.fence, vec![(A, Seq(2))], at(9)).await.unwrap().is_empty());
    assert_eq!(bench.store.queue.replay(bench.fence, vec![(A, Seq(4))], at(9)).await.unwrap(), [(A, Seq(4))]);
    bench.settle_first(A, dead()).await;
    assert_eq!(trim(&bench, 99, 99).await, (6, 5));
    let expected = Counters { matched: 5, delivered: 3, expired: 2, ..Counters::default() };
    assert_eq!(bench.counters(A).await, expected);
}

async fn deliveries_outlive_their_events(bench: Bench) {
    bench.store.log.append(vec![event(1000, Some("mine")), event(2000, None)]).await.unwrap();
    bench.enqueue(1, &[A]).await;
    bench.enqueue(2, &[A]).await;
    bench.settle_first(A, Verdict::Delivered).await;
    bench.settle_first(A, Verdict::Delivered).await;
    assert_eq!(trim(&bench, 99, 0).await, (3, 2));
    let (record, attempts) = bench.store.reads.delivery(A, Seq(1)).await.unwrap().unwrap();
    assert_eq!((record.event_id.as_str(), attempts.len()), ("mine", 1));
    let (record, _) = bench.store.reads.delivery(A, Seq(2)).await.unwrap().unwrap();
    assert_eq!(record.event_id, EventId::generated(at(2000), LOG_NUMBER, Seq(2)));
}

async fn a_trimmed_id_is_free_again(bench: Bench) {
    let log = &bench.store.log;
    log.append(vec![event(1000, Some("x"))]).await.unwrap();
    bench.enqueue(1, &[]).await;
    trim(&bench, 99, 99).await;
    assert!(log.find("x".parse().unwrap()).await.unwrap().is_none());
    let again = log.append(vec![event(1000, Some("x"))]).await.unwrap().remove(0);
    assert_eq!((again.seq, again.is_duplicate), (Seq(2), false));
}
