//! Values of OTLP in JSON, read straight into what they mean. What is of another type than expected counts as missing:
//! nothing is refused for it.

use std::fmt;

use serde::{
    Deserialize,
    de::{
        DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer,
    },
};
use serde_json::{Map, Value};

use super::double;

/// What is made of a JSON value, by its type; of types that are not expected nothing is.
pub(super) trait Read<'de>: Sized {
    /// What is made.
    type Out: Default;

    /// Of a text.
    fn text(self, _: &str) -> Self::Out {
        Self::Out::default()
    }

    /// Of a number, or of true and false.
    fn scalar(self, _: Value) -> Self::Out {
        Self::Out::default()
    }

    /// Of an array; it is to be gone through to its end.
    fn list<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Out, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::Out::default())
    }

    /// Of an object; it is to be gone through to its end.
    fn object<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Out, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self::Out::default())
    }
}

/// For serde.
pub(super) struct By<R>(pub(super) R);

impl<'de, R: Read<'de>> DeserializeSeed<'de> for By<R> {
    type Value = R::Out;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<R::Out, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de, R: Read<'de>> Visitor<'de> for By<R> {
    type Value = R::Out;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_bool<E: Error>(self, is: bool) -> Result<R::Out, E> {
        Ok(self.0.scalar(is.into()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<R::Out, E> {
        Ok(self.0.scalar(number.into()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<R::Out, E> {
        Ok(self.0.scalar(number.into()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<R::Out, E> {
        Ok(self.0.scalar(number.into()))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<R::Out, E> {
        Ok(self.0.text(text))
    }

    fn visit_unit<E: Error>(self) -> Result<R::Out, E> {
        Ok(R::Out::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<R::Out, A::Error> {
        self.0.list(list)
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<R::Out, A::Error> {
        self.0.object(members)
    }
}

/// A text.
pub(super) struct Text;

impl Read<'_> for Text {
    type Out = String;

    fn text(self, text: &str) -> String {
        text.to_owned()
    }
}

/// A number, also as a text.
pub(super) struct Number;

impl Read<'_> for Number {
    type Out = u64;

    fn text(self, text: &str) -> u64 {
        text.trim().parse().unwrap_or_default()
    }

    fn scalar(self, number: Value) -> u64 {
        number.as_u64().or_else(|| number.as_f64().map(|number| number as u64)).unwrap_or_default()
    }
}

/// A list of `KeyValue`, whose values are nested no deeper than this.
pub(super) struct Pairs(pub(super) usize);

impl<'de> Read<'de> for Pairs {
    type Out = Map<String, Value>;

    fn list<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Out, A::Error> {
        let mut pairs = Map::new();
        while let Some(pair) = list.next_element_seed(By(Pair(self.0)))? {
            pairs.extend(pair);
        }
        Ok(pairs)
    }
}

struct Pair(usize);

impl<'de> Read<'de> for Pair {
    type Out = Option<(String, Value)>;

    fn object<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Out, A::Error> {
        #[derive(Deserialize)]
        #[serde(field_identifier, rename_all = "lowercase")]
        enum Member {
            Key,
            Value,
            #[serde(other)]
            Other,
        }
        let (mut key, mut value) = (String::new(), Value::Null);
        while let Some(member) = members.next_key()? {
            match member {
                Member::Key => key = members.next_value_seed(By(Text))?,
                Member::Value => value = members.next_value_seed(By(Any(self.0)))?,
                Member::Other => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Some((key, value)))
    }
}

/// An `AnyValue`, nested no deeper than this; what is deeper stays as it is, and serde_json has its own limit for it.
pub(super) struct Any(pub(super) usize);

impl<'de> Read<'de> for Any {
    type Out = Value;

    fn text(self, text: &str) -> Value {
        text.into()
    }

    fn scalar(self, value: Value) -> Value {
        value
    }

    fn list<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn object<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        #[derive(Deserialize)]
        #[serde(field_identifier)]
        enum Kind {
            #[serde(rename = "intValue", alias = "int_value")]
            Int,
            #[serde(rename = "doubleValue", alias = "double_value")]
            Double,
            #[serde(rename = "arrayValue", alias = "array_value")]
            Array,
            #[serde(rename = "kvlistValue", alias = "kvlist_value")]
            Pairs,
            #[serde(
                rename = "stringValue",
                alias = "string_value",
                alias = "boolValue",
                alias = "bool_value",
                alias = "bytesValue",
                alias = "bytes_value"
            )]
            Plain,
            #[serde(other)]
            Other,
        }
        let Some(depth) = self.0.checked_sub(1) else {
            return Value::deserialize(MapAccessDeserializer::new(members));
        };
        let mut any = Value::Null;
        while let Some(kind) = members.next_key()? {
            let value = match kind {
                Kind::Int => match members.next_value()? {
                    Value::String(text) => text.parse::<i64>().map_or_else(|_| text.into(), Value::from),
                    value => value,
                },
                // Infinity and NaN are texts; so are numbers of careful senders.
                Kind::Double => match members.next_value()? {
                    Value::String(text) => text.parse().map_or_else(|_| text.into(), double),
                    value => value,
                },
                Kind::Array => Value::Array(members.next_value_seed(By(Within(Values(depth))))?),
                Kind::Pairs => Value::Object(members.next_value_seed(By(Within(Pairs(depth))))?),
                Kind::Plain => members.next_value()?,
                Kind::Other => {
                    members.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            // A null is a member that is not there.
            any = if value.is_null() { any } else { value };
        }
        Ok(any)
    }
}

struct Values(usize);

impl<'de> Read<'de> for Values {
    type Out = Vec<Value>;

    fn list<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Out, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(By(Any(self.0)))? {
            values.push(value);
        }
        Ok(values)
    }
}

/// The member `values` of an object.
struct Within<R>(R);

impl<'de, R: Read<'de>> Read<'de> for Within<R> {
    type Out = R::Out;

    fn object<A: MapAccess<'de>>(self, mut members: A) -> Result<R::Out, A::Error> {
        #[derive(Deserialize)]
        #[serde(field_identifier, rename_all = "lowercase")]
        enum Member {
            Values,
            #[serde(other)]
            Other,
        }
        let (mut read, mut values) = (Some(self.0), R::Out::default());
        while let Some(member) = members.next_key()? {
            match (member, read.take()) {
                (Member::Values, Some(read)) => values = members.next_value_seed(By(read))?,
                (_, unused) => {
                    read = unused;
                    members.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(values)
    }
}
