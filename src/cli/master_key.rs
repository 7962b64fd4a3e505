//! `loghorn keys rotate-master`: changes the key that secrets are sealed under.

use std::path::PathBuf;

use clap::Args;
use loghorn_web::api::keyring::{RotateBody, Rotated};
use serde_json::json;

use super::{
    Context,
    client::Client,
    fail::{Exit, Fail},
    output::{GOOD, plain},
};

/// What `keys rotate-master` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn keys rotate-master
  loghorn keys rotate-master --new-master-key-file /etc/loghorn/master-2.key

Nothing is sealed anew but the keyring. With a file of your own the old key opens it, too, until the server is started
with the new one.")]
pub(crate) struct RotateArgs {
    /// File with the new key, on the server's machine; without it one is generated in the data directory
    #[arg(long, value_name = "FILE")]
    new_master_key_file: Option<PathBuf>,
}

impl RotateArgs {
    pub(super) async fn run(self, context: &Context, client: &Client) -> Result<Exit, Fail> {
        let whole = |path: PathBuf| match std::path::absolute(&path) {
            Ok(whole) => Ok(whole.display().to_string()),
            Err(error) => Err(Fail::file(&path, &error)),
        };
        let body = RotateBody { new_master_key_file: self.new_master_key_file.map(whole).transpose()? };
        let answer = client.post(&["keyring", "rotate"], json!(body).to_string()).await?;
        let Rotated { master_key_file: path, restart_needed } = answer.read()?;
        let mut sentence = format!("{GOOD} the master key is in {}", plain(&path));
        if restart_needed {
            sentence.push_str("\n  Start the server with it next time; until then the old one opens the secrets, too.");
        }
        let cell = if restart_needed { "restart" } else { "done" };
        context.out.done(&answer.body, &path, &[&path, cell], &sentence)?;
        Ok(Exit::Ok)
    }
}
