//! Which version of a subscription decided about an event.

use super::*;

conformance! {
    every_event_is_decided_by_the_version_of_its_time
    a_repeat_changes_no_version
    of_two_versions_for_one_event_the_last_counts
    versions_that_decide_elsewhere_are_left_out
    an_old_fence_records_no_version
    versions_go_with_the_events_they_decided_about
}

fn deciding(endpoint: EndpointNo, after: u64, version: u32) -> Deciding {
    Deciding { endpoint, after: Seq(after), version }
}

/// Passes all events up to `cursor`; nothing matches.
async fn pass(bench: &Bench, versions: &[Deciding], cursor: u64) {
    bench.store.queue.enqueue(bench.fence, Vec::new(), versions.to_vec(), Seq(cursor)).await.unwrap();
}

/// The versions that decided about events 0 to 8.
async fn decided(bench: &Bench, endpoint: EndpointNo) -> Vec<Option<u32>> {
    let mut versions = Vec::new();
    for seq in 0..=8 {
        versions.push(bench.store.queue.decided_by(endpoint, Seq(seq)).await.unwrap());
    }
    versions
}

async fn every_event_is_decided_by_the_version_of_its_time(bench: Bench) {
    bench.append(1, 8).await;
    assert!(bench.store.queue.deciding().await.unwrap().is_empty());
    pass(&bench, &[deciding(A, 1, 1), deciding(B, 0, 7)], 3).await;
    // Nothing is known of what the router has not passed.
    assert_eq!(decided(&bench, A).await, [None, None, Some(1), Some(1), None, None, None, None, None]);
    pass(&bench, &[deciding(A, 5, 3), deciding(A, 3, 2)], 6).await;
    pass(&bench, &[deciding(A, 7, 0)], 8).await;
    let of_a = [None, None, Some(1), Some(1), Some(2), Some(2), Some(3), Some(3), Some(0)];
    assert_eq!(decided(&bench, A).await, of_a);
    let of_b = [vec![None], vec![Some(7); 8]].concat();
    assert_eq!(decided(&bench, B).await, of_b);
    assert_eq!(decided(&bench, EndpointNo(0xc)).await, [None; 9]);
    assert_eq!(bench.store.queue.deciding().await.unwrap(), BTreeMap::from([(A, 0), (B, 7)]));
}

async fn a_repeat_changes_no_version(bench: Bench) {
    bench.append(1, 4).await;
    pass(&bench, &[deciding(A, 0, 1)], 2).await;
    pass(&bench, &[deciding(A, 0, 1)], 2).await;
    pass(&bench, &[deciding(A, 1, 9), deciding(A, 2, 9)], 2).await;
    pass(&bench, &[deciding(A, 0, 9)], 1).await;
    assert_eq!(decided(&bench, A).await[..3], [None, Some(1), Some(1)]);
    assert_eq!(bench.store.queue.deciding().await.unwrap(), BTreeMap::from([(A, 1)]));
}

async fn of_two_versions_for_one_event_the_last_counts(bench: Bench) {
    bench.append(1, 4).await;
    pass(&bench, &[deciding(A, 0, 1), deciding(A, 2, 2), deciding(A, 2, 3)], 2).await;
    pass(&bench, &[deciding(A, 2, 4)], 4).await;
    assert_eq!(decided(&bench, A).await[..5], [None, Some(1), Some(1), Some(4), Some(4)]);
}

async fn versions_that_decide_elsewhere_are_left_out(bench: Bench) {
    bench.append(1, 6).await;
    pass(&bench, &[deciding(A, 0, 1)], 3).await;
    pass(&bench, &[deciding(A, 2, 2), deciding(A, 5, 3)], 4).await;
    pass(&bench, &[], 6).await;
    assert_eq!(decided(&bench, A).await[..7], [None, Some(1), Some(1), Some(1), Some(1), Some(1), Some(1)]);
}

async fn an_old_fence_records_no_version(bench: Bench) {
    bench.append(1, 1).await;
    let queue = &bench.store.queue;
    queue.fence().await.unwrap();
    let refused = queue.enqueue(bench.fence, Vec::new(), vec![deciding(A, 0, 1)], Seq(1)).await;
    assert!(matches!(refused, Err(Error::Fenced)));
    assert!(queue.deciding().await.unwrap().is_empty());
}

async fn versions_go_with_the_events_they_decided_about(bench: Bench) {
    bench.append(1, 8).await;
    let of_a = [deciding(A, 0, 1), deciding(A, 2, 2), deciding(A, 4, 3), deciding(A, 6, 4)];
    pass(&bench, &[&of_a[..], &[deciding(B, 0, 1), deciding(B, 4, 0)]].concat(), 8).await;
    let trim = async |events: i64| bench.store.log.trim(at(events * 1000), at(0)).await.unwrap();
    trim(4).await;
    // Event 4 is kept, and the second version decided about it.
    assert_eq!(decided(&bench, A).await[2..5], [None, Some(2), Some(2)]);
    assert_eq!(decided(&bench, B).await[4..6], [Some(1), Some(0)]);
    assert_eq!(trim(6).await.first, Seq(6));
    assert_eq!(decided(&bench, A).await[4..], [None, Some(3), Some(3), Some(4), Some(4)]);
    // It was deleted, and of nothing that is kept anyone can ask.
    assert_eq!(decided(&bench, B).await, [None; 9]);
    assert_eq!(bench.store.queue.deciding().await.unwrap(), BTreeMap::from([(A, 4)]));
    assert_eq!(trim(99).await.first, Seq(9));
    assert_eq!(bench.store.queue.deciding().await.unwrap(), BTreeMap::from([(A, 4)]));
    bench.append(9, 1).await;
    pass(&bench, &[], 9).await;
    assert_eq!(bench.store.queue.decided_by(A, Seq(9)).await.unwrap(), Some(4));
}
