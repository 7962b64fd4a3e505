//! The JSONPath Compliance Test Suite, through the filters' own expressions and paths.

use std::collections::BTreeMap;

use loghorn_domain::filter::{Expression, Path};
use serde::Deserialize;
use serde_json::{Value, json};

/// Every case of the suite; its licence lies beside it.
const CASES: &str = include_str!("data/jsonpath-cts.json");

const A_LIST: &str = "a list of selectors is not one logical expression";
const TWO_STEPS: &str = "the selector goes on behind the filter";
const ARRAY_OF_ONE: &str = "`$` is here an array of the one element, not the whole document";
const PATTERN: &str = "too slow: a regular expression from the document, inside a filter";
const ABSOLUTE: &str = "too slow: a `$` query for every value of a filter";

/// The valid cases of the form `$[?…]` which an expression refuses or answers otherwise, with the reason.
const EXPRESSIONS_OTHERWISE: [(&str, &str); 8] = [
    ("filter, absolute existence, with segments", ARRAY_OF_ONE),
    ("filter, followed by child segment that selects multiple elements", TWO_STEPS),
    ("filter, multiple selectors", A_LIST),
    ("filter, multiple selectors, comparison", A_LIST),
    ("filter, multiple selectors, filter and index", A_LIST),
    ("filter, multiple selectors, filter and slice", A_LIST),
    ("filter, multiple selectors, filter and wildcard", A_LIST),
    ("filter, multiple selectors, overlapping", A_LIST),
];

/// The valid cases which a path refuses, with the reason.
const PATHS_REFUSED: [(&str, &str); 12] = [
    ("filter, absolute existence, with segments", ABSOLUTE),
    ("filter, absolute, equals self", ABSOLUTE),
    ("filter, equals, special nothing", ABSOLUTE),
    ("functions, length, arg is a function expression", ABSOLUTE),
    ("functions, match, arg is a function expression", PATTERN),
    ("functions, match, regex from the document", PATTERN),
    ("functions, search, arg is a function expression", PATTERN),
    ("functions, search, regex from the document", PATTERN),
    ("whitespace, functions, newlines in an absolute singular selector", ABSOLUTE),
    ("whitespace, functions, returns in an absolute singular selector", ABSOLUTE),
    ("whitespace, functions, spaces in an absolute singular selector", ABSOLUTE),
    ("whitespace, functions, tabs in an absolute singular selector", ABSOLUTE),
];

#[derive(Deserialize)]
struct Case {
    name: String,
    selector: String,
    #[serde(default)]
    document: Value,
    result: Option<Vec<Value>>,
    /// Any of these, where the order is free.
    results: Option<Vec<Vec<Value>>>,
    #[serde(default)]
    invalid_selector: bool,
}

impl Case {
    fn allows(&self, found: &[&Value]) -> bool {
        let mut allowed = self.result.iter().chain(self.results.iter().flatten());
        allowed.any(|result| result.iter().eq(found.iter().copied()))
    }

    /// The text of the filter, where the selector is `$[?…]`.
    fn filter(&self) -> Option<&str> {
        let inside = self.selector.strip_prefix("$[")?.trim_start().strip_prefix('?')?;
        inside.strip_suffix(']')
    }

    /// The elements for which the expression holds, each as an event of its own.
    fn elements_for<'c>(&'c self, expression: &Expression) -> Vec<&'c Value> {
        let elements: Vec<&Value> = match &self.document {
            Value::Array(elements) => elements.iter().collect(),
            Value::Object(members) => members.values().collect(),
            _ => Vec::new(),
        };
        elements.into_iter().filter(|element| expression.holds(&json!([element]))).collect()
    }
}

fn cases() -> Vec<Case> {
    serde_json::from_str(CASES).expect("the suite is JSON")
}

fn assert_exactly(otherwise: &BTreeMap<String, String>, expected: &[(&str, &str)]) {
    let names: Vec<&str> = otherwise.keys().map(String::as_str).collect();
    let expected: Vec<&str> = expected.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, expected, "{otherwise:#?}");
}

#[test]
fn expressions_agree_with_the_suite() {
    let mut otherwise = BTreeMap::new();
    let (mut valid, mut invalid) = (0, 0);
    for case in cases() {
        let Some(text) = case.filter() else { continue };
        let parsed = Expression::parse(text);
        if case.invalid_selector {
            invalid += 1;
            assert!(parsed.is_err(), "{}: {text} must be refused", case.name);
            continue;
        }
        valid += 1;
        match parsed {
            Err(problem) => otherwise.extend([(case.name, problem.detail)]),
            Ok(expression) => {
                let found = case.elements_for(&expression);
                if !case.allows(&found) {
                    otherwise.extend([(case.name.clone(), format!("{found:?}"))]);
                }
            }
        }
    }
    assert_exactly(&otherwise, &EXPRESSIONS_OTHERWISE);
    assert_eq!((valid, invalid), (277, 93), "cases of this form");
}

#[test]
fn paths_agree_with_the_suite() {
    let mut otherwise = BTreeMap::new();
    for case in cases() {
        match Path::parse(&case.selector) {
            Ok(_) if case.invalid_selector => panic!("{}: {} must be refused", case.name, case.selector),
            Err(_) if case.invalid_selector => {}
            Err(problem) => otherwise.extend([(case.name, problem.detail)]),
            Ok(path) => {
                let found = path.nodes(&case.document);
                assert!(case.allows(&found), "{}: {} found {found:?}", case.name, case.selector);
            }
        }
    }
    assert_exactly(&otherwise, &PATHS_REFUSED);
    assert!(otherwise.values().all(|detail| detail.contains("too slow on large events")), "{otherwise:#?}");
}

#[test]
fn the_limited_regular_expressions_are_linked_in() {
    // Within the limit of the crate's own functions, which would take their place unnoticed.
    let event = json!([{"text": "a".repeat(200), "pattern": "\\w{200}"}]);
    assert!(regex::Regex::new("(?R)^(\\w{200})$").is_ok());
    for function in ["match", "search"] {
        let expression = Expression::parse(&format!("{function}(@.text, @.pattern)")).unwrap();
        assert!(!expression.holds(&event), "{function}");
    }
}
