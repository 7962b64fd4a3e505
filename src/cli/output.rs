//! What is printed and how: data on stdout, talk on stderr. A terminal gets tables and colours; anything else gets
//! tab-separated lines without header, colour or truncation. What comes from the server cannot make a terminal act.

use std::io::{IsTerminal, Write};

use anstream::{AutoStream, eprint, eprintln};
use clap::ValueEnum;
use comfy_table::{Cell, Color, ColumnConstraint, ContentArrangement, Table, Width, presets};
use loghorn_domain::Timestamp;
use serde_json::value::RawValue;

use super::{
    fail::{Exit, Fail},
    json, watch, yaml,
};

/// The form that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// For people
    Table,
    /// The same with every column, and nothing shortened
    Wide,
    /// One JSON document, as the server sent it
    Json,
    /// One JSON object a line
    Jsonl,
    /// YAML
    Yaml,
    /// Only the ids, one a line
    Name,
}

/// The form of the data on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Table,
    Json,
    Jsonl,
    Yaml,
    Name,
    /// Tab-separated, without header.
    Tabs,
}

/// Where a command's output goes, and in what form.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Out {
    pub(crate) format: Format,
    /// Whether nothing of a table is left out.
    pub(crate) is_wide: bool,
    pub(crate) is_quiet: bool,
}

/// One column of a list: its head, and what stands in it for an item.
pub(crate) struct Column<T> {
    pub(crate) head: &'static str,
    pub(crate) cell: fn(&T, &Out) -> String,
}

/// Columns that a terminal has no room for.
const TOO_WIDE: [&str; 1] = ["EVENT"];
/// Columns that may be broken into lines where the terminal is narrow.
const WRAPPED: [&str; 3] = ["MESSAGE", "URL", "TYPES"];

/// Between columns.
const GAP: u16 = 2;
/// The narrowest that those become.
const WRAPPED_MIN: u16 = 24;

/// Signs before a line for people.
pub(crate) const GOOD: &str = "\x1b[32m✓\x1b[0m";
pub(crate) const BAD: &str = "\x1b[31m✗\x1b[0m";
pub(crate) const UNSURE: &str = "\x1b[33m~\x1b[0m";

impl Out {
    pub(crate) fn new(form: Option<Form>, is_quiet: bool) -> Self {
        let format = match form {
            Some(Form::Table | Form::Wide) => Format::Table,
            Some(Form::Json) => Format::Json,
            Some(Form::Jsonl) => Format::Jsonl,
            Some(Form::Yaml) => Format::Yaml,
            Some(Form::Name) => Format::Name,
            None if std::io::stdout().is_terminal() => Format::Table,
            None => Format::Tabs,
        };
        Self { format, is_wide: form == Some(Form::Wide), is_quiet }
    }

    pub(crate) fn is_table(&self) -> bool {
        self.format == Format::Table
    }

    /// Whether what is long is shortened.
    pub(crate) fn is_short(&self) -> bool {
        self.is_table() && !self.is_wide
    }

    /// Data, as it is, with a line's end.
    pub(crate) fn line(&self, text: &str) -> Result<(), Fail> {
        if !watch::is_news(text) {
            return Ok(());
        }
        let mut stdout = AutoStream::auto(std::io::stdout()).lock();
        stdout.write_all(text.as_bytes())?;
        stdout.write_all(b"\n")?;
        Ok(stdout.flush()?)
    }

    /// Talk, which `--quiet` leaves out.
    pub(crate) fn say(&self, text: &str) {
        if !self.is_quiet {
            eprintln!("{text}");
        }
    }

    /// A page of things.
    pub(crate) fn list<T>(&self, list: &List<T>, columns: &[Column<T>], id: fn(&T) -> &str) -> Result<(), Fail> {
        match self.format {
            Format::Json => {
                let items: Vec<&str> = list.raw.iter().map(|item| item.get()).collect();
                let next = serde_json::Value::from(list.next_cursor.clone());
                self.line(&json::pretty(&format!("{{\"items\":[{}],\"next_cursor\":{next}}}", items.join(","))))?;
            }
            Format::Yaml => {
                let items: Vec<&str> = list.raw.iter().map(|item| item.get()).collect();
                self.line(&yaml::of_json(&format!("[{}]", items.join(",")))?)?;
            }
            Format::Jsonl => list.raw.iter().try_for_each(|item| self.line(&json::compact(item.get())))?,
            Format::Name => list.items.iter().try_for_each(|item| self.line(&plain(id(item))))?,
            Format::Tabs => {
                let cells = |item: &T| -> Vec<String> {
                    columns.iter().map(|column| plain(&(column.cell)(item, self))).collect()
                };
                list.items.iter().try_for_each(|item| self.line(&cells(item).join("\t")))?;
            }
            Format::Table if list.items.is_empty() => self.say("none"),
            Format::Table => self.line(&self.table(list, columns))?,
        }
        if list.next_cursor.is_some() {
            self.say(&format!("There are more:  --limit {}", list.items.len().max(1) * 2));
        }
        Ok(())
    }

    fn table<T>(&self, list: &List<T>, columns: &[Column<T>]) -> String {
        let columns: Vec<&Column<T>> =
            columns.iter().filter(|column| self.is_wide || !TOO_WIDE.contains(&column.head)).collect();
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).enforce_styling();
        if self.is_wide || !std::io::stdout().is_terminal() {
            table.set_content_arrangement(ContentArrangement::Disabled);
        }
        table.set_header(columns.iter().map(|column| Cell::new(column.head).fg(Color::DarkGrey)));
        for item in &list.items {
            table.add_row(columns.iter().map(|column| cell(&plain(&(column.cell)(item, self)))));
        }
        table.style_text_only();
        for (column, known) in table.column_iter_mut().zip(columns) {
            column.set_padding((0, GAP));
            // Ids are copied, so they stay in one piece; what is broken stays readable, if need be beyond the edge.
            let widest =
                list.items.iter().map(|item| (known.cell)(item, self).chars().count()).max().unwrap_or_default();
            let widest = u16::try_from(widest.max(known.head.len())).unwrap_or(u16::MAX);
            column.set_constraint(match WRAPPED.contains(&known.head) {
                true => ColumnConstraint::LowerBoundary(Width::Fixed(widest.min(WRAPPED_MIN) + GAP)),
                false => ColumnConstraint::ContentWidth,
            });
        }
        table.trim_fmt()
    }

    /// One thing: its JSON where that is asked for, its id, or `lines` of name and value.
    pub(crate) fn one(&self, raw: &str, id: &str, lines: &[(&str, String)]) -> Result<(), Fail> {
        match self.format {
            Format::Json => self.line(&json::pretty(raw)),
            Format::Yaml => self.line(&yaml::of_json(raw)?),
            Format::Jsonl => self.line(&json::compact(raw)),
            Format::Name => self.line(&plain(id)),
            Format::Tabs => lines.iter().try_for_each(|(name, value)| self.line(&format!("{name}\t{}", plain(value)))),
            Format::Table => {
                let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
                lines.iter().filter(|(_, value)| !value.is_empty()).try_for_each(|(name, value)| {
                    self.line(&format!("\x1b[90m{name:width$}\x1b[0m  {}", coloured(&plain(value))))
                })
            }
        }
    }

    /// What was done to one thing: `sentence` for people, `cells` for programs.
    pub(crate) fn done(&self, raw: &str, id: &str, cells: &[&str], sentence: &str) -> Result<(), Fail> {
        match self.format {
            Format::Json => self.line(&json::pretty(raw)),
            Format::Yaml => self.line(&yaml::of_json(raw)?),
            Format::Jsonl => self.line(&json::compact(raw)),
            Format::Name => self.line(&plain(id)),
            Format::Tabs => self.line(&cells.iter().map(|cell| plain(cell)).collect::<Vec<_>>().join("\t")),
            Format::Table => self.line(sentence),
        }
    }

    /// A moment: how long ago on a terminal, in full elsewhere.
    pub(crate) fn moment(&self, text: &str) -> String {
        match text.parse::<Timestamp>() {
            Ok(at) if self.is_table() => ago(super::now(), at),
            _ => text.to_owned(),
        }
    }
}

/// What a list holds: each item as read, and as the server sent it.
#[derive(Debug)]
pub(crate) struct List<T> {
    pub(crate) items: Vec<T>,
    pub(crate) raw: Vec<Box<RawValue>>,
    pub(crate) next_cursor: Option<String>,
}

/// Asks a person before something that cannot be undone or concerns many; without a terminal, `--yes` must say so.
pub(crate) fn confirm(question: &str, is_yes: bool) -> Result<(), Fail> {
    if is_yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Err(Fail::usage("this must be confirmed, and nobody can be asked: this is no terminal")
            .why(format!("{question}  Nothing was changed."))
            .remedy("Say so on the command line:  --yes"));
    }
    eprint!("{} [y/N] ", plain(question));
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    if matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
        return Ok(());
    }
    Err(Fail::new(Exit::Interrupted, "not confirmed").why("Nothing was changed."))
}

/// Whether `c` could make a terminal act, or show text in another order than it stands.
pub(crate) fn is_unsafe(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text with everything escaped that could make a terminal act, or break a line or column.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_unsafe(c) && u32::from(c) < 0x100 => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c if is_unsafe(c) => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

/// The first `chars_max` characters on one line, with an ellipsis where there are more.
pub(crate) fn shortened(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    text.chars().take(chars_max.saturating_sub(1)).chain(['…']).collect()
}

fn tone(word: &str) -> Option<(Color, u8)> {
    Some(match word {
        "delivered" | "healthy" | "ready" | "active" | "closed" | "ok" => (Color::Green, 32),
        "dead_letter" | "down" | "disabled" | "open" | "CRITICAL" | "ERROR" => (Color::Red, 31),
        "retrying" | "degraded" | "paused" | "half_open" | "WARNING" => (Color::Yellow, 33),
        _ => return None,
    })
}

fn cell(text: &str) -> Cell {
    match tone(text) {
        Some((color, _)) => Cell::new(text).fg(color),
        None => Cell::new(text),
    }
}

/// The text, coloured where it is one of the words that mean good, bad or doubtful.
pub(crate) fn coloured(text: &str) -> String {
    match tone(text) {
        Some((_, code)) => format!("\x1b[{code}m{text}\x1b[0m"),
        None => text.to_owned(),
    }
}

fn ago(now: Timestamp, at: Timestamp) -> String {
    let (span, is_past) = if at <= now { (now.since(at), true) } else { (at.since(now), false) };
    let seconds = span.as_secs();
    let text = match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    };
    if is_past { format!("{text} ago") } else { format!("in {text}") }
}

/// So many of them, in words.
pub(crate) fn count(number: u64, what: &str) -> String {
    format!("{} {what}{}", thousands(number), if number == 1 { "" } else { "s" })
}

/// A number with commas between thousands.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_makes_a_terminal_act() {
        assert_eq!(plain("a\x1b]0;x\x07b\u{9b}c\u{202e}d\te\nf é ✓"), "a\\x1b]0;x\\x07b\\x9bc\\u{202e}d\\te\\nf é ✓");
    }

    #[test]
    fn moments_are_told_from_now() {
        let at = Timestamp::from_millis;
        assert_eq!(ago(at(100_000), at(40_000)), "60 s ago");
        assert_eq!(ago(at(40_000), at(100_000)), "in 60 s");
        assert_eq!(ago(at(600_000), at(0)), "10 min ago");
        assert_eq!(ago(at(864_000_000), at(0)), "10 d ago");
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 999, 1000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn long_text_is_shortened() {
        assert_eq!((shortened("abc", 3).as_str(), shortened("abcd", 3).as_str()), ("abc", "ab…"));
    }

    #[test]
    fn tables_show_heads_and_escaped_cells() {
        let out = Out { format: Format::Table, is_wide: false, is_quiet: false };
        let list = List { items: vec!["x\x1b[2J".to_owned()], raw: Vec::new(), next_cursor: None };
        let table = out.table(&list, &[Column { head: "WHAT", cell: |item, _| item.clone() }]);
        let shown = anstream::adapter::strip_str(&table).to_string();
        assert_eq!(shown.lines().map(str::trim_end).collect::<Vec<_>>(), ["WHAT", "x\\x1b[2J"]);
    }
}
