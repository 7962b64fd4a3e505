use proptest::prelude::*;
use serde_json::{Value, json};

use super::{tally::Tally, *};
use crate::{Draft, Event, Seq, Timestamp, event::Limits};

pub(crate) fn event(json: &Value) -> Event {
    event_at(json, "2026-11-23T18:07:49.232Z")
}

pub(crate) fn event_at(json: &Value, received_at: &str) -> Event {
    let draft = Draft::from_json(json.to_string().as_bytes()).unwrap();
    let received_at: Timestamp = received_at.parse().unwrap();
    let new = draft.seal(received_at, Limits::default()).unwrap();
    Event::new(Seq(1), "e".parse().unwrap(), new.head, new.tail)
}

fn compile(json: &Value) -> Result<Filter, Vec<Problem>> {
    Filter::compile(&serde_json::from_value(json.clone()).unwrap(), &Pool::default())
}

fn filter(json: Value) -> Filter {
    compile(&json).unwrap_or_else(|problems| panic!("{json}: {problems:?}"))
}

fn check(event: &Event, cases: &[(Value, bool)]) {
    for (spec, expected) in cases {
        let filter = filter(spec.clone());
        assert_eq!(filter.matches(event), *expected, "{spec}");
        assert_eq!(filter.explain(event).iter().all(|condition| condition.passed), *expected, "{spec}");
    }
}

#[test]
fn a_plain_source_is_exactly_that_name() {
    check(
        &event(&json!({"source": "payment-service"})),
        &[
            (json!({"source": "payment-service"}), true),
            (json!({"source": "payment"}), false),
            (json!({"source": "payment-.*"}), true),
            (json!({"source": "service|payment-service"}), true),
            (json!({"source": ["a", "payment-service"]}), true),
            (json!({"source": ["a", "b"]}), false),
            (json!({}), true),
        ],
    );
    // A dot is a part of a host's name, and any character to a regular expression: as a regex it is one too.
    check(&event(&json!({"source": "db1.example"})), &[(json!({"source": "db1.example"}), true)]);
}

#[test]
fn all_members_must_hold() {
    let error = json!({"level": "ERROR", "message": "card timeout", "metadata": {"amount": 1200}});
    check(
        &event(&error),
        &[
            (
                json!({"levels": ["error", "critical"], "min_level": "WARNING", "message": "time",
                    "where": "@.metadata.amount > 1000"}),
                true,
            ),
            (json!({"levels": ["INFO"]}), false),
            (json!({"min_level": "CRITICAL"}), false),
            (json!({"min_level": "ERROR", "message": "^time"}), false),
            (json!({"where": "@.metadata.amount > 1000 && search(@.message, 'declined')"}), false),
            (json!({"any": [{"levels": ["INFO"]}, {"metadata": {"amount": 1200}}]}), true),
            (json!({"any": [{"levels": ["INFO"]}, {"metadata": {"amount": 1}}]}), false),
            (json!({"all": [{"levels": ["ERROR"]}, {"metadata": {"amount": 1200}}]}), true),
            (json!({"not": {"levels": ["ERROR"], "metadata": {"amount": 1}}}), true),
            (json!({"not": {"levels": ["ERROR"], "metadata": {"amount": 1200}}}), false),
        ],
    );
}

#[test]
fn every_operator_holds_as_documented() {
    let metadata = json!({
        "amount": 1000, "big": 9007199254740993_u64, "region": "eu", "nothing": null, "yes": true,
        "card": {"brand": "visa", "last4": "4242"}, "http.status_code": 503, "k8s": {"pod.name": "web-1"},
        "tags": ["a", "b", 3], "items": [{"sku": "x", "price": 5}, {"sku": "y", "price": 25}], "text": "1000",
    });
    let field = |path: &str, test: Value| json!({"metadata": {path: test}});
    check(
        &event(&json!({"metadata": metadata})),
        &[
            (field("region", json!("eu")), true),
            (field("region", json!("EU")), false),
            (field("region", json!(["us", "eu"])), true),
            (field("region", json!({"in": ["us"]})), false),
            (field("region", json!({"not_in": ["us"]})), true),
            (field("amount", json!(1000.0)), true),
            (field("amount", json!("1000")), false),
            (field("text", json!(1000)), false),
            (field("text", json!({"gt": 1})), false),
            (field("amount", json!({"gt": 1000})), false),
            (field("amount", json!({"gte": 1000, "lt": 1000.5})), true),
            (field("amount", json!({"lt": 1000})), false),
            (field("amount", json!({"lte": 1e3})), true),
            (field("big", json!(9007199254740992_u64)), false),
            (field("big", json!({"gt": 9007199254740992_u64})), true),
            (field("nothing", json!(null)), true),
            (field("nothing", json!({"exists": true})), true),
            (field("nothing", json!({"ne": 1})), true),
            (field("gone", json!(null)), false),
            (field("gone", json!({"exists": false})), true),
            (field("gone", json!({"exists": true})), false),
            (field("gone", json!({"ne": 1})), false),
            (field("gone", json!({"not_in": [1]})), false),
            (field("yes", json!(true)), true),
            (field("card.brand", json!(["visa", "amex"])), true),
            (field("card", json!({"eq": {"last4": "4242", "brand": "visa"}})), true),
            (field("card.brand.more", json!({"exists": false})), true),
            (field("http.status_code", json!({"gte": 500})), true),
            (field("k8s.pod.name", json!({"prefix": "web"})), true),
            (field("card.last4", json!({"suffix": "42", "regex": r"^\d{4}$"})), true),
            (field("card.last4", json!({"regex": "[a-z]"})), false),
            (field("amount", json!({"regex": "1"})), false),
            (field("card.brand", json!({"contains": "is"})), true),
            (field("tags", json!({"contains": "b"})), true),
            (field("tags", json!({"contains": 3.0})), true),
            (field("tags", json!({"contains": "c"})), false),
            (field("tags", json!({"eq": ["a", "b", 3]})), true),
            (field("$.items[*].sku", json!({"exists": true})), true),
            (field("$.items[*].sku", json!("y")), true),
            (field("$.items[*].sku", json!({"ne": "x"})), true),
            (field("$.items[*].price", json!({"gt": 10, "lt": 30})), true),
            (field("$.items[*].price", json!({"gt": 5, "lt": 25})), false),
            (field("$.items[5]", json!({"exists": false})), true),
            (field("$['http.status_code']", json!(503)), true),
        ],
    );
}

#[test]
fn schedules_follow_the_local_clock() {
    let business = json!({"schedule": {"timezone": "Europe/Berlin", "days": ["mon-fri"], "from": "09:00", "to": "17:00",
        "except": ["2026-12-25"]}});
    let night = json!({"schedule": {"timezone": "Europe/Berlin", "days": "fri", "from": "22:00", "to": "06:00"}});
    let short = json!({"schedule": {"timezone": "Europe/Berlin", "from": "02:00", "to": "03:00"}});
    for (spec, at, expected) in [
        // The same UTC time lies within and outside, before and after the clocks change (2026-03-29, 2026-10-25).
        (&business, "2026-03-27T07:30:00Z", false),
        (&business, "2026-03-27T08:00:00Z", true),
        (&business, "2026-03-30T07:00:00Z", true),
        (&business, "2026-03-30T15:00:00Z", false),
        (&business, "2026-03-27T15:59:59.999Z", true),
        (&business, "2026-10-23T07:00:00Z", true),
        (&business, "2026-10-26T07:30:00Z", false),
        (&business, "2026-10-26T08:00:00Z", true),
        (&business, "2026-10-24T10:00:00Z", false),
        (&business, "2026-12-25T10:00:00Z", false),
        // Past midnight it is still Friday's window; Saturday's evening is not.
        (&night, "2026-11-27T21:00:00Z", true),
        (&night, "2026-11-28T04:59:59Z", true),
        (&night, "2026-11-28T05:00:00Z", false),
        (&night, "2026-11-28T21:30:00Z", false),
        (&night, "2026-11-27T03:00:00Z", false),
        // The hour that comes twice is within both times; the one that is left out never comes.
        (&short, "2026-10-25T00:30:00Z", true),
        (&short, "2026-10-25T01:30:00Z", true),
        (&short, "2026-10-25T02:00:00Z", false),
        (&short, "2026-03-29T00:59:59Z", false),
        (&short, "2026-03-29T01:00:00Z", false),
    ] {
        let event = event_at(&json!({"level": "ERROR"}), at);
        check(&event, &[(spec.clone(), expected)]);
    }
    let until_midnight = json!({"schedule": {"from": "18:00", "to": "24:00", "days": ["sat-sun"]}});
    check(&event_at(&json!({}), "2026-11-28T23:59:59Z"), &[(until_midnight, true)]);
}

#[test]
fn bad_filters_are_refused_with_their_pointer() {
    let deep = (0..9).fold(json!({"levels": ["INFO"]}), |inner, _| json!({"not": inner}));
    let wide = json!({"any": (0..200).map(|n| json!({"metadata": {"a": n}})).collect::<Vec<_>>()});
    for (spec, pointer) in [
        (json!({"sorce": "x"}), "/sorce"),
        (json!({"source": "(("}), "/source"),
        (json!({"source": ["a", "("]}), "/source/1"),
        (json!({"source": "a)|(b"}), "/source"),
        (json!({"source": []}), "/source"),
        (json!({"source": 7}), "/source"),
        (json!({"levels": []}), "/levels"),
        (json!({"levels": ["LOUD"]}), "/levels/0"),
        (json!({"levels": "ERROR"}), "/levels"),
        (json!({"min_level": 3}), "/min_level"),
        (json!({"message": "[a"}), "/message"),
        (json!({"message": "(a{1000}){1000}"}), "/message"),
        (json!({"where": "@.a >"}), "/where"),
        (json!({"where": "@.a == 1, *"}), "/where"),
        (json!({"metadata": [1]}), "/metadata"),
        (json!({"metadata": {"a": {"gtt": 1}}}), "/metadata/a/gtt"),
        (json!({"metadata": {"a": {"gt": "1"}}}), "/metadata/a/gt"),
        (json!({"metadata": {"a": {}}}), "/metadata/a"),
        (json!({"metadata": {"a": []}}), "/metadata/a"),
        (json!({"metadata": {"a": {"in": 1}}}), "/metadata/a/in"),
        (json!({"metadata": {"a": {"exists": 1}}}), "/metadata/a/exists"),
        (json!({"metadata": {"a": {"exists": false, "gt": 1}}}), "/metadata/a/exists"),
        (json!({"metadata": {"a": {"regex": "("}}}), "/metadata/a/regex"),
        (json!({"metadata": {"a..b": 1}}), "/metadata/a..b"),
        (json!({"metadata": {"$.a[": 1}}), "/metadata/$.a["),
        (json!({"metadata": {"a/b": {"gt": null}}}), "/metadata/a~1b/gt"),
        (json!({"schedule": {"timezone": "Mars/Olympus"}}), "/schedule/timezone"),
        (json!({"schedule": {"days": ["mon", "weekday"]}}), "/schedule/days/1"),
        (json!({"schedule": {"from": "9:00"}}), "/schedule/from"),
        (json!({"schedule": {"to": "24:01"}}), "/schedule/to"),
        (json!({"schedule": {"from": "09:00", "to": "09:00"}}), "/schedule/to"),
        (json!({"schedule": {"except": ["25.12.2026"]}}), "/schedule/except/0"),
        (json!({"schedule": {}}), "/schedule"),
        (json!({"schedule": {"timezone": "Europe/Berlin"}}), "/schedule"),
        (json!({"not": {"metadata": {}}}), "/not/metadata"),
        (json!({"metadata": {}}), "/metadata"),
        (json!({"any": []}), "/any"),
        (json!({"any": [{"levels": ["INFO"]}, {}]}), "/any/1"),
        (json!({"any": [{"levels": ["INFO"]}, {"sorce": "x"}]}), "/any/1/sorce"),
        (json!({"not": {"any": [{"min_level": "LOUD"}]}}), "/not/any/0/min_level"),
        (deep, "/not/not/not/not/not/not/not/not/not"),
        (wide, "/any/127/metadata/a"),
        (json!({"message": "1[01]{1000}2"}), "/message"),
    ] {
        let problems = compile(&spec).unwrap_err();
        assert_eq!(problems[0].pointer, pointer, "{spec}: {problems:?}");
    }
    assert!(serde_json::from_str::<Spec>("[]").is_err());
    let typo = compile(&json!({"sorce": "x"})).unwrap_err();
    assert_eq!(typo[0].detail, r#"unknown member; did you mean "source"?"#);
    let many = compile(&json!({"source": "(", "message": "(", "metadata": {"a": {"gt": "x"}}})).unwrap_err();
    assert_eq!(many.len(), 3);
}

#[test]
fn explanations_say_what_was_seen() {
    let event = event_at(
        &json!({"level": "INFO", "source": "pay", "message": "ok",
            "metadata": {"amount": 86.1, "region": "us", "items": [{"n": 1}, {"n": 2}], "id": "7"}}),
        "2026-11-23T18:07:49Z",
    );
    let filters = json!({
        "min_level": "WARNING", "source": ["a", "b"], "message": "timeout",
        "metadata": {"amount": {"gt": 1000}, "region": "eu", "card.brand": "visa", "$.items[*].n": {"gt": 5}, "id": {"lt": 9}},
        "schedule": {"timezone": "Europe/Berlin", "days": ["mon-fri"], "from": "09:00", "to": "17:00"},
        "any": [{"levels": ["ERROR"]}, {"metadata": {"amount": {"lt": 100}}}],
        "not": {"source": "pay"},
    });
    let conditions = filter(filters).explain(&event);
    let said: Vec<(&str, bool, &str)> = conditions.iter().map(|c| (&*c.pointer, c.passed, &*c.message)).collect();
    assert_eq!(
        said,
        [
            ("/filters/min_level", false, "level is INFO, not WARNING or worse"),
            ("/filters/source", false, r#"source is "pay", not a or b"#),
            (
                "/filters/metadata/$.items[*].n/gt",
                false,
                "each of the 2 values at metadata.items[*].n fails: the first is 1, not greater than 5"
            ),
            ("/filters/metadata/amount/gt", false, "metadata.amount is 86.1, not greater than 1000"),
            ("/filters/metadata/card.brand", false, "no value at card.brand"),
            ("/filters/metadata/id/lt", false, r#"metadata.id is "7", a string: lt holds for numbers only"#),
            ("/filters/metadata/region", false, r#"metadata.region is "us", not "eu""#),
            ("/filters/message", false, r#"message is "ok", not matched by /timeout/"#),
            (
                "/filters/schedule",
                false,
                "it was Mon 2026-11-23 19:07 (Europe/Berlin, +01), outside mon-fri 09:00–17:00"
            ),
            ("/filters/any", true, "1 of 2 hold, one must"),
            ("/filters/not", false, "what must not hold does"),
        ]
    );
    assert_eq!(conditions[3].value, 86.1);
    assert_eq!(conditions[4].value, Value::Null);
    assert_eq!(conditions[2].value, json!([1, 2]));
    let any = &conditions[9].conditions;
    assert_eq!(any[0].pointer, "/filters/any/0/levels");
    assert_eq!(any[1].pointer, "/filters/any/1/metadata/amount/lt");
    assert!(any[1].passed);
}

#[test]
fn long_lists_say_how_many_more_there_are() {
    let list: Vec<i64> = (0..1000).collect();
    let conditions = filter(json!({"metadata": {"n": list}})).explain(&event(&json!({"metadata": {"n": -1}})));
    assert_eq!(conditions[0].message, "metadata.n is -1, not 0 or 1 or 2 or 3 or 4 or 5 or 6 or 7 or 992 more");
}

#[test]
fn what_is_seen_of_large_values_is_their_beginning() {
    let event = event(&json!({"message": "é".repeat(5000), "metadata": {"l": vec![1; 5000]}}));
    let conditions = filter(json!({"message": "x", "metadata": {"l": {"contains": 2}}})).explain(&event);
    assert!(conditions.iter().all(|condition| condition.value.to_string().len() < 2000));
    let shown = format!("metadata.l is [{}…, not containing 2", "1,".repeat(60).strip_suffix(',').unwrap());
    assert_eq!(conditions[0].message, shown);
    assert_eq!(conditions[1].message, format!("message is \"{}…, not matched by /x/", "é".repeat(119)));
}

/// Every number is the same, wherever it was read and however often it was kept.
#[test]
fn fractions_are_exact() {
    for number in ["25.210106717864755", "31.245270191439438", "0.1", "1e-7", "123456789.12345679", "5e-324"] {
        let json = format!(r#"{{"metadata":{{"n":{number}}}}}"#);
        let new = Draft::from_json(json.as_bytes()).unwrap().seal(Timestamp::default(), Limits::default()).unwrap();
        let event = Event::new(Seq(1), "e".parse().unwrap(), new.head, new.tail);
        let kept: Spec = serde_json::from_str(&json).unwrap();
        let again: Spec = serde_json::from_str(&serde_json::to_string(&kept).unwrap()).unwrap();
        assert_eq!(kept, again);
        assert!(Filter::compile(&again, &Pool::default()).unwrap().matches(&event), "{number}");
        check(&event, &[(json!({"where": format!("@.metadata.n == {number}")}), true)]);
    }
}

#[test]
fn a_tally_counts_each_condition_and_finds_paths_that_nothing_has() {
    let filter = filter(json!({"min_level": "ERROR",
        "metadata": {"amout": {"gt": 1}, "amount": {"gt": 10, "lt": 30}}, "where": "@.metadata.amuont > 1"}));
    let mut tally = Tally::default();
    for (level, amount) in [("ERROR", 5), ("INFO", 20), ("ERROR", 40)] {
        tally.count(&filter, &event(&json!({"level": level, "metadata": {"amount": amount}})));
    }
    let passed = tally.passed(&filter);
    assert_eq!(
        passed.iter().map(|(pointer, passed)| (&**pointer, *passed)).collect::<Vec<_>>(),
        [
            ("/filters/min_level", 2),
            ("/filters/metadata/amount/gt", 2),
            ("/filters/metadata/amount/lt", 2),
            ("/filters/metadata/amout/gt", 0),
            ("/filters/where", 0),
        ]
    );
    let paths = [("$.metadata.amount", 3), ("$.metadata.amout", 0), ("$.metadata.amuont", 0)];
    assert_eq!(tally.paths(&filter), paths.map(|(path, seen)| (path.to_owned(), seen)));
}

#[test]
fn a_trial_says_what_would_be_sent_and_why_not() {
    let filter = filter(json!({"metadata": {"amount": {"gt": 1000}, "amout": {"exists": true}}}));
    let mut trial = Trial::new(vec!["payment.**".parse().unwrap()], filter);
    assert!(trial.unseen_paths().is_empty());
    let at = |second: u32, name: &str, metadata: Value| {
        let json = json!({"event_type": name, "metadata": metadata});
        std::sync::Arc::new(event_at(&json, &format!("2026-11-23T18:{:02}:{:02}Z", second / 60, second % 60)))
    };
    trial.take(&at(0, "log.info", json!({"amount": 5000, "amout": 1})));
    trial.take(&at(30, "payment.done", json!({"amount": 5000})));
    assert_eq!(trial.unseen_paths(), ["$.metadata.amout"]);
    for second in [50, 70, 80, 240] {
        trial.take(&at(second, "payment.done", json!({"amount": 5000, "amout": 1})));
    }
    assert_eq!((trial.tested(), trial.matched()), (6, 4));
    assert_eq!(trial.per_minute(), PerMinute { mean: 1.0, peak: 2 });
    let counted: Vec<(String, u64, u64)> =
        trial.conditions().into_iter().map(|c| (c.pointer, c.passed, c.tested)).collect();
    assert_eq!(
        counted,
        [
            ("/events".into(), 5, 6),
            ("/filters/metadata/amount/gt".into(), 5, 5),
            ("/filters/metadata/amout/exists".into(), 4, 5)
        ]
    );
    let results = trial.results();
    assert_eq!(results.len(), 6);
    assert_eq!(results.iter().filter(|judged| judged.matched).count(), 4);
    let failed = results.iter().find(|judged| !judged.matched && judged.conditions[0].passed).unwrap();
    assert_eq!(failed.conditions[2].message, "no value at amout");
}

/// Small values, so that they meet.
pub(crate) fn scalars() -> impl Strategy<Value = Value> {
    prop_oneof![
        (-2i64..4).prop_map(Value::from),
        prop_oneof![Just(0.5), Just(1.0), Just(2.5)].prop_map(Value::from),
        "[ab]{0,2}".prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
    ]
}

const PATHS: [&str; 6] = ["a", "b", "a.b", "c.a", "$.l[*]", "$.c.a"];

/// Events whose members meet [`filters`].
pub(crate) fn events() -> impl Strategy<Value = Value> {
    let metadata = prop::collection::btree_map(
        prop::sample::select(&["a", "b", "a.b", "c", "l"][..]),
        prop_oneof![
            3 => scalars(),
            1 => prop::collection::btree_map("[ab]", scalars(), 0..3).prop_map(|map| json!(map)),
            1 => prop::collection::vec(scalars(), 0..3).prop_map(Value::from),
        ],
        0..5,
    );
    let level = prop::sample::select(&["TRACE", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"][..]);
    (level, "[ab](-[ab])?", "[xy]{0,3}", metadata).prop_map(
        |(level, source, message, metadata)| json!({"level": level, "source": source, "message": message, "metadata": metadata}),
    )
}

/// Filters of every kind, nested.
pub(crate) fn filters() -> impl Strategy<Value = Value> {
    let level = prop::sample::select(&["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"][..]);
    let source = prop::sample::select(&["a", "b", "a-b", "a-.*", ".*-a", "(a|b)-b", "[ab]"][..]);
    let operator = prop_oneof![
        (prop::sample::select(&["eq", "ne", "contains"][..]), scalars()).prop_map(|(name, value)| json!({name: value})),
        (prop::sample::select(&["gt", "gte", "lt", "lte"][..]), -2i64..4)
            .prop_map(|(name, value)| json!({name: value})),
        (prop::sample::select(&["in", "not_in"][..]), prop::collection::vec(scalars(), 1..3))
            .prop_map(|(name, values)| json!({name: values})),
        (0i64..2, 1i64..4).prop_map(|(low, high)| json!({"gte": low, "lt": high})),
        any::<bool>().prop_map(|exists| json!({"exists": exists})),
        (prop::sample::select(&["prefix", "suffix", "regex"][..]), "[ab]").prop_map(|(name, text)| json!({name: text})),
    ];
    let test = prop_oneof![
        2 => scalars(),
        1 => prop::collection::vec(scalars(), 1..3).prop_map(Value::from),
        3 => operator,
    ];
    let member = prop_oneof![
        3 => prop::collection::btree_map(prop::sample::select(&PATHS[..]), test, 1..3)
            .prop_map(|fields| json!({"metadata": fields})),
        2 => source.clone().prop_map(|source| json!({"source": source})),
        1 => prop::collection::vec(source, 1..3).prop_map(|sources| json!({"source": sources})),
        1 => level.clone().prop_map(|level| json!({"min_level": level})),
        1 => prop::collection::vec(level, 1..4).prop_map(|levels| json!({"levels": levels})),
        1 => "[xy]".prop_map(|message| json!({"message": message})),
        1 => Just(json!({"where": "@.metadata.a == 1 || @.source == 'a-b'"})),
        1 => Just(json!({"schedule": {"days": ["mon"]}})),
    ];
    let members = prop::collection::vec(member, 1..4).prop_map(merged);
    members.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            (inner.clone(), prop::collection::vec(inner.clone(), 1..4))
                .prop_map(|(a, b)| merged(vec![a, json!({"any": b})])),
            prop::collection::vec(inner.clone(), 1..4).prop_map(|b| json!({"any": b})),
            prop::collection::vec(inner.clone(), 1..3).prop_map(|b| json!({"all": b})),
            (inner.clone(), inner).prop_map(|(a, b)| merged(vec![a, json!({"not": b})])),
        ]
    })
}

fn merged(parts: Vec<Value>) -> Value {
    let members = parts.into_iter().filter_map(|part| match part {
        Value::Object(members) => Some(members),
        _ => None,
    });
    Value::Object(members.flatten().collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_explanation_and_the_tally_agree_with_the_answer(spec in filters(), json in events()) {
        let (filter, event) = (filter(spec), event(&json));
        let conditions = filter.explain(&event);
        prop_assert_eq!(filter.matches(&event), conditions.iter().all(|condition| condition.passed));
        let mut tally = Tally::default();
        tally.count(&filter, &event);
        let mut leaves = Vec::new();
        each_leaf(&conditions, &mut leaves);
        for (pointer, passed) in tally.passed(&filter) {
            let leaf = leaves.iter().find(|leaf| leaf.pointer == pointer);
            prop_assert!(leaf.is_some_and(|leaf| leaf.passed == (passed == 1)), "{pointer}");
        }
    }

    #[test]
    fn a_filter_is_kept_as_it_was_written(spec in filters()) {
        let kept: Spec = serde_json::from_value(spec.clone()).unwrap();
        prop_assert_eq!(serde_json::to_value(&kept).unwrap(), spec);
    }
}

fn each_leaf<'c>(conditions: &'c [Condition], leaves: &mut Vec<&'c Condition>) {
    for condition in conditions {
        match &condition.conditions[..] {
            [] => leaves.push(condition),
            inner => each_leaf(inner, leaves),
        }
    }
}
