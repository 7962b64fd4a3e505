//! What a filter may be filed under: things that every event it holds for must have. Which of them is rarest is the
//! index's to judge, by what it holds already.

use std::sync::Arc;

use regex::Regex;
use serde_json::Value;

use super::hash;
use crate::{
    Level,
    filter::{Field, FieldPath, Filter, Member, Number, Operator, Shared, Source},
};

/// Something that an event has or has not.
#[derive(Debug, Clone)]
pub(super) enum Access<'f> {
    /// Any event.
    Any,
    /// This source.
    Source(u64),
    /// A source that this matches.
    SourceRegex(&'f Arc<Shared<Regex>>),
    Level(Level),
    /// This scalar at this path.
    Equal {
        path: u64,
        value: u64,
    },
    /// Any value at this path.
    Present {
        path: u64,
    },
    /// A number at this path that is at least this.
    AtLeast {
        path: u64,
        limit: Number,
    },
    /// A number at this path that is at most this.
    AtMost {
        path: u64,
        limit: Number,
    },
}

/// Most entries that one filter is filed under.
const ENTRIES_MAX: usize = 64;

/// Something that a filter needs: one of these.
pub(super) type Need<'f> = Vec<Access<'f>>;

/// All that `filter` needs. Never empty: every filter needs an event.
pub(super) fn needs(filter: &Filter) -> Vec<Need<'_>> {
    let mut needs: Vec<Need<'_>> = filter.members.iter().flat_map(of_member).collect();
    if needs.is_empty() {
        needs.push(vec![Access::Any]);
    }
    needs
}

fn of_member(member: &Member) -> Vec<Need<'_>> {
    match member {
        Member::Source(sources) => one_of(sources.iter().map(|source| Some(vec![of_source(source)]))),
        Member::Levels(bits) => of_levels(|level| bits & (1 << (level as u8)) != 0),
        Member::MinLevel(min) => of_levels(|level| level >= *min),
        Member::Metadata(fields) => fields.iter().flat_map(of_field).collect(),
        Member::All(filters) => filters.iter().flat_map(|filter| filter.members.iter().flat_map(of_member)).collect(),
        Member::Any(filters) => one_of(filters.iter().map(best)),
        Member::Message(_) | Member::Where(_) | Member::Schedule(_) | Member::Not(_) => Vec::new(),
    }
}

/// The one need that is taken for a filter among others, as far as can be said without an index.
fn best(filter: &Filter) -> Option<Need<'_>> {
    let rank = |access: &Access<'_>| match access {
        Access::Equal { .. } => 0,
        Access::Source(_) | Access::SourceRegex(_) => 1,
        Access::AtLeast { .. } | Access::AtMost { .. } => 2,
        Access::Present { .. } => 3,
        Access::Level(_) | Access::Any => 4,
    };
    let needs = filter.members.iter().flat_map(of_member);
    needs.min_by_key(|need| need.iter().map(rank).max())
}

/// Any of several; nothing where one of them is not known, or where they are too many.
fn one_of<'f>(needs: impl Iterator<Item = Option<Need<'f>>>) -> Vec<Need<'f>> {
    let all: Option<Vec<Need<'f>>> = needs.collect();
    let all: Option<Need<'f>> = all.map(|all| all.into_iter().flatten().collect());
    all.filter(|all| all.len() <= ENTRIES_MAX).into_iter().collect()
}

fn of_source(source: &Source) -> Access<'_> {
    match source {
        Source::Name(name) => Access::Source(hash::of_source(name)),
        Source::Regex(regex) => Access::SourceRegex(regex),
    }
}

fn of_levels<'f>(is_wanted: impl Fn(Level) -> bool) -> Vec<Need<'f>> {
    vec![Level::ALL.into_iter().filter(|level| is_wanted(*level)).map(Access::Level).collect()]
}

fn of_field(field: &Field) -> Vec<Need<'_>> {
    // A JSONPath may go through lists, which the walk over an event does not.
    let FieldPath::Dotted(path) = &field.path else { return Vec::new() };
    let path = hash::of_path(path);
    field.operators.iter().filter_map(|operator| of_operator(operator, path)).collect()
}

fn of_operator<'f>(operator: &'f Operator, path: u64) -> Option<Need<'f>> {
    let equal = |value: &Value| Some(Access::Equal { path, value: hash::of_scalar(value)? });
    let known = match operator {
        Operator::Exists(false) => return None,
        Operator::Eq(value) => equal(value).map(|access| vec![access]),
        Operator::In(list) if list.values().len() <= ENTRIES_MAX => list.values().iter().map(equal).collect(),
        Operator::Gt(limit) | Operator::Gte(limit) => Some(vec![Access::AtLeast { path, limit: *limit }]),
        Operator::Lt(limit) | Operator::Lte(limit) => Some(vec![Access::AtMost { path, limit: *limit }]),
        _ => None,
    };
    Some(known.unwrap_or_else(|| vec![Access::Present { path }]))
}
