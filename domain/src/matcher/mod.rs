//! The index over all subscriptions: an immutable snapshot, swapped as a whole when a subscription changes.
//!
//! Subscriptions that name an event type exactly are found by that name; those with wildcards are asked one by one.
//! Only candidates see their filter.

use std::{collections::HashMap, sync::Arc};

use crate::{EndpointNo, Event, Subscription, filter::Filter};

/// A subscription made ready for matching.
#[derive(Debug)]
pub struct Compiled {
    /// The subscription.
    pub subscription: Arc<Subscription>,
    /// Its filter.
    pub filter: Filter,
}

impl Compiled {
    /// Whether the subscription takes `event`: its types, its filter, and that the event came after it was made.
    pub fn matches(&self, event: &Event) -> bool {
        let patterns = &self.subscription.spec.events;
        self.is_due(event)
            && patterns.iter().any(|p| p.matches(event.head.event_type.as_str()))
            && self.filter.matches(event)
    }

    fn is_due(&self, event: &Event) -> bool {
        self.subscription.is_active() && event.seq > self.subscription.since
    }
}

/// An immutable snapshot of all subscriptions.
#[derive(Debug, Default)]
pub struct Matcher {
    by_endpoint: HashMap<EndpointNo, Arc<Compiled>>,
    by_type: HashMap<Box<str>, Vec<Arc<Compiled>>>,
    wild: Vec<Arc<Compiled>>,
}

impl Matcher {
    /// The snapshot of these subscriptions.
    pub fn new(subscriptions: impl IntoIterator<Item = Arc<Compiled>>) -> Self {
        let mut matcher = Self::default();
        for compiled in subscriptions {
            let patterns = &compiled.subscription.spec.events;
            if patterns.iter().any(|pattern| pattern.exact().is_none()) {
                matcher.wild.push(compiled.clone());
            } else {
                for name in patterns.iter().filter_map(|pattern| pattern.exact()) {
                    let filed = matcher.by_type.entry(name.into()).or_default();
                    // A list may name a type twice; one subscription gets one delivery.
                    if filed.last().is_none_or(|last| !Arc::ptr_eq(last, &compiled)) {
                        filed.push(compiled.clone());
                    }
                }
            }
            matcher.by_endpoint.insert(compiled.subscription.endpoint, compiled);
        }
        matcher
    }

    /// The endpoints that get `event`, no one twice. A test event goes to its one endpoint, whatever its filter says.
    pub fn endpoints(&self, event: &Event) -> Vec<EndpointNo> {
        if let Some(only) = event.head.only {
            return self.by_endpoint.contains_key(&only).then_some(only).into_iter().collect();
        }
        let exact = self.by_type.get(event.head.event_type.as_str()).into_iter().flatten();
        let exact = exact.filter(|compiled| compiled.is_due(event) && compiled.filter.matches(event));
        let wild = self.wild.iter().filter(|compiled| compiled.matches(event));
        exact.chain(wild).map(|compiled| compiled.subscription.endpoint).collect()
    }

    /// The subscription of this endpoint.
    pub fn get(&self, endpoint: EndpointNo) -> Option<&Arc<Compiled>> {
        self.by_endpoint.get(&endpoint)
    }

    /// All subscriptions, in no order.
    pub fn subscriptions(&self) -> impl Iterator<Item = &Arc<Compiled>> {
        self.by_endpoint.values()
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Draft, Pattern, Seq, Timestamp, event::Limits};

    fn subscription(endpoint: u32, patterns: Vec<String>) -> Arc<Compiled> {
        let events: Vec<Pattern> = patterns.iter().map(|text| text.parse().unwrap()).collect();
        let json = serde_json::json!({"name": "s", "url": "https://example.com/", "events": events});
        let spec = crate::subscription::Spec::from_json(json).unwrap();
        let mut subscription = crate::subscription::tests::subscription(spec);
        subscription.endpoint = EndpointNo(endpoint);
        let filter = Filter::compile(subscription.spec.filters.clone()).unwrap();
        Arc::new(Compiled { subscription: Arc::new(subscription), filter })
    }

    fn event(event_type: &str, only: Option<EndpointNo>) -> Event {
        let draft = Draft::from_json(format!(r#"{{"event_type":"{event_type}"}}"#).as_bytes()).unwrap();
        let mut new = draft.seal(Timestamp::from_millis(0), Limits::default()).unwrap();
        new.head.only = only;
        Event::new(Seq(9), "e".parse().unwrap(), new.head, new.tail)
    }

    proptest! {
        #[test]
        fn the_index_agrees_with_asking_each(
            patterns in proptest::collection::vec(
                proptest::collection::vec(r"(a|b|\*|\*\*)(\.(a|b|\*|\*\*)){0,2}", 1..4), 0..20),
            name in r"[ab](\.[ab]){0,2}",
        ) {
            let all: Vec<_> = (0..).zip(patterns).map(|(n, patterns)| subscription(n, patterns)).collect();
            let event = event(&name, None);
            let naive: Vec<_> =
                all.iter().filter(|c| c.matches(&event)).map(|c| c.subscription.endpoint).collect();
            let mut found = Matcher::new(all).endpoints(&event);
            found.sort();
            prop_assert_eq!(found, naive);
        }
    }

    #[test]
    fn a_test_event_goes_to_its_one_endpoint() {
        let matcher = Matcher::new([subscription(1, vec!["**".into()]), subscription(2, vec!["x".into()])]);
        assert_eq!(matcher.endpoints(&event("log.info", Some(EndpointNo(2)))), [EndpointNo(2)]);
        assert_eq!(matcher.endpoints(&event("log.info", Some(EndpointNo(3)))), []);
    }
}
