//! `loghorn sub`: subscriptions. One is named by its name, its id, or the beginning of either.

use clap::{Args, Subcommand};
use loghorn_web::api::{
    deliveries::DeliveryWithAttempts,
    subscriptions::{Shown, Tested},
};
use serde_json::{Value, json};

use super::{
    Context,
    backfill::BackfillArgs,
    client::{self, Client, Query},
    delivery,
    fail::{Exit, Fail},
    output::{Column, GOOD, confirm, plain, shortened},
    secret::SecretCommand,
    shadow::{ShadowArgs, is_shadow, promote},
    sub_apply::ApplyArgs,
    sub_create::CreateArgs,
    sub_edit::{EditArgs, ExportArgs},
    sub_preview::PreviewArgs,
};

/// Most subscriptions that are searched for a name.
pub(crate) const SEARCHED_MAX: usize = 100_000;
/// How alike a name must be to be suggested.
const LIKENESS_MIN: f64 = 0.6;

/// What can be done with subscriptions.
#[derive(Debug, Subcommand)]
pub(crate) enum SubCommand {
    /// Create a subscription; its secret is shown only now
    Create(Box<CreateArgs>),
    /// List subscriptions, oldest first
    #[command(visible_alias = "ls")]
    List(ListArgs),
    /// Show one subscription
    #[command(
        visible_alias = "show",
        after_help = "Examples:\n  loghorn sub get gw\n  loghorn sub get sub_019aa -o json"
    )]
    Get(NameArgs),
    /// Change one subscription in your editor, as YAML
    Edit(EditArgs),
    /// Make subscriptions be as a file of YAML says
    Apply(ApplyArgs),
    /// Print all subscriptions as YAML, without secrets
    Export(ExportArgs),
    /// Show what a webhook would look like
    Preview(PreviewArgs),
    /// Delete subscriptions: nothing more is sent, and what waits is cancelled
    #[command(visible_alias = "rm")]
    Delete(DeleteArgs),
    /// Send a test event to one subscription and wait for what comes of it
    Test(TestArgs),
    /// Hold deliveries back: they queue up, and nothing is lost
    #[command(after_help = "Examples:\n  loghorn sub pause gw")]
    Pause(NameArgs),
    /// Deliver again, what waits first, also where it was disabled
    #[command(after_help = "Examples:\n  loghorn sub resume gw")]
    Resume(NameArgs),
    /// Show the events that a shadow would have sent, newest first
    Shadow(ShadowArgs),
    /// Make a shadow live: what matches from now on is sent
    #[command(after_help = "Examples:\n  loghorn sub promote gw")]
    Promote(NameArgs),
    /// List, replace and show signing secrets
    #[command(visible_alias = "secrets", subcommand)]
    Secret(SecretCommand),
    /// Deliver past events of the log, through today's filter
    Backfill(BackfillArgs),
}

/// A subscription.
#[derive(Debug, Args)]
pub(crate) struct NameArgs {
    /// Its name, its id, or the beginning of either
    #[arg(value_name = "NAME|ID")]
    name: String,
}

/// What `sub list` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn sub list
  loghorn sub list --state disabled -o name
  loghorn sub list --circuit open")]
pub(crate) struct ListArgs {
    /// Only those: active, shadow, paused or disabled
    #[arg(long, value_parser = ["active", "shadow", "paused", "disabled"])]
    state: Option<String>,
    /// Only those whose circuit is so
    #[arg(long, alias = "health", value_parser = ["closed", "open", "half_open"])]
    circuit: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

/// What `sub delete` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn sub delete gw
  loghorn sub delete gw monitoring --yes")]
pub(crate) struct DeleteArgs {
    /// Names, ids, or the beginnings of either
    #[arg(value_name = "NAME|ID", required = true)]
    names: Vec<String>,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

/// What `sub test` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn sub test gw             exit code 0 when it was delivered, 7 when it was not, 8 when that is still open
  loghorn sub test gw --no-wait -o name")]
pub(crate) struct TestArgs {
    #[command(flatten)]
    which: NameArgs,
    /// Only send it
    #[arg(long)]
    no_wait: bool,
}

impl SubCommand {
    /// Whether it changes nothing and ends by itself.
    pub(crate) fn is_watchable(&self) -> bool {
        matches!(self, Self::List(_) | Self::Get(_) | Self::Shadow(_) | Self::Secret(SecretCommand::List(_)))
    }

    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Fail> {
        match self {
            Self::Create(args) => args.run(context).await,
            Self::List(args) => args.run(context).await,
            Self::Get(args) => get(context, &args.name).await,
            Self::Edit(args) => args.run(context).await,
            Self::Apply(args) => args.run(context).await,
            Self::Export(args) => args.run(context).await,
            Self::Preview(args) => args.run(context).await,
            Self::Delete(args) => args.run(context).await,
            Self::Test(args) => args.run(context).await,
            Self::Pause(args) => set(context, &args.name, "pause", "paused", "its deliveries are held").await,
            Self::Resume(args) => set(context, &args.name, "resume", "resumed", "what waits goes out first").await,
            Self::Shadow(args) => args.run(context).await,
            Self::Promote(args) => promote(context, &args.name).await,
            Self::Secret(command) => command.run(context).await,
            Self::Backfill(args) => args.run(context).await,
        }
    }
}

fn text<'a>(shown: &'a Shown, member: &str) -> &'a str {
    shown.spec.get(member).and_then(Value::as_str).unwrap_or_default()
}

/// Its name.
pub(crate) fn name(shown: &Shown) -> &str {
    text(shown, "name")
}

/// How it stands, in one word: an active one that only counts is a `shadow`.
pub(crate) fn state(shown: &Shown) -> String {
    if shown.state == "active" && is_shadow(shown) { "shadow".into() } else { shown.state.clone() }
}

fn types(shown: &Shown) -> String {
    let items = shown.spec.get("events").and_then(Value::as_array);
    items.into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
}

const COLUMNS: &[Column<Shown>] = &[
    Column { head: "NAME", cell: |shown, _| name(shown).to_owned() },
    Column { head: "STATE", cell: |shown, _| state(shown) },
    Column { head: "CIRCUIT", cell: |shown, _| shown.circuit.clone() },
    Column {
        head: "TYPES",
        cell: |shown, out| if out.is_short() { shortened(&types(shown), 40) } else { types(shown) },
    },
    Column { head: "URL", cell: |shown, _| text(shown, "url").to_owned() },
    Column { head: "ID", cell: |shown, _| shown.id.clone() },
];

impl ListArgs {
    async fn run(self, context: &Context) -> Result<Exit, Fail> {
        let is_narrowed = self.state.is_some() || self.circuit.is_some();
        let (wanted, read) = (self.limit as usize, if is_narrowed { SEARCHED_MAX } else { self.limit as usize });
        let mut list = context.client()?.list::<Shown>(&["subscriptions"], &Query::new(), read).await?;
        let fits = |shown: &Shown| {
            self.state.as_ref().is_none_or(|wanted| *wanted == state(shown))
                && self.circuit.as_ref().is_none_or(|circuit| *circuit == shown.circuit)
        };
        let (items, raw) = (list.items, list.raw);
        (list.items, list.raw) = items.into_iter().zip(raw).filter(|(shown, _)| fits(shown)).take(wanted).unzip();
        context.out.list(&list, COLUMNS, |shown| &shown.id)?;
        Ok(Exit::Ok)
    }
}

/// Finds a subscription by name, id, or the beginning of either.
pub(crate) async fn find(client: &Client, wanted: &str) -> Result<Shown, Fail> {
    let all = client.list::<Shown>(&["subscriptions"], &Query::new(), SEARCHED_MAX).await?.items;
    let at = pick(&all.iter().map(|shown| (shown.id.as_str(), name(shown))).collect::<Vec<_>>(), wanted)?;
    all.into_iter().nth(at).ok_or_else(|| not_found(wanted))
}

fn not_found(wanted: &str) -> Fail {
    Fail::new(Exit::NotFound, format!("there is no subscription {wanted:?}"))
}

type Way<'a> = &'a dyn Fn(&(&str, &str)) -> bool;

/// The place of what `wanted` means among ids and names: the whole id, the whole name, the name in another case, or
/// the only one that begins so.
fn pick(all: &[(&str, &str)], wanted: &str) -> Result<usize, Fail> {
    let folded = wanted.to_lowercase();
    let ways: [Way<'_>; 4] = [
        &|(id, _)| *id == wanted,
        &|(_, name)| *name == wanted,
        &|(_, name)| !wanted.is_empty() && name.to_lowercase() == folded,
        &|(id, name)| {
            client::begins(id, wanted, "sub_") || !wanted.is_empty() && name.to_lowercase().starts_with(&folded)
        },
    ];
    for way in ways {
        let found: Vec<usize> = all.iter().enumerate().filter(|(_, one)| way(one)).map(|(at, _)| at).collect();
        match found[..] {
            [] => {}
            [at] => return Ok(at),
            _ => {
                let shown: Vec<String> =
                    found.iter().take(5).map(|at| format!("{} ({})", all[*at].1, all[*at].0)).collect();
                return Err(Fail::new(
                    Exit::Refused,
                    format!("{wanted:?} could be any of {} subscriptions", found.len()),
                )
                .why(shown.join(", "))
                .remedy("Give the id, or more of the name."));
            }
        }
    }
    let likeness = |name: &str| strsim::normalized_damerau_levenshtein(&name.to_lowercase(), &folded);
    let nearest = all.iter().map(|(_, name)| (likeness(name), name)).max_by(|(a, _), (b, _)| a.total_cmp(b));
    let fail = not_found(wanted);
    Err(match nearest {
        Some((likeness, name)) if likeness >= LIKENESS_MIN => fail.why(format!("Did you mean {name:?}?")),
        _ => fail.remedy("See which there are:  loghorn sub list"),
    })
}

async fn get(context: &Context, wanted: &str) -> Result<Exit, Fail> {
    let client = context.client()?;
    let id = find(&client, wanted).await?.id;
    let answer = client.get(&["subscriptions", &id]).await?;
    let shown: Shown = answer.read()?;
    let json = |member: &str| match shown.spec.get(member) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Object(empty)) if empty.is_empty() => String::new(),
        Some(other) => other.to_string(),
    };
    // Long, and no use to people: only what there is of it.
    let tls = shown.spec.get("tls").and_then(Value::as_object);
    let tls: Vec<&str> = tls.iter().flat_map(|tls| tls.keys()).map(String::as_str).collect();
    let lines = [
        ("name", name(&shown).to_owned()),
        ("id", shown.id.clone()),
        ("state", shown.state.clone()),
        ("mode", json("mode")),
        ("reason", shown.disabled_reason.clone().unwrap_or_default()),
        ("circuit", shown.circuit.clone()),
        ("url", json("url")),
        ("regions", json("regions")),
        ("types", types(&shown)),
        ("format", json("format")),
        ("template", json("template")),
        ("filters", json("filters")),
        ("headers", json("headers")),
        ("tls", tls.join(", ")),
        ("signature_header", json("signature_header")),
        ("priority", json("priority")),
        ("retry", json("retry")),
        ("rate_limit", json("rate_limit")),
        ("ordering", json("ordering")),
        ("timeout", json("timeout")),
        ("description", json("description")),
        ("created", shown.created_at.clone()),
        ("updated", shown.updated_at.clone()),
        ("version", shown.version.to_string()),
    ];
    context.out.one(&answer.body, &shown.id, &lines)?;
    Ok(Exit::Ok)
}

async fn set(context: &Context, wanted: &str, verb: &str, done: &str, so: &str) -> Result<Exit, Fail> {
    let client = context.client()?;
    let id = find(&client, wanted).await?.id;
    let answer = client.post(&["subscriptions", &id, verb], String::new()).await?;
    let shown: Shown = answer.read()?;
    let mut sentence = format!("{GOOD} {done} {}; {so}", plain(name(&shown)));
    if shown.state == "disabled" {
        sentence =
            format!("{} is {done}, and disabled: no events are matched until it is resumed", plain(name(&shown)));
    }
    context.out.done(&answer.body, &shown.id, &[&shown.id, name(&shown), &shown.state], &sentence)?;
    Ok(Exit::Ok)
}

impl DeleteArgs {
    async fn run(self, context: &Context) -> Result<Exit, Fail> {
        let client = context.client()?;
        let mut found = Vec::new();
        // All are looked up first: a typo must not stop half-way.
        for wanted in &self.names {
            let shown = find(&client, wanted).await?;
            if !found.iter().any(|known: &Shown| known.id == shown.id) {
                found.push(shown);
            }
        }
        let names: Vec<&str> = found.iter().map(name).collect();
        let question = format!(
            "Delete {}? What waits for {} is cancelled.",
            names.join(", "),
            if found.len() == 1 { "it" } else { "them" }
        );
        confirm(&question, self.yes)?;
        for shown in &found {
            client.delete(&["subscriptions", &shown.id]).await?;
            let raw = json!({"id": shown.id, "name": name(shown), "deleted": true}).to_string();
            let sentence = format!("{GOOD} deleted {}", plain(name(shown)));
            context.out.done(&raw, &shown.id, &[&shown.id, name(shown), "deleted"], &sentence)?;
        }
        Ok(Exit::Ok)
    }
}

impl TestArgs {
    async fn run(self, context: &Context) -> Result<Exit, Fail> {
        let client = context.client()?;
        let shown = find(&client, &self.which.name).await?;
        let answer = client.post(&["subscriptions", &shown.id, "test"], String::new()).await?;
        let Tested { event_id, delivery_id } = answer.read()?;
        if self.no_wait {
            let sentence = format!("{GOOD} {} sent", plain(&delivery_id));
            context.out.done(&answer.body, &delivery_id, &[&delivery_id, &event_id], &sentence)?;
            return Ok(Exit::Ok);
        }
        if shown.state == "paused" {
            let name = plain(name(&shown));
            context
                .out
                .say(&format!("{name} is paused: the test waits. Let it go:  loghorn sub resume {}", plain(&shown.id)));
        }
        delivery::wait_and_report(context, &client, &delivery_id).await
    }
}

/// The name of the subscription of a delivery, for people.
pub(crate) async fn name_of(client: &Client, delivery: &DeliveryWithAttempts) -> String {
    let Some(id) = &delivery.delivery.subscription_id else { return "a deleted subscription".into() };
    let found = client.get(&["subscriptions", id]).await.and_then(|answer| answer.read::<Shown>());
    found.map_or_else(|_| id.clone(), |shown| name(&shown).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &[(&str, &str)] = &[("sub_01a", "Gateway"), ("sub_01b", "gateway-eu"), ("sub_02c", "monitoring")];

    #[test]
    fn subscriptions_are_found_by_name_id_or_beginning() {
        let found = |wanted| pick(ALL, wanted).map_err(|fail| fail.exit);
        assert_eq!((found("sub_01a"), found("Gateway"), found("gateway")), (Ok(0), Ok(0), Ok(0)));
        assert_eq!((found("mon"), found("02"), found("gateway-")), (Ok(2), Ok(2), Ok(1)));
        assert_eq!(
            (found("sub_01"), found("gate"), found("")),
            (Err(Exit::Refused), Err(Exit::Refused), Err(Exit::NotFound))
        );
    }

    #[test]
    fn unknown_names_suggest_the_nearest() {
        let fail = pick(ALL, "monitorign").unwrap_err();
        assert_eq!(fail, not_found("monitorign").why("Did you mean \"monitoring\"?"));
        assert_eq!(pick(ALL, "zzz").unwrap_err(), not_found("zzz").remedy("See which there are:  loghorn sub list"));
    }
}
