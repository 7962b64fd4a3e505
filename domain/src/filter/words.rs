//! The words of explanations.

use std::io;

use serde_json::Value;

use super::{Operator, kind};
use crate::Level;

/// Longest value that stands in a sentence, in characters.
const SHOWN_CHARS_MAX: usize = 120;
/// Most items of a list that stand in a sentence.
const LIST_MAX: usize = 8;

/// Longest value that stands beside a sentence, in bytes of JSON.
const KEPT_BYTES_MAX: usize = 1024;

/// A value as JSON, shortened where it is long.
pub(super) fn shown(value: &Value) -> String {
    shortened(&Start::of(value).0, SHOWN_CHARS_MAX)
}

/// The value, or the beginning of its JSON where it is long: an explanation holds one for each condition, and there may
/// be many explanations.
pub(super) fn kept(value: &Value) -> Value {
    match Start::of(value) {
        (_, true) => value.clone(),
        (start, false) => shortened(&start, SHOWN_CHARS_MAX).into(),
    }
}

pub(super) fn shortened(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The first bytes of a value's JSON: what comes after them is not even written.
#[derive(Default)]
struct Start(Vec<u8>);

impl Start {
    /// And whether that is all of it.
    fn of(value: &Value) -> (String, bool) {
        let mut start = Self::default();
        let is_whole = serde_json::to_writer(&mut start, value).is_ok();
        (String::from_utf8_lossy(&start.0).into_owned(), is_whole)
    }
}

impl io::Write for Start {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = KEPT_BYTES_MAX - self.0.len();
        self.0.extend_from_slice(&bytes[..bytes.len().min(room)]);
        if bytes.len() > room { Err(io::ErrorKind::StorageFull.into()) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Some of the items, and how many more there are.
pub(super) fn list<T: AsRef<str>>(items: &[T]) -> String {
    let first: Vec<&str> = items.iter().take(LIST_MAX).map(AsRef::as_ref).collect();
    let more = if items.len() > LIST_MAX { format!(" or {} more", items.len() - LIST_MAX) } else { String::new() };
    format!("{}{more}", first.join(" or "))
}

fn values(items: &[Value]) -> String {
    let items: Vec<String> = items.iter().take(LIST_MAX + 1).map(shown).collect();
    list(&items)
}

pub(super) fn level(level: Level, passed: bool, wanted: &str) -> String {
    match passed {
        true if level.name() == wanted => format!("level is {level}"),
        true => format!("level is {level}, that is {wanted}"),
        false => format!("level is {level}, not {wanted}"),
    }
}

pub(super) fn source(seen: &Value, passed: bool, wanted: &[&str]) -> String {
    let joint = if passed { "as wanted by" } else { "not" };
    format!("source is {}, {joint} {}", shown(seen), list(wanted))
}

/// What stands at a path of an expression.
pub(super) fn seen_at(path: &str, value: Option<&Value>) -> String {
    match value {
        Some(value) => format!("{path} is {}", shown(value)),
        None => format!("no value at {path}"),
    }
}

/// Goes on from "`path` is `value`, ".
pub(super) fn operator(operator: &Operator, value: &Value, passed: bool) -> String {
    let not = if passed { "" } else { "not " };
    let phrase = |words: String| format!("{not}{words}");
    if !passed && let Some(wanted) = wanted_kind(operator, value) {
        return format!("{}: {} holds for {wanted} only", kind(value), operator.name());
    }
    match operator {
        Operator::Eq(_) if passed => "as wanted".into(),
        Operator::Eq(wanted) => format!("not {}", shown(wanted)),
        Operator::Ne(unwanted) if passed => format!("other than {}", shown(unwanted)),
        Operator::Ne(_) => "which is excluded".into(),
        Operator::Gt(limit) => phrase(format!("greater than {limit}")),
        Operator::Gte(limit) => phrase(format!("at least {limit}")),
        Operator::Lt(limit) => phrase(format!("less than {limit}")),
        Operator::Lte(limit) => phrase(format!("at most {limit}")),
        Operator::In(_) if passed => "as wanted".into(),
        Operator::In(wanted) => format!("not {}", values(wanted)),
        Operator::NotIn(unwanted) if passed => format!("none of {}", values(unwanted)),
        Operator::NotIn(_) => "which is excluded".into(),
        Operator::Exists(true) => "so there is one".into(),
        Operator::Exists(false) => "though there must be none".into(),
        Operator::Regex(regex) => phrase(format!("matched by /{}/", regex.text)),
        Operator::Prefix(prefix) => phrase(format!("beginning with {}", shown(&Value::from(&**prefix)))),
        Operator::Suffix(suffix) => phrase(format!("ending with {}", shown(&Value::from(&**suffix)))),
        Operator::Contains(wanted) => phrase(format!("containing {}", shown(wanted))),
    }
}

/// The kind of values that the operator is for, where `value` is of another.
fn wanted_kind(operator: &Operator, value: &Value) -> Option<&'static str> {
    match operator {
        Operator::Gt(_) | Operator::Gte(_) | Operator::Lt(_) | Operator::Lte(_) => {
            (!value.is_number()).then_some("numbers")
        }
        Operator::Regex(_) | Operator::Prefix(_) | Operator::Suffix(_) => (!value.is_string()).then_some("strings"),
        Operator::Contains(_) => (!value.is_string() && !value.is_array()).then_some("strings and lists"),
        _ => None,
    }
}
