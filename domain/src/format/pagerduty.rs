//! PagerDuty: events of its API v2. <https://developer.pagerduty.com/docs/send-alert-event>

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    text::{Unit, clipped},
    view::{Action, View},
};
use crate::{
    Level, Problem,
    credentials::{Hidden, MASK},
};

/// Longest summary and key, in characters.
const SUMMARY_MAX: usize = 1024;
const KEY_MAX: usize = 255;
/// Longest texts beside.
const WORD_MAX: usize = 255;
/// Most bytes of details: all in all PagerDuty takes 512 KB.
const DETAILS_MAX: usize = 400 * 1024;
/// Length of a routing key.
const ROUTING_KEY_CHARS: usize = 32;

/// Where its events go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The integration key of a service: 32 letters and digits. Never shown.
    pub routing_key: Hidden,
}

impl Config {
    pub(super) fn problem(&self) -> Option<Problem> {
        let key = self.routing_key.reveal();
        let is_key = key.len() == ROUTING_KEY_CHARS && key.bytes().all(|b| b.is_ascii_alphanumeric());
        let detail = match key {
            MASK => super::NOT_KEPT,
            _ if is_key => return None,
            _ => "expected the 32 letters and digits of an integration key",
        };
        Some(Problem::new("/pagerduty/routing_key", detail))
    }
}

const fn severity(level: Level) -> &'static str {
    match level {
        Level::Critical => "critical",
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Info | Level::Debug | Level::Trace => "info",
    }
}

pub(super) fn one(config: &Config, view: &View<'_>) -> Value {
    let action = view.action();
    let mut event = json!({
        "routing_key": config.routing_key.reveal(),
        "event_action": match action {
            Action::Trigger => "trigger",
            Action::Acknowledge => "acknowledge",
            Action::Resolve => "resolve",
        },
        "dedup_key": view.dedup_key(KEY_MAX),
    });
    if action != Action::Trigger {
        return event;
    }
    let word = |text: &str| clipped(text, WORD_MAX, Unit::Utf16);
    let mut payload = json!({
        "summary": clipped(view.message(), SUMMARY_MAX, Unit::Utf16),
        "source": word(view.source()),
        "severity": severity(view.level()),
        "timestamp": view.event.head.timestamp,
        "class": word(view.event_type()),
        "custom_details": view.details(DETAILS_MAX),
    });
    for member in ["component", "group"] {
        if let Some(text) = view.text(member) {
            payload[member] = word(&text).into();
        }
    }
    event["payload"] = payload;
    event["client"] = "Loghorn".into();
    event
}
