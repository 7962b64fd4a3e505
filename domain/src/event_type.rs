//! Event types (`payment.processor.failure`) and the patterns that subscriptions name them by.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::Level;

/// Most parts that an event type has.
const PARTS_MAX: usize = 8;
/// Longest event type, in bytes.
const TYPE_BYTES_MAX: usize = 256;

/// A lower-case dotted name of 1–8 parts of `[a-z0-9_-]`, at most 256 bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventType(Arc<str>);

impl EventType {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `log.<level>`, the type of an event that names none.
    pub fn of_level(level: Level) -> Self {
        Self(Arc::from(level.event_type()))
    }

    /// The level that `log.<level>` says; `None` for every other type.
    pub fn level(&self) -> Option<Level> {
        self.0.strip_prefix("log.").and_then(Level::from_alias)
    }

    /// The type of one of Loghorn's own events. `name` must be a good one.
    pub(crate) fn own(name: &'static str) -> Self {
        debug_assert!(name.split('.').all(is_part));
        Self(Arc::from(name))
    }

    /// Whether it is a type of Loghorn's own events: `loghorn`, or beginning with `loghorn.`. Nobody else may send such.
    pub fn is_own(&self) -> bool {
        is_own(&self.0)
    }
}

fn is_own(event_type: &str) -> bool {
    event_type.strip_prefix(OWN).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The first part of the types of Loghorn's own events.
pub(crate) const OWN: &str = "loghorn";

/// Why a text is no [`EventType`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("expected a dotted lower-case name of 1 to 8 parts of a-z, 0-9, _ and -, such as payment.processor.failure")]
pub struct ParseEventTypeError;

fn is_part(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-')
}

impl FromStr for EventType {
    type Err = ParseEventTypeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = text.len() <= TYPE_BYTES_MAX && text.split('.').count() <= PARTS_MAX;
        if fits && text.split('.').all(is_part) { Ok(Self(Arc::from(text))) } else { Err(ParseEventTypeError) }
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for EventType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for EventType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// An event type or a pattern over them: `*` stands for one part, `**` for any number of parts, also none. A pattern that
/// begins with a wildcard takes none of Loghorn's own events: whoever takes everything would otherwise be told of their
/// own trouble, and get more of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pattern(Arc<str>);

impl Pattern {
    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The one type this names, where it holds no wildcard.
    pub fn exact(&self) -> Option<&str> {
        (!self.0.contains('*')).then_some(&*self.0)
    }

    /// Whether its first part is a wildcard.
    pub fn begins_wild(&self) -> bool {
        self.0.starts_with('*')
    }

    /// Whether `event_type` is named by this pattern.
    pub fn matches(&self, event_type: &str) -> bool {
        /// `None` is the end; a dotted remainder otherwise. At most 8 parts each, so this ends quickly.
        fn rest_matches(pattern: Option<&str>, name: Option<&str>) -> bool {
            let Some(pattern) = pattern else { return name.is_none() };
            let (head, tail) = split_part(pattern);
            if head == "**" {
                // Several in a row say no more than one, and would be tried in every combination.
                let is_repeated = tail.is_some_and(|tail| split_part(tail).0 == "**");
                if is_repeated {
                    return rest_matches(tail, name);
                }
                return rest_matches(tail, name)
                    || name.is_some_and(|name| rest_matches(Some(pattern), split_part(name).1));
            }
            let Some(name) = name else { return false };
            let (part, rest) = split_part(name);
            (head == "*" || head == part) && rest_matches(tail, rest)
        }
        let is_left_out = self.begins_wild() && is_own(event_type);
        !is_left_out && rest_matches(Some(&self.0), Some(event_type))
    }
}

fn split_part(dotted: &str) -> (&str, Option<&str>) {
    match dotted.split_once('.') {
        Some((head, tail)) => (head, Some(tail)),
        None => (dotted, None),
    }
}

/// Why a text is no [`Pattern`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "expected an event type or a pattern: up to 8 dotted parts, each a name of a-z, 0-9, _ and -, or * (one part), or ** (any number of parts)"
)]
pub struct ParsePatternError;

impl FromStr for Pattern {
    type Err = ParsePatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = text.len() <= TYPE_BYTES_MAX && text.split('.').count() <= PARTS_MAX;
        let good = |part: &str| part == "*" || part == "**" || is_part(part);
        if fits && text.split('.').all(good) { Ok(Self(Arc::from(text))) } else { Err(ParsePatternError) }
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn types_are_checked() {
        for good in ["a", "log.error", "payment.processor.failure", "a.b.c.d.e.f.g.h", "a-b_c.9"] {
            assert!(good.parse::<EventType>().is_ok(), "{good}");
        }
        for bad in ["", ".", "a.", ".a", "a..b", "A", "a.*", "a b", "a.b.c.d.e.f.g.h.i", "ü"] {
            assert!(bad.parse::<EventType>().is_err(), "{bad}");
        }
    }

    #[test]
    fn patterns_match_parts() {
        let cases = [
            ("log.error", "log.error", true),
            ("log.error", "log.errors", false),
            ("payment.*", "payment.failed", true),
            ("payment.*", "payment", false),
            ("payment.*", "payment.processor.failure", false),
            ("payment.**", "payment", true),
            ("payment.**", "payment.processor.failure", true),
            ("**", "anything.at.all", true),
            ("*.failure", "payment.failure", true),
            ("*.failure", "failure", false),
            ("**.failure", "failure", true),
            ("**.failure", "a.b.failure", true),
            ("a.**.z", "a.z", true),
            ("a.**.z", "a.b.c.z", true),
            ("a.**.z", "a.b.c", false),
            ("**.**.z", "z", true),
            ("**.**.**", "a", true),
            ("a.**.**.*.**.z", "a.z", false),
            ("a.**.**.*.**.z", "a.b.z", true),
            ("**", "loghorn.circuit.opened", false),
            ("**", "loghorn", false),
            ("**", "loghorns.a", true),
            ("*.circuit.*", "loghorn.circuit.opened", false),
            ("**.opened", "loghorn.circuit.opened", false),
            ("loghorn.**", "loghorn.circuit.opened", true),
            ("loghorn.**", "loghorn", true),
            ("loghorn.*.opened", "loghorn.circuit.opened", true),
            ("a.**", "a.loghorn", true),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(pattern.parse::<Pattern>().unwrap().matches(name), expected, "{pattern} ~ {name}");
        }
        assert!("payment*".parse::<Pattern>().is_err());
        assert!("***".parse::<Pattern>().is_err());
    }

    proptest! {
        /// The matcher agrees with a regex made from the pattern.
        #[test]
        fn patterns_agree_with_a_regex(
            pattern in prop::collection::vec(
                prop_oneof!["[ab]", Just("*".to_owned()), Just("**".to_owned()), Just(OWN.to_owned())], 1..6),
            name in prop::collection::vec(prop_oneof![3 => "[abc]", 1 => Just(OWN.to_owned())], 1..7),
        ) {
            let parsed: Pattern = pattern.join(".").parse().unwrap();
            let regex: String = pattern.iter().map(|part| match part.as_str() {
                "*" => r"[a-z]+\.".to_owned(),
                "**" => r"(?:[a-z]+\.)*".to_owned(),
                name => format!(r"{name}\."),
            }).collect();
            let regex = regex::Regex::new(&format!("^(?:{regex})$")).unwrap();
            let is_left_out = name[0] == OWN && pattern[0].starts_with('*');
            let name = name.join(".");
            prop_assert_eq!(parsed.matches(&name), regex.is_match(&format!("{name}.")) && !is_left_out);
        }
    }
}
