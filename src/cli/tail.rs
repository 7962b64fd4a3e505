//! `loghorn tail`: deliveries as they happen, over the live socket.

use clap::Args;
use serde_json::{Value, json};

use super::{
    Context,
    fail::{Exit, Fail},
    live::{Envelope, Socket},
    output::{BAD, Format, GOOD, Out, UNSURE, plain},
    sub, yaml,
};

/// What `tail` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn tail
  loghorn tail --sub gw --status dead_letter,retrying
  loghorn tail --type 'payment.**' -o jsonl | jq .last_status_code
  loghorn tail --count 1 --status dead_letter      ends with the first one that dies

A deliveries' attempt that ended is a line. The server sends at most 48 a second, failures before successes; how many were
left out is told. Ctrl-C ends it.")]
pub(crate) struct TailArgs {
    /// Only those of this subscription: its name, its id, or the beginning of either
    #[arg(long, visible_alias = "subscription", value_name = "NAME|ID")]
    sub: Option<String>,
    /// Only those that stand so: delivered, retrying, dead_letter (several: joined by commas)
    #[arg(long, value_delimiter = ',', value_parser = ["delivered", "retrying", "dead_letter", "dead", "cancelled"])]
    status: Vec<String>,
    /// Only those whose event is of this type, or of a type that fits this pattern
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<loghorn_domain::Pattern>,
    /// End after so many
    #[arg(long, value_name = "N")]
    count: Option<u64>,
}

impl TailArgs {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Fail> {
        let client = context.client()?;
        let filter = match &self.sub {
            Some(wanted) => Some(json!({"subscription": sub::find(&client, wanted).await?.id})),
            None => None,
        };
        let mut socket = Socket::open(&client).await?;
        socket.subscribe("tail", filter).await?;
        context.out.say("Waiting for deliveries. Ctrl-C ends it.");
        let mut shown = 0;
        while let Some(Envelope { k, d }) = socket.next().await? {
            match k.as_str() {
                "tail" => {
                    for row in d["rows"].as_array().into_iter().flatten().filter(|row| self.is_wanted(row)) {
                        print(&context.out, row)?;
                        shown += 1;
                        if self.count.is_some_and(|count| shown >= count) {
                            return Ok(Exit::Ok);
                        }
                    }
                    let left_out = d["seen"].as_u64().unwrap_or(0).saturating_sub(d["shown"].as_u64().unwrap_or(0));
                    if left_out > 0 {
                        context.out.say(&format!("… {left_out} more were left out"));
                    }
                }
                "lag" => context.out.say("… some were left out: they came faster than they were read"),
                "error" => return Err(Fail::new(Exit::Refused, d["detail"].as_str().unwrap_or_default())),
                "bye" => {
                    let why = d["reason"].as_str().unwrap_or_default();
                    return Err(Fail::new(Exit::Unreachable, "the server ended the socket").why(why));
                }
                _ => {}
            }
        }
        Err(Fail::new(Exit::Unreachable, "the server ended the socket"))
    }

    fn is_wanted(&self, row: &Value) -> bool {
        let status = row["status"].as_str().unwrap_or_default();
        let is_status = |wanted: &String| wanted == status || wanted == "dead" && status == "dead_letter";
        let fits =
            |wanted: &loghorn_domain::Pattern| row["event_type"].as_str().is_some_and(|text| wanted.matches(text));
        (self.status.is_empty() || self.status.iter().any(is_status)) && self.event_type.as_ref().is_none_or(fits)
    }
}

fn print(out: &Out, row: &Value) -> Result<(), Fail> {
    let text = |member: &str| row[member].as_str().unwrap_or_default().to_owned();
    let at = row["ended_at"].as_str().or_else(|| row["created_at"].as_str()).unwrap_or_default().to_owned();
    let came_to = row["last_status_code"].as_u64().map_or_else(|| text("last_class"), |code| code.to_string());
    let took = row["last_duration_ms"].as_f64().map_or_else(String::new, |ms| format!("{ms:.0}"));
    match out.format {
        Format::Json | Format::Jsonl => out.line(&super::json::compact(&row.to_string())),
        Format::Yaml => out.line(&format!("---\n{}", yaml::of_value(row)?)),
        Format::Name => out.line(&plain(&text("id"))),
        Format::Tabs => {
            let cells = [at, text("status"), came_to, text("event_type"), text("subscription_id"), took, text("id")];
            out.line(&cells.map(|cell| plain(&cell)).join("\t"))
        }
        Format::Table => {
            let mark = match row["status"].as_str() {
                Some("delivered") => GOOD,
                Some("dead_letter") => BAD,
                _ => UNSURE,
            };
            let clock = at.get(11..19).unwrap_or_default();
            let url = text("url");
            let line =
                format!("{} {} {} {took} ms  {url}  {}", text("status"), came_to, text("event_type"), text("id"));
            out.line(&format!("\x1b[90m{}\x1b[0m  {mark} {}", plain(clock), plain(&line)))
        }
    }
}
