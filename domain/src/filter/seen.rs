//! The values that explanations show: whole where they are small. A filter has many conditions, and each of them may
//! have seen all of a large event.

use serde_json::{Map, Value};

/// What one condition shows at most, in bytes; a rough measure.
const BYTES_MAX: usize = 1024;
/// What stands in place of what is left out.
const LEFT_OUT: &str = "…";

/// Room for what one condition shows.
pub(super) struct Room(usize);

impl Default for Room {
    fn default() -> Self {
        Self(BYTES_MAX)
    }
}

impl Room {
    /// As much of `value` as there is room for. Where something is left out, `…` stands at the end of the text, the
    /// list or the object.
    pub(super) fn of(&mut self, value: &Value) -> Value {
        self.0 = self.0.saturating_sub(8);
        match value {
            Value::String(text) => self.of_text(text).into(),
            Value::Array(items) => {
                let mut shown = Vec::new();
                for item in items {
                    if self.0 == 0 {
                        shown.push(LEFT_OUT.into());
                        break;
                    }
                    shown.push(self.of(item));
                }
                shown.into()
            }
            Value::Object(members) => {
                let mut shown = Map::new();
                for (name, value) in members {
                    if self.0 <= name.len() {
                        self.0 = 0;
                        shown.insert(LEFT_OUT.into(), LEFT_OUT.into());
                        break;
                    }
                    self.0 -= name.len();
                    shown.insert(name.clone(), self.of(value));
                }
                shown.into()
            }
            scalar => scalar.clone(),
        }
    }

    /// As much of `text` as there is room for.
    pub(super) fn of_text(&mut self, text: &str) -> String {
        let end = text.floor_char_boundary(self.0);
        self.0 -= end;
        if end < text.len() { format!("{}{LEFT_OUT}", &text[..end]) } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_small_is_shown_whole_and_what_is_large_in_part() {
        let shown = |value: &Value| Room::default().of(value);
        let small = json!({"a": [1, null, {"b": "c"}], "d": true});
        assert_eq!(shown(&small), small);
        assert_eq!(shown(&json!("é".repeat(1000))), format!("{}…", "é".repeat(508)));
        let list = shown(&json!(vec![7; 10_000]));
        assert_eq!(list.as_array().map(|items| (items.len(), items.last().cloned())), Some((128, Some("…".into()))));
        let object = shown(&json!({"a": 1, "b".repeat(2000): 2, "c": 3}));
        assert_eq!(object, json!({"a": 1, "…": "…"}));
    }

    proptest! {
        #[test]
        fn no_more_is_shown_than_there_is_room_for(parts in prop::collection::vec("\\PC{0,300}", 0..20)) {
            let nested = parts.iter().fold(json!([]), |inner, part| json!([part, {part.clone(): inner}]));
            prop_assert!(Room::default().of(&nested).to_string().len() < 20 * BYTES_MAX);
        }
    }
}
