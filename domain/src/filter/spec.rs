//! A filter as it is written: kept as compact JSON text, so that it is shown as it came and costs little memory.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use serde_json::{Map, Value};

/// A filter as written: a JSON object. What its members mean is checked by [`Filter::compile`](super::Filter::compile).
#[derive(Clone, PartialEq, Eq)]
pub struct Spec(Box<str>);

impl Spec {
    /// The filter with these members.
    pub fn new(members: Map<String, Value>) -> Self {
        Self(Value::Object(members).to_string().into())
    }

    /// The filter as compact JSON text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its members.
    pub fn members(&self) -> Map<String, Value> {
        // It was written from an object.
        serde_json::from_str(&self.0).unwrap_or_default()
    }

    /// Whether it has no member, so that it holds for every event.
    pub fn is_empty(&self) -> bool {
        &*self.0 == "{}"
    }
}

impl Default for Spec {
    fn default() -> Self {
        Self("{}".into())
    }
}

impl fmt::Debug for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Spec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value: Value = serde_json::from_str(&self.0).map_err(ser::Error::custom)?;
        value.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Spec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Object(members) => Ok(Self::new(members)),
            other => Err(de::Error::custom(format!("expected a filter: a JSON object, not {}", super::kind(&other)))),
        }
    }
}
