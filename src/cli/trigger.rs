//! `loghorn trigger`: an event by hand, and what becomes of it.

use std::time::Duration;

use clap::Args;
use loghorn_web::api::{
    deliveries::{Delivery, DeliveryWithAttempts},
    events::Accepted,
    stats::Stats,
};
use serde_json::{Value, json};

use super::{
    Context,
    client::{Client, Query},
    fail::{Exit, Fail},
    output::{BAD, GOOD, UNSURE, plain},
    sub,
};

/// How often it is looked what became of the event.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Deliveries of an event that are looked at.
const DELIVERIES_MAX: usize = 500;

/// What `trigger` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn trigger payment.processor.failure --set metadata.amount=1240 --wait
  loghorn trigger log.error -m 'card timeout' --set source=pay

With --wait: 0 when all of its deliveries arrived, 7 when one did not, 8 when that is still open.")]
pub(crate) struct TriggerArgs {
    /// The event's type
    #[arg(value_name = "TYPE")]
    event_type: String,
    /// What it says
    #[arg(short, long, default_value = "triggered by hand")]
    message: String,
    /// A member of the event (repeatable), such as level, source or metadata.amount; JSON where the value parses as such
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// Wait for what becomes of its deliveries
    #[arg(long)]
    wait: bool,
}

impl TriggerArgs {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Fail> {
        let mut event = json!({"event_type": self.event_type, "source": "loghorn-cli", "message": self.message});
        for pair in &self.set {
            set(&mut event, pair)?;
        }
        let client = context.client()?;
        let answer = client.post(&["events"], event.to_string()).await?;
        let Accepted { id, seq, .. } = answer.read()?;
        if !self.wait {
            let sentence = format!("{GOOD} {} accepted", plain(&id));
            context.out.done(&answer.body, &id, &[&id, &seq.to_string(), "accepted"], &sentence)?;
            return Ok(Exit::Ok);
        }
        let deliveries = ended(&client, &id, seq).await?;
        let mut exit = Exit::Ok;
        let mut parts = vec![format!("{} accepted", plain(&id)), format!("matched {}", deliveries.len())];
        let mut raw = Vec::new();
        let mut cells = vec![id.clone(), seq.to_string(), deliveries.len().to_string()];
        for delivery in &deliveries {
            let answer = client.get(&["deliveries", &delivery.id]).await?;
            let found: DeliveryWithAttempts = answer.read()?;
            let (status, last) = (found.delivery.status.clone(), found.attempt_log.last());
            let (mark, this) = match status.as_str() {
                "delivered" => (GOOD, Exit::Ok),
                "queued" | "attempting" => (UNSURE, Exit::TimedOut),
                _ => (BAD, Exit::Partly),
            };
            // One that failed is worse than one that is still open.
            exit = if exit == Exit::Partly || this == Exit::Ok { exit } else { this };
            let code = last.map_or_else(String::new, |last| {
                last.status_code.map_or_else(|| last.class.clone(), |code| code.to_string())
            });
            let took = last.map_or_else(String::new, |last| format!(" {:.0} ms", last.duration_ms));
            let name = sub::name_of(&client, &found).await;
            parts.push(format!("{mark} {} {} {code}{took}", plain(&name), plain(&status)));
            cells.extend([name, status, code]);
            raw.push(answer.body);
        }
        let raw = format!("{{\"id\":{},\"seq\":{seq},\"deliveries\":[{}]}}", json!(id), raw.join(","));
        let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
        context.out.done(&raw, &id, &cells, &parts.join(" · "))?;
        Ok(exit)
    }
}

/// Its deliveries, once each was attempted, or time is up.
async fn ended(client: &Client, id: &str, seq: u64) -> Result<Vec<Delivery>, Fail> {
    let until = tokio::time::Instant::now() + client.timeout();
    loop {
        let is_late = tokio::time::Instant::now() >= until;
        let stats: Stats = client.get(&["stats"]).await?.read()?;
        let is_routed = stats.event_stats.routed_seq >= seq;
        let list = client.list::<Delivery>(&["events", id, "deliveries"], &Query::new(), DELIVERIES_MAX).await?.items;
        let is_open = |delivery: &Delivery| matches!(delivery.status.as_str(), "queued" | "attempting");
        if is_late || is_routed && !list.iter().any(is_open) {
            return Ok(list);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Sets `metadata.card.brand=visa`.
fn set(event: &mut Value, pair: &str) -> Result<(), Fail> {
    let wrong = || {
        Fail::usage(format!("--set {pair:?}: expected PATH=VALUE"))
            .remedy("Such as:  --set metadata.amount=1240 --set level=ERROR")
    };
    let (path, text) = pair.split_once('=').ok_or_else(wrong)?;
    let mut place = event;
    for part in path.split('.') {
        if part.is_empty() || !(place.is_object() || place.is_null()) {
            return Err(wrong());
        }
        place = &mut place[part];
    }
    *place = serde_json::from_str(text).unwrap_or_else(|_| text.into());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_set_by_their_paths() {
        let mut event = json!({"source": "cli"});
        for pair in ["metadata.amount=12.5", "metadata.card.brand=visa", "source=pay", "metadata.note=a=b"] {
            set(&mut event, pair).unwrap();
        }
        assert_eq!(
            event,
            json!({"source": "pay", "metadata": {"amount": 12.5, "card": {"brand": "visa"}, "note": "a=b"}})
        );
        for wrong in ["x", "=1", "a..b=1", "source.x=1"] {
            assert!(set(&mut event, wrong).is_err(), "{wrong}");
        }
    }
}
