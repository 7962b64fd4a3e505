use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    Seq,
    filter::{Pool, tests as samples},
    subscription::{Spec, tests::subscription},
};

fn compiled(endpoint: u32, events: &[String], filters: &Value, more: Value, pool: &Pool) -> Arc<Compiled> {
    let mut json = json!({"name": "s", "url": "https://example.com/", "events": events, "filters": filters});
    json.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let mut subscription = subscription(Spec::from_json(json).unwrap());
    subscription.endpoint = EndpointNo(endpoint);
    Arc::new(Compiled::new(subscription, pool).unwrap())
}

/// What asking each one says.
fn naive(all: &BTreeMap<u32, Arc<Compiled>>, event: &Event) -> Matches {
    let mut matches = Matches::default();
    for one in all.values().filter(|one| one.matches(event)) {
        match one.subscription.spec.mode {
            Mode::Live => matches.endpoints.push(one.subscription.endpoint),
            Mode::Shadow => matches.shadows.push(one.subscription.endpoint),
        }
    }
    matches
}

fn patterns() -> impl Strategy<Value = Vec<String>> {
    let pattern = prop_oneof![
        3 => Just("a.b".to_owned()),
        2 => Just("**".to_owned()),
        1 => Just("a.*".to_owned()),
        1 => Just("loghorn.**".to_owned()),
        1 => r"(a|b|loghorn|\*|\*\*)(\.(a|b|\*|\*\*)){0,2}",
    ];
    prop::collection::vec(pattern, 1..3)
}

fn event(name: &str, mut json: Value) -> Event {
    json["event_type"] = name.into();
    samples::event(&json)
}

/// A subscription as it is drawn: its types, its filter, whether it is enabled, whether it is a shadow.
type Drawn = (Vec<String>, Value, bool, bool);

fn subscriptions() -> impl Strategy<Value = Drawn> {
    let filter = prop_oneof![5 => samples::filters(), 1 => Just(json!({}))];
    (patterns(), filter, prop::bool::weighted(0.95), prop::bool::weighted(0.1))
}

proptest! {
    // 64 cases of about 70 subscriptions, 40 events and 4 changes: a million pairs.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_index_agrees_with_asking_each(
        drawn in prop::collection::vec(subscriptions(), 1..140),
        changes in prop::collection::vec((0u32..160, prop::option::weighted(0.7, subscriptions())), 4),
        events in prop::collection::vec((r"(a|b|loghorn)(\.[ab]){0,2}", samples::events()), 40),
    ) {
        let pool = Pool::default();
        let make = |endpoint: u32, (events, filters, enabled, is_shadow): Drawn| {
            let mode = if is_shadow { "shadow" } else { "live" };
            compiled(endpoint, &events, &filters, json!({"enabled": enabled, "mode": mode}), &pool)
        };
        let mut all: BTreeMap<u32, _> = (0..).zip(drawn).map(|(n, drawn)| (n, make(n, drawn))).collect();
        let events: Vec<Event> = events.into_iter().map(|(name, json)| event(&name, json)).collect();
        let mut matcher = Matcher::new(all.values().cloned());
        let mut scratch = Scratch::default();
        let mut last: Option<(Matcher, Vec<Matches>)> = None;
        for (endpoint, drawn) in [None].into_iter().chain(changes.into_iter().map(Some)).map(|change| change.unwrap_or((u32::MAX, None))) {
            let before = matcher.clone();
            match drawn {
                Some(drawn) => {
                    let one = make(endpoint, drawn);
                    all.insert(endpoint, one.clone());
                    matcher = matcher.with(one);
                }
                None => {
                    all.remove(&endpoint);
                    matcher = matcher.without(EndpointNo(endpoint));
                }
            }
            prop_assert_eq!(matcher.len(), all.len());
            let expected: Vec<Matches> = events.iter().map(|event| naive(&all, event)).collect();
            for (event, expected) in events.iter().zip(&expected) {
                prop_assert_eq!(&matcher.matches(event, &mut scratch), expected, "{}", event.json());
            }
            // A snapshot stays as it was, whatever became of it since.
            if let Some((snapshot, said)) = &last {
                for (event, said) in events.iter().zip(said) {
                    prop_assert_eq!(&snapshot.matches(event, &mut scratch), said);
                }
            }
            let changed: Vec<EndpointNo> = matcher.changes_since(&before).into_iter().map(|(endpoint, _)| endpoint).collect();
            let expected_changes = before.get(EndpointNo(endpoint)).map(Arc::as_ptr) != matcher.get(EndpointNo(endpoint)).map(Arc::as_ptr);
            prop_assert_eq!(changed, if expected_changes { vec![EndpointNo(endpoint)] } else { vec![] });
            last = Some((matcher.clone(), expected));
        }
        for endpoint in all.keys() {
            matcher = matcher.without(EndpointNo(*endpoint));
        }
        prop_assert!(matcher.is_empty() && matcher.groups.is_empty());
        prop_assert_eq!(matcher.matches(&events[0], &mut scratch), Matches::default());
    }
}

/// Expressions that share the literals by which they are found, and some that have none.
const SOURCES: [&str; 10] =
    ["a-.*", "a-[ab]+", "a-(a|b)", "(a|b)-b", ".*-a", "[ab]*-a", "[^x]-b", ".*", "[a-z]*-?b", "(?i)A-b"];

/// Filters of one condition: of the source, or of a value at a name that an event may have twice:
/// `{"a.b": 1, "a": {"b": 2}}`.
fn single_filters() -> impl Strategy<Value = Value> {
    let test = prop_oneof![
        4 => (prop::sample::select(&["gt", "gte", "lt", "lte"][..]), -2i64..4)
            .prop_map(|(name, limit)| json!({name: limit})),
        1 => samples::scalars(),
        1 => prop::collection::vec(samples::scalars(), 1..12).prop_map(|values| json!({"not_in": values})),
    ];
    prop_oneof![
        2 => test.prop_map(|test| json!({"metadata": {"a.b": test}})),
        1 => prop::sample::select(&SOURCES[..]).prop_map(|source| json!({"source": source})),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn all_are_found_until_they_are_gone(
        filters in prop::collection::vec(single_filters(), 10..60),
        events in prop::collection::vec((samples::scalars(), samples::scalars(), "[ab](-[ab])?"), 30),
        // More values than anyone asks for: then they are looked through from the other side.
        others in prop::sample::select(&[0, 40][..]),
    ) {
        let pool = Pool::default();
        let make = |(n, filters): (u32, Value)| (n, compiled(n, &["**".to_owned()], &filters, json!({}), &pool));
        let mut all: BTreeMap<u32, _> = (0..).zip(filters).map(make).collect();
        let mut matcher = Matcher::new(all.values().cloned());
        for (n, (flat, nested, source)) in (0..).zip(events) {
            let mut metadata = json!({"a.b": flat, "a": {"b": nested}});
            metadata.as_object_mut().unwrap().extend((0..others).map(|n| (format!("x{n}"), n.into())));
            let event = event("a", json!({"source": source, "metadata": metadata}));
            prop_assert_eq!(matcher.matches(&event, &mut Scratch::default()), naive(&all, &event), "{}", event.json());
            all.remove(&n);
            matcher = matcher.without(EndpointNo(n));
        }
    }
}

#[test]
fn a_test_event_goes_to_its_one_endpoint() {
    let pool = Pool::default();
    let one = |n: u32, pattern: &str| compiled(n, &[pattern.to_owned()], &json!({"source": "x"}), json!({}), &pool);
    let matcher = Matcher::new([one(1, "**"), one(2, "x")]);
    let only = |endpoint| {
        let mut event = event("log.info", json!({}));
        event.head.only = Some(EndpointNo(endpoint));
        matcher.matches(&event, &mut Scratch::default()).endpoints
    };
    assert_eq!(only(2), [EndpointNo(2)]);
    assert_eq!(only(3), []);
}

#[test]
fn an_event_goes_to_its_region_and_is_counted_without_one_in_shadow() {
    let of = |mode: &str| {
        let regions = json!({"by": "source", "urls": {"shop": "https://shop.example.com/"}});
        let more = json!({"regions": regions, "mode": mode});
        let plain = compiled(1, &["**".to_owned()], &json!({}), more, &Pool::default());
        let mut subscription = Subscription::clone(&plain.subscription);
        subscription.regions.insert("shop".into(), EndpointNo(7));
        let matcher = Matcher::new([Arc::new(Compiled::new(subscription, &Pool::default()).unwrap())]);
        let found = |source: &str| {
            let mut event = event("log.info", json!({}));
            event.head.source = source.into();
            matcher.matches(&event, &mut Scratch::default())
        };
        (found("shop"), found("bank"))
    };
    let (live, other) = of("live");
    assert_eq!((live.endpoints, other.endpoints), (vec![EndpointNo(7)], vec![EndpointNo(1)]));
    let (shadow, _) = of("shadow");
    assert_eq!((shadow.endpoints, shadow.shadows), (vec![], vec![EndpointNo(1)]));
}

#[test]
fn a_subscription_with_regions_gets_no_notice_about_itself() {
    let regions = json!({"regions": {"by": "level", "urls": {"WARNING": "https://warning.example.com/"}}});
    let plain = compiled(1, &["loghorn.**".to_owned()], &json!({}), regions, &Pool::default());
    let mut subscription = Subscription::clone(&plain.subscription);
    subscription.regions.insert("WARNING".into(), EndpointNo(7));
    let matcher = Matcher::new([Arc::new(Compiled::new(subscription, &Pool::default()).unwrap())]);
    let found = |about| {
        let id = crate::SubscriptionId::new(crate::Timestamp::default(), EndpointNo(about));
        let mut event = event("loghorn.circuit.opened", json!({"metadata": {"subscription_id": id}}));
        event.head.level = crate::Level::Warning;
        matcher.matches(&event, &mut Scratch::default()).endpoints
    };
    assert_eq!((found(1), found(2)), (vec![], vec![EndpointNo(7)]));
}

#[test]
fn a_notice_goes_to_everyone_who_names_it_but_the_one_it_is_about() {
    let pool = Pool::default();
    let one = |n: u32, pattern: &str| compiled(n, &[pattern.to_owned()], &json!({}), json!({}), &pool);
    let all = [one(1, "loghorn.**"), one(2, "loghorn.circuit.*"), one(3, "**"), one(4, "*.circuit.*")];
    let about = |endpoint| {
        let id = crate::SubscriptionId::new(crate::Timestamp::default(), EndpointNo(endpoint));
        event("loghorn.circuit.opened", json!({"metadata": {"subscription_id": id}}))
    };
    for (event, expected) in [(about(9), vec![1, 2]), (about(1), vec![2])] {
        let found = Matcher::new(all.clone()).matches(&event, &mut Scratch::default());
        assert_eq!(found.endpoints, expected.into_iter().map(EndpointNo).collect::<Vec<_>>());
        let each = all.iter().filter(|one| one.matches(&event)).map(|one| one.endpoint);
        assert_eq!(found.endpoints, each.collect::<Vec<_>>());
    }
}

/// Names and expressions whose hashes are the same, as whoever looks for such can find them within minutes.
#[test]
fn whoever_has_the_same_hash_is_not_mistaken_for_another() {
    let pool = Pool::default();
    let (a, b) = ("goelwb0nwb4ub", "rlwmkssmn0o1j");
    assert_eq!(types::key(&a.parse().unwrap()), types::key(&b.parse().unwrap()));
    let of_type = |n: u32, name: &str| compiled(n, &[name.to_owned()], &json!({}), json!({}), &pool);
    let matcher = Matcher::new([of_type(1, a), of_type(2, b)]);
    let found = |matcher: &Matcher, event: &Event| matcher.matches(event, &mut Scratch::default()).endpoints;
    assert_eq!(found(&matcher, &event(a, json!({}))), [EndpointNo(1)]);
    assert_eq!(found(&matcher.without(EndpointNo(1)), &event(a, json!({}))), []);

    let (a, b) = ("xnw1t2scoz0gi", "caflg0nmpiddp");
    let of_source =
        |n: u32, name: &str| compiled(n, &["**".to_owned()], &json!({"source": format!("{name}.*")}), json!({}), &pool);
    // Ten others, so that there is an index; then some of each expression.
    let others =
        (10..20).map(|n| compiled(n, &["**".to_owned()], &json!({"source": format!("x{n}")}), json!({}), &pool));
    let mut matcher = Matcher::new(others.chain([of_source(1, a), of_source(2, b), of_source(3, a), of_source(4, b)]));
    let found = |matcher: &Matcher| [a, b].map(|source| found(matcher, &event("x", json!({"source": source}))));
    let endpoints = |numbers: &[u32]| numbers.iter().copied().map(EndpointNo).collect::<Vec<_>>();
    assert_eq!(found(&matcher), [endpoints(&[1, 3]), endpoints(&[2, 4])]);
    for (gone, left) in [(1, [vec![3], vec![2, 4]]), (4, [vec![3], vec![2]]), (3, [vec![], vec![2]])] {
        matcher = matcher.without(EndpointNo(gone));
        assert_eq!(found(&matcher), left.map(|left| endpoints(&left)), "{gone}");
    }
}

#[test]
fn events_before_a_subscription_are_not_its() {
    let mut one =
        subscription(Spec::from_json(json!({"name": "s", "url": "https://example.com/", "events": ["**"]})).unwrap());
    one.since = Seq(1);
    let matcher = Matcher::new([Arc::new(Compiled::new(one, &Pool::default()).unwrap())]);
    assert_eq!(matcher.matches(&event("a", json!({})), &mut Scratch::default()), Matches::default());
}

#[test]
fn what_is_the_same_is_kept_once() {
    let pool = Pool::default();
    let filters = json!({"source": "pay-.*", "where": "@.metadata.a > 1"});
    let [a, b] = [1, 2].map(|n| compiled(n, &["**".into()], &filters, json!({}), &pool));
    let addresses = |one: &Compiled| {
        one.filter
            .members
            .iter()
            .map(|member| match member {
                crate::filter::Member::Where(shared) => Arc::as_ptr(shared).addr(),
                crate::filter::Member::Source(sources) => match &sources[0] {
                    crate::filter::Source::Regex(shared) => Arc::as_ptr(shared).addr(),
                    crate::filter::Source::Name(_) => 0,
                },
                _ => 0,
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(addresses(&a), addresses(&b));
}
