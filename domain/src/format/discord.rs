//! Discord: webhooks with embeds. <https://discord.com/developers/docs/resources/webhook#execute-webhook>

use serde_json::{Value, json};

use super::{
    text::{Unit, clipped},
    view::{View, more},
};
use crate::Level;

const CONTENT_MAX: usize = 2000;
const TITLE_MAX: usize = 256;
const DESCRIPTION_MAX: usize = 4096;
const FIELD_MAX: usize = 1024;
const FOOTER_MAX: usize = 300;
/// Embeds of a message. All their texts together may have 6000 characters: one event takes at most 5,700, ten of a batch
/// at most 580 each.
const EMBEDS_MAX: usize = 10;
const SHOWN_TITLE_MAX: usize = 80;
const SHOWN_TEXT_MAX: usize = 500;

const fn colour(level: Level) -> u32 {
    match level {
        Level::Critical => 0x99_2d22,
        Level::Error => 0xe7_4c3c,
        Level::Warning => 0xf1_c40f,
        Level::Info => 0x34_98db,
        Level::Debug | Level::Trace => 0x95_a5a6,
    }
}

/// Nobody is called: what Discord would read as a mention is parted by a space that is not seen.
fn mute(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        out.push(c);
        let (before, after) = (&text[..at], &text[at + c.len_utf8()..]);
        let calls =
            c == '@' && (before.ends_with('<') || ["everyone", "here"].iter().any(|all| after.starts_with(all)));
        let links = c == '<' && after.starts_with('#');
        if calls || links {
            out.push('\u{200b}');
        }
    }
    out
}

fn text(text: &str, max: usize) -> String {
    clipped(&mute(text), max, Unit::Utf16)
}

fn title(view: &View<'_>, max: usize) -> String {
    text(&format!("{} {}", view.level().name(), view.source()), max)
}

/// Whatever a text holds, nobody is notified.
fn message(content: String, embeds: Vec<Value>) -> Value {
    json!({"content": content, "embeds": embeds, "allowed_mentions": {"parse": []}})
}

pub(super) fn one(view: &View<'_>) -> Value {
    let mut embed = json!({
        "title": title(view, TITLE_MAX),
        "description": text(view.message(), DESCRIPTION_MAX),
        "color": colour(view.level()),
        "timestamp": view.event.head.timestamp,
        "footer": {"text": text(&format!("{} · {}", view.event_type(), view.event.id), FOOTER_MAX)},
    });
    if let Some(metadata) = view.metadata_text(FIELD_MAX, Unit::Utf16) {
        embed["fields"] = json!([{"name": "metadata", "value": text(&metadata, FIELD_MAX)}]);
    }
    message(String::new(), vec![embed])
}

pub(super) fn many(views: &[View<'_>]) -> Value {
    let embeds = views.iter().take(EMBEDS_MAX).map(|view| {
        json!({
            "title": title(view, SHOWN_TITLE_MAX),
            "description": text(view.message(), SHOWN_TEXT_MAX),
            "color": colour(view.level()),
            "timestamp": view.event.head.timestamp,
        })
    });
    let mut content = format!("{} events", views.len());
    if views.len() > EMBEDS_MAX {
        content = format!("{content}: the first {EMBEDS_MAX} {}", more(views.len() - EMBEDS_MAX));
    }
    message(text(&content, CONTENT_MAX), embeds.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_called() {
        assert_eq!(mute("@everyone a@b.example <@123> <@&5> <#9> @hereon"), {
            "@\u{200b}everyone a@b.example <@\u{200b}123> <@\u{200b}&5> <\u{200b}#9> @\u{200b}hereon"
        });
    }
}
