//! Events that are too large: how large one will be, known before it is sealed, and one that is cut to fit.

use loghorn_domain::{Draft, event::Limits};
use serde_json::{Map, Value};

use super::record::raw;

/// The parts of a sealed event that are as long in each.
const FRAME: &str = r#""event_type":"","level":"","source":,"message":,"metadata":,"timestamp":"2026-11-23T18:07:49.232Z","received_at":"2026-11-23T18:07:49.240Z"}"#;

/// How large the event is as JSON, when it is sealed.
pub fn size(draft: &Draft) -> usize {
    frame(draft) + json_len(&draft.source) + json_len(&draft.message) + draft.metadata.get().len()
}

fn frame(draft: &Draft) -> usize {
    FRAME.len() + draft.event_type.as_str().len() + draft.level.name().len()
}

/// How long `text` is as a JSON string: control characters grow to six times their size.
fn json_len(text: &str) -> usize {
    2 + text.bytes().map(escaped_len).sum::<usize>()
}

fn escaped_len(byte: u8) -> usize {
    match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0..0x20 => 6,
        _ => 1,
    }
}

/// The beginning of `text` that takes no more than `bytes_max` inside a JSON string.
pub(super) fn beginning(text: &str, bytes_max: usize) -> &str {
    let mut len = 0;
    let mut fits = |byte: u8| {
        len += escaped_len(byte);
        len <= bytes_max
    };
    let mut end = text.bytes().take_while(|byte| fits(*byte)).count();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// A draft that fits: message, metadata and source are cut, and that is noted.
pub fn cut(mut draft: Draft, limits: Limits) -> Draft {
    let room = limits.event_bytes_max.saturating_sub(frame(&draft));
    draft.source.truncate(beginning(&draft.source, room / 8).len());
    let metadata = draft.metadata.get();
    let mut kept: Map<String, Value> = match metadata.len() <= room / 4 {
        true => serde_json::from_str(metadata).unwrap_or_default(),
        false => Map::from_iter([("metadata_cut".to_owned(), beginning(metadata, room / 4).into())]),
    };
    kept.insert("truncated".into(), true.into());
    draft.metadata = raw(kept);
    // The message is what people read: it gets what the others leave.
    let left = room.saturating_sub(json_len(&draft.source) + draft.metadata.get().len() + 2);
    draft.message.truncate(beginning(&draft.message, left).len());
    draft
}

#[cfg(test)]
mod tests {
    use loghorn_domain::{Level, Timestamp};
    use serde_json::value::RawValue;

    use super::*;

    fn sealed_len(draft: &Draft, limits: Limits) -> Option<usize> {
        draft.clone().seal(Timestamp::from_millis(1_700_000_000_000), limits).ok().map(|event| event.tail.len())
    }

    #[test]
    fn the_size_is_known_before_it_is_sealed_and_what_is_cut_always_fits() {
        let limits = Limits { event_bytes_max: 2048, ..Limits::default() };
        let text = |part: &str| part.repeat(3000 / part.len());
        for part in ["x", "\u{1}", "\"\n", "é\u{0}", "\u{7f}\u{2028}"] {
            for metadata in ["{}".to_owned(), serde_json::json!({"a": text(part)}).to_string()] {
                let draft = Draft {
                    id: None,
                    event_type: "log.error".parse().unwrap(),
                    level: Level::Error,
                    source: text(part),
                    message: text(part),
                    metadata: RawValue::from_string(metadata).unwrap(),
                    timestamp: None,
                };
                assert_eq!(sealed_len(&draft, Limits::default()), Some(size(&draft)), "{part:?}");
                let cut = cut(draft, limits);
                assert_eq!(sealed_len(&cut, limits), Some(size(&cut)), "{part:?}");
                assert!(size(&cut) > 1500 && cut.metadata.get().contains("truncated"), "{part:?}: {}", size(&cut));
            }
        }
    }
}
