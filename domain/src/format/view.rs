//! What the formats have in common: how an event is called, shown and told apart.

use std::borrow::Cow;

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::text::{Unit, clipped};
use crate::{Event, Level};

/// What has no source, or speaks for Loghorn itself.
pub(super) const NOBODY: &str = "loghorn";

/// What an event does to the incident that it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Opens it, or adds to it.
    Trigger,
    /// Somebody is on it.
    Acknowledge,
    /// It is over.
    Resolve,
}

/// An event, read.
pub(super) struct View<'a> {
    pub(super) event: &'a Event,
    json: &'a Value,
}

impl<'a> View<'a> {
    pub(super) fn new(event: &'a Event) -> Self {
        Self { event, json: event.value() }
    }

    pub(super) fn level(&self) -> Level {
        self.event.head.level
    }

    pub(super) fn event_type(&self) -> &'a str {
        self.event.head.event_type.as_str()
    }

    /// Its source; Loghorn where it has none, for most receivers want one.
    pub(super) fn source(&self) -> &'a str {
        Some(&*self.event.head.source).filter(|source| !source.trim().is_empty()).unwrap_or(NOBODY)
    }

    /// Its message; its type where it has none.
    pub(super) fn message(&self) -> &'a str {
        let message = self.json["message"].as_str().unwrap_or_default();
        if message.trim().is_empty() { self.event_type() } else { message }
    }

    pub(super) fn json(&self) -> &'a Value {
        self.json
    }

    /// Its metadata, where there is any.
    pub(super) fn metadata(&self) -> Option<&'a Map<String, Value>> {
        self.json["metadata"].as_object().filter(|metadata| !metadata.is_empty())
    }

    /// The text of a member of the metadata.
    pub(super) fn text(&self, member: &str) -> Option<Cow<'a, str>> {
        match &self.json["metadata"][member] {
            Value::String(text) if !text.is_empty() => Some(text.into()),
            Value::Number(number) => Some(number.to_string().into()),
            _ => None,
        }
    }

    /// Its metadata as text, a member a line.
    pub(super) fn metadata_text(&self, max: usize, unit: Unit) -> Option<String> {
        let text = serde_json::to_string_pretty(self.metadata()?).unwrap_or_default();
        Some(clipped(&text, max, unit))
    }

    /// `ERROR payments: card timeout`.
    pub(super) fn line(&self) -> String {
        format!("{} {}: {}", self.level().name(), self.source(), self.message())
    }

    /// What it does to its incident: `metadata.status`, else the last part of its type.
    pub(super) fn action(&self) -> Action {
        let status = self.text("status").map(|status| status.to_ascii_lowercase());
        let last = self.event_type().rsplit('.').next().unwrap_or_default();
        match (status.as_deref().unwrap_or_default(), last) {
            ("resolved", _) | (_, "resolved") => Action::Resolve,
            ("acknowledged", _) | (_, "acknowledged") => Action::Acknowledge,
            _ => Action::Trigger,
        }
    }

    /// What is the same for all events of one incident: `metadata.dedup_key`, else type and source, where a last part
    /// that only says what became of it is left out. At most `max` bytes; what is longer ends with its hash.
    pub(super) fn dedup_key(&self, max: usize) -> String {
        let of_type = || {
            let kind = self.event_type();
            let without = kind.rsplit_once('.').filter(|(_, last)| matches!(*last, "resolved" | "acknowledged"));
            format!("{}:{}", without.map_or(kind, |(before, _)| before), self.source())
        };
        let key = self.text("dedup_key").map_or_else(of_type, Cow::into_owned);
        if key.len() <= max {
            return key;
        }
        let hash: String = Sha256::digest(&key).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let room = max.saturating_sub(hash.len() + 1);
        let cut = (0..=room).rev().find(|at| key.is_char_boundary(*at)).unwrap_or_default();
        format!("{}-{hash}", &key[..cut])
    }

    /// Its metadata and where it came from, as an object of at most `max` bytes; where that is more, as cut text.
    pub(super) fn details(&self, max: usize) -> Value {
        let mut details = self.metadata().cloned().unwrap_or_default();
        details.insert("event_id".into(), self.event.id.as_str().into());
        details.insert("event_type".into(), self.event_type().into());
        let text = serde_json::to_string(&details).unwrap_or_default();
        if text.len() <= max {
            return Value::Object(details);
        }
        json!({
            "event_id": self.event.id.as_str(),
            "event_type": self.event_type(),
            "metadata": clipped(&text, max.saturating_sub(1024), Unit::Json),
        })
    }
}

/// How many more there are than are shown.
pub(super) fn more(n: usize) -> String {
    format!("… and {n} more")
}
