//! What was found out about a server's settings and files, each with its remedy: what `doctor` and `validate` share.

use std::{collections::BTreeSet, os::unix::fs::PermissionsExt, path::Path};

use loghorn_actors::KEYRING;
use loghorn_storage::rocks::{self, OpenError};
use serde::Serialize;

use super::{
    Context,
    fail::{Exit, Fail},
    output::{BAD, Format, GOOD, UNSURE, plain},
    yaml,
};
use crate::{admin_key, config::Config};

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Good,
    Unsure,
    Bad,
}

/// What was found.
#[derive(Debug, Serialize)]
pub(crate) struct Finding {
    pub(crate) check: &'static str,
    pub(crate) state: State,
    pub(crate) detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) remedy: Option<String>,
}

/// All that was found, in the order of looking.
#[derive(Debug, Default)]
pub(crate) struct Findings(pub(crate) Vec<Finding>);

impl Findings {
    pub(crate) fn good(&mut self, check: &'static str, detail: impl Into<String>) {
        self.0.push(Finding { check, state: State::Good, detail: detail.into(), remedy: None });
    }

    pub(crate) fn unsure(&mut self, check: &'static str, detail: impl Into<String>, remedy: impl Into<String>) {
        self.0.push(Finding { check, state: State::Unsure, detail: detail.into(), remedy: Some(remedy.into()) });
    }

    pub(crate) fn bad(&mut self, check: &'static str, detail: impl Into<String>, remedy: impl Into<String>) {
        self.0.push(Finding { check, state: State::Bad, detail: detail.into(), remedy: Some(remedy.into()) });
    }
}

/// Prints what was found; exit code 5 when something is bad.
pub(crate) fn report(context: &Context, found: &[Finding]) -> Result<Exit, Fail> {
    let out = &context.out;
    match out.format {
        Format::Json => {
            out.line(&serde_json::to_string_pretty(&serde_json::json!({"items": found})).unwrap_or_default())?
        }
        Format::Yaml => out.line(&yaml::of_value(&serde_json::json!({"items": found}))?)?,
        Format::Jsonl => {
            found.iter().try_for_each(|finding| out.line(&serde_json::to_string(finding).unwrap_or_default()))?;
        }
        Format::Name => {
            let wanting = found.iter().filter(|finding| finding.state != State::Good);
            wanting
                .map(|finding| finding.check)
                .collect::<BTreeSet<_>>()
                .into_iter()
                .try_for_each(|check| out.line(check))?;
        }
        Format::Tabs => found.iter().try_for_each(|finding| {
            let state = serde_json::to_value(finding.state).unwrap_or_default();
            let cells = [finding.check, state.as_str().unwrap_or_default(), &finding.detail];
            let remedy = finding.remedy.as_deref().unwrap_or_default();
            out.line(&cells.iter().chain([&remedy]).map(|cell| plain(cell)).collect::<Vec<_>>().join("\t"))
        })?,
        Format::Table => found.iter().try_for_each(|finding| {
            let mark = match finding.state {
                State::Good => GOOD,
                State::Unsure => UNSURE,
                State::Bad => BAD,
            };
            // A line of a file with a mark below it stays as it is.
            let lines: Vec<String> = finding.detail.lines().chain(finding.remedy.as_deref()).map(plain).collect();
            out.line(&format!("{mark} {:11} {}", finding.check, lines.join("\n              ")))
        })?,
    }
    let is_bad = found.iter().any(|finding| finding.state == State::Bad);
    Ok(if is_bad { Exit::Refused } else { Exit::Ok })
}

fn mode(path: &Path) -> Option<u32> {
    Some(std::fs::metadata(path).ok()?.permissions().mode() & 0o777)
}

/// The data directory: its modes, its keys, its store.
pub(crate) fn look_at_data(found: &mut Findings, config: &Config, is_running: bool) {
    let (data, shown) = (&config.data, config.data.display());
    let Some(mode) = mode(data) else {
        let remedy = "the first start makes it; name another:  --data DIR";
        return found.unsure("data", format!("{shown} is not there yet"), remedy);
    };
    match mode & 0o077 {
        0 => found.good("data", format!("{shown} is for its owner alone")),
        _ => found.bad("data", format!("others may look into {shown} (mode {mode:03o})"), format!("chmod 700 {shown}")),
    }
    match admin_key::read(data) {
        Ok(Some(_)) => found.good("admin key", "readable by its owner alone"),
        Ok(None) => found.unsure("admin key", "there is none", "the next start makes one"),
        Err(error) => found.bad("admin key", error.to_string(), "without it this command line shows no key"),
    }
    let master = match config.master() {
        Ok(master) => master,
        Err(error) => return found.bad("master key", error.to_string(), "leave one of them out"),
    };
    match rocks::peek(data, KEYRING) {
        Ok(keyring) => match master.find(keyring.as_deref()) {
            Ok(_) if keyring.is_none() => found.good("store", "it holds no secrets yet"),
            Ok(_) => found.good("store", "readable, and the master key opens its secrets"),
            Err(error) => found.bad("master key", error.to_string(), "start it with the key that sealed them"),
        },
        Err(_) if is_running => found.good("store", "in use by the server"),
        Err(OpenError::Locked { .. }) => found.good("store", "in use by a server"),
        Err(error @ OpenError::Unseen { .. }) => {
            let remedy = "start the server: it mends what it can, and says what it cannot; see docs/reliability.md";
            found.unsure("store", error.to_string(), remedy);
        }
        Err(error) => found.bad("store", error.to_string(), "see docs/reliability.md for what can be done"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_directory_that_others_may_read_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config { data: folder.path().to_path_buf(), ..Config::default() };
        let states = |config: &Config| {
            let mut found = Findings::default();
            look_at_data(&mut found, config, false);
            found.0.iter().map(|finding| (finding.check, finding.state)).collect::<Vec<_>>()
        };
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        assert!(states(&config).contains(&("data", State::Bad)));
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        assert!(states(&config).contains(&("data", State::Good)));
        let absent = Config { data: folder.path().join("x"), ..Config::default() };
        assert_eq!(states(&absent), [("data", State::Unsure)]);
    }

    #[test]
    fn a_store_that_cannot_be_looked_into_is_not_called_good() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        // As a start leaves it whose database was lost.
        std::fs::write(folder.path().join("FORMAT"), "1\n").unwrap();
        std::fs::write(folder.path().join("CURRENT"), "MANIFEST-000001\n").unwrap();
        let config = Config { data: folder.path().to_path_buf(), ..Config::default() };
        let mut found = Findings::default();
        look_at_data(&mut found, &config, false);
        let store = found.0.iter().find(|finding| finding.check == "store").unwrap();
        assert_eq!(store.state, State::Unsure, "{store:?}");
        assert!(store.remedy.is_some() && !found.0.iter().any(|finding| finding.detail.contains("master key opens")));
    }
}
