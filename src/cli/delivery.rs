//! `loghorn delivery`: deliveries and their attempts.

use std::time::Duration;

use clap::{Args, Subcommand};
use loghorn_domain::SubscriptionId;
use loghorn_web::api::{
    attempts::{Phases, ShownAttempt},
    deliveries::{Delivery, DeliveryWithAttempts},
    subscriptions::Shown,
};

use super::{
    Context,
    client::{Client, Query},
    delivery_curl, event,
    fail::{Exit, Fail},
    output::{BAD, Column, GOOD, Out, UNSURE, coloured, plain, shortened},
    sub,
};

/// What is waited for is looked at this often.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// What the ids begin with.
pub(crate) const KIND: (&str, &str) = ("delivery", "dlv_");

/// What can be done with deliveries.
#[derive(Debug, Subcommand)]
pub(crate) enum DeliveryCommand {
    /// List deliveries, newest event first
    #[command(visible_alias = "ls")]
    List(ListArgs),
    /// Show one delivery: its attempts, what was sent and what came back
    #[command(visible_alias = "show")]
    Get(GetArgs),
    /// Send a dead letter again
    Resend(ResendArgs),
}

/// What narrows a list of deliveries.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Narrow {
    /// Of this subscription: its name, its id, or the beginning of either
    #[arg(long, visible_alias = "subscription", value_name = "NAME|ID")]
    pub(crate) sub: Option<String>,
    /// Whose last attempt had this class: http_5xx, http_4xx, timeout_response, connect, blocked …
    #[arg(long)]
    pub(crate) class: Option<String>,
    /// Whose event was received since then: a time, or a span such as 1h
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<String>,
}

/// What both lists of deliveries take.
#[derive(Debug, Args)]
pub(crate) struct Narrowed {
    #[command(flatten)]
    pub(crate) narrow: Narrow,
    /// Of this event
    #[arg(long, value_name = "ID")]
    event: Option<String>,
    /// Whose last attempt was answered with this status code
    #[arg(long)]
    code: Option<u16>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,
}

/// What `delivery list` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn delivery list --sub gw --status retrying
  loghorn delivery list --status dead_letter --code 503 --since 1h
  loghorn delivery list --event evt_019aa -o jsonl")]
pub(crate) struct ListArgs {
    /// queued, attempting, retrying, delivered, dead_letter or cancelled (several: joined by commas)
    #[arg(long, value_delimiter = ',')]
    status: Vec<String>,
    #[command(flatten)]
    narrowed: Narrowed,
}

/// What `delivery get` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn delivery get dlv_019aa0c7e1b27000
  loghorn delivery get dlv_019aa0c7e1b27000 -o json | jq '.attempt_log[-1].response.body'
  loghorn delivery get dlv_019aa0c7e1b27000 --curl      its last attempt, to be made from here")]
pub(crate) struct GetArgs {
    /// Its id, also the webhook-id, or the beginning of it
    id: String,
    /// Print a command that makes the last attempt again from this machine; credentials are left out
    #[arg(long)]
    curl: bool,
}

/// What `delivery resend` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn delivery resend dlv_019aa0c7e1b27000
  loghorn delivery resend dlv_019aa0c7e1b27000 --wait      exit code 7 if it fails again")]
pub(crate) struct ResendArgs {
    /// Its id, or the beginning of it
    id: String,
    /// Wait for what comes of it
    #[arg(long)]
    wait: bool,
}

pub(crate) const COLUMNS: &[Column<Delivery>] = &[
    Column { head: "CREATED", cell: |delivery, out| out.moment(&delivery.created_at) },
    Column { head: "STATUS", cell: |delivery, _| delivery.status.clone() },
    Column { head: "LAST", cell: |delivery, _| last(delivery) },
    Column { head: "TRIES", cell: |delivery, _| delivery.attempts.to_string() },
    Column { head: "NEXT", cell: next },
    Column { head: "URL", cell: url },
    Column { head: "EVENT", cell: |delivery, _| delivery.event_id.clone() },
    Column { head: "ID", cell: |delivery, _| delivery.id.clone() },
];

fn url(delivery: &Delivery, out: &Out) -> String {
    let text = delivery.url.clone().unwrap_or_default();
    if out.is_short() { shortened(&text, 40) } else { text }
}

/// The code, or the class, of the last attempt.
pub(crate) fn last(delivery: &Delivery) -> String {
    let code = delivery.last_status_code.map(|code| code.to_string());
    code.or_else(|| delivery.last_class.clone()).unwrap_or_default()
}

fn next(delivery: &Delivery, out: &Out) -> String {
    delivery.next_attempt_at.as_deref().map(|at| out.moment(at)).unwrap_or_default()
}

impl DeliveryCommand {
    /// Whether it changes nothing and ends by itself.
    pub(crate) fn is_watchable(&self) -> bool {
        matches!(self, Self::List(_) | Self::Get(_))
    }

    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Fail> {
        match self {
            Self::List(args) => {
                let client = context.client()?;
                let mut query = args.narrowed.query(&client).await?;
                if !args.status.is_empty() {
                    query.push(("status", args.status.join(",").into()));
                }
                let list = client.list::<Delivery>(&["deliveries"], &query, args.narrowed.limit as usize).await?;
                context.out.list(&list, COLUMNS, |delivery| &delivery.id)?;
                Ok(Exit::Ok)
            }
            Self::Get(args) => get(context, &args).await,
            Self::Resend(args) => args.run(context).await,
        }
    }
}

impl Narrow {
    /// What is asked of the server; names and beginnings become ids first.
    pub(crate) async fn query(&self, client: &Client) -> Result<Query<'static>, Fail> {
        let mut query = Query::new();
        let Self { sub, class, since } = self.clone();
        if let Some(wanted) = sub {
            let id = match sub::find(client, &wanted).await {
                Ok(shown) => shown.id,
                // Deliveries outlive their subscription.
                Err(_) if wanted.parse::<SubscriptionId>().is_ok_and(|id| id.endpoint().is_some()) => wanted,
                Err(fail) => return Err(fail),
            };
            query.push(("subscription", id.into()));
        }
        query.extend(class.map(|class| ("class", class.into())));
        query.extend(since.map(|since| ("since", since.into())));
        Ok(query)
    }
}

impl Narrowed {
    /// The same for these.
    pub(crate) async fn query(&self, client: &Client) -> Result<Query<'static>, Fail> {
        let mut query = self.narrow.query(client).await?;
        if let Some(wanted) = &self.event {
            let answer = client.one::<event::Shown>(&["events"], wanted, event::KIND, |event| event.id()).await?;
            query.push(("event", answer.read::<event::Shown>()?.id().to_owned().into()));
        }
        query.extend(self.code.map(|code| ("code", code.to_string().into())));
        Ok(query)
    }
}

/// Finds a delivery by its id or the beginning of it.
async fn find(client: &Client, id: &str) -> Result<(String, DeliveryWithAttempts), Fail> {
    let answer = client.one::<Delivery>(&["deliveries"], id, KIND, |delivery| &delivery.id).await?;
    let delivery = answer.read()?;
    Ok((answer.body, delivery))
}

async fn get(context: &Context, args: &GetArgs) -> Result<Exit, Fail> {
    let client = context.client()?;
    let (body, found) = find(&client, &args.id).await?;
    if args.curl {
        return delivery_curl::print(context, &client, &found).await;
    }
    let Delivery { id, status, subscription_id, .. } = &found.delivery;
    let delivery = &found.delivery;
    let name = if context.out.is_table() { sub::name_of(&client, &found).await } else { String::new() };
    let subscription = match subscription_id {
        Some(id) if !name.is_empty() => format!("{name}  {id}"),
        Some(id) => id.clone(),
        None => name,
    };
    let lines = [
        ("id", id.clone()),
        ("status", status.clone()),
        ("reason", delivery.reason.clone().unwrap_or_default()),
        ("attempts", delivery.attempts.to_string()),
        ("last", last(delivery)),
        ("next", next(delivery, &context.out)),
        ("event", delivery.event_id.clone()),
        ("subscription", subscription),
        ("url", delivery.url.clone().unwrap_or_default()),
        ("origin", delivery.origin.clone()),
        ("created", delivery.created_at.clone()),
        ("ended", delivery.ended_at.clone().unwrap_or_default()),
    ];
    context.out.one(&body, id, &lines)?;
    if context.out.is_table() {
        for attempt in &found.attempt_log {
            show_attempt(&context.out, attempt)?;
        }
        if status == "dead_letter" {
            context.out.say(&format!("\nSend it again:  loghorn delivery resend {}", plain(id)));
        }
    }
    Ok(Exit::Ok)
}

fn show_attempt(out: &Out, attempt: &ShownAttempt) -> Result<(), Fail> {
    let mark = if attempt.class == "ok" { GOOD } else { BAD };
    let started = plain(&attempt.started_at);
    out.line(&format!(
        "\nattempt {}  {mark} {}  {started}  {:.0} ms",
        attempt.number,
        came_to(attempt),
        attempt.duration_ms
    ))?;
    if let Some(batch) = &attempt.batch {
        out.line(&format!("  in a batch of {}", batch.events))?;
    }
    let Phases { dns_ms, connect_ms, tls_ms, first_byte_ms } = attempt.phases;
    let phases = [("dns", dns_ms), ("connect", connect_ms), ("tls", tls_ms), ("first byte", first_byte_ms)];
    let phases: Vec<String> =
        phases.into_iter().filter_map(|(name, ms)| Some(format!("{name} {:.1} ms", ms?))).collect();
    if !phases.is_empty() {
        out.line(&format!("  {}", phases.join("  ")))?;
    }
    if let Some(error) = &attempt.error {
        out.line(&format!("  {}", plain(error)))?;
    }
    for (name, value) in &attempt.request.headers {
        out.line(&format!("  \x1b[90m>\x1b[0m {}: {}", plain(name), plain(value)))?;
    }
    for (name, value) in &attempt.response.headers {
        out.line(&format!("  \x1b[90m<\x1b[0m {}: {}", plain(name), plain(value)))?;
    }
    attempt.response.body.lines().try_for_each(|line| out.line(&format!("  \x1b[90m<\x1b[0m   {}", plain(line))))
}

fn came_to(attempt: &ShownAttempt) -> String {
    match attempt.status_code {
        Some(code) if attempt.class == "ok" => code.to_string(),
        Some(code) => format!("{code} {}", plain(&attempt.class)),
        None => plain(&attempt.class),
    }
}

impl ResendArgs {
    async fn run(self, context: &Context) -> Result<Exit, Fail> {
        let client = context.client()?;
        let id = find(&client, &self.id).await?.1.delivery.id;
        let answer = client.post(&["deliveries", &id, "resend"], String::new()).await?;
        if self.wait {
            return wait_and_report(context, &client, &id).await;
        }
        let sentence = format!("{GOOD} {} is queued again", plain(&id));
        context.out.done(&answer.body, &id, &[&id, &answer.read::<Delivery>()?.status], &sentence)?;
        Ok(Exit::Ok)
    }
}

/// What a command that waits for a delivery ends with, and its mark: 0 delivered, 7 failed (also where it is tried
/// again), 8 nothing yet.
pub(crate) fn ending(status: &str) -> (Exit, &'static str) {
    match status {
        "delivered" => (Exit::Ok, GOOD),
        "queued" | "attempting" => (Exit::TimedOut, UNSURE),
        _ => (Exit::Partly, BAD),
    }
}

/// Waits until the delivery has had an attempt that says how it goes, and reports that.
pub(crate) async fn wait_and_report(context: &Context, client: &Client, id: &str) -> Result<Exit, Fail> {
    let until = tokio::time::Instant::now() + client.timeout();
    let (body, found) = loop {
        let is_late = tokio::time::Instant::now() >= until;
        match client.get(&["deliveries", id]).await {
            Ok(answer) => {
                let found: DeliveryWithAttempts = answer.read()?;
                if ending(&found.delivery.status).0 != Exit::TimedOut || is_late {
                    break (answer.body, found);
                }
            }
            // A test's delivery is made a moment after its event.
            Err(fail) if fail.exit == Exit::NotFound && !is_late => {}
            Err(fail) => return Err(fail),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    };
    let status = found.delivery.status.as_str();
    let (exit, mark) = ending(status);
    let mut parts = vec![coloured(&plain(status))];
    if let Some(attempt) = found.attempt_log.last() {
        parts.push(format!("{} in {:.0} ms", came_to(attempt), attempt.duration_ms));
        parts.extend(attempt.error.as_deref().map(plain));
        let text = shortened(attempt.response.body.trim(), 60);
        parts.extend((!text.is_empty()).then(|| format!("body {:?}", plain(&text))));
    }
    let last = last(&found.delivery);
    context.out.done(&body, id, &[id, status, &last], &format!("{mark} {}", parts.join(" · ")))?;
    match exit {
        Exit::Partly if status == "retrying" => context.out.say("It is tried again by itself."),
        Exit::TimedOut => {
            context.out.say(&format!("It is not attempted yet. Look again:  loghorn delivery get {}", plain(id)))
        }
        _ => {}
    }
    Ok(exit)
}

/// The subscription of a filter, as its id.
pub(crate) async fn subscription_id(client: &Client, narrow: &Narrow) -> Result<Option<Shown>, Fail> {
    match &narrow.sub {
        Some(wanted) => sub::find(client, wanted).await.map(Some),
        None => Ok(None),
    }
}
