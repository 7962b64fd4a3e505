//! Why a filter holds or does not: each condition with its result, the value that was seen, and words for a person.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    Field, FieldPath, Filter, Member, Memo, Operator, message, metadata,
    operator::Form,
    seen::Room,
    words::{self, shown},
};
use crate::{Event, Level, pointer_part};

/// Most values that are shown of a path that selects several.
const VALUES_MAX: usize = 10;
/// Longest message about an expression, in characters.
const MESSAGE_CHARS_MAX: usize = 1000;
/// Most paths of an expression of which values are shown.
const PATHS_MAX: usize = 20;

/// One condition, held against one event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    /// JSON pointer to it in the subscription: `/filters/metadata/amount/gt`.
    pub pointer: String,
    /// Whether it holds.
    pub passed: bool,
    /// What was seen in the event; a list where a path selects several values, null where there is none. Of what is
    /// large the beginning, and then `…`.
    pub value: Value,
    /// The same for a person: `metadata.amount is 86.1, not greater than 1000`.
    pub message: String,
    /// What `any`, `all` and `not` are made of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

impl Condition {
    /// A condition that is made of no others.
    pub fn new(pointer: impl Into<String>, passed: bool, value: Value, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), passed, value, message: message.into(), conditions: Vec::new() }
    }
}

impl Filter {
    /// Every condition of the filter with its result, in the order in which they are asked. The filter holds if all of
    /// them passed. Pointers begin with `/filters`.
    pub fn explain(&self, event: &Event) -> Vec<Condition> {
        explain(self, event, "/filters")
    }
}

fn explain(filter: &Filter, event: &Event, at: &str) -> Vec<Condition> {
    let mut conditions = Vec::new();
    for member in &filter.members {
        let at = format!("{at}/{}", member.name());
        match member {
            Member::Metadata(fields) => fields.iter().for_each(|field| conditions.extend(of_field(field, event, &at))),
            Member::Any(filters) | Member::All(filters) => conditions.push(of_group(member, filters, event, &at)),
            Member::Not(filter) => {
                let parts = explain(filter, event, &at);
                let passed = !parts.iter().all(|part| part.passed);
                let message = if passed { "what must not hold does not" } else { "what must not hold does" };
                conditions.push(Condition { conditions: parts, ..Condition::new(at, passed, Value::Null, message) });
            }
            leaf => conditions.push(of_leaf(leaf, event, at)),
        }
    }
    conditions
}

fn of_group(member: &Member, filters: &[Filter], event: &Event, at: &str) -> Condition {
    let mut parts = Vec::new();
    for (index, filter) in filters.iter().enumerate() {
        let at = format!("{at}/{index}");
        let mut conditions = explain(filter, event, &at);
        if conditions.len() == 1 {
            parts.append(&mut conditions);
            continue;
        }
        let held = conditions.iter().filter(|part| part.passed).count();
        let message = format!("{held} of {} conditions hold", conditions.len());
        let passed = held == conditions.len();
        parts.push(Condition { conditions, ..Condition::new(at, passed, Value::Null, message) });
    }
    let held = parts.iter().filter(|part| part.passed).count();
    let (passed, needed) = match member {
        Member::Any(_) => (held > 0, "one must"),
        _ => (held == parts.len(), "all must"),
    };
    let message = format!("{held} of {} hold, {needed}", parts.len());
    Condition { conditions: parts, ..Condition::new(at, passed, Value::Null, message) }
}

/// A member that is one condition.
fn of_leaf(member: &Member, event: &Event, at: String) -> Condition {
    let memo = &mut Memo::default();
    let level = event.head.level;
    let passed = member.holds(event, memo);
    let (value, words) = match member {
        Member::Levels(bits) => {
            let wanted: Vec<&str> =
                Level::ALL.iter().filter(|l| bits & super::bit(**l) != 0).map(|l| l.name()).collect();
            (level.name().into(), words::level(level, passed, &wanted.join(" or ")))
        }
        Member::MinLevel(min) => (level.name().into(), words::level(level, passed, &format!("{min} or worse"))),
        Member::Source(sources) => {
            let wanted: Vec<&str> = sources.iter().map(|source| source.text()).collect();
            let seen = Value::from(Room::default().of_text(&event.head.source));
            let words = words::source(&seen, passed, &wanted);
            (seen, words)
        }
        Member::Message(regex) => {
            let seen = Value::from(Room::default().of_text(message(event)));
            let not = if passed { "" } else { "not " };
            let words = format!("message is {}, {not}matched by /{}/", shown(&seen), regex.text);
            (seen, words)
        }
        Member::Schedule(schedule) => {
            let clock = schedule.shown(event.head.received_at);
            let side = if passed { "within" } else { "outside" };
            (clock.zoned.into(), format!("it was {}, {side} {}", clock.words, schedule.words()))
        }
        Member::Where(expression) => {
            let seen = seen_by(&expression.compiled, event);
            let verb = if passed { "holds" } else { "does not hold" };
            let values: Vec<String> = seen.iter().map(|(path, value)| words::seen_at(path, value.as_ref())).collect();
            let values = if values.is_empty() { String::new() } else { format!(": {}", values.join("; ")) };
            let message =
                words::shortened(&format!("the expression {} {verb}{values}", expression.text), MESSAGE_CHARS_MAX);
            let value = match &seen[..] {
                [(_, value)] => value.clone().unwrap_or_default(),
                several => {
                    let values = several.iter().filter_map(|(path, value)| Some((path.clone(), value.clone()?)));
                    values.collect::<Map<_, _>>().into()
                }
            };
            (value, message)
        }
        _ => (Value::Null, String::new()),
    };
    Condition::new(at, passed, value, words)
}

/// What stands in the event at each of the expression's paths.
fn seen_by(expression: &super::Expression, event: &Event) -> Vec<(String, Option<Value>)> {
    let (paths, mut room) = (expression.paths().iter().take(PATHS_MAX), Room::default());
    paths.map(|path| (path.as_str().to_owned(), several(&path.nodes(event.value()), &mut room))).collect()
}

/// The one value, or a list of the first of several.
fn several(nodes: &[&Value], room: &mut Room) -> Option<Value> {
    match nodes {
        [] => None,
        [one] => Some(room.of(one)),
        several => Some(several.iter().take(VALUES_MAX).map(|node| room.of(node)).collect()),
    }
}

fn of_field(field: &Field, event: &Event, at: &str) -> Vec<Condition> {
    let at = format!("{at}/{}", pointer_part(field.path.text()));
    let mut nodes = Vec::new();
    field.path.each(metadata(event), &mut |node| {
        nodes.push(node);
        false
    });
    let mut conditions: Vec<Condition> =
        field.operators.iter().map(|operator| of_operator(field, operator, &nodes, &at)).collect();
    if conditions.iter().all(|condition| condition.passed) && !field.holds(metadata(event)) {
        let message = format!("{} has {} values, none for which all of this holds", subject(&field.path), nodes.len());
        conditions.push(Condition::new(at, false, several(&nodes, &mut Room::default()).unwrap_or_default(), message));
    }
    conditions
}

fn of_operator(field: &Field, operator: &Operator, nodes: &[&Value], at: &str) -> Condition {
    let pointer = match field.form {
        Form::Short => at.to_owned(),
        Form::Operators => format!("{at}/{}", operator.name()),
    };
    let value = several(nodes, &mut Room::default()).unwrap_or_default();
    let (subject, path) = (subject(&field.path), field.path.text());
    let is_absence = matches!(operator, Operator::Exists(false));
    let Some(first) = nodes.first() else {
        let wanted = if is_absence { ", as wanted" } else { "" };
        return Condition::new(pointer, is_absence, value, format!("no value at {path}{wanted}"));
    };
    let holding = nodes.iter().find(|node| operator.holds(node));
    let shown_node = shown(holding.unwrap_or(first));
    let phrase = words::operator(operator, holding.unwrap_or(first), holding.is_some());
    let message = match (holding, nodes.len()) {
        (_, 1) => format!("{subject} is {shown_node}, {phrase}"),
        (Some(_), n) => format!("one of the {n} values at {subject} is {shown_node}, {phrase}"),
        (None, n) => format!("each of the {n} values at {subject} fails: the first is {shown_node}, {phrase}"),
    };
    Condition::new(pointer, holding.is_some(), value, message)
}

/// The path as people say it.
fn subject(path: &FieldPath) -> String {
    match path {
        FieldPath::Dotted(path) => format!("metadata.{path}"),
        FieldPath::Query(path) => format!("metadata{}", &path.as_str()[1..]),
    }
}

impl Member {
    /// Its name as written.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Source(_) => "source",
            Self::Levels(_) => "levels",
            Self::MinLevel(_) => "min_level",
            Self::Message(_) => "message",
            Self::Metadata(_) => "metadata",
            Self::Where(_) => "where",
            Self::Schedule(_) => "schedule",
            Self::Any(_) => "any",
            Self::All(_) => "all",
            Self::Not(_) => "not",
        }
    }
}

/// The condition that a subscription's event types are.
pub fn of_types(event: &Event, patterns: &[crate::Pattern]) -> Condition {
    let seen = event.head.event_type.as_str();
    let found = patterns.iter().find(|pattern| pattern.matches(seen));
    let wanted: Vec<&str> = patterns.iter().map(|pattern| pattern.as_str()).collect();
    let message = match found {
        Some(pattern) => format!("event_type is {seen}, named by {}", pattern.as_str()),
        None => {
            let is_left_out = event.head.event_type.is_own() && patterns.iter().any(crate::Pattern::begins_wild);
            let hint = if is_left_out { "; no wildcard at the beginning takes Loghorn's own events" } else { "" };
            format!("event_type is {seen}, not named by {}{hint}", words::list(&wanted))
        }
    };
    Condition::new("/events", found.is_some(), json!(seen), message)
}
