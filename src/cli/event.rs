//! `loghorn event`: send, list and show events.

use clap::{Args, Subcommand};
use loghorn_domain::Level;
use loghorn_web::api::deliveries::Delivery;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    Context,
    client::Query,
    delivery,
    event_send::SendArgs,
    explain,
    fail::{Exit, Fail},
    output::{Column, Out, shortened},
};

/// What the ids begin with.
pub(crate) const KIND: (&str, &str) = ("event", "evt_");

/// What can be done with events.
#[derive(Debug, Subcommand)]
pub(crate) enum EventCommand {
    /// Send events: one made of options, or many from a file or stdin
    Send(SendArgs),
    /// List events, newest first
    #[command(visible_alias = "ls")]
    List(ListArgs),
    /// Show one event and what became of it
    #[command(visible_alias = "show")]
    Get(GetArgs),
}

/// What `event list` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn event list --since 1h --min-level ERROR
  loghorn event list --type 'payment.**' --text declined -o jsonl")]
pub(crate) struct ListArgs {
    /// Of this type, or of types that fit this pattern
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<String>,
    /// Of this level
    #[arg(long)]
    level: Option<Level>,
    /// Of this level or a worse one
    #[arg(long, value_name = "LEVEL")]
    min_level: Option<Level>,
    /// From this source
    #[arg(long)]
    source: Option<String>,
    /// Received since then: a time, or a span such as 1h
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Received until then
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// With this text anywhere in it
    #[arg(long, visible_alias = "q", value_name = "TEXT")]
    text: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

/// What `event get` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn event get evt_019aa0c7e1b27000
  loghorn event get order-4711 -o json | jq .metadata
  loghorn event get order-4711 --explain             where it went, and why not elsewhere
  loghorn event get order-4711 --explain --sub gw    every condition of this one")]
pub(crate) struct GetArgs {
    /// Its id, or the beginning of it
    id: String,
    /// Why it went to each subscription, or did not
    #[arg(long)]
    explain: bool,
    /// Explain every condition of this subscription: its name, its id, or the beginning of either
    #[arg(long, visible_alias = "subscription", value_name = "NAME|ID", requires = "explain")]
    sub: Option<String>,
    /// At most so many subscriptions
    #[arg(long, value_name = "N", default_value_t = 500, requires = "explain",
        value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

/// The members of an event that are shown.
#[derive(Debug, Deserialize)]
pub(crate) struct Shown {
    id: String,
    #[serde(default)]
    seq: u64,
    event_type: String,
    level: String,
    #[serde(default)]
    source: Option<String>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    metadata: Option<Box<RawValue>>,
    #[serde(default)]
    timestamp: String,
    #[serde(default)]
    received_at: String,
}

impl Shown {
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn event_type(&self) -> &str {
        &self.event_type
    }
}

impl EventCommand {
    /// Whether it changes nothing and ends by itself.
    pub(crate) fn is_watchable(&self) -> bool {
        matches!(self, Self::List(_) | Self::Get(_))
    }

    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Fail> {
        match self {
            Self::Send(args) => args.run(context).await,
            Self::List(args) => args.run(context).await,
            Self::Get(args) => args.run(context).await,
        }
    }
}

pub(crate) const COLUMNS: &[Column<Shown>] = &[
    Column { head: "RECEIVED", cell: |event, out| out.moment(&event.received_at) },
    Column { head: "LEVEL", cell: |event, _| event.level.clone() },
    Column { head: "TYPE", cell: |event, _| event.event_type.clone() },
    Column { head: "SOURCE", cell: |event, _| event.source.clone().unwrap_or_default() },
    Column { head: "MESSAGE", cell: message },
    Column { head: "ID", cell: |event, _| event.id.clone() },
];

fn message(event: &Shown, out: &Out) -> String {
    let text = event.message.clone().unwrap_or_default();
    if out.is_short() { shortened(&text, 60) } else { text }
}

impl ListArgs {
    async fn run(self, context: &Context) -> Result<Exit, Fail> {
        let query: Query = [
            ("type", self.event_type),
            ("level", self.level.map(|level| level.to_string())),
            ("min_level", self.min_level.map(|level| level.to_string())),
            ("source", self.source),
            ("since", self.since),
            ("until", self.until),
            ("q", self.text),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?.into())))
        .collect();
        let list = context.client()?.list::<Shown>(&["events"], &query, self.limit as usize).await?;
        context.out.list(&list, COLUMNS, |event| &event.id)?;
        Ok(Exit::Ok)
    }
}

impl GetArgs {
    async fn run(self, context: &Context) -> Result<Exit, Fail> {
        let client = context.client()?;
        let answer = client.one::<Shown>(&["events"], &self.id, KIND, |event| &event.id).await?;
        let event: Shown = answer.read()?;
        if self.explain {
            return explain::run(context, &event.id, self.sub.as_deref(), self.limit as usize).await;
        }
        let metadata = event.metadata.as_ref().map(|metadata| metadata.get().to_owned()).unwrap_or_default();
        let lines = [
            ("id", event.id.clone()),
            ("seq", event.seq.to_string()),
            ("type", event.event_type.clone()),
            ("level", event.level.clone()),
            ("source", event.source.clone().unwrap_or_default()),
            ("message", event.message.clone().unwrap_or_default()),
            ("metadata", if metadata == "{}" { String::new() } else { metadata }),
            ("timestamp", event.timestamp.clone()),
            ("received", event.received_at.clone()),
        ];
        context.out.one(&answer.body, &event.id, &lines)?;
        if context.out.is_table() {
            let list = client.list::<Delivery>(&["events", &event.id, "deliveries"], &Query::new(), 100).await?;
            context.out.line("")?;
            match list.items.is_empty() {
                true => context.out.line("No subscription matched it.")?,
                false => context.out.list(&list, delivery::COLUMNS, |delivery| &delivery.id)?,
            }
        }
        Ok(Exit::Ok)
    }
}
