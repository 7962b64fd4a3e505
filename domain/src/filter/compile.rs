//! From a filter as written to a filter that can be asked: every member is checked, and everything that is wrong is
//! told at once, with the JSON pointer to it and what was expected.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{
    Filter, Member, Shared,
    expression::Path as JsonPath,
    number::Number,
    operator::{Field, FieldPath, List, Operator},
    pool::{Pool, Source, is_name},
    problems::{NODES_MAX, Place, Problems},
    schedule::Schedule,
    words::shown,
};
use crate::{Level, Problem};

/// Deepest nesting of `any`, `all` and `not`.
const DEPTH_MAX: usize = 8;
/// Most values in one list.
const LIST_MAX: usize = 1000;
/// Most sources in one list.
const SOURCES_MAX: usize = 256;
/// Longest path in `metadata`, in bytes.
const PATH_BYTES_MAX: usize = 512;

const MEMBERS: [&str; 10] =
    ["source", "levels", "min_level", "message", "metadata", "where", "schedule", "any", "all", "not"];
const OPERATORS: [&str; 13] =
    ["eq", "ne", "gt", "gte", "lt", "lte", "in", "not_in", "exists", "regex", "prefix", "suffix", "contains"];

/// Checks and compiles; the list is not empty where it failed.
pub(super) fn filter(members: &Map<String, Value>, pool: &Pool) -> Result<Filter, Vec<Problem>> {
    let mut compiler = Compiler { pool, problems: Problems::default() };
    let value = Value::Object(members.clone());
    let filter = compiler.filter(&value, &Place::ROOT, 0);
    match filter {
        Some(filter) if compiler.problems.count() == 0 => Ok(filter),
        _ => Err(compiler.problems.into_found()),
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
            self.problems.add(place, format!("{}, not {}", crate::level::ParseLevelError, shown(value)));
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
        if !is_name(text) && !self.problems.has_room_for_regex(text, place) {
            return None;
        }
        self.problems.told(place, self.pool.source(text))
    }

    fn regex(&mut self, value: &Value, place: &Place<'_>) -> Option<Arc<Shared<regex::Regex>>> {
        let text = self.problems.text(value, place, "a regular expression")?;
        let has_room = self.problems.has_room_for_regex(text, place);
        has_room.then(|| self.problems.told(place, self.pool.regex(text))).flatten()
    }

    fn expression(&mut self, value: &Value, place: &Place<'_>) -> Option<Member> {
        let text = self.problems.text(value, place, "an RFC 9535 expression such as \"@.metadata.amount > 1000\"")?;
        if !self.problems.has_room_for_looks() {
            return None;
        }
        let expression = self.problems.told(place, self.pool.expression(text))?;
        self.problems.looks(expression.compiled.looks(), place);
        Some(Member::Where(expression))
    }

    fn metadata(&mut self, value: &Value, place: &Place<'_>) -> Option<Member> {
        let Value::Object(given) = value else {
            let expected = "expected an object of paths such as {\"amount\": {\"gt\": 1000}}";
            self.problems.add(place, format!("{expected}, not {}", super::kind(value)));
            return None;
        };
        if given.is_empty() {
            self.problems.add(place, "expected at least one path such as \"amount\"");
        }
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
            if !self.problems.has_room_for_looks() {
                return None;
            }
            let path = self.problems.told(place, JsonPath::parse(text))?;
            self.problems.looks(path.looks(), place);
            return Some(FieldPath::Query(Box::new(path)));
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
                return Some(([Operator::In(List::new(values))].into(), Form::Short));
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
            "in" => Operator::In(List::new(problems.list(operand, place, "values", LIST_MAX)?)),
            "not_in" => Operator::NotIn(List::new(problems.list(operand, place, "values", LIST_MAX)?)),
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
