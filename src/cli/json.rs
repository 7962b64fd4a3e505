//! JSON as text: indented or on one line, with the order of members and the digits of numbers as the server sent them.

/// The same JSON, indented by two spaces.
pub(crate) fn pretty(json: &str) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let mut depth = 0_usize;
    let mut was_opened = false;
    let new_line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    each(json, |piece| {
        let is_closing = matches!(piece, Piece::Mark('}' | ']'));
        if is_closing {
            depth = depth.saturating_sub(1);
        }
        // An empty object or array stays on its line.
        if was_opened != is_closing {
            new_line(&mut out, depth);
        }
        was_opened = false;
        match piece {
            Piece::Text(c) => push_safe(&mut out, c),
            Piece::Mark(mark) => {
                out.push(mark);
                match mark {
                    '{' | '[' => {
                        depth += 1;
                        was_opened = true;
                    }
                    ',' => new_line(&mut out, depth),
                    ':' => out.push(' '),
                    _ => {}
                }
            }
        }
    });
    out
}

/// The same JSON on one line.
pub(crate) fn compact(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    each(json, |piece| match piece {
        Piece::Text(c) => push_safe(&mut out, c),
        Piece::Mark(mark) => out.push(mark),
    });
    out
}

#[derive(Clone, Copy)]
enum Piece {
    /// `{}[],:` outside strings.
    Mark(char),
    /// Anything else but white space between values.
    Text(char),
}

fn each(json: &str, mut take: impl FnMut(Piece)) {
    let (mut is_string, mut is_escaped) = (false, false);
    for c in json.chars() {
        if is_string {
            take(Piece::Text(c));
            is_string = is_escaped || c != '"';
            is_escaped = !is_escaped && c == '\\';
        } else if matches!(c, '{' | '}' | '[' | ']' | ',' | ':') {
            take(Piece::Mark(c));
        } else if !c.is_ascii_whitespace() {
            is_string = c == '"';
            take(Piece::Text(c));
        }
    }
}

/// JSON lets some characters stand in strings that make a terminal act; they can be written as escapes.
fn push_safe(out: &mut String, c: char) {
    if super::output::is_unsafe(c) {
        let mut units = [0; 2];
        for unit in c.encode_utf16(&mut units) {
            out.push_str(&format!("\\u{unit:04x}"));
        }
    } else {
        out.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"z": 1.50, "a": {"s": "x{\"}, [\\", "n": []}, "e": {}, "l": [1, "b"], "t": true}"#;

    #[test]
    fn it_stays_the_same_json() {
        let before: serde_json::Value = serde_json::from_str(TEXT).unwrap();
        assert_eq!(serde_json::from_str::<serde_json::Value>(&pretty(TEXT)).unwrap(), before);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&compact(&pretty(TEXT))).unwrap(), before);
    }

    #[test]
    fn it_looks_as_usual() {
        assert_eq!(
            pretty(r#"{"b":[1,2],"a":{},"c":"x:, y"}"#),
            "{\n  \"b\": [\n    1,\n    2\n  ],\n  \"a\": {},\n  \"c\": \"x:, y\"\n}"
        );
        assert_eq!(compact("{\n \"b\" : [ 1 , 2 ]\n}"), r#"{"b":[1,2]}"#);
        assert_eq!((pretty("[]").as_str(), pretty("12").as_str()), ("[]", "12"));
    }

    #[test]
    fn what_makes_a_terminal_act_is_escaped() {
        assert_eq!(compact("[\"\u{9b}2J \u{202e} é\"]"), "[\"\\u009b2J \\u202e é\"]");
    }
}
