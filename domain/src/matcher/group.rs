//! The subscriptions of one event type or pattern, found by what their filters need.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::{Map, Value};

use super::{
    Compiled,
    access::{self, Access, Need},
    cow::CowMap,
    hash::{self, Hash},
    sorted::Sorted,
    sources::Sources,
};
use crate::{
    Event,
    filter::{self, Memo, Number},
};

/// Up to so many are asked one by one.
const FEW: usize = 8;

/// Subscriptions that are found in the same place.
#[derive(Debug, Clone, Default)]
pub(super) enum Filed {
    #[default]
    None,
    One(Arc<Compiled>),
    Many(CowMap<Arc<Compiled>>),
}

impl Filed {
    fn add(&mut self, compiled: &Arc<Compiled>) {
        let key = |compiled: &Arc<Compiled>| hash::of_endpoint(compiled.endpoint);
        let insert = |map: &mut CowMap<_>, compiled: Arc<Compiled>| {
            map.change(key(&compiled), |entry| *entry = Some(compiled));
        };
        match self {
            Self::None => *self = Self::One(compiled.clone()),
            Self::One(one) => {
                let mut map = CowMap::default();
                insert(&mut map, one.clone());
                insert(&mut map, compiled.clone());
                *self = Self::Many(map);
            }
            Self::Many(map) => insert(map, compiled.clone()),
        }
    }

    fn remove(&mut self, compiled: &Compiled) {
        let endpoint = compiled.endpoint;
        match self {
            Self::One(one) if one.endpoint == endpoint => *self = Self::None,
            Self::Many(map) => {
                map.change(hash::of_endpoint(endpoint), |entry| *entry = None);
                if map.is_empty() {
                    *self = Self::None;
                }
            }
            Self::One(_) | Self::None => {}
        }
    }

    pub(super) fn each<'m>(&'m self, see: &mut dyn FnMut(&'m Arc<Compiled>)) {
        match self {
            Self::None => {}
            Self::One(one) => see(one),
            Self::Many(map) => map.each(see),
        }
    }

    /// Changes an entry and keeps `total` right.
    pub(super) fn counted(entry: &mut Option<Self>, total: &mut usize, change: impl FnOnce(&mut Option<Self>)) {
        let len = |entry: &Option<Self>| entry.as_ref().map_or(0, Self::len);
        let before = len(entry);
        change(entry);
        *total = *total + len(entry) - before;
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::One(_) => 1,
            Self::Many(map) => map.len(),
        }
    }

    /// For [`CowMap::change`] and [`Sorted::change`]: adds to the entry or takes from it; one without any goes.
    pub(super) fn put(entry: &mut Option<Self>, compiled: &Arc<Compiled>, is_added: bool) {
        let mut filed = entry.take().unwrap_or_default();
        if is_added {
            filed.add(compiled)
        } else {
            filed.remove(compiled)
        }
        *entry = Some(filed).filter(|filed| filed.len() > 0);
    }
}

/// See the module.
#[derive(Debug, Clone)]
pub(super) enum Group {
    Few(Vec<Arc<Compiled>>),
    Many(Box<Index>),
}

impl Default for Group {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

/// Subscriptions by what their filters need.
#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    len: usize,
    any: Filed,
    sources: ByKey,
    source_regexes: Sources,
    levels: [Filed; 6],
    paths: CowMap<AtPath>,
}

/// Those that need something at one path.
#[derive(Debug, Clone, Default)]
struct AtPath {
    equal: ByKey,
    present: Filed,
    at_least: Limits,
    at_most: Limits,
}

/// By the hash of what is needed, and how many there are in all.
#[derive(Debug, Clone, Default)]
struct ByKey {
    map: CowMap<Filed>,
    len: usize,
}

/// By a number, and how many there are in all.
#[derive(Debug, Clone, Default)]
struct Limits {
    by_number: Sorted<Filed>,
    len: usize,
}

impl ByKey {
    fn change(&mut self, key: u64, change: impl FnOnce(&mut Option<Filed>)) {
        self.map.change(key, |entry| Filed::counted(entry, &mut self.len, change));
    }

    /// The share of all that is filed under `key`.
    fn share(&self, key: u64) -> f64 {
        share(self.map.get(key).map_or(0, Filed::len), self.len)
    }
}

/// What is asked for often is taken to be there often; what nobody asked for yet, to be rare.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn share(filed: usize, total: usize) -> f64 {
    (filed as f64 + 0.1) / (total + 10) as f64
}

impl Limits {
    fn change(&mut self, limit: Number, change: impl FnOnce(&mut Option<Filed>)) {
        self.by_number.change(limit, |entry| Filed::counted(entry, &mut self.len, change));
    }
}

impl AtPath {
    fn is_empty(&self) -> bool {
        self.equal.len == 0 && self.present.len() == 0 && self.at_least.len == 0 && self.at_most.len == 0
    }
}

impl Group {
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Few(few) => few.is_empty(),
            Self::Many(index) => index.len == 0,
        }
    }

    pub(super) fn add(&mut self, compiled: &Arc<Compiled>) {
        match self {
            Self::Few(few) if few.len() < FEW => few.push(compiled.clone()),
            Self::Few(few) => {
                let mut index = Box::<Index>::default();
                few.iter().chain([compiled]).for_each(|compiled| index.add(compiled));
                *self = Self::Many(index);
            }
            Self::Many(index) => index.add(compiled),
        }
    }

    /// `compiled` as it was added.
    pub(super) fn remove(&mut self, compiled: &Arc<Compiled>) {
        match self {
            Self::Few(few) => few.retain(|one| one.endpoint != compiled.endpoint),
            Self::Many(index) => index.remove(compiled),
        }
    }

    /// Shows to `see` whoever may want the event; the same one more than once, maybe.
    pub(super) fn each_candidate<'m>(
        &'m self,
        facts: &mut Facts<'_>,
        see: &mut dyn FnMut(&'m Arc<Compiled>, &mut Memo),
    ) {
        match self {
            Self::Few(few) => few.iter().for_each(|one| see(one, &mut facts.memo)),
            Self::Many(index) => index.each_candidate(facts, see),
        }
    }
}

impl Index {
    fn add(&mut self, compiled: &Arc<Compiled>) {
        self.len += 1;
        let needs = access::needs(&compiled.filter);
        let rarest = needs.into_iter().min_by(|a, b| self.share(a).total_cmp(&self.share(b)));
        rarest.iter().flatten().for_each(|access| self.put(access, compiled, true));
    }

    /// Which need it was filed under depended on what was here then: it is taken away from all.
    fn remove(&mut self, compiled: &Arc<Compiled>) {
        self.len = self.len.saturating_sub(1);
        let needs = access::needs(&compiled.filter);
        needs.iter().flatten().for_each(|access| self.put(access, compiled, false));
    }

    /// The share of events that is likely to have what `need` names.
    fn share(&self, need: &Need<'_>) -> f64 {
        const NUMBER: f64 = 0.15;
        const PRESENT: f64 = 0.5;
        const LEVELS: [f64; 6] = [0.1, 0.2, 0.6, 0.15, 0.15, 0.05];
        let of = |access: &Access<'_>| match access {
            Access::Any => 1.0,
            Access::Level(level) => LEVELS[*level as usize],
            Access::Source(key) => self.sources.share(*key),
            Access::SourceRegex(regex) => share(self.source_regexes.len_of(regex), self.source_regexes.len()),
            Access::Equal { path, value } => {
                self.paths.get(*path).map_or_else(|| share(0, 0), |at| at.equal.share(*value))
            }
            Access::Present { .. } => PRESENT,
            Access::AtLeast { .. } | Access::AtMost { .. } => NUMBER,
        };
        need.iter().map(of).sum()
    }

    fn put(&mut self, access: &Access<'_>, compiled: &Arc<Compiled>, is_added: bool) {
        let put = |entry: &mut Option<Filed>| Filed::put(entry, compiled, is_added);
        let at = |filed: &mut Filed| if is_added { filed.add(compiled) } else { filed.remove(compiled) };
        match *access {
            Access::Any => at(&mut self.any),
            Access::Level(level) => at(&mut self.levels[level as usize]),
            Access::Source(key) => self.sources.change(key, put),
            Access::SourceRegex(regex) => self.source_regexes.put(regex, compiled, is_added),
            Access::Equal { path, value } => self.at_path(path, |at| at.equal.change(value, put)),
            Access::Present { path } => self.at_path(path, |path| at(&mut path.present)),
            Access::AtLeast { path, limit } => self.at_path(path, |at| at.at_least.change(limit, put)),
            Access::AtMost { path, limit } => self.at_path(path, |at| at.at_most.change(limit, put)),
        }
    }

    fn at_path(&mut self, path: u64, change: impl FnOnce(&mut AtPath)) {
        self.paths.change(path, |entry| {
            let mut at = entry.take().unwrap_or_default();
            change(&mut at);
            *entry = Some(at).filter(|at| !at.is_empty());
        });
    }

    fn each_candidate<'m>(&'m self, facts: &mut Facts<'_>, see: &mut dyn FnMut(&'m Arc<Compiled>, &mut Memo)) {
        let mut visit = |filed: &'m Filed, memo: &mut Memo| filed.each(&mut |compiled| see(compiled, memo));
        visit(&self.any, &mut facts.memo);
        visit(&self.levels[facts.event.head.level as usize], &mut facts.memo);
        let source = &*facts.event.head.source;
        if let Some(filed) = self.sources.map.get(hash::of_source(source)) {
            visit(filed, &mut facts.memo);
        }
        self.source_regexes.each_match(source, &mut facts.memo, &mut visit);
        if self.paths.is_empty() {
            return;
        }
        facts.walk();
        let (leaves, memo) = (&facts.leaves, &mut facts.memo);
        let mut see = |compiled| see(compiled, memo);
        // An event may have many more values than is asked for, and many groups may take it.
        if self.paths.len() < leaves.len() / FEW {
            self.paths.each_entry(&mut |path, at| {
                let start = leaves.partition_point(|leaf| leaf.path < path);
                let len = leaves[start..].partition_point(|leaf| leaf.path == path);
                at.each_candidate(&leaves[start..start + len], &mut see);
            });
            return;
        }
        for leaves in leaves.chunk_by(|a, b| a.path == b.path) {
            if let Some(at) = self.paths.get(leaves[0].path) {
                at.each_candidate(leaves, &mut see);
            }
        }
    }
}

impl AtPath {
    /// Whoever may want one of the values at this path: of hostile events there may be thousands, and whoever is found
    /// by all of them is still found once.
    fn each_candidate<'m>(&'m self, leaves: &[Leaf<'_>], see: &mut dyn FnMut(&'m Arc<Compiled>)) {
        if leaves.is_empty() {
            return;
        }
        self.present.each(see);
        if self.equal.len > 0 {
            let mut of_key = |key| self.equal.map.get(key).into_iter().for_each(|filed| filed.each(see));
            match leaves {
                [leaf] => hash::of_scalar(leaf.value).into_iter().for_each(of_key),
                several => {
                    let keys: BTreeSet<u64> = several.iter().filter_map(|leaf| hash::of_scalar(leaf.value)).collect();
                    keys.into_iter().for_each(&mut of_key);
                }
            }
        }
        let numbers = || leaves.iter().filter_map(|leaf| Number::of(leaf.value));
        if let Some(largest) = numbers().max() {
            self.at_least.by_number.each_upto(largest, &mut |filed| filed.each(see));
        }
        if let Some(smallest) = numbers().min() {
            self.at_most.by_number.each_from(smallest, &mut |filed| filed.each(see));
        }
    }
}

/// A value in the metadata by its dotted name.
#[derive(Debug, Clone, Copy)]
struct Leaf<'e> {
    path: u64,
    value: &'e Value,
}

/// What is known of the event that is asked about.
pub(super) struct Facts<'e> {
    event: &'e Event,
    pub(super) memo: Memo,
    /// Sorted by path.
    leaves: Vec<Leaf<'e>>,
    is_walked: bool,
}

impl<'e> Facts<'e> {
    pub(super) fn new(event: &'e Event, memo: Memo) -> Self {
        Self { event, memo, leaves: Vec::new(), is_walked: false }
    }

    /// Gathers the values of the metadata, once.
    fn walk(&mut self) {
        if !std::mem::replace(&mut self.is_walked, true) {
            walk(filter::metadata(self.event), &mut self.leaves);
            self.leaves.sort_unstable_by_key(|leaf| leaf.path);
        }
    }
}

/// All values at dotted names: members of objects within objects. Lists are not gone into, as dotted paths do not.
fn walk<'e>(metadata: &'e Value, leaves: &mut Vec<Leaf<'e>>) {
    fn within<'e>(members: &'e Map<String, Value>, above: Hash, leaves: &mut Vec<Leaf<'e>>) {
        for (name, value) in members {
            let name = above.with(name.as_bytes());
            leaves.push(Leaf { path: name.key(), value });
            if let Value::Object(inner) = value {
                within(inner, name.with(b"."), leaves);
            }
        }
    }
    if let Value::Object(members) = metadata {
        within(members, hash::PATH, leaves);
    }
}
