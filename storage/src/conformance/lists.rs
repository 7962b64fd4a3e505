//! The lists: newest first, filters, cursors.

use std::collections::BTreeSet;

use super::*;

conformance! {
    events_are_listed_newest_first
    event_filters_narrow
    a_page_of_large_events_ends_early
    deliveries_are_listed_newest_first
    delivery_filters_narrow
    deliveries_of_several_endpoints_are_one_list
    a_replayed_delivery_is_found_by_its_last_answer
    one_delivery_is_shown_with_its_attempts
    every_page_walk_finds_everything_once
}

fn event_query(limit: usize) -> EventQuery {
    EventQuery { limit, ..EventQuery::default() }
}

fn delivery_query(limit: usize) -> DeliveryQuery {
    DeliveryQuery { limit, ..DeliveryQuery::default() }
}

async fn events_are_listed_newest_first(bench: Bench) {
    let reads = &bench.store.reads;
    let empty = reads.events(event_query(2)).await.unwrap();
    assert!(empty.items.is_empty() && empty.next.is_none());
    bench.append(1, 4).await;
    let first = reads.events(event_query(2)).await.unwrap();
    assert_eq!((seqs(&first.items), first.next), (vec![4, 3], Some(Seq(3))));
    let second = reads.events(EventQuery { before: first.next, ..event_query(2) }).await.unwrap();
    assert_eq!((seqs(&second.items), second.next), (vec![2, 1], None));
    let beyond = reads.events(EventQuery { before: Some(Seq(1)), ..event_query(2) }).await.unwrap();
    assert!(beyond.items.is_empty() && beyond.next.is_none());
}

async fn event_filters_narrow(bench: Bench) {
    let mut events: Vec<_> = (1..=4).map(|second| event(second * 1000, None)).collect();
    events[0].head.level = Level::Info;
    events[1].head.source = "bank".into();
    events[2].head.event_type = "order.made".parse().unwrap();
    bench.store.log.append(events).await.unwrap();
    let find = async |query: EventQuery| {
        let page = bench.store.reads.events(EventQuery { limit: 10, ..query }).await.unwrap();
        assert!(page.next.is_none());
        seqs(&page.items)
    };
    let all = EventQuery::default;
    assert_eq!(find(EventQuery { level: Some(Level::Info), ..all() }).await, [1]);
    assert_eq!(find(EventQuery { level_min: Some(Level::Warning), ..all() }).await, [4, 3, 2]);
    assert_eq!(find(EventQuery { source: Some("bank".into()), ..all() }).await, [2]);
    assert_eq!(find(EventQuery { event_type: "order.*".parse().ok(), ..all() }).await, [3]);
    assert_eq!(find(EventQuery { since: Some(at(2000)), until: Some(at(4000)), ..all() }).await, [3, 2]);
    assert_eq!(find(EventQuery { text: Some("AT 3000".into()), ..all() }).await, [3]);
    // A filter that fits little still fills its page, and the last page says so.
    let one = EventQuery { level: Some(Level::Info), limit: 1, ..all() };
    let page = bench.store.reads.events(one).await.unwrap();
    assert_eq!((seqs(&page.items), page.next), (vec![1], None));
}

async fn a_page_of_large_events_ends_early(bench: Bench) {
    let large = |second: i64, bytes: usize| {
        let tail = format!("\"message\":\"{}\"}}", "x".repeat(bytes));
        NewEvent { tail: tail.into(), ..event(second * 1000, None) }
    };
    // One at a time: the first is more than a page by itself.
    let sizes = [PAGE_BYTES_MAX + 1, PAGE_BYTES_MAX / 2, PAGE_BYTES_MAX / 4, PAGE_BYTES_MAX / 4 + 1, 10];
    for (n, bytes) in sizes.into_iter().enumerate() {
        bench.store.log.append(vec![large(n as i64 + 1, bytes)]).await.unwrap();
    }
    let (mut before, mut pages) = (None, Vec::new());
    loop {
        let page = bench.store.reads.events(EventQuery { before, ..event_query(500) }).await.unwrap();
        pages.push(seqs(&page.items));
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(pages, [vec![5, 4, 3], vec![2], vec![1]]);
}

/// Event n goes to A; the even ones also to B. A's first is delivered, its second dead, its third retried.
async fn some_deliveries(bench: &Bench) {
    bench.append(1, 4).await;
    for seq in 1..=4 {
        bench.enqueue(seq, if seq % 2 == 0 { &[B, A] } else { &[A] }).await;
    }
    bench.settle_first(A, Verdict::Delivered).await;
    bench.settle_first(A, dead()).await;
    bench.settle_first(A, retry()).await;
}

fn names(records: &[DeliveryRecord]) -> Vec<(u64, EndpointNo)> {
    records.iter().map(|record| (record.seq.0, record.endpoint)).collect()
}

async fn deliveries_are_listed_newest_first(bench: Bench) {
    some_deliveries(&bench).await;
    let first = bench.store.reads.deliveries(delivery_query(4)).await.unwrap();
    assert_eq!(names(&first.items), [(4, B), (4, A), (3, A), (2, B)]);
    assert_eq!(first.next, Some((Seq(2), B)));
    let second = DeliveryQuery { after: first.next, ..delivery_query(4) };
    let second = bench.store.reads.deliveries(second).await.unwrap();
    assert_eq!(names(&second.items), [(2, A), (1, A)]);
    assert_eq!(second.next, None);
}

async fn delivery_filters_narrow(bench: Bench) {
    some_deliveries(&bench).await;
    let find = async |query: DeliveryQuery| {
        let page = bench.store.reads.deliveries(DeliveryQuery { limit: 10, ..query }).await.unwrap();
        assert!(page.next.is_none());
        names(&page.items)
    };
    let all = DeliveryQuery::default;
    let with = |status: &[Status]| DeliveryQuery { status: status.to_vec(), ..all() };
    assert_eq!(find(with(&[Status::Delivered])).await, [(1, A)]);
    assert_eq!(find(with(&[Status::DeadLetter])).await, [(2, A)]);
    assert_eq!(find(DeliveryQuery { endpoints: [B].into(), ..with(&[Status::DeadLetter]) }).await, []);
    assert_eq!(find(with(&[Status::Retrying])).await, [(3, A)]);
    assert_eq!(find(with(&[Status::Attempting])).await, []);
    assert_eq!(find(with(&[Status::Queued])).await, [(4, B), (4, A), (2, B)]);
    assert_eq!(find(with(&[Status::Queued, Status::DeadLetter])).await, [(4, B), (4, A), (2, B), (2, A)]);
    let of_a = DeliveryQuery { endpoints: [A].into(), ..with(&[Status::Queued, Status::Retrying]) };
    assert_eq!(find(of_a.clone()).await, [(4, A), (3, A)]);
    assert_eq!(find(DeliveryQuery { after: Some((Seq(4), A)), ..of_a.clone() }).await, [(3, A)]);
    assert_eq!(find(DeliveryQuery { seq: Some(Seq(4)), ..of_a }).await, [(4, A)]);
    assert_eq!(find(DeliveryQuery { seq: Some(Seq(2)), ..all() }).await, [(2, B), (2, A)]);
    assert_eq!(find(DeliveryQuery { seq: Some(Seq(2)), ..with(&[Status::DeadLetter]) }).await, [(2, A)]);
    assert_eq!(find(DeliveryQuery { seq: Some(Seq(3)), ..with(&[Status::DeadLetter]) }).await, []);
    assert_eq!(find(DeliveryQuery { endpoints: [B].into(), ..all() }).await, [(4, B), (2, B)]);
    assert_eq!(find(DeliveryQuery { status_code: Some(200), ..all() }).await, [(1, A)]);
    assert_eq!(find(DeliveryQuery { class: Some(Class::Http5xx), ..all() }).await, [(3, A), (2, A)]);
    assert_eq!(find(DeliveryQuery { since: Some(at(4000)), ..all() }).await, [(4, B), (4, A)]);
}

async fn deliveries_of_several_endpoints_are_one_list(bench: Bench) {
    let c = EndpointNo(0xcc);
    bench.append(1, 5).await;
    for (seq, to) in [(1, &[A][..]), (2, &[B]), (3, &[A, c]), (4, &[B, c]), (5, &[A])] {
        bench.enqueue(seq, to).await;
    }
    for (endpoint, verdict) in [(A, dead()), (B, retry()), (c, Verdict::Delivered)] {
        bench.settle_first(endpoint, verdict).await;
    }
    let waiting = [Status::Queued, Status::Retrying];
    for (status, expected) in [
        (&[][..], vec![(5, A), (4, B), (3, A), (2, B), (1, A)]),
        (&waiting, vec![(5, A), (4, B), (3, A), (2, B)]),
        (&waiting[..1], vec![(5, A), (4, B), (3, A)]),
        (&[Status::DeadLetter], vec![(1, A)]),
        (&[Status::DeadLetter, Status::Retrying], vec![(2, B), (1, A)]),
        (&[Status::Delivered], vec![]),
    ] {
        // Also with one that never had anything, and a page at a time.
        let endpoints = BTreeSet::from([A, B, EndpointNo(0xdd)]);
        let (mut after, mut found) = (None, Vec::new());
        loop {
            let query = DeliveryQuery {
                after,
                limit: 2,
                status: status.to_vec(),
                endpoints: endpoints.clone(),
                ..DeliveryQuery::default()
            };
            let page = bench.store.reads.deliveries(query).await.unwrap();
            found.extend(names(&page.items));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(found, expected, "{status:?}");
    }
}

async fn a_replayed_delivery_is_found_by_its_last_answer(bench: Bench) {
    bench.append(1, 1).await;
    bench.enqueue(1, &[A]).await;
    bench.settle_first(A, dead()).await;
    bench.store.queue.replay(bench.fence, vec![(A, Seq(1))], at(9)).await.unwrap();
    for query in [
        DeliveryQuery { status_code: Some(503), ..delivery_query(9) },
        DeliveryQuery { class: Some(Class::Http5xx), ..delivery_query(9) },
    ] {
        assert_eq!(names(&bench.store.reads.deliveries(query).await.unwrap().items), [(1, A)]);
    }
}

async fn one_delivery_is_shown_with_its_attempts(bench: Bench) {
    let own = "order-77";
    bench.store.log.append(vec![event(1000, Some(own)), event(2000, None)]).await.unwrap();
    bench.enqueue(1, &[A]).await;
    let reads = &bench.store.reads;
    let (fresh, attempts) = reads.delivery(A, Seq(1)).await.unwrap().unwrap();
    assert_eq!((fresh.status, fresh.event_id.as_str(), fresh.received_at), (Status::Queued, own, at(1000)));
    assert_eq!((fresh.attempts, fresh.ended_at, fresh.last_class, attempts.len()), (0, None, None, 0));
    let settled = bench.settle_first(A, retry()).await;
    let (retrying, attempts) = reads.delivery(A, Seq(1)).await.unwrap().unwrap();
    assert_eq!((retrying.status, retrying.next_at), (Status::Retrying, Some(at(555_000))));
    assert_eq!((retrying.last_status_code, retrying.last_class), (Some(503), Some(Class::Http5xx)));
    assert_eq!(attempts, [settled.attempt]);
    bench.settle_first(A, dead()).await;
    let (dead, attempts) = reads.delivery(A, Seq(1)).await.unwrap().unwrap();
    assert_eq!((dead.status, dead.reason, dead.attempts), (Status::DeadLetter, Some(Reason::Exhausted), 2));
    assert_eq!((dead.ended_at, dead.next_at, attempts.len()), (Some(at(100_009)), None, 2));
    assert!(reads.delivery(B, Seq(1)).await.unwrap().is_none());
    assert!(reads.delivery(A, Seq(2)).await.unwrap().is_none());
}

async fn every_page_walk_finds_everything_once(bench: Bench) {
    some_deliveries(&bench).await;
    for limit in 0..8 {
        let (mut after, mut found) = (None, Vec::new());
        loop {
            let page = bench.store.reads.deliveries(DeliveryQuery { after, ..delivery_query(limit) }).await.unwrap();
            found.extend(names(&page.items));
            after = page.next;
            if after.is_none() {
                break;
            }
            assert_eq!(page.items.len(), limit.max(1));
        }
        assert_eq!(found, [(4, B), (4, A), (3, A), (2, B), (2, A), (1, A)]);
    }
}
