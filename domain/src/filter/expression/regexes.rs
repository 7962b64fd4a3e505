//! `match` and `search` of RFC 9535, with regular expressions that are compiled once.
//!
//! They take the place of serde_json_path's functions of the same names, which compile at every evaluation and without
//! our limit of size. What they say is the same.

use std::{cell::RefCell, mem};

use regex::Regex;
use regex_syntax::hir::{Hir, HirKind};
use rustc_hash::FxHashMap;
use serde_json::Value;
use serde_json_path::functions::{LogicalType, ValueType};

use super::super::{EXPRESSION_BYTES_MAX, REGEX_BYTES_MAX};

/// Most compiled expressions in one generation; a thread keeps two generations of each function.
const GENERATION_MAX: usize = 64;

/// Most [`places`] of one pattern: with them it is all that an expression may cost.
const PLACES_MAX: u64 = 240;

/// Most Unicode classes in one pattern.
const CLASSES_MAX: usize = 16;

thread_local! {
    static MATCHES: RefCell<Cache> = RefCell::default();
    static SEARCHES: RefCell<Cache> = RefCell::default();
}

/// Compiled patterns, and those that do not compile. When the young ones are many they become the old, and the old
/// that were not asked for meanwhile are dropped.
#[derive(Default)]
struct Cache {
    young: FxHashMap<String, Option<Regex>>,
    old: FxHashMap<String, Option<Regex>>,
}

impl Cache {
    fn is_match(&mut self, pattern: &str, text: &str, wrapped: fn(&str) -> String) -> bool {
        if !self.young.contains_key(pattern) {
            let regex = self.old.remove(pattern).unwrap_or_else(|| checked(&wrapped(pattern), true).ok());
            if self.young.len() == GENERATION_MAX {
                self.old = mem::take(&mut self.young);
            }
            self.young.insert(pattern.to_owned(), regex);
        }
        matches!(self.young.get(pattern), Some(Some(regex)) if regex.is_match(text))
    }
}

fn whole(pattern: &str) -> String {
    format!("^({pattern})$")
}

fn anywhere(pattern: &str) -> String {
    format!("({pattern})")
}

/// Refuses a pattern with many Unicode classes before it is compiled: to gather them takes long where case does not
/// matter, up to a second in all.
fn check_classes(pattern: &str) -> Result<(), String> {
    let classes = pattern.matches("\\p").count() + pattern.matches("\\P").count();
    if classes > CLASSES_MAX {
        return Err(format!("more than {CLASSES_MAX} Unicode classes (`\\p`) in one regular expression"));
    }
    Ok(())
}

/// Compiles a pattern that is not too slow, or says what is wrong with it. `is_crlf`: `.` matches no carriage return
/// either, as RFC 9485 has it.
pub(in super::super) fn checked(pattern: &str, is_crlf: bool) -> Result<Regex, String> {
    check_classes(pattern)?;
    let mut builder = regex::RegexBuilder::new(pattern);
    builder.size_limit(REGEX_BYTES_MAX).dfa_size_limit(REGEX_BYTES_MAX).crlf(is_crlf);
    let regex = builder.build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "too large once compiled; simplify its repetitions".to_owned(),
        error => format!("not a regular expression: {error}"),
    })?;
    check_speed(pattern)?;
    Ok(regex)
}

/// Refuses a pattern that is too slow on large texts; else counts its [`places`].
pub(in super::super) fn check_speed(pattern: &str) -> Result<u64, String> {
    check_classes(pattern)?;
    match places(pattern) {
        places if places > PLACES_MAX => Err(format!(
            "too slow on large events: this regular expression has about {places} places at which it may be all at \
             once (at most {PLACES_MAX}); use smaller numbers in braces, or `*` instead of them"
        )),
        places => Ok(places),
    }
}

/// Checks a pattern that is written in an expression, and counts its [`places`].
pub(super) fn check(pattern: &str) -> Result<u64, String> {
    // As written first, so that `a)|(b` is refused and the positions in messages are the user's.
    check_classes(pattern)?;
    regex_syntax::parse(pattern).map_err(|error| format!("not a regular expression: {error}"))?;
    checked(&whole(pattern), true)?;
    Ok(places(pattern))
}

/// At how many places of the pattern a search may be at once: the time for each byte of a text, where no table of
/// states can be made in advance. Plain texts count only where they branch or are repeated.
fn places(pattern: &str) -> u64 {
    regex_syntax::parse(pattern).map_or(0, |hir| places_of(&hir, false))
}

fn places_of(hir: &Hir, is_repeated: bool) -> u64 {
    match hir.kind() {
        HirKind::Literal(literal) if is_repeated => literal.0.len() as u64,
        HirKind::Look(_) if is_repeated => 1,
        HirKind::Empty | HirKind::Literal(_) | HirKind::Look(_) => 0,
        HirKind::Class(_) => 1,
        HirKind::Capture(capture) => places_of(&capture.sub, is_repeated) + u64::from(is_repeated),
        HirKind::Concat(parts) => parts.iter().map(|part| places_of(part, is_repeated)).sum(),
        HirKind::Alternation(parts) => parts.iter().map(|part| 1 + places_of(part, is_repeated)).sum(),
        HirKind::Repetition(repetition) => {
            let times = repetition.max.unwrap_or(repetition.min).max(1);
            let is_counted = times > 1;
            // What may be left out is one place more: a step can lead behind it.
            let way_around = u64::from(repetition.max != Some(repetition.min) && (is_counted || is_repeated));
            let inside = places_of(&repetition.sub, is_repeated || is_counted);
            (inside + way_around).saturating_mul(times.into())
        }
    }
}

fn strings<'v>(text: &'v ValueType, pattern: &'v ValueType) -> Option<(&'v str, &'v str)> {
    match (text.as_value(), pattern.as_value()) {
        // A pattern may come from the event, and is then as long as its sender likes.
        (Some(Value::String(text)), Some(Value::String(pattern))) if pattern.len() <= EXPRESSION_BYTES_MAX => {
            Some((text, pattern))
        }
        _ => None,
    }
}

#[serde_json_path::function(name = "match")]
fn match_whole(text: ValueType, pattern: ValueType) -> LogicalType {
    let found = strings(&text, &pattern)
        .is_some_and(|(text, pattern)| MATCHES.with_borrow_mut(|cache| cache.is_match(pattern, text, whole)));
    found.into()
}

#[serde_json_path::function(name = "search")]
fn search_anywhere(text: ValueType, pattern: ValueType) -> LogicalType {
    let found = strings(&text, &pattern)
        .is_some_and(|(text, pattern)| SEARCHES.with_borrow_mut(|cache| cache.is_match(pattern, text, anywhere)));
    found.into()
}
