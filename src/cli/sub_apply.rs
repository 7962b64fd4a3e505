//! `loghorn sub apply`, `export` and `edit`: subscriptions as YAML. They are told apart by their names.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
};

use clap::Args;
use loghorn_domain::{
    credentials::MASK,
    subscription::{SHOWN_ONLY, Spec},
};
use loghorn_web::api::subscriptions::Shown;
use serde_json::{Map, Value, json};
use url::Url;

use super::{
    Context,
    client::{Client, Query},
    fail::{Exit, Fail},
    filter_args::read_text,
    output::{BAD, Format, GOOD, confirm, plain},
    sub::{SEARCHED_MAX, find, name},
    yaml,
};
use crate::config;

/// What `sub apply` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn sub export > subs.yaml
  loghorn sub apply -f subs.yaml --dry-run
  loghorn sub apply -f subs.yaml --prune --yes

A mask in the file (••••) means as it is. Secrets of new subscriptions are printed once. Exit code 7 if some failed.")]
pub(crate) struct ApplyArgs {
    /// YAML with a list `subscriptions`
    #[arg(short, long, value_name = "FILE|-")]
    file: PathBuf,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    /// Delete subscriptions that the file does not name
    #[arg(long)]
    prune: bool,
    /// Do not ask before deleting
    #[arg(short, long)]
    yes: bool,
}

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

/// What is to be done with one subscription.
#[derive(Debug, PartialEq)]
enum Step {
    Create {
        name: String,
        spec: Map<String, Value>,
    },
    Update {
        name: String,
        id: String,
        version: u32,
        spec: Map<String, Value>,
        members: Vec<String>,
    },
    Keep {
        name: String,
    },
    /// It is not in the file.
    Extra {
        name: String,
        id: String,
    },
}

impl ApplyArgs {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Fail> {
        let wanted = wanted(&yaml::read(&read_text(&self.file)?, &self.file.display().to_string())?)?;
        let client = context.client()?;
        let known = client.list::<Shown>(&["subscriptions"], &Query::new(), SEARCHED_MAX).await?.items;
        let steps = plan(wanted, &known)?;
        let extra: Vec<&str> = steps
            .iter()
            .filter_map(|step| match step {
                Step::Extra { name, .. } => Some(name.as_str()),
                _ => None,
            })
            .collect();
        if self.prune && !extra.is_empty() && !self.dry_run {
            confirm(&prune_question(&extra), self.yes)?;
        }
        let (mut n_kept, mut exit) = (0, Exit::Ok);
        for step in &steps {
            if let (Step::Keep { .. }, Format::Table) = (step, context.out.format) {
                n_kept += 1;
                continue;
            }
            let done = if self.dry_run { Ok(None) } else { self.take(&client, step).await };
            match done {
                Ok(secret) => self.tell(context, step, secret.map(Ok))?,
                Err(fail) => {
                    self.tell(context, step, Some(Err(())))?;
                    // It would be the same with each that is left.
                    if matches!(fail.exit, Exit::Auth | Exit::Unreachable | Exit::TimedOut) {
                        return Err(fail.why("What comes after it in the file was not tried."));
                    }
                    fail.report();
                    exit = Exit::Partly;
                }
            }
        }
        if n_kept > 0 {
            context.out.line(&format!("= {n_kept} unchanged"))?;
        }
        if self.dry_run {
            context.out.say("Nothing was changed: this is a dry run.");
        }
        Ok(exit)
    }

    /// The secret of a new one.
    async fn take(&self, client: &Client, step: &Step) -> Result<Option<String>, Fail> {
        match step {
            Step::Create { spec, .. } => {
                let shown: Shown = client.post(&["subscriptions"], json!(spec).to_string()).await?.read()?;
                return Ok(shown.secret);
            }
            Step::Update { id, version, spec, .. } => {
                client.put(&["subscriptions", id], json!(spec).to_string(), *version).await?;
            }
            Step::Extra { id, .. } if self.prune => drop(client.delete(&["subscriptions", id]).await?),
            Step::Keep { .. } | Step::Extra { .. } => {}
        }
        Ok(None)
    }

    fn tell(&self, context: &Context, step: &Step, done: Option<Result<String, ()>>) -> Result<(), Fail> {
        let (word, sign, name, note) = match step {
            Step::Create { name, .. } => ("create", "\x1b[32m+\x1b[0m", name, String::new()),
            Step::Update { name, members, .. } => ("update", "\x1b[33m~\x1b[0m", name, members.join(", ")),
            Step::Keep { name } => ("unchanged", "=", name, String::new()),
            Step::Extra { name, .. } if self.prune => ("delete", "\x1b[31m-\x1b[0m", name, String::new()),
            Step::Extra { name, .. } => ("extra", "-", name, "needs --prune".to_owned()),
        };
        let (is_failed, secret) = match done {
            Some(Err(())) => (true, String::new()),
            Some(Ok(secret)) => (false, secret),
            None => (false, String::new()),
        };
        let state = match (self.dry_run, is_failed) {
            (true, _) => "planned",
            (false, true) => "failed",
            (false, false) => "done",
        };
        let mark = if is_failed { format!(" {BAD}") } else { String::new() };
        let mut sentence = format!("{sign} {}{mark}", plain(name));
        if !note.is_empty() {
            sentence.push_str(&format!("  ({})", plain(&note)));
        }
        if !secret.is_empty() {
            sentence.push_str(&format!("\n  Secret (shown only now): {}", plain(&secret)));
        }
        let raw = json!({"action": word, "name": name, "members": note, "state": state, "secret": secret});
        context.out.done(&raw.to_string(), name, &[word, name, &note, state, &secret], &sentence)
    }
}

/// The subscriptions of a file: a list, alone or under `subscriptions`.
fn wanted(file: &Value) -> Result<Vec<Map<String, Value>>, Fail> {
    let refused = |why: String| Fail::new(Exit::Refused, why).remedy("See how it should look:  loghorn sub export");
    let list = match file {
        Value::Object(members) => match members.keys().find(|name| *name != "subscriptions") {
            Some(other) => {
                return Err(refused(format!("{other:?} means nothing here: expected a list `subscriptions`")));
            }
            None => members.get("subscriptions").unwrap_or(&Value::Null),
        },
        other => other,
    };
    let items = list.as_array().ok_or_else(|| refused("expected a list `subscriptions`".into()))?;
    let mut names = BTreeSet::new();
    let mut all = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let at = at + 1;
        let mut spec = item.as_object().cloned().ok_or_else(|| refused(format!("number {at} is no subscription")))?;
        SHOWN_ONLY.iter().for_each(|member| drop(spec.remove(*member)));
        let name =
            spec.get("name").and_then(Value::as_str).ok_or_else(|| refused(format!("number {at} has no name")))?;
        if !names.insert(name.to_owned()) {
            return Err(refused(format!("{name:?} stands there twice")));
        }
        check(name, &spec)?;
        all.push(spec);
    }
    Ok(all)
}

fn prune_question(names: &[&str]) -> String {
    const NAMED_MAX: usize = 20;
    let mut named = names.iter().take(NAMED_MAX).map(|name| plain(name)).collect::<Vec<_>>().join(", ");
    if names.len() > NAMED_MAX {
        named.push_str(&format!(" and {} more", names.len() - NAMED_MAX));
    }
    let what = if names.len() == 1 { "it" } else { "them" };
    format!("Delete {named}, which the file does not name? What waits for {what} is cancelled.")
}

/// What can be told without the server is told before anything is done.
fn check(name: &str, spec: &Map<String, Value>) -> Result<(), Fail> {
    let mut bare = spec.clone();
    bare.remove("secret");
    let bare = Value::Object(bare);
    let Err(mut problems) = Spec::from_json(bare.clone()) else { return Ok(()) };
    // What is masked is known to the server alone.
    let is_masked = |value: &Value| value.to_string().contains(MASK);
    problems.retain(|problem| problem.pointer.is_empty() || !bare.pointer(&problem.pointer).is_some_and(is_masked));
    if problems.is_empty() {
        return Ok(());
    }
    let fail = Fail::new(Exit::Refused, format!("{name}: it is not acceptable, and nothing was changed"));
    Err(problems.iter().fold(fail, |fail, problem| fail.why(format!("{}: {}", problem.pointer, problem.detail))))
}

fn plan(wanted: Vec<Map<String, Value>>, known: &[Shown]) -> Result<Vec<Step>, Fail> {
    let mut by_name: BTreeMap<&str, Vec<&Shown>> = BTreeMap::new();
    known.iter().for_each(|shown| by_name.entry(name(shown)).or_default().push(shown));
    let mut steps = Vec::new();
    for mut spec in wanted {
        let name = spec.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        steps.push(match by_name.remove(&*name).as_deref() {
            None => Step::Create { name, spec },
            Some([shown]) => {
                // It has one already; another is set by `secret rotate`.
                spec.remove("secret");
                let members = changed(&spec, &shown.spec);
                match members.is_empty() {
                    true => Step::Keep { name },
                    false => Step::Update { name, id: shown.id.clone(), version: shown.version, spec, members },
                }
            }
            Some(many) => {
                let why = format!("{name:?} is the name of {} subscriptions: which one is meant?", many.len());
                return Err(Fail::new(Exit::Refused, why).remedy("Give them names of their own:  loghorn sub edit ID"));
            }
        });
    }
    steps.extend(
        by_name.into_values().flatten().map(|shown| Step::Extra { name: name(shown).into(), id: shown.id.clone() }),
    );
    Ok(steps)
}

/// The members in which they differ, as the server would read both.
fn changed(wanted: &Map<String, Value>, shown: &Map<String, Value>) -> Vec<String> {
    let (wanted, shown) = (as_read(wanted), as_read(shown));
    let names: BTreeSet<&String> = wanted.keys().chain(shown.keys()).collect();
    names.into_iter().filter(|name| wanted.get(*name) != shown.get(*name)).cloned().collect()
}

/// With what is left out filled in, and URLs written alike.
fn as_read(spec: &Map<String, Value>) -> Map<String, Value> {
    let read = serde_json::from_value::<Spec>(Value::Object(spec.clone())).ok();
    let Some(Ok(Value::Object(mut read))) = read.map(serde_json::to_value) else { return spec.clone() };
    let alike = |value: &mut Value| {
        if let Some(url) = value.as_str().and_then(|text| text.parse::<Url>().ok()) {
            *value = String::from(url).into();
        }
    };
    read.get_mut("url").into_iter().for_each(alike);
    let regions = read.get_mut("regions").and_then(|regions| regions.get_mut("urls")).and_then(Value::as_object_mut);
    regions.into_iter().flat_map(Map::values_mut).for_each(alike);
    read
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
fn written(spec: &Map<String, Value>) -> Map<String, Value> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(name: &str, more: Value) -> Shown {
        let mut spec = json!({"name": name, "url": "https://example.com/", "events": ["**"]});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let spec = serde_json::to_value(Spec::from_json(spec).unwrap()).unwrap();
        let known = json!({"id": format!("sub_{name}"), "state": "active", "disabled_reason": null, "circuit": "closed",
            "version": 3, "created_at": "", "updated_at": ""});
        let mut all = known.as_object().unwrap().clone();
        all.extend(spec.as_object().unwrap().clone());
        serde_json::from_value(Value::Object(all)).unwrap()
    }

    fn steps(yaml: &str, known: &[Shown]) -> Vec<String> {
        let steps = plan(wanted(&yaml::read(yaml, "f").unwrap()).unwrap(), known).unwrap();
        let words = |step: &Step| match step {
            Step::Create { name, .. } => format!("+ {name}"),
            Step::Update { name, members, .. } => format!("~ {name} {}", members.join(",")),
            Step::Keep { name } => format!("= {name}"),
            Step::Extra { name, .. } => format!("- {name}"),
        };
        steps.iter().map(words).collect()
    }

    #[test]
    fn only_what_differs_is_changed() {
        let known =
            [shown("a", json!({})), shown("b", json!({"filters": {"min_level": "ERROR"}})), shown("c", json!({}))];
        let file = "
subscriptions:
  - {name: a, url: 'https://example.com', events: ['**'], version: 9}
  - {name: b, url: 'https://example.com/', events: ['**'], filters: {min_level: WARNING}, timeout: 5s}
  - {name: d, url: 'https://example.com/', events: [log.error]}
";
        assert_eq!(steps(file, &known), ["= a", "~ b filters,timeout", "+ d", "- c"]);
        let exported: Vec<Value> = known.iter().map(|shown| Value::Object(written(&shown.spec))).collect();
        assert_eq!(exported[0], json!({"name": "a", "url": "https://example.com/", "events": ["**"]}));
        assert_eq!(steps(&yaml::of_value(&json!(exported)).unwrap(), &known), ["= a", "= b", "= c"]);
    }

    #[test]
    fn masks_mean_as_it_is() {
        let mut known = shown("a", json!({"auth": {"type": "bearer", "token": "hush"}}));
        known.spec.insert("auth".into(), json!({"type": "bearer", "token": MASK}));
        let file = yaml::of_value(&json!([known.spec])).unwrap();
        assert_eq!(steps(&file, &[known]), ["= a"]);
    }

    #[test]
    fn a_file_that_is_wrong_changes_nothing() {
        let wrong = |yaml: &str| wanted(&yaml::read(yaml, "f").unwrap()).unwrap_err().exit;
        for yaml in [
            "subscription: []",
            "x",
            "- {url: 'https://example.com/'}",
            "- {name: a, url: 'https://example.com/', events: ['**'], fliters: {}}",
            // A mask says nothing of the rest.
            "- {name: a, url: 'https://example.com/', events: [], auth: {type: bearer, token: ••••}}",
            "- {name: a, events: ['**'], auth: {type: bearer, token: ••••}}",
            "- {name: a, url: 'https://x.example/', events: ['**']}\n- {name: a, url: 'https://x.example/', events: ['**']}",
        ] {
            assert_eq!(wrong(yaml), Exit::Refused, "{yaml}");
        }
        let twice = [shown("a", json!({})), shown("a", json!({}))];
        let file = yaml::read("- {name: a, url: 'https://x.example/', events: ['**']}", "f").unwrap();
        assert!(plan(wanted(&file).unwrap(), &twice).is_err());
    }

    #[test]
    fn what_is_to_be_deleted_is_named() {
        assert!(prune_question(&["old", "older"]).starts_with("Delete old, older, which"));
        assert!(prune_question(&["x"; 25]).contains(", x and 5 more, which"));
    }
}
