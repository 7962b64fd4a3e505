//! Conditions held against an event, for people.

use loghorn_domain::filter::Condition;

use super::{
    fail::Fail,
    output::{BAD, GOOD, Out, plain},
};

/// The sign for whether something holds.
pub(crate) fn mark(passed: bool) -> &'static str {
    if passed { GOOD } else { BAD }
}

/// What the first condition says that does not hold; empty where all do.
pub(crate) fn first_failing(conditions: &[Condition]) -> &str {
    conditions.iter().find(|condition| !condition.passed).map_or("", |condition| &condition.message)
}

/// Every condition with its sign, those that others are made of below them.
pub(crate) fn tree(out: &Out, conditions: &[Condition], depth: usize) -> Result<(), Fail> {
    conditions.iter().try_for_each(|condition| {
        let indent = "  ".repeat(depth);
        out.line(&format!("{indent}{} {}", mark(condition.passed), plain(&condition.message)))?;
        tree(out, &condition.conditions, depth + 1)
    })
}
