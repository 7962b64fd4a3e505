//! `loghorn api`: a call of the API, with the address and the key of the command line.

use std::path::PathBuf;

use awc::http::Method;
use clap::Args;

use super::{
    Context,
    fail::{Exit, Fail},
    filter_args::read_text,
    json,
    output::Format,
    yaml,
};

/// What `api` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn api GET /stats
  loghorn api GET '/events?limit=5&min_level=ERROR'
  loghorn api POST /filters/test -f test.json
  loghorn api DELETE /jobs/job_019aa0c7e1b27000")]
pub(crate) struct ApiArgs {
    /// GET, POST, PUT, PATCH or DELETE
    #[arg(value_parser = ["GET", "POST", "PUT", "PATCH", "DELETE"], ignore_case = true)]
    method: String,
    /// Below /api/v1, with its query
    path: String,
    /// The body, JSON
    #[arg(short, long, value_name = "FILE|-")]
    file: Option<PathBuf>,
}

impl ApiArgs {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Fail> {
        let method = self.method.to_ascii_uppercase();
        let method = Method::from_bytes(method.as_bytes()).map_err(|error| Fail::usage(error.to_string()))?;
        let body = self.file.as_deref().map(read_text).transpose()?;
        let answer = context.client()?.any(method, &self.path, body).await?;
        let out = &context.out;
        match (serde_json::from_str::<serde::de::IgnoredAny>(&answer.body), out.format) {
            _ if answer.body.is_empty() => {}
            (Ok(_), Format::Yaml) => out.line(&yaml::of_json(&answer.body)?)?,
            (Ok(_), Format::Json | Format::Table) => out.line(&json::pretty(&answer.body))?,
            (Ok(_), _) => out.line(&json::compact(&answer.body))?,
            (Err(_), _) => out.line(answer.body.trim_end())?,
        }
        Ok(Exit::Ok)
    }
}
