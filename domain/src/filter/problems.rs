//! What is wrong with a filter, where, and how much of it there may be.

use serde_json::{Map, Value};

use super::{EXPRESSION_BYTES_MAX, expression::check_speed};
use crate::{Problem, pointer_part};

/// Most conditions in one filter: members, paths, operators, and filters within groups.
pub(super) const NODES_MAX: usize = 256;
/// Most regular expressions in one filter.
const REGEXES_MAX: usize = 32;
/// Most places at which all regular expressions of one filter may be at once: twice what one may have.
const PLACES_MAX: u64 = 480;
/// Most looks at each value of an event by all expressions and paths of one filter: twice what one may take.
const LOOKS_MAX: u64 = 128;
/// Most things that are told to be wrong with one filter.
const PROBLEMS_MAX: usize = 20;

/// Where in the filter something stands.
pub(super) struct Place<'a> {
    above: Option<&'a Place<'a>>,
    part: Part<'a>,
}

enum Part<'a> {
    Root,
    Member(&'a str),
    Item(usize),
}

impl<'a> Place<'a> {
    pub(super) const ROOT: Self = Self { above: None, part: Part::Root };

    pub(super) fn member(&'a self, name: &'a str) -> Self {
        Self { above: Some(self), part: Part::Member(name) }
    }

    pub(super) fn item(&'a self, index: usize) -> Self {
        Self { above: Some(self), part: Part::Item(index) }
    }

    /// The JSON pointer (RFC 6901).
    pub(super) fn pointer(&self) -> String {
        let mut pointer = self.above.map(Place::pointer).unwrap_or_default();
        match self.part {
            Part::Root => {}
            Part::Member(name) => {
                pointer.push('/');
                pointer.push_str(&pointer_part(name));
            }
            Part::Item(index) => pointer.push_str(&format!("/{index}")),
        }
        pointer
    }
}

/// What is wrong so far, and how large the filter is so far.
#[derive(Default)]
pub(super) struct Problems {
    found: Vec<Problem>,
    nodes: usize,
    regexes: usize,
    places: u64,
    looks: u64,
}

impl Problems {
    pub(super) fn add(&mut self, place: &Place<'_>, detail: impl Into<String>) {
        if self.found.len() < PROBLEMS_MAX {
            self.found.push(Problem::new(place.pointer(), detail));
        }
    }

    pub(super) fn into_found(self) -> Vec<Problem> {
        self.found
    }

    pub(super) fn count(&self) -> usize {
        self.found.len()
    }

    /// Passes a problem on as standing at `place`.
    pub(super) fn told<T>(&mut self, place: &Place<'_>, result: Result<T, Problem>) -> Option<T> {
        result.map_err(|problem| self.add(place, problem.detail)).ok()
    }

    /// Counts one more condition; the first one too many is told.
    pub(super) fn is_too_large(&mut self, place: &Place<'_>) -> bool {
        self.nodes += 1;
        if self.nodes == NODES_MAX + 1 {
            self.add(place, format!("a filter holds at most {NODES_MAX} conditions"));
        }
        self.nodes > NODES_MAX || self.found.len() == PROBLEMS_MAX
    }

    /// Counts one more regular expression, before it is compiled: that takes long where there are many. The first one
    /// too many is told, or the first with which they are too slow together.
    pub(super) fn has_room_for_regex(&mut self, text: &str, place: &Place<'_>) -> bool {
        if self.regexes > REGEXES_MAX || self.places > PLACES_MAX {
            return false;
        }
        self.regexes += 1;
        if self.regexes > REGEXES_MAX {
            self.add(place, format!("a filter holds at most {REGEXES_MAX} regular expressions"));
            return false;
        }
        // One that is too long or too slow by itself is refused by itself.
        let places = if text.len() > EXPRESSION_BYTES_MAX { 0 } else { check_speed(text).unwrap_or_default() };
        self.places += places;
        if self.places > PLACES_MAX {
            let detail = format!(
                "too slow on large events: the regular expressions of this filter have up to here about {} places at \
                 which they may be all at once (at most {PLACES_MAX}); use smaller numbers in braces",
                self.places
            );
            self.add(place, detail);
            return false;
        }
        true
    }

    /// Whether there may be one more expression or JSONPath.
    pub(super) fn has_room_for_looks(&self) -> bool {
        self.looks <= LOOKS_MAX
    }

    /// Counts what an expression or a JSONPath costs; the first one too many is told.
    pub(super) fn looks(&mut self, looks: u64, place: &Place<'_>) {
        self.looks += looks;
        if self.looks > LOOKS_MAX {
            let detail = format!(
                "too slow on large events: with this one the expressions and paths of the filter may look at every \
                 value of an event {} times or more, and {LOOKS_MAX} are allowed; use names instead of `*` and `..`",
                self.looks
            );
            self.add(place, detail);
        }
    }

    /// The members of an object, none unknown.
    pub(super) fn object<'v>(
        &mut self,
        value: &'v Value,
        place: &Place<'_>,
        known: &[&str],
    ) -> Option<&'v Map<String, Value>> {
        let Value::Object(members) = value else {
            self.add(place, format!("expected an object with {}, not {}", known.join(", "), super::kind(value)));
            return None;
        };
        for name in members.keys().filter(|name| !known.contains(&name.as_str())) {
            self.add(&place.member(name), unknown(name, known));
        }
        Some(members)
    }

    pub(super) fn text<'v>(&mut self, value: &'v Value, place: &Place<'_>, what: &str) -> Option<&'v str> {
        let text = value.as_str();
        if text.is_none() {
            self.add(place, format!("expected {what}, not {}", super::kind(value)));
        }
        text
    }

    pub(super) fn list<'v>(
        &mut self,
        value: &'v Value,
        place: &Place<'_>,
        what: &str,
        max: usize,
    ) -> Option<&'v [Value]> {
        match value {
            Value::Array(items) if (1..=max).contains(&items.len()) => Some(items),
            Value::Array(items) => {
                self.add(place, format!("expected 1 to {max} {what}, not {}", items.len()));
                None
            }
            other => {
                self.add(place, format!("expected a list of {what}, not {}", super::kind(other)));
                None
            }
        }
    }
}

fn unknown(name: &str, known: &[&str]) -> String {
    let nearest =
        known.iter().map(|known| (strsim::jaro_winkler(name, known), known)).max_by(|a, b| a.0.total_cmp(&b.0));
    match nearest {
        Some((likeness, nearest)) if likeness > 0.8 => format!("unknown member; did you mean {nearest:?}?"),
        _ => format!("unknown member; known are {}", known.join(", ")),
    }
}
