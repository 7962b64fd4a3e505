//! Why a filter holds or does not, in words for a person.

use serde::Serialize;
use serde_json::Value;

use super::{Filter, bit, holds, message};
use crate::Event;

/// One condition of a filter, held against one event.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Condition {
    /// Where it stands in the subscription: `/filters/min_level`.
    pub pointer: String,
    /// Whether it holds.
    pub passed: bool,
    /// What was seen in the event.
    pub value: Value,
    /// The same for a person: `level is INFO, not WARNING or worse`.
    pub message: String,
}

impl Condition {
    /// A condition; `expectation` goes on from "`name` is …, " with "as" or "not" in front.
    fn new(member: &str, name: &str, value: Value, passed: bool, expectation: &str) -> Self {
        let joint = if passed { "as wanted:" } else { "not" };
        let message = format!("{name} is {value}, {joint} {expectation}");
        Self { pointer: format!("/filters/{member}"), passed, value, message }
    }
}

impl Filter {
    /// Every condition of the filter with its result, in the order of the members.
    pub fn explain(&self, event: &Event) -> Vec<Condition> {
        let mut conditions = Vec::new();
        let level = event.head.level;
        if let Some(source) = &self.spec.source {
            let wanted = source.as_slice().join(" or ");
            let seen = Value::from(&*event.head.source);
            conditions.push(Condition::new("source", "source", seen, self.has_source(event), &wanted));
        }
        if let (Some(bits), Some(levels)) = (self.levels, &self.spec.levels) {
            let wanted: Vec<&str> = levels.iter().map(|level| level.name()).collect();
            let passed = bits & bit(level) != 0;
            conditions.push(Condition::new("levels", "level", level.name().into(), passed, &wanted.join(" or ")));
        }
        if let Some(min) = self.spec.min_level {
            let wanted = format!("{min} or worse");
            conditions.push(Condition::new("min_level", "level", level.name().into(), level >= min, &wanted));
        }
        if let Some(regex) = &self.message {
            let seen = message(event);
            let wanted = format!("a text in which {regex} is found");
            conditions.push(Condition::new("message", "message", seen.into(), regex.is_match(seen), &wanted));
        }
        if let (Some(path), Some(text)) = (&self.where_, &self.spec.where_) {
            let passed = holds(path, event);
            let verb = if passed { "holds" } else { "does not hold" };
            let message = format!("the expression {text} {verb} for this event");
            conditions.push(Condition { pointer: "/filters/where".into(), passed, value: Value::Null, message });
        }
        conditions
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::event;
    use super::*;

    #[test]
    fn it_says_what_was_seen_and_what_was_wanted() {
        let filter = Filter::compile(serde_json::from_str(r#"{"min_level":"WARNING"}"#).unwrap()).unwrap();
        let conditions = filter.explain(&event(r#"{"level":"INFO"}"#));
        assert_eq!(conditions[0].message, r#"level is "INFO", not WARNING or worse"#);
        assert_eq!(conditions[0].pointer, "/filters/min_level");
        assert!(!conditions[0].passed);
    }
}
