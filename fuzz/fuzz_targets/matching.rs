//! Small subscriptions and events that meet, and changes between: the index agrees with asking each.
#![no_main]

use std::{collections::BTreeMap, sync::Arc};

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use loghorn_domain::{
    EndpointNo, Seq, Subscription, Timestamp,
    filter::Pool,
    matcher::{Compiled, Matcher, Scratch},
    secret::Secret,
    subscription::{Mode, Spec},
};
use serde_json::{Map, Value, json};

const NAMES: [&str; 7] = ["a", "b", "a.a", "a.b", "a.a.a", "c", "c.a"];
const SOURCES: [&str; 12] =
    ["a", "b", "a-b", "a.*", ".*b", "(a|b)-b", "[ab]+", "(?i)A", "a?b", "x|a-.*", "aé.*", "(a|ab)(c|bcd)*"];
const TYPES: [&str; 14] =
    ["a", "b", "a.b", "a.*", "*", "**", "a.**", "**.b", "*.b", "**.a.**", "**.**", "a.**.b", "*.**", "a.b.c"];
const EVENT_TYPES: [&str; 6] = ["a", "b", "a.b", "a.b.c", "a.a.b", "c.b"];
const EVENT_SOURCES: [&str; 8] = ["", "a", "b", "a-b", "ab", "aéb", "A", "x"];
const LEVELS: [&str; 6] = ["TRACE", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"];

#[derive(Arbitrary, Debug, Clone)]
enum Scalar {
    Null,
    Bool(bool),
    Small(i8),
    Tenth(i8),
    Huge(bool),
    Text(u8),
}

impl Scalar {
    fn json(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(bool) => (*bool).into(),
            Self::Small(n) => (n % 5).into(),
            Self::Tenth(n) => (f64::from(n % 50) / 10.0).into(),
            Self::Huge(true) => 1e300.into(),
            Self::Huge(false) => u64::MAX.into(),
            Self::Text(n) => ["", "a", "b", "ab", "1", "é"][usize::from(n % 6)].into(),
        }
    }
}

#[derive(Arbitrary, Debug, Clone)]
enum Content {
    Scalar(Scalar),
    List(Vec<Scalar>),
    Object(Vec<(u8, Content)>),
}

impl Content {
    fn json(&self) -> Value {
        match self {
            Self::Scalar(scalar) => scalar.json(),
            Self::List(items) => items.iter().take(4).map(Scalar::json).collect(),
            Self::Object(members) => object(members),
        }
    }
}

fn pick<'t>(all: &[&'t str], n: u8) -> &'t str {
    all[usize::from(n) % all.len()]
}

fn object(members: &[(u8, Content)]) -> Value {
    members
        .iter()
        .take(6)
        .map(|(name, value)| (pick(&NAMES, *name).to_owned(), value.json()))
        .collect::<Map<_, _>>()
        .into()
}

#[derive(Arbitrary, Debug, Clone)]
enum Test {
    Eq(Content),
    In(Vec<Content>),
    Number(u8, Scalar),
    Between(i8, i8),
    Exists(bool),
    Text(u8, u8),
    Other(u8, Scalar),
}

impl Test {
    fn json(&self) -> Value {
        let number = |n: &i8| Value::from(f64::from(*n % 20) / 4.0);
        match self {
            Self::Eq(value) => json!({"eq": value.json()}),
            Self::In(values) => values.iter().take(12).map(Content::json).collect(),
            Self::Number(operator, limit) => json!({pick(&["gt", "gte", "lt", "lte"], *operator): limit.json()}),
            Self::Between(low, high) => json!({"gte": number(low), "lte": number(high)}),
            Self::Exists(exists) => json!({"exists": exists}),
            Self::Text(operator, text) => {
                json!({pick(&["prefix", "suffix", "regex", "contains"], *operator): pick(&["a", "b", "é"], *text)})
            }
            Self::Other(operator, value) => json!({pick(&["ne", "contains"], *operator): value.json()}),
        }
    }
}

#[derive(Arbitrary, Debug, Clone)]
enum Member {
    Source(Vec<u8>),
    Levels(Vec<u8>),
    MinLevel(u8),
    Metadata(Vec<(u8, Test)>),
    Query(Test),
    Where(u8),
    Any(Vec<Vec<Member>>),
    All(Vec<Vec<Member>>),
    Not(Vec<Member>),
}

fn filter(members: &[Member]) -> Value {
    let mut all = Map::new();
    for member in members.iter().take(3) {
        let filters = |of: &[Vec<Member>]| of.iter().take(4).map(|members| filter(members)).collect::<Value>();
        let (name, value) = match member {
            Member::Source(names) => ("source", names.iter().take(3).map(|n| pick(&SOURCES, *n)).collect()),
            Member::Levels(levels) => ("levels", levels.iter().take(3).map(|n| pick(&LEVELS, *n)).collect()),
            Member::MinLevel(level) => ("min_level", pick(&LEVELS, *level).into()),
            Member::Metadata(fields) => {
                let fields = fields.iter().take(3).map(|(name, test)| (pick(&NAMES, *name).to_owned(), test.json()));
                ("metadata", fields.collect::<Map<_, _>>().into())
            }
            Member::Query(test) => ("metadata", json!({"$.a[*]": test.json()})),
            Member::Where(n) => ("where", pick(&["@.metadata.a == 1", "@.source == 'a'", "@.metadata..b"], *n).into()),
            Member::Any(of) => ("any", filters(of)),
            Member::All(of) => ("all", filters(of)),
            Member::Not(of) => ("not", filter(of)),
        };
        all.insert(name.to_owned(), value);
    }
    all.into()
}

#[derive(Arbitrary, Debug)]
struct Drawn {
    types: Vec<u8>,
    filter: Vec<Member>,
    is_disabled: bool,
    is_shadow: bool,
}

impl Drawn {
    /// `None` where the filter is refused.
    fn compiled(&self, endpoint: u32, pool: &Pool) -> Option<Arc<Compiled>> {
        let types = self.types.iter().skip(1).take(3).map(|n| pick(&TYPES, *n));
        let types: Vec<&str> =
            [pick(&TYPES, self.types.first().copied().unwrap_or(5))].into_iter().chain(types).collect();
        let mode = if self.is_shadow { "shadow" } else { "live" };
        let json = json!({"name": "n", "url": "https://example.com/", "events": types, "filters": filter(&self.filter),
            "enabled": !self.is_disabled, "mode": mode});
        let (spec, secret) = (Spec::from_json(json).ok()?, Secret::generated([1; 32]));
        let subscription = Subscription::new(spec, EndpointNo(endpoint), secret, Seq(0), Timestamp::default());
        Compiled::new(subscription, pool).ok().map(Arc::new)
    }
}

fuzz_target!(|data: &[u8]| {
    let mut bytes = Unstructured::new(data);
    let pool = Pool::default();
    let mut scratch = Scratch::default();
    let (mut matcher, mut all) = (Matcher::default(), BTreeMap::<u32, Arc<Compiled>>::new());
    while !bytes.is_empty() {
        let Ok(step) = bytes.int_in_range(0..=9_u8) else { return };
        let before = matcher.clone();
        let mut changed = None;
        if step < 6 {
            let (Ok(endpoint), Ok(drawn)) = (bytes.int_in_range(0..=63_u32), Drawn::arbitrary(&mut bytes)) else {
                return;
            };
            if let Some(compiled) = drawn.compiled(endpoint, &pool) {
                all.insert(endpoint, compiled.clone());
                matcher = matcher.with(compiled);
                changed = Some(endpoint);
            }
        } else if step < 7 {
            let Ok(endpoint) = bytes.int_in_range(0..=63_u32) else { return };
            changed = all.remove(&endpoint).map(|_| endpoint);
            matcher = matcher.without(EndpointNo(endpoint));
        } else {
            let Ok((name, level, source, members)) = <(u8, u8, u8, Vec<(u8, Content)>)>::arbitrary(&mut bytes) else {
                return;
            };
            let json = json!({"event_type": pick(&EVENT_TYPES, name), "level": pick(&LEVELS, level),
                "source": pick(&EVENT_SOURCES, source), "metadata": object(&members)});
            let Some(event) = loghorn_fuzz::event(&json.to_string()) else { continue };
            let found = matcher.matches(&event, &mut scratch);
            let of = |mode: Mode| {
                let of_mode = all.values().filter(move |one| one.subscription.spec.mode == mode);
                of_mode.filter(|one| one.matches(&event)).map(|one| one.subscription.endpoint).collect::<Vec<_>>()
            };
            assert_eq!((found.endpoints, found.shadows), (of(Mode::Live), of(Mode::Shadow)), "{}", event.json());
        }
        assert_eq!(matcher.len(), all.len());
        let changes: Vec<u32> = matcher.changes_since(&before).into_iter().map(|(endpoint, _)| endpoint.0).collect();
        assert_eq!(changes, changed.into_iter().collect::<Vec<_>>());
    }
});
