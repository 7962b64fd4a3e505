//! Flipped bits on the disk: refused, told of by the read that meets them, or without any effect. Never silently wrong.

use super::*;

/// All that can be asked, each with its answer or that it is refused.
async fn asked(store: &Store) -> Vec<(&'static str, Result<String, Error>)> {
    let events = store.log.read(Seq(0), 99, usize::MAX).await;
    let heads = [A, B].map(|endpoint| store.queue.head(endpoint, Seq(0), 99));
    let [a, b] = heads;
    let shown = |stretch: Result<crate::Stretch, Error>| stretch.map(|stretch| format!("{stretch:?}"));
    let every = DeliveryQuery { limit: 99, ..DeliveryQuery::default() };
    let deliveries = store.reads.deliveries(every).await;
    let found = store.log.find("own-7".parse().unwrap()).await;
    let json = |event: &Arc<loghorn_domain::Event>| format!("{} {}", event.seq, event.json());
    vec![
        ("events", events.map(|events| events.iter().map(json).collect())),
        ("queue of a", shown(a.await)),
        ("queue of b", shown(b.await)),
        ("deliveries", deliveries.map(|page| format!("{:?}", page.items))),
        ("attempts", store.reads.delivery(A, Seq(1)).await.map(|found| format!("{found:?}"))),
        ("ledger", store.reads.ledger().await.map(|lines| format!("{lines:?}"))),
        ("counters", Ok(format!("{:?}", store.queue.counters()))),
        ("catalogue", store.catalog.list(String::new()).await.map(|records| format!("{records:?}"))),
        ("cursor", store.queue.cursor().await.map(|cursor| cursor.to_string())),
        ("an own id", found.map(|event| event.as_ref().map_or_else(String::new, json))),
    ]
}

/// A store that holds some of everything.
async fn filled() -> Place {
    let place = Place::new();
    let bench = place.bench().await;
    for second in 1..=20 {
        let own = format!("own-{second}");
        bench.store.log.append(vec![event(second * 1000, Some(&own))]).await.unwrap();
        bench.enqueue(second as u64, &[A, B]).await;
    }
    for verdict in [Verdict::Delivered, dead(), retry()] {
        bench.settle_first(A, verdict).await;
    }
    bench.store.catalog.put_if("key".into(), None, "value".into()).await.unwrap();
    place
}

/// Flips a bit at every `step`th byte, and at each of the `last` bytes, of every file whose name holds `name`; how many
/// were refused at the opening, how many by a read, and how many had no effect.
async fn flip(place: &Place, name: &str, step: usize, last: usize) -> (usize, usize, usize) {
    let expected = asked(&place.copy().open().unwrap()).await;
    let (mut refused, mut met, mut without) = (0, 0, 0);
    let files =
        fs::read_dir(place.options().path).unwrap().flatten().map(|file| file.file_name().into_string().unwrap());
    for file in files.filter(|file| file.contains(name)) {
        let bytes = fs::read(place.options().path.join(&file)).unwrap();
        for position in (0..bytes.len()).filter(|at| at % step == 0 || at + last >= bytes.len()) {
            let (copy, mut flipped) = (place.copy(), bytes.clone());
            flipped[position] ^= 1 << (position % 8);
            fs::write(copy.options().path.join(&file), flipped).unwrap();
            let store = match copy.open() {
                Ok(store) => store,
                Err(refusal) => {
                    let is_told = matches!(refusal, OpenError::Damaged { .. } | OpenError::Database { .. });
                    assert!(is_told, "byte {position} of {file}: {refusal}");
                    refused += 1;
                    continue;
                }
            };
            let mut is_met = false;
            for ((what, answer), (_, expected)) in asked(&store).await.into_iter().zip(&expected) {
                match answer {
                    Err(error) => {
                        assert!(
                            matches!(error, Error::Damaged(_) | Error::Read(_)),
                            "byte {position} of {file}: {error}"
                        );
                        is_met = true;
                    }
                    Ok(answer) => {
                        assert_eq!(&answer, expected.as_ref().unwrap(), "byte {position} of {file}: {what}");
                    }
                }
            }
            if is_met { met += 1 } else { without += 1 }
        }
    }
    (refused, met, without)
}

#[tokio::test]
async fn a_flipped_bit_in_a_table_is_never_silently_wrong() {
    let place = filled().await;
    let raw = place.raw();
    Cf::ALL.into_iter().for_each(|cf| raw.compact(cf));
    drop(raw);
    let (refused, met, without) = flip(&place, ".sst", 211, 0).await;
    assert!(refused + met > 4 * without, "{refused} refused, {met} met, {without} without effect");
}

#[tokio::test]
async fn a_flipped_bit_in_the_manifest_is_never_silently_wrong() {
    // Once it ends with compactions, once with flushes.
    for compacts in [true, false] {
        let place = filled().await;
        let raw = place.raw();
        for cf in Cf::ALL {
            if compacts { raw.compact(cf) } else { raw.flush(cf) }
        }
        drop(raw);
        let (refused, met, without) = flip(&place, "MANIFEST", 41, 60).await;
        assert!(refused + met > 4 * without, "{refused} refused, {met} met, {without} without effect");
    }
}
