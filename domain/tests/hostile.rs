//! Bounded work on hostile input: the largest events against the largest filters.
//!
//! The limits of time are generous. They are there to catch what grows out of all proportion, which took from ten times
//! as long to forever; they measure nothing.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::{
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use loghorn_domain::{
    Draft, EndpointNo, Event, Pattern, Seq, Subscription, Timestamp,
    event::Limits,
    filter::{Condition, Expression, Filter, Pool, Trial},
    matcher::{Compiled, Matcher, Scratch},
    secret::Secret,
    subscription::Spec,
};
use serde_json::{Map, Value, json};

/// What one step may take here.
const LIMIT: Duration = Duration::from_secs(5);

/// Processor time of this thread, where the system tells it: others may need the machine meanwhile. Else the time.
fn spent() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = told.and_then(|text| text.split_whitespace().next()?.parse().ok());
    nanos.map_or_else(|| START.elapsed(), Duration::from_nanos)
}

/// Runs one step, says what it took, and fails where that was too long.
fn timed<T>(what: &str, step: impl FnOnce() -> T) -> T {
    let start = spent();
    let result = step();
    let took = spent().saturating_sub(start);
    println!("{took:>12.3?}  {what}");
    assert!(took < LIMIT, "{what} took {took:?}");
    result
}

fn event(json: &str) -> Event {
    let new = Draft::from_json(json.as_bytes()).unwrap();
    let new = new.seal("2026-11-23T18:07:49Z".parse::<Timestamp>().unwrap(), Limits::default()).unwrap();
    Event::new(Seq(1), "e".parse().unwrap(), new.head, new.tail)
}

fn compile(filters: &Value) -> Result<Filter, Vec<loghorn_domain::Problem>> {
    Filter::compile(&serde_json::from_value(filters.clone()).unwrap(), &Pool::default())
}

fn filter(filters: &Value) -> Filter {
    compile(filters).unwrap_or_else(|problems| panic!("{:?}", problems[0]))
}

fn compiled(n: u32, types: &[&str], filters: &Value, pool: &Pool) -> Arc<Compiled> {
    let json = json!({"name": "n", "url": "https://example.com/", "events": types, "filters": filters});
    let (spec, secret) = (Spec::from_json(json).unwrap(), Secret::generated([1; 32]));
    let subscription = Subscription::new(spec, EndpointNo(n), secret, Seq(0), Timestamp::default());
    Arc::new(Compiled::new(subscription, pool).unwrap())
}

fn metadata(fields: impl Iterator<Item = (String, Value)>) -> Value {
    json!({"metadata": fields.collect::<Map<_, _>>()})
}

fn joined(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(",")
}

/// Objects within objects, of two members each, so that one dotted path leads along many ways.
fn tree(depth: usize) -> String {
    if depth == 0 {
        return "{}".into();
    }
    let inner = tree(depth - 1);
    format!(r#"{{"a":{inner},"a.a":{inner}}}"#)
}

/// Letters in no order, for regular expressions that remember them.
fn noise(len: u64) -> String {
    let bit = |n: u64| n.wrapping_mul(n).wrapping_mul(2_654_435_761) >> 13 & 1;
    (0..len).map(|n| if bit(n) == 1 { '1' } else { '0' }).collect()
}

/// The largest events of every kind, of about 256 KiB.
fn events() -> Vec<(&'static str, Event)> {
    let nested = |open: &str, close: &str| format!("{}1{}", open.repeat(61), close.repeat(61));
    let objects = |n: usize| joined((0..n).map(|n| format!(r#"{{"a":{n},"b":"x"}}"#)));
    let of = |metadata: &str| event(&format!(r#"{{"metadata":{metadata}}}"#));
    vec![
        ("a long message", event(&format!(r#"{{"message":"{0}","source":"{1}"}}"#, noise(140_000), noise(100_000)))),
        ("a long string", of(&format!(r#"{{"a":"{0}","l":["{0}"]}}"#, noise(100_000)))),
        ("nested objects", of(&format!(r#"{{"l":[{},{}]}}"#, nested(r#"{"a":"#, "}"), nested("[", "]")))),
        ("many numbers", of(&format!(r#"{{"l":[{}]}}"#, joined((0..125_000).map(|_| "9".into()))))),
        ("many objects", of(&format!(r#"{{"l":[{}]}}"#, objects(10_000)))),
        ("many names", of(&format!("{{{}}}", joined((0..20_000).map(|n| format!(r#""a.b{n}":1"#)))))),
        ("a long name", of(&format!(r#"{{"{}b":1}}"#, "a.".repeat(50_000)))),
        ("many ways", of(&tree(13))),
    ]
}

/// Filters of every kind, as large as they may be.
fn filters() -> Vec<(&'static str, Value)> {
    let deep = (0..7).fold(metadata((0..200).map(|n| (format!("a.b{n}"), json!(1)))), |inner, n| match n % 3 {
        0 => json!({"not": inner}),
        1 => json!({"any": [inner]}),
        _ => json!({"all": [inner]}),
    });
    let list = |of: &dyn Fn(usize) -> Value| (0..1000).map(of).collect::<Vec<_>>();
    let long = |n: usize| format!("{}{n}", "a.".repeat(250));
    let any = |filters: Vec<Value>| json!({"any": filters});
    let conditions = |condition: &str, n: usize| vec![condition; n].join("||");
    let operators = json!({"ne": 5, "gt": -1, "gte": -1, "lt": 1e9, "lte": 1e9, "not_in": [7], "exists": true});
    vec![
        ("paths of many dots", metadata((0..127).map(|n| (long(n), json!({"exists": false}))))),
        ("nested groups", deep),
        ("lists of numbers", metadata((0..60).map(|n| (format!("$.l[{n}:]"), json!(list(&|n| json!(n + 100))))))),
        ("lists of lists", metadata((0..60).map(|n| (format!("$.l[{n}:]"), json!({"not_in": list(&|n| json!([n]))}))))),
        ("lists of texts", metadata([("a".into(), json!(list(&|n| json!(noise(n as u64)))))].into_iter())),
        ("every operator", metadata((0..30).map(|n| (format!("$.l[{n}:]"), operators.clone())))),
        ("small regexes", any((0..32).map(|n| json!({"message": format!("1[01]{{12}}{n}2")})).collect())),
        ("large regexes", any(vec![json!({"message": "1[01]{238}2"}), json!({"message": "0[01]{238}2"})])),
        (
            "regexes of values",
            metadata((0..32).map(|n| (format!("$.l[{n}:]"), json!({"regex": format!("1[01]{{12}}{n}2")})))),
        ),
        (
            "sources",
            json!({"source": (0..200).map(|n| format!("s{n}")).chain((0..32).map(|n| format!("[01]*{n}2"))).collect::<Vec<_>>()}),
        ),
        (
            "descent",
            any(vec![
                json!({"where": format!("@..[?{}]", conditions("@.a == 'x'", 20))}),
                metadata([("$..[?@.a==1]".into(), json!(2))].into_iter()),
            ]),
        ),
        (
            "conditions of values",
            any((0..2)
                .map(|n| json!({"where": format!("@.metadata.l[?{}||@=={n}]", conditions("@ == 1", 55))}))
                .collect()),
        ),
        (
            "a regex of the event",
            any(["search(@.metadata.a, @.metadata.l[0])", "search(@.message, @.source)"]
                .map(|text| json!({"where": text}))
                .into()),
        ),
        (
            "many paths",
            any((0..100)
                .map(|n| json!({"where": (0..250).map(|k| format!("@.p{n}x{k}")).collect::<Vec<_>>().join("||")}))
                .collect()),
        ),
        (
            "a schedule",
            json!({"schedule": {"timezone": "Europe/Berlin", "days": ["fri-thu"], "from": "22:00", "to": "21:00",
            "except": (0..366).map(|n| format!("20{:02}-{:02}-{:02}", 26 + n / 336, 1 + n / 28 % 12, 1 + n % 28)).collect::<Vec<_>>()}}),
        ),
    ]
}

fn each_condition(conditions: &[Condition], see: &mut dyn FnMut(&Condition)) {
    for condition in conditions {
        see(condition);
        each_condition(&condition.conditions, see);
    }
}

#[test]
fn the_largest_filters_are_asked_about_the_largest_events() {
    let events = events();
    for (name, spec) in filters() {
        let filter = match compile(&spec) {
            Ok(filter) => filter,
            Err(problems) => panic!("{name}: {:?}", problems[0]),
        };
        for (of, event) in &events {
            event.value();
            let matched = timed(&format!("{name}, {of}: matches"), || filter.matches(event));
            let conditions = timed(&format!("{name}, {of}: explain"), || filter.explain(event));
            assert_eq!(matched, conditions.iter().all(|condition| condition.passed), "{name}, {of}");
            let mut count = 0;
            each_condition(&conditions, &mut |condition| {
                count += 1;
                assert!(condition.value.to_string().len() < 32 * 1024, "{name}, {of}: {}", condition.pointer);
                assert!(condition.message.len() < 32 * 1024, "{name}, {of}: {}", condition.pointer);
            });
            assert!(count <= 1024, "{name}, {of}: {count} conditions");
        }
    }
}

#[test]
fn a_trial_keeps_and_shows_little_of_large_events() {
    let big = format!(
        r#"{{"message":"{}","metadata":{{"l":[{}]}}}}"#,
        noise(50_000),
        joined((0..80_000).map(|_| "9".into()))
    );
    // Each of them sees the whole list.
    let tests = json!({"ne": 1, "not_in": [1], "exists": true, "contains": 9});
    let fields = ["l", "$.l", "$['l']", "$[\"l\"]"].map(|path| (path.to_owned(), tests.clone()));
    let mut trial = Trial::new(vec!["**".parse().unwrap()], filter(&metadata(fields.into_iter())));
    timed("a trial of 20 events", || (0..20).for_each(|_| trial.take(&Arc::new(event(&big)))));
    let results = timed("results of a trial", || trial.results());
    assert_eq!((results.len(), results.iter().filter(|judged| judged.matched).count()), (20, 20));
    let shown: usize = results.iter().map(|judged| serde_json::to_string(&judged.conditions).unwrap().len()).sum();
    assert!(shown < 20 * 17 * 4096, "{shown} bytes");
}

#[test]
fn a_trial_finds_which_of_many_paths_were_seen() {
    let name = |n: usize, k: usize| format!("p{n}x{k}");
    let wheres = |n: usize| (0..400).map(|k| format!("@.metadata.{}", name(n, k))).collect::<Vec<_>>().join("||");
    let wheres: Vec<Value> = (0..120)
        .map(|n| json!({"where": wheres(n).split_at(4000).0.trim_end_matches(|c| c != '|').trim_end_matches('|')}))
        .collect();
    let mut trial = Trial::new(vec!["**".parse().unwrap()], filter(&json!({"any": wheres})));
    let seen = joined((0..60).flat_map(|n| (0..300).map(move |k| format!(r#""{}":1"#, name(n, k)))));
    trial.take(&Arc::new(event(&format!(r#"{{"metadata":{{{seen}}}}}"#))));
    let unseen = timed("paths that were not seen", || trial.unseen_paths());
    assert!((5_000..30_000).contains(&unseen.len()), "{}", unseen.len());
}

#[test]
fn what_is_too_much_is_refused_soon() {
    let slow = |n: usize, k: usize| format!(r"x{n}y{k}\w{{15}}");
    let any = |n: usize, of: &dyn Fn(usize) -> Value| json!({"any": (0..n).map(of).collect::<Vec<_>>()});
    let searches =
        |n: usize| (0..15).map(|k| format!("search(@.a, '{n}_{k}\\\\w{{15}}')")).collect::<Vec<_>>().join("||");
    let nested = |n: usize| format!("(?i){}{}", "[^".repeat(n), "]".repeat(n));
    for (what, spec, expected) in [
        ("sources", any(10, &|n| json!({"source": (0..250).map(|k| slow(n, k)).collect::<Vec<_>>()})), "at most 32"),
        (
            "wrong sources",
            any(10, &|n| json!({"source": (0..250).map(|k| format!("{}(", slow(n, k))).collect::<Vec<_>>()})),
            "not a regular",
        ),
        ("messages", any(127, &|n| json!({"message": slow(n, 0)})), "at most 32"),
        ("slow messages", any(32, &|n| json!({"message": format!("1[01]{{{}}}2", 200 + n)})), "too slow"),
        ("wheres", any(120, &|n| json!({"where": searches(n)})), "too slow"),
        (
            "long wheres",
            any(120, &|n| json!({"where": format!("@.metadata.l[?@=={n}||{}]", vec!["@==1"; 50].join("||"))})),
            "too slow",
        ),
        ("paths", metadata((0..200).map(|n| (format!("$.l[*].a{n}"), json!(1)))), "too slow"),
        (
            "Unicode classes",
            any(32, &|n| json!({"message": format!("(?i)[{}{n}]", r"\pL".repeat(1300))})),
            "Unicode classes",
        ),
        ("classes in classes", any(32, &|n| json!({"message": nested(200 + n)})), "not a regular"),
        ("a long name", json!({"x".repeat(100_000): 1}), "unknown member"),
        ("values", json!({"levels": vec!["x".repeat(1000); 1000]}), "expected"),
        (
            "groups",
            (0..100).fold(json!({}), |inner, _| {
                json!({"any": [inner, inner.clone()]}).get("any").map(|_| json!({"not": inner})).unwrap()
            }),
            "nested deeper",
        ),
    ] {
        let result = timed(&format!("refusing {what}"), || compile(&spec));
        match result {
            Ok(_) => assert_eq!(what, "classes in classes"),
            Err(problems) => {
                assert!(problems.len() <= 20, "{what}");
                assert!(problems.iter().any(|problem| problem.detail.contains(expected)), "{what}: {problems:?}");
                assert!(problems.iter().all(|problem| problem.detail.len() < 8192), "{what}");
            }
        }
    }
    for (open, close) in [("(", ")"), ("!(", ")"), ("@[?", "]"), ("length(", ")"), ("value(@[?", "])")] {
        let text = format!("{}@.a{}", open.repeat(500), close.repeat(500));
        timed(&format!("refusing nested {open}"), || Expression::parse(&text)).unwrap_err();
    }
}

#[test]
fn one_event_asks_each_subscription_once() {
    // Thousands of values at one dotted name, and filters that take long for each.
    let pool = Pool::default();
    let path = ["a"; 12].join(".");
    let slow = |n: u32| json!({"any": [{"metadata": {path.as_str(): {"exists": true}, "$..x": n}}, {"metadata": {path.as_str(): {"eq": 1}, "$..y": n}}]});
    let all = (0..20).map(|n| compiled(n, &["**", "log.*", "*.info"], &slow(n), &pool));
    let matcher = Matcher::new(all);
    let event = event(&format!(r#"{{"metadata":{}}}"#, tree(13)));
    event.value();
    let found = timed("thousands of values at one name", || matcher.matches(&event, &mut Scratch::default()));
    assert_eq!(found.endpoints, []);
}

#[test]
fn many_patterns_take_an_event_of_many_values() {
    let pool = Pool::default();
    let mut patterns = Vec::new();
    for before in 0..=7 {
        for after in 0..=7 - before {
            for wild in 0..1_u32 << (before + after) {
                let part = |at: usize| if wild >> at & 1 == 1 { "*" } else { "a" };
                let parts = (0..before).map(part).chain(["**"]).chain((before..before + after).map(part));
                patterns.push(parts.collect::<Vec<_>>().join("."));
            }
        }
    }
    let wanting = |n: usize| json!({"metadata": {format!("k{n}"): {"exists": true}}});
    let all = patterns.iter().flat_map(|pattern| (0..9).map(move |k| (pattern, k)));
    let all = all.enumerate().map(|(n, (pattern, _))| compiled(n as u32, &[pattern], &wanting(n), &pool));
    let matcher = timed("adding 16,000 subscriptions", || Matcher::new(all));
    let names = joined((0..18_000).map(|n| format!(r#""k{n}":1"#)));
    let event = event(&format!(r#"{{"event_type":"a.a.a.a.a.a.a.a","metadata":{{{names}}}}}"#));
    event.value();
    let scratch = &mut Scratch::default();
    let found = timed("all of them found", || matcher.matches(&event, scratch));
    assert_eq!(found.endpoints.len(), matcher.len());
}

#[test]
fn many_wildcards_in_a_row_are_one() {
    let pattern: Pattern = "**.**.**.**.**.**.**.x".parse().unwrap();
    timed("20,000 types", || (0..20_000).for_each(|_| assert!(!pattern.matches("a.a.a.a.a.a.a.a"))));
}

#[test]
fn one_change_among_many_alike_is_quick() {
    let pool = Pool::default();
    let filters = |n: u32| json!({"source": format!("the-same-beginning-{n}-.*")});
    let mut matcher = Matcher::new((0..5_000).map(|n| compiled(n, &["**"], &filters(n), &pool)));
    timed("500 changes among expressions that begin alike", || {
        for n in 0..500 {
            matcher = matcher.with(compiled(n, &["**"], &filters(n + 5_000), &pool));
        }
    });
    assert_eq!(matcher.len(), 5_000);
}
