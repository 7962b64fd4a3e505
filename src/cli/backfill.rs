//! `loghorn sub backfill`: past events, delivered after all.

use clap::Args;
use loghorn_domain::{Span, job::Rate};
use loghorn_web::api::jobs::{BackfillBody, Job};

use super::{
    Context,
    fail::{Exit, Fail},
    job,
    output::{GOOD, confirm, plain},
    sub,
};

/// What `sub backfill` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn sub backfill gw --since 24h --dry-run
  loghorn sub backfill gw --since 24h --rate 20/s --yes
  loghorn sub backfill gw --since 2026-11-23T18:00:00Z --until 2026-11-23T19:00:00Z --no-wait

Events that had a delivery to it are left out. Each webhook bears the header webhook-origin: backfill.
Exit code 7 if it failed, 130 if somebody cancelled it. Ctrl-C ends the waiting, not the job.")]
pub(crate) struct BackfillArgs {
    /// Its name, its id, or the beginning of either
    #[arg(value_name = "NAME|ID")]
    name: String,
    /// Events received since then: a time, or a span such as 24h
    #[arg(long, value_name = "WHEN")]
    since: String,
    /// Events received until then [default: now]
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// At most so many deliveries in a time: 20/s, 600/min [default: as fast as they are taken]
    #[arg(long)]
    rate: Option<Rate>,
    /// Only count the events that match
    #[arg(long)]
    dry_run: bool,
    /// Do not wait for the end
    #[arg(long)]
    no_wait: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

impl BackfillArgs {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Fail> {
        let client = context.client()?;
        let shown = sub::find(&client, &self.name).await?;
        if !self.dry_run {
            confirm(&self.question(sub::name(&shown)), self.yes)?;
        }
        let rate = self.rate.map(|rate| rate.to_string().into());
        let body = BackfillBody { since: self.since, until: self.until, rate, dry_run: self.dry_run };
        let json = serde_json::to_string(&body).map_err(|error| Fail::new(Exit::Error, error.to_string()))?;
        let answer = client.post(&["subscriptions", &shown.id, "backfill"], json).await?;
        let begun: Job = answer.read()?;
        if !self.no_wait {
            return job::wait(context, &client, begun, answer.body).await;
        }
        let id = plain(&begun.id);
        let sentence = format!("{GOOD} {id} is at work. Wait for it:  loghorn job get {id} --wait");
        context.out.done(&answer.body, &begun.id, &[&begun.id, &begun.state], &sentence)?;
        Ok(Exit::Ok)
    }

    fn question(&self, name: &str) -> String {
        let when = |text: &str| if text.parse::<Span>().is_ok() { format!("{text} ago") } else { text.to_owned() };
        let since = match (&self.until, self.since.parse::<Span>()) {
            (None, Ok(_)) => format!("of the last {}", self.since),
            (None, Err(_)) => format!("since {}", self.since),
            (Some(until), _) => format!("from {} until {}", when(&self.since), when(until)),
        };
        format!("Deliver to {name} all matching events {since} that it was not sent?")
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: BackfillArgs,
    }

    #[test]
    fn the_question_says_how_long_back() {
        let question = |line: &str| Line::try_parse_from(line.split(' ')).unwrap().args.question("gw");
        assert!(question("x gw --since 24h").contains("events of the last 24h that"));
        assert!(question("x gw --since 2h --until 1h").contains("events from 2h ago until 1h ago that"));
        assert!(question("x gw --since 2026-11-23").contains("events since 2026-11-23 that"));
        assert!(Line::try_parse_from(["x", "gw"]).is_err());
        assert!(Line::try_parse_from("x gw --since 1h --rate fast".split(' ')).is_err());
    }
}
