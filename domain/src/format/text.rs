//! Texts that must fit: what is too long is cut off with an ellipsis, never refused.

/// Stands for what was cut off.
const ELLIPSIS: char = '…';

/// How long a text is for whoever limits it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// UTF-16 units: never fewer than characters, whichever of the two a receiver counts.
    Utf16,
    /// Bytes as JSON, without the quotes.
    Json,
}

impl Unit {
    fn of(self, c: char) -> usize {
        match self {
            Self::Utf16 => c.len_utf16(),
            Self::Json => match c {
                '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
                c if c < ' ' => 6,
                c => c.len_utf8(),
            },
        }
    }
}

/// `text`, cut off where it is longer than `max`.
pub(super) fn clipped(text: &str, max: usize, unit: Unit) -> String {
    escaped(text, max, unit, |_| None)
}

/// The same with some characters replaced; no replacement is cut in two.
pub(super) fn escaped(text: &str, max: usize, unit: Unit, replace: fn(char) -> Option<&'static str>) -> String {
    let cost = |c: char| match replace(c) {
        Some(text) => text.chars().map(|c| unit.of(c)).sum(),
        None => unit.of(c),
    };
    let (mut out, mut used, mut fits) = (String::new(), 0, 0);
    for c in text.chars() {
        if used + unit.of(ELLIPSIS) <= max {
            fits = out.len();
        }
        used += cost(c);
        if used > max {
            out.truncate(fits);
            out.push(ELLIPSIS);
            return out;
        }
        match replace(c) {
            Some(text) => out.push_str(text),
            None => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_ends_with_an_ellipsis_within_the_limit() {
        let clip = |text, max| clipped(text, max, Unit::Utf16);
        assert_eq!((clip("abc", 3), clip("abcd", 3), clip("", 3)), ("abc".into(), "ab…".into(), String::new()));
        assert_eq!(clip("😀😀😀", 6), "😀😀😀");
        assert_eq!(clip("😀😀😀", 5), "😀😀…");
        assert_eq!(clip("😀😀😀", 4), "😀…");
        let json = |text, max| clipped(text, max, Unit::Json);
        assert_eq!((json("\u{1}bcd", 9), json("\u{1}bcdef", 9)), ("\u{1}bcd".into(), "\u{1}…".into()));
        for max in 3..40 {
            let text = json("a\"\\\u{2}é😀\n\u{7f}zz<&>", max);
            assert!(serde_json::to_string(&text).unwrap().len() <= max + 2, "{max}: {text:?}");
        }
    }

    #[test]
    fn a_replacement_is_whole_or_not_there() {
        let amp = |c| (c == '&').then_some("&amp;");
        assert_eq!(escaped("a&b", 7, Unit::Utf16, amp), "a&amp;b");
        assert_eq!(escaped("a&b", 6, Unit::Utf16, amp), "a…");
        assert_eq!(escaped("a&bc", 7, Unit::Utf16, amp), "a&amp;…");
    }
}
