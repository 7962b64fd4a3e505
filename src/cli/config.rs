//! `loghorn config`: what `loghorn serve` would run with, from here, what the command line itself goes by, and profiles.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use loghorn_web::Setting;
use serde::Serialize;
use serde_json::value::to_raw_value;

use super::{
    Context,
    client::Client,
    context::read_private_key,
    fail::{Exit, Fail},
    output::{Column, GOOD, List, plain},
    trust,
};
use crate::config::{self, ClientConfig, Config, Profile, ServeArgs, profiles};

/// What can be done with settings and profiles.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// List what `loghorn serve` would run with, started here, and what this command line goes by
    #[command(visible_alias = "ls")]
    List(ListArgs),
    /// Save a server under a name: its --server, --cacert and --key-file
    Set(SetArgs),
    /// Use a profile from now on where nothing else names a server
    Use(UseArgs),
    /// List the profiles
    Profiles(ProfilesArgs),
    /// Forget a profile; files that it names stay
    #[command(visible_alias = "rm", after_help = "Examples:\n  loghorn config remove prod")]
    Remove(NameArgs),
}

/// What `config list` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn config list
  loghorn config list --origins
  loghorn config list --changed --origins
  loghorn config list --profile prod --origins
  loghorn api GET /config                     what a running server was started with

The last lines are what this command line goes by as a client: profile, server, cacert, key_file and key.")]
pub(crate) struct ListArgs {
    /// Where each came from too: a flag, an environment variable, a file, or `default`
    #[arg(long)]
    origins: bool,
    /// Only those that are no defaults
    #[arg(long)]
    changed: bool,
    /// The server's file of settings, instead of ./loghorn.toml
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// What `config set` takes, beside the options that stand everywhere.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn config set local --server http://127.0.0.1:8000
  loghorn config set prod --server https://loghorn.example.com --key-file ~/.config/loghorn/prod.key
  loghorn config set prod --cacert ca.pem

It is saved in ~/.config/loghorn/config.toml. No key stands there: --key-file names a file that holds it, for you alone.")]
pub(crate) struct SetArgs {
    #[command(flatten)]
    which: NameArgs,
}

/// What `config use` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn config use prod
  loghorn config use --none
  loghorn status --profile prod               for one command")]
pub(crate) struct UseArgs {
    /// The profile's name
    #[arg(required_unless_present = "none")]
    name: Option<String>,
    /// Use none any more
    #[arg(long, conflicts_with = "name")]
    none: bool,
}

/// What `config profiles` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn config profiles
  loghorn config profiles -o name")]
pub(crate) struct ProfilesArgs {}

/// A profile.
#[derive(Debug, Args)]
pub(crate) struct NameArgs {
    /// The profile's name
    name: String,
}

const KEY: Column<Setting> = Column { head: "KEY", cell: |setting, _| setting.key.clone() };
const VALUE: Column<Setting> = Column { head: "VALUE", cell: |setting, _| setting.value.clone() };
const ORIGIN: Column<Setting> = Column { head: "ORIGIN", cell: |setting, _| setting.origin.clone() };

/// A profile as it is listed.
#[derive(Debug, Serialize)]
struct Listed {
    name: String,
    server: Option<String>,
    cacert: Option<String>,
    key_file: Option<String>,
    /// Whether it is used where nothing else names a server.
    used: bool,
}

const PROFILE_COLUMNS: &[Column<Listed>] = &[
    Column { head: "NAME", cell: |listed, _| listed.name.clone() },
    Column { head: "SERVER", cell: |listed, _| listed.server.clone().unwrap_or_default() },
    Column { head: "CACERT", cell: |listed, _| listed.cacert.clone().unwrap_or_default() },
    Column { head: "KEY FILE", cell: |listed, _| listed.key_file.clone().unwrap_or_default() },
    Column { head: "USED", cell: |listed, _| if listed.used { "used".into() } else { String::new() } },
];

/// The file of profiles.
fn file() -> Result<PathBuf, Fail> {
    let why = || Fail::new(Exit::Error, "profiles stand below the home directory, and none is known");
    config::home_file().ok_or_else(why)
}

impl ConfigCommand {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Fail> {
        match self {
            Self::List(args) => args.run(context),
            Self::Set(args) => args.run(context),
            Self::Use(args) => args.run(context),
            Self::Profiles(_) => list(context),
            Self::Remove(args) => remove(context, &args.name),
        }
    }
}

impl ListArgs {
    fn run(self, context: &Context) -> Result<Exit, Fail> {
        let args = ServeArgs { config: self.config, ..ServeArgs::default() };
        // First: what it says of a file that is broken shows nothing of it.
        let own = ClientConfig::load(&context.flags)?.shown();
        let mut items = Config::load(&args)?.shown();
        items.extend(own);
        items.retain(|setting| !self.changed || setting.origin != "default");
        let raw = items.iter().filter_map(|setting| to_raw_value(setting).ok()).collect();
        let list = List { items, raw, next_cursor: None };
        let columns: &[Column<Setting>] = if self.origins { &[KEY, VALUE, ORIGIN] } else { &[KEY, VALUE] };
        context.out.list(&list, columns, |setting| &setting.key)?;
        Ok(Exit::Ok)
    }
}

impl SetArgs {
    fn run(self, context: &Context) -> Result<Exit, Fail> {
        let (file, name) = (file()?, self.which.name);
        let is_name = |c: char| c.is_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || !name.chars().all(is_name) {
            return Err(Fail::usage(format!("{name:?} is no name of a profile")).remedy(
                "A name has letters, digits, and any of - _ .  Such as:  loghorn config set prod --server URL",
            ));
        }
        let flags = &context.flags;
        let (all, _) = profiles::read(&file)?;
        if flags.server.is_none() && all.get(&name).is_none_or(|known| known.server.is_none()) {
            return Err(Fail::usage(format!("which server is {name}?"))
                .remedy(format!("Say it:  loghorn config set {name} --server https://loghorn.example.com")));
        }
        let whole = |path: &std::path::Path| match std::path::absolute(path) {
            Ok(whole) => Ok(whole.display().to_string()),
            Err(error) => Err(Fail::file(path, &error)),
        };
        // What does not work now will not work later.
        if let Some(path) = &flags.key_file {
            read_private_key(path, "--key-file")?;
        }
        let cacert = flags.cacert.as_deref().map(|path| (PathBuf::from(path), "--cacert".to_owned()));
        if cacert.is_some() {
            trust::config(cacert.clone())?;
        }
        if let Some(server) = &flags.server {
            Client::new(server, "--server".into(), context.timeout, None)?;
        }
        let profile = Profile {
            server: flags.server.clone(),
            cacert: cacert.map(|(path, _)| whole(&path)).transpose()?,
            key_file: flags.key_file.as_deref().map(whole).transpose()?,
        };
        profiles::save(&file, &name, &profile)?;
        let saved = listed(&file)?.into_iter().find(|listed| listed.name == name);
        let server = saved.as_ref().and_then(|saved| saved.server.clone()).unwrap_or_default();
        let sentence = format!("{GOOD} {name} is {}, saved in {}", plain(&server), profiles::shown(&file));
        let raw = serde_json::to_string(&saved).unwrap_or_default();
        context.out.done(&raw, &name, &[&name, &server], &sentence)?;
        if saved.is_some_and(|saved| !saved.used) {
            context
                .out
                .say(&format!("Use it:  loghorn status --profile {name}        Or always:  loghorn config use {name}"));
        }
        Ok(Exit::Ok)
    }
}

impl UseArgs {
    fn run(self, context: &Context) -> Result<Exit, Fail> {
        let file = file()?;
        if let Some(name) = &self.name {
            let (all, _) = profiles::read(&file)?;
            if !all.contains_key(name) {
                return Err(Fail::from(profiles::unknown(name, &all, &file)).exit(Exit::NotFound));
            }
        }
        profiles::choose(&file, self.name.as_deref())?;
        let name = self.name.as_deref().unwrap_or_default();
        let sentence = match name {
            "" => format!("{GOOD} no profile is used any more"),
            name => format!("{GOOD} {} is used where nothing else names a server", plain(name)),
        };
        let raw = serde_json::json!({"default_profile": self.name}).to_string();
        context.out.done(&raw, name, &[name], &sentence)?;
        // What is stronger would make it look as if nothing had happened.
        let now = ClientConfig::load(&context.flags)?;
        let is_other = now.profile.as_ref().is_none_or(|(chosen, _)| chosen != name);
        let is_hidden = is_other || !now.server.1.contains("profile");
        if is_hidden && !name.is_empty() {
            context.out.say(&format!("For now the server's address comes from {}.", plain(&now.server.1)));
        }
        Ok(Exit::Ok)
    }
}

fn listed(file: &std::path::Path) -> Result<Vec<Listed>, Fail> {
    let (all, default) = profiles::read(file)?;
    let listed = |(name, profile): (String, Profile)| {
        let Profile { server, cacert, key_file } = profile;
        Listed { used: default.as_deref() == Some(name.as_str()), name, server, cacert, key_file }
    };
    Ok(all.into_iter().map(listed).collect())
}

fn list(context: &Context) -> Result<Exit, Fail> {
    let items = listed(&file()?)?;
    let raw = items.iter().filter_map(|listed| to_raw_value(listed).ok()).collect();
    let list = List { items, raw, next_cursor: None };
    context.out.list(&list, PROFILE_COLUMNS, |listed| &listed.name)?;
    Ok(Exit::Ok)
}

fn remove(context: &Context, name: &str) -> Result<Exit, Fail> {
    let file = file()?;
    let (all, _) = profiles::read(&file)?;
    if !all.contains_key(name) {
        return Err(Fail::from(profiles::unknown(name, &all, &file)).exit(Exit::NotFound));
    }
    profiles::remove(&file, name)?;
    let raw = serde_json::json!({"name": name, "removed": true}).to_string();
    context.out.done(&raw, name, &[name, "removed"], &format!("{GOOD} {} is forgotten", plain(name)))?;
    Ok(Exit::Ok)
}
