//! `loghorn sub shadow` and `sub promote`: a subscription that only counts, and its becoming a live one.

use clap::Args;
use loghorn_web::api::subscriptions::{Shadowed, Shown};

use super::{
    Context,
    client::Query,
    event,
    fail::{Exit, Fail},
    output::{GOOD, count, plain},
    sub,
};

/// What `sub shadow` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn sub shadow gw
  loghorn sub shadow gw --limit 5 -o name")]
pub(crate) struct ShadowArgs {
    /// Its name, its id, or the beginning of either
    #[arg(value_name = "NAME|ID")]
    name: String,
    /// At most so many events
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

impl ShadowArgs {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Fail> {
        let client = context.client()?;
        let shown = sub::find(&client, &self.name).await?;
        let path = ["subscriptions", &shown.id, "shadow"];
        let list = client.list::<event::Shown>(&path, &Query::new(), self.limit as usize).await?;
        context.out.list(&list, event::COLUMNS, event::Shown::id)?;
        if context.out.is_table() {
            let first: Query = vec![("limit", "1".into())];
            let Shadowed { matched, .. } = client.query(&path, &first).await?.read()?;
            let name = plain(sub::name(&shown));
            context.out.say(&match is_shadow(&shown) {
                true => format!(
                    "{} matched so far, none was sent. Send from now on:  loghorn sub promote {}",
                    count(matched, "event"),
                    plain(&shown.id)
                ),
                false => format!("{name} is live; {} matched while it was a shadow.", count(matched, "event")),
            });
        }
        Ok(Exit::Ok)
    }
}

/// Whether it only counts.
pub(crate) fn is_shadow(shown: &Shown) -> bool {
    shown.spec.get("mode").is_some_and(|mode| mode == "shadow")
}

/// Makes a shadow live.
pub(crate) async fn promote(context: &Context, wanted: &str) -> Result<Exit, Fail> {
    let client = context.client()?;
    let id = sub::find(&client, wanted).await?.id;
    let answer = client.post(&["subscriptions", &id, "promote"], String::new()).await?;
    let shown: Shown = answer.read()?;
    let (name, id) = (plain(sub::name(&shown)), plain(&shown.id));
    let sentence = format!(
        "{GOOD} {name} is live: what matches from now on is sent\n  \
         What matched before:  loghorn sub backfill {id} --since 24h --dry-run"
    );
    context.out.done(&answer.body, &shown.id, &[&shown.id, sub::name(&shown), &sub::state(&shown)], &sentence)?;
    Ok(Exit::Ok)
}
