//! `loghorn completion`, and what the shells ask for then: commands and options, and the names and ids that the server
//! knows.

use std::{ffi::OsStr, time::Duration};

use clap::{Arg, Args, Command, CommandFactory};
use clap_complete::{
    ArgValueCompleter, CompleteEnv, CompletionCandidate, Shell,
    env::{EnvCompleter, Shells},
};
use loghorn_web::api::{deliveries::Delivery, subscriptions::Shown};
use serde::de::DeserializeOwned;

use super::{
    Cli, Context,
    client::{Query, begins},
    event,
    fail::{Exit, Fail},
    output::Out,
    sub,
};
use crate::config::{self, ClientFlags};

/// The variable by which a shell asks.
const VARIABLE: &str = "LOGHORN_COMPLETE";
/// How long somebody who pressed a key waits for the server.
const WAIT_MAX: Duration = Duration::from_secs(1);
/// How many of the newest things are offered.
const OFFERED_MAX: usize = 100;

/// What `completion` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  loghorn completion bash > ~/.local/share/bash-completion/completions/loghorn
  loghorn completion zsh > ~/.zfunc/_loghorn
  loghorn completion fish > ~/.config/fish/completions/loghorn.fish

Names of subscriptions and the newest ids are asked of the server. Write it anew after an update.")]
pub(crate) struct CompletionArgs {
    /// For which shell
    #[arg(value_enum)]
    shell: Shell,
}

impl CompletionArgs {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Fail> {
        let shells = Shells::builtins();
        let name = self.shell.to_string();
        let shell: &dyn EnvCompleter =
            shells.completer(&name).ok_or_else(|| Fail::usage(format!("there are no completions for {name}")))?;
        let mut script = Vec::new();
        shell.write_registration(VARIABLE, "loghorn", "loghorn", "loghorn", &mut script)?;
        context.out.line(String::from_utf8_lossy(&script).trim_end())?;
        Ok(Exit::Ok)
    }
}

/// Answers a shell that asks, and ends the process then.
pub(crate) fn answer() {
    CompleteEnv::with_factory(|| with_completers(Cli::command(), "")).var(VARIABLE).complete();
}

type Completer = fn(&OsStr) -> Vec<CompletionCandidate>;

/// The command, of which what names something that the server knows asks it. `noun`: the command right below `loghorn`.
fn with_completers(command: Command, noun: &str) -> Command {
    let command = command.mut_args(|arg| match completer(noun, &arg) {
        Some(completer) => arg.add(ArgValueCompleter::new(completer)),
        None => arg,
    });
    command.mut_subcommands(|inner| {
        let noun = if noun.is_empty() { inner.get_name().to_owned() } else { noun.to_owned() };
        with_completers(inner, &noun)
    })
}

fn completer(noun: &str, arg: &Arg) -> Option<Completer> {
    let value = arg.get_value_names().and_then(|names| names.first()).map(|name| name.as_str()).unwrap_or_default();
    match (noun, arg.get_id().as_str(), value) {
        (_, _, "NAME|ID") => Some(subscriptions),
        (_, "profile", "NAME") | ("config", "name", _) => Some(profiles),
        (_, "event", "ID") => Some(events),
        ("event", "id", _) if arg.is_positional() => Some(events),
        ("delivery", "id", _) => Some(deliveries),
        ("dlq", "ids", _) => Some(dead_letters),
        _ => None,
    }
}

/// Names of subscriptions.
fn subscriptions(begun: &OsStr) -> Vec<CompletionCandidate> {
    let begun = begun.to_string_lossy().to_lowercase();
    let all = newest::<Shown>("subscriptions", sub::SEARCHED_MAX);
    let fits = |shown: &&Shown| sub::name(shown).to_lowercase().starts_with(&begun);
    let mut found: Vec<_> = all.iter().filter(fits).map(|shown| offered(sub::name(shown), &shown.id)).collect();
    // Ids only where they are meant: each has a name.
    if found.is_empty() && !begun.is_empty() {
        let ids = all.iter().filter(|shown| begins(&shown.id, &begun, "sub_"));
        found.extend(ids.map(|shown| offered(&shown.id, sub::name(shown))));
    }
    found
}

/// Names of profiles.
fn profiles(begun: &OsStr) -> Vec<CompletionCandidate> {
    let begun = begun.to_string_lossy();
    let all = config::home_file().and_then(|file| config::profiles::read(&file).ok()).unwrap_or_default().0;
    let fits = all.into_iter().filter(|(name, _)| name.starts_with(&*begun));
    fits.map(|(name, profile)| offered(&name, profile.server.as_deref().unwrap_or_default())).collect()
}

/// Ids of deliveries.
fn deliveries(begun: &OsStr) -> Vec<CompletionCandidate> {
    let begun = begun.to_string_lossy();
    let all = newest::<Delivery>("deliveries", OFFERED_MAX);
    all.iter().filter(|one| one.id.starts_with(&*begun)).map(|one| offered(&one.id, &one.status)).collect()
}

/// Ids of dead letters.
fn dead_letters(begun: &OsStr) -> Vec<CompletionCandidate> {
    let begun = begun.to_string_lossy();
    let all = newest::<Delivery>("dead-letters", OFFERED_MAX);
    let reason = |one: &Delivery| one.reason.clone().unwrap_or_default();
    all.iter().filter(|one| one.id.starts_with(&*begun)).map(|one| offered(&one.id, &reason(one))).collect()
}

/// Ids of events.
fn events(begun: &OsStr) -> Vec<CompletionCandidate> {
    let begun = begun.to_string_lossy();
    let all = newest::<event::Shown>("events", OFFERED_MAX);
    all.iter().filter(|one| one.id().starts_with(&*begun)).map(|one| offered(one.id(), one.event_type())).collect()
}

fn offered(text: &str, about: &str) -> CompletionCandidate {
    CompletionCandidate::new(text).help(Some(about.to_owned().into()))
}

/// The newest things of a list; none where the server does not tell in time.
fn newest<T: DeserializeOwned>(noun: &str, limit: usize) -> Vec<T> {
    let out = Out::new(None, true);
    let context = Context { out, flags: ClientFlags::default(), timeout: WAIT_MAX };
    let asking = async { context.client()?.list::<T>(&[noun], &Query::new(), limit).await };
    // However many pages there are.
    let bounded = async { tokio::time::timeout(WAIT_MAX, asking).await };
    actix_rt::System::new().block_on(bounded).ok().and_then(Result::ok).map(|list| list.items).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The completer of an argument, by the words of its command.
    fn has_completer(words: &[&str], id: &str) -> bool {
        let mut command = with_completers(Cli::command(), "");
        for word in words {
            let found = command.get_subcommands().find(|inner| inner.get_name() == *word).cloned();
            command = found.unwrap();
        }
        let arg = command.get_arguments().find(|arg| arg.get_id() == id).unwrap();
        arg.get::<ArgValueCompleter>().is_some()
    }

    #[test]
    fn what_the_server_knows_is_asked_of_it() {
        for (words, id) in [
            (&["sub", "get"][..], "name"),
            (&["sub", "secret", "rotate"], "name"),
            (&["dlq", "replay"], "ids"),
            (&["dlq", "list"], "sub"),
            (&["delivery", "resend"], "id"),
            (&["event", "get"], "id"),
        ] {
            assert!(has_completer(words, id), "{words:?} {id}");
        }
        assert!(!has_completer(&["event", "send"], "id") && !has_completer(&["sub", "create"], "name"));
    }
}
