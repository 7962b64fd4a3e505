//! What an expression is made of, as far as its cost and its types are concerned, and the checks of RFC 9535's types.

use std::ops::Range;

/// Something wrong with a text, at a byte of it.
#[derive(Debug)]
pub(super) struct Mistake {
    pub(super) at: usize,
    pub(super) detail: String,
}

impl Mistake {
    pub(super) fn new(at: usize, detail: impl Into<String>) -> Self {
        Self { at, detail: detail.into() }
    }
}

/// A query: `@.items[*].sku`.
#[derive(Debug)]
pub(super) struct Query {
    /// Whether it begins with `$`.
    pub(super) is_absolute: bool,
    pub(super) span: Range<usize>,
    pub(super) segments: Vec<Segment>,
}

/// One step of a query.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) at: usize,
    /// Whether it is written with `..`.
    pub(super) is_descendant: bool,
    pub(super) selectors: Vec<Selector>,
}

/// One of the things a step selects.
#[derive(Debug)]
pub(super) enum Selector {
    Name(String),
    Index { value: i64, span: Range<usize> },
    Slice,
    Wildcard,
    Filter(Vec<Term>),
}

/// One condition of a logical expression. How `&&`, `||`, `!` and brackets join them is of no interest: at worst all
/// of them are evaluated.
#[derive(Debug)]
pub(super) enum Term {
    /// Whether a query selects anything, or what a logical function says.
    Test(Operand),
    Comparison(Operand, Operand),
}

/// What is compared, or handed to a function.
#[derive(Debug)]
pub(super) enum Operand {
    Literal { at: usize, text: Option<String> },
    Query(Query),
    Call(Call),
}

/// A function with its arguments.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) at: usize,
    pub(super) function: Function,
    pub(super) arguments: Vec<Operand>,
}

/// The functions of RFC 9535.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Count,
    Length,
    Match,
    Search,
    Value,
}

impl Function {
    pub(super) fn by_name(name: &str) -> Option<Self> {
        [Self::Count, Self::Length, Self::Match, Self::Search, Self::Value].into_iter().find(|f| f.name() == name)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Length => "length",
            Self::Match => "match",
            Self::Search => "search",
            Self::Value => "value",
        }
    }

    /// Whether it is a condition by itself; the others give a value to compare.
    pub(super) fn is_logical(self) -> bool {
        matches!(self, Self::Match | Self::Search)
    }

    /// Whether its arguments are lists of nodes; the others take values.
    pub(super) fn takes_nodes(self) -> bool {
        matches!(self, Self::Count | Self::Value)
    }

    fn arity(self) -> usize {
        if self.is_logical() { 2 } else { 1 }
    }
}

impl Query {
    /// Whether it selects one node at most, by its form.
    pub(super) fn is_singular(&self) -> bool {
        self.segments.iter().all(|segment| {
            !segment.is_descendant && matches!(&segment.selectors[..], [Selector::Name(_) | Selector::Index { .. }])
        })
    }
}

impl Operand {
    /// Where it begins.
    pub(super) fn at(&self) -> usize {
        match self {
            Self::Literal { at, .. } => *at,
            Self::Query(query) => query.span.start,
            Self::Call(call) => call.at,
        }
    }

    /// Refuses what is not one value.
    pub(super) fn check_value(&self) -> Result<(), Mistake> {
        match self {
            Self::Query(query) if !query.is_singular() => {
                let detail = "expected one value, but this query may select several; \
                              write `value(…)` or `count(…)` around it, or a filter: `@.items[?@.sku == 'x']`";
                Err(Mistake::new(self.at(), detail))
            }
            Self::Call(call) if call.function.is_logical() => {
                let name = call.function.name();
                Err(Mistake::new(call.at, format!("`{name}(…)` is a condition by itself and has no value to use here")))
            }
            _ => Ok(()),
        }
    }

    /// Refuses what is not a condition.
    pub(super) fn check_test(&self) -> Result<(), Mistake> {
        match self {
            Self::Literal { .. } => {
                Err(Mistake::new(self.at(), "a literal is no condition; compare something with it"))
            }
            Self::Call(call) if !call.function.is_logical() => {
                let name = call.function.name();
                Err(Mistake::new(call.at, format!("`{name}(…)` is no condition; compare it, as in `{name}(…) == 1`")))
            }
            _ => Ok(()),
        }
    }
}

impl Call {
    /// Refuses a wrong number or a wrong type of arguments.
    pub(super) fn check(&self) -> Result<(), Mistake> {
        let (name, arity) = (self.function.name(), self.function.arity());
        if self.arguments.len() != arity {
            let plural = if arity == 1 { "" } else { "s" };
            let detail = format!("`{name}` takes {arity} argument{plural}, found {}", self.arguments.len());
            return Err(Mistake::new(self.at, detail));
        }
        for argument in &self.arguments {
            if !self.function.takes_nodes() {
                argument.check_value()?;
            } else if !matches!(argument, Operand::Query(_)) {
                return Err(Mistake::new(argument.at(), format!("`{name}` takes a query: `{name}(@.items[*])`")));
            }
        }
        Ok(())
    }
}
