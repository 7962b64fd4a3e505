//! Reads RFC 9535 and says where a mistake is and what was expected.
//!
//! The evaluation is the crate serde_json_path's. Its own parser says little about a mistake, recurses without a limit
//! and takes exponential time for nested filters, so it is given only what has been read here first.

use super::{
    lexer::Lexer,
    syntax::{Call, Function, Mistake, Operand, Query, Segment, Selector, Term},
};

/// Deepest nesting of brackets of any kind, so that no text can exhaust the stack.
const NESTING_MAX: usize = 32;
/// Deepest nesting of filters: the time to parse them may grow fourfold with each.
const FILTERS_MAX: usize = 3;

/// The operators of a comparison; the longer ones first.
const COMPARISONS: [&str; 6] = ["==", "!=", "<=", ">=", "<", ">"];

/// A reader of one text.
pub(super) struct Reader<'t> {
    lexer: Lexer<'t>,
    /// Brackets that are open.
    nesting: usize,
    /// Filters that are open.
    filters: usize,
    /// What to write instead for the evaluation; see [`Reader::rewritten`].
    edits: Vec<(std::ops::Range<usize>, String)>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { lexer: Lexer::new(text), nesting: 0, filters: 0, edits: Vec::new() }
    }

    /// The whole text as one logical expression.
    pub(super) fn read_expression(&mut self) -> Result<Vec<Term>, Mistake> {
        self.lexer.skip_space();
        let mut terms = Vec::new();
        self.logical(&mut terms)?;
        self.lexer.skip_space();
        if self.lexer.peek() == Some(',') {
            let detail = "expected one logical expression, not a list of selectors; join conditions with `&&` or `||`";
            return Err(Mistake::new(self.lexer.at, detail));
        }
        self.end("`&&`, `||` or the end of the expression")?;
        Ok(terms)
    }

    /// The whole text as one query.
    pub(super) fn read_path(&mut self) -> Result<Query, Mistake> {
        if self.lexer.peek() != Some('$') {
            return Err(self.lexer.expected("`$`, which stands for the whole value"));
        }
        let query = self.query()?;
        self.end("`.`, `[` or the end of the path")?;
        Ok(query)
    }

    /// The text for the evaluation, which reads two things otherwise than RFC 9535: it takes no space before `..`,
    /// and never finds an index from the end (`[-1]`) in a comparison or an argument.
    pub(super) fn rewritten(mut self) -> String {
        self.edits.sort_by_key(|(range, _)| range.start);
        let text = self.lexer.text;
        let (mut out, mut done) = (String::with_capacity(text.len() + 16), 0);
        for (range, instead) in &self.edits {
            out.push_str(&text[done..range.start]);
            out.push_str(instead);
            done = range.end;
        }
        out.push_str(&text[done..]);
        out
    }

    fn end(&self, what: &str) -> Result<(), Mistake> {
        if self.lexer.peek().is_none() { Ok(()) } else { Err(self.lexer.expected(what)) }
    }

    fn open(&mut self) -> Result<(), Mistake> {
        self.nesting += 1;
        if self.nesting > NESTING_MAX {
            let detail = format!("more than {NESTING_MAX} brackets inside each other; leave out what is not needed");
            return Err(Mistake::new(self.lexer.at, detail));
        }
        self.lexer.bump();
        self.lexer.skip_space();
        Ok(())
    }

    fn close(&mut self, bracket: char, what: &str) -> Result<(), Mistake> {
        self.lexer.skip_space();
        self.nesting -= 1;
        if self.lexer.eat(bracket) { Ok(()) } else { Err(self.lexer.expected(what)) }
    }

    fn logical(&mut self, terms: &mut Vec<Term>) -> Result<(), Mistake> {
        loop {
            self.basic(terms)?;
            let end = self.lexer.at;
            self.lexer.skip_space();
            if !self.lexer.eat_text("&&") && !self.lexer.eat_text("||") {
                self.lexer.at = end;
                return Ok(());
            }
            self.lexer.skip_space();
        }
    }

    fn basic(&mut self, terms: &mut Vec<Term>) -> Result<(), Mistake> {
        let start = self.lexer.at;
        let is_negated = self.lexer.eat('!');
        if is_negated {
            self.lexer.skip_space();
        }
        if self.lexer.peek() == Some('(') {
            self.open()?;
            self.logical(terms)?;
            return self.close(')', "`&&`, `||` or `)`");
        }
        let left = self.operand()?;
        let end = self.lexer.at;
        self.lexer.skip_space();
        if COMPARISONS.iter().any(|operator| self.lexer.eat_text(operator)) {
            if is_negated {
                return Err(Mistake::new(start, "`!` in front of a comparison needs brackets: `!(@.a == 1)`"));
            }
            self.lexer.skip_space();
            let right = self.operand()?;
            for side in [&left, &right] {
                side.check_value()?;
                self.edit_index_from_end(side, true);
            }
            terms.push(Term::Comparison(left, right));
            return Ok(());
        }
        if self.lexer.peek() == Some('=') {
            return Err(self.lexer.expected("`==`"));
        }
        if self.lexer.peek() == Some('-') && matches!(left, Operand::Query(_)) {
            return Err(self.lexer.expected("an operator; a name with `-` is written `['user-id']`"));
        }
        self.lexer.at = end;
        left.check_test()?;
        terms.push(Term::Test(left));
        Ok(())
    }

    fn operand(&mut self) -> Result<Operand, Mistake> {
        let at = self.lexer.at;
        match self.lexer.peek() {
            Some('@' | '$') => Ok(Operand::Query(self.query()?)),
            Some('\'' | '"') => Ok(Operand::Literal { at, text: Some(self.lexer.string()?) }),
            Some('-' | '0'..='9') => {
                self.lexer.number()?;
                Ok(Operand::Literal { at, text: None })
            }
            Some('a'..='z') => self.word(),
            _ => Err(self
                .lexer
                .expected("a query (`@.…`), a function, a string in quotes, a number, true, false or null")),
        }
    }

    fn word(&mut self) -> Result<Operand, Mistake> {
        let at = self.lexer.at;
        let word = self.lexer.take_while(|c| matches!(c, 'a'..='z' | '0'..='9' | '_'));
        if self.lexer.peek() != Some('(') {
            if matches!(word, "true" | "false" | "null") {
                return Ok(Operand::Literal { at, text: None });
            }
            if Function::by_name(word).is_some() {
                return Err(self.lexer.expected(&format!("`(` right after `{word}`")));
            }
            let detail =
                format!("`{word}` is nothing known; a string needs quotes, and a member of the event `@.{word}`");
            return Err(Mistake::new(at, detail));
        }
        let Some(function) = Function::by_name(word) else {
            let detail = format!("there is no function `{word}`; there are count, length, match, search and value");
            return Err(Mistake::new(at, detail));
        };
        self.open()?;
        let mut arguments = Vec::new();
        while self.lexer.peek() != Some(')') || !arguments.is_empty() {
            arguments.push(self.operand()?);
            self.lexer.skip_space();
            if !self.lexer.eat(',') {
                break;
            }
            self.lexer.skip_space();
        }
        self.close(')', "`,` or `)`")?;
        let call = Call { at, function, arguments };
        call.check()?;
        for argument in &call.arguments {
            self.edit_index_from_end(argument, !function.takes_nodes());
        }
        Ok(Operand::Call(call))
    }

    fn query(&mut self) -> Result<Query, Mistake> {
        let start = self.lexer.at;
        let is_absolute = self.lexer.bump() == Some('$');
        let mut segments = Vec::new();
        loop {
            let end = self.lexer.at;
            self.lexer.skip_space();
            let at = self.lexer.at;
            let is_descendant = self.lexer.eat_text("..");
            let selectors = if self.lexer.peek() == Some('[') {
                self.bracket()?
            } else if is_descendant || self.lexer.eat('.') {
                vec![self.shorthand()?]
            } else {
                self.lexer.at = end;
                return Ok(Query { is_absolute, span: start..end, segments });
            };
            if is_descendant && end < at {
                self.edits.push((end..at, String::new()));
            }
            segments.push(Segment { at, is_descendant, selectors });
        }
    }

    fn shorthand(&mut self) -> Result<Selector, Mistake> {
        if self.lexer.eat('*') {
            return Ok(Selector::Wildcard);
        }
        match self.lexer.peek() {
            Some(c) if c.is_ascii_alphabetic() || c == '_' || !c.is_ascii() => {
                let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii();
                Ok(Selector::Name(self.lexer.take_while(is_name).to_owned()))
            }
            _ => Err(self.lexer.expected("a name or `*`; other names are written `['user-id']`")),
        }
    }

    fn bracket(&mut self) -> Result<Vec<Selector>, Mistake> {
        self.open()?;
        let mut selectors = Vec::new();
        loop {
            selectors.push(self.selector()?);
            self.lexer.skip_space();
            if !self.lexer.eat(',') {
                break;
            }
            self.lexer.skip_space();
        }
        self.close(']', "`,` or `]`")?;
        Ok(selectors)
    }

    fn selector(&mut self) -> Result<Selector, Mistake> {
        match self.lexer.peek() {
            Some('\'' | '"') => Ok(Selector::Name(self.lexer.string()?)),
            Some('-' | '0'..='9' | ':') => self.index_or_slice(),
            Some('*') => {
                self.lexer.bump();
                Ok(Selector::Wildcard)
            }
            Some('?') => {
                if self.filters == FILTERS_MAX {
                    let detail = format!("more than {FILTERS_MAX} filters inside each other take too long; join them");
                    return Err(Mistake::new(self.lexer.at, detail));
                }
                self.lexer.bump();
                self.lexer.skip_space();
                self.filters += 1;
                let mut terms = Vec::new();
                self.logical(&mut terms)?;
                self.filters -= 1;
                Ok(Selector::Filter(terms))
            }
            _ => Err(self.lexer.expected("a name in quotes, a number, `*`, a slice or a filter `?…`")),
        }
    }

    fn index_or_slice(&mut self) -> Result<Selector, Mistake> {
        let start = self.lexer.at;
        let index = self.lexer.integer_if_any()?;
        let end = self.lexer.at;
        self.lexer.skip_space();
        if !self.lexer.eat(':') {
            self.lexer.at = end;
            // It does not begin with `:`, so there is an integer.
            return Ok(Selector::Index { value: index.unwrap_or_default(), span: start..end });
        }
        self.lexer.skip_space();
        self.lexer.integer_if_any()?;
        self.lexer.skip_space();
        if self.lexer.eat(':') {
            self.lexer.skip_space();
            self.lexer.integer_if_any()?;
        }
        Ok(Selector::Slice)
    }

    /// `@.list[-1]` becomes `value(@.list[-1:])`; see [`Reader::rewritten`].
    fn edit_index_from_end(&mut self, operand: &Operand, is_value: bool) {
        let Operand::Query(query) = operand else { return };
        if !query.is_singular() {
            return;
        }
        let edits_before = self.edits.len();
        for selector in query.segments.iter().flat_map(|segment| &segment.selectors) {
            if let Selector::Index { value, span } = selector
                && *value < 0
            {
                let slice = if *value == -1 { "-1:".to_owned() } else { format!("{value}:{}", value + 1) };
                self.edits.push((span.clone(), slice));
            }
        }
        if is_value && self.edits.len() > edits_before {
            self.edits.push((query.span.start..query.span.start, "value(".to_owned()));
            self.edits.push((query.span.end..query.span.end, ")".to_owned()));
        }
    }
}
