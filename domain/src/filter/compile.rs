//! From a filter as written to a filter that can be asked: every member is checked, and everything that is wrong is
//! told at once, with the JSON pointer to it and what was expected.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{
    Filter, Member, Shared,
    expression::Path as JsonPath,
    number::Number,
    operator::{Field, FieldPath, Operator},
    pool::{Pool, Source},
    schedule::Schedule,
};
use crate::{Level, Problem, pointer_part};

/// Most conditions in one filter: members, paths, operators, and filters within groups.
const NODES_MAX: usize = 256;
/// Deepest nesting of `any`, `all` and `not`.
const DEPTH_MAX: usize = 8;
/// Most regular expressions in one filter.
const REGEXES_MAX: usize = 32;
/// Most values in one list.
const LIST_MAX: usize = 1000;
/// Most sources in one list.
const SOURCES_MAX: usize = 256;
/// Longest path in `metadata`, in bytes.
const PATH_BYTES_MAX: usize = 512;
/// Most things that are told to be wrong with one filter.
const PROBLEMS_MAX: usize = 20;

const MEMBERS: [&str; 10] =
    ["source", "levels", "min_level", "message", "metadata", "where", "schedule", "any", "all", "not"];
const OPERATORS: [&str; 13] =
    ["eq", "ne", "gt", "gte", "lt", "lte", "in", "not_in", "exists", "regex", "prefix", "suffix", "contains"];

/// Where in the filter something stands.
pub(super) struct Place<'a> {
    above: Option<&'a Place<'a>>,
    part: Part<'a>,
}

enum Part<'a> {
    Root,
    Member(&'a str),
    Item(usize),
}

impl<'a> Place<'a> {
    pub(super) const ROOT: Self = Self { above: None, part: Part::Root };

    pub(super) fn member(&'a self, name: &'a str) -> Self {
        Self { above: Some(self), part: Part::Member(name) }
    }

    pub(super) fn item(&'a self, index: usize) -> Self {
        Self { above: Some(self), part: Part::Item(index) }
    }

    /// The JSON pointer (RFC 6901).
    pub(super) fn pointer(&self) -> String {
        let mut pointer = self.above.map(Place::pointer).unwrap_or_default();
        match self.part {
            Part::Root => {}
            Part::Member(name) => {
                pointer.push('/');
                pointer.push_str(&pointer_part(name));
            }
            Part::Item(index) => pointer.push_str(&format!("/{index}")),
        }
        pointer
    }
}

/// What is wrong so far, and how large the filter is so far.
pub(super) struct Problems {
    found: Vec<Problem>,
    nodes: usize,
    regexes: usize,
}

impl Problems {
    pub(super) fn add(&mut self, place: &Place<'_>, detail: impl Into<String>) {
        if self.found.len() < PROBLEMS_MAX {
            self.found.push(Problem::new(place.pointer(), detail));
        }
    }

    pub(super) fn count(&self) -> usize {
        self.found.len()
    }

    /// Passes a problem on as standing at `place`.
    fn told<T>(&mut self, place: &Place<'_>, result: Result<T, Problem>) -> Option<T> {
        result.map_err(|problem| self.add(place, problem.detail)).ok()
    }

    /// Counts one more condition; the first one too many is told.
    fn is_too_large(&mut self, place: &Place<'_>) -> bool {
        self.nodes += 1;
        if self.nodes == NODES_MAX + 1 {
            self.add(place, format!("a filter holds at most {NODES_MAX} conditions"));
        }
        self.nodes > NODES_MAX
    }

    fn regex(&mut self, place: &Place<'_>) {
        self.regexes += 1;
        if self.regexes == REGEXES_MAX + 1 {
            self.add(place, format!("a filter holds at most {REGEXES_MAX} regular expressions"));
        }
    }

    /// The members of an object, none unknown.
    pub(super) fn object<'v>(
        &mut self,
        value: &'v Value,
        place: &Place<'_>,
        known: &[&str],
    ) -> Option<&'v Map<String, Value>> {
        let Value::Object(members) = value else {
            self.add(place, format!("expected an object with {}, not {}", known.join(", "), super::kind(value)));
            return None;
        };
        for name in members.keys().filter(|name| !known.contains(&name.as_str())) {
            self.add(&place.member(name), unknown(name, known));
        }
        Some(members)
    }

    fn text<'v>(&mut self, value: &'v Value, place: &Place<'_>, what: &str) -> Option<&'v str> {
        let text = value.as_str();
        if text.is_none() {
            self.add(place, format!("expected {what}, not {}", super::kind(value)));
        }
        text
    }

    fn list<'v>(&mut self, value: &'v Value, place: &Place<'_>, what: &str, max: usize) -> Option<&'v [Value]> {
        match value {
            Value::Array(items) if (1..=max).contains(&items.len()) => Some(items),
            Value::Array(items) => {
                self.add(place, format!("expected 1 to {max} {what}, not {}", items.len()));
                None
            }
            other => {
                self.add(place, format!("expected a list of {what}, not {}", super::kind(other)));
                None
            }
        }
    }
}

fn unknown(name: &str, known: &[&str]) -> String {
    let nearest =
        known.iter().map(|known| (strsim::jaro_winkler(name, known), known)).max_by(|a, b| a.0.total_cmp(&b.0));
    match nearest {
        Some((likeness, nearest)) if likeness > 0.8 => format!("unknown member; did you mean {nearest:?}?"),
        _ => format!("unknown member; known are {}", known.join(", ")),
    }
}

/// Checks and compiles; the list is not empty where it failed.
pub(super) fn filter(members: &Map<String, Value>, pool: &Pool) -> Result<Filter, Vec<Problem>> {
    let mut compiler = Compiler { pool, problems: Problems { found: Vec::new(), nodes: 0, regexes: 0 } };
    let value = Value::Object(members.clone());
    let filter = compiler.filter(&value, &Place::ROOT, 0);
    match filter {
        Some(filter) if compiler.problems.found.is_empty() => Ok(filter),
        _ => Err(compiler.problems.found),
    }
}

struct Compiler<'a> {
    pool: &'a Pool,
    problems: Problems,
}

impl Compiler<'_> {
    /// A filter from its object. Members are asked in the order in which they are pushed here: the cheap ones first.
    fn filter(&mut self, value: &Value, place: &Place<'_>, depth: usize) -> Option<Filter> {
        let given = self.problems.object(value, place, &MEMBERS)?;
        if given.is_empty() && depth > 0 {
            self.problems.add(place, "expected at least one condition");
        }
        let mut members = Vec::with_capacity(given.len());
        for name in MEMBERS_BY_COST {
            let Some(value) = given.get(name) else { continue };
            let place = place.member(name);
            // `metadata` counts by its paths.
            if name != "metadata" && self.problems.is_too_large(&place) {
                return None;
            }
            let member = match name {
                "levels" => self.levels(value, &place),
                "min_level" => self.level(value, &place).map(Member::MinLevel),
                "source" => self.sources(value, &place),
                "metadata" => self.metadata(value, &place),
                "message" => self.regex(value, &place).map(Member::Message),
                "schedule" => Schedule::read(value, &place, &mut self.problems).map(|s| Member::Schedule(Box::new(s))),
                "where" => self.expression(value, &place),
                "any" => self.group(value, &place, depth).map(Member::Any),
                "all" => self.group(value, &place, depth).map(Member::All),
                _ => self.nested(value, &place, depth).map(|filter| Member::Not(Box::new(filter))),
            };
            members.extend(member);
        }
        Some(Filter { members: members.into() })
    }

    fn nested(&mut self, value: &Value, place: &Place<'_>, depth: usize) -> Option<Filter> {
        if depth >= DEPTH_MAX {
            self.problems.add(place, format!("nested deeper than {DEPTH_MAX} levels"));
            return None;
        }
        self.filter(value, place, depth + 1)
    }

    fn group(&mut self, value: &Value, place: &Place<'_>, depth: usize) -> Option<Box<[Filter]>> {
        let items = self.problems.list(value, place, "filters", NODES_MAX)?;
        let mut filters = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let place = place.item(index);
            if self.problems.is_too_large(&place) {
                return None;
            }
            filters.push(self.nested(item, &place, depth)?);
        }
        Some(filters.into())
    }

    fn level(&mut self, value: &Value, place: &Place<'_>) -> Option<Level> {
        let level = value.as_str().and_then(Level::from_alias);
        if level.is_none() {
            self.problems.add(place, format!("{}, not {value}", crate::level::ParseLevelError));
        }
        level
    }

    fn levels(&mut self, value: &Value, place: &Place<'_>) -> Option<Member> {
        let items = self.problems.list(value, place, "levels", LIST_MAX)?;
        let mut bits = 0;
        for (index, item) in items.iter().enumerate() {
            bits |= self.level(item, &place.item(index)).map_or(0, super::bit);
        }
        Some(Member::Levels(bits))
    }

    fn sources(&mut self, value: &Value, place: &Place<'_>) -> Option<Member> {
        if let Value::Array(_) = value {
            let items = self.problems.list(value, place, "sources", SOURCES_MAX)?;
            let sources = items.iter().enumerate().filter_map(|(index, item)| self.source(item, &place.item(index)));
            return Some(Member::Source(sources.collect()));
        }
        self.source(value, place).map(|source| Member::Source([source].into()))
    }

    fn source(&mut self, value: &Value, place: &Place<'_>) -> Option<Source> {
        let text = self.problems.text(value, place, "a source: a name, or a regular expression for the whole of it")?;
        let source = self.problems.told(place, self.pool.source(text))?;
        if matches!(source, Source::Regex(_)) {
            self.problems.regex(place);
        }
        Some(source)
    }

    fn regex(&mut self, value: &Value, place: &Place<'_>) -> Option<Arc<Shared<regex::Regex>>> {
        let text = self.problems.text(value, place, "a regular expression")?;
        self.problems.regex(place);
        self.problems.told(place, self.pool.regex(text))
    }

    fn expression(&mut self, value: &Value, place: &Place<'_>) -> Option<Member> {
        let text = self.problems.text(value, place, "an RFC 9535 expression such as \"@.metadata.amount > 1000\"")?;
        self.problems.told(place, self.pool.expression(text)).map(Member::Where)
    }

    fn metadata(&mut self, value: &Value, place: &Place<'_>) -> Option<Member> {
        let Value::Object(given) = value else {
            let expected = "expected an object of paths such as {\"amount\": {\"gt\": 1000}}";
            self.problems.add(place, format!("{expected}, not {}", super::kind(value)));
            return None;
        };
        let mut fields = Vec::with_capacity(given.len());
        for (path, test) in given {
            let place = place.member(path);
            if self.problems.is_too_large(&place) {
                return None;
            }
            let found = self.path(path, &place);
            let operators = self.operators(test, &place);
            fields.extend(found.zip(operators).map(|(path, (operators, form))| Field { path, operators, form }));
        }
        Some(Member::Metadata(fields.into()))
    }

    fn path(&mut self, text: &str, place: &Place<'_>) -> Option<FieldPath> {
        if text.len() > PATH_BYTES_MAX {
            self.problems.add(place, format!("a path longer than {PATH_BYTES_MAX} bytes"));
            return None;
        }
        if text.starts_with('$') {
            return self.problems.told(place, JsonPath::parse(text)).map(|path| FieldPath::Query(Box::new(path)));
        }
        if text.split('.').any(str::is_empty) {
            self.problems.add(place, "expected a dotted path such as card.brand, or a JSONPath that begins with $");
            return None;
        }
        Some(FieldPath::Dotted(text.into()))
    }

    fn operators(&mut self, test: &Value, place: &Place<'_>) -> Option<(Box<[Operator]>, super::operator::Form)> {
        use super::operator::Form;
        let given = match test {
            Value::Object(given) => given,
            Value::Array(_) => {
                let values = self.problems.list(test, place, "values", LIST_MAX)?;
                return Some(([Operator::In(values.into())].into(), Form::Short));
            }
            scalar => return Some(([Operator::Eq(scalar.clone())].into(), Form::Short)),
        };
        if given.is_empty() {
            self.problems.add(place, format!("expected at least one of {}", OPERATORS.join(", ")));
            return None;
        }
        self.problems.object(test, place, &OPERATORS);
        let mut operators = Vec::with_capacity(given.len());
        for (name, operand) in given.iter().filter(|(name, _)| OPERATORS.contains(&name.as_str())) {
            let place = place.member(name);
            if self.problems.is_too_large(&place) {
                return None;
            }
            operators.extend(self.operator(name, operand, &place));
        }
        let absent = operators.iter().any(|operator| matches!(operator, Operator::Exists(false)));
        if absent && operators.len() > 1 {
            let place = place.member("exists");
            self.problems.add(&place, "false leaves no value for the other operators to hold for");
        }
        Some((operators.into(), Form::Operators))
    }

    fn operator(&mut self, name: &str, operand: &Value, place: &Place<'_>) -> Option<Operator> {
        let problems = &mut self.problems;
        let mut number = || {
            let number = Number::of(operand);
            if number.is_none() {
                problems.add(place, format!("expected a number, not {}", super::kind(operand)));
            }
            number
        };
        Some(match name {
            "eq" => Operator::Eq(operand.clone()),
            "ne" => Operator::Ne(operand.clone()),
            "gt" => Operator::Gt(number()?),
            "gte" => Operator::Gte(number()?),
            "lt" => Operator::Lt(number()?),
            "lte" => Operator::Lte(number()?),
            "in" => Operator::In(problems.list(operand, place, "values", LIST_MAX)?.into()),
            "not_in" => Operator::NotIn(problems.list(operand, place, "values", LIST_MAX)?.into()),
            "regex" => Operator::Regex(self.regex(operand, place)?),
            "prefix" => Operator::Prefix(problems.text(operand, place, "a string")?.into()),
            "suffix" => Operator::Suffix(problems.text(operand, place, "a string")?.into()),
            "contains" => Operator::Contains(operand.clone()),
            _ => match operand {
                Value::Bool(exists) => Operator::Exists(*exists),
                other => {
                    problems.add(place, format!("expected true or false, not {}", super::kind(other)));
                    return None;
                }
            },
        })
    }
}

/// [`MEMBERS`] in the order in which they are asked.
const MEMBERS_BY_COST: [&str; 10] =
    ["levels", "min_level", "source", "metadata", "message", "schedule", "all", "any", "not", "where"];
