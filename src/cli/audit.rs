//! `loghorn audit`: who did what, when, from where, and what came of it.

use clap::Args;
use loghorn_web::api::audit::Entry;
use serde_json::value::RawValue;

use super::{
    Context,
    client::Query,
    fail::{Exit, Fail},
    output::{Column, List},
};

/// What `audit` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn audit --since 24h
  loghorn audit --limit 500 -o jsonl | jq 'select(.status >= 400)'")]
pub(crate) struct AuditArgs {
    /// Only from then on: a time, or a span such as 1h
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

/// An entry with its number as text.
struct Line {
    entry: Entry,
    number: String,
}

const COLUMNS: &[Column<Line>] = &[
    Column { head: "AT", cell: |line, out| out.moment(&line.entry.at) },
    Column { head: "WHO", cell: |line, _| line.entry.name.clone().unwrap_or_else(|| line.entry.who.clone()) },
    Column { head: "FROM", cell: |line, _| line.entry.from.clone() },
    Column { head: "METHOD", cell: |line, _| line.entry.method.clone() },
    Column { head: "ROUTE", cell: |line, _| line.entry.route.clone() },
    Column { head: "TARGET", cell: |line, _| line.entry.target.clone().unwrap_or_default() },
    Column { head: "STATUS", cell: |line, _| line.entry.status.to_string() },
];

impl AuditArgs {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Fail> {
        let query: Query = self.since.map(|since| ("since", since.into())).into_iter().collect();
        let List { items, raw, next_cursor } =
            context.client()?.list::<Entry>(&["audit"], &query, self.limit as usize).await?;
        let items = items.into_iter().map(|entry| Line { number: entry.number.to_string(), entry }).collect();
        let raw: Vec<Box<RawValue>> = raw;
        context.out.list(&List { items, raw, next_cursor }, COLUMNS, |line| &line.number)?;
        Ok(Exit::Ok)
    }
}
