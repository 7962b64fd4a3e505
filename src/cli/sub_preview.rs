//! `loghorn sub preview`: what a webhook would look like.

use std::path::PathBuf;

use clap::Args;
use loghorn_web::api::formats::{Preview, Previewed};
use serde_json::Value;

use super::{
    Context,
    client::Query,
    event,
    fail::{Exit, Fail},
    filter_args::read_object,
    json,
    output::{Format, plain},
    sub,
    sub_create::formats,
};

/// What `sub preview` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn sub preview gw                              the newest event, as gw would send it
  loghorn sub preview --format slack --event order-4711
  loghorn sub preview --template-file body.j2 -f event.json

Nothing is saved or sent. Keys are masked.")]
pub(crate) struct PreviewArgs {
    /// The subscription that would send it: its name, its id, or the beginning of either
    #[arg(value_name = "NAME|ID", required_unless_present_any = ["format", "template_file"])]
    name: Option<String>,
    /// In this form instead of the subscription's
    #[arg(long, value_name = "FORMAT", value_parser = formats())]
    format: Option<String>,
    /// With this template, in MiniJinja
    #[arg(long, value_name = "FILE")]
    template_file: Option<PathBuf>,
    /// This event of the log: its id, or the beginning of it [default: the newest]
    #[arg(long, value_name = "ID", conflicts_with = "file")]
    event: Option<String>,
    /// The event in this file, as it would be sent
    #[arg(short, long, value_name = "FILE|-")]
    file: Option<PathBuf>,
}

impl PreviewArgs {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Fail> {
        let client = context.client()?;
        let mut preview = Preview::default();
        if let Some(name) = &self.name {
            preview.subscription = Some(sub::find(&client, name).await?.id);
        }
        if let Some(path) = &self.template_file {
            preview.template = Some(std::fs::read_to_string(path).map_err(|error| Fail::file(path, &error))?);
        }
        let format = self.format.as_deref().or_else(|| self.template_file.is_some().then_some("template"));
        preview.format = format.and_then(|format| serde_json::from_value(format.into()).ok());
        match (&self.event, &self.file) {
            (Some(id), _) => {
                let answer = client.one::<event::Shown>(&["events"], id, event::KIND, event::Shown::id).await?;
                preview.event_id = Some(answer.read::<event::Shown>()?.id().to_owned());
            }
            (None, Some(path)) => preview.event = Some(Value::Object(read_object(path)?)),
            (None, None) => {
                let newest = client.list::<event::Shown>(&["events"], &Query::new(), 1).await?;
                preview.event_id = newest.items.first().map(|event| event.id().to_owned());
            }
        }
        let body = serde_json::to_string(&preview).map_err(|error| Fail::usage(error.to_string()))?;
        let answer = client.post(&["formats", "preview"], body).await?;
        let shown: Previewed = answer.read()?;
        let out = &context.out;
        if out.format != Format::Table {
            out.done(&answer.body, &shown.format, &[&shown.format, &shown.body], "")?;
            return Ok(Exit::Ok);
        }
        for (name, value) in &shown.headers {
            out.line(&format!("\x1b[90m{}: {}\x1b[0m", plain(name), plain(value)))?;
        }
        out.line("")?;
        match serde_json::from_str::<serde::de::IgnoredAny>(&shown.body) {
            Ok(_) => out.line(&json::pretty(&shown.body))?,
            Err(_) => shown.body.lines().try_for_each(|line| out.line(&plain(line)))?,
        }
        Ok(Exit::Ok)
    }
}
