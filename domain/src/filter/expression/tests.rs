use proptest::prelude::*;
use serde_json::json;

use super::*;

fn holds(text: &str, event: Value) -> bool {
    Expression::parse(text).unwrap_or_else(|problem| panic!("{text}: {}", problem.detail)).holds(&json!([event]))
}

fn refusal(text: &str) -> String {
    let problem = Expression::parse(text).expect_err(text);
    assert_eq!(problem.pointer, "");
    problem.detail
}

#[test]
fn a_mistake_is_shown_with_its_place_and_what_was_expected() {
    for (text, start) in [
        ("", "at character 0: expected a query"),
        ("  ", "at character 2: expected a query"),
        ("@.a >", "at character 5: expected a query (`@.…`), a function, a string in quotes, a number, true, false"),
        ("@.a = 1", "at character 4: expected `==`; found `=`"),
        ("@.ä == x", "at character 7: `x` is nothing known; a string needs quotes, and a member of the event `@.x`"),
        ("@.a == 'x", "at character 7: this string has no closing quote"),
        ("@.a == 1 & @.b", "at character 9: expected `&&`, `||` or the end of the expression; found `&`"),
        ("@.user-id == 1", "at character 6: expected an operator; a name with `-` is written `['user-id']`"),
        ("(@.a", "at character 4: expected `&&`, `||` or `)`; found the end"),
        ("@.a == 1, *", "at character 8: expected one logical expression, not a list of selectors"),
        ("@.a)] , $[?(@.b", "at character 3: expected `&&`, `||` or the end of the expression; found `)`"),
        ("@.a][?@.b", "at character 3: expected `&&`, `||` or the end"),
        ("@.*.a == 1", "at character 0: expected one value, but this query may select several"),
        ("count(@.a)", "at character 0: `count(…)` is no condition; compare it"),
        ("match(@.a, 'x') == true", "at character 0: `match(…)` is a condition by itself"),
        ("search(@.a)", "at character 0: `search` takes 2 arguments, found 1"),
        ("count (@.a) == 1", "at character 5: expected `(` right after `count`"),
        ("loghorn_match(@.a, 'x')", "at character 0: there is no function `loghorn_match`; there are count, length,"),
        ("!@.a == 1", "at character 0: `!` in front of a comparison needs brackets"),
        ("@.a == 01", "at character 7: expected a number without zeros in front"),
        ("@.a > 1e999", "at character 6: expected a number within the range of a double"),
        ("match(@.a, '\\d+')", "at character 13: expected an escape of JSON after `\\`; a backslash itself"),
        ("search(@.a, '(')", "at character 12: not a regular expression"),
        ("match(@.a, 'a)|(b')", "at character 11: not a regular expression"),
        ("match(@.a, '(?x)a#')", "at character 11: not a regular expression"),
        ("search(@.a, '\\\\w{1000}')", "at character 12: too large once compiled"),
        ("$.metadata.a == 1", "at character 0: `$` is an array that holds the event; write `@.metadata.a`"),
        ("@.list[?@.a == $.a]", "at character 15: `$` is an array that holds the event; write `$[0].a`"),
    ] {
        let detail = refusal(text);
        assert!(detail.starts_with(start), "{text}: {detail}");
    }
    assert!(refusal(&"x".repeat(4097)).starts_with("longer than 4096 bytes"));
}

#[test]
fn what_may_be_slow_is_refused() {
    for (text, part) in [
        ("@.a[?$[0]..b]", "this `$` query may select many values"),
        ("@.a[?length($[0].b) == 1]", "a function of a `$` query"),
        ("@.a[?$[0].b == $[0].c]", "two `$` queries"),
        ("@..a[?@.b == @.c]", "below `..` whole arrays"),
        ("@.a[?search(@.b, @.c)]", "must be written out in quotes"),
        ("@..a..b", "a second `..`"),
        ("@..a[?@..b]", "a second `..`"),
        ("@[?@[?@[?@[?@]]]]", "more than 3 filters"),
        ("count(@[*,*][*,*][*,*][*,*][*,*][*,*]) == 1", "looked at 127 times or more, and 64 are allowed"),
        ("search(@.a, '1[01]{1000}2')", "about 1000 places"),
        (&["count(@..*) == 0"; 40].join("||"), "looked at"),
        (&format!("@..[?{}]", ["@.a == 1"; 40].join("||")), "looked at"),
        (&"(".repeat(4096), "more than 32 brackets"),
        (&"@[?".repeat(1365), "more than 3 filters"),
        (&"count(".repeat(600), "more than 32 brackets"),
    ] {
        let detail = refusal(text);
        assert!(detail.contains(part), "{text}: {detail}");
    }
    assert!(Path::parse("$..a..b").unwrap_err().detail.starts_with("at character 4: too slow"));
}

#[test]
fn what_people_write_is_allowed() {
    let event = json!({
        "level": "ERROR", "message": "card timeout", "source": "pay",
        "metadata": {"amount": 1250.5, "user-id": 7, "main": "x", "items": [{"sku": "x", "n": 2}, {"sku": "y", "n": 1}]},
    });
    for text in [
        "@.metadata.amount > 1000 && search(@.message, 'timeout')",
        "@.metadata['user-id'] == 7",
        "@.metadata.items[?@.sku == 'x' && @.n >= 2]",
        "@.metadata.items[?@.sku == $[0].metadata.main]",
        "count(@.metadata.items[*]) == 2 && length(@.message) > 3",
        "@..sku && !@..price",
        "@..[?length(@.sku) == count(@.*) || @.sku == 'x'] && @.metadata == @['metadata']",
        "@.metadata.items[-1].sku == 'y'",
        "length(@.metadata.items[-2].sku) == 1 && value(@.metadata.items[-1].n) == 1",
        "@.metadata.absent == @.metadata.items[-3]",
        "@ ..sku",
        " ( @.level=='ERROR' || @.level == \"CRITICAL\" ) && !match(@.source, 'pa') ",
        &["@.level == 'ERROR'"; 200].join("||"),
        &format!("{}@.level{}", "(".repeat(32), ")".repeat(32)),
    ] {
        assert!(holds(text, event.clone()), "{text}");
    }
}

#[test]
fn the_paths_of_an_expression_are_those_on_the_event() {
    let text = "@.metadata.amount > 1 && search(@.message , 'x') || @.metadata.amount < 0 || $[0].a || @ \
                || count(@.items[?@.a]..b) > 1 || @.list[-1] == 1 || @.items[?@.sku == $[0].main].price";
    let expression = Expression::parse(text).unwrap();
    let paths: Vec<&str> = expression.paths().iter().map(Path::as_str).collect();
    assert_eq!(paths, ["$.metadata.amount", "$.message", "$", "$.items[?@.a]..b", "$.list[-1]", "$.items"]);
    assert_eq!(expression.paths()[4].nodes(&json!({"list": [1, 2]})), [&json!(2)]);
}

#[test]
fn patterns_from_the_event_are_limited() {
    let event = |pattern: &str| json!({"text": "a".repeat(100), "pattern": pattern});
    assert!(holds("match(@.text, @.pattern)", event("a+")));
    for pattern in ["(", "a{99", "\\w{1000}", "[ab]{0,1000}", &"a?".repeat(3000)] {
        assert!(!holds("search(@.text, @.pattern)", event(pattern)), "{pattern}");
    }
    // More patterns than are kept; the later ones push out the earlier ones.
    for round in 0..2 {
        for number in 0..300 {
            assert_eq!(holds("match(@.text, @.pattern)", event(&format!("a{{{number}}}"))), number == 100, "{round}");
        }
    }
}

/// What a refusal says that is not about the grammar.
const OWN_RULES: [&str; 5] = ["too slow", "not a regular", "inside each other", "`$` is an array", "too large once"];

fn is_own_rule(problem: &Problem) -> bool {
    OWN_RULES.iter().any(|rule| problem.detail.contains(rule))
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        (0..3).prop_map(Value::from),
        "[ab]{0,2}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[abc]", inner, 0..4).prop_map(Value::from_iter),
        ]
    })
}

fn singular() -> impl Strategy<Value = String> {
    let step = prop_oneof![Just(".a"), Just(" .b"), Just("['c']"), Just("[ 0 ]"), Just("[1]")];
    proptest::collection::vec(step, 0..3).prop_map(|steps| format!("@{}", steps.concat()))
}

/// Expressions without regular expressions and without indices from the end, which the crate alone evaluates as well.
fn expression() -> impl Strategy<Value = String> {
    let literal = prop_oneof![Just("1"), Just("'a'"), Just("\"b\""), Just("null"), Just("true"), Just("'\\u0061'")];
    let leaf = prop_oneof![
        singular(),
        (singular(), literal).prop_map(|(query, literal)| format!("{query} == {literal}")),
        (singular(), singular()).prop_map(|(left, right)| format!("{left}<={right}")),
        singular().prop_map(|query| format!("length({query}) > 1")),
    ];
    leaf.prop_recursive(4, 16, 3, |inner| {
        let step = prop_oneof![
            Just(".*".to_owned()),
            Just("..a".to_owned()),
            Just("['a', \"b\"]".to_owned()),
            Just("[::-1]".to_owned()),
            inner.clone().prop_map(|filter| format!("[?{filter}]")),
            inner.clone().prop_map(|filter| format!("..[? {filter} , 0]")),
        ];
        prop_oneof![
            inner.clone().prop_map(|inside| format!("({inside})")),
            inner.clone().prop_map(|inside| format!("! ( {inside} )")),
            (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("{left} && {right}")),
            (inner.clone(), inner).prop_map(|(left, right)| format!("{left}||{right}")),
            (singular(), step.clone()).prop_map(|(query, step)| format!("!{query}{step}")),
            (singular(), step.clone()).prop_map(|(query, step)| format!("count({query}{step})==1")),
            (singular(), step, 0..2).prop_map(|(query, step, n)| format!("value({query}{step}) != {n}")),
        ]
    })
}

fn soup() -> impl Strategy<Value = String> {
    let token = proptest::sample::select(vec![
        "@",
        "$",
        ".a",
        "..b",
        "*",
        ".*",
        "[",
        "]",
        "(",
        ")",
        "?",
        "'",
        "\"",
        "\\",
        "a",
        "0",
        "-1",
        ":",
        ",",
        " ",
        "!",
        "==",
        "<",
        "&&",
        "||",
        "count(",
        "match(",
        "value(",
        "'x'",
        "null",
        "[0]",
        "[?@",
        "1.5",
        "1e999",
        "é",
        "\u{1f980}",
    ]);
    proptest::collection::vec(token, 0..16).prop_map(|tokens| tokens.concat())
}

proptest! {
    #[test]
    fn no_text_panics(text in prop_oneof![any::<String>(), soup()], event in value()) {
        if let Ok(expression) = Expression::parse(&text) {
            expression.holds(&json!([event]));
        }
        let _ = Path::parse(&text).map(|path| path.nodes(&event).len());
    }

    #[test]
    fn the_grammar_is_that_of_the_crate(text in prop_oneof![soup(), expression()]) {
        let is_one = JsonPath::parse(&format!("$[?{text}]")).is_ok() && JsonPath::parse(&format!("$[?({text})]")).is_ok();
        match Expression::parse(&text) {
            // The crate alone takes no space before `..`.
            Ok(_) => prop_assert!(is_one || text.contains(" .."), "{text}"),
            Err(problem) => prop_assert!(!is_one || is_own_rule(&problem), "{text}: {}", problem.detail),
        }
    }

    #[test]
    fn an_expression_means_what_it_means_to_the_crate(text in expression(), event in value()) {
        let array = json!([event]);
        match Expression::parse(&text) {
            Ok(expression) => {
                let crates = JsonPath::parse(&format!("$[?{text}]")).unwrap();
                prop_assert_eq!(expression.holds(&array), !crates.query(&array).is_empty(), "{}", text);
                for path in expression.paths() {
                    path.nodes(&event);
                }
            }
            Err(problem) => prop_assert!(is_own_rule(&problem), "{text}: {}", problem.detail),
        }
    }

    #[test]
    fn an_index_from_the_end_is_found(list in proptest::collection::vec(0..3, 0..5), back in 1..6_usize, wanted in 0..3) {
        let expected = list.len().checked_sub(back).is_some_and(|index| list[index] == wanted);
        let event = json!({"list": list});
        prop_assert_eq!(holds(&format!("@.list[-{back}] == {wanted}"), event.clone()), expected);
        prop_assert_eq!(holds(&format!("value(@.list[-{back}]) == {wanted}"), event.clone()), expected);
        prop_assert_eq!(holds(&format!("count(@.list[-{back}]) == 1"), event), back <= list.len());
    }

    #[test]
    fn regular_expressions_are_those_of_the_rfc(pattern in "[ab.*()|^$?\r\n]{0,6}", text in "[ab\r\n]{0,4}") {
        let event = json!({"text": text, "pattern": pattern});
        let found = |pattern: String| regex::Regex::new(&pattern).is_ok_and(|regex| regex.is_match(&text));
        prop_assert_eq!(holds("match(@.text, @.pattern)", event.clone()), found(format!("(?R)^({pattern})$")));
        prop_assert_eq!(holds("search(@.text, @.pattern)", event), found(format!("(?R)({pattern})")));
    }
}
