//! `loghorn trigger`: an event by hand, and what becomes of it.

use std::time::Duration;

use clap::Args;
use loghorn_web::api::{deliveries::Delivery, events::Accepted, stats::Stats, subscriptions::Shown};
use serde_json::{Value, json};

use super::{
    Context,
    client::{Client, Query},
    delivery::{ending, last},
    fail::{Exit, Fail},
    output::{GOOD, List, UNSURE, plain},
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

With --wait: 0 when all of its deliveries arrived, 7 when one did not, 8 when that, or whether there are any, is
still open.")]
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
        let Ended { is_routed, deliveries } = ended(&client, &id, seq).await?;
        let mut parts = vec![format!("{} accepted", plain(&id))];
        // While it is not routed, there may be more of them.
        let mut exit = if is_routed { Exit::Ok } else { Exit::TimedOut };
        parts.push(match is_routed {
            true => format!("matched {}", deliveries.items.len()),
            false => format!("{UNSURE} not matched yet. Look again:  loghorn event get {}", plain(&id)),
        });
        let mut cells = vec![id.clone(), seq.to_string(), deliveries.items.len().to_string()];
        let known = match deliveries.items.is_empty() {
            true => Vec::new(),
            false => client.list::<Shown>(&["subscriptions"], &Query::new(), sub::SEARCHED_MAX).await?.items,
        };
        for delivery in &deliveries.items {
            let (this, mark) = ending(&delivery.status);
            // One that failed is worse than one that is still open.
            exit = if exit == Exit::Partly || this == Exit::Ok { exit } else { this };
            let id = delivery.subscription_id.as_deref().unwrap_or("a deleted subscription");
            let name = known.iter().find(|shown| shown.id == id).map_or(id, sub::name).to_owned();
            let (status, code) = (delivery.status.clone(), last(delivery));
            parts.push(format!("{mark} {} {} {code}", plain(&name), plain(&status)).trim_end().to_owned());
            cells.extend([name, status, code]);
        }
        let raw: Vec<&str> = deliveries.raw.iter().map(|raw| raw.get()).collect();
        let raw = format!("{{\"id\":{},\"seq\":{seq},\"deliveries\":[{}]}}", json!(id), raw.join(","));
        let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
        context.out.done(&raw, &id, &cells, &parts.join(" · "))?;
        Ok(exit)
    }
}

/// What became of it until time was up.
struct Ended {
    /// Whether it was held against all subscriptions.
    is_routed: bool,
    deliveries: List<Delivery>,
}

/// Its deliveries, once each was attempted, or time is up.
async fn ended(client: &Client, id: &str, seq: u64) -> Result<Ended, Fail> {
    let until = tokio::time::Instant::now() + client.timeout();
    loop {
        let is_late = tokio::time::Instant::now() >= until;
        let stats: Stats = client.get(&["stats"]).await?.read()?;
        let is_routed = stats.event_stats.routed_seq >= seq;
        let path = ["events", id, "deliveries"];
        let deliveries = client.list::<Delivery>(&path, &Query::new(), DELIVERIES_MAX).await?;
        let is_open = |delivery: &Delivery| ending(&delivery.status).0 == Exit::TimedOut;
        if is_late || is_routed && !deliveries.items.iter().any(is_open) {
            return Ok(Ended { is_routed, deliveries });
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
