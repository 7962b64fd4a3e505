//! How often an expression may look at each value of an event, and what is too often.
//!
//! The evaluation has no limit of steps, so what could take more than about the event's size times its depth is
//! refused when it is saved. The estimate is of the worst event: as large, as deep and as wide as the limits let it be.

use std::collections::HashSet;

use super::{
    regexes,
    syntax::{Call, Function, Mistake, Operand, Query, Segment, Selector, Term},
};

/// Most looks at each value of an event. For the worst event of 256 KiB they were measured to take a third of a second.
const LOOKS_MAX: u64 = 64;
/// What comparing two values to the bottom counts for: comparing many small strings is slow.
const LOOKS_COMPARE: u64 = 4;
/// What looking through a text with a simple regular expression counts for.
const LOOKS_REGEX: u64 = 4;
/// So many places of a regular expression count for one look more.
const PLACES_PER_LOOK: u64 = 4;
/// What a regular expression that comes from the event counts for: it may be of the slowest.
const LOOKS_FOREIGN: u64 = LOOKS_MAX;

/// Where a condition stands: how many times it is evaluated at each value.
#[derive(Clone, Copy)]
struct Place {
    /// Times at each value.
    times: u64,
    /// Whether a `..` led here.
    is_below_descent: bool,
    /// Whether it is inside a filter of a query, evaluated at many values.
    is_nested: bool,
}

const OUTSIDE: Place = Place { times: 1, is_below_descent: false, is_nested: false };

/// Refuses a logical expression that may take too long, or whose patterns cannot be used; else its looks.
pub(super) fn check_terms(terms: &[Term]) -> Result<u64, Mistake> {
    let mut cost = Cost { looks: 0 };
    cost.terms(terms, OUTSIDE)?;
    Ok(cost.looks)
}

/// The same for a query by itself.
pub(super) fn check_query(query: &Query) -> Result<u64, Mistake> {
    let mut cost = Cost { looks: 0 };
    cost.query(query, OUTSIDE)?;
    Ok(cost.looks)
}

struct Cost {
    looks: u64,
}

impl Cost {
    fn add(&mut self, looks: u64, at: usize) -> Result<(), Mistake> {
        self.looks = self.looks.saturating_add(looks);
        if self.looks <= LOOKS_MAX {
            return Ok(());
        }
        let detail = format!(
            "too slow on large events: up to here every value of an event may be looked at {} times or more, and \
             {LOOKS_MAX} are allowed; use fewer conditions inside filters and fewer `..`, and names instead of `*`",
            self.looks
        );
        Err(Mistake::new(at, detail))
    }

    fn terms(&mut self, terms: &[Term], place: Place) -> Result<(), Mistake> {
        for term in terms {
            match term {
                Term::Test(operand) => self.operand(operand, place)?,
                Term::Comparison(left, right) => self.comparison(left, right, place)?,
            }
        }
        Ok(())
    }

    fn comparison(&mut self, left: &Operand, right: &Operand, place: Place) -> Result<(), Mistake> {
        let is_absolute = |side: &Operand| matches!(side, Operand::Query(query) if query.is_absolute);
        if place.is_nested && is_absolute(left) && is_absolute(right) {
            let detail = "too slow on large events: two `$` queries would be compared for every value of the filter; \
                          compare them outside of it";
            return Err(Mistake::new(left.at(), detail));
        }
        let is_number_or_text = |side: &Operand| match side {
            Operand::Literal { .. } => true,
            Operand::Call(call) => matches!(call.function, Function::Count | Function::Length),
            Operand::Query(_) => false,
        };
        if !is_number_or_text(left) && !is_number_or_text(right) {
            if place.is_below_descent {
                let detail = "too slow on large events: below `..` whole arrays and objects would be compared at every \
                              level; compare with a literal, or name the members instead of `..`";
                return Err(Mistake::new(left.at(), detail));
            }
            self.add(place.times.saturating_mul(LOOKS_COMPARE), left.at())?;
        }
        self.operand(left, place)?;
        self.operand(right, place)
    }

    fn operand(&mut self, operand: &Operand, place: Place) -> Result<(), Mistake> {
        match operand {
            Operand::Literal { .. } => Ok(()),
            Operand::Query(query) => self.query(query, place),
            Operand::Call(call) => self.call(call, place),
        }
    }

    fn call(&mut self, call: &Call, place: Place) -> Result<(), Mistake> {
        if call.function.is_logical() {
            self.pattern(call, place)?;
        } else {
            self.add(place.times, call.at)?;
        }
        for argument in &call.arguments {
            if matches!(argument, Operand::Query(query) if query.is_absolute && place.is_nested) {
                let detail = "too slow on large events: a function of a `$` query would be evaluated for every value \
                              of the filter; use it outside of the filter, or a query that begins with `@`";
                return Err(Mistake::new(argument.at(), detail));
            }
            self.operand(argument, place)?;
        }
        Ok(())
    }

    fn pattern(&mut self, call: &Call, place: Place) -> Result<(), Mistake> {
        match call.arguments.get(1) {
            Some(Operand::Literal { at, text: Some(pattern) }) => {
                let places = regexes::check(pattern).map_err(|detail| Mistake::new(*at, detail))?;
                let looks = LOOKS_REGEX + places / PLACES_PER_LOOK;
                self.add(place.times.saturating_mul(looks), call.at)
            }
            // Never true, and RFC 9535 says so.
            Some(Operand::Literal { text: None, .. }) => Ok(()),
            Some(pattern) if place.is_nested => {
                let detail = "too slow on large events: inside a filter the regular expression must be written out \
                              in quotes, as one from the event would be compiled for every value";
                Err(Mistake::new(pattern.at(), detail))
            }
            _ => self.add(LOOKS_FOREIGN, call.at),
        }
    }

    fn query(&mut self, query: &Query, mut place: Place) -> Result<(), Mistake> {
        if query.is_singular() {
            let steps = query.segments.len() as u64 + 1;
            return if place.is_nested {
                self.add(place.times.saturating_mul(steps), query.span.start)
            } else {
                Ok(())
            };
        }
        if query.is_absolute && place.is_nested {
            let detail = "too slow on large events: this `$` query may select many values, and would be evaluated \
                          for every value of the filter; begin it with `@`, or use it outside of the filter";
            return Err(Mistake::new(query.span.start, detail));
        }
        for segment in &query.segments {
            self.segment(segment, &mut place)?;
        }
        Ok(())
    }

    fn segment(&mut self, segment: &Segment, place: &mut Place) -> Result<(), Mistake> {
        if segment.is_descendant {
            if place.is_below_descent {
                let detail = "too slow on large events: a second `..` goes through everything below each value that \
                              the first one found; name the members in between";
                return Err(Mistake::new(segment.at, detail));
            }
            place.is_below_descent = true;
        }
        self.add(place.times.saturating_mul(segment.selectors.len() as u64), segment.at)?;
        for selector in &segment.selectors {
            if let Selector::Filter(terms) = selector {
                self.terms(terms, Place { is_nested: true, ..*place })?;
            }
        }
        place.times = place.times.saturating_mul(repeats(&segment.selectors));
        Ok(())
    }
}

/// How many times one value may be selected by these, one beside the other.
fn repeats(selectors: &[Selector]) -> u64 {
    let mut seen = HashSet::new();
    let mut seen_indices = HashSet::new();
    let are_apart = selectors.iter().all(|selector| match selector {
        Selector::Name(name) => seen.insert(name),
        Selector::Index { value, .. } => *value >= 0 && seen_indices.insert(*value),
        _ => false,
    });
    if are_apart { 1 } else { selectors.len() as u64 }
}
