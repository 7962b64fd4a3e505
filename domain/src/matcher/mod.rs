//! The index over all subscriptions: which of them want an event, without asking each.
//!
//! A subscription is filed under its event types ([`types`]), and among those of one type under something rare that
//! its filter needs ([`access`]): a value in the metadata, a source, a threshold. An event is looked up by what it
//! has; only the candidates so found see their whole filter. What filters share (regular expressions, `where`) is
//! asked once for each event.
//!
//! A [`Matcher`] is an immutable snapshot. A change makes another one that shares all but a few nodes with it
//! ([`cow`]), so that one change among 100,000 subscriptions costs microseconds.

mod access;
mod cow;
mod group;
mod hash;
mod sorted;
mod sources;
#[cfg(test)]
mod tests;
mod types;

use std::sync::Arc;

use rustc_hash::FxHashSet;

use crate::{
    EndpointNo, Event, Pattern, Problem, Seq, Subscription,
    filter::{Filter, Memo, Pool},
    subscription::Mode,
};
use cow::CowMap;
use group::{Facts, Group};
use types::Shapes;

/// A subscription made ready for matching.
#[derive(Debug)]
pub struct Compiled {
    /// The subscription.
    pub subscription: Arc<Subscription>,
    /// Its filter.
    pub filter: Filter,
    // What is asked of every candidate stands here, so that most need no look at the subscription.
    endpoint: EndpointNo,
    since: Seq,
    mode: Mode,
    has_regions: bool,
}

impl Compiled {
    /// Compiles the filter of `subscription`. Pointers of problems are relative to the filter.
    pub fn new(subscription: Subscription, pool: &Pool) -> Result<Self, Vec<Problem>> {
        let filter = Filter::compile(&subscription.spec.filters, pool)?;
        let (endpoint, since, mode) = (subscription.endpoint, subscription.since, subscription.spec.mode);
        let has_regions = subscription.spec.regions.is_some();
        Ok(Self { subscription: Arc::new(subscription), filter, endpoint, since, mode, has_regions })
    }

    /// The queue that a delivery of `event` belongs to.
    fn destination(&self, event: &Event) -> EndpointNo {
        if self.has_regions { self.subscription.endpoint_of(event) } else { self.endpoint }
    }

    /// Whether the subscription takes `event`: its types, its filter, that the event came after it was made, and that it
    /// is no notice of Loghorn's about just this subscription.
    pub fn matches(&self, event: &Event) -> bool {
        self.subscription.is_active()
            && event.seq > self.since
            && event.subject() != Some(self.endpoint)
            && self.subscription.spec.events.iter().any(|pattern| pattern.matches(event.head.event_type.as_str()))
            && self.filter.matches(event)
    }
}

/// Who wants an event; no one twice.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Matches {
    /// Gets it: the endpoint of its region where its subscription has any.
    pub endpoints: Vec<EndpointNo>,
    /// Would get it if it were live.
    pub shadows: Vec<EndpointNo>,
}

/// The subscriptions to one pattern.
#[derive(Debug, Clone)]
struct OfPattern {
    pattern: Pattern,
    group: Arc<Group>,
}

/// An immutable snapshot of all subscriptions. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Matcher {
    by_endpoint: CowMap<Arc<Compiled>>,
    /// By the key of a pattern; active subscriptions only. More than one where patterns are made to have the same key.
    groups: CowMap<Vec<OfPattern>>,
    shapes: Shapes,
}

/// Memory that is used again from event to event.
#[derive(Debug, Default)]
pub struct Scratch {
    memo: Memo,
    /// Who was asked already: one may be found by many of its patterns and needs.
    asked: FxHashSet<EndpointNo>,
}

impl Matcher {
    /// The snapshot of these subscriptions.
    pub fn new(subscriptions: impl IntoIterator<Item = Arc<Compiled>>) -> Self {
        let mut matcher = Self::default();
        subscriptions.into_iter().for_each(|compiled| matcher.insert(compiled));
        matcher
    }

    /// This snapshot with `compiled` in place of what its endpoint had before.
    #[must_use]
    pub fn with(&self, compiled: Arc<Compiled>) -> Self {
        let mut matcher = self.clone();
        matcher.insert(compiled);
        matcher
    }

    /// This snapshot without the subscription of `endpoint`.
    #[must_use]
    pub fn without(&self, endpoint: EndpointNo) -> Self {
        let mut matcher = self.clone();
        matcher.remove(endpoint);
        matcher
    }

    fn insert(&mut self, compiled: Arc<Compiled>) {
        let endpoint = compiled.endpoint;
        self.remove(endpoint);
        self.file(&compiled, true);
        self.by_endpoint.change(hash::of_endpoint(endpoint), |entry| *entry = Some(compiled));
    }

    fn remove(&mut self, endpoint: EndpointNo) {
        let mut removed = None;
        self.by_endpoint.change(hash::of_endpoint(endpoint), |entry| removed = entry.take());
        if let Some(removed) = removed {
            self.file(&removed, false);
        }
    }

    /// Files `compiled` under each of its patterns, or takes it away from there.
    fn file(&mut self, compiled: &Arc<Compiled>, is_added: bool) {
        if !compiled.subscription.is_active() {
            return;
        }
        let patterns = &compiled.subscription.spec.events;
        for (at, pattern) in patterns.iter().enumerate() {
            // A list may name a pattern twice.
            if patterns[..at].contains(pattern) {
                continue;
            }
            self.shapes.put(pattern, is_added);
            self.groups.change(types::key(pattern), |entry| {
                let mut groups = entry.take().unwrap_or_default();
                let at = groups.iter().position(|of| of.pattern == *pattern);
                let mut group = at.map(|at| groups.swap_remove(at).group).unwrap_or_default();
                let inner = Arc::make_mut(&mut group);
                if is_added {
                    inner.add(compiled)
                } else {
                    inner.remove(compiled)
                }
                if !group.is_empty() {
                    groups.push(OfPattern { pattern: pattern.clone(), group });
                }
                *entry = Some(groups).filter(|groups| !groups.is_empty());
            });
        }
    }

    /// Who gets `event`. A test event goes to its one endpoint, whatever its filter or its regions say.
    pub fn matches(&self, event: &Event, scratch: &mut Scratch) -> Matches {
        let mut matches = Matches::default();
        if let Some(only) = event.head.only {
            matches.endpoints.extend(self.get(only).map(|_| only));
            return matches;
        }
        scratch.memo.clear();
        scratch.asked.clear();
        let mut facts = Facts::new(event, std::mem::take(&mut scratch.memo));
        let (event_type, subject) = (event.head.event_type.as_str(), event.subject());
        self.shapes.each_key(event_type, &mut |key| {
            let groups = self.groups.get(key).into_iter().flatten();
            for of in groups.filter(|of| of.pattern.matches(event_type)) {
                of.group.each_candidate(&mut facts, &mut |compiled, memo| {
                    // Only active ones are filed.
                    let is_new = event.seq > compiled.since
                        && Some(compiled.endpoint) != subject
                        && scratch.asked.insert(compiled.endpoint);
                    if is_new && compiled.filter.holds(event, memo) {
                        match compiled.mode {
                            Mode::Live => matches.endpoints.push(compiled.destination(event)),
                            Mode::Shadow => matches.shadows.push(compiled.endpoint),
                        }
                    }
                });
            }
        });
        scratch.memo = facts.memo;
        for endpoints in [&mut matches.endpoints, &mut matches.shadows] {
            endpoints.sort_unstable();
        }
        matches
    }

    /// The subscription of this endpoint.
    pub fn get(&self, endpoint: EndpointNo) -> Option<&Arc<Compiled>> {
        self.by_endpoint.get(hash::of_endpoint(endpoint))
    }

    /// All subscriptions, in no order.
    pub fn subscriptions(&self) -> impl Iterator<Item = &Arc<Compiled>> {
        let mut all = Vec::with_capacity(self.len());
        self.by_endpoint.each(&mut |compiled| all.push(compiled));
        all.into_iter()
    }

    /// What differs from an `older` snapshot: the endpoint, and its subscription now (`None`: it is gone). Costs as
    /// much as there are differences, whatever else there is.
    pub fn changes_since<'m>(&'m self, older: &'m Self) -> Vec<(EndpointNo, Option<&'m Arc<Compiled>>)> {
        let mut changes = Vec::new();
        self.by_endpoint.each_difference(&older.by_endpoint, &mut |before, after| match (before, after) {
            (Some(before), Some(after)) if Arc::ptr_eq(before, after) => {}
            (_, Some(after)) => changes.push((after.endpoint, Some(after))),
            (Some(before), None) => changes.push((before.endpoint, None)),
            (None, None) => {}
        });
        changes
    }

    /// How many subscriptions there are.
    pub fn len(&self) -> usize {
        self.by_endpoint.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_endpoint.is_empty()
    }
}
