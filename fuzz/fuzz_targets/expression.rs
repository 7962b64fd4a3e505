//! Any text as an expression, a JSONPath and a regular expression in one: it is refused with a position within it, or
//! evaluated.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use loghorn_domain::{
    Event, Problem,
    filter::{Expression, Path},
};

static EVENTS: LazyLock<Vec<Event>> = LazyLock::new(loghorn_fuzz::events);

fn check(text: &str, problem: &Problem) {
    assert!(problem.pointer.is_empty());
    if let Some(rest) = problem.detail.strip_prefix("at character ") {
        let index: usize = rest.split(':').next().unwrap().parse().unwrap();
        assert!(index <= text.chars().count(), "{text:?}: {problem:?}");
    } else {
        assert!(problem.detail.starts_with("longer than"), "{text:?}: {problem:?}");
    }
}

fuzz_target!(|text: &str| {
    match Expression::parse(text) {
        Ok(expression) => {
            for event in EVENTS.iter() {
                expression.holds(event.value_in_array());
                for path in expression.paths() {
                    path.nodes(event.value());
                }
            }
        }
        Err(problem) => check(text, &problem),
    }
    let path = format!("${text}");
    match Path::parse(&path) {
        Ok(path) => EVENTS.iter().for_each(|event| drop(path.nodes(event.value()))),
        Err(problem) => check(&path, &problem),
    }
    // As a query by itself it is true where it finds something.
    if let (Ok(path), Ok(expression)) = (Path::parse(&path), Expression::parse(&format!("@{text}"))) {
        for event in EVENTS.iter().filter(|_| !text.contains('$')) {
            let found = !path.nodes(event.value()).is_empty();
            assert_eq!(found, expression.holds(event.value_in_array()), "{text:?} {}", event.json());
        }
    }
});
