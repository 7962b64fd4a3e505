//! The elements of a JSON array, one at a time: nothing is gathered, however many there are.

use serde_json::{Deserializer, value::RawValue};

/// The array is not well-formed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Broken;

/// Goes through the text of an array. Elements are found by their ends, and read no further.
pub(crate) struct Elements<'a> {
    rest: &'a str,
    /// What must stand before the next element; `None` after the end.
    before: Option<char>,
}

impl<'a> Elements<'a> {
    /// `array` is to be an array and nothing else.
    pub(crate) fn new(array: &'a str) -> Self {
        Self { rest: array, before: Some('[') }
    }

    fn element(&mut self, before: char) -> Result<Option<&'a str>, Broken> {
        let rest = blank_off(self.rest);
        if before == ',' && rest.starts_with(']') {
            return self.end(rest);
        }
        let rest = blank_off(rest.strip_prefix(before).ok_or(Broken)?);
        if before == '[' && rest.starts_with(']') {
            return self.end(rest);
        }
        let mut values = Deserializer::from_str(rest).into_iter::<&RawValue>();
        let Some(Ok(element)) = values.next() else { return Err(Broken) };
        self.rest = &rest[values.byte_offset()..];
        self.before = Some(',');
        Ok(Some(element.get()))
    }

    fn end(&mut self, bracket: &str) -> Result<Option<&'a str>, Broken> {
        if blank_off(&bracket[1..]).is_empty() { Ok(None) } else { Err(Broken) }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<&'a str, Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        let before = self.before.take()?;
        self.element(before).transpose()
    }
}

/// JSON knows four kinds of blanks.
fn blank_off(text: &str) -> &str {
    text.trim_start_matches([' ', '\n', '\r', '\t'])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    proptest! {
        #[test]
        fn it_finds_what_serde_finds(text in r#"\[[\[\]{}",:a1 \n]{0,12}"#) {
            let whole: Option<Vec<Value>> = serde_json::from_str(&text).ok();
            let found: Option<Vec<Value>> =
                Elements::new(&text).map(|element| serde_json::from_str(element.ok()?).ok()).collect();
            prop_assert_eq!(found, whole);
        }
    }

    #[test]
    fn elements_come_in_order_and_it_ends_at_the_first_fault() {
        let all = |text| Elements::new(text).collect::<Vec<_>>();
        assert_eq!(all(r#"[1, {"a":[2]} , "x"]"#), [Ok("1"), Ok(r#"{"a":[2]}"#), Ok(r#""x""#)]);
        assert_eq!(all("[1,,2]"), [Ok("1"), Err(Broken)]);
        assert_eq!(all("[1] x"), [Ok("1"), Err(Broken)]);
        assert_eq!(all("[ ]"), []);
    }
}
