//! Filters: what narrows a subscription beyond its event types.
//!
//! A filter is checked once, when it is saved, and compiled; precise [`Problem`]s refuse it otherwise. Members that
//! are not known are refused, never ignored: a filter with a typo must not match everything. All members must hold.
//! [`Filter::matches`] is the fast answer, [`Filter::explain`] the same answer in words; a test holds them together.

mod compile;
mod condition;
mod expression;
mod number;
mod operator;
mod pool;
mod problems;
mod schedule;
mod seen;
mod spec;
mod tally;
#[cfg(test)]
pub(crate) mod tests;
mod trial;
mod words;

use std::sync::Arc;

use regex::Regex;
use serde_json::Value;

pub use condition::{Condition, of_types};
pub use expression::{Expression, Path};
pub use pool::Pool;
pub use spec::Spec;
pub use trial::{Counted, Judged, PathSeen, PerMinute, Trial};

pub(crate) use number::Number;
pub(crate) use operator::{Field, FieldPath, Operator, each_at};
pub(crate) use pool::{Memo, Shared, Source};

use crate::{Event, Level, Problem};
use schedule::Schedule;

/// Largest compiled size of one regular expression, in bytes.
const REGEX_BYTES_MAX: usize = 1 << 20;
/// Longest regular expression or `where` expression as written, in bytes.
const EXPRESSION_BYTES_MAX: usize = 4096;

/// A filter made ready for matching.
#[derive(Debug)]
pub struct Filter {
    /// All must hold; the cheap ones are asked first.
    pub(crate) members: Box<[Member]>,
}

/// One member of a filter.
#[derive(Debug)]
pub(crate) enum Member {
    /// Any of them.
    Source(Box<[Source]>),
    /// Bit n stands for the level with number n.
    Levels(u8),
    MinLevel(Level),
    Message(Arc<Shared<Regex>>),
    /// All of them.
    Metadata(Box<[Field]>),
    Where(Arc<Shared<Expression>>),
    Schedule(Box<Schedule>),
    Any(Box<[Filter]>),
    All(Box<[Filter]>),
    Not(Box<Filter>),
}

impl Filter {
    /// Checks and compiles `spec`; what it has in common with other filters comes from `pool`. Pointers of problems
    /// are relative to the filter: `/source`.
    pub fn compile(spec: &Spec, pool: &Pool) -> Result<Self, Vec<Problem>> {
        compile::filter(&spec.members(), pool)
    }

    /// Whether every member holds.
    pub fn matches(&self, event: &Event) -> bool {
        self.holds(event, &mut Memo::default())
    }

    /// The same, for one of many filters that are asked about one event.
    pub(crate) fn holds(&self, event: &Event, memo: &mut Memo) -> bool {
        self.members.iter().all(|member| member.holds(event, memo))
    }
}

impl Member {
    fn holds(&self, event: &Event, memo: &mut Memo) -> bool {
        match self {
            Self::Source(sources) => sources.iter().any(|source| is_source(source, event, memo)),
            Self::Levels(bits) => bits & bit(event.head.level) != 0,
            Self::MinLevel(min) => event.head.level >= *min,
            Self::Message(regex) => memo.ask(regex, |regex| regex.is_match(message(event))),
            Self::Metadata(fields) => fields.iter().all(|field| field.holds(metadata(event))),
            Self::Where(expression) => memo.ask(expression, |expression| expression.holds(event.value_in_array())),
            Self::Schedule(schedule) => schedule.holds(event.head.received_at),
            Self::Any(filters) => filters.iter().any(|filter| filter.holds(event, memo)),
            Self::All(filters) => filters.iter().all(|filter| filter.holds(event, memo)),
            Self::Not(filter) => !filter.holds(event, memo),
        }
    }
}

fn is_source(source: &Source, event: &Event, memo: &mut Memo) -> bool {
    match source {
        Source::Name(name) => **name == *event.head.source,
        Source::Regex(regex) => memo.ask(regex, |regex| regex.is_match(&event.head.source)),
    }
}

fn bit(level: Level) -> u8 {
    1 << (level as u8)
}

fn message(event: &Event) -> &str {
    event.value()["message"].as_str().unwrap_or_default()
}

pub(crate) fn metadata(event: &Event) -> &Value {
    &event.value()["metadata"]
}

/// What kind of JSON value it is, in words.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
