//! Regular expressions for sources, of which only those are asked that may match: most begin or end with a literal
//! text, and are found by it.

use std::sync::Arc;

use regex::Regex;
use regex_syntax::hir::literal::{ExtractKind, Extractor};

use super::{Compiled, cow::CowMap, group::Filed, hash};
use crate::filter::{Memo, Shared};

/// Longest literal that is used, in bytes.
const LITERAL_MAX: usize = 16;
/// Most literals that one expression is found by.
const LITERALS_MAX: usize = 16;

/// See the module.
#[derive(Debug, Clone, Default)]
pub(super) struct Sources {
    /// By the hash of their text; more than one where texts are made to have the same.
    regexes: CowMap<Vec<Entry>>,
    len: usize,
    /// Keys of `regexes`, by the hash of a literal.
    by_literal: CowMap<Vec<u64>>,
    /// How many literals have this length: those at the beginning, those at the end.
    prefixes: [u32; LITERAL_MAX + 1],
    suffixes: [u32; LITERAL_MAX + 1],
    /// Those without a literal; always asked.
    others: Arc<Vec<u64>>,
}

#[derive(Debug, Clone)]
struct Entry {
    regex: Arc<Shared<Regex>>,
    filed: Filed,
}

/// Where an expression is found.
enum Literals {
    Prefixes(Vec<Vec<u8>>),
    Suffixes(Vec<Vec<u8>>),
    None,
}

impl Sources {
    /// How much is filed in all.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// How much is filed under `regex`.
    pub(super) fn len_of(&self, regex: &Shared<Regex>) -> usize {
        let entries = self.regexes.get(hash::of_text(&regex.text)).into_iter().flatten();
        entries.filter(|entry| entry.regex.text == regex.text).map(|entry| entry.filed.len()).sum()
    }

    /// Files `compiled` under `regex`, or takes it away.
    pub(super) fn put(&mut self, regex: &Arc<Shared<Regex>>, compiled: &Arc<Compiled>, is_added: bool) {
        let key = hash::of_text(&regex.text);
        let (mut was_there, mut is_there) = (false, false);
        self.regexes.change(key, |entry| {
            let mut entries = entry.take().unwrap_or_default();
            let at = entries.iter().position(|entry| entry.regex.text == regex.text);
            let mut filed = at.map(|at| entries.swap_remove(at).filed);
            was_there = filed.is_some();
            Filed::counted(&mut filed, &mut self.len, |filed| Filed::put(filed, compiled, is_added));
            is_there = filed.is_some();
            entries.extend(filed.map(|filed| Entry { regex: regex.clone(), filed }));
            *entry = Some(entries).filter(|entries| !entries.is_empty());
        });
        if was_there != is_there {
            self.list(key, &literals(&regex.text), is_there);
        }
    }

    /// Notes where the expression `key` is found, or that it is found there no more.
    fn list(&mut self, key: u64, literals: &Literals, is_added: bool) {
        // Once for each expression: those that share the key are listed each.
        let put = |keys: &mut Vec<u64>| match keys.iter().position(|known| *known == key) {
            _ if is_added => keys.push(key),
            Some(at) => drop(keys.swap_remove(at)),
            None => {}
        };
        let (lengths, found, hash): (_, _, fn(&[u8]) -> u64) = match literals {
            Literals::None => return put(Arc::make_mut(&mut self.others)),
            Literals::Prefixes(found) => (&mut self.prefixes, found, hash::of_prefix),
            Literals::Suffixes(found) => (&mut self.suffixes, found, hash::of_suffix),
        };
        for literal in found {
            let count = &mut lengths[literal.len()];
            *count = if is_added { *count + 1 } else { count.saturating_sub(1) };
            self.by_literal.change(hash(literal), |entry| {
                let mut keys = entry.take().unwrap_or_default();
                put(&mut keys);
                *entry = Some(keys).filter(|keys| !keys.is_empty());
            });
        }
    }

    /// Shows whatever is filed under an expression that matches `source`.
    pub(super) fn each_match<'m>(&'m self, source: &str, memo: &mut Memo, see: &mut dyn FnMut(&'m Filed, &mut Memo)) {
        if self.regexes.is_empty() {
            return;
        }
        let mut ask = |key: &u64| {
            for entry in self.regexes.get(*key).into_iter().flatten() {
                if memo.ask(&entry.regex, |regex| regex.is_match(source)) {
                    see(&entry.filed, memo);
                }
            }
        };
        let bytes = source.as_bytes();
        for length in 1..=LITERAL_MAX.min(bytes.len()) {
            if self.prefixes[length] > 0 {
                let key = hash::of_prefix(&bytes[..length]);
                self.by_literal.get(key).into_iter().flatten().for_each(&mut ask);
            }
            if self.suffixes[length] > 0 {
                let key = hash::of_suffix(&bytes[bytes.len() - length..]);
                self.by_literal.get(key).into_iter().flatten().for_each(&mut ask);
            }
        }
        self.others.iter().for_each(ask);
    }
}

/// Literals of which every text that `regex` matches as a whole begins (or ends) with one.
fn literals(regex: &str) -> Literals {
    let Ok(hir) = regex_syntax::parse(regex) else { return Literals::None };
    let found = |kind| {
        let seq = Extractor::new().kind(kind).limit_total(LITERALS_MAX).extract(&hir);
        let literals: Vec<Vec<u8>> = seq.literals()?.iter().map(|literal| literal.as_bytes().to_vec()).collect();
        (!literals.is_empty() && literals.iter().all(|literal| !literal.is_empty())).then_some(literals)
    };
    let unique = |mut literals: Vec<Vec<u8>>| {
        literals.sort_unstable();
        literals.dedup();
        literals
    };
    if let Some(mut prefixes) = found(ExtractKind::Prefix) {
        prefixes.iter_mut().for_each(|literal| literal.truncate(LITERAL_MAX));
        return Literals::Prefixes(unique(prefixes));
    }
    if let Some(mut suffixes) = found(ExtractKind::Suffix) {
        suffixes.iter_mut().for_each(|literal| drop(literal.drain(..literal.len().saturating_sub(LITERAL_MAX))));
        return Literals::Suffixes(unique(suffixes));
    }
    Literals::None
}
