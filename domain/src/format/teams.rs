//! Microsoft Teams: workflows that take an Adaptive Card.
//! <https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using>

use serde_json::{Value, json};

use super::{
    text::{Unit, clipped},
    view::{View, more},
};
use crate::Level;

/// Teams takes messages of about 28 KB; these parts come to less, however their characters are written.
const MESSAGE_MAX: usize = 14 * 1024;
const METADATA_MAX: usize = 8 * 1024;
const WORD_MAX: usize = 512;
/// Events of a batch that are shown, and the most of each.
const SHOWN_MAX: usize = 20;
const SHOWN_TEXT_MAX: usize = 900;

const fn colour(level: Level) -> &'static str {
    match level {
        Level::Critical | Level::Error => "attention",
        Level::Warning => "warning",
        Level::Info => "accent",
        Level::Debug | Level::Trace => "default",
    }
}

fn word(text: &str) -> String {
    clipped(text, WORD_MAX, Unit::Json)
}

fn block(text: String) -> Value {
    json!({"type": "TextBlock", "text": text, "wrap": true})
}

fn card(body: Vec<Value>) -> Value {
    json!({"type": "message", "attachments": [{
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": null,
        "content": {
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.2",
            "body": body,
        },
    }]})
}

pub(super) fn one(view: &View<'_>) -> Value {
    let mut head = block(word(&format!("{} {}", view.level().name(), view.source())));
    head["weight"] = "bolder".into();
    head["color"] = colour(view.level()).into();
    let fact = |title: &str, value: String| json!({"title": title, "value": value});
    let facts = json!([
        fact("type", word(view.event_type())),
        fact("time", view.event.head.timestamp.to_string()),
        fact("id", word(view.event.id.as_str())),
    ]);
    let mut body = vec![head, block(clipped(view.message(), MESSAGE_MAX, Unit::Json))];
    body.push(json!({"type": "FactSet", "facts": facts}));
    if let Some(metadata) = view.metadata_text(METADATA_MAX, Unit::Json) {
        let mut block = block(metadata);
        block["fontType"] = "monospace".into();
        body.push(block);
    }
    card(body)
}

pub(super) fn many(views: &[View<'_>]) -> Value {
    let mut head = block(format!("{} events", views.len()));
    head["weight"] = "bolder".into();
    let shown = views.iter().take(SHOWN_MAX).map(|view| {
        let mut block = block(clipped(&view.line(), SHOWN_TEXT_MAX, Unit::Json));
        block["color"] = colour(view.level()).into();
        block
    });
    let mut body: Vec<Value> = std::iter::once(head).chain(shown).collect();
    if views.len() > SHOWN_MAX {
        body.push(block(more(views.len() - SHOWN_MAX)));
    }
    card(body)
}
