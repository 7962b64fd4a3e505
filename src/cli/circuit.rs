//! `loghorn circuit`: endpoints that are left alone because they fail, and opening, closing and probing them by hand.

use clap::{Args, Subcommand};
use loghorn_web::api::{circuit::Circuit, subscriptions::Shown};
use serde_json::{json, value::RawValue};

use super::{
    Context,
    client::Query,
    fail::{Exit, Fail},
    output::{Column, GOOD, List, coloured, plain},
    sub,
};

/// Most subscriptions that are looked through.
const SEARCHED_MAX: usize = 100_000;

/// What can be done with circuits.
#[derive(Debug, Subcommand)]
pub(crate) enum CircuitCommand {
    /// List the circuits that are not closed
    #[command(visible_alias = "ls")]
    List(ListArgs),
    /// Attempt nothing until told otherwise
    #[command(after_help = "Examples:\n  loghorn circuit open gw")]
    Open(NameArgs),
    /// Let attempts flow, and forget past failures
    #[command(after_help = "Examples:\n  loghorn circuit close gw")]
    Close(NameArgs),
    /// Make one attempt now, and go by what it comes to
    #[command(after_help = "Examples:\n  loghorn circuit probe gw")]
    Probe(NameArgs),
}

/// What `circuit list` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn circuit list
  loghorn circuit list --all -o jsonl")]
pub(crate) struct ListArgs {
    /// The closed ones too
    #[arg(long)]
    all: bool,
}

/// A subscription's circuit.
#[derive(Debug, Args)]
pub(crate) struct NameArgs {
    /// The subscription's name, its id, or the beginning of either
    #[arg(value_name = "NAME|ID")]
    name: String,
}

impl CircuitCommand {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Fail> {
        match self {
            Self::List(args) => args.run(context).await,
            Self::Open(args) => act(context, &args.name, "open", "stays open until it is closed or probed").await,
            Self::Close(args) => act(context, &args.name, "close", "what waits goes out").await,
            Self::Probe(args) => act(context, &args.name, "probe", "one attempt decides").await,
        }
    }
}

/// A circuit with its subscription's name.
struct Line {
    name: String,
    circuit: Circuit,
}

const COLUMNS: &[Column<Line>] = &[
    Column { head: "NAME", cell: |line, _| line.name.clone() },
    Column { head: "CIRCUIT", cell: |line, _| line.circuit.circuit.clone() },
    Column {
        head: "PROBED",
        cell: |line, out| match &line.circuit.until {
            Some(until) => out.moment(until),
            None if line.circuit.circuit == "open" => "by hand".into(),
            None => String::new(),
        },
    },
    Column { head: "WAITING", cell: |line, _| line.circuit.waiting.to_string() },
    Column { head: "ID", cell: |line, _| line.circuit.subscription_id.clone() },
];

impl ListArgs {
    async fn run(self, context: &Context) -> Result<Exit, Fail> {
        let client = context.client()?;
        let all = client.list::<Shown>(&["subscriptions"], &Query::new(), SEARCHED_MAX).await?.items;
        let mut list = List { items: Vec::new(), raw: Vec::new(), next_cursor: None };
        for shown in all.iter().filter(|shown| self.all || shown.circuit != "closed") {
            let answer = client.get(&["subscriptions", &shown.id, "circuit"]).await?;
            let circuit: Circuit = answer.read()?;
            let name = sub::name(shown).to_owned();
            let mut raw = json!(circuit);
            raw["name"] = name.clone().into();
            list.raw.extend(RawValue::from_string(raw.to_string()));
            list.items.push(Line { name, circuit });
        }
        context.out.list(&list, COLUMNS, |line| &line.circuit.subscription_id)?;
        Ok(Exit::Ok)
    }
}

async fn act(context: &Context, wanted: &str, action: &str, so: &str) -> Result<Exit, Fail> {
    let client = context.client()?;
    let shown = sub::find(&client, wanted).await?;
    let answer = client.post(&["subscriptions", &shown.id, "circuit"], json!({"action": action}).to_string()).await?;
    let circuit: Circuit = answer.read()?;
    let name = sub::name(&shown);
    let state = coloured(&plain(&circuit.circuit));
    let sentence = format!("{GOOD} {} is {state}; {so}", plain(name));
    context.out.done(&answer.body, &shown.id, &[&shown.id, name, &circuit.circuit], &sentence)?;
    Ok(Exit::Ok)
}
