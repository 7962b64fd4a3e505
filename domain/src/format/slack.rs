//! Slack: incoming webhooks, with blocks. <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>

use serde_json::{Value, json};

use super::{
    text::{Unit, escaped},
    view::{View, more},
};

/// Longest text of a section, in characters.
const SECTION_MAX: usize = 3000;
/// Longest text for notifications.
const FALLBACK_MAX: usize = 1000;
/// Events of a batch that are shown; Slack takes 50 blocks.
const SHOWN_MAX: usize = 40;
/// Longest text of one of them.
const SHOWN_TEXT_MAX: usize = 500;

/// What Slack would read as markup or a mention (`<!channel>`).
fn replace(c: char) -> Option<&'static str> {
    match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        _ => None,
    }
}

fn escape(text: &str, max: usize) -> String {
    escaped(text, max, Unit::Utf16, replace)
}

fn section(text: String) -> Value {
    json!({"type": "section", "text": {"type": "mrkdwn", "text": text}})
}

/// `text` has no markup of ours but what stands before it.
fn headed(view: &View<'_>, max: usize) -> String {
    let head = format!("*{}* {}", view.level().name(), escape(view.source(), 200));
    let room = max.saturating_sub(head.encode_utf16().count() + 1);
    format!("{head}\n{}", escape(view.message(), room))
}

pub(super) fn one(view: &View<'_>) -> Value {
    let mut blocks = vec![section(headed(view, SECTION_MAX))];
    if let Some(metadata) = view.metadata_text(SECTION_MAX, Unit::Utf16) {
        blocks.push(section(format!("```{}```", escape(&metadata, SECTION_MAX - 6))));
    }
    let head = &view.event.head;
    let about = format!("{} · {} · {}", view.event_type(), head.timestamp, view.event.id);
    blocks.push(json!({"type": "context", "elements": [{"type": "mrkdwn", "text": escape(&about, SECTION_MAX)}]}));
    json!({"text": escape(&view.line(), FALLBACK_MAX), "blocks": blocks})
}

pub(super) fn many(views: &[View<'_>]) -> Value {
    let mut blocks: Vec<Value> =
        views.iter().take(SHOWN_MAX).map(|view| section(headed(view, SHOWN_TEXT_MAX))).collect();
    if views.len() > SHOWN_MAX {
        blocks.push(section(more(views.len() - SHOWN_MAX)));
    }
    let first = views.first().map(View::line).unwrap_or_default();
    json!({"text": escape(&format!("{} events: {first}", views.len()), FALLBACK_MAX), "blocks": blocks})
}
