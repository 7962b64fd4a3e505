//! Checkpoints: what they hold, and that none is left.

use super::*;

/// A place with the checkpoint's files in it.
fn restored(checkpoint: &crate::Checkpoint) -> Place {
    let place = Place::new();
    let path = place.options().path;
    disk::prepare(&path).unwrap();
    for (name, bytes) in checkpoint.files() {
        assert_eq!(fs::copy(checkpoint.folder().join(name), path.join(name)).unwrap(), *bytes, "{name}");
    }
    place
}

#[tokio::test]
async fn a_checkpoint_holds_all_that_was_answered_before_and_opens_like_a_store() {
    let place = Place::new();
    let bench = place.bench().await;
    bench.append(1, 4).await;
    bench.enqueue(1, &[A, B]).await;
    bench.enqueue(2, &[A, B]).await;
    bench.settle_first(A, Verdict::Delivered).await;
    bench.store.catalog.put_if("key".into(), None, "value".into()).await.unwrap();
    let checkpoint = bench.store.reads.checkpoint().await.unwrap();
    // Nothing of what comes later is in it.
    bench.append(5, 2).await;
    bench.enqueue(6, &[B]).await;
    let copy = restored(&checkpoint);
    let opened = copy.bench().await;
    assert_eq!(all(&opened.store).await, [1, 2, 3, 4]);
    assert_eq!(opened.store.queue.cursor().await.unwrap(), Seq(2));
    assert_eq!(opened.store.catalog.get("key".into()).await.unwrap().unwrap().value, "value");
    assert_eq!(opened.head(B).await.len(), 2);
    assert_eq!(opened.head(A).await.len(), 1);
    assert!(balances(&opened.store).await);
    // It goes on from there.
    opened.append(7, 1).await;
    assert_eq!(all(&opened.store).await, [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn checkpoints_made_while_it_writes_are_whole() {
    let place = Place::new();
    let bench = place.bench().await;
    let mut copies = Vec::new();
    for round in 0..10 {
        let batch = (0..50).map(|n| event(round * 50 + n, None)).collect();
        let (_, checkpoint) = tokio::join!(bench.store.log.append(batch), bench.store.reads.checkpoint());
        copies.push(restored(&checkpoint.unwrap()));
        bench.enqueue(bench.store.log.bounds().last.0, &[A]).await;
    }
    for (round, copy) in copies.iter().enumerate() {
        let opened = copy.bench().await;
        let n = all(&opened.store).await.len();
        assert!((round * 50..=round * 50 + 50).contains(&n), "{n} in round {round}");
        assert!(balances(&opened.store).await);
    }
}

#[tokio::test]
async fn a_checkpoint_goes_when_it_is_dropped_and_at_the_next_start_at_the_latest() {
    let place = Place::new();
    let bench = place.bench().await;
    let first = bench.store.reads.checkpoint().await.unwrap();
    let second = bench.store.reads.checkpoint().await.unwrap();
    assert_ne!(first.folder(), second.folder());
    let gone = first.folder().to_owned();
    drop(first);
    assert!(!gone.exists() && second.folder().exists());
    let left = second.folder().to_owned();
    std::mem::forget(second);
    drop(bench);
    drop(place.bench().await);
    assert!(!left.exists());
}

#[tokio::test]
async fn none_is_made_where_it_cannot_be() {
    let place = Place::new();
    let (store, engine) = place.parts(Arc::new(StillClock));
    engine.core.db.fail("the disk went away");
    assert!(matches!(store.reads.checkpoint().await, Err(Error::ReadOnly(_))));
    drop((store, engine));
    let full = Options { disk_free_min: Some(u64::MAX), ..place.options() };
    let store = super::super::open(full, Arc::new(StillClock)).unwrap();
    assert!(matches!(store.reads.checkpoint().await, Err(Error::Full(_))));
    let folders = fs::read_dir(place.options().path).unwrap().flatten();
    assert_eq!(folders.filter(|entry| entry.path().is_dir()).count(), 0);
}
