//! The words of explanations.

use std::io::{self, Write};

use serde_json::Value;

use super::{Operator, kind};
use crate::Level;

/// Longest value that stands in a sentence, in characters.
const SHOWN_CHARS_MAX: usize = 120;
/// Most items of a list that stand in a sentence.
const LIST_MAX: usize = 8;

/// A value as JSON, shortened where it is long. No more of it is written than is shown.
pub(super) fn shown(value: &Value) -> String {
    let mut head = Head(Vec::new());
    // It ends early where the value is long.
    let _ = serde_json::to_writer(&mut head, value);
    shortened(&String::from_utf8_lossy(&head.0), SHOWN_CHARS_MAX)
}

/// The first bytes of a text: more than are shown, whatever the characters.
struct Head(Vec<u8>);

impl Write for Head {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = (SHOWN_CHARS_MAX + 1) * 4 - self.0.len();
        if room == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        let taken = &bytes[..room.min(bytes.len())];
        self.0.extend_from_slice(taken);
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(super) fn shortened(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Some of the items, and how many more there are.
pub(super) fn list<T: AsRef<str>>(items: &[T]) -> String {
    let first: Vec<&str> = items.iter().take(LIST_MAX).map(AsRef::as_ref).collect();
    list_of(&first, items.len())
}

fn list_of<T: AsRef<str>>(first: &[T], len: usize) -> String {
    let first: Vec<&str> = first.iter().map(AsRef::as_ref).collect();
    let more = if len > LIST_MAX { format!(" or {} more", len - LIST_MAX) } else { String::new() };
    format!("{}{more}", first.join(" or "))
}

fn values(items: &[Value]) -> String {
    let first: Vec<String> = items.iter().take(LIST_MAX).map(shown).collect();
    list_of(&first, items.len())
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
        Operator::In(wanted) => format!("not {}", values(wanted.values())),
        Operator::NotIn(unwanted) if passed => format!("none of {}", values(unwanted.values())),
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
