//! `loghorn status`: the server in one line, and what is wrong below it.

use std::collections::BTreeMap;

use clap::Args;
use loghorn_web::api::{health::Health, stats::Stats, subscriptions::Shown};

use super::{
    Context,
    client::Query,
    fail::{Exit, Fail},
    output::{Format, coloured, plain, thousands},
};

/// Most subscriptions whose circuits are counted.
const SUBSCRIPTIONS_MAX: usize = 10_000;

/// What `status` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn status                  exit code 0 when all is well, 7 when degraded, 6 when unreachable
  loghorn status -o json | jq .stats.delivery_stats")]
pub(crate) struct StatusArgs {}

impl StatusArgs {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Fail> {
        let client = context.client()?;
        let health_answer = client.get(&["health"]).await?;
        let stats_answer = client.get(&["stats"]).await?;
        let (health, stats): (Health, Stats) = (health_answer.read()?, stats_answer.read()?);
        let subscriptions = client.list::<Shown>(&["subscriptions"], &Query::new(), SUBSCRIPTIONS_MAX).await?;
        let mut circuits: BTreeMap<&str, u64> = [("open", 0), ("half_open", 0), ("closed", 0)].into();
        for subscription in &subscriptions.items {
            *circuits.entry(&subscription.circuit).or_default() += 1;
        }
        let circuits_json = serde_json::to_string(&circuits).unwrap_or_default();
        let server = serde_json::Value::from(client.server());
        let raw = format!(
            "{{\"server\":{server},\"health\":{},\"stats\":{},\"circuits\":{circuits_json}}}",
            health_answer.body, stats_answer.body
        );
        match context.out.format {
            Format::Table => {
                context.out.line(&sentence(&health, &stats, circuits["open"]))?;
                let store = ("store".to_owned(), health.store.clone());
                for (name, state) in health.components.clone().into_iter().chain([store]) {
                    if state != "ready" {
                        let reason = health.reasons.get(&name).map(|reason| format!(": {}", plain(reason)));
                        let reason = reason.unwrap_or_default();
                        context.out.line(&format!("  {} {}{reason}", plain(&name), coloured(&plain(&state))))?;
                    }
                }
            }
            _ => context.out.one(&raw, &health.status, &lines(&health, &stats, &circuits))?,
        }
        Ok(if health.status == "healthy" { Exit::Ok } else { Exit::Partly })
    }
}

fn sentence(health: &Health, stats: &Stats, open: u64) -> String {
    let deliveries = &stats.delivery_stats;
    let mut parts = vec![coloured(&plain(&health.status)), format!("{:.1} ev/s", stats.event_stats.per_second)];
    parts.extend(deliveries.success_rate.map(|rate| format!("{rate:.1} %")));
    parts.push(format!("{} delivered", thousands(deliveries.delivered)));
    let waiting = deliveries.queued + deliveries.attempting;
    let counts = [(waiting, "waiting"), (deliveries.retrying, "retrying"), (deliveries.failed, "dead")];
    parts.extend(
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{} {word}", thousands(*count))),
    );
    if open > 0 {
        parts.push(format!("{open} circuit{} open", if open == 1 { "" } else { "s" }));
    }
    parts.join(" · ")
}

fn lines(health: &Health, stats: &Stats, circuits: &BTreeMap<&str, u64>) -> Vec<(&'static str, String)> {
    let (deliveries, events) = (&stats.delivery_stats, &stats.event_stats);
    let rate = deliveries.success_rate.map(|rate| format!("{rate:.1}")).unwrap_or_default();
    vec![
        ("status", health.status.clone()),
        ("version", health.version.clone()),
        ("uptime_seconds", health.uptime_seconds.to_string()),
        ("events_per_second", events.per_second.to_string()),
        ("last_seq", events.last_seq.to_string()),
        ("routed_seq", events.routed_seq.to_string()),
        ("total_deliveries", deliveries.total_deliveries.to_string()),
        ("delivered", deliveries.delivered.to_string()),
        ("success_rate", rate),
        ("queued", deliveries.queued.to_string()),
        ("attempting", deliveries.attempting.to_string()),
        ("retrying", deliveries.retrying.to_string()),
        ("dead", deliveries.failed.to_string()),
        ("cancelled", deliveries.cancelled.to_string()),
        ("subscriptions", stats.subscription_stats.total.to_string()),
        ("circuits_open", circuits["open"].to_string()),
    ]
}
