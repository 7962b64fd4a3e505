//! `loghorn dlq export`: dead letters with their events, as JSON lines.

use clap::Args;
use loghorn_web::api::deliveries::Delivery;
use serde_json::Value;

use super::{
    Context,
    client::strange,
    delivery::Narrow,
    fail::{Exit, Fail},
    json,
};

/// What `dlq export` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn dlq export > dead.jsonl
  loghorn dlq export --sub gw --since 24h | jq -c .event

Each line is a dead letter, with its event under `event`: null where that is no longer kept. The newest first.")]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    narrow: Narrow,
    /// At most so many [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
}

impl ExportArgs {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Fail> {
        /// Read at a time, so that however many there are, few are held.
        const PAGE: usize = 500;
        let client = context.client()?;
        let query = self.narrow.query(&client).await?;
        let mut left = self.limit.map_or(usize::MAX, |limit| limit as usize);
        let mut cursor: Option<String> = None;
        while left > 0 {
            let mut page = query.clone();
            page.extend(cursor.take().map(|cursor| ("cursor", cursor.into())));
            let list = client.list::<Delivery>(&["dead-letters"], &page, left.min(PAGE)).await?;
            for (letter, raw) in list.items.iter().zip(&list.raw) {
                let event = match client.get(&["events", &letter.event_id]).await {
                    Ok(answer) => answer.read()?,
                    Err(fail) if fail.exit == Exit::NotFound => Value::Null,
                    Err(fail) => return Err(fail),
                };
                let mut line: Value = serde_json::from_str(raw.get()).map_err(|error| strange(&error.to_string()))?;
                line["event"] = event;
                context.out.line(&json::compact(&line.to_string()))?;
            }
            left = left.saturating_sub(list.items.len());
            cursor = list.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        Ok(Exit::Ok)
    }
}
