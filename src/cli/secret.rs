//! `loghorn sub secret`: the signing secrets of a subscription.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use loghorn_domain::{Span, secret::Secret};
use loghorn_web::api::secrets::{RevealedSecret, SecretRotation, SigningSecret};
use serde_json::Value;

use super::{
    Context,
    client::{Client, Query, strange},
    fail::{Exit, Fail},
    output::{Column, Format, GOOD, plain},
    secret_file::SecretFile,
    signature, sub,
};

/// What can be done with signing secrets.
#[derive(Debug, Subcommand)]
pub(crate) enum SecretCommand {
    /// List the secrets that sign now, without their texts
    #[command(visible_alias = "ls", after_help = "Examples:\n  loghorn sub secret list gw")]
    List(WhichArgs),
    /// Replace the secret; the one before signs too until the overlap is over
    Rotate(RotateArgs),
    /// Show a secret; the audit log tells that it was shown
    Reveal(RevealArgs),
}

/// A subscription.
#[derive(Debug, Args)]
pub(crate) struct WhichArgs {
    /// The subscription's name, its id, or the beginning of either
    #[arg(value_name = "NAME|ID")]
    name: String,
}

/// What `sub secret rotate` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn sub secret rotate gw --overlap 24h --secret-file gw-2.secret
  loghorn sub secret rotate gw --overlap 0s      it leaked: all earlier ones are worth nothing, at once")]
pub(crate) struct RotateArgs {
    #[command(flatten)]
    which: WhichArgs,
    /// How long the one before signs too; at most 720h
    #[arg(long, value_name = "SPAN", default_value = "24h")]
    overlap: Span,
    /// Write the new secret to this new file, readable by you alone, instead of printing it
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Take the secret in this file instead of a generated one
    #[arg(long, value_name = "FILE")]
    own_secret_file: Option<PathBuf>,
}

/// What `sub secret reveal` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn sub secret reveal gw
  loghorn sub secret reveal gw --number 1 --secret-file gw-1.secret")]
pub(crate) struct RevealArgs {
    #[command(flatten)]
    which: WhichArgs,
    /// Which: see `sub secret list` [default: the present one]
    #[arg(long, value_name = "N")]
    number: Option<u32>,
    /// Write it to this new file, readable by you alone, instead of printing it
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
}

const COLUMNS: &[Column<SigningSecret>] = &[
    Column { head: "NUMBER", cell: |secret, _| secret.number.to_string() },
    Column { head: "STATE", cell: |secret, _| secret.state.clone() },
    Column { head: "CREATED", cell: |secret, out| out.moment(&secret.created_at) },
    Column {
        head: "SIGNS UNTIL",
        cell: |secret, out| secret.expires_at.as_deref().map_or_else(String::new, |at| out.moment(at)),
    },
];

impl SecretCommand {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Fail> {
        let client = context.client()?;
        match self {
            Self::List(args) => {
                let id = sub::find(&client, &args.name).await?.id;
                let all = client.list::<SigningSecret>(&["subscriptions", &id, "secrets"], &Query::new(), 500).await?;
                context.out.list(&all, COLUMNS, |secret| &secret.state)?;
                Ok(Exit::Ok)
            }
            Self::Rotate(args) => args.run(context, &client).await,
            Self::Reveal(args) => args.run(context, &client).await,
        }
    }
}

impl RotateArgs {
    async fn run(self, context: &Context, client: &Client) -> Result<Exit, Fail> {
        let own = self.own_secret_file.as_ref().map(|path| signature::read_secrets(std::slice::from_ref(path)));
        let own = own.transpose()?.and_then(|secrets| secrets.first().map(|secret| secret.reveal().to_owned()));
        let found = sub::find(client, &self.which.name).await?;
        let body = SecretRotation { overlap: Some(self.overlap), secret: own };
        // Opened first: a secret that cannot be written is lost.
        let file = self.secret_file.as_deref().map(SecretFile::create).transpose()?;
        let json = serde_json::to_string(&body).unwrap_or_default();
        let answer = client.post(&["subscriptions", &found.id, "secrets", "rotate"], json).await?;
        let made: RevealedSecret = answer.read()?;
        let mut sentence = format!("{GOOD} secret {} of {} signs now", made.number, plain(sub::name(&found)));
        match made.previous.as_slice() {
            [] => sentence.push_str("; no earlier one does"),
            earlier => {
                for one in earlier {
                    let until = one.expires_at.as_deref().unwrap_or_default();
                    sentence.push_str(&format!("\n  secret {} signs too, until {}", one.number, plain(until)));
                }
            }
        }
        show(context, &answer.body, &made, file, sentence)
    }
}

impl RevealArgs {
    async fn run(self, context: &Context, client: &Client) -> Result<Exit, Fail> {
        let found = sub::find(client, &self.which.name).await?;
        let path = ["subscriptions", &found.id, "secrets"];
        let number = match self.number {
            Some(number) => number,
            None => newest(client, &path).await?,
        };
        let file = self.secret_file.as_deref().map(SecretFile::create).transpose()?;
        let answer = client.post(&[&path[..], &[&number.to_string(), "reveal"]].concat(), "{}".into()).await?;
        let shown: RevealedSecret = answer.read()?;
        let sentence = format!("{GOOD} secret {} of {}", shown.number, plain(sub::name(&found)));
        show(context, &answer.body, &shown, file, sentence)
    }
}

/// The secret that a subscription signs with now; the audit log tells that it was revealed.
pub(crate) async fn present(client: &Client, wanted: &str) -> Result<Secret, Fail> {
    let found = sub::find(client, wanted).await?;
    let path = ["subscriptions", &found.id, "secrets"];
    let number = newest(client, &path).await?.to_string();
    let answer = client.post(&[&path[..], &[&number, "reveal"]].concat(), "{}".into()).await?;
    let shown: RevealedSecret = answer.read()?;
    Secret::own(shown.secret).map_err(|error| strange(&error.to_string()))
}

/// The number of the present one.
async fn newest(client: &Client, path: &[&str]) -> Result<u32, Fail> {
    let all = client.list::<SigningSecret>(path, &Query::new(), 500).await?;
    Ok(all.items.first().map_or(1, |present| present.number))
}

/// Prints a secret, or writes it to its file and nowhere else.
fn show(
    context: &Context,
    body: &str,
    shown: &RevealedSecret,
    file: Option<SecretFile<'_>>,
    sentence: String,
) -> Result<Exit, Fail> {
    let number = shown.number.to_string();
    let Some(mut file) = file else {
        let secret = plain(&shown.secret);
        context.out.done(body, &number, &[&number, &shown.secret], &format!("{sentence}\n  {secret}"))?;
        if context.out.format == Format::Name {
            anstream::eprintln!("{secret}");
        }
        return Ok(Exit::Ok);
    };
    file.write(&shown.secret)?;
    let path = file.path.display().to_string();
    let bare = match serde_json::from_str::<Value>(body) {
        Ok(Value::Object(mut object)) => {
            object.retain(|name, _| name != "secret" && name != "whsec");
            Value::Object(object).to_string()
        }
        _ => String::new(),
    };
    context.out.done(&bare, &number, &[&number, &path], &format!("{sentence}\n  It is in {}.", plain(&path)))?;
    Ok(Exit::Ok)
}
