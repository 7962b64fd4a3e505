//! Opsgenie: its alert API. <https://docs.opsgenie.com/docs/alert-api#create-alert>

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    text::{Unit, clipped},
    view::View,
};
use crate::{
    Level, Problem,
    credentials::{Hidden, MASK},
};

const MESSAGE_MAX: usize = 130;
const ALIAS_MAX: usize = 512;
const DESCRIPTION_MAX: usize = 15_000;
const SOURCE_MAX: usize = 100;
const TAG_MAX: usize = 50;
/// All details together may have 8000 characters.
const DETAILS_MAX: usize = 8000;
const DETAIL_MAX: usize = 1000;
/// Longest key that is taken, in bytes.
const KEY_BYTES_MAX: usize = 256;

/// Who may make alerts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The key of an API integration. Never shown.
    pub api_key: Hidden,
}

impl Config {
    pub(super) fn problem(&self) -> Option<Problem> {
        let key = self.api_key.reveal();
        let is_key =
            (1..=KEY_BYTES_MAX).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let detail = match key {
            MASK => super::NOT_KEPT,
            _ if is_key => return None,
            _ => "expected the letters, digits and dashes of an API key",
        };
        Some(Problem::new("/opsgenie/api_key", detail))
    }
}

const fn priority(level: Level) -> &'static str {
    match level {
        Level::Critical => "P1",
        Level::Error => "P2",
        Level::Warning => "P3",
        Level::Info => "P4",
        Level::Debug | Level::Trace => "P5",
    }
}

pub(super) fn one(view: &View<'_>) -> Value {
    let clip = |text: &str, max| clipped(text, max, Unit::Utf16);
    json!({
        "message": clip(view.message(), MESSAGE_MAX),
        "alias": view.dedup_key(ALIAS_MAX),
        "description": clip(view.message(), DESCRIPTION_MAX),
        "details": details(view),
        "source": clip(view.source(), SOURCE_MAX),
        "priority": priority(view.level()),
        "tags": [view.level().name(), clip(view.event_type(), TAG_MAX)],
    })
}

/// All of it is text there. What finds no room is left out.
fn details(view: &View<'_>) -> Map<String, Value> {
    let mut details = Map::new();
    let own = [("event_id", view.event.id.as_str()), ("event_type", view.event_type())];
    let own = own.into_iter().map(|(name, value)| (name, Value::from(value)));
    let metadata = view.metadata().into_iter().flatten().map(|(name, value)| (name.as_str(), value.clone()));
    let mut room = DETAILS_MAX;
    for (name, value) in own.chain(metadata) {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let (name, text) = (clipped(name, DETAIL_MAX, Unit::Utf16), clipped(&text, DETAIL_MAX, Unit::Utf16));
        let takes = name.encode_utf16().count() + text.encode_utf16().count();
        if takes <= room {
            room -= takes;
            details.insert(name, text.into());
        }
    }
    details
}
