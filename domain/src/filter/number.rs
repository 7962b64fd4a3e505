//! Numbers of JSON, compared exactly: 1 equals 1.0, and integers differ also beyond 2^53.

use std::{cmp::Ordering, fmt};

use serde_json::Value;

/// A number of a JSON text. Integers up to 64 bits are exact; larger ones are what the nearest `f64` is, as JSON
/// readers do.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Number {
    /// A whole number, also where it was written `1.0` or `1e3`.
    Whole(i128),
    /// Not whole, or too large to be a [`Number::Whole`]. Never NaN: JSON has none.
    Float(f64),
}

/// 2^127: beyond it a float is no `i128`.
const WHOLE_END: f64 = 170_141_183_460_469_231_731_687_303_715_884_105_728.0;

impl Number {
    /// The number that `value` is, if it is one.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        let Value::Number(number) = value else { return None };
        let whole = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
        whole.map(Self::Whole).or_else(|| number.as_f64().map(Self::of_float))
    }

    #[expect(clippy::cast_possible_truncation, reason = "whole and within range")]
    fn of_float(float: f64) -> Self {
        let is_whole = float.fract() == 0.0 && float.abs() < WHOLE_END;
        if is_whole { Self::Whole(float as i128) } else { Self::Float(float) }
    }

    /// Bytes that are the same for equal numbers, and only for them.
    pub(crate) fn bytes(self) -> [u8; 17] {
        let mut bytes = [0; 17];
        match self {
            Self::Whole(whole) => bytes[1..].copy_from_slice(&whole.to_le_bytes()),
            Self::Float(float) => {
                bytes[0] = 1;
                bytes[1..9].copy_from_slice(&float.to_le_bytes());
            }
        }
        bytes
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(whole) => whole.fmt(f),
            Self::Float(float) => Value::from(*float).fmt(f),
        }
    }
}

impl Ord for Number {
    #[expect(clippy::cast_possible_truncation, reason = "within range")]
    fn cmp(&self, other: &Self) -> Ordering {
        match (*self, *other) {
            (Self::Whole(a), Self::Whole(b)) => a.cmp(&b),
            (Self::Float(a), Self::Float(b)) => a.total_cmp(&b),
            (Self::Float(_), Self::Whole(_)) => other.cmp(self).reverse(),
            (Self::Whole(_), Self::Float(float)) if float >= WHOLE_END => Ordering::Less,
            (Self::Whole(_), Self::Float(float)) if float < -WHOLE_END => Ordering::Greater,
            // The float is not whole, so it lies between its floor and the next.
            (Self::Whole(whole), Self::Float(float)) if whole <= float.floor() as i128 => Ordering::Less,
            (Self::Whole(_), Self::Float(_)) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Number {}

/// JSON equality: numbers by value, strings case-sensitive, arrays and objects deep.
pub(crate) fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(_), Value::Number(_)) => Number::of(a) == Number::of(b),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| equal(a, b)))
        }
        (a, b) => a == b,
    }
}

/// An order of all JSON values in which just the equal ones are the same. Shorter arrays and objects come first, so that
/// those of different sizes are not looked into.
pub(crate) fn order(a: &Value, b: &Value) -> Ordering {
    let rank = |value: &Value| match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) => 4,
        Value::Object(_) => 5,
    };
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Number(_), Value::Number(_)) => Number::of(a).cmp(&Number::of(b)),
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (Value::Array(a), Value::Array(b)) => {
            let items = a.iter().zip(b).map(|(a, b)| order(a, b));
            a.len().cmp(&b.len()).then_with(|| first_difference(items))
        }
        (Value::Object(a), Value::Object(b)) => {
            // Their members are sorted by name.
            let members =
                a.iter().zip(b).map(|((a, a_value), (b, b_value))| a.cmp(b).then_with(|| order(a_value, b_value)));
            a.len().cmp(&b.len()).then_with(|| first_difference(members))
        }
        (a, b) => rank(a).cmp(&rank(b)),
    }
}

fn first_difference(mut orders: impl Iterator<Item = Ordering>) -> Ordering {
    orders.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(text: &str) -> Number {
        Number::of(&serde_json::from_str(text).unwrap()).unwrap()
    }

    #[test]
    fn numbers_are_compared_by_value() {
        let ascending = [
            "-1e300",
            "-9223372036854775808",
            "-1.5",
            "-1",
            "0",
            "0.1",
            "1",
            "1.5",
            "9007199254740992",
            "9007199254740993",
            "9223372036854775807",
            "18446744073709551615",
            "1e20",
            "1e300",
        ];
        for (i, a) in ascending.iter().enumerate() {
            for (j, b) in ascending.iter().enumerate() {
                assert_eq!(number(a).cmp(&number(b)), i.cmp(&j), "{a} {b}");
            }
        }
        for (a, b) in [("1", "1.0"), ("1000", "1e3"), ("0", "-0.0"), ("9007199254740992", "9007199254740992.0")] {
            assert_eq!(number(a), number(b));
            assert_eq!(number(a).bytes(), number(b).bytes());
        }
    }

    #[test]
    fn equality_is_deep_and_exact() {
        let equal =
            |a: &str, b: &str| super::equal(&serde_json::from_str(a).unwrap(), &serde_json::from_str(b).unwrap());
        assert!(equal(r#"{"a":[1,{"b":null}],"c":"x"}"#, r#"{"c":"x","a":[1.0,{"b":null}]}"#));
        for (a, b) in [
            ("1", "\"1\""),
            ("[1]", "[1,1]"),
            ("{}", "[]"),
            ("null", "false"),
            ("\"a\"", "\"A\""),
            ("9007199254740992", "9007199254740993"),
            (r#"{"a":1}"#, r#"{"a":1,"b":1}"#),
        ] {
            assert!(!equal(a, b), "{a} {b}");
        }
    }

    /// Small values of every kind.
    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-1i64..3).prop_map(Value::from),
            prop_oneof![Just(1.0), Just(0.5)].prop_map(Value::from),
            "[ab]{0,2}".prop_map(Value::from),
        ];
        leaf.prop_recursive(2, 8, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map("[ab]", inner, 0..3)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_order_is_one_and_agrees_with_equality(a in values(), b in values(), c in values()) {
            prop_assert_eq!(order(&a, &b).is_eq(), equal(&a, &b));
            prop_assert_eq!(order(&a, &b), order(&b, &a).reverse());
            if order(&a, &b).is_le() && order(&b, &c).is_le() {
                prop_assert!(order(&a, &c).is_le());
            }
        }

        #[test]
        fn floats_and_integers_are_in_one_order(a: i64, b in -1e19f64..1e19) {
            let (whole, float) = (Number::Whole(a.into()), Number::of_float(b));
            // Exact by way of 128 bits and halves.
            let doubled = i128::from(a) * 2;
            let float_doubled = (b.floor() as i128) * 2 + i128::from(b.fract() != 0.0);
            prop_assert_eq!(whole.cmp(&float), doubled.cmp(&float_doubled));
            prop_assert_eq!(whole == float, whole.bytes() == float.bytes());
        }
    }
}
