//! `loghorn sign`: the headers of a webhook that somebody else sends, to try a receiver by hand.

use std::path::PathBuf;

use clap::Args;
use loghorn_domain::{Timestamp, signing::Signer};
use serde_json::json;

use super::{
    Context,
    fail::{Exit, Fail},
    output::Format,
    signature::{self, SECONDS_MAX},
    verify,
};

/// What `sign` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn sign --secret-file gw.secret body.json
  loghorn sign --secret-file gw.secret --id order-4711 - < body.json
  loghorn sign --secret-file gw.secret body.json > h.txt
  loghorn verify --secret-file gw.secret --headers h.txt body.json

To send it, byte for byte:  curl -H @h.txt -H 'content-type: application/json' --data-binary @body.json URL")]
pub(crate) struct SignArgs {
    /// File with the secret
    #[arg(long, value_name = "FILE")]
    secret_file: PathBuf,
    /// The webhook-id [default: msg_ and the time]
    #[arg(long)]
    id: Option<String>,
    /// When it was signed, in seconds since 1970 [default: now]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(i64).range(0..SECONDS_MAX))]
    timestamp: Option<i64>,
    /// File with the webhook's body, byte for byte; - for stdin
    body: PathBuf,
}

impl SignArgs {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Fail> {
        let secrets = signature::read_secrets(std::slice::from_ref(&self.secret_file))?;
        let Some(secret) = secrets.first() else { return Ok(Exit::Ok) };
        let now = super::now();
        let at = self.timestamp.map_or(now, |seconds| Timestamp::from_millis(seconds * 1000));
        let id = self.id.unwrap_or_else(|| format!("msg_{}", now.millis()));
        // It is signed as a line of a header, joined by dots.
        let is_id = |c: char| c.is_ascii_graphic() && c != '.';
        if id.is_empty() || !id.chars().all(is_id) {
            return Err(Fail::usage(format!("{id:?} is no webhook-id"))
                .remedy("Visible characters without a dot, such as:  --id order-4711"));
        }
        let body = verify::read(&self.body, "loghorn sign … - < body.json")?;
        let signature = Signer::new(secret, &[]).standard(&id, at, &body);
        let headers = [
            ("webhook-id", id.clone()),
            ("webhook-timestamp", at.seconds().to_string()),
            ("webhook-signature", signature),
        ];
        match context.out.format {
            Format::Table | Format::Tabs => {
                headers.iter().try_for_each(|(name, value)| context.out.line(&format!("{name}: {value}")))?;
            }
            _ => {
                let raw = json!(headers.into_iter().collect::<std::collections::BTreeMap<_, _>>()).to_string();
                context.out.done(&raw, &id, &[], "")?;
            }
        }
        Ok(Exit::Ok)
    }
}
