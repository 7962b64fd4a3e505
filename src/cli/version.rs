//! `loghorn version`, and the description of the API that this build has.

use clap::Args;

use super::{
    Context,
    fail::{Exit, Fail},
    output::Format,
};

/// What `version` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn version
  loghorn version --json")]
pub(crate) struct VersionArgs {
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl VersionArgs {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Fail> {
        let version = env!("CARGO_PKG_VERSION");
        let is_json = self.json || matches!(context.out.format, Format::Json | Format::Jsonl);
        let json = || {
            let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
            serde_json::json!({"name": "loghorn", "version": version, "os": os, "arch": arch}).to_string()
        };
        context.out.line(&if is_json { json() } else { format!("loghorn {version}") })?;
        Ok(Exit::Ok)
    }
}

pub(crate) fn openapi(context: &Context) -> Result<Exit, Fail> {
    let json = loghorn_web::openapi().to_pretty_json();
    let json =
        json.map_err(|error| Fail::new(Exit::Error, "the description cannot be written").why(error.to_string()))?;
    context.out.line(&json)?;
    Ok(Exit::Ok)
}
