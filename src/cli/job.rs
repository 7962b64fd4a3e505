//! `loghorn job`: long work of the server: backfills, and dead letters sent again or given up.

use std::time::Duration;

use clap::{Args, Subcommand};
use loghorn_web::api::jobs::Job;
use tokio::signal::unix::{SignalKind, signal};

use super::{
    Context,
    client::{Client, Query},
    fail::{Exit, Fail},
    output::{BAD, Column, GOOD, Out, UNSURE, count, plain, thousands},
    progress::Progress,
};

/// A running job is looked at this often: soon at first, as most are short.
const LOOK_MIN: Duration = Duration::from_millis(50);
const LOOK_MAX: Duration = Duration::from_secs(1);
/// What the ids begin with.
const KIND: (&str, &str) = ("job", "job_");

/// What can be done with jobs.
#[derive(Debug, Subcommand)]
pub(crate) enum JobCommand {
    /// List jobs, newest first
    #[command(visible_alias = "ls")]
    List(ListArgs),
    /// Show one job and how far it is
    #[command(visible_alias = "show")]
    Get(GetArgs),
    /// End a running job; what it queued already is delivered all the same
    #[command(after_help = "Examples:\n  loghorn job cancel job_019aa0c7e1b27000")]
    Cancel(IdArgs),
}

/// A job.
#[derive(Debug, Args)]
pub(crate) struct IdArgs {
    /// Its id, or the beginning of it
    id: String,
}

/// What `job list` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn job list
  loghorn job list --state running -o name")]
pub(crate) struct ListArgs {
    /// Only those: running, done, cancelled or failed
    #[arg(long, value_parser = ["running", "done", "cancelled", "failed"])]
    state: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

/// What `job get` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn job get job_019aa0c7e1b27000
  loghorn job get job_019aa0c7e1b27000 --wait      exit code 7 if it failed, 130 if it was cancelled")]
pub(crate) struct GetArgs {
    #[command(flatten)]
    which: IdArgs,
    /// Wait for its end, however long that takes
    #[arg(long)]
    wait: bool,
}

const COLUMNS: &[Column<Job>] = &[
    Column { head: "STARTED", cell: |job, out| out.moment(&job.started_at) },
    Column { head: "KIND", cell: kind },
    Column { head: "STATE", cell: |job, _| job.state.clone() },
    Column { head: "DONE", cell: |job, out| number(job.done, out) },
    Column { head: "OF", cell: |job, out| number(job.total, out) },
    Column { head: "MATCHED", cell: |job, out| number(job.matched, out) },
    Column { head: "QUEUED", cell: |job, out| number(job.queued, out) },
    Column { head: "SUBSCRIPTION", cell: subscription },
    Column { head: "ID", cell: |job, _| job.id.clone() },
];

/// A person is told in words what a program takes from elsewhere.
fn kind(job: &Job, out: &Out) -> String {
    if job.dry_run && out.is_table() { format!("{} (dry run)", job.kind) } else { job.kind.clone() }
}

fn number(number: u64, out: &Out) -> String {
    if out.is_table() { thousands(number) } else { number.to_string() }
}

fn subscription(job: &Job, out: &Out) -> String {
    let shown = if out.is_table() { &job.subscription_name } else { &job.subscription_id };
    shown.clone().unwrap_or_default()
}

impl JobCommand {
    /// Whether it changes nothing and ends by itself.
    pub(crate) fn is_watchable(&self) -> bool {
        matches!(self, Self::List(_) | Self::Get(GetArgs { wait: false, .. }))
    }

    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Fail> {
        let client = context.client()?;
        match self {
            Self::List(args) => {
                let query: Query = args.state.map(|state| ("state", state.into())).into_iter().collect();
                let list = client.list::<Job>(&["jobs"], &query, args.limit as usize).await?;
                context.out.list(&list, COLUMNS, |job| &job.id)?;
                Ok(Exit::Ok)
            }
            Self::Get(args) => args.run(context, &client).await,
            Self::Cancel(args) => {
                let id = find(&client, &args.id).await?.1.id;
                let answer = client.delete(&["jobs", &id]).await?;
                let job: Job = answer.read()?;
                report(context, &job, &answer.body)?;
                Ok(Exit::Ok)
            }
        }
    }
}

async fn find(client: &Client, id: &str) -> Result<(String, Job), Fail> {
    let answer = client.one::<Job>(&["jobs"], id, KIND, |job| &job.id).await?;
    let job = answer.read()?;
    Ok((answer.body, job))
}

impl GetArgs {
    async fn run(self, context: &Context, client: &Client) -> Result<Exit, Fail> {
        let (body, job) = find(client, &self.which.id).await?;
        if self.wait {
            return wait(context, client, job, body).await;
        }
        let subscription = match context.out.is_table() {
            true => {
                [&job.subscription_name, &job.subscription_id].map(|part| part.clone().unwrap_or_default()).join("  ")
            }
            false => job.subscription_id.clone().unwrap_or_default(),
        };
        let class = job.filter.as_ref().and_then(|filter| filter.class.clone());
        let lines = [
            ("id", job.id.clone()),
            ("kind", job.kind.clone()),
            ("state", job.state.clone()),
            ("error", job.error.clone().unwrap_or_default()),
            ("waiting", job.waiting.clone().unwrap_or_default()),
            ("subscription", subscription),
            ("class", class.unwrap_or_default()),
            ("version", job.version.map(|version| version.to_string()).unwrap_or_default()),
            ("since", job.since.clone().unwrap_or_default()),
            ("until", job.until.clone().unwrap_or_default()),
            ("rate", job.rate.clone().unwrap_or_default()),
            ("dry_run", job.dry_run.to_string()),
            ("done", job.done.to_string()),
            ("failed", job.failed.to_string()),
            ("total", job.total.to_string()),
            ("matched", job.matched.to_string()),
            ("queued", job.queued.to_string()),
            ("skipped", job.skipped.to_string()),
            ("started", job.started_at.clone()),
            ("ended", job.ended_at.clone().unwrap_or_default()),
        ];
        context.out.one(&body, &job.id, &lines)?;
        Ok(Exit::Ok)
    }
}

/// Waits for the job's end and reports it.
pub(crate) async fn wait(context: &Context, client: &Client, job: Job, body: String) -> Result<Exit, Fail> {
    let (job, body) = ended(context, client, job, body).await?;
    report(context, &job, &body)?;
    Ok(exit(&job))
}

/// What an ended job comes to.
pub(crate) fn exit(job: &Job) -> Exit {
    match job.state.as_str() {
        "done" if job.failed == 0 => Exit::Ok,
        "cancelled" => Exit::Interrupted,
        _ => Exit::Partly,
    }
}

/// The job once it has ended, however long that takes, with progress meanwhile. Ctrl-C ends the waiting and not the job.
pub(crate) async fn ended(
    context: &Context,
    client: &Client,
    mut job: Job,
    mut body: String,
) -> Result<(Job, String), Fail> {
    let wrong = |error: std::io::Error| Fail::new(Exit::Error, "cannot wait").why(error.to_string());
    let mut interrupt = signal(SignalKind::interrupt()).map_err(wrong)?;
    let id = job.id.clone();
    let goes_on = |fail: Fail| {
        let id = plain(&id);
        fail.remedy(format!("The job goes on. Look at it:  loghorn job get {id}    End it:  loghorn job cancel {id}"))
    };
    let progress = Progress::new(&context.out);
    let mut look = LOOK_MIN;
    while job.state == "running" {
        progress.set(job.done, job.total, &words(&job));
        tokio::select! {
            _ = interrupt.recv() => {
                drop(progress);
                return Err(goes_on(Fail::new(Exit::Interrupted, "interrupted")));
            }
            () = tokio::time::sleep(look) => {}
        }
        look = (look * 2).min(LOOK_MAX);
        let answer = client.get(&["jobs", &id]).await.map_err(goes_on)?;
        (job, body) = (answer.read()?, answer.body);
    }
    drop(progress);
    Ok((job, body))
}

fn is_backfill(job: &Job) -> bool {
    job.kind == "backfill"
}

/// What becomes of the dead letters of a job.
fn done_with(job: &Job) -> &'static str {
    if job.kind == "discard" { "discarded" } else { "queued again" }
}

fn words(job: &Job) -> String {
    let mut parts = match is_backfill(job) {
        true => vec![format!("{} match", thousands(job.matched))],
        false => vec![format!("{} {}", thousands(job.done), done_with(job))],
    };
    parts.extend((job.failed > 0).then(|| format!("{} left", thousands(job.failed))));
    parts.extend((is_backfill(job) && !job.dry_run).then(|| format!("{} queued", thousands(job.queued))));
    parts.extend(job.waiting.as_ref().map(|waiting| format!("waits: {waiting}")));
    parts.join(" · ")
}

/// The end, or where it stands.
pub(crate) fn report(context: &Context, job: &Job, body: &str) -> Result<(), Fail> {
    let counts = match is_backfill(job) {
        true => [job.matched, job.queued, job.skipped],
        false => [job.total, job.done, job.total.saturating_sub(job.done)],
    };
    let counts = counts.map(|count| count.to_string());
    let cells = [&job.id, &job.state, &counts[0], &counts[1], &counts[2]];
    context.out.done(body, &job.id, &cells.map(String::as_str), &sentence(job))
}

pub(crate) fn sentence(job: &Job) -> String {
    let mark = match job.state.as_str() {
        "done" if job.failed > 0 => BAD,
        "done" if job.dry_run => UNSURE,
        "done" => GOOD,
        "running" | "cancelled" => UNSURE,
        _ => BAD,
    };
    let counted = match is_backfill(job) {
        true => format!("{} of {} match", thousands(job.matched), count(job.done, "event")),
        false => format!("{} of {} {}", thousands(job.done), count(job.total, "dead letter"), done_with(job)),
    };
    let mut parts = match job.state.as_str() {
        "done" => vec![counted],
        state => vec![plain(state), counted],
    };
    if !is_backfill(job) {
        parts.extend(
            (job.failed > 0).then(|| format!("{} not: their subscription is gone or disabled", thousands(job.failed))),
        );
        parts.extend((job.skipped > 0).then(|| format!("{} were none any more", thousands(job.skipped))));
        return format!("{mark} {}{}", parts.join(" · "), why(job));
    }
    match job.dry_run {
        true => parts.push("a dry run: none queued".into()),
        false => parts.push(format!("{} queued", thousands(job.queued))),
    }
    parts.extend((job.skipped > 0).then(|| format!("{} had a delivery already", thousands(job.skipped))));
    format!("{mark} {}{}", parts.join(" · "), why(job))
}

fn why(job: &Job) -> String {
    job.error.as_ref().map(|why| format!("\n  {}", plain(why))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(state: &str) -> Job {
        let text = serde_json::json!({"id": "job_1", "kind": "backfill", "state": state, "total": 10_000,
            "done": 10_000, "failed": 0, "started_at": "", "ended_at": null, "error": null, "waiting": null,
            "subscription_id": "sub_1", "subscription_name": "gw", "version": 1, "since": "", "until": "", "rate": null, "dry_run": false,
            "matched": 128, "queued": 120, "skipped": 8});
        serde_json::from_value(text).unwrap()
    }

    #[test]
    fn the_end_is_one_sentence() {
        let shown = |job: &Job| anstream::adapter::strip_str(&sentence(job)).to_string();
        let done = job("done");
        assert_eq!(shown(&done), "✓ 128 of 10,000 events match · 120 queued · 8 had a delivery already");
        let dry = Job { dry_run: true, queued: 0, skipped: 0, ..done.clone() };
        assert_eq!(shown(&dry), "~ 128 of 10,000 events match · a dry run: none queued");
        let failed = Job { error: Some("it was deleted".into()), skipped: 0, ..job("failed") };
        assert_eq!(shown(&failed), "✗ failed · 128 of 10,000 events match · 120 queued\n  it was deleted");
        let running = Job { waiting: Some("its rate".into()), ..job("running") };
        let letters = |kind: &str, state: &str| Job {
            kind: kind.into(),
            total: 128,
            done: 120,
            failed: 5,
            skipped: 3,
            ..job(state)
        };
        assert_eq!(
            shown(&letters("replay", "done")),
            "✗ 120 of 128 dead letters queued again · 5 not: their subscription is gone or disabled · 3 were none any more"
        );
        let cancelled = Job { failed: 0, skipped: 0, ..letters("discard", "cancelled") };
        assert_eq!(shown(&cancelled), "~ cancelled · 120 of 128 dead letters discarded");
        assert_eq!(words(&letters("replay", "running")), "120 queued again · 5 left");
        assert_eq!(words(&running), "128 match · 120 queued · waits: its rate");
    }
}
