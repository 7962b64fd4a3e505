//! `loghorn circuit`: endpoints that are left alone because they fail, and opening, closing and probing them by hand.

use clap::{Args, Subcommand};
use loghorn_web::api::{
    circuit::{Circuit, Standing},
    subscriptions::Shown,
};
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
    #[command(after_help = "Examples:\n  loghorn circuit open gw\n  loghorn circuit open gw --region eu")]
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

/// A subscription's circuits.
#[derive(Debug, Args)]
pub(crate) struct NameArgs {
    /// The subscription's name, its id, or the beginning of either
    #[arg(value_name = "NAME|ID")]
    name: String,
    /// Only that of this region; without it all that the subscription has
    #[arg(long, value_name = "NAME")]
    region: Option<String>,
}

impl CircuitCommand {
    /// Whether it changes nothing and ends by itself.
    pub(crate) fn is_watchable(&self) -> bool {
        matches!(self, Self::List(_))
    }

    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Fail> {
        match self {
            Self::List(args) => args.run(context).await,
            Self::Open(args) => act(context, &args, "open", "stays open until it is closed or probed").await,
            Self::Close(args) => act(context, &args, "close", "what waits goes out").await,
            Self::Probe(args) => act(context, &args, "probe", "one attempt decides").await,
        }
    }
}

/// One circuit of a subscription.
struct Line {
    name: String,
    id: String,
    /// Empty for that of its own URL.
    region: String,
    standing: Standing,
}

const COLUMNS: &[Column<Line>] = &[
    Column { head: "NAME", cell: |line, _| line.name.clone() },
    Column { head: "CIRCUIT", cell: |line, _| line.standing.circuit.clone() },
    Column {
        head: "PROBED",
        cell: |line, out| match &line.standing.until {
            Some(until) => out.moment(until),
            None if line.standing.circuit == "open" => "by hand".into(),
            None => String::new(),
        },
    },
    Column { head: "WAITING", cell: |line, _| line.standing.waiting.to_string() },
    Column { head: "ID", cell: |line, _| line.id.clone() },
    Column { head: "REGION", cell: |line, _| line.region.clone() },
];

impl ListArgs {
    async fn run(self, context: &Context) -> Result<Exit, Fail> {
        let client = context.client()?;
        let all = client.list::<Shown>(&["subscriptions"], &Query::new(), SEARCHED_MAX).await?.items;
        let mut list = List { items: Vec::new(), raw: Vec::new(), next_cursor: None };
        for shown in all.iter().filter(|shown| self.all || shown.circuit != "closed") {
            let answer = client.get(&["subscriptions", &shown.id, "circuit"]).await?;
            let Circuit { subscription_id: id, own, regions } = answer.read()?;
            let all = std::iter::once((String::new(), own)).chain(regions);
            for (region, standing) in all.filter(|(_, standing)| self.all || standing.circuit != "closed") {
                let line = Line { name: sub::name(shown).to_owned(), id: id.clone(), region, standing };
                let mut raw = json!(line.standing);
                raw["name"] = line.name.clone().into();
                raw["subscription_id"] = id.clone().into();
                raw["region"] = Some(&line.region).filter(|region| !region.is_empty()).cloned().into();
                list.raw.extend(RawValue::from_string(raw.to_string()));
                list.items.push(line);
            }
        }
        context.out.list(&list, COLUMNS, |line| &line.id)?;
        Ok(Exit::Ok)
    }
}

async fn act(context: &Context, args: &NameArgs, action: &str, so: &str) -> Result<Exit, Fail> {
    let client = context.client()?;
    let shown = sub::find(&client, &args.name).await?;
    let mut body = json!({"action": action});
    if let Some(region) = &args.region {
        body["region"] = region.as_str().into();
    }
    let answer = client.post(&["subscriptions", &shown.id, "circuit"], body.to_string()).await?;
    let Circuit { own, regions, .. } = answer.read()?;
    let name = sub::name(&shown);
    let (of, standing) = match &args.region {
        Some(region) => (format!("{name} in {region}"), regions.get(region).unwrap_or(&own)),
        None => (name.to_owned(), &own),
    };
    let so = if action == "probe" && standing.waiting == 0 { "the next delivery decides" } else { so };
    let sentence = format!("{GOOD} {} is {}; {so}", plain(&of), coloured(&plain(&standing.circuit)));
    context.out.done(&answer.body, &shown.id, &[&shown.id, name, &standing.circuit], &sentence)?;
    Ok(Exit::Ok)
}
