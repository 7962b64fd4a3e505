//! The letters of RFC 9535: space, names, numbers and strings.

use super::syntax::Mistake;

/// Integers of I-JSON: a number beyond is not the same everywhere.
const INTEGER_MAX: i64 = (1 << 53) - 1;

/// A place in a text.
pub(super) struct Lexer<'t> {
    pub(super) text: &'t str,
    /// The next byte.
    pub(super) at: usize,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn bump(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    pub(super) fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    pub(super) fn eat_text(&mut self, wanted: &str) -> bool {
        let found = self.rest().starts_with(wanted);
        if found {
            self.at += wanted.len();
        }
        found
    }

    pub(super) fn take_while(&mut self, is_wanted: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let taken = &rest[..rest.find(|c| !is_wanted(c)).unwrap_or(rest.len())];
        self.at += taken.len();
        taken
    }

    pub(super) fn skip_space(&mut self) {
        self.take_while(|c| matches!(c, ' ' | '\t' | '\n' | '\r'));
    }

    /// The mistake of not finding `what` here.
    pub(super) fn expected(&self, what: &str) -> Mistake {
        let found = self.peek().map_or_else(|| "the end".to_owned(), |c| format!("`{}`", c.escape_debug()));
        Mistake::new(self.at, format!("expected {what}; found {found}"))
    }

    fn digits(&mut self, what: &str) -> Result<&'t str, Mistake> {
        let digits = self.take_while(|c| c.is_ascii_digit());
        if digits.is_empty() { Err(self.expected(what)) } else { Ok(digits) }
    }

    /// `12`, `-0`; no zero in front.
    fn whole(&mut self) -> Result<(), Mistake> {
        self.eat('-');
        let start = self.at;
        let digits = self.digits("a digit")?;
        if digits.len() > 1 && digits.starts_with('0') {
            return Err(Mistake::new(start, "expected a number without zeros in front"));
        }
        Ok(())
    }

    pub(super) fn number(&mut self) -> Result<(), Mistake> {
        let start = self.at;
        self.whole()?;
        if self.eat('.') {
            self.digits("a digit after the decimal point")?;
        }
        if self.eat('e') || self.eat('E') {
            let _ = self.eat('-') || self.eat('+');
            self.digits("a digit of the exponent")?;
        }
        if !self.text[start..self.at].parse().is_ok_and(f64::is_finite) {
            return Err(Mistake::new(start, "expected a number within the range of a double"));
        }
        Ok(())
    }

    pub(super) fn integer_if_any(&mut self) -> Result<Option<i64>, Mistake> {
        if !matches!(self.peek(), Some('-' | '0'..='9')) {
            return Ok(None);
        }
        let start = self.at;
        self.whole()?;
        let text = &self.text[start..self.at];
        match text.parse::<i64>() {
            Ok(_) if text == "-0" => Err(Mistake::new(start, "expected an index; `-0` is none")),
            Ok(value) if value.abs() <= INTEGER_MAX => Ok(Some(value)),
            _ => Err(Mistake::new(start, format!("expected an index of at most {INTEGER_MAX}"))),
        }
    }

    /// A string in either quotes, without its escapes.
    pub(super) fn string(&mut self) -> Result<String, Mistake> {
        let start = self.at;
        let quote = self.bump();
        let mut out = String::new();
        loop {
            let at = self.at;
            match self.bump() {
                None => return Err(Mistake::new(start, "this string has no closing quote")),
                found if found == quote => return Ok(out),
                Some('\\') => out.push(self.escape(quote)?),
                Some(c) if c < ' ' => {
                    return Err(Mistake::new(
                        at,
                        "expected no control character in a string; write `\\n` or `\\u000a`",
                    ));
                }
                Some(c) => out.push(c),
            }
        }
    }

    fn escape(&mut self, quote: Option<char>) -> Result<char, Mistake> {
        let at = self.at;
        Ok(match self.bump() {
            found @ Some(c) if found == quote => c,
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some(c @ ('/' | '\\')) => c,
            Some('u') => self.unicode()?,
            _ => {
                let detail = "expected an escape of JSON after `\\`; a backslash itself is written twice: `'\\\\d+'`";
                return Err(Mistake::new(at, detail));
            }
        })
    }

    fn unicode(&mut self) -> Result<char, Mistake> {
        let start = self.at;
        let mut units = vec![self.hex()?];
        if (0xd800..0xdc00).contains(&units[0]) && self.eat_text("\\u") {
            units.push(self.hex()?);
        }
        let decoded = String::from_utf16(&units).ok().and_then(|text| text.chars().next());
        decoded.ok_or_else(|| Mistake::new(start, "expected both halves of a surrogate pair"))
    }

    fn hex(&mut self) -> Result<u16, Mistake> {
        let digits = self.rest().get(..4).filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()));
        let unit = digits.and_then(|text| u16::from_str_radix(text, 16).ok());
        let unit = unit.ok_or_else(|| Mistake::new(self.at, "expected four hexadecimal digits after `\\u`"))?;
        self.at += 4;
        Ok(unit)
    }
}
