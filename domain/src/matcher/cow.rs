//! A map whose copies share what they have in common: a hash trie with sixteen ways at each node.
//!
//! A copy costs nothing; a change of a copy writes the few nodes on the way to the entry anew and leaves the original
//! as it was. Where nobody shares them, nodes are changed in place.

use std::sync::Arc;

/// Most entries in one leaf.
const LEAF_MAX: usize = 16;
/// Bits of the key that are used up at each level.
const BITS: u32 = 4;
const WAYS: usize = 1 << BITS;

/// By a key that is a hash already: its bits are taken as evenly spread.
#[derive(Debug, Clone)]
pub(super) struct CowMap<V> {
    root: Option<Arc<Node<V>>>,
    len: usize,
}

#[derive(Debug, Clone)]
enum Node<V> {
    Leaf(Vec<(u64, V)>),
    Branch(Box<[Arc<Node<V>>; WAYS]>),
}

impl<V> Default for CowMap<V> {
    fn default() -> Self {
        Self { root: None, len: 0 }
    }
}

fn way(key: u64, depth: u32) -> usize {
    (key >> (depth * BITS)) as usize % WAYS
}

impl<V> CowMap<V> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn get(&self, key: u64) -> Option<&V> {
        let mut node = self.root.as_deref()?;
        let mut depth = 0;
        loop {
            match node {
                Node::Leaf(entries) => return entries.iter().find(|(known, _)| *known == key).map(|(_, value)| value),
                Node::Branch(children) => node = &children[way(key, depth)],
            }
            depth += 1;
        }
    }

    /// Shows every key with its value to `see`, in no order.
    pub(super) fn each_entry<'m>(&'m self, see: &mut dyn FnMut(u64, &'m V)) {
        if let Some(root) = &self.root {
            root.each(see);
        }
    }

    /// Shows every value to `see`, in no order.
    pub(super) fn each<'m>(&'m self, see: &mut dyn FnMut(&'m V)) {
        if let Some(root) = &self.root {
            root.each(&mut |_, value| see(value));
        }
    }

    /// Shows what differs between `older` and this to `see`: the value there, and the value here. What both share is
    /// not looked at.
    pub(super) fn each_difference<'m>(&'m self, older: &'m Self, see: &mut dyn FnMut(Option<&'m V>, Option<&'m V>)) {
        differences(older.root.as_ref(), self.root.as_ref(), see);
    }
}

impl<V: Clone> CowMap<V> {
    /// Changes the entry of `key`; `None` is that there is none, before or after.
    pub(super) fn change(&mut self, key: u64, change: impl FnOnce(&mut Option<V>)) {
        let root = self.root.get_or_insert_with(|| Arc::new(Node::Leaf(Vec::new())));
        let (before, after) = Node::change(root, key, 0, change);
        self.len = self.len + usize::from(after) - usize::from(before);
        if self.len == 0 {
            self.root = None;
        }
    }
}

impl<V> Node<V> {
    fn is_empty_leaf(&self) -> bool {
        matches!(self, Self::Leaf(entries) if entries.is_empty())
    }

    fn each<'m>(&'m self, see: &mut dyn FnMut(u64, &'m V)) {
        match self {
            Self::Leaf(entries) => entries.iter().for_each(|(key, value)| see(*key, value)),
            Self::Branch(children) => children.iter().for_each(|child| child.each(see)),
        }
    }
}

impl<V: Clone> Node<V> {
    /// Whether there was an entry before, and after.
    fn change(node: &mut Arc<Self>, key: u64, depth: u32, change: impl FnOnce(&mut Option<V>)) -> (bool, bool) {
        let node = Arc::make_mut(node);
        let entries = match node {
            Self::Branch(children) => {
                let found = Self::change(&mut children[way(key, depth)], key, depth + 1, change);
                // Whoever adds and takes away keys that begin alike must not leave deep empty branches behind.
                if found == (true, false) && children.iter().all(|child| child.is_empty_leaf()) {
                    *node = Self::Leaf(Vec::new());
                }
                return found;
            }
            Self::Leaf(entries) => entries,
        };
        let found = entries.iter().position(|(known, _)| *known == key);
        let mut entry = found.map(|at| entries.swap_remove(at).1);
        change(&mut entry);
        let is_there = entry.is_some();
        entries.extend(entry.map(|value| (key, value)));
        if entries.len() > LEAF_MAX {
            let mut children: [Vec<(u64, V)>; WAYS] = std::array::from_fn(|_| Vec::new());
            for (key, value) in entries.drain(..) {
                children[way(key, depth)].push((key, value));
            }
            *node = Self::Branch(Box::new(children.map(|entries| Arc::new(Self::Leaf(entries)))));
        }
        (found.is_some(), is_there)
    }
}

fn differences<'m, V>(
    older: Option<&'m Arc<Node<V>>>,
    newer: Option<&'m Arc<Node<V>>>,
    see: &mut dyn FnMut(Option<&'m V>, Option<&'m V>),
) {
    match (older, newer) {
        (Some(older), Some(newer)) if Arc::ptr_eq(older, newer) => {}
        (None, None) => {}
        (Some(older), Some(newer)) => match (&**older, &**newer) {
            (Node::Branch(older), Node::Branch(newer)) => {
                older.iter().zip(newer.iter()).for_each(|(older, newer)| differences(Some(older), Some(newer), see));
            }
            (older, newer) => {
                // A leaf was split, or both are leaves: few entries on at least one side of a change.
                let mut before = rustc_hash::FxHashMap::default();
                older.each(&mut |key, value| {
                    before.insert(key, value);
                });
                newer.each(&mut |key, value| see(before.remove(&key), Some(value)));
                before.into_values().for_each(|value| see(Some(value), None));
            }
        },
        (Some(older), None) => older.each(&mut |_, value| see(Some(value), None)),
        (None, Some(newer)) => newer.each(&mut |_, value| see(None, Some(value))),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_that_begin_alike_go_deep_and_leave_nothing_behind() {
        fn nodes(node: &Node<u32>) -> usize {
            match node {
                Node::Leaf(_) => 1,
                Node::Branch(children) => 1 + children.iter().map(|child| nodes(child)).sum::<usize>(),
            }
        }
        let mut map = CowMap::default();
        map.change(u64::MAX, |entry| *entry = Some(0));
        // Alike in all but their last bits, which are looked at last.
        let keys = || (0..256u64).map(|n| n << 56);
        for round in 0..3 {
            keys().for_each(|key| map.change(key, |entry| *entry = Some(round)));
            assert_eq!(map.len(), 257);
            assert!(keys().all(|key| map.get(key) == Some(&round)));
            keys().for_each(|key| map.change(key, |entry| *entry = None));
        }
        assert_eq!((map.len(), map.get(u64::MAX)), (1, Some(&0)));
        let nodes = map.root.as_deref().map(nodes);
        assert!(nodes <= Some(17), "{nodes:?}");
    }

    fn content(map: &CowMap<u32>) -> Vec<u32> {
        let mut values = Vec::new();
        map.each(&mut |value| values.push(*value));
        values.sort_unstable();
        values
    }

    proptest! {
        #[test]
        fn it_is_a_map_and_its_copies_stay_as_they_were(
            // Few keys that begin alike, so that leaves split and nodes are shared.
            changes in prop::collection::vec((0u64..80, any::<bool>()), 1..400), at in any::<prop::sample::Index>(),
        ) {
            let at = at.index(changes.len());
            let (mut map, mut model) = (CowMap::default(), BTreeMap::new());
            let (mut copy, mut model_copy) = (map.clone(), model.clone());
            for (n, (key, is_insert)) in (0u32..).zip(&changes) {
                if n as usize == at {
                    (copy, model_copy) = (map.clone(), model.clone());
                }
                let before = model.get(key).copied();
                map.change(*key, |entry| {
                    assert_eq!(*entry, before);
                    *entry = is_insert.then_some(n);
                });
                if *is_insert { model.insert(*key, n); } else { model.remove(key); }
                prop_assert_eq!(map.get(*key), model.get(key));
                prop_assert_eq!(map.len(), model.len());
            }
            for (map, model) in [(&map, &model), (&copy, &model_copy)] {
                prop_assert_eq!(content(map), { let mut v: Vec<u32> = model.values().copied().collect(); v.sort_unstable(); v });
                (0..80).for_each(|key| assert_eq!(map.get(key), model.get(&key)));
            }
            let mut seen = Vec::new();
            map.each_difference(&copy, &mut |before, after| if before != after { seen.push((before.copied(), after.copied())) });
            let mut expected: Vec<_> = (0..80)
                .map(|key| (model_copy.get(&key).copied(), model.get(&key).copied()))
                .filter(|(before, after)| before != after).collect();
            seen.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(seen, expected);
        }
    }
}
