//! Filters: what narrows a subscription beyond its event types.
//!
//! A filter is checked once, when it is saved, and compiled; a precise [`Problem`] refuses it otherwise. Members that
//! are not known are refused, never ignored: a filter with a typo must not match everything. All members must hold.
//! [`Filter::matches`] is the fast answer, [`Filter::explain`] the same answer in words; a test holds them together.

mod condition;

use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json_path::JsonPath;

pub use condition::Condition;

use crate::{Event, Level, Problem};

/// Largest compiled size of one regular expression, in bytes.
const REGEX_BYTES_MAX: usize = 1 << 20;
/// Longest regular expression or `where` expression as written, in bytes.
const EXPRESSION_BYTES_MAX: usize = 4096;
/// Most names in a list.
const LIST_MAX: usize = 256;

/// A filter as it is written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// A regular expression that must match the whole source, or a list of which one must.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<OneOrMany>,
    /// One of these levels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub levels: Option<Vec<Level>>,
    /// This level or a worse one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_level: Option<Level>,
    /// A regular expression that is searched in the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// A logical expression of RFC 9535 with `@` as the whole event.
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    pub where_: Option<String>,
}

/// A text or a list of texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a string or a list of strings")]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Any of them.
    Many(Vec<String>),
}

impl OneOrMany {
    fn as_slice(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
        }
    }
}

/// A source, by name or by regular expression.
#[derive(Debug)]
enum Source {
    Name(String),
    Regex(Regex),
}

impl Source {
    fn matches(&self, source: &str) -> bool {
        match self {
            Self::Name(name) => name == source,
            Self::Regex(regex) => regex.is_match(source),
        }
    }
}

/// A filter made ready for matching.
#[derive(Debug)]
pub struct Filter {
    spec: Spec,
    sources: Option<Vec<Source>>,
    /// Bit n stands for the level with number n.
    levels: Option<u8>,
    message: Option<Regex>,
    where_: Option<JsonPath>,
}

impl Filter {
    /// Checks and compiles `spec`. Pointers of problems are relative to the filter: `/source`.
    pub fn compile(spec: Spec) -> Result<Self, Problem> {
        let sources = spec.source.as_ref().map(sources).transpose()?;
        let levels = spec.levels.as_deref().map(level_bits).transpose()?;
        let message = spec.message.as_deref().map(|text| regex(text, "/message")).transpose()?;
        let where_ = spec.where_.as_deref().map(where_expression).transpose()?;
        Ok(Self { spec, sources, levels, message, where_ })
    }

    /// The filter as written.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Whether every member holds. The cheap members are asked first.
    pub fn matches(&self, event: &Event) -> bool {
        self.spec.min_level.is_none_or(|min| event.head.level >= min)
            && self.levels.is_none_or(|bits| bits & bit(event.head.level) != 0)
            && self.has_source(event)
            && self.message.as_ref().is_none_or(|regex| regex.is_match(message(event)))
            && self.where_.as_ref().is_none_or(|path| holds(path, event))
    }

    fn has_source(&self, event: &Event) -> bool {
        self.sources.as_ref().is_none_or(|sources| sources.iter().any(|source| source.matches(&event.head.source)))
    }
}

fn bit(level: Level) -> u8 {
    1 << (level as u8)
}

fn message(event: &Event) -> &str {
    event.value()["message"].as_str().unwrap_or_default()
}

fn holds(path: &JsonPath, event: &Event) -> bool {
    !path.query(event.value_in_array()).is_empty()
}

fn sources(spec: &OneOrMany) -> Result<Vec<Source>, Problem> {
    let texts = spec.as_slice();
    if texts.is_empty() || texts.len() > LIST_MAX {
        return Err(Problem::new("/source", format!("expected 1 to {LIST_MAX} sources")));
    }
    let pointer = |index: usize| match spec {
        OneOrMany::One(_) => "/source".to_owned(),
        OneOrMany::Many(_) => format!("/source/{index}"),
    };
    texts.iter().enumerate().map(|(index, text)| source(text, &pointer(index))).collect()
}

fn source(text: &str, pointer: &str) -> Result<Source, Problem> {
    if regex::escape(text) == text || text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_ :/@".contains(&b)) {
        return Ok(Source::Name(text.to_owned()));
    }
    // Compiled as written first, so that `a)|(b` is refused and positions in messages are the user's.
    regex(text, pointer)?;
    Ok(Source::Regex(regex(&format!("^(?:{text})$"), pointer)?))
}

fn regex(text: &str, pointer: &str) -> Result<Regex, Problem> {
    if text.len() > EXPRESSION_BYTES_MAX {
        return Err(Problem::new(pointer, format!("longer than {EXPRESSION_BYTES_MAX} bytes")));
    }
    let built = regex::RegexBuilder::new(text).size_limit(REGEX_BYTES_MAX).dfa_size_limit(REGEX_BYTES_MAX).build();
    built.map_err(|error| {
        let detail = match error {
            regex::Error::CompiledTooBig(_) => "too large once compiled; simplify its repetitions".to_owned(),
            other => format!("not a regular expression: {other}"),
        };
        Problem::new(pointer, detail)
    })
}

fn level_bits(levels: &[Level]) -> Result<u8, Problem> {
    if levels.is_empty() {
        return Err(Problem::new("/levels", "expected at least one level; leave the member out to admit all"));
    }
    Ok(levels.iter().fold(0, |bits, level| bits | bit(*level)))
}

fn where_expression(text: &str) -> Result<JsonPath, Problem> {
    if text.len() > EXPRESSION_BYTES_MAX {
        return Err(Problem::new("/where", format!("longer than {EXPRESSION_BYTES_MAX} bytes")));
    }
    const BEFORE: &str = "$[?";
    let path = JsonPath::parse(&format!("{BEFORE}{text}]")).map_err(|error| {
        let at = error.position().saturating_sub(BEFORE.len());
        Problem::new("/where", format!("not an RFC 9535 expression, at character {at}: {}", error.message()))
    })?;
    // `@.a == 1, *` is a fine list of selectors, and would match everything.
    if JsonPath::parse(&format!("{BEFORE}({text})]")).is_err() {
        return Err(Problem::new("/where", "expected one logical expression, not a list of selectors"));
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Draft, Seq, Timestamp, event::Limits};

    pub(super) fn event(json: &str) -> Event {
        let draft = Draft::from_json(json.as_bytes()).unwrap();
        let new = draft.seal(Timestamp::from_millis(0), Limits::default()).unwrap();
        Event::new(Seq(1), "e".parse().unwrap(), new.head, new.tail)
    }

    fn filter(json: &str) -> Result<Filter, Problem> {
        Filter::compile(serde_json::from_str(json).unwrap())
    }

    #[test]
    fn a_plain_source_is_exactly_that_name() {
        let payment = event(r#"{"source":"payment-service"}"#);
        for (spec, expected) in [
            (r#"{"source":"payment-service"}"#, true),
            (r#"{"source":"payment"}"#, false),
            (r#"{"source":"payment-.*"}"#, true),
            (r#"{"source":"service|payment-service"}"#, true),
            (r#"{"source":["a","payment-service"]}"#, true),
            (r#"{"source":["a","b"]}"#, false),
            ("{}", true),
        ] {
            assert_eq!(filter(spec).unwrap().matches(&payment), expected, "{spec}");
        }
    }

    #[test]
    fn all_members_must_hold() {
        let error = event(r#"{"level":"ERROR","message":"card timeout","metadata":{"amount":1200}}"#);
        for (spec, expected) in [
            (
                r#"{"levels":["error","critical"],"min_level":"WARNING","message":"time","where":"@.metadata.amount > 1000"}"#,
                true,
            ),
            (r#"{"levels":["INFO"]}"#, false),
            (r#"{"min_level":"CRITICAL"}"#, false),
            (r#"{"min_level":"ERROR","message":"^time"}"#, false),
            (r#"{"where":"@.metadata.amount > 1000 && search(@.message, 'declined')"}"#, false),
        ] {
            assert_eq!(filter(spec).unwrap().matches(&error), expected, "{spec}");
        }
    }

    #[test]
    fn bad_filters_are_refused_with_their_pointer() {
        for (spec, pointer) in [
            (r#"{"source":"(("}"#, "/source"),
            (r#"{"source":["a","("]}"#, "/source/1"),
            (r#"{"source":"a)|(b"}"#, "/source"),
            (r#"{"source":[]}"#, "/source"),
            (r#"{"levels":[]}"#, "/levels"),
            (r#"{"message":"[a"}"#, "/message"),
            (r#"{"message":"(a{1000}){1000}"}"#, "/message"),
            (r#"{"where":"@.a >"}"#, "/where"),
            (r#"{"where":"@.a == 1, *"}"#, "/where"),
        ] {
            assert_eq!(filter(spec).unwrap_err().pointer, pointer, "{spec}");
        }
        assert!(serde_json::from_str::<Spec>(r#"{"sorce":"x"}"#).is_err());
    }

    proptest! {
        #[test]
        fn the_explanation_agrees_with_the_answer(
            level in 0usize..6, min in proptest::option::of(0usize..6),
            levels in proptest::option::of(proptest::collection::vec(0usize..6, 1..3)),
            source in "[ab]{1,2}", wanted in proptest::option::of("[ab.]{1,2}"), message in "[xy]{0,2}",
        ) {
            let event = event(&format!(
                r#"{{"level":"{}","source":"{source}","message":"{message}"}}"#, Level::ALL[level].name()));
            let filter = Filter::compile(Spec {
                source: wanted.map(OneOrMany::One),
                levels: levels.map(|levels| levels.into_iter().map(|n| Level::ALL[n]).collect()),
                min_level: min.map(|n| Level::ALL[n]),
                message: Some("x".into()),
                where_: Some("@.source != 'aa'".into()),
            }).unwrap();
            let explained = filter.explain(&event).iter().all(|condition| condition.passed);
            prop_assert_eq!(filter.matches(&event), explained);
        }
    }
}
