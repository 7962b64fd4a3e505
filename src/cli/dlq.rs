//! `loghorn dlq`: dead letters, sending them again, and giving them up.

use clap::{Args, Subcommand};
use loghorn_domain::job::Rate;
use loghorn_web::api::{
    dead_letter_groups::{Group, Groups},
    dead_letters::{Counted, Filter, Replay},
    deliveries::Delivery,
    jobs::Job,
};

use super::{
    Context,
    client::{Client, Query, ambiguous, begins},
    delivery::{KIND, Narrow, Narrowed, subscription_id},
    dlq_export::ExportArgs,
    fail::{Exit, Fail},
    job,
    output::{Column, List, UNSURE, confirm, plain, shortened, thousands},
    sub,
};

/// How many of the newest dead letters are searched for an id's beginning.
const SEARCHED_MAX: usize = 5000;

/// Most groups that the server shows.
const GROUPS_MAX: u32 = 500;

/// What can be done with dead letters.
#[derive(Debug, Subcommand)]
pub(crate) enum DlqCommand {
    /// List dead letters, newest event first
    #[command(visible_alias = "ls")]
    List(ListArgs),
    /// Count dead letters by subscription and cause, the most frequent first
    Groups(GroupsArgs),
    /// Print dead letters with their events, one JSON object a line
    Export(ExportArgs),
    /// Send dead letters again, each with the webhook-id that it had
    Replay(ReplayArgs),
    /// Give dead letters up for good: they become cancelled
    Discard(DiscardArgs),
}

/// What `dlq list` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn dlq list
  loghorn dlq list --sub gw --class http_5xx --since 24h")]
pub(crate) struct ListArgs {
    #[command(flatten)]
    narrowed: Narrowed,
}

/// What `dlq groups` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn dlq groups
  loghorn dlq groups --sub gw --since 24h")]
pub(crate) struct GroupsArgs {
    #[command(flatten)]
    narrowed: Narrowed,
}

/// What `dlq replay` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn dlq replay dlv_019aa0c7e1b27000
  loghorn dlq replay --sub gw --class http_5xx --since 24h --dry-run
  loghorn dlq replay --sub gw --rate 20/s --yes
  loghorn dlq replay --all --yes

--sub, --class and --since must all hold. Exit code 7 if some could not be queued again.")]
pub(crate) struct ReplayArgs {
    #[command(flatten)]
    which: Which,
}

/// What `dlq discard` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn dlq discard dlv_019aa0c7e1b27000
  loghorn dlq discard --sub gw --class http_4xx --dry-run
  loghorn dlq discard --sub gw --class http_4xx --yes

--sub, --class and --since must all hold. What is discarded cannot be sent again.")]
pub(crate) struct DiscardArgs {
    #[command(flatten)]
    which: Which,
}

/// Which dead letters, and how.
#[derive(Debug, Args)]
struct Which {
    /// Ids of dead letters, or the beginnings of them
    #[arg(value_name = "ID", conflicts_with_all = ["all", "sub", "class", "since"])]
    ids: Vec<String>,
    /// All dead letters
    #[arg(long, conflicts_with_all = ["sub", "class", "since"])]
    all: bool,
    #[command(flatten)]
    narrow: Narrow,
    /// At most so many in a second, a minute or an hour: 20/s, 600/min, 100/h
    #[arg(long)]
    rate: Option<Rate>,
    /// Only say how many there are
    #[arg(long)]
    dry_run: bool,
    /// Do not wait for the end: print the job's id and how far it is
    #[arg(long)]
    no_wait: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

/// What is done with them: the route's name, and what it is in words, with and without a question mark.
struct Deed {
    route: &'static str,
    would: fn(&str) -> String,
    question: fn(&str) -> String,
    is_final: bool,
}

const REPLAY: Deed = Deed {
    route: "replay",
    would: |letters| format!("{UNSURE} would send {letters} again"),
    question: |letters| format!("Send {letters} again?"),
    is_final: false,
};
const DISCARD: Deed = Deed {
    route: "discard",
    would: |letters| format!("{UNSURE} would discard {letters}"),
    question: |letters| format!("Discard {letters}? They cannot be sent again."),
    is_final: true,
};

const COLUMNS: &[Column<Delivery>] = &[
    Column { head: "CREATED", cell: |letter, out| out.moment(&letter.created_at) },
    Column { head: "REASON", cell: |letter, _| letter.reason.clone().unwrap_or_default() },
    Column {
        head: "LAST",
        cell: |letter, _| {
            letter
                .last_status_code
                .map_or_else(|| letter.last_class.clone().unwrap_or_default(), |code| code.to_string())
        },
    },
    Column { head: "TRIES", cell: |letter, _| letter.attempts.to_string() },
    Column {
        head: "URL",
        cell: |letter, out| {
            let url = letter.url.clone().unwrap_or_else(|| "(subscription deleted)".into());
            if out.is_short() { shortened(&url, 40) } else { url }
        },
    },
    Column { head: "EVENT", cell: |letter, _| letter.event_id.clone() },
    Column { head: "ID", cell: |letter, _| letter.id.clone() },
];

const GROUP_COLUMNS: &[Column<Group>] = &[
    Column {
        head: "COUNT",
        cell: |group, out| if out.is_table() { thousands(group.count) } else { group.count.to_string() },
    },
    Column {
        head: "SUBSCRIPTION",
        cell: |group, _| group.subscription_name.clone().unwrap_or_else(|| "(deleted)".into()),
    },
    Column { head: "REASON", cell: |group, _| group.reason.clone().unwrap_or_default() },
    Column { head: "CLASS", cell: |group, _| group.last_class.clone().unwrap_or_default() },
    Column { head: "CODE", cell: |group, _| group.last_status_code.map(|code| code.to_string()).unwrap_or_default() },
    Column { head: "OLDEST", cell: |group, out| out.moment(&group.oldest) },
    Column { head: "NEWEST", cell: |group, out| out.moment(&group.newest) },
    Column {
        head: "LAST ERROR",
        cell: |group, out| {
            let error = group.last_error.clone().unwrap_or_default();
            if out.is_short() { shortened(&error, 40) } else { error }
        },
    },
    Column { head: "SAMPLE", cell: |group, _| sample(group).to_owned() },
];

fn sample(group: &Group) -> &str {
    group.samples.first().map(String::as_str).unwrap_or_default()
}

impl GroupsArgs {
    async fn run(self, context: &Context) -> Result<Exit, Fail> {
        let client = context.client()?;
        let mut query = self.narrowed.query(&client).await?;
        query.push(("limit", self.narrowed.limit.min(GROUPS_MAX).to_string().into()));
        let answer = client.query(&["dead-letters", "groups"], &query).await?;
        let Groups { items, counted, complete, .. } = answer.read()?;
        let Raw { items: raw } = answer.read()?;
        context.out.list(&List { items, raw, next_cursor: None }, GROUP_COLUMNS, sample)?;
        if !complete {
            context
                .out
                .say(&format!("Not all: the newest {} were counted, and --limit groups shown.", thousands(counted)));
        }
        Ok(Exit::Ok)
    }
}

/// The groups as they came.
#[derive(serde::Deserialize)]
struct Raw {
    items: Vec<Box<serde_json::value::RawValue>>,
}

impl DlqCommand {
    /// Whether it changes nothing and ends by itself.
    pub(crate) fn is_watchable(&self) -> bool {
        matches!(self, Self::List(_) | Self::Groups(_))
    }

    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Fail> {
        match self {
            Self::List(args) => {
                let client = context.client()?;
                let query = args.narrowed.query(&client).await?;
                let list = client.list::<Delivery>(&["dead-letters"], &query, args.narrowed.limit as usize).await?;
                context.out.list(&list, COLUMNS, |letter| &letter.id)?;
                if !list.items.is_empty() && context.out.is_table() {
                    context.out.say(
                        "Send them again:  loghorn dlq replay ID…    Or many:  loghorn dlq replay --sub NAME --dry-run",
                    );
                }
                Ok(Exit::Ok)
            }
            Self::Groups(args) => args.run(context).await,
            Self::Export(args) => args.run(context).await,
            Self::Replay(args) => args.which.run(context, &REPLAY).await,
            Self::Discard(args) => args.which.run(context, &DISCARD).await,
        }
    }
}

impl Which {
    fn says_which(&self) -> bool {
        let Narrow { sub, class, since } = &self.narrow;
        self.all || !self.ids.is_empty() || sub.is_some() || class.is_some() || since.is_some()
    }

    async fn run(self, context: &Context, deed: &Deed) -> Result<Exit, Fail> {
        if !self.says_which() {
            return Err(Fail::usage("which dead letters?")
                .remedy("Name them by id, or give --sub, --class or --since, or take --all of them."));
        }
        let client = context.client()?;
        let subscription = subscription_id(&client, &self.narrow).await?;
        let ids = match self.ids.is_empty() {
            true => None,
            false => Some(ids(&client, &self.ids).await?),
        };
        let Narrow { class, since, .. } = self.narrow.clone();
        let filter = Filter { ids, subscription: subscription.as_ref().map(|shown| shown.id.clone()), class, since };
        let asked = filter.ids.as_ref().map(|ids| ids.len() as u64);
        let rate = self.rate.map(|rate| rate.to_string().into());
        let mut body = Replay { filter, rate, dry_run: true };
        if self.dry_run || !(self.yes || asked.is_some() && !deed.is_final) {
            let answer = post(&client, deed, &body).await?;
            let Counted { count } = answer.read()?;
            let letters = super::output::count(count, "dead letter");
            if self.dry_run {
                context.out.done(&answer.body, "", &[&count.to_string()], &(deed.would)(&letters))?;
                return Ok(Exit::Ok);
            }
            let whose = subscription.as_ref().map(|shown| format!(" of {}", sub::name(shown))).unwrap_or_default();
            confirm(&(deed.question)(&format!("{letters}{whose}")), false)?;
        }
        body.dry_run = false;
        let answer = post(&client, deed, &body).await?;
        let begun: Job = answer.read()?;
        if self.no_wait {
            job::report(context, &begun, &answer.body)?;
            return Ok(Exit::Ok);
        }
        let (job, body) = job::ended(context, &client, begun, answer.body).await?;
        // What was asked for by id and is no dead letter counts as left too.
        let missed = asked.map_or(0, |asked| asked.saturating_sub(job.total));
        let left = job.total.saturating_sub(job.done) + missed;
        let mut sentence = job::sentence(&job);
        if missed > 0 {
            sentence.push_str(&format!(" · {} of those asked for are no dead letters", thousands(missed)));
        }
        context.out.done(
            &body,
            &job.id,
            &[job.total, job.done, left].map(|n| n.to_string()).each_ref().map(String::as_str),
            &sentence,
        )?;
        Ok(match job::exit(&job) {
            Exit::Ok if left > 0 => Exit::Partly,
            exit => exit,
        })
    }
}

async fn post(client: &Client, deed: &Deed, body: &Replay) -> Result<super::client::Answer, Fail> {
    let json = serde_json::to_string(body).map_err(|error| Fail::new(Exit::Error, error.to_string()))?;
    client.post(&["dead-letters", deed.route], json).await
}

/// Whole ids as they are; beginnings are looked for among the newest dead letters.
async fn ids(client: &Client, wanted: &[String]) -> Result<Vec<String>, Fail> {
    let is_whole = |id: &str| id.parse::<loghorn_domain::DeliveryId>().is_ok();
    if wanted.iter().all(|id| is_whole(id)) {
        return Ok(wanted.to_vec());
    }
    let newest = client.list::<Delivery>(&["dead-letters"], &Query::new(), SEARCHED_MAX).await?;
    let mut ids = Vec::new();
    for text in wanted {
        let found: Vec<&str> =
            newest.items.iter().map(|letter| letter.id.as_str()).filter(|id| begins(id, text, KIND.1)).collect();
        match found[..] {
            _ if is_whole(text) => ids.push(text.clone()),
            [id] => ids.push(id.to_owned()),
            [] => {
                return Err(Fail::new(Exit::NotFound, format!("there is no dead letter {}", plain(text)))
                    .remedy("See which there are:  loghorn dlq list"));
            }
            _ => return Err(ambiguous(KIND.0, text, &found)),
        }
    }
    ids.sort();
    ids.dedup();
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Which,
    }

    #[test]
    fn a_replay_must_say_which() {
        let parse = |line: &str| Line::try_parse_from(line.split(' ')).map(|line| line.args);
        assert!(!parse("replay --dry-run").unwrap().says_which() && parse("replay --all").unwrap().says_which());
        assert!(parse("replay --all x").is_err() && parse("replay --all --sub x").is_err());
        assert!(parse("replay --sub x --since 1h").unwrap().narrow.sub.is_some());
        assert!(parse("replay --all").unwrap().all && !parse("replay a b").unwrap().ids.is_empty());
    }
}
