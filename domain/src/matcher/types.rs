//! Patterns by their shape. All patterns of one shape, such as a name and then `**`, differ in their names only; the
//! names that an event type would have in that shape say which of them take it, by one look-up.

use std::sync::Arc;

use super::hash;
use crate::{Pattern, event_type::OWN};

/// Where names stand in a pattern, and where wildcards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    /// Parts before `**`, or all of them.
    before: u8,
    /// Parts after `**`; `None` where there is no `**`.
    after: Option<u8>,
    /// Bit n: part n, `**` not counted, is `*`.
    wild: u8,
}

impl Shape {
    /// `None` for patterns with several `**`.
    fn of(pattern: &str) -> Option<Self> {
        let count = |text: &str| text.split('.').filter(|part| !part.is_empty()).count() as u8;
        let wild = pattern.split('.').filter(|part| *part != "**").enumerate();
        // A pattern has at most 8 parts.
        let wild = wild.fold(0, |bits, (at, part)| bits | u8::from(part == "*") << at);
        let mut parts = pattern.split("**").map(count);
        let shape = Self { before: parts.next()?, after: parts.next(), wild };
        parts.next().is_none().then_some(shape)
    }

    /// Whether its first part is a wildcard.
    fn begins_wild(&self) -> bool {
        self.before == 0 || self.wild & 1 != 0
    }

    /// The key of the pattern of this shape that takes the event type with these parts.
    fn key(&self, parts: &[&str]) -> Option<u64> {
        if self.begins_wild() && parts.first() == Some(&OWN) {
            return None;
        }
        let (before, after) = (usize::from(self.before), usize::from(self.after.unwrap_or(0)));
        let fits = match self.after {
            Some(_) => parts.len() >= before + after,
            None => parts.len() == before,
        };
        if !fits {
            return None;
        }
        let name = |at: usize, part| if self.wild & (1 << at) != 0 { "*" } else { part };
        let head = parts[..before].iter().enumerate().map(|(at, part)| name(at, *part));
        let tail = parts[parts.len() - after..].iter().enumerate().map(|(at, part)| name(before + at, *part));
        Some(hash::of_parts(head.chain(self.after.map(|_| "**")).chain(tail)))
    }
}

/// The shapes of all patterns in use, and how many patterns have each.
#[derive(Debug, Clone, Default)]
pub(super) struct Shapes {
    shapes: Arc<Vec<(Shape, u32)>>,
    /// Patterns with several `**`.
    odd: Arc<Vec<(Pattern, u32)>>,
}

/// The key of a pattern.
pub(super) fn key(pattern: &Pattern) -> u64 {
    hash::of_parts(pattern.as_str().split('.'))
}

impl Shapes {
    /// Counts `pattern` in, or out.
    pub(super) fn put(&mut self, pattern: &Pattern, is_added: bool) {
        match Shape::of(pattern.as_str()) {
            Some(shape) => count(&mut self.shapes, shape, is_added),
            None => count(&mut self.odd, pattern.clone(), is_added),
        }
    }

    /// Shows the keys of all patterns that take `event_type`; of some too many.
    pub(super) fn each_key(&self, event_type: &str, see: &mut dyn FnMut(u64)) {
        let mut parts = [""; 8];
        let mut n = 0;
        for part in event_type.split('.').take(parts.len()) {
            parts[n] = part;
            n += 1;
        }
        self.shapes.iter().filter_map(|(shape, _)| shape.key(&parts[..n])).for_each(&mut *see);
        self.odd.iter().filter(|(pattern, _)| pattern.matches(event_type)).for_each(|(pattern, _)| see(key(pattern)));
    }
}

fn count<T: Clone + PartialEq>(counts: &mut Arc<Vec<(T, u32)>>, item: T, is_added: bool) {
    let counts = Arc::make_mut(counts);
    match (counts.iter_mut().position(|(known, _)| *known == item), is_added) {
        (Some(at), true) => counts[at].1 += 1,
        (None, true) => counts.push((item, 1)),
        (Some(at), false) if counts[at].1 > 1 => counts[at].1 -= 1,
        (Some(at), false) => drop(counts.swap_remove(at)),
        (None, false) => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5000))]

        #[test]
        fn patterns_are_found_by_their_shape(
            pattern in r"(a|b|loghorn|\*|\*\*)(\.(a|b|loghorn|\*|\*\*)){0,4}",
            name in r"(a|b|loghorn)(\.(a|b|loghorn)){0,5}",
        ) {
            let pattern: Pattern = pattern.parse().unwrap();
            let mut shapes = Shapes::default();
            shapes.put(&pattern, true);
            let mut found = false;
            shapes.each_key(&name, &mut |found_key| found |= found_key == key(&pattern));
            prop_assert_eq!(found, pattern.matches(&name), "{} {}", pattern.as_str(), name);
            shapes.put(&pattern, false);
            shapes.each_key(&name, &mut |_| panic!("a shape that is gone"));
        }
    }
}
