//! `loghorn filter`: a filter tried before it is saved.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use loghorn_web::api::filters::{Count, Report, Tried};
use serde::Deserialize;
use serde_json::{Map, Value, json, value::RawValue};

use super::{
    Context,
    client::{self, Client},
    conditions::{first_failing, mark, tree},
    fail::{Exit, Fail},
    filter_args::{FilterArgs, read_object},
    json::{compact, pretty},
    output::{Column, Format, GOOD, List, Out, UNSURE, count, plain, thousands},
    progress::Progress,
    sub, yaml,
};

/// Events that are tried where nothing says which.
const LAST_DEFAULT: u64 = 200;
/// Events of each kind, matching and not, that a person is shown.
const SHOWN_MAX: usize = 5;
/// Paths that a person is told of.
const PATHS_MAX: usize = 3;

/// What can be done with filters.
#[derive(Debug, Subcommand)]
pub(crate) enum FilterCommand {
    /// Try a filter on events of the log, or on one event; saves nothing
    Test(Box<TestArgs>),
}

/// What `filter test` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn filter test --meta 'amount > 1000' --last 50
  loghorn filter test --type 'payment.**' --min-level ERROR --since 24h
  loghorn filter test --sub gw --schedule 'mon-fri 09:00-17:00 Europe/Berlin'
  loghorn filter test --meta 'amount > 1000' -f event.json
  loghorn event get order-4711 -o json | loghorn filter test --sub gw -f -

Over many events it ends with 0, whatever it found. Of one event every condition is shown, and it ends with 0 if
that matches, with 7 if not.")]
pub(crate) struct TestArgs {
    /// Types and filter of this subscription; options beside it win
    #[arg(long, visible_alias = "subscription", value_name = "NAME|ID", conflicts_with = "filter_file")]
    sub: Option<String>,
    /// On the last so many events [default: 200]
    #[arg(long, visible_alias = "live", value_name = "N", conflicts_with_all = ["since", "until", "event"])]
    last: Option<u64>,
    /// On events received since then: a time, or a span such as 1h
    #[arg(long, value_name = "WHEN", conflicts_with = "event")]
    since: Option<String>,
    /// Received until then
    #[arg(long, value_name = "WHEN", requires = "since")]
    until: Option<String>,
    /// On the one event in this file, as it would be sent or as it is shown; - reads it from stdin
    #[arg(short = 'f', long, value_name = "FILE|-")]
    event: Option<PathBuf>,
    // Last: its heading goes on to what comes after it.
    #[command(flatten, next_help_heading = "Which events")]
    filter: FilterArgs,
}

/// A line of the answer, whose report is printed as it came.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Progress { tested: u64, total: u64, matched: u64 },
    Report(Box<RawValue>),
    Error(String),
}

impl FilterCommand {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Fail> {
        match self {
            Self::Test(args) => args.run(context).await,
        }
    }
}

impl TestArgs {
    async fn run(self, context: &Context) -> Result<Exit, Fail> {
        let client = context.client()?;
        let mut test = Map::new();
        if let Some(wanted) = &self.sub {
            let mut spec = sub::find(&client, wanted).await?.spec;
            test.extend(["events", "filters"].iter().filter_map(|member| spec.remove_entry(*member)));
        }
        self.filter.apply(&mut test)?;
        let sample = match (&self.event, &self.since) {
            (Some(path), _) => json!({"event": read_object(path)?}),
            (None, Some(since)) => json!({"since": since, "until": self.until}),
            (None, None) => json!({"last": self.last.unwrap_or(LAST_DEFAULT)}),
        };
        test.insert("sample".into(), sample);
        let test = Value::Object(test).to_string();
        if self.event.is_some() {
            let answer = client.post(&["filters", "test"], test).await?;
            return of_one(&context.out, &answer.read()?, &answer.body);
        }
        let raw = in_lines(context, &client, test).await?;
        let report: Report = serde_json::from_str(&raw).map_err(|error| client::strange(&error.to_string()))?;
        print(&context.out, &report, &raw)?;
        warn(&context.out, &report);
        Ok(Exit::Ok)
    }
}

/// Has it tried, with progress meanwhile; the report as it came.
pub(super) async fn in_lines(context: &Context, client: &Client, test: String) -> Result<String, Fail> {
    let progress = Progress::new(&context.out);
    let mut report = None;
    let take = |line: &str| {
        match serde_json::from_str(line).map_err(|error| client::strange(&error.to_string()))? {
            Line::Progress { tested, total, matched } => {
                progress.set(tested, total, &format!("{} match", thousands(matched)));
            }
            Line::Report(raw) => report = Some(raw.get().to_owned()),
            Line::Error(why) => return Err(Fail::new(Exit::Error, "the filter could not be tried").why(why)),
        }
        Ok(())
    };
    client.post_for_lines(&["filters", "test"], test, take).await?;
    report.ok_or_else(|| client::strange("it ended without a report"))
}

fn of_one(out: &Out, report: &Report, raw: &str) -> Result<Exit, Fail> {
    let Some(tried) = report.results.first() else { return Err(client::strange("it holds no result")) };
    if out.is_table() {
        out.line(&format!(
            "{} {}",
            mark(tried.matched),
            if tried.matched { "it matches" } else { "it does not match" }
        ))?;
        tree(out, &tried.conditions, 1)?;
    } else {
        print(out, report, raw)?;
    }
    Ok(if tried.matched { Exit::Ok } else { Exit::Partly })
}

fn print(out: &Out, report: &Report, raw: &str) -> Result<(), Fail> {
    let mut results = report.results.iter();
    match out.format {
        Format::Json => out.line(&pretty(raw)),
        Format::Yaml => out.line(&yaml::of_json(raw)?),
        Format::Jsonl => out.line(&compact(raw)),
        Format::Name => results.filter(|tried| tried.matched).try_for_each(|tried| out.line(&plain(&tried.event_id))),
        Format::Tabs => results.try_for_each(|tried| {
            let word = if tried.matched { "matched" } else { "failed" };
            let why = plain(first_failing(&tried.conditions));
            out.line(&format!("{}\t{word}\t{why}", plain(&tried.event_id)))
        }),
        Format::Table => table(out, report),
    }
}

const COLUMNS: &[Column<Count>] = &[
    Column { head: "HOLDS FOR", cell: |count, _| thousands(count.passed) },
    Column { head: "OF", cell: |count, _| thousands(count.tested) },
    Column { head: "CONDITION", cell: |count, _| count.pointer.clone() },
];

fn table(out: &Out, report: &Report) -> Result<(), Fail> {
    let mark = if report.matched > 0 { GOOD } else { UNSURE };
    let mut parts = vec![format!("{mark} {} of {} match", thousands(report.matched), thousands(report.tested))];
    // Paths that nothing has are told of apart.
    let lacking = report.paths.iter().filter(|path| (1..path.tested).contains(&path.seen)).take(PATHS_MAX);
    parts.extend(lacking.map(|path| {
        let name = path.path.strip_prefix("$.").unwrap_or(&path.path);
        format!("{} lack {}", thousands(path.tested - path.seen), plain(name))
    }));
    out.line(&parts.join(" · "))?;
    if report.matched > 0 {
        let per_minute = report.per_minute;
        let peak = thousands(per_minute.peak);
        out.line(&format!("  {:.1} a minute on average, {peak} in the busiest", per_minute.mean))?;
    }
    out.line("")?;
    out.list(&List { items: report.conditions.clone(), raw: Vec::new(), next_cursor: None }, COLUMNS, |count| {
        &count.pointer
    })?;
    let newest = |wanted: bool| report.results.iter().filter(move |tried| tried.matched == wanted).take(SHOWN_MAX);
    if !report.results.is_empty() {
        out.line("")?;
    }
    newest(true).chain(newest(false)).try_for_each(|tried| out.line(&line(tried)))
}

fn line(tried: &Tried) -> String {
    let (mark, id) = (mark(tried.matched), plain(&tried.event_id));
    match first_failing(&tried.conditions) {
        "" => format!("{mark} {id}"),
        why => format!("{mark} {id}  {}", plain(why)),
    }
}

/// What a person should know about the sample, whatever the form.
fn warn(out: &Out, report: &Report) {
    if report.tested == 0 {
        out.say("The sample holds no events: nothing is known.");
    }
    if let Some(types) = report.conditions.first().filter(|types| types.tested > 0 && types.passed == 0) {
        out.say(&format!("{UNSURE} none of the {} is of a wanted type", count(types.tested, "event")));
    }
    for path in &report.unseen_paths {
        out.say(&format!("{UNSURE} no event has a value at {}: misspelt?", plain(path)));
    }
    if !report.complete {
        out.say(&format!("{UNSURE} time was up after {}: the rest was not tried", count(report.tested, "event")));
    }
}
