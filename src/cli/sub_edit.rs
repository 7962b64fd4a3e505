//! `loghorn sub export` and `edit`: subscriptions as a person writes them, in YAML.

use std::{path::Path, process::Command};

use clap::Args;
use loghorn_domain::subscription::{SHOWN_ONLY, Spec};
use loghorn_web::api::subscriptions::Shown;
use serde_json::{Map, Value, json};

use super::{
    Context,
    client::Query,
    fail::{Exit, Fail},
    output::{Format, GOOD, plain},
    sub::{SEARCHED_MAX, find, name},
    sub_plan::{changed, check},
    yaml,
};
use crate::config;

/// What `sub export` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn sub export > subs.yaml
  loghorn sub export gw monitoring")]
pub(crate) struct ExportArgs {
    /// Only these: names, ids, or the beginnings of either
    #[arg(value_name = "NAME|ID")]
    names: Vec<String>,
}

/// What `sub edit` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn sub edit gw
  EDITOR='code --wait' loghorn sub edit gw

What somebody else changed meanwhile is not overwritten. A mask (••••) means as it is.")]
pub(crate) struct EditArgs {
    /// Its name, its id, or the beginning of either
    #[arg(value_name = "NAME|ID")]
    name: String,
}

impl ExportArgs {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Fail> {
        let client = context.client()?;
        let all = match self.names.is_empty() {
            true => client.list::<Shown>(&["subscriptions"], &Query::new(), SEARCHED_MAX).await?.items,
            false => {
                let mut found = Vec::new();
                for name in &self.names {
                    found.push(find(&client, name).await?);
                }
                found
            }
        };
        let specs: Vec<Value> = all.iter().map(|shown| Value::Object(written(&shown.spec))).collect();
        let document = json!({"subscriptions": specs});
        match context.out.format {
            Format::Json => context.out.line(&super::json::pretty(&document.to_string()))?,
            Format::Jsonl => specs.iter().try_for_each(|spec| context.out.line(&spec.to_string()))?,
            Format::Name => all.iter().try_for_each(|shown| context.out.line(&plain(&shown.id)))?,
            Format::Table | Format::Tabs | Format::Yaml => context.out.line(&yaml::of_value(&document)?)?,
        }
        Ok(Exit::Ok)
    }
}

/// What a person would write: what is as it is anyway is left out.
pub(super) fn written(spec: &Map<String, Value>) -> Map<String, Value> {
    let plain = json!({"name": "", "url": "", "events": []});
    let default = serde_json::from_value::<Spec>(plain).ok().and_then(|spec| serde_json::to_value(spec).ok());
    let is_default = |name: &str, value: &Value| default.as_ref().and_then(|spec| spec.get(name)) == Some(value);
    spec.iter()
        .filter(|(name, value)| !is_default(name, value))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

impl EditArgs {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Fail> {
        let client = context.client()?;
        let shown = find(&client, &self.name).await?;
        let before = format!(
            "# {} ({}), version {}. Save and leave to change it; leave it as it is to change nothing.\n{}\n",
            plain(name(&shown)),
            shown.id,
            shown.version,
            yaml::of_value(&Value::Object(written(&shown.spec)))?
        );
        let file = tempfile::Builder::new().prefix("loghorn-").suffix(".yaml").tempfile()?;
        std::fs::write(file.path(), &before)?;
        edit(file.path())?;
        let after = std::fs::read_to_string(file.path()).map_err(|error| Fail::file(file.path(), &error))?;
        let changed = change(&after, &shown);
        let done = match changed {
            Ok(None) => {
                context.out.say("Nothing was changed.");
                return Ok(Exit::Ok);
            }
            Ok(Some(spec)) => client.put(&["subscriptions", &shown.id], json!(spec).to_string(), shown.version).await,
            Err(fail) => Err(fail),
        };
        let answer = match done {
            Ok(answer) => answer,
            Err(fail) => {
                // What was typed is not lost.
                let kept = file.into_temp_path().keep().map_err(|error| Fail::new(Exit::Error, error.to_string()))?;
                return Err(fail.why(format!("What you wrote is kept in {}.", kept.display())));
            }
        };
        let shown: Shown = answer.read()?;
        let sentence = format!("{GOOD} {} is at version {}", plain(name(&shown)), shown.version);
        context.out.done(&answer.body, &shown.id, &[&shown.id, name(&shown), &shown.version.to_string()], &sentence)?;
        Ok(Exit::Ok)
    }
}

/// What is to replace `shown`; `None` where it is the same.
fn change(text: &str, shown: &Shown) -> Result<Option<Map<String, Value>>, Fail> {
    let Value::Object(mut spec) = yaml::read(text, "what you wrote")? else {
        return Err(Fail::new(Exit::Refused, "what you wrote is no subscription"));
    };
    SHOWN_ONLY.iter().for_each(|member| drop(spec.remove(*member)));
    check(name(shown), &spec)?;
    Ok((!changed(&spec, &shown.spec).is_empty()).then_some(spec))
}

fn edit(path: &Path) -> Result<(), Fail> {
    let editor = config::editor();
    // The editor may be a command with arguments.
    let status = Command::new("sh").arg("-c").arg(format!("{editor} \"$1\"")).arg("sh").arg(path).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Fail::new(Exit::Error, format!("{editor:?} ended with {status}; nothing was changed"))),
        Err(error) => Err(Fail::new(Exit::Error, format!("{editor:?} cannot be started")).why(error.to_string())),
    }
}
