//! `loghorn key`: keys made, listed and revoked.

use clap::{Args, Subcommand};
use loghorn_domain::{Span, access::Scope};
use loghorn_web::api::keys::{Key, KeyBody, NewKey};

use super::{
    Context,
    client::{Client, Query, ambiguous, begins, strange},
    fail::{Exit, Fail},
    master_key::RotateArgs,
    output::{Column, GOOD, confirm, plain},
};

/// More than the server keeps.
const KEYS_MAX: usize = 10_000;

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key; it is shown only now
    Create(CreateArgs),
    /// List keys, newest first, without their texts
    #[command(visible_alias = "ls")]
    List(ListArgs),
    /// Revoke a key: it lets nobody in any more, at once
    #[command(visible_alias = "delete")]
    Revoke(RevokeArgs),
    /// Change the master key that secrets are sealed under
    RotateMaster(RotateArgs),
}

/// What `key create` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn key create 'payment service' --scope ingest --expires-in 90d
  loghorn key create laptop --scope manage -q -o json | jq -r .key")]
pub(crate) struct CreateArgs {
    /// Whose or what for
    name: String,
    /// ingest: send events; read: read; manage: both, and change things; admin: everything
    #[arg(long)]
    scope: Scope,
    /// How long it is good for [default: for ever]
    #[arg(long, value_name = "SPAN")]
    expires_in: Option<Span>,
}

/// What `key list` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn key list
  loghorn key list -o jsonl")]
pub(crate) struct ListArgs {
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

/// What `key revoke` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn key revoke laptop
  loghorn key revoke key_019aa0c7e1b27000 --yes")]
pub(crate) struct RevokeArgs {
    /// The key's id, the beginning of it, or its name
    #[arg(value_name = "ID|NAME")]
    id: String,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

const COLUMNS: &[Column<Key>] = &[
    Column { head: "NAME", cell: |key, _| key.name.clone() },
    Column { head: "SCOPE", cell: |key, _| key.scope.clone() },
    Column { head: "STATE", cell: |key, _| key.state.clone() },
    Column { head: "CREATED", cell: |key, out| out.moment(&key.created_at) },
    Column {
        head: "EXPIRES",
        cell: |key, out| key.expires_at.as_deref().map_or_else(String::new, |at| out.moment(at)),
    },
    Column { head: "USED", cell: |key, out| key.last_used_at.as_deref().map_or_else(String::new, |at| out.moment(at)) },
    Column { head: "ID", cell: |key, _| key.id.clone() },
];

impl KeyCommand {
    /// Whether it changes nothing and ends by itself.
    pub(crate) fn is_watchable(&self) -> bool {
        matches!(self, Self::List(_))
    }

    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Fail> {
        let client = context.client()?;
        match self {
            Self::Create(args) => args.run(context, &client).await,
            Self::List(args) => {
                let list = client.list::<Key>(&["keys"], &Query::new(), args.limit as usize).await?;
                context.out.list(&list, COLUMNS, |key| &key.id)?;
                Ok(Exit::Ok)
            }
            Self::Revoke(args) => args.run(context, &client).await,
            Self::RotateMaster(args) => args.run(context, &client).await,
        }
    }
}

impl CreateArgs {
    async fn run(self, context: &Context, client: &Client) -> Result<Exit, Fail> {
        let body = KeyBody { name: self.name, scope: self.scope, expires_in: self.expires_in };
        let json = serde_json::to_string(&body).map_err(|error| strange(&error.to_string()))?;
        let answer = client.post(&["keys"], json).await?;
        let made: NewKey = answer.read()?;
        let (id, key) = (plain(&made.id), plain(&made.key));
        context.out.done(&answer.body, &made.id, &[&made.id, &made.name, &made.scope, &made.key], &key)?;
        let until = made.expires_at.map(|at| format!(", good until {}", plain(&at))).unwrap_or_default();
        context.out.say(&format!("{GOOD} {id} made{until}; the key is shown only now"));
        Ok(Exit::Ok)
    }
}

impl RevokeArgs {
    async fn run(self, context: &Context, client: &Client) -> Result<Exit, Fail> {
        let key = find(client, &self.id).await?;
        let name = plain(&key.name);
        confirm(&format!("Revoke {name} ({}, {})?", plain(&key.scope), plain(&key.id)), self.yes)?;
        client.delete(&["keys", &key.id]).await?;
        let raw = serde_json::json!({"id": key.id, "name": key.name, "state": "revoked"}).to_string();
        let sentence = format!("{GOOD} revoked {name}; it lets nobody in any more");
        context.out.done(&raw, &key.id, &[&key.id, &key.name, "revoked"], &sentence)?;
        Ok(Exit::Ok)
    }
}

/// The key with this id, else the one with this name that is in force, else the only one whose id begins so.
async fn find(client: &Client, text: &str) -> Result<Key, Fail> {
    let all = client.list::<Key>(&["keys"], &Query::new(), KEYS_MAX).await?.items;
    let pick =
        |is_meant: &dyn Fn(&Key) -> bool| -> Vec<Key> { all.iter().filter(|key| is_meant(key)).cloned().collect() };
    let mut found = pick(&|key| key.id == text);
    if found.is_empty() {
        found = pick(&|key| key.name == text && key.state == "active");
    }
    if found.is_empty() {
        found = pick(&|key| begins(&key.id, text, "key_"));
    }
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(Fail::new(Exit::NotFound, format!("there is no key {text:?}"))
            .remedy("See which there are:  loghorn key list")),
        _ => Err(ambiguous("key", text, &found.iter().map(|key| key.id.as_str()).collect::<Vec<_>>())),
    }
}
