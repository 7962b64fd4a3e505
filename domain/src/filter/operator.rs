//! The conditions inside `metadata`: a path, and what must hold for a value at it.

use std::sync::Arc;

use regex::Regex;
use serde_json::{Map, Value};

use super::{
    expression::Path as JsonPath,
    number::{Number, equal},
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
    In(Box<[Value]>),
    NotIn(Box<[Value]>),
    Exists(bool),
    Regex(Arc<Shared<Regex>>),
    Prefix(Box<str>),
    Suffix(Box<str>),
    Contains(Value),
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
            Self::In(wanted) => wanted.iter().any(|wanted| equal(value, wanted)),
            Self::NotIn(unwanted) => !unwanted.iter().any(|unwanted| equal(value, unwanted)),
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
fn each_at<'v>(members: &'v Map<String, Value>, path: &str, found: &mut dyn FnMut(&'v Value) -> bool) -> bool {
    if members.get(path).is_some_and(&mut *found) {
        return true;
    }
    path.match_indices('.').any(|(dot, _)| match members.get(&path[..dot]) {
        Some(Value::Object(inner)) => each_at(inner, &path[dot + 1..], found),
        _ => false,
    })
}
