//! Opening: what is refused, what a killed process or damage leaves behind.

use super::*;

#[cfg(unix)]
#[test]
fn a_directory_that_others_may_enter_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    drop(place.open().unwrap());
    let path = place.options().path;
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o750)).unwrap();
    let refusal = place.open().err().unwrap();
    assert!(matches!(refusal, OpenError::Permissions { mode: 0o750, .. }));
    assert!(refusal.to_string().contains(&format!("chmod 700 {}", path.display())), "{refusal}");
}

#[test]
fn a_second_opening_is_refused() {
    let place = Place::new();
    let _store = place.open().unwrap();
    assert!(matches!(place.open(), Err(OpenError::Locked { .. })));
}

#[test]
fn a_newer_format_is_refused_and_nothing_is_changed() {
    let place = Place::new();
    drop(place.open().unwrap());
    let path = place.options().path;
    fs::write(path.join("FORMAT"), "2\n").unwrap();
    let before = listing(&path);
    let refusal = place.open().err().unwrap();
    assert!(matches!(refusal, OpenError::Newer { found: 2, known: 1 }), "{refusal}");
    assert_eq!(listing(&path), before);
    fs::write(path.join("FORMAT"), "one").unwrap();
    assert!(matches!(place.open(), Err(OpenError::Damaged { .. })));
}

#[test]
fn a_newer_schema_is_refused_without_the_format_file() {
    let place = Place::new();
    drop(place.open().unwrap());
    fs::remove_file(place.options().path.join("FORMAT")).unwrap();
    drop(place.open().unwrap());
    let raw = place.raw();
    let mut batch = raw.batch();
    batch.put_number(keys::SCHEMA, 9);
    raw.write(batch, db::Durable::Now).unwrap();
    drop(raw);
    assert!(matches!(place.open(), Err(OpenError::Newer { found: 9, known: 1 })));
}

#[test]
fn a_lost_database_is_not_replaced_by_an_empty_one() {
    let place = Place::new();
    drop(place.open().unwrap());
    fs::remove_file(place.options().path.join("CURRENT")).unwrap();
    assert!(place.open().is_err());
}

#[tokio::test]
async fn the_first_log_number_stays() {
    let place = Place::new();
    place.bench().await.append(1, 1).await;
    let other = Options { log_number_if_new: LOG_NUMBER + 1, ..place.options() };
    let store = super::open(other, Arc::new(StillClock)).unwrap();
    let found = store.log.get(Seq(1)).await.unwrap().unwrap();
    assert_eq!(found.id.parts(), Some((LOG_NUMBER, Seq(1))));
}

#[tokio::test]
async fn a_killed_process_loses_nothing() {
    let place = Place::new();
    let bench = place.bench().await;
    bench.append(1, 10).await;
    for seq in 1..=6 {
        bench.enqueue(seq, &[A, B]).await;
    }
    for verdict in [Verdict::Delivered, dead(), retry()] {
        bench.settle_first(A, verdict).await;
    }
    bench.store.catalog.put_if("key".into(), None, "value".into()).await.unwrap();
    let copy = place.copy();
    let survivor = copy.open().unwrap();
    assert_eq!(all(&survivor).await, (1..=10).collect::<Vec<_>>());
    assert_eq!(survivor.queue.cursor().await.unwrap(), Seq(6));
    assert_eq!(survivor.queue.counters(), bench.store.queue.counters());
    assert!(balances(&survivor).await);
    assert_eq!(survivor.catalog.list(String::new()).await.unwrap().len(), 1);
    assert!(survivor.queue.fence().await.unwrap() > bench.fence);
}

#[tokio::test]
async fn a_torn_end_loses_only_the_end() {
    let place = Place::new();
    let bench = place.bench().await;
    for seq in 1..=20 {
        bench.append(seq, 1).await;
        if seq % 2 == 0 {
            bench.enqueue(seq as u64 - 1, &[A]).await;
            bench.enqueue(seq as u64, &[A, B]).await;
            bench.settle_first(A, [dead(), retry(), Verdict::Delivered][seq as usize % 3]).await;
        }
    }
    let mut last = 20;
    for cut in (1..60).chain((60..4097).step_by(97)) {
        let copy = place.copy();
        let wal = fs::OpenOptions::new().write(true).open(copy.newest_wal()).unwrap();
        let length = wal.metadata().unwrap().len();
        wal.set_len(length.saturating_sub(cut)).unwrap();
        let survivor = copy.bench().await;
        let seqs = all(&survivor.store).await;
        assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>(), "cut by {cut}");
        assert!(seqs.len() <= last, "cut by {cut}");
        last = seqs.len();
        assert!(survivor.store.queue.cursor().await.unwrap() <= Seq(last as u64));
        assert!(balances(&survivor.store).await, "cut by {cut}");
        // It goes on where it ended.
        assert_eq!(survivor.append(99, 1).await[0].seq, Seq(last as u64 + 1));
        drop(survivor);
        assert_eq!(all(&copy.open().unwrap()).await.len(), last + 1);
    }
    assert!(last < 20);
}

#[tokio::test]
async fn a_flipped_bit_is_never_silently_wrong() {
    let place = Place::new();
    let bench = place.bench().await;
    for second in 1..=20 {
        bench.append(second, 1).await;
    }
    let expected: Vec<_> = bench.store.log.read(Seq(0), 99, usize::MAX).await.unwrap();
    let length = fs::metadata(place.newest_wal()).unwrap().len();
    let mut refused = 0;
    // But for the last record, which may be torn.
    for position in (0..length - 250).step_by(11) {
        let copy = place.copy();
        let mut bytes = fs::read(copy.newest_wal()).unwrap();
        bytes[position as usize] ^= 0x10;
        fs::write(copy.newest_wal(), bytes).unwrap();
        let survivor = match copy.open() {
            Ok(survivor) => survivor,
            Err(refusal) => {
                assert!(matches!(refusal, OpenError::Damaged { .. }), "byte {position}: {refusal}");
                refused += 1;
                continue;
            }
        };
        let events = survivor.log.read(Seq(0), 99, usize::MAX).await.unwrap();
        assert_eq!(events.len(), expected.len(), "byte {position}");
        for (event, expected) in events.iter().zip(&expected) {
            assert_eq!((event.seq, event.tail()), (expected.seq, expected.tail()), "byte {position}");
        }
    }
    assert_eq!(refused, (length - 250).div_ceil(11), "of {length} bytes");
}

#[tokio::test]
async fn a_gap_is_named() {
    let place = Place::new();
    place.bench().await.append(1, 20).await;
    let raw = place.raw();
    let mut batch = raw.batch();
    batch.delete_range(Cf::Events, &keys::of_seq(Seq(7)), &keys::of_seq(Seq(10)));
    raw.write(batch, db::Durable::Now).unwrap();
    drop(raw);
    let refusal = place.open().err().unwrap();
    assert!(matches!(refusal, OpenError::Damaged { .. }));
    assert!(refusal.to_string().contains("events 7 to 9 are missing"), "{refusal}");
}

#[tokio::test]
async fn lost_events_at_either_end_are_named() {
    for (lost, named) in [((1, 4), "events 1 to 3 are missing"), ((18, 21), "events 18 to 19 are missing")] {
        let place = Place::new();
        let bench = place.bench().await;
        bench.append(1, 20).await;
        bench.enqueue(19, &[A]).await;
        drop(bench);
        let raw = place.raw();
        let mut batch = raw.batch();
        batch.delete_range(Cf::Events, &keys::of_seq(Seq(lost.0)), &keys::of_seq(Seq(lost.1)));
        raw.write(batch, db::Durable::Now).unwrap();
        drop(raw);
        let refusal = place.open().err().unwrap().to_string();
        assert!(refusal.contains(named), "{refusal}");
    }
}

#[tokio::test]
async fn old_damage_is_found_by_the_full_check_and_by_reading() {
    let place = Place::new();
    let bench = place.bench().await;
    // More than is verified at every opening.
    let large = || crate::NewEvent { tail: "x".repeat(1 << 20).into(), ..event(1000, None) };
    for _ in 0..10 {
        bench.store.log.append((0..10).map(|_| large()).collect()).await.unwrap();
    }
    drop(bench);
    let raw = place.raw();
    let mut batch = raw.batch();
    batch.delete(Cf::Events, keys::of_seq(Seq(10)));
    batch.put(Cf::Events, keys::of_seq(Seq(20)), &*raw.get(Cf::Events, keys::of_seq(Seq(21))).unwrap().unwrap());
    raw.write(batch, db::Durable::Now).unwrap();
    drop(raw);
    let store = place.open().unwrap();
    assert_eq!(store.log.read(Seq(30), 9, usize::MAX).await.unwrap().len(), 9);
    assert!(matches!(store.log.read(Seq(5), 9, usize::MAX).await, Err(Error::Damaged(_))));
    assert!(matches!(store.log.read(Seq(9), 9, usize::MAX).await, Err(Error::Damaged(_))));
    assert!(matches!(store.log.get(Seq(10)).await, Err(Error::Damaged(_))));
    assert!(matches!(store.log.get(Seq(20)).await, Err(Error::Damaged(_))));
    // A page of so large events does not get there from the end.
    let query = EventQuery { limit: 9999, before: Some(Seq(22)), ..EventQuery::default() };
    assert!(matches!(store.reads.events(query).await, Err(Error::Damaged(_))));
    drop(store);
    let checked = super::open(Options { is_full_check: true, ..place.options() }, Arc::new(StillClock));
    assert!(checked.err().unwrap().to_string().contains("event 20: the checksum does not fit"));
}

#[tokio::test]
async fn a_record_is_peeked_at_and_nothing_is_changed() {
    let place = Place::new();
    let path = place.options().path;
    assert_eq!(peek(&path, "keyring").unwrap(), None);
    assert!(!path.exists());
    let store = place.open().unwrap();
    store.catalog.put_if("keyring".into(), None, "content".into()).await.unwrap();
    drop(store);
    let before = listing(&path);
    assert_eq!(peek(&path, "keyring").unwrap().as_deref(), Some(&b"content"[..]));
    assert_eq!(peek(&path, "another").unwrap(), None);
    assert_eq!(listing(&path), before);
    fs::write(path.join("FORMAT"), "2\n").unwrap();
    assert!(matches!(peek(&path, "keyring"), Err(OpenError::Newer { .. })));
}

/// That there is no such record is said only where it is known.
#[tokio::test]
async fn what_cannot_be_looked_into_is_no_store_without_the_record() {
    let place = Place::new();
    let store = place.open().unwrap();
    store.catalog.put_if("keyring".into(), None, "content".into()).await.unwrap();
    drop(store);
    let path = place.options().path;
    fs::write(path.join("CURRENT"), "MANIFEST-999999\n").unwrap();
    let before = listing(&path);
    assert!(matches!(peek(&path, "keyring"), Err(OpenError::Unseen { .. })));
    assert_eq!(listing(&path), before);
}

#[tokio::test]
async fn a_record_is_peeked_at_where_several_logs_were_left_behind() {
    let place = Place::new();
    let (store, engine) = place.parts(Arc::new(StillClock));
    let mut revision = None;
    for n in 1..4 {
        store.log.append(vec![event(n, None)]).await.unwrap();
        revision = Some(store.catalog.put_if("keyring".into(), revision, n.to_string().into()).await.unwrap());
        engine.core.db.flush(Cf::Catalog);
    }
    store.catalog.put_if("keyring".into(), revision, "last".into()).await.unwrap();
    let left = place.copy();
    let path = left.options().path;
    let logs = listing(&path).into_keys().filter(|file| file.extension().is_some_and(|extension| extension == "log"));
    assert!(logs.count() > 1);
    assert_eq!(peek(&path, "keyring").unwrap().as_deref(), Some(&b"last"[..]));
}

#[tokio::test]
async fn what_is_scrubbed_is_in_no_file() {
    let place = Place::new();
    let store = place.open().unwrap();
    let holds = |text: &str| {
        let files = fs::read_dir(place.options().path).unwrap().flatten();
        let mut contents = files.map(|file| fs::read(file.path()).unwrap());
        contents.any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
    };
    store.log.append(vec![event(1000, Some("an-event"))]).await.unwrap();
    let first = store.catalog.put_if("a/1".into(), None, "old-content".into()).await.unwrap();
    let deleted = store.catalog.put_if("a/2".into(), None, "deleted-content".into()).await.unwrap();
    store.catalog.put_if("a/1".into(), Some(first), "new-content".into()).await.unwrap();
    store.catalog.delete_if("a/2".into(), deleted).await.unwrap();
    assert!(holds("old-content") && holds("deleted-content"));
    store.catalog.scrub().await.unwrap();
    assert!(!holds("old-content") && !holds("deleted-content"));
    assert!(holds("new-content"));
}
