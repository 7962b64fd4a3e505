//! `where` expressions and JSONPaths: RFC 9535, checked when saved, and fast enough on every event.
//!
//! A text is read by [`reader`], which says where a mistake is; [`cost`] refuses what could take long on a large event;
//! the crate serde_json_path evaluates it.

mod cost;
mod lexer;
mod reader;
mod regexes;
mod syntax;

use serde_json::Value;
use serde_json_path::JsonPath;

pub(super) use self::regexes::{check_speed, checked};
use self::{
    reader::Reader,
    syntax::{Mistake, Operand, Query, Selector, Term},
};

use super::EXPRESSION_BYTES_MAX;
use crate::Problem;

/// One logical expression of RFC 9535 about an event: `@.metadata.amount > 1000`.
///
/// `@` is the whole event. It is evaluated as the filter selector `$[?…]` over an array that holds nothing but the
/// event, so `$` is that array.
#[derive(Debug)]
pub struct Expression {
    filter: JsonPath,
    paths: Vec<Path>,
    looks: u64,
}

impl Expression {
    /// Checks and compiles `text`. A problem's pointer is empty; its detail begins with the index of the character,
    /// from 0.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let problem = |mistake| problem(text, mistake);
        check_length(text)?;
        let mut reader = Reader::new(text);
        let terms = reader.read_expression().map_err(problem)?;
        check_absolute(text, &terms, false).map_err(problem)?;
        let looks = cost::check_terms(&terms).map_err(problem)?;
        let filter = compile(&format!("$[?{}]", reader.rewritten()))?;
        Ok(Self { filter, paths: paths(text, &terms), looks })
    }

    /// Whether it holds for the event which is the only element of `event_in_array`.
    pub fn holds(&self, event_in_array: &Value) -> bool {
        !self.filter.query(event_in_array).is_empty()
    }

    /// How many times it may look at each value of an event.
    pub(super) fn looks(&self) -> u64 {
        self.looks
    }

    /// The queries on the event outside of nested filters, each once, with `$` as the event: `$.metadata.amount`. Where
    /// nothing is found at such a path, the expression may be about another kind of event.
    pub fn paths(&self) -> &[Path] {
        &self.paths
    }
}

/// A JSONPath query of RFC 9535: `$.items[*].sku`, with `$` as some JSON value.
#[derive(Debug)]
pub struct Path {
    text: String,
    path: JsonPath,
    looks: u64,
}

impl Path {
    /// Checks and compiles `text`; problems as of [`Expression::parse`].
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let problem = |mistake| problem(text, mistake);
        check_length(text)?;
        let mut reader = Reader::new(text);
        let query = reader.read_path().map_err(problem)?;
        let looks = cost::check_query(&query).map_err(problem)?;
        Ok(Self { text: text.to_owned(), path: compile(&reader.rewritten())?, looks })
    }

    /// How many times it may look at each value.
    pub(super) fn looks(&self) -> u64 {
        self.looks
    }

    /// The query as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What it selects in `value`, in order. A value may be selected more than once.
    pub fn nodes<'v>(&self, value: &'v Value) -> Vec<&'v Value> {
        self.path.query(value).all()
    }
}

fn check_length(text: &str) -> Result<(), Problem> {
    if text.len() > EXPRESSION_BYTES_MAX {
        return Err(Problem::new("", format!("longer than {EXPRESSION_BYTES_MAX} bytes")));
    }
    Ok(())
}

fn problem(text: &str, mistake: Mistake) -> Problem {
    let index = text[..mistake.at].chars().count();
    Problem::new("", format!("at character {index}: {}", mistake.detail))
}

fn compile(text: &str) -> Result<JsonPath, Problem> {
    // The reader has refused before whatever the crate refuses; a property test holds them together.
    JsonPath::parse(text).map_err(|error| Problem::new("", format!("not an RFC 9535 expression: {}", error.message())))
}

/// Refuses `$.name`, which a person would write for the event, and which is never found in an array.
fn check_absolute(text: &str, terms: &[Term], is_nested: bool) -> Result<(), Mistake> {
    let check = |query: &Query| {
        let is_name = |selector: &Selector| matches!(selector, Selector::Name(_));
        if let (true, Some(first)) = (query.is_absolute, query.segments.first())
            && !first.is_descendant
            && first.selectors.iter().all(is_name)
        {
            let event = if is_nested { "$[0]" } else { "@" };
            let rest = text[query.span.start + 1..query.span.end].trim_start();
            let detail = format!("`$` is an array that holds the event; write `{event}{rest}`");
            return Err(Mistake::new(query.span.start, detail));
        }
        let selectors = query.segments.iter().flat_map(|segment| &segment.selectors);
        for selector in selectors {
            if let Selector::Filter(terms) = selector {
                check_absolute(text, terms, true)?;
            }
        }
        Ok(())
    };
    queries(terms).into_iter().try_for_each(check)
}

/// The queries of these conditions, without those inside of filters.
fn queries(terms: &[Term]) -> Vec<&Query> {
    fn add<'q>(operand: &'q Operand, found: &mut Vec<&'q Query>) {
        match operand {
            Operand::Literal { .. } => {}
            Operand::Query(query) => found.push(query),
            Operand::Call(call) => call.arguments.iter().for_each(|argument| add(argument, found)),
        }
    }
    let mut found = Vec::new();
    for term in terms {
        match term {
            Term::Test(operand) => add(operand, &mut found),
            Term::Comparison(left, right) => [left, right].into_iter().for_each(|side| add(side, &mut found)),
        }
    }
    found
}

fn paths(text: &str, terms: &[Term]) -> Vec<Path> {
    let mut paths: Vec<Path> = Vec::new();
    for query in queries(terms).into_iter().filter(|query| !query.is_absolute) {
        // A filter with `$` would mean something else in a query of its own: the path ends in front of it.
        let end = query.segments.iter().find(|segment| has_absolute(&segment.selectors)).map(|segment| segment.at);
        let rest = text[query.span.start + 1..end.unwrap_or(query.span.end)].trim_end();
        let path = format!("${rest}");
        if !paths.iter().any(|known| known.text == path)
            && let Ok(path) = Path::parse(&path)
        {
            paths.push(path);
        }
    }
    paths
}

fn has_absolute(selectors: &[Selector]) -> bool {
    let is_absolute =
        |query: &Query| query.is_absolute || query.segments.iter().any(|segment| has_absolute(&segment.selectors));
    selectors.iter().any(|selector| match selector {
        Selector::Filter(terms) => queries(terms).into_iter().any(is_absolute),
        _ => false,
    })
}

#[cfg(test)]
mod tests;
