//! Shadow subscriptions: what they match is counted and listed, never sent.

use super::*;

conformance! {
    what_matches_in_shadow_is_counted_and_not_queued
    counting_shadows_twice_is_harmless
    shadowed_events_are_listed_newest_first
    shadowed_events_go_with_retention
    shadows_are_in_no_list_of_deliveries
    a_log_is_gone_through_in_stretches
    the_first_event_since_a_time_is_found
}

async fn enqueue(bench: &Bench, seq: u64, endpoints: &[EndpointNo], shadows: &[EndpointNo]) {
    let matched = Matched { shadows: shadows.to_vec(), ..bench.matched(seq, endpoints).await };
    bench.store.queue.enqueue(bench.fence, vec![matched], Vec::new(), Seq(seq)).await.unwrap();
}

async fn shadowed(bench: &Bench, before: Option<u64>, limit: usize) -> (Vec<u64>, Option<u64>) {
    let page = bench.store.reads.shadowed(A, before.map(Seq), limit).await.unwrap();
    (seqs(&page.items), page.next.map(|seq| seq.0))
}

async fn what_matches_in_shadow_is_counted_and_not_queued(bench: Bench) {
    bench.append(1, 3).await;
    enqueue(&bench, 1, &[], &[A]).await;
    enqueue(&bench, 2, &[B], &[A]).await;
    assert_eq!(bench.counters(A).await, Counters { shadowed: 2, ..Counters::default() });
    assert_eq!(bench.counters(B).await, Counters { matched: 1, waiting: 1, ..Counters::default() });
    assert!(bench.head(A).await.is_empty());
    assert_eq!(bench.store.queue.waiting().await.unwrap(), [B]);
    // The same subscription, no longer in shadow.
    enqueue(&bench, 3, &[A], &[]).await;
    bench.settle_first(A, Verdict::Delivered).await;
    assert_eq!(bench.counters(A).await, Counters { matched: 1, delivered: 1, shadowed: 2, ..Counters::default() });
    assert_eq!(bench.store.queue.purge(bench.fence, A, at(9)).await.unwrap(), 0);
    assert_eq!(bench.counters(A).await.shadowed, 2);
}

async fn counting_shadows_twice_is_harmless(bench: Bench) {
    bench.append(1, 2).await;
    enqueue(&bench, 1, &[], &[A]).await;
    enqueue(&bench, 1, &[], &[A]).await;
    let again = Matched { shadows: vec![A], ..bench.matched(1, &[]).await };
    bench.store.queue.enqueue(bench.fence, vec![again], Vec::new(), Seq(2)).await.unwrap();
    assert_eq!(bench.counters(A).await.shadowed, 1);
    assert_eq!(shadowed(&bench, None, 9).await, (vec![1], None));
}

async fn shadowed_events_are_listed_newest_first(bench: Bench) {
    bench.append(1, 6).await;
    for seq in 1..=6 {
        // Event 4 is matched by another in shadow only, event 5 by nobody.
        let shadows: &[EndpointNo] = if seq == 4 {
            &[B]
        } else if seq == 5 {
            &[]
        } else {
            &[B, A]
        };
        enqueue(&bench, seq, &[], shadows).await;
    }
    assert_eq!(shadowed(&bench, None, 9).await, (vec![6, 3, 2, 1], None));
    assert_eq!(shadowed(&bench, None, 2).await, (vec![6, 3], Some(3)));
    assert_eq!(shadowed(&bench, Some(3), 2).await, (vec![2, 1], None));
    assert_eq!(shadowed(&bench, Some(6), 0).await, (vec![3], Some(3)));
    assert_eq!(shadowed(&bench, Some(1), 9).await, (vec![], None));
    assert_eq!(shadowed(&bench, Some(u64::MAX), 9).await.0.len(), 4);
    let never = bench.store.reads.shadowed(EndpointNo(0xc), None, 9).await.unwrap();
    assert!(never.items.is_empty() && never.next.is_none());
}

async fn shadowed_events_go_with_retention(bench: Bench) {
    bench.append(1, 6).await;
    for seq in 1..=6 {
        enqueue(&bench, seq, &[], &[A]).await;
    }
    bench.store.log.trim(at(3000), at(0)).await.unwrap();
    assert_eq!(shadowed(&bench, None, 9).await, (vec![6, 5, 4, 3], None));
    bench.store.log.trim(at(3000), at(5000)).await.unwrap();
    assert_eq!(shadowed(&bench, None, 9).await, (vec![6, 5], None));
    assert_eq!(bench.counters(A).await, Counters { shadowed: 6, ..Counters::default() });
}

async fn shadows_are_in_no_list_of_deliveries(bench: Bench) {
    bench.append(1, 3).await;
    enqueue(&bench, 1, &[], &[A]).await;
    enqueue(&bench, 2, &[B], &[A]).await;
    enqueue(&bench, 3, &[], &[A]).await;
    for (status, endpoints, expected) in [
        (vec![], &[][..], vec![(2, B)]),
        (vec![], &[A], vec![]),
        (vec![Status::Queued], &[A], vec![]),
        (vec![Status::Delivered], &[], vec![]),
        (vec![Status::DeadLetter], &[A], vec![]),
    ] {
        let endpoints = endpoints.iter().copied().collect();
        let query = DeliveryQuery { limit: 9, status, endpoints, ..DeliveryQuery::default() };
        let page = bench.store.reads.deliveries(query).await.unwrap();
        let found: Vec<_> = page.items.iter().map(|record| (record.seq.0, record.endpoint)).collect();
        assert_eq!(found, expected);
    }
    assert!(bench.store.reads.delivery(A, Seq(1)).await.unwrap().is_none());
    assert!(bench.store.reads.delivery(A, Seq(2)).await.unwrap().is_none());
    bench.settle_first(B, Verdict::Delivered).await;
    assert_eq!(bench.store.log.trim(at(99_000), at(99_000)).await.unwrap().first, Seq(4));
    bench.counters(A).await;
}

async fn a_log_is_gone_through_in_stretches(bench: Bench) {
    let scan =
        async |after, n_max, bytes_max| seqs(&bench.store.reads.scan(Seq(after), n_max, bytes_max).await.unwrap());
    assert!(scan(0, 9, usize::MAX).await.is_empty());
    bench.append(1, 6).await;
    bench.enqueue(6, &[]).await;
    assert_eq!(scan(0, 4, usize::MAX).await, [1, 2, 3, 4]);
    assert_eq!(scan(4, 4, usize::MAX).await, [5, 6]);
    assert_eq!(scan(2, 9, 1).await, [3]);
    assert!(scan(6, 9, usize::MAX).await.is_empty() && scan(u64::MAX, 9, usize::MAX).await.is_empty());
    bench.store.log.trim(at(4000), at(0)).await.unwrap();
    assert_eq!(scan(0, 9, usize::MAX).await, [4, 5, 6]);
}

async fn the_first_event_since_a_time_is_found(bench: Bench) {
    let since = async |millis| bench.store.reads.first_since(at(millis)).await.unwrap().0;
    assert_eq!(since(0).await, 1);
    bench.append(1, 5).await;
    assert_eq!((since(0).await, since(2000).await, since(2001).await, since(5001).await), (1, 2, 3, 6));
    bench.enqueue(5, &[]).await;
    bench.store.log.trim(at(4000), at(0)).await.unwrap();
    assert_eq!((since(0).await, since(4500).await, since(9000).await), (4, 5, 6));
}
