//! What many filters have in common and is costly: regular expressions and `where` expressions. Each is compiled and
//! kept once, however many subscriptions hold it, and asked once for each event.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use regex::Regex;
use rustc_hash::FxHashMap;

use super::{
    EXPRESSION_BYTES_MAX,
    expression::{Expression, checked},
};
use crate::Problem;

/// Something compiled, with the text that it was compiled from.
#[derive(Debug)]
pub(crate) struct Shared<T> {
    /// As written.
    pub(crate) text: Box<str>,
    pub(crate) compiled: T,
}

/// A source, by name or by regular expression.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    Name(Arc<str>),
    /// Compiled so that it must match the whole source.
    Regex(Arc<Shared<Regex>>),
}

impl Source {
    /// As written.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Regex(regex) => &regex.text,
        }
    }
}

/// All compiled things that are in use.
#[derive(Debug, Default)]
pub struct Pool {
    regexes: Kept<Regex>,
    sources: Kept<Regex>,
    expressions: Kept<Expression>,
}

impl Pool {
    /// A regular expression that is searched in a text.
    pub(super) fn regex(&self, text: &str) -> Result<Arc<Shared<Regex>>, Problem> {
        self.regexes.get(text, || regex(text))
    }

    /// A source: a name, where `text` is one, else a regular expression for the whole of it.
    pub(super) fn source(&self, text: &str) -> Result<Source, Problem> {
        if is_name(text) {
            return Ok(Source::Name(text.into()));
        }
        let whole = || {
            // Compiled as written first, so that `a)|(b` is refused and positions in messages are the user's.
            regex(text)?;
            regex(&format!("^(?:{text})$"))
        };
        self.sources.get(text, whole).map(Source::Regex)
    }

    /// A `where` expression.
    pub(super) fn expression(&self, text: &str) -> Result<Arc<Shared<Expression>>, Problem> {
        self.expressions.get(text, || Expression::parse(text))
    }
}

/// What was compiled and is still held by someone, by its text.
#[derive(Debug)]
struct Kept<T>(Mutex<HashMap<Box<str>, Weak<Shared<T>>>>);

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Kept<T> {
    fn get(&self, text: &str, compile: impl FnOnce() -> Result<T, Problem>) -> Result<Arc<Shared<T>>, Problem> {
        // A map that a panic left behind is still a map.
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = kept.get(text).and_then(Weak::upgrade) {
            return Ok(found);
        }
        let shared = Arc::new(Shared { text: text.into(), compiled: compile()? });
        if kept.len() == kept.capacity() {
            kept.retain(|_, shared| shared.strong_count() > 0);
        }
        kept.insert(text.into(), Arc::downgrade(&shared));
        Ok(shared)
    }
}

/// Whether `text` is a name to a source, not a regular expression.
pub(super) fn is_name(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_ :/@".contains(&b)) || regex::escape(text) == text
}

fn regex(text: &str) -> Result<Regex, Problem> {
    if text.len() > EXPRESSION_BYTES_MAX {
        return Err(Problem::new("", format!("longer than {EXPRESSION_BYTES_MAX} bytes")));
    }
    checked(text, false).map_err(|detail| Problem::new("", detail))
}

/// What shared parts said of one event.
#[derive(Debug, Default)]
pub(crate) struct Memo(FxHashMap<usize, bool>);

impl Memo {
    /// Forgets; the next event is another one.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The answer of `shared`, asked for only once.
    pub(crate) fn ask<T>(&mut self, shared: &Arc<Shared<T>>, ask: impl FnOnce(&T) -> bool) -> bool {
        *self.0.entry(Arc::as_ptr(shared).addr()).or_insert_with(|| ask(&shared.compiled))
    }
}
