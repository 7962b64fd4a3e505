//! `loghorn sub apply`: makes subscriptions be as a file of YAML says.

use std::{cmp::Ordering, path::PathBuf};

use clap::Args;
use loghorn_web::api::subscriptions::Shown;
use serde_json::json;

use super::{
    Context,
    client::{Client, Query},
    fail::{Exit, Fail},
    filter_args::read_text,
    output::{BAD, Format, confirm, plain, thousands},
    sub::SEARCHED_MAX,
    sub_past::{Counts, Past},
    sub_plan::{Step, plan, wanted},
    yaml,
};

/// What `sub apply` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn sub export > subs.yaml
  loghorn sub apply -f subs.yaml --dry-run
  loghorn sub apply -f subs.yaml --prune --yes

A mask in the file (••••) means as it is. Secrets of new subscriptions are printed once. Exit code 7 if some failed.
A dry run also counts, from the log, what each change would have made of the last week's events.")]
pub(crate) struct ApplyArgs {
    /// YAML with a list `subscriptions`
    #[arg(short, long, value_name = "FILE|-")]
    file: PathBuf,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    /// With --dry-run: count deliveries of events received since then, a time or a span
    #[arg(long, value_name = "WHEN", default_value = "7d", requires = "dry_run")]
    since: String,
    /// Delete subscriptions that the file does not name
    #[arg(long)]
    prune: bool,
    /// Do not ask before deleting
    #[arg(short, long)]
    yes: bool,
}

impl ApplyArgs {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Fail> {
        let wanted = wanted(&yaml::read(&read_text(&self.file)?, &self.file.display().to_string())?)?;
        let client = context.client()?;
        let known = client.list::<Shown>(&["subscriptions"], &Query::new(), SEARCHED_MAX).await?.items;
        let steps = plan(wanted, &known)?;
        let extra: Vec<&str> = steps
            .iter()
            .filter_map(|step| match step {
                Step::Extra { name, .. } => Some(name.as_str()),
                _ => None,
            })
            .collect();
        if self.prune && !extra.is_empty() && !self.dry_run {
            confirm(&prune_question(&extra), self.yes)?;
        }
        let (mut n_kept, mut exit) = (0, Exit::Ok);
        let mut past = Past::new(context, &client, &self.since);
        for step in &steps {
            if let (Step::Keep { .. }, Format::Table) = (step, context.out.format) {
                n_kept += 1;
                continue;
            }
            if self.dry_run {
                let counts = past.of(step, self.prune).await?;
                self.tell(context, step, &Went::Planned(counts))?;
                continue;
            }
            match self.take(&client, step).await {
                Ok(secret) => self.tell(context, step, &Went::Well(secret.unwrap_or_default()))?,
                Err(fail) => {
                    self.tell(context, step, &Went::Badly)?;
                    // It would be the same with each that is left.
                    if matches!(fail.exit, Exit::Auth | Exit::Unreachable | Exit::TimedOut) {
                        return Err(fail.why("What comes after it in the file was not tried."));
                    }
                    fail.report();
                    exit = Exit::Partly;
                }
            }
        }
        if n_kept > 0 {
            context.out.line(&format!("= {n_kept} unchanged"))?;
        }
        if self.dry_run {
            context.out.say("Nothing was changed: this is a dry run.");
        }
        Ok(exit)
    }

    /// The secret of a new one.
    async fn take(&self, client: &Client, step: &Step) -> Result<Option<String>, Fail> {
        match step {
            Step::Create { spec, .. } => {
                let shown: Shown = client.post(&["subscriptions"], json!(spec).to_string()).await?.read()?;
                return Ok(shown.secret);
            }
            Step::Update { id, version, spec, .. } => {
                client.put(&["subscriptions", id], json!(spec).to_string(), *version).await?;
            }
            Step::Extra { id, .. } if self.prune => drop(client.delete(&["subscriptions", id]).await?),
            Step::Keep { .. } | Step::Extra { .. } => {}
        }
        Ok(None)
    }

    fn tell(&self, context: &Context, step: &Step, went: &Went) -> Result<(), Fail> {
        let (word, sign, name, note) = match step {
            Step::Create { name, .. } => ("create", "\x1b[32m+\x1b[0m", name, String::new()),
            Step::Update { name, members, .. } => ("update", "\x1b[33m~\x1b[0m", name, members.join(", ")),
            Step::Keep { name } => ("unchanged", "=", name, String::new()),
            Step::Extra { name, .. } if self.prune => ("delete", "\x1b[31m-\x1b[0m", name, String::new()),
            Step::Extra { name, .. } => ("extra", "-", name, "needs --prune".to_owned()),
        };
        let mark = if matches!(went, Went::Badly) { format!(" {BAD}") } else { String::new() };
        let mut sentence = format!("{sign} {}{mark}", plain(name));
        if !note.is_empty() {
            sentence.push_str(&format!("  ({})", plain(&note)));
        }
        let mut raw = json!({"action": word, "name": name, "members": note, "state": went.word(), "secret": ""});
        let mut cells = vec![word.to_owned(), name.clone(), note, went.word().to_owned()];
        match went {
            Went::Planned(counts) => {
                let number = |count: fn(&Counts) -> u64| counts.as_ref().map(count);
                let (before, after) = (number(|counts| counts.before), number(|counts| counts.after));
                (raw["before"], raw["after"]) = (json!(before), json!(after));
                cells.extend([before, after].map(|count| count.map_or_else(String::new, |count| count.to_string())));
                if let Some(counts) = counts {
                    sentence.push_str(&format!("  {}", self.weighed(counts)));
                }
            }
            Went::Well(secret) => {
                raw["secret"] = json!(secret);
                cells.push(secret.clone());
                if !secret.is_empty() {
                    sentence.push_str(&format!("\n  Secret (shown only now): {}", plain(secret)));
                }
            }
            Went::Badly => cells.push(String::new()),
        }
        let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
        context.out.done(&raw.to_string(), name, &cells, &sentence)
    }

    /// What it would have meant, in words.
    fn weighed(&self, Counts { before, after }: &Counts) -> String {
        let change = match before.cmp(after) {
            Ordering::Less => format!("{} more", thousands(after - before)),
            Ordering::Equal => "as many".to_owned(),
            Ordering::Greater => format!("{} fewer", thousands(before - after)),
        };
        format!("since {}: {} → {} deliveries, {change}", plain(&self.since), thousands(*before), thousands(*after))
    }
}

/// How a step went.
enum Went {
    /// Only thought about.
    Planned(Option<Counts>),
    /// With the secret of a new one.
    Well(String),
    Badly,
}

impl Went {
    fn word(&self) -> &'static str {
        match self {
            Self::Planned(_) => "planned",
            Self::Well(_) => "done",
            Self::Badly => "failed",
        }
    }
}

fn prune_question(names: &[&str]) -> String {
    const NAMED_MAX: usize = 20;
    let mut named = names.iter().take(NAMED_MAX).map(|name| plain(name)).collect::<Vec<_>>().join(", ");
    if names.len() > NAMED_MAX {
        named.push_str(&format!(" and {} more", names.len() - NAMED_MAX));
    }
    let what = if names.len() == 1 { "it" } else { "them" };
    format!("Delete {named}, which the file does not name? What waits for {what} is cancelled.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_deleted_is_named() {
        assert!(prune_question(&["old", "older"]).starts_with("Delete old, older, which"));
        assert!(prune_question(&["x"; 25]).contains(", x and 5 more, which"));
    }
}
