//! Looking for text in an event.

use serde_json::Value;

use crate::Event;

impl Event {
    /// Whether this text stands somewhere in it, in any (ASCII) case: in its JSON, or in what a text or a name of it says.
    pub fn says(&self, text: &str) -> bool {
        stands_in(&self.json(), text)
    }
}

/// JSON may write any character in another way, such as `\u00fc`; texts of those that do are read for it.
fn stands_in(json: &str, text: &str) -> bool {
    if holds(json.as_bytes(), text.as_bytes()) {
        return true;
    }
    json.contains('\\') && serde_json::from_str(json).is_ok_and(|value| says(&value, text))
}

fn says(value: &Value, text: &str) -> bool {
    match value {
        Value::String(one) => holds(one.as_bytes(), text.as_bytes()),
        Value::Array(all) => all.iter().any(|one| says(one, text)),
        Value::Object(all) => all.iter().any(|(name, one)| holds(name.as_bytes(), text.as_bytes()) || says(one, text)),
        _ => false,
    }
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    needle.is_empty() || haystack.windows(needle.len()).any(|window| window.eq_ignore_ascii_case(needle))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_however_json_writes_it() {
        let json = r#"{"message":"said \"no\"\nat C:\\logs","metadata":{"name":"M\u00fcller","n":[{"k\u00e9y":1}]}}"#;
        for text in ["said \"no\"", "C:\\LOGS", "Müller", "kéy", "no\"\nat", "\"name\""] {
            assert!(stands_in(json, text), "{text}");
        }
        for text in ["Muller", "yes", "1}]}x"] {
            assert!(!stands_in(json, text), "{text}");
        }
    }
}
