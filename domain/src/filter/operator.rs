//! The conditions inside `metadata`: a path, and what must hold for a value at it.

use std::sync::Arc;

use regex::Regex;
use serde_json::{Map, Value};

use super::{
    expression::Path as JsonPath,
    number::{Number, equal, order},
    pool::Shared,
};

/// One path and what must hold for one and the same value at it.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) path: FieldPath,
    pub(crate) operators: Box<[Operator]>,
    pub(crate) form: Form,
}

/// How the operators were written; their pointers follow from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A scalar or a list in place of the operators' object.
    Short,
    /// An object of operators.
    Operators,
}

/// A path within the metadata.
#[derive(Debug)]
pub(crate) enum FieldPath {
    /// `card.brand`: the member `brand` of the member `card`, or the member whose own name is `card.brand`, as flat
    /// loggers write it; in general every value whose names on the way, joined by dots, are the path.
    Dotted(Box<str>),
    /// RFC 9535, with `$` as the metadata.
    Query(Box<JsonPath>),
}

/// What must hold for a value.
#[derive(Debug)]
pub(crate) enum Operator {
    Eq(Value),
    Ne(Value),
    Gt(Number),
    Gte(Number),
    Lt(Number),
    Lte(Number),
    In(List),
    NotIn(List),
    Exists(bool),
    Regex(Arc<Shared<Regex>>),
    Prefix(Box<str>),
    Suffix(Box<str>),
    Contains(Value),
}

/// Values of which one is looked for: a path may select as many values as an event has room for.
#[derive(Debug)]
pub(crate) struct List {
    /// As written.
    values: Box<[Value]>,
    /// Where they stand, in their [`order`]; none for a short list, which is looked through.
    sorted: Box<[u16]>,
}

/// Up to so many values are looked through.
const SHORT: usize = 8;

impl List {
    /// At most `u16::MAX` values.
    pub(super) fn new(values: &[Value]) -> Self {
        let mut sorted: Vec<u16> =
            if values.len() > SHORT { (0..=u16::MAX).take(values.len()).collect() } else { vec![] };
        sorted.sort_by(|a, b| order(&values[usize::from(*a)], &values[usize::from(*b)]));
        Self { values: values.into(), sorted: sorted.into() }
    }

    /// As written.
    pub(crate) fn values(&self) -> &[Value] {
        &self.values
    }

    fn holds(&self, value: &Value) -> bool {
        match self.sorted.is_empty() {
            true => self.values.iter().any(|known| equal(value, known)),
            false => self.sorted.binary_search_by(|at| order(&self.values[usize::from(*at)], value)).is_ok(),
        }
    }
}

impl Operator {
    /// Its name as written.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Eq(_) => "eq",
            Self::Ne(_) => "ne",
            Self::Gt(_) => "gt",
            Self::Gte(_) => "gte",
            Self::Lt(_) => "lt",
            Self::Lte(_) => "lte",
            Self::In(_) => "in",
            Self::NotIn(_) => "not_in",
            Self::Exists(_) => "exists",
            Self::Regex(_) => "regex",
            Self::Prefix(_) => "prefix",
            Self::Suffix(_) => "suffix",
            Self::Contains(_) => "contains",
        }
    }

    /// Whether it holds for a value that is there.
    pub(super) fn holds(&self, value: &Value) -> bool {
        let number = |holds: &dyn Fn(Number) -> bool| Number::of(value).is_some_and(holds);
        let text = |holds: &dyn Fn(&str) -> bool| value.as_str().is_some_and(holds);
        match self {
            Self::Eq(wanted) => equal(value, wanted),
            Self::Ne(unwanted) => !equal(value, unwanted),
            Self::Gt(limit) => number(&|number| number > *limit),
            Self::Gte(limit) => number(&|number| number >= *limit),
            Self::Lt(limit) => number(&|number| number < *limit),
            Self::Lte(limit) => number(&|number| number <= *limit),
            Self::In(wanted) => wanted.holds(value),
            Self::NotIn(unwanted) => !unwanted.holds(value),
            Self::Exists(exists) => *exists,
            Self::Regex(regex) => text(&|text| regex.compiled.is_match(text)),
            Self::Prefix(prefix) => text(&|text| text.starts_with(&**prefix)),
            Self::Suffix(suffix) => text(&|text| text.ends_with(&**suffix)),
            Self::Contains(wanted) => match value {
                Value::Array(items) => items.iter().any(|item| equal(item, wanted)),
                Value::String(text) => wanted.as_str().is_some_and(|wanted| text.contains(wanted)),
                _ => false,
            },
        }
    }
}

impl Field {
    /// Whether it holds for `metadata`.
    pub(super) fn holds(&self, metadata: &Value) -> bool {
        if let [Operator::Exists(false)] = &*self.operators {
            return !self.path.any(metadata, |_| true);
        }
        self.path.any(metadata, |value| self.operators.iter().all(|operator| operator.holds(value)))
    }
}

impl FieldPath {
    /// As written.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Dotted(path) => path,
            Self::Query(path) => path.as_str(),
        }
    }

    /// Whether `holds` for any value at the path.
    pub(super) fn any(&self, metadata: &Value, mut holds: impl FnMut(&Value) -> bool) -> bool {
        self.each(metadata, &mut |value| holds(value))
    }

    /// Shows each value at the path to `found` until that says true; whether it did.
    pub(super) fn each<'v>(&self, metadata: &'v Value, found: &mut dyn FnMut(&'v Value) -> bool) -> bool {
        match self {
            Self::Dotted(path) => metadata.as_object().is_some_and(|members| each_at(members, path, found)),
            Self::Query(path) => path.nodes(metadata).into_iter().any(found),
        }
    }
}

/// Shows to `found` each value whose names, from `members` on and joined by dots, are `path`.
///
/// Each object is come to at most once, and looked through by its members or by the dots of the path, whichever are
/// likely to be fewer: so no path costs much more than going through all of the metadata once.
pub(crate) fn each_at<'v>(
    members: &'v Map<String, Value>,
    path: &str,
    found: &mut dyn FnMut(&'v Value) -> bool,
) -> bool {
    if members.get(path).is_some_and(&mut *found) {
        return true;
    }
    if !path.contains('.') {
        return false;
    }
    let mut within = |value: &'v Value, rest: &str| match value {
        Value::Object(inner) => each_at(inner, rest, found),
        _ => false,
    };
    // As many dots as there is room for.
    if members.len() < path.len() / 2 {
        let rest = |name: &str| path.strip_prefix(name)?.strip_prefix('.');
        return members.iter().any(|(name, value)| rest(name).is_some_and(|rest| within(value, rest)));
    }
    path.match_indices('.').any(|(dot, _)| members.get(&path[..dot]).is_some_and(|v| within(v, &path[dot + 1..])))
}
