//! A sorted map by number whose copies share what they have in common: chunks of entries, each shared by itself.

use std::{cmp::Ordering, sync::Arc};

use crate::filter::Number;

/// Most entries in one chunk.
const CHUNK_MAX: usize = 256;

type Chunk<V> = Vec<(Number, V)>;

/// Chunks are never empty.
#[derive(Debug, Clone)]
pub(super) struct Sorted<V>(Arc<Vec<Arc<Chunk<V>>>>);

impl<V> Default for Sorted<V> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<V: Clone> Sorted<V> {
    /// Changes the entry of `number`; `None` is that there is none, before or after.
    pub(super) fn change(&mut self, number: Number, change: impl FnOnce(&mut Option<V>)) {
        let chunks = Arc::make_mut(&mut self.0);
        let after = chunks.partition_point(|chunk| chunk[0].0 <= number);
        if chunks.is_empty() {
            chunks.push(Arc::default());
        }
        let at = after.saturating_sub(1);
        let chunk = Arc::make_mut(&mut chunks[at]);
        let place = chunk.partition_point(|(known, _)| *known < number);
        let is_there = chunk.get(place).is_some_and(|(known, _)| *known == number);
        let mut entry = is_there.then(|| chunk.remove(place).1);
        change(&mut entry);
        if let Some(value) = entry {
            chunk.insert(place, (number, value));
        }
        if chunk.is_empty() {
            chunks.remove(at);
        } else if chunk.len() > CHUNK_MAX {
            let upper = chunk.split_off(CHUNK_MAX / 2);
            chunks.insert(at + 1, Arc::new(upper));
        }
    }
}

impl<V> Sorted<V> {
    /// Shows the values of all numbers up to `number`, itself included.
    pub(super) fn each_upto<'m>(&'m self, number: Number, see: &mut dyn FnMut(&'m V)) {
        for (known, value) in self.0.iter().flat_map(|chunk| chunk.iter()) {
            if known.cmp(&number) == Ordering::Greater {
                return;
            }
            see(value);
        }
    }

    /// Shows the values of all numbers from `number` on, itself included.
    pub(super) fn each_from<'m>(&'m self, number: Number, see: &mut dyn FnMut(&'m V)) {
        for (known, value) in self.0.iter().rev().flat_map(|chunk| chunk.iter().rev()) {
            if known.cmp(&number) == Ordering::Less {
                return;
            }
            see(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_sorted_map_and_its_copies_stay_as_they_were(
            changes in prop::collection::vec((-300i64..900, prop::bool::weighted(0.8)), 1..2000), bound in -400i64..1000,
        ) {
            let whole = |number: i64| Number::of(&number.into()).unwrap();
            let (mut map, mut model, mut copy) = (Sorted::default(), BTreeMap::new(), Sorted::default());
            for (n, (number, is_insert)) in changes.iter().enumerate() {
                if n == changes.len() / 2 {
                    copy = map.clone();
                }
                map.change(whole(*number), |entry| *entry = is_insert.then_some(*number));
                if *is_insert { model.insert(*number, ()); } else { model.remove(number); }
            }
            let (mut upto, mut from) = (Vec::new(), Vec::new());
            map.each_upto(whole(bound), &mut |number| upto.push(*number));
            map.each_from(whole(bound), &mut |number| from.push(*number));
            from.reverse();
            prop_assert_eq!(upto, model.range(..=bound).map(|(number, ())| *number).collect::<Vec<_>>());
            prop_assert_eq!(from, model.range(bound..).map(|(number, ())| *number).collect::<Vec<_>>());
            let mut before = BTreeMap::new();
            changes[..changes.len() / 2].iter().for_each(|(number, is_insert)| {
                if *is_insert { before.insert(*number, ()); } else { before.remove(number); }
            });
            let mut kept = Vec::new();
            copy.each_from(whole(-500), &mut |number| kept.push(*number));
            kept.reverse();
            prop_assert_eq!(kept, before.into_keys().collect::<Vec<_>>());
        }
    }
}
