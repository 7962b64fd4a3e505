//! The log and the catalogue.

use super::*;

conformance! {
    seqs_are_dense
    reads_are_limited_but_never_empty
    the_tail_moves
    a_duplicate_within_a_batch_is_stored_once
    a_duplicate_across_batches_is_stored_once
    an_id_is_free_again_after_the_window
    a_generated_id_is_known_as_a_duplicate
    events_are_found_by_id
    the_catalogue_compares_before_it_sets
    the_catalogue_lists_by_prefix
}

async fn seqs_are_dense(bench: Bench) {
    let log = &bench.store.log;
    assert_eq!(log.bounds(), Bounds { first: Seq(1), last: Seq(0) });
    let first: Vec<_> = bench.append(1, 3).await.iter().map(|appended| appended.seq.0).collect();
    // Submitted together, answered in order.
    let (second, third) = (log.append(vec![event(9, None)]), log.append(vec![event(9, None), event(9, None)]));
    let (second, third) = (second.await.unwrap(), third.await.unwrap());
    assert_eq!((first, second[0].seq, third[1].seq), (vec![1, 2, 3], Seq(4), Seq(6)));
    assert_eq!(log.bounds(), Bounds { first: Seq(1), last: Seq(6) });
    assert!(log.append(Vec::new()).await.unwrap().is_empty());
    let stored = log.get(Seq(2)).await.unwrap().unwrap();
    assert_eq!(stored.head, event(2000, None).head);
    assert_eq!(stored.tail(), &event(2000, None).tail);
    assert!(log.get(Seq(0)).await.unwrap().is_none());
    assert!(log.get(Seq(7)).await.unwrap().is_none());
}

async fn reads_are_limited_but_never_empty(bench: Bench) {
    bench.append(1, 5).await;
    let log = &bench.store.log;
    assert_eq!(seqs(&log.read(Seq(0), 100, usize::MAX).await.unwrap()), [1, 2, 3, 4, 5]);
    assert_eq!(seqs(&log.read(Seq(2), 2, usize::MAX).await.unwrap()), [3, 4]);
    assert_eq!(seqs(&log.read(Seq(2), 100, 1).await.unwrap()), [3]);
    let weight = log.get(Seq(3)).await.unwrap().unwrap().weight();
    assert_eq!(seqs(&log.read(Seq(2), 100, 2 * weight).await.unwrap()), [3, 4]);
    assert!(log.read(Seq(5), 100, 1).await.unwrap().is_empty());
    assert!(log.read(Seq(50), 100, 1).await.unwrap().is_empty());
}

async fn the_tail_moves(bench: Bench) {
    let mut tail = bench.store.log.tail();
    assert_eq!(*tail.borrow_and_update(), Seq(0));
    bench.append(1, 2).await;
    tail.changed().await.unwrap();
    assert_eq!(*tail.borrow_and_update(), Seq(2));
}

async fn a_duplicate_within_a_batch_is_stored_once(bench: Bench) {
    let batch = vec![event(1, Some("x")), event(2, None), event(3, Some("x")), event(4, Some("y"))];
    let appended = bench.store.log.append(batch).await.unwrap();
    let seqs: Vec<_> = appended.iter().map(|appended| (appended.seq.0, appended.is_duplicate)).collect();
    assert_eq!(seqs, [(1, false), (2, false), (1, true), (3, false)]);
    assert_eq!(appended[2].id.as_str(), "x");
    assert_eq!(bench.store.log.bounds().last, Seq(3));
}

async fn a_duplicate_across_batches_is_stored_once(bench: Bench) {
    let log = &bench.store.log;
    let batch = || vec![event(1, Some("x")), event(2, Some("y"))];
    let (first, again) = (log.append(batch()), log.append(batch()));
    let (first, again) = (first.await.unwrap(), again.await.unwrap());
    let later = log.append(batch()).await.unwrap();
    assert!(first.iter().all(|appended| !appended.is_duplicate));
    assert!(again.iter().chain(&later).all(|appended| appended.is_duplicate));
    assert_eq!(later.iter().map(|appended| appended.seq).collect::<Vec<_>>(), [Seq(1), Seq(2)]);
    assert_eq!(log.bounds().last, Seq(2));
}

async fn an_id_is_free_again_after_the_window(bench: Bench) {
    let window = i64::try_from(DEDUPE.as_millis()).unwrap();
    let log = &bench.store.log;
    let append = async |at: i64| log.append(vec![event(at, Some("x"))]).await.unwrap().remove(0);
    assert!(!append(1000).await.is_duplicate);
    assert!(append(1000 + window - 1).await.is_duplicate);
    // A clock that stepped back does not make it new.
    assert!(append(10).await.is_duplicate);
    let renewed = append(1000 + window).await;
    assert_eq!((renewed.is_duplicate, renewed.seq), (false, Seq(2)));
    let again = append(1000 + window).await;
    assert_eq!((again.is_duplicate, again.seq), (true, Seq(2)));
    assert_eq!(log.find("x".parse().unwrap()).await.unwrap().unwrap().seq, Seq(2));
}

async fn a_generated_id_is_known_as_a_duplicate(bench: Bench) {
    let log = &bench.store.log;
    let made = bench.append(1, 2).await.remove(1);
    assert_eq!(made.id, EventId::generated(at(2000), LOG_NUMBER, Seq(2)));
    let again = log.append(vec![event(3000, Some(made.id.as_str()))]).await.unwrap().remove(0);
    assert_eq!(again, Appended { is_duplicate: true, ..made });
    for strange in [
        EventId::generated(at(2001), LOG_NUMBER, Seq(2)),
        EventId::generated(at(2000), LOG_NUMBER + 1, Seq(2)),
        EventId::generated(at(2000), LOG_NUMBER, Seq(77)),
    ] {
        let appended = log.append(vec![event(3000, Some(strange.as_str()))]).await.unwrap().remove(0);
        assert!(!appended.is_duplicate);
        assert_eq!(log.find(strange).await.unwrap().unwrap().seq, appended.seq);
    }
}

async fn events_are_found_by_id(bench: Bench) {
    let log = &bench.store.log;
    let own: EventId = "order-77/a".parse().unwrap();
    let appended = log.append(vec![event(1, None), event(2, Some(own.as_str()))]).await.unwrap();
    for appended in appended {
        let found = log.find(appended.id.clone()).await.unwrap().unwrap();
        assert_eq!((found.seq, &found.id), (appended.seq, &appended.id));
    }
    for unknown in ["order-78", EventId::generated(at(2), LOG_NUMBER, Seq(1)).as_str()] {
        assert!(log.find(unknown.parse().unwrap()).await.unwrap().is_none());
    }
}

async fn the_catalogue_compares_before_it_sets(bench: Bench) {
    let catalog = &bench.store.catalog;
    let put = async |expected, value: &'static str| catalog.put_if("a/1".into(), expected, value.into()).await;
    let first = put(None, "one").await.unwrap();
    assert!(matches!(put(None, "two").await, Err(Error::Conflict { current }) if current == Some(first)));
    let second = put(Some(first), "two").await.unwrap();
    assert!(second > first);
    let record = catalog.get("a/1".into()).await.unwrap().unwrap();
    assert_eq!((&record.key[..], record.revision, &record.value[..]), ("a/1", second, &b"two"[..]));
    let stale = catalog.delete_if("a/1".into(), first).await;
    assert!(matches!(stale, Err(Error::Conflict { current }) if current == Some(second)));
    catalog.delete_if("a/1".into(), second).await.unwrap();
    assert!(catalog.get("a/1".into()).await.unwrap().is_none());
    assert!(matches!(put(Some(second), "three").await, Err(Error::Conflict { current: None })));
    // Submitted together: the second sees the first.
    let (one, two) =
        (catalog.put_if("a/1".into(), None, "one".into()), catalog.put_if("a/1".into(), None, "two".into()));
    let third = one.await.unwrap();
    assert!(third > second);
    assert!(matches!(two.await, Err(Error::Conflict { current }) if current == Some(third)));
}

async fn the_catalogue_lists_by_prefix(bench: Bench) {
    let catalog = &bench.store.catalog;
    for key in ["a/2", "a/1", "b/1", "a", "a/\u{10ffff}"] {
        catalog.put_if(key.into(), None, Bytes::new()).await.unwrap();
    }
    let list = async |prefix: &str| -> Vec<String> {
        let records = catalog.list(prefix.into()).await.unwrap();
        records.into_iter().map(|record| record.key).collect()
    };
    assert_eq!(list("a/").await, ["a/1", "a/2", "a/\u{10ffff}"]);
    assert_eq!(list("").await.len(), 5);
    assert!(list("c").await.is_empty());
}
