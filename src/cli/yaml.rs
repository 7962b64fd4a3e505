//! YAML for people: what a person writes and reads, over the same JSON that the API speaks.

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value};

use super::fail::{Exit, Fail};

/// Members that stand first, in this order; the others by their names.
const FIRST: [&str; 6] = ["name", "id", "url", "events", "filters", "format"];

/// JSON as YAML, without the end of its last line.
pub(crate) fn of_json(json: &str) -> Result<String, Fail> {
    let value: Value = serde_json::from_str(json).map_err(|error| super::client::strange(&error.to_string()))?;
    of_value(&value)
}

/// The same of a value.
pub(crate) fn of_value(value: &Value) -> Result<String, Fail> {
    let text = serde_saphyr::to_string(&Ordered(value));
    let text = text.map_err(|error| Fail::new(Exit::Error, "cannot be written as YAML").why(error.to_string()))?;
    Ok(text.trim_end().to_owned())
}

/// What stands in a YAML text (so also in JSON), of the file or the like that is called `name`.
pub(crate) fn read(text: &str, name: &str) -> Result<Value, Fail> {
    let wrong = |error: serde_saphyr::Error| {
        let words = error.to_string();
        Fail::new(Exit::Refused, format!("{name} is no YAML: {}", words.lines().next().unwrap_or_default()))
    };
    // Of YAML 1.2: `no` and `y` are names like others.
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(text, options).map_err(wrong)
}

/// A value whose members stand in the order for people.
struct Ordered<'a>(&'a Value);

impl Serialize for Ordered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                for (name, value) in in_order(members) {
                    map.serialize_entry(name, &Ordered(value))?;
                }
                map.end()
            }
            Value::Array(items) => serializer.collect_seq(items.iter().map(Ordered)),
            other => other.serialize(serializer),
        }
    }
}

fn in_order(members: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut members: Vec<_> = members.iter().collect();
    let place = |name: &str| FIRST.iter().position(|first| *first == name).unwrap_or(FIRST.len());
    members.sort_by_key(|(name, _)| place(name));
    members
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_true_and_false_are_booleans() {
        let read = read("{name: y, country: no, on: off, enabled: true}", "f").unwrap();
        assert_eq!(read, serde_json::json!({"name": "y", "country": "no", "on": "off", "enabled": true}));
    }

    #[test]
    fn what_is_written_is_read_as_the_same() {
        let value = json!({
            "url": "https://example.com/?a=b#c", "name": "no", "events": ["**", "log.*", "1.5", "null", "~", ""],
            "filters": {"metadata": {"amount": {"gt": 1000.5}, "n": 9007199254740993_u64}, "source": "a: b # c"},
            "template": "{\n  \"text\": \"{{ event.message }}\"\n}\n", "headers": {}, "signature_header": null,
            "description": "line\n\n  indented\ttab \"quoted\" 'x' – ✓ \u{1b}[2J", "enabled": true, "zip": "007", "time": "12:30",
        });
        let text = of_value(&value).unwrap();
        assert_eq!(read(&text, "t").unwrap(), value, "{text}");
        assert!(text.starts_with("name: "), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
        assert_eq!(read(&value.to_string(), "t").unwrap(), value);
        assert!(read("a: [", "t").unwrap_err().what().starts_with("t is no YAML: "));
    }
}
